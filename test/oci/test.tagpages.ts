import t, { type Test } from 'tap';
import { RegistryStorage } from '../../ts/core/classes.registrystorage.js';
import { DirectoryObjectStore } from '../../ts/core/objectstore/directory/classes.directoryobjectstore.js';
import type { IPutOptions } from '../../ts/core/objectstore/interfaces.objectstore.js';
import { isPageIndex, type TPaged } from '../../ts/core/storage/pages/helpers.pages.js';
import { tagPageKey, tagsKey } from '../../ts/oci/keys.oci.js';
import { pagesOfTags, RepositoryTags } from '../../ts/oci/tags/classes.repositorytags.js';
import {
  type ITagPage,
  type ITags,
  MAX_TAGS_OF_PAGE,
  NO_TAGS,
  tagsCodec,
  withTag,
} from '../../ts/oci/wire/wire.tags.js';
import { type Actor, ociWorld } from '../support/oci/actors.js';
import { image } from '../support/oci/samples.js';
import { problemsOf } from '../support/oci/stored.js';
import { temporaryFolder } from '../support/registry.js';
import { FaultObjectStore, type IFault } from '../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../support/store/memory-objectstore.js';
import { Gate } from '../support/store/objectstore-directory.js';

type TTags = TPaged<ITagPage>;

const one = image('one');
const two = image('two');
const nameOf = (number: number): string => `tag-${String(number).padStart(6, '0')}`;
const manyOf = (count: number, digest = one.digest): ITags => ({
  names: Array.from({ length: count }, (_, number) => nameOf(number)),
  digests: Array.from({ length: count }, () => digest),
});
/** The same order on each run, in which neighbours come far from each other. */
const mixed = (count: number): number[] => Array.from({ length: count }, (_, at) => (at * 617) % count);

/** Counts the bytes that are put. */
class MeteredStore extends FaultObjectStore {
  public bytes = 0;

  public override put(key: string, body: Uint8Array | ReadableStream<Uint8Array>, options?: IPutOptions) {
    this.bytes += body instanceof Uint8Array ? body.byteLength : (options?.size ?? 0);
    return super.put(key, body, options);
  }
}

/** What is stored can be looked at without waiting, so answers are remembered. */
class GlancingStore extends MeteredStore {
  constructor(private readonly directory: DirectoryObjectStore) {
    super(directory);
  }

  public glance(key: string) {
    return this.directory.glance(key);
  }
}

/** Repository `a` with an image, and so many tags in one document, as releases up to 0.3.0 left them. */
const withTags = async (
  t: Pick<Test, 'teardown'>,
  count: number,
  store: MeteredStore = new MeteredStore(new MemoryObjectStore()),
) => {
  const world = await ociWorld(t, { storage: { objectStore: store } });
  for (const pushed of [one, two]) await world.admin.pushImage('a', pushed.digest, pushed);
  const storage = world.registry.getStorage();
  await storage.update<TTags>(tagsKey('a'), () => manyOf(count), { codec: tagsCodec });
  store.reset();
  store.bytes = 0;
  return { store, storage, ...world };
};

const point = (tags: RepositoryTags, name: string, digest = one.digest): Promise<void> =>
  tags.change([name], (now, names) => names.reduce((all, tag) => withTag(all, tag, digest), now ?? NO_TAGS));

const allOf = async (storage: RegistryStorage): Promise<string[]> => {
  const names: string[] = [];
  for await (const page of pagesOfTags(storage, 'a').all()) names.push(...page.names);
  return names;
};

const costOf = async (t: Test, count: number): Promise<{ calls: number; bytes: number }> => {
  const { admin, store } = await withTags(t, count);
  // the first one divides what is large, and the manifest is checked
  for (const tag of ['first', 'second']) t.equal((await admin.pushManifest('a', tag, one)).status, 201);
  let calls = 0;
  store.bytes = 0;
  for (const number of [0, 1, 2, 3]) {
    store.reset();
    const tag = `${nameOf(Math.floor((number * count) / 4))}-new`;
    t.equal((await admin.pushManifest('a', tag, one)).status, 201);
    calls += store.log.length;
  }
  return { calls: calls / 4, bytes: store.bytes / 4 };
};

