import t from 'tap';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { ChangeLog } from '../../../ts/core/listing/classes.changelog.js';
import { nameSegment } from '../../../ts/core/listing/keys.listing.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import { documentKey, publishToy, removeToy, toyCatalog } from '../../support/toy-packages.js';
import { until } from '../../support/waiting.js';

const document = (name: string, revision: number, versions = ['1.0.0']) => ({
  name,
  revision,
  versions: versions.map((version) => ({ version, key: '', sha256: '', writeId: '' })),
});

/** Replicas over one store, each with its own log of operations. */
const replicas = (count: number, options: { now?: () => Date } = {}) => {
  const inner = new MemoryObjectStore(options);
  return {
    inner,
    all: Array.from({ length: count }, () => {
      const store = new FaultObjectStore(inner);
      const storage = new RegistryStorage(store, options);
      return { store, storage, catalog: toyCatalog(storage) };
    }),
  };
};

const FRESH = { maxAgeMs: 0 };

t.test('the log of changes knows what came last, also when it has forgotten what came first', async (t) => {
  const log = new ChangeLog();
  for (let n = 0; n < 25_000; n++) log.add(`p${n}`);
  t.equal(log.version, 25_000);
  t.same([...(log.since(24_998) ?? [])], ['p24998', 'p24999']);
  t.equal(log.since(0), undefined);
});

t.test('own notes are seen at once, others’ within maxAgeMs', async (t) => {
  const { all } = replicas(2);
  const [a, b] = [all[0]!, all[1]!];
  t.equal((await a.catalog.entries()).size, 0);
  await a.catalog.note('one', document('one', 1));
  t.same([...(await a.catalog.entries({ maxAgeMs: 1e9 }))], [['one', { versions: ['1.0.0'] }]]);
  t.equal((await b.catalog.entries()).size, 1);
  await a.catalog.note('two', document('two', 1));
  t.equal((await b.catalog.entries({ maxAgeMs: 1e9 })).size, 1, 'the view may be that old');
  // the look of before is older than this by now
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.equal((await b.catalog.entries({ maxAgeMs: 20 })).size, 2, 'and no older than that');
  await a.catalog.note('three', document('three', 1));
  t.equal((await b.catalog.entries(FRESH)).size, 3);
});

t.test('equal parts of many packages are kept once', async (t) => {
  const { all, inner } = replicas(1);
  const [{ catalog }] = all as [(typeof all)[0]];
  for (const name of ['one', 'two']) await catalog.note(name, document(name, 1));
  const odd = '{"name":"odd","revision":1,"entry":{"versions":["1.0.0"],"__proto__":{"name":"odd"}}}';
  await inner.put(`toy/catalog/entries/odd=1=${crypto.randomUUID()}`, Buffer.from(odd));
  const entries = await catalog.entries(FRESH);
  const of = (name: string): Record<string, unknown> => entries.get(name) as unknown as Record<string, unknown>;
  t.same(of('two'), { versions: ['1.0.0'] });
  t.equal(of('two').versions, of('one').versions);
  t.equal(of('odd').versions, of('one').versions);
  t.equal(Object.getPrototypeOf(of('odd')), Object.prototype, 'a name from outside sets no prototype');
});

t.test('many readers share one look, and none gets one that began before it asked', async (t) => {
  const { all } = replicas(2);
  const [a, b] = [all[0]!, all[1]!];
  await b.catalog.entries();
  b.store.reset();
  await Promise.all(Array.from({ length: 50 }, () => b.catalog.entries(FRESH)));
  t.ok(b.store.count('list') <= 2, `${b.store.count('list')} listings`);
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  b.store.reset();
  b.store.before = ({ verb, key }) => (verb === 'get' && key.endsWith('manifest.json') ? held : undefined);
  const first = b.catalog.entries(FRESH);
  await until(() => b.store.count('get', 'toy/catalog/manifest.json') > 0); // it has listed the entries
  await a.catalog.note('late', document('late', 1));
  const second = b.catalog.entries(FRESH).then((map) => map.has('late'));
  release();
  await first;
  t.equal(await second, true);
});

