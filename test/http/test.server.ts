import { once } from 'node:events';
import type http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { PassThrough } from 'node:stream';
import t from 'tap';
import { fromIterable } from '../../ts/core/base/helpers.streams.js';
import { answerClientError } from '../../ts/http/helpers.clienterror.js';
import { createNodeServer } from '../../ts/http/index.js';
import type { IResponseReport } from '../../ts/http/interfaces.http.js';
import { respond } from '../../ts/index.js';
import { ask, RawClient } from '../support/http/client.js';
import { deferred, handler, selfSigned, serveWith, within } from '../support/http/host.js';
import { startRegistry } from '../support/registry.js';
import { shelf } from '../support/shelf.js';
import { manyTurns, until } from '../support/waiting.js';

/** Some whole exchanges with the server later: it has seen all that was sent to it before. */
const exchanges = async (port: number, path = '/'): Promise<void> => {
  for (let count = 0; count < 3; count++) await ask(port, path);
};
const echo = handler(async ({ path, body }) => {
  let size = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) size += chunk.byteLength;
  return respond(200, `${path} ${size}`);
});

t.test('it listens and says where', async (t) => {
  const server = createNodeServer(echo, { port: 0 });
  const { host, port, url } = await server.listen();
  t.equal(host, '127.0.0.1');
  t.equal(url, `http://127.0.0.1:${port}`);
  t.equal((await ask(port, '/a')).body.toString(), '/a 0');
  await t.rejects(createNodeServer(echo, { port }).listen(), { code: 'EADDRINUSE' });
  await server.close();
  await server.close();
  await t.rejects(ask(port, '/a'), { code: 'ECONNREFUSED' });
  await createNodeServer(echo).close();
});

t.test('on a port of its own a registry is where its configuration says, and nowhere else', async (t) => {
  const { port } = await serveWith(t, await startRegistry(t, { registries: [shelf] }));
  t.equal((await ask(port, '/shelf/about')).status, 200);
  t.equal((await ask(port, '/packages/shelf/about')).status, 404, 'a proxy’s rules for paths can be relied upon');
  const elsewhere = handler(({ path }) => respond(200, path), { locate: () => ({ prefix: '/packages', path: '/a' }) });
  const { port: other } = await serveWith(t, elsewhere);
  t.equal((await ask(other, '/packages/a')).body.toString(), '/packages/a', 'nor does another handler look for one');
});

t.test('it tells of its health', async (t) => {
  let state: () => Promise<boolean> = async () => true;
  const { port } = await serveWith(
    t,
    handler(() => respond(404, ''), { checkHealth: () => state() }),
  );
  t.match(await ask(port, '/-/health'), { status: 200, body: Buffer.from('{"status":"ok"}') });
  t.match(await ask(port, '/-/health', { method: 'HEAD' }), { status: 200, body: Buffer.alloc(0) });
  state = async () => false;
  t.match(await ask(port, '/-/health?x=1'), { status: 503, body: Buffer.from('{"status":"unavailable"}') });
  t.match(await ask(port, '/-/health', { method: 'DELETE' }), { status: 405, headers: { allow: 'GET, HEAD' } });
});

t.test('100 Continue is sent when the body is wanted, and not before', async (t) => {
  const refused = handler(() => respond(401, 'no'));
  const { port: closed } = await serveWith(t, refused);
  const outsider = await RawClient.connect(closed);
  outsider.head('PUT /x HTTP/1.1', 'Host: x', 'Content-Length: 1000000000', 'Expect: 100-continue');
  const answer = await outsider.end();
  t.match(answer, /^HTTP\/1\.1 401 Unauthorized\r\n/, 'the first thing that is said');
  t.match(answer, /Connection: close/, 'the client may send the body or not, so nothing else can follow');

  const modest = await RawClient.connect(closed);
  modest.head('PUT /x HTTP/1.1', 'Host: x', 'Content-Length: 10', 'Expect: 100-continue');
  t.match(await modest.until(/no$/), /^HTTP\/1\.1 401 .*Connection: close/s, 'nor after a small one');
  await exchanges(closed);
  t.equal(modest.closed, false, 'a client that sends the body all the same must not lose the answer by it');
  modest.socket.write('x'.repeat(10));
  await modest.end();

  const gate = deferred();
  const asked = deferred();
  const { port: open } = await serveWith(
    t,
    handler(async (context) => {
      asked.resolve();
      await gate.promise;
      return echo.handleRequest(context);
    }),
  );
  const insider = await RawClient.connect(open);
  insider.head('PUT /x HTTP/1.1', 'Host: x', 'Content-Length: 4', 'Expect: 100-Continue');
  await asked.promise;
  await exchanges(closed);
  t.equal(insider.text, '', 'not while it is decided');
  gate.resolve();
  t.equal(await insider.until(/\r\n\r\n/), 'HTTP/1.1 100 Continue\r\n\r\n');
  insider.socket.write('body');
  t.match(await insider.until(/\/x 4$/), /HTTP\/1\.1 200 OK/);
  insider.head('GET /again HTTP/1.1', 'Host: x', 'Connection: close');
  t.match(await insider.end(), /\/again 0$/, 'the connection stays');
});

