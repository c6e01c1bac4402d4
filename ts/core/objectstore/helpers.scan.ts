import type { IObjectStore, IScannedKey, IScanOptions } from './interfaces.objectstore.js';

/** What a store without a scan of its own lists. */
async function* listed(store: IObjectStore, prefix: string): AsyncGenerator<IScannedKey, void, undefined> {
  for await (const item of store.list({ prefix })) {
    if ('key' in item) yield { key: item.key, version: item.etag, lastModified: item.lastModified };
  }
}

/** The keys below a prefix in key order, as cheaply as the store has them; see `IObjectStore.scan`. */
export const scanStore = (store: IObjectStore, options: IScanOptions): AsyncIterable<IScannedKey> =>
  store.scan?.(options) ?? listed(store, options.prefix);
