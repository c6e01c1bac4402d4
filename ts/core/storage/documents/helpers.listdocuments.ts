import type { IListOptions, IObjectInfo, IObjectStore } from '../../objectstore/interfaces.objectstore.js';
import { isTombstone, TOMBSTONE_SIZE } from './helpers.documentstate.js';

/** Objects that are looked up ahead, so that a run of small ones does not cost one round trip each. */
const AHEAD = 16;

interface ICandidate {
  info: IObjectInfo;
  isLive: boolean | Promise<boolean>;
}

/**
 * Whether the object is no tombstone. Listings on S3 have no metadata; only an object with exactly the size of a
 * tombstone needs another look.
 */
const liveness = (store: IObjectStore, info: IObjectInfo): boolean | Promise<boolean> => {
  if (info.size !== TOMBSTONE_SIZE) return true;
  if (info.metadata) return !isTombstone(info);
  const looked = store.head(info.key).then((seen) => seen !== null && !isTombstone(seen));
  // awaited in its turn, possibly after others have failed; until then it is not "unhandled"
  looked.catch(() => {});
  return looked;
};

/** The documents below `prefix` in key order, without the tombstones of deleted ones. */
export async function* listDocuments(
  store: IObjectStore,
  options: Omit<IListOptions, 'delimiter'>,
): AsyncGenerator<IObjectInfo, void, undefined> {
  const { prefix, after, limit = Number.POSITIVE_INFINITY } = options;
  const ahead: ICandidate[] = [];
  let count = 0;
  for await (const item of store.list({ prefix, after })) {
    if (!('key' in item)) continue;
    ahead.push({ info: item, isLive: liveness(store, item) });
    if (ahead.length < Math.min(AHEAD, limit - count)) continue;
    const { info, isLive } = ahead.shift() as ICandidate;
    if (!(await isLive)) continue;
    yield info;
    if (++count >= limit) return;
  }
  for (const { info, isLive } of ahead) {
    if (!(await isLive)) continue;
    yield info;
    if (++count >= limit) return;
  }
}
