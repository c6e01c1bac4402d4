import { LRUCache } from '../../plugins.js';

/**
 * A cache of at most so many entries, of which the one that was not used for longest goes first. The size of every entry
 * is one: with the option `max` the cache would reserve the memory of all its entries when it is made, and the caches of
 * one registry that is hardly used would take 4 MB and 11 ms.
 */
export const cacheOf = <K extends {}, V extends {}>(entries: number, options: { ttl?: number } = {}): LRUCache<K, V> =>
  new LRUCache<K, V>({ maxSize: entries, sizeCalculation: () => 1, ...options });
