import { ShortLivedCache } from '../base/classes.shortlivedcache.js';
import { inParallel } from '../base/helpers.concurrency.js';
import { mapInSlices, sortInSlices } from '../base/helpers.slices.js';
import { ConfigError } from '../classes.configerror.js';
import { RegistryError } from '../classes.registryerror.js';
import type { RegistryStorage } from '../classes.registrystorage.js';
import type { ILogger, TRegistryProtocol } from '../interfaces.core.js';
import { readIntact } from '../storage/documents/helpers.readintact.js';
import { Permissions } from './classes.permissions.js';
import { UserStore } from './classes.userstore.js';
import { DEFAULT_ANONYMOUS_SCOPES, normalizeScopes } from './helpers.scopes.js';
import { hashToken, isTokenId, looksLikeOpaqueToken, newTokenSecret, tokenHint } from './helpers.tokens.js';
import type {
  IAccount,
  IAuthConfig,
  IAuthProvider,
  IAuthToken,
  ICredentials,
  ITokenInfo,
  ITokenOptions,
  IUserProfile,
} from './interfaces.auth.js';
import type { ITokenRecord, ITokenStore } from './tokenstores/interfaces.tokenstore.js';

/** What a `DefaultAuthProvider` needs beside the configuration. */
export interface IDefaultAuthProviderOptions {
  storage: Pick<RegistryStorage, 'read' | 'update' | 'listDocuments' | 'logger'>;
  tokens: ITokenStore;
  /** The present time; tests set it. */
  now(): Date;
  /** called after every change to users and tokens that takes rights away, or may have */
  onChange?(): void;
}

/**
 * ms for which a token or account is cached. A change in another process must take effect within 5 s; the rest is for
 * slow stores.
 */
export const CACHED_MS = 4_500;

const DAY_MS = 24 * 60 * 60 * 1000;

interface ICachedToken {
  record: ITokenRecord;
  token: IAuthToken;
}

/** Turns an error of a list of scopes into a ConfigError. */
const configuredScopes = (list: readonly string[], field: string): readonly string[] => {
  try {
    return normalizeScopes(list, field);
  } catch (thrown) {
    throw new ConfigError(field, `is wrong: ${(thrown as Error).message}`);
  }
};

const toTokenInfo = (record: ITokenRecord): ITokenInfo => {
  const { hash, uid, createdAt, expiresAt, slidingSeconds, scopes, ...shown } = record;
  return {
    ...shown,
    id: hash,
    scopes: [...scopes],
    createdAt: new Date(createdAt),
    expiresAt: expiresAt === undefined ? undefined : new Date(expiresAt),
  };
};

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const byUserAndAge = (a: ITokenRecord, b: ITokenRecord): number =>
  compareTexts(a.userId, b.userId) || compareTexts(a.createdAt, b.createdAt);

/**
 * Users and tokens in the registry's own store. A token never has more rights than its user has at that moment, and
 * none when the user is removed. All callers have the rights of `auth.anonymousScopes`, with a token or without.
 */
export class DefaultAuthProvider implements IAuthProvider {
  /** for administrators: no rights are checked */
  public readonly users: UserStore;
  readonly #store: ITokenStore;
  readonly #now: () => Date;
  readonly #logger: ILogger;
  readonly #onChange: () => void;
  readonly #anybody: readonly string[];
  readonly #selfRegistration: boolean;
  readonly #tokens: ShortLivedCache<ICachedToken>;
  /** the `uid` of the account of each returned token */
  readonly #owners = new WeakMap<IAuthToken, string>();
  /** session tokens of another token service: their scopes are not bound to an account of this registry */
  readonly #foreign = new WeakSet<IAuthToken>();
  readonly #anonymous: Permissions;
  readonly #nothing = new Permissions({ layers: [], anybody: [] });

  constructor(config: IAuthConfig, options: IDefaultAuthProviderOptions) {
    const { storage, tokens, now, onChange = () => {} } = options;
    this.#store = tokens;
    this.#now = now;
    this.#logger = storage.logger;
    this.#onChange = onChange;
    this.#selfRegistration = config.selfRegistration === true;
    this.#anybody = configuredScopes(config.anonymousScopes ?? DEFAULT_ANONYMOUS_SCOPES, 'auth.anonymousScopes');
    this.#anonymous = new Permissions({ layers: [], anybody: this.#anybody });
    this.#tokens = new ShortLivedCache({ max: 10_000, maxAgeMs: CACHED_MS, now: () => now().getTime() });
    this.users = new UserStore({
      storage,
      secret: config.jwtSecret,
      configured: config.users,
      now,
      maxAgeMs: CACHED_MS,
      onChange,
      onRemoved: (userId) => this.#forgetTokens(userId),
    });
  }

