import t from 'tap';
import { HASH_BYTES, HashSet, hashOf } from '../../../ts/core/base/classes.hashset.js';
import { SharedRun } from '../../../ts/core/base/classes.sharedrun.js';
import { ShortLivedCache } from '../../../ts/core/base/classes.shortlivedcache.js';
import { bareAddress } from '../../../ts/core/base/helpers.address.js';
import { inParallel, mapInParallel } from '../../../ts/core/base/helpers.concurrency.js';
import { invalid, notFound } from '../../../ts/core/base/helpers.errors.js';
import { DEFAULT_LIMITS } from '../../../ts/core/base/helpers.limits.js';
import { loggerOf, SILENT_LOGGER } from '../../../ts/core/base/helpers.log.js';
import { missingPermission } from '../../../ts/core/base/helpers.permissions.js';
import { printable } from '../../../ts/core/base/helpers.printable.js';
import { Turns } from '../../../ts/core/base/helpers.slices.js';
import {
  discardBody,
  fromIterable,
  iterate,
  responseBytes,
  responseOfBytes,
  streamOfBuffers,
  streamOfSource,
  streamToBuffer,
  takeSource,
} from '../../../ts/core/base/helpers.streams.js';
import { isRecord, without } from '../../../ts/core/base/helpers.values.js';
import { manyTurns } from '../../support/waiting.js';

