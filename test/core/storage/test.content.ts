import { createHash, randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { fromIterable, streamToBuffer, toReadableStream } from '../../../ts/core/base/helpers.streams.js';
import { RegistryError, type TErrorKind } from '../../../ts/core/classes.registryerror.js';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import type { IListOptions, IObjectInfo, IObjectPrefix } from '../../../ts/core/objectstore/interfaces.objectstore.js';
import { ContentCollector, type ICollectPlan } from '../../../ts/core/storage/content/classes.contentcollector.js';
import { readLinkKey } from '../../../ts/core/storage/content/classes.contentlinks.js';
import { ContentStore } from '../../../ts/core/storage/content/classes.contentstore.js';
import type { IContentDigest } from '../../../ts/core/storage/content/interfaces.content.js';
import { persist } from '../../../ts/core/storage/helpers.persist.js';
import { StagedObject } from '../../../ts/core/storage/uploads/classes.stagedobject.js';
import { VerifiedBody } from '../../../ts/core/storage/uploads/classes.verifiedbody.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';

const folders = { bytes: 'c/bytes', guards: 'c/guards', links: 'c/links' };
const SMALL = Buffer.from('a few bytes');
const LARGE = Buffer.alloc(200_000, 'large ');
const digestOf = (bytes: Uint8Array): IContentDigest => {
  const hex = createHash('sha256').update(bytes).digest('hex');
  return { algorithm: 'sha256', hex, text: `sha256:${hex}` };
};
const kind = (expected: TErrorKind) => ({ kind: expected }) as unknown as Error;

const gate = (): { open(): void; opened: Promise<void> } => {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
};

/** One process on a store. */
const processOn = (store: MemoryObjectStore | FaultObjectStore) => {
  const storage = new RegistryStorage(store);
  const content = new ContentStore(storage, folders, 'a/b');
  const put = (owner: string, bytes: Uint8Array, { announced = true, sent = bytes } = {}) => {
    const { algorithm, hex } = digestOf(bytes);
    const size = announced ? sent.byteLength : undefined;
    return content.put(
      owner,
      digestOf(bytes),
      new VerifiedBody(toReadableStream(sent), { algorithm, hex, size, limit: 1e6 }),
    );
  };
  const get = async (owner: string, bytes: Uint8Array): Promise<Buffer | null> => {
    for await (const key of content.keysFor(owner, digestOf(bytes))) {
      const found = await store.get(key);
      if (found && found !== 'notModified') return streamToBuffer(found.body);
    }
    return null;
  };
  const collect = async (plan: Partial<ICollectPlan> = {}): Promise<ContentCollector> => {
    const collector = new ContentCollector(content, {
      before: Number.POSITIVE_INFINITY,
      dryRun: false,
      isNamed: () => true,
      namedNow: async (_owner, digests) => new Set(digests),
      step: () => {},
      ...plan,
    });
    await collector.run();
    return collector;
  };
  return { storage, content, put, get, collect };
};

const start = (_t: Test) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  return { inner, store, ...processOn(store), other: processOn(inner) };
};

t.test('content is kept once, and each owner has it by a link', async (t) => {
  const { inner, content, put, get } = start(t);
  for (const bytes of [SMALL, LARGE]) {
    await put('a', bytes);
    await put('b/c', bytes);
    await put('b/c', bytes, { announced: false });
    t.equal(inner.keys(`c/bytes/sha256/${digestOf(bytes).hex}`).length, 1);
    t.same(await content.links.owners(digestOf(bytes), 10), ['a', 'b/c']);
    t.same(await content.links.owners(digestOf(bytes), 1), ['a'], 'some of many');
    t.same(await get('b/c', bytes), bytes);
    t.equal(await get('nobody', bytes), null, 'bytes without a link are not seen');
    await content.unlink('b/c', digestOf(bytes));
    t.equal(await get('b/c', bytes), null, 'all links of the owner are gone');
    t.same(await get('a', bytes), bytes);
    t.equal(await content.mount('d', digestOf(bytes)), true);
    t.same(await get('d', bytes), bytes);
  }
  t.equal(await content.mount('d', digestOf(Buffer.from('nowhere'))), false);
  t.same(inner.keys('c/guards/'), [], 'what was never given up has no guard');
});

t.test('whoever knows a digest alone does not get the content', async (t) => {
  const { put, get, inner } = start(t);
  await put('a', LARGE);
  const wrong = Buffer.alloc(LARGE.byteLength, 'other ');
  for (const announced of [true, false]) {
    await t.rejects(put('b', LARGE, { announced, sent: wrong }), kind('digestMismatch'), `announced ${announced}`);
    await t.rejects(
      put('b', LARGE, { announced, sent: wrong.subarray(1) }),
      kind('digestMismatch'),
      `announced ${announced}`,
    );
    t.equal(await get('b', LARGE), null);
  }
  t.equal(inner.keys('c/bytes/').length, 1);
});

t.test('bytes that are short or wrong are replaced by a push, for all owners', async (t) => {
  for (const bytes of [SMALL, LARGE]) {
    for (const announced of [true, false]) {
      const what = `${bytes.byteLength} bytes, announced ${announced}`;
      const { put, get, inner, other, collect } = start(t);
      await put('a', bytes);
      await put('b', bytes);
      const key = `c/bytes/sha256/${digestOf(bytes).hex}`;
      await inner.put(key, bytes.subarray(0, 5));
      if (!announced) {
        // the length shows only at the end of the body, which is spent then
        await t.rejects(put('a', bytes, { announced }), kind('unavailable'), what);
      }
      await put('a', bytes, { announced });
      t.same(await get('a', bytes), bytes, what);
      t.same(await other.get('b', bytes), bytes, `${what}: who did not push it has it as well`);
      await collect();
      t.same(inner.keys('c/bytes/').length, 1, 'the damaged copy goes');
      t.match(inner.keys('c/bytes/')[0], /\.1-[0-9a-f-]{36}$/);
      t.same(await get('b', bytes), bytes);
    }
  }
  const { put, get, inner } = start(t);
  await put('a', SMALL);
  await inner.put(`c/bytes/sha256/${digestOf(SMALL).hex}`, Buffer.from('a few bytez'));
  await put('a', SMALL);
  t.same(await get('a', SMALL), SMALL, 'few bytes are compared one by one');
});

