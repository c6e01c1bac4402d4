import { RegistryError } from '../classes.registryerror.js';
import type { IObjectInfo, IObjectStore } from '../objectstore/interfaces.objectstore.js';
import { PLACED_AT } from './classes.artifactplacer.js';
import { STAGING_PREFIX } from './classes.stagedobject.js';

export interface ISweepParts {
  store: IObjectStore;
  now: () => Date;
}

/** All objects below `prefix` that were written before `before` (ms since the epoch), in key order. */
async function* olderThan(store: IObjectStore, prefix: string, before: number): AsyncGenerator<IObjectInfo, void> {
  for await (const item of store.list({ prefix })) {
    if ('key' in item && item.lastModified.getTime() <= before) yield item;
  }
}

/** Deletes staged uploads that nobody finished. Answers how many. */
export const sweepStaging = async (parts: ISweepParts, olderThanMs: number, signal?: AbortSignal): Promise<number> => {
  let count = 0;
  for await (const { key } of olderThan(parts.store, STAGING_PREFIX, parts.now().getTime() - olderThanMs)) {
    signal?.throwIfAborted();
    await parts.store.delete(key);
    count++;
  }
  return count;
};

const deleteIfStill = async (store: IObjectStore, { key, etag }: IObjectInfo): Promise<boolean> => {
  try {
    await store.delete(key, { ifMatch: etag });
    return true;
  } catch (error) {
    if (RegistryError.is(error, 'preconditionFailed')) return false;
    throw error;
  }
};

/**
 * Deletes what no document names. The object is seen first and the document read afterwards, so what was committed in
 * between is spared; what is being published right now is spared by its age, which counts from when it was placed
 * (a driver that moves a staged upload into place may keep the older time of the upload).
 */
export const sweepOrphans = async (
  parts: ISweepParts,
  prefix: string,
  isListed: (key: string) => boolean | Promise<boolean>,
  olderThanMs: number,
  signal?: AbortSignal,
): Promise<number> => {
  const before = parts.now().getTime() - olderThanMs;
  let count = 0;
  for await (const { key } of olderThan(parts.store, prefix, before)) {
    signal?.throwIfAborted();
    if (await isListed(key)) continue;
    const seen = await parts.store.head(key);
    const placedAt = seen?.metadata?.[PLACED_AT];
    if (!seen || (placedAt !== undefined && Date.parse(placedAt) > before)) continue;
    // another sweeper may have been quicker, and a publish may have taken the key since
    if (await deleteIfStill(parts.store, seen)) count++;
  }
  return count;
};
