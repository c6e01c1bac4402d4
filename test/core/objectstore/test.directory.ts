import fs from 'node:fs';
import { mkdtemp, readdir, readFile, readlink, rename, rm, stat, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { TErrorKind } from '../../../ts/core/classes.registryerror.js';
import type { DirectoryObjectStore } from '../../../ts/core/objectstore/directory/classes.directoryobjectstore.js';
import { type IFiles, nodeFiles } from '../../../ts/core/objectstore/directory/files/helpers.files.js';
import {
  decodeSegment,
  encodeSegment,
  relativePath,
} from '../../../ts/core/objectstore/directory/files/helpers.names.js';
import { compareKeys } from '../../../ts/core/objectstore/helpers.keys.js';
import { objectStoreSuite } from '../../suites/objectstore.suite.js';
import { bytesOf, drain, MIB, readAll, sha256Of, streamOf } from '../../support/store/objectstore-bytes.js';
import { ANY_AGE, makeDirectory, openStore, textOf, tree } from '../../support/store/objectstore-directory.js';

const failure = (kind: TErrorKind) => ({ name: 'RegistryError', kind });

const suiteDirectory = await mkdtemp(join(tmpdir(), 'objectstore-suite-'));

/** open files below the suite's directory; where the system does not tell (macOS), always 0 */
const held = async (): Promise<number> => {
  const fds = await readdir('/proc/self/fd').catch(() => []);
  const targets = await Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return targets.filter((target) => target.startsWith(suiteDirectory)).length;
};

objectStoreSuite(
  'directory',
  async () => {
    const open = () => openStore(suiteDirectory);
    const close = async () => {
      const left = await readdir(join(suiteDirectory, 'tmp'));
      await rm(suiteDirectory, { recursive: true });
      if (left.length > 0) throw new Error(`drafts were left: ${left}`);
    };
    return { store: await open(), again: open, close };
  },
  { pathPrefixes: true, longSegments: true, held },
);

t.test('names are reversible, lower case and short', async (t) => {
  const alphabet = [
    'a',
    'A',
    'z',
    'Z',
    '.',
    ' ',
    '%',
    '!',
    '=',
    '~',
    '+',
    '-',
    '_',
    '@',
    'é',
    'E',
    '🚀',
    '\\',
    ':',
    '\n',
  ];
  const seen = new Map<string, string>();
  const pick = () => alphabet[Math.floor(Math.random() * alphabet.length)]!;
  for (let round = 0; round < 3000; round++) {
    const segment = Array.from({ length: 1 + (round % 6) }, pick).join('');
    if (segment === '.' || segment === '..') continue;
    const name = encodeSegment(segment);
    if (decodeSegment(name) !== segment) t.equal(decodeSegment(name), segment, name);
    if (!/^[a-z0-9._@+%!-]*[^. ]$/.test(name)) t.fail(`${segment} became ${name}`);
    const same = seen.get(name.toLowerCase().normalize('NFC'));
    if (same !== undefined && same !== segment) t.fail(`${same} and ${segment} both became ${name}`);
    seen.set(name, segment);
  }
  for (const key of ['L'.repeat(1000), `${'ü'.repeat(160)}/${'.'.repeat(300)}`, `a/${'x'.repeat(200)}`]) {
    for (const name of relativePath(key).split('/')) t.ok(name.length <= 255 && name === name.toLowerCase(), name);
  }
  t.equal(relativePath('npm/@scope/Name/1.0.0+x.tgz'), 'npm/@scope/!name/1.0.0+x.tgz=');
  for (const foreign of ['.DS_Store', 'Thumbs.db', 'x%2', 'x%zz', 'x%41', '%ff']) t.equal(decodeSegment(foreign), null);
});

t.test('keys are compared by their bytes', async (t) => {
  const keys = ['', 'a', 'a!', 'a/', 'aa', 'b', '\u00e9', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'];
  for (const a of keys) {
    for (const b of keys) {
      const expected = Buffer.compare(Buffer.from(a), Buffer.from(b));
      t.equal(Math.sign(compareKeys(a, b)), expected, JSON.stringify([a, b]));
    }
  }
});

t.test('files of others in the directory are left alone', async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory);
  await store.put('a/b', Buffer.from('1'));
  await writeFile(join(directory, 'objects/.DS_Store'), 'x');
  await writeFile(join(directory, 'objects/a/README'), 'x');
  const keys: string[] = [];
  for await (const item of store.list({ prefix: '' })) keys.push('key' in item ? item.key : item.prefix);
  t.same(keys, ['a/b']);
});