t.test('a copy that was given up comes again at a key of its own; late deletes take nothing', async (t) => {
  const { put, get, store, inner, content, collect } = start(t);
  const digest = digestOf(LARGE);
  for (let round = 0; round < 4; round++) {
    await put('a', LARGE);
    await store.repeatDeletes();
    t.same(await get('a', LARGE), LARGE, `round ${round}`);
    const [key] = inner.keys('c/bytes/');
    t.equal(key, round === 0 ? `c/bytes/sha256/${digest.hex}` : key);
    if (round > 0) t.match(key, new RegExp(`\\.${round}-`), 'numbers grow');
    await content.unlink('a', digest);
    const { copies, bytes } = await collect();
    t.same([copies, bytes], [1, LARGE.byteLength]);
    t.same(inner.keys('c/bytes/'), []);
    t.equal(await content.mount('b', digest), false, 'nothing to mount');
  }
});

t.test('the delete is applied, its answer is lost, the same is pushed: the next collector takes nothing', async (t) => {
  const { put, get, store, content, collect, other } = start(t);
  await put('a', LARGE);
  await content.unlink('a', digestOf(LARGE));
  store.after = ({ verb, key }) => {
    if (verb === 'delete' && key.startsWith('c/bytes/')) throw new RegistryError('outcomeUnknown', 'lost');
  };
  t.equal((await collect()).copies, 0, 'not known to be deleted');
  store.after = undefined;
  await other.put('b', LARGE);
  await store.repeatDeletes();
  await collect();
  t.same(await get('b', LARGE), LARGE);
});

t.test('a delete that was never applied: the next collector finds the object', async (t) => {
  const { put, store, inner, content, collect, other } = start(t);
  await put('a', LARGE);
  await content.unlink('a', digestOf(LARGE));
  store.before = ({ verb, key }) => {
    if (verb === 'delete' && key.startsWith('c/bytes/')) throw new RegistryError('outcomeUnknown', 'lost');
  };
  await collect();
  store.before = undefined;
  t.equal(inner.keys('c/bytes/').length, 1);
  t.equal((await other.collect()).copies, 1);
  t.same(inner.keys('c/bytes/'), []);
});

t.test('a put that arrives after its copy was given up is not seen, and is collected', async (t) => {
  const { put, get, inner, content, collect } = start(t);
  await put('a', LARGE);
  await content.unlink('a', digestOf(LARGE));
  await collect();
  await inner.put(`c/bytes/sha256/${digestOf(LARGE).hex}`, LARGE);
  t.equal(await content.mount('b', digestOf(LARGE)), false);
  await put('a', LARGE);
  t.equal(inner.keys('c/bytes/').length, 2);
  await collect();
  t.match(inner.keys('c/bytes/'), [/\.1-/]);
  t.same(await get('a', LARGE), LARGE);
});

t.test(
  'a link that names no copy any more is none to build upon, and a collector that died harms nobody',
  async (t) => {
    const { put, get, inner, content, collect, other } = start(t);
    const digest = digestOf(LARGE);
    await put('a', LARGE);
    const guard = content.guard(digest);
    t.ok(await guard.condemn('', 'a collector that dies now'));
    t.same(await get('a', LARGE), LARGE, 'readers go on');
    t.ok(await content.assure('a', digest));
    t.notOk(await guard.doom('', 'a collector that dies now'), 'it was kept');
    t.ok(await guard.condemn('', 'another'));
    await other.put('b', LARGE);
    t.notOk(await guard.doom('', 'another'), 'a push keeps it as well');
    t.ok(await guard.condemn('', 'a third'));
    t.ok(await other.content.mount('c', digest));
    t.notOk(await guard.doom('', 'a third'), 'and a mount');
    for (const owner of ['a', 'b', 'c']) await content.unlink(owner, digest);
    // a push that broke off between its link and the guard
    await content.links.put('a', digest, '');
    await guard.giveUp('');
    t.notOk(await content.assure('a', digest));
    await inner.delete(content.key(digest));
    await put('a', LARGE);
    t.ok(await content.assure('a', digest));
    await collect();
    t.same(await get('a', LARGE), LARGE);
  },
);

t.test('a push that broke off when its new copy was to become the current one', async (t) => {
  const { put, get, store, inner, content, other } = start(t);
  const digest = digestOf(LARGE);
  await content.guard(digest).giveUp('');
  store.before = ({ verb, key }) => {
    if (verb === 'put' && key.startsWith('c/guards/')) throw new RegistryError('unavailable', 'down');
  };
  await t.rejects(put('a', LARGE), kind('unavailable'), 'the push is told');
  store.before = undefined;
  t.ok(await content.assure('a', digest), 'what builds upon it makes it the current one');
  t.same(await get('a', LARGE), LARGE);
  t.equal(await content.mount('b', digest), true);
  await other.collect();
  t.same(await get('b', LARGE), LARGE);
  t.equal(inner.keys('c/bytes/').length, 1);
});

