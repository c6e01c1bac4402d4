import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { DirectoryObjectStore } from '../../../ts/core/objectstore/directory/classes.directoryobjectstore.js';
import { type IFiles, nodeFiles } from '../../../ts/core/objectstore/directory/files/helpers.files.js';
import {
  checkAbout,
  type IHeader,
  PAST_WRITES,
  pastAfter,
  remembers,
} from '../../../ts/core/objectstore/directory/files/helpers.header.js';
import { relativeFolder, relativePath } from '../../../ts/core/objectstore/directory/files/helpers.names.js';
import { isDirectoryStore } from '../../../ts/core/objectstore/directory/files/helpers.presence.js';
import { plainId } from '../../../ts/core/objectstore/directory/reading/classes.versionreader.js';
import { resolveRange } from '../../../ts/core/objectstore/directory/reading/helpers.body.js';
import { keySegments } from '../../../ts/core/objectstore/helpers.keys.js';
import type { IObject } from '../../../ts/core/objectstore/interfaces.objectstore.js';
import { ofKind } from '../../support/expect.js';
import { ANY_AGE, Gate, makeDirectory, openStore, textOf, tree } from '../../support/store/objectstore-directory.js';

const KIB = 1024;
const immutable = true;
const bytes = (text: string): Buffer => Buffer.from(text);

type TVerb = 'link' | 'rename' | 'unlink' | 'stat' | 'fstat' | 'rmdir' | 'readdir';

/** A store in whose place one call fails once with this code, if it concerns the path. */
const failingOnce = async (t: Test) => {
  const directory = await makeDirectory(t);
  const next: { verb?: TVerb; code?: string; concerns?: (path: string) => boolean } = {};
  const replaced = (verb: TVerb) => {
    const real = nodeFiles[verb] as (...parameters: unknown[]) => Promise<never>;
    return async (...parameters: unknown[]): Promise<never> => {
      const path = String(parameters[verb === 'link' || verb === 'rename' ? 1 : 0]);
      if (next.verb !== verb || !next.concerns?.(path)) return real(...parameters);
      next.verb = undefined;
      const { code } = next;
      throw Object.assign(new Error(`${code}: ${verb}`), { code });
    };
  };
  const verbs: TVerb[] = ['link', 'rename', 'unlink', 'stat', 'fstat', 'rmdir', 'readdir'];
  const files = Object.fromEntries(verbs.map((verb) => [verb, replaced(verb)])) as Partial<IFiles>;
  const store = await openStore(directory, files);
  const fail = (verb: TVerb, code: string, concerns: (path: string) => boolean) =>
    void Object.assign(next, { verb, code, concerns });
  return { directory, store, fail, isOver: () => next.verb === undefined };
};

const freeze = (t: Test, at: number): ((ms: number) => void) => {
  const { now } = Date;
  t.teardown(() => {
    Date.now = now;
  });
  const set = (ms: number) => {
    Date.now = () => ms;
  };
  set(at);
  return set;
};

t.test(
  'an object that is never rewritten is replaced and deleted, although another process comes between',
  async (t) => {
    for (const code of ['ENOENT', 'ENOTDIR', 'EISDIR', 'EEXIST', 'ENOTEMPTY', 'EPERM']) {
      const { store, fail, isOver } = await failingOnce(t);
      await store.put('key', bytes('1'), { immutable });
      fail('rename', code, (path) => path.endsWith('/key='));
      await store.put('key', bytes('2'), { immutable });
      t.ok(isOver());
      t.equal(await textOf(store, 'key'), '2', `put, ${code}`);
      fail('unlink', code, (path) => path.endsWith('/key='));
      await store.delete('key');
      t.ok(isOver());
      t.equal(await store.head('key'), null, `delete, ${code}`);
      const { etag } = await store.put('key', bytes('3'), { immutable });
      if (code === 'EEXIST') continue;
      fail('link', code, (path) => path.includes('/claim-'));
      await store.put('key', bytes('4'), { immutable, ifMatch: etag });
      t.ok(isOver());
      t.equal(await textOf(store, 'key'), '4', `conditional put, ${code}`);
    }
    for (const [verb, ask] of [
      ['rename', async (store: DirectoryObjectStore) => void (await store.put('key', bytes('2'), { immutable }))],
      ['unlink', (store: DirectoryObjectStore) => store.delete('key')],
    ] as const) {
      const { store, fail } = await failingOnce(t);
      await store.put('key', bytes('1'), { immutable });
      fail(verb, 'EACCES', (path) => path.endsWith('/key='));
      await t.rejects(ask(store), { code: 'EACCES' } as unknown as Error, verb);
      t.equal(await textOf(store, 'key'), '1');
    }
  },
);

