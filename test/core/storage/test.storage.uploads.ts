import t from 'tap';
import { streamToBuffer } from '../../../ts/core/base/helpers.streams.js';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { FinishedUpload } from '../../../ts/core/storage/uploads/classes.finishedupload.js';
import { ResumableUploads } from '../../../ts/core/storage/uploads/classes.resumableuploads.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import { sha256 } from '../../support/toy-packages.js';
import { until } from '../../support/waiting.js';

const kind = (name: string, detail?: unknown) => ({ kind: name, ...(detail ? { detail } : {}) }) as unknown as Error;
const streamOf = (...chunks: (string | Uint8Array)[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start: (controller) => {
      for (const chunk of chunks) controller.enqueue(Buffer.from(chunk));
      controller.close();
    },
  });
/** A body that waits for `go` before its last bytes. */
const held = (text: string) => {
  let go = () => {};
  const gone = new Promise<void>((resolve) => {
    go = resolve;
  });
  const source = async function* () {
    yield Buffer.from(text.slice(0, 1));
    await gone;
    yield Buffer.from(text.slice(1));
  };
  const iterator = source();
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const { done, value } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
  return { body, go };
};

const owner = 'somebody';
const limit = 1_000_000;
const setUp = (options: { conditionalWrites?: boolean; now?: () => Date } = {}) => {
  const inner = new MemoryObjectStore(options);
  const store = new FaultObjectStore(inner);
  const storage = new RegistryStorage(store, { now: options.now });
  const uploads = new ResumableUploads(storage, 'up');
  /** another process on the same store */
  const elsewhere = () => new ResumableUploads(new RegistryStorage(store, { now: options.now }), 'up');
  return { inner, store, storage, uploads, elsewhere };
};
const sha = (text: string) => ({ owner, algorithm: 'sha256' as const, hex: sha256(Buffer.from(text)) });
const textOf = async (staged: { open(): Promise<ReadableStream<Uint8Array>> }): Promise<string> =>
  (await streamToBuffer(await staged.open())).toString();

t.test('the hash goes on from chunk to chunk: nothing is read again', async (t) => {
  const { uploads, store, inner } = setUp();
  const id = await uploads.begin({ owner });
  t.equal(await uploads.append(id, streamOf('ab', 'c'), { owner, limit }), 3);
  t.equal(await uploads.append(id, streamOf('de'), { owner, limit, at: 3, size: 2 }), 5);
  t.equal(await uploads.size(id, { owner }), 5);
  const staged = await uploads.assemble(id, sha('abcde'));
  t.equal(store.count('get'), 0);
  t.match(staged, { size: 5, digests: { sha256: sha('abcde').hex } });
  t.equal(await textOf(staged), 'abcde');
  t.same(inner.keys(), [`up/${id}.0000000000000000`, `up/${id}.0000000000000003`, `up/${id}.start`]);
  await staged.discard();
  t.same(inner.keys(), []);
  await t.rejects(uploads.size(id, { owner }), kind('notFound'));
  await staged.discard();
});

t.test('what another process took is read once more, and so is another algorithm', async (t) => {
  const { uploads, elsewhere, store } = setUp();
  const id = await uploads.begin({ owner });
  await uploads.append(id, streamOf('abc'), { owner, limit });
  const there = elsewhere();
  await there.append(id, streamOf('de'), { owner, limit });
  for (const one of [there, uploads]) {
    store.reset();
    t.ok(await one.assemble(id, sha('abcde')));
    t.equal(store.count('get'), 2);
  }
  const other = setUp();
  const second = await other.uploads.begin({ owner, algorithm: 'sha512' });
  await other.uploads.append(second, streamOf('abc'), { owner, limit });
  t.ok(await other.uploads.assemble(second, sha('abc')));
  t.equal(other.store.count('get'), 1);
});

t.test('a wrong digest leaves the upload as it was', async (t) => {
  const { uploads, inner } = setUp();
  const id = await uploads.begin({ owner });
  await uploads.append(id, streamOf('abc'), { owner, limit });
  const before = inner.keys();
  await t.rejects(uploads.assemble(id, sha('abd')), kind('digestMismatch'));
  t.same(inner.keys(), before);
  await uploads.append(id, streamOf('d'), { owner, limit });
  t.equal(await textOf(await uploads.assemble(id, sha('abcd'))), 'abcd');
});

