import type { TRegistryProtocol } from '../../interfaces.core.js';

/** A token at rest. The secret itself is nowhere. */
export interface ITokenRecord {
  /** sha256 of the secret, hex; also the id that the owner sees */
  hash: string;
  userId: string;
  /** which account of that name: an account that is removed and made again does not inherit tokens */
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
  /** use lets the token live that many seconds from then; absent = it ends at `expiresAt` whatever happens */
  slidingSeconds?: number;
}

/**
 * Where tokens are kept. Every answer is read from the store itself (callers cache), absent is `null` or nothing, and
 * trouble throws.
 */
export interface ITokenStore {
  /** Called once, before any other method. */
  init(): Promise<void>;
  /** Frees what the store holds. */
  destroy(): Promise<void>;
  /** durable, and visible to every process, when it resolves */
  put(record: ITokenRecord): Promise<void>;
  /** The record of the token with this hash; `null` if there is none. */
  get(hash: string): Promise<ITokenRecord | null>;
  /** Moves the end of a token; never makes one anew that was deleted. */
  prolong(hash: string, expiresAt: string): Promise<void>;
  /** false where there was none */
  delete(hash: string): Promise<boolean>;
  /** oldest first; costs as much as this user has tokens, however many there are in all */
  listByUser(userId: string): Promise<ITokenRecord[]>;
  /** all there are, in no order; costs one read for each */
  listAll(): AsyncIterable<ITokenRecord>;
  /** at most `limit` hashes that begin like this; costs no more than they do, however many tokens there are */
  findHashes(prefix: string, limit: number): Promise<string[]>;
  /** Remembers that a JWT is void although its signature holds. `until`: when it is void by itself; absent = for ever. */
  revoke(id: string, until?: Date): Promise<void>;
  /** Whether `revoke` was called for this id. */
  isRevoked(id: string): Promise<boolean>;
  /** removes what expired before `before`; how many */
  sweep(before: Date): Promise<number>;
}
