import t from 'tap';
import type { ReferrerLists } from '../../ts/oci/classes.referrerlists.js';
import { MAX_REFERRERS_PAGE } from '../../ts/oci/wire/wire.referrers.js';
import { type Actor, ociWorld, refusal } from '../support/oci/actors.js';
import {
  CONFIG,
  content,
  descriptorOf,
  type IContent,
  INDEX,
  image,
  index,
  MANIFEST,
  nowhere,
} from '../support/oci/samples.js';
import { FaultObjectStore } from '../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../support/store/memory-objectstore.js';

const subject = image('subject');
const about = (what: IContent & { mediaType: string }) => ({ subject: descriptorOf(what.mediaType, what) });
const referrer = (text: string, more: Record<string, unknown> = {}) => image(text, { ...about(subject), ...more });
interface IEntry {
  digest: string;
  mediaType: string;
  size: number;
  artifactType?: string;
  annotations?: Record<string, string>;
}
const listOf = async (actor: Actor, query = '', name = 'a'): Promise<IEntry[]> =>
  (await actor.get(`/${name}/referrers/${subject.digest}${query}`)).json().manifests as IEntry[];
const digestsOf = async (actor: Actor, query = '', name?: string): Promise<string[]> =>
  (await listOf(actor, query, name)).map(({ digest }) => digest).sort();

t.test('of what nobody refers to, and of what does not exist, an empty index', async (t) => {
  const { anon } = await ociWorld(t);
  const answer = await anon.get(`/a/referrers/${nowhere}`);
  t.match(answer, { status: 200, headers: { 'Content-Type': INDEX, 'Cache-Control': 'no-cache' } });
  t.same(answer.json(), { schemaVersion: 2, mediaType: INDEX, manifests: [] });
  for (const bad of ['sha256:abc', 'latest', 'md5:00']) {
    t.equal(refusal(await anon.get(`/a/referrers/${bad}`)), '400 DIGEST_INVALID', bad);
  }
});

t.test('each referrer with its type, size and annotations; before the subject is there, and after', async (t) => {
  const { writer } = await ociWorld(t);
  const early = referrer('early', { artifactType: 'application/x.signature', annotations: { k: 'v', other: 'w' } });
  t.match(await writer.pushImage('a', early.digest, early), {
    status: 201,
    headers: { 'OCI-Subject': subject.digest },
  });
  await writer.pushImage('a', 'v1', subject);
  const plain = referrer('plain');
  await writer.pushImage('a', 'tagged', plain);
  const list = index([subject], { ...about(subject), annotations: { of: 'a list' } });
  t.equal((await writer.pushManifest('a', list.digest, list)).headers['OCI-Subject'], subject.digest);
  const size = (one: IContent) => one.bytes.byteLength;
  const expected: IEntry[] = [
    {
      mediaType: MANIFEST,
      digest: early.digest,
      size: size(early),
      artifactType: 'application/x.signature',
      annotations: { k: 'v', other: 'w' },
    },
    { mediaType: MANIFEST, digest: plain.digest, size: size(plain), artifactType: CONFIG },
    { mediaType: INDEX, digest: list.digest, size: size(list), annotations: { of: 'a list' } },
  ];
  t.same(
    await listOf(writer),
    expected.sort((a, b) => (a.digest < b.digest ? -1 : 1)),
    'sorted, so that pages fit together',
  );
  t.equal((await writer.pushManifest('a', plain.digest, plain)).status, 201);
  t.equal((await listOf(writer)).length, 3, 'a push again changes nothing');
  t.same(await listOf(writer, '', 'b'), [], 'another repository has its own');
});

/** `a` with a list of so many referrers in one document, as releases up to 0.3.0 wrote it; their manifests are not there. */
const withList = async (t: Parameters<typeof ociWorld>[0], count: number) => {
  const store = new FaultObjectStore(new MemoryObjectStore());
  const world = await ociWorld(t, { storage: { objectStore: store } });
  const manifests = Array.from({ length: count }, (_, number) => ({
    mediaType: MANIFEST,
    digest: content(`referrer ${number}`).digest,
    size: 500,
    artifactType: number % 10 === 0 ? 'application/x.tenth' : 'application/x.other',
    annotations: { 'org.example.number': String(number), fill: 'x'.repeat(150) },
  }));
  const key = `oci/referrers/a/${subject.digest}.json`;
  if (count > 0) await store.put(key, Buffer.from(JSON.stringify({ manifests })));
  const pushed = referrer('pushed', { annotations: { number: 'pushed' } });
  await world.admin.pushImage('a', pushed.digest, pushed);
  return { store, manifests, pushed, ...world };
};

