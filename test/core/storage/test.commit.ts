import t, { type Test } from 'tap';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { temporaryFolder } from '../../support/registry.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import { startS3Server } from '../../support/store/s3-server.js';
import { openStore, type TStoreConfig } from '../../support/store/store-open.js';
import * as toy from '../../support/toy-packages.js';
import { manyTurns, until } from '../../support/waiting.js';

const NAME = 'pad';
const KEY = toy.artifactKey(NAME, '1.0.0');
const DOCUMENT = toy.documentKey(NAME);
const SMALL = 10;
const LARGE = 400 * 1024; // goes through staging/, and is spent when it is placed
const content = (letter: string, size = SMALL) => Buffer.alloc(size, letter);
const memory = () => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  return { inner, store, storage: new RegistryStorage(store), other: new RegistryStorage(inner) };
};
const files = (store: MemoryObjectStore): string[] => store.keys(`toy/packages/${NAME}/files/`);

/** Something that happens once, just before the document is written. */
const beforeCommit = (store: FaultObjectStore, work: () => Promise<unknown>) => {
  let left = 1;
  store.before = async ({ verb, key }) => {
    if (verb === 'put' && key === DOCUMENT && left-- > 0) await work();
  };
};

t.test('a store without conditions: what lies at the key of an artifact is not overwritten', async (t) => {
  const inner = new MemoryObjectStore({ conditionalWrites: false });
  const key = toy.artifactKey('a', '1.0.0');
  await inner.put(key, Buffer.from('of a publish that broke off'));
  const { versions } = await toy.publishToy(new RegistryStorage(inner), 'a', '1.0.0', Buffer.from('mine'));
  t.match(versions, [{ key: new RegExp(`^${key}\\.[0-9a-f-]{36}$`) }]);
  t.equal(Buffer.from(inner.objects.get(key)!.bytes).toString(), 'of a publish that broke off');
  t.equal((await toy.readToy(inner, 'a', '1.0.0'))?.toString(), 'mine');
});

t.test('a store without conditions: of two publishes at once neither takes the place of the other', async (t) => {
  const inner = new MemoryObjectStore({ conditionalWrites: false });
  const storage = new RegistryStorage(inner);
  const publishes = ['a', 'b', 'c'].map((letter) => toy.publishToy(storage, NAME, '1.0.0', content(letter)));
  const outcomes = await Promise.allSettled(publishes);
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  const winner = 'abc'[outcomes.findIndex(({ status }) => status === 'fulfilled')] as string;
  t.same(await toy.readToy(inner, NAME, '1.0.0'), content(winner));
});

t.test('a store without conditions: an artifact that it refused gets its usual key the next time', async (t) => {
  const inner = new MemoryObjectStore({ conditionalWrites: false });
  const store = new FaultObjectStore(inner);
  const storage = new RegistryStorage(store);
  store.before = ({ verb, key }) => {
    if (verb === 'put' && key === KEY) throw new RegistryError('tooLarge', 'not this one');
  };
  await t.rejects(toy.publishToy(storage, NAME, '1.0.0', content('a')), { kind: 'tooLarge' } as never);
  store.before = undefined;
  const { versions } = await toy.publishToy(storage, NAME, '1.0.0', content('b'));
  t.equal(versions[0]?.key, KEY);
});

t.test('a small artifact is placed although the store fails for a moment', async (t) => {
  const { inner, store, storage } = memory();
  let left = 1;
  store.before = ({ verb, key }) => {
    if (verb === 'put' && key === KEY && left-- > 0) throw new RegistryError('unavailable', 'a moment');
  };
  const { versions } = await toy.publishToy(storage, NAME, '1.0.0', content('a'));
  t.equal(versions[0]?.key, KEY);
  t.same(await toy.readToy(inner, NAME, '1.0.0'), content('a'));
});

t.test('twenty deploys of one file leave one object, and what is read is the last', async (t) => {
  for (const size of [SMALL, LARGE]) {
    const { inner, storage } = memory();
    const keys = new Set<string>();
    for (let n = 0; n < 20; n++) {
      await toy.publishToy(storage, NAME, '1.0.0', content(String.fromCharCode(97 + n), size), undefined, true);
      t.equal(files(inner).length, 1, `${n}`);
      keys.add(files(inner)[0] as string);
    }
    t.equal(keys.size, 20, 'no key is used twice');
    t.ok(keys.has(KEY), 'the first lies at its layout key');
    t.same(await toy.readToy(inner, NAME, '1.0.0'), content('t', size));
    t.same(inner.keys('staging/'), []);
  }
});

