import type { IListOptions, IObjectInfo, IObjectStore } from '../../objectstore/interfaces.objectstore.js';
import { isTombstone, TOMBSTONE_SIZE } from './helpers.documentstate.js';

/** Looks ahead at as many objects, so that a run of small ones does not cost one round trip each. */
const AHEAD = 16;

interface ICandidate {
  info: IObjectInfo;
  isLive: boolean | Promise<boolean>;
}

/** A listing has no metadata on S3; only what has exactly the size of a tombstone needs a second look. */
const liveness = (store: IObjectStore, info: IObjectInfo): boolean | Promise<boolean> => {
  if (info.size !== TOMBSTONE_SIZE) return true;
  if (info.metadata) return !isTombstone(info);
  const looked = store.head(info.key).then((seen) => seen !== null && !isTombstone(seen));
  // it is awaited in its turn, which may come after others have failed
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
