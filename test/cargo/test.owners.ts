import t from 'tap';
import { CargoActor, cargoWorld, details, PASSWORD, publishes } from '../support/cargo/actors.js';

const OWNERS = '/api/v1/crates/My-Lib/owners';

const ownersWorld = async (t: Parameters<typeof cargoWorld>[0] & { equal: typeof import('tap').t.equal }) => {
  const world = await cargoWorld(t);
  const { users } = world.registry.getAuthManager();
  for (const username of ['carl', 'dora']) {
    await users.create({ username, password: PASSWORD }, { scopes: ['cargo:*:*:read'] });
  }
  await publishes(t, world.writer, 'My-Lib', '1.0.0');
  const actorOf = async (userId: string) =>
    new CargoActor(world.registry, await world.registry.getAuthManager().createCargoToken(userId));
  return { ...world, carl: await actorOf('carl'), dora: await actorOf('dora') };
};

const body = (...users: string[]) => JSON.stringify({ users });

t.test('owners are users who may write the crate', async (t) => {
  const { admin, anon, carl, dora } = await ownersWorld(t);
  t.same((await anon.get(OWNERS)).json(), { users: [] });
  t.equal((await carl.publish('My-Lib', '1.1.0')).status, 403);
  const added = await admin.put(OWNERS, body('carl'));
  t.same([added.status, added.json()], [200, { ok: true, msg: 'carl may now publish and yank versions of My-Lib' }]);
  const { users } = (await anon.get(OWNERS)).json() as { users: { id: number; login: string }[] };
  t.match(users, [{ login: 'carl', name: null }]);
  t.equal(users.length, 1);
  t.ok(Number.isInteger(users[0]?.id) && (users[0]?.id as number) < 2 ** 32, 'cargo reads the id as a u32');
  t.equal((await carl.publish('My-Lib', '1.1.0')).status, 200);
  t.equal((await carl.yank('my-lib', '1.1.0')).status, 200);
  t.equal((await carl.publish('other', '1.0.0')).status, 403);

  t.equal((await carl.put(OWNERS, body('dora'))).status, 200, 'an owner adds another');
  const removed = await dora.delete(OWNERS, body('carl'));
  t.same([removed.status, removed.json()], [200, { ok: true, msg: 'carl removed from the owners of My-Lib' }]);
  t.equal((await carl.publish('My-Lib', '1.2.0')).status, 403);

  const twice = await dora.put(OWNERS, JSON.stringify({ owners: ['carl', 'carl'] }));
  t.match(twice.json(), { ok: true, msg: /^carl may now publish/ }, 'as old cargo sends it');
  const both = ((await anon.get('/api/v1/crates/my-lib/owners')).json() as { users: { login: string }[] }).users;
  t.same(both.map(({ login }) => login).sort(), ['carl', 'dora'], 'in whatever spelling');
  t.match((await dora.put(OWNERS, body('carl', 'dora'))).json(), { msg: /^carl, dora may now publish/ });
  t.equal((await carl.publish('My-Lib', '1.2.0')).status, 200);
});

t.test('who may not change owners, and what cannot be changed', async (t) => {
  const { admin, anon, carl, reader } = await ownersWorld(t);
  for (const [actor, status] of [
    [anon, 401],
    [carl, 403],
    [reader, 403],
  ] as const) {
    t.equal((await actor.put(OWNERS, body('carl'))).status, status);
    t.equal((await actor.delete(OWNERS, body('carl'))).status, status);
  }
  for (const [path, sent, status, detail] of [
    ['/api/v1/crates/nope/owners', body('carl'), 404, 'nope is not in this registry'],
    ['/api/v1/crates/my_lib/owners', body('carl'), 404, 'my_lib is not in this registry'],
    [OWNERS, body('nobody'), 404, 'There is no user nobody'],
    [OWNERS, '{}', 400, 'The body is not of the form {"users": ["name"]}'],
    [OWNERS, '{"users":[]}', 400, 'The body is not of the form {"users": ["name"]}'],
    [OWNERS, '{"users":[1]}', 400, 'The body is not of the form {"users": ["name"]}'],
    [OWNERS, body(...Array.from({ length: 101 }, (_, at) => `u${at}`)), 400, 'The body has more than 100 users'],
    [OWNERS, body(...Array.from({ length: 100 }, (_, at) => `u${at}`)), 404, 'There is no user u0'],
    ['/api/v1/crates/NOPE/owners', body('carl'), 404, 'nope is not in this registry'],
    ['/api/v1/crates/a.b/owners', body('carl'), 404, 'This is not in this registry'],
    [OWNERS, '{"users":"carl"}', 400, 'The body is not of the form {"users": ["name"]}'],
    [OWNERS, '["carl"]', 400, 'The body is not of the form {"users": ["name"]}'],
    [OWNERS, '{', 400, 'The request body is not valid JSON'],
  ] as const) {
    const answer = await admin.put(path, sent);
    t.same([answer.status, details(answer)], [status, [detail]]);
  }
  t.equal((await anon.get('/api/v1/crates/nope/owners')).status, 404);
  for (const name of ['nope', 'my_lib']) {
    const path = `/api/v1/crates/${name}/owners`;
    t.equal((await carl.put(path, body('carl'))).status, 403, 'whether there is a crate is not told');
    t.equal((await admin.delete(path, body('carl'))).status, 404);
  }
  t.equal((await admin.put(OWNERS, `${' '.repeat(64 * 1024)}${body('carl')}`)).status, 413);
  t.equal((await admin.delete(OWNERS, body('carl'))).status, 200, 'it is no owner, and stays none');
  t.same((await anon.get(OWNERS)).json(), { users: [] });
});

t.test('an owner without the right to read gives it to nobody, and not to itself', async (t) => {
  const world = await cargoWorld(t, { auth: { anonymousScopes: [] } });
  await publishes(t, world.writer, 'My-Lib', '1.0.0');
  const auth = world.registry.getAuthManager();
  await auth.users.create({ username: 'ci', password: PASSWORD }, { scopes: ['cargo:crate:my-lib:write'] });
  const ci = new CargoActor(world.registry, await auth.createCargoToken('ci'));
  const download = '/api/v1/crates/My-Lib/1.0.0/download';
  t.equal((await ci.get(download)).status, 403);
  t.equal((await ci.put(OWNERS, body('ci'))).status, 403);
  t.equal((await ci.get(download)).status, 403);
  t.same((await auth.users.get('ci'))?.scopes, ['cargo:crate:my-lib:write']);
});