t.test('a push of a referrer costs about the same with 10 referrers and with 10,000', async (t) => {
  const costOf = async (count: number) => {
    const { admin, store, manifests, pushed } = await withList(t, count);
    store.reset();
    let bytes = 0;
    const put = store.put.bind(store);
    store.put = (key, body, options) => {
      bytes += (body as Uint8Array).byteLength;
      return put(key, body, options);
    };
    const more = [1, 2, 3, 4].map((number) => referrer('pushed', { annotations: { number: `${number}` } }));
    for (const one of more) t.equal((await admin.pushManifest('a', one.digest, one)).status, 201);
    const cost = { calls: store.log.length / 4, bytes: bytes / 4 };
    const wanted = [...manifests, pushed, ...more].map(({ digest }) => digest).sort();
    t.same(await digestsOf(admin), wanted, 'all are listed');
    store.reset();
    await digestsOf(admin);
    t.equal(store.count('get'), 0, 'and a second time from memory');
    t.same(
      (await listOf(admin, '?artifactType=application/x.tenth')).length,
      manifests.filter(({ artifactType }) => artifactType === 'application/x.tenth').length,
      'by type',
    );
    t.equal((await admin.delete(`/a/manifests/${pushed.digest}`)).status, 202);
    t.notOk((await digestsOf(admin)).includes(pushed.digest), 'one goes again');
    return cost;
  };
  const few = await costOf(10);
  const many = await costOf(10_000);
  t.comment(`10 referrers: ${JSON.stringify(few)}, 10,000: ${JSON.stringify(many)}`);
  t.ok(many.calls <= few.calls * 1.5, `${many.calls} calls to the store instead of ${few.calls}`);
  t.ok(many.bytes <= few.bytes + MAX_REFERRERS_PAGE, `${many.bytes} bytes instead of ${few.bytes}`);
});

t.test('referrers whose annotations are as large as a manifest may be', async (t) => {
  const { writer } = await ociWorld(t);
  const large = [1, 2, 3].map((text) =>
    referrer('large', { annotations: { text: `${text}`, fill: 'x'.repeat(3_900_000) } }),
  );
  for (const one of large) t.equal((await writer.pushImage('a', one.digest, one)).status, 201);
  t.equal((await digestsOf(writer)).length, 1, 'a page of them');
});

t.test('the last referrer of many goes: the list is empty, and begins anew', async (t) => {
  const { admin, registry } = await withList(t, 300);
  const { referrers } = (registry.getRegistry('oci') as unknown as { parts: { referrers: ReferrerLists } }).parts;
  // the manifests are not there, which a collector finds
  await referrers.dropGone(
    () => false,
    () => {},
  );
  t.equal((await digestsOf(admin)).length, 1);
  const [last] = await digestsOf(admin);
  t.equal((await admin.delete(`/a/manifests/${last}`)).status, 202);
  t.same(await digestsOf(admin), []);
  for await (const { key } of registry.getStorage().listDocuments({ prefix: 'oci/referrer' })) t.fail(`${key} is left`);
  const again = referrer('pushed', { annotations: { number: 'again' } });
  t.equal((await admin.pushImage('a', again.digest, again)).status, 201);
  t.same(await digestsOf(admin), [again.digest]);
});

t.test('the filter, and its echo', async (t) => {
  const { writer } = await ociWorld(t);
  const [one, two] = ['x/one', 'x/two'].map((artifactType) => referrer(artifactType, { artifactType }));
  for (const pushed of [one!, two!]) await writer.pushImage('a', pushed.digest, pushed);
  const path = `/a/referrers/${subject.digest}`;
  const filtered = await writer.get(`${path}?artifactType=x/two`);
  t.equal(filtered.headers['OCI-Filters-Applied'], 'artifactType');
  t.same(await digestsOf(writer, '?artifactType=x/two'), [two!.digest]);
  t.same(await digestsOf(writer, '?artifactType=x/none'), []);
  t.notOk('OCI-Filters-Applied' in (await writer.get(path)).headers);
});

t.test('a filter with a plain plus, which a query decodes as a blank', async (t) => {
  const { writer } = await ociWorld(t);
  const sbom = referrer('sbom', { artifactType: 'application/spdx+json' });
  await writer.pushImage('a', sbom.digest, sbom);
  for (const query of ['?artifactType=application/spdx+json', '?artifactType=application/spdx%2Bjson']) {
    t.same(await digestsOf(writer, query), [sbom.digest], query);
  }
  t.same(await digestsOf(writer, '?artifactType=application/spdx'), []);
});