t.test('a push of a tag costs about the same with 100 tags and with 100,000', async (t) => {
  const few = await costOf(t, 100);
  const many = await costOf(t, 100_000);
  t.comment(`100 tags: ${JSON.stringify(few)}, 100,000: ${JSON.stringify(many)}`);
  t.ok(many.calls <= few.calls * 1.5, `${many.calls} calls to the store instead of ${few.calls}`);
  t.ok(many.bytes <= MAX_TAGS_OF_PAGE * 100, `${many.bytes} bytes written, one page at most`);
});

t.test('a get by tag reads no more with 100,000 tags than with few', async (t) => {
  const { admin, store } = await withTags(t, 100_000);
  await admin.pushManifest('a', 'first', one);
  t.same((await admin.get(`/a/manifests/${nameOf(77_777)}`)).bytes, one.bytes);
  store.reset();
  t.same((await admin.get(`/a/manifests/${nameOf(77_777)}`)).bytes, one.bytes);
  t.ok(store.log.length <= 2, `${store.log.length} calls`);
  await admin.pushManifest('a', nameOf(77_777), two);
  t.same((await admin.get(`/a/manifests/${nameOf(77_777)}`)).bytes, two.bytes, 'and it sees that the tag has moved');
});

const pagesOf = async (actor: Actor, count: number): Promise<string[]> => {
  const all: string[] = [];
  for (let target: string | undefined = `/a/tags/list?n=${count}`; target; ) {
    const answer = await actor.get(target);
    const { tags } = answer.json() as { tags: string[] };
    all.push(...tags);
    target = /<([^>]+)>/.exec(answer.headers.Link ?? '')?.[1];
    if (target && tags.length !== count) throw new Error(`a page of ${tags.length}`);
  }
  return all;
};

t.test('a repository with many tags: lists, pages, moves, deletes, and its end', async (t) => {
  const { admin, storage } = await withTags(t, 0);
  const tags = new RepositoryTags(storage, 'a');
  const count = 1500;
  for (const number of mixed(count)) await point(tags, nameOf(number));
  const entry = await pagesOfTags(storage, 'a').entry();
  t.ok(entry && isPageIndex(entry.value) && entry.value.pages.length > 4, 'in pages');
  const names = manyOf(count).names as string[];
  t.same(await admin.tags('a'), names);
  for (const size of [100, 299, 1500]) t.same(await pagesOf(admin, size), names, `pages of ${size}`);
  t.same((await admin.get(`/a/tags/list?n=2&last=${nameOf(700)}x`)).json().tags, [nameOf(701), nameOf(702)]);
  t.same((await admin.get('/a/tags/list?n=0')).json().tags, []);
  t.equal((await admin.pushManifest('a', nameOf(3), two)).status, 201);
  t.same((await admin.get(`/a/manifests/${nameOf(3)}`)).bytes, two.bytes, 'moved');
  t.equal((await admin.delete(`/a/manifests/${nameOf(4)}`)).status, 202);
  t.equal((await admin.get(`/a/manifests/${nameOf(4)}`)).status, 404, 'deleted');
  // several tags of one push, in several pages
  const paged = (await storage.read<TTags>(tagsKey('a'), tagsCodec))!.value;
  const boundary = isPageIndex(paged) ? paged.pages[1]!.from : '';
  t.match(boundary, /^tag-/, 'the first tag of the second page');
  const several = ['a-first', boundary, nameOf(750), 'z-last'];
  const query = several.map((tag) => `tag=${tag}`).join('&');
  t.equal((await admin.pushManifest('a', `${two.digest}?${query}`, two)).status, 201);
  for (const tag of several) t.same((await admin.get(`/a/manifests/${tag}`)).bytes, two.bytes, tag);
  t.equal((await admin.delete(`/a/manifests/${one.digest}`)).status, 202);
  t.same(await admin.tags('a'), [...several, nameOf(3)].sort(), 'a manifest goes with all its tags');
  t.same(await problemsOf(storage), []);
  t.equal((await admin.delete(`/a/manifests/${two.digest}`)).status, 202);
  t.equal((await admin.get('/a/tags/list')).status, 404, 'and a repository without a manifest is none');
  t.same((await admin.get('/_catalog')).json().repositories, []);
  for await (const { key } of storage.listDocuments({ prefix: 'oci/tagpages/' })) t.fail(`${key} is left`);
  t.equal((await admin.pushManifest('a', 'again', two)).status, 201, 'until something is pushed');
  t.same(await admin.tags('a'), ['again']);
  t.same((await admin.get('/_catalog')).json().repositories, ['a']);
});