t.test('a key works in whichever form it is stored', async (t) => {
  for (const [first, second] of [
    [true, false],
    [false, true],
    [true, true],
  ]) {
    const store = await openStore(await makeDirectory(t));
    const other = await openStore(await makeDirectory(t));
    const { etag } = await store.put('k', Buffer.from('1'), { immutable: first });
    await store.head('k');
    const put = (text: string, options: object, through = store) =>
      through.put('k', Buffer.from(text), { immutable: second, ...options });
    await t.rejects(put('x', { ifNoneMatch: '*' }), failure('preconditionFailed'));
    await t.rejects(put('x', { ifMatch: 'other' }), failure('preconditionFailed'));
    const next = await put('2', { ifMatch: etag });
    t.equal(await textOf(store, 'k'), '2');
    await t.rejects(put('x', { ifMatch: etag }), failure('preconditionFailed'));
    t.equal((await store.head('k'))?.etag, next.etag);
    const races = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) => put(`race ${i}`, { ifMatch: next.etag, immutable: i % 2 === 0 })),
    );
    t.equal(races.filter(({ status }) => status === 'fulfilled').length, 1, 'exactly one wins');
    await put('3', {});
    t.equal(await textOf(store, 'k'), '3');
    await store.delete('k');
    t.equal(await store.head('k'), null);
    await put('4', { ifNoneMatch: '*' });
    t.equal(await textOf(store, 'k'), '4');
    await store.delete('k', { ifMatch: (await store.head('k'))!.etag });
    t.equal(await textOf(store, 'k'), null);
    await store.put('k', Buffer.from('5'), { ifNoneMatch: '*', immutable: first });
    t.equal(await textOf(store, 'k'), '5');
    t.equal(await textOf(other, 'k'), null);
  }
});

t.test('a body that cannot be stored is not read', async (t) => {
  const store = await openStore(await makeDirectory(t));
  await store.put('k', Buffer.from('1'));
  for (const [key, options] of [
    ['k', { ifNoneMatch: '*' }],
    ['k', { ifMatch: 'other' }],
    ['new', { ifMatch: 'other' }],
    ['a//b', {}],
    ['k', { signal: AbortSignal.abort() }],
  ] as const) {
    let [read, told] = [0, false];
    const source = new ReadableStream(
      {
        pull: (controller) => controller.enqueue(new Uint8Array(++read)),
        cancel: () => {
          told = true;
        },
      },
      { highWaterMark: 0 },
    );
    await t.rejects(store.put(key, source, options));
    t.same([read, told], [0, true], JSON.stringify(options));
  }
});

t.test('what was deleted goes away from the disk with a later listing', async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory);
  for (let i = 0; i < 20; i++) await store.put(`a/b-${i % 2}/key-${i}`, Buffer.from('x'), { immutable: i % 3 === 0 });
  await store.put('a/stays', Buffer.from('x'));
  const now = Date.now;
  t.teardown(() => {
    Date.now = now;
  });
  Date.now = () => now() - 60_000;
  for (let i = 0; i < 20; i++) await store.delete(`a/b-${i % 2}/key-${i}`);
  Date.now = now;
  t.equal((await store.list({ prefix: 'a/b' })[Symbol.asyncIterator]().next()).done, true);
  t.same(await readdir(join(directory, 'objects/a')), ['stays='], 'with the folders above');
});

t.test('an unchanged object is described without being opened', async (t) => {
  const calls: string[] = [];
  const directory = await makeDirectory(t);
  const counted = Object.fromEntries(
    Object.entries(nodeFiles).map(([name, call]) => [
      name,
      (...parameters: never[]) => {
        calls.push(name);
        return (call as (...parameters: never[]) => unknown)(...parameters);
      },
    ]),
  ) as unknown as IFiles;
  // on a busy machine looks may have been slow of late
  const store = await openStore(directory, { ...counted, looksAtOnce: () => true });
  const other = await openStore(directory);
  await store.put('doc', Buffer.from('1'));
  await store.put('blob', Buffer.from('1'), { immutable: true });
  await store.head('blob');
  const during = async (act: () => Promise<unknown>) => {
    calls.length = 0;
    await act();
    return calls.join(' ');
  };
  t.equal(await during(() => store.head('doc')), 'readdirHot', 'nothing was there a moment ago');
  t.equal(await during(() => store.head('blob')), 'statHot');
  t.equal(await during(() => store.get('doc')), 'readdirHot open read release');
  t.equal(await during(() => store.get('blob')), 'open read release');
  const { etag } = await other.put('doc', Buffer.from('22'));
  t.match(await store.head('doc'), { etag, size: 2 }, "another's write is seen");
  t.equal(await during(() => store.head('doc')), 'readdirHot');
  t.equal(await during(() => store.get('doc', { ifNoneMatch: etag })), 'readdirHot');
  await other.delete('blob');
  t.equal(await store.head('blob'), null);
  await other.put('blob', Buffer.from('333'), { immutable: true });
  t.equal((await store.head('blob'))?.size, 3);
  t.equal(
    await during(() => store.head('never')),
    'readdir statHot',
    'what nobody asked for a moment ago may have to be read',
  );
  t.equal(await during(() => store.head('never')), 'readdirHot statHot', 'that there is nothing is in memory as well');
});

