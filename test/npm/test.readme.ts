import { randomBytes } from 'node:crypto';
import t from 'tap';
import { RegistryError } from '../../ts/index.js';
import { type Actor, npmWorld } from '../support/npm/actors.js';
import { publishOf } from '../support/npm/packages.js';
import { FaultObjectStore } from '../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../support/store/memory-objectstore.js';

const MIB = 1024 * 1024;

/** The readme that the page of a package shows. */
const shown = async (actor: Actor): Promise<unknown> => {
  const { readme, readmeFilename } = (await actor.get('/a')).json();
  return readmeFilename === undefined ? readme : [readme, readmeFilename];
};

const filesOf = (version: string) => ({ 'package/README.md': `# of ${version}` });

const worldWith = async (t: Parameters<typeof npmWorld>[0], ...versions: string[]) => {
  const world = await npmWorld(t);
  for (const version of versions) await world.writer.publish('a', version, { files: filesOf(version) });
  return world;
};

t.test('a version that becomes the latest brings its readme along', async (t) => {
  const { anon, writer, admin } = await worldWith(t, '1.0.0', '1.1.0', '1.2.0', '1.3.0');
  t.same(await shown(anon), ['# of 1.3.0', 'README.md']);

  const whole = await admin.packument('a');
  const { '1.3.0': _gone, ...versions } = whole.versions;
  const body = { ...whole, versions, 'dist-tags': { latest: '1.2.0' } };
  t.equal((await admin.put(`/a/-rev/${whole._rev}`, body)).status, 200);
  t.same(await shown(anon), ['# of 1.2.0', 'README.md'], 'npm unpublish of the latest');

  t.equal((await writer.put('/-/package/a/dist-tags/latest', '"1.0.0"')).status, 200);
  t.same(await shown(anon), ['# of 1.0.0', 'README.md'], 'npm dist-tag add');

  const tags = { ...(await admin.packument('a')), 'dist-tags': { latest: '1.1.0' } };
  t.equal((await admin.put(`/a/-rev/${tags._rev}`, tags)).status, 200);
  t.same(await shown(anon), ['# of 1.1.0', 'README.md'], 'tags of a document that comes back');

  const { _rev } = await admin.packument('a');
  t.equal((await admin.delete(`/a/-/a-1.1.0.tgz/-rev/${_rev}`)).status, 200);
  t.same(await shown(anon), ['# of 1.2.0', 'README.md'], 'a tarball that is deleted');

  t.equal((await writer.put('/-/package/a/dist-tags/old', '"1.0.0"')).status, 200);
  t.equal((await writer.put('/a', { versions: { '1.2.0': { deprecated: 'x' } } })).status, 200);
  t.same(await shown(anon), ['# of 1.2.0', 'README.md'], 'anything else leaves it');
});

t.test('changes that leave the latest where it is leave the readme as it was sent', async (t) => {
  const { anon, writer } = await npmWorld(t);
  await writer.publish('a', '0.9.0');
  const document = await publishOf('a', '1.0.0', { files: filesOf('1.0.0') });
  t.equal((await writer.put('/a', { ...document, readme: '# as yarn sends it' })).status, 201);
  const before = await anon.packument('a');
  for (const [path, body] of [
    ['/-/package/a/dist-tags/old', '"0.9.0"'],
    ['/-/package/a/dist-tags/latest', '"1.0.0"'],
    ['/a', { versions: { '1.0.0': { deprecated: 'x' } } }],
  ] as const) {
    t.equal((await writer.put(path, body)).status, 200);
    t.equal(await shown(anon), '# as yarn sends it', path);
  }
  const [revision] = before._rev.split('-');
  await Promise.all([1, 2, 3].map(() => writer.put('/-/package/a/dist-tags/latest', '"0.9.0"')));
  t.match(
    (await anon.packument('a'))._rev,
    new RegExp(`^${Number(revision) + 3}-`),
    'three that say the same: one write',
  );
});

t.test('a readme is cut where the public registry cuts it', async (t) => {
  const { anon, writer } = await npmWorld(t);
  const long = 'x'.repeat(100_000);
  await writer.publish('a', '1.0.0', { files: { 'package/README.md': long } });
  t.equal((await anon.packument('a')).readme.length, 65_536);
  await writer.publish('a', '1.1.0', { manifest: { readme: long } });
  t.equal((await anon.packument('a')).readme.length, 65_536);
  await writer.publish('a', '1.2.0', { files: { 'package/README.md': 'x'.repeat(3 * MIB) } });
  t.equal(await shown(anon), '', 'one of more than 2 MiB is none');
});

t.test('a version without a readme shows none', async (t) => {
  const { anon, writer, admin, registry } = await worldWith(t, '1.0.0');
  await writer.publish('a', '1.1.0');
  t.equal(await shown(anon), '');
  await writer.put('/-/package/a/dist-tags/latest', '"1.0.0"');
  t.same(await shown(anon), ['# of 1.0.0', 'README.md']);
  await writer.put('/-/package/a/dist-tags/latest', '"1.1.0"');
  t.equal(await shown(anon), '');
  await admin.delete(`/a/-/a-1.1.0.tgz/-rev/${(await admin.packument('a'))._rev}`);
  t.same(await shown(anon), ['# of 1.0.0', 'README.md']);

  const { store } = registry.getStorage();
  for (const [version, bytes] of [
    ['2.0.0', undefined],
    ['2.1.0', Buffer.from('damaged')],
  ] as const) {
    await writer.publish('a', version, { tag: 'next', files: filesOf(version) });
    const key = `npm/packages/a/a-${version}.tgz`;
    if (bytes) await store.put(key, bytes, { immutable: true });
    else await store.delete(key);
    t.equal((await writer.put('/-/package/a/dist-tags/latest', `"${version}"`)).status, 200, 'the tag is what counts');
    t.equal(await shown(anon), '', `${version}: a tarball that is lost or damaged has none`);
  }
});

