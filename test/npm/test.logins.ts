import { createHash } from 'node:crypto';
import t from 'tap';
import { RegistryStorage } from '../../ts/core/classes.registrystorage.js';
import { DirectoryObjectStore } from '../../ts/core/objectstore/directory/classes.directoryobjectstore.js';
import { LoginSessions } from '../../ts/npm/classes.loginsessions.js';
import { temporaryFolder } from '../support/registry.js';

const keysOf = async (storage: RegistryStorage): Promise<string[]> => {
  const keys: string[] = [];
  for await (const item of storage.listDocuments({ prefix: '' })) keys.push(item.key);
  return keys;
};

/** Any function of the text that is the same for every replica. */
const seal = (text: string): string => createHash('sha256').update(`a key ${text}`).digest('base64url');

t.test('a login ends after ten minutes and is swept away', async (t) => {
  let now = Date.parse('2026-01-01T00:00:00Z');
  const storage = new RegistryStorage(new DirectoryObjectStore(await temporaryFolder(t)), { now: () => new Date(now) });
  await storage.init();
  const logins = new LoginSessions({ storage, seal });
  const { id, secret } = logins.begin(false);
  t.same(await keysOf(storage), [], 'to begin one stores nothing');
  t.same(await logins.find(id), { create: false, isDone: false });
  t.equal(await logins.collect(secret), 'waiting');
  t.equal(await logins.collect(id), null, "the browser's address collects nothing");
  t.equal(await logins.find(secret), null);

  const replica = new LoginSessions({ storage, seal });
  t.equal(await replica.approve(id, 'ann'), true);
  t.equal(await replica.approve(id, 'eve'), false, 'what is approved stays');
  t.same(await logins.find(id), { create: false, isDone: true });
  t.notMatch(JSON.stringify(await keysOf(storage)), secret.split('.')[2], 'the secret is stored nowhere');
  t.same(await logins.collect(secret), { userId: 'ann' });
  t.equal(await logins.collect(secret), null, 'told once');
  t.equal(await replica.collect(secret), null);
  t.equal(await logins.approve(id, 'ann'), false, 'and the page cannot be used again');

  const second = logins.begin(true);
  t.same(await logins.find(second.id), { create: true, isDone: false });
  now += 10 * 60_000 + 2000;
  t.equal(await logins.find(second.id), null);
  t.equal(await logins.approve(second.id, 'ann'), false);
  t.equal(await logins.collect(second.secret), null);
  t.equal((await keysOf(storage)).length, 1);
  t.ok(await logins.approve(logins.begin(false).id, 'ann'));
  await storage.destroy();
  t.equal((await keysOf(storage)).length, 1, 'only the new one is left');
});

t.test('a login lasts for exactly ten minutes, counted from the next full second', async (t) => {
  const begun = Date.parse('2026-01-01T00:00:00Z');
  let now = begun + 1;
  const storage = new RegistryStorage(new DirectoryObjectStore(await temporaryFolder(t)), { now: () => new Date(now) });
  await storage.init();
  t.teardown(() => storage.destroy());
  const logins = new LoginSessions({ storage, seal });
  const { id, secret } = logins.begin(false);
  now = begun + 601_000 - 1;
  t.same(await logins.find(id), { create: false, isDone: false });
  t.equal(await logins.collect(secret), 'waiting');
  t.equal(await logins.approve(id, 'ann'), true);
  now += 1;
  t.equal(await logins.find(id), null);
  t.equal(await logins.approve(id, 'eve'), false);
  t.equal(await logins.collect(secret), null);
  // a login that has not ended is not swept away by another one
  const [first, second] = [logins.begin(false), logins.begin(true)];
  for (const login of [first, second]) t.equal(await logins.approve(login.id, 'ann'), true);
  await storage.settled();
  t.same(await logins.collect(first.secret), { userId: 'ann' });
});

t.test('of several that approve or collect at once one does', async (t) => {
  const storage = new RegistryStorage(new DirectoryObjectStore(await temporaryFolder(t)), {});
  await storage.init();
  t.teardown(() => storage.destroy());
  const replicas = [new LoginSessions({ storage, seal }), new LoginSessions({ storage, seal })];
  const { id, secret } = replicas[0]!.begin(false);
  const approved = await Promise.all(['ann', 'bob', 'eve'].map((name, n) => replicas[n % 2]!.approve(id, name)));
  t.equal(approved.filter(Boolean).length, 1);
  const winner = ['ann', 'bob', 'eve'][approved.indexOf(true)];
  const collected = await Promise.all([0, 1, 0, 1].map((n) => replicas[n]!.collect(secret)));
  t.same(
    collected.filter((one) => one !== null),
    [{ userId: winner }],
  );
});

t.test('names that were not given out here, or were changed, are none', async (t) => {
  const storage = new RegistryStorage(new DirectoryObjectStore(await temporaryFolder(t)), {});
  await storage.init();
  t.teardown(() => storage.destroy());
  const logins = new LoginSessions({ storage, seal });
  const other = new LoginSessions({ storage, seal: (text) => seal(`other ${text}`) });
  const { id, secret } = logins.begin(false);
  t.equal(await other.find(id), null, 'of a registry with another secret');
  const [expires = '', kind = '', part = '', mark = ''] = id.split('.');
  const later = (Number.parseInt(expires, 16) + 1).toString(16);
  const wrong = [
    [later, kind, part, mark],
    [expires, 'create', part, mark],
    [expires, kind, 'a'.repeat(64), mark],
    [expires, kind, part, `${mark}A`],
    [expires, kind, part, seal('x')],
    [expires, kind, part],
    [`0${expires}`, kind, part, mark, ''],
  ];
  for (const parts of wrong) {
    t.equal(await logins.find(parts.join('.')), null, parts.join('.'));
    t.equal(await logins.approve(parts.join('.'), 'ann'), false);
  }
  const [, , random = ''] = secret.split('.');
  t.equal(await logins.collect([later, kind, random, mark].join('.')), null);
  t.equal(await logins.collect([expires, kind, 'a'.repeat(43), mark].join('.')), null);
  t.equal(await logins.collect(secret), 'waiting');
  t.same(await keysOf(storage), [], 'nothing was stored for any of them');
});
