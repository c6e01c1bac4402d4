import t from 'tap';
import { PackageOwners } from '../../../ts/core/auth/classes.packageowners.js';
import type { AuthManager, IAuthProvider } from '../../../ts/index.js';
import { Clock, failure, type ISetup, startAuth } from '../../support/auth.js';

const startOwners = async (setup: ISetup = {}) => {
  const process = await startAuth(setup);
  const { auth, clock } = process;
  const owners = new PackageOwners(auth, { protocol: 'cargo', type: 'crate', now: () => clock.ms });
  return { ...process, owners };
};

const names = async (owners: PackageOwners, crate: string): Promise<string[]> =>
  (await owners.list(crate)).map(({ userId }) => userId);

const addUser = (auth: AuthManager, username: string, scopes: string[]) =>
  auth.users.create({ username, password: 'correct horse' }, { scopes });

const callerOf = async (auth: AuthManager, userId: string, options: { scopes?: string[]; readonly?: boolean } = {}) =>
  auth.validateToken(await auth.createToken(userId, 'cargo', options), 'cargo');

t.test('owners are the users with the scope to write exactly this package', async (t) => {
  const { auth, owners } = await startOwners({
    config: { users: [{ username: 'boss', password: 'pass word', scopes: ['cargo:crate:foo:write'] }] },
  });
  await addUser(auth, 'zoe', ['cargo:crate:foo:write']);
  await addUser(auth, 'ann', ['cargo:crate:foo:write', 'cargo:crate:bar:write', 'cargo:crate:foo:read']);
  await addUser(auth, 'wide', ['cargo:crate:*:write', 'cargo:crate:fo*:write', '*:*:*:*']);
  await addUser(auth, 'reader', ['cargo:crate:foo:read']);
  await addUser(auth, 'other', ['npm:package:foo:write', 'cargo:crate:foobar:write', 'cargo:crate:a-foo:write']);
  t.same(await names(owners, 'foo'), ['ann', 'boss', 'zoe']);
  t.same(await names(owners, 'bar'), ['ann']);
  for (const name of ['fo', '*', 'fo*', '__proto__', 'constructor']) t.same(await names(owners, name), [], name);
});

t.test('each owner has a number that cargo can read, and that stays', async (t) => {
  const { auth, owners, store } = await startOwners();
  await addUser(auth, 'ann', ['cargo:crate:foo:write']);
  await addUser(auth, 'bob', ['cargo:crate:foo:write']);
  const ids = (await owners.list('foo')).map(({ id }) => id);
  for (const id of ids) t.ok(Number.isInteger(id) && id >= 0 && id < 2 ** 32, `${id} is a u32`);
  t.not(ids[0], ids[1]);
  const elsewhere = await startOwners({ store });
  t.same(
    (await elsewhere.owners.list('foo')).map(({ id }) => id),
    ids,
    'at another replica',
  );
});

t.test('a new owner may write, and one that is removed may not', async (t) => {
  const { auth, owners } = await startOwners({ config: { anonymousScopes: [] } });
  await addUser(auth, 'ann', ['npm:*:*:read']);
  const ann = await callerOf(auth, 'ann');
  const may = async () => ({
    read: await auth.authorize(ann, 'cargo:crate:foo', 'read'),
    write: await auth.authorize(ann, 'cargo:crate:foo', 'write'),
    other: await auth.authorize(ann, 'cargo:crate:foobar', 'write'),
  });
  t.same(await may(), { read: false, write: false, other: false });
  await owners.add('foo', ['ann']);
  t.same(await may(), { read: true, write: true, other: false });
  t.same(await names(owners, 'foo'), ['ann']);
  await owners.add('foo', ['ann']);
  t.same((await auth.users.get('ann'))?.scopes, ['npm:*:*:read', 'cargo:crate:foo:read', 'cargo:crate:foo:write']);
  await owners.add('foobar', ['ann']);
  await owners.remove('foo', ['ann']);
  t.same(await may(), { read: false, write: false, other: true });
  t.same(await names(owners, 'foo'), []);
  await owners.remove('foo', ['ann']);
  t.same((await auth.users.get('ann'))?.scopes, [
    'npm:*:*:read',
    'cargo:crate:foobar:read',
    'cargo:crate:foobar:write',
  ]);
});