t.test('one large part becomes the object without being copied', async (t) => {
  const directory = await makeDirectory(t);
  let written = 0;
  const store = await openStore(directory, {
    write: (fd, bytes, position) => {
      written += bytes.byteLength;
      return nodeFiles.write(fd, bytes, position);
    },
    writev: (fd, chunks, position) => {
      for (const { byteLength } of chunks) written += byteLength;
      return nodeFiles.writev(fd, chunks, position);
    },
  });
  await store.put('staging/1', streamOf(12 * MIB));
  await store.put('staging/empty', new Uint8Array());
  written = 0;
  await store.compose('blob', ['staging/1', 'staging/empty'], {
    immutable: true,
    ifNoneMatch: '*',
    contentType: 'a/b',
  });
  t.ok(written < 4096, `${written} bytes were written`);
  t.same(await drain((await openObject(store, 'staging/1')).body), { size: 12 * MIB, sha256: sha256Of(12 * MIB) });
  // the part is still there, as after a crash: giving it away again must not touch the first object
  const before = await store.head('blob');
  await store.compose('second', ['staging/1'], { contentType: 'c/d' });
  const fresh = await openStore(directory);
  t.same(await fresh.head('blob'), before);
  t.equal((await fresh.head('second'))?.contentType, 'c/d');
  for (const key of ['staging/1', 'blob']) await store.delete(key);
  t.same(await drain((await openObject(fresh, 'second')).body), { size: 12 * MIB, sha256: sha256Of(12 * MIB) });
  t.same((await readdir(join(directory, 'tmp'))).length, 0);
});

t.test('an object that was composed of one part is a part itself: it stays readable until it is deleted', async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory);
  const whole = { size: MIB, sha256: sha256Of(MIB) };
  await store.put('staging/1', streamOf(MIB), { immutable: true, temporary: true });
  for (const [part, target] of [
    ['staging/1', 'files/a'],
    ['files/a', 'files/b'],
    ['files/b', 'files/c'],
  ] as const) {
    await store.compose(target, [part], { immutable: true, ifNoneMatch: '*', sizes: [MIB] });
    if (part === 'staging/1') await store.delete(part);
    const fresh = await openStore(directory);
    const keys = part === 'staging/1' ? [target] : [part, target];
    for (const key of keys) t.same(await drain((await openObject(fresh, key)).body), whole, key);
    const listed: string[] = [];
    for await (const item of fresh.list({ prefix: 'files/' })) if ('key' in item) listed.push(item.key);
    for (const key of keys) t.ok(listed.includes(key), `${key} is in ${listed}`);
  }
});

const openObject = async (store: DirectoryObjectStore, key: string) => {
  const object = await store.get(key);
  if (!object || object === 'notModified') throw new Error(`${key} is absent`);
  return object;
};

