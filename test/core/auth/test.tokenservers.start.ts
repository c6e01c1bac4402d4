import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createClient } from 'redis';
import t from 'tap';
import type { RegistryError } from '../../../ts/index.js';
import { failure, type ILogLine } from '../../support/auth.js';
import { selfSigned } from '../../support/http/host.js';
import { plainEnv, run, top } from '../../support/program.js';
import { temporaryFolder } from '../../support/registry.js';
import { freePort } from '../../support/store/s3-server.js';
import { numbered, proxiedStore, secretsOf, shown, storeAt } from '../../support/tokenstores/bench.js';
import type { ITokenServer } from '../../support/tokenstores/interfaces.js';
import { psql, startPostgres } from '../../support/tokenstores/postgres-server.js';
import { startRedis } from '../../support/tokenstores/redis-server.js';

// How the stores on servers start: what an operator is told, TLS, and the tables of the database.

const SHORT = { connectMs: 250, answerMs: 250 };

const messageOf = async (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => 'no error',
    (error: RegistryError) => error.message,
  );

const [redis, database] = [await startRedis(), await startPostgres()];
for (const [server, name] of [
  [redis, 'Redis'],
  [database, 'PostgreSQL'],
] as const) {
  if (server) t.teardown(() => server.stop());
  else t.pass('not run', { skip: `${name} is not installed` });
}