t.test('version grows when something changed, and only then', async (t) => {
  const { all } = replicas(2);
  const [a, b] = [all[0]!, all[1]!];
  await b.catalog.entries(FRESH);
  const before = b.catalog.version;
  await b.catalog.entries(FRESH);
  t.equal(b.catalog.version, before);
  await a.catalog.note('one', document('one', 1));
  await b.catalog.entries(FRESH);
  const after = b.catalog.version;
  t.ok(after > before);
  await a.catalog.note('one', document('one', 1));
  await b.catalog.entries(FRESH);
  t.equal(b.catalog.version, after);
  await a.catalog.note('one', document('one', 2, []));
  await b.catalog.entries(FRESH);
  t.ok(b.catalog.version > after, 'unlisting is a change');
});

t.test('a list that was taken does not change when packages come and go', async (t) => {
  const [{ catalog }] = replicas(1).all as [ReturnType<typeof replicas>['all'][0]];
  for (const name of ['b', 'd']) await catalog.note(name, document(name, 1));
  const before = (await catalog.sorted(FRESH)).packages;
  await catalog.note('c', document('c', 1));
  const after = (await catalog.sorted(FRESH)).packages;
  await catalog.note('b', document('b', 2, []));
  t.same(
    [before, after, (await catalog.sorted(FRESH)).packages].map((packages) => packages.map(({ name }) => name)),
    [
      ['b', 'd'],
      ['b', 'c', 'd'],
      ['c', 'd'],
    ],
  );
});

t.test('many looks at the packages look for interrupted publishes once', async (t) => {
  const [{ catalog, store }] = replicas(1).all as [ReturnType<typeof replicas>['all'][0]];
  for (let n = 0; n < 5; n++) await catalog.entries(FRESH);
  t.equal(store.count('list', 'toy/catalog/pending'), 1);
});

t.test('an older revision never wins: not late, not after a fold, not over a deletion', async (t) => {
  const { inner, all } = replicas(2);
  const [a, b] = [all[0]!, all[1]!];
  const versions = async () => (await b.catalog.entries(FRESH)).get('one')?.versions;
  await a.catalog.entries();
  await a.catalog.note('one', document('one', 5, ['5']));
  await a.catalog.note('one', document('one', 4, ['4']));
  t.same((await a.catalog.entries({ maxAgeMs: 1e9 })).get('one')?.versions, ['5']);
  t.same(await versions(), ['5']);
  t.same((await a.catalog.entries(FRESH)).get('one')?.versions, ['5']);
  await a.catalog.note('one', document('one', 10, ['10']));
  t.same(await versions(), ['10'], 'as numbers, not as text');
  await a.catalog.note('one', document('one', 11, []));
  t.equal(await versions(), undefined, 'deleted');
  for (let n = 0; n < 600; n++) await a.catalog.note(`p${n}`, document(`p${n}`, 1));
  await a.storage.destroy();
  t.ok(inner.objects.has('toy/catalog/manifest.json'), 'folded');
  t.notOk(inner.keys('toy/catalog/entries/').some((key) => key.includes('/one=')));
  const late = toyCatalog(new RegistryStorage(inner));
  await late.note('one', document('one', 9, ['9']));
  t.equal((await late.entries(FRESH)).get('one'), undefined, 'a deletion is remembered in the base');
  t.equal(await versions(), undefined);
  await late.note('one', document('one', 12, ['12']));
  t.same(await versions(), ['12'], 'and can be taken back');
});

t.test('an entry that is newer than the base wins over it', async (t) => {
  const { inner, all } = replicas(1);
  await inner.put('toy/catalog/base.json', Buffer.from(JSON.stringify([['one', 1, { versions: ['old'] }]])));
  await toyCatalog(new RegistryStorage(inner)).note('one', document('one', 2, ['new']));
  t.same((await all[0]!.catalog.entries()).get('one')?.versions, ['new']);
});

t.test('names are data', async (t) => {
  const { all } = replicas(2);
  const [a, b] = [all[0]!, all[1]!];
  const names = [
    '__proto__',
    'constructor',
    '@s/p',
    '@s%2Fp',
    '.',
    '..',
    '...',
    'a=1',
    'a',
    'A',
    'ünï',
    ' ',
    '~',
    'x'.repeat(500),
    `${'x'.repeat(500)}y`,
  ];
  for (const name of names) await a.catalog.note(name, document(name, 1, [name]));
  const seen = await b.catalog.entries(FRESH);
  t.equal(seen.size, names.length);
  for (const name of names) t.same(seen.get(name)?.versions, [name]);
  const segments = new Set(names.map(nameSegment));
  t.equal(segments.size, names.length, 'no two share a key');
  for (const segment of segments)
    t.ok(!segment.includes('/') && !/^\.+$/.test(segment) && segment.length < 200, segment);
  await t.rejects(a.catalog.note('\ud800', document('x', 1)), { kind: 'invalid' } as unknown as Error);
});

