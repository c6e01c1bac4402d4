import { monitorEventLoopDelay } from 'node:perf_hooks';
import { RegistryStorage } from '../../ts/core/classes.registrystorage.js';
import { PackageCatalog } from '../../ts/core/listing/classes.packagecatalog.js';
import { SearchIndex } from '../../ts/core/listing/search/classes.searchindex.js';
import { SmartRegistry, streamToBuffer } from '../../ts/index.js';
import type { INpmSearchEntry } from '../../ts/npm/interfaces.npm.js';
import { byDate, closeness, searchFields } from '../../ts/npm/wire/wire.search.js';
import { indexProtocol } from '../support/index-registry.js';
import { MemoryObjectStore } from '../support/store/memory-objectstore.js';

/**
 * `pnpm run bench listing [packages]`: what the listing of all packages and the search cost with 100,000 packages. No other
 * registry is measured beside: the figures are how long the event loop is held, which the design bounds (20 ms; one search
 * 50 ms). The store is in memory, so that nothing but our own work is counted. Run it on a quiet machine; on a busy one
 * only the figures of CPU time say something: `turn` is the CPU time of the longest turn of the loop, garbage collection in
 * other threads included.
 */
interface IDocument {
  revision: number;
  entry: INpmSearchEntry;
}

/** Always the same numbers. */
const random = (() => {
  let seed = 42;
  return () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed / 2_147_483_648;
  };
})();

const SYLLABLES = [
  'ba',
  'con',
  'der',
  'ex',
  'fi',
  'gra',
  'hy',
  'in',
  'ket',
  'lo',
  'mer',
  'node',
  'or',
  'pre',
  'qua',
  're',
];
const COMMON = [
  'react',
  'node',
  'for',
  'the',
  'a',
  'library',
  'plugin',
  'parser',
  'server',
  'client',
  'express',
  'util',
];
const newWord = (): string =>
  Array.from({ length: 2 + Math.floor(random() * 3) }, () => SYLLABLES[Math.floor(random() * SYLLABLES.length)]).join(
    '',
  );
/** Few words are common and most are rare, as in every language. */
const VOCABULARY = [...COMMON, ...Array.from({ length: 20_000 }, newWord)];
const word = (): string => VOCABULARY[Math.floor(VOCABULARY.length ** random()) - 1] as string;
const words = (count: number): string[] => Array.from({ length: count }, word);

const entryOf = (n: number, description = words(10).join(' ')): INpmSearchEntry => ({
  name: `${random() < 0.2 ? `@${word()}/` : ''}${words(2).join('-')}-${n}`,
  version: '1.0.0',
  rev: 1,
  date: new Date(1.7e12 + n * 1e5).toISOString(),
  description,
  keywords: words(4),
  license: 'MIT',
  links: { repository: `https://git.example.org/${n}` },
  maintainers: [{ name: `user${n % 5000}`, email: `user${n % 5000}@example.org` }],
});

const report = (what: string, ...figures: string[]): void => console.log(`${what.padEnd(52)} ${figures.join('  ')}`);
const ms = (value: number): string => `${value.toFixed(1)} ms`;

const cpuNow = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Watches the CPU time of each turn of the loop, in ms. */
const watchTurns = (): (() => number) => {
  let most = 0;
  let last = cpuNow();
  let goesOn = true;
  const turn = (): void => {
    const now = cpuNow();
    most = Math.max(most, now - last);
    last = now;
    if (goesOn) setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    goesOn = false;
    return Math.max(most, cpuNow() - last);
  };
};

const spread = (figures: number[]): string => {
  const sorted = figures.sort((a, b) => a - b);
  const at = (share: number): string => ms(sorted[Math.floor(share * (sorted.length - 1))] as number);
  return `p50 ${at(0.5)} p99 ${at(0.99)} max ${at(1)}`;
};