t.test('headers have limits', async (t) => {
  const { port } = await serveWith(t, echo, { maxHeaderSize: 4_096, maxHeaderCount: 20 });
  const large = await RawClient.connect(port);
  large.head('GET / HTTP/1.1', 'Host: x', `X-Large: ${'x'.repeat(8_000)}`);
  t.match(await large.end(), /^HTTP\/1\.1 431 /);

  const many = (count: number) => Array.from({ length: count }, (_, i) => `X-${i}: 1`);
  const exact = await RawClient.connect(port);
  exact.head('GET / HTTP/1.1', 'Host: x', 'Connection: close', ...many(18));
  t.match(await exact.end(), /^HTTP\/1\.1 200 /);
  const tooMany = await RawClient.connect(port);
  tooMany.head('PUT / HTTP/1.1', 'Host: x', 'Content-Length: 100000', ...many(19));
  t.match(await tooMany.end(), /^HTTP\/1\.1 431 .*Connection: close/s);
  t.equal((await ask(port, '/')).status, 200, 'nothing happened to others');
});

t.test('as many headers as are allowed arrive, however many that are', async (t) => {
  // Node drops what is above its own limit of 2,000
  const count = handler(({ headers }) => respond(200, `${Object.keys(headers).length}`));
  const { port } = await serveWith(t, count, { maxHeaderSize: 100_000, maxHeaderCount: 2_500 });
  const raw = await RawClient.connect(port);
  const many = Array.from({ length: 2_400 }, (_, i) => `X-${i}: 1`);
  raw.head('GET / HTTP/1.1', 'Host: x', 'Connection: close', ...many);
  t.match(await raw.end(), /2402$/);
});