t.test('of two who write at one offset one wins, and the other is told where the upload goes on', async (t) => {
  const { uploads, elsewhere, inner, store } = setUp();
  const id = await uploads.begin({ owner });
  const slow = held('slow one');
  const loser = uploads.append(id, slow.body, { owner, limit });
  await until(() => store.count('put', 'up/') === 2); // its first byte is on the way
  t.equal(await elsewhere().append(id, streamOf('quick'), { owner, limit }), 5);
  slow.go();
  await t.rejects(loser, kind('rangeInvalid', { size: 5 }));
  t.equal(await textOf(await uploads.assemble(id, sha('quick'))), 'quick');
  t.equal(inner.keys().length, 2);
});

t.test('a store that cannot keep two writers apart: the digest is that of the bytes that are there', async (t) => {
  const { uploads, elsewhere, store } = setUp({ conditionalWrites: false });
  const there = elsewhere();
  const id = await uploads.begin({ owner });
  const slow = held('evil!');
  const second = there.append(id, slow.body, { owner, limit });
  await until(() => store.count('put', 'up/') === 2); // it has looked, and found nothing at this offset
  await uploads.append(id, streamOf('good!'), { owner, limit });
  slow.go();
  t.equal(await second, 5);
  await t.rejects(
    uploads.assemble(id, sha('good!')),
    kind('digestMismatch'),
    'though this process saw only good bytes',
  );
  t.equal(await textOf(await uploads.assemble(id, sha('evil!'))), 'evil!');
});

t.test('offsets, owners, ids and limits', async (t) => {
  const { uploads, inner } = setUp();
  const id = await uploads.begin({ owner });
  await uploads.append(id, streamOf('abc'), { owner, limit, at: 0 });
  const before = inner.keys();
  for (const at of [0, 2, 4]) {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      cancel: () => {
        cancelled = true;
      },
    });
    await t.rejects(uploads.append(id, body, { owner, limit, at }), kind('rangeInvalid', { size: 3 }));
    t.ok(cancelled, 'a body that nobody will read is freed');
  }
  for (const [size, body, reason] of [
    [2, 'xyz', 'invalid'],
    [4, 'xyz', 'invalid'],
    [undefined, 'xyz', 'tooLarge'],
    [9, 'xyz', 'tooLarge'],
  ] as const) {
    const options = { owner, limit: reason === 'tooLarge' ? 5 : limit, size };
    await t.rejects(uploads.append(id, streamOf(body), options), kind(reason), `${size} ${reason}`);
  }
  for (const wrong of ['', 'x', '../up', `${id}.start`, id.toUpperCase(), `${id}\n`]) {
    await t.rejects(uploads.size(wrong, { owner }), kind('notFound'), wrong);
  }
  const attempts: Promise<unknown>[] = [
    uploads.size(id, { owner: 'other' }),
    uploads.append(id, streamOf('x'), { owner: 'other', limit }),
    uploads.assemble(id, { ...sha('abc'), owner: 'other' }),
  ];
  for (const attempt of attempts) await t.rejects(attempt, kind('notFound'));
  t.same(inner.keys(), before);
});

t.test('an empty chunk is none; one that a dead writer left blocks nobody', async (t) => {
  const { uploads, inner } = setUp();
  const id = await uploads.begin({ owner });
  t.equal(await uploads.append(id, streamOf(), { owner, limit }), 0);
  t.same(inner.keys(), [`up/${id}.start`]);
  await uploads.append(id, streamOf('abc'), { owner, limit });
  await inner.put(`up/${id}.0000000000000003`, new Uint8Array());
  t.equal(await uploads.append(id, streamOf('de'), { owner, limit }), 5);
  t.equal(await textOf(await uploads.assemble(id, sha('abcde'))), 'abcde');
});

t.test('a body that breaks off was never there', async (t) => {
  const { uploads, inner } = setUp();
  const id = await uploads.begin({ owner });
  const broken = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(Buffer.from('ab')),
    pull: (controller) => controller.error(new Error('gone')),
  });
  await t.rejects(uploads.append(id, broken, { owner, limit }), { message: 'gone' });
  t.same(inner.keys(), [`up/${id}.start`]);
  await uploads.append(id, streamOf('xyz'), { owner, limit });
  t.ok(await uploads.assemble(id, sha('xyz')), 'and its bytes are not in the hash');
});

