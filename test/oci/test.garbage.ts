import t from 'tap';
import type { IGarbageProgress, IGarbageReport } from '../../ts/index.js';
import { type Actor, ociWorld, refusal, withoutWriteId } from '../support/oci/actors.js';
import { content, descriptorOf, image, index, MANIFEST } from '../support/oci/samples.js';
import { ANY_AGE, problemsOf } from '../support/oci/stored.js';
import { FaultObjectStore } from '../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../support/store/memory-objectstore.js';

const one = image('one');
const two = image('two');
const bytesOf = (...all: { bytes: Uint8Array }[]): number => all.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);

const collect = async ({ registry }: Actor, more: object = {}): Promise<IGarbageReport> => {
  const [report] = await registry.collectGarbage({ ...ANY_AGE, ...more });
  return report as IGarbageReport;
};
const isThere = async (actor: Actor, path: string): Promise<boolean> => (await actor.get(path)).status === 200;
const layerOf = (name: string, { layers }: typeof one): string => `/${name}/blobs/${layers[0]!.digest}`;

t.test('deleting an image frees its space; what another image or repository has stays', async (t) => {
  const { admin, stored } = await ociWorld(t);
  await admin.pushImage('a', 'v1', one);
  await admin.pushImage('a', 'v2', two);
  await admin.send('POST', `/b/blobs/uploads/?mount=${one.layers[0]!.digest}&from=a`);
  t.same((await collect(admin)).removed, { manifests: 0, links: 1, blobs: 0 }, 'the mount that nothing names');
  await admin.delete(`/a/manifests/${one.digest}`);
  const before = await stored();
  const dry = await collect(admin, { dryRun: true });
  t.same(await stored(), before, 'a dry run changes nothing');
  t.same(dry, { protocol: 'oci', removed: { manifests: 0, links: 1, blobs: 1 }, bytes: bytesOf(...one.layers) });
  t.same(await collect(admin), dry, 'and says what is removed then');
  t.notOk(await isThere(admin, layerOf('a', one)));
  t.ok(await isThere(admin, layerOf('a', two)));
  t.ok(await isThere(admin, `/a/blobs/${one.config.digest}`), 'the configuration is that of both');
  t.same((await collect(admin)).removed, { manifests: 0, links: 0, blobs: 0 });
  t.equal((await admin.pushImage('a', 'v1', one)).status, 201, 'and it can come again');
  await collect(admin);
  t.ok(await isThere(admin, layerOf('a', one)));
  t.same(await problemsOf(admin.registry.getStorage()), []);
});

t.test(
  'moved tags: untagged manifests are kept, with all that they name, unless the configuration says otherwise',
  async (t) => {
    const { admin } = await ociWorld(t);
    await admin.pushImage('a', 'latest', one);
    await admin.pushImage('a', 'latest', two);
    t.same((await collect(admin)).removed, { manifests: 0, links: 0, blobs: 0 });
    t.ok(await isThere(admin, `/a/manifests/${one.digest}`));
  },
);

t.test(
  'untaggedManifests: what no tag leads to goes after its time, children and referrers of the others stay',
  async (t) => {
    const { admin } = await ociWorld(t, { oci: { untaggedManifests: { deleteAfterMs: 0 } } });
    const child = image('child');
    const signature = image('signature', { subject: descriptorOf(MANIFEST, child) });
    const onSignature = image('on signature', { subject: descriptorOf(MANIFEST, signature) });
    const list = index([child]);
    const orphan = image('orphan', { subject: descriptorOf(MANIFEST, one) });
    for (const pushed of [child, signature, onSignature, one, orphan])
      await admin.pushImage('a', pushed.digest, pushed);
    await admin.pushManifest('a', 'list', list);
    await admin.pushImage('gone', two.digest, two);
    const [young] = await admin.registry.collectGarbage({ graceMs: 3_600_000 });
    t.equal(young!.removed.manifests, 0, 'younger than the grace period');
    const dry = await collect(admin, { dryRun: true });
    const report = await collect(admin);
    t.equal(report.removed.manifests, 3);
    t.equal(dry.removed.manifests, 3);
    const blobs = [...one.layers, ...orphan.layers, ...two.layers];
    t.equal(report.bytes, bytesOf(one, orphan, two, ...blobs));
    t.equal(dry.bytes, bytesOf(one, orphan, two), 'a dry run does not know yet which blobs they keep');
    for (const kept of [child, signature, onSignature, list]) t.ok(await isThere(admin, `/a/manifests/${kept.digest}`));
    for (const lost of [one, orphan]) t.notOk(await isThere(admin, `/a/manifests/${lost.digest}`));
    t.notOk(await isThere(admin, layerOf('a', orphan)), 'their blobs as well');
    const { manifests } = (await admin.get(`/a/referrers/${one.digest}`)).json() as { manifests: unknown[] };
    t.same(manifests, [], 'lists of referrers follow');
    t.same((await admin.get('/_catalog')).json(), { repositories: ['a'] }, 'a repository without a manifest is none');
    await admin.delete('/a/manifests/list');
    t.equal((await collect(admin)).removed.manifests, 4, 'without the tag everything goes');
  },
);

