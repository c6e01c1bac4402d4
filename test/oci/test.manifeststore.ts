import t from 'tap';
import { RegistryStorage } from '../../ts/core/classes.registrystorage.js';
import { RegistryError } from '../../ts/index.js';
import { ManifestStore } from '../../ts/oci/classes.manifeststore.js';
import { assertDigest } from '../../ts/oci/wire/wire.digests.js';
import { image } from '../support/oci/samples.js';
import { MemoryObjectStore } from '../support/store/memory-objectstore.js';

const one = image('one');
const digest = assertDigest(one.digest);
const KEY = `oci/manifests/a/${one.digest}`;

const start = (options: ConstructorParameters<typeof MemoryObjectStore>[0] = {}) => {
  const inner = new MemoryObjectStore(options);
  const warnings: string[] = [];
  const logger = { debug() {}, info() {}, error() {}, warn: (message: string) => void warnings.push(message) };
  const storage = new RegistryStorage(inner, { logger });
  return { inner, storage, manifests: new ManifestStore(storage), warnings };
};

for (const conditionalWrites of [true, false]) {
  t.test(`a manifest is stored once, with its type; conditional writes: ${conditionalWrites}`, async (t) => {
    const { inner, manifests } = start({ conditionalWrites });
    const put = () => manifests.put('a', digest, one.bytes, one.mediaType);
    t.equal(await put(), '');
    t.equal(inner.objects.get(KEY)?.info.contentType, one.mediaType);
    const { lastModified } = inner.objects.get(KEY)!.info;
    t.equal(await put(), '', 'again');
    t.equal(inner.objects.get(KEY)?.info.lastModified, lastModified, 'and is not written again');
    t.ok(await manifests.holds(KEY, one.bytes));
    for (const other of [one.bytes.subarray(1), Buffer.from(one.bytes.map((byte) => byte ^ 1))]) {
      t.notOk(await manifests.holds(KEY, other));
    }
    t.notOk(await manifests.holds(`${KEY}.x`, one.bytes));
    await inner.put(KEY, Buffer.from('damaged'));
    const copy = await put();
    t.match(copy, /^1-/);
    t.match(await manifests.find('a', digest), { copy, info: { key: `${KEY}.${copy}` } });
    t.match(await manifests.load('a', digest), { size: one.bytes.length, manifest: { mediaType: one.mediaType } });
    t.equal(await manifests.remove('a', digest, ''), false, 'a copy that is not the current one');
    t.ok(await manifests.exists('a', digest));
    t.equal(await manifests.remove('a', digest, copy), true);
    t.notOk(await manifests.exists('a', digest));
    t.ok(await manifests.isEmpty('a'));
    t.equal(await manifests.remove('a', digest, copy), false);
    t.match(await put(), /^2-/, 'no key is used again');
    t.notOk(await manifests.isEmpty('a'));
  });
}

t.test('a manifest that others delete again and again: an error that says when to try again', async (t) => {
  const { inner, storage } = start();
  class Losing extends ManifestStore {
    public override guard(): ReturnType<ManifestStore['guard']> {
      const state = { copy: null, floor: 0 };
      return { read: async () => state, replace: async () => false } as unknown as ReturnType<ManifestStore['guard']>;
    }
  }
  const refused = new Losing(storage).put('a', digest, one.bytes, one.mediaType);
  await t.rejects(refused, { kind: 'unavailable', headers: { 'Retry-After': '1' } } as unknown as Error);
  t.same(inner.keys('oci/manifests/'), [], 'what was not made the current one is deleted');
});

t.test('a delete whose answer is lost leaves at most an object; any other failure is one', async (t) => {
  const { storage, manifests, warnings } = start();
  let kind: 'outcomeUnknown' | 'unavailable' = 'outcomeUnknown';
  Object.defineProperty(storage, 'delete', {
    value: async () => {
      throw new RegistryError(kind, 'The store is down');
    },
  });
  await manifests.removeObject(KEY);
  t.match(warnings, [/a collector will remove it/]);
  kind = 'unavailable';
  await t.rejects(manifests.removeObject(KEY), { kind: 'unavailable' } as unknown as Error);
});

t.test(
  'a manifest that is damaged: an error, or none for those who go through many; an outage is one for all',
  async (t) => {
    const { inner, storage, manifests, warnings } = start();
    await inner.put(KEY, Buffer.from('{'));
    await t.rejects(manifests.load('a', digest), { kind: 'invalid' } as unknown as Error);
    t.equal(await manifests.loadIntact('a', digest), null);
    t.match(warnings, [/cannot be read/]);
    t.equal(await manifests.load('b', digest), null);
    Object.defineProperty(storage, 'open', {
      value: async () => {
        throw new RegistryError('unavailable', 'The store is down');
      },
    });
    await t.rejects(manifests.loadIntact('a', digest), { kind: 'unavailable' } as unknown as Error);
  },
);

t.test('the objects of a repository are its own', async (t) => {
  const { inner, manifests } = start();
  const copy = '3-00000000-0000-4000-8000-000000000000';
  for (const key of [KEY, `${KEY}.${copy}`, KEY.replace('/a/', '/a/sha/'), KEY.replace('/a/', '/ab/')]) {
    await inner.put(key, one.bytes);
  }
  await inner.put('oci/manifests/a/sha999:00', one.bytes);
  const found: [string, string][] = [];
  for await (const { digest, copy } of manifests.objects('a')) found.push([digest.text, copy]);
  t.same(found, [
    [one.digest, ''],
    [one.digest, copy],
  ]);
});
