import t, { type Test } from 'tap';
import { type IOciConfig, SmartRegistry } from '../../ts/index.js';
import { ManifestStore } from '../../ts/oci/classes.manifeststore.js';
import { assertDigest } from '../../ts/oci/wire/wire.digests.js';
import { Actor, configOf, ociWorld, refusal } from '../support/oci/actors.js';
import { content, image, index } from '../support/oci/samples.js';
import { ANY_AGE, collectCopies, problemsOf } from '../support/oci/stored.js';
import { FaultObjectStore, type IOperation } from '../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../support/store/memory-objectstore.js';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const jitter = (): Promise<void> => pause(Math.random() * 3);
const one = image('one');
const blob = content('the bytes of a layer');
const blobPath = `/a/blobs/${blob.digest}`;

const onFaults = async (t: Parameters<typeof ociWorld>[0], oci: Partial<IOciConfig> = {}) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const world = await ociWorld(t, { storage: { objectStore: store }, oci });
  // another process, which sees no faults: what is slipped into a halted operation must not wait for that operation
  const registry = new SmartRegistry({ ...configOf({ oci }), storage: { objectStore: inner } });
  await registry.init();
  t.teardown(() => registry.destroy());
  const there = new Actor(registry, world.admin.authorization);
  return { inner, store, there, ...world };
};

/** The copy of the manifest that its guard names, in the store itself: what is cached must not hide that it is gone. */
const hasManifest = async (registry: SmartRegistry, digest: string): Promise<boolean> =>
  new ManifestStore(registry.getStorage()).exists('a', assertDigest(digest));

/** The ways in which a blob comes into repository `a`. */
const ways: Record<string, (actor: Actor) => Promise<number>> = {
  'POST and PUT': async (actor) => (await actor.pushBlob('a', blob)).status,
  'single POST': async (actor) =>
    (await actor.send('POST', `/a/blobs/uploads/?digest=${blob.digest}`, { body: blob.bytes })).status,
  chunks: async (actor) => {
    const location = await actor.begin('a');
    const { status } = await actor.patch(location, blob.bytes.subarray(0, 5));
    if (status !== 202) return status;
    return (await actor.finish(location, blob.digest, blob.bytes.subarray(5))).status;
  },
  mount: async (actor) => {
    const { status } = await actor.send('POST', `/a/blobs/uploads/?mount=${blob.digest}&from=b`);
    return status;
  },
};

