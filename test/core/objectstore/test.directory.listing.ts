import { cp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type IFiles, nodeFiles } from '../../../ts/core/objectstore/directory/files/helpers.files.js';
import { compareNames, nameOfKey, relativePath } from '../../../ts/core/objectstore/directory/files/helpers.names.js';
import { ascending } from '../../../ts/core/objectstore/directory/reading/helpers.ascending.js';
import type {
  IListOptions,
  IObjectStore,
  IScannedKey,
  IScanOptions,
} from '../../../ts/core/objectstore/interfaces.objectstore.js';
import { ANY_AGE, makeDirectory, openStore, tree } from '../../support/store/objectstore-directory.js';

const listed = async (store: IObjectStore, options: IListOptions): Promise<string[]> => {
  const found: string[] = [];
  for await (const item of store.list(options)) found.push('key' in item ? item.key : item.prefix);
  return found;
};

/** A store of a second process, which knows nothing yet, and what it reads of the disk. */
const watched = async (t: Test, fill: (store: IObjectStore) => Promise<void>) => {
  const directory = await makeDirectory(t);
  await fill(await openStore(directory));
  const opened: string[] = [];
  const listedFolders: string[] = [];
  const short = (path: string): string => path.slice(directory.length + 1);
  const store = await openStore(directory, {
    open: (path, flags) => {
      if (flags === 'r') opened.push(short(path));
      return nodeFiles.open(path, flags);
    },
    readdir: (path) => {
      listedFolders.push(short(path));
      return nodeFiles.readdir(path);
    },
  });
  /** What `work` returns, and what it reads. */
  const during = async <T>(work: () => Promise<T>) => {
    opened.length = 0;
    listedFolders.length = 0;
    return { seen: await work(), opened: [...opened], folders: [...listedFolders] };
  };
  const listing = async (options: IListOptions) => {
    const { seen: found, ...read } = await during(() => listed(store, options));
    return { found, ...read };
  };
  return { directory, store, during, listing };
};