t.test('a disk that fails in the call that decides, in whichever way: what was done is not known', async (t) => {
  for (const [code, isUnknown] of [
    ['EIO', true],
    ['ETIMEDOUT', true],
    ['ESTALE', true],
    ['ENXIO', true],
    ['ENODEV', true],
    ['ENOSPC', false],
  ] as const) {
    const { store, fail } = await failingOnce(t);
    await store.put('doc', bytes('1'));
    fail('link', code, (path) => path.endsWith('.2'));
    const error = await store.put('doc', bytes('2')).catch((thrown: unknown) => thrown);
    t.match(error, isUnknown ? ofKind('outcomeUnknown') : { code }, code);
    t.equal(await textOf(store, 'doc'), '1');
  }
});

t.test('a document whose directory is made by another process at the same time', async (t) => {
  for (const code of ['ENOTEMPTY', 'EEXIST', 'ENOTDIR']) {
    const { directory, store, fail, isOver } = await failingOnce(t);
    fail('rename', code, (path) => path.endsWith('/doc='));
    await store.put('doc', bytes('1'));
    t.ok(isOver());
    t.equal(await textOf(store, 'doc'), '1', code);
    t.same(await readdir(join(directory, 'tmp')), [], code);
  }
  const { directory, store, fail } = await failingOnce(t);
  fail('rename', 'EACCES', (path) => path.endsWith('/doc='));
  await t.rejects(store.put('doc', bytes('1')), { code: 'EACCES' } as unknown as Error);
  t.same(await readdir(join(directory, 'tmp')), [], 'nothing is left of it');
});

t.test('a marker that cannot get a further name is made anew, unless the disk fails', async (t) => {
  for (const [code, isMade] of [
    ['EMLINK', true],
    ['ENOENT', true],
    ['ENOTDIR', true],
    ['EACCES', false],
  ] as const) {
    const { store, fail, isOver } = await failingOnce(t);
    await store.put('a', bytes('1'));
    fail('link', code, (path) => path.includes('/tmp/') && /[0-9a-f]{16}$/.test(path));
    const made = store.put('b', bytes('1'));
    if (isMade) await made;
    else await t.rejects(made, { code } as unknown as Error);
    t.ok(isOver());
    t.equal(await textOf(store, 'b'), isMade ? '1' : null, code);
  }
});

t.test('a part whose file cannot be given away is copied, and a claim is given back', async (t) => {
  const part = Buffer.alloc(300 * KIB, 'x');
  for (const code of ['EEXIST', 'ENOENT', 'ENOTDIR', 'EISDIR', 'EPERM', 'EMLINK']) {
    const { store, fail, isOver } = await failingOnce(t);
    await store.put('part', part, { immutable });
    fail('link', code, (path) => path.includes('/adopt-'));
    await store.compose('whole', ['part'], { immutable });
    t.ok(isOver());
    t.equal(await textOf(store, 'whole'), part.toString(), code);
  }
  for (const [verb, concerns] of [
    ['link', (path: string) => path.includes('/adopt-')],
    ['stat', (path: string) => path.includes('/adopt-')],
  ] as const) {
    const { directory, store, fail, isOver } = await failingOnce(t);
    await store.put('part', part, { immutable });
    fail(verb, 'EACCES', concerns);
    await t.rejects(store.compose('whole', ['part'], { immutable }), { code: 'EACCES' } as unknown as Error, verb);
    t.ok(isOver());
    t.same(await readdir(join(directory, 'tmp')), [], verb);
    t.equal(await store.head('whole'), null);
  }
});

