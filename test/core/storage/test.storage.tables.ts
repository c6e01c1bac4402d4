import t, { type Test } from 'tap';
import { RegistryError, type TErrorKind } from '../../../ts/core/classes.registryerror.js';
import { jsonCodec, RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { StorageParts } from '../../../ts/core/storage/classes.storageparts.js';
import { droppedKeys } from '../../../ts/core/storage/commit/helpers.dropped.js';
import { isCopyId, keyOfCopy, newCopy, numberOfCopy } from '../../../ts/core/storage/content/classes.contentguard.js';
import { copiesOf, LinkGroup, linkOfMark, readLinkKey } from '../../../ts/core/storage/content/classes.contentlinks.js';
import { isDoubtful, writeConditionally } from '../../../ts/core/storage/documents/helpers.conditionalwrite.js';
import { readIntact } from '../../../ts/core/storage/documents/helpers.readintact.js';
import { isOwnKey, isSpent, textNames, withSpent } from '../../../ts/core/storage/documents/helpers.spentkeys.js';
import { timeOfChange } from '../../../ts/core/storage/helpers.changetime.js';
import { persist } from '../../../ts/core/storage/helpers.persist.js';
import { HookRunner } from '../../../ts/core/storage/hooks/classes.hookrunner.js';
import type { IStorageHookContext, IStorageHooks } from '../../../ts/core/storage/hooks/interfaces.hooks.js';
import {
  type IPage,
  type IPageIndex,
  type IPageKind,
  isPageIndex,
  pagedCodec,
  partsOfPage,
  positionOf,
  positionOfPage,
} from '../../../ts/core/storage/pages/helpers.pages.js';
import { ChoreRecords, choreKey } from '../../../ts/core/storage/upkeep/classes.chores.js';
import { DEFAULT_GRACE_MS } from '../../../ts/core/storage/upkeep/interfaces.garbage.js';
import { ResumableUploads } from '../../../ts/core/storage/uploads/classes.resumableuploads.js';
import { isLarge, Meter } from '../../../ts/core/storage/uploads/classes.stagedobject.js';
import { ofKind } from '../../support/expect.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import * as toy from '../../support/toy-packages.js';

const UUID = '01234567-89ab-4cde-8f01-23456789abcd';
const DAY_MS = 24 * 60 * 60 * 1000;
const SILENT = { info: () => {}, warn: () => {}, error: () => {} };
const bytes = Buffer.from('x');

const memory = (now?: () => Date) => {
  const inner = new MemoryObjectStore({ now });
  const store = new FaultObjectStore(inner);
  return { inner, store, storage: new RegistryStorage(store, { now }) };
};

/** The delays of all timers that `work` sets. */
const timersOf = async (t: Test, work: () => Promise<unknown>): Promise<number[]> => {
  const { setTimeout: real } = globalThis;
  const delays: number[] = [];
  const restore = () => Object.assign(globalThis, { setTimeout: real });
  t.teardown(restore);
  Object.assign(globalThis, {
    setTimeout: (call: () => void, ms: number) => {
      delays.push(ms);
      return real(call, ms);
    },
  });
  await work().finally(restore);
  return delays;
};

/** The monotonic clock, set ahead by as much as the test says. */
const aheadOfTime = (t: Test) => {
  const real = performance.now.bind(performance);
  const clock = { ahead: 0 };
  t.teardown(() => Object.assign(performance, { now: real }));
  Object.assign(performance, { now: () => real() + clock.ahead });
  return clock;
};

t.test('limits that the application leaves out', async (t) => {
  const store = new FaultObjectStore(new MemoryObjectStore());
  const parts = new StorageParts(store, { hooks: { beforePut: async () => ({ allowed: true }) } });
  t.equal(parts.maxArtifactSize, 10 * 1024 ** 3);
  t.equal(DEFAULT_GRACE_MS, DAY_MS);
  const delays = await timersOf(t, () => parts.hooks.ask('beforePut', { protocol: 'toy' }, { key: 'k' }));
  t.same(delays, [30_000], 'for a hook');
  t.equal(new StorageParts(store, { limits: { maxArtifactSize: 5 } }).maxArtifactSize, 5);
  // documents count four times: two of these fit into 64 MiB, three do not
  for (const key of ['a', 'b', 'c']) await store.put(key, Buffer.from(JSON.stringify('x'.repeat(8_200_000))));
  const gets = async (keys: string[]): Promise<number> => {
    store.reset();
    for (const key of keys) await parts.documents.read(key, jsonCodec);
    return store.count('get');
  };
  t.equal(await gets(['a', 'b', 'a', 'b']), 2);
  t.equal(await gets(['c', 'b', 'a']), 2, 'the one that was used least lately went');
});

t.test('the time of a change', async (t) => {
  const at = (time: string) => ({ id: UUID, time });
  const noon = '2026-01-01T12:00:00.000Z';
  t.equal(timeOfChange(undefined, at(noon)), noon);
  t.equal(timeOfChange('2026-01-01T11:59:58.999Z', at(noon)), noon);
  t.equal(timeOfChange('2026-01-01T11:59:59.500Z', at(noon)), '2026-01-01T12:00:00.500Z');
  t.equal(timeOfChange(noon, at(noon)), '2026-01-01T12:00:01.000Z');
  t.equal(timeOfChange('2026-01-01T12:00:05.000Z', at(noon)), '2026-01-01T12:00:06.000Z', 'another clock is ahead');
});

t.test('a write that is the same for everybody is tried three times', async (t) => {
  for (const [failures, expected] of [
    [1, true],
    [2, true],
    [3, 'unavailable'],
  ] as const) {
    let calls = 0;
    const write = async () => {
      if (++calls <= failures) throw new RegistryError('unavailable', 'down');
    };
    t.equal(await persist(write).catch(({ kind }: RegistryError) => kind), expected, `${failures} failures`);
    t.equal(calls, Math.min(failures + 1, 3));
  }
});

t.test('whether a store may have done what it failed at', async (t) => {
  const kinds: [TErrorKind, boolean][] = [
    ['outcomeUnknown', true],
    ['unavailable', true],
    ['internal', true],
    ['timeout', true],
    ['preconditionFailed', false],
    ['invalid', false],
    ['tooLarge', false],
    ['forbidden', false],
    ['notFound', false],
    ['unsupported', false],
    ['rateLimited', false],
  ];
  for (const [kind, expected] of kinds) t.equal(isDoubtful(new RegistryError(kind, '')), expected, kind);
  t.equal(isDoubtful(new Error('of a driver of somebody’s own')), true);
  t.equal(isDoubtful(undefined), true);
});

t.test('a conditional write is sent three times, and looked for three times after each', async (t) => {
  const write = { key: 'k', bytes, contentType: 'a/b', metadata: { 'write-id': UUID }, base: null };
  for (const [lostPuts, expected] of [
    [2, 'written'],
    [3, 'unknown'],
  ] as const) {
    const { store } = memory();
    let left = lostPuts;
    store.before = ({ verb }) => {
      if (verb === 'put' && left-- > 0) throw new RegistryError('unavailable', 'lost');
    };
    t.equal((await writeConditionally(store, write)).kind, expected);
    t.equal(store.count('put'), 3);
  }
  for (const [lostHeads, expected] of [
    [2, 'written'],
    [3, 'unknown'],
  ] as const) {
    const { store } = memory();
    let left = lostHeads;
    store.before = ({ verb }) => {
      if (verb === 'head' && left-- > 0) throw new RegistryError('unavailable', 'lost');
    };
    store.after = ({ verb }) => {
      if (verb === 'put') throw new RegistryError('unavailable', 'lost');
    };
    t.equal((await writeConditionally(store, write)).kind, expected);
    t.same([store.count('put'), store.count('head')], [1, 3]);
  }
  const clock = aheadOfTime(t);
  for (const [tookMs, puts] of [
    [19_000, 2],
    [21_000, 1],
  ] as const) {
    clock.ahead = 0;
    const { store } = memory();
    store.before = ({ verb }) => {
      if (verb !== 'put') return;
      clock.ahead += tookMs;
      throw new RegistryError('unavailable', 'slow');
    };
    t.equal((await writeConditionally(store, write)).kind, 'unknown');
    t.equal(store.count('put'), puts, `a store that takes ${tookMs} ms to fail`);
  }
});

t.test('a caller loses to other writers for half a minute', async (t) => {
  const clock = aheadOfTime(t);
  for (const [stepMs, writes] of [
    [9_000, 4],
    [14_000, 3],
    [29_000, 2],
    [31_000, 1],
  ] as const) {
    clock.ahead = 0;
    const { inner, store, storage } = memory();
    let n = 0;
    store.before = async ({ verb, key }) => {
      if (verb !== 'put') return;
      clock.ahead += stepMs;
      await inner.put(key, Buffer.from(`${++n}`));
    };
    await t.rejects(
      storage.update<number>('n', (value) => (value ?? 0) + 1),
      { kind: 'unavailable', headers: { 'Retry-After': '1' } } as unknown as Error,
    );
    t.equal(store.count('put'), writes, `${stepMs} ms each`);
  }
});

t.test('a package that others write to is given up after five rounds and half a minute', async (t) => {
  const now = performance.now.bind(performance);
  let late = 0;
  t.intercept(performance, 'now', { value: () => now() + late });
  const hooks = { beforeDelete: async () => ({ allowed: true }) };
  for (const [others, secondsEach, isGivenUp] of [
    [4, 60, false],
    [12, 2, false],
    [5, 8, true],
  ] as const) {
    const { inner, store } = memory();
    const storage = new RegistryStorage(store, { hooks });
    const other = new RegistryStorage(inner);
    await toy.publishToy(other, 'p', '1.0.0', bytes);
    let count = 0;
    store.before = async ({ verb, key }) => {
      if (verb === 'put' && key === toy.documentKey('p') && count < others) {
        await toy.publishToy(other, 'p', `2.0.${count++}`, bytes);
      }
      // a hook is slow: the time passes where no write is under way
      if (verb === 'head' && key.includes('/files/2.0.')) late += secondsEach * 1000;
    };
    const removing = storage.commit<toy.IToyDocument>({
      packageName: 'p',
      document: { key: toy.documentKey('p'), apply: (current) => ({ ...current!, revision: 9, versions: [] }) },
      drop: (before) => before?.versions.map(({ key }) => key) ?? [],
    });
    const what = `${others} other writers`;
    if (isGivenUp) await t.rejects(removing, { kind: 'unavailable', message: /^p is being/ } as unknown as Error, what);
    else t.match(await removing, { versions: [] }, what);
  }
});

t.test('without hooks for deletes, nobody has to be asked about what others have added', async (t) => {
  const { inner, store, storage } = memory();
  const other = new RegistryStorage(inner);
  await toy.publishToy(other, 'p', '1.0.0', bytes);
  let writes = 0;
  store.before = async ({ verb, key }) => {
    if (verb === 'put' && key === toy.documentKey('p') && writes++ === 0)
      await toy.publishToy(other, 'p', '2.0.0', bytes);
  };
  const removed = await storage.commit<toy.IToyDocument>({
    packageName: 'p',
    document: { key: toy.documentKey('p'), apply: (current) => ({ ...current!, revision: 9, versions: [] }) },
    drop: (before) => before?.versions.map(({ key }) => key) ?? [],
  });
  t.match(removed, { versions: [] });
  t.equal(writes, 2);
  t.same(inner.keys(), [toy.documentKey('p')], 'both artifacts are gone');
});

t.test('a small artifact is placed at the second attempt, or not', async (t) => {
  const key = toy.artifactKey('p', '1.0.0');
  for (const [failures, isPlaced] of [
    [1, true],
    [2, false],
  ] as const) {
    const { store, storage } = memory();
    let left = failures;
    store.before = (call) => {
      if (call.verb === 'put' && call.key === key && left-- > 0) throw new RegistryError('unavailable', 'a moment');
    };
    const publishing = toy.publishToy(storage, 'p', '1.0.0', bytes);
    if (isPlaced) await publishing;
    else await t.rejects(publishing, ofKind('unavailable'));
    t.equal(store.count('put', key), 2);
  }
});

t.test('a marker is renewed if the placing took more than a minute', async (t) => {
  for (const [tookMs, marks] of [
    [60_000, 1],
    [60_001, 2],
  ] as const) {
    let now = Date.UTC(2026, 0, 1);
    const { store, storage } = memory(() => new Date(now));
    store.before = ({ verb, key }) => {
      if (verb === 'put' && key === toy.artifactKey('p', '1.0.0')) now += tookMs;
    };
    await toy.publishToy(storage, 'p', '1.0.0', bytes, toy.toyCatalog(storage));
    t.equal(store.count('put', 'toy/catalog/pending/'), marks, `${tookMs} ms`);
    await storage.destroy();
  }
});

t.test('keys that a document names no more', async (t) => {
  const gone = droppedKeys((document: string[]) => document);
  t.same(gone(['a', 'b', 'c'], ['b', 'd']), ['a', 'c']);
  t.same(gone(['a'], null), ['a']);
  t.same(gone(null, ['a']), []);
  t.same(gone(null, null), []);
});

t.test('a document of a list that cannot be read is left out, an outage is not', async (t) => {
  const errors: unknown[] = [];
  const logger = { ...SILENT, error: (_message: string, about?: object) => void errors.push(about) };
  const read = (kind?: TErrorKind) =>
    readIntact(logger, { key: 'k' }, async () => {
      if (kind) throw new RegistryError(kind, 'no', { cause: new Error('why') });
      return 'value';
    });
  t.equal(await read(), 'value');
  t.equal(await read('internal'), null);
  t.same(errors, [{ key: 'k', cause: 'Error: why' }]);
  await t.rejects(read('unavailable'), ofKind('unavailable'));
});

t.test('keys that only one write uses, and spent ones', async (t) => {
  for (const [key, expected] of [
    [`a.${UUID}`, true],
    [`.${UUID}`, true],
    [UUID, false],
    [`a.${UUID}x`, false],
    [`a.${UUID.toUpperCase()}`, false],
    [`a.${UUID.slice(1)}`, false],
    [`a-${UUID}`, false],
    ['a', false],
  ] as const) {
    t.equal(isOwnKey(key), expected, key);
    t.equal(isSpent(withSpent('', [key]), key), !expected, `${key} is recorded`);
    t.equal(isSpent('*', key), !expected, key);
  }
  t.equal(isSpent('', 'a'), false);
  const two = withSpent('', ['a', 'b', 'a']);
  t.equal(two.length, 16);
  t.ok(isSpent(two, 'b'));
  t.equal(withSpent('*', ['a']), '*');
  const text = (value: string) => Buffer.from(`xx${value}yy`).subarray(2, -2);
  t.ok(textNames(text(`"a" "a.${UUID}"`), 'a'));
  t.notOk(textNames(text(`"k/a.${UUID}"`), 'k/a'));
  t.ok(textNames(text(`"k/a.${UUID}" "k/a"`), 'k/a'));
  t.notOk(textNames(text('"k/b"'), 'k/a'));
});

t.test('copies of content', async (t) => {
  const copy = `7-${UUID}`;
  t.same(['', copy, `12-${UUID}`].map(numberOfCopy), [0, 7, 12]);
  t.same([keyOfCopy('k', ''), keyOfCopy('k', copy)], ['k', `k.${copy}`]);
  for (const [id, expected] of [
    [copy, true],
    [`123456789012345-${UUID}`, true],
    [`1234567890123456-${UUID}`, false],
    [`0-${UUID}`, false],
    [`07-${UUID}`, false],
    [`7-${UUID}0`, false],
    [`7-${UUID.slice(1)}`, false],
    [`x7-${UUID}`, false],
    [UUID, false],
    ['', false],
  ] as const) {
    t.equal(isCopyId(id), expected, id);
  }
  for (const [state, number] of [
    [{ copy: '', floor: -1 }, 1],
    [{ copy: null, floor: -1 }, 1],
    [{ copy: null, floor: 0 }, 1],
    [{ copy: null, floor: 4 }, 5],
    [{ copy, floor: 4 }, 8],
    [{ copy, floor: 9 }, 10],
  ] as const) {
    const made = newCopy(state);
    t.ok(isCopyId(made));
    t.equal(numberOfCopy(made), number, JSON.stringify(state));
  }
});

t.test('keys of links', async (t) => {
  const folder = 'p/sha256/ab/a:b';
  const copy = `7-${UUID}`;
  const about = { path: 'sha256/ab', owner: 'a/b' };
  for (const [name, expected] of [
    [UUID, { ...about, link: `${folder}/${UUID}`, copy: '', isMark: false }],
    [`${UUID}~${UUID}`, { ...about, link: `${folder}/${UUID}`, copy: '', isMark: true }],
    [`${UUID}.${copy}`, { ...about, link: `${folder}/${UUID}.${copy}`, copy, isMark: false }],
    [`${UUID}.${copy}~${UUID}`, { ...about, link: `${folder}/${UUID}.${copy}`, copy, isMark: true }],
    [`${UUID}.0-${UUID}`, null],
    [`${UUID}/${UUID}`, null],
    [`x${UUID}`, null],
    [`${UUID}x`, null],
    [`${UUID}~x`, null],
    ['', null],
  ] as const) {
    t.same(readLinkKey('p', `${folder}/${name}`), expected, name);
  }
  t.equal(readLinkKey('p', 'p/sha256/ab'), null);
  t.equal(linkOfMark(`${folder}/${UUID}~${UUID}`), `${folder}/${UUID}`);
  const group = new LinkGroup();
  for (const name of [`${UUID}`, `${UUID}~${UUID}`, `${UUID}.${copy}~${UUID}`]) {
    group.add(`${folder}/${name}`, new Date(0), readLinkKey('p', `${folder}/${name}`)!);
  }
  t.same(
    group.links.map(({ key, marks }) => [key, marks]),
    [[`${folder}/${UUID}`, [`${folder}/${UUID}~${UUID}`]]],
  );
  t.same(group.strayMarks, [`${folder}/${UUID}.${copy}~${UUID}`]);
  const link = { key: '', owner: '', lastModified: new Date(0), marks: [] };
  const copies = ['', copy, `12-${UUID}`, copy].map((one) => ({ ...link, copy: one }));
  t.same(copiesOf(copies), [`12-${UUID}`, copy, ''], 'the newest first, each once');
});

interface ILetters extends IPage {
  readonly values: readonly string[];
}

const letters: IPageKind<ILetters> = {
  codec: pagedCodec<ILetters>({
    serialize: ({ names, values, seal }, stamp) => JSON.stringify({ names, values, seal, revision: stamp?.revision }),
    parse: ({ names, values }) => ({ names: names as string[], values: values as string[] }),
  }),
  none: { names: [], values: [] },
  slice: ({ names, values }, from, to) => ({ names: names.slice(from, to), values: values.slice(from, to) }),
  atOnce: 2,
  limit: ({ names }) => (names.length > 3 ? 2 : undefined),
};

t.test('positions in pages', async (t) => {
  const names = ['b', 'd', 'f'];
  t.same(
    ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => positionOf(names, name)),
    [0, 0, 1, 1, 2, 2, 3],
  );
  t.equal(positionOf([], 'a'), 0);
  const index = { pages: ['', 'd', 'f', 'h'].map((from) => ({ from, id: from })) };
  t.same(
    ['a', 'c', 'd', 'e', 'f', 'g', 'h', 'z'].map((name) => positionOfPage(index, name)),
    [0, 0, 1, 1, 2, 2, 3, 3],
  );
  t.equal(positionOfPage({ pages: [{ from: '', id: '' }] }, 'x'), 0);
  const page = (count: number, size: number): ILetters => ({
    names: [...'abcdefg'].slice(0, count),
    values: [...'ABCDEFG'].slice(0, count),
    seal: { id: 's', size },
  });
  const parts = (count: number, size: number) =>
    partsOfPage(letters, page(count, size), 'from').map(
      ({ ref, page: { names } }) => `${ref.from} ${ref.id} ${names.join('')}`,
    );
  t.same(parts(5, 2), ['from s:0 ab', 'c s:1 cd', 'e s:2 e']);
  t.same(parts(4, 2), ['from s:0 ab', 'c s:1 cd']);
  t.same(parts(1, 2), ['from s:0 a']);
  t.same(parts(0, 2), ['from s:0 '], 'one at least');
});

