import t from 'tap';
import { streamToBuffer, streamToJson } from '../../../ts/core/base/helpers.streams.js';
import { type ICodec, RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import { sha256 } from '../../support/toy-packages.js';
import { manyTurns, until } from '../../support/waiting.js';

const kind = (name: string) => ({ kind: name }) as unknown as Error;
const memory = () => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  return { inner, store, storage: new RegistryStorage(store) };
};
const put = (store: MemoryObjectStore, key: string, value: unknown) =>
  store.put(key, Buffer.from(JSON.stringify(value)));
const gate = () => {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
};

t.test('head: whoever comes while one is under way shares the next one, never the running one', async (t) => {
  const { inner, store, storage } = memory();
  const held = gate();
  let hasLooked = false;
  store.after = ({ verb }) => {
    if (verb !== 'head' || hasLooked) return;
    hasLooked = true;
    return held.opened;
  };
  const first = storage.head('doc');
  await until(() => hasLooked); // and it has not answered
  await put(inner, 'doc', { n: 1 });
  const later = Array.from({ length: 50 }, () => storage.head('doc'));
  held.open();
  t.equal(await first, null);
  for (const info of await Promise.all(later)) t.ok(info, 'a write that was done before they asked is seen');
  t.equal(store.count('head'), 2);
  await storage.head('doc');
  t.equal(store.count('head'), 3, 'nothing is remembered');
});

t.test('head: a failed one fails those who wait for it, and nobody after', async (t) => {
  const { inner, store, storage } = memory();
  await put(inner, 'doc', 1);
  store.reset({ at: 1, when: 'after' });
  const first = storage.head('doc');
  const second = storage.head('doc');
  await t.rejects(first, kind('unavailable'));
  t.equal((await second)?.size, 1);
});

t.test(
  'head: under a steady stream of callers everyone is answered, and what each knew was written is seen',
  async (t) => {
    const { inner, storage } = memory();
    let written = 0;
    const writing = (async () => {
      for (let n = 1; n <= 200; n++) {
        await inner.put('doc', Buffer.alloc(n));
        written = n;
      }
    })();
    let wrong = 0;
    const reader = async () => {
      while (written < 200) {
        const before = written;
        const info = await storage.head('doc');
        if ((info?.size ?? 0) < before) wrong++;
      }
    };
    await Promise.all([writing, ...Array.from({ length: 20 }, reader)]);
    t.equal(wrong, 0);
  },
);

t.test('read: parsed once per ETag, deep-frozen, another replica is seen at once', async (t) => {
  const { inner, store, storage } = memory();
  t.equal(await storage.read('doc'), null);
  await put(inner, 'doc', { a: { b: [1, { c: 2 }] } });
  let parsed = 0;
  const codec: ICodec<{ a: { b: [number, { c: number }] } }> = {
    contentType: 'application/json',
    parse: (bytes) => {
      parsed++;
      return JSON.parse(Buffer.from(bytes).toString());
    },
    serialize: (value) => JSON.stringify(value),
  };
  const read = async () => (await storage.read('doc', codec))!;
  const first = await read();
  t.same(first.value, { a: { b: [1, { c: 2 }] } });
  t.equal((await read()).value, first.value, 'the very same object');
  t.equal(parsed, 1);
  t.equal(store.count('get'), 1);
  t.throws(() => {
    first.value.a.b[1].c = 3;
  }, TypeError);
  t.throws(() => first.value.a.b.push({ c: 1 } as never), TypeError);
  await put(inner, 'doc', { a: { b: [2, { c: 2 }] } });
  t.equal((await read()).value.a.b[0], 2);
  t.equal((await storage.read<unknown>('doc'))!.etag, (await read()).etag, 'another codec is another parse');
  inner.objects.delete('doc');
  t.equal(await storage.read('doc', codec), null);
});

t.test('read: many at once make one GET', async (t) => {
  const { inner, store, storage } = memory();
  await put(inner, 'doc', { n: 1 });
  const values = await Promise.all(Array.from({ length: 100 }, () => storage.read<{ n: number }>('doc')));
  t.ok(values.every((document) => document?.value.n === 1));
  t.ok(store.count('get') <= 2, `${store.count('get')} GETs`);
});