t.test('replicas that deploy one file at once: one object in the end, and the document names it', async (t) => {
  const inner = new MemoryObjectStore();
  const replicas = Array.from({ length: 3 }, () => {
    const store = new FaultObjectStore(inner);
    store.before = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
    return new RegistryStorage(store);
  });
  for (let round = 0; round < 10; round++) {
    await Promise.all(
      replicas.map((storage, n) => toy.publishToy(storage, NAME, '1.0.0', content(`${n}`), undefined, true)),
    );
    t.equal(files(inner).length, 1);
    t.ok(await toy.readToy(inner, NAME, '1.0.0'));
  }
});

t.test('a commit that finds its work done by another process leaves no artifact of its own', async (t) => {
  for (const size of [SMALL, LARGE]) {
    const { inner, store, storage, other } = memory();
    // identical bytes are a success for some protocols: the second of two finds nothing to write
    const publish = async (by: RegistryStorage) => {
      const staged = await by.stage(content('a', size), { hashes: ['sha256'] });
      const plan = toy.toyPlan(NAME, '1.0.0', [{ staged, key: KEY, contentType: 'application/octet-stream' }]);
      const { apply } = plan.document;
      plan.document.apply = (current, placed, stamp) =>
        current?.versions.some(({ version }) => version === '1.0.0') ? current : apply(current, placed, stamp);
      return by.commit(plan);
    };
    beforeCommit(store, () => publish(other));
    const document = await publish(storage);
    t.equal(document?.versions.length, 1);
    t.same(files(inner), [document?.versions[0]?.key], 'one object, that of the document');
    t.same(await toy.readToy(inner, NAME, '1.0.0'), content('a', size));
    t.same(inner.keys('staging/'), []);
    t.not(document?.versions[0]?.key, KEY, 'it is the one of the process that was quicker to commit');
    const isSpent = await new Promise<boolean>((resolve) => {
      void new RegistryStorage(inner).update(DOCUMENT, (_current, about) => void resolve(about.isSpent(KEY)));
    });
    t.ok(isSpent, 'its delete may arrive late, so nothing is put there again');
    await toy.sweepToys(other);
    t.same(await toy.readToy(inner, NAME, '1.0.0'), content('a', size));
  }
});

t.test('a key that becomes spent between placing and committing is given up', async (t) => {
  for (const size of [SMALL, LARGE]) {
    const { inner, store, storage, other } = memory();
    beforeCommit(store, async () => {
      // the sweep of another replica finds what we have placed, and takes it for an orphan
      t.equal(await toy.sweepToys(other, { olderThanMs: -1000 }), 1);
      t.same(files(inner), []);
    });
    const outcome = await toy.publishToy(storage, NAME, '1.0.0', content('a', size)).catch((error: unknown) => error);
    if (size === SMALL) {
      const document = outcome as toy.IToyDocument;
      t.match(document.versions[0]?.key, /\.bin\.[0-9a-f-]{36}$/, 'bytes in memory are placed again');
      t.same(await toy.readToy(inner, NAME, '1.0.0'), content('a', size));
    } else {
      t.match(outcome, { kind: 'unavailable' }, 'bytes that the sweep has deleted have to be sent again');
      t.same(files(inner), []);
      await toy.publishToy(other, NAME, '1.0.0', content('a', size));
      t.same(await toy.readToy(inner, NAME, '1.0.0'), content('a', size));
    }
    t.same(inner.keys('staging/'), []);
  }
});

t.test('a sweep whose deletes have not arrived yet takes nothing that is named since', async (t) => {
  for (const size of [SMALL, LARGE]) {
    for (const isOwn of [false, true]) {
      const { inner, store, storage, other } = memory();
      const late: (() => Promise<void>)[] = [];
      const real = inner.delete.bind(inner);
      // the layout key may be taken by an orphan, so that the artifact lies at a key of its own
      if (isOwn) await inner.put(KEY, content('o'), { immutable: true });
      beforeCommit(store, async () => {
        inner.delete = async (key) => {
          late.push(() => real(key));
          throw new RegistryError('outcomeUnknown', 'it will arrive in an hour');
        };
        t.equal(await toy.sweepToys(other, { olderThanMs: -1000 }), 0);
        inner.delete = real;
      });
      const document = await toy.publishToy(storage, NAME, '1.0.0', content('a', size));
      t.equal(late.length, isOwn ? 2 : 1);
      for (const arrive of late) await arrive();
      t.same(files(inner), [document.versions[0]?.key]);
      t.same(await toy.readToy(inner, NAME, '1.0.0'), content('a', size));
    }
  }
});

