import t from 'tap';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import { publishToy, toyCatalog } from '../../support/toy-packages.js';
import { manyTurns } from '../../support/waiting.js';

const FRESH = { maxAgeMs: 0 };
const ENTRIES = 'toy/catalog/entries/';
const PIECES = 'toy/catalog/pieces/';
const MANIFEST = 'toy/catalog/manifest.json';
const DOCUMENTS = 'toy/packages/';

const replica = (inner: MemoryObjectStore) => {
  const store = new FaultObjectStore(inner);
  const storage = new RegistryStorage(store, { logger: { info() {}, warn() {}, error() {} } });
  return { store, storage, catalog: toyCatalog(storage) };
};
type TReplica = ReturnType<typeof replica>;

const document = (name: string, revision = 1) => ({
  name,
  revision,
  versions: [{ version: `${revision}`, key: '', sha256: '', writeId: '' }],
});

const listed = async ({ catalog }: TReplica) => [...(await catalog.entries(FRESH)).keys()].sort();

/** Enough packages that a replica moves their entries into the base. */
const noteMany = async ({ catalog }: TReplica, letter: string, count = 260): Promise<string[]> => {
  const names = Array.from({ length: count }, (_, n) => `${letter}${String(n).padStart(3, '0')}`);
  for (const name of names) await catalog.note(name, document(name));
  return names;
};

/** A base of so many rows without documents. */
const based = async (count: number): Promise<MemoryObjectStore> => {
  const inner = new MemoryObjectStore();
  const rows = Array.from({ length: count }, (_, n) => [`p${String(n).padStart(5, '0')}`, 1, { versions: ['1'] }]);
  await inner.put('toy/catalog/base.json', Buffer.from(JSON.stringify(rows)));
  const one = replica(inner);
  await one.catalog.entries(FRESH);
  await one.storage.destroy();
  return inner;
};

/** Packages with documents, and a base of them. */
const published = async (count: number) => {
  const inner = new MemoryObjectStore();
  const one = replica(inner);
  const names = Array.from({ length: count }, (_, n) => `p${String(n).padStart(3, '0')}`);
  for (const name of names) await publishToy(one.storage, name, '1.0.0', Buffer.from('x'), one.catalog);
  await one.catalog.rebuild();
  await one.storage.destroy();
  return { inner, names };
};

/** Runs `work` once, just before this operation. */
const once = ({ store }: TReplica, verb: string, prefix: string, work: () => Promise<unknown>) => {
  let isDone = false;
  store.before = async (operation) => {
    if (isDone || operation.verb !== verb || !operation.key.startsWith(prefix)) return;
    isDone = true;
    await work();
  };
  return () => isDone;
};

const gate = () => {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
};

t.test('many publishes while a lost listing is rebuilt: no half of it is stored as the whole', async (t) => {
  const { inner, names } = await published(20);
  for (const key of inner.keys('toy/catalog/')) await inner.delete(key);
  const one = replica(inner);
  const [reading, held] = [gate(), gate()];
  once(one, 'get', DOCUMENTS, async () => {
    reading.open();
    await held.opened;
  });
  const listing = listed(one);
  await reading.opened;
  const more = await noteMany(one, 'x');
  await manyTurns();
  t.same(inner.keys(PIECES), [], 'nothing yet');
  held.open();
  const all = [...names, ...more].sort();
  t.same(await listing, all);
  await one.storage.settled();
  t.same(await listed(replica(inner)), all);
});

t.test('a replica that gathers while another rebuilds deletes no entry that the new base lacks', async (t) => {
  const inner = await based(5000);
  const [one, other] = [replica(inner), replica(inner)];
  await one.catalog.entries(FRESH);
  await noteMany(one, 'w', 200);
  const [reached, rebuilt] = [gate(), gate()];
  const gathers = once(one, 'put', MANIFEST, async () => {
    reached.open();
    await rebuilt.opened;
  });
  let late: string[] = [];
  // the documents have been read, and the base that is made of them is about to be stored
  once(other, 'put', MANIFEST, async () => {
    late = await noteMany(one, 'x', 60);
    await one.catalog.entries(FRESH);
    await reached.opened;
  });
  await other.catalog.rebuild();
  t.ok(gathers());
  rebuilt.open();
  await one.storage.settled();
  t.same(await listed(replica(inner)), late);
  t.same(await listed(one), late);
});

t.test('a replica whose batch is stored behind that of another one reads that too', async (t) => {
  const inner = await based(13_000);
  const [one, other] = [replica(inner), replica(inner)];
  for (const { catalog } of [one, other]) await catalog.entries(FRESH);
  const isOvertaken = once(other, 'put', MANIFEST, async () => {
    await noteMany(one, 'x', 256);
    await one.catalog.entries(FRESH);
    await one.storage.settled();
  });
  await noteMany(other, 'y', 256);
  await other.catalog.entries(FRESH);
  await other.storage.settled();
  t.ok(isOvertaken());
  t.same(inner.keys(ENTRIES), [], 'both were gathered');
  t.equal((await listed(other)).length, 13_512);
  t.equal((await listed(one)).length, 13_512);
});

