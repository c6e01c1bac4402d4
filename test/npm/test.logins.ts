import t from 'tap';
import { RegistryStorage } from '../../ts/core/classes.registrystorage.js';
import { DirectoryObjectStore } from '../../ts/core/objectstore/directory/classes.directoryobjectstore.js';
import { LoginSessions } from '../../ts/npm/classes.loginsessions.js';
import { refusal } from '../support/npm/packages.js';
import { temporaryFolder } from '../support/registry.js';

const keysOf = async (storage: RegistryStorage): Promise<string[]> => {
  const keys: string[] = [];
  for await (const item of storage.listDocuments({ prefix: '' })) keys.push(item.key);
  return keys;
};

t.test('a login ends after ten minutes and is swept away', async (t) => {
  let now = Date.parse('2026-01-01T00:00:00Z');
  const storage = new RegistryStorage(new DirectoryObjectStore(await temporaryFolder(t)), { now: () => new Date(now) });
  await storage.init();
  const logins = new LoginSessions(storage);
  const { id, secret } = await logins.begin(false);
  t.notMatch(JSON.stringify(await keysOf(storage)), secret.split('.')[1], 'the secret is stored nowhere');
  t.same(await logins.find(id), { create: false, failures: 0 });
  t.equal(await logins.collect(secret), 'waiting');
  t.equal(await logins.collect(id), null, "the browser's address collects nothing");
  t.equal(await logins.find(secret), null);

  const replica = new LoginSessions(storage);
  t.equal(await replica.approve(id, 'ann'), true);
  t.equal(await replica.approve(id, 'eve'), false, 'what is approved stays');
  t.same(await logins.collect(secret), { userId: 'ann' });
  t.equal(await logins.collect(secret), null);

  const second = await logins.begin(true);
  now += 10 * 60_000 + 2000;
  t.equal(await logins.find(second.id), null);
  t.equal(await logins.approve(second.id, 'ann'), false);
  t.equal(await logins.collect(second.secret), null);
  t.equal((await keysOf(storage)).length, 1);
  await logins.begin(false);
  await storage.destroy();
  t.equal((await keysOf(storage)).length, 1, 'only the new one is left');
});

t.test('strangers cannot begin logins without end', async (t) => {
  let now = Date.parse('2026-01-01T00:00:00Z');
  const kept = new Map<string, unknown>();
  const logins = new LoginSessions({
    now: () => new Date(now),
    runBehind: () => {},
    read: async () => null,
    delete: async () => {},
    async *list() {},
    update: async (key, fn) => {
      const value = fn(null, { revision: 0, isSpent: () => false }) ?? null;
      kept.set(key, value);
      return { value, etag: 'x', revision: 1 };
    },
  });
  for (let count = 0; count < 1000; count++) await logins.begin(false);
  await t.rejects(logins.begin(false), refusal('rateLimited'));
  t.equal(kept.size, 1000);
  now += 11 * 60_000;
  t.ok(await logins.begin(false));
});
