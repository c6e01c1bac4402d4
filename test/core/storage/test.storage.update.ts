import t, { type Test } from 'tap';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { type ICodec, RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { DocumentCache } from '../../../ts/core/storage/documents/classes.documentcache.js';
import { UpdateQueue } from '../../../ts/core/storage/documents/classes.updatequeue.js';
import { OutcomeUnknownError } from '../../../ts/core/storage/documents/helpers.conditionalwrite.js';
import { temporaryFolder } from '../../support/registry.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import { startS3Server } from '../../support/store/s3-server.js';
import { runTogether } from '../../support/store/store-fork.js';
import { openStore, type TStoreConfig } from '../../support/store/store-open.js';

const kind = (name: string) => ({ kind: name }) as unknown as Error;
const memory = (options = {}) => {
  const inner = new MemoryObjectStore(options);
  const store = new FaultObjectStore(inner);
  return { inner, store, storage: new RegistryStorage(store) };
};
const put = (store: MemoryObjectStore, key: string, value: unknown) =>
  store.put(key, Buffer.from(JSON.stringify(value)));
const stored = <T>(store: MemoryObjectStore, key: string): T =>
  JSON.parse(Buffer.from(store.objects.get(key)!.bytes).toString()) as T;
const add = (item: unknown) => (list: unknown[] | null) => [...(list ?? []), item];

t.test('updates that wait go out in one write, each on the result of the one before', async (t) => {
  const { inner, store, storage } = memory();
  const results = await Promise.all(Array.from({ length: 100 }, (_, n) => storage.update('list', add(n))));
  t.same(stored(inner, 'list'), [...Array(100).keys()]);
  t.ok(store.count('put') <= 2, `${store.count('put')} writes`);
  t.equal(results.at(-1)?.etag, inner.objects.get('list')?.info.etag);
  for (const { value } of results) t.ok(Object.isFrozen(value));
});

t.test('the result is the document as it was written', async (t) => {
  const { inner, storage } = memory();
  const [first, second] = await Promise.all([storage.update('list', add('a')), storage.update('list', add('b'))]);
  t.same(first.value, ['a', 'b'], 'with everybody’s changes');
  t.equal(first.etag, second.etag);
  t.equal(first.etag, inner.objects.get('list')?.info.etag);
});

t.test('a function that throws costs only its caller', async (t) => {
  const { inner, storage } = memory();
  const failure = new RegistryError('alreadyExists', 'no');
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, (_, n) =>
      storage.update<unknown[]>('list', (list) => {
        if (n % 3 === 0) throw failure;
        return add(n)(list);
      }),
    ),
  );
  t.same(
    results.map((result) => result.status === 'fulfilled' || result.reason === failure),
    Array(10).fill(true),
  );
  t.same(stored(inner, 'list'), [1, 2, 4, 5, 7, 8]);
  await put(inner, 'frozen', { deep: [1] });
  await t.rejects(
    storage.update<{ deep: number[] }>('frozen', (current) => {
      current?.deep.push(2);
      return current;
    }),
    TypeError,
    'a function that changes what it is given is found out',
  );
  t.same(stored(inner, 'frozen'), { deep: [1] });
});

