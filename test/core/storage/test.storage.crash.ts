import t, { type Test } from 'tap';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import type { IObjectStore } from '../../../ts/core/objectstore/interfaces.objectstore.js';
import { temporaryFolder } from '../../support/registry.js';
import { FaultObjectStore, type IFault, type IOperation } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import { forkWorker, runTogether } from '../../support/store/store-fork.js';
import { openStore } from '../../support/store/store-open.js';
import type { TTask } from '../../support/store/store-worker.js';
import {
  allKeys,
  artifactKey,
  documentKey,
  publishToy,
  readToy,
  removeToy,
  sweepAll,
  toyCatalog,
} from '../../support/toy-packages.js';

const NAME = 'left-pad';
const SMALL = 10;
const LARGE = 400 * 1024; // too much for memory: goes through staging/
const content = (letter: string, size: number) => Buffer.alloc(size, letter);
const rejects = (error: unknown): error is RegistryError => error instanceof RegistryError;

/** What a publish without faults asks of the store, in order. */
const rehearse = async (size: number, exists: boolean): Promise<IOperation[]> => {
  const store = new FaultObjectStore(new MemoryObjectStore());
  if (exists) await publishToy(new RegistryStorage(store), NAME, '0.9.0', content('o', size));
  store.reset();
  const storage = new RegistryStorage(store);
  await publishToy(storage, NAME, '1.0.0', content('a', size), toyCatalog(storage));
  return [...store.log];
};

const commitOf = (log: IOperation[]): number =>
  log.findIndex(({ verb, key }) => verb === 'put' && key === documentKey(NAME)) + 1;

/**
 * The two right-hand columns of the write protocol's table, for a publish of 1.0.0 with `a` that ended somehow: what is
 * visible, what a retry with these or other bytes says, and that sweeping leaves only what documents name.
 */
const checkAftermath = async (
  t: Test,
  store: IObjectStore,
  options: { what: string; size: number; visible: boolean | 'either'; exists: boolean },
) => {
  const { what, size, exists } = options;
  const seen = await readToy(store, NAME, '1.0.0');
  if (options.visible !== 'either') t.equal(seen !== null, options.visible, `${what}: visible or not`);
  const visible = seen !== null;
  if (visible) t.same(seen, content('a', size), `${what}: what is visible is whole`);
  if (exists) t.same(await readToy(store, NAME, '0.9.0'), content('o', size), `${what}: what was there is there`);

  const later = new RegistryStorage(store);
  const catalog = toyCatalog(later);
  for (const letter of ['a', 'b']) {
    const version = '1.0.0';
    const error = await publishToy(later, NAME, version, content(letter, size), catalog).catch(
      (reason: unknown) => reason,
    );
    const isFirst = !visible && letter === 'a';
    if (isFirst) t.notOk(rejects(error), `${what}: a retry goes through: ${error}`);
    else t.match(error, { kind: 'alreadyExists' }, `${what}: a retry is told that it exists`);
  }
  t.same(await readToy(store, NAME, '1.0.0'), content('a', size));
  await sweepAll(later);
  t.equal(
    (await catalog.entries({ maxAgeMs: 0 })).get(NAME)?.versions.includes('1.0.0'),
    true,
    `${what}: it is listed`,
  );
  await checkClean(t, store, what);
  await later.destroy();
};

/** Documents, what they name, and the catalog: nothing else. */
const checkClean = async (t: Test, store: IObjectStore, what: string) => {
  const files = (await allKeys(store, 'toy/packages/')).filter((key) => !key.endsWith('/doc.json'));
  const versions = new Set(files.map((key) => /files\/(\d+\.\d+\.\d+)\.bin/.exec(key)?.[1] as string));
  t.equal(versions.size, files.length, `${what}: one artifact for each version`);
  for (const version of versions) t.ok(await readToy(store, NAME, version), `${what}: ${version} is named`);
  t.same(await allKeys(store, 'staging/'), [], `${what}: nothing staged`);
  t.same(await allKeys(store, 'toy/catalog/pending/'), [], `${what}: no marker`);
};