t.test('what is not HTTP is a 400', async (t) => {
  const { port } = await serveWith(t, echo);
  const requests = [
    'GET /\u0000 HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET /a b HTTP/1.1\r\nHost: x\r\n\r\n',
    'NONSENSE\r\n\r\n',
    'GET / HTTP/1.1\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: x\r\nX-Bad: a\u0000b\r\n\r\n',
    'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
    'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  ];
  for (const request of requests) {
    const raw = await RawClient.connect(port);
    raw.socket.write(request);
    const answer = await raw.end();
    t.match(answer, /^HTTP\/1\.1 400 /, JSON.stringify(request));
    t.equal(answer.match(/HTTP\/1\.1/g)?.length, 1, 'answered once');
  }
  t.equal((await ask(port, '/')).status, 200);
});

t.test('a client that goes on with what is not HTTP still gets its 400', async (t) => {
  const { port } = await serveWith(t, echo);
  const raw = await RawClient.connect(port);
  raw.socket.write('NONSENSE\r\n\r\n');
  for (let i = 0; i < 20; i += 1) raw.socket.write('x'.repeat(100_000));
  t.match(await raw.end(), /^HTTP\/1\.1 400 /);
});

t.test('what comes after a refusal does not take it back', async (t) => {
  const socket = new PassThrough();
  t.teardown(() => socket.destroy());
  answerClientError(new Error('first'), socket, []);
  answerClientError(new Error('second'), socket, []);
  t.equal(socket.destroyed, false, 'the answer may still be on its way');
  t.match(String(socket.read()), /^HTTP\/1\.1 400 /);
});

t.test('a client that does not close its side after a refusal is cut off', async (t) => {
  const timers: (() => void)[] = [];
  const { setTimeout: real } = globalThis;
  const socket = new PassThrough();
  globalThis.setTimeout = ((callback: () => void) => timers.push(callback)) as never;
  answerClientError(new Error('nonsense'), socket, []);
  globalThis.setTimeout = real;
  t.equal(socket.destroyed, false, 'the answer gets some time');
  for (const expire of timers) expire();
  t.equal(socket.destroyed, true);
});

t.test('a parse error does not write into an answer that is under way', async (t) => {
  const more = deferred();
  async function* slowly() {
    yield Buffer.from('first');
    await more.promise;
    yield Buffer.from('second');
  }
  const { port } = await serveWith(t, () => ({ status: 200, headers: {}, body: fromIterable(slowly()) }));
  const raw = await RawClient.connect(port);
  raw.head('GET / HTTP/1.1', 'Host: x');
  await raw.until(/first/);
  raw.socket.write('NONSENSE\r\n\r\n');
  t.notMatch(await raw.end(), /400/);
  more.resolve();
});

t.test('slow clients are not waited for', async (t) => {
  const { port } = await serveWith(t, echo, { headersTimeoutMs: 300, keepAliveTimeoutMs: 300 });
  const silent = await RawClient.connect(port);
  const half = await RawClient.connect(port);
  half.socket.write('GET / HTTP/1.1\r\nHost: x\r\n');
  const idle = await RawClient.connect(port);
  idle.head('GET / HTTP/1.1', 'Host: x');
  const uploading = await RawClient.connect(port);
  uploading.head('PUT /slow HTTP/1.1', 'Host: x', 'Content-Length: 2');
  t.match(await half.end(), /^HTTP\/1\.1 408 /, 'a header that does not come');
  t.notMatch(await silent.end(), /200/, 'a connection without a request is ended');
  t.match(await idle.end(), /200 OK/, 'a connection without a next request');
  for (let count = 0; count < 2; count++) {
    // the time for a header passes once more
    const late = await RawClient.connect(port);
    late.socket.write('GET / HTTP/1.1\r\nHost: x\r\n');
    t.match(await late.end(), /^HTTP\/1\.1 408 /);
  }
  uploading.socket.write('ab');
  t.match(await uploading.until(/slow 2$/), /200 OK/, 'an upload may take longer than a header');
});

t.test('closing waits for what is under way', async (t) => {
  const arrived = deferred();
  const answer = handler((context) => {
    if (context.path === '/up') arrived.resolve();
    return echo.handleRequest(context);
  });
  const { server, port } = await serveWith(t, answer, { shutdownTimeoutMs: 10_000 });
  const idle = await RawClient.connect(port);
  idle.head('GET /idle HTTP/1.1', 'Host: x');
  await idle.until(/idle 0$/);
  const upload = await RawClient.connect(port);
  upload.head('PUT /up HTTP/1.1', 'Host: x', 'Content-Length: 8');
  upload.socket.write('half');
  await arrived.promise;

  let isClosed = false;
  const closing = server.close().then(() => {
    isClosed = true;
  });
  await idle.end();
  await t.rejects(ask(port, '/late'), { code: 'ECONNREFUSED' }, 'nothing new is accepted');
  await manyTurns();
  t.equal(isClosed, false);
  upload.socket.write('done');
  t.match(await upload.end(), /200 OK.*Connection: close.*\/up 8$/s);
  await within(closing, 'close');
});

t.test('closing ends a connection whose answer had promised keep-alive', async (t) => {
  const more = deferred();
  async function* slowly() {
    yield Buffer.from('first');
    await more.promise;
    yield Buffer.from('second');
  }
  const { server, port } = await serveWith(t, () => ({ status: 200, headers: {}, body: fromIterable(slowly()) }), {
    shutdownTimeoutMs: 10_000,
  });
  const raw = await RawClient.connect(port);
  raw.head('GET / HTTP/1.1', 'Host: x');
  await raw.until(/first/);
  const closing = server.close();
  more.resolve();
  t.match(await raw.end(), /second/);
  await within(closing, 'close');
});

t.test('closing: a request that arrives on a kept connection after that is its last', async (t) => {
  const more = deferred();
  async function* slowly() {
    yield Buffer.from('first');
    await more.promise;
  }
  const arrived = deferred();
  const answer = handler(({ path }) => {
    if (path === '/first') return { status: 200, headers: {}, body: fromIterable(slowly()) };
    arrived.resolve();
    return respond(200, 'last');
  });
  const { server, port } = await serveWith(t, answer, { shutdownTimeoutMs: 10_000 });
  const raw = await RawClient.connect(port);
  raw.head('GET /first HTTP/1.1', 'Host: x');
  t.match(await raw.until(/first/), /Connection: keep-alive/);
  const closing = server.close();
  raw.head('GET /second HTTP/1.1', 'Host: x');
  await within(arrived.promise, 'the second request');
  more.resolve();
  t.match(await raw.end(), /Connection: close.*last$/s);
  await within(closing, 'close');
});

t.test('closing does not wait for ever', async (t) => {
  const arrived = deferred();
  const aborted = deferred();
  const { server, port } = await serveWith(
    t,
    async (context) => {
      arrived.resolve();
      context.signal?.addEventListener('abort', () => aborted.resolve());
      await aborted.promise;
      return respond(200, '');
    },
    { shutdownTimeoutMs: 200 },
  );
  const raw = await RawClient.connect(port);
  raw.head('GET / HTTP/1.1', 'Host: x');
  await arrived.promise;
  await within(server.close(), 'close');
  await within(aborted.promise, 'abort');
});

t.test('it reports each request', async (t) => {
  const reports: IResponseReport[] = [];
  const begun = deferred();
  const seen = handler((context) => {
    if (context.path === '/b') begun.resolve();
    return echo.handleRequest(context);
  });
  const { port } = await serveWith(t, seen, { onResponse: (report) => void reports.push(report) });
  await ask(port, '/a?token=secret', { headers: { 'User-Agent': 'test/1' } });
  const raw = await RawClient.connect(port);
  raw.head('PUT /b HTTP/1.1', 'Host: x', 'Content-Length: 9');
  await begun.promise;
  raw.socket.destroy();
  await until(() => reports.length === 2);
  t.match(reports, [
    { method: 'GET', path: '/a', status: 200, aborted: false, ip: '127.0.0.1', userAgent: 'test/1' },
    { method: 'PUT', path: '/b', status: 0, aborted: true },
  ]);
  t.equal(reports[0]?.path, '/a', 'without the query, which may hold a credential');
  t.type(reports[0]?.durationMs, 'number');
});

const tls = selfSigned();
t.test('TLS', { skip: !tls && 'there is no openssl to make a certificate' }, async (t) => {
  const registry = handler(async (context) =>
    respond(200, `${context.baseUrl} ${(await echo.handleRequest(context)).status}`),
  );
  const { url, port } = await serveWith(t, registry, { tls: tls! });
  t.equal(url, `https://127.0.0.1:${port}`);
  const get = async (headers: http.OutgoingHttpHeaders, target = port) => {
    const request = https.request({
      host: '127.0.0.1',
      port: target,
      ca: tls!.cert,
      agent: false,
      servername: 'localhost',
      headers,
    });
    request.end();
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part as Buffer);
    return Buffer.concat(parts).toString();
  };
  t.equal(await get({ Host: 'npm.example.org' }), 'https://npm.example.org 200');
  const forwarded = { Host: 'inside', 'X-Forwarded-Host': 'outside' };
  t.equal(await get(forwarded), 'https://inside 200', 'forwarded headers are not believed');
  const { port: behind } = await serveWith(t, registry, { tls: tls!, trustProxy: true });
  t.equal(await get(forwarded, behind), 'undefined 200', 'but left to the core where they are to be');

  const plain = net.connect(port, '127.0.0.1');
  plain.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  plain.on('error', () => undefined);
  await within(once(plain, 'close'), 'plain text on a TLS port is dropped');
  t.equal(await get({ Host: 'x' }), 'https://x 200', 'and nothing happens to others');
});

t.test('an answer that has begun before its handler reads the body is not broken by a 100 Continue', async (t) => {
  const { port } = await serveWith(t, async ({ body }) => {
    async function* echo(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('first ');
      yield* body as AsyncIterable<Uint8Array>;
      yield Buffer.from(' last');
    }
    return { status: 200, headers: { 'Content-Length': '15' }, body: fromIterable(echo()) };
  });
  const raw = await RawClient.connect(port);
  raw.head('PUT / HTTP/1.1', 'Host: x', 'Content-Length: 4', 'Expect: 100-continue');
  await raw.until(/first /);
  raw.socket.write('body');
  const text = await raw.end();
  t.match(text, /\r\n\r\nfirst body last$/);
  t.notMatch(text, /100 Continue/);
});