t.test('a large tarball is not read again for its readme', async (t) => {
  const { anon, writer } = await worldWith(t, '1.0.0');
  const files = { ...filesOf('2.0.0'), 'package/big': randomBytes(33 * MIB) };
  await writer.publish('a', '2.0.0', { files });
  t.same(await shown(anon), ['# of 2.0.0', 'README.md']);
  await writer.put('/-/package/a/dist-tags/latest', '"1.0.0"');
  await writer.put('/-/package/a/dist-tags/latest', '"2.0.0"');
  t.equal(await shown(anon), '');
});

t.test('each version has its own readme', async (t) => {
  const { anon, writer, registry } = await worldWith(t, '1.0.0', '1.1.0');
  await writer.publish('a', '1.2.0');
  const document = await publishOf('a', '2.0.0', { files: filesOf('2.0.0') });
  t.equal((await writer.put('/a', { ...document, readme: '# as yarn sends it' })).status, 201);
  const readmes = async (wanted: string) => {
    const { version, readme, readmeFilename } = (await anon.get(`/a/${wanted}`)).json();
    return [version, readme, readmeFilename];
  };
  t.same(await readmes('1.0.0'), ['1.0.0', '# of 1.0.0', 'README.md']);
  t.same(await readmes('~1.1.0'), ['1.1.0', '# of 1.1.0', 'README.md']);
  t.same(await readmes('1.2.0'), ['1.2.0', undefined, undefined]);
  t.same(await readmes('latest'), ['2.0.0', '# as yarn sends it', undefined]);
  await writer.put('/-/package/a/dist-tags/latest', '"1.0.0"');
  t.same(await readmes('latest'), ['1.0.0', '# of 1.0.0', 'README.md']);
  t.same(await readmes('2.0.0'), ['2.0.0', '# of 2.0.0', 'README.md'], 'of another one, what its tarball holds');

  const { store } = registry.getStorage();
  let opened = 0;
  const get = store.get.bind(store);
  store.get = (key, options) => {
    if (key.endsWith('.tgz')) opened++;
    return get(key, options);
  };
  await writer.publish('a', '3.0.0');
  t.same(await readmes('1.1.0'), ['1.1.0', '# of 1.1.0', 'README.md']);
  t.same(await readmes('2.0.0'), ['2.0.0', '# of 2.0.0', 'README.md']);
  t.equal(opened, 0, 'a tarball is read once for its readme, however often the package changes');
  const whole = (await anon.packument('a')).versions as unknown as Record<string, Record<string, unknown>>;
  t.notOk('readme' in whole['1.0.0']!, 'the packument carries only one');
});

t.test('a tarball is unpacked once, whatever ranges ask for its version at the same time', async (t) => {
  const { anon, registry } = await worldWith(t, '1.0.0', '2.0.0');
  const { store } = registry.getStorage();
  const get = store.get.bind(store);
  let reads = 0;
  store.get = (key, options) => {
    if (key.endsWith('.tgz')) reads++;
    return get(key, options);
  };
  const ranges = Array.from({ length: 40 }, (_, n) => `>=1.0.0%20%3C1.0.${n + 1}`);
  for (const { status, text } of await Promise.all(ranges.map((range) => anon.get(`/a/${range}`)))) {
    t.equal(status, 200);
    t.match(text, /# of 1\.0\.0/);
  }
  // two are read at once, before either is remembered
  t.ok(reads <= 2, `${reads} reads`);
});

t.test(
  'an outage of the store is not taken for a tarball without a readme; one that is too large now is',
  async (t) => {
    const store = new FaultObjectStore(new MemoryObjectStore());
    const { anon, writer } = await npmWorld(t, { storage: { objectStore: store } });
    const files = { ...filesOf('1.0.0'), 'package/x': 'x'.repeat(50_000) };
    await writer.publish('a', '1.0.0', { files });
    await writer.publish('a', '2.0.0');
    store.before = ({ verb, key }) => {
      if (verb === 'get' && key.endsWith('.tgz')) throw new RegistryError('unavailable', 'The store is down');
    };
    t.equal((await anon.get('/a/1.0.0')).status, 503);
    t.equal((await writer.put('/-/package/a/dist-tags/latest', '"1.0.0"')).status, 503);
    t.equal((await anon.packument('a'))['dist-tags'].latest, '2.0.0');
    store.before = undefined;
    const get = store.get.bind(store);
    store.get = async (key, options) => {
      const found = await get(key, options);
      if (!key.endsWith('.tgz') || !found || found === 'notModified') return found;
      const broken = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.error(new RegistryError('unavailable', 'The store broke off')),
      });
      return { ...found, body: broken };
    };
    t.equal((await anon.get('/a/1.0.0')).status, 503, 'in the middle of the bytes');
    store.get = get;
    t.equal((await anon.get('/a/1.0.0')).json().readme, '# of 1.0.0');

    const smaller = { limits: { maxUnpackedSize: 10_000 }, storage: { objectStore: store } };
    const answer = await (await npmWorld(t, smaller)).anon.get('/a/1.0.0');
    t.same([answer.status, answer.json().readme], [200, undefined]);
  },
);