/** The same publish, with other bytes in the retry: an orphan in the way must not matter. */
const checkOtherBytes = async (t: Test, store: IObjectStore, what: string, size: number) => {
  if ((await readToy(store, NAME, '1.0.0')) !== null) return;
  const later = new RegistryStorage(store);
  await publishToy(later, NAME, '1.0.0', content('b', size), toyCatalog(later));
  t.same(await readToy(store, NAME, '1.0.0'), content('b', size), `${what}: a retry with other bytes goes through`);
  await sweepAll(later);
  t.same(await readToy(store, NAME, '1.0.0'), content('b', size), `${what}: and survives the sweep`);
  await checkClean(t, store, what);
};

const copyOf = (store: MemoryObjectStore): MemoryObjectStore => {
  const copy = new MemoryObjectStore();
  for (const [key, held] of store.objects) copy.objects.set(key, held);
  return copy;
};

for (const [size, exists] of [
  [SMALL, false],
  [SMALL, true],
  [LARGE, true],
] as const) {
  t.test(
    `a store that throws at each operation of a publish (${size} bytes, ${exists ? 'known' : 'new'} package)`,
    async (t) => {
      const log = await rehearse(size, exists);
      const commit = commitOf(log);
      t.comment(log.map(({ verb, key }) => `${verb} ${key.replace(/[0-9a-f-]{36}/, 'UUID')}`).join(' | '));
      for (const lasting of [false, true]) {
        for (const when of ['before', 'after'] as const) {
          for (let at = 1; at <= log.length; at++) {
            const { verb, key } = log[at - 1]!;
            const what = `${lasting ? 'down from' : 'fault'} ${when} ${at} (${verb} ${key.replace(/[0-9a-f-]{36}/, 'UUID')})`;
            const inner = new MemoryObjectStore();
            const store = new FaultObjectStore(inner);
            if (exists) await publishToy(new RegistryStorage(store), NAME, '0.9.0', content('o', size));
            const before = inner.keys();
            const storage = new RegistryStorage(store);
            store.reset({ at, when, lasting });
            const error = await publishToy(storage, NAME, '1.0.0', content('a', size), toyCatalog(storage)).catch(
              (reason: unknown) => reason,
            );
            store.reset();
            if (rejects(error)) t.equal(error.kind, 'unavailable', `${what}: the error says so`);
            if (rejects(error) && !lasting) {
              const left = inner.keys().filter((name) => !before.includes(name));
              t.same(
                left.filter((name) => name !== artifactKey(NAME, '1.0.0')),
                [],
                `${what}: a failed publish leaves at most an orphan at a layout key, for the sweep`,
              );
            }
            if (at > commit || (at === commit && !lasting)) {
              t.notOk(rejects(error), `${what}: what is committed is a success: ${error}`);
            }
            const visible = at > commit || (at === commit && (when === 'after' || !lasting));
            const single = !lasting && !rejects(error);
            const copy = copyOf(inner);
            await checkAftermath(t, inner, { what, size, exists, visible: visible || single });
            await checkOtherBytes(t, copy, what, size);
          }
        }
      }
    },
  );
}

t.test('a lost answer is never "already exists" for the writer itself', async (t) => {
  for (const size of [SMALL, LARGE]) {
    const log = await rehearse(size, true);
    for (let at = 1; at <= log.length; at++) {
      const { verb, key } = log[at - 1]!;
      if (verb !== 'put' && verb !== 'compose') continue;
      const inner = new MemoryObjectStore();
      const store = new FaultObjectStore(inner);
      const storage = new RegistryStorage(store);
      await publishToy(storage, NAME, '0.9.0', content('o', size));
      store.reset({ at, when: 'after' });
      const error = await publishToy(new RegistryStorage(store), NAME, '1.0.0', content('a', size)).catch(
        (reason: unknown) => reason,
      );
      if (rejects(error)) t.not(error.kind, 'alreadyExists', `${verb} ${key}`);
      if (key === documentKey(NAME) || key === artifactKey(NAME, '1.0.0'))
        t.notOk(rejects(error), `${verb} ${key}: ${error}`);
    }
  }
});