t.test('what a sweep removes has the very age that was asked for, or more', async (t) => {
  const directory = await makeDirectory(t);
  const ages: Record<string, number> = { older: 1001, old: 1000, young: 999 };
  let now = Date.now();
  const store = await openStore(directory, {
    stat: async (path) => {
      const name = path.split('/').at(-1) as string;
      // another process has removed it meanwhile
      if (name === 'gone') throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
      const found = await stat(path);
      if (name in ages) found.ctimeMs = now - (ages[name] as number);
      return found;
    },
  });
  for (const name of ['gone', ...Object.keys(ages)]) await writeFile(join(directory, 'tmp', name), 'x');
  now = Date.now();
  freeze(t, now);
  t.equal(await store.sweep(1000), 2);
  t.same((await readdir(join(directory, 'tmp'))).sort(), ['gone', 'young']);
});

t.test('a store that cannot clear away what dead writers left starts all the same', async (t) => {
  const directory = await makeDirectory(t);
  await openStore(directory);
  const noList: Partial<IFiles> = {
    readdir: (path) => (path.endsWith('/tmp') ? nodeFiles.readdir(`${path}/none`) : nodeFiles.readdir(path)),
  };
  const store = await openStore(directory, noList);
  await store.put('key', bytes('x'));
  await t.rejects(store.sweep(0), ofKind('unavailable'), 'a sweep tells it');
});

