import t from 'tap';
import { RegistryError } from '../../ts/index.js';
import { ociWorld, refusal } from '../support/oci/actors.js';
import { content, descriptorOf, image, index, MANIFEST } from '../support/oci/samples.js';
import { ANY_AGE, problemsOf } from '../support/oci/stored.js';
import { FaultObjectStore } from '../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../support/store/memory-objectstore.js';

const one = image('one');
const signature = image('signature', { subject: descriptorOf(MANIFEST, one) });
const HOUR = 3_600_000;

/** A repository whose only manifest was deleted, while the store did not say whether its object is gone: it is not. */
const withLeftObject = async (t: Parameters<typeof ociWorld>[0], isListDown = false) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const { admin } = await ociWorld(t, { storage: { objectStore: store } });
  await admin.pushImage('a', 'sig', signature);
  store.before = ({ verb, key }) => {
    if (verb === 'delete' && key.startsWith('oci/manifests/')) throw new RegistryError('outcomeUnknown', 'no answer');
    if (isListDown && verb === 'put' && key.startsWith('oci/referrers/')) throw new Error('down');
  };
  const { status } = await admin.delete(`/a/manifests/${signature.digest}`);
  store.before = undefined;
  return { inner, admin, status };
};

t.test(
  'a delete of unknown outcome: the manifest and its repository are gone, a collector takes the object',
  async (t) => {
    const { inner, admin, status } = await withLeftObject(t);
    t.equal(status, 202);
    t.equal(inner.keys('oci/manifests/').length, 1, 'the object is left');
    for (const reference of ['sig', signature.digest]) {
      t.equal(refusal(await admin.get(`/a/manifests/${reference}`)), '404 MANIFEST_UNKNOWN');
    }
    t.equal(refusal(await admin.get('/a/tags/list')), '404 NAME_UNKNOWN', 'an object alone makes no repository');
    t.same((await admin.get('/_catalog')).json(), { repositories: [] });
    const [young] = await admin.registry.collectGarbage({ graceMs: HOUR });
    t.equal(young?.removed.manifests, 0);
    const [old] = await admin.registry.collectGarbage(ANY_AGE);
    t.equal(old?.removed.manifests, 1);
    t.same(inner.keys('oci/manifests/'), []);
    t.equal((await admin.pushImage('a', 'sig', signature)).status, 201, 'and it can come again');
    t.same(await problemsOf(admin.registry.getStorage()), []);
  },
);

t.test('a delete that ended before it removed the empty repository: sent again, it does', async (t) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const { admin } = await ociWorld(t, { storage: { objectStore: store } });
  const { admin: there } = await ociWorld(t, { storage: { objectStore: inner } });
  await admin.pushImage('a', one.digest, one);
  store.after = ({ verb, key }) => {
    if (verb === 'delete' && key.startsWith('oci/manifests/')) store.fault = { at: 1, when: 'before', lasting: true };
  };
  t.equal((await admin.delete(`/a/manifests/${one.digest}`)).status, 503);
  t.same((await there.get('/_catalog')).json(), { repositories: ['a'] });
  t.equal(refusal(await there.delete(`/a/manifests/${one.digest}`)), '404 MANIFEST_UNKNOWN');
  t.same((await there.get('/_catalog')).json(), { repositories: [] });
  t.equal((await there.pushImage('a', 'v1', one)).status, 201);
  t.equal(refusal(await there.delete(`/a/manifests/${signature.digest}`)), '404 MANIFEST_UNKNOWN');
  t.same(await there.tags('a'), ['v1'], 'a repository with a manifest stays');
});

t.test('a list of referrers that names a manifest of which only the object is left is repaired', async (t) => {
  const { inner, admin } = await withLeftObject(t, true);
  for (const key of inner.keys('oci/pending/')) inner.objects.delete(key);
  const listed = async () => (await admin.get(`/a/referrers/${one.digest}`)).json().manifests as unknown[];
  t.equal((await listed()).length, 1);
  await admin.registry.collectGarbage({ graceMs: HOUR });
  t.equal(inner.keys('oci/manifests/').length, 1, 'which is young and stays');
  t.same(await listed(), []);
});