t.test('publishes and sweeps of any age at once, on two replicas: what is named is there', async (t) => {
  const inner = new MemoryObjectStore();
  const jitter = () => new Promise<void>((resolve) => setTimeout(resolve, Math.random() * 2));
  const replica = () => {
    const store = new FaultObjectStore(inner);
    store.before = jitter;
    return new RegistryStorage(store);
  };
  let ended = false;
  const sweeper = replica();
  const sweeping = (async () => {
    let count = 0;
    while (!ended) count += await toy.sweepToys(sweeper, { olderThanMs: -1000 });
    return count;
  })();
  let committed = 0;
  const publishing = [replica(), replica()].map(async (storage, who) => {
    for (let n = 0; n < 40; n++) {
      const size = n % 4 === 0 ? LARGE : SMALL;
      const version = `${who}.0.${n}`;
      try {
        await toy.publishToy(storage, NAME, version, content('a', size));
        committed++;
        t.ok(await toy.readToy(inner, NAME, version), version);
      } catch (error) {
        const { kind } = RegistryError.from(error);
        if (kind !== 'unavailable' && kind !== 'conflict') throw error;
      }
    }
  });
  await Promise.all(publishing);
  ended = true;
  const swept = await sweeping;
  t.ok(committed > 20, `${committed} of 80 came through beside a sweep that never pauses`);
  t.comment(`${committed} committed, ${swept} swept`);
  const { versions } = (await new RegistryStorage(inner).read<toy.IToyDocument>(DOCUMENT))!.value;
  t.equal(versions.length, committed);
  for (const { version } of versions) t.ok(await toy.readToy(inner, NAME, version), version);
  await toy.sweepToys(sweeper);
  t.equal(files(inner).length, committed, 'and nothing else is');
});

t.test('a failed write takes back its own keys only after a look at the document', async (t) => {
  const { inner, store, storage, other } = memory();
  await toy.publishToy(other, NAME, '0.9.0', content('o'));
  await inner.put(KEY, content('x'), { immutable: true });
  beforeCommit(store, () => toy.publishToy(other, NAME, '1.0.0', content('b')));
  store.log.length = 0;
  await t.rejects(toy.publishToy(storage, NAME, '1.0.0', content('a')), { kind: 'alreadyExists' } as unknown as Error);
  const own = store.log.filter(({ key }) => key.startsWith(`${KEY}.`));
  t.same(
    own.map(({ verb }) => verb),
    ['put', 'delete'],
  );
  const look = store.log.findLastIndex(({ verb, key }) => verb === 'head' && key === DOCUMENT);
  t.ok(look > store.log.findIndex(({ verb, key }) => verb === 'put' && key === DOCUMENT));
  t.ok(look < store.log.findIndex(({ verb }) => verb === 'delete'));
  t.equal(files(inner).length, 3, '0.9.0, the orphan, and the winner');
});

t.test(
  'an artifact is placed where another replica has just deleted the one before: its delete may come twice',
  async (t) => {
    for (const size of [SMALL, LARGE]) {
      const { inner, store, storage, other } = memory();
      await toy.publishToy(other, NAME, '1.0.0', content('a', size));
      let left = 1;
      store.before = async ({ verb, key }) => {
        // after the dry run, before the placing
        if ((verb === 'put' || verb === 'compose') && key === KEY && left-- > 0)
          await toy.removeToy(other, NAME, '1.0.0');
      };
      const document = await toy.publishToy(storage, NAME, '1.0.0', content('b', size), undefined, true);
      await inner.delete(KEY);
      t.not(document.versions[0]?.key, KEY);
      t.same(await toy.readToy(inner, NAME, '1.0.0'), content('b', size));
    }
  },
);