t.test('the start names what the file system lacks, and passes on what it cannot name', async (t) => {
  const directory = await makeDirectory(t);
  const start = (code: string) =>
    openStore(directory, { link: () => Promise.reject(Object.assign(new Error(`${code}: link`), { code })) });
  for (const code of ['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'EMLINK']) {
    await t.rejects(start(code), { kind: 'unavailable', message: /has no hard links/ } as unknown as Error, code);
  }
  await t.rejects(start('EIO'), { message: 'EIO: link' });
  t.same(await tree(directory), ['objects/']);
});

const skip = process.platform === 'win32' && 'Windows has no modes';

t.test('the owner can use what is made in a directory that gives him less', { skip }, async (t) => {
  const directory = join(await makeDirectory(t), 'data');
  const before = process.umask(0);
  t.teardown(() => process.umask(before));
  await openStore(directory);
  await chmod(directory, 0o300);
  const store = await openStore(directory);
  await store.put('new/doc', bytes('x'));
  await store.put('new/file', bytes('x'), { immutable });
  await chmod(directory, 0o700);
  const mode = async (path: string) => ((await stat(join(directory, path))).mode & 0o777).toString(8);
  t.same(await Promise.all(['objects/new', 'objects/new/doc=', 'objects/new/file='].map(mode)), ['700', '700', '600']);
});

t.test('ranges', async (t) => {
  for (const [range, size, expected] of [
    [{ start: 0 }, 10, [0, 9]],
    [{ start: 9 }, 10, [9, 9]],
    [{ start: 10 }, 10, null],
    [{ start: 2, end: 2 }, 10, [2, 2]],
    [{ start: 3, end: 2 }, 10, null],
    [{ start: 2, end: 9 }, 10, [2, 9]],
    [{ start: 2, end: 10 }, 10, [2, 9]],
    [{ start: -1 }, 10, null],
    [{ suffix: 1 }, 10, [9, 9]],
    [{ suffix: 10 }, 10, [0, 9]],
    [{ suffix: 11 }, 10, [0, 9]],
    [{ suffix: 0 }, 10, null],
    [{ suffix: 1 }, 0, null],
    [{ start: 0 }, 0, null],
  ] as const) {
    const name = JSON.stringify([range, size]);
    if (expected) t.same(resolveRange(range, size), { start: expected[0], end: expected[1] }, name);
    else
      t.throws(() => resolveRange(range, size), { kind: 'rangeInvalid', detail: { size } } as unknown as Error, name);
  }
});

t.test('a header remembers 256 writes before it', async (t) => {
  const etagOf = (n: number): string => `etag${String(n).padStart(6, '0')}`;
  const first: IHeader = { key: 'k', etag: 'first-etag', size: 0, at: 0, n: 1 };
  let top = first;
  for (let n = 2; n <= PAST_WRITES + 1; n++) top = { ...first, etag: etagOf(n).slice(4), past: pastAfter(top), n };
  t.equal(PAST_WRITES, 256);
  t.equal(remembers(top, top.n as number, top.etag), true, 'its own');
  t.equal(remembers(top, 2, '000002'), true, 'the one of 255 writes before');
  t.equal(remembers(top, 2, '000003'), false, 'another write of that number');
  t.equal(remembers(top, 1, 'first-etag'), undefined, 'nor more');
  t.equal(remembers({ ...first, n: 3, past: 'second' }, 1, 'first-etag'), false, 'a short history is a whole one');
  t.equal(remembers(first, 2, 'x'), false, 'a later number is not built upon');
});

t.test('how much may be said of an object, to the last character', async (t) => {
  const rest = JSON.stringify(['', { a: '' }]).length;
  const about = (length: number) => ({ contentType: '', metadata: { a: 'x'.repeat(length - rest) } });
  t.doesNotThrow(() => checkAbout(about(4096)));
  t.throws(() => checkAbout(about(4097)), ofKind('invalid'));
  const store = await openStore(await makeDirectory(t));
  await store.put('part', bytes('x'));
  await t.rejects(store.put('key', bytes('x'), about(4097)), ofKind('invalid'));
  await t.rejects(store.compose('key', ['part'], about(4097)), ofKind('invalid'));
  await store.compose('key', ['part'], about(4096));
  t.same((await store.head('key'))?.metadata, about(4096).metadata);
});

t.test('long segments are cut behind 200 characters', async (t) => {
  const x = (count: number) => 'x'.repeat(count);
  t.equal(relativePath(x(200)), `${x(200)}=`);
  t.equal(relativePath(x(201)), `${x(200)}~/x=`);
  t.equal(relativePath(x(401)), `${x(200)}~/${x(200)}~/x=`);
  t.equal(relativeFolder(`a/${x(201)}/`), `a/${x(200)}~/x`);
  t.equal(relativeFolder(`a./B/`), 'a%2e/!b');
});

t.test('a key has 1024 bytes at most, whatever its characters', async (t) => {
  for (const [char, most] of [
    ['x', 1024],
    ['ü', 512],
    ['日', 341],
    ['🚀', 256],
  ] as const) {
    t.same(keySegments(char.repeat(most)), [char.repeat(most)]);
    t.throws(() => keySegments(char.repeat(most + 1)), ofKind('invalid'), char);
  }
  t.same(keySegments('a/b./...'), ['a', 'b.', '...']);
});

t.test('each mark of a file tells it from another one', async (t) => {
  const one = { ino: 1, size: 2, mtimeMs: 3, ctimeMs: 4 };
  for (const field of Object.keys(one)) t.not(plainId({ ...one, [field]: 9 }), plainId(one), field);
  t.equal(plainId({ ...one }), plainId(one));
});

t.test('whether a directory is a store', async (t) => {
  const directory = await makeDirectory(t);
  t.equal(await isDirectoryStore(directory), false, 'empty');
  t.equal(await isDirectoryStore(join(directory, 'none')), false, 'absent');
  await writeFile(join(directory, 'objects'), '');
  t.equal(await isDirectoryStore(directory), false, 'a file of that name');
  t.equal(await isDirectoryStore(join(directory, 'objects')), false, 'a file');
  await openStore(join(directory, 'store'));
  t.equal(await isDirectoryStore(join(directory, 'store')), true);
  await t.rejects(isDirectoryStore(`${directory}/${'x'.repeat(300)}`), { code: 'ENAMETOOLONG' }, 'else nobody knows');
});

t.test('a tombstone is kept for ten seconds', async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory);
  const at = Date.now();
  const set = freeze(t, at);
  await store.put('doc', bytes('x'));
  await store.delete('doc');
  set(at + 10_000);
  t.equal(await store.head('doc'), null);
  t.ok((await tree(directory)).length > 0, 'no longer than that');
  set(at + 10_001);
  t.equal(await store.head('doc'), null);
  t.same(await tree(directory), ['objects/']);
});

