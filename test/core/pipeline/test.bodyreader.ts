import t from 'tap';
import { streamToBuffer } from '../../../ts/core/base/helpers.streams.js';
import { RequestBody } from '../../../ts/core/pipeline/body/classes.requestbody.js';
import { ofKind } from '../../support/expect.js';

const OPTIONS = { defaultLimit: 1000, idleTimeoutMs: 1000 };

async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}
const bodies: RequestBody[] = [];
const bodyOf = (source: AsyncGenerator<Uint8Array>): RequestBody => {
  const body = new RequestBody(source, OPTIONS);
  bodies.push(body);
  return body;
};
// what the pipeline does at the end of each request
t.teardown(() => {
  for (const body of bodies) body.dispose();
});
const readerOf = (text: string, size = 4, options: { limit?: number; total?: number } = {}) =>
  bodyOf(chunked(Buffer.from(text), size)).reader(options);
const textOf = async (stream: ReadableStream<Uint8Array>) => (await streamToBuffer(stream)).toString();

t.test('a body of length-prefixed frames, as cargo sends it', async (t) => {
  const json = Buffer.from('{"name":"a"}');
  const crate = Buffer.alloc(5_000, 'crate');
  const length = (bytes: Buffer) => {
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32LE(bytes.byteLength);
    return prefix;
  };
  const whole = Buffer.concat([length(json), json, length(crate), crate]);
  for (const size of [1, 3, 1000, whole.byteLength]) {
    const reader = bodyOf(chunked(whole, size)).reader();
    t.same(await reader.take((await reader.take(4)).readUInt32LE(0)), json, `${size} bytes at a time`);
    const stream = reader.takeStream((await reader.take(4)).readUInt32LE(0));
    t.same(await streamToBuffer(stream), crate);
    await reader.end();
  }
});

t.test('exactly what was asked for, or a clear refusal', async (t) => {
  t.equal((await readerOf('abcdef').take(0)).byteLength, 0);
  const exact = readerOf('abcdef');
  t.equal(`${await exact.take(6)}`, 'abcdef');
  await exact.end();
  await t.rejects(readerOf('abcdef').take(7), { kind: 'invalid', message: /1 bytes before/ } as never);
  await t.rejects(textOf(readerOf('abcdef').takeStream(7)), ofKind('invalid'));
  await t.rejects(readerOf('abcdef').end(), { kind: 'invalid', message: /continues/ } as never);
  await t.rejects(readerOf('abcdef').take(1001), ofKind('tooLarge'), 'a length from the wire reserves no memory');
  await t.rejects(readerOf('abcdef', 4, { limit: 3 }).take(4), ofKind('tooLarge'));
  await t.rejects(textOf(readerOf('abcdef', 4, { total: 5 }).rest()), ofKind('tooLarge'));
  for (const count of [-1, 0.5, Number.NaN])
    await t.rejects(readerOf('abc').take(count), ofKind('invalid'), `${count}`);
});

t.test('frames that are left half-way, or never read, are skipped', async (t) => {
  const reader = readerOf('aaaabbbbccccdddd', 3);
  const first = reader.takeStream(4).getReader();
  t.equal(`${Buffer.from((await first.read()).value as Uint8Array)}`, 'aaa');
  const second = reader.takeStream(4);
  t.equal(await textOf(second), 'bbbb', 'what was left of the first is skipped');
  await t.rejects(first.read(), ofKind('internal'), 'and does not look like its end');
  const third = reader.takeStream(4);
  const fourth = reader.takeStream(2);
  t.equal(`${await reader.take(2)}`, 'dd', 'two that nobody read');
  await t.rejects(textOf(third), ofKind('internal'));
  await t.rejects(textOf(fourth), ofKind('internal'));
  await reader.end();
  const cancelled = readerOf('aaaabbbb', 3);
  await cancelled.takeStream(4).cancel();
  t.equal(await textOf(cancelled.rest()), 'bbbb');
  const dropped = readerOf('aaaabbbb', 3);
  dropped.rest();
  await dropped.end();
});

t.test('two parts at once are a mistake of the handler, not mixed bytes', async (t) => {
  const reader = readerOf('aaaabbbb', 1);
  const both = await Promise.allSettled([reader.take(4), reader.take(4)]);
  t.ok(both.some(({ status }) => status === 'rejected'));
});

t.test('a frame takes no more from its sender than its reader takes', async (t) => {
  let sent = 0;
  async function* source(): AsyncGenerator<Uint8Array> {
    for (let count = 0; count < 100; count++) {
      sent += 1000;
      yield new Uint8Array(1000);
    }
  }
  const stream = bodyOf(source()).reader().takeStream(100_000).getReader();
  await stream.read();
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(sent, 1000);
});
