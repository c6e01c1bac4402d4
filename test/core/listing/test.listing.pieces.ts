import t from 'tap';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { ChangeLog } from '../../../ts/core/listing/classes.changelog.js';
import { joinRows } from '../../../ts/core/listing/helpers.rows.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import { toyCatalog } from '../../support/toy-packages.js';

const FRESH = { maxAgeMs: 0 };
const ENTRIES = 'toy/catalog/entries/';
const PIECES = 'toy/catalog/pieces/';
const MANIFEST = 'toy/catalog/manifest.json';

interface IManifest {
  segments: { id: string; first: string; count: number }[];
  batches: { id: string; count: number }[];
}

const replica = (inner: MemoryObjectStore) => {
  const store = new FaultObjectStore(inner);
  const storage = new RegistryStorage(store);
  return { store, storage, catalog: toyCatalog(storage) };
};

const manifestOf = (inner: MemoryObjectStore) => JSON.parse(inner.objects.get(MANIFEST)!.bytes.toString()) as IManifest;

const document = (name: string, revision: number) => ({
  name,
  revision,
  versions: [{ version: `${revision}`, key: '', sha256: '', writeId: '' }],
});

const nameOf = (n: number): string => `p${String(n).padStart(5, '0')}`;

/** A store with a base of `count` packages, and a replica that knows them. */
const based = async (count: number) => {
  const inner = new MemoryObjectStore();
  const rows = Array.from({ length: count }, (_, n) => [nameOf(n), 1, { versions: ['1'] }]);
  await inner.put('toy/catalog/base.json', Buffer.from(JSON.stringify(rows)));
  const one = replica(inner);
  t.equal((await one.catalog.entries(FRESH)).size, count);
  await one.storage.destroy();
  return { inner, one };
};

t.test('the base is made of segments, and a fold rewrites those that changed', async (t) => {
  const { inner, one } = await based(5000);
  const before = manifestOf(inner);
  t.equal(before.segments.length, 5);
  t.same(
    before.segments.map(({ first }) => first),
    [0, 1000, 2000, 3000, 4000].map(nameOf),
  );
  // 400 packages of the second segment, and 150 new ones behind all others
  for (let n = 1000; n < 1400; n++) await one.catalog.note(nameOf(n), document(nameOf(n), 2));
  for (let n = 0; n < 150; n++) await one.catalog.note(`z${n}`, document(`z${n}`, 1));
  await one.catalog.entries(FRESH);
  await one.storage.destroy();
  const after = manifestOf(inner);
  const kept = after.segments.filter(({ id }) => before.segments.some((old) => old.id === id));
  t.same(
    kept.map(({ first }) => first),
    [0, 2000, 3000].map(nameOf),
  );
  t.same(inner.keys(PIECES).length, after.segments.length + after.batches.length, 'nothing else is left');
  const firsts = after.segments.map(({ first }) => first);
  t.same(firsts, [...firsts].sort(), 'in order, so that each name has its segment');
  const cold = replica(inner);
  const { packages } = await cold.catalog.sorted(FRESH);
  t.equal(packages.length, 5150);
  t.same(
    packages.map(({ name }) => name),
    packages.map(({ name }) => name).sort(),
  );
  t.same((await cold.catalog.entries()).get(nameOf(1100)), { versions: ['2'] });
});

t.test('two replicas fold the same at once: one wins, and nothing of the other stays', async (t) => {
  const { inner } = await based(1000);
  const [one, other] = [replica(inner), replica(inner)];
  for (const { catalog } of [one, other]) await catalog.entries(FRESH);
  for (let n = 0; n < 250; n++) {
    await one.catalog.note(`x${n}`, document(`x${n}`, 1));
    await other.catalog.note(`y${n}`, document(`y${n}`, 1));
  }
  let isOvertaken = false;
  other.store.before = async ({ verb, key }) => {
    if (isOvertaken || verb !== 'put' || key !== MANIFEST) return;
    isOvertaken = true;
    await one.catalog.entries(FRESH);
    await one.storage.settled();
  };
  await other.catalog.entries(FRESH);
  await other.storage.settled();
  t.ok(isOvertaken);
  const { segments, batches } = manifestOf(inner);
  t.same(inner.keys(PIECES), [...segments, ...batches].map(({ id }) => `${PIECES}${id}.json`).sort());
  t.equal((await replica(inner).catalog.entries(FRESH)).size, 1500);
});

t.test('a package that is published again while it is folded keeps its newer state', async (t) => {
  // with few packages the entries are folded into segments, with many into a batch
  for (const count of [1000, 13_000]) {
    const { inner, one } = await based(count);
    let isHeld = false;
    one.store.before = async ({ verb, key }) => {
      if (isHeld || verb !== 'put' || key !== MANIFEST) return;
      isHeld = true;
      await one.catalog.note('x1', document('x1', 2));
    };
    for (const round of ['x', 'y', 'z']) {
      for (let n = 0; n < 260; n++) await one.catalog.note(`${round}${n}`, document(`${round}${n}`, 1));
      await one.catalog.entries(FRESH);
      await one.storage.settled();
    }
    t.ok(isHeld);
    t.ok(inner.keys(ENTRIES).length < 200, 'its newer entry is folded too');
    t.same((await replica(inner).catalog.entries(FRESH)).get('x1'), { versions: ['2'] }, `${count} packages`);
  }
});

