import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import t from 'tap';
import { streamToBuffer, toReadableStream } from '../../../ts/core/base/helpers.streams.js';
import {
  type ICodec,
  type IPlacedArtifact,
  RegistryStorage,
  StagedObject,
} from '../../../ts/core/classes.registrystorage.js';
import { nodeFiles } from '../../../ts/core/objectstore/directory/files/helpers.files.js';
import { RegistryCall } from '../../../ts/core/pipeline/classes.registrycall.js';
import { AnswerCache } from '../../../ts/core/pipeline/serving/classes.answercache.js';
import { RenderCache } from '../../../ts/core/pipeline/serving/classes.rendercache.js';
import { type IVerifiedBodyOptions, VerifiedBody } from '../../../ts/core/storage/uploads/classes.verifiedbody.js';
import type { IRegistryServices } from '../../../ts/index.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import { makeDirectory, openStore, textOf } from '../../support/store/objectstore-directory.js';
import { sha256 } from '../../support/toy-packages.js';

const kind = (name: string) => ({ kind: name }) as unknown as Error;
const CHUNKS = ['one ', 'two ', 'three'];
const WHOLE = Buffer.from(CHUNKS.join(''));
const hex = sha256(WHOLE);

const bodyOf = (chunks: string[], end: 'close' | 'fail' | 'silence' = 'close') => {
  const state = { cancelled: false };
  const left = [...chunks];
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        const next = left.shift();
        if (next !== undefined) controller.enqueue(Buffer.from(next));
        else if (end === 'close') controller.close();
        else if (end === 'fail') controller.error(new Error('gone'));
      },
      cancel: () => {
        state.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { body, state };
};
const verified = (chunks = CHUNKS, more: Partial<IVerifiedBodyOptions> = {}) =>
  new VerifiedBody(bodyOf(chunks).body, { algorithm: 'sha256', hex, limit: 1000, ...more });

t.test('a verified body gives everything but its last chunk before it is found right and admitted', async (t) => {
  const seen: string[] = [];
  const one = verified();
  const stream = one.open(async () => void seen.push('admitted'));
  for await (const chunk of stream) seen.push(Buffer.from(chunk).toString());
  t.same(seen, ['one ', 'two ', 'admitted', 'three']);
  t.equal(one.size, WHOLE.byteLength);
  t.same(one.digests, { sha256: hex });
  const single = verified(['one two three']);
  const order: string[] = [];
  for await (const _chunk of single.open(async () => void order.push('admitted'))) order.push('chunk');
  t.same(order, ['admitted', 'chunk']);
});

t.test('a verified body that is wrong, too long, of another length, or not admitted ends before its end', async (t) => {
  const approve = async () => {};
  const refuse = async () => {
    throw Object.assign(new Error('no'), { kind: 'forbidden' });
  };
  const table: [string, VerifiedBody, () => Promise<void>, string][] = [
    ['other content', verified(['one ', 'two ', 'thr33']), approve, 'digestMismatch'],
    ['more than allowed', verified(CHUNKS, { limit: 5 }), approve, 'tooLarge'],
    ['shorter than announced', verified(CHUNKS, { size: WHOLE.byteLength + 1 }), approve, 'invalid'],
    ['longer than announced', verified(CHUNKS, { size: WHOLE.byteLength - 1 }), approve, 'invalid'],
    ['refused', verified(), refuse, 'forbidden'],
  ];
  for (const [what, one, admitted, reason] of table) {
    const got: string[] = [];
    const read = async () => {
      for await (const chunk of one.open(admitted)) got.push(Buffer.from(chunk).toString());
    };
    await t.rejects(read(), kind(reason), what);
    t.ok(got.join('').length < WHOLE.byteLength, `${what}: the end was held back`);
    t.match(one.failure, { kind: reason }, what);
  }
  t.throws(() => verified(CHUNKS, { size: 1001 }), kind('tooLarge'), 'before a byte is read');
  const drained = verified(['x']);
  await t.rejects(drained.drain(approve), kind('digestMismatch'), 'what is there already is verified all the same');
  await verified().drain(approve);
  const asked: string[] = [];
  await verified([], { hex: sha256(Buffer.alloc(0)) }).drain(async () => void asked.push('asked'));
  t.same(asked, ['asked'], 'nor is empty content stored without being admitted');
});