t.test('what older clients list by the fallback tag is listed too, once, if it is true', async (t) => {
  const { writer } = await ociWorld(t);
  const [known, stranger] = [referrer('known'), image('stranger')];
  await writer.pushImage('a', known.digest, known);
  await writer.pushImage('a', stranger.digest, stranger);
  // pushed before the registry knew of subjects: there is no list, only the manifest
  const old = referrer('old', { artifactType: 'x/old' });
  await writer.pushImage('a', old.digest, old);
  const store = writer.registry.getStorage().store;
  await store.delete(`oci/referrers/a/${subject.digest}.json`);
  t.same(await digestsOf(writer), []);
  await writer.pushManifest('a', subject.digest.replace(':', '-'), index([old, old, stranger, known]));
  t.same(await digestsOf(writer), [known.digest, old.digest].sort());
  t.same(await digestsOf(writer, '?artifactType=x/old'), [old.digest]);
});

t.test('those of the fallback tag and those of the list come in one order, page by page', async (t) => {
  const { writer } = await ociWorld(t, { storage: { objectStore: new MemoryObjectStore() } });
  const all = Array.from({ length: 12 }, (_, at) => referrer(`number ${at}`));
  const old = all.filter((_, at) => at % 2 === 0);
  for (const one of old) await writer.pushImage('a', one.digest, one);
  const { store } = writer.registry.getStorage();
  await store.delete(`oci/referrers/a/${subject.digest}.json`);
  for (const one of all.filter((pushed) => !old.includes(pushed))) await writer.pushImage('a', one.digest, one);
  await writer.pushManifest('a', subject.digest.replace(':', '-'), index(old));
  const sorted = all.map(({ digest }) => digest).sort();
  t.same(
    (await listOf(writer)).map(({ digest }) => digest),
    sorted,
  );
  for (const [at, digest] of sorted.entries()) {
    t.same(
      (await listOf(writer, `?last=${digest}`)).map((one) => one.digest),
      sorted.slice(at + 1),
      `behind ${at}`,
    );
  }
});

t.test('a deleted referrer is no longer listed, by tag or by digest', async (t) => {
  const { admin, stored } = await ociWorld(t);
  const [one, two] = [referrer('one'), referrer('two')];
  await admin.pushImage('a', 'sig', one);
  await admin.pushImage('a', two.digest, two);
  await admin.delete('/a/manifests/sig');
  t.equal((await listOf(admin)).length, 2, 'a tag that goes takes nothing with it');
  await admin.delete(`/a/manifests/${one.digest}`);
  t.same(await digestsOf(admin), [two.digest]);
  await admin.delete(`/a/manifests/${two.digest}`);
  t.same(await digestsOf(admin), []);
  t.same(
    (await stored()).filter((key) => /referrers|pending/.test(key)),
    [],
  );
});

t.test('more than one manifest may hold comes in pages', async (t) => {
  const { writer } = await ociWorld(t, { storage: { objectStore: new MemoryObjectStore() } });
  const all: string[] = [];
  for (let at = 0; at < 5; at++) {
    const one = referrer(`big ${at}`, { artifactType: 'x/y+z', annotations: { text: 'x'.repeat(1_500_000) } });
    await writer.pushImage('a', one.digest, one);
    all.push(one.digest);
  }
  const others: string[] = [];
  for (let at = 0; at < 8; at++) {
    const one = referrer(`small ${at}`, { artifactType: 'x/other' });
    await writer.pushImage('a', one.digest, one);
    others.push(one.digest);
  }
  for (const query of ['', '?artifactType=x/y%2Bz']) {
    const seen: string[] = [];
    let pages = 0;
    for (let next = `/v2/a/referrers/${subject.digest}${query}`; next; pages++) {
      const page = await writer.get(next);
      t.ok(page.bytes.byteLength <= 4 * 1024 * 1024);
      seen.push(...(page.json().manifests as IEntry[]).map(({ digest }) => digest));
      next = /^<([^>]+)>; rel="next"$/.exec(page.headers.Link ?? '')?.[1] ?? '';
    }
    const wanted = query ? all : [...all, ...others];
    t.same(seen, wanted.sort(), 'each once, and on every page only what was asked for');
    t.equal(pages, 3);
  }
  const gone = `sha256:${'8'.repeat(64)}`;
  const behind = (await listOf(writer, `?last=${gone}`)).map(({ digest }) => digest);
  t.same(
    behind,
    [...all, ...others].sort().filter((digest) => digest > gone),
    'also behind one that was deleted in the meantime',
  );
});

