import t from 'tap';
import type { IResponseReport } from '../../ts/http/interfaces.http.js';
import { createNodeServer, respond } from '../../ts/index.js';
import { basic } from '../support/cli.js';
import { ask, RawClient } from '../support/http/client.js';
import { deferred, endless, handler, selfSigned, serveWith, within } from '../support/http/host.js';
import { publishOf } from '../support/npm/packages.js';
import { send, startRegistry } from '../support/registry.js';

/** Collects reports, and waits for them. */
const collector = () => {
  const reports: IResponseReport[] = [];
  const onResponse = (report: IResponseReport) => void reports.push(report);
  const until = (count: number) =>
    within(
      (async () => {
        while (reports.length < count) await new Promise((done) => setImmediate(done));
      })(),
      'a report',
    );
  return { reports, onResponse, until };
};

t.test('a report names the request, the caller, the bytes and the reason of a refusal', async (t) => {
  const logged: Record<string, unknown>[] = [];
  const logger = {
    info() {},
    warn() {},
    error: (_message: string, fields?: Record<string, unknown>) => void logged.push(fields ?? {}),
  };
  const auth = {
    jwtSecret: 'x'.repeat(32),
    tokenStore: 'memory' as const,
    users: [{ username: 'ann', password: 'pw' }],
  };
  const registry = await startRegistry(t, { auth, npm: { enabled: true }, logger });
  const { reports, onResponse, until } = collector();
  const { port } = await serveWith(t, registry, { onResponse });
  const headers = basic('ann', 'pw');
  const good = await ask(port, '/npm/-/whoami', { headers });
  const token = await registry.getAuthManager().createNpmToken('ann');
  await ask(port, '/npm/-/whoami', { headers: { Authorization: `Bearer ${token}` } });
  await ask(port, '/npm/-/whoami', { headers: basic('ann', 'wrong') });
  await ask(port, '/npm/none');
  await ask(port, '/elsewhere');
  await until(5);
  const [first, second, refused, absent, elsewhere] = reports;
  t.match(first, { status: 200, userId: 'ann', protocol: 'npm', refusal: undefined, aborted: false });
  t.equal(first?.id, good.headers['x-request-id'], 'the client is told the name of its request');
  t.match(second, { userId: 'ann', tokenId: /^[0-9a-f]{64}$/ });
  t.notMatch(JSON.stringify(second), token, 'and no secret');
  t.match(refused, { status: 401, userId: undefined, refusal: 'The credentials are not valid' });
  t.match(absent, { status: 404, refusal: 'none is not in this registry' });
  t.match(elsewhere, { status: 404, protocol: undefined, refusal: 'No registry is mounted at this path' });
  t.equal(new Set(reports.map(({ id }) => id)).size, 5);
  t.same(logged, [], 'what a request causes is no error');

  registry.getStorage().store.get = async () => {
    throw new Error('the disk is gone');
  };
  registry.getStorage().store.head = registry.getStorage().store.get as never;
  await ask(port, '/npm/other');
  await until(6);
  t.match(reports[5], { refusal: String });
  t.ok((reports[5]?.status ?? 0) >= 500);
  t.equal(logged[0]?.id, reports[5]?.id, 'the error line has the same name');
});

t.test('an answer from memory has the same caller', async (t) => {
  const auth = {
    jwtSecret: 'x'.repeat(32),
    tokenStore: 'memory' as const,
    users: [{ username: 'ann', password: 'pw' }],
  };
  const registry = await startRegistry(t, { auth, npm: { enabled: true } });
  const { reports, onResponse, until } = collector();
  const { port } = await serveWith(t, registry, { onResponse });
  const token = await registry.getAuthManager().createNpmToken('ann');
  const headers = { Authorization: `Bearer ${token}` };
  await send(registry, 'PUT', '/npm/a', { headers, body: await publishOf('a', '1.0.0') });
  for (let count = 0; count < 5; count++) {
    t.equal((await ask(port, '/npm/a', { headers })).status, 200);
  }
  await until(5);
  t.same(
    reports.map(({ userId }) => userId),
    ['ann', 'ann', 'ann', 'ann', 'ann'],
  );
});

t.test('bytes are those that were sent', async (t) => {
  const registry = handler((context) => respond(200, 'x'.repeat(Number(context.path.slice(1)))));
  const { reports, onResponse, until } = collector();
  const { port } = await serveWith(t, registry, { onResponse });
  await ask(port, '/1000');
  await ask(port, '/101000');
  await until(2);
  const [small, large] = reports as [IResponseReport, IResponseReport];
  t.ok(small.bytes > 1000 && small.bytes < 2000, String(small.bytes));
  const more = large.bytes - small.bytes;
  t.ok(more >= 100_000 && more < 100_010, String(more));
});