t.test('sweep: by the age of the last chunk, and chunks without an upload as well', async (t) => {
  let ms = Date.UTC(2030, 0, 1);
  const now = () => new Date(ms);
  const { uploads, inner } = setUp({ now });
  const [old, going] = [await uploads.begin({ owner }), await uploads.begin({ owner })];
  await uploads.append(old, streamOf('x'), { owner, limit });
  await inner.put('up/00000000-0000-4000-8000-000000000000.0000000000000000', Buffer.from('left'));
  await inner.put('other/x', Buffer.from('not ours'));
  ms += 3_600_000;
  await uploads.append(going, streamOf('x'), { owner, limit });
  t.equal(await uploads.sweep(7_200_000), 0);
  t.equal(await uploads.sweep(1_800_000), 2);
  t.same(inner.keys(), ['other/x', `up/${going}.0000000000000000`, `up/${going}.start`]);
});

t.test(
  'an empty chunk is none: nothing is put that would have to be deleted under the key of the next one',
  async (t) => {
    const { uploads, elsewhere, store, inner } = setUp();
    const id = await uploads.begin({ owner });
    store.before = async ({ verb }) => {
      if (verb !== 'delete') return;
      store.before = undefined;
      // the empty chunk is seen by others, who go on
      await elsewhere().append(id, streamOf('abc'), { owner, limit });
    };
    for (const body of [streamOf(), streamOf('', '')]) {
      store.reset();
      t.equal(await uploads.append(id, body, { owner, limit }), 0);
      t.same([store.count('put'), store.count('delete')], [0, 0]);
    }
    t.equal(await uploads.append(id, streamOf('', 'abc'), { owner, limit }), 3);
    t.equal(await uploads.append(id, streamOf(), { owner, limit, at: 3 }), 3);
    await t.rejects(uploads.append(id, streamOf(), { owner, limit, size: 2 }), kind('invalid'));
    t.equal(await textOf(await elsewhere().assemble(id, sha('abc'))), 'abc');
    t.equal(inner.keys('up/').length, 2);
  },
);

t.test('a body that is refused before it is stored is given up', async (t) => {
  const { uploads, store } = setUp();
  const id = await uploads.begin({ owner });
  store.reset({ at: 3, when: 'before' });
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(Buffer.from('a')),
    cancel: () => {
      isCancelled = true;
    },
  });
  await t.rejects(uploads.append(id, body, { owner, limit }), kind('unavailable'));
  t.equal(store.log.at(-1)?.verb, 'put');
  await new Promise((resolve) => setImmediate(resolve));
  t.ok(isCancelled);
});

t.test('a chunk that is replaced between its listing and its reading is not taken for a wrong upload', async (t) => {
  const { uploads, elsewhere, store, inner } = setUp();
  const id = await uploads.begin({ owner });
  await uploads.append(id, streamOf('abc'), { owner, limit });
  store.before = async ({ verb, key }) => {
    if (verb !== 'get') return;
    store.before = undefined;
    await inner.put(key, Buffer.from('xyz'));
  };
  await t.rejects(elsewhere().assemble(id, sha('abc')), kind('unavailable'));
});

t.test('a finish that failed for a while keeps its upload, one that was refused does not', async (t) => {
  for (const [failure, isKept] of [
    [undefined, false],
    [new RegistryError('digestMismatch', 'no'), false],
    [new RegistryError('forbidden', 'no'), false],
    [new RegistryError('timeout', 'slow'), true],
    [new RegistryError('rateLimited', 'later'), true],
    [new RegistryError('unavailable', 'down'), true],
  ] as const) {
    let told: boolean | undefined;
    const chunks = { keys: ['up/x'], sizes: [1], etags: ['e'], size: 1 };
    const upload = new FinishedUpload(new MemoryObjectStore(), chunks, {}, async (mayBeRepeated) => {
      told = mayBeRepeated;
    });
    await upload.discard(failure);
    t.equal(told, isKept, failure?.kind ?? 'no failure');
  }
});

