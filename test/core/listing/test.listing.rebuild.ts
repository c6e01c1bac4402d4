import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { PackageCatalog } from '../../../ts/core/listing/classes.packagecatalog.js';
import { DAMAGED, manifestCodec } from '../../../ts/core/listing/helpers.manifest.js';
import { parseEntries, parseRows, parseRowsInSlices } from '../../../ts/core/listing/helpers.rows.js';
import { SearchIndex } from '../../../ts/core/listing/search/classes.searchindex.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import { makeDirectory, openStore, tree } from '../../support/store/objectstore-directory.js';
import { documentKey, publishToy, removeToy, toyCatalog } from '../../support/toy-packages.js';

const FRESH = { maxAgeMs: 0 };
const MANIFEST = 'toy/catalog/manifest.json';
const PIECES = 'toy/catalog/pieces/';

const replica = (inner: MemoryObjectStore, now?: () => Date) => {
  const store = new FaultObjectStore(inner);
  const logged: string[] = [];
  const log = (message: string) => void logged.push(message);
  const storage = new RegistryStorage(store, { now, logger: { info: log, warn: log, error: log } });
  return { store, storage, logged, catalog: toyCatalog(storage) };
};

const names = Array.from({ length: 300 }, (_, n) => `p${String(n).padStart(3, '0')}`);

/** A store with packages that are all folded into the base, and one that was removed. */
const filled = async (count = names.length) => {
  const inner = new MemoryObjectStore();
  const { storage, catalog } = replica(inner);
  for (const name of names.slice(0, count)) await publishToy(storage, name, '1.0.0', Buffer.from('x'), catalog);
  await publishToy(storage, 'gone', '1.0.0', Buffer.from('x'), catalog);
  await removeToy(storage, 'gone', '1.0.0', catalog);
  await storage.destroy();
  const folding = replica(inner);
  await folding.catalog.entries(FRESH);
  await folding.storage.destroy();
  return inner;
};

const listed = async ({ catalog }: Pick<ReturnType<typeof replica>, 'catalog'>) =>
  [...(await catalog.entries(FRESH)).keys()].sort();

const damages: [string, (inner: MemoryObjectStore) => Promise<void>][] = [
  ['the manifest is lost', (inner) => inner.delete(MANIFEST)],
  [
    'the manifest is cut off',
    async (inner) => void (await inner.put(MANIFEST, Buffer.from('{"generation":"x","segm'))),
  ],
  ['the manifest is other JSON', async (inner) => void (await inner.put(MANIFEST, Buffer.from('[[1]]')))],
  [
    'the manifest names what is no segment',
    async (inner) => void (await inner.put(MANIFEST, Buffer.from('{"generation":"x","segments":[{}],"batches":[]}'))),
  ],
  ['a segment is lost', (inner) => inner.delete(inner.keys(PIECES)[0]!)],
  ['a segment is cut off', async (inner) => void (await inner.put(inner.keys(PIECES)[0]!, Buffer.from('[["p0",')))],
  ['a segment has other rows', async (inner) => void (await inner.put(inner.keys(PIECES)[0]!, Buffer.from('[{}]')))],
  [
    'an entry is cut off',
    async (inner) => void (await inner.put(`toy/catalog/entries/p001=9=${crypto.randomUUID()}`, Buffer.from('{"na'))),
  ],
  [
    'an entry is other JSON',
    async (inner) => void (await inner.put(`toy/catalog/entries/q=1=${crypto.randomUUID()}`, Buffer.from('null'))),
  ],
  [
    'an entry of several packages is empty',
    async (inner) => void (await inner.put(`toy/catalog/entries/+${crypto.randomUUID()}`, Buffer.from(''))),
  ],
  [
    'all of the listing is lost',
    async (inner) => {
      for (const key of inner.keys('toy/catalog/')) await inner.delete(key);
    },
  ],
];