t.test('a store that refuses what it has done: nothing that the document names is taken back', async (t) => {
  const { inner, store, storage } = memory();
  await inner.put(KEY, content('x'), { immutable: true });
  store.after = ({ verb, key }) => {
    // a proxy that answers 403 for a request that came through
    if (verb === 'put' && key === DOCUMENT) throw new RegistryError('forbidden', 'no');
  };
  await t.rejects(toy.publishToy(storage, NAME, '1.0.0', content('a')), { kind: 'forbidden' } as unknown as Error);
  t.same(await toy.readToy(inner, NAME, '1.0.0'), content('a'));
});

t.test('dropped artifacts are noted as spent by the write that drops them', async (t) => {
  const { inner, storage, other } = memory();
  await toy.publishToy(storage, NAME, '1.0.0', content('a'));
  await toy.removeToy(storage, NAME, '1.0.0');
  t.same(files(inner), []);
  const isSpent = await new Promise<boolean>((resolve) => {
    void other.update(DOCUMENT, (_current, about) => {
      resolve(about.isSpent(KEY) && !about.isSpent(toy.artifactKey(NAME, '2.0.0')));
      return undefined;
    });
  });
  t.ok(isSpent);
  await toy.publishToy(other, NAME, '1.0.0', content('b'));
  t.match(files(inner), [/1\.0\.0\.bin\.[0-9a-f-]{36}$/]);
  t.same(await toy.readToy(inner, NAME, '1.0.0'), content('b'));
});

t.test('a plan may delete the document; made again it goes on with its revision and its spent keys', async (t) => {
  const { inner, storage, other } = memory();
  await toy.publishToy(storage, NAME, '1.0.0', content('a'));
  const gone = await storage.commit<toy.IToyDocument>({
    packageName: NAME,
    document: { key: DOCUMENT, apply: () => null },
    drop: (before) => before?.versions.map(({ key }) => key) ?? [],
  });
  t.equal(gone, null);
  t.equal(await other.read(DOCUMENT), null);
  t.same(files(inner), []);
  t.same(inner.keys('toy/'), [DOCUMENT], 'the tombstone stays');
  await toy.publishToy(other, NAME, '1.0.0', content('b'));
  t.match(await storage.read(DOCUMENT), { revision: 3 });
  t.match(files(inner), [/1\.0\.0\.bin\.[0-9a-f-]{36}$/]);
});

t.test('what is staged in the store is placed once: a doubtful failure may have spent it', async (t) => {
  const { inner, store, storage } = memory();
  store.before = ({ verb, key }) => {
    if (verb === 'compose' && key === KEY) throw new RegistryError('unavailable', 'a moment');
  };
  await t.rejects(toy.publishToy(storage, NAME, '1.0.0', content('a', LARGE)), { kind: 'unavailable' } as never);
  t.equal(store.count('compose', KEY), 1);
  t.same(files(inner), []);
  store.before = undefined;
  await toy.publishToy(storage, NAME, '1.0.0', content('a', LARGE));
  t.same(await toy.readToy(inner, NAME, '1.0.0'), content('a', LARGE), 'sent again it is placed');
});

t.test('the function of a document runs once, and again only on another document or for another key', async (t) => {
  const { store, inner, storage, other } = memory();
  const runs: [before: number, key: string][] = [];
  const publish = async (version: string): Promise<void> => {
    const staged = await storage.stage(content('x'), { hashes: ['sha256'] });
    const key = toy.artifactKey(NAME, version);
    const artifact = { staged, key, contentType: 'text/plain', digestAlgorithm: 'sha256', version } as const;
    const plan = toy.toyPlan(NAME, version, [artifact]);
    const { apply } = plan.document;
    plan.document.apply = (current, placed, stamp) => {
      runs.push([current?.versions.length ?? 0, placed[0]?.key ?? '']);
      return apply(current, placed, stamp);
    };
    runs.length = 0;
    await storage.commit(plan);
  };
  for (const [at, version] of ['1.0.0', '1.0.1', '1.0.2'].entries()) {
    await publish(version);
    t.same(runs, [[at, toy.artifactKey(NAME, version)]]);
  }
  beforeCommit(store, () => toy.publishToy(other, NAME, '2.0.0', content('y')));
  await publish('1.0.3');
  t.same(
    runs,
    [3, 4].map((before) => [before, toy.artifactKey(NAME, '1.0.3')]),
  );
  store.before = undefined;
  await inner.put(toy.artifactKey(NAME, '1.0.4'), content('z'));
  await publish('1.0.4');
  t.equal(runs.length, 2);
  t.match(runs[1]?.[1], /1\.0\.4\.bin\.[0-9a-f-]{36}$/, 'an orphan was at the first');
  for (const version of ['1.0.2', '1.0.3', '1.0.4', '2.0.0']) t.ok(await toy.readToy(inner, NAME, version), version);
});