t.test('untaggedManifests: a manifest stays for as long as the configuration says, whatever the grace', async (t) => {
  const hour = 3_600_000;
  let now = Date.now() - 3 * hour;
  const inner = new MemoryObjectStore({ now: () => new Date(now) });
  const { admin } = await ociWorld(t, {
    storage: { objectStore: inner },
    oci: { untaggedManifests: { deleteAfterMs: 2 * hour } },
  });
  await admin.pushImage('a', one.digest, one);
  now = Date.now() - hour;
  await admin.pushImage('a', two.digest, two);
  now = Date.now();
  t.equal((await collect(admin, { graceMs: 4 * hour })).removed.manifests, 0, 'the grace counts as well');
  t.equal((await collect(admin)).removed.manifests, 1);
  t.notOk(await isThere(admin, `/a/manifests/${one.digest}`));
  t.ok(await isThere(admin, `/a/manifests/${two.digest}`));
});

t.test('untaggedManifests: a repository with a damaged manifest keeps all of them, another one does not', async (t) => {
  const warnings: string[] = [];
  const inner = new MemoryObjectStore();
  const logger = { info: () => {}, warn: (message: string) => void warnings.push(message), error: () => {} };
  const { admin } = await ociWorld(t, {
    storage: { objectStore: inner },
    oci: { untaggedManifests: { deleteAfterMs: 0 } },
    logger,
  });
  const three = image('three');
  for (const pushed of [one, two]) await admin.pushImage('a', pushed.digest, pushed);
  await admin.pushImage('b', three.digest, three);
  await inner.put(`oci/manifests/a/${one.digest}`, Buffer.from('{'), { contentType: MANIFEST });
  t.same((await collect(admin)).removed, { manifests: 1, links: 2, blobs: 1 });
  t.ok(await isThere(admin, `/a/manifests/${two.digest}`));
  t.ok(await isThere(admin, layerOf('a', one)), 'what the damaged one may have named');
  t.notOk(await isThere(admin, `/b/manifests/${three.digest}`));
  t.match(warnings, [/cannot be read/]);
});

t.test('untaggedManifests: a hook may refuse, and hears of what goes', async (t) => {
  const told: string[] = [];
  const kept = image('kept');
  const { admin } = await ociWorld(t, {
    oci: { untaggedManifests: { deleteAfterMs: 0 } },
    storageHooks: {
      beforeDelete: async ({ metadata }) => ({ allowed: metadata?.digest !== kept.digest }),
      afterDelete: async ({ metadata, actor }) =>
        void told.push(`${metadata?.digest} ${metadata?.size} ${actor?.userId}`),
    },
  });
  for (const pushed of [kept, one]) await admin.pushImage('a', pushed.digest, pushed);
  await collect(admin);
  t.ok(await isThere(admin, `/a/manifests/${kept.digest}`));
  t.ok(await isThere(admin, layerOf('a', kept)));
  const layer = one.layers[0]!;
  t.same(
    told,
    [`${one.digest} ${one.bytes.length} undefined`, `${layer.digest} ${layer.bytes.length} undefined`],
    'the manifest, and the blob that only it has named',
  );
});

