import { LRUCache } from '../../plugins.js';

/**
 * An LRU cache of at most `entries` entries. Each entry has the size one, and the cache is limited by size. The option
 * `max` would do the same, but it reserves memory for all entries at once: 4 MB and 11 ms for the caches of one registry.
 */
export const cacheOf = <K extends {}, V extends {}>(entries: number, options: { ttl?: number } = {}): LRUCache<K, V> =>
  new LRUCache<K, V>({ maxSize: entries, sizeCalculation: () => 1, ...options });
