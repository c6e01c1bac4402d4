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
  one.store.once('get', DOCUMENTS, async () => {
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

t.test('a replica that gathers or folds while another rebuilds deletes no entry that the new base lacks', async (t) => {
  // with few packages the entries are folded into segments, with many into a batch
  for (const count of [5000, 1000]) {
    const inner = await based(count);
    const [one, other] = [replica(inner), replica(inner)];
    await one.catalog.entries(FRESH);
    await noteMany(one, 'w', 200);
    const [reached, rebuilt] = [gate(), gate()];
    const gathers = one.store.once('put', MANIFEST, async () => {
      reached.open();
      await rebuilt.opened;
    });
    let late: string[] = [];
    // the documents have been read, and the base that is made of them is about to be stored
    other.store.once('put', MANIFEST, async () => {
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
  }
});

t.test('a replica whose batch is stored behind that of another one reads that too', async (t) => {
  const inner = await based(13_000);
  const [one, other] = [replica(inner), replica(inner)];
  for (const { catalog } of [one, other]) await catalog.entries(FRESH);
  const isOvertaken = other.store.once('put', MANIFEST, async () => {
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
  const isSlipped = one.store.once('get', DOCUMENTS, () =>
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
  one.store.once('put', ENTRIES, async () => {
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

t.test('packages are listed although nobody can look for interrupted publishes', async (t) => {
  const { inner, names } = await published(3);
  const one = replica(inner);
  one.store.before = ({ verb, key }) => {
    if (verb === 'list' && key.startsWith('toy/catalog/pending')) throw new RegistryError('unavailable', 'down');
  };
  t.same(await listed(one), names);
});

t.test('a rebuild that meets a lost piece while others fold reads the documents again', async (t) => {
  const { inner, names } = await published(20);
  const [one, other] = [replica(inner), replica(inner)];
  await other.catalog.entries(FRESH);
  const isSlipped = one.store.once('put', PIECES, async () => {
    // folded, so that the rebuild finds no entry of it; and the piece that has it is lost
    const late = Array.from({ length: 260 }, (_, n) => `q${String(n).padStart(3, '0')}`);
    for (const name of late) await publishToy(other.storage, name, '1.0.0', Buffer.from('x'), other.catalog);
    await other.catalog.entries(FRESH);
    await other.storage.settled();
    for (const key of inner.keys(PIECES)) await inner.delete(key);
    names.push(...late);
  });
  await one.catalog.rebuild();
  t.ok(isSlipped());
  t.same(await listed(replica(inner)), names);
});

const manifestOf = (inner: MemoryObjectStore) =>
  JSON.parse(inner.objects.get(MANIFEST)!.bytes.toString()) as Record<'segments' | 'batches', { id: string }[]>;

/** The keys of the pieces that the manifest names. */
const namedPieces = (inner: MemoryObjectStore): string[] => {
  const { segments, batches } = manifestOf(inner);
  return [...segments, ...batches].map(({ id }) => `${PIECES}${id}.json`).sort();
};

t.test('an outage while a listing is read is an error: nothing counts as lost, and no document is read', async (t) => {
  const { inner } = await published(20);
  const writer = replica(inner);
  await publishToy(writer.storage, 'new', '1.0.0', Buffer.from('x'), writer.catalog);
  const before = inner.keys('toy/catalog/');
  for (const prefix of [MANIFEST, PIECES, ENTRIES]) {
    const one = replica(inner);
    one.store.before = ({ verb, key }) => {
      if (verb === 'get' && key.startsWith(prefix)) throw new RegistryError('unavailable', 'down');
    };
    await t.rejects(one.catalog.entries(FRESH), { kind: 'unavailable' } as unknown as Error, prefix);
    await one.storage.settled();
    t.equal(one.store.count('list', DOCUMENTS), 0, prefix);
    t.same(inner.keys('toy/catalog/'), before, prefix);
    one.store.before = undefined;
    t.equal((await listed(one)).length, 21);
  }
});

t.test(
  'an entry of another replica that is seen during a fold is not deleted with those that were folded',
  async (t) => {
    // with few packages the entries are folded into segments, with many into a batch
    for (const count of [1000, 13_000]) {
      const inner = await based(count);
      const [one, other] = [replica(inner), replica(inner)];
      await one.catalog.entries(FRESH);
      const isSeen = one.store.once('put', MANIFEST, async () => {
        await other.catalog.note('late', document('late'));
        t.ok((await one.catalog.entries(FRESH)).has('late'));
      });
      await noteMany(one, 'x');
      await one.catalog.entries(FRESH);
      await one.storage.settled();
      t.ok(isSeen());
      t.ok((await replica(inner).catalog.entries(FRESH)).has('late'), `${count} packages`);
    }
  },
);

t.test('of two replicas that mend a listing at once the slower one does not undo what came since', async (t) => {
  for (const damage of ['lost', 'damaged']) {
    const { inner, names } = await published(20);
    if (damage === 'lost') await inner.delete(MANIFEST);
    else await inner.put(MANIFEST, Buffer.from('{'));
    const [one, slow] = [replica(inner), replica(inner)];
    const more: string[] = [];
    const isOvertaken = slow.store.once('put', MANIFEST, async () => {
      t.same(await listed(one), names);
      await one.storage.settled();
      more.push(...(await noteMany(one, 'x')));
      await one.catalog.entries(FRESH);
      await one.storage.settled();
      t.ok(inner.keys(ENTRIES).length < 10, 'folded');
    });
    await listed(slow);
    await slow.storage.settled();
    t.ok(isOvertaken());
    const all = [...names, ...more].sort();
    for (const reader of [replica(inner), slow, one]) t.same(await listed(reader), all, damage);
    if (damage === 'damaged') t.ok(namedPieces(inner).every((key) => inner.objects.has(key)));
  }
});

t.test('a rebuild leaves no piece of the old listing, and no listing of an old release', async (t) => {
  const { inner, names } = await published(20);
  await inner.put('toy/catalog/base.json', Buffer.from('[["removed",1,{"versions":["1"]}]]'));
  const one = replica(inner);
  await one.catalog.rebuild();
  t.same(inner.keys(PIECES), namedPieces(inner));
  await inner.delete(MANIFEST);
  t.same(await listed(replica(inner)), names, 'what was deleted long ago does not come back');
});

t.test('a running replica meets a rebuilt listing of which a piece is lost: it answers the whole list', async (t) => {
  const { inner, names } = await published(20);
  const running = replica(inner);
  t.same(await listed(running), names);
  await replica(inner).catalog.rebuild();
  for (const key of inner.keys(PIECES)) await inner.delete(key);
  t.same(await listed(running), names);
  await running.storage.settled();
  t.same(await listed(running), names);
  const fresh = replica(inner);
  t.same(await listed(fresh), names);
  t.equal(fresh.store.count('list', DOCUMENTS), 0, 'it was mended');
});

t.test(
  'a running replica answers from memory while neither the rebuilt listing nor the documents can be had',
  async (t) => {
    const { inner, names } = await published(20);
    const running = replica(inner);
    t.same(await listed(running), names);
    await replica(inner).catalog.rebuild();
    for (const key of inner.keys(PIECES)) await inner.delete(key);
    running.store.before = ({ key }) => {
      if (key.startsWith(DOCUMENTS)) throw new RegistryError('unavailable', 'down');
    };
    for (let n = 0; n < 3; n++) {
      t.same(await listed(running), names);
      await running.storage.settled();
    }
  },
);

t.test('a rebuild that takes long: who asks is told to come again, and not kept waiting', async (t) => {
  const { inner, names } = await published(5);
  await inner.delete(MANIFEST);
  const one = replica(inner);
  const held = gate();
  one.store.before = ({ verb, key }) => (verb === 'get' && key.startsWith(DOCUMENTS) ? held.opened : undefined);
  const { setTimeout: real } = globalThis;
  t.teardown(() => {
    globalThis.setTimeout = real;
  });
  // ten seconds pass at once
  globalThis.setTimeout = ((work: () => void, ms?: number, ...rest: []) =>
    real(work, ms === 10_000 ? 1 : ms, ...rest)) as typeof real;
  const answer = await Promise.race([
    one.catalog.entries(FRESH).catch(({ kind }: RegistryError) => kind),
    new Promise((resolve) => real(resolve, 5000, 'kept waiting')),
  ]);
  globalThis.setTimeout = real;
  t.equal(answer, 'unavailable');
  held.open();
  t.same(await listed(one), names);
});
