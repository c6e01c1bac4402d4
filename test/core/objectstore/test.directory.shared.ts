import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { type IFiles, nodeFiles } from '../../../ts/core/objectstore/directory/files/helpers.files.js';
import { Gate, makeDirectory, openStore, textOf } from '../../support/store/objectstore-directory.js';

const SHAREABLE = { immutable: true, ifNoneMatch: '*', shareable: true, contentType: 'a/b' } as const;
const file = (directory: string, key: string): string => join(directory, 'objects', `${key}=`);

t.test('objects that say all by their key are names of one file, and objects like any other', async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory);
  const other = await openStore(directory);
  const keys = ['k/1', 'k/2', 'k/3'];
  const etags = await Promise.all(keys.map(async (key) => (await store.put(key, Buffer.from('{}'), SHAREABLE)).etag));
  const inodes = await Promise.all(keys.map(async (key) => (await stat(file(directory, key))).ino));
  t.equal(new Set(inodes).size, 1, 'one file');
  for (const [at, key] of keys.entries()) {
    t.match(await other.head(key), { key, size: 2, contentType: 'a/b', etag: etags[at] }, key);
    t.equal(await textOf(other, key), '{}');
  }
  await t.rejects(store.put('k/1', Buffer.from('{}'), SHAREABLE), { kind: 'preconditionFailed' } as never);
  await other.put('k/2', Buffer.from('mine'), { immutable: true });
  await other.delete('k/3');
  t.same(await Promise.all(keys.map((key) => textOf(store, key))), ['{}', 'mine', null], 'each goes its own way');
  const { etag } = (await store.head('k/1'))!;
  await store.put('k/1', Buffer.from('new'), { immutable: true, ifMatch: etag });
  t.equal(await textOf(other, 'k/1'), 'new');
});

t.test(
  'a file is not given more names than file systems allow, and each is taken away on its own condition',
  async (t) => {
    const directory = await makeDirectory(t);
    const store = await openStore(directory);
    const keys = Array.from({ length: 1100 }, (_, n) => `many/${n}`);
    const etags = await Promise.all(keys.map(async (key) => (await store.put(key, Buffer.from('{}'), SHAREABLE)).etag));
    const links = await Promise.all(keys.map(async (key) => (await stat(file(directory, key))).nlink));
    t.ok(Math.max(...links) <= 1001, `${Math.max(...links)} names`);
    await Promise.all([0, 1, 2, 3].map((n) => store.delete(keys[n]!, { ifMatch: etags[n]! })));
    t.equal(await store.head(keys[0]!), null);
    t.equal((await store.head(keys[4]!))?.etag, etags[4]);
  },
);

t.test('what differs in content, metadata or safety is no name of the same file', async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory);
  const about = [
    ['a', SHAREABLE],
    ['b', SHAREABLE],
    ['a', { ...SHAREABLE, metadata: { x: '1' } }],
    ['a', { ...SHAREABLE, contentType: 'c/d' }],
    ['a', { ...SHAREABLE, temporary: true }],
    ['a', { ...SHAREABLE, shareable: false }],
  ] as const;
  for (const [at, [text, options]] of about.entries()) await store.put(`k/${at}`, Buffer.from(text), options);
  const inodes = await Promise.all(about.map(async (_, at) => (await stat(file(directory, `k/${at}`))).ino));
  t.equal(new Set(inodes).size, about.length);
});

t.test('its content is synced before a name leads to it, and its own name goes soon', async (t) => {
  const directory = await makeDirectory(t);
  const order: string[] = [];
  const noted = Object.fromEntries(
    (['fsync', 'link'] as const).map((name) => [
      name,
      (...parameters: never[]) => {
        order.push(name);
        return (nodeFiles[name] as (...parameters: never[]) => Promise<void>)(...parameters);
      },
    ]),
  ) as Partial<IFiles>;
  const store = await openStore(directory, noted);
  await store.put('first', Buffer.from('x'));
  order.length = 0;
  await store.put('one', Buffer.from('{}'), SHAREABLE);
  t.same(order, ['fsync', 'link', 'fsync'], 'the file, its name, the directory');
  order.length = 0;
  await store.put('two', Buffer.from('{}'), SHAREABLE);
  t.same(order, ['link', 'fsync']);
  while ((await readdir(join(directory, 'tmp'))).length > 0) await delay(20);
  await store.put('three', Buffer.from('{}'), SHAREABLE);
  await store.destroy();
  t.same(await readdir(join(directory, 'tmp')), [], 'at the end at once');
  t.equal(await textOf(store, 'two'), '{}');
});

t.test('a disk that fails while the file is made fails all who wait for it, and nobody after', async (t) => {
  const directory = await makeDirectory(t);
  let broken = false;
  const store = await openStore(directory, {
    write: async (fd, bytes, position) => {
      if (broken) return nodeFiles.write(-1, bytes, position);
      return nodeFiles.write(fd, bytes, position);
    },
  });
  broken = true;
  const puts = await Promise.allSettled(['a', 'b'].map((key) => store.put(key, Buffer.from('{}'), SHAREABLE)));
  t.same(
    puts.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  t.same(await readdir(join(directory, 'tmp')), []);
  broken = false;
  await store.put('a', Buffer.from('{}'), SHAREABLE);
  t.equal(await textOf(store, 'a'), '{}');
});

t.test('one that is put over the tombstone of its key is a generation that remembers those before', async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory);
  const { etag } = await store.put('k', Buffer.from('{}'));
  // a writer that looked before the delete, and goes on after the new object is there
  const gate = new Gate();
  const slow = await openStore(directory, {
    link: async (from, to) => {
      if (to.includes('/k=/')) await gate.pass();
      return nodeFiles.link(from, to);
    },
  });
  const late = slow.put('k', Buffer.from('late'), { ifMatch: etag });
  await gate.arrived;
  await store.delete('k');
  await store.put('k', Buffer.from('{}'), SHAREABLE);
  gate.open();
  await t.rejects(late, { kind: 'preconditionFailed' } as never, 'it lost, and learns it');
  t.equal(await textOf(store, 'k'), '{}');
  const names = await readdir(file(directory, 'k'));
  t.equal(names.filter((name) => name.endsWith('.3')).length, 1, `${names}`);
});
