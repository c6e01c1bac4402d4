import { LRUCache } from '../../plugins.js';

export interface IShortLivedCacheOptions {
  /** entries kept */
  max: number;
  /** ms for which a value may be used without asking again; counted from the moment the question was put */
  maxAgeMs: number;
  /** ms */
  now(): number;
}

/**
 * Answers of a store, each believed for a short time. Callers that ask together share one look-up. Absence is never
 * remembered, so what another process has just made is found at once.
 */
export class ShortLivedCache<V extends object> {
  readonly #options: IShortLivedCacheOptions;
  readonly #entries: LRUCache<string, { value: V; since: number }>;
  readonly #loading = new Map<string, Promise<V | null>>();

  constructor(options: IShortLivedCacheOptions) {
    this.#options = options;
    this.#entries = new LRUCache({ max: options.max });
  }

  /** The value, if it may still be believed. */
  public peek(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    const age = this.#options.now() - entry.since;
    // a clock that was set back proves nothing about the age
    return age >= 0 && age < this.#options.maxAgeMs ? entry.value : undefined;
  }

  /** ms until which `peek` gives the value that it gives now; -Infinity if it gives none. */
  public freshUntil(key: string): number {
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
      // that "absent" may have been read before this caller's value was made elsewhere: only a later one will do
      const later = this.#loading.get(key);
      if (later && later !== running) return later;
    }
    return this.#load(key, load);
  }

  /** Forgets the value; what is being looked up at this moment is not kept either. */
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