t.test('immutable tags stay where they are, in pages as well', async (t) => {
  const inner = new MemoryObjectStore();
  const { admin, registry } = await ociWorld(t, { storage: { objectStore: inner }, oci: { immutableTags: ['*-9*'] } });
  for (const pushed of [one, two]) await admin.pushImage('a', pushed.digest, pushed);
  const tags = new RepositoryTags(registry.getStorage(), 'a');
  for (let number = 0; number < 700; number++) await point(tags, `t-${number}`);
  t.equal((await admin.pushManifest('a', 't-9', two)).status, 403);
  t.equal((await admin.pushManifest('a', 't-8', two)).status, 201);
  t.equal((await admin.delete('/a/manifests/t-99')).status, 403);
  t.equal((await admin.delete(`/a/manifests/${one.digest}`)).status, 403);
  t.equal((await admin.tags('a')).length, 700);
});

/** Documents of exactly as many tags as they may have, so that one more divides them. */
const full: Record<string, (storage: RegistryStorage) => Promise<void>> = {
  'the entry': async (storage) => {
    await storage.update<TTags>(tagsKey('a'), () => manyOf(MAX_TAGS_OF_PAGE), { codec: tagsCodec });
  },
  'a page': async (storage) => {
    const tags = new RepositoryTags(storage, 'a');
    await storage.update<TTags>(tagsKey('a'), () => manyOf(MAX_TAGS_OF_PAGE), { codec: tagsCodec });
    // behind all others: the first page stays full
    await point(tags, 'zzz');
  },
};

for (const [what, fill] of Object.entries(full)) {
  t.test(`a process ends at any step of dividing ${what}: nothing is lost, and the next push goes on`, async (t) => {
    let steps = 0;
    for (let at = 1; ; at++) {
      let isOver = true;
      for (const when of ['before', 'after'] as IFault['when'][]) {
        const inner = new MemoryObjectStore();
        await fill(new RegistryStorage(inner));
        const before = await allOf(new RegistryStorage(inner));
        const store = new FaultObjectStore(inner);
        store.fault = { at, when, lasting: true };
        let isAcknowledged = true;
        await point(new RepositoryTags(new RegistryStorage(store), 'a'), 'tag-000100x').catch(() => {
          isAcknowledged = false;
        });
        isOver &&= store.log.length < at;
        steps++;
        const there = new RegistryStorage(inner);
        const now = await allOf(there);
        const wanted = [...before, 'tag-000100x'].sort();
        if (isAcknowledged || now.length > before.length) t.same(now, wanted, `${when} ${at}`);
        else t.same(now, before, `${when} ${at}`);
        for (const tag of ['tag-000200x', '0', 'tag-000100x']) await point(new RepositoryTags(there, 'a'), tag);
        t.same(
          await allOf(new RegistryStorage(inner)),
          [...wanted, 'tag-000200x', '0'].sort(),
          `${when} ${at}: goes on`,
        );
        const entry = (await pagesOfTags(there, 'a').entry())?.value;
        t.ok(entry && isPageIndex(entry), 'in pages');
      }
      if (isOver) break;
    }
    t.ok(steps > 10, `${steps} steps`);
  });

  t.test(`another process pushes at each step of dividing ${what}: all tags are there`, async (t) => {
    let met = true;
    for (let at = 1; met; at++) {
      const inner = new MemoryObjectStore();
      await fill(new RegistryStorage(inner));
      const before = await allOf(new RegistryStorage(inner));
      const store = new FaultObjectStore(inner);
      const there = new RepositoryTags(new RegistryStorage(inner), 'a');
      met = false;
      store.before = async () => {
        if (met || store.log.length < at) return;
        met = true;
        for (const tag of ['tag-000101x', '1', 'zzzz']) await point(there, tag);
        t.same((await there.page({ count: 1 }))?.tags, ['1'], 'read in between');
      };
      const here = new RepositoryTags(new RegistryStorage(store), 'a');
      await point(here, 'tag-000100x');
      store.before = undefined;
      const came = met ? ['tag-000101x', '1', 'zzzz'] : [];
      t.same(await allOf(new RegistryStorage(inner)), [...before, 'tag-000100x', ...came].sort(), `step ${at}`);
    }
  });
}