for (const server of [redis, database].filter((one): one is ITokenServer => one !== null)) {
  t.test(`${server.kind}: a server that cannot be used at the start`, async (t) => {
    const url = await server.fresh();
    const silent = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    t.teardown(() => silent.close());
    const { port } = silent.address() as { port: number };
    const at = (other: number) => url.replace(`:${server.port}/`, `:${other}/`);
    const cases: [what: string, url: string, RegExp][] = [
      ['nobody listens', at(await freePort()), /ECONNREFUSED/],
      ['it is silent', at(port), /no answer|timeout/],
      ['the password is wrong', url.replace(server.password, 'hunter2'), /WRONGPASS|authentication failed/],
      ['the name is not known', url.replace('127.0.0.1', 'no-such-host.invalid'), /ENOTFOUND|EAI_AGAIN/],
    ];
    for (const [what, wrong, reason] of cases) {
      const log: ILogLine[] = [];
      const store = storeAt(server, wrong, log, what === 'the name is not known' ? undefined : SHORT);
      const error = await store.init().then(
        () => undefined,
        (thrown: RegistryError) => thrown,
      );
      t.match(error?.message, new RegExp(`^The server of auth\\.${server.kind}\\.url cannot be used\\. `), what);
      t.match(error?.message, reason, what);
      t.match(error?.message, /(127\.0\.0\.1|invalid):\d+\//, 'the address');
      t.notMatch(shown([error, log]), new RegExp(`${secretsOf(server).source}|hunter2`), what);
      await store.destroy();
    }
    const store = storeAt(server, url);
    await store.init();
    t.equal(await store.get(numbered(1).hash), null, 'and the right one');
    await store.destroy();
  });

  t.test(`${server.kind}: requests that wait for a silent server are limited in number`, async (t) => {
    const { store, proxy } = await proxiedStore(t, server, { connectMs: 60_000, answerMs: 60_000 });
    await store.get(numbered(1).hash);
    await proxy.become('silent');
    let refused = 0;
    const waiting = Array.from({ length: 10_100 }, (_, number) =>
      store.get(numbered(number).hash).catch(() => {
        refused++;
      }),
    );
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    t.ok(refused >= 50 && refused <= 100, `${refused} are refused at once`);
    await proxy.become('away');
    await Promise.all(waiting);
    t.equal(refused, 10_100, 'the others when the connection ends');
  });
}

t.test('database: ten replicas that start at once make one table', { skip: !database }, async (t) => {
  if (!database) return;
  for (let round = 0; round < 3; round++) {
    const url = await database.fresh();
    const stores = Array.from({ length: 10 }, () => storeAt(database, url));
    await Promise.all(stores.map((store) => store.init()));
    await Promise.all(stores.map((store, number) => store.put(numbered(number))));
    t.equal((await stores[0]?.listByUser('ann'))?.length, 10);
    await Promise.all(stores.map((store) => store.destroy()));
    const again = storeAt(database, url);
    await again.init();
    t.equal((await again.listByUser('ann')).length, 10, 'a later start keeps what is there');
    await again.destroy();
  }
});

t.test('database: an account that may not create tables', { skip: !database }, async (t) => {
  if (!database) return;
  const url = await database.fresh();
  const account = `modest${Date.now()}`;
  await psql(url, `CREATE ROLE ${account} LOGIN PASSWORD 'modest'`);
  const modest = url.replace(`registry:${database.password}@`, `${account}:modest@`);
  t.match(await messageOf(storeAt(database, modest).init()), /permission denied for schema public/);
  const owner = storeAt(database, url);
  await owner.init();
  await owner.destroy();
  await psql(
    url,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON smartregistry_tokens, smartregistry_revocations TO ${account}`,
  );
  const store = storeAt(database, modest);
  await store.init();
  await store.put(numbered(1));
  t.equal(await store.delete(numbered(1).hash), true);
  await store.destroy();
});

t.test('database: settings of the server and of the host do not matter', { skip: !database }, async (t) => {
  if (!database) return;
  const url = await database.fresh();
  const name = url.slice(url.lastIndexOf('/') + 1);
  for (const setting of [
    "DateStyle = 'German'",
    "TimeZone = 'Asia/Kathmandu'",
    "default_transaction_isolation = 'serializable'",
  ]) {
    await psql(url, `ALTER DATABASE ${name} SET ${setting}`);
  }
  const { default: pg } = await import('pg');
  // as programs do that want dates and numbers as text, or as something of their own
  for (const type of [16, 20, 25, 1184]) pg.types.setTypeParser(type, () => 'something else' as never);
  t.teardown(() => {
    for (const type of [16, 20, 25, 1184]) pg.types.setTypeParser(type, (text: string) => text as never);
  });
  const store = storeAt(database, url);
  await store.init();
  t.teardown(() => store.destroy());
  const record = { ...numbered(1), expiresAt: '2031-05-06T07:08:09.123Z' };
  await store.put(record);
  t.same(await store.get(record.hash), record);
  t.equal(await store.sweep(new Date('2031-05-06T07:08:09.123Z')), 0);
  t.equal(await store.sweep(new Date('2031-05-06T07:08:09.124Z')), 1);
});

t.test('redis: settings by which it loses tokens are warned of', { skip: !redis }, async (t) => {
  const server = await startRedis();
  if (!server) return;
  t.teardown(() => server.stop());
  const url = await server.fresh();
  const admin = createClient({ url });
  await admin.connect();
  t.teardown(() => admin.destroy());
  const warningsOf = async (): Promise<string> => {
    const log: ILogLine[] = [];
    const store = storeAt(server, url, log);
    await store.init();
    await store.destroy();
    return log
      .filter(({ level }) => level === 'warn')
      .map(({ message }) => message)
      .join('\n');
  };
  t.equal(await warningsOf(), '', 'none for a server that is set up to keep data');
  await admin.configSet('appendonly', 'no');
  t.match(await warningsOf(), /^The Redis server of auth\.redis\.url has "appendonly no": .*$/);
  await admin.configSet('appendonly', 'yes');
  await admin.configSet({ maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru' });
  t.match(await warningsOf(), /^.*"maxmemory-policy allkeys-lru".*$/);
  await admin.configSet({ maxmemory: '0' });
  t.equal(await warningsOf(), '', 'without a limit nothing is removed');
  const store = storeAt(server, url);
  await store.init();
  t.teardown(() => store.destroy());
  await admin.sendCommand(['REPLICAOF', '127.0.0.1', '1']);
  t.match(await warningsOf(), /is a replica/);
  t.equal(await failure(store.put(numbered(1))), 'unavailable');
  await admin.sendCommand(['REPLICAOF', 'NO', 'ONE']);
  await store.put(numbered(1));
  t.ok(await store.get(numbered(1).hash));
});

t.test('TLS', async (t) => {
  const tls = selfSigned();
  if (!tls) return t.pass('not run', { skip: 'there is no openssl to make a certificate' });
  const folder = await temporaryFolder(t);
  const ca = join(folder, 'ca.pem');
  await writeFile(ca, tls.cert);

  const postgres = await startPostgres({ tls });
  if (postgres) {
    t.teardown(() => postgres.stop());
    const url = await postgres.fresh();
    for (const options of [`sslmode=verify-full&sslrootcert=${encodeURIComponent(ca)}`, 'sslmode=no-verify']) {
      const store = storeAt(postgres, `${url}?${options}`);
      await store.init();
      await store.put(numbered(1));
      t.ok(await store.get(numbered(1).hash), options);
      await store.destroy();
    }
    t.match(await messageOf(storeAt(postgres, `${url}?sslmode=verify-full`).init()), /self-signed certificate/);
    t.match(await messageOf(storeAt(postgres, url).init()), /no pg_hba\.conf entry.*no encryption/, 'without TLS');
  }

  const secure = await startRedis({ tls });
  if (secure) {
    t.teardown(() => secure.stop());
    const url = await secure.fresh();
    t.match(await messageOf(storeAt(secure, url).init()), /self-signed certificate/);
    t.match(await messageOf(storeAt(secure, url.replace('rediss:', 'redis:'), [], SHORT).init()), /cannot be used/);
    // Node reads this variable when it starts
    const script = `
      import { SmartRegistry } from ${JSON.stringify(join(top, 'ts', 'index.ts'))};
      const auth = { jwtSecret: 'x'.repeat(40), tokenStore: 'redis', redis: { url: process.env.REDIS_URL }, users: [{ username: 'ann', password: 'x' }] };
      const registry = new SmartRegistry({ storage: { directory: ${JSON.stringify(join(folder, 'data'))} }, auth, npm: { enabled: true } });
      await registry.init();
      const token = await registry.getAuthManager().createNpmToken('ann');
      console.log((await registry.getAuthManager().validateToken(token)).userId);
      await registry.destroy();`;
    const env = { ...plainEnv(), NODE_EXTRA_CA_CERTS: ca, REDIS_URL: url };
    const args = ['--import=tsx', '--input-type=module', '-e', script];
    const { stdout } = await run(process.execPath, args, { cwd: top, env, timeout: 30_000 });
    t.equal(stdout, 'ann\n', 'and the program ends by itself');
  }
});
