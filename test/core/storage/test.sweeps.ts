import t from 'tap';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { nodeFiles } from '../../../ts/core/objectstore/directory/files/helpers.files.js';
import { SweepMarks } from '../../../ts/core/storage/upkeep/classes.sweepmarks.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import { makeDirectory, openStore } from '../../support/store/objectstore-directory.js';
import * as toy from '../../support/toy-packages.js';

const NOW = new Date('2026-01-03T00:00:00Z');
const OLD = new Date('2026-01-01T00:00:00Z');
const bytes = Buffer.from('x');
const orphan = (name: string, version = '9.9.9') => toy.artifactKey(name, version);

const setUp = () => {
  const clock = { written: OLD };
  const inner = new MemoryObjectStore({ now: () => clock.written });
  const store = new FaultObjectStore(inner);
  const warnings: string[] = [];
  const logger = { info: () => {}, error: () => {}, warn: (message: string) => void warnings.push(message) };
  const storage = new RegistryStorage(store, { now: () => NOW, logger });
  const writer = new RegistryStorage(inner, { now: () => clock.written });
  return { clock, inner, store, storage, writer, warnings };
};

t.test(
  'a sweep spares what is named, what is young, and what was placed a moment ago from an old upload',
  async (t) => {
    const { clock, inner, storage, writer } = setUp();
    await toy.publishToy(writer, 'a', '1.0.0', bytes);
    await inner.put(orphan('a'), bytes);
    await inner.put(`${toy.artifactKey('a', '1.0.0')}.11111111-2222-4333-8444-555555555555`, bytes);
    await inner.put(orphan('none'), bytes);
    await inner.put(orphan('a', '2.0.0'), bytes, { metadata: { 'placed-at': '2026-01-02T23:00:00.000Z' } });
    await inner.put('elsewhere/x', bytes);
    clock.written = new Date('2026-01-02T12:00:00Z');
    await inner.put(orphan('a', '3.0.0'), bytes);
    t.equal(await toy.sweepToys(storage, {}), 3);
    t.same(
      inner.keys().filter((key) => !key.startsWith('toy/catalog')),
      [
        'elsewhere/x',
        toy.documentKey('a'),
        toy.artifactKey('a', '1.0.0'),
        orphan('a', '2.0.0'),
        orphan('a', '3.0.0'),
        toy.documentKey('none'),
      ].sort(),
    );
    t.equal(
      await writer.read(toy.documentKey('none')),
      null,
      'a package of orphans alone has a tombstone, for its keys',
    );
    t.equal(await toy.sweepToys(storage, {}), 0);
  },
);

t.test('a sweep reads one document for each package, not one for each artifact', async (t) => {
  const { store, storage, writer } = setUp();
  for (const name of ['a', 'b', 'c']) {
    for (let n = 0; n < 20; n++) await toy.publishToy(writer, name, `1.0.${n}`, bytes);
  }
  store.reset();
  t.equal(await toy.sweepToys(storage, {}), 0);
  t.equal(store.count('get', 'toy/packages/'), 3);
  t.equal(store.count('list'), 1);
  t.equal(store.log.length, 6, 'and one read and one write of what it found');
});