t.test('an address without port, brackets and the prefix of a dual-stack socket', async (t) => {
  const table: [text: string, address: string][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:4711', '192.0.2.1'],
    ['192.0.2.1:', '192.0.2.1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:4711', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['2001:db8::4711', '2001:db8::4711'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['[::ffff:192.0.2.1]:80', '192.0.2.1'],
    ['::ffff:c000:201', '::ffff:c000:201'],
    ['64::ffff:1.2.3.4', '64::ffff:1.2.3.4'],
    ['unknown', 'unknown'],
    ['[', '['],
    ['192.0.2.1:x', '192.0.2.1:x'],
  ];
  for (const [text, address] of table) t.equal(bareAddress(text), address, text);
});

t.test('the advice for a Deno that allows too little', async (t) => {
  const refusal = Object.assign(new Error('Requires net access'), { name: 'NotCapable' });
  const before = new Error('Requires read access to "/x", run again with the --allow-read flag');
  for (const error of [refusal, before, new Error('outer', { cause: refusal })]) {
    t.match(missingPermission(error, 'directory'), /--allow-read and --allow-write$/);
    for (const needs of ['s3', 'server'] as const) {
      t.match(missingPermission(error, needs), /--allow-net, --allow-env, --allow-sys and --allow-read$/, needs);
    }
  }
  for (const other of [new Error('ENOENT'), new Error('x', { cause: 'NotCapable' }), 'NotCapable', undefined]) {
    t.equal(missingPermission(other, 's3'), undefined);
  }
});

t.test('text from outside is printed without what a terminal obeys', async (t) => {
  t.equal(printable('plain ü 😀 text'), 'plain ü 😀 text');
  for (const character of '\n\r\t\u0000\u001b\u007f\u009b\u2028\u2029\u202a\u202e\u2066\u2069') {
    t.equal(printable(`a${character}b${character}`), 'a\ufffdb\ufffd', `U+${character.charCodeAt(0).toString(16)}`);
  }
  t.equal(printable('\u2029\u202f\u2065\u206a'), '\ufffd\u202f\u2065\u206a');
});

t.test('what is a record', async (t) => {
  for (const value of [{}, { a: 1 }, Object.create(null)]) t.equal(isRecord(value), true);
  for (const value of [null, undefined, [], 'a', 1, () => 1]) t.equal(isRecord(value), false, String(value));
  const record = { a: 1, b: 2, c: 3 };
  t.same(without(record, ['a', 'c', 'x']), { b: 2 });
  t.same(record, { a: 1, b: 2, c: 3 }, 'the record itself stays');
});

t.test('short errors', async (t) => {
  const cause = new Error('why');
  t.match(invalid('a', cause), { kind: 'invalid', message: 'a', cause });
  t.match(notFound('b'), { kind: 'notFound', message: 'b' });
});

t.test('the limits that a registry has if nobody says otherwise', async (t) => {
  t.same(DEFAULT_LIMITS, {
    maxArtifactSize: 10_737_418_240,
    maxMetadataSize: 33_554_432,
    maxUnpackedSize: 4_294_967_296,
    bodyIdleTimeoutMs: 60_000,
    hookTimeoutMs: 30_000,
    metadataCacheSize: 67_108_864,
  });
});

t.test('the logger of a configuration', async (t) => {
  const own = { info() {}, warn() {}, error() {} };
  t.equal(loggerOf(own), own);
  t.equal(loggerOf(false), SILENT_LOGGER);
  const written: unknown[] = [];
  const { write } = process.stderr;
  process.stderr.write = ((line: string) => written.push(line) > 0) as typeof write;
  try {
    const usual = loggerOf(undefined);
    usual.info('not this');
    usual.warn('but this');
    SILENT_LOGGER.error('nor this');
  } finally {
    process.stderr.write = write;
  }
  t.match(written, [/^\S+ warn but this\n$/]);
  t.equal(written.length, 1);
});

t.test('a set of hashes knows what was added, however large it grows', async (t) => {
  const set = new HashSet();
  t.equal(set.size, 0);
  t.equal(set.has('none'), false);
  for (let n = 0; n < 5000; n++) set.add(`text ${n}`);
  t.equal(set.size, 5000);
  set.add('text 7');
  set.add(hashOf('text 8'));
  t.equal(set.size, 5000, 'each counts once');
  for (let n = 0; n < 5000; n++) if (!set.has(`text ${n}`)) t.fail(`text ${n} is lost`);
  t.equal(set.has(hashOf('text 4999')), true, 'also by its hash');
  t.equal(set.has('text 5000'), false);
  set.add(0);
  t.equal(set.has(0), true, 'no hash is taken for a free slot');
  t.equal(HASH_BYTES, 6);
  t.equal(hashOf('abc'), 0xba7816bf8f01, 'the first bytes of the SHA-256');
});

t.test('work that several wait for is run once, and again for a caller that wants a later one', async (t) => {
  const ends: ((error?: Error) => void)[] = [];
  const run = new SharedRun(
    () =>
      new Promise<void>((resolve, reject) => {
        ends.push((error) => (error ? reject(error) : resolve()));
      }),
  );
  const [first, joined] = [run.fresh(0), run.fresh(1e9)];
  t.equal(ends.length, 1, 'a caller that takes an older result waits for the one under way');
  const [later, alsoLater] = [run.fresh(0), run.fresh(0)];
  t.equal(ends.length, 1, 'one at a time');
  ends[0]?.();
  await Promise.all([first, joined]);
  await manyTurns();
  t.equal(ends.length, 2, 'and one for all that wait');
  ends[1]?.();
  await Promise.all([later, alsoLater]);
  await run.fresh(1e9);
  t.equal(ends.length, 2, 'its result is fresh enough');
  const failing = run.fresh(0);
  ends[2]?.(new Error('away'));
  await t.rejects(failing, /away/);
  const again = run.fresh(1e9);
  t.equal(ends.length, 4, 'a failure is no result');
  const next = run.fresh(0);
  ends[3]?.(new Error('away'));
  await t.rejects(again, /away/);
  await manyTurns();
  t.equal(ends.length, 5, 'a failure does not keep the next one from its turn');
  ends[4]?.();
  await next;
});

t.test('a value is believed for a while, absence never', async (t) => {
  let now = 1000;
  const cache = new ShortLivedCache<{ n: number }>({ max: 2, maxAgeMs: 100, now: () => now });
  let loads = 0;
  const load = async () => ({ n: ++loads });
  t.equal(cache.peek('a'), undefined);
  t.equal(cache.cachedUntil('a'), Number.NEGATIVE_INFINITY);
  t.same(await cache.get('a', load), { n: 1 });
  t.equal(cache.cachedUntil('a'), 1100);
  now = 1099;
  t.same(await cache.get('a', load), { n: 1 });
  now = 1100;
  t.equal(cache.peek('a'), undefined);
  t.equal(cache.cachedUntil('a'), Number.NEGATIVE_INFINITY);
  t.same(await cache.get('a', load), { n: 2 });
  now = 1099;
  t.equal(cache.peek('a'), undefined, 'a clock that was set back');
  now = 1100;
  t.same(cache.peek('a'), { n: 2 });
  let absent = 0;
  const none = async () => {
    absent++;
    return null;
  };
  t.equal(await cache.get('x', none), null);
  t.equal(await cache.get('x', none), null);
  t.equal(absent, 2);
  now = 1300;
  t.equal(await cache.get('a', none), null, 'a value that is gone');
  now = 1100;
  t.equal(cache.peek('a'), undefined, 'is forgotten');
  for (const key of ['a', 'b', 'c']) await cache.get(key, load);
  t.equal(cache.peek('a'), undefined, 'the least recently used goes');
  t.ok(cache.peek('b'));
  cache.drop('b');
  t.equal(cache.peek('b'), undefined);
  t.ok(cache.peek('c'));
  cache.clear();
  t.equal(cache.peek('c'), undefined);
});

t.test('a look-up that a change has overtaken is not kept', async (t) => {
  const cache = new ShortLivedCache<{ n: number }>({ max: 9, maxAgeMs: 100, now: () => 0 });
  for (const forget of [() => cache.drop('a'), () => cache.clear()]) {
    let end: (value: { n: number }) => void = () => {};
    const first = cache.get('a', () => new Promise((resolve) => (end = resolve)));
    forget();
    end({ n: 1 });
    t.same(await first, { n: 1 }, 'its caller gets it');
    t.equal(cache.peek('a'), undefined);
    t.same(await cache.get('a', async () => ({ n: 2 })), { n: 2 });
    cache.clear();
  }
  const ends: ((value: null) => void)[] = [];
  let looks = 0;
  const look = () => {
    looks++;
    return looks === 1 ? new Promise<null>((resolve) => ends.push(resolve)) : Promise.resolve({ n: looks });
  };
  const all = [cache.get('b', look), cache.get('b', look), cache.get('b', look)];
  ends[0]?.(null);
  t.same(await Promise.all(all), [null, { n: 2 }, { n: 2 }], 'those that came later share a later look-up');
});

t.test('at most sixteen at a time', async (t) => {
  const items = Array.from({ length: 40 }, (_, n) => n);
  let [running, most] = [0, 0];
  const work = async (n: number) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return 2 * n;
  };
  await inParallel(items, work);
  t.equal(most, 16);
  most = 0;
  const mapped: number[] = [];
  for await (const one of mapInParallel(items, work)) mapped.push(one);
  t.equal(most, 16);
  t.same(
    mapped,
    items.map((n) => 2 * n),
    'in the order of the items',
  );
  const failing = async (n: number) => {
    if (n === 3) throw new Error('the fourth');
    return n;
  };
  const seen: number[] = [];
  await t.rejects(async () => {
    for await (const one of mapInParallel(items, failing)) seen.push(one);
  }, /the fourth/);
  t.same(seen, [0, 1, 2]);
});

t.test('pieces of work run in their order, and one that fails stops none', async (t) => {
  const turns = new Turns();
  const order: number[] = [];
  const one = turns.take(() => order.push(1));
  const two = turns.take(() => {
    throw new Error('two');
  });
  const three = turns.take(() => order.push(3) && 'three');
  await t.rejects(two, /two/);
  t.equal(await one, 1);
  t.equal(await three, 'three');
  t.same(order, [1, 3]);
});

t.test('a source is taken from an unread stream, once', async (t) => {
  const sourceOf = (count: number) => {
    let [left, closed] = [count, 0];
    return {
      read: async (room: Uint8Array) => {
        const size = Math.min(left, room.byteLength);
        left -= size;
        room.fill(7, 0, size);
        return size;
      },
      close: async () => void closed++,
      closed: () => closed,
    };
  };
  const source = sourceOf(5);
  const stream = streamOfSource(source, 2);
  t.equal(takeSource(stream), source);
  t.equal(takeSource(stream), undefined);
  const read = streamOfSource(sourceOf(5), 2);
  const chunks: number[] = [];
  for await (const chunk of iterate(read)) chunks.push(chunk.byteLength);
  t.same(chunks, [2, 2, 1]);
  const begun = streamOfSource(sourceOf(5), 2);
  const reader = begun.getReader();
  t.equal(takeSource(begun), undefined, 'a reader has it');
  await reader.read();
  reader.releaseLock();
  t.equal(takeSource(begun), undefined, 'some of it is gone');
  const left = sourceOf(5);
  await streamOfSource(left, 2).cancel();
  t.equal(left.closed(), 1);
  let pieces = 2;
  const buffers = { next: async () => (pieces-- > 0 ? Buffer.from('ab') : null), close: async () => {} };
  t.equal(takeSource(streamOfBuffers(buffers)), buffers);
  t.equal(`${await streamToBuffer(streamOfBuffers(buffers))}`, 'abab');
});

t.test('the body of an answer that is not sent is let go', async (t) => {
  let cancelled = 0;
  const body = () => new ReadableStream<Uint8Array>({ cancel: () => void cancelled++ });
  await discardBody({ status: 200, headers: {}, body: body() });
  t.equal(cancelled, 1);
  const locked = body();
  locked.getReader();
  await discardBody({ status: 200, headers: {}, body: locked });
  await discardBody({ status: 200, headers: {} });
  t.equal(cancelled, 1);
  const known = responseOfBytes(200, {}, Buffer.from('x'));
  await discardBody(known);
  t.same(responseBytes(known), Buffer.from('x'), 'bytes hold nothing, so no stream is made of them');
});

t.test('a stream of an iterable: empty chunks are skipped, and leaving early ends the iteration', async (t) => {
  const pieces = [Buffer.alloc(0), Buffer.from('a'), Buffer.alloc(0), Buffer.from('b'), Buffer.alloc(0)];
  const direct: string[] = [];
  for await (const chunk of iterate(fromIterable(pieces))) direct.push(`${Buffer.from(chunk)}`);
  t.same(direct, ['a', 'b']);
  const reader = fromIterable(pieces).getReader();
  t.equal(`${Buffer.from((await reader.read()).value as Uint8Array)}`, 'a');
  t.equal(`${Buffer.from((await reader.read()).value as Uint8Array)}`, 'b');
  t.equal((await reader.read()).done, true);
  let ended = 0;
  async function* endless() {
    try {
      for (;;) yield Buffer.from('x');
    } finally {
      ended++;
    }
  }
  const unread = fromIterable(endless());
  for await (const _chunk of iterate(unread)) break;
  t.equal(ended, 1);
  t.equal(unread.locked, false);
  const source = endless();
  await fromIterable(source).cancel();
  t.equal((await source.next()).done, true, 'also if it was never begun');
  let cancelled = 0;
  const foreign = new ReadableStream<Uint8Array>(
    { pull: (controller) => controller.enqueue(Buffer.from('x')), cancel: () => void cancelled++ },
    { highWaterMark: 0 },
  );
  for await (const _chunk of iterate(foreign)) break;
  t.equal(cancelled, 1);
  t.equal(foreign.locked, false);
});