t.test('pages and indexes as they are stored', async (t) => {
  const { codec } = letters;
  const read = (text: string | Uint8Array) => codec.parse(Buffer.from(text as string));
  const index: IPageIndex = {
    pages: [
      { from: '', id: 'a:0' },
      { from: 'm', id: 'a:1' },
    ],
  };
  const text = codec.serialize(index, { revision: 3, id: UUID });
  t.equal(text, '{"pages":[\n["","a:0"],\n["m","a:1"]\n],"revision":3}\n');
  t.equal(codec.serialize(index), '{"pages":[\n["","a:0"],\n["m","a:1"]\n]}\n');
  t.same(read(text), index);
  t.ok(isPageIndex(read(text)));
  const page: ILetters = { names: ['a'], values: ['A'] };
  t.same(read(codec.serialize(page, { revision: 3, id: UUID })), page);
  const sealed = { ...page, seal: { id: 's', size: 2 } };
  t.same(read(codec.serialize(sealed)), sealed);
  t.notOk(isPageIndex(read('{"pages":[],"names":[],"values":[]}')), 'an index has a page at least');
  t.notOk(isPageIndex(read('{"pages":{"length":1},"names":[],"values":[]}')));
  t.equal(codec.contentType, 'application/json');
});

t.test('the length of a body', async (t) => {
  const add = (limit: number, expected: number | undefined, ...sizes: number[]) => {
    const meter = new Meter(limit, expected, ['md5', 'md5']);
    for (const size of sizes) meter.add(new Uint8Array(size));
    return [meter.size, Object.keys(meter.finish())];
  };
  t.same(add(5, undefined, 2, 3), [5, ['md5']]);
  t.same(add(5, 5, 2, 3), [5, ['md5']]);
  t.throws(() => add(5, undefined, 2, 4), ofKind('tooLarge'));
  t.throws(() => add(5, 6), ofKind('tooLarge'), 'announced');
  t.throws(() => add(5, 4, 5), ofKind('invalid'));
  t.throws(() => add(5, 4, 3), ofKind('invalid'));
  t.throws(() => add(0, undefined, 1), ofKind('tooLarge'));
  t.same(add(0, 0), [0, ['md5']]);
  t.same([undefined, 0, 256 * 1024, 256 * 1024 + 1].map(isLarge), [true, false, false, true]);
});