t.test('a replica does not fold again what another has folded', async (t) => {
  const { inner } = await based(1000);
  const [writer, reader] = [replica(inner), replica(inner)];
  for (const { catalog } of [writer, reader]) await catalog.entries(FRESH);
  for (const round of ['a', 'b', 'c']) {
    const note = (n: number) => writer.catalog.note(`${round}${n}`, document(`${round}${n}`, 1));
    for (let n = 0; n < 200; n++) await note(n);
    // not yet enough for a fold
    await reader.catalog.entries(FRESH);
    for (let n = 200; n < 270; n++) await note(n);
    await writer.catalog.entries(FRESH);
    await writer.storage.settled();
    t.ok(inner.keys(ENTRIES).length < 100, 'the writer has folded them');
    await reader.catalog.entries(FRESH);
    await reader.storage.settled();
    t.equal(reader.store.count('put'), 0, round);
  }
  t.equal((await reader.catalog.entries(FRESH)).size, 1000 + 3 * 270);
});

t.test('a segment that grows is divided', async (t) => {
  const { inner, one } = await based(1200);
  for (let n = 0; n < 1500; n++) await one.catalog.note(`m${n}`, document(`m${n}`, 1));
  await one.catalog.entries(FRESH);
  await one.storage.destroy();
  const { segments } = manifestOf(inner);
  t.ok(segments.length >= 2);
  for (const { count } of segments) t.ok(count < 1500, `${count} rows`);
  t.equal((await replica(inner).catalog.entries(FRESH)).size, 2700);
});

t.test('entries are gathered into batches long before they are folded', async (t) => {
  const { inner, one } = await based(16_000);
  const reader = replica(inner);
  await reader.catalog.entries(FRESH);
  one.store.reset();
  let most = 0;
  for (let n = 0; n < 800; n++) {
    await one.catalog.note(nameOf(20 * n), document(nameOf(20 * n), 2));
    if (n % 50 > 0) continue;
    most = Math.max(most, inner.keys(ENTRIES).length);
    t.same((await reader.catalog.entries(FRESH)).get(nameOf(20 * n)), { versions: ['2'] });
  }
  await one.storage.destroy();
  t.ok(most < 400, `${most} entries at most`);
  const { batches, segments } = manifestOf(inner);
  t.equal(segments.length, 16);
  t.ok(batches.length >= 2, `${batches.length} batches`);
  t.ok(one.store.count('put', PIECES) < 8, 'no segment was written');
  const cold = replica(inner);
  const entries = await cold.catalog.entries(FRESH);
  t.equal(entries.size, 16_000);
  t.equal([...entries.values()].filter(({ versions }) => versions[0] === '2').length, 800);
  // until they are a share of all packages
  for (let n = 0; n < 800; n++) await one.catalog.note(nameOf(20 * n + 1), document(nameOf(20 * n + 1), 2));
  await one.catalog.entries(FRESH);
  await one.storage.destroy();
  t.ok(one.store.count('put', PIECES) >= 16, 'folded');
  const last = await replica(inner).catalog.entries(FRESH);
  t.equal([...last.values()].filter(({ versions }) => versions[0] === '2').length, 1600);
});

t.test('a reader that listed the entries finds what was gathered or folded since', async (t) => {
  for (const count of [16_000, 10]) {
    const { inner, one } = await based(count);
    const reader = replica(inner);
    await reader.catalog.entries(FRESH);
    for (let n = 0; n < 250; n++) await one.catalog.note(`q${n}`, document(`q${n}`, 1));
    let moved = false;
    reader.store.after = async ({ verb, key }) => {
      if (verb !== 'list' || key !== ENTRIES || moved) return;
      moved = true;
      for (let n = 250; n < 260; n++) await one.catalog.note(`q${n}`, document(`q${n}`, 1));
      await one.catalog.entries(FRESH);
      await one.storage.destroy();
      t.ok(inner.keys(ENTRIES).length < 20, 'moved');
    };
    const cold = replica(inner);
    cold.store.after = reader.store.after;
    t.ok((await cold.catalog.entries(FRESH)).size >= count + 250);
    t.ok(moved);
    t.equal((await reader.catalog.entries(FRESH)).size, count + 260);
  }
});

