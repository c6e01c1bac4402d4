import t from 'tap';
import type { RegistryError, SmartRegistry } from '../../../ts/index.js';
import { Clock, failure, SECRET, startAuth } from '../../support/auth.js';
import { MemoryObjectStore } from '../../support/memory-store.js';
import { send, startRegistry } from '../../support/registry.js';
import { numbered, proxiedStore, secretsOf, shown } from '../../support/tokenstores/bench.js';
import { configOf, type ITokenServer } from '../../support/tokenstores/interfaces.js';
import { startPostgres } from '../../support/tokenstores/postgres-server.js';
import { startRedis } from '../../support/tokenstores/redis-server.js';
import { tcpProxy } from '../../support/tokenstores/tcp-proxy.js';
import { until } from '../../support/waiting.js';

// Servers of tokens that restart, are away, are silent or lose answers: the same for both kinds.

const users = [{ username: 'ann', password: 'correct horse' }];
const SHORT = { connectMs: 250, answerMs: 250 };

const whoami = (registry: SmartRegistry, token: string) =>
  send(registry, 'GET', '/npm/-/whoami', { headers: { authorization: `Bearer ${token}` } });

const scenes = (server: ITokenServer): void => {
  const { kind } = server;

  const registryOn = async (t: Parameters<typeof startRegistry>[0], url: string) =>
    startRegistry(t, { auth: { jwtSecret: SECRET, users, ...configOf(kind, url) }, npm: { enabled: true } });

  t.test(`${kind}: 503 while the server is away, and nothing after`, async (t) => {
    const proxy = await tcpProxy(server.port);
    t.teardown(() => proxy.stop());
    const registry = await registryOn(t, proxy.through(await server.fresh()));
    const auth = registry.getAuthManager();
    const [first, second, revoked] = [
      await auth.createNpmToken('ann'),
      await auth.createNpmToken('ann'),
      await auth.createNpmToken('ann'),
    ];
    await auth.revokeToken(revoked);
    t.equal((await whoami(registry, first)).status, 200);
    for (let round = 0; round < 3; round++) {
      await proxy.become('away');
      const refused = await whoami(registry, crypto.randomUUID());
      t.equal(refused.status, 503);
      t.equal(refused.headers['Retry-After'], '5');
      t.notMatch(refused.text, /ECONNREFUSED|127\.0\.0\.1/, 'callers do not learn what is wrong');
      t.equal(await failure(auth.createNpmToken('ann')), 'unavailable');
      t.equal(await failure(auth.listTokens('ann')), 'unavailable');
      await proxy.become('open');
      t.equal((await whoami(registry, crypto.randomUUID())).status, 401, 'the first request after it');
    }
    t.equal((await whoami(registry, second)).status, 200);
    t.equal((await whoami(registry, revoked)).status, 401);
    t.equal((await auth.listTokens('ann')).length, 2);
  });

  t.test(`${kind}: a server that crashes and starts again has lost nothing`, { timeout: 60_000 }, async (t) => {
    const url = await server.fresh();
    const registry = await registryOn(t, url);
    const auth = registry.getAuthManager();
    const tokens = await Promise.all(Array.from({ length: 20 }, () => auth.createNpmToken('ann')));
    const session = await auth.createOciToken('ann', ['oci:repository:x:pull']);
    await auth.revokeToken(session);
    await auth.revokeToken(tokens[0] as string);
    await server.kill();
    t.equal((await whoami(registry, tokens[1] as string)).status, 503);
    await server.restart();
    const states = await Promise.all(tokens.map(async (token) => (await whoami(registry, token)).status));
    t.same(states, [401, ...tokens.slice(1).map(() => 200)]);
    t.equal(await auth.validateToken(session, 'oci'), null);
  });

  t.test(`${kind}: connections that were closed while nobody asked cost no error`, async (t) => {
    const { store, proxy } = await proxiedStore(t, server);
    const gets = () => Promise.all(Array.from({ length: 30 }, (_, index) => store.get(numbered(index).hash)));
    await store.put(numbered(1));
    await gets();
    await proxy.become('away');
    await proxy.become('open');
    t.equal((await gets()).filter(Boolean).length, 1);
  });

  t.test(`${kind}: the answer is lost once: the command is sent again`, async (t) => {
    const { store, proxy } = await proxiedStore(t, server);
    const one = numbered(1);
    await proxy.become('deaf once');
    await store.put(one);
    t.same(await store.listByUser('ann'), [one]);
    await proxy.become('deaf once');
    await store.prolong(one.hash, new Date(Date.now() + 60_000).toISOString());
    t.ok((await store.get(one.hash))?.expiresAt);
    await proxy.become('deaf once');
    await store.revoke('a jwt');
    t.equal(await store.isRevoked('a jwt'), true);
    await proxy.become('deaf once');
    await store.delete(one.hash);
    t.equal(await store.get(one.hash), null);
    t.same(await store.listByUser('ann'), []);
  });

  t.test(`${kind}: what was done although its answer was lost can be seen, and be done again`, async (t) => {
    const proxy = await tcpProxy(server.port);
    t.teardown(() => proxy.stop());
    const url = proxy.through(await server.fresh());
    const { auth } = await startAuth({ config: { users, ...configOf(kind, url) } });
    t.teardown(() => auth.destroy());
    const kept = await auth.createNpmToken('ann');
    await proxy.become('deaf');
    t.equal(await failure(auth.createToken('ann', 'npm', { name: 'unknown' })), 'unavailable');
    await proxy.become('open');
    const names = (await auth.listTokens('ann')).map(({ name }) => name ?? 'kept');
    t.same(
      names.filter((name) => name !== 'unknown'),
      ['kept'],
      'a token that nobody knows is at most listed',
    );
    t.ok(await auth.validateToken(kept));
    await proxy.become('deaf');
    t.equal(await failure(auth.revokeToken(kept)), 'unavailable');
    await proxy.become('open');
    await auth.revokeToken(kept);
    t.equal(await auth.validateToken(kept), null);
  });

  t.test(`${kind}: a silent server is not waited for without end`, async (t) => {
    const { store, proxy, log } = await proxiedStore(t, server, SHORT);
    const one = numbered(1);
    await store.put(one);
    await proxy.become('silent');
    const results = await Promise.all(Array.from({ length: 50 }, () => failure(store.get(one.hash))));
    t.same(new Set(results), new Set(['unavailable']));
    t.equal(await failure(store.put(numbered(2))), 'unavailable', 'a new connection is silent too');
    await proxy.become('open');
    t.same(await store.get(one.hash), one);
    t.notMatch(shown(log), secretsOf(server));
    await proxy.become('silent');
    const late = failure(store.get(one.hash));
    await store.destroy();
    t.equal(await late, 'unavailable', 'the end of the registry does not wait for it');
    t.equal(await failure(store.get(one.hash)), 'unavailable');
  });

  t.test(`${kind}: closing leaves no connection`, async (t) => {
    const { store, proxy } = await proxiedStore(t, server);
    await Promise.all(Array.from({ length: 40 }, (_, index) => store.put(numbered(index))));
    const most = proxy.connections();
    t.ok(most >= 1 && most <= 10, `${most} connections`);
    await store.destroy();
    await until(() => proxy.connections() === 0);
    await store.destroy();
  });

  t.test(`${kind}: at rest there are hashes only`, async (t) => {
    const url = await server.fresh();
    const { auth } = await startAuth({ config: { users, ...configOf(kind, url) } });
    t.teardown(() => auth.destroy());
    const secrets = [
      await auth.createNpmToken('ann'),
      await auth.createPypiToken('ann'),
      await auth.createToken('ann', 'cargo', { name: 'ci', expiresIn: 3600 }),
    ];
    const jwt = await auth.createOciToken('ann', ['oci:repository:x:pull']);
    await auth.revokeToken(jwt);
    const stored = await server.stored(url);
    t.match(stored, (await auth.listTokens('ann'))[0]?.id ?? 'none');
    for (const secret of [...secrets, jwt, SECRET, 'correct horse']) t.notOk(stored.includes(secret));
  });

  t.test(`${kind}: another replica sees a revocation within 5 seconds`, async (t) => {
    const [store, clock, url] = [new MemoryObjectStore(), new Clock(), await server.fresh()];
    const config = { users, ...configOf(kind, url) };
    const here = await startAuth({ store, clock, config });
    const there = await startAuth({ store, clock, config });
    t.teardown(() => Promise.all([here.auth.destroy(), there.auth.destroy()]));
    const secret = await here.auth.createNpmToken('ann');
    const jwt = await here.auth.createOciToken('ann', ['oci:repository:x:pull']);
    t.ok(await there.auth.validateToken(secret));
    t.ok(await there.auth.validateToken(jwt, 'oci'));
    await here.auth.revokeToken(secret);
    await here.auth.revokeToken(jwt);
    t.equal(await here.auth.validateToken(secret), null);
    clock.forward(5);
    t.equal(await there.auth.validateToken(secret), null);
    t.equal(await there.auth.validateToken(jwt, 'oci'), null);
  });

  t.test(`${kind}: the life of tokens: listed, expired, swept, and gone with their user`, async (t) => {
    const url = await server.fresh();
    const { auth, clock } = await startAuth({ config: { users, ...configOf(kind, url) } });
    t.teardown(() => auth.destroy());
    await auth.users.create({ username: 'eve', password: 'pass word' });
    const short = await auth.createToken('ann', 'npm', { expiresIn: 60, name: 'short' });
    const sliding = await auth.createToken('ann', 'oci', { expiresIn: 90 * 86_400, sliding: true, name: 'sliding' });
    for (let count = 0; count < 5; count++) await auth.createNpmToken('eve');
    const [{ id = '' } = {}] = await auth.listTokens('eve');
    t.same(await auth.findTokenIds(id.slice(0, 20), 2), [id]);
    t.equal(await auth.revokeTokenOf('ann', id), false);
    t.equal(await auth.revokeTokenOf('eve', id), true);
    t.equal((await auth.listTokens('eve')).length, 4);
    clock.forward(61);
    t.equal(await auth.validateToken(short), null);
    t.same(
      (await auth.listTokens('ann')).map(({ name }) => name),
      ['sliding'],
    );
    t.equal(await auth.sweep(), 1);
    clock.forward(30 * 86_400);
    const token = await auth.validateToken(sliding, 'oci');
    await auth.prolongToken(token?.tokenId ?? '');
    clock.forward(80 * 86_400);
    t.equal(await auth.sweep(), 0);
    t.ok(await auth.validateToken(sliding, 'oci'));
    await auth.users.remove('eve');
    t.same(
      (await auth.listTokens()).map(({ userId }) => userId),
      ['ann'],
    );
    t.notMatch(await server.stored(url), /eve/);
  });

  t.test(`${kind}: no error and no log shows the password`, async (t) => {
    const { store, proxy, log } = await proxiedStore(t, server, SHORT);
    const errors: RegistryError[] = [];
    for (const mode of ['away', 'deaf', 'silent'] as const) {
      await proxy.become(mode);
      await store.get(numbered(1).hash).catch((error: RegistryError) => errors.push(error));
      await proxy.become('open');
    }
    t.equal(errors.length, 3);
    for (const error of errors) t.match((error.cause as Error).message, /127\.0\.0\.1:\d+\/.*: ./, 'but the address');
    t.notMatch(shown([errors, log, store]), secretsOf(server));
  });
};

for (const start of [startRedis, startPostgres]) {
  const server = await start();
  if (server) {
    t.teardown(() => server.stop());
    scenes(server);
  } else t.pass('not run', { skip: `${start === startRedis ? 'Redis' : 'PostgreSQL'} is not installed` });
}