t.test('a document is read again only if it or its artifacts have changed since the last sweep', async (t) => {
  const { inner, store, storage, writer } = setUp();
  for (const name of ['a', 'b', 'c', 'd']) await toy.publishToy(writer, name, '1.0.0', bytes);
  const readBy = async (options: Parameters<typeof toy.sweepToys>[1] = {}): Promise<string[]> => {
    store.reset();
    await toy.sweepToys(storage, options);
    const names = ['a', 'b', 'c', 'd'];
    return names.filter((name) => store.log.some(({ verb, key }) => verb === 'get' && key === toy.documentKey(name)));
  };
  const all = ['a', 'b', 'c', 'd'];
  t.same(await readBy({ dryRun: true }), all);
  t.same(await readBy(), all, 'a dry run leaves no trace');
  t.same(await readBy(), []);
  t.equal(store.count('put'), 0, 'nothing is written where nothing has changed');
  await toy.publishToy(writer, 'a', '2.0.0', bytes);
  await inner.put(orphan('b'), bytes);
  await toy.removeToy(writer, 'c', '1.0.0');
  await inner.put(toy.artifactKey('c', '1.0.0'), bytes);
  t.same(await readBy(), ['a', 'b', 'c']);
  t.notOk(inner.keys().includes(orphan('b')));
  t.notOk(inner.keys().includes(toy.artifactKey('c', '1.0.0')), 'what is no longer named is found');
  t.same(await readBy(), ['b'], 'the last word on the package with an orphan; the other has no artifacts');
  t.same(await readBy(), []);

  const [key = ''] = inner.keys('registry/sweeps/');
  const marks = inner.objects.get(key)!;
  await inner.put(key, Buffer.from('damaged'), { metadata: marks.info.metadata });
  t.same(await readBy(), ['a', 'b', 'd']);
  t.same(await readBy(), []);
  const stopped = new AbortController();
  await toy.publishToy(writer, 'd', '2.0.0', bytes);
  stopped.abort();
  await readBy({ signal: stopped.signal });
  t.same(await readBy(), ['d'], 'a sweep that is ended early forgets nothing');
  const { bytes: stored } = inner.objects.get(key)!;
  await inner.put(key, stored, { metadata: { 'full-since': '2025-12-01T00:00:00.000Z' } });
  t.same(await readBy(), ['a', 'b', 'd'], 'after a month all are looked at again');
  const since = inner.objects.get(key)!.info.metadata;
  await toy.publishToy(writer, 'd', '3.0.0', bytes);
  const tomorrow = new RegistryStorage(store, { now: () => new Date('2026-01-04T00:00:00Z') });
  await toy.sweepToys(tomorrow, {});
  t.same(inner.objects.get(key)!.info.metadata, since, 'a month from when all were looked at, not from the last sweep');
  await inner.put(key, inner.objects.get(key)!.bytes, { metadata: { 'full-since': '2027-01-01T00:00:00.000Z' } });
  t.same(await readBy(), ['a', 'b', 'd'], 'a time to come is that of a clock that was wrong');
});

t.test(
  'a sweep on disk opens what no document names, and of the rest what has changed since the last one',
  async (t) => {
    const directory = await makeDirectory(t);
    const opened: string[] = [];
    const disk = await openStore(directory, {
      open: (path, flags) => {
        if (flags === 'r') opened.push(path.slice(`${directory}/objects/`.length));
        return nodeFiles.open(path, flags);
      },
    });
    const { now } = Date;
    t.teardown(() => {
      Date.now = now;
    });
    const later = (hours: number) => () => now() + hours * 3_600_000;
    const writing = await openStore(directory);
    const writer = new RegistryStorage(writing);
    for (const name of ['a', 'b', 'c'])
      for (let v = 0; v < 4; v++) await toy.publishToy(writer, name, `1.0.${v}`, bytes);
    await writing.put(orphan('a'), bytes, { immutable: true });
    await writing.put(orphan('b'), bytes);
    Date.now = later(36);
    await writing.put(orphan('c'), bytes, { immutable: true });
    Date.now = now;
    const store = new FaultObjectStore(disk);
    const storage = new RegistryStorage(store, { now: () => new Date(later(48)()) });
    const sweep = async () => {
      opened.length = 0;
      store.reset();
      const count = await toy.sweepToys(storage, {});
      const artifacts = opened.filter((path) => path.includes('/files/')).map((path) => path.split('/')[2]);
      return { count, documents: store.count('get', 'toy/packages/'), artifacts: artifacts.sort() };
    };
    t.match(await sweep(), { count: 2, documents: 5, artifacts: ['a', 'b', 'c'] }, 'two are also updated');
    t.ok(await disk.head(orphan('c')), 'one that is young, which only the object itself shows');
    Date.now = later(1);
    t.equal((await sweep()).documents, 3, 'two have a new version, and one has an orphan');
    t.match(await sweep(), { count: 0, documents: 2 }, 'the tombstone of an orphan was removed');
    t.match(await sweep(), { count: 0, documents: 1 });
    Date.now = later(36);
    await toy.publishToy(writer, 'b', '2.0.0', bytes);
    Date.now = now;
    t.match(await sweep(), { count: 0, documents: 2 });
    const at96 = new RegistryStorage(disk, { now: () => new Date(later(96)()) });
    t.equal(await toy.sweepToys(at96, {}), 1);
    t.equal(await disk.head(orphan('c')), null);
    for (const name of ['a', 'b', 'c']) t.ok(await toy.readToy(disk, name, '1.0.3'), name);
  },
);