t.test('a change that is none writes nothing', async (t) => {
  const { auth, owners, store } = await startOwners();
  await addUser(auth, 'ann', []);
  await owners.add('foo', ['ann']);
  store.calls = [];
  await owners.add('foo', ['ann']);
  await owners.remove('bar', ['ann']);
  t.notOk(
    store.calls.some((call) => call.startsWith('put')),
    store.calls.join(', '),
  );
});

t.test('one name that is wrong refuses the change of all', async (t) => {
  const { auth, owners } = await startOwners({ config: { users: [{ username: 'boss', password: 'pass word' }] } });
  await addUser(auth, 'ann', []);
  t.equal(await failure(owners.add('foo', ['ann', 'nobody'])), 'notFound');
  t.equal(await failure(owners.add('foo', ['ann', 'boss'])), 'conflict', 'a user of the configuration');
  t.equal(await failure(owners.add('foo', ['ann', 'a/b'])), 'invalid');
  t.equal(await failure(owners.add('foo', ['ann', '__proto__'])), 'notFound');
  t.equal(await failure(Promise.resolve().then(() => owners.add('*', ['ann']))), 'invalid', 'a name that is a glob');
  t.same((await auth.users.get('ann'))?.scopes, []);
});

t.test('changes at the same time are all kept', async (t) => {
  const { auth, owners, store } = await startOwners();
  const other = await startOwners({ store });
  await addUser(auth, 'ann', []);
  const crates = Array.from({ length: 20 }, (_, index) => `crate-${index}`);
  await Promise.all(crates.map((crate, index) => (index % 2 ? owners : other.owners).add(crate, ['ann'])));
  for (const crate of crates) t.same(await names(owners, crate), ['ann'], crate);
});

t.test('another replica sees a change within 5 s', async (t) => {
  const clock = new Clock();
  const here = await startOwners({ clock });
  const there = await startOwners({ store: here.store, clock });
  await addUser(here.auth, 'ann', []);
  await addUser(here.auth, 'bob', ['cargo:crate:foo:write']);
  t.same(await names(there.owners, 'foo'), ['bob']);
  await here.owners.add('foo', ['ann']);
  await here.owners.remove('foo', ['bob']);
  t.same(await names(here.owners, 'foo'), ['ann'], 'at once where it was made');
  clock.forward(5);
  t.same(await names(there.owners, 'foo'), ['ann']);
});

t.test('many look-ups cost one look at the accounts', async (t) => {
  const { auth, owners, store } = await startOwners();
  for (const name of ['ann', 'bob', 'cid']) await addUser(auth, name, [`cargo:crate:${name}:write`]);
  await names(owners, 'ann');
  store.calls = [];
  const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => owners.list(`crate-${index}`)));
  t.equal(answers.length, 50);
  t.same(store.calls, []);
});

t.test('an owner or an administrator may change the owners, and nobody else', async (t) => {
  const { auth, owners } = await startOwners();
  await addUser(auth, 'owner', ['cargo:crate:foo:write']);
  await addUser(auth, 'admin', ['*:*:*:*']);
  await addUser(auth, 'cargo-admin', ['cargo:crate:*:*']);
  await addUser(auth, 'writer', ['cargo:crate:*:write', '*:*:*:read']);
  await addUser(auth, 'reader', ['cargo:crate:foo:read']);
  const attempt = async (userId: string, options = {}) => {
    const caller = await callerOf(auth, userId, options);
    return owners.authorizeChange(caller, 'foo').then(
      () => 'allowed',
      ({ kind }) => kind,
    );
  };
  t.equal(await attempt('owner'), 'allowed');
  t.equal(await attempt('admin'), 'allowed');
  t.equal(await attempt('cargo-admin'), 'allowed');
  t.equal(await attempt('writer'), 'forbidden', 'may publish every crate, and owns none');
  t.equal(await attempt('reader'), 'forbidden');
  t.equal(await attempt('owner', { readonly: true }), 'forbidden', 'a read-only token');
  t.equal(await attempt('admin', { readonly: true }), 'forbidden', 'a read-only token of an administrator');
  t.equal(await attempt('owner', { scopes: ['cargo:crate:bar:write'] }), 'forbidden', 'a token of another crate');
  t.equal(await attempt('admin', { scopes: ['cargo:crate:foo:write'] }), 'forbidden', 'a token for publishing only');
  t.equal(await failure(owners.authorizeChange(null, 'foo')), 'unauthenticated');
  t.equal(await failure(owners.authorizeChange(await callerOf(auth, 'owner'), 'bar')), 'forbidden', 'another crate');
  await owners.remove('foo', ['owner']);
  t.equal(await attempt('owner'), 'forbidden', 'no longer an owner');
});

