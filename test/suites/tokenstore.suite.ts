import { createHash } from 'node:crypto';
import t, { type Test } from 'tap';
import type { ITokenRecord, ITokenStore } from '../../ts/index.js';

/** Two handles on one empty store, as two replicas have them; one handle, if processes cannot share the store. */
export type TOpenStores = () => Promise<{ stores: [ITokenStore, ITokenStore]; close(): Promise<void> }>;

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');
const DAY_MS = 24 * 60 * 60 * 1000;
const START = Date.now();
const at = (ms: number): string => new Date(START + ms).toISOString();

const recordOf = (name: string, more: Partial<ITokenRecord> = {}): ITokenRecord => ({
  hash: hashOf(name),
  userId: 'ann',
  uid: 'uid of ann',
  protocol: 'npm',
  hint: '0a1b2c',
  scopes: ['npm:*:*:*'],
  readonly: false,
  createdAt: at(0),
  ...more,
});

const collect = async (records: AsyncIterable<ITokenRecord>): Promise<ITokenRecord[]> => {
  const list: ITokenRecord[] = [];
  for await (const record of records) list.push(record);
  return list;
};

const hashesOf = (records: ITokenRecord[]): string[] => records.map(({ hash }) => hash);
/** undefined fields are not stored */
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** What an `ITokenStore` promises, run against every one of them. */
export const tokenStoreSuite = (name: string, open: TOpenStores): void => {
  const test = (what: string, scene: (t: Test, here: ITokenStore, there: ITokenStore) => Promise<void>): void => {
    t.test(`${name}: ${what}`, async (t) => {
      const { stores, close } = await open();
      t.teardown(close);
      await scene(t, ...stores);
    });
  };

  test('what another process has put is there at once, and as it was', async (t, here, there) => {
    const records = [
      recordOf('plain'),
      recordOf('all fields', {
        name: 'laptop',
        readonly: true,
        scopes: ['npm:package:@a/b:read', 'npm:*:*:write'],
        expiresAt: at(90 * DAY_MS),
        slidingSeconds: 7_776_000,
      }),
      recordOf('no scopes', { scopes: [] }),
      recordOf('odd texts', { userId: 'ä %41"\'\\', name: 'NUL \u0000, half \ud83d of a pair, whole 😀, line\nbreak' }),
      recordOf('a name of JavaScript', { userId: '__proto__', uid: 'constructor' }),
      recordOf('a century', { expiresAt: at(100 * 365 * DAY_MS) }),
    ];
    for (const record of records) await here.put(record);
    for (const record of records) {
      t.same(await there.get(record.hash), plain(record));
      t.same(hashesOf(await there.listByUser(record.userId)).includes(record.hash), true);
    }
    t.equal((await there.listByUser('__proto__')).length, 1);
  });

  test('what is not there', async (t, here) => {
    t.equal(await here.get(hashOf('none')), null);
    t.equal(await here.delete(hashOf('none')), false);
    t.same(await here.listByUser('nobody'), []);
    t.same(await here.listByUser('constructor'), []);
    t.same(await collect(here.listAll()), []);
    t.same(await here.findHashes('0', 10), []);
    t.equal(await here.isRevoked('none'), false);
    t.equal(await here.sweep(new Date()), 0);
    await here.prolong(hashOf('none'), at(DAY_MS));
    t.equal(await here.get(hashOf('none')), null);
  });

  test('the tokens of a user, the oldest first, and nobody else’s', async (t, here, there) => {
    const ages = [5, 3, 9, 1, 7];
    for (const age of ages) await here.put(recordOf(`ann ${age}`, { createdAt: at(age * 1000) }));
    for (const userId of ['anna', 'an', 'ann%', 'Ann', 'ann:']) await here.put(recordOf(`of ${userId}`, { userId }));
    t.same(
      hashesOf(await there.listByUser('ann')),
      [1, 3, 5, 7, 9].map((age) => hashOf(`ann ${age}`)),
    );
    for (const userId of ['anna', 'an', 'ann%', 'Ann', 'ann:']) {
      t.same(hashesOf(await there.listByUser(userId)), [hashOf(`of ${userId}`)], userId);
    }
  });

  test('a deleted token is gone everywhere, and only it', async (t, here, there) => {
    for (const one of ['a', 'b', 'c']) await here.put(recordOf(one, { expiresAt: at(DAY_MS) }));
    t.equal(await there.delete(hashOf('b')), true);
    t.equal(await here.delete(hashOf('b')), false);
    t.equal(await here.get(hashOf('b')), null);
    const left = [hashOf('a'), hashOf('c')].sort();
    t.same(hashesOf(await here.listByUser('ann')).sort(), left);
    t.same(hashesOf(await collect(here.listAll())).sort(), left);
    t.same(await here.findHashes(hashOf('b').slice(0, 12), 2), []);
    t.equal(await here.sweep(new Date(START + 2 * DAY_MS)), 2);
  });

  test('a new end counts, and a deleted token does not come back by it', async (t, here, there) => {
    await here.put(recordOf('sliding', { expiresAt: at(DAY_MS), slidingSeconds: 86_400 }));
    await there.prolong(hashOf('sliding'), at(3 * DAY_MS));
    t.equal((await here.get(hashOf('sliding')))?.expiresAt, at(3 * DAY_MS));
    t.equal((await here.listByUser('ann'))[0]?.expiresAt, at(3 * DAY_MS));
    t.equal(await here.sweep(new Date(START + 2 * DAY_MS)), 0, 'the old end is forgotten');
    await here.delete(hashOf('sliding'));
    await there.prolong(hashOf('sliding'), at(5 * DAY_MS));
    t.equal(await here.get(hashOf('sliding')), null);
    t.same(await here.listByUser('ann'), []);
    t.same(await collect(here.listAll()), []);
  });

  test('the same put twice, as after a lost answer', async (t, here) => {
    const record = recordOf('twice', { expiresAt: at(DAY_MS) });
    await here.put(record);
    await here.put(record);
    t.same(await here.listByUser('ann'), [record]);
    t.equal((await collect(here.listAll())).length, 1);
    t.equal(await here.sweep(new Date(START + 2 * DAY_MS)), 1);
  });

  test('many tokens: each is listed once, and found by the beginning of its hash', async (t, here, there) => {
    const names = Array.from({ length: 1_203 }, (_, index) => `token ${index}`);
    for (let start = 0; start < names.length; start += 100) {
      await Promise.all(names.slice(start, start + 100).map((one) => here.put(recordOf(one))));
    }
    const all = names.map(hashOf).sort();
    t.same(hashesOf(await collect(there.listAll())).sort(), all);
    t.same(hashesOf(await there.listByUser('ann')).sort(), all);
    const prefix = (all[700] as string).slice(0, 2);
    const wanted = all.filter((hash) => hash.startsWith(prefix));
    t.ok(wanted.length > 1);
    t.same((await there.findHashes(prefix, 1_000)).sort(), wanted);
    t.equal((await there.findHashes(prefix, 1)).length, 1);
    t.same(await there.findHashes(all[3] as string, 5), [all[3]], 'a whole hash');
    t.equal((await there.findHashes('f', 5_000)).length, all.filter((hash) => hash.startsWith('f')).length);
  });

  test('a sweep removes what has expired, and nothing else', async (t, here, there) => {
    const ends = [undefined, at(DAY_MS), at(2 * DAY_MS), at(3 * DAY_MS)];
    for (const [index, expiresAt] of ends.entries()) {
      await here.put(recordOf(`end ${index}`, { expiresAt, userId: index % 2 === 0 ? 'ann' : 'bob' }));
    }
    const before = new Date(START + 2 * DAY_MS + 1);
    t.equal(await there.sweep(before), 2);
    t.equal(await there.sweep(before), 0);
    t.same(hashesOf(await collect(here.listAll())).sort(), [hashOf('end 0'), hashOf('end 3')].sort());
    t.same(hashesOf(await here.listByUser('ann')), [hashOf('end 0')]);
    t.same(hashesOf(await here.listByUser('bob')), [hashOf('end 3')]);
    t.equal(await here.get(hashOf('end 1')), null);
    t.same(await here.findHashes(hashOf('end 2').slice(0, 16), 2), []);
  });

  test('a sweep of more tokens than one page', async (t, here) => {
    const names = Array.from({ length: 1_100 }, (_, index) => `old ${index}`);
    for (let start = 0; start < names.length; start += 100) {
      await Promise.all(
        names.slice(start, start + 100).map((one) => here.put(recordOf(one, { expiresAt: at(DAY_MS) }))),
      );
    }
    await here.put(recordOf('kept'));
    t.equal(await here.sweep(new Date(START + 2 * DAY_MS)), 1_100);
    t.same(hashesOf(await collect(here.listAll())), [hashOf('kept')]);
    t.same(hashesOf(await here.listByUser('ann')), [hashOf('kept')]);
  });

  test('revocations of JWTs are seen by other processes, whatever their ids are', async (t, here, there) => {
    const ids = ['jwt-1', '', '../x', 'NUL \u0000', 'x'.repeat(10_000), '__proto__', 'ä'];
    for (const id of ids) t.equal(await there.isRevoked(id), false);
    for (const id of ids) await here.revoke(id, new Date(START + DAY_MS));
    await here.revoke('for ever');
    await here.revoke('jwt-1', new Date(START + 5 * DAY_MS));
    for (const id of [...ids, 'for ever']) t.equal(await there.isRevoked(id), true);
    t.equal(await there.isRevoked('jwt-2'), false);
    await here.sweep(new Date(START + DAY_MS - 1));
    t.equal(await there.isRevoked(''), true, 'kept as long as the JWT is valid');
    await here.sweep(new Date(START + 4 * DAY_MS));
    t.equal(await there.isRevoked('for ever'), true);
    t.equal(await there.isRevoked('jwt-1'), true);
  });

  test('what replicas do at the same time does not mix', async (t, here, there) => {
    const names = Array.from({ length: 60 }, (_, index) => `race ${index}`);
    await Promise.all(names.map((one, index) => (index % 2 === 0 ? here : there).put(recordOf(one))));
    const deleted = await Promise.all(
      names.flatMap((one) => [
        here.delete(hashOf(one)),
        there.delete(hashOf(one)),
        there.prolong(hashOf(one), at(DAY_MS)),
      ]),
    );
    t.ok(deleted.some((one) => one === true));
    t.same(await collect(here.listAll()), [], 'prolonging brought none back');
    t.same(await there.listByUser('ann'), []);
    t.equal(await here.sweep(new Date(START + 2 * DAY_MS)), 0, 'and nothing is left of them');
  });
};