t.test('a verified body that nobody reads is freed; one that is read is not', async (t) => {
  const { body, state } = bodyOf(CHUNKS, 'silence');
  const one = new VerifiedBody(body, { algorithm: 'sha256', hex, limit: 1000 });
  await one.discard();
  t.ok(state.cancelled);
  await one.discard();
  const broken = new VerifiedBody(bodyOf([], 'fail').body, { algorithm: 'sha256', hex, limit: 1000 });
  await t.rejects(
    broken.drain(async () => {}),
    { message: 'gone' },
  );
  await broken.discard();
});

t.test('a verified body of several digests is right only if all of them are', async (t) => {
  const hash = (algorithm: string) => createHash(algorithm).update(WHOLE).digest('hex');
  const further = { md5: hash('md5'), sha1: hash('sha1'), sha512: hash('sha512') };
  const right = verified(CHUNKS, { further });
  t.same(await right.collect(async () => {}), WHOLE);
  t.same(right.digests, { sha256: hex, ...further });
  for (const algorithm of Object.keys(further)) {
    const got: string[] = [];
    const wrong = verified(CHUNKS, { further: { ...further, [algorithm]: '00' } });
    const read = async () => {
      for await (const chunk of wrong.open(async () => {})) got.push(Buffer.from(chunk).toString());
    };
    await t.rejects(read(), { kind: 'digestMismatch', message: new RegExp(`${algorithm}:`) } as never, algorithm);
    t.same(got, ['one ', 'two '], 'the end was held back');
  }
});

t.test('a chunk tap sees what the store gets, and never the end of content that is wrong', async (t) => {
  const order: string[] = [];
  const onChunk = async (chunk: Uint8Array) => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    order.push(`tap ${Buffer.from(chunk)}`);
  };
  const one = verified(CHUNKS, { onChunk });
  for await (const chunk of one.open(async () => void order.push('admitted')))
    order.push(`store ${Buffer.from(chunk)}`);
  const both = CHUNKS.map((chunk) => [`tap ${chunk}`, `store ${chunk}`]);
  t.same(order, [...(both[0] ?? []), ...(both[1] ?? []), 'admitted', ...(both[2] ?? [])]);
  for (const chunks of [['one ', 'two ', 'thr33'], ['one two thr33']]) {
    order.length = 0;
    await t.rejects(
      verified(chunks, { onChunk }).drain(async () => {}),
      kind('digestMismatch'),
    );
    t.same(
      order,
      chunks.slice(0, -1).map((chunk) => `tap ${chunk}`),
    );
  }
  const full = () => {
    throw new Error('no room');
  };
  const failed = verified(CHUNKS, { onChunk: full });
  await t.rejects(
    failed.drain(async () => {}),
    { message: 'no room' },
  );
  t.match(failed.failure, { message: 'no room' });
});

t.test('a staged object of several keys: read in order, as often as needed, deleted together', async (t) => {
  const store = new MemoryObjectStore();
  for (const [at, chunk] of CHUNKS.entries()) await store.put(`part/${at}`, Buffer.from(chunk));
  const keys = CHUNKS.map((_, at) => `part/${at}`);
  const staged = new StagedObject(store, { keys }, WHOLE.byteLength, { sha256: hex });
  for (let time = 0; time < 2; time++) t.same(await streamToBuffer(await staged.open()), WHOLE);
  t.notOk(staged.isReplayable);
  const storage = new RegistryStorage(store);
  const artifact = { staged, key: 'there', contentType: 'x/y' };
  let named: IPlacedArtifact[] = [];
  const apply = (_current: unknown, placed: IPlacedArtifact[]) => {
    named = placed;
    return {};
  };
  await storage.commit({ packageName: 'p', place: [artifact], document: { key: 'document', apply } });
  t.match(named, [{ key: 'there', size: WHOLE.byteLength, digests: { sha256: hex } }]);
  t.same(store.keys(), ['document', 'there']);
  t.same(Buffer.from(store.objects.get('there')!.bytes), WHOLE);
  t.throws(() => staged.peek(), kind('internal'));
  await staged.discard();
  const gone = new StagedObject(store, { keys: ['part/0'] }, 4, {});
  await t.rejects(streamToBuffer(await gone.open()), kind('unavailable'), 'one that was swept away says so');
});