t.test('a push that broke off before all owners had its new copy: a collector leads them there', async (t) => {
  const { put, store, inner, other } = start(t);
  await put('a', LARGE);
  await put('b', LARGE);
  const key = `c/bytes/sha256/${digestOf(LARGE).hex}`;
  await inner.put(key, LARGE.subarray(0, 5));
  store.before = ({ verb, key: at }) => {
    // the new copy is the current one, and the links of the others are looked for
    if (verb === 'list' && inner.keys('c/guards/').length > 0 && at.startsWith('c/links/')) throw new Error('killed');
  };
  await t.rejects(put('a', LARGE), /killed/);
  store.before = undefined;
  t.same(await other.get('b', LARGE), LARGE.subarray(0, 5), 'the damaged copy');
  await other.collect();
  t.same(await other.get('b', LARGE), LARGE);
  await other.collect();
  t.same(inner.keys('c/bytes/').length, 1, 'and nothing is left of the damaged one');
  t.same(await other.get('a', LARGE), LARGE);
});

t.test('an owner who gives the content up has no link afterwards, also none that came meanwhile', async (t) => {
  const { put, get, store, inner, content, other } = start(t);
  await put('a', SMALL);
  store.before = async ({ verb, key }) => {
    if (verb !== 'delete' || !key.startsWith('c/links/')) return;
    store.before = undefined;
    await other.put('a', SMALL);
  };
  await content.unlink('a', digestOf(SMALL));
  t.equal(await get('a', SMALL), null);
  t.same(inner.keys('c/links/'), []);
});

t.test('an owner who gives the content up while a new copy is made for all does not get it back', async (t) => {
  const { put, get, store, inner, other } = start(t);
  const digest = digestOf(LARGE);
  for (const owner of ['a', 'b']) await put(owner, LARGE);
  await inner.put(`c/bytes/sha256/${digest.hex}`, LARGE.subarray(0, 5));
  store.before = async ({ verb, key }) => {
    if (verb !== 'put' || !key.startsWith(`c/links/sha256/${digest.hex}/b/`)) return;
    store.before = undefined;
    await other.content.unlink('b', digest);
  };
  await put('a', LARGE);
  t.equal(store.before, undefined);
  t.same(await get('a', LARGE), LARGE);
  t.equal(await get('b', LARGE), null);
  t.equal(await other.get('b', LARGE), null);
});

t.test('a new copy that nobody names yet is taken from a push that is slow: it is told to come again', async (t) => {
  const { put, get, store, content, other } = start(t);
  const digest = digestOf(LARGE);
  await content.guard(digest).giveUp('');
  store.before = async ({ verb, key }) => {
    // the bytes are there, the link is not
    if (verb !== 'put' || !key.startsWith('c/links/')) return;
    store.before = undefined;
    t.equal((await other.collect()).copies, 1);
  };
  await t.rejects(put('a', LARGE), kind('unavailable'), 'the push is told');
  t.notOk(await content.assure('a', digest));
  await put('a', LARGE);
  await store.repeatDeletes();
  t.same(await get('a', LARGE), LARGE);
});

t.test('two pushes of what was given up: one copy becomes the current one, and both have it', async (t) => {
  const { put, get, store, inner, content, other, collect } = start(t);
  const digest = digestOf(SMALL);
  await content.guard(digest).giveUp('');
  store.before = async ({ verb, key }) => {
    if (verb !== 'put' || !key.startsWith('c/guards/')) return;
    store.before = undefined;
    await other.put('b', SMALL);
  };
  await put('a', SMALL);
  t.same([await get('a', SMALL), await get('b', SMALL)], [SMALL, SMALL]);
  t.equal(inner.keys('c/bytes/').length, 1, 'the other copy is taken away at once');
  await collect();
  t.same([await get('a', SMALL), await get('b', SMALL)], [SMALL, SMALL]);
});

t.test('links: those that are not named go after their age, renewed ones stay, many become one', async (t) => {
  const { put, get, inner, content, collect } = start(t);
  const digest = digestOf(SMALL);
  for (const owner of ['a', 'a', 'a', 'b']) await put(owner, SMALL);
  const now = Date.now();
  const nobody = { isNamed: () => false, namedNow: async () => new Set<string>() };
  t.equal((await collect({ ...nobody, before: now - 3_600_000 })).links, 0, 'young ones stay');
  t.equal(inner.keys('c/links/').length, 4, 'all of them: each may be that of a push under way');
  await collect();
  t.equal(inner.keys('c/links/').length, 2, 'one link for each owner suffices');
  const only = { isNamed: (owner: string) => owner === 'b', namedNow: async () => new Set<string>() };
  const dry = await collect({ ...only, dryRun: true });
  t.same([dry.links, dry.copies], [1, 0]);
  t.equal(inner.keys('c/links/').length, 2);
  t.equal((await collect(only)).links, 1);
  t.equal(await get('a', SMALL), null);
  const all = await collect({ ...nobody, dryRun: true });
  t.same([all.links, all.copies, all.bytes], [1, 1, SMALL.byteLength], 'a dry run counts what the links would free');
  t.same(await get('b', SMALL), SMALL);
  t.ok(await content.assure('b', digest, { renewBefore: now + 3_600_000 }));
  t.equal(inner.keys('c/links/').length, 2, 'renewed');
});

