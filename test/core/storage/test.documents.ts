import t from 'tap';
import { streamToBuffer } from '../../../ts/core/base/helpers.streams.js';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { jsonCodec, RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import type { IPutOptions } from '../../../ts/core/objectstore/interfaces.objectstore.js';
import { DocumentCache } from '../../../ts/core/storage/documents/classes.documentcache.js';
import { UpdateQueue } from '../../../ts/core/storage/documents/classes.updatequeue.js';
import {
  headOf,
  metadataOf,
  NEVER_WRITTEN,
  nextHead,
  type TDocumentHead,
  TOMBSTONE_SIZE,
  tombstoneBytes,
  whereIs,
} from '../../../ts/core/storage/documents/helpers.documentstate.js';
import { isSpent, textNames, withSpent } from '../../../ts/core/storage/documents/helpers.spentkeys.js';
import type { TPaged } from '../../../ts/core/storage/pages/helpers.pages.js';
import { type ITagPage, type ITags, NO_TAGS, tagsCodec, withTag } from '../../../ts/oci/wire/wire.tags.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import { manyTurns, until } from '../../support/waiting.js';

const memory = () => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  return { inner, store, storage: new RegistryStorage(store) };
};
const textOf = (store: MemoryObjectStore, key: string): string => Buffer.from(store.objects.get(key)!.bytes).toString();
const idOf = (number: number): string => `${String(number).padStart(8, '0')}-0000-4000-8000-000000000000`;

t.test('the revision grows with every write of the key, deletes included', async (t) => {
  const { inner, storage } = memory();
  const seen: number[] = [];
  const write = (value: object | null) =>
    storage.update('doc', (_current, { revision }) => {
      seen.push(revision);
      return value;
    });
  t.match(await write({ n: 1 }), { value: { n: 1 }, revision: 1 });
  t.match(await write(null), { value: null, revision: 2 });
  t.equal(await storage.read('doc'), null);
  t.match(await write({ n: 1 }), { value: { n: 1 }, revision: 3 });
  t.same(seen, [0, 1, 2]);
  t.match(await storage.read('doc'), { value: { n: 1 }, revision: 3 });
  const replica = new RegistryStorage(inner);
  t.match(await replica.read('doc'), { value: { n: 1 }, revision: 3 }, 'another replica sees the same');
  t.match(await replica.update('doc', () => ({ n: 2 })), { revision: 4 });
});

t.test('the tombstone of a deleted document is nothing to readers', async (t) => {
  const { inner, storage } = memory();
  await storage.update('doc', () => ({ n: 1 }));
  await storage.update('doc', () => null);
  t.ok(inner.objects.has('doc'), 'it is there');
  t.equal(await storage.read('doc'), null);
  t.equal(await storage.head('doc'), null);
  t.equal(await storage.open('doc'), null);
  t.equal(await storage.open('doc', { range: { start: 2 } }), null);
  t.equal(await storage.open('doc', { range: { start: 1000 } }), null, 'not even a wrong range tells of it');
  await inner.put('short', Buffer.from('x'));
  await t.rejects(storage.open('short', { range: { start: 5 } }), { kind: 'rangeInvalid' } as unknown as Error);
  const replica = new RegistryStorage(inner);
  t.equal(await replica.read('doc'), null);
  t.match(await replica.update('doc', () => undefined), { value: null, revision: 2 });
});

t.test('after an update that deletes, the cache knows the tombstone and no value', async (t) => {
  const store = new MemoryObjectStore();
  const documents = new DocumentCache(store, 1e6);
  const queue = new UpdateQueue(store, documents);
  await queue.add<object>('doc', () => ({ n: 1 }), {});
  t.match(documents.peek('doc', jsonCodec), { value: { n: 1 }, revision: 1 });
  await queue.add<object>('doc', () => null, {});
  const tombstone = documents.peek('doc', jsonCodec);
  t.match(tombstone, { value: null, revision: 2 });
  t.equal(tombstone?.etag, store.objects.get('doc')?.info.etag, 'so that the next write needs no look');
});

