import { inParallel } from '../core/base/helpers.concurrency.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { blobStoreOf } from './helpers.blobstore.js';
import { blobFolders, layoutKey } from './keys.oci.js';
import { readDigest } from './wire/wire.digests.js';

/** `oci/layout.json` */
interface ILayoutDocument {
  version: number;
}

/** 1 is the layout of releases up to 0.2.0: `oci/links/{algorithm}/{hex}:{repository}`. */
const LAYOUT = 2;
/** links that are moved together: this many are listed before the first is deleted */
const BATCH = 500;

interface IOldLink {
  key: string;
  repository: string;
  digest: string;
}

const readOldLink = (key: string): IOldLink | null => {
  // very long names had their end in a segment of its own
  const match = /^([a-z0-9]+)\/([0-9a-f]+):(.+)$/.exec(key.slice(blobFolders.links.length + 1));
  if (!match) return null;
  const [, algorithm, hex, name] = match as unknown as [string, string, string, string];
  return { key, digest: `${algorithm}:${hex}`, repository: name.replace('~/', '').replaceAll(':', '/') };
};

/**
 * Moves links from the layout of 0.2.0 into this one. An old link is deleted after the new one is stored. So if a
 * process ends half-way, the next one continues, and two at once make at most a link too many.
 */
export const migrateLinks = async (storage: RegistryStorage): Promise<void> => {
  const layout = await storage.read<ILayoutDocument>(layoutKey);
  if (layout && layout.value.version >= LAYOUT) return;
  const blobs = blobStoreOf(storage);
  let count = 0;
  const move = async ({ key, repository, digest: text }: IOldLink): Promise<void> => {
    const digest = readDigest(text);
    if (!digest) return;
    const link = await blobs.links.put(repository, digest, '');
    // If the old link is gone, another process has moved it, and one of the two new links is enough. The last link of a
    // repository must stay: without it a collector deletes the bytes. Several processes at this point keep the same
    // link, the first by its key.
    if (await storage.head(key)) await storage.delete(key);
    else if ((await blobs.links.of(repository, digest)).some((other) => other.key < link)) await storage.delete(link);
    count++;
  };
  let batch: IOldLink[] = [];
  for await (const item of storage.list({ prefix: `${blobFolders.links}/` })) {
    const old = 'key' in item ? readOldLink(item.key) : null;
    if (old) batch.push(old);
    if (batch.length < BATCH) continue;
    await inParallel(batch, move);
    storage.logger.info('Bringing links to blobs into their new layout', { done: count });
    batch = [];
  }
  await inParallel(batch, move);
  // left by collectors of those releases
  for await (const item of storage.list({ prefix: 'oci/collecting/' }))
    if ('key' in item) await storage.delete(item.key);
  if (count > 0) storage.logger.info('Links to blobs are in their new layout', { links: count });
  await storage.update<ILayoutDocument>(layoutKey, () => ({ version: LAYOUT }), {
    applied: ({ version }) => version >= LAYOUT,
  });
};