t.test('read: a shared load that saw an older version is not given to somebody who asked later', async (t) => {
  const { inner, store, storage } = memory();
  await put(inner, 'doc', { n: 'A' });
  const held = gate();
  store.before = async ({ verb }) => {
    if (verb !== 'get' || store.count('get') > 1) return;
    await put(inner, 'doc', { n: 'B' }); // the load sees B
  };
  let hasRead = false;
  store.after = ({ verb }) => {
    if (verb !== 'get' || hasRead) return;
    hasRead = true;
    return held.opened;
  };
  const first = storage.read<{ n: string }>('doc');
  await until(() => hasRead);
  await put(inner, 'doc', { n: 'A' }); // the same bytes, the same ETag as when the load began
  const second = storage.read<{ n: string }>('doc');
  await manyTurns(); // it has joined the load that is under way
  held.open();
  t.equal((await first)?.value.n, 'B', 'it was so while the first one read');
  t.equal((await second)?.value.n, 'A', 'B was over before the second one asked');
});

t.test('read: an outage is an error, not an absence; broken bytes are named', async (t) => {
  const { inner, store, storage } = memory();
  await inner.put('doc', Buffer.from('{"half":'));
  await t.rejects(storage.read('doc'), { kind: 'internal', message: /doc cannot be parsed/ } as unknown as Error);
  store.reset({ at: 1, when: 'before' });
  await t.rejects(storage.read('doc'), kind('unavailable'));
});

t.test('read: the cache is bounded by bytes', async (t) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const storage = new RegistryStorage(store, { limits: { metadataCacheSize: 256 * 1024 } });
  for (let n = 0; n < 20; n++) await put(inner, `doc${n}`, 'x'.repeat(20_000));
  for (let n = 0; n < 20; n++) await storage.read(`doc${n}`);
  store.reset();
  for (let n = 0; n < 20; n++) await storage.read(`doc${n}`);
  t.ok(store.count('get') >= 16, 'twenty of these do not fit');
  store.reset();
  await storage.read('doc19');
  t.equal(store.count('get'), 0, 'the last one is there');
  await put(inner, 'huge', 'x'.repeat(300_000));
  t.equal((await storage.read<string>('huge'))?.value.length, 300_000, 'too large to keep is still read');
});

t.test('names from outside are only ever data', async (t) => {
  const { inner, storage } = memory();
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    t.equal(await storage.read(name), null);
    t.equal(await storage.head(name), null);
    await storage.update<{ n: number }>(name, (current) => ({ n: (current?.n ?? 0) + 1 }));
    t.same((await storage.read<{ n: number }>(name))?.value, { n: 1 });
  }
  await inner.put('evil', Buffer.from('{"__proto__":{"polluted":true},"n":1}'));
  const { value } = (await storage.read<{ n: number }>('evil'))!;
  t.ok(Object.hasOwn(value, '__proto__'));
  t.ok(Object.isFrozen(Object.getOwnPropertyDescriptor(value, '__proto__')?.value));
  t.equal(({} as { polluted?: boolean }).polluted, undefined);
});

const chunked = (bytes: Uint8Array, size: number, end?: Error): AsyncIterable<Uint8Array> & { ended: boolean } => {
  const source = {
    ended: false,
    async *[Symbol.asyncIterator]() {
      try {
        for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
        if (end) throw end;
      } finally {
        source.ended = true;
      }
    },
  };
  return source;
};
const MIB = 1024 * 1024;
const bytesOf = (size: number) => Buffer.alloc(size, 'smartregistry');

t.test('stage: small bodies touch no storage, larger ones lie under staging/ until they are discarded', async (t) => {
  const { inner, store } = memory();
  const storage = new RegistryStorage(store, { now: () => new Date('2026-03-04T23:59:59Z') });
  for (const size of [0, 1, 256 * 1024]) {
    const staged = await storage.stage(chunked(bytesOf(size), 10_000), { hashes: ['sha256', 'md5'] });
    t.equal(staged.size, size);
    t.equal(staged.digests.sha256, sha256(bytesOf(size)));
    t.equal(staged.digests.md5?.length, 32);
    t.same(await streamToBuffer(await staged.open()), bytesOf(size));
    t.same(await streamToBuffer(await staged.open()), bytesOf(size), 'and again');
  }
  await storage.stage(bytesOf(3 * MIB), { hashes: [] });
  t.same(store.log, [], 'bytes that are in memory anyway stay there');
  const large = await storage.stage(chunked(bytesOf(3 * MIB), 100_000), { hashes: ['sha512', 'sha1'] });
  t.match(inner.keys(), [/^staging\/2026-03-04\/[0-9a-f-]{36}$/]);
  t.equal(large.digests.sha512?.length, 128);
  t.same(await streamToBuffer(await large.open()), bytesOf(3 * MIB));
  await large.discard();
  await large.discard();
  t.same(inner.keys(), []);
  await t.rejects(large.open());
});

