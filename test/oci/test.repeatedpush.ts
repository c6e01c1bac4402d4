import t from 'tap';
import { ociWorld, refusal } from '../support/oci/actors.js';
import { image, index } from '../support/oci/samples.js';
import { problemsOf } from '../support/oci/stored.js';
import { FaultObjectStore } from '../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../support/store/memory-objectstore.js';

// A CI that moves tags sends the same manifest again and again. What a process has checked a moment ago it need not check
// once more.

const one = image('one');
const both = index([one]);

const onCounted = async (t: Parameters<typeof ociWorld>[0]) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const world = await ociWorld(t, { storage: { objectStore: store } });
  return { inner, store, ...world };
};

t.test('a further tag for a manifest lists no links and reads no bytes', async (t) => {
  const { admin, store } = await onCounted(t);
  await admin.pushImage('a', 'v1', one);
  t.equal((await admin.pushManifest('a', 'v2', one)).status, 201);
  store.reset();
  t.equal((await admin.pushManifest('a', 'v3', one)).status, 201);
  t.equal(store.count('list'), 0, 'listings');
  t.equal(store.count('get', 'oci/manifests/'), 0, 'manifests read');
  t.equal(store.count('put'), 1, 'the tags');
  t.ok(store.log.length <= 9, `${store.log.length} calls`);
  t.same(await admin.tags('a'), ['v1', 'v2', 'v3']);
});

t.test('after a minute the bytes of the manifest are compared anew', async (t) => {
  const { admin, store } = await onCounted(t);
  await admin.pushImage('a', 'v1', one);
  await admin.pushManifest('a', 'v2', one);
  const { now } = performance;
  t.teardown(() => {
    performance.now = now;
  });
  for (const [ms, reads] of [
    [50_000, 0],
    [70_000, 1],
  ] as const) {
    performance.now = () => now.call(performance) + ms;
    // the cache asks for the time once in a millisecond
    await new Promise((resolve) => setTimeout(resolve, 5));
    store.reset();
    t.equal((await admin.pushManifest('a', `after-${ms}`, one)).status, 201);
    t.equal(store.count('get', 'oci/manifests/'), reads, `${ms} ms`);
  }
});

t.test('a blob that was deleted since is missed all the same, and pushed again heals the image', async (t) => {
  const { admin, registry } = await onCounted(t);
  await admin.pushImage('a', 'v1', one);
  await admin.pushManifest('a', 'v2', one);
  const [layer] = one.layers;
  t.equal((await admin.delete(`/a/blobs/${layer?.digest}`)).status, 202);
  t.equal(refusal(await admin.pushManifest('a', 'v3', one)), '400 MANIFEST_BLOB_UNKNOWN');
  t.equal((await admin.pushImage('a', 'v3', one)).status, 201);
  t.same(await problemsOf(registry.getStorage()), []);
});

t.test('a blob that another process has deleted since is missed as well', async (t) => {
  const { admin, another } = await onCounted(t);
  const { admin: there } = await another();
  await admin.pushImage('a', 'v1', one);
  await admin.pushManifest('a', 'v2', one);
  t.equal((await there.delete(`/a/blobs/${one.config.digest}`)).status, 202);
  t.equal(refusal(await admin.pushManifest('a', 'v3', one)), '400 MANIFEST_BLOB_UNKNOWN');
  t.same(await admin.tags('a'), ['v1', 'v2']);
});

t.test('a blob whose bytes were given up since is missed', async (t) => {
  const { admin, inner } = await onCounted(t);
  await admin.pushImage('a', 'v1', one);
  await admin.pushManifest('a', 'v2', one);
  const layer = one.layers[0];
  const hex = layer?.digest.slice('sha256:'.length);
  // as a push leaves it that found damaged bytes when its body was spent
  await inner.put(`oci/copies/blobs/sha256/${hex}.json`, Buffer.from('{"copy":null,"floor":0}'));
  t.equal(refusal(await admin.pushManifest('a', 'v3', one)), '400 MANIFEST_BLOB_UNKNOWN');
});

t.test('an image of an index that was deleted since is missed', async (t) => {
  const { admin } = await onCounted(t);
  await admin.pushImage('a', 'v1', one);
  await admin.pushManifest('a', 'list', both);
  await admin.pushManifest('a', 'list2', both);
  t.equal((await admin.delete(`/a/manifests/${one.digest}`)).status, 202);
  t.equal(refusal(await admin.pushManifest('a', 'list3', both)), '400 MANIFEST_BLOB_UNKNOWN');
});

t.test('the manifest was deleted and pushed again by others: it is looked at anew', async (t) => {
  const { admin, another, store, registry } = await onCounted(t);
  const { admin: there } = await another();
  await admin.pushImage('a', 'v1', one);
  await admin.pushManifest('a', 'v2', one);
  await there.delete(`/a/manifests/${one.digest}`);
  await there.pushImage('a', 'v1', one);
  store.reset();
  t.equal((await admin.pushManifest('a', 'v3', one)).status, 201);
  t.ok(store.count('get', 'oci/manifests/') > 0, 'its bytes');
  t.ok(store.count('list', 'oci/links/') > 0, 'and its links');
  t.same(await problemsOf(registry.getStorage()), []);
});