for (const [what, damage] of damages) {
  t.test(`${what}: the listing is whole all the same, for new and for old replicas, and goes on`, async (t) => {
    const inner = await filled();
    const old = replica(inner);
    t.same(await listed(old), names);
    await damage(inner);
    const fresh = replica(inner);
    t.same(await listed(fresh), names);
    await fresh.storage.settled();
    const next = replica(inner);
    t.same(await listed(next), names);
    t.equal(next.store.count('list', 'toy/packages/'), 0, 'the base is sound again');
    t.same(await listed(old), names);
    await publishToy(fresh.storage, 'new', '1.0.0', Buffer.from('x'), fresh.catalog);
    t.same(await listed(old), ['new', ...names]);
    t.same(await listed(replica(inner)), ['new', ...names]);
  });
}

t.test('a replica that runs mends the base as well', async (t) => {
  const inner = await filled();
  const running = replica(inner);
  t.same(await listed(running), names);
  for (const damage of [() => inner.delete(MANIFEST), () => inner.put(MANIFEST, Buffer.from('{'))]) {
    await damage();
    t.same(await listed(running), names, 'and goes on from memory');
    await running.storage.settled();
    t.same(JSON.parse(inner.objects.get(MANIFEST)?.bytes.toString() ?? '{}').batches, []);
  }
  // it has read the segment and does not miss it, until it is to be written anew
  await inner.delete(inner.keys(PIECES)[0]!);
  const more = names.map((name) => `q${name}`);
  for (const name of more) await publishToy(running.storage, name, '1.0.0', Buffer.from('x'), running.catalog);
  await running.storage.settled();
  const other = replica(inner);
  t.same(await listed(other), [...names, ...more]);
  t.equal(other.store.count('list', 'toy/packages/'), 0);
});

t.test('listings fail only as long as the store does', async (t) => {
  for (const failing of ['list', 'get']) {
    const inner = await filled();
    await inner.delete(MANIFEST);
    const one = replica(inner);
    one.store.before = ({ verb, key }) => {
      if (verb === failing && key.startsWith('toy/packages/')) throw new RegistryError('unavailable', 'down');
    };
    await t.rejects(
      one.catalog.entries(FRESH),
      { kind: 'unavailable' } as unknown as Error,
      `no short list: ${failing}`,
    );
    one.store.before = undefined;
    t.same(await listed(one), names);
  }
});

t.test('a document that cannot be read does not keep the others from being listed', async (t) => {
  const inner = await filled(20);
  await inner.put(documentKey('p003'), Buffer.from('{"name":'));
  for (const key of inner.keys('toy/catalog/')) await inner.delete(key);
  const one = replica(inner);
  t.equal((await listed(one)).length, 19);
  t.match(one.logged, [/cannot be read/]);
});

t.test('a document that the store finds damaged does not keep the others from being listed', async (t) => {
  const inner = await filled(20);
  for (const key of inner.keys('toy/catalog/')) await inner.delete(key);
  const one = replica(inner);
  one.store.before = ({ verb, key }) => {
    if (verb === 'get' && key === documentKey('p003')) throw new RegistryError('internal', 'The file is damaged');
  };
  t.same(
    await listed(one),
    names.slice(0, 20).filter((name) => name !== 'p003'),
  );
  t.match(one.logged, [/cannot be read/]);
});

t.test('a package that was deleted and not noted does not come back with a lost listing', async (t) => {
  const inner = new MemoryObjectStore();
  const keyOf = (name: string): string => `toy/packages/${name}.json`;
  // the revisions are those that storage counts, as for all protocols that delete documents
  const open = () => {
    const storage = new RegistryStorage(inner);
    const catalog = new PackageCatalog<{ name: string }, { name: string }>(storage, {
      prefix: 'toy/catalog',
      documentKey: keyOf,
      documents: { prefix: 'toy/packages/', nameOf: (key) => /([^/]+)\.json$/.exec(key)?.[1] },
      entry: (_name, document) => document,
    });
    return { storage, catalog };
  };
  const { storage, catalog } = open();
  for (const name of ['there', 'gone']) {
    const { value, revision } = await storage.update<{ name: string }>(keyOf(name), () => ({ name }));
    await catalog.note(name, value, undefined, revision);
    if (name === 'gone') break;
    // into the base; the entry of the other one stays
    await catalog.entries(FRESH);
    await storage.settled();
  }
  t.equal(inner.keys('toy/catalog/entries/').length, 1);
  t.same([...(await catalog.entries(FRESH)).keys()].sort(), ['gone', 'there']);
  // the process ends between its write and its note; somebody loses the manifest
  await storage.update<{ name: string }>(keyOf('gone'), () => null);
  await storage.settled();
  await inner.delete(MANIFEST);
  const next = open();
  t.same([...(await next.catalog.entries(FRESH)).keys()], ['there']);
  t.same([...(await catalog.entries(FRESH)).keys()], ['there'], 'nor stays in a replica that runs');
});