t.test('a collection that ends early tells the hooks which deletes it has not done', async (t) => {
  const inner = new MemoryObjectStore();
  await processOn(inner).put('a', SMALL);
  const told: string[] = [];
  const note =
    (name: string) =>
    async ({ key }: { key: string }) =>
      void told.push(`${name} ${key.slice(-2)}`);
  const hooks = { afterAbort: note('afterAbort'), afterDelete: note('afterDelete') };
  const content = new ContentStore(new RegistryStorage(inner, { hooks }), folders, 'a/b');
  let steps = 0;
  const collector = new ContentCollector(content, {
    before: Number.POSITIVE_INFINITY,
    dryRun: false,
    isNamed: () => false,
    namedNow: async () => new Set(),
    step: () => {
      if (++steps === 2) throw new RegistryError('timeout', 'stop');
    },
  });
  await t.rejects(collector.run(), kind('timeout'));
  t.same(told, ['afterAbort /a']);
});

t.test('a link that turns out to be named keeps no mark; a mark of the dead does not stay', async (t) => {
  const { put, get, inner, content, collect } = start(t);
  const digest = digestOf(SMALL);
  await put('a', SMALL);
  const late = { isNamed: () => false, namedNow: async () => new Set([digest.text]) };
  t.equal((await collect(late)).links, 0);
  t.equal(inner.keys('c/links/').length, 1);
  const [link] = await content.links.of('a', digest);
  await content.links.mark(link!);
  t.same(await get('a', SMALL), SMALL, 'readers go on');
  t.ok(await content.assure('a', digest), 'what builds upon it gets a link without a mark');
  t.equal((await content.links.of('a', digest)).length, 2);
  await collect();
  t.same(
    (await content.links.of('a', digest)).map(({ marks }) => marks),
    [[]],
  );
  await content.links.mark((await content.links.of('a', digest))[0]!);
  await collect();
  t.same(
    (await content.links.of('a', digest)).map(({ marks }) => marks),
    [[]],
    'also if nobody was there in between',
  );
  t.ok(await content.assure('a', digest, { had: true }));
});

t.test('a new copy that somebody has made the current one meanwhile is not taken back by its push', async (t) => {
  const { put, get, store, inner, content, other } = start(t);
  const digest = digestOf(LARGE);
  await put('a', LARGE);
  await inner.put(content.key(digest), LARGE.subarray(0, 5));
  let assured: boolean | undefined;
  let givenUp = false;
  store.before = async ({ verb, key }) => {
    if (verb === 'put' && key.startsWith('c/guards/') && !givenUp) {
      givenUp = true;
      // another push of the same has found the damage at its end
      t.ok(await other.content.guard(digest).giveUp(''));
    } else if (givenUp && assured === undefined && verb !== 'get' && verb !== 'head') {
      // and somebody builds upon the link that this push has put
      assured = await other.content.assure('a', digest);
    }
  };
  await put('a', LARGE).catch((error: unknown) => t.match(error, kind('unavailable')));
  store.before = undefined;
  t.ok(assured);
  await store.repeatDeletes();
  t.same(await other.get('a', LARGE), LARGE, 'what was built upon is there');
  await put('b', LARGE);
  t.same(await get('b', LARGE), LARGE);
});

t.test('a collector that tidies links late leaves one, whatever others have removed meanwhile', async (t) => {
  const { put, store, content, collect, other } = start(t);
  const digest = digestOf(SMALL);
  await put('a', SMALL);
  await put('a', SMALL);
  const halted = gate();
  const goOn = gate();
  store.before = async ({ verb, key }) => {
    if (verb !== 'delete' || !key.startsWith('c/links/') || key.includes('~')) return;
    store.before = undefined;
    halted.open();
    await goOn.opened;
  };
  const late = collect();
  await halted.opened;
  // another collector has marked the link that stays, and died
  const spare = store.log
    .filter(({ verb, key }) => verb === 'delete' && key.startsWith('c/links/'))
    .map(({ key }) => key);
  const kept = (await other.content.links.of('a', digest)).find(({ key }) => !spare.includes(key));
  await other.content.links.mark(kept!);
  await other.collect();
  goOn.open();
  await late;
  t.ok(await content.has('a', digest), 'the owner has it');
  t.ok(await content.assure('a', digest));
});

t.test('a mark is taken for a stray one only if its link is gone', async (t) => {
  const { put, store, inner, content, collect, other } = start(t);
  const digest = digestOf(SMALL);
  await put('a', SMALL);
  const [link] = await content.links.of('a', digest);
  const mark = await other.content.links.mark(link!);
  // a listing that read the place of the link before it was put
  const list = inner.list.bind(inner);
  inner.list = async function* (options) {
    for await (const item of list(options)) if (!('key' in item) || item.key !== link!.key) yield item;
  };
  await collect();
  inner.list = list;
  t.ok(await inner.head(mark), 'the other collector counts on it');
  await inner.delete(link!.key);
  await collect();
  t.same(inner.keys('c/links/'), []);
  store.reset();
});

t.test('bytes that were placed a moment ago stay, though the store takes them for old', async (t) => {
  const { inner, content, put, collect } = start(t);
  await put('a', SMALL);
  await content.unlink('a', digestOf(SMALL));
  const key = content.key(digestOf(SMALL));
  const held = inner.objects.get(key)!;
  held.info = { ...held.info, lastModified: new Date(0) };
  const { copies } = await collect({ before: Date.now() - 60_000 });
  t.same([copies, inner.objects.has(key)], [0, true]);
  await collect();
  t.notOk(inner.objects.has(key));
});

t.test('a mount whose bytes a collector takes meanwhile leaves no link', async (t) => {
  const { inner, store, content, put, other } = start(t);
  await put('a', SMALL);
  await content.unlink('a', digestOf(SMALL));
  store.before = async ({ verb, key }) => {
    if (verb !== 'put' || !key.startsWith('c/links/')) return;
    store.before = undefined;
    await other.collect();
  };
  t.equal(await content.mount('b', digestOf(SMALL)), false);
  t.same(inner.keys('c/links/'), []);
  t.equal(await content.has('b', digestOf(SMALL)), false);
});

