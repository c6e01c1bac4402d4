import t from 'tap';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { OutcomeUnknownError } from '../../../ts/core/storage/documents/helpers.conditionalwrite.js';
import { DocumentPages } from '../../../ts/core/storage/pages/classes.documentpages.js';
import {
  type IPage,
  type IPageKind,
  isPageIndex,
  pagedCodec,
  positionOf,
} from '../../../ts/core/storage/pages/helpers.pages.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';

/** Three names on a page, and two on each that replaces a larger one. */
const kind: IPageKind<IPage> = {
  codec: pagedCodec<IPage>({
    serialize: ({ names, seal }, stamp) => JSON.stringify({ names, seal, revision: stamp?.revision }),
    parse: ({ names }) => ({ names: names as string[] }),
  }),
  none: { names: [] },
  slice: ({ names }, from, to) => ({ names: names.slice(from, to) }),
  atOnce: 2,
  limit: ({ names }) => (names.length > 3 ? 2 : undefined),
};

const pagesOn = (storage: RegistryStorage) => {
  const pages = new DocumentPages(storage, kind, 'entry', (id) => `page/${id}`);
  const add = (name: string) =>
    pages.change(name, (page) => {
      const { names } = page ?? kind.none;
      const at = positionOf(names, name);
      return page && names[at] === name ? page : { names: names.toSpliced(at, 0, name) };
    });
  const remove = (name: string) =>
    pages.change(name, (page) => {
      const at = page?.names.indexOf(name) ?? -1;
      return at < 0 ? undefined : { names: (page as IPage).names.toSpliced(at, 1) };
    });
  const all = async (from?: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const { names } of pages.all(from)) found.push(names.join(''));
    return found;
  };
  return { pages, add, remove, all };
};

const setUp = () => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const storage = new RegistryStorage(store);
  const other = new RegistryStorage(inner);
  return { inner, store, storage, other, here: pagesOn(storage), there: pagesOn(other) };
};

t.test('names are in order, on one page or on several, from any of them on', async (t) => {
  const { here, there } = setUp();
  t.same(await here.all(), []);
  t.ok(here.pages.wasWhole, 'nothing is all there is');
  t.equal(await here.pages.find('a'), null);
  for (const name of ['c', 'a', 'e']) await here.add(name);
  t.same(await there.all(), ['ace']);
  t.ok(there.pages.wasWhole);
  for (const [from, expected] of [
    ['', 'ace'],
    ['a', 'ace'],
    ['b', 'ce'],
    ['c', 'ce'],
    ['f', ''],
  ] as const) {
    t.same(await there.all(from), [expected], from);
  }
  for (const name of ['g', 'b', 'i', 'k', 'd', 'f', 'h', 'j']) await (name < 'g' ? here : there).add(name);
  const whole = await here.all();
  t.equal(whole.join(''), 'abcdefghijk');
  t.ok(whole.length > 3 && whole.every(({ length }) => length <= 3), `${whole}`);
  t.notOk(here.pages.wasWhole);
  for (const from of 'abcdefghijkx') {
    const first = whole.findLastIndex((names) => (names[0] as string) <= from);
    t.same(await here.all(from), whole.slice(first), `from the page of ${from}`);
  }
  for (const name of 'abcdefghijk') t.ok((await there.pages.find(name))?.value.names.includes(name), name);
  t.equal((await there.pages.find('aa'))?.value.names[0], 'a', 'the page that would have it');
  await here.remove('f');
  t.equal((await there.all()).join(''), 'abcdeghijk');
});

t.test('the entry is made once, and deleted when nothing is in it', async (t) => {
  const { store, inner, here, there } = setUp();
  await here.pages.keep();
  t.same(await there.all(), ['']);
  await here.pages.keep();
  await here.add('a');
  await here.pages.drop();
  t.same(await there.all(), ['a'], 'it has an entry');
  await here.remove('a');
  await here.pages.drop();
  t.equal(await there.pages.entry(), null);
  const isDone = store.once('put', 'entry', () => there.add('b'));
  await here.pages.keep();
  t.ok(isDone());
  t.same(await there.all(), ['b'], 'what came meanwhile stays');
  for (const name of 'cdefgh') await here.add(name);
  await here.pages.drop();
  t.equal((await there.all()).join(''), 'bcdefgh');
  for (const name of 'bcdefgh') await here.remove(name);
  await here.pages.drop();
  t.equal(await there.pages.entry(), null);
  for (const key of inner.keys('page/')) t.ok(inner.objects.get(key)?.info.metadata?.tombstone, 'pages go as well');
  for (const name of 'dbca') await there.add(name);
  t.equal((await here.all()).join(''), 'abcd', 'and it can be made anew');
});

t.test('an entry that comes when all pages are empty keeps the entry document', async (t) => {
  const { store, here, there } = setUp();
  for (const name of 'abcde') await here.add(name);
  for (const name of 'abcde') await here.remove(name);
  const isDone = store.once('put', 'entry', () => there.add('c'));
  await here.pages.drop();
  t.ok(isDone());
  t.equal((await there.all()).join(''), 'c');
});

t.test('a sealed entry that is another one by now is not replaced by the pages of the first', async (t) => {
  const { store, other, here, there } = setUp();
  for (const name of 'abc') await here.add(name);
  const seal = { id: 'of-another', size: 2 };
  const isDone = store.once('put', 'page/', () =>
    other.update<IPage>('entry', () => ({ names: ['x', 'y'], seal }), { codec: kind.codec as never }),
  );
  await here.add('d');
  t.ok(isDone());
  const entry = (await there.pages.entry())?.value;
  t.ok(entry && !isPageIndex(entry));
  t.same(await there.all(), ['xy']);
  await there.add('z');
  t.same(await there.all(), ['xyz'], 'the next writer replaces it by its own pages');
});

t.test('of a change whose answer is lost, its own sign decides if others wrote often', async (t) => {
  for (const isRemoved of [false, true]) {
    const { store, here, there } = setUp();
    await here.add('a');
    let left = 1;
    store.after = async ({ verb, key }) => {
      if (verb !== 'put' || key !== 'entry' || left-- <= 0) return;
      for (let n = 0; n < 6; n++) {
        await there.add('z');
        await there.remove('z');
      }
      if (isRemoved) await there.remove('m');
      throw new RegistryError('outcomeUnknown', 'lost');
    };
    const error = await here.add('m').catch((thrown: unknown) => thrown);
    t.equal(error instanceof OutcomeUnknownError, isRemoved, String(error));
    t.same(await there.all(), [isRemoved ? 'a' : 'am']);
  }
});

t.test('a page that cannot be divided now is divided by the next write', async (t) => {
  const { store, here, there } = setUp();
  for (const name of 'abc') await here.add(name);
  store.before = ({ verb, key }) => {
    if (verb === 'put' && key.startsWith('page/')) throw new RegistryError('forbidden', 'no');
  };
  await here.add('d');
  t.same(await there.all(), ['abcd'], 'the change itself is done');
  store.before = undefined;
  await here.add('e');
  t.same(await there.all(), ['ab', 'cde']);
});
