import { createHash } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { readdir, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type IFiles, nodeFiles } from '../../../ts/core/objectstore/directory/files/helpers.files.js';
import { ofKind } from '../../support/expect.js';
import { readAll, streamOf } from '../../support/store/objectstore-bytes.js';
import { ANY_AGE, Gate, makeDirectory, openStore, textOf, tree } from '../../support/store/objectstore-directory.js';

const KIB = 1024;
const immutable = true;

/** Files that count what is open. */
const counted = (): { open: Set<number>; files: Partial<IFiles> } => {
  const open = new Set<number>();
  const opened = async (opening: Promise<number>) => {
    const fd = await opening;
    open.add(fd);
    return fd;
  };
  const files: Partial<IFiles> = {
    open: (path, flags, mode) => opened(nodeFiles.open(path, flags, mode)),
    openHot: (path) => opened(nodeFiles.openHot(path)),
    release: (fd) => {
      open.delete(fd);
      nodeFiles.release(fd);
    },
    close: (fd) => {
      open.delete(fd);
      return nodeFiles.close(fd);
    },
  };
  return { open, files };
};

const setUp = async (t: Test, files: Partial<IFiles> = {}) => {
  const directory = await makeDirectory(t);
  return { directory, store: await openStore(directory, files) };
};

t.test('a part that is shorter than its header says is joined to nothing', async (t) => {
  for (const size of [100, 30 * KIB, 300 * KIB]) {
    const { directory, store } = await setUp(t);
    for (const key of ['a', 'b']) await store.put(key, Buffer.alloc(size, key), { immutable });
    const file = join(directory, 'objects/a=');
    await truncate(file, (await readFile(file)).byteLength - 10);
    const fresh = await openStore(directory);
    await t.rejects(fresh.compose('joined', ['a', 'b'], { immutable }), ofKind('unavailable'), `${size}`);
    t.equal(await fresh.head('joined'), null);
    t.same(await readdir(join(directory, 'tmp')), []);
  }
});

t.test('whatever is refused or fails leaves no file open and none in tmp/', async (t) => {
  const { open, files } = counted();
  const { directory, store } = await setUp(t, files);
  for (const size of [100, 300 * KIB]) {
    const bytes = Buffer.alloc(size, 'x');
    for (const about of [{}, { immutable }]) {
      await store.put('key', bytes, about);
      const aborted = AbortSignal.abort(new Error('the client is gone'));
      await t.rejects(store.get('key', { range: { start: size } }), ofKind('rangeInvalid'));
      await t.rejects(store.get('key', { signal: aborted }), /client is gone/);
      const late = new AbortController();
      const opening = store.get('key', { signal: late.signal });
      late.abort(new Error('the client is gone'));
      await t.rejects(
        opening.then((found) => (found && found !== 'notModified' ? readAll(found.body) : null)),
        /client is gone/,
      );
      await t.rejects(store.compose('other', ['key', 'none']), ofKind('notFound'));
      await t.rejects(store.compose('other', ['key'], { etags: ['another'] }), ofKind('notFound'));
      await t.rejects(store.compose('other', ['key', 'key'], { signal: aborted }), /client is gone/);
      await t.rejects(store.put('key', bytes, { ifMatch: 'another' }), ofKind('preconditionFailed'));
      await t.rejects(store.put('key', bytes, { ifNoneMatch: '*' }), ofKind('preconditionFailed'));
      await t.rejects(store.put('key', streamOf(size, { failAt: size / 2 })), /broke/);
      await t.rejects(store.put('key', streamOf(size), { size: size + 1 }), ofKind('invalid'));
      t.equal((await readAll(((await store.get('key')) as { body: ReadableStream<Uint8Array> }).body)).length, size);
      await store.delete('key');
    }
  }
  t.equal(open.size, 0);
  t.same(await readdir(join(directory, 'tmp')), []);
});

t.test('an object is made although the marker of another one cannot get a further name', async (t) => {
  for (const code of ['EMLINK', 'ENOENT']) {
    let refused = 0;
    const { store } = await setUp(t, {
      link: async (from, to) => {
        if (from.includes('/objects/') && to.includes('/tmp/')) {
          refused++;
          throw Object.assign(new Error(code), { code });
        }
        await nodeFiles.link(from, to);
      },
    });
    for (const key of ['a', 'b', 'c']) await store.put(key, Buffer.from(key), { ifNoneMatch: '*' });
    for (const key of ['a', 'b', 'c']) t.equal(await textOf(store, key), key);
    t.equal(refused, 2, 'the first one makes the marker');
  }
});