t.test('a package that is published while a rebuild reads the documents is listed', async (t) => {
  const { inner, names } = await published(20);
  const [one, other] = [replica(inner), replica(inner)];
  const isSlipped = once(one, 'get', DOCUMENTS, () =>
    publishToy(other.storage, 'new', '1.0.0', Buffer.from('x'), other.catalog),
  );
  await one.catalog.rebuild();
  t.ok(isSlipped());
  t.same(await listed(replica(inner)), ['new', ...names]);
});

t.test('a listing that was rebuilt and cannot be stored is answered all the same', async (t) => {
  const { inner, names } = await published(20);
  await inner.delete(MANIFEST);
  const one = replica(inner);
  one.store.before = ({ verb, key }) => {
    if (verb === 'put' && key.startsWith(PIECES)) throw new RegistryError('unavailable', 'full');
  };
  t.same(await listed(one), names);
});

t.test('a replica that cannot store a lost base anew does not read all documents for each request', async (t) => {
  const { inner, names } = await published(20);
  const one = replica(inner);
  t.same(await listed(one), names);
  await inner.delete(MANIFEST);
  one.store.before = ({ verb, key }) => {
    if (verb === 'put' && key.startsWith(PIECES)) throw new RegistryError('unavailable', 'full');
  };
  for (let n = 0; n < 4; n++) {
    t.same(await listed(one), names);
    await one.storage.settled();
  }
  t.equal(one.store.count('get', DOCUMENTS), 20);
});

t.test('a base of very many batches is folded, however few packages they hold', async (t) => {
  const inner = await based(1000);
  const stored = JSON.parse(inner.objects.get(MANIFEST)!.bytes.toString()) as { batches: unknown[] };
  for (let n = 0; n < 256; n++) {
    const id = crypto.randomUUID();
    await inner.put(`${PIECES}${id}.json`, Buffer.from(`[["x",${n},{"versions":["${n}"]}]]`));
    stored.batches.push({ id, count: 1 });
  }
  await inner.put(MANIFEST, Buffer.from(JSON.stringify(stored)));
  const one = replica(inner);
  t.same((await one.catalog.entries(FRESH)).get('x'), { versions: ['255'] });
  await one.storage.settled();
  t.same(JSON.parse(inner.objects.get(MANIFEST)!.bytes.toString()).batches, []);
  const other = replica(inner);
  t.same((await other.catalog.entries(FRESH)).get('x'), { versions: ['255'] });
  t.ok(other.store.count('get', PIECES) < 5);
});

t.test('a fold that misses a segment leaves no piece that nothing names', async (t) => {
  const inner = await based(3000);
  const one = replica(inner);
  await one.catalog.entries(FRESH);
  const { segments } = JSON.parse(inner.objects.get(MANIFEST)!.bytes.toString()) as { segments: { id: string }[] };
  await inner.delete(`${PIECES}${segments.at(-1)!.id}.json`);
  for (const letter of ['a', 'p0', 'p1', 'z']) await noteMany(one, letter, 70);
  await one.catalog.entries(FRESH);
  await one.storage.settled();
  const after = JSON.parse(inner.objects.get(MANIFEST)!.bytes.toString()) as Record<
    'segments' | 'batches',
    { id: string }[]
  >;
  const named = [...after.segments, ...after.batches].map(({ id }) => `${PIECES}${id}.json`).sort();
  t.same(inner.keys(PIECES), named);
  t.equal((await listed(replica(inner))).length, 3280);
});

t.test('a note that could not be stored does not keep the next ones from being stored', async (t) => {
  const { inner, names } = await published(2);
  const one = replica(inner);
  once(one, 'put', ENTRIES, async () => {
    throw new RegistryError('unavailable', 'down');
  });
  await t.rejects(one.catalog.note('lost', document('lost')));
  await one.catalog.note('kept', document('kept'));
  t.same(await listed(one), ['kept', ...names]);
});

t.test('a base whose manifest may have been stored keeps its pieces', async (t) => {
  const inner = await based(1000);
  const one = replica(inner);
  await one.catalog.entries(FRESH);
  await noteMany(one, 'x', 256);
  await one.storage.settled();
  let isDown = false;
  one.store.after = ({ verb, key }) => {
    if (verb === 'put' && key === MANIFEST) isDown = true;
    if (isDown && key === MANIFEST) throw new RegistryError('unavailable', 'down');
  };
  await noteMany(one, 'y', 300);
  await one.storage.settled();
  t.ok(isDown);
  const other = replica(inner);
  t.equal((await listed(other)).length, 1556);
  t.equal(other.store.count('list', DOCUMENTS), 0, 'the base is sound');
});