t.test('a reader whose segment another replica replaces reads the manifest again', async (t) => {
  const { inner, one } = await based(3000);
  const cold = replica(inner);
  let replaced = false;
  cold.store.before = async ({ verb, key }) => {
    if (verb !== 'get' || !key.startsWith(PIECES) || replaced) return;
    replaced = true;
    for (let n = 0; n < 300; n++) await one.catalog.note(nameOf(10 * n), document(nameOf(10 * n), 2));
    await one.catalog.entries(FRESH);
    await one.storage.destroy();
  };
  const entries = await cold.catalog.entries(FRESH);
  t.ok(replaced);
  t.equal(entries.size, 3000);
  t.same(entries.get(nameOf(10)), { versions: ['2'] });
  t.equal(cold.store.count('list', 'toy/packages/'), 0, 'nothing had to be rebuilt');
});

t.test('a fold that dies, or whose answer is lost, at any of its operations loses nothing', async (t) => {
  // of how many operations is it?
  const run = async (fault: number, when: 'before' | 'after') => {
    const { inner, one } = await based(600);
    let at = 0;
    const strike = (operation: { verb: string; key: string }) => {
      const isWrite = operation.verb !== 'list' && operation.verb !== 'get' && operation.verb !== 'head';
      const isFold = operation.key === MANIFEST || operation.key.startsWith(PIECES) || operation.verb === 'delete';
      if (!isWrite || !isFold) return;
      if (when === 'before' ? at++ >= fault : at++ === fault) throw new Error('gone');
    };
    one.store[when] = strike;
    for (let n = 0; n < 256; n++) await one.catalog.note(nameOf(2 * n), document(nameOf(2 * n), 2));
    await one.storage.destroy();
    for (const reader of [replica(inner), one]) {
      one.store[when] = undefined;
      const entries = await reader.catalog.entries(FRESH);
      t.equal(entries.size, 600, `${when} ${fault}`);
      t.equal([...entries.values()].filter(({ versions }) => versions[0] === '2').length, 256, `${when} ${fault}`);
    }
    return at;
  };
  const count = await run(1e9, 'before');
  t.ok(count > 256, `${count} operations`);
  for (const fault of [0, 1, 2, 3, 4, 5, 100]) {
    await run(fault, 'before');
    await run(fault, 'after');
  }
});

t.test('a fold that brings nothing new writes nothing', async (t) => {
  const { inner, one } = await based(300);
  // notes of what the base has already, as a repair makes them
  for (let n = 0; n < 300; n++) {
    const name = nameOf(n);
    const entry = JSON.stringify({ name, revision: 1, entry: { versions: ['1'] } });
    await inner.put(`${ENTRIES}${name}=1`, Buffer.from(entry));
  }
  one.store.reset();
  await one.catalog.entries(FRESH);
  await one.storage.destroy();
  t.equal(one.store.count('put'), 0);
  t.same(inner.keys(ENTRIES), [], 'and removes them');
});

t.test('rows are joined by name, the higher revision of each', (t) => {
  const row = (name: string, revision: number, entry: string | null = `${revision}`) => ({ name, revision, entry });
  const base = [row('b', 5), row('d', 1), row('f', 2)];
  const more = [row('a', 1), row('b', 4), row('d', 2, null), row('e', 1), row('f', 2, 'other'), row('g', 1)];
  t.same(joinRows(base, more), [row('a', 1), row('b', 5), row('d', 2, null), row('e', 1), row('f', 2), row('g', 1)]);
  t.same(joinRows(base, []), base);
  t.same(joinRows([], more), more);
  t.end();
});

t.test('a note that lingers with those of others is in the listing of its own process', async (t) => {
  const { one } = await based(3);
  const other = await one.catalog.mark('other');
  const own = await one.catalog.mark('own');
  await one.catalog.note('own', document('own', 1), own);
  t.equal(one.store.count('put', ENTRIES), 0, 'it lingers');
  t.ok((await one.catalog.entries({ maxAgeMs: 1e9 })).has('own'));
  await one.catalog.unmark(other);
});

t.test('a look that failed does not count as one', async (t) => {
  const { inner, one } = await based(3);
  const other = replica(inner);
  await other.catalog.note('new', document('new', 1));
  let fails = true;
  one.store.before = () => {
    if (fails) throw new Error('down');
  };
  await t.rejects(one.catalog.entries(FRESH));
  fails = false;
  t.ok((await one.catalog.entries({ maxAgeMs: 1e9 })).has('new'));
});

t.test('what changed is known by name', async (t) => {
  const { inner, one } = await based(3);
  const other = replica(inner);
  await other.catalog.entries(FRESH);
  const { version } = other.catalog;
  await one.catalog.note('new', document('new', 1));
  await one.catalog.note(nameOf(1), document(nameOf(1), 2));
  await other.catalog.entries(FRESH);
  t.same([...(other.catalog.changedSince(version) ?? [])].sort(), ['new', nameOf(1)]);
  t.same([...(other.catalog.changedSince(other.catalog.version) ?? ['?'])], []);
  const log = new ChangeLog();
  for (let n = 0; n < 50_000; n++) log.add(`${n}`);
  t.equal(log.version, 50_000);
  t.equal(log.since(10), undefined);
  t.same([...(log.since(49_998) ?? [])], ['49998', '49999']);
});
