import type { ITokenRecord, ITokenStore } from './interfaces.tokenstore.js';

/** Tokens of one process, gone when it ends: for tests, and for embedders that mint tokens at each start. */
export class MemoryTokenStore implements ITokenStore {
  readonly #records = new Map<string, ITokenRecord>();
  readonly #byUser = new Map<string, Set<string>>();
  readonly #revoked = new Map<string, number>();

  public async init(): Promise<void> {}

  public async destroy(): Promise<void> {
    this.#records.clear();
    this.#byUser.clear();
    this.#revoked.clear();
  }

  public async put(record: ITokenRecord): Promise<void> {
    this.#records.set(record.hash, record);
    const own = this.#byUser.get(record.userId) ?? new Set();
    this.#byUser.set(record.userId, own.add(record.hash));
  }

  public async get(hash: string): Promise<ITokenRecord | null> {
    return this.#records.get(hash) ?? null;
  }

  public async prolong(hash: string, expiresAt: string): Promise<void> {
    const record = this.#records.get(hash);
    if (record) this.#records.set(hash, { ...record, expiresAt });
  }

  public async delete(hash: string): Promise<boolean> {
    const record = this.#records.get(hash);
    if (!record) return false;
    this.#records.delete(hash);
    const own = this.#byUser.get(record.userId);
    own?.delete(hash);
    if (own?.size === 0) this.#byUser.delete(record.userId);
    return true;
  }

  public async listByUser(userId: string): Promise<ITokenRecord[]> {
    const own = [...(this.#byUser.get(userId) ?? [])];
    return own
      .map((hash) => this.#records.get(hash))
      .filter((record) => record !== undefined)
      .sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  }

  public async *listAll(): AsyncGenerator<ITokenRecord> {
    yield* this.#records.values();
  }

  public async findHashes(prefix: string, limit: number): Promise<string[]> {
    return [...this.#records.keys()].filter((hash) => hash.startsWith(prefix)).slice(0, limit);
  }

  public async revoke(id: string, until?: Date): Promise<void> {
    this.#revoked.set(id, until?.getTime() ?? Number.POSITIVE_INFINITY);
  }

  public async isRevoked(id: string): Promise<boolean> {
    return this.#revoked.has(id);
  }

  public async sweep(before: Date): Promise<number> {
    let swept = 0;
    for (const { hash, expiresAt } of [...this.#records.values()]) {
      if (expiresAt !== undefined && new Date(expiresAt) < before && (await this.delete(hash))) swept++;
    }
    for (const [id, until] of this.#revoked) {
      if (until < before.getTime() && this.#revoked.delete(id)) swept++;
    }
    return swept;
  }
}