t.test('two processes push 16 tags at a time into a repository that grows: all are there', async (t) => {
  const inner = new MemoryObjectStore();
  const storages = [new RegistryStorage(inner), new RegistryStorage(inner)];
  const numbers = mixed(1400);
  const work = async (storage: RegistryStorage): Promise<void> => {
    const tags = new RepositoryTags(storage, 'a');
    for (let number = numbers.pop(); number !== undefined; number = numbers.pop()) await point(tags, nameOf(number));
  };
  await Promise.all(storages.flatMap((storage) => Array.from({ length: 8 }, () => work(storage))));
  t.same(await allOf(new RegistryStorage(inner)), manyOf(1400).names);
});

t.test('a tag comes at each step of the end of a repository with pages: it is there', async (t) => {
  let met = true;
  for (let at = 1; met; at++) {
    const inner = new MemoryObjectStore();
    const there = new RegistryStorage(inner);
    await full['a page']?.(there);
    await new RepositoryTags(there, 'a').remove(() => true);
    t.same(await allOf(there), []);
    const store = new FaultObjectStore(inner);
    met = false;
    store.before = async () => {
      if (met || store.log.length < at) return;
      met = true;
      for (const tag of ['0', 'zzzz']) await point(new RepositoryTags(there, 'a'), tag);
    };
    const here = new RepositoryTags(new RegistryStorage(store), 'a');
    await here.drop();
    store.before = undefined;
    const fresh = new RegistryStorage(inner);
    t.same(await allOf(fresh), met ? ['0', 'zzzz'] : [], `step ${at}`);
    t.equal(await new RepositoryTags(fresh, 'a').exists(), met, `step ${at}`);
    for (const tag of ['1', 'zzzzz']) await point(new RepositoryTags(fresh, 'a'), tag);
    t.same(await allOf(fresh), met ? ['0', '1', 'zzzz', 'zzzzz'] : ['1', 'zzzzz'], `step ${at}: goes on`);
  }
});

t.test('a page is divided at each step of the removal of its tags: all are removed', async (t) => {
  let met = true;
  for (let at = 1; met; at++) {
    const inner = new MemoryObjectStore();
    const there = new RegistryStorage(inner);
    await full['a page']?.(there);
    const store = new FaultObjectStore(inner);
    met = false;
    store.before = async () => {
      if (met || store.log.length < at) return;
      met = true;
      for (const tag of ['tag-000001x', 'tag-000200x']) await point(new RepositoryTags(there, 'a'), tag, two.digest);
    };
    const here = new RepositoryTags(new RegistryStorage(store), 'a');
    await here.remove((_name, digest) => digest === one.digest);
    store.before = undefined;
    t.same(await allOf(new RegistryStorage(inner)), met ? ['tag-000001x', 'tag-000200x'] : [], `step ${at}`);
  }
});