t.test('untaggedManifests: hooks are told of each manifest that they allowed to go, with its size', async (t) => {
  const told: string[] = [];
  const [gone, tagged] = [image('gone'), image('tagged')];
  const { admin } = await ociWorld(t, {
    oci: { untaggedManifests: { deleteAfterMs: 0 } },
    storageHooks: {
      beforeDelete: async ({ metadata }) => {
        // in the middle of the collection
        if (metadata?.digest === tagged.digest) await admin.pushManifest('a', 'v1', tagged);
        return { allowed: true };
      },
      afterDelete: async ({ metadata }) => void told.push(`gone ${metadata?.digest} ${metadata?.size}`),
      afterAbort: async ({ metadata, operation }) => {
        told.push(`kept ${metadata?.digest} ${metadata?.size} ${operation}`);
      },
    },
  });
  for (const pushed of [gone, tagged]) await admin.pushImage('a', pushed.digest, pushed);
  await collect(admin);
  t.ok(await isThere(admin, '/a/manifests/v1'));
  const isManifest = (line: string) => [gone, tagged].some(({ digest }) => line.includes(digest));
  t.same(told.filter(isManifest).sort(), [
    `gone ${gone.digest} ${gone.bytes.byteLength}`,
    `kept ${tagged.digest} ${tagged.bytes.byteLength} delete`,
  ]);
});

t.test('young links and young bytes stay: a client pushes blobs first', async (t) => {
  const { admin } = await ociWorld(t);
  await admin.pushBlob('a', one.layers[0]!);
  const [report] = await admin.registry.collectGarbage();
  t.same(report!.removed, { manifests: 0, links: 0, blobs: 0 });
  t.ok(await isThere(admin, layerOf('a', one)));
  t.same((await collect(admin)).removed, { manifests: 0, links: 1, blobs: 1 });
  const answer = await admin.pushManifest('a', 'v1', one);
  t.equal(refusal(answer), '400 MANIFEST_BLOB_UNKNOWN', 'too late');
});

t.test('a link is renewed when half of the grace period is over, and not before', async (t) => {
  for (const [hours, links] of [
    [11, 1],
    [13, 2],
  ] as const) {
    let now = Date.now() - hours * 3_600_000;
    const inner = new MemoryObjectStore({ now: () => new Date(now) });
    const { admin } = await ociWorld(t, { storage: { objectStore: inner } });
    await admin.pushBlob('a', one.layers[0]!);
    now = Date.now();
    t.equal((await admin.head(layerOf('a', one))).status, 200);
    t.equal(inner.keys('oci/links/').length, links, `${hours} hours`);
  }
});

t.test('a HEAD by who may push renews an old link, one by who may only pull does not', async (t) => {
  let now = Date.now() - 20 * 3_600_000;
  const inner = new MemoryObjectStore({ now: () => new Date(now) });
  const { admin, reader } = await ociWorld(t, { storage: { objectStore: inner } });
  await admin.pushBlob('a', one.layers[0]!);
  now = Date.now();
  const links = () => inner.keys('oci/links/').length;
  t.equal((await reader.head(layerOf('a', one))).status, 200);
  t.equal(links(), 1);
  t.equal((await admin.get(layerOf('a', one))).status, 200);
  t.equal(links(), 1, 'nor does a GET');
  t.equal((await admin.head(layerOf('a', one))).status, 200);
  t.equal(links(), 2);
  t.equal((await admin.head(layerOf('a', one))).status, 200);
  t.equal(links(), 2, 'once');
});

t.test('a link to bytes that were given up: a client that may push is told to push', async (t) => {
  const inner = new MemoryObjectStore();
  const { admin, reader } = await ociWorld(t, { storage: { objectStore: inner } });
  const layer = one.layers[0]!;
  await admin.pushBlob('a', layer);
  const guard = `oci/copies/blobs/sha256/${layer.digest.slice(7)}.json`;
  await inner.put(guard, Buffer.from(JSON.stringify({ copy: null, floor: 0 })));
  t.equal((await reader.head(layerOf('a', one))).status, 200, 'it can still be read');
  t.equal((await admin.head(layerOf('a', one))).status, 404);
  t.equal((await admin.pushBlob('a', layer)).status, 201);
  t.equal((await admin.head(layerOf('a', one))).status, 200);
});

t.test('a copy of a manifest that a push is about to make the current one stays while it is young', async (t) => {
  const inner = new MemoryObjectStore();
  const { admin } = await ociWorld(t, { storage: { objectStore: inner } });
  await admin.pushImage('a', 'v1', one);
  const copy = `oci/manifests/a/${one.digest}.1-6b9ab0f6-6c4b-4b0e-9d1c-7e5a1c9ad0a1`;
  await inner.put(copy, one.bytes, { contentType: MANIFEST });
  t.equal((await collect(admin, { graceMs: 3_600_000 })).removed.manifests, 0);
  t.ok(inner.objects.has(copy));
  const dry = await collect(admin, { dryRun: true });
  t.ok(inner.objects.has(copy), 'a dry run deletes nothing');
  t.same(dry, { protocol: 'oci', removed: { manifests: 1, links: 0, blobs: 0 }, bytes: one.bytes.byteLength });
  t.same(await collect(admin), dry);
  t.notOk(inner.objects.has(copy));
  t.ok(await isThere(admin, '/a/manifests/v1'));
});

