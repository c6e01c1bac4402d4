import t, { type Test } from 'tap';
import { fromIterable } from '../../../ts/core/base/helpers.streams.js';
import { DirectoryObjectStore } from '../../../ts/core/objectstore/directory/classes.directoryobjectstore.js';
import type { IObjectStore } from '../../../ts/core/objectstore/interfaces.objectstore.js';
import { bytesOf } from '../../support/store/objectstore-bytes.js';
import { makeDirectory, openStore, textOf } from '../../support/store/objectstore-directory.js';
import { restore, type TSnapshot, VolatileFiles } from '../../support/store/volatile-files.js';

/** bytes: more than the driver keeps in memory before it writes */
const LARGE = 200 * 1024;

/** Names the key whose state a step changes, and the text that it has after the step (null: absent). */
interface IStep {
  title: string;
  key: string;
  after: string | null;
  run(store: IObjectStore): Promise<unknown>;
}

const etagOf = async (store: IObjectStore, key: string): Promise<string> => (await store.head(key))!.etag;
const chunksOf = (text: string): ReadableStream<Uint8Array> =>
  fromIterable(text.match(/.{1,50000}/g)!.map((chunk) => Buffer.from(chunk)));
const large = (letter: string): string => letter.repeat(LARGE);

/** Each way to change an object, on keys that are new, changed, deleted, and made again. */
const steps: IStep[] = [
  { title: 'a document', key: 'a/doc', after: '1', run: (store) => store.put('a/doc', Buffer.from('1')) },
  {
    title: 'its second version',
    key: 'a/doc',
    after: '2',
    run: async (store) => store.put('a/doc', Buffer.from('2'), { ifMatch: await etagOf(store, 'a/doc') }),
  },
  {
    title: 'a third, without a condition, large',
    key: 'a/doc',
    after: large('3'),
    run: (store) => store.put('a/doc', chunksOf(large('3'))),
  },
  {
    title: 'a document that must be new',
    key: 'a/new',
    after: 'n',
    run: (store) => store.put('a/new', Buffer.from('n'), { ifNoneMatch: '*' }),
  },
  {
    title: 'an artifact',
    key: 'b/c/d/artifact.tgz',
    after: 'artifact',
    run: (store) => store.put('b/c/d/artifact.tgz', Buffer.from('artifact'), { immutable: true, ifNoneMatch: '*' }),
  },
  {
    title: 'a large artifact',
    key: 'b/c/d/large.tgz',
    after: large('l'),
    run: (store) => store.put('b/c/d/large.tgz', chunksOf(large('l')), { immutable: true, size: LARGE }),
  },
  {
    title: 'an artifact in the place of one',
    key: 'b/c/d/large.tgz',
    after: 'replaced',
    run: (store) => store.put('b/c/d/large.tgz', Buffer.from('replaced'), { immutable: true }),
  },
  ...['e/one', 'e/two', 'f/three'].map((key) => ({
    title: `an object with the content of others: ${key}`,
    key,
    after: '',
    run: (store: IObjectStore) => store.put(key, bytesOf(0), { immutable: true, shareable: true, ifNoneMatch: '*' }),
  })),
  {
    title: 'the delete of a document',
    key: 'a/new',
    after: null,
    run: async (store) => store.delete('a/new', { ifMatch: await etagOf(store, 'a/new') }),
  },
  {
    title: 'the delete of an artifact',
    key: 'b/c/d/artifact.tgz',
    after: null,
    run: (store) => store.delete('b/c/d/artifact.tgz'),
  },
  { title: 'the delete of one of several', key: 'e/one', after: null, run: (store) => store.delete('e/one') },
  {
    title: 'a document where one was deleted',
    key: 'a/new',
    after: 'again',
    run: (store) => store.put('a/new', Buffer.from('again'), { ifNoneMatch: '*' }),
  },
  {
    title: 'what was put in parts',
    key: 'g/whole',
    after: 'p1p2',
    run: async (store) => {
      for (const part of ['p1', 'p2']) await store.put(`parts/${part}`, Buffer.from(part), { temporary: true });
      await store.compose('g/whole', ['parts/p1', 'parts/p2'], { immutable: true, ifNoneMatch: '*' });
    },
  },
  {
    title: 'what was put in one large part',
    key: 'g/large',
    after: large('p'),
    run: async (store) => {
      await store.put('parts/large', chunksOf(large('p')), { temporary: true });
      await store.compose('g/large', ['parts/large'], { immutable: true, ifNoneMatch: '*' });
    },
  },
];

/** What of `expected` (texts by key; null: absent) a store finds otherwise after this loss of power. */
const problemsAfter = async (
  t: Test,
  snapshot: TSnapshot,
  expected: Map<string, (string | null)[]>,
): Promise<string[]> => {
  const directory = await makeDirectory(t);
  await restore(snapshot, directory);
  const store = await openStore(directory);
  const problems: string[] = [];
  const shown = (text: string | null): string => (text === null ? 'absent' : `"${text.slice(0, 10)}" (${text.length})`);
  for (const [key, texts] of expected) {
    const found = await textOf(store, key).catch((error: Error) => `an error: ${error.message}`);
    if (!texts.includes(found)) problems.push(`${key} is ${shown(found)}, not ${texts.map(shown).join(' or ')}`);
  }
  await store.destroy();
  return problems;
};

t.test(
  'after a loss of power everything that was acknowledged is there, and everything else is as it was',
  async (t) => {
    const directory = await makeDirectory(t);
    let moments: TSnapshot[] = [];
    const disk = new VolatileFiles(directory, () => moments.push(disk.snapshot()));
    const store = new DirectoryObjectStore(directory, disk.files);
    await store.init();
    const expected = new Map<string, (string | null)[]>(steps.map(({ key }) => [key, [null]]));
    let tried = 0;
    for (const { title, key, after, run } of steps) {
      moments = [];
      await run(store);
      const during = moments;
      const before = expected.get(key)!;
      for (const [at, moment] of during.entries()) {
        const either = new Map(expected).set(key, [...before, after]);
        const problems = await problemsAfter(t, moment, either);
        if (problems.length > 0)
          t.same(problems, [], `${title}: the power is lost after call ${at + 1} of ${during.length}`);
        tried++;
      }
      expected.set(key, [after]);
      t.same(await problemsAfter(t, disk.snapshot(), expected), [], `${title}: acknowledged, so it is there`);
    }
    t.ok(tried > 100, `${tried} losses of power`);
    await store.destroy();
  },
);

t.test('the check itself notices a sync that is left out', async (t) => {
  const directory = await makeDirectory(t);
  const disk = new VolatileFiles(directory);
  const store = new DirectoryObjectStore(directory, { ...disk.files, fsync: async () => {} });
  await store.init();
  await store.put('a/doc', Buffer.from('1'));
  t.not((await problemsAfter(t, disk.snapshot(), new Map([['a/doc', ['1']]]))).length, 0);
  await store.destroy();
});