const nobody = { isNamed: () => false, namedNow: async () => new Set<string>() };

t.test('a dry run removes no link and no mark, however many there are', async (t) => {
  const { put, inner, content, collect } = start(t);
  for (let round = 0; round < 3; round++) await put('a', SMALL);
  await content.links.mark((await content.links.of('a', digestOf(SMALL)))[0]!);
  const before = inner.keys();
  await collect({ dryRun: true });
  t.same(inner.keys(), before);
  const { links, copies } = await collect({ ...nobody, dryRun: true });
  t.same([links, copies], [1, 1]);
  t.same(inner.keys(), before);
});

t.test('content that was pushed again is young, though its first link is old', async (t) => {
  const { put, get, inner, collect } = start(t);
  await put('a', SMALL);
  const [old] = inner.keys('c/links/');
  const held = inner.objects.get(old!)!;
  held.info = { ...held.info, lastModified: new Date(0) };
  await put('a', SMALL);
  t.equal((await collect({ ...nobody, before: Date.now() - 60_000 })).links, 0);
  t.same(await get('a', SMALL), SMALL);
});

t.test('a copy that was given up stays for as long as a link names it', async (t) => {
  const { put, get, inner, content, collect } = start(t);
  const digest = digestOf(LARGE);
  await put('a', LARGE);
  await content.guard(digest).giveUp('');
  t.equal((await collect()).copies, 0);
  t.same(await get('a', LARGE), LARGE, 'its owner reads it');
  await put('b', LARGE);
  await collect();
  t.same([await get('a', LARGE), await get('b', LARGE)], [LARGE, LARGE]);
  t.equal(inner.keys('c/bytes/').length, 1, 'a new copy for both');
});

t.test('a link that comes when a copy is being given up keeps it', async (t) => {
  const { put, get, store, content, collect, other } = start(t);
  const digest = digestOf(SMALL);
  await put('a', SMALL);
  await content.unlink('a', digest);
  store.after = async ({ verb, key }) => {
    if (verb !== 'put' || !key.startsWith('c/guards/')) return;
    store.after = undefined;
    await other.content.links.put('b', digest, '');
  };
  t.equal((await collect()).copies, 0);
  t.equal(store.after, undefined);
  t.same(await content.guard(digest).read(), { copy: '', floor: -1 }, 'and it is not condemned any more');
  t.same(await get('b', SMALL), SMALL);
});

t.test('links go with all marks, also those of links that are gone', async (t) => {
  const { put, inner, content, collect } = start(t);
  await put('a', SMALL);
  await put('a', SMALL);
  const [first, second] = await content.links.of('a', digestOf(SMALL));
  for (const link of [first!, second!]) await content.links.mark(link);
  await inner.delete(first!.key);
  t.equal((await collect(nobody)).links, 1);
  t.same(inner.keys('c/links/'), []);
});

t.test('a hook that refuses one delete does not end the collection', async (t) => {
  const inner = new MemoryObjectStore();
  const first = processOn(inner);
  for (const owner of ['a', 'b', 'c']) await first.put(owner, SMALL);
  const told: string[] = [];
  const hooks = {
    beforeDelete: async ({ metadata }: { metadata?: { packageName?: string } }) => ({
      allowed: metadata?.packageName !== 'b',
    }),
    afterDelete: async ({ metadata }: { metadata?: { packageName?: string; size?: number } }) => {
      told.push(`${metadata?.packageName} ${metadata?.size}`);
    },
  };
  const content = new ContentStore(new RegistryStorage(inner, { hooks }), folders, 'a/b');
  const plan = { before: Number.POSITIVE_INFINITY, dryRun: false, step: () => {}, ...nobody };
  const collector = new ContentCollector(content, plan);
  await collector.run();
  t.same([collector.links, collector.copies], [2, 0]);
  t.same(await content.links.owners(digestOf(SMALL), 10), ['b']);
  t.same(told, [`a ${SMALL.byteLength}`, `c ${SMALL.byteLength}`]);
});

t.test('nobody has content whose bytes are gone from the store', async (t) => {
  const { put, inner, content } = start(t);
  const digest = digestOf(SMALL);
  await put('a', SMALL);
  await content.links.mark((await content.links.of('a', digest))[0]!);
  await inner.delete(content.key(digest));
  const before = inner.keys();
  t.equal(await content.assure('a', digest), false);
  t.equal(await content.mount('b', digest), false);
  t.same(inner.keys(), before, 'and no link says so');
  // a link of a push that broke off before its bytes were there
  await content.guard(digest).giveUp('');
  await content.links.put('a', digest, `1-${randomUUID()}`);
  t.equal(await content.assure('a', digest), false);
  t.equal((await content.guard(digest).read()).copy, null);
  await put('a', SMALL);
  t.equal(await content.assure('a', digest), true);
});

t.test('what cannot be cleared away fails no push and no mount', async (t) => {
  const { put, get, store, inner, storage, content, other } = start(t);
  const bytes = Buffer.alloc(400 * 1024, 'staged ');
  const body = fromIterable([bytes.subarray(0, 1000), bytes.subarray(1000)]);
  const staged = await storage.stage(body, { hashes: ['sha256'] });
  t.not(inner.keys('staging/').length, 0);
  store.before = ({ verb, key }) => {
    if (verb === 'delete' && key.startsWith('staging/')) throw new RegistryError('unavailable', 'down');
  };
  // as of a store that copies, so that there is something to clear away
  const compose = inner.compose.bind(inner);
  inner.compose = async (target, parts, options) => {
    const kept = parts.map((part) => [part, inner.objects.get(part)!] as const);
    const made = await compose(target, parts, options);
    for (const [part, held] of kept) inner.objects.set(part, held);
    return made;
  };
  await content.put('a', digestOf(bytes), staged);
  t.same(await get('a', bytes), bytes);
  t.not(inner.keys('staging/').length, 0, 'left to a sweep');

  await put('a', SMALL);
  await content.unlink('a', digestOf(SMALL));
  store.before = async ({ verb, key }) => {
    if (verb === 'delete' && key.startsWith('c/links/')) throw new RegistryError('unavailable', 'down');
    if (verb !== 'put' || !key.startsWith('c/links/')) return;
    await other.collect();
  };
  t.equal(await content.mount('b', digestOf(SMALL)), false);
});