t.test('packages are swept sixteen at once', async (t) => {
  const { inner, store, storage } = setUp();
  for (let n = 0; n < 40; n++) await inner.put(orphan(`p${n}`), bytes);
  let running = 0;
  let most = 0;
  store.before = async ({ verb }) => {
    if (verb !== 'get') return;
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 5));
    running--;
  };
  t.equal(await toy.sweepToys(storage, {}), 40);
  t.equal(most, 16);
});

t.test('a sweep that is aborted ends with the packages that it has begun', async (t) => {
  const { inner, store, storage } = setUp();
  for (let n = 0; n < 100; n++) await inner.put(orphan(`p${n}`), bytes);
  const controller = new AbortController();
  store.after = ({ verb }) => {
    if (verb === 'delete') controller.abort();
  };
  const count = await toy.sweepToys(storage, { signal: controller.signal });
  t.ok(count >= 1 && count <= 16, `${count}`);
  t.ok(inner.keys().filter((key) => key.includes('/files/')).length >= 84);
});

t.test('what a document names by the time of the sweep’s own write is spared', async (t) => {
  const { inner, store, storage, writer } = setUp();
  await inner.put(orphan('a'), bytes);
  let left = 1;
  store.after = async ({ verb, key }) => {
    // between the sweep's look at the document and its write
    if (verb !== 'head' || key !== orphan('a') || left-- <= 0) return;
    const sha256 = toy.sha256(bytes);
    const named = { version: '9.9.9', key: orphan('a'), sha256, writeId: '' };
    await writer.update(toy.documentKey('a'), () => ({ name: 'a', revision: 1, versions: [named] }));
  };
  t.equal(await toy.sweepToys(storage, {}), 0);
  t.ok(await toy.readToy(inner, 'a', '9.9.9'));
  t.equal((await writer.read(toy.documentKey('a')))?.revision, 1, 'and its document is not written for that');
});

t.test('a delete of unknown outcome is sent once, and left to the next sweep', async (t) => {
  const { inner, store, storage, warnings } = setUp();
  await inner.put(orphan('a'), bytes);
  await inner.put(orphan('b'), bytes);
  store.before = ({ verb, key }) => {
    if (verb === 'delete' && key === orphan('a')) throw new RegistryError('outcomeUnknown', 'lost');
  };
  t.equal(await toy.sweepToys(storage, {}), 1);
  t.equal(store.count('delete', orphan('a')), 1);
  t.match(warnings, [/next sweep/]);
  store.before = undefined;
  t.equal(await toy.sweepToys(storage, {}), 1);
  t.same(
    inner.keys().filter((key) => key.includes('/files/')),
    [],
  );
});

t.test('a store that fails ends the sweep with its error, and nothing is deleted that was not noted', async (t) => {
  const { inner, store, storage } = setUp();
  await inner.put(orphan('a'), bytes);
  store.before = ({ verb }) => {
    if (verb === 'put') throw new RegistryError('forbidden', 'read-only');
  };
  await t.rejects(toy.sweepToys(storage, {}), { kind: 'forbidden' } as unknown as Error);
  t.ok(inner.objects.has(orphan('a')));
});

t.test(
  'a damaged document costs no artifact of its package, and does not keep the others from being swept',
  async (t) => {
    for (const damage of ['{"na', '{"name":"b"}', '[]', '']) {
      const { inner, storage } = setUp();
      for (const name of ['a', 'b', 'c']) await inner.put(orphan(name), bytes);
      await inner.put(toy.documentKey('b'), Buffer.from(damage));
      t.equal(await toy.sweepToys(storage), 2, damage);
      t.same(
        inner.keys().filter((key) => key.includes('/files/')),
        [orphan('b')],
      );
    }
  },
);