t.test('what cannot be written costs only who made it', async (t) => {
  const { inner, storage } = memory();
  const results = await Promise.allSettled([
    storage.update<unknown[]>('list', add(1)),
    storage.update<unknown[]>('list', add(2n)),
    storage.update<unknown[]>('list', add(3)),
  ]);
  t.same(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  t.same(stored(inner, 'list'), [1, 3]);
});

t.test('undefined leaves, null deletes', async (t) => {
  const { inner, store, storage } = memory();
  const nothing = { value: null, etag: null, revision: 0 };
  t.same(await storage.update('doc', () => undefined), nothing);
  t.same(await storage.update('doc', () => null), nothing);
  t.equal(store.count('put') + store.count('delete'), 0);
  await put(inner, 'doc', { n: 1 });
  const etag = inner.objects.get('doc')?.info.etag;
  t.match(await storage.update('doc', () => undefined), { value: { n: 1 }, etag });
  t.match(await storage.update('doc', (current) => current), { value: { n: 1 }, etag }, 'the same object, too');
  t.equal(store.count('put'), 0);
  t.match(await storage.update('doc', () => null), { value: null, revision: 1 });
  t.equal(await storage.read('doc'), null);
  const results = await Promise.all([
    storage.update('doc', () => ({ n: 1 })),
    storage.update('doc', () => null),
    storage.update<{ n: number }>('doc', (current) => (current ? undefined : { n: 2 })),
  ]);
  t.same(results[0].value, { n: 2 });
  t.same(stored(inner, 'doc'), { n: 2, $revision: 2 });
});

t.test('a write that lost runs all functions again on the new value', async (t) => {
  const { inner, store, storage } = memory();
  await storage.update('list', add('first'));
  let sneaked = 0;
  store.before = async ({ verb }) => {
    if (verb === 'put' && sneaked++ < 3)
      await put(inner, 'list', [...stored<string[]>(inner, 'list'), `other${sneaked}`]);
  };
  const seen: number[] = [];
  const update = storage.update<string[]>('list', (list) => {
    seen.push(list?.length ?? 0);
    return [...(list ?? []), 'mine'];
  });
  await Promise.all([update, storage.update('list', add('mine too'))]);
  t.same(stored(inner, 'list'), ['first', 'other1', 'other2', 'other3', 'mine', 'mine too']);
  t.same(seen, [1, 2, 3, 4]);
});

t.test('what is out of date in memory never refuses anybody', async (t) => {
  const { inner, store, storage } = memory();
  await storage.update('list', () => ['taken']);
  await put(inner, 'list', ['free']); // another replica
  const result = await storage.update<string[]>('list', (list) => {
    if (list?.includes('taken')) throw new RegistryError('alreadyExists', 'taken');
    return [...(list ?? []), 'mine'];
  });
  t.same(result.value, ['free', 'mine']);
  await put(inner, 'list', ['changed']);
  t.same((await storage.update('list', () => undefined)).value, ['changed'], 'nor is it the answer');
  store.reset();
  await storage.update('list', add('x'));
  t.equal(store.log.length, 1, 'and a good memory makes an update one operation');
});

t.test('an error that came from a change which was never written is not told', async (t) => {
  const { inner, store, storage } = memory();
  await storage.update('list', () => []);
  let sneaked = false;
  store.before = async ({ verb }) => {
    if (verb !== 'put' || sneaked) return;
    sneaked = true;
    await put(inner, 'list', ['a']); // the first caller's "a" is refused on the second try
  };
  const unique = (item: string) => (list: string[] | null) => {
    if (list?.includes(item)) throw new RegistryError('alreadyExists', item);
    if (list?.length === 1 && list[0] === 'b') throw new RegistryError('conflict', 'never stored');
    return [...(list ?? []), item];
  };
  const results = await Promise.allSettled([storage.update('list', unique('b')), storage.update('list', unique('c'))]);
  t.equal(results[0].status, 'fulfilled');
  t.equal(results[1].status, 'fulfilled', 'on what is stored now, there is nothing to refuse');
  t.same(stored(inner, 'list'), ['a', 'b', 'c']);
});

t.test('a store that fails, fails all who wait', async (t) => {
  const { inner, store, storage } = memory();
  await put(inner, 'list', []);
  store.reset({ at: 1, when: 'before', lasting: true });
  const results = await Promise.allSettled(Array.from({ length: 5 }, (_, n) => storage.update('list', add(n))));
  for (const result of results) t.match(result, { status: 'rejected', reason: { kind: 'unavailable' } });
  store.reset();
  await storage.update('list', add('again'));
  t.same(stored(inner, 'list'), ['again'], 'and the queue goes on');
});

t.test('a lost answer is looked up: the write counts once', async (t) => {
  for (const first of [true, false]) {
    const { inner, store, storage } = memory();
    if (!first) await storage.update('n', () => 1);
    let lose = 1;
    store.after = ({ verb }) => {
      if (verb === 'put' && lose-- > 0) throw new RegistryError('unavailable', 'the answer is lost');
    };
    const { value } = await storage.update<number>('n', (n) => (n ?? 1) + 1);
    t.equal(value, 2);
    t.equal(stored(inner, 'n'), 2);
    t.equal(store.count('put'), first ? 1 : 2);
  }
});

t.test('a write that did not get through is sent again', async (t) => {
  const { inner, store, storage } = memory();
  let fail = 2;
  store.before = ({ verb }) => {
    if (verb === 'put' && fail-- > 0) throw new RegistryError('unavailable', 'not through');
  };
  await storage.update<number>('n', (n) => (n ?? 0) + 1);
  t.equal(stored(inner, 'n'), 1);
});

t.test('a write that comes through late is ours as well', async (t) => {
  const { inner, store, storage } = memory();
  await storage.update('n', () => 1);
  // the first attempt hangs in the network: it is applied when the second one is sent
  let puts = 0;
  const real = inner.put.bind(inner);
  let late: (() => Promise<unknown>) | undefined;
  inner.put = async (key, body, options) => {
    puts++;
    if (puts === 1) {
      late = () => real(key, body, options);
      throw new RegistryError('unavailable', 'timed out');
    }
    await late?.();
    return real(key, body, options);
  };
  const { value } = await storage.update<number>('n', (n) => (n ?? 0) + 1);
  t.equal(value, 2);
  t.equal(stored(inner, 'n'), 2, 'once, not twice');
  t.equal(puts, 2);
  t.ok(store.count() > 0);
});

t.test('a condition that failed on our own write is a success (a proxy that repeats requests)', async (t) => {
  const { inner, storage } = memory();
  await storage.update('n', () => 1);
  const real = inner.put.bind(inner);
  inner.put = async (key, body, options) => {
    await real(key, body, options);
    return real(key, body, options);
  };
  const { value } = await storage.update<number>('n', (n) => (n ?? 0) + 1);
  t.equal(value, 2);
  t.equal(stored(inner, 'n'), 2);
});

t.test('a lost answer with somebody else’s write on top: the content tells, or nobody claims to know', async (t) => {
  const { inner, store, storage } = memory();
  const lostAndBuiltUpon = () => {
    let lose = 1;
    store.after = async ({ verb }) => {
      if (verb !== 'put' || lose-- <= 0) return;
      await put(inner, 'list', [...stored<string[]>(inner, 'list'), 'other']);
      throw new RegistryError('unavailable', 'the answer is lost');
    };
  };
  await storage.update('list', () => []);
  lostAndBuiltUpon();
  const known = await storage.update<string[]>('list', (list) => [...(list ?? []), 'mine'], {
    applied: (list) => list.includes('mine'),
  });
  t.same(known.value, ['mine', 'other']);
  lostAndBuiltUpon();
  const error = await storage.update('list', add('blind')).catch((reason: unknown) => reason);
  t.ok(error instanceof OutcomeUnknownError);
  t.match(error, kind('unavailable'));
  t.same(stored(inner, 'list'), ['mine', 'other', 'blind', 'other'], 'it is not done twice');
});

t.test('a store that stays down in the middle of a write: nobody claims to know', async (t) => {
  const { store, storage } = memory();
  await storage.update('n', () => 1);
  for (const when of ['before', 'after'] as const) {
    store.reset({ at: 1, when, lasting: true });
    const error = await storage.update<number>('n', (n) => (n ?? 0) + 1).catch((reason: unknown) => reason);
    t.ok(error instanceof OutcomeUnknownError, when);
  }
});

t.test('deletions survive lost answers too', async (t) => {
  const { store, storage } = memory();
  await storage.update('n', () => 1);
  store.reset({ at: 1, when: 'after' });
  t.match(await storage.update('n', () => null), { value: null, revision: 2 });
  t.equal(await storage.read('n'), null);
  await storage.update('n', () => 1);
  let fail = 1;
  store.before = ({ verb }) => {
    if (verb === 'put' && fail-- > 0) throw new RegistryError('unavailable', 'not through');
  };
  t.match(await storage.update('n', () => null), { value: null, revision: 4 });
  t.equal(await storage.read('n'), null);
});

t.test('losing for ever ends in time, and only for those who waited so long', async (t) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  let n = 0;
  store.before = ({ verb }) => (verb === 'put' ? put(inner, 'n', ++n).then(() => {}) : undefined);
  const queue = new UpdateQueue(store, new DocumentCache(store, 1e6), 300);
  const begun = performance.now();
  await t.rejects(
    queue.add<number>('n', (value) => (value ?? 0) + 1, {}),
    kind('unavailable'),
  );
  const took = performance.now() - begun;
  t.ok(took > 250 && took < 3000, `${took} ms`);
});