t.test('stage: a source that fails, lies or never ends leaves nothing and is freed', async (t) => {
  const { inner, store, storage } = memory();
  const failure = new Error('the client is gone');
  for (const size of [1000, 3 * MIB]) {
    const bytes = bytesOf(size);
    const broken = chunked(bytes, 100_000, failure);
    await t.rejects(storage.stage(broken, { hashes: ['sha256'] }), failure);
    const long = chunked(bytes, 100_000);
    await t.rejects(storage.stage(long, { hashes: ['sha256'], limit: size - 1 }), kind('tooLarge'));
    t.ok(long.ended, 'the source is told to stop');
    await t.rejects(storage.stage(chunked(bytes, 100_000), { hashes: [], size: size + 1 }), kind('invalid'));
    const more = chunked(bytes, 100_000);
    await t.rejects(storage.stage(more, { hashes: [], size: size - 1 }), kind('invalid'));
    t.ok(more.ended);
    await t.rejects(storage.stage(bytes, { hashes: [], limit: size - 1 }), kind('tooLarge'));
  }
  t.same(inner.keys(), []);
  let cancelled: unknown;
  const stream = new ReadableStream<Uint8Array>({
    cancel(reason) {
      cancelled = reason;
    },
  });
  await t.rejects(storage.stage(stream, { hashes: [], size: 11, limit: 10 }), kind('tooLarge'));
  t.match(cancelled, kind('tooLarge'), 'an announced length over the limit is refused before a byte is read');

  store.reset({ at: 1, when: 'after' });
  const source = chunked(bytesOf(3 * MIB), 100_000);
  await t.rejects(storage.stage(source, { hashes: [] }), kind('unavailable'));
  t.same(inner.keys(), [], 'nor does a store that fails after it has taken everything');
  t.ok(source.ended);
});

t.test('stage: a store that fails does not wait for a silent client', async (t) => {
  const { store, storage } = memory();
  store.before = ({ verb }) => {
    if (verb === 'put') throw new Error('down');
  };
  const silent = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytesOf(300 * 1024));
    },
  });
  await t.rejects(storage.stage(silent, { hashes: [] }), /down/);
});

t.test('stage: an aborted call stops reading', async (t) => {
  const { inner, storage } = memory();
  const abort = new AbortController();
  async function* endless() {
    for (let n = 0; ; n++) {
      if (n === 20) abort.abort();
      yield bytesOf(100_000);
    }
  }
  const view = storage.for({ protocol: 'toy', signal: abort.signal });
  await t.rejects(view.stage(endless(), { hashes: ['sha256'] }), { name: 'AbortError' });
  t.same(inner.keys(), []);
});

t.test('release: whatever a call staged and did not use is gone', async (t) => {
  const { inner, storage } = memory();
  const call = storage.for({ protocol: 'toy' });
  await call.stage(chunked(bytesOf(MIB), 100_000), { hashes: [] });
  await call.stage(chunked(bytesOf(MIB), 100_000), { hashes: [] });
  const other = storage.for({ protocol: 'toy' });
  await other.stage(chunked(bytesOf(MIB), 100_000), { hashes: [] });
  await call.release();
  t.equal(inner.keys().length, 1, "another call's upload stays");
  await call.release();
});

t.test('open passes ranges and conditions on', async (t) => {
  const { inner, storage } = memory();
  const { etag } = await put(inner, 'doc', 'abcdef');
  t.equal(await storage.open('nothing'), null);
  t.equal(await storage.open('doc', { ifNoneMatch: etag }), 'notModified');
  const found = await storage.open('doc', { range: { start: 1, end: 3 } });
  if (!found || found === 'notModified') return t.fail('not found');
  t.equal((await streamToBuffer(found.body)).toString(), 'abc');
  t.same(found.range, { start: 1, end: 3 });
});

