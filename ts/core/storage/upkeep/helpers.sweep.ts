import type { IObjectInfo, IObjectStore } from '../../objectstore/interfaces.objectstore.js';
import { STAGING_PREFIX } from '../uploads/classes.stagedobject.js';

export interface ISweepParts {
  store: IObjectStore;
  now: () => Date;
}

/** All objects below `prefix` that were written before `before` (ms since the epoch), in key order. */
export async function* olderThan(
  store: IObjectStore,
  prefix: string,
  before: number,
): AsyncGenerator<IObjectInfo, void> {
  for await (const item of store.list({ prefix })) {
    if ('key' in item && item.lastModified.getTime() <= before) yield item;
  }
}

/** Deletes staged uploads that were not finished. Returns how many. */
export const sweepStaging = async (parts: ISweepParts, olderThanMs: number, signal?: AbortSignal): Promise<number> => {
  let count = 0;
  for await (const { key } of olderThan(parts.store, STAGING_PREFIX, parts.now().getTime() - olderThanMs)) {
    signal?.throwIfAborted();
    await parts.store.delete(key);
    count++;
  }
  return count;
};