t.test('callers with other codecs have their turn as well', async (t) => {
  const { inner, storage } = memory();
  const upper: ICodec<string[]> = {
    contentType: 'application/json',
    parse: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
    serialize: (list) => JSON.stringify(list.map((item) => item.toUpperCase())),
  };
  await Promise.all([
    storage.update('list', add('a')),
    storage.update<string[]>('list', (list) => [...(list ?? []), 'b'], { codec: upper }),
    storage.update('list', add('c')),
  ]);
  t.same(stored(inner, 'list'), ['A', 'B', 'c']);
});

t.test('without conditions one process still loses nothing', async (t) => {
  const { inner, storage } = memory({ conditionalWrites: false });
  const updates = Array.from({ length: 50 }, async (_, n) => {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    await storage.update<number[]>('list', (list) => [...(list ?? []), n]);
  });
  await Promise.all(updates);
  t.equal(stored<number[]>(inner, 'list').length, 50);
});

t.test('several replicas over one store lose nothing', async (t) => {
  const inner = new MemoryObjectStore();
  const replicas = Array.from({ length: 4 }, () => new RegistryStorage(inner));
  const work = replicas.map(async (storage, worker) => {
    for (let n = 0; n < 50; n++) await storage.update('list', add(`${worker}.${n}`));
  });
  await Promise.all(work);
  t.equal(new Set(stored<string[]>(inner, 'list')).size, 200);
});