t.test('a body of 256 KiB stays in memory, one byte more does not', async (t) => {
  for (const [size, keys] of [
    [256 * 1024, 0],
    [256 * 1024 + 1, 1],
  ] as const) {
    const { inner, storage } = memory();
    const body = async function* () {
      for (let left = size; left > 0; left -= 65_536) yield new Uint8Array(Math.min(left, 65_536));
    };
    await storage.stage(body(), { hashes: [] });
    t.equal(inner.keys('staging/').length, keys, `${size}`);
  }
});

t.test('each hook gets the operation that it is about, and what the subject says goes first', async (t) => {
  const seen: IStorageHookContext[] = [];
  const note = async (context: IStorageHookContext) => {
    seen.push(context);
    return { allowed: true };
  };
  const names = [
    'beforePut',
    'afterPut',
    'beforeDelete',
    'afterDelete',
    'beforeGet',
    'afterGet',
    'afterAbort',
  ] as const;
  const hooks = Object.fromEntries(names.map((name) => [name, note])) as unknown as IStorageHooks;
  const runner = new HookRunner(hooks, { timeoutMs: 1000, logger: SILENT, now: () => new Date(5) });
  const open = () => new ReadableStream<Uint8Array>();
  for (const name of names) {
    if (name.startsWith('before')) await runner.ask(name as 'beforePut', { protocol: 'toy' }, { key: 'k', open });
    else await runner.tell(name as 'afterPut', { protocol: 'toy', operationId: 'of the origin' }, { key: 'k', open });
  }
  t.same(
    seen.map(({ operation }) => operation),
    ['put', 'put', 'delete', 'delete', 'get', 'get', 'put'],
  );
  t.same(
    seen.map((context) => 'open' in context),
    [true, false, false, false, false, false, false],
  );
  t.same(new Set(seen.map(({ askedKey }) => askedKey)), new Set(['k']));
  t.equal(seen[1]?.operationId, 'of the origin');
  t.not(seen[0]?.operationId, seen[2]?.operationId, 'without one, each has its own');
  seen.length = 0;
  const subject = { key: 'k', askedKey: 'asked', operationId: 'own', operation: 'delete' } as const;
  await runner.tell('afterAbort', { protocol: 'toy', operationId: 'of the origin' }, subject);
  t.match(seen, [{ operation: 'delete', askedKey: 'asked', operationId: 'own', metadata: undefined }]);
  t.same(
    names.map((name) => new HookRunner({}, { timeoutMs: 1, logger: SILENT, now: () => new Date() }).has(name)),
    Array(7).fill(false),
  );
  t.ok(runner.has('afterAbort'));
});