t.test('sweep: staged uploads by age', async (t) => {
  let now = new Date('2026-01-01T00:00:00Z');
  const store = new MemoryObjectStore({ now: () => now });
  const storage = new RegistryStorage(store, { now: () => now });
  await storage.stage(chunked(bytesOf(MIB), 100_000), { hashes: [] });
  now = new Date('2026-01-01T23:00:00Z');
  await storage.stage(chunked(bytesOf(MIB), 100_000), { hashes: [] });
  t.same(await storage.sweep(), { staged: 0, unfinished: 0, repaired: 0 });
  now = new Date('2026-01-02T01:00:00Z');
  t.same(await storage.sweep(), { staged: 1, unfinished: 0, repaired: 0 });
  t.match(store.keys(), [/^staging\/2026-01-01\//]);
});

t.test('sweep: has the store remove what only the store knows of', async (t) => {
  const asked: number[] = [];
  const store = Object.assign(new MemoryObjectStore(), {
    sweep: async (olderThanMs: number) => {
      asked.push(olderThanMs);
      return 2;
    },
  });
  const storage = new RegistryStorage(store);
  t.match(await storage.sweep(), { unfinished: 2 });
  t.match(await storage.sweep({ olderThanMs: 1_000 }), { unfinished: 2 });
  t.same(asked, [24 * 60 * 60 * 1000, 1_000]);
});

t.test('init warns where the store ignores conditions', async (t) => {
  const warnings: string[] = [];
  const logger = { info: () => {}, error: () => {}, warn: (message: string) => void warnings.push(message) };
  await new RegistryStorage(new MemoryObjectStore(), { logger }).init();
  t.same(warnings, []);
  await new RegistryStorage(new MemoryObjectStore({ conditionalWrites: false }), { logger }).init();
  t.match(warnings, [/one replica/]);
});

t.test('a document that was written reads back as its codec makes it', async (t) => {
  const { inner, storage } = memory();
  const codec: ICodec<Map<string, number>> = {
    contentType: 'text/x-map',
    parse: (bytes) => new Map(JSON.parse(Buffer.from(bytes).toString())),
    serialize: (map) => Buffer.from(JSON.stringify([...map])),
  };
  const { value, etag } = await storage.update('map', (current) => new Map(current ?? []).set('__proto__', 1), {
    codec,
  });
  t.equal(value?.get('__proto__'), 1);
  const read = await storage.read('map', codec);
  t.equal(read?.etag, etag);
  t.same([...(read?.value ?? [])], [['__proto__', 1]]);
  const found = await inner.get('map');
  if (!found || found === 'notModified') return t.fail('not there');
  t.equal(found.info.contentType, 'text/x-map');
  t.same(await streamToJson(found.body), [['__proto__', 1]]);
});

t.test('stage: the failure of the source is told, not what the store makes of it', async (t) => {
  const { inner, storage } = memory();
  const real = inner.put.bind(inner);
  inner.put = (key, body, options) =>
    real(key, body, options).catch(() => {
      throw new Error('the request was aborted');
    });
  const failure = new Error('the client is gone');
  await t.rejects(storage.stage(chunked(bytesOf(MIB), 100_000, failure), { hashes: [] }), failure);
  await t.rejects(storage.stage(chunked(bytesOf(MIB), 100_000), { hashes: [], limit: MIB - 1 }), kind('tooLarge'));
  t.same(inner.keys(), []);
});

t.test('stage: a store that has not read the whole body has not stored it', async (t) => {
  const { inner, storage } = memory();
  inner.put = async () => ({ etag: 'e' });
  await t.rejects(storage.stage(chunked(bytesOf(MIB), 100_000), { hashes: [] }), kind('internal'));
});

t.test('stage: a caller who leaves is not waited for, also if the body is small', async (t) => {
  const { storage } = memory();
  const abort = new AbortController();
  let sent = 0;
  async function* slow() {
    for (; sent < 9; sent++) {
      if (sent === 2) abort.abort(new Error('the client is gone'));
      yield bytesOf(10);
    }
  }
  const view = storage.for({ protocol: 'toy', signal: abort.signal });
  await t.rejects(view.stage(slow(), { hashes: [] }), /the client is gone/);
  t.equal(sent, 2, 'and no more is read');
});