t.test('how many operations of the store a publish costs', async (t) => {
  const { store, storage } = memory();
  const catalog = toy.toyCatalog(storage);
  const cost = async (work: () => Promise<unknown>) => {
    store.reset();
    await work();
    return store.log.map(({ verb }) => verb).join(' ');
  };
  // look, artifact and marker, document, entry in the listing, marker away
  const expected = 'head put put put put delete';
  t.equal(await cost(() => toy.publishToy(storage, NAME, '1.0.0', content('a'), catalog)), expected);
  t.equal(await cost(() => toy.publishToy(storage, NAME, '2.0.0', content('a'), catalog)), expected);
  const removal = await cost(() => toy.removeToy(storage, NAME, '1.0.0', catalog));
  t.equal(removal, 'head put put put delete delete');
});

t.test('a placing that takes long has a young marker when the document is written, and leaves none', async (t) => {
  let now = new Date('2026-01-01T00:00:00Z').getTime();
  const inner = new MemoryObjectStore({ now: () => new Date(now) });
  const store = new FaultObjectStore(inner);
  const storage = new RegistryStorage(store, { now: () => new Date(now) });
  const markers = () => inner.keys().filter((key) => key.includes('/pending/'));
  const catalog = toy.toyCatalog(storage);
  let age: number | undefined;
  store.before = async ({ verb, key }) => {
    if (verb === 'put' && key === KEY) {
      await until(() => markers().length > 0);
      now += 10 * 60_000;
    }
    if (verb !== 'put' || key !== DOCUMENT) return;
    t.equal(markers().length, 1);
    age = now - (await inner.head(markers()[0]!))!.lastModified.getTime();
  };
  await toy.publishToy(storage, NAME, '1.0.0', content('a'), catalog);
  t.equal(age, 0);
  await storage.release();
  t.same(markers(), []);
});

t.test('an artifact that is refused: nothing of the others arrives after the error', async (t) => {
  const { inner, store, storage } = memory();
  const second = toy.artifactKey(NAME, '1.0.0-doc');
  // so that the second one goes to a key of its own
  await inner.put(second, content('o'), { immutable: true });
  let isRefused = false;
  store.before = async ({ verb, key }) => {
    if (verb !== 'put') return;
    if (key === KEY) {
      isRefused = true;
      throw new RegistryError('tooLarge', 'not this one');
    }
    if (!key.startsWith(`${second}.`)) return;
    await until(() => isRefused);
    await manyTurns();
  };
  const artifacts = [];
  for (const key of [KEY, second]) {
    const staged = await storage.stage(content('a'), { hashes: ['sha256'] });
    artifacts.push({ staged, key, contentType: 'a/b' });
  }
  await t.rejects(storage.commit(toy.toyPlan(NAME, '1.0.0', artifacts)), { kind: 'tooLarge' } as never);
  t.equal(store.count('put', `${second}.`), 1);
  await manyTurns();
  t.same(files(inner), [second]);
});

t.test('what cannot be cleared away after the write fails no publish and no removal', async (t) => {
  const { inner, store, storage, other } = memory();
  const catalog = toy.toyCatalog(storage);
  await toy.publishToy(other, NAME, '1.0.0', content('a'));
  store.before = ({ verb, key }) => {
    if (verb === 'delete' && !key.includes('/pending/')) throw new RegistryError('unavailable', 'no deletes');
    if (key.includes('/pending/') && verb === 'delete') throw new RegistryError('unavailable', 'no deletes');
  };
  await toy.publishToy(storage, NAME, '1.0.0', content('b', LARGE), catalog, true);
  t.same(await toy.readToy(inner, NAME, '1.0.0'), content('b', LARGE));
  t.equal(files(inner).length, 2, 'the one before is left to a sweep');
  await toy.removeToy(storage, NAME, '1.0.0', catalog);
  t.equal(await toy.readToy(inner, NAME, '1.0.0'), null);
  store.before = ({ verb, key }) => {
    if (verb === 'put' && key.includes('/catalog/') && !key.includes('/pending/')) throw new Error('no listing');
  };
  await toy.publishToy(storage, NAME, '2.0.0', content('c'), catalog);
  t.same(await toy.readToy(inner, NAME, '2.0.0'), content('c'), 'nor does a listing that cannot be written');
});