t.test('what a crash left of the look at the file system goes with a sweep, and is no object', async (t) => {
  const { directory, store } = await setUp(t);
  await store.put('key', Buffer.from('x'));
  await writeFile(join(directory, 'objects/#probe-left'), '');
  const keys: unknown[] = [];
  for await (const item of store.list({ prefix: '' })) keys.push('key' in item ? item.key : item);
  t.same(keys, ['key']);
  t.equal(await store.sweep(60_000), 0, 'it may be that of a process that is starting');
  t.equal(await store.sweep(ANY_AGE), 1);
  t.notOk((await readdir(join(directory, 'objects'))).includes('#probe-left'));
  t.equal(await textOf(store, 'key'), 'x');
});

t.test('a part that is replaced while its file is being given away: the object is one of the two', async (t) => {
  const directory = await makeDirectory(t);
  const other = await openStore(directory);
  const [before, after] = [Buffer.alloc(300 * KIB, 'before '), Buffer.alloc(200 * KIB, 'after ')];
  await other.put('part', before, { immutable });
  const gate = new Gate();
  const store = await openStore(directory, {
    link: async (from, to) => {
      if (to.includes('/adopt-')) await gate.pass();
      await nodeFiles.link(from, to);
    },
  });
  const composing = store.compose('joined', ['part'], { immutable, ifNoneMatch: '*' });
  await gate.arrived;
  await other.put('part', after, { immutable });
  gate.open();
  await composing;
  for (const reader of [store, await openStore(directory)]) {
    const text = await textOf(reader, 'joined');
    t.ok(text === before.toString() || text === after.toString());
    t.equal(await textOf(reader, 'part'), after.toString(), 'and the part is as it was put');
  }
  t.same(await readdir(join(directory, 'tmp')), []);
});

t.test('an object may be made anew of itself', async (t) => {
  for (const size of [100, 300 * KIB]) {
    for (const about of [{}, { immutable }]) {
      const { directory, store } = await setUp(t);
      await store.put('key', Buffer.alloc(size, 'x'), { ...about, contentType: 'a/old' });
      const { etag } = await store.compose('key', ['key'], { ...about, contentType: 'a/new' });
      for (const reader of [store, await openStore(directory)]) {
        t.match(await reader.head('key'), { etag, size, contentType: 'a/new' });
        t.equal(await textOf(reader, 'key'), 'x'.repeat(size));
      }
      t.same(await readdir(join(directory, 'tmp')), []);
    }
  }
});

t.test('a repeatable delete takes an object of either form away, and the absence of one is no error', async (t) => {
  const { directory, store } = await setUp(t);
  const { etag } = await store.put('plain', Buffer.from('x'), { immutable });
  await store.put('doc', Buffer.from('x'));
  await t.rejects(store.delete('plain', { repeatable: true, ifMatch: 'another' }), ofKind('preconditionFailed'));
  t.equal(await textOf(store, 'plain'), 'x');
  await store.delete('plain', { repeatable: true, ifMatch: etag });
  for (const key of ['plain', 'doc', 'never', 'doc/below']) await store.delete(key, { repeatable: true });
  for (const key of ['plain', 'doc']) t.equal(await store.head(key), null, key);
  t.notOk((await tree(directory)).includes('objects/plain='));
});

t.test('an object keeps its time when it is looked at, and has a new one when it is written', async (t) => {
  const { directory, store } = await setUp(t);
  const begun = Date.now();
  await store.put('doc', Buffer.from('1'));
  const first = (await store.head('doc'))!.lastModified.getTime();
  t.ok(first >= begun - 1 && first <= Date.now());
  t.equal((await (await openStore(directory)).head('doc'))?.lastModified.getTime(), first);
  const mode = (await stat(join(directory, 'objects'))).mode & 0o777;
  t.equal(mode & 0o077, 0, 'for nobody else');
});

t.test('a volume that is not mounted any more is not written beside', async (t) => {
  const { directory, store } = await setUp(t);
  await store.put('a/doc', Buffer.from('x'));
  await rename(join(directory, 'objects'), join(directory, 'elsewhere'));
  for (const about of [{}, { immutable }]) {
    await t.rejects(store.put('b/new', Buffer.from('x'), { ...about, ifNoneMatch: '*' }), ofKind('unavailable'));
  }
  t.notOk((await readdir(directory)).includes('objects'));
  await rename(join(directory, 'elsewhere'), join(directory, 'objects'));
  t.equal(await textOf(store, 'a/doc'), 'x');
});

t.test('a version that another writer has claimed is refused at once, and waits for the sweep', async (t) => {
  const { directory, store } = await setUp(t);
  const { etag } = await store.put('key', Buffer.from('x'), { immutable });
  const claim = createHash('sha256').update(`key\n${etag}`).digest('hex').slice(0, 32);
  await writeFile(join(directory, 'tmp', `claim-${claim}`), '');
  const put = () => store.put('key', Buffer.from('y'), { immutable, ifMatch: etag });
  await t.rejects(put(), ofKind('preconditionFailed'));
  await t.rejects(store.delete('key', { ifMatch: etag }), ofKind('preconditionFailed'));
  t.equal(await store.sweep(ANY_AGE), 1);
  await put();
  t.equal(await textOf(store, 'key'), 'y');
});