t.test('a listing of documents leaves tombstones out, and looks only at what has their size', async (t) => {
  const { inner, store, storage } = memory();
  for (let n = 0; n < 40; n++) await storage.update(`docs/${String(n).padStart(2, '0')}`, () => ({ n }));
  for (let n = 0; n < 40; n += 2) await storage.update(`docs/${String(n).padStart(2, '0')}`, () => null);
  await inner.put('docs/x', Buffer.alloc(TOMBSTONE_SIZE, 'x'));
  const list = async (options: { after?: string; limit?: number }) => {
    const keys: string[] = [];
    for await (const { key } of storage.listDocuments({ prefix: 'docs/', ...options })) keys.push(key.slice(5));
    return keys;
  };
  const odd = Array.from({ length: 20 }, (_, n) => String(2 * n + 1).padStart(2, '0'));
  store.reset();
  t.same(await list({}), [...odd, 'x'], 'of the same size and no tombstone: listed');
  t.equal(store.count('head'), 21);
  t.same(await list({ limit: 3 }), ['01', '03', '05'], 'the limit counts documents');
  t.same(await list({ after: 'docs/35', limit: 2 }), ['37', '39']);
  store.reset();
  t.same(await list({ limit: 1 }), ['01']);
  t.equal(store.count('head'), 1, 'no further than that');
  t.same(await list({ after: 'docs/37' }), ['39', 'x']);
  store.before = ({ verb }) => {
    if (verb === 'head') throw new RegistryError('unavailable', 'down');
  };
  await t.rejects(list({}), { kind: 'unavailable' } as unknown as Error, 'an outage is not an end of the list');
});

t.test('every tombstone has the same size and bytes of its own', async (t) => {
  t.equal(tombstoneBytes(idOf(1)).byteLength, TOMBSTONE_SIZE);
  t.notSame(tombstoneBytes(idOf(1)), tombstoneBytes(idOf(2)));
});

t.test('equal values of different revisions have different bytes', async (t) => {
  const { inner, storage } = memory();
  const etags = new Set<string | undefined>();
  for (const value of [{ a: 1 }, { a: 2 }, { a: 1 }, {}, { a: 1 }, {}]) {
    await storage.update<object>('doc', () => value);
    etags.add(inner.objects.get('doc')?.info.etag);
    t.same((await storage.read('doc'))?.value, value, 'and the value is without the revision');
  }
  t.equal(etags.size, 6);
  t.equal(textOf(inner, 'doc'), '{"$revision":6}');
  await t.rejects(
    storage.update('doc', () => ({ $revision: 1 })),
    { kind: 'internal' } as unknown as Error,
    'the name of the member is taken',
  );
  await storage.update('list', () => [1]);
  t.equal(textOf(inner, 'list'), '[1]', 'what is no object has no place for it');
});

t.test('a late write finds no document as it was: a tag that was moved away and back', async (t) => {
  const { inner, store, storage } = memory();
  const move = (by: RegistryStorage, digest: string) =>
    by.update<TPaged<ITagPage>>('tags', (tags) => withTag((tags as ITags | null) ?? NO_TAGS, 'latest', digest), {
      codec: tagsCodec,
    });
  await move(storage, 'sha256:a');
  // a write of this replica hangs in the network, and it is given up
  let late: (() => Promise<unknown>) | undefined;
  const real = inner.put.bind(inner);
  inner.put = async (key: string, body: Uint8Array | ReadableStream<Uint8Array>, options?: IPutOptions) => {
    if (late) throw new RegistryError('outcomeUnknown', 'the store is away');
    late = () => real(key, body, options);
    throw new RegistryError('outcomeUnknown', 'timed out');
  };
  await t.rejects(move(storage, 'sha256:late'), { kind: 'unavailable' } as unknown as Error);
  inner.put = real;
  const other = new RegistryStorage(inner);
  await move(other, 'sha256:b');
  await move(other, 'sha256:a');
  await t.rejects(late!(), { kind: 'preconditionFailed' } as unknown as Error, 'it comes too late');
  const found = await other.read<TPaged<ITagPage>>('tags', tagsCodec);
  t.same((found?.value as ITags | undefined)?.digests, ['sha256:a'], 'what was acknowledged stays');
  t.match(found, { revision: 3 });
  t.ok(store.count() > 0);
});

