import { RegistryError } from '../core/classes.registryerror.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { PLACED_AT } from '../core/storage/classes.artifactplacer.js';
import { COLLECTOR_GIVES_UP_MS, holdersOf } from './classes.blobs.js';
import { allLinksPrefix, blobKey, blobsPrefix, collectingKey, collectingPrefix } from './keys.oci.js';
import { type IDigest, readDigest } from './wire.digests.js';

/** ms; a mark that is older was left by a collector that died */
const MARK_IS_DEAD_MS = 10 * 60_000;

const isHeld = async (storage: RegistryStorage, digest: IDigest): Promise<boolean> =>
  (await holdersOf(storage, digest, 1)).length > 0;

const digestOfKey = (key: string, prefix: string): IDigest | null =>
  readDigest(key.slice(prefix.length + 1).replace('/', ':'));

/** Whoever pushes these bytes waits for a mark to go, so one that nobody will take away must not stay. */
const sweepMarks = async (storage: RegistryStorage): Promise<void> => {
  const before = storage.now().getTime() - MARK_IS_DEAD_MS;
  for await (const item of storage.list({ prefix: `${collectingPrefix}/` })) {
    if ('key' in item && item.lastModified.getTime() < before) await storage.delete(item.key);
  }
};

/** Resolves with whether the bytes are gone by our hand. */
const collect = async (storage: RegistryStorage, digest: IDigest, before: number): Promise<boolean> => {
  const { store } = storage;
  const mark = collectingKey(digest);
  try {
    // one at a time: the mark is to stay until the last of them is done
    await store.put(mark, new Uint8Array(), {
      immutable: true,
      ifNoneMatch: store.conditionalWrites ? '*' : undefined,
    });
  } catch (error) {
    if (RegistryError.is(error, 'preconditionFailed')) return false;
    throw error;
  }
  const since = performance.now();
  try {
    const seen = await store.head(blobKey(digest));
    const placedAt = seen?.metadata?.[PLACED_AT];
    if (!seen || (placedAt !== undefined && Date.parse(placedAt) > before)) return false;
    if (await isHeld(storage, digest)) return false;
    // whoever waits for the mark takes us for dead in a while
    if (performance.now() - since > COLLECTOR_GIVES_UP_MS) return false;
    await store.delete(blobKey(digest), { ifMatch: seen.etag });
    return true;
  } catch (error) {
    if (RegistryError.is(error, 'preconditionFailed')) return false;
    throw error;
  } finally {
    await store.delete(mark);
  }
};

/** Says of one blob after the other, in the order of their keys, whether anybody has it. */
const holderCheck = (storage: RegistryStorage): ((blob: string) => Promise<boolean>) => {
  const links = storage.list({ prefix: `${allLinksPrefix}/` })[Symbol.asyncIterator]();
  let held: string | undefined = '';
  return async (blob) => {
    while (held !== undefined && held < blob) {
      const { done, value } = await links.next();
      held = done || !('key' in value) ? undefined : value.key.slice(allLinksPrefix.length + 1).split(':')[0];
    }
    return held === blob;
  };
};

/**
 * Deletes bytes that no repository has a link to: what unfinished pushes and deletes leave behind. Answers how many.
 *
 * Who links bytes that are there already puts the link, looks for the mark, waits for it to go and then looks whether
 * the bytes are still there; here the mark is put before the links are looked for. So either the link is seen here, or
 * the mark there, or it is seen there that the bytes are gone.
 */
export const collectBlobs = async (
  storage: RegistryStorage,
  options: { olderThanMs?: number } = {},
): Promise<number> => {
  let count = 0;
  const before = storage.now().getTime() - (options.olderThanMs ?? 24 * 60 * 60 * 1000);
  await sweepMarks(storage);
  const wasHeld = holderCheck(storage);
  for await (const item of storage.list({ prefix: `${blobsPrefix}/` })) {
    if (!('key' in item) || item.lastModified.getTime() > before) continue;
    const digest = digestOfKey(item.key, blobsPrefix);
    // a first look, at all links in one walk; who linked it since is found by the second one
    if (!digest || (await wasHeld(`${digest.algorithm}/${digest.hex}`))) continue;
    if (await collect(storage, digest, before)) count++;
  }
  return count;
};
