import t from 'tap';
import { ociWorld, refusal } from '../support/oci/actors.js';
import { content, image, index, LAYER } from '../support/oci/samples.js';
import { ANY_AGE, problemsOf } from '../support/oci/stored.js';

/** As `buildctl build --export-cache type=registry` pushes it: layers, and a configuration of a type of its own. */
const layer = { ...content('a layer of a build'), mediaType: LAYER };
const cacheConfig = {
  ...content('{"layers":[],"records":[]}'),
  mediaType: 'application/vnd.buildkit.cacheconfig.v0',
};
const cache = index([layer, cacheConfig]);
const one = image('one');
const two = image('two');

t.test(
  'an index of blobs, as BuildKit stores its cache: each entry is a blob or a manifest of the repository',
  async (t) => {
    const { admin, stored } = await ociWorld(t);
    await admin.pushBlob('other', layer);
    await admin.pushBlob('a', cacheConfig);
    const before = await stored();
    const refused = await admin.pushManifest('a', 'cache', cache);
    t.equal(refusal(refused), '400 MANIFEST_BLOB_UNKNOWN', 'a blob of another repository does not count');
    t.match(refused.text, layer.digest);
    t.notMatch(refused.text, cacheConfig.digest);
    t.same(await stored(), before);
    await admin.pushBlob('a', layer);
    t.equal((await admin.pushManifest('a', 'cache', cache)).status, 201);
    await admin.pushImage('a', 'one', one);
    t.equal((await admin.pushManifest('a', 'both', index([layer, one]))).status, 201);

    await admin.registry.collectGarbage(ANY_AGE);
    for (const { digest, bytes } of [layer, cacheConfig]) {
      t.same((await admin.get(`/a/blobs/${digest}`)).bytes, bytes, 'the garbage collector keeps what the index names');
    }
    await admin.delete('/a/manifests/both');
    await admin.delete(`/a/manifests/${cache.digest}`);
    await admin.delete(`/a/manifests/${index([layer, one]).digest}`);
    await admin.registry.collectGarbage(ANY_AGE);
    t.equal((await admin.get(`/a/blobs/${layer.digest}`)).status, 404, 'and not what no index names any more');
    t.same(await problemsOf(admin.registry.getStorage()), []);
  },
);

t.test(
  'a blob that only an index names and that is deleted: the same push is refused, and taken when it is back',
  async (t) => {
    const { admin } = await ociWorld(t);
    for (const blob of [layer, cacheConfig]) await admin.pushBlob('a', blob);
    await admin.pushManifest('a', 'cache', cache);
    await admin.delete(`/a/blobs/${layer.digest}`);
    t.equal(refusal(await admin.pushManifest('a', 'again', cache)), '400 MANIFEST_BLOB_UNKNOWN');
    await admin.pushBlob('a', layer);
    t.equal((await admin.pushManifest('a', 'again', cache)).status, 201);
  },
);

t.test('sparse indexes: off by default; switched on, an index may name platforms that are not here', async (t) => {
  const { admin: strict } = await ociWorld(t);
  await strict.pushImage('a', 'one', one);
  t.equal(refusal(await strict.pushManifest('a', 'list', index([one, two]))), '400 MANIFEST_BLOB_UNKNOWN');

  const { admin } = await ociWorld(t, { oci: { features: { sparseIndexes: true } } });
  await admin.pushImage('a', 'one', one);
  const list = index([one, two]);
  t.equal((await admin.pushManifest('a', 'list', list)).status, 201);
  t.same((await admin.get('/a/manifests/list')).bytes, list.bytes);
  t.equal(refusal(await admin.get(`/a/manifests/${two.digest}`)), '404 MANIFEST_UNKNOWN');
  t.equal(refusal(await admin.pushManifest('a', 'two', two)), '400 MANIFEST_BLOB_UNKNOWN', 'layers may not be missing');
  t.equal((await admin.pushImage('a', 'two', two)).status, 201, 'the platform may come later');
  await admin.registry.collectGarbage(ANY_AGE);
  t.equal((await admin.get(`/a/manifests/${two.digest}`)).status, 200);
});