t.test('the base of 0.2.0 is taken over, and a damaged one rebuilt', async (t) => {
  for (const base of [JSON.stringify(names.map((name) => [name, 1, { versions: ['1.0.0'] }])), '[["p000",1,{"ver']) {
    const inner = await filled();
    for (const key of inner.keys('toy/catalog/')) await inner.delete(key);
    await inner.put('toy/catalog/base.json', Buffer.from(base));
    await inner.put(
      'toy/catalog/entries/p000=2',
      Buffer.from('{"name":"p000","revision":2,"entry":{"versions":["2"]}}'),
    );
    const one = replica(inner);
    t.same(await listed(one), names);
    t.same((await one.catalog.entries()).get('p000'), { versions: ['2'] });
    await one.storage.destroy();
    t.same(inner.keys('toy/catalog/entries/'), []);
    t.notOk(inner.objects.has('toy/catalog/base.json'));
    const other = replica(inner);
    t.same(await listed(other), names);
    t.equal(other.store.count('list', 'toy/packages/'), 0, 'nobody has to read the documents');
    t.same((await other.catalog.entries()).get('p000'), { versions: ['2'] });
  }
});

t.test('a rebuild by command takes the documents at their word, and every replica with it', async (t) => {
  const inner = await filled();
  const running = replica(inner);
  t.same(await listed(running), names);
  const { version } = running.catalog;
  // somebody works in the bucket by hand
  for (const key of inner.keys('toy/packages/p000/')) await inner.delete(key);
  const one = replica(inner);
  await publishToy(one.storage, 'unnoted', '1.0.0', Buffer.from('x'));
  t.ok((await listed(one)).includes('p000'));
  const progress: number[] = [];
  t.equal(await one.catalog.rebuild((count) => progress.push(count)), 301, 'with the one that has no versions');
  t.equal(progress.at(-1), 301);
  const after = [...names.slice(1), 'unnoted'];
  t.same(await listed(one), after);
  t.same(await listed(running), after);
  t.same([...(running.catalog.changedSince(version) ?? [])].sort(), ['p000', 'unnoted'], 'which says what changed');
  t.same(await listed(replica(inner)), after);
  // the package may come back, although its revisions begin anew
  await publishToy(one.storage, 'p000', '2.0.0', Buffer.from('x'), one.catalog);
  t.same((await running.catalog.entries(FRESH)).get('p000'), { versions: ['2.0.0'] });
  t.same(await listed(replica(inner)), [...names, 'unnoted']);
});

t.test('a package that is published while a rebuilt listing is read is in it', async (t) => {
  const inner = await filled(20);
  const running = replica(inner);
  await running.catalog.entries(FRESH);
  await replica(inner).catalog.rebuild();
  let isHeld = false;
  running.store.before = async ({ verb, key }) => {
    if (isHeld || verb !== 'get' || !key.startsWith(PIECES)) return;
    // the entries were listed before, so this reading does not meet the new one
    isHeld = true;
    await publishToy(running.storage, 'new', '1.0.0', Buffer.from('x'), running.catalog);
  };
  await running.catalog.entries(FRESH);
  t.ok(isHeld);
  // without another look at the store: whoever has published knows of it
  t.ok((await running.catalog.entries({ maxAgeMs: 600_000 })).has('new'));
  t.same(await listed(running), ['new', ...names.slice(0, 20)]);
});