t.test('a damaged object is listed with the size and the time of its file, and an ETag of its own', async (t) => {
  const directory = await makeDirectory(t);
  const writer = await openStore(directory);
  for (const [key, about] of [
    ['doc', {}],
    ['file', { immutable }],
  ] as const) {
    await writer.put(key, bytes('x'), about);
    const path = join(
      directory,
      'objects',
      (await tree(join(directory, 'objects'))).find((p) => /^(doc=.*\.1|file=)$/.test(p) && p.startsWith(key))!,
    );
    await writeFile(path, 'damaged');
    const found: unknown[] = [];
    for await (const item of (await openStore(directory)).list({ prefix: key })) found.push(item);
    t.match(found, [{ key, size: 7, etag: /^damaged-/, lastModified: (await stat(path)).mtime }]);
  }
});

t.test('what a disk or a person may do to a header', async (t) => {
  const directory = await makeDirectory(t);
  const broken = { kind: 'internal', message: 'A stored object is damaged' } as unknown as Error;
  for (const [name, from, to] of [
    ['its content begins with its header', /^sreg1 \d+/, 'sreg1 000000016'],
    ['no ETag', '"etag":', '"etaq":'],
    ['an ETag that is none', /"etag":"[^"]*"/, '"etag":7'],
    ['a size that is none', '"size":1', '"size":"1"'],
    ['a size that is not whole', '"size":1', '"size":1.5'],
    ['no JSON', '{"key"', '["key"'],
    ['another beginning', 'sreg1', 'sreg2'],
    ['no number', /^sreg1 \d+/, 'sreg1 00000zzzz'],
  ] as const) {
    const store = await openStore(directory);
    await store.put('key', bytes('x'), { immutable, contentType: 'a/b' });
    const path = join(directory, 'objects/key=');
    const text = await readFile(path, 'latin1');
    t.not(text.replace(from, to), text, name);
    await writeFile(path, text.replace(from, to), 'latin1');
    const fresh = await openStore(directory);
    await t.rejects(fresh.head('key'), broken, name);
    await t.rejects(fresh.get('key'), broken, name);
    await fresh.delete('key', { repeatable: true });
  }
});

t.test('a key that is deleted while a scan comes to it may be a moment old, and no more', async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory, {
    stat: (path) => nodeFiles.stat(path.endsWith('key=') ? `${path}none` : path),
  });
  await store.put('key', bytes('x'), { immutable });
  const begun = Date.now();
  const times: number[] = [];
  for await (const { lastModified } of store.scan({ prefix: '', timeOf: () => true })) {
    times.push((lastModified as Date).getTime());
  }
  t.equal(times.length, 1);
  t.ok((times[0] as number) >= begun);
});

t.test('a body that is left while its file is read closes the file when that is over', async (t) => {
  const directory = await makeDirectory(t);
  await (await openStore(directory)).put('key', Buffer.alloc(600 * KIB, 'x'), { immutable });
  const gate = new Gate();
  const order: string[] = [];
  const store = await openStore(directory, {
    read: async (fd, buffer, position) => {
      if (position > 100 * KIB) {
        await gate.pass();
        order.push('read');
      }
      return nodeFiles.read(fd, buffer, position);
    },
    close: async (fd) => {
      order.push('close');
      await nodeFiles.close(fd);
    },
  });
  const abort = new AbortController();
  const { body } = (await store.get('key', { signal: abort.signal })) as IObject;
  const reader = body.getReader();
  const reading = (async () => {
    while (!(await reader.read()).done);
  })();
  await gate.arrived;
  abort.abort(new Error('the client is gone'));
  await new Promise((resolve) => setImmediate(resolve));
  t.same(order, [], 'another file may get its number');
  gate.open();
  await t.rejects(reading, /client is gone/);
  t.same(order, ['read', 'close']);
});