t.test('folding while others note loses nothing', async (t) => {
  const { inner, all } = replicas(4);
  const jitter = () => new Promise<void>((resolve) => setTimeout(resolve, Math.random() * 3));
  for (const { store } of all)
    store.before = ({ verb }) => (verb === 'list' || verb === 'delete' ? jitter() : undefined);
  const names = 1500;
  const work = all.map(async ({ catalog }, replica) => {
    // overlapping names: each is noted by two replicas, at different revisions
    for (let n = replica % 2; n < names; n += 2)
      await catalog.note(`p${n}`, document(`p${n}`, replica + 1, [`${replica}`]));
  });
  const reader = (async () => {
    let last = 0;
    for (let n = 0; n < 100; n++) {
      const { size } = await all[3]!.catalog.entries(FRESH);
      t.ok(size >= last, `never fewer than before: ${size}`);
      last = size;
      await jitter();
    }
  })();
  await Promise.all([...work, reader]);
  for (const { storage } of all) await storage.destroy();
  t.ok(inner.keys('toy/catalog/entries/').length < 1024, 'folded');
  const cold = toyCatalog(new RegistryStorage(inner));
  const seen = await cold.entries();
  t.equal(seen.size, names);
  for (let n = 0; n < names; n++) {
    const winner = n % 2 ? '3' : '2';
    if (seen.get(`p${n}`)?.versions[0] !== winner) t.fail(`p${n} has ${seen.get(`p${n}`)?.versions}`);
  }
});

t.test('a fold that dies half-way loses nothing', async (t) => {
  for (const verb of ['put', 'delete'] as const) {
    const { inner, all } = replicas(1);
    const { store, storage, catalog } = all[0]!;
    let deleted = 0;
    store.before = (operation) => {
      const isFold =
        operation.verb === verb && (verb === 'delete' ? deleted++ > 20 : operation.key.endsWith('manifest.json'));
      if (isFold) throw new Error('the process dies');
    };
    for (let n = 0; n < 300; n++) await catalog.note(`p${n}`, document(`p${n}`, 1));
    await storage.destroy();
    const cold = toyCatalog(new RegistryStorage(inner));
    t.equal((await cold.entries()).size, 300, verb);
  }
});

t.test('a reader between a fold’s base and its deletions', async (t) => {
  const { inner, all } = replicas(2);
  const [a, b] = [all[0]!, all[1]!];
  for (let n = 0; n < 255; n++) await a.catalog.note(`p${n}`, document(`p${n}`, 1));
  // b lists the entries, then a folds them all away, then b goes on
  let folded: Promise<unknown> | undefined;
  b.store.after = async ({ verb, key }) => {
    if (verb !== 'list' || !key.endsWith('entries/') || folded) return;
    folded = a.catalog.note('last', document('last', 1)).then(() => a.storage.destroy());
    await folded;
  };
  t.equal((await b.catalog.entries(FRESH)).size >= 255, true);
  t.ok(folded);
  t.ok(inner.objects.has('toy/catalog/manifest.json'));
  t.equal((await b.catalog.entries(FRESH)).size, 256);
});

t.test('a crash between commit and listing is repaired by any replica', async (t) => {
  let now = new Date('2026-01-01T00:00:00Z');
  const { inner, all } = replicas(2, { now: () => now });
  const [a, b] = [all[0]!, all[1]!];
  t.equal((await b.catalog.entries(FRESH)).size, 0);
  a.store.before = ({ verb, key }) => {
    if (key.startsWith('toy/catalog/entries/') || (verb === 'delete' && key.includes('/pending/')))
      throw new Error('gone');
  };
  await publishToy(a.storage, 'one', '1.0.0', Buffer.from('x'), a.catalog);
  t.equal(inner.keys('toy/catalog/pending/').length, 1);
  t.equal((await b.catalog.entries(FRESH)).size, 0, 'not yet: the publish may still be at it');
  t.equal(await b.catalog.repair(20_000), 0);
  now = new Date('2026-01-01T00:00:21Z');
  const c = new RegistryStorage(inner, { now: () => now });
  const third = toyCatalog(c);
  t.same([...(await third.entries()).keys()], ['one'], 'reading repairs');
  t.same([...(await b.catalog.entries(FRESH)).keys()], ['one'], 'for everybody');
  t.equal(inner.keys('toy/catalog/pending/').length, 1, 'the marker stays: a slow publish may still commit');
  t.equal(await b.catalog.repair(20_000), 0, 'and costs nothing more');
  now = new Date('2026-01-01T00:16:00Z');
  await b.storage.sweep();
  t.same(inner.keys('toy/catalog/pending/'), []);
});