t.test('a rebuild that lists other packages of the same documents says which: search and lists follow', async (t) => {
  const inner = new MemoryObjectStore();
  // two releases on one store: the newer one shows packages that the older one hides, and hides others
  const release = (isListed: (name: string) => boolean) => {
    const storage = new RegistryStorage(new FaultObjectStore(inner));
    return new PackageCatalog<{ name: string }, { name: string }>(storage, {
      prefix: 'toy/catalog',
      documentKey: (name) => `toy/packages/${name}.json`,
      documents: { prefix: 'toy/packages/', nameOf: (key) => /([^/]+)\.json$/.exec(key)?.[1] },
      entry: (name, document) => (isListed(name) ? document : null),
    });
  };
  const writer = new RegistryStorage(inner);
  for (const name of ['always', 'new', 'old']) await writer.update(`toy/packages/${name}.json`, () => ({ name }));
  const running = release((name) => name !== 'new');
  t.same([...(await running.entries(FRESH)).keys()].sort(), ['always', 'old']);
  const { version } = running;
  await release((name) => name !== 'old').rebuild();
  t.same([...(await running.entries(FRESH)).keys()].sort(), ['always', 'new']);
  t.same([...(running.changedSince(version) ?? [])].sort(), ['new', 'old']);
  t.same(
    (await running.sorted()).packages.map(({ name }) => name),
    ['always', 'new'],
  );
});

t.test(
  'a rebuild that lists other things of the same documents: a search on a running replica finds them',
  async (t) => {
    const inner = new MemoryObjectStore();
    // two releases on one store: the newer one lists a description that the older one had left out
    const release = (describe: (name: string) => string) => {
      const catalog = new PackageCatalog<{ name: string }, { description: string }>(new RegistryStorage(inner), {
        prefix: 'toy/catalog',
        documentKey: (name) => `toy/packages/${name}.json`,
        documents: { prefix: 'toy/packages/', nameOf: (key) => /([^/]+)\.json$/.exec(key)?.[1] },
        entry: (name) => ({ description: describe(name) }),
      });
      const index = new SearchIndex<{ description: string }>(catalog, {
        fields: { description: { boost: 1, text: ({ description }) => description } },
        closeness: () => 1,
        compare: () => 0,
      });
      return {
        catalog,
        found: async (text: string) => (await index.search(text, { most: 9 })).map(({ name }) => name),
      };
    };
    const writer = new RegistryStorage(inner);
    for (const name of ['same', 'told']) await writer.update(`toy/packages/${name}.json`, () => ({ name }));
    const running = release(() => 'plain');
    await running.catalog.entries(FRESH);
    t.same((await running.found('plain')).sort(), ['same', 'told']);
    const { version } = running.catalog;
    await release((name) => (name === 'told' ? 'curious' : 'plain')).catalog.rebuild();
    await running.catalog.entries(FRESH);
    t.same(await running.found('curious'), ['told']);
    t.same(await running.found('plain'), ['same']);
    t.same([...(running.catalog.changedSince(version) ?? [])], ['told'], 'only these are indexed again');
  },
);

t.test('a rebuild does not believe entries from before it', async (t) => {
  const inner = await filled(20);
  const one = replica(inner);
  await one.catalog.entries(FRESH);
  await publishToy(one.storage, 'removed-by-hand', '1.0.0', Buffer.from('x'), one.catalog);
  t.equal(inner.keys('toy/catalog/entries/').length, 1, 'it is not yet folded');
  for (const key of inner.keys('toy/packages/removed-by-hand/')) await inner.delete(key);
  await replica(inner).catalog.rebuild();
  t.same(inner.keys('toy/catalog/entries/'), []);
  t.same(await listed(replica(inner)), names.slice(0, 20));
});

t.test('a rebuild while others publish and fold loses nothing', async (t) => {
  const inner = await filled();
  const one = replica(inner);
  const other = replica(inner);
  await other.catalog.entries(FRESH);
  let count = 0;
  const more: string[] = [];
  const publish = async (times: number) => {
    for (let n = 0; n < times; n++) {
      const name = `q${String(count++).padStart(4, '0')}`;
      await publishToy(other.storage, name, '1.0.0', Buffer.from('x'), other.catalog);
      more.push(name);
    }
  };
  // after the documents were listed, before the manifest is written: publishes that are folded at once
  let slipped = false;
  one.store.before = async ({ verb, key }) => {
    if (slipped || verb !== 'put' || !key.startsWith(PIECES)) return;
    slipped = true;
    await publish(600);
    await other.catalog.entries(FRESH);
    await other.storage.destroy();
  };
  const publishing = publish(50);
  await one.catalog.rebuild();
  await publishing;
  t.ok(slipped);
  const all = [...names, ...more].sort();
  t.equal(more.length, 650);
  t.same(await listed(one), all);
  t.same(await listed(other), all);
  t.same(await listed(replica(inner)), all);
});

