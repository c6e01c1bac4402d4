import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { GatheredBytes } from '../../../ts/core/base/helpers.gathering.js';
import {
  fromIterable,
  gather,
  iterate,
  knownBytes,
  responseBytes,
  responseOfBytes,
  streamToBuffer,
  streamToJson,
  toReadableStream,
} from '../../../ts/core/base/helpers.streams.js';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { RequestBody } from '../../../ts/core/pipeline/body/classes.requestbody.js';

const options = { defaultLimit: 1024, idleTimeoutMs: 200 };
const bytes = Buffer.from('{"hello":"wörld"}');

t.test('data of every kind becomes a stream and comes back', async (t) => {
  t.same(await streamToJson(toReadableStream({ hello: 'world' })), { hello: 'world' });
  t.equal((await streamToBuffer(toReadableStream('tëxt'))).toString(), 'tëxt');
  t.same(await streamToBuffer(toReadableStream(new Uint8Array([1, 2]))), Buffer.from([1, 2]));
  t.equal((await streamToBuffer(toReadableStream(new Uint8Array(0)))).length, 0);
  t.equal((await streamToBuffer(undefined)).length, 0);
  const stream = toReadableStream('x');
  t.equal(toReadableStream(stream), stream, 'a stream is passed on');
});

t.test('a host can take the bytes of an unread stream, not of one that was begun', async (t) => {
  const unread = toReadableStream('abc');
  t.same(knownBytes(unread), Buffer.from('abc'));
  await streamToBuffer(unread);
  t.equal(knownBytes(unread), undefined);
  const locked = toReadableStream('abc');
  locked.getReader();
  t.equal(knownBytes(locked), undefined);
});

t.test('a response of bytes makes its stream when it is asked for', async (t) => {
  const bytes = Buffer.from('abc');
  const sent = responseOfBytes(200, {}, bytes);
  t.equal(responseBytes(sent), bytes, 'a host takes the bytes');
  t.same(Object.keys(sent), ['status', 'headers', 'body']);
  t.equal((await streamToBuffer({ ...sent }.body)).toString(), 'abc', 'a copy has the stream');
  t.equal(responseBytes(sent), undefined, 'which was read');
  const looked = responseOfBytes(200, {}, bytes);
  const { body } = looked;
  t.ok(body === looked.body);
  t.equal(responseBytes(looked), bytes, 'a look is not a read');
});

t.test('leaving a stream early frees its source', async (t) => {
  let freed = 0;
  const source = async function* () {
    try {
      for (;;) yield new Uint8Array(10);
    } finally {
      freed += 1;
    }
  };
  for await (const chunk of iterate(fromIterable(source()))) {
    t.equal(chunk.length, 10);
    break;
  }
  t.equal(freed, 1);
  const stream = fromIterable(source());
  const reader = stream.getReader();
  await reader.read();
  await reader.cancel();
  t.equal(freed, 2);
});

t.test('a stream asks its source for no more than is read', async (t) => {
  let made = 0;
  const source = async function* () {
    for (;;) {
      made += 1;
      yield new Uint8Array(1);
    }
  };
  const reader = fromIterable(source()).getReader();
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(made, 0);
  await reader.read();
  t.equal(made, 1);
  await reader.cancel();
});

t.test('a request body arrives alike in every shape an embedder may pass', async (t) => {
  const shapes: Record<string, () => unknown> = {
    bytes: () => new Uint8Array(bytes),
    buffer: () => bytes,
    string: () => bytes.toString(),
    'array buffer': () => new Uint8Array(bytes).buffer,
    'web stream': () => toReadableStream(bytes),
    'node stream': () => Readable.from([bytes.subarray(0, 3), bytes.subarray(3)]),
    iterable: () => fromIterableOf(bytes),
    'parsed object': () => JSON.parse(bytes.toString()),
  };
  for (const [name, make] of Object.entries(shapes)) {
    t.same(await new RequestBody(make(), options).json(), { hello: 'wörld' }, name);
    if (name === 'parsed object') continue;
    t.same(await new RequestBody(make(), options).bytes(), bytes, name);
    t.equal(new RequestBody(make(), options).parsed, undefined, name);
  }
});

async function* fromIterableOf(data: Uint8Array): AsyncGenerator<Uint8Array> {
  for (const byte of data) yield Uint8Array.of(byte);
}

const failure = async (promise: Promise<unknown>): Promise<RegistryError> =>
  promise.then(
    () => {
      throw new Error('it did not fail');
    },
    (error) => RegistryError.from(error),
  );

t.test('a parsed body where exact bytes matter is refused with the way out', async (t) => {
  const error = await failure((async () => new RequestBody({ a: 1 }, options).bytes())());
  t.equal(error.status, 400);
  t.match(error.message, /unparsed request as `body`/);
});