t.test(
  'a store that joins no objects under a condition, or loses the answer: one artifact, and it is there',
  async (t) => {
    const plain = new MemoryObjectStore({ unsupportedCompose: true });
    await toy.publishToy(new RegistryStorage(plain), NAME, '1.0.0', content('a', LARGE));
    t.same(await toy.readToy(plain, NAME, '1.0.0'), content('a', LARGE));
    for (const size of [SMALL, LARGE]) {
      const { inner, store, storage } = memory();
      let left = 1;
      store.after = ({ key }) => {
        if (key === KEY && left-- > 0) throw new RegistryError('outcomeUnknown', 'lost');
      };
      const { versions } = await toy.publishToy(storage, NAME, '1.0.0', content('a', size));
      t.equal(versions[0]?.key, KEY);
      t.same(files(inner), [KEY]);
      t.same(await toy.readToy(inner, NAME, '1.0.0'), content('a', size));
    }
  },
);

/** The sweep of another replica takes a large artifact for an orphan, just before it is named; its deletes come late. */
const moveLargeArtifact = async (t: Test, config: TStoreConfig) => {
  const real = await openStore(config);
  await real.init?.();
  t.teardown(() => real.destroy?.());
  const store = new FaultObjectStore(real);
  const sweeping = new FaultObjectStore(real);
  const late: string[] = [];
  sweeping.before = ({ verb, key }) => {
    if (verb !== 'delete') return;
    late.push(key);
    throw new RegistryError('outcomeUnknown', 'it will arrive in an hour');
  };
  beforeCommit(store, () => toy.sweepToys(new RegistryStorage(sweeping), { olderThanMs: -60_000 }));
  const document = await toy.publishToy(new RegistryStorage(store), NAME, '1.0.0', content('a', 9 * 1024 * 1024));
  t.same(late, [KEY]);
  for (const key of late) await real.delete(key);
  t.match(document.versions[0]?.key, /\.bin\.[0-9a-f-]{36}$/);
  t.same(await toy.readToy(real, NAME, '1.0.0'), content('a', 9 * 1024 * 1024));
  t.same(await toy.allKeys(real, `toy/packages/${NAME}/files/`), [document.versions[0]?.key]);
  t.same(await toy.allKeys(real, 'staging/'), []);
};

t.test('a large artifact that a sweep took for an orphan is moved, directory driver', async (t) => {
  await moveLargeArtifact(t, { directory: await temporaryFolder(t) });
});

t.test('a large artifact that a sweep took for an orphan is moved, S3', async (t) => {
  const server = await startS3Server();
  if (!server) return t.plan(0, 'no S3 server is installed');
  t.teardown(() => server.stop());
  await moveLargeArtifact(t, server.config);
});

t.test('a write that has nothing to write asks the listing whether it knows the document', async (t) => {
  const { storage } = memory();
  await toy.publishToy(storage, NAME, '1.0.0', content('a'));
  const told: string[] = [];
  const note = (what: string) => async () => void told.push(what);
  const catalog = {
    mark: async () => 'id',
    unmark: note('unmark'),
    note: note('note'),
    confirm: async (name: string, { versions }: toy.IToyDocument) => {
      told.push(`confirm ${name} ${versions.length}`);
      throw new Error('no listing');
    },
  };
  const same = (apply: (current: toy.IToyDocument | null) => toy.IToyDocument | null) =>
    storage.commit<toy.IToyDocument>({ packageName: NAME, document: { key: DOCUMENT, apply }, catalog });
  t.match(
    await same((current) => current),
    { versions: [{ version: '1.0.0' }] },
    'and a listing that fails is no matter',
  );
  t.same(told.splice(0), [`confirm ${NAME} 1`]);
  await storage.update(DOCUMENT, () => null);
  t.equal(await same((current) => current), null);
  t.same(told, [], 'of nothing, nothing is known');
});