t.test('a manifest that cannot be read: its repository keeps everything, others do not', async (t) => {
  const warnings: string[] = [];
  const inner = new MemoryObjectStore();
  const logger = { info: () => {}, warn: (message: string) => void warnings.push(message), error: () => {} };
  const { admin } = await ociWorld(t, { storage: { objectStore: inner }, logger });
  await admin.pushImage('a', 'v1', one);
  await admin.pushBlob('b', two.layers[0]!);
  await inner.put(`oci/manifests/a/${one.digest}`, Buffer.from('{'), { contentType: MANIFEST });
  const dry = await collect(admin, { dryRun: true });
  t.same(dry.removed, { manifests: 0, links: 1, blobs: 1 }, 'a dry run says the same');
  t.same((await collect(admin)).removed, { manifests: 0, links: 1, blobs: 1 });
  t.ok(await isThere(admin, layerOf('a', one)));
  t.match(warnings, [/cannot be read/]);
});

t.test('progress is told, and a signal ends it', async (t) => {
  const { admin } = await ociWorld(t);
  for (const pushed of [one, two]) await admin.pushImage('a', pushed.digest, pushed);
  const told: IGarbageProgress[] = [];
  await collect(admin, { onProgress: (progress: IGarbageProgress) => told.push(progress) });
  t.same(
    told.map(({ phase, done }) => `${phase} ${done}`),
    ['manifests 1', 'manifests 2', 'links 1', 'links 2', 'links 3', 'blobs 1', 'blobs 2', 'blobs 3'],
  );
  for (const at of ['manifests', 'links', 'blobs']) {
    const abort = new AbortController();
    const onProgress = ({ phase }: IGarbageProgress) => {
      if (phase === at) abort.abort(new Error('enough'));
    };
    await t.rejects(collect(admin, { signal: abort.signal, onProgress }), { message: 'enough' }, at);
  }
  t.same(await problemsOf(admin.registry.getStorage()), []);
});

t.test('a collector that ends at any step is followed by one that does the rest', async (t) => {
  let met = true;
  for (let at = 1; met; at++) {
    const inner = new MemoryObjectStore();
    const store = new FaultObjectStore(inner);
    const config = { oci: { untaggedManifests: { deleteAfterMs: 0 } } };
    const { admin } = await ociWorld(t, { ...config, storage: { objectStore: store } });
    const { admin: next } = await ociWorld(t, { ...config, storage: { objectStore: inner } });
    await admin.pushImage('a', 'v1', one);
    await admin.pushImage('a', 'v1', two);
    await admin.pushBlob('b', content('alone'));
    for (const when of ['before', 'after'] as const) {
      store.reset({ at, when, lasting: true });
      met = await collect(admin).then(
        () => false,
        () => true,
      );
      store.reset();
      t.same(await problemsOf(next.registry.getStorage()), [], `${when} step ${at}`);
      if (when === 'before') continue;
      await collect(next);
      const left = inner.keys('oci/').filter((key) => /^oci\/(blobs|links|manifests|pending)/.test(key));
      t.same(left.map(withoutWriteId).sort(), [
        ...[two.config, ...two.layers].map(({ digest }) => `oci/blobs/sha256/${digest.slice(7)}`).sort(),
        ...[two.config, ...two.layers].map(({ digest }) => `oci/links/sha256/${digest.slice(7)}/a`).sort(),
        `oci/manifests/a/${two.digest}`,
      ]);
      t.ok(await isThere(next, '/a/manifests/v1'));
    }
  }
});