t.test('tags that count up leave full pages behind', async (t) => {
  const storage = new RegistryStorage(new MemoryObjectStore());
  const tags = new RepositoryTags(storage, 'a');
  for (let number = 0; number < 5 * MAX_TAGS_OF_PAGE; number++) await point(tags, nameOf(number));
  const entry = (await pagesOfTags(storage, 'a').entry())?.value;
  t.equal(entry && isPageIndex(entry) && entry.pages.length, 5);
});

t.test('a sealed page that could not be removed is not believed when its tags have moved on', async (t) => {
  const inner = new DirectoryObjectStore(await temporaryFolder(t));
  const { admin, another, store, storage } = await withTags(t, MAX_TAGS_OF_PAGE, new GlancingStore(inner));
  const { admin: there } = await another();
  await point(new RepositoryTags(storage, 'a'), 'zzz');
  const entry = (await pagesOfTags(storage, 'a').entry())?.value;
  const key = tagPageKey('a', entry && isPageIndex(entry) ? (entry.pages[0]?.id as string) : '');
  // the page is sealed, and nothing more can be written to it or made of it
  let puts = 0;
  store.before = (operation) => {
    if (operation.verb === 'put' && ++puts > 1) throw new Error('the store is down');
  };
  t.equal((await admin.pushManifest('a', 'tag-000100x', one)).status, 201);
  for (let times = 0; times < 3; times++) {
    t.same((await admin.get(`/a/manifests/${nameOf(5)}`)).bytes, one.bytes, 'read from the sealed page');
  }
  store.before = (operation) => {
    if (operation.verb === 'put' && operation.key === key) throw new Error('the page cannot be removed');
  };
  t.equal((await there.pushManifest('a', nameOf(5), two)).status, 201);
  store.before = undefined;
  const left = await new RegistryStorage(inner).read<TTags>(key, tagsCodec);
  t.same((left?.value as ITagPage | undefined)?.names.length, MAX_TAGS_OF_PAGE + 1, 'it is still there');
  t.same((await admin.get(`/a/manifests/${nameOf(5)}`)).bytes, two.bytes);
  t.same((await admin.get(`/a/manifests/${nameOf(6)}`)).bytes, one.bytes);
});

t.test('a slow process does not bring back a page that was divided again: a tag put there would be lost', async (t) => {
  const inner = new MemoryObjectStore();
  const storage = new RegistryStorage(inner);
  await full['a page']?.(storage);
  const slow = new FaultObjectStore(inner);
  const gate = new Gate();
  let page = '';
  slow.before = async ({ verb, key }) => {
    if (verb !== 'put' || !key.startsWith('oci/tagpages/') || !key.endsWith(':0.json')) return;
    // the first put seals the page, the next one makes the first of those in its place
    if (page === '') page = key;
    else if (key !== page) await gate.pass();
  };
  const sealing = point(new RepositoryTags(new RegistryStorage(slow), 'a'), 'tag-000000x');
  await gate.arrived;
  const others = new RepositoryTags(storage, 'a');
  await point(others, 'tag-000001x');
  const late = new RepositoryTags(new RegistryStorage(inner), 'a');
  t.ok(await late.exists(), 'a third process reads which pages there are');
  for (let number = 0; number <= MAX_TAGS_OF_PAGE; number++) await point(others, `tag-000002x${nameOf(number)}`);
  gate.open();
  await sealing;
  await point(late, 'tag-000000y');
  const tags = new Set(await allOf(new RegistryStorage(inner)));
  for (const tag of ['tag-000000x', 'tag-000000y', 'tag-000001x']) t.ok(tags.has(tag), tag);
});