t.test('sweeps take what has the age that was asked for', async (t) => {
  const start = Date.UTC(2026, 0, 1);
  for (const [ageMs, isTaken] of [
    [DAY_MS, true],
    [DAY_MS - 1, false],
  ] as const) {
    let now = start;
    const { inner, storage } = memory(() => new Date(now));
    const orphan = toy.artifactKey('p', '1.0.0');
    await inner.put(orphan, bytes);
    await inner.put(toy.artifactKey('p', '2.0.0'), bytes, { metadata: { 'placed-at': new Date(start).toISOString() } });
    await inner.put('staging/x', bytes);
    const uploads = new ResumableUploads(storage, 'up');
    await uploads.begin({ owner: 'a' });
    now = start + ageMs;
    t.equal((await storage.sweep()).staged, isTaken ? 1 : 0, 'staged');
    t.equal(await toy.sweepToys(storage, {}), isTaken ? 2 : 0, 'orphans');
    t.equal(await uploads.sweep(DAY_MS), isTaken ? 1 : 0, 'uploads');
  }
});

t.test('markers are repaired and forgotten at their age', async (t) => {
  const start = Date.UTC(2026, 0, 1);
  for (const [ageMs, followed, left] of [
    [19_999, 0, 1],
    [20_000, 1, 1],
    [15 * 60_000 - 1, 1, 1],
    [15 * 60_000, 1, 0],
  ] as const) {
    let now = start;
    const { inner, storage } = memory(() => new Date(now));
    let count = 0;
    const pending = storage.pendingMarkers<string, number>({
      prefix: 'pending',
      what: 'A mirror',
      look: async () => 0,
      follow: async () => ++count > 0,
      isSame: () => true,
    });
    await pending.mark('a');
    now = start + ageMs;
    t.equal(await pending.repair(20_000), followed, `${ageMs} ms`);
    t.equal(inner.keys('pending/').length, left, `${ageMs} ms`);
  }
});