t.test('temporary objects are not synced, what is composed of them is', async (t) => {
  const synced = new Set<number>();
  const directory = await makeDirectory(t);
  let syncs = 0;
  const store = await openStore(directory, {
    fsync: async (fd) => {
      syncs++;
      synced.add((await nodeFiles.fstat(fd)).ino);
      return nodeFiles.fsync(fd);
    },
  });
  // new folders are synced, with or without `temporary`
  await store.put('temporary/first', Buffer.from('x'), { temporary: true, immutable: true });
  for (const [name, parts] of [
    ['one small', ['abc']],
    ['one large', ['x'.repeat(300_000)]],
    ['several small', ['abc', 'def']],
    ['several large', ['x'.repeat(300_000), 'y'.repeat(300_000), 'z']],
  ] as const) {
    syncs = 0;
    const keys = parts.map((_, at) => `temporary/${name.replace(' ', '-')}-${at}`);
    for (const [at, key] of keys.entries()) {
      const options = { temporary: true, immutable: true, ifNoneMatch: '*' as const };
      await store.put(key, toReadableStream(Buffer.from(parts[at]!)), options);
    }
    t.equal(syncs, 0, `${name}: not while it is temporary`);
    synced.clear();
    const target = `final/${name.replace(' ', '-')}`;
    await store.compose(target, [...keys], { immutable: true });
    t.ok(syncs >= 2, `${name}: the file and its directory`);
    t.equal(await textOf(store, target), parts.join(''));
    const files = await readdir(directory, { recursive: true, withFileTypes: true });
    const inodes = await Promise.all(
      files
        .filter((entry) => entry.isFile() && entry.parentPath.includes('final'))
        .map(async (entry) => (await stat(`${entry.parentPath}/${entry.name}`)).ino),
    );
    t.ok(
      inodes.some((ino) => synced.has(ino)),
      `${name}: the bytes themselves`,
    );
    syncs = 0;
    for (const key of keys) await store.delete(key, { repeatable: true });
    t.equal(syncs, 0, 'and they go without one');
  }
  syncs = 0;
  await store.put('kept', Buffer.from('x'), { immutable: true });
  t.ok(syncs >= 2, 'everything else is synced');
});

t.test('serveImmutable: read once, its being there asked each time, or left to a document', async (t) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const renders = new RenderCache(1_000_000);
  const answers = new AnswerCache(store, renders);
  const services = { storage: new RegistryStorage(store), renders, answers } as IRegistryServices;
  const serve = async (isListed: boolean, headers: Record<string, string> = {}, method = 'GET') => {
    const context = { method, path: '/', headers, query: {} };
    const call = new RegistryCall({
      protocol: 'toy',
      services,
      config: { enabled: true },
      context,
      mount: '',
      path: '/',
    });
    return call.serveImmutable('key', { etag: 'tag', listedBy: isListed ? { key: 'list', etag: 'e' } : undefined });
  };
  t.equal(await serve(false), null);
  t.equal(await serve(true), null, 'absent, whatever a document says');
  await inner.put('key', Buffer.from('text'), { contentType: 'x/y' });
  const first = await serve(false);
  t.match(first, { status: 200, headers: { ETag: '"tag"', 'Content-Type': 'x/y', 'Content-Length': '4' } });
  t.equal((await streamToBuffer(first?.body)).toString(), 'text');
  store.reset();
  t.equal((await serve(true))?.status, 200);
  t.same(store.log, [], 'nothing is asked of the store');
  t.equal((await serve(false))?.status, 200);
  t.same(store.log, [{ verb: 'head', key: 'key' }]);
  t.equal((await serve(true, { 'if-none-match': '"tag"' }))?.status, 304);
  t.equal((await serve(true, { 'accept-encoding': 'gzip' }))?.headers['Content-Encoding'], undefined);
  await inner.delete('key');
  t.equal(await serve(false), null);
});

t.test('a codec that keeps values: what was written is not parsed to be read, by this process', async (t) => {
  let parses = 0;
  const codec: ICodec<{ n: number }> = {
    contentType: 'text/plain',
    immutableValues: true,
    serialize: ({ n }) => `${n}`,
    parse: (bytes) => {
      parses++;
      return { n: Number(Buffer.from(bytes).toString()) };
    },
  };
  const store = new MemoryObjectStore();
  const [here, there] = [new RegistryStorage(store), new RegistryStorage(store)];
  await here.update<{ n: number }>('doc', () => ({ n: 1 }), { codec });
  await here.update<{ n: number }>('doc', (current) => ({ n: current!.n + 1 }), { codec });
  t.same((await here.read('doc', codec))?.value, { n: 2 });
  t.equal(parses, 0);
  await there.update<{ n: number }>('doc', (current) => ({ n: current!.n + 1 }), { codec });
  t.equal(parses, 1);
  t.same([(await here.read('doc', codec))?.value, parses], [{ n: 3 }, 2], 'another replica’s write is read');
});