t.test('a crash between manifest and list: the list is repaired from the marker, both ways', async (t) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const { admin, registry } = await ociWorld(t, { storage: { objectStore: store } });
  const one = referrer('one');
  const listDown = ({ verb, key }: { verb: string; key: string }) => {
    if (verb === 'put' && key.startsWith('oci/referrers/')) throw new Error('down');
    if (verb === 'delete' && key.startsWith('oci/referrers/')) throw new Error('down');
  };
  for (const reference of [one.digest, 'tagged']) {
    store.before = listDown;
    t.equal((await admin.pushImage('a', reference, one)).status, 201, 'the manifest is what counts');
    store.before = undefined;
    t.same(await digestsOf(admin), []);
    t.equal(inner.keys('oci/pending/').length, 1);
    await registry.getStorage().sweep({ olderThanMs: 0 });
    t.same(await digestsOf(admin), [one.digest]);
    t.same(inner.keys('oci/pending/'), []);

    store.before = listDown;
    t.equal((await admin.delete(`/a/manifests/${one.digest}`)).status, 202);
    store.before = undefined;
    t.same(await digestsOf(admin), [one.digest], 'listed still');
    await registry.getStorage().sweep({ olderThanMs: 0 });
    t.same(await digestsOf(admin), []);
    t.same(inner.keys('oci/pending/'), []);
  }
  const chore = registry
    .getRegistry('oci')!
    .chores()
    .find(({ name }) => /referrers/.test(name));
  t.ok(chore && chore.everyMs <= 60_000, 'which happens within a minute');
});

t.test('push and delete of a referrer at once: the list says what is so', async (t) => {
  const store = new FaultObjectStore(new MemoryObjectStore());
  const { admin } = await ociWorld(t, { storage: { objectStore: store } });
  const one = referrer('one');
  await admin.pushImage('a', one.digest, one);
  for (let round = 0; round < 40; round++) {
    store.before = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
    await Promise.all([
      admin.pushManifest('a', one.digest, one),
      admin.delete(`/a/manifests/${one.digest}`),
      admin.pushManifest('a', 'sig', one),
    ]);
    store.before = undefined;
    const exists = (await admin.head(`/a/manifests/${one.digest}`)).status === 200;
    t.same(await digestsOf(admin), exists ? [one.digest] : [], `round ${round}`);
  }
});

t.test('a push and a delete of one referrer cross: the list says what is so in the end', async (t) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const { admin } = await ociWorld(t, { storage: { objectStore: store } });
  const { admin: there } = await ociWorld(t, { storage: { objectStore: inner } });
  const [one, two] = [referrer('one'), referrer('two')];
  for (const pushed of [one, two]) {
    await admin.pushImage('a', pushed.digest, pushed);
  }
  t.equal((await admin.delete(`/a/manifests/${two.digest}`)).status, 202);
  // each time when this process has looked for the manifest, and is about to write the list
  const isDeleted = store.once('put', 'oci/referrers/', async () => {
    t.equal((await there.delete(`/a/manifests/${two.digest}`)).status, 202);
  });
  await admin.pushManifest('a', two.digest, two);
  t.ok(isDeleted());
  t.same(await digestsOf(there), [one.digest], 'what is gone is not listed');
  store.before = undefined;
  t.equal((await admin.pushManifest('a', two.digest, two)).status, 201);
  const isPushed = store.once('put', 'oci/referrers/', async () => {
    t.equal((await there.pushManifest('a', two.digest, two)).status, 201);
  });
  t.equal((await admin.delete(`/a/manifests/${two.digest}`)).status, 202);
  store.before = undefined;
  t.ok(isPushed());
  const exists = (await there.head(`/a/manifests/${two.digest}`)).status === 200;
  t.same(await digestsOf(there), exists ? [one.digest, two.digest].sort() : [one.digest]);
});

t.test('markers of releases up to 0.2.0 are understood', async (t) => {
  const inner = new MemoryObjectStore();
  const { admin, registry } = await ociWorld(t, { storage: { objectStore: inner } });
  const one = referrer('one');
  await admin.pushImage('a', one.digest, one);
  const [descriptor] = await listOf(admin);
  const listKey = `oci/referrers/a/${subject.digest}.json`;
  inner.objects.delete(listKey);
  const marker = 'oci/pending/7d9c2c1e-6a3c-4b7e-9a54-0f1f7a3b9c55';
  const pending = { repository: 'a', subject: subject.digest, descriptor };
  await inner.put(marker, Buffer.from(JSON.stringify(pending)), { contentType: 'application/json' });
  const damaged = 'oci/pending/0d9c2c1e-6a3c-4b7e-9a54-0f1f7a3b9c55';
  await inner.put(damaged, Buffer.from('{'), { contentType: 'application/json' });
  await registry.getStorage().sweep({ olderThanMs: 0 });
  t.same(await listOf(admin), [descriptor]);
  t.same(inner.keys('oci/pending/'), [damaged], 'one that is damaged keeps no other from being settled');
});

