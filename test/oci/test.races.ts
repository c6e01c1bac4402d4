import t from 'tap';
import { SmartRegistry } from '../../ts/index.js';
import { Actor, configOf, ociWorld, refusal } from '../support/oci/actors.js';
import { content, image, index } from '../support/oci/samples.js';
import { FaultObjectStore, type IOperation } from '../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../support/store/memory-objectstore.js';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const jitter = (): Promise<void> => pause(Math.random() * 3);
const one = image('one');
const blob = content('the bytes of a layer');
const blobPath = `/a/blobs/${blob.digest}`;

const onFaults = async (t: Parameters<typeof ociWorld>[0]) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const world = await ociWorld(t, { storage: { objectStore: store } });
  // another process, which sees no faults: what is slipped into a halted operation must not wait for that operation
  const registry = new SmartRegistry({ ...configOf(), storage: { objectStore: inner } });
  await registry.init();
  t.teardown(() => registry.destroy());
  const there = new Actor(registry, world.admin.authorization);
  return { inner, store, there, ...world };
};
const ANY_AGE = { olderThanMs: -1000 };

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
  t.equal((await stored()).length, 1 + 4);
});

t.test('push and delete of one manifest at once: no tag ever points to nothing', async (t) => {
  const { admin, store, inner } = await onFaults(t);
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
      t.ok(inner.objects.has(`oci/manifests/a/${digest}`), `round ${round}: ${tag}`);
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
  const { admin, there, store, inner } = await onFaults(t);
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
  t.notOk(inner.objects.has(`oci/manifests/a/${old.digest}`));
  t.equal((await admin.get('/a/manifests/latest')).headers['Docker-Content-Digest'], next.digest);
});

for (const [name, push] of Object.entries(ways)) {
  t.test(`the collector runs at each step of a push (${name}): an acknowledged blob is there`, async (t) => {
    const { admin, there, store } = await onFaults(t);
    const oci = there.registry.getRegistry('oci')!;
    const prepare = async () => {
      await admin.delete(blobPath);
      await admin.delete(`/b/blobs/${blob.digest}`);
      await oci.sweepOrphans(ANY_AGE);
      // bytes that lie there without a link, or (for the mount) with one that goes in the middle
      await admin.pushBlob('b', blob);
      if (name !== 'mount') await admin.delete(`/b/blobs/${blob.digest}`);
    };
    await prepare();
    store.reset();
    t.equal(await push(admin), 201);
    const steps = store.log.length;
    for (const collectors of [1, 2]) {
      for (let at = 1; at <= steps; at++) {
        await prepare();
        store.reset();
        let busy = false;
        store.before = async () => {
          if (busy || store.log.length < at) return;
          busy = true;
          store.before = undefined;
          if (name === 'mount') await there.delete(`/b/blobs/${blob.digest}`);
          const runs = Array.from({ length: collectors }, () => oci.sweepOrphans(ANY_AGE));
          await Promise.all(runs);
        };
        const status = await push(admin);
        store.before = undefined;
        t.ok([201, 202, 503].includes(status), `step ${at}: ${status}`);
        const { status: seen, bytes } = await admin.get(blobPath);
        if (status === 201) t.same([seen, bytes], [200, blob.bytes], `step ${at} of ${steps}`);
        else t.equal(seen, 404, `step ${at}: a push that failed left no link`);
        if (name !== 'mount') t.equal(await push(admin), 201, 'and it works again');
      }
    }
  });

  t.test(`a push halts at each step of the collector (${name}): an acknowledged blob is there`, async (t) => {
    const { admin, there, store, registry, inner } = await onFaults(t);
    const oci = registry.getRegistry('oci')!;
    const prepare = async () => {
      await admin.pushBlob('a', blob);
      await admin.pushBlob('b', blob);
      await admin.delete(blobPath);
      if (name !== 'mount') await admin.delete(`/b/blobs/${blob.digest}`);
    };
    const collect = () => oci.sweepOrphans(ANY_AGE);
    await prepare();
    store.reset();
    await collect();
    const steps = Math.max(store.log.length, 4);
    for (let at = 1; at <= steps; at++) {
      await prepare();
      store.reset();
      let pushed: Promise<number> | undefined;
      store.before = async () => {
        if (pushed || store.log.length < at) return;
        // the collector goes on after a while: a push that meets its mark waits for that
        pushed = push(there);
        await Promise.race([pushed, pause(120)]);
      };
      await collect();
      store.before = undefined;
      const status = await (pushed ?? push(there));
      const { status: seen, bytes } = await admin.get(blobPath);
      if (status === 201) t.same([seen, bytes], [200, blob.bytes], `step ${at} of ${steps}`);
      else t.equal(seen, 404);
      t.same(inner.keys('oci/collecting/'), []);
    }
  });
}

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

t.test('a mark that a dead collector left holds a push up once, and goes', async (t) => {
  const { admin, store, inner, registry } = await onFaults(t);
  await admin.pushBlob('b', blob);
  const hex = blob.digest.slice(7);
  await inner.put(`oci/collecting/sha256/${hex}`, new Uint8Array());
  const held = inner.objects.get(`oci/collecting/sha256/${hex}`)!;
  held.info = { ...held.info, lastModified: new Date(Date.now() - 3_600_000) };
  await registry.getRegistry('oci')!.sweepOrphans();
  t.same(inner.keys('oci/collecting/'), [], 'swept by age');
  store.reset();
  const started = performance.now();
  t.equal((await admin.pushBlob('a', blob)).status, 201);
  t.ok(performance.now() - started < 2_000);
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
  const { admin, store, inner } = await onFaults(t);
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
      if (tags.includes('list')) t.ok(inner.objects.has(`oci/manifests/a/${list.digest}`));
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