t.test('the layout of 0.2.0 is brought into this one, also by a process that ends half-way', async (t) => {
  const long = `${'a'.repeat(127)}/${'b'.repeat(127)}`;
  const hex = one.layers[0]!.digest.slice(7);
  const room = 255 - hex.length - 1;
  const cut = long.replaceAll('/', ':');
  const old = async (): Promise<MemoryObjectStore> => {
    const inner = new MemoryObjectStore();
    for (const blob of [one.config, ...one.layers]) {
      await inner.put(`oci/blobs/sha256/${blob.digest.slice(7)}`, blob.bytes);
      await inner.put(`oci/links/sha256/${blob.digest.slice(7)}:a:b`, Buffer.from('{}'));
      await inner.put(`oci/links/sha256/${blob.digest.slice(7)}:a:b:c:d`, Buffer.from('{}'));
    }
    await inner.put(`oci/links/sha256/${hex}:${cut.slice(0, room - 1)}~/${cut.slice(room - 1)}`, Buffer.from('{}'));
    await inner.put(`oci/collecting/sha256/${hex}`, new Uint8Array());
    await inner.put(`oci/manifests/a/b/${one.digest}`, one.bytes, { contentType: MANIFEST });
    await inner.put('oci/tags/a/b/tags.json', Buffer.from(`{"tags":{"v1":"${one.digest}"}}`));
    return inner;
  };
  const check = async (inner: MemoryObjectStore, what: string): Promise<void> => {
    const { admin } = await ociWorld(t, { storage: { objectStore: inner } });
    t.ok(await isThere(admin, '/a/b/manifests/v1'), what);
    for (const name of ['a/b', 'a/b/c/d', long])
      t.ok(await isThere(admin, layerOf(name, one)), `${what}: ${name.slice(0, 5)}`);
    t.same(
      inner.keys('oci/links/').filter((key) => /^oci\/links\/\w+\/\w+:/.test(key)),
      [],
      what,
    );
    t.same(inner.keys('oci/collecting/'), []);
    t.same(await problemsOf(admin.registry.getStorage()), []);
    t.match(JSON.parse(Buffer.from(inner.objects.get('oci/layout.json')!.bytes).toString()), { version: 2 });
  };
  await check(await old(), 'at once');
  let met = true;
  for (let at = 1; met; at++) {
    const inner = await old();
    const store = new FaultObjectStore(inner);
    store.reset({ at, when: 'after', lasting: true });
    met = await ociWorld(t, { storage: { objectStore: store } }).then(
      () => false,
      () => true,
    );
    await check(inner, `after step ${at}`);
  }
});

t.test('a store of this layout, or of a later one, is left as it is', async (t) => {
  for (const version of [2, 3]) {
    const inner = new MemoryObjectStore();
    const key = `oci/links/sha256/${one.layers[0]!.digest.slice(7)}:a`;
    await inner.put(key, Buffer.from('{}'));
    const layout = JSON.stringify({ version });
    await inner.put('oci/layout.json', Buffer.from(layout));
    await ociWorld(t, { storage: { objectStore: inner } });
    t.ok(inner.objects.has(key), `${version}`);
    t.equal(Buffer.from(inner.objects.get('oci/layout.json')!.bytes).toString(), layout);
  }
});

t.test('bringing links into the new layout leaves each repository one, whichever process is ahead', async (t) => {
  const [layer] = one.layers as [(typeof one.layers)[0]];
  const hex = layer.digest.slice(7);
  const oldKey = `oci/links/sha256/${hex}:a`;
  const old = async (): Promise<MemoryObjectStore> => {
    const inner = new MemoryObjectStore();
    await inner.put(`oci/blobs/sha256/${hex}`, layer.bytes);
    await inner.put(oldKey, Buffer.from('{}'));
    return inner;
  };
  const linksOf = (inner: MemoryObjectStore): string[] => inner.keys(`oci/links/sha256/${hex}/a/`);
  const inner = await old();
  const store = new FaultObjectStore(inner);
  store.before = ({ verb, key }) => {
    if (verb === 'head' && key === oldKey) inner.objects.delete(oldKey);
  };
  const { admin } = await ociWorld(t, { storage: { objectStore: store } });
  t.equal(linksOf(inner).length, 1, 'the old link is gone, and there is no other one');
  t.ok(await isThere(admin, layerOf('a', one)));

  const shared = await old();
  await shared.put(`oci/links/sha256/${hex}/a/00000000-0000-4000-8000-000000000000`, new Uint8Array());
  const behind = new FaultObjectStore(shared);
  behind.before = ({ verb, key }) => {
    if (verb === 'head' && key === oldKey) shared.objects.delete(oldKey);
  };
  await ociWorld(t, { storage: { objectStore: behind } });
  t.equal(linksOf(shared).length, 1, 'another process was ahead');
});