/** Runs it and reports how long it took, and how long it held the event loop at most. */
const measured = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
  globalThis.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const stop = watchTurns();
  const cpu = cpuNow();
  const begun = performance.now();
  const result = await work();
  const took = performance.now() - begun;
  const used = cpuNow() - cpu;
  await new Promise((resolve) => setTimeout(resolve, 5));
  delay.disable();
  const held = `loop held ${ms(delay.max / 1e6)} at most`;
  report(what, `took ${ms(took)}`, `cpu ${ms(used)}`, held, `turn ${ms(stop())}`);
  return result;
};

const documentKey = (name: string): string => `npm/packages/${name}/index.json`;

const replica = (store: MemoryObjectStore) => {
  const storage = new RegistryStorage(store);
  const catalog = new PackageCatalog<IDocument, INpmSearchEntry>(storage, {
    prefix: 'npm/catalog',
    documentKey,
    documents: { prefix: 'npm/packages/', nameOf: (key) => /^npm\/packages\/(.+)\/index\.json$/.exec(key)?.[1] },
    entry: (_name, { entry }) => entry,
    revision: ({ revision }) => revision,
  });
  return { storage, catalog };
};

/** As a client that does not look at what it gets: to decode 8 MB would hold the loop longer than to serve them. */
const send = async (
  registry: SmartRegistry,
  method: string,
  path: string,
  more: { headers?: Record<string, string> } = {},
) => {
  const response = await registry.handleRequest({ method, path, headers: {}, query: {}, ...more });
  await streamToBuffer(response.body);
  return response;
};

const SEARCHES = 50;
const ALL = { most: 5000 };
const FRESH = { maxAgeMs: 0 };

interface IFilled {
  store: MemoryObjectStore;
  entries: INpmSearchEntry[];
}

/** A store as 0.2.0 left it. */
const filled = async (count: number): Promise<IFilled> => {
  const store = new MemoryObjectStore();
  const entries = Array.from({ length: count }, (_, n) => entryOf(n));
  // in the order in which 0.2.0 wrote them
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const rows = entries.map((entry) => JSON.stringify([entry.name, 1, entry]));
  await store.put('npm/catalog/base.json', Buffer.from(`[${rows.join(',\n')}]`));
  return { store, entries };
};

const benchListing = async ({ store, entries }: IFilled): Promise<void> => {
  const count = entries.length;
  const one = replica(store);
  await measured('base of 0.2.0 taken over', async () => {
    await one.catalog.entries();
    await one.storage.destroy();
  });
  const other = replica(store);
  await measured('a new process reads all packages', () => other.catalog.entries());
  const note = (n: number, revision: number) =>
    one.catalog.note((entries[n] as INpmSearchEntry).name, { revision, entry: entries[n] as INpmSearchEntry });
  for (let n = 0; n < 250; n++) await note(n * 7, 2);
  await other.catalog.entries(FRESH);
  await measured('a look, with 250 entries (x 10)', async () => {
    for (let n = 0; n < 10; n++) await other.catalog.entries(FRESH);
  });
  await measured('gathering: 4,000 notes of one process', async () => {
    for (let n = 0; n < 4000; n++) await note((n * 11) % count, 3);
    await one.storage.destroy();
  });
  await measured('a fold of 1/16 of all packages', async () => {
    for (let n = 0; n < count >> 4; n++) await note(n * 13, 4);
    await one.catalog.entries(FRESH);
    await one.storage.destroy();
  });
  await measured('another process takes that over', () => other.catalog.entries(FRESH));
};