t.test('chores: their keys, their lease, and when they are due', async (t) => {
  for (const [name, key] of [
    ['Sweeping expired tokens', 'sweeping-expired-tokens'],
    [' A: b_9! ', 'a-b-9'],
  ] as const) {
    t.equal(choreKey(name), `registry/chores/${key}.json`);
  }
  const { store } = memory();
  const start = Date.UTC(2026, 0, 1);
  const clock = { wall: start };
  const storage = new RegistryStorage(store, { now: () => new Date(clock.wall) });
  const chore = { name: 'x', everyMs: 1000, work: async () => undefined };
  const { setInterval: real } = globalThis;
  const beats: number[] = [];
  t.teardown(() => Object.assign(globalThis, { setInterval: real }));
  Object.assign(globalThis, {
    setInterval: (call: () => void, ms: number) => {
      beats.push(ms);
      return real(call, ms);
    },
  });
  const turn = await new ChoreRecords(storage).begin(chore);
  if (typeof turn === 'number') return t.fail('nobody else has it');
  t.same(beats, [20_000]);
  t.equal(await new ChoreRecords(storage).begin(chore), 60_000, 'another one asks again when the lease is over');
  await turn.end(true);
  for (const [afterMs, waitMs] of [
    [0, 1000],
    [400, 600],
    [999, 1],
    [-1000, 2000],
  ] as const) {
    clock.wall = start + afterMs;
    t.equal(await new ChoreRecords(storage).begin(chore), waitMs, `${afterMs} ms later`);
  }
  for (const afterMs of [1000, -1001]) {
    clock.wall = start + afterMs;
    const next = await new ChoreRecords(storage).begin(chore);
    if (typeof next === 'number') return t.fail(`due ${afterMs} ms later`);
    await next.end(false);
  }
});