t.test('a delete that arrives late does not take what was made anew', async (t) => {
  const { inner, storage } = memory();
  await storage.update('user', () => ({ name: 'ann' }));
  let late: (() => Promise<unknown>) | undefined;
  const real = inner.put.bind(inner);
  inner.put = async (key: string, body: Uint8Array | ReadableStream<Uint8Array>, options?: IPutOptions) => {
    late ??= () => real(key, body, options);
    throw new RegistryError('outcomeUnknown', 'timed out');
  };
  await t.rejects(
    storage.update('user', () => null),
    { kind: 'unavailable' } as unknown as Error,
  );
  inner.put = real;
  const other = new RegistryStorage(inner);
  await other.update('user', () => null);
  await other.update('user', () => ({ name: 'ann' }));
  await t.rejects(late!(), { kind: 'preconditionFailed' } as unknown as Error);
  t.match(await other.read('user'), { value: { name: 'ann' }, revision: 3 });
  let deletes = 0;
  inner.delete = async () => void deletes++;
  await other.update('user', () => null);
  t.equal(deletes, 0, 'the object of a document is never deleted');
});

t.test('the last writes are known by their ids', async (t) => {
  const { value, ...never } = NEVER_WRITTEN;
  t.equal(value, null);
  const heads: TDocumentHead[] = [never];
  for (let n = 1; n <= 12; n++)
    heads.push({ ...nextHead(heads[n - 1]!, idOf(n), { spent: 'abcdef01', swept: n, value: {} }), etag: `e${n}` });
  const [first, second, fourth, ninth, last] = [1, 2, 4, 9, 12].map((n) => heads[n]!) as [
    TDocumentHead,
    TDocumentHead,
    TDocumentHead,
    TDocumentHead,
    TDocumentHead,
  ];
  t.equal(whereIs(idOf(2), first, second), 'in');
  t.equal(whereIs(idOf(2), first, ninth), 'in', 'built upon seven times');
  t.equal(whereIs(idOf(99), first, second), 'out');
  t.equal(whereIs(idOf(99), first, ninth), 'out', 'eight writes since, all known');
  t.equal(whereIs(idOf(99), first, heads[10]!), 'unknown', 'nine writes since, one of them not known');
  t.equal(whereIs(idOf(99), fourth, fourth), 'unknown', 'the base is still there: it may come yet');
  t.equal(whereIs(idOf(99), NEVER_WRITTEN, NEVER_WRITTEN), 'unknown');
  t.equal(whereIs(idOf(99), last, { ...last, revision: 0, writers: '' }), 'unknown', 'written by other hands');
  const info = {
    key: 'doc',
    size: 1,
    etag: 'e12',
    lastModified: new Date(0),
    metadata: metadataOf(last, idOf(12), false),
  };
  t.same(headOf(info), { ...last, lastModified: new Date(0) }, 'the metadata of the object holds all of it');
});

t.test('what a tombstone says of its document', async (t) => {
  const { inner, storage } = memory();
  await storage.update('doc', () => ({ n: 1 }));
  const tombstone = () => inner.objects.get('doc')?.info.metadata?.tombstone;
  t.equal(tombstone(), undefined);
  await storage.update('doc', () => null);
  t.equal(tombstone(), '1');
  t.equal(await storage.presence('doc'), 'deleted');
  const text = { ...jsonCodec, contentType: 'text/plain' };
  await storage.update('doc', () => ({ n: 1 }), { codec: text });
  t.equal(inner.objects.get('doc')?.info.contentType, 'text/plain');
  await storage.update('doc', () => null, { codec: text });
  t.equal(inner.objects.get('doc')?.info.contentType, 'application/json', 'it is not what the document was');
  const never = { ...NEVER_WRITTEN, spent: '', swept: 0 };
  const nothing = { value: null, spent: 'abcdef01', swept: 1 };
  const orphans = nextHead(never, idOf(1), nothing);
  t.equal(orphans.existed, false, 'only orphans were there');
  t.match(metadataOf(orphans, idOf(1), true), { tombstone: '0', swept: '1', spent: 'abcdef01', revision: '1' });
  const made = nextHead(orphans, idOf(2), { ...nothing, value: {} });
  t.equal(made.existed, true);
  t.equal(nextHead(made, idOf(3), nothing).existed, true, 'it was there once');
});

