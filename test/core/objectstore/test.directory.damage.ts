import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { DirectoryObjectStore } from '../../../ts/core/objectstore/directory/classes.directoryobjectstore.js';
import { nodeFiles } from '../../../ts/core/objectstore/directory/files/helpers.files.js';
import type { IObjectStore } from '../../../ts/index.js';
import { makeDirectory, openStore, textOf } from '../../support/store/objectstore-directory.js';

/** What a disk or a person may do to a file. */
const damages: [string, (file: string) => Promise<void>][] = [
  ['is empty', (file) => truncate(file, 0)],
  ['is cut off in its header', (file) => truncate(file, 40)],
  [
    'says that its content begins within its header',
    async (file) => writeFile(file, (await readFile(file, 'latin1')).replace(/^sreg1 \d+/, 'sreg1 000000008')),
  ],
  [
    'has a header without a size',
    async (file) => writeFile(file, (await readFile(file, 'latin1')).replace('"size":', '"sixe":')),
  ],
  ['holds other bytes', (file) => writeFile(file, 'no object of this store')],
  [
    'is the file of another key',
    async (file) => writeFile(file, (await readFile(file, 'latin1')).replace('mid', 'xyz')),
  ],
];

const listed = async (store: IObjectStore, delimiter?: string): Promise<string[]> => {
  const found: string[] = [];
  for await (const item of store.list({ prefix: 'f/', ...(delimiter && { delimiter }) })) {
    found.push('key' in item ? item.key : item.prefix);
  }
  return found;
};

for (const immutable of [true, false]) {
  for (const [what, damage] of damages) {
    t.test(`an object ${immutable ? 'that is never rewritten' : 'with generations'} ${what}`, async (t) => {
      const directory = await makeDirectory(t);
      const writer = await openStore(directory);
      for (const name of ['a', 'mid', 'z', 'below/mid'])
        await writer.put(`f/${name}`, Buffer.from(name), { immutable });
      const folder = join(directory, 'objects/f/mid=');
      const generation = immutable ? undefined : (await readdir(folder)).find((name) => name.includes('.'));
      const file = generation === undefined ? folder : join(folder, generation);
      await damage(file);
      const bytes = await readFile(file);

      const errors: [string, unknown][] = [];
      const error = (message: string, about?: unknown) => void errors.push([message, about]);
      const store = new DirectoryObjectStore(directory, nodeFiles, { info: () => {}, warn: () => {}, error });
      await store.init();
      t.same(
        await listed(store),
        ['f/a', 'f/below/mid', 'f/mid', 'f/z'],
        'its key is taken, and the others are listed',
      );
      t.match(errors, [[/damaged/, { key: 'f/mid', file }]]);
      t.equal(errors.length, 1);
      t.same(await listed(store, '/'), ['f/a', 'f/below/', 'f/mid', 'f/z']);
      const scanned: string[] = [];
      for await (const { key } of store.scan({ prefix: 'f/', versionOf: () => true, timeOf: () => true }))
        scanned.push(key);
      t.same(scanned, ['f/a', 'f/below/mid', 'f/mid', 'f/z']);

      const broken = { kind: 'internal', message: 'A stored object is damaged' } as unknown as Error;
      await t.rejects(store.head('f/mid'), broken);
      await t.rejects(store.get('f/mid'), broken);
      const put = (options: object) => store.put('f/mid', Buffer.from('new'), { immutable, ...options });
      await t.rejects(put({}), broken, 'it may be all that is left of something');
      await t.rejects(put({ ifNoneMatch: '*' }), 'it is not absent');
      t.same(await readFile(file), bytes);
      for (const name of ['a', 'z', 'below/mid']) t.equal(await textOf(store, `f/${name}`), name);
    });
  }
}

t.test('an object that is shorter than its header says is damaged for readers of its content', async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory);
  for (const size of [100, 300_000, 1_000_000]) {
    const key = `size-${size}`;
    await store.put(key, Buffer.alloc(size, 'x'), { immutable: true });
    const file = join(directory, `objects/${key}=`);
    await truncate(file, (await readFile(file)).byteLength - 10);
    const broken = { kind: 'internal', message: 'A stored object is damaged' } as unknown as Error;
    await t.rejects(textOf(await openStore(directory), key), broken, key);
  }
});
