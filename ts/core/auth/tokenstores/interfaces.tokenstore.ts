import type { TRegistryProtocol } from '../../interfaces.core.js';

/** A stored token. The secret itself is not stored. */
export interface ITokenRecord {
  /** sha256 of the secret, hex; also the id that the owner sees */
  hash: string;
  userId: string;
  /** the account's unique id: if an account is removed and made again, it does not inherit tokens */
  uid: string;
  protocol: TRegistryProtocol;
  /** the first characters of the secret */
  hint: string;
  scopes: readonly string[];
  readonly: boolean;
  name?: string;
  /** ISO 8601 */
  createdAt: string;
  /** ISO 8601; absent = does not expire */
  expiresAt?: string;
  /** each use extends the token's life to this many seconds from then; absent: it ends at `expiresAt` in any case */
  slidingSeconds?: number;
}

/**
 * Stores tokens. Every result is read from the store itself (callers cache). Absence is `null` or empty, and faults
 * throw.
 */
export interface ITokenStore {
  init(): Promise<void>;
  destroy(): Promise<void>;
  /** durable, and visible to every process, when it resolves */
  put(record: ITokenRecord): Promise<void>;
  get(hash: string): Promise<ITokenRecord | null>;
  /** Changes the expiry of a token; never creates a deleted token again. */
  prolong(hash: string, expiresAt: string): Promise<void>;
  /** returns false if there was none */
  delete(hash: string): Promise<boolean>;
  /** oldest first; its cost depends on the number of this user's tokens only */
  listByUser(userId: string): Promise<ITokenRecord[]>;
  /** all tokens, in no order; costs one read for each */
  listAll(): AsyncIterable<ITokenRecord>;
  /** at most `limit` hashes with this prefix; its cost depends on their number only */
  findHashes(prefix: string, limit: number): Promise<string[]>;
  /** Records that a JWT is revoked although its signature is valid. `until`: its expiry; absent: it never expires. */
  revoke(id: string, until?: Date): Promise<void>;
  isRevoked(id: string): Promise<boolean>;
  /** removes tokens that expired before `before`; returns their number */
  sweep(before: Date): Promise<number>;
}