t.test('the answer of the commit is lost, and somebody builds upon it before we look', async (t) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const storage = new RegistryStorage(store);
  const other = new RegistryStorage(inner);
  let lose = 1;
  store.after = async ({ verb, key }) => {
    if (verb !== 'put' || key !== documentKey(NAME) || lose-- <= 0) return;
    await publishToy(other, NAME, '2.0.0', content('c', SMALL));
    throw new RegistryError('unavailable', 'the answer is lost');
  };
  const document = await publishToy(storage, NAME, '1.0.0', content('a', SMALL), toyCatalog(storage));
  t.same(
    document.versions.map(({ version }) => version),
    ['1.0.0', '2.0.0'],
  );
  t.same(await readToy(inner, NAME, '1.0.0'), content('a', SMALL), 'its artifact was not taken back');
  t.equal(document.revision, 2, 'and it is in once');
});

t.test('a commit whose outcome stays unknown takes nothing back', async (t) => {
  for (const when of ['before', 'after'] as const) {
    const inner = new MemoryObjectStore();
    const store = new FaultObjectStore(inner);
    const storage = new RegistryStorage(store);
    let isDown = false;
    const down = () => {
      throw new RegistryError('unavailable', 'down');
    };
    store[when] = ({ verb, key }) => {
      if (verb === 'put' && key === documentKey(NAME)) isDown = true;
      // the document cannot be read any more, everything else can
      if (isDown && key === documentKey(NAME)) down();
    };
    const error = await publishToy(storage, NAME, '1.0.0', content('a', SMALL), toyCatalog(storage)).catch(
      (reason: unknown) => reason,
    );
    t.match(error, { kind: 'unavailable' });
    t.ok(inner.objects.has(artifactKey(NAME, '1.0.0')), 'the document may name it');
    t.equal(inner.keys('toy/catalog/pending/').length, 1, 'whoever comes next can repair the listing');
    store[when] = undefined;
    await checkAftermath(t, inner, { what: when, size: SMALL, exists: false, visible: when === 'after' });
  }
});

t.test(
  'two publish one version: one winner, whose artifact is there; of the losers at most an orphan stays for the sweep',
  async (t) => {
    const jitter = () => new Promise<void>((resolve) => setTimeout(resolve, Math.random() * 4));
    for (let round = 0; round < 40; round++) {
      const inner = new MemoryObjectStore();
      const size = round % 2 ? SMALL : LARGE;
      const letters = round % 4 < 2 ? ['a', 'a', 'a'] : ['a', 'b', 'c'];
      const results = await Promise.allSettled(
        letters.map(async (letter) => {
          const store = new FaultObjectStore(inner);
          store.before = jitter;
          store.after = jitter;
          const storage = new RegistryStorage(store);
          await publishToy(storage, NAME, '1.0.0', content(letter, size), toyCatalog(storage));
          return letter;
        }),
      );
      const winners = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      t.equal(winners.length, 1);
      for (const result of results) if (result.status === 'rejected') t.match(result.reason, { kind: 'alreadyExists' });
      t.same(await readToy(inner, NAME, '1.0.0'), content(winners[0]!, size));
      const isUnnamed = (key: string) => key === artifactKey(NAME, '1.0.0');
      const files = inner.keys('toy/packages/').filter((key) => key.includes('/files/'));
      t.ok(files.length <= 1 + files.filter(isUnnamed).length, `losers took back what was theirs: ${files.join()}`);
      await sweepAll(new RegistryStorage(inner));
      t.equal(inner.keys('toy/packages/').length, 2, 'the sweep takes the rest');
      t.same(await readToy(inner, NAME, '1.0.0'), content(winners[0]!, size));
      t.same(inner.keys('staging/'), []);
      t.same(inner.keys('toy/catalog/pending/'), []);
    }
  },
);