t.test('with a custom provider an error says where owners are managed', async (t) => {
  const provider: IAuthProvider = {
    authenticate: async () => null,
    validateToken: async () => ({ userId: 'ann', scopes: [] }),
    createToken: async () => 'x',
    revokeToken: async () => undefined,
    authorize: async () => true,
  };
  const { owners } = await startOwners({ provider });
  const attempts = [
    () => owners.list('foo'),
    () => owners.add('foo', ['ann']),
    () => owners.remove('foo', ['ann']),
    () => owners.authorizeChange({ userId: 'ann', scopes: [] }, 'foo'),
  ];
  for (const attempt of attempts) {
    await t.rejects(async () => attempt(), {
      status: 422,
      message: 'Owners are managed by the auth provider of this registry',
    });
  }
});

t.test('an owner may get other rights than reading and writing', async (t) => {
  const { auth, clock } = await startAuth({ config: { anonymousScopes: [] } });
  const options = { protocol: 'cargo', type: 'crate', actions: ['yank'], now: () => clock.ms } as const;
  const owners = new PackageOwners(auth, options);
  await addUser(auth, 'ann', ['cargo:crate:foo:read', 'cargo:crate:foo:write']);
  const change = async (scopes: string[]) =>
    owners.authorizeChange(await callerOf(auth, 'ann', { scopes }), 'foo').then(
      () => 'allowed',
      ({ kind }) => kind,
    );
  t.equal(await change(['cargo:*:*:*']), 'forbidden', 'it lacks a right of owners');
  await owners.add('foo', ['ann']);
  const all = ['cargo:crate:foo:read', 'cargo:crate:foo:write', 'cargo:crate:foo:yank'];
  t.same((await auth.users.get('ann'))?.scopes, all);
  t.equal(await change(['cargo:*:*:*']), 'allowed');
  t.equal(await change(['cargo:crate:foo:yank']), 'forbidden', 'it must write, too');
  t.equal(await change(['cargo:crate:foo:write']), 'forbidden');
  t.same(await owners.list('foo'), [{ userId: 'ann', id: 1234263565 }], 'the number is that of every release');
  await owners.remove('foo', ['ann']);
  t.same((await auth.users.get('ann'))?.scopes, all.slice(0, 2), 'only what it gives');
  t.same(await names(owners, 'foo'), ['ann']);
});

t.test('a change that fails half-way is seen as far as it came', async (t) => {
  const { auth, clock } = await startAuth();
  await addUser(auth, 'ann', []);
  await addUser(auth, 'bob', []);
  let changes = 0;
  const users = {
    get: (name: string) => auth.users.get(name),
    list: () => auth.users.list(),
    requireChangeable: (name: string) => auth.users.requireChangeable(name),
    changeScopes: async (...given: Parameters<typeof auth.users.changeScopes>) => {
      if (++changes > 1) throw new Error('The store failed');
      return auth.users.changeScopes(...given);
    },
  };
  const broken = { users, authorize: async () => true, allowsAll: async () => true };
  const owners = new PackageOwners(broken, { protocol: 'cargo', type: 'crate', now: () => clock.ms });
  t.same(await names(owners, 'foo'), []);
  await t.rejects(owners.add('foo', ['ann', 'bob']), /The store failed/);
  t.same(await names(owners, 'foo'), ['ann']);
});