t.test('a package that is changed and then removed by hand while a rebuild runs is not listed', async (t) => {
  const inner = await filled();
  const [one, other] = [replica(inner), replica(inner)];
  await other.catalog.entries(FRESH);
  let slipped = false;
  one.store.before = async ({ verb, key }) => {
    if (slipped || verb !== 'put' || !key.startsWith(PIECES)) return;
    slipped = true;
    // folded, so that the rebuild finds it in a piece that it has not seen
    for (const name of names) await publishToy(other.storage, name, '2.0.0', Buffer.from('x'), other.catalog);
    await other.catalog.entries(FRESH);
    await other.storage.destroy();
    for (const gone of inner.keys('toy/packages/p000/')) await inner.delete(gone);
  };
  await one.catalog.rebuild();
  t.ok(slipped);
  t.same(await listed(replica(inner)), names.slice(1));
});

t.test('pieces that nobody names are swept by age', async (t) => {
  let now = new Date('2026-01-01T00:00:00Z');
  const inner = new MemoryObjectStore({ now: () => now });
  const one = replica(inner, () => now);
  for (const name of names) await publishToy(one.storage, name, '1.0.0', Buffer.from('x'), one.catalog);
  await one.storage.destroy();
  const named = inner.keys(PIECES);
  t.ok(named.length > 0);
  await inner.put(`${PIECES}6b9ab0f6-6c4b-4b0e-9d1c-7e5a1c9ad0a1.json`, Buffer.from('[]'));
  await one.storage.sweep();
  t.equal(inner.keys(PIECES).length, named.length + 1, 'a fold may be about to name it');
  now = new Date('2026-01-02T00:00:01Z');
  await one.storage.sweep();
  t.same(inner.keys(PIECES), named);
  now = new Date('2026-01-04T00:00:00Z');
  await inner.delete(MANIFEST);
  await one.storage.sweep();
  t.same(inner.keys(PIECES), named, 'without a manifest it is not known which are in use');
});

t.test('a write that took effect after its marker was forgotten is found by its time', async (t) => {
  let now = new Date('2026-01-01T00:00:00Z');
  const inner = new MemoryObjectStore({ now: () => now });
  const one = replica(inner, () => now);
  for (const name of names.slice(0, 3)) await publishToy(one.storage, name, '1.0.0', Buffer.from('x'), one.catalog);
  t.equal((await listed(one)).length, 3);
  now = new Date('2026-01-05T00:00:00Z');
  await publishToy(one.storage, 'late', '1.0.0', Buffer.from('x'));
  t.equal((await listed(one)).length, 3);
  one.store.reset();
  t.equal(await one.catalog.reconcile(new Date('2026-01-04T00:00:00Z')), 1);
  t.equal(one.store.count('get', 'toy/packages/'), 1, 'the others are not read');
  t.equal((await listed(one)).length, 4);
  t.equal(await one.catalog.reconcile(new Date('2026-01-04T00:00:00Z')), 0);
  now = new Date('2026-01-06T00:00:00Z');
  await publishToy(one.storage, 'later', '1.0.0', Buffer.from('x'));
  t.equal(await one.catalog.reconcile(now), 1, 'what was written in the same millisecond counts');
});

