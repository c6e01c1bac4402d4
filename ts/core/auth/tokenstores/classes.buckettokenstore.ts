import { mapInParallel } from '../../base/helpers.concurrency.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { RegistryStorage } from '../../classes.registrystorage.js';
import { readIntact } from '../../storage/documents/helpers.readintact.js';
import { hashToken } from '../helpers.tokens.js';
import { encodeUserName } from '../helpers.usernames.js';
import type { ITokenRecord, ITokenStore } from './interfaces.tokenstore.js';

const TOKENS = 'auth/tokens/';
const BY_USER = 'auth/user-tokens/';
const REVOKED = 'auth/revoked/';

const tokenKey = (hash: string): string => `${TOKENS}${hash}.json`;
const userPrefix = (userId: string): string => `${BY_USER}${encodeUserName(userId)}/`;
const userKey = (userId: string, hash: string): string => `${userPrefix(userId)}${hash}.json`;
/** of a record's key, or of the key of a user's entry */
const hashOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1, -'.json'.length);
/** If an entry of this age has no token, no `put` is under way: a crash left it. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;
/** the id of a foreign JWT may be any text */
const revokedKey = (id: string): string => `${REVOKED}${hashToken(id)}.json`;

interface IRevocation {
  id: string;
  until?: string;
}

/**
 * Tokens in the registry's own storage, shared by every process on it:
 * ```
 * auth/tokens/{sha256 of the secret}.json                 the record
 * auth/user-tokens/{encoded user}/{sha256}.json           says whose it is, so that listing reads only that user's
 * auth/revoked/{sha256 of a JWT's id}.json
 * ```
 * The record decides. The user's entry is written before it and removed after it, so a crash between the two leaves at
 * most an entry that names nothing, which `sweep` takes. Every key is made once: it holds the hash of a random secret,
 * or of the id of a JWT. Only `prolong` writes a record again, on condition that it is still there.
 */
export class BucketTokenStore implements ITokenStore {
  constructor(private readonly storage: Pick<RegistryStorage, 'read' | 'update' | 'delete' | 'list' | 'logger'>) {}

  public async init(): Promise<void> {}

  public async destroy(): Promise<void> {}

  public async put(record: ITokenRecord): Promise<void> {
    await this.storage.update(userKey(record.userId, record.hash), () => ({ createdAt: record.createdAt }));
    await this.storage.update<ITokenRecord>(tokenKey(record.hash), () => record);
  }

  public async get(hash: string): Promise<ITokenRecord | null> {
    return (await this.storage.read<ITokenRecord>(tokenKey(hash)))?.value ?? null;
  }

  public async prolong(hash: string, expiresAt: string): Promise<void> {
    await this.storage.update<ITokenRecord>(tokenKey(hash), (record) =>
      record ? { ...record, expiresAt } : undefined,
    );
  }

  public async delete(hash: string): Promise<boolean> {
    const record = await this.get(hash);
    if (!record) return false;
    await this.storage.delete(tokenKey(hash));
    await this.storage.delete(userKey(record.userId, hash));
    return true;
  }

  public async listByUser(userId: string): Promise<ITokenRecord[]> {
    const records: ITokenRecord[] = [];
    for await (const record of this.records(userPrefix(userId))) records.push(record);
    return records.sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  }

  public listAll(): AsyncIterable<ITokenRecord> {
    return this.records(TOKENS);
  }

  public async findHashes(prefix: string, limit: number): Promise<string[]> {
    const hashes: string[] = [];
    for await (const object of this.storage.list({ prefix: `${TOKENS}${prefix}`, limit })) {
      if ('key' in object) hashes.push(hashOf(object.key));
    }
    return hashes;
  }

  public async revoke(id: string, until?: Date): Promise<void> {
    const revocation: IRevocation = { id, until: until?.toISOString() };
    await this.storage.update<IRevocation>(revokedKey(id), () => revocation);
  }

  public async isRevoked(id: string): Promise<boolean> {
    return (await this.storage.read<IRevocation>(revokedKey(id))) !== null;
  }

  public async sweep(before: Date): Promise<number> {
    const isOver = (end: string | undefined): boolean => end !== undefined && new Date(end) < before;
    let swept = 0;
    for await (const { hash, expiresAt } of this.listAll()) {
      if (isOver(expiresAt) && (await this.delete(hash))) swept++;
    }
    for await (const object of this.storage.list({ prefix: REVOKED })) {
      if (!('key' in object)) continue;
      const { key } = object;
      const revocation = await readIntact(this.storage.logger, { key }, () => this.storage.read<IRevocation>(key));
      if (!revocation || !isOver(revocation.value.until)) continue;
      await this.storage.delete(key);
      swept++;
    }
    await this.sweepEntries(new Date(before.getTime() - ABANDONED_MS));
    return swept;
  }

  private async sweepEntries(before: Date): Promise<void> {
    for await (const object of this.storage.list({ prefix: BY_USER })) {
      if (!('key' in object) || object.lastModified >= before) continue;
      if (!(await this.isThere(hashOf(object.key)))) await this.storage.delete(object.key);
    }
  }

  /** A damaged record is there, and does not stop the sweep of the others. */
  private async isThere(hash: string): Promise<boolean> {
    try {
      return (await this.get(hash)) !== null;
    } catch (error) {
      if (RegistryError.is(error, 'internal')) return true;
      throw error;
    }
  }

  /** The records that the keys below `prefix` name. */
  private async *records(prefix: string): AsyncGenerator<ITokenRecord> {
    const { logger } = this.storage;
    const found = mapInParallel(this.storage.list({ prefix }), async (object) => {
      if (!('key' in object)) return null;
      const hash = hashOf(object.key);
      return readIntact(logger, { key: tokenKey(hash) }, () => this.get(hash));
    });
    for await (const record of found) if (record) yield record;
  }
}