t.test('a writer that outlives its marker and dies before the list: the garbage collector settles it', async (t) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const { admin } = await ociWorld(t, { storage: { objectStore: store } });
  const [one, two] = [referrer('one'), referrer('two')];
  const withoutList = async (work: () => Promise<{ status: number }>): Promise<void> => {
    store.before = ({ verb, key }) => {
      if (verb === 'put' && key.startsWith('oci/referrers/')) throw new Error('down');
    };
    t.ok((await work()).status < 300);
    store.before = undefined;
    for (const key of inner.keys('oci/pending/')) inner.objects.delete(key);
  };
  const collect = (more: object = {}) => admin.registry.collectGarbage({ graceMs: 3_600_000, ...more });
  await admin.pushImage('a', one.digest, one);
  await withoutList(() => admin.pushImage('a/sha', two.digest, two));
  await withoutList(() => admin.pushImage('a', two.digest, two));
  t.same(await digestsOf(admin), [one.digest]);
  await collect({ dryRun: true });
  t.same(await digestsOf(admin), [one.digest], 'a dry run changes nothing');
  await collect();
  t.same(await digestsOf(admin), [one.digest, two.digest].sort());
  t.same((await listOf(admin, '', 'a/sha')).length, 1, 'in each repository');

  await withoutList(() => admin.delete(`/a/manifests/${two.digest}`));
  await withoutList(() => admin.delete(`/a/sha/manifests/${two.digest}`));
  t.same(await digestsOf(admin), [one.digest, two.digest].sort(), 'listed still');
  await collect({ dryRun: true });
  t.same(await digestsOf(admin), [one.digest, two.digest].sort(), 'a dry run changes nothing');
  await collect();
  t.same(await digestsOf(admin), [one.digest]);
  t.same(await digestsOf(admin, '', 'a/sha'), []);

  await withoutList(() => admin.delete(`/a/manifests/${one.digest}`));
  await collect();
  t.same(await digestsOf(admin), [], 'also if no manifest is left');
  t.same(inner.keys('oci/pending/'), []);

  store.reset();
  await admin.pushImage('a', one.digest, one);
  store.reset();
  await collect();
  t.equal(
    store.count('put', 'oci/referrers/') + store.count('put', 'oci/pending/'),
    0,
    'a list that is right is not written, nor marked',
  );
});

t.test('a list of referrers that is damaged does not keep the garbage collector from its work', async (t) => {
  const inner = new MemoryObjectStore();
  const { admin } = await ociWorld(t, { storage: { objectStore: inner } });
  const one = referrer('one');
  await admin.pushImage('a', one.digest, one);
  await inner.put(`oci/referrers/a/${subject.digest}.json`, Buffer.from('{'));
  const [report] = await admin.registry.collectGarbage({ graceMs: 3_600_000 });
  t.equal(report?.protocol, 'oci');
});

t.test('a fallback index, or a child of it, that is damaged or absent hides no other referrer', async (t) => {
  const inner = new MemoryObjectStore();
  const { writer } = await ociWorld(t, { storage: { objectStore: inner } });
  const [listed, old, damaged, absent] = ['listed', 'old', 'damaged', 'absent'].map((text) => referrer(text));
  for (const one of [old!, damaged!, absent!]) await writer.pushImage('a', one.digest, one);
  const fallback = index([old!, damaged!, absent!]);
  const tag = subject.digest.replace(':', '-');
  t.equal((await writer.pushManifest('a', tag, fallback)).status, 201);
  // as if they had been pushed before the registry knew of subjects
  inner.objects.delete(`oci/referrers/a/${subject.digest}.json`);
  await writer.pushImage('a', listed!.digest, listed!);
  inner.objects.delete(`oci/manifests/a/${absent!.digest}`);
  await inner.put(`oci/manifests/a/${damaged!.digest}`, Buffer.from('{'), { contentType: MANIFEST });
  t.same(await digestsOf(writer), [listed!.digest, old!.digest].sort(), 'children');
  await inner.put(`oci/manifests/a/${fallback.digest}`, Buffer.from('{'), { contentType: INDEX });
  t.same(await digestsOf(writer), [listed!.digest], 'a damaged index');
  inner.objects.delete(`oci/manifests/a/${fallback.digest}`);
  t.same(await digestsOf(writer), [listed!.digest], 'an absent index');
});