t.test('trouble with the disk is told as such, and leaves nothing', async (t) => {
  const directory = await makeDirectory(t);
  const broken = new Set<string>();
  const breaking = Object.fromEntries(
    Object.entries(nodeFiles).map(([name, call]) => [
      name,
      ['release', 'statHot', 'readdirHot'].includes(name)
        ? call
        : async (...parameters: never[]) => {
            // the disk is full for real calls, so that errors look as they do in life
            if (broken.has(name))
              return nodeFiles.open('/dev/full', 'r+').then(async (fd) => {
                await nodeFiles.write(fd, Buffer.from('x'), 0).finally(() => nodeFiles.close(fd));
              });
            return (call as (...parameters: never[]) => unknown)(...parameters);
          },
    ]),
  ) as unknown as IFiles;
  const store = await openStore(directory, breaking);
  await store.put('old', Buffer.from('old'));
  await store.put('large', bytesOf(MIB), { immutable: true });
  const unavailable = { kind: 'unavailable', cause: { code: 'ENOSPC' } };
  for (const call of ['write', 'writev', 'fsync', 'link', 'rename', 'mkdir']) {
    for (const [key, body, options] of [
      ['old', Buffer.from('new'), {}],
      ['new', Buffer.from('new'), {}],
      ['new', streamOf(MIB), {}],
      ['blob', streamOf(MIB), { immutable: true }],
    ] as const) {
      broken.add(call);
      const failed = await store.put(key, body, options).then(
        () => null,
        (error: unknown) => error,
      );
      broken.clear();
      if (failed) t.match(failed, unavailable, `${call} of ${key}`);
      if (call === 'write') t.ok(failed, `${call} of ${key}`);
    }
    if (call !== 'fsync')
      t.notOk(
        (await tree(directory)).some((path) => path.startsWith('tmp/')),
        `${call}: no draft`,
      );
  }
  broken.add('read');
  await t.rejects(store.get('old'), unavailable);
  broken.clear();
  const { body } = await openObject(store, 'large');
  broken.add('read');
  await t.rejects(readAll(body), unavailable, 'in the middle of a body');
  broken.clear();
  broken.add('readdir');
  await t.rejects(store.head('other'), unavailable, 'never absent');
  await t.rejects(store.list({ prefix: '' })[Symbol.asyncIterator]().next(), unavailable);
});

t.test('a disk that fails while a large body still arrives is heard, although it says so only once', async (t) => {
  const directory = await makeDirectory(t);
  let calls = 0;
  const store = await openStore(directory, {
    fdatasync: async () => {
      calls += 1;
      throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
    },
  });
  await t.rejects(
    store.put('small', streamOf(60 * MIB)).then(() => Promise.reject(new Error('fine'))),
    { message: 'fine' },
  );
  t.equal(calls, 0);
  await t.rejects(store.put('large', streamOf(130 * MIB), { immutable: true }));
  t.ok(calls > 0, 'the disk was told to begin');
  t.equal(await store.head('large'), null);
  t.notOk((await tree(directory)).some((path) => path.startsWith('tmp/')));
});

t.test('a listing looks only at names that can be wanted, and takes empty folders away', async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory);
  const keys = ['a.', 'a.b', 'a.b/c', 'a/x', 'aB', 'ab', 'a:b', `a.${'long'.repeat(80)}`];
  for (const key of keys) await store.put(`top/${key}`, Buffer.from('1'), { immutable: true });
  for (const prefix of ['a', 'a.', 'a.b', 'a/', 'aB', 'a:', 'a.longl', `a.${'long'.repeat(79)}l`, 'b']) {
    const found: string[] = [];
    for await (const item of store.list({ prefix: `top/${prefix}` })) if ('key' in item) found.push(item.key.slice(4));
    t.same(found, keys.filter((key) => key.startsWith(prefix)).sort(), prefix);
  }
  await store.put('staging/day/1', Buffer.from('1'), { immutable: true, temporary: true });
  await store.delete('staging/day/1', { repeatable: true });
  t.match(await tree(directory), ['objects/staging/day/'], 'a repeatable delete leaves the folder');
  for await (const _item of store.list({ prefix: 'staging/' })) t.fail('there is nothing');
  t.notOk((await tree(directory)).some((path) => path.includes('staging/day')));
});

t.test('a directory that is gone reads as an outage, not as empty', async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(join(directory, 'store'));
  await store.put('a/b', Buffer.from('1'));
  await rename(join(directory, 'store'), join(directory, 'elsewhere'));
  const unavailable = failure('unavailable');
  await t.rejects(store.head('a/b'), unavailable);
  await t.rejects(store.get('a/b'), unavailable);
  await t.rejects(store.put('a/b', Buffer.from('2')), unavailable);
  await t.rejects(store.put('a/c', Buffer.from('2'), { immutable: true, ifNoneMatch: '*' }), unavailable);
  await t.rejects(store.list({ prefix: '' })[Symbol.asyncIterator]().next(), unavailable);
  t.same(await readdir(directory), ['elsewhere'], 'and is not made anew');
  await rename(join(directory, 'elsewhere'), join(directory, 'store'));
  t.equal(await textOf(store, 'a/b'), '1');
});

