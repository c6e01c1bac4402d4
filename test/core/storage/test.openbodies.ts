import { createHash } from 'node:crypto';
import t from 'tap';
import { streamToBuffer, toReadableStream } from '../../../ts/core/base/helpers.streams.js';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { ContentStore } from '../../../ts/core/storage/content/classes.contentstore.js';
import { readAll } from '../../../ts/core/storage/uploads/classes.stagedobject.js';
import { VerifiedBody } from '../../../ts/core/storage/uploads/classes.verifiedbody.js';
import { ManifestStore } from '../../../ts/oci/classes.manifeststore.js';
import { ofKind } from '../../support/expect.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';

/** Counts the bodies that are neither read to their end nor cancelled: each holds a file or a socket. */
class WatchedStore extends FaultObjectStore {
  public open = 0;

  public override async get(...parameters: Parameters<FaultObjectStore['get']>) {
    const found = await super.get(...parameters);
    if (!found || found === 'notModified') return found;
    this.open++;
    const reader = found.body.getReader();
    const body = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(value);
          this.open--;
          controller.close();
        },
        cancel: async (reason) => {
          this.open--;
          await reader.cancel(reason);
        },
      },
      { highWaterMark: 0 },
    );
    return { ...found, body };
  }
}

const setUp = () => {
  const inner = new MemoryObjectStore();
  const store = new WatchedStore(inner);
  return { inner, store, storage: new RegistryStorage(store) };
};
const bytes = Buffer.alloc(10_000, 'some bytes ');

t.test('the tombstone of a document is not left open by who finds nothing', async (t) => {
  const { store, storage } = setUp();
  await storage.update('doc', () => ({ a: 1 }));
  await storage.update('doc', () => null);
  for (const options of [{}, { range: { start: 0 } }, { range: { start: 1_000 } }]) {
    t.equal(await storage.open('doc', options), null, JSON.stringify(options));
    t.equal(store.open, 0);
  }
});

t.test('nor a piece of an upload that is another one by now', async (t) => {
  const { store, inner } = setUp();
  const { etag } = await inner.put('a', bytes);
  await inner.put('b', Buffer.from('another piece'));
  const read = async () => {
    for await (const _chunk of readAll(store, { keys: ['a', 'b'], etags: [etag, etag] }));
  };
  await t.rejects(read(), ofKind('unavailable'));
  t.equal(store.open, 0);
});

t.test('nor what is stored under a digest and has another length', async (t) => {
  const { store, inner, storage } = setUp();
  const content = new ContentStore(storage, { bytes: 'c/bytes', guards: 'c/guards', links: 'c/links' }, 'a/b');
  const hex = createHash('sha256').update(bytes).digest('hex');
  const digest = { algorithm: 'sha256' as const, hex, text: `sha256:${hex}` };
  const put = (owner: string) => {
    const body = new VerifiedBody(toReadableStream(bytes), {
      algorithm: 'sha256',
      hex,
      size: bytes.byteLength,
      limit: 1e6,
    });
    return content.put(owner, digest, body);
  };
  await put('a');
  await inner.put(content.key(digest), bytes.subarray(1));
  await put('b');
  t.equal(store.open, 0);
  for await (const key of content.keysFor('b', digest)) {
    const found = await inner.get(key);
    t.same(found && found !== 'notModified' && (await streamToBuffer(found.body)), bytes, 'it was replaced');
  }
  const manifests = new ManifestStore(storage);
  await inner.put('manifest', bytes);
  t.equal(await manifests.holds('manifest', bytes.subarray(1)), false);
  t.equal(await manifests.holds('manifest', bytes), true);
  t.equal(store.open, 0);
});