t.test('content that somebody builds upon is kept, also by who knows its link', async (t) => {
  const { put, content } = start(t);
  const digest = digestOf(SMALL);
  await put('a', SMALL);
  t.ok(await content.assure('a', digest, { isNamed: true }));
  t.ok(await content.guard(digest).condemn('', 'a collector'));
  t.ok(await content.assure('a', digest, { isNamed: true }));
  t.notOk(await content.guard(digest).doom('', 'a collector'));
});

t.test('whoever sends wrong bytes is told so, whatever the store says of its broken source', async (t) => {
  const { put, get, inner } = start(t);
  const real = inner.put.bind(inner);
  inner.put = (key, body, options) =>
    real(key, body, options).catch((error: unknown) => {
      if (body instanceof Uint8Array) throw error;
      throw new RegistryError('outcomeUnknown', 'the request was aborted');
    });
  const wrong = Buffer.alloc(LARGE.byteLength, 'other ');
  await t.rejects(put('a', LARGE, { sent: wrong }), kind('digestMismatch'));
  t.equal(await get('a', LARGE), null);
});

t.test('what is the same for every writer counts as written after an attempt in doubt', async (t) => {
  const taken = new RegistryError('preconditionFailed', 'it is there');
  const write =
    (...failures: RegistryError[]) =>
    async () => {
      const failure = failures.shift();
      if (failure) throw failure;
    };
  t.equal(await persist(write()), true);
  t.equal(await persist(write(taken)), false);
  t.equal(await persist(write(new RegistryError('outcomeUnknown', 'lost'), taken)), true);
  t.equal(await persist(write(new RegistryError('unavailable', 'down'))), true);
  const refused = new RegistryError('tooLarge', 'no');
  await t.rejects(persist(write(refused)), refused, 'a refusal is final');
});

t.test('pieces of an upload that were written again after its digest was known are not published', async (t) => {
  for (const count of [1, 2]) {
    const { inner, get, storage, content } = start(t);
    const { algorithm, hex, text } = digestOf(LARGE);
    const half = LARGE.byteLength / 2;
    const pieces = count === 1 ? [LARGE] : [LARGE.subarray(0, half), LARGE.subarray(half)];
    const keys = pieces.map((_, at) => `staging/upload-${at}`);
    const etags: string[] = [];
    for (const [at, key] of keys.entries()) etags.push((await inner.put(key, pieces[at]!)).etag);
    const sizes = pieces.map(({ byteLength }) => byteLength);
    const upload = () => new StagedObject(inner, { keys, sizes, etags }, LARGE.byteLength, { [algorithm]: hex });
    // a late chunk of the same upload
    await inner.put(keys[0]!, Buffer.alloc(sizes[0]!, 'late '));
    const commit = storage.commit<{ text: string }>({
      packageName: 'a',
      place: [{ staged: upload(), key: 'files/a', contentType: 'a/b' }],
      document: { key: 'doc', apply: () => ({ text }) },
    });
    await t.rejects(commit, kind('unavailable'));
    t.equal(await storage.read('doc'), null);
    t.same(inner.keys('files/'), []);
    for (const [at, key] of keys.entries())
      await inner.put(key, at === 0 ? Buffer.alloc(sizes[0]!, 'late ') : pieces[at]!);
    await t.rejects(content.put('a', digestOf(LARGE), upload()), kind('unavailable'));
    t.equal(await get('a', LARGE), null);
    t.same(inner.keys('c/bytes/'), []);
  }
});

t.test('a link that is replaced while a reader lists the links is not taken for none', async (t) => {
  const inner = new MemoryObjectStore();
  await processOn(inner).put('a', SMALL);
  const [old = ''] = inner.keys('c/links/');
  let isReplaced = false;
  // as a driver that reads the names of a folder first, and then looks at each
  const store = Object.create(inner, {
    list: {
      value: async function* (options: IListOptions) {
        const items: (IObjectInfo | IObjectPrefix)[] = [];
        for await (const item of inner.list(options)) items.push(item);
        if (!isReplaced) {
          isReplaced = true;
          await inner.put(`${old.slice(0, old.lastIndexOf('/'))}/${randomUUID()}`, new Uint8Array());
          await inner.delete(old);
        }
        for (const item of items) if ('key' in item && (await inner.head(item.key))) yield item;
      },
    },
  }) as MemoryObjectStore;
  t.same(await processOn(store).get('a', SMALL), SMALL);
  t.ok(isReplaced);
});

t.test('a push whose copy is taken again and again begins anew, four times in all', async (t) => {
  for (const [times, isStored] of [
    [3, true],
    [4, false],
  ] as const) {
    const { put, get, store, inner, other } = start(t);
    const digest = digestOf(SMALL);
    let taken = 0;
    store.before = async ({ verb, key }) => {
      if (verb !== 'put' || !key.startsWith('c/links/') || taken === times) return;
      taken++;
      // the bytes are there, the link is not
      const { copy = '' } = readLinkKey('c/links', key)!;
      const guard = other.content.guard(digest);
      t.ok(copy === '' ? await guard.giveUp('') : await guard.retire(copy));
    };
    const pushing = put('a', SMALL);
    if (isStored) await pushing;
    else await t.rejects(pushing, { kind: 'unavailable', headers: { 'Retry-After': '1' } } as unknown as Error);
    t.equal(taken, times);
    store.before = undefined;
    t.same(await get('a', SMALL), isStored ? SMALL : null);
    t.equal(inner.keys('c/links/').length, isStored ? 1 : 0, 'no link of an attempt that failed stays');
  }
});