t.test('a chunk that arrives behind a gap is not counted and not part of the content', async (t) => {
  const { uploads, elsewhere, inner } = setUp();
  const id = await uploads.begin({ owner });
  await uploads.append(id, streamOf('abc'), { owner, limit });
  // of a writer that was given up, and whose bytes were under way for a long time
  await inner.put(`up/${id}.0000000000000009`, Buffer.from('late'));
  t.equal(await elsewhere().size(id, { owner }), 3);
  t.equal(await elsewhere().append(id, streamOf('de'), { owner, limit }), 5);
  t.equal(await textOf(await elsewhere().assemble(id, sha('abcde'))), 'abcde');
});

t.test(
  'a finish that fails for a while keeps what the client sent, unless the upload is another one by now',
  async (t) => {
    const down = new RegistryError('unavailable', 'down');
    const slips: [string, number, (one: ReturnType<typeof setUp>, id: string) => Promise<unknown> | undefined][] = [
      ['unchanged', 2, async () => undefined],
      [
        'the store cannot be asked',
        2,
        async ({ store }) => {
          store.before = ({ verb }) => {
            if (verb === 'head' || verb === 'list') throw down;
          };
        },
      ],
      ['cancelled by another process', 0, ({ elsewhere }, id) => elsewhere().remove(id)],
      [
        'continued by another process',
        1,
        ({ elsewhere }, id) => elsewhere().append(id, streamOf('x'), { owner, limit }),
      ],
      ['with another chunk', 0, ({ inner }, id) => inner.put(`up/${id}.0000000000000000`, Buffer.from('xyz'))],
    ];
    for (const [what, left, slip] of slips) {
      const world = setUp();
      const id = await world.uploads.begin({ owner });
      await world.uploads.append(id, streamOf('abc'), { owner, limit });
      const staged = await world.uploads.assemble(id, sha('abc'));
      await slip(world, id);
      await staged.discard(down);
      world.store.before = undefined;
      t.equal(world.inner.keys('up/').length, left, what);
    }
  },
);

t.test('whether an upload is complete already is known by its digest and by its last chunk', async (t) => {
  const { uploads, elsewhere } = setUp();
  const id = await uploads.begin({ owner });
  t.equal(await uploads.isComplete(id, { ...sha(''), last: 0 }), false, 'empty');
  await uploads.append(id, streamOf('abc'), { owner, limit });
  await uploads.append(id, streamOf('de'), { owner, limit });
  for (const one of [uploads, elsewhere()]) {
    t.equal(await one.isComplete(id, { ...sha('abcde'), last: 2 }), true);
    t.equal(await one.isComplete(id, { ...sha('abcde'), last: undefined }), true);
    t.equal(await one.isComplete(id, { ...sha('abcde'), last: 3 }), false, 'another last chunk');
    t.equal(await one.isComplete(id, { ...sha('abcd'), last: 2 }), false, 'another content');
  }
  t.equal(uploads.isFresh(id, { owner }), false, 'it has received something');
  const fresh = await uploads.begin({ owner });
  t.equal(uploads.isFresh(fresh, { owner }), true);
  t.equal(uploads.isFresh(fresh, { owner: 'other' }), false);
  t.equal(elsewhere().isFresh(fresh, { owner }), false, 'another process cannot know');
});

t.test(
  'an upload that is given up can be given up again, and the first thing that goes is what it goes on from',
  async (t) => {
    const { uploads, elsewhere, store, inner } = setUp();
    const id = await uploads.begin({ owner });
    for (let n = 0; n < 40; n++) await uploads.append(id, streamOf('abc'), { owner, limit });
    const there = elsewhere();
    let deletes = 0;
    store.before = ({ verb }) => {
      if (verb === 'delete' && ++deletes > 1) throw new RegistryError('unavailable', 'down');
    };
    await t.rejects(there.remove(id), kind('unavailable'));
    await t.rejects(elsewhere().append(id, streamOf('x'), { owner, limit }), kind('notFound'));
    store.before = undefined;
    await there.remove(id);
    t.same(inner.keys('up/'), []);
    await there.remove(id);
    const fresh = await uploads.begin({ owner });
    await uploads.remove(fresh);
    t.notOk(uploads.isFresh(fresh, { owner }), 'nothing can be sent to it any more');
  },
);

