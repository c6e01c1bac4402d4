import t from 'tap';
import { jsonCodec, RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import * as toy from '../../support/toy-packages.js';
import { countParses, countTurns, holdLoop } from '../../support/turns.js';

const memory = () => {
  const inner = new MemoryObjectStore();
  return { inner, storage: new RegistryStorage(inner), other: new RegistryStorage(inner) };
};

t.test('what this process has just written is not parsed to be read or changed again', async (t) => {
  const { storage, other } = memory();
  const value = { marked: 'written here', list: [1, 'two', null, { deep: true }], nested: { ['__proto__']: 1 } };
  const parses = await countParses('written here', async () => {
    await storage.update('doc', () => structuredClone(value));
    t.same((await storage.read('doc'))?.value, value);
    await storage.update<typeof value>('doc', (current) => ({ ...current!, list: [...current!.list, 5] }));
    t.same((await storage.read<typeof value>('doc'))?.value.list, [...value.list, 5]);
  });
  t.equal(parses, 0);
  const kept = await storage.read<typeof value>('doc');
  t.ok(Object.isFrozen(kept?.value.list[3]), 'what is kept cannot be changed');
  t.equal(await countParses('written here', () => other.read('doc')), 1, 'another process parses it');
  t.same((await other.read('doc'))?.value, kept?.value);
});

t.test('a value that JSON changes is read as JSON made it', async (t) => {
  class Point {
    x = 1;
  }
  const cases: [string, unknown, unknown][] = [
    ['a member that is undefined', { a: 1, b: undefined }, { a: 1 }],
    ['a date', { at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
    ['an object of a class', { point: new Point() }, { point: { x: 1 } }],
    ['NaN', { n: Number.NaN }, { n: null }],
    ['minus zero', { n: -0 }, { n: 0 }],
    ['a function', { f: () => 1 }, {}],
    // biome-ignore lint/suspicious/noSparseArray: it is the case
    ['a hole', { list: [1, , 3] }, { list: [1, null, 3] }],
    ['a Map', { map: new Map([[1, 2]]) }, { map: {} }],
    ['deep inside', { a: [{ b: { c: undefined } }] }, { a: [{ b: {} }] }],
  ];
  for (const [name, value, read] of cases) {
    const { storage, other } = memory();
    await storage.update('doc', () => value);
    const mine = (await storage.read('doc'))?.value;
    t.strictSame(mine, read, name);
    t.strictSame(mine, (await other.read('doc'))?.value, `${name}: the same for every process`);
  }
});

t.test('one inexact value of several that go out together is enough', async (t) => {
  const { storage } = memory();
  await Promise.all([
    storage.update('doc', () => ({ first: { gone: undefined } })),
    storage.update<object>('doc', (current) => ({ ...current, second: 1 })),
  ]);
  t.strictSame((await storage.read('doc'))?.value, { first: {}, second: 1 });
});

t.test('a codec of another kind has its values parsed', async (t) => {
  const { storage } = memory();
  const codec = { ...jsonCodec, freeze: undefined };
  const parses = await countParses('of another kind', async () => {
    await storage.update('doc', () => ({ a: 'of another kind' }), { codec });
    await storage.read('doc', codec);
  });
  t.equal(parses, 1);
});

t.test('updates of a large document that go out together leave the event loop to others', async (t) => {
  const { inner, storage } = memory();
  const UPDATES = 20;
  const turns = await countTurns(() =>
    Promise.all(
      Array.from({ length: UPDATES }, (_, n) =>
        storage.update<number[]>('doc', (list) => {
          holdLoop();
          return [...(list ?? []), n];
        }),
      ),
    ),
  );
  t.equal((await storage.read<number[]>('doc'))?.value.length, UPDATES);
  t.ok(turns >= UPDATES - 2, `${turns} turns of the event loop during ${UPDATES} updates`);
  t.equal(inner.objects.get('doc')?.info.metadata?.revision, '1', 'in one write all the same');
});

t.test('commits that begin together leave the event loop to others while each is tried out', async (t) => {
  const { storage } = memory();
  await toy.publishToy(storage, 'pad', '1.0.0', Buffer.from('x'));
  const COMMITS = 20;
  const apply = (current: object | null) => {
    holdLoop();
    return current;
  };
  const document = { key: toy.documentKey('pad'), apply };
  const turns = await countTurns(() =>
    Promise.all(Array.from({ length: COMMITS }, () => storage.commit<object>({ packageName: 'pad', document }))),
  );
  t.ok(turns >= COMMITS - 2, `${turns} turns of the event loop during ${COMMITS} commits`);
});