t.test('bytes that fit in memory are compared one by one, others by their number', async (t) => {
  for (const [size, isFound] of [
    [64 * 1024, true],
    [64 * 1024 + 1, false],
  ] as const) {
    const { put, get, inner } = start(t);
    const bytes = Buffer.alloc(size, 'x');
    await put('a', bytes);
    const damaged = Buffer.from(bytes);
    damaged[size - 1] = 0;
    await inner.put(`c/bytes/sha256/${digestOf(bytes).hex}`, damaged);
    await put('a', bytes);
    t.same((await get('a', bytes))?.equals(bytes), isFound, `${size}`);
  }
});

t.test('more links than are decided together are removed once each', async (t) => {
  const { put, inner, content, collect } = start(t);
  await put('o/0', SMALL);
  for (let n = 1; n < 1001; n++) await content.links.put(`o/${n}`, digestOf(SMALL), '');
  const dry = await collect({ ...nobody, dryRun: true });
  t.same([dry.links, dry.copies], [1001, 1]);
  let asked = 0;
  const collected = await collect({
    isNamed: (owner) => owner === 'o/7',
    namedNow: async (_owner, digests) => {
      asked += digests.length;
      return new Set();
    },
  });
  t.same([collected.links, asked, collected.copies], [1000, 1000, 0]);
  t.match(inner.keys('c/links/'), [/\/o:7\//]);
  t.equal(inner.keys('c/links/').length, 1);
});

t.test('a link goes before its marks: nobody takes it for one without a mark', async (t) => {
  const { put, store, inner, content, collect } = start(t);
  for (const remove of [() => collect(nobody), () => content.unlink('a', digestOf(SMALL))]) {
    await put('a', SMALL);
    const [link] = await content.links.of('a', digestOf(SMALL));
    await content.links.mark(link!);
    let marks = 0;
    store.before = async ({ verb, key }) => {
      if (verb !== 'delete' || !key.includes('~')) return;
      marks++;
      t.equal(await inner.head(link!.key), null);
    };
    await remove();
    store.before = undefined;
    t.ok(marks > 0);
    t.same(inner.keys('c/links/'), []);
  }
});

t.test('objects of others in the folder of the bytes are no copies', async (t) => {
  const { put, inner, content, collect } = start(t);
  await put('a', SMALL);
  await content.unlink('a', digestOf(SMALL));
  const others = ['1-part', '5', 'sig'].map((ending) => `${content.key(digestOf(SMALL))}.${ending}`);
  for (const other of others) await inner.put(other, Buffer.from('x'));
  t.equal((await collect()).copies, 1);
  t.same(inner.keys('c/bytes/'), others);
});

t.test('the guard: a copy that was replaced or given up never comes back', async (t) => {
  const { content } = start(t);
  const guard = content.guard(digestOf(SMALL));
  const copy = (number: number) => `${number}-${randomUUID()}`;
  t.same(await guard.read(), { copy: '', floor: -1 });
  t.ok(await guard.keep(''));
  t.notOk(await guard.keep(copy(1)));
  t.notOk(await guard.replace(null, copy(1)), 'it is not what was seen');
  const [third, fifth] = [copy(3), copy(5)];
  t.ok(await guard.replace('', third));
  t.same(await guard.read(), { copy: third, floor: 0 });
  t.notOk(await guard.replace(third, ''));
  t.ok(await guard.replace(third, fifth));
  t.same(await guard.read(), { copy: fifth, floor: 3 });
  t.notOk(await guard.replace(fifth, copy(2)), 'a number that was passed');
  t.notOk(await guard.retire(fifth), 'the current copy');
  t.ok(await guard.retire(third));
  t.same(await guard.read(), { copy: fifth, floor: 3 }, 'nothing to write');
  t.ok(await guard.retire(copy(4)));
  t.same(await guard.read(), { copy: fifth, floor: 4 });

  t.notOk(await guard.condemn(third, 'a'));
  t.ok(await guard.condemn(fifth, 'a'));
  await guard.spare(fifth, 'b');
  await guard.spare(third, 'a');
  t.notOk(await guard.doom(fifth, 'b'), 'condemned by another one');
  t.notOk(await guard.doom(third, 'a'));
  t.same(await guard.read(), { copy: fifth, floor: 4, condemned: 'a' });
  await guard.spare(fifth, 'a');
  t.same(await guard.read(), { copy: fifth, floor: 4 });
  t.notOk(await guard.doom(fifth, 'a'), 'it was spared');
  t.ok(await guard.condemn(fifth, 'a'));
  t.ok(await guard.condemn(fifth, 'b'), 'the later collector takes it over');
  t.notOk(await guard.doom(fifth, 'a'));
  t.ok(await guard.doom(fifth, 'b'));
  t.same(await guard.read(), { copy: null, floor: 5 });
  t.notOk(await guard.doom(fifth, 'b'), 'once');
  t.notOk(await guard.giveUp(fifth));
  t.notOk(await guard.replace(null, fifth));
  const sixth = copy(6);
  t.ok(await guard.replace(null, sixth));
  t.ok(await guard.giveUp(sixth));
  t.same(await guard.read(), { copy: null, floor: 6 });
});

t.test('a mark whose link is gone goes when its owner gives the content up', async (t) => {
  const { put, inner, content } = start(t);
  await put('a', SMALL);
  const [link] = await content.links.of('a', digestOf(SMALL));
  await content.links.mark(link!);
  await inner.delete(link!.key);
  await content.unlink('a', digestOf(SMALL));
  t.same(inner.keys('c/links/'), []);
});

t.test('a push whose body is spent when the copy that counts is not there is told to come again', async (t) => {
  const { put, get, store, content, other } = start(t);
  const digest = digestOf(LARGE);
  const isDone = store.once('put', 'c/links/', async () => {
    const guard = other.content.guard(digest);
    t.ok(await guard.giveUp(''));
    t.ok(await guard.replace(null, `1-${randomUUID()}`));
  });
  await t.rejects(put('a', LARGE), { kind: 'unavailable', headers: { 'Retry-After': '1' } } as unknown as Error);
  t.ok(isDone());
  t.equal((await content.guard(digest).read()).copy, null, 'that copy is given up');
  t.equal(await content.has('a', digest), false);
  await put('a', LARGE);
  t.same(await get('a', LARGE), LARGE);
});

t.test('a link to a copy that was given up is no reason for another link', async (t) => {
  const { put, inner, content } = start(t);
  const digest = digestOf(SMALL);
  await put('a', SMALL);
  await content.guard(digest).giveUp('');
  const before = inner.keys();
  t.equal(await content.assure('a', digest), false);
  t.same(inner.keys(), before);
});

t.test('pieces that another object has kept from being joined are joined to a new copy', async (t) => {
  const { inner, store, get, content } = start(t);
  const { algorithm, hex } = digestOf(LARGE);
  const half = LARGE.byteLength / 2;
  const keys = ['staging/1', 'staging/2'];
  const etags: string[] = [];
  for (const [at, key] of keys.entries()) {
    etags.push((await inner.put(key, LARGE.subarray(at * half, (at + 1) * half))).etag);
  }
  const upload = new StagedObject(store, { keys, sizes: [half, half], etags }, LARGE.byteLength, { [algorithm]: hex });
  const isDone = store.once('compose', 'c/bytes/', () => inner.put(content.key(digestOf(LARGE)), SMALL));
  await content.put('a', digestOf(LARGE), upload);
  t.ok(isDone());
  t.same(await get('a', LARGE), LARGE);
});

t.test('links and bytes are collected at the age that was asked for', async (t) => {
  for (const [before, expected] of [
    [999, [0, 0]],
    [1000, [1, 1]],
  ] as const) {
    const { put, inner, collect } = start(t);
    await put('a', SMALL);
    for (const [key, held] of inner.objects) {
      const metadata = held.info.metadata && { ...held.info.metadata, 'placed-at': new Date(1000).toISOString() };
      inner.objects.set(key, { ...held, info: { ...held.info, lastModified: new Date(1000), metadata } });
    }
    const steps: string[] = [];
    const { links, copies } = await collect({ ...nobody, before, step: (phase) => void steps.push(phase) });
    t.same([links, copies], expected, `${before}`);
    t.same([...new Set(steps)], ['links', 'blobs']);
  }
});

t.test('spare links are taken away at that age, too', async (t) => {
  for (const [before, left] of [
    [999, 2],
    [1000, 1],
  ] as const) {
    const { put, inner, collect } = start(t);
    for (let n = 0; n < 2; n++) await put('a', SMALL);
    for (const key of inner.keys('c/links/')) {
      const held = inner.objects.get(key)!;
      inner.objects.set(key, { ...held, info: { ...held.info, lastModified: new Date(1000) } });
    }
    await collect({ before });
    t.equal(inner.keys('c/links/').length, left, `${before}`);
  }
});

t.test('what is stored says what it is, and each owner has a folder of its own', async (t) => {
  const { put, inner, content } = start(t);
  await put('a/b/c', SMALL);
  const { info } = inner.objects.get(content.key(digestOf(SMALL)))!;
  t.equal(info.contentType, 'a/b');
  t.match(info.metadata?.['write-id'], /^[0-9a-f-]{36}$/);
  t.ok(Math.abs(Date.parse(info.metadata?.['placed-at'] ?? '') - Date.now()) < 60_000);
  const folder = `c/links/sha256/${digestOf(SMALL).hex}/a:b:c`;
  t.equal(content.links.folder('a/b/c', digestOf(SMALL)), folder);
  t.ok(inner.keys('c/links/')[0]?.startsWith(`${folder}/`));
  t.same(await content.links.owners(digestOf(SMALL), 10), ['a/b/c']);
  await content.guard(digestOf(SMALL)).giveUp('');
  t.same(inner.keys('c/guards/'), [`c/guards/sha256/${digestOf(SMALL).hex}.json`]);
});

t.test('what a client has sent learns why it was not stored', async (t) => {
  const { store, content, inner } = start(t);
  const { algorithm, hex } = digestOf(SMALL);
  const told: unknown[] = [];
  class Told extends StagedObject {
    public override async discard(failure?: unknown): Promise<void> {
      told.push(failure);
    }
  }
  const staged = () => new Told(inner, { bytes: SMALL }, SMALL.byteLength, { [algorithm]: hex });
  const refused = new RegistryError('forbidden', 'no');
  store.before = ({ verb, key }) => {
    if (verb === 'put' && key.startsWith('c/bytes/')) throw refused;
  };
  await t.rejects(content.put('a', digestOf(SMALL), staged()), refused);
  store.before = undefined;
  await content.put('a', digestOf(SMALL), staged());
  t.same(told, [refused, undefined]);
});