t.test('a list of spent keys is bounded: beyond it every layout key is spent', async (t) => {
  let spent = '';
  const keys = Array.from({ length: 64 }, (_, n) => `npm/packages/a/a-1.0.${n}.tgz`);
  for (const key of keys) {
    t.notOk(isSpent(spent, key));
    spent = withSpent(spent, [key]);
    t.ok(isSpent(spent, key));
  }
  t.equal(withSpent(spent, keys), spent, 'noted once');
  t.equal(spent.length, 512);
  t.notOk(isSpent(spent, 'another'));
  const own = `npm/packages/a/a-1.0.0.tgz.${idOf(7)}`;
  t.equal(withSpent(spent, [own]), spent, 'a key that no other write uses need not be noted');
  const full = withSpent(spent, ['another']);
  t.ok(isSpent(full, 'another'));
  t.ok(isSpent(full, 'any other'));
  t.notOk(isSpent(full, own));
  t.equal(withSpent(full, ['more']), full);
});

t.test('the time of a document is the store’s, also if this process wrote it', async (t) => {
  const times = [new Date('2026-01-01T00:00:00Z'), new Date('2026-01-02T00:00:00Z')];
  let now = times[0]!;
  const store = new MemoryObjectStore({ now: () => now });
  const storage = new RegistryStorage(store);
  await storage.update('doc', () => ({ n: 1 }));
  t.same((await storage.read('doc'))?.lastModified, times[0]);
  now = times[1]!;
  await new RegistryStorage(store).update('doc', () => ({ n: 2 }));
  t.same((await storage.read('doc'))?.lastModified, times[1]);
  const found = await storage.open('doc');
  if (!found || found === 'notModified') return t.fail('not there');
  t.same(JSON.parse((await streamToBuffer(found.body)).toString()), { n: 2, $revision: 2 });
});

t.test('a document names a key by its text, and a layout key is not its own keys', async (t) => {
  const key = 'p/a"b/ü-1.0.0.bin';
  const own = `${key}.${idOf(7)}`;
  const text = (value: unknown) => Buffer.from(JSON.stringify(value));
  t.ok(textNames(text({ key }), key));
  t.ok(textNames(text({ key: own }), own));
  t.ok(textNames(text({ _rev: `1-${idOf(7).replaceAll('-', '')}` }), own), 'a document may keep the id alone');
  t.notOk(textNames(text({ key: own }), key));
  t.ok(textNames(text({ keys: [own, key] }), key));
  t.ok(textNames(text({ keys: [key, own] }), key));
  t.notOk(textNames(text({ key }), own));
});

t.test('who reads one key with another codec gets what that one makes of it', async (t) => {
  const { storage } = memory();
  const length = { ...jsonCodec, parse: (bytes: Uint8Array): unknown => bytes.byteLength };
  await storage.update('doc', () => ({ n: 1 }));
  const size = (await storage.head('doc'))?.size;
  for (let round = 0; round < 2; round++) {
    t.same((await storage.read('doc'))?.value, { n: 1 });
    t.equal((await storage.read('doc', length))?.value, size);
  }
});

t.test('two who read a document at once, each with a codec of its own, get each their own', async (t) => {
  const { inner, storage } = memory();
  await storage.update('doc', () => ({ n: 1 }));
  const length = { ...jsonCodec, parse: (bytes: Uint8Array): unknown => bytes.byteLength };
  for (const first of [jsonCodec, length]) {
    const store = new FaultObjectStore(inner);
    const fresh = new RegistryStorage(store);
    // the body comes when both have looked
    store.before = async ({ verb }) => {
      if (verb !== 'get') return;
      await until(() => store.count('head') === 2);
      await manyTurns();
    };
    const second = first === length ? jsonCodec : length;
    const [one, other] = await Promise.all([fresh.read<unknown>('doc', first), fresh.read<unknown>('doc', second)]);
    const [value, size] = first === length ? [other?.value, one?.value] : [one?.value, other?.value];
    t.same(value, { n: 1 });
    t.equal(size, (await storage.head('doc'))?.size);
  }
});