const benchServing = async (count: number): Promise<void> => {
  const store = new MemoryObjectStore();
  const rows = Array.from({ length: count }, (_, n) =>
    JSON.stringify([`package-${n}`, 1, { text: words(8).join(' ') }]),
  );
  await store.put('index/catalog/base.json', Buffer.from(`[${rows.join(',\n')}]`));
  const { entry } = indexProtocol();
  const users = [{ username: 'ann', password: 'correct horse', scopes: ['*:*:*:*'] }];
  const auth = { jwtSecret: 'a-secret-of-the-bench', tokenStore: 'memory' as const, users };
  const registry = new SmartRegistry({ auth, registries: [entry], storage: { objectStore: store } });
  await registry.init();
  await send(registry, 'GET', '/index/all.txt');
  await registry.getStorage().destroy();
  const whole = await measured('serveListing: rendered', () => send(registry, 'GET', '/index/all.json'));
  const gzip = { 'Accept-Encoding': 'gzip' };
  await measured('serveListing: packed', () => send(registry, 'GET', '/index/all.json', { headers: gzip }));
  await measured('serveListing: from memory', () => send(registry, 'GET', '/index/all.json'));
  const headers = { 'If-None-Match': whole.headers.ETag as string };
  await measured('serveListing: 304', () => send(registry, 'GET', '/index/all.json', { headers }));
  await registry.destroy();
  const closed = new SmartRegistry({
    auth: { ...auth, anonymousScopes: ['index:page:package-1*:read'] },
    registries: [indexProtocol().entry],
    storage: { objectStore: store },
  });
  await closed.init();
  await send(closed, 'GET', '/index/all.txt');
  await measured('serveListing: a caller of few rights', () => send(closed, 'GET', '/index/all.json'));
  await measured('serveListing: the same again', () => send(closed, 'GET', '/index/all.json'));
  await closed.destroy();
};

const benchSearch = async ({ store, entries }: IFilled): Promise<void> => {
  const { catalog, storage } = replica(store);
  await catalog.entries();
  const index = new SearchIndex(catalog, { fields: searchFields, closeness, compare: byDate });
  await measured('search: the first, while the index is built', () => index.search('react', ALL));
  const settled = entries[0]?.description ?? '';
  await measured('search: until the index is there', async () => {
    while ((await index.search(`${settled.split(' ')[0]} zzzzzz`, ALL)).length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
  const kinds: [string, () => string][] = [
    ['one word', () => word()],
    ['a common word', () => `${COMMON[Math.floor(random() * COMMON.length)]}`],
    ['three letters', () => word().slice(0, 3)],
    ['two words', () => words(2).join(' ')],
    ['four words', () => words(4).join(' ')],
    ['a name', () => (entries[Math.floor(random() * entries.length)] as INpmSearchEntry).name.toLowerCase()],
    ['a word with wrong letters', () => `${newWord()}x${newWord().slice(1)}`],
    ['495 characters', () => words(120).join(' ').slice(0, 495)],
    ['one word of 495 characters', () => newWord().repeat(250).slice(0, 495)],
  ];
  let number = 0;
  for (const [kind, make] of kinds) {
    const times: number[] = [];
    const cpus: number[] = [];
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const stop = watchTurns();
    for (let n = 0; n < SEARCHES; n++) {
      // answers are forgotten by a change, as on a registry where people publish
      if (n % 10 === 0)
        await catalog.note(`changed-${number++}`, { revision: 1, entry: entryOf(number, 're ba co in') });
      const text = make();
      const begun = performance.now();
      const cpu = cpuNow();
      await index.search(text, ALL);
      cpus.push(cpuNow() - cpu);
      times.push(performance.now() - begun);
      await new Promise((resolve) => setImmediate(resolve));
    }
    delay.disable();
    const held = `loop held ${ms(delay.max / 1e6)} at most`;
    report(`search: ${kind}`, spread(times), `cpu: ${spread(cpus)}`, held, `turn ${ms(stop())}`);
  }
  await measured('search: after one publish, a word already asked for', async () => {
    await index.search('qua', ALL);
    await catalog.note('changed-last', { revision: 1, entry: entryOf(1, 'nothing to do with it') });
    await index.search('qua', ALL);
  });
  await storage.destroy();
};

/** `bench listing [packages] [listing|serving|search]` */
export const bench = async ([size = '100000', only]: string[]): Promise<void> => {
  const count = Number(size);
  console.log(`${count} packages, Node ${process.version}`);
  if (only !== 'serving' && only !== 'search') await benchListing(await filled(count));
  if (only !== 'listing' && only !== 'search') await benchServing(count);
  if (only !== 'listing' && only !== 'serving') await benchSearch(await filled(count));
};