t.test(
  'on disk a package that its listing missed is found by the age of its file, and no other document is read',
  async (t) => {
    const directory = await makeDirectory(t);
    const store = new FaultObjectStore(await openStore(directory));
    const storage = new RegistryStorage(store);
    const catalog = toyCatalog(storage);
    for (const name of ['a', 'b', 'c']) await publishToy(storage, name, '1.0.0', Buffer.from('x'), catalog);
    await catalog.entries(FRESH);
    await storage.settled();
    const day = 24 * 60 * 60 * 1000;
    for (const file of await tree(join(directory, 'objects/toy/packages'))) {
      const then = new Date(Date.now() - 5 * day);
      await utimes(join(directory, 'objects/toy/packages', file), then, then);
    }
    await publishToy(new RegistryStorage(store), 'late', '1.0.0', Buffer.from('x'));
    store.reset();
    t.equal(await catalog.reconcile(new Date(Date.now() - 2 * day)), 1);
    t.same(
      store.log.filter(({ verb, key }) => verb === 'get' && key.startsWith('toy/packages/')),
      [{ verb: 'get', key: documentKey('late') }],
    );
    t.same([...(await catalog.entries(FRESH)).keys()].sort(), ['a', 'b', 'c', 'late']);
    await storage.destroy();
  },
);

t.test('destroy does not wait until all documents are read', async (t) => {
  const inner = new MemoryObjectStore();
  const writer = new RegistryStorage(inner);
  for (let n = 0; n < 200; n++) await publishToy(writer, `p${n}`, '1.0.0', Buffer.from('x'));
  await inner.put(MANIFEST, Buffer.from('{'));
  const store = new FaultObjectStore(inner);
  const warnings: string[] = [];
  const logger = { info: () => {}, error: () => {}, warn: (message: string) => void warnings.push(message) };
  const storage = new RegistryStorage(store, { logger });
  const catalog = toyCatalog(storage);
  store.before = ({ verb, key }) =>
    verb === 'get' && key.endsWith('doc.json') ? new Promise((resolve) => setTimeout(resolve, 20)) : undefined;
  const kindOf = (error: { kind: string }) => error.kind;
  const behind = catalog.entries().catch(kindOf);
  const asked = catalog.rebuild().catch(kindOf);
  while (store.count('get', 'toy/packages/') === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await storage.destroy();
  t.same(await Promise.all([behind, asked]), ['unavailable', 'unavailable']);
  t.ok(store.count('get', 'toy/packages/') <= 64, `${store.count('get', 'toy/packages/')} of 400 were read`);
  t.same(warnings, [], 'what was stopped has not failed');
});

t.test('rows, entries and manifests of another form are damaged, whatever of them could be read', async (t) => {
  const rows = [{}, [['a']], [['a', '1', null]], [['a', 1.5, null]], [['a', 1, 7]], [[1, 1, null]], [null]];
  for (const value of rows) {
    const bytes = Buffer.from(JSON.stringify(value));
    t.throws(() => parseRows(bytes), SyntaxError, `rows ${bytes}`);
    const read = async () => {
      for await (const _row of parseRowsInSlices(bytes));
    };
    await t.rejects(read(), SyntaxError, `a long file ${bytes}`);
  }
  const entry = { name: 'a', revision: 1, entry: null };
  for (const value of [
    null,
    7,
    [entry, {}],
    { ...entry, name: 1 },
    { ...entry, revision: '1' },
    { ...entry, entry: 1 },
  ]) {
    const bytes = Buffer.from(JSON.stringify(value));
    t.throws(() => parseEntries(bytes), SyntaxError, `entries ${bytes}`);
  }
  t.same(parseEntries(Buffer.from(JSON.stringify([entry, entry]))), [entry, entry]);
  const manifest = { generation: 'g', segments: [{ id: 'i', count: 1, first: 'a' }], batches: [{ id: 'j', count: 2 }] };
  const parse = (value: unknown) => manifestCodec.parse(Buffer.from(JSON.stringify(value)));
  t.same(parse(manifest), manifest);
  for (const change of [
    { generation: 1 },
    { segments: undefined },
    { segments: [{ id: 'i', count: 1 }] },
    { segments: [{ id: 1, count: 1, first: 'a' }] },
    { segments: [{ id: 'i', count: '1', first: 'a' }] },
    { batches: undefined },
    { batches: [{ id: 'j' }] },
    { batches: [{ count: 2 }] },
  ]) {
    t.equal(parse({ ...manifest, ...change }), DAMAGED, JSON.stringify(change));
  }
});
