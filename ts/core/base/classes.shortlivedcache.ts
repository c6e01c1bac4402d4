import type { LRUCache } from '../../plugins.js';
import { cacheOf } from './helpers.caches.js';

export interface IShortLivedCacheOptions {
  /** entries kept */
  max: number;
  /** ms for which a value may be returned without a new look-up; counted from the beginning of the look-up */
  maxAgeMs: number;
  /** ms */
  now(): number;
}

/**
 * Values from a store, each returned for a short time without asking the store again: a value may be out of date by up
 * to `maxAgeMs`. Callers that ask at the same time share one look-up. Absence is never cached, so a value that another
 * process has just made is found at once.
 */
export class ShortLivedCache<V extends object> {
  readonly #options: IShortLivedCacheOptions;
  readonly #entries: LRUCache<string, { value: V; since: number }>;
  readonly #loading = new Map<string, Promise<V | null>>();

  constructor(options: IShortLivedCacheOptions) {
    this.#options = options;
    this.#entries = cacheOf(options.max);
  }

  /** The cached value, if it is not too old. */
  public peek(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    const age = this.#options.now() - entry.since;
    // if the clock was set back, the age is unknown
    return age >= 0 && age < this.#options.maxAgeMs ? entry.value : undefined;
  }

  /** ms since 1970 until which `peek` returns its present value; -Infinity if it returns none. */
  public cachedUntil(key: string): number {
    const entry = this.#entries.get(key);
    return entry && this.peek(key) !== undefined ? entry.since + this.#options.maxAgeMs : Number.NEGATIVE_INFINITY;
  }

  public async get(key: string, load: () => Promise<V | null>): Promise<V | null> {
    const fresh = this.peek(key);
    if (fresh !== undefined) return fresh;
    const running = this.#loading.get(key);
    if (running) {
      const shared = await running;
      if (shared !== null) return shared;
      // the shared look-up may have begun before this caller's value was made elsewhere: only a later look-up will do
      const later = this.#loading.get(key);
      if (later && later !== running) return later;
    }
    return this.#load(key, load);
  }

  /** Removes the value. The result of a look-up that is under way is not cached either. */
  public drop(key: string): void {
    this.#entries.delete(key);
    this.#loading.delete(key);
  }

  public clear(): void {
    this.#entries.clear();
    this.#loading.clear();
  }

  async #load(key: string, load: () => Promise<V | null>): Promise<V | null> {
    const since = this.#options.now();
    const loading = load();
    this.#loading.set(key, loading);
    const isCurrent = (): boolean => this.#loading.get(key) === loading;
    try {
      const value = await loading;
      if (isCurrent()) {
        if (value === null) this.#entries.delete(key);
        else this.#entries.set(key, { value, since });
      }
      return value;
    } finally {
      if (isCurrent()) this.#loading.delete(key);
    }
  }
}