t.test('bad bodies are a 4xx', async (t) => {
  t.equal((await failure(new RequestBody('{"a"', options).json())).status, 400);
  t.equal((await failure(new RequestBody('x'.repeat(1025), options).bytes())).status, 413);
  const early = failure((async () => new RequestBody('x', { ...options, contentLength: '4096' }).bytes())());
  t.equal((await early).status, 413, 'refused by its length before it is read');
  for (const contentLength of ['3', '5', 'abc', '-1']) {
    const lying = (async () => new RequestBody('four', { ...options, contentLength }).bytes())();
    t.equal((await failure(lying)).status, 400, `Content-Length ${contentLength} for 4 bytes`);
  }
});

t.test('gzip bodies are unpacked, also where the host did it already', async (t) => {
  const contentEncoding = 'gzip';
  t.same(await new RequestBody(gzipSync(bytes), { ...options, contentEncoding }).bytes(), bytes);
  t.same(await new RequestBody(bytes, { ...options, contentEncoding }).bytes(), bytes);
  const packed = gzipSync(bytes);
  const pieces = [Buffer.alloc(0), packed.subarray(0, 5), Buffer.alloc(0), packed.subarray(5)];
  const inPieces = new RequestBody(Readable.from(pieces, { objectMode: true }), { ...options, contentEncoding });
  t.same(await inPieces.bytes(), bytes, 'an empty piece in front tells nothing');
  const bomb = gzipSync(Buffer.alloc(1_000_000));
  t.equal((await failure(new RequestBody(bomb, { ...options, contentEncoding }).bytes())).status, 413);
  const broken = gzipSync(bytes).subarray(0, 20);
  t.equal((await failure(new RequestBody(broken, { ...options, contentEncoding }).bytes())).status, 400);
  t.equal((await failure(new RequestBody(bytes, { ...options, contentEncoding: 'br' }).bytes())).status, 415);
});

t.test('a silent sender is given up with 408 and its source is freed', async (t) => {
  let destroyed = false;
  const silent = new Readable({
    read() {},
    destroy(_error, done) {
      destroyed = true;
      done(null);
    },
  });
  const error = await failure(new RequestBody(silent, options).bytes());
  t.equal(error.status, 408);
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(destroyed, true);
});

t.test('an aborted request ends the reading', async (t) => {
  const abort = new AbortController();
  const body = new RequestBody(new ReadableStream({}), { ...options, idleTimeoutMs: 60_000, signal: abort.signal });
  const reading = failure(body.bytes());
  setTimeout(() => abort.abort(), 10);
  t.equal((await reading).kind, 'timeout');
});

t.test('a body that breaks off is a 400, not a 500', async (t) => {
  const broken = Readable.from(
    (async function* () {
      yield bytes;
      throw new Error('socket hang up');
    })(),
  );
  t.equal((await failure(new RequestBody(broken, options).bytes())).status, 400);
});

t.test('a body nobody reads is freed', async (t) => {
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    cancel() {
      cancelled = true;
    },
  });
  await new RequestBody(stream, options).dispose();
  t.equal(cancelled, true);
  const file = Readable.from([bytes]);
  await new RequestBody(file, options).dispose();
  t.equal(file.destroyed, true);
});

t.test('what is gathered takes as much memory as it is long, however it was cut', async (t) => {
  const cuts: [name: string, size: number, buffer: number, count: number][] = [
    ['single bytes', 1, 64 * 1024, 5_000],
    ['small parts of large buffers', 100, 64 * 1024, 500],
    ['parts that are not small', 5000, 64 * 1024, 200],
    ['large parts', 20_000, 64 * 1024, 50],
    ['whole buffers', 64 * 1024, 64 * 1024, 20],
  ];
  for (const [name, size, buffer, count] of cuts) {
    const gathered = new GatheredBytes();
    for (let n = 0; n < count; n++) gathered.add(new Uint8Array(buffer).subarray(0, size).fill(n));
    t.equal(gathered.size, size * count, name);
    const chunks = [...gathered.drain()];
    const held = [...new Set(chunks.map((chunk) => chunk.buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0);
    t.ok(held <= 2 * size * count + 64 * 1024, `${name}: ${held} bytes are held`);
    t.ok(chunks.length <= Math.ceil((size * count) / 1024) + 1, `${name}: ${chunks.length} chunks`);
    const bytes = Buffer.concat(chunks);
    t.equal(bytes.length, size * count);
    for (let n = 0; n < count; n++) if (bytes[n * size] !== n % 256) t.fail(`${name}: chunk ${n}`);
    t.equal(gathered.whole().length, 0, 'they are given up');
  }
});

t.test('a stream whose reading has begun is read on from there, and not anew', async (t) => {
  for (const read of [streamToBuffer, async (stream: ReadableStream<Uint8Array>) => gather(iterate(stream))]) {
    const stream = fromIterable([Buffer.from('a'), Buffer.from('b')]);
    const reader = stream.getReader();
    t.equal(String((await reader.read()).value), 'a');
    reader.releaseLock();
    t.equal(String(await read(stream)), 'b');
  }
});