t.test('names are in the order of their keys without being decoded', async (t) => {
  const alphabet = ['a', 'A', 'z', 'Z', '.', ' ', '%', '!', '=', '~', '+', '/', '@', 'é', '🚀', '\\', '0'];
  const pick = () => alphabet[Math.floor(Math.random() * alphabet.length)]!;
  const bytes = (text: string) => Buffer.from(text);
  let compared = 0;
  for (let round = 0; round < 20_000; round++) {
    const [a, b] = [0, 1].map((n) => Array.from({ length: 1 + ((round + n) % 4) }, pick).join('')) as [string, string];
    const [x, y] = [a, b].map((text) => text.replaceAll('/', '')) as [string, string];
    if (['', '.', '..'].includes(x) || ['', '.', '..'].includes(y)) continue;
    // an object against an object, and a folder against both
    const [left, right] = [relativePath(x), relativePath(y)];
    const folder = relativePath(`${x}/k`).split('/')[0]!;
    const cases: [string, string, string, string][] = [
      [left, right, x, y],
      [folder, right, `${x}/`, y],
      [right, folder, y, `${x}/`],
    ];
    for (const [one, other, key, otherKey] of cases) {
      const expected = Buffer.compare(bytes(key), bytes(otherKey));
      compared++;
      if (Math.sign(compareNames(one, other)) !== expected) t.fail(JSON.stringify([key, otherKey]));
    }
    const after = b.replace(/^\//, '');
    const order = compareNames(folder, nameOfKey(after));
    const within = after.startsWith(`${x}/`);
    if (after !== '' && (within ? order !== 0 : Math.sign(order) !== Buffer.compare(bytes(`${x}/`), bytes(after)))) {
      t.fail(JSON.stringify([`${x}/`, after, order]));
    }
  }
  t.ok(compared > 10_000);
});

t.test('items are put in order as far as they are asked for', async (t) => {
  for (const size of [0, 1, 2, 255, 256, 257, 5000]) {
    const items = Array.from({ length: size }, () => Math.floor(Math.random() * size));
    t.same(
      [...ascending([...items], (a, b) => a - b)],
      [...items].sort((a, b) => a - b),
      `${size}`,
    );
  }
  const many = Array.from({ length: 100_000 }, () => Math.random());
  let comparisons = 0;
  const compare = (a: number, b: number) => {
    comparisons++;
    return a - b;
  };
  t.equal(
    ascending([...many], compare).next().value,
    many.reduce((least, item) => Math.min(least, item)),
  );
  t.ok(comparisons < 1_000_000, `${comparisons} comparisons for the first; a sort takes 1.7 million`);
});

t.test('limit 1 opens one object, and a narrow prefix those that it names', async (t) => {
  const { listing } = await watched(t, async (store) => {
    for (let n = 0; n < 60; n++) await store.put(`f/${n}`, Buffer.from('x'), { immutable: n % 2 === 0 });
    await store.put('g/below/1', Buffer.from('x'));
  });
  const first = await listing({ prefix: 'f/', limit: 1 });
  t.same(first.found, ['f/0']);
  t.same(first.opened, ['objects/f/0=']);
  t.equal(first.folders[0], 'objects/f', 'the folder of the prefix, and none above or beside');
  const narrow = await listing({ prefix: 'f/5', limit: 3 });
  t.same(narrow.found, ['f/5', 'f/50', 'f/51']);
  t.equal(narrow.opened.length, 3);
  const after = await listing({ prefix: 'f/', after: 'f/57', limit: 2 });
  t.same(after.found, ['f/58', 'f/59']);
  t.equal(after.opened.length, 2);
  t.same((await listing({ prefix: 'f/', after: 'g' })).folders, [], 'what lies before `after` as a whole');
});

t.test('with a delimiter one folder is read, and of the files below none but to tell a deletion', async (t) => {
  const { listing, store } = await watched(t, async (store) => {
    for (const name of ['a', 'b', 'c']) {
      for (let n = 0; n < 40; n++) await store.put(`p/${name}/${name}-${n}.tgz`, Buffer.from('x'), { immutable: true });
      await store.put(`p/${name}/zz`, Buffer.from('x'));
    }
    for (let n = 0; n < 40; n++) await store.put(`p/documents/${n}`, Buffer.from('x'));
    await store.put('p/deep/er/still', Buffer.from('x'), { immutable: true });
    await store.put('p/gone/x', Buffer.from('x'));
    await store.put('p/top', Buffer.from('x'), { immutable: true });
    await store.delete('p/gone/x');
  });
  const { found, opened } = await listing({ prefix: 'p/', delimiter: '/' });
  t.same(found, ['p/a/', 'p/b/', 'p/c/', 'p/deep/', 'p/documents/', 'p/top']);
  const headers = opened.map((path) => path.split('/').slice(1, 3).join('/')).sort();
  t.same(headers, ['p/documents', 'p/gone', 'p/top='], 'one of the documents, and the tombstone');
  t.same((await listing({ prefix: 'p/', delimiter: '/', after: 'p/b/', limit: 2 })).found, ['p/c/', 'p/deep/']);
  t.same(await listed(store, { prefix: 'p/d', delimiter: '/' }), ['p/deep/', 'p/documents/']);
});

t.test('some of many folders are found without reading the names of all', async (t) => {
  const { directory, store, during } = await watched(t, async (store) => {
    for (let n = 0; n < 300; n++) await store.put(`f/${n}/x`, Buffer.from('x'), { immutable: true });
  });
  const some = (limit: number) => listed(store, { prefix: 'f/', delimiter: '/', limit, inAnyOrder: true });
  const { seen, folders } = await during(() => some(3));
  t.equal(seen.length, 3);
  t.notOk(folders.includes('objects/f'));
  t.equal(folders.filter((path) => path.startsWith('objects/f/')).length >= 3, true, 'each of them is looked into');
  t.ok(folders.length <= 12, `${folders.length} folders`);
  // the remains of deleted objects may come first
  for (let n = 0; n < 300; n++) if (n !== 150) await rm(join(directory, `objects/f/${n}/x=`));
  t.same(await some(3), ['f/150/']);
  t.same(await some(3), ['f/150/']);
  t.same(await readdir(join(directory, 'objects/f')), ['150'], 'they were removed');
});

t.test('a scan opens no file, and looks into an object only for its version', async (t) => {
  const { store, during, directory } = await watched(t, async (store) => {
    for (let n = 0; n < 50; n++) {
      for (let v = 0; v < 3; v++) await store.put(`p/${n}/${v}.tgz`, Buffer.from('x'), { immutable: true });
      await store.put(`p/${n}/doc`, Buffer.from('x'));
    }
    await store.put('p/gone/doc', Buffer.from('x'));
    await store.delete('p/gone/doc');
  });
  const isDocument = (key: string): boolean => key.endsWith('/doc');
  const scan = async (options: Partial<IScanOptions>): Promise<IScannedKey[]> => {
    const found: IScannedKey[] = [];
    for await (const item of store.scan({ prefix: 'p/', ...options })) found.push(item);
    return found;
  };
  const { seen: keys, ...ofKeys } = await during(() => scan({}));
  t.equal(keys.length, 201, 'a deletion shows only when it is opened');
  t.equal(ofKeys.folders.length, 52, 'each folder');
  t.same(ofKeys.opened, []);
  const { seen: versions, ...ofVersions } = await during(() => scan({ versionOf: isDocument }));
  t.equal(versions.filter(({ version }) => version !== undefined).length, 51);
  t.equal(ofVersions.folders.length, 52 + 51, 'and each document');
  t.same(ofVersions.opened, []);
  t.same(
    versions.filter(({ lastModified }) => lastModified !== undefined),
    [],
  );
  const { seen: times, ...ofTimes } = await during(() => scan({ timeOf: isDocument }));
  t.equal(times.filter(({ lastModified }) => lastModified !== undefined).length, 51);
  t.same(ofTimes.opened, []);

  await rm(join(directory, 'objects/p'), { recursive: true });
  t.same(await scan({}), []);
  await rm(join(directory, 'objects'), { recursive: true });
  await t.rejects(
    scan({}),
    { kind: 'unavailable' } as unknown as Error,
    'a volume that is not mounted holds nothing that could be missing',
  );
});

t.test('a scan that is left early, or meets a folder that cannot be read, ends', async (t) => {
  const directory = await makeDirectory(t);
  let broken = '';
  const store = await openStore(directory, {
    readdir: (path) => nodeFiles.readdir(path === `${directory}/objects/${broken}` ? `${directory}\0` : path),
  });
  for (let n = 0; n < 40; n++) await store.put(`p/${n}/x`, Buffer.from('x'));
  for await (const { key } of store.scan({ prefix: 'p/' })) {
    t.equal(key, 'p/0/x');
    break;
  }
  broken = 'p/17';
  const scan = async (): Promise<number> => {
    let count = 0;
    for await (const _ of store.scan({ prefix: 'p/' })) count++;
    return count;
  };
  await t.rejects(scan());
  broken = '';
  t.equal(await scan(), 40);
});

t.test('a tombstone stays for writers that slept, and a listing after 10 s removes it', async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory);
  const now = Date.now;
  t.teardown(() => {
    Date.now = now;
  });
  await store.put('doc', Buffer.from('1'));
  await store.put('stays', Buffer.from('1'));
  await store.delete('doc');
  for (const laterMs of [0, 9_000]) {
    Date.now = () => now() + laterMs;
    t.same(await listed(store, { prefix: '' }), ['stays']);
    t.same((await readdir(join(directory, 'objects'))).sort(), ['doc=', 'stays='], `after ${laterMs} ms`);
  }
  Date.now = () => now() + 11_000;
  t.same(await listed(store, { prefix: '' }), ['stays']);
  t.same(await readdir(join(directory, 'objects')), ['stays=']);
});

