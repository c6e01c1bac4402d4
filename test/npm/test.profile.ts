import t from 'tap';
import { Actor, npmWorld, PASSWORD } from '../support/npm/actors.js';
import { startRegistry } from '../support/registry.js';

t.test('npm profile set password', async (t) => {
  const { registry, anon, writer } = await npmWorld(t);
  const auth = registry.getAuthManager();
  await auth.users.create({ username: 'eve', password: PASSWORD }, { email: 'eve@example.org' });
  const eve = new Actor(registry, await auth.createNpmToken('eve'));
  const profile = (await eve.get('/-/npm/v1/user')).json();
  // npm sends what it was told, with null for an empty text
  const rest = { email: profile.email, fullname: null };
  const change = (before: unknown, after: unknown, more: object = rest, actor = eve) =>
    actor.post('/-/npm/v1/user', { ...more, password: { old: before, new: after } });
  const isGood = async (password: string) => (await auth.authenticate({ username: 'eve', password })) === 'eve';

  const cases: [string, ReturnType<typeof change>, number, RegExp][] = [
    ['a wrong password', change('wrong', 'new'), 403, /The old password is wrong/],
    ['an empty one', change(PASSWORD, ''), 400, /password/],
    ['no text', change(PASSWORD, 5), 400, /password/],
    ['a password as a text', eve.post('/-/npm/v1/user', { password: 'new' }), 400, /password/],
    ['no password', eve.post('/-/npm/v1/user', rest), 422, /Only the password/],
    ['something else', change(PASSWORD, 'new', { email: 'other@example.org' }), 422, /Only the password/],
    ['a second factor', eve.post('/-/npm/v1/user', { tfa: { password: 'x', mode: 'auth-only' } }), 422, /Only the/],
    ['no object', eve.post('/-/npm/v1/user', '[]'), 400, /object/],
    ['nobody', change(PASSWORD, 'new', rest, anon), 401, /./],
    ['a user of the config', change(PASSWORD, 'new', {}, writer), 409, /configuration/],
  ];
  for (const [name, answer, status, says] of cases) {
    t.equal((await answer).status, status, name);
    t.match((await answer).json().error, says, name);
  }
  t.ok(await isGood(PASSWORD), 'nothing has changed so far');
  const done = await change(PASSWORD, 'a better one');
  t.equal(done.status, 200);
  t.same(done.json(), profile);
  t.ok(await isGood('a better one'));
  t.notOk(await isGood(PASSWORD));
  t.equal((await eve.get('/-/whoami')).status, 200, 'tokens stay');
});

t.test('npm profile set with a provider that keeps its own passwords', async (t) => {
  const token = { userId: 'eve', scopes: ['npm:*:*:*'] };
  const authProvider = {
    authenticate: async () => null,
    validateToken: async () => token,
    createToken: async () => 'x',
    revokeToken: async () => {},
    authorize: async () => true,
  };
  const registry = await startRegistry(t, { npm: { enabled: true }, authProvider });
  const eve = new Actor(registry, 'x');
  t.equal((await eve.post('/-/npm/v1/user', { password: { old: 'a', new: 'b' } })).status, 422);
});