t.test('320 tags pushed 16 at a time, through two processes, are all there', async (t) => {
  const { admin, another } = await ociWorld(t);
  const other = (await another()).admin;
  await admin.pushImage('a', 'first', one);
  const tags = Array.from({ length: 320 }, (_, at) => `t${at}`);
  const waiting = [...tags];
  const worker = async (actor: Actor) => {
    for (let tag = waiting.pop(); tag; tag = waiting.pop()) {
      const { status, text } = await actor.pushManifest('a', tag, one);
      if (status !== 201) t.fail(`${tag}: ${status} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: 16 }, (_, at) => worker(at % 2 ? admin : other)));
  t.same(await admin.tags('a'), ['first', ...tags].sort());
  t.same(await other.tags('a'), ['first', ...tags].sort());
});

t.test('the same layer pushed 16 times at once: all succeed, the bytes are there once and right', async (t) => {
  const { admin, stored } = await ociWorld(t);
  const big = content(Buffer.alloc(400_000, 'layer'));
  const pushes = Array.from({ length: 16 }, (_, at) => admin.pushBlob(`r${at % 4}`, big));
  t.same(
    (await Promise.all(pushes)).map(({ status }) => status),
    Array(16).fill(201),
  );
  t.same((await admin.get(`/r3/blobs/${big.digest}`)).bytes, big.bytes);
  t.equal((await stored()).filter((key) => key.startsWith('oci/blobs/')).length, 1);
  t.equal(new Set(await stored()).size, 1 + 4, 'and each repository has it');
});

t.test('push and delete of one manifest at once: no tag ever points to nothing', async (t) => {
  const { admin, store, there } = await onFaults(t);
  await admin.pushImage('a', 'keep', image('other'));
  await admin.pushImage('a', 'v0', one);
  for (let round = 0; round < 60; round++) {
    store.before = jitter;
    const answers = await Promise.all([
      admin.pushManifest('a', 'v1', one),
      admin.delete(`/a/manifests/${one.digest}`),
      admin.pushManifest('a', `${one.digest}?tag=v2`, one),
      admin.delete('/a/manifests/v2'),
    ]);
    store.before = undefined;
    for (const { status } of answers) t.ok([201, 202, 404].includes(status), `${status}`);
    for (const tag of await admin.tags('a')) {
      // asked of the store: what is cached must not hide it
      const { 'Docker-Content-Digest': digest } = (await admin.get(`/a/manifests/${tag}`)).headers;
      t.ok(await hasManifest(there.registry, digest as string), `round ${round}: ${tag}`);
    }
  }
});

t.test('a manifest that comes while the last one goes: the repository is listed', async (t) => {
  const { admin, store } = await onFaults(t);
  const other = image('other');
  await admin.pushImage('a', other.digest, other);
  for (let round = 0; round < 60; round++) {
    await admin.pushImage('a', one.digest, one);
    await admin.delete(`/a/manifests/${other.digest}`);
    store.before = jitter;
    await Promise.all([admin.pushManifest('a', other.digest, other), admin.delete(`/a/manifests/${one.digest}`)]);
    store.before = undefined;
    t.equal((await admin.get(`/a/manifests/${other.digest}`)).status, 200);
    t.equal((await admin.get('/a/tags/list')).status, 200, `round ${round}`);
  }
});

t.test('a tag is moved away while its old manifest is deleted: the manifest is gone', async (t) => {
  const { admin, there, store } = await onFaults(t);
  const [old, next] = [image('old'), image('next')];
  await admin.pushImage('a', 'latest', next);
  await admin.pushImage('a', 'latest', old);
  // between the look at the tags and their change
  store.after = async ({ verb, key }: IOperation) => {
    if (verb !== 'head' || !key.startsWith('oci/tags/')) return;
    store.after = undefined;
    await there.pushManifest('a', 'latest', next);
  };
  t.equal((await admin.delete(`/a/manifests/${old.digest}`)).status, 202);
  t.notOk(await hasManifest(there.registry, old.digest));
  t.equal((await admin.get('/a/manifests/latest')).headers['Docker-Content-Digest'], next.digest);
});

for (const isFormerGone of [false, true]) {
  const end = isFormerGone ? 'is gone, because its former manifest is' : 'points to its former manifest again';
  t.test(`a push is refused although it has moved its tag: the tag ${end}`, async (t) => {
    const { admin, store, there } = await onFaults(t, { untaggedManifests: { deleteAfterMs: 0 } });
    const [former, next] = [image('former'), image('next')];
    await admin.pushImage('a', 'other', one);
    await admin.pushImage('a', 'v1', former);
    for (const pushed of [next.config, ...next.layers]) await admin.pushBlob('a', pushed);
    let steps = 0;
    store.before = async ({ verb, key }: IOperation) => {
      if (verb !== 'put') return;
      if (steps === 0 && key.startsWith('oci/tags/')) {
        // the manifest is stored and has no tag yet: it and its layer are collected
        steps++;
        await there.registry.collectGarbage(ANY_AGE);
      } else if (steps === 1 && key.startsWith('oci/manifests/')) {
        // the tag has been moved, and the manifest is about to be stored again
        steps++;
        t.equal((await there.get('/a/manifests/v1')).status, 404);
        if (isFormerGone) t.equal((await there.delete(`/a/manifests/${former.digest}`)).status, 202);
      }
    };
    const answer = await admin.pushManifest('a', 'v1', next);
    store.before = undefined;
    t.equal(steps, 2);
    t.equal(refusal(answer), '400 MANIFEST_BLOB_UNKNOWN');
    t.same(await there.tags('a'), isFormerGone ? ['other'] : ['other', 'v1']);
    const { status, headers } = await there.get('/a/manifests/v1');
    t.equal(status, isFormerGone ? 404 : 200);
    if (!isFormerGone) t.equal(headers['Docker-Content-Digest'], former.digest);
    t.same(await problemsOf(there.registry.getStorage()), []);
  });
}

for (const [name, push] of Object.entries(ways)) {
  t.test(`the collector runs at each step of a push (${name}): an acknowledged blob is there`, async (t) => {
    for (const collectors of [1, 2]) {
      let acknowledged = 0;
      let met = true;
      for (let at = 1; met; at++) {
        const { admin, there, store } = await onFaults(t);
        // bytes that lie there without a link, or (for the mount) with one that goes in the middle
        await admin.pushBlob('b', blob);
        if (name !== 'mount') await admin.delete(`/b/blobs/${blob.digest}`);
        store.reset();
        met = false;
        store.before = async () => {
          if (met || store.log.length < at) return;
          met = true;
          if (name === 'mount') await there.delete(`/b/blobs/${blob.digest}`);
          await Promise.all(Array.from({ length: collectors }, () => collectCopies(there.registry.getStorage())));
        };
        const status = await push(admin);
        store.before = undefined;
        t.ok([201, 202, 503].includes(status), `step ${at}: ${status}`);
        if (status === 201) acknowledged++;
        await store.repeatDeletes();
        await collectCopies(there.registry.getStorage());
        const { status: seen, bytes } = await there.get(blobPath);
        if (status === 201) t.same([seen, bytes], [200, blob.bytes], `step ${at}`);
        if (name === 'mount') continue;
        t.equal(await push(admin), 201, 'and it works again');
        t.same((await there.get(blobPath)).bytes, blob.bytes);
      }
      t.ok(acknowledged > 1, `${acknowledged} pushes were acknowledged`);
    }
  });

  t.test(`a push runs at each step of the collector (${name}): an acknowledged blob is there`, async (t) => {
    let acknowledged = 0;
    let met = true;
    for (let at = 1; met; at++) {
      const { admin, there, store, registry, inner } = await onFaults(t);
      await admin.pushBlob('b', blob);
      if (name !== 'mount') await admin.delete(`/b/blobs/${blob.digest}`);
      store.reset();
      met = false;
      let status = 0;
      store.before = async () => {
        if (met || store.log.length < at) return;
        met = true;
        status = await push(there);
        if (name === 'mount') await there.delete(`/b/blobs/${blob.digest}`);
      };
      await collectCopies(registry.getStorage());
      store.before = undefined;
      if (!met) break;
      // hours later
      await store.repeatDeletes();
      await collectCopies(there.registry.getStorage());
      const { status: seen, bytes } = await there.get(blobPath);
      t.ok([201, 202, 503].includes(status), `step ${at}: ${status}`);
      if (status === 201) acknowledged++;
      if (status === 201) t.same([seen, bytes], [200, blob.bytes], `step ${at}`);
      t.ok(inner.keys('oci/blobs/').length <= 1, 'one copy');
    }
    t.ok(acknowledged > 1, `${acknowledged} pushes were acknowledged`);
  });
}

/** What clients do with images beside a collector. The one that is acknowledged last says what there has to be. */
const imageWorks: Record<string, (actor: Actor) => Promise<number>> = {
  'the push of a manifest by tag': async (actor) => (await actor.pushManifest('a', 'v1', one)).status,
  'the push of a manifest by digest': async (actor) => (await actor.pushManifest('a', one.digest, one)).status,
  'the push of an image': async (actor) =>
    (await actor.pushImage('a', 'v1', one).catch(() => ({ status: 503 }))).status,
  'the push of an index': async (actor) => (await actor.pushManifest('a', 'list', index([one]))).status,
  'a tag for an index that is there': async (actor) => (await actor.pushManifest('a', 'v3', index([one]))).status,
  'a tag for a manifest that is there': async (actor) => (await actor.pushManifest('a', 'v2', one)).status,
  'a tag for a manifest that was checked before': async (actor) => (await actor.pushManifest('a', 'v4', one)).status,
  'a tag for an index that was checked before': async (actor) =>
    (await actor.pushManifest('a', 'v5', index([one]))).status,
  'the delete of a manifest': async (actor) => (await actor.delete(`/a/manifests/${one.digest}`)).status,
  'the delete of a blob': async (actor) => (await actor.delete(`/a/blobs/${image('loose').layers[0]!.digest}`)).status,
};

for (const [name, work] of Object.entries(imageWorks)) {
  const prepare = async (t: Parameters<typeof ociWorld>[0]) => {
    const world = await onFaults(t, { untaggedManifests: { deleteAfterMs: 0 } });
    for (const pushed of [one.config, ...one.layers, ...image('loose').layers]) await world.admin.pushBlob('a', pushed);
    if (/index|tag for|delete of a manifest/.test(name)) await world.admin.pushManifest('a', one.digest, one);
    if (/index that (is|was)/.test(name)) await world.admin.pushManifest('a', index([one]).digest, index([one]));
    // both processes remember what they have checked
    for (const actor of /checked before/.test(name) ? [world.admin, world.there] : []) {
      for (const pushed of [one, index([one])]) {
        if (name.includes('index') || pushed === one) await actor.pushManifest('a', pushed.digest, pushed);
      }
    }
    world.store.reset();
    return world;
  };
  const check = async (t: Test, { registry }: Actor, status: number, what: string) => {
    t.ok([201, 202, 400, 404, 503].includes(status), `${what}: ${status}`);
    t.same(await problemsOf(registry.getStorage()), [], what);
    if (name.includes('by tag') && status === 201) t.ok(await hasManifest(registry, one.digest), what);
  };

  t.test(`the garbage collector runs at each step of ${name}: what is acknowledged is whole`, async (t) => {
    let acknowledged = 0;
    let met = true;
    for (let at = 1; met; at++) {
      const { admin, there, store } = await prepare(t);
      met = false;
      store.before = async () => {
        if (met || store.log.length < at) return;
        met = true;
        await there.registry.getRegistry('oci')?.collectGarbage(ANY_AGE);
      };
      const status = await work(admin);
      store.before = undefined;
      if (status < 300) acknowledged++;
      await store.repeatDeletes();
      await check(t, there, status, `step ${at}`);
    }
    t.ok(acknowledged > 0, `${acknowledged} were acknowledged`);
  });

  t.test(`${name} runs at each step of the garbage collector: what is acknowledged is whole`, async (t) => {
    let acknowledged = 0;
    let met = true;
    for (let at = 1; met; at++) {
      const { there, store, registry } = await prepare(t);
      met = false;
      let status = 0;
      store.before = async () => {
        if (met || store.log.length < at) return;
        met = true;
        status = await work(there);
      };
      await registry.getRegistry('oci')?.collectGarbage(ANY_AGE);
      store.before = undefined;
      if (!met) break;
      if (status < 300) acknowledged++;
      await store.repeatDeletes();
      await check(t, there, status, `step ${at}`);
    }
    t.ok(acknowledged > 0, `${acknowledged} were acknowledged`);
  });
}

t.test('damaged bytes come to lie at the key of a blob while it is finished: it gets a copy of its own', async (t) => {
  const { admin, there, store, inner } = await onFaults(t);
  const location = await admin.begin('a');
  await admin.patch(location, blob.bytes.subarray(0, 5));
  await admin.patch(location, blob.bytes.subarray(5));
  store.before = async ({ verb, key }) => {
    if (verb !== 'compose') return;
    store.before = undefined;
    await inner.put(key, blob.bytes.subarray(1));
  };
  const { status, text } = await admin.finish(location, blob.digest);
  t.equal(status, 201, text);
  t.same((await there.get(blobPath)).bytes, blob.bytes);
  t.same(await problemsOf(there.registry.getStorage()), []);
});

t.test('two finish one upload, and a third writes a late chunk to it: the blob has its own bytes', async (t) => {
  const { admin, there, store, inner } = await onFaults(t);
  const location = await admin.begin('a');
  await admin.patch(location, blob.bytes.subarray(0, 5));
  await admin.patch(location, blob.bytes.subarray(5));
  const chunks = inner.keys('oci/uploads/').filter((key) => !key.endsWith('.start'));
  t.equal(chunks.length, 2);
  let first: number | undefined;
  store.before = async ({ verb }) => {
    if (verb !== 'compose') return;
    store.before = undefined;
    first = (await there.finish(location, blob.digest)).status;
    t.same(inner.keys('oci/uploads/'), [], 'the upload is over');
    for (const key of chunks) await inner.put(key, Buffer.from('other bytes'));
  };
  const second = await admin.finish(location, blob.digest);
  t.same([first, second.status], [201, 201]);
  t.same((await there.get(blobPath)).bytes, blob.bytes);
  t.same((await admin.get(blobPath)).bytes, blob.bytes);
});

t.test('a store that fails at each step of a push: nothing half is seen, and a retry works', async (t) => {
  for (const [name, push] of Object.entries(ways)) {
    const { admin, store, inner } = await onFaults(t);
    await admin.pushBlob('b', blob);
    store.reset();
    await push(admin);
    const steps = store.log.length;
    for (const when of ['before', 'after'] as const) {
      for (let at = 1; at <= steps; at++) {
        await admin.delete(blobPath);
        for (const key of inner.keys('oci/uploads/')) await inner.delete(key);
        store.reset({ at, when });
        const status = await push(admin).catch(() => 503);
        store.reset();
        t.ok([201, 202, 503].includes(status), `${name} ${when} ${at}: ${status}`);
        const seen = await admin.get(blobPath);
        if (status === 201) t.same(seen.bytes, blob.bytes, `${name} ${when} ${at}`);
        if (seen.status === 200) t.same(seen.bytes, blob.bytes);
        t.equal(await push(admin), 201, `${name} ${when} ${at}: again`);
        t.same(inner.keys('staging/'), []);
      }
    }
  }
});

t.test('manifests: a store that fails at each step leaves no tag that points to nothing', async (t) => {
  const { admin, store, there } = await onFaults(t);
  const list = index([one]);
  await admin.pushImage('a', one.digest, one);
  store.reset();
  await admin.pushManifest('a', 'list', list);
  const steps = store.log.length;
  for (const when of ['before', 'after'] as const) {
    for (let at = 1; at <= steps; at++) {
      await admin.delete(`/a/manifests/${list.digest}`);
      store.reset({ at, when });
      const { status } = await admin.pushManifest('a', 'list', list);
      store.reset();
      t.ok([201, 503].includes(status), `${when} ${at}: ${status}`);
      const tags = await admin.tags('a');
      if (status === 201) t.same(tags, ['list'], `${when} ${at}`);
      if (tags.includes('list')) t.ok(await hasManifest(there.registry, list.digest));
      t.equal((await admin.pushManifest('a', 'list', list)).status, 201, 'again');
    }
  }
});

t.test('a client that breaks off leaves nothing staged, and can go on', async (t) => {
  const { admin, stored } = await ociWorld(t);
  const breaking = (bytes: Uint8Array) =>
    new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(bytes),
      pull: async (controller) => {
        await pause(5);
        controller.error(new Error('the client is gone'));
      },
    });
  const big = content(Buffer.alloc(900_000, 'z'));
  const location = await admin.begin('a');
  const before = await stored();
  const half = big.bytes.subarray(0, 500_000);
  for (const [method, target] of [
    ['PATCH', location],
    ['PUT', `${location}?digest=${big.digest}`],
    ['POST', `/a/blobs/uploads/?digest=${big.digest}`],
  ] as const) {
    const answer = await admin.send(method, target, { body: breaking(half) });
    t.equal(refusal(answer), '400 SIZE_INVALID', method);
    t.same(await stored(), before, method);
    const short = await admin.send(method, target, { body: half, headers: { 'content-length': '900000' } });
    t.equal(refusal(short), '400 SIZE_INVALID', `${method}: a Content-Length that lies`);
    t.same(await stored(), before, method);
    const long = await admin.send(method, target, { body: half, headers: { 'content-length': '1000' } });
    t.equal(refusal(long), '400 SIZE_INVALID');
    t.same(await stored(), before, method);
  }
  t.equal((await admin.get(location)).headers.Range, '0-0');
  await admin.patch(location, half);
  await admin.send('PATCH', location, { body: breaking(half) });
  t.equal((await admin.get(location)).headers.Range, '0-499999', 'what was acknowledged is there');
  t.equal((await admin.finish(location, big.digest, big.bytes.subarray(500_000))).status, 201);
});