t.test(
  'a store that has conditions for whole objects, and none for those that it joins: one writer at a time',
  async (t) => {
    class Joining extends FaultObjectStore {
      public readonly conditionalJoins = false;
      public override put(...[key, body, options]: Parameters<FaultObjectStore['put']>) {
        if (options?.ifNoneMatch && !(body instanceof Uint8Array)) {
          throw new RegistryError('unsupported', 'This storage makes large objects only without conditions');
        }
        return super.put(key, body, options);
      }
    }
    const uploads = new ResumableUploads(new RegistryStorage(new Joining(new MemoryObjectStore())), 'up');
    const id = await uploads.begin({ owner });
    t.equal(await uploads.append(id, streamOf('abc'), { owner, limit }), 3);
    await t.rejects(uploads.append(id, streamOf('x'), { owner, limit, at: 0 }), kind('rangeInvalid', { size: 3 }));
    t.equal(await uploads.append(id, streamOf('de'), { owner, limit, at: 3 }), 5);
    t.equal(await textOf(await uploads.assemble(id, sha('abcde'))), 'abcde');
  },
);

t.test('an upload stays for a client that is told to come again, whatever the reason', async (t) => {
  for (const [failure, stays] of [
    [new RegistryError('timeout', 'too slow'), true],
    [new RegistryError('rateLimited', 'too many'), true],
    [new RegistryError('outcomeUnknown', 'who knows'), true],
    [new Error('a fault'), true],
    [new RegistryError('forbidden', 'no'), false],
    [new RegistryError('tooLarge', 'no'), false],
    [undefined, false],
  ] as const) {
    const { uploads, inner } = setUp();
    const id = await uploads.begin({ owner });
    await uploads.append(id, streamOf('abc'), { owner, limit });
    const staged = await uploads.assemble(id, sha('abc'));
    await staged.discard(failure);
    t.equal(inner.keys('up/').length > 0, stays, String(failure));
  }
});

t.test('the pieces of an upload are limited together', async (t) => {
  const { uploads } = setUp();
  const id = await uploads.begin({ owner });
  t.equal(await uploads.append(id, streamOf('abc'), { owner, limit: 5 }), 3);
  await t.rejects(uploads.append(id, streamOf('def'), { owner, limit: 5 }), kind('tooLarge'));
  await t.rejects(uploads.append(id, streamOf('def'), { owner, limit: 5, size: 3 }), kind('tooLarge'));
  t.equal(await uploads.append(id, streamOf('de'), { owner, limit: 5 }), 5);
});

t.test('chunks of no bytes in a body are passed over, wherever they are', async (t) => {
  const { uploads, inner } = setUp();
  const id = await uploads.begin({ owner });
  t.equal(await uploads.append(id, streamOf('', '', 'ab', '', 'c', ''), { owner, limit }), 3);
  t.equal(await uploads.append(id, streamOf('', ''), { owner, limit }), 3);
  t.equal(inner.keys('up/').length, 2, 'the start and one piece');
});

t.test('a client that goes on where this process stopped is looked at all the same', async (t) => {
  const { uploads, elsewhere, inner } = setUp();
  const id = await uploads.begin({ owner });
  await uploads.append(id, streamOf('abc'), { owner, limit });
  await t.rejects(uploads.append(id, streamOf('d'), { owner: 'other', limit, at: 3 }), kind('notFound'));
  t.equal(await uploads.append(id, streamOf('d'), { owner, limit, at: 3 }), 4);
  await elsewhere().remove(id);
  await t.rejects(uploads.append(id, streamOf('e'), { owner, limit, at: 4 }), kind('notFound'));
  t.same(inner.keys('up/'), [], 'nothing is put for an upload that was given up');
});

t.test('whoever sends a wrong chunk is told so, whatever the store says of its broken source', async (t) => {
  const { uploads, inner } = setUp();
  const id = await uploads.begin({ owner });
  const real = inner.put.bind(inner);
  inner.put = (key, body, options) =>
    real(key, body, options).catch((error: unknown) => {
      if (body instanceof Uint8Array) throw error;
      throw new RegistryError('outcomeUnknown', 'the request was aborted');
    });
  await t.rejects(uploads.append(id, streamOf('ab', 'cd'), { owner, limit, size: 3 }), kind('invalid'));
  await t.rejects(uploads.append(id, streamOf('ab', 'cd'), { owner, limit: 3 }), kind('tooLarge'));
  t.equal(await uploads.size(id, { owner }), 0);
});