t.test('a store that fails ends the sweep', async (t) => {
  const { inner, store, storage } = setUp();
  for (const name of ['a', 'b', 'c']) await inner.put(orphan(name), bytes);
  store.before = ({ verb, key }) => {
    if (verb === 'get' && key === toy.documentKey('b')) throw new RegistryError('unavailable', 'down');
  };
  await t.rejects(toy.sweepToys(storage), new RegistryError('unavailable', 'down'));
});

t.test('a staged upload that cannot be deleted keeps nothing else from being swept', async (t) => {
  const { inner, store, storage, warnings } = setUp();
  for (const name of ['a', 'b', 'c']) await inner.put(`staging/${name}`, bytes);
  const broken = new RegistryError('unavailable', 'not now');
  store.before = ({ verb, key }) => {
    if (verb === 'delete' && key === 'staging/a') throw broken;
  };
  t.match(await storage.sweep({ olderThanMs: 0 }), { staged: 2 });
  t.same(inner.keys('staging/'), ['staging/a']);
  t.equal(warnings.length, 1);
  store.before = undefined;
  t.match(await storage.sweep({ olderThanMs: 0 }), { staged: 1 }, 'the next sweep takes it');
});

t.test('each part of a sweep is done though another one fails, and the failure is told', async (t) => {
  const { inner, store, storage } = setUp();
  await inner.put('staging/a', bytes);
  const repaired: string[] = [];
  const broken = new RegistryError('unavailable', 'not now');
  storage.enlist({ repair: () => Promise.reject(broken) });
  storage.enlist({
    repair: async () => repaired.push('second'),
    sweep: async () => repaired.push('swept'),
  });
  await t.rejects(storage.sweep({ olderThanMs: 0 }), broken);
  t.same(repaired, ['second', 'swept']);
  t.same(inner.keys('staging/'), []);

  store.before = ({ verb }) => {
    if (verb === 'list') throw broken;
  };
  await t.rejects(storage.sweep({ olderThanMs: 0 }), broken);
  t.same(repaired, ['second', 'swept', 'second', 'swept']);
});

t.test(
  'a document that holds nothing is damaged: a sweep deletes nothing, and a publish does not replace it',
  async (t) => {
    for (const content of ['null', ' null\n', '', '[]']) {
      const { inner, storage, writer } = setUp();
      await toy.publishToy(writer, 'a', '1.0.0', bytes);
      const info = await inner.head(toy.documentKey('a'));
      await inner.put(toy.documentKey('a'), Buffer.from(content), { metadata: info?.metadata });
      t.equal(await toy.sweepToys(storage, {}), 0, content);
      t.ok(await inner.head(toy.artifactKey('a', '1.0.0')), content);
      if (content !== '[]')
        await t.rejects(storage.read(toy.documentKey('a')), { kind: 'internal' } as unknown as Error, content);
      await t.rejects(toy.publishToy(storage, 'a', '1.0.0', Buffer.from('other')), content);
    }
  },
);

t.test(
  'the marks of a sweep: as many as there are, and all are forgotten a month after the last full sweep',
  async (t) => {
    const store = new MemoryObjectStore();
    const dayMs = 24 * 3_600_000;
    const open = (day: number) => SweepMarks.read(store, 'toy/packages/', OLD.getTime() + day * dayMs);
    const mark = (n: number) => SweepMarks.markOf(1, [`${n}`]);
    const numbers = Array.from({ length: 3000 }, (_, n) => n);
    const known = (marks: SweepMarks) => numbers.filter((n) => marks.has(mark(n))).length;
    const first = await open(0);
    t.equal(known(first), 0);
    for (const n of numbers) first.add(mark(n));
    await first.write();
    // a sweep each day, with something new each time
    for (let day = 1; day <= 30; day++) {
      const marks = await open(day);
      if (known(marks) !== 3000) t.fail(`day ${day}`);
      marks.add(mark(3000 + day));
      await marks.write();
    }
    t.equal(known(await open(31)), 0, 'a later release may find what an earlier one did not');
    t.equal(known(await open(-1)), 0, 'a time in the future is no time');
    t.equal(known(await open(30)), 3000);
    t.notOk((await open(30)).has(undefined), 'without a version nothing is known');
    const [key = ''] = store.keys('registry/sweeps/');
    await store.put(key, Buffer.from(store.objects.get(key)!.bytes));
    t.equal(known(await open(2)), 0, 'nor is no time');
  },
);