t.test('damage is told, and never served', async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory);
  for (const [key, options] of [
    ['doc', {}],
    ['blob', { immutable: true }],
  ] as const) {
    await store.put(key, bytesOf(300_000), options);
    const file = (await tree(join(directory, 'objects'))).find((path) => path.startsWith(key) && /(=|\.1)$/.test(path));
    const path = join(directory, 'objects', file!);
    const whole = await readFile(path);
    await writeFile(path, whole.subarray(0, 200_000));
    await t.rejects(async () => readAll((await openObject(store, key)).body), failure('internal'), 'cut off');
    await writeFile(path, '');
    await t.rejects((await openStore(directory)).head(key), failure('internal'), 'empty');
    await writeFile(path, Buffer.alloc(300_000));
    await t.rejects((await openStore(directory)).get(key), failure('internal'), 'zeroes');
    await writeFile(path, whole);
    t.equal((await (await openStore(directory)).head(key))?.size, 300_000);
  }
});

t.test('init removes drafts of yesterday, and only those', async (t) => {
  const directory = await makeDirectory(t);
  await openStore(directory);
  for (const name of ['old', 'young']) await writeFile(join(directory, 'tmp', name), 'x');
  await nodeFiles.mkdir(join(directory, 'tmp', 'old-directory'));
  await writeFile(join(directory, 'tmp', 'old-directory', 'x'), 'x');
  await openStore(directory, {
    stat: async (path) => {
      const found = await stat(path);
      if (path.includes('/old')) found.ctimeMs -= 25 * 60 * 60 * 1000;
      return found;
    },
  });
  t.same(await readdir(join(directory, 'tmp')), ['young']);
});

t.test('a file system that takes and gives less than it is asked for: the whole body is stored and read', async (t) => {
  const store = await openStore(await makeDirectory(t));
  const { read, writev, write, writeSync } = fs;
  t.teardown(() => {
    Object.assign(fs, { read, writev, write, writeSync });
    syncBuiltinESMExports();
  });
  let shortened = 0;
  let given = 0;
  const isShortened = () => ++shortened % 3 === 1;
  const short: Pick<typeof fs, 'read' | 'writev' | 'write' | 'writeSync'> = {
    read: ((fd: number, buffer: Uint8Array, from: number, count: number, position: number, done: () => void) =>
      read(fd, buffer, from, ++given % 3 === 1 ? Math.min(count, 1000) : count, position, done)) as typeof read,
    writev: ((fd: number, chunks: Uint8Array[], position: number, done: () => void) =>
      isShortened()
        ? write(fd, chunks[0]!, 0, 1000, position, done)
        : writev(fd, chunks, position, done)) as typeof writev,
    write: ((fd: number, bytes: Uint8Array, from: number, count: number, position: number, done: () => void) =>
      write(fd, bytes, from, isShortened() ? 1000 : count, position, done)) as typeof write,
    writeSync: ((fd: number, bytes: Uint8Array, from: number, count: number, position: number) =>
      writeSync(fd, bytes, from, isShortened() ? Math.min(count, 1000) : count, position)) as typeof writeSync,
  };
  Object.assign(fs, short);
  syncBuiltinESMExports();
  for (const size of [3 * MIB, 60 * 1024, 200]) {
    for (const immutable of [true, false]) {
      const key = `${size}-${immutable}`;
      [shortened, given] = [0, 0];
      await store.put(key, streamOf(size), { immutable });
      t.ok(shortened > 0);
      const object = await store.get(key);
      t.same(object && object !== 'notModified' && (await drain(object.body)), { size, sha256: sha256Of(size) }, key);
      t.ok(given > 0);
    }
  }
});

t.test('a sweep removes what dead writers left, and not what is being written', async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory);
  await store.put('key', streamOf(MIB));
  await writeFile(join(directory, 'tmp', 'left'), 'x');
  t.equal(await store.sweep(60_000), 0);
  t.same(await readdir(join(directory, 'tmp')), ['left'], 'it is young');
  t.equal(await store.sweep(ANY_AGE), 1);
  t.same(await readdir(join(directory, 'tmp')), []);
  t.equal((await store.head('key'))?.size, MIB);
});

t.test('metadata has a limit, and fits beside the longest key', async (t) => {
  const store = await openStore(await makeDirectory(t));
  const key = '\u0001'.repeat(1024);
  const metadata = { note: 'n'.repeat(4000) };
  await store.put(key, streamOf(MIB), { metadata });
  for (let round = 0; round < 3; round++) await store.put(key, streamOf(MIB), { metadata });
  await store.compose('target', [key], { metadata });
  t.same((await store.head('target'))?.metadata, metadata);
  await t.rejects(store.put('k', Buffer.from('x'), { metadata: { note: 'n'.repeat(5000) } }), failure('invalid'));
  await t.rejects(store.put('x'.repeat(1025), Buffer.from('x')), failure('invalid'));
});