const fourProcesses = async (t: Test, config: TStoreConfig) => {
  const store = await openStore(config);
  await store.init?.();
  for (const atOnce of [true, false]) {
    const key = `doc-${atOnce}`;
    const begun = performance.now();
    const tasks = [1, 2, 3, 4].map((worker) => ({ do: 'update' as const, key, worker, count: 50, atOnce }));
    const operations = await runTogether<number>(config, tasks);
    const took = Math.round(performance.now() - begun);
    const { value } = (await new RegistryStorage(store).read<string[]>(key))!;
    t.equal(value.length, 200, `200 updates ${atOnce ? 'at once' : 'one after the other in each'}: ${took} ms`);
    t.equal(new Set(value).size, 200);
    t.ok(took < 60_000, 'in time');
    for (const worker of [1, 2, 3, 4]) {
      const own = value.filter((item) => item.startsWith(`${worker}.`));
      t.same(
        own,
        [...Array(50).keys()].map((n) => `${worker}.${n}`),
        'in the order of its own calls',
      );
    }
    t.comment(`operations of each process: ${operations.join(', ')}`);
  }
  await store.destroy?.();
};

t.test('4 processes x 50 updates of one key, directory driver', async (t) => {
  await fourProcesses(t, { directory: await temporaryFolder(t) });
});

t.test('4 processes x 50 updates of one key, S3', async (t) => {
  const server = await startS3Server();
  if (!server) return t.plan(0, 'no S3 server is installed');
  t.teardown(() => server.stop());
  await fourProcesses(t, server.config);
});

t.test('a document that is too large for the cache is not taken for the absent one that it was', async (t) => {
  const store = new FaultObjectStore(new MemoryObjectStore());
  const storage = new RegistryStorage(store, { limits: { metadataCacheSize: 1 } });
  t.equal(await storage.read('list'), null);
  await storage.update<string[]>('list', () => ['first']);
  store.reset();
  await storage.update<string[]>('list', (list) => [...(list ?? []), 'second']);
  t.equal(store.count('put'), 1, 'no write is made on what is known to be out of date');
  t.same((await storage.read('list'))?.value, ['first', 'second']);
});