t.test('packages that are gone leave the marks of a sweep', async (t) => {
  const { inner, storage, writer } = setUp();
  for (const name of ['a', 'b', 'c']) await toy.publishToy(writer, name, '1.0.0', bytes);
  await toy.sweepToys(storage, {});
  const size = () => inner.objects.get(inner.keys('registry/sweeps/')[0] ?? '')?.bytes.byteLength ?? 0;
  const before = size();
  for (const key of inner.keys('toy/packages/b/')) await inner.delete(key);
  await toy.sweepToys(storage, {});
  t.equal(size(), (before * 2) / 3);
});

t.test('an orphan is told of when it is gone, with its size, and not when it could not be deleted', async (t) => {
  const { inner, store, storage } = setUp();
  for (const name of ['a', 'b']) await inner.put(orphan(name), Buffer.from('xyz'));
  const told: [string, number][] = [];
  const onOrphan = (key: string, size: number) => void told.push([key, size]);
  t.equal(await toy.sweepToys(storage, { dryRun: true, onOrphan }), 0);
  t.same(told.splice(0).sort(), [
    [orphan('a'), 3],
    [orphan('b'), 3],
  ]);
  store.before = ({ verb, key }) => {
    if (verb === 'delete' && key === orphan('a')) throw new RegistryError('unavailable', 'down');
  };
  t.equal(await toy.sweepToys(storage, { onOrphan }), 1);
  t.same(told, [[orphan('b'), 3]]);
});

t.test('a sweep that is aborted while it looks at an orphan does not begin to delete it', async (t) => {
  const { inner, store, storage } = setUp();
  await inner.put(orphan('a'), bytes);
  const controller = new AbortController();
  store.after = ({ verb, key }) => {
    if (verb === 'head' && key === orphan('a')) controller.abort();
  };
  t.equal(await toy.sweepToys(storage, { signal: controller.signal }), 0);
  t.same(inner.keys(), [orphan('a')], 'nothing is deleted, and nothing is written');
});

t.test('thousands of packages without orphans are remembered', async (t) => {
  const { inner, store, storage } = setUp();
  for (let n = 0; n < 2500; n++) {
    const name = `p${n}`;
    const named = { version: '1.0.0', key: toy.artifactKey(name, '1.0.0'), sha256: toy.sha256(bytes), writeId: '' };
    await inner.put(named.key, bytes);
    await inner.put(toy.documentKey(name), Buffer.from(JSON.stringify({ name, revision: 1, versions: [named] })));
  }
  t.equal(await toy.sweepToys(storage, {}), 0);
  t.equal(store.count('get', 'toy/packages/'), 2500);
  store.reset();
  t.equal(await toy.sweepToys(storage, {}), 0);
  t.equal(store.count('get', 'toy/packages/'), 0);
});

t.test('a sweep over all packages does not displace the documents in use from the cache', async (t) => {
  const { store, writer } = setUp();
  await toy.publishToy(writer, 'used', '1.0.0', bytes);
  for (let n = 0; n < 20; n++) await toy.publishToy(writer, `p${n}`, '1.0.0', bytes);
  const storage = new RegistryStorage(store, { now: () => NOW, limits: { metadataCacheSize: 8 * 1024 } });
  await storage.read(toy.documentKey('used'));
  await toy.sweepToys(storage, {});
  store.reset();
  t.ok(await storage.read(toy.documentKey('used')));
  t.equal(store.count('get'), 0, 'it is still there, parsed');
});