  /** Reads which users the configuration has. */
  public init(): Promise<void> {
    return this.users.init();
  }

  public authenticate(credentials: ICredentials): Promise<string | null> {
    return this.users.verify(credentials);
  }

  /** The token with this secret; `null` if it is unknown, expired, revoked or of another protocol. */
  public async validateToken(token: string, protocol?: TRegistryProtocol): Promise<IAuthToken | null> {
    if (!looksLikeOpaqueToken(token)) return null;
    const found = await this.#find(hashToken(token));
    return found && (protocol === undefined || found.record.protocol === protocol) ? found.token : null;
  }

  /** @throws RegistryError `notFound` if there is no such user, `invalid` if a scope is malformed */
  public async createToken(userId: string, protocol: TRegistryProtocol, options: ITokenOptions = {}): Promise<string> {
    const account = await this.requireAccount(userId);
    const secret = newTokenSecret(protocol);
    const { scopes = [`${protocol}:*:*:*`], readonly = false, expiresIn, sliding, name } = options;
    const createdAt = this.#now();
    const expiresAt = expiresIn === undefined ? undefined : new Date(createdAt.getTime() + expiresIn * 1000);
    await this.#store.put({
      hash: hashToken(secret),
      userId: account.userId,
      uid: account.uid,
      protocol,
      hint: tokenHint(secret),
      scopes: normalizeScopes(scopes, 'scopes'),
      readonly,
      name,
      createdAt: createdAt.toISOString(),
      expiresAt: expiresAt?.toISOString(),
      slidingSeconds: sliding ? expiresIn : undefined,
    });
    return secret;
  }

  /** Writes at most once a day for each token, so that a use does not cost a write. */
  public async prolongToken(tokenId: string): Promise<void> {
    const found = await this.#find(tokenId);
    const { slidingSeconds, expiresAt } = found?.record ?? {};
    if (slidingSeconds === undefined || expiresAt === undefined) return;
    const end = this.#now().getTime() + slidingSeconds * 1000;
    if (end - new Date(expiresAt).getTime() < DAY_MS) return;
    await this.#store.prolong(tokenId, new Date(end).toISOString());
    this.#tokens.drop(tokenId);
  }

  /** Does nothing if there is no such token. */
  public async revokeToken(token: string): Promise<void> {
    const hash = isTokenId(token) ? token : hashToken(token);
    try {
      await this.#store.delete(hash);
    } finally {
      this.#tokens.drop(hash);
      this.#onChange();
    }
  }

  public async authorize(token: IAuthToken | null, resource: string, action: string): Promise<boolean> {
    return (await this.permissions(token)).allows(resource, action);
  }

  public async permissions(token: IAuthToken | null): Promise<Permissions> {
    if (!token || token.userId === '') return this.#anonymous;
    if (this.#foreign.has(token)) return new Permissions({ layers: [token.scopes], anybody: this.#anybody });
    const account = await this.users.account(token.userId);
    if (!account || (this.#owners.get(token) ?? account.uid) !== account.uid) return this.#nothing;
    const layers = [token.scopes, account.scopes];
    return new Permissions({ layers, anybody: this.#anybody, readonly: token.readonly });
  }

  /** Binds a session token to the account with this `uid`; `undefined` = another token service made the token. */
  public adopt(token: IAuthToken, uid: string | undefined): void {
    if (uid === undefined) this.#foreign.add(token);
    else this.#owners.set(token, uid);
  }

  /**
   * ms until which the token of `validateToken`, or the account of a password, is valid without asking the store again;
   * -Infinity: the store is asked the next time.
   */
  public cachedUntil(token: IAuthToken): number {
    const { tokenId, userId } = token;
    return tokenId === undefined ? this.users.cachedUntil(userId) : this.tokenCachedUntil(tokenId);
  }

  /** `cachedUntil` of the token with this id. */
  public tokenCachedUntil(tokenId: string): number {
    const found = this.#tokens.peek(tokenId);
    if (!found) return Number.NEGATIVE_INFINITY;
    const end = found.token.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY;
    return Math.min(this.#tokens.cachedUntil(tokenId), end, this.users.cachedUntil(found.record.userId));
  }

  /** The tokens of a user that are not expired. */
  public async listTokens(userId: string): Promise<ITokenInfo[]> {
    const account = await this.users.account(userId);
    const records = account ? await this.#store.listByUser(account.userId) : [];
    return records.filter((record) => record.uid === account?.uid && !this.#isOver(record)).map(toTokenInfo);
  }

  /** The tokens of all users, by user and then by age. */
  public async listAllTokens(): Promise<ITokenInfo[]> {
    const records: ITokenRecord[] = [];
    for await (const record of this.#store.listAll()) if (!this.#isOver(record)) records.push(record);
    const uids = new Map<string, string | undefined>();
    const owners = new Set(records.map(({ userId }) => userId));
    await inParallel(owners, async (userId) => {
      const account = await readIntact(this.#logger, { user: userId }, () => this.users.account(userId));
      uids.set(userId, account?.uid);
    });
    const live = records.filter(({ userId, uid }) => uids.get(userId) === uid);
    // there may be hundreds of thousands
    return mapInSlices(await sortInSlices(live, byUserAndAge), toTokenInfo);
  }

  public findTokenIds(prefix: string, limit: number): Promise<string[]> {
    return /^[0-9a-f]{1,64}$/.test(prefix) ? this.#store.findHashes(prefix, limit) : Promise.resolve([]);
  }

  /** For strangers (`npm adduser`); administrators use `users.create`. */
  public async createUser(credentials: ICredentials, profile: { email?: string } = {}): Promise<string> {
    if (!this.#selfRegistration) {
      throw new RegistryError('forbidden', 'This registry does not let users register themselves');
    }
    return (await this.users.create(credentials, { email: profile.email })).userId;
  }

  /** The public profile of a user; `null` if there is no such user. */
  public async getUser(userId: string): Promise<IUserProfile | null> {
    const account = await this.users.account(userId);
    return account && { userId: account.userId, email: account.email, createdAt: account.createdAt };
  }

  /** Whether the token with this id (not its secret) is still valid. */
  public async isLive(tokenId: string): Promise<boolean> {
    return (await this.#find(tokenId)) !== null;
  }

  /** Whether the token with this id belongs to this user. */
  public async ownsToken(userId: string, tokenId: string): Promise<boolean> {
    return (await this.#find(tokenId))?.record.userId === userId;
  }

  /** Whether the user's present account is the one that a token was made for. */
  public async ownsName(userId: string, uid: string): Promise<boolean> {
    return (await this.users.account(userId))?.uid === uid;
  }

  /**
   * @throws RegistryError `notFound`
   * @internal
   */
  public async requireAccount(userId: string): Promise<IAccount> {
    const account = await this.users.account(userId);
    if (!account) throw new RegistryError('notFound', `There is no user ${userId}`);
    return account;
  }

  async #find(hash: string): Promise<ICachedToken | null> {
    const found = this.#tokens.peek(hash) ?? (await this.#tokens.get(hash, () => this.#load(hash)));
    if (!found || this.#isOver(found.token)) return null;
    return (await this.ownsName(found.record.userId, found.record.uid)) ? found : null;
  }

  async #load(hash: string): Promise<ICachedToken | null> {
    const record = await this.#store.get(hash);
    if (!record) return null;
    const token: IAuthToken = {
      type: record.protocol,
      userId: record.userId,
      scopes: Object.freeze([...record.scopes]) as string[],
      readonly: record.readonly,
      expiresAt: record.expiresAt === undefined ? undefined : new Date(record.expiresAt),
      tokenId: record.hash,
    };
    this.#owners.set(token, record.uid);
    return { record, token: Object.freeze(token) };
  }

  #isOver({ expiresAt }: { expiresAt?: Date | string }): boolean {
    return expiresAt !== undefined && new Date(expiresAt).getTime() <= this.#now().getTime();
  }

  async #forgetTokens(userId: string): Promise<void> {
    await inParallel(await this.#store.listByUser(userId), ({ hash }) => this.revokeToken(hash));
  }
}