t.test('a publisher that is slow between marker and commit is repaired all the same', async (t) => {
  let now = new Date('2026-01-01T00:00:00Z');
  const { all } = replicas(2, { now: () => now });
  const [a, b] = [all[0]!, all[1]!];
  a.store.before = async ({ verb, key }) => {
    if (verb === 'put' && key === documentKey('one')) {
      now = new Date('2026-01-01T00:00:30Z');
      t.equal(await b.catalog.repair(20_000), 0, 'nothing to repair from yet');
    }
    if (key.startsWith('toy/catalog/entries/')) throw new Error('killed');
  };
  await publishToy(a.storage, 'one', '1.0.0', Buffer.from('x'), a.catalog);
  t.equal(await b.catalog.repair(20_000), 1);
  t.equal((await b.catalog.entries(FRESH)).size, 1);
});

t.test('a publish whose artifact takes minutes renews its marker, and leaves none', async (t) => {
  let now = new Date('2026-01-01T00:00:00Z');
  const { inner, all } = replicas(1, { now: () => now });
  const { storage, store, catalog } = all[0]!;
  const markers: string[] = [];
  store.before = ({ verb, key }) => {
    if (verb !== 'put') return;
    // the artifact is stored ten minutes after the marker
    if (key.endsWith('.bin')) now = new Date('2026-01-01T00:10:00Z');
    if (key.startsWith('toy/catalog/pending/')) markers.push(key);
  };
  await publishToy(storage, 'one', '1.0.0', Buffer.from('x'), catalog);
  await storage.settled();
  t.equal(markers.length, 2);
  t.same(inner.keys('toy/catalog/pending/'), []);
});

t.test('one bad marker does not keep the others from being repaired', async (t) => {
  const { inner, all } = replicas(1);
  const { storage, catalog } = all[0]!;
  await inner.put('toy/catalog/pending/0000', Buffer.from('half a mar'));
  await publishToy(storage, 'one', '1.0.0', Buffer.from('x'));
  await catalog.mark('one');
  t.equal(await catalog.repair(0), 1);
  t.equal((await catalog.entries(FRESH)).size, 1);
});

t.test('a publish costs the same with ten packages and with ten thousand', async (t) => {
  const costs: number[][] = [];
  for (const count of [10, 10_000]) {
    const { inner, all } = replicas(1);
    const rows = Array.from({ length: count }, (_, n) => [`p${n}`, 1, { versions: ['1.0.0'] }]);
    await inner.put('toy/catalog/base.json', Buffer.from(JSON.stringify(rows)));
    const { store, storage, catalog } = all[0]!;
    t.equal((await catalog.entries()).size, count);
    await storage.destroy(); // what runs behind is done: the base of 0.2.0 is taken over
    const cost: number[] = [];
    const measure = async (work: () => Promise<unknown>) => {
      store.reset();
      await work();
      cost.push(store.count());
    };
    await measure(() => publishToy(storage, 'new', '1.0.0', Buffer.from('x'), catalog));
    await measure(() => publishToy(storage, 'new', '1.0.1', Buffer.from('x'), catalog));
    await measure(() => removeToy(storage, 'new', '1.0.1', catalog));
    await measure(() => catalog.entries(FRESH));
    costs.push(cost);
    t.comment(`${count}: new ${cost[0]}, known ${cost[1]}, removal ${cost[2]}, look ${cost[3]} operations`);
  }
  t.same(costs[0], costs[1]);
  t.ok(costs[0]![0]! <= 7 && costs[0]![1]! <= 6, 'and little');
});

t.test('folds are paid for by many publishes', async (t) => {
  const { store, storage, catalog } = replicas(1).all[0]!;
  const count = 5000;
  for (let n = 0; n < count; n++) await catalog.note(`p${n}`, document(`p${n}`, 1));
  await storage.destroy();
  const perNote = store.count() / count;
  t.ok(perNote < 2.5, `${perNote} operations for each note, folding included`);
  const bases = store.count('put', 'toy/catalog/manifest.json');
  t.ok(bases <= count / 256 + 2, `${bases} rewritings of the base`);
  t.ok(bases > 2);
});