t.test('a caller that leaves while the last bytes are written gets no object', async (t) => {
  const gate = { current: new Gate() };
  let isHeld = false;
  const { directory, store } = await setUp(t, {
    writev: async (fd, chunks, position) => {
      if (isHeld) await gate.current.pass();
      await nodeFiles.writev(fd, chunks, position);
    },
  });
  for (const key of ['a', 'b']) await store.put(key, Buffer.alloc(200 * KIB, key), { immutable });
  isHeld = true;
  const writes: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
    put: (signal) => store.put('key', streamOf(200 * KIB), { immutable, signal }),
    compose: (signal) => store.compose('key', ['a', 'b'], { immutable, signal }),
  };
  for (const [name, write] of Object.entries(writes)) {
    gate.current = new Gate();
    const abort = new AbortController();
    const writing = write(abort.signal);
    await gate.current.arrived;
    abort.abort(new Error('the client is gone'));
    gate.current.open();
    await t.rejects(writing, /client is gone/, name);
    t.equal(await store.head('key'), null, name);
    t.same(await readdir(join(directory, 'tmp')), [], name);
  }
});

t.test('a signal is not held on to by what has ended', async (t) => {
  const { store } = await setUp(t);
  const { signal } = new AbortController();
  for (const size of [100, 300 * KIB]) {
    await store.put('key', streamOf(size), { signal });
    await t.rejects(store.put('key', streamOf(size, { failAt: size / 2 }), { signal }));
    const found = await store.get('key', { signal });
    if (found && found !== 'notModified') t.equal((await readAll(found.body)).length, size);
  }
  t.equal(getEventListeners(signal, 'abort').length, 0);
});

t.test('a key that was deleted and written anew has another version in a scan', async (t) => {
  const { store } = await setUp(t);
  const versions = async () => {
    const found: (string | undefined)[] = [];
    for await (const { version } of store.scan({ prefix: '', versionOf: () => true })) found.push(version);
    return found;
  };
  await store.put('doc', Buffer.from('1'));
  const before = await versions();
  t.type(before[0], 'string');
  const { now } = Date;
  t.teardown(() => {
    Date.now = now;
  });
  Date.now = () => now() - 60_000;
  await store.delete('doc');
  Date.now = now;
  t.equal(await store.head('doc'), null);
  t.same(await versions(), [], 'its remains are gone');
  await store.put('doc', Buffer.from('2'));
  t.not((await versions())[0], before[0]);
});

t.test('what a caller does to the metadata that it got changes nothing for others', async (t) => {
  const { store } = await setUp(t);
  await store.put('key', Buffer.from('x'), { metadata: { note: 'as stored' } });
  for (let times = 0; times < 2; times++) {
    const { metadata = {} } = (await store.head('key'))!;
    t.same(metadata, { note: 'as stored' });
    metadata.note = 'changed';
  }
});

t.test('a delete of what is deleted writes nothing', async (t) => {
  const { directory, store } = await setUp(t);
  await store.put('doc', Buffer.from('x'));
  await store.delete('doc');
  const names = await readdir(join(directory, 'objects/doc='));
  await store.delete('doc');
  t.same(await readdir(join(directory, 'objects/doc=')), names);
});

t.test('a system that says of a directory that it must not be unlinked: the document is deleted', async (t) => {
  const { directory, store } = await setUp(t, {
    unlink: async (path) => {
      // macOS; Linux says EISDIR
      if (path.endsWith('/doc=')) throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
      await nodeFiles.unlink(path);
    },
  });
  await store.put('doc', Buffer.from('x'));
  await store.delete('doc', { repeatable: true });
  t.equal(await (await openStore(directory)).head('doc'), null);
});

t.test('folders that became empty go although another process has removed the lowest one', async (t) => {
  const directory = await makeDirectory(t);
  let isRaced = true;
  const store = await openStore(directory, {
    rmdir: async (path) => {
      if (isRaced) await nodeFiles.rmdir(path);
      isRaced = false;
      await nodeFiles.rmdir(path);
    },
  });
  await store.put('a/b/c/key', Buffer.from('x'), { immutable });
  await store.delete('a/b/c/key');
  t.same(await readdir(join(directory, 'objects')), []);
});

t.test('a disk that fails in the middle of a body leaves no file open', async (t) => {
  const { open, files } = counted();
  let isBroken = false;
  const { store } = await setUp(t, {
    ...files,
    read: (fd, buffer, position) => nodeFiles.read(isBroken ? 2 ** 30 : fd, buffer, position),
  });
  await store.put('key', Buffer.alloc(900 * KIB, 'x'), { immutable });
  const found = await store.get('key');
  if (!found || found === 'notModified') return t.fail('not there');
  t.equal(open.size, 1);
  isBroken = true;
  await t.rejects(readAll(found.body), ofKind('unavailable'));
  t.equal(open.size, 0);
});
