import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { holdersOf } from './classes.blobs.js';
import { blobsPrefix, collectingKey } from './keys.oci.js';
import { type IDigest, readDigest } from './wire.digests.js';

const isHeld = async (storage: RegistryStorage, digest: IDigest): Promise<boolean> =>
  (await holdersOf(storage, digest, 1)).length > 0;

/**
 * Deletes bytes that no repository has a link to: what unfinished pushes and deletes leave behind. Answers how many.
 *
 * Who links bytes that are there already puts the link and then looks for the mark; here the mark is put before the
 * links are looked for. So either the link is seen here, or the mark there. A mark that a dead collector left is taken
 * over by the next one.
 */
export const collectBlobs = async (
  storage: RegistryStorage,
  options: { olderThanMs?: number } = {},
): Promise<number> => {
  let count = 0;
  const { store } = storage;
  const olderThanMs = options.olderThanMs ?? 24 * 60 * 60 * 1000;
  for await (const item of storage.list({ prefix: `${blobsPrefix}/` })) {
    if (!('key' in item) || storage.now().getTime() - item.lastModified.getTime() < olderThanMs) continue;
    const digest = readDigest(item.key.slice(blobsPrefix.length + 1).replace('/', ':'));
    if (!digest || (await isHeld(storage, digest))) continue;
    await store.put(collectingKey(digest), new Uint8Array(), { immutable: true });
    try {
      const isOrphan = async () => !(await isHeld(storage, digest));
      count += await storage.sweepOrphans(item.key, async (key) => key !== item.key || !(await isOrphan()), options);
    } finally {
      await store.delete(collectingKey(digest));
    }
  }
  return count;
};