t.test('untaggedManifests: an index that a hook keeps keeps its images', async (t) => {
  const child = image('child');
  const list = index([child]);
  const { admin } = await ociWorld(t, {
    oci: { untaggedManifests: { deleteAfterMs: 0 } },
    storageHooks: { beforeDelete: async ({ metadata }) => ({ allowed: metadata?.digest !== list.digest }) },
  });
  for (const pushed of [child, one]) await admin.pushImage('a', pushed.digest, pushed);
  await admin.pushManifest('a', list.digest, list);
  const [report] = await admin.registry.collectGarbage(ANY_AGE);
  t.equal(report?.removed.manifests, 1);
  for (const kept of [child, list]) t.equal((await admin.get(`/a/manifests/${kept.digest}`)).status, 200);
  t.equal((await admin.get(`/a/manifests/${one.digest}`)).status, 404);
});

t.test('a manifest that is damaged while the collector runs may name any blob of its repository', async (t) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const { admin } = await ociWorld(t, { storage: { objectStore: store } });
  const loose = content('a layer that no manifest names');
  await admin.pushImage('a', 'v1', one);
  for (const name of ['a', 'b']) await admin.pushBlob(name, loose);
  const isDone = store.once('list', 'oci/links/', () =>
    inner.put(`oci/manifests/a/${one.digest}`, Buffer.from('{'), { contentType: MANIFEST }),
  );
  const [report] = await admin.registry.collectGarbage(ANY_AGE);
  store.before = undefined;
  t.ok(isDone());
  t.same(report?.removed, { manifests: 0, links: 1, blobs: 0 }, 'that of the other repository');
  t.equal((await admin.get(`/a/blobs/${loose.digest}`)).status, 200);
});

t.test('untaggedManifests: an image that is tagged in the middle keeps its signatures', async (t) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const oci = { untaggedManifests: { deleteAfterMs: 0 } };
  const { admin } = await ociWorld(t, { storage: { objectStore: store }, oci });
  const { admin: there } = await ociWorld(t, { storage: { objectStore: inner }, oci });
  for (const pushed of [one, signature]) await admin.pushImage('a', pushed.digest, pushed);
  let writes = 0;
  store.before = async ({ verb, key }) => {
    // the third write of a guard: both are condemned, and the first is about to be given up
    if (verb !== 'put' || !key.startsWith('oci/copies/manifests/') || ++writes !== 3) return;
    t.equal((await there.pushManifest('a', 'v1', one)).status, 201);
  };
  const [report] = await admin.registry.collectGarbage(ANY_AGE);
  store.before = undefined;
  t.ok(writes >= 3);
  t.equal(report?.removed.manifests, 0);
  for (const kept of [one, signature]) t.equal((await there.get(`/a/manifests/${kept.digest}`)).status, 200);
  t.same(await problemsOf(there.registry.getStorage()), []);
});

t.test('a manifest comes when the repository without one is about to go: the repository stays', async (t) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const { admin } = await ociWorld(t, { storage: { objectStore: store } });
  const { admin: there } = await ociWorld(t, { storage: { objectStore: inner } });
  await admin.pushImage('a', one.digest, one);
  const other = image('one', { annotations: { a: 'b' } });
  const isPushed = store.once('put', 'oci/tags/', () => there.pushManifest('a', other.digest, other));
  t.equal((await admin.delete(`/a/manifests/${one.digest}`)).status, 202);
  store.before = undefined;
  t.ok(isPushed());
  t.equal((await there.get(`/a/manifests/${other.digest}`)).status, 200);
  t.same((await there.get('/_catalog')).json(), { repositories: ['a'] });
});

for (const count of [1, 400]) {
  t.test(`an immutable tag comes while its manifest is deleted, beside ${count} others: both stay`, async (t) => {
    let push: (() => Promise<unknown>) | undefined;
    const { admin } = await ociWorld(t, {
      storage: { objectStore: new MemoryObjectStore() },
      oci: { immutableTags: ['v*'] },
      storageHooks: {
        beforeDelete: async () => {
          const work = push;
          push = undefined;
          await work?.();
          return { allowed: true };
        },
      },
    });
    await admin.pushImage('a', 'first', one);
    for (let at = 1; at < count; at += 100) {
      const tags = Array.from({ length: 100 }, (_, more) => `tag=t${at + more}`);
      t.equal((await admin.pushManifest('a', `${one.digest}?${tags.join('&')}`, one)).status, 201);
    }
    push = () => admin.pushManifest('a', 'v1', one);
    t.equal(refusal(await admin.delete(`/a/manifests/${one.digest}`)), '403 DENIED');
    t.equal((await admin.get('/a/manifests/v1')).status, 200);
    t.same(await problemsOf(admin.registry.getStorage()), []);
  });
}