t.test('so does a look at the key', async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory);
  const now = Date.now;
  t.teardown(() => {
    Date.now = now;
  });
  await store.put('a/doc', Buffer.from('1'));
  await store.delete('a/doc');
  t.equal(await store.head('a/doc'), null);
  t.same(await readdir(join(directory, 'objects/a')), ['doc=']);
  Date.now = () => now() + 11_000;
  t.equal(await store.head('a/doc'), null);
  t.same(await readdir(join(directory, 'objects')), []);
  await store.put('a/doc', Buffer.from('22'));
  t.equal((await store.head('a/doc'))?.size, 2);
});

t.test('a directory that was read between two steps of a writer is read again', async (t) => {
  const directory = await makeDirectory(t);
  await (await openStore(directory)).put('doc', Buffer.from('1'));
  let halves = 0;
  const store = await openStore(directory, {
    // too early for the new generation, too late for the old one
    readdir: async (path) => {
      const names = await nodeFiles.readdir(path);
      return path.endsWith('doc=') && halves++ === 0 ? names.filter((name) => !name.includes('.')) : names;
    },
  });
  t.equal((await store.head('doc'))?.size, 1, 'not absent');
  t.ok(halves > 1);
});

t.test('what cannot be tidied changes no answer', async (t) => {
  const directory = await makeDirectory(t);
  const file = join(directory, 'a file');
  await writeFile(file, 'x');
  let isBroken = false;
  const store = await openStore(directory, {
    // a real error of the file system, of a kind that no race explains: a file is no directory, and the other way round
    rmdir: (path) => nodeFiles.rmdir(isBroken ? file : path),
    unlink: (path) => nodeFiles.unlink(isBroken && path.includes('objects/') ? directory : path),
  });
  await store.put('plain/x', Buffer.from('1'), { immutable: true });
  await store.put('temporary/x', Buffer.from('1'), { immutable: true, temporary: true });
  await store.put('doc', Buffer.from('1'));
  await store.put('old/doc', Buffer.from('1'));
  await store.delete('temporary/x', { repeatable: true });
  const now = Date.now;
  t.teardown(() => {
    Date.now = now;
  });
  Date.now = () => now() - 60_000;
  await store.delete('old/doc');
  Date.now = now;
  isBroken = true;
  t.same(await listed(store, { prefix: '' }), ['doc', 'plain/x']);
  t.same(await listed(store, { prefix: '', delimiter: '/' }), ['doc', 'plain/']);
  await store.put('doc', Buffer.from('22'));
  t.equal((await store.head('doc'))?.size, 2, 'the generation before could not be removed');
  isBroken = false;
  await store.put('doc', Buffer.from('333'));
  t.equal((await readdir(join(directory, 'objects/doc='))).length, 2, 'the next write removes both');
});