t.test('who takes the layout key first and commits second takes back only its own', async (t) => {
  for (const letters of ['aa', 'ab']) {
    const inner = new MemoryObjectStore();
    const isLost = (name: string) => name === artifactKey(NAME, '1.0.0');
    const slow = new FaultObjectStore(inner);
    let won = false;
    slow.before = async ({ verb, key }) => {
      if (verb !== 'put' || key !== documentKey(NAME) || won) return;
      won = true;
      await publishToy(new RegistryStorage(inner), NAME, '1.0.0', content(letters[1]!, SMALL));
    };
    const error = await publishToy(new RegistryStorage(slow), NAME, '1.0.0', content(letters[0]!, SMALL)).catch(
      (reason: unknown) => reason,
    );
    t.match(error, { kind: 'alreadyExists' });
    t.same(await readToy(inner, NAME, '1.0.0'), content(letters[1]!, SMALL));
    const files = inner.keys('toy/packages/').filter((key) => key.includes('/files/') && !isLost(key));
    t.equal(files.length, 1);
    t.match(files[0], /1\.0\.0\.bin\.[0-9a-f-]{36}$/, 'same bytes or not, nothing is shared');
    await sweepAll(new RegistryStorage(inner));
    t.notOk(inner.objects.has(artifactKey(NAME, '1.0.0')), 'the orphan at the layout key is swept');
    t.same(await readToy(inner, NAME, '1.0.0'), content(letters[1]!, SMALL));
  }
});

t.test('who could not place anything takes nothing back that is not its own', async (t) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  store.before = async ({ verb, key }) => {
    if (verb !== 'put' || key !== artifactKey(NAME, '1.0.0')) return;
    if (inner.keys().length === 0) await publishToy(new RegistryStorage(inner), NAME, '1.0.0', content('b', SMALL));
    throw new RegistryError('unavailable', 'not through');
  };
  const error = await publishToy(new RegistryStorage(store), NAME, '1.0.0', content('a', SMALL)).catch(
    (reason: unknown) => reason,
  );
  t.match(error, { kind: 'unavailable' });
  t.same(await readToy(inner, NAME, '1.0.0'), content('b', SMALL));
});

t.test('two publish one version in one process, on a store that ignores conditions', async (t) => {
  for (let round = 0; round < 10; round++) {
    const inner = new MemoryObjectStore({ conditionalWrites: false });
    const store = new FaultObjectStore(inner);
    store.before = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
    const storage = new RegistryStorage(store);
    const results = await Promise.allSettled(
      ['a', 'b', 'c'].map((letter) => publishToy(storage, NAME, '1.0.0', content(letter, SMALL))),
    );
    const winner = results.findIndex(({ status }) => status === 'fulfilled');
    t.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    t.same(await readToy(inner, NAME, '1.0.0'), content('abc'[winner]!, SMALL));
    await sweepAll(storage);
    t.equal(inner.keys('toy/packages/').length, 2);
  }
});

t.test('a store that cannot compose under a condition', async (t) => {
  const inner = new MemoryObjectStore({ unsupportedCompose: true });
  const storage = new RegistryStorage(inner);
  await publishToy(storage, NAME, '1.0.0', content('a', LARGE));
  t.same(await readToy(inner, NAME, '1.0.0'), content('a', LARGE));
  t.same(inner.keys('staging/'), []);
});

t.test('an upload that was swept away while it waited is an honest error', async (t) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const storage = new RegistryStorage(store);
  store.before = ({ verb }) => {
    if (verb !== 'compose') return;
    for (const key of inner.keys('staging/')) inner.objects.delete(key);
    throw new RegistryError('notFound', 'a part is not there');
  };
  await t.rejects(publishToy(storage, NAME, '1.0.0', content('a', LARGE)), {
    kind: 'unavailable',
    message: /was removed/,
  } as unknown as Error);
  t.same(inner.keys(), []);
});