t.test(
  'a client that goes away: before the answer there is no status, and after its beginning no success',
  async (t) => {
    const { reports, onResponse, until } = collector();
    const { body } = endless();
    const gone = deferred();
    const { port } = await serveWith(
      t,
      handler(async ({ path, signal }) => {
        if (path === '/begun') return { status: 200, headers: {}, body };
        signal?.addEventListener('abort', () => gone.resolve());
        early.socket.destroy();
        await gone.promise;
        return respond(200, 'too late');
      }),
      { onResponse },
    );
    const early = await RawClient.connect(port);
    early.head('GET /none HTTP/1.1', 'Host: x');
    await until(1);
    const late = await RawClient.connect(port);
    late.head('GET /begun HTTP/1.1', 'Host: x');
    await late.until(/200 OK/);
    late.socket.destroy();
    await until(2);
    t.match(reports, [
      { path: '/none', status: 0, aborted: true },
      { path: '/begun', status: 200, aborted: true },
    ]);
  },
);

t.test('the name that a trusted proxy gave a request is kept, and only if it is one', async (t) => {
  const registry = handler(() => respond(200, 'x'));
  const idFor = async (given: string, trustProxy: boolean) => {
    const { reports, onResponse, until } = collector();
    const { port } = await serveWith(t, registry, { onResponse, trustProxy });
    await ask(port, '/', { headers: { 'X-Request-Id': given, 'X-Forwarded-For': '10.0.0.1, 10.9.9.9' } });
    await until(1);
    return reports[0] as IResponseReport;
  };
  t.match(await idFor('proxy-7', true), { id: 'proxy-7', ip: '10.9.9.9' });
  t.match(await idFor('proxy-7', false), { id: /^[0-9a-f-]{36}$/, ip: '127.0.0.1' });
  t.match(await idFor('a b"c', true), { id: /^[0-9a-f-]{36}$/ });
  t.match(await idFor('x'.repeat(200), true), { id: /^[0-9a-f-]{36}$/ });
});

t.test('a whole URL in the request line is reported without what may be a password', async (t) => {
  const { reports, onResponse, until } = collector();
  const { port } = await serveWith(
    t,
    handler(() => respond(200, 'x')),
    { onResponse },
  );
  const targets = ['http://ann:secret@npm.example.org/npm/a?b=c', 'http://ann:secret@npm.example.org', '/npm/a?b=c'];
  for (const target of targets) await ask(port, target);
  await until(targets.length);
  t.same(
    reports.map(({ path }) => path),
    ['/npm/a', '/', '/npm/a'],
  );
});

t.test('an onResponse that fails costs a line in the log, and nothing else', async (t) => {
  const logged: unknown[] = [];
  const logger = { info() {}, warn() {}, error: (_message: string, fields?: object) => void logged.push(fields) };
  const failures = [
    () => {
      throw new Error('the log is full');
    },
    async () => {
      throw new Error('the log is gone');
    },
  ];
  for (const onResponse of failures) {
    const { port } = await serveWith(
      t,
      handler(() => respond(200, 'x')),
      { onResponse, logger },
    );
    t.equal((await ask(port, '/')).status, 200);
    t.equal((await ask(port, '/')).status, 200, 'the server lives');
  }
  await within(
    (async () => {
      while (logged.length < 4) await new Promise((done) => setImmediate(done));
    })(),
    'the lines',
  );
  t.match(logged, [{ id: /./, error: /log is full/ }, {}, { error: /log is gone/ }, {}]);
});

t.test('without onResponse nothing is added to an answer', async (t) => {
  const { port } = await serveWith(
    t,
    handler((context) => respond(200, String(context.trace))),
  );
  const { headers, body } = await ask(port, '/');
  t.notOk('x-request-id' in headers);
  t.equal(body.toString(), 'undefined');
});

const tls = selfSigned();
t.test(
  'a server for TLS is not made with what no handshake could use',
  { skip: !tls && 'there is no openssl' },
  async (t) => {
    const registry = handler(() => respond(200, 'x'));
    t.throws(() => createNodeServer(registry, { tls: { cert: '', key: '' } }), /the certificate cannot be read/);
    const other = selfSigned();
    const mixed = { cert: tls!.cert, key: other!.key };
    t.throws(() => createNodeServer(registry, { tls: mixed }), /the key does not belong to the certificate/);
    const { server } = await serveWith(t, registry, { tls: tls! });
    t.throws(() => server.renewTls(mixed), /the key does not belong to the certificate/);
    const { server: plain } = await serveWith(t, registry);
    t.throws(() => plain.renewTls(tls!), /made without TLS/);
  },
);
