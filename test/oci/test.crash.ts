import t, { type Test } from 'tap';
import { SmartRegistry } from '../../ts/index.js';
import { Actor, configOf, ociWorld } from '../support/oci/actors.js';
import { content, descriptorOf, image, index, MANIFEST } from '../support/oci/samples.js';
import { collectCopies } from '../support/oci/stored.js';
import { FaultObjectStore } from '../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../support/store/memory-objectstore.js';

const blob = content('the bytes of a layer');
const subject = image('subject');
const signature = image('signature', { subject: descriptorOf(MANIFEST, subject) });
const list = index([subject], { subject: descriptorOf(MANIFEST, subject) });

/** A process whose store is gone from one moment on, and one that comes afterwards. */
const start = async (t: Test) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const { admin, registry } = await ociWorld(t, { storage: { objectStore: store } });
  const successor = async () => {
    const next = new SmartRegistry({ ...configOf(), storage: { objectStore: inner } });
    await next.init();
    t.teardown(() => next.destroy());
    return new Actor(next, admin.authorization);
  };
  return { inner, store, admin, registry, successor };
};

const clean = async (actor: Actor): Promise<void> => {
  const { registry } = actor;
  await registry.getStorage().sweep({ olderThanMs: -1000 });
  for (const { work } of registry.getRegistry('oci')!.chores()) await work({ signal: new AbortController().signal });
  await collectCopies(registry.getStorage());
};

const referrersOf = async (actor: Actor): Promise<string[]> => {
  const { manifests } = (await actor.get(`/a/referrers/${subject.digest}`)).json() as {
    manifests: { digest: string }[];
  };
  return manifests.map(({ digest }) => digest).sort();
};

/** What holds after any crash: all that is seen is whole, and lists say what is there. */
const checkWhole = async (t: Test, actor: Actor, inner: MemoryObjectStore, what: string): Promise<void> => {
  const there: string[] = [];
  for (const one of [subject, signature, list]) {
    const got = await actor.get(`/a/manifests/${one.digest}`);
    if (got.status !== 200) continue;
    t.same(got.bytes, one.bytes, what);
    if (one !== subject) there.push(one.digest);
  }
  t.same(await referrersOf(actor), there.sort(), `${what}: the list of referrers`);
  const tags = await actor.get('/a/tags/list');
  for (const tag of tags.status === 200 ? (tags.json().tags as string[]) : []) {
    t.equal((await actor.get(`/a/manifests/${tag}`)).status, 200, `${what}: ${tag} points to something`);
  }
  const seen = await actor.get(`/a/blobs/${blob.digest}`);
  if (seen.status === 200) t.same(seen.bytes, blob.bytes, what);
  const held = new Set(inner.keys('oci/links/').map((key) => key.split('/')[3]));
  for (const key of inner.keys('oci/blobs/')) {
    t.ok(held.has(/\w{64}/.exec(key)?.[0]), `${what}: no bytes without a link`);
  }
  t.same(inner.keys('oci/pending/'), [], `${what}: no marker`);
  t.same(
    inner.keys('oci/links/').filter((key) => key.includes('~')),
    [],
    `${what}: no mark`,
  );
  t.same(inner.keys('staging/'), [], `${what}: nothing staged`);
};

const works: Record<string, { prepare?: (actor: Actor) => Promise<unknown>; work: (actor: Actor) => Promise<number> }> =
  {
    'a blob by PUT': {
      work: async (actor) => {
        const location = await actor.begin('a').catch(() => '');
        return location ? (await actor.finish(location, blob.digest, blob.bytes)).status : 503;
      },
    },
    'a blob by POST': {
      work: async (actor) =>
        (await actor.send('POST', `/a/blobs/uploads/?digest=${blob.digest}`, { body: blob.bytes })).status,
    },
    'a blob in chunks': {
      work: async (actor) => {
        const location = await actor.begin('a').catch(() => '');
        if (!location) return 503;
        await actor.patch(location, blob.bytes.subarray(0, 5));
        return (await actor.finish(location, blob.digest, blob.bytes.subarray(5), `5-${blob.bytes.byteLength - 1}`))
          .status;
      },
    },
    'a mount': {
      prepare: (actor) => actor.pushBlob('b', blob),
      work: async (actor) => (await actor.send('POST', `/a/blobs/uploads/?mount=${blob.digest}&from=b`)).status,
    },
    'a referrer by digest': {
      work: async (actor) => (await actor.pushManifest('a', signature.digest, signature)).status,
    },
    'a referrer by digest with tags': {
      work: async (actor) => (await actor.pushManifest('a', `${list.digest}?tag=x&tag=y`, list)).status,
    },
    'the delete of a referrer': {
      prepare: (actor) => actor.pushManifest('a', signature.digest, signature),
      work: async (actor) => (await actor.delete(`/a/manifests/${signature.digest}`)).status,
    },
    'the delete of a tagged referrer': {
      prepare: (actor) => actor.pushManifest('a', 'sig', signature),
      work: async (actor) => (await actor.delete(`/a/manifests/${signature.digest}`)).status,
    },
    'the delete of a blob': {
      prepare: (actor) => actor.pushBlob('a', blob),
      work: async (actor) => (await actor.delete(`/a/blobs/${blob.digest}`)).status,
    },
  };

for (const [name, { prepare, work }] of Object.entries(works)) {
  t.test(`a process that dies at any moment of ${name}`, async (t) => {
    const ready = async () => {
      const world = await start(t);
      await world.admin.pushImage('a', 'v1', subject);
      for (const one of [signature.config, ...signature.layers]) await world.admin.pushBlob('a', one);
      await prepare?.(world.admin);
      return world;
    };
    const rehearsal = await ready();
    rehearsal.store.reset();
    const expected = await work(rehearsal.admin);
    t.ok(expected < 300);
    const steps = rehearsal.store.log.length;
    for (const when of ['before', 'after'] as const) {
      for (let at = 1; at <= steps; at++) {
        const { inner, store, admin, successor } = await ready();
        store.reset({ at, when, lasting: true });
        const status = await work(admin);
        store.reset();
        const what = `${when} step ${at} of ${steps}`;
        t.ok([expected, 503].includes(status), `${what}: ${status}`);
        const next = await successor();
        await clean(next);
        await checkWhole(t, next, inner, what);
        const retried = await work(next);
        t.ok([expected, 404].includes(retried) || retried === 202, `${what}: again: ${retried}`);
        await clean(next);
        await checkWhole(t, next, inner, `${what}, again`);
      }
    }
  });
}