t.test('removal: document first; a fault leaves it whole or gone', async (t) => {
  const rehearsal = new FaultObjectStore(new MemoryObjectStore());
  const first = new RegistryStorage(rehearsal);
  await publishToy(first, NAME, '1.0.0', content('a', SMALL), toyCatalog(first));
  rehearsal.reset();
  const second = new RegistryStorage(rehearsal);
  await removeToy(second, NAME, '1.0.0', toyCatalog(second));
  const log = [...rehearsal.log];
  const commit = commitOf(log);
  t.ok(
    log.findIndex(({ verb, key }) => verb === 'delete' && key === artifactKey(NAME, '1.0.0')) + 1 > commit,
    'artifacts go after the document',
  );
  for (const fault of log.flatMap((_, index): IFault[] =>
    [false, true].flatMap((lasting) =>
      (['before', 'after'] as const).map((when) => ({ at: index + 1, when, lasting })),
    ),
  )) {
    const what = `${fault.when} ${fault.at} ${fault.lasting}`;
    const inner = new MemoryObjectStore();
    const store = new FaultObjectStore(inner);
    const storage = new RegistryStorage(store);
    await publishToy(storage, NAME, '1.0.0', content('a', SMALL), toyCatalog(storage));
    const remover = new RegistryStorage(store);
    store.reset(fault);
    const error = await removeToy(remover, NAME, '1.0.0', toyCatalog(remover)).catch((reason: unknown) => reason);
    store.reset();
    if (rejects(error)) t.equal(error.kind, 'unavailable', what);
    const seen = await readToy(inner, NAME, '1.0.0');
    if (seen) t.ok(fault.at <= commit, `${what}: after the commit it is gone`);
    const later = new RegistryStorage(inner);
    const catalog = toyCatalog(later);
    if (seen) await removeToy(later, NAME, '1.0.0', catalog);
    else await t.rejects(removeToy(later, NAME, '1.0.0', catalog), { kind: 'notFound' } as unknown as Error);
    await sweepAll(later);
    t.equal((await catalog.entries({ maxAgeMs: 0 })).has(NAME), false, `${what}: it is not listed`);
    await checkClean(t, inner, what);
    t.equal(inner.objects.has(artifactKey(NAME, '1.0.0')), false, what);
  }
});

t.test('a process that is killed at each operation of a publish, directory driver', async (t) => {
  for (const size of [SMALL, LARGE]) {
    const log = await rehearse(size, true);
    const commit = commitOf(log);
    // before the next one is after this one
    const faults = log.map((_, index): IFault => ({ at: index + 1, when: 'before', how: 'kill' }));
    faults.push({ at: log.length, when: 'after', how: 'kill' });
    const strike = async (fault: IFault) => {
      const { at, when } = fault;
      const { verb, key } = log[at - 1]!;
      const what = `killed ${when} ${at} (${verb} ${key.replace(/[0-9a-f-]{36}/, 'UUID')}), ${size} bytes`;
      const directory = await temporaryFolder(t);
      const store = await openStore({ directory });
      await store.init?.();
      const storage = new RegistryStorage(store);
      await publishToy(storage, NAME, '0.9.0', content('o', size));
      const task: TTask = { do: 'publish', name: NAME, version: '1.0.0', content: 'a', size, fault };
      const worker = forkWorker<IOperation[]>({ directory }, task);
      await worker.ready;
      worker.go();
      const end = await worker.end;
      t.equal(end.signal, 'SIGKILL', `${what}: ${end.error ?? ''}`);
      const visible = at > commit || (at === commit && when === 'after');
      await checkAftermath(t, store, { what, size, exists: true, visible });
      await store.destroy?.();
    };
    // two at a time
    const left = faults[Symbol.iterator]();
    const lane = async () => {
      for (const fault of left) await strike(fault);
    };
    await Promise.all([lane(), lane()]);
  }
});

t.test('three processes publish the same versions, directory driver', async (t) => {
  const config = { directory: await temporaryFolder(t) };
  const versions = Array.from({ length: 20 }, (_, n) => `1.0.${n}`);
  const letters = ['a', 'b', 'c'];
  const wins = await runTogether<string[]>(
    config,
    letters.map((letter) => ({ do: 'race', name: NAME, versions, content: letter })),
  );
  const store = await openStore(config);
  await store.init?.();
  t.same(wins.flat().sort(), [...versions].sort(), 'each version was won once');
  for (const version of versions) {
    const winner = letters[wins.findIndex((list) => list.includes(version))]!;
    t.equal((await readToy(store, NAME, version))?.toString(), winner);
  }
  const storage = new RegistryStorage(store);
  // what a loser placed at a layout key stays until a sweep has noted the key as spent
  await sweepAll(storage);
  await checkClean(t, store, 'after the race');
  t.equal((await toyCatalog(storage).entries()).get(NAME)?.versions.length, versions.length);
  await store.destroy?.();
});