t.test('a delete that worked stays one when the folder above cannot be removed', async (t) => {
  const directory = await makeDirectory(t);
  const file = join(directory, 'a file');
  await writeFile(file, 'x');
  const store = await openStore(directory, { rmdir: () => nodeFiles.rmdir(file) });
  await store.put('a/b/c', Buffer.from('1'), { immutable: true });
  await store.delete('a/b/c');
  t.equal(await store.head('a/b/c'), null);
  t.same(await listed(store, { prefix: '' }), []);
});

t.test('a write that worked stays one when its draft cannot be removed', async (t) => {
  const directory = await makeDirectory(t);
  let isBroken = false;
  const store = await openStore(directory, {
    unlink: (path) => nodeFiles.unlink(isBroken && path.includes('/tmp/') ? directory : path),
  });
  isBroken = true;
  await store.put('doc', Buffer.from('1'));
  await store.put('doc', Buffer.from('22'));
  await store.put('plain', Buffer.alloc(100_000), { immutable: true });
  await store.delete('doc');
  t.same(await listed(store, { prefix: '' }), ['plain']);
  isBroken = false;
  t.ok((await store.sweep(ANY_AGE)) > 0, 'a sweep removes them');
  t.same(await readdir(join(directory, 'tmp')), []);
});

t.test('what another process has deleted leaves no file open', async (t) => {
  const directory = await makeDirectory(t);
  const open = new Set<number>();
  const store = await openStore(directory, {
    open: async (path, flags, mode) => {
      const fd = await nodeFiles.open(path, flags, mode);
      open.add(fd);
      return fd;
    },
    release: (fd) => {
      open.delete(fd);
      nodeFiles.release(fd);
    },
    close: (fd) => {
      open.delete(fd);
      return nodeFiles.close(fd);
    },
  });
  const other = await openStore(directory);
  await other.put('doc', Buffer.from('1'));
  await other.delete('doc');
  for (let round = 0; round < 3; round++) {
    t.equal(await store.get('doc'), null);
    await other.put('doc', Buffer.from('1'));
    await other.delete('doc');
  }
  t.equal(open.size, 0);
});

t.test('an error after the call that decided is told as doubt, since the change can be seen', async (t) => {
  const directory = await makeDirectory(t);
  let isBroken = false;
  // folders only: a file is synced before anything is decided
  const openHot = async (path: string) =>
    isBroken ? nodeFiles.open(join(directory, 'tmp'), 'w') : nodeFiles.openHot(path);
  const store = await openStore(directory, { openHot });
  const unknown = { name: 'RegistryError', kind: 'outcomeUnknown' };
  for (const key of ['doc', 'gone']) await store.put(key, Buffer.from('1'));
  for (const key of ['plain', 'spare']) await store.put(key, Buffer.from('1'), { immutable: true });
  isBroken = true;
  await t.rejects(store.put('doc', Buffer.from('22')), unknown, 'a further generation');
  await t.rejects(store.put('new', Buffer.from('22')), unknown, 'the first one');
  await t.rejects(store.put('file', Buffer.from('22'), { immutable: true }), unknown, 'a plain file');
  await t.rejects(store.put('plain', Buffer.from('22'), { immutable: true }), unknown, 'one that is replaced');
  await t.rejects(store.delete('spare'), unknown, 'one that is deleted');
  await t.rejects(store.delete('gone'), unknown, 'a tombstone');
  isBroken = false;
  const sizes = await Promise.all(['doc', 'new', 'file', 'plain'].map(async (key) => (await store.head(key))?.size));
  t.same(sizes, [2, 2, 2, 2]);
  t.same(await Promise.all(['spare', 'gone'].map((key) => store.head(key))), [null, null]);
});

