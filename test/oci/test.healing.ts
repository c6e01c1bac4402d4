import t from 'tap';
import { SmartRegistry } from '../../ts/index.js';
import { Actor, configOf, ociWorld } from '../support/oci/actors.js';
import { image } from '../support/oci/samples.js';
import { ANY_AGE, problemsOf } from '../support/oci/stored.js';
import { FaultObjectStore } from '../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../support/store/memory-objectstore.js';

const one = image('one');
const damages: Record<string, Buffer> = {
  short: one.bytes.subarray(0, 20),
  'other bytes': Buffer.from(one.bytes.map((byte) => byte ^ 1)),
};

const onFaults = async (t: Parameters<typeof ociWorld>[0]) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const world = await ociWorld(t, { storage: { objectStore: store } });
  // another process, which sees no faults
  const registry = new SmartRegistry({ ...configOf(), storage: { objectStore: inner } });
  await registry.init();
  t.teardown(() => registry.destroy());
  return { inner, store, there: new Actor(registry, world.admin.authorization), ...world };
};

for (const [name, damaged] of Object.entries(damages)) {
  t.test(`a damaged manifest (${name}) is absent until it is pushed again`, async (t) => {
    const { admin, there, inner } = await onFaults(t);
    await there.pushImage('a', 'v1', one);
    // which finds it intact, and remembers that
    t.equal((await admin.pushManifest('a', 'v1', one)).status, 201);
    await inner.put(`oci/manifests/a/${one.digest}`, damaged, { contentType: one.mediaType });
    for (const actor of [admin, there])
      for (const reference of ['v1', one.digest])
        for (const method of ['GET', 'HEAD'])
          t.equal((await actor.send(method, `/a/manifests/${reference}`)).status, 404, `${method} ${reference}`);
    t.equal((await admin.pushManifest('a', 'v1', one)).status, 201);
    for (const actor of [admin, there])
      for (const reference of ['v1', one.digest])
        t.same((await actor.get(`/a/manifests/${reference}`)).bytes, one.bytes, reference);
    await admin.registry.collectGarbage(ANY_AGE);
    t.same(inner.keys('oci/manifests/').length, 1, 'the damaged copy is collected');
    t.same(await problemsOf(admin.registry.getStorage()), []);
  });

  t.test(`a damaged manifest (${name}) can be deleted`, async (t) => {
    const { admin, inner } = await onFaults(t);
    await admin.pushImage('a', 'v1', one);
    await inner.put(`oci/manifests/a/${one.digest}`, damaged, { contentType: one.mediaType });
    t.equal((await admin.delete(`/a/manifests/${one.digest}`)).status, 202);
    t.equal((await admin.get('/a/tags/list')).status, 404);
    t.same(inner.keys('oci/manifests/'), []);
  });
}

t.test('a delete that ended before it took a tag that came meanwhile: sent again, it takes the tag', async (t) => {
  const { admin, store, there } = await onFaults(t);
  await admin.pushImage('a', 'v1', one);
  store.before = async ({ verb, key }) => {
    if (verb !== 'put' || !key.startsWith('oci/copies/manifests/')) return;
    store.before = undefined;
    t.equal((await there.pushManifest('a', 'v2', one)).status, 201);
  };
  store.after = ({ verb, key }) => {
    if (verb === 'delete' && key.startsWith('oci/manifests/')) store.fault = { at: 1, when: 'before', lasting: true };
  };
  t.equal((await admin.delete(`/a/manifests/${one.digest}`)).status, 503);
  t.same(await there.tags('a'), ['v2'], 'which points to nothing');
  t.equal((await there.delete(`/a/manifests/${one.digest}`)).status, 202);
  t.equal((await there.get('/a/tags/list')).status, 404);
  t.equal((await there.delete(`/a/manifests/${one.digest}`)).status, 404);
});

t.test('a manifest is pushed again while it is deleted: it is there with its tag, or it is gone', async (t) => {
  // before which write of the tags or the guard the push comes in
  for (let at = 1; at <= 4; at++) {
    const { admin, store, there } = await onFaults(t);
    await admin.pushImage('a', 'v1', one);
    let count = 0;
    let pushed = 0;
    store.after = async ({ verb, key }) => {
      if (verb !== 'put' || !/^oci\/(tags|copies\/manifests)\//.test(key) || ++count !== at) return;
      pushed = (await there.pushManifest('a', 'v2', one)).status;
    };
    t.equal((await admin.delete(`/a/manifests/${one.digest}`)).status, 202);
    store.after = undefined;
    const [byTag, byDigest] = [await there.get('/a/manifests/v2'), await there.get(`/a/manifests/${one.digest}`)];
    t.equal(byTag.status, byDigest.status, `${at}: pushed ${pushed}`);
    t.same(await problemsOf(there.registry.getStorage()), []);
  }
});