t.test(
  'some names of a folder are read without holding the folder',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const directory = await makeDirectory(t);
    for (let n = 0; n < 5; n++) await writeFile(join(directory, `${n}`), '');
    const before = (await readdir('/proc/self/fd')).length;
    for (let round = 0; round < 20; round++) t.equal((await nodeFiles.readdirSome(directory, 3)).length, 3);
    t.equal((await nodeFiles.readdirSome(directory, 100)).length, 5);
    t.equal((await readdir('/proc/self/fd')).length, before);
    await t.rejects(nodeFiles.readdirSome(join(directory, 'none'), 3), { code: 'ENOENT' });
  },
);

t.test('kinds of shared files are kept for as many as a hundred', async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory);
  for (let n = 0; n < 130; n++) {
    const about = { immutable, ifNoneMatch: '*', shareable: true, temporary: true, contentType: `a/${n}` } as const;
    await store.put(`k/${n}`, bytes('{}'), about);
  }
  const kept = await readdir(join(directory, 'tmp'));
  t.ok(kept.length <= 100, `${kept.length}`);
  for (const n of [0, 99, 100, 129]) t.match(await store.head(`k/${n}`), { size: 2, contentType: `a/${n}` });
  await store.destroy();
  t.same(await readdir(join(directory, 'tmp')), []);
});

t.test('what may be shared is so only if nothing can be there before', async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory);
  const about = { immutable, shareable: true } as const;
  for (const text of ['1', '2', '1']) await store.put('key', bytes(text), about);
  for (const key of ['a', 'b']) await store.put(key, bytes('1'), { ...about, ifNoneMatch: '*' });
  t.same(await Promise.all(['key', 'a', 'b'].map((key) => textOf(store, key))), ['1', '1', '1']);
  await store.put('a', bytes('1'), about);
  await store.put('c', bytes('1'), { ...about, ifNoneMatch: '*' });
  t.same(await Promise.all(['key', 'a', 'b', 'c'].map((key) => textOf(store, key))), ['1', '1', '1', '1']);
});

t.test('a glance sees no object that was deleted', async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory, { looksAtOnce: () => true });
  for (const about of [{}, { immutable }]) {
    await store.put('key', bytes('x'), about);
    await store.head('key');
    t.equal(store.glance('key')?.size, 1);
    await store.delete('key');
    await store.head('key');
    t.equal(store.glance('key'), undefined);
  }
  t.equal(store.glance('never'), undefined);
});

t.test('a fault of the program is not taken for one of the disk', async (t) => {
  const directory = await makeDirectory(t);
  const bug = new TypeError('a bug');
  let verb = '';
  const broken = Object.fromEntries(
    (['rmdir', 'unlink', 'openHot'] as const).map((name) => [
      name,
      async (path: string) => {
        if (verb === name && /\/objects(\/|$)/.test(path)) throw bug;
        return nodeFiles[name](path);
      },
    ]),
  ) as Partial<IFiles>;
  const store = await openStore(directory, broken);
  for (verb of ['rmdir', 'openHot']) {
    const failing = verb;
    verb = '';
    await store.put('a/b', bytes('x'), { immutable });
    verb = failing;
    await t.rejects(store.delete('a/b'), bug, verb);
    verb = '';
    await store.delete('a/b');
  }
  await store.put('doc', bytes('x'));
  verb = 'unlink';
  await t.rejects(store.put('doc', bytes('y')), bug, 'what cannot be cleared away is no matter, a bug is');
  verb = '';
  t.equal(await textOf(store, 'doc'), 'y');
  await store.sweep(ANY_AGE);
});

t.test('a key that the file system does not take is an error of its name', async (t) => {
  const directory = await makeDirectory(t);
  // the whole path may have 4096 bytes, or fewer
  const real = (path: string) =>
    path.includes('long') ? nodeFiles.readdir(`/${'x'.repeat(300)}`) : nodeFiles.readdir(path);
  const store = new DirectoryObjectStore(directory, { ...nodeFiles, readdir: real });
  await store.init();
  await t.rejects(store.head('long'), ofKind('invalid'));
});