t.test('a disk that fails in the call that decides: what was done is not known', async (t) => {
  const directory = await makeDirectory(t);
  let broken = '';
  const failing = <T>(path: string, call: () => Promise<T>): Promise<T> =>
    broken !== '' && path.includes(broken)
      ? Promise.reject(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }))
      : call();
  const store = await openStore(directory, {
    link: (from, to) => failing(to, () => nodeFiles.link(from, to)),
    rename: (from, to) => failing(to, () => nodeFiles.rename(from, to)),
    unlink: (path) => failing(path, () => nodeFiles.unlink(path)),
  });
  await store.put('doc', Buffer.from('1'));
  await store.put('file', Buffer.from('1'), { immutable: true });
  broken = '/objects/';
  const unknown = { name: 'RegistryError', kind: 'outcomeUnknown' };
  await t.rejects(store.put('new', Buffer.from('2')), unknown, 'the first generation');
  await t.rejects(store.put('doc', Buffer.from('2')), unknown, 'a further one');
  await t.rejects(store.put('other', Buffer.from('2'), { immutable: true }), unknown, 'a plain file');
  await t.rejects(store.put('file', Buffer.from('2')), unknown, 'one that is replaced');
  await t.rejects(store.delete('file'), unknown, 'one that is deleted');
  await t.rejects(store.delete('file', { repeatable: true }), unknown, 'also if that may be done twice');
  broken = '';
  t.same(await listed(store, { prefix: '' }), ['doc', 'file']);
});

t.test('and one before it for certain: nothing was changed', async (t) => {
  const directory = await makeDirectory(t);
  let isBroken = false;
  const store = await openStore(directory, {
    // a descriptor that nobody has: EBADF
    fsync: (fd) => nodeFiles.fsync(isBroken ? 2 ** 30 : fd),
  });
  await store.put('doc', Buffer.from('1'));
  isBroken = true;
  const unavailable = { name: 'RegistryError', kind: 'unavailable' };
  await t.rejects(store.put('doc', Buffer.from('22')), unavailable);
  await t.rejects(store.put('file', Buffer.from('22'), { immutable: true }), unavailable);
  isBroken = false;
  t.equal((await store.head('doc'))?.size, 1);
  t.equal(await store.head('file'), null);
});

t.test('init says in one sentence what the file system is missing', async (t) => {
  const directory = await makeDirectory(t);
  const answers = (code: string): Partial<IFiles> => ({
    link: () => Promise.reject(Object.assign(new Error(`${code}: link`), { code })),
  });
  const hardLinks = /^The file system of .*objects has no hard links: every write needs a local one with hard links/;
  for (const code of ['EPERM', 'ENOTSUP', 'ENOSYS']) {
    await t.rejects(openStore(directory, answers(code)), { kind: 'unavailable', message: hardLinks }, code);
  }
  await t.rejects(openStore(directory, answers('EXDEV')), { message: /is not the one of tmp\/ beside it/ });
  const copies: Partial<IFiles> = { link: async (from, to) => cp(from, to) };
  await t.rejects(openStore(directory, copies), { message: /counts no hard links/ }, 'a copy is no second name');
  t.same(await tree(directory), ['objects/'], 'a probe leaves nothing');
  const store = await openStore(directory);
  t.same(await tree(directory), ['objects/']);
  await writeFile(join(directory, 'objects', '#probe-of-one-that-died'), '');
  t.same(await listed(store, { prefix: '' }), []);
  t.equal(await store.sweep(ANY_AGE), 1);
  t.same(await tree(directory), ['objects/']);
});

t.test(
  'init fails at once where no directory can be made',
  { skip: process.platform !== 'linux' && 'no /proc' },
  async (t) => {
    await t.rejects(openStore('/proc/smartregistry/data'), { kind: 'unavailable', message: /\(ENOENT\)/ });
  },
);
