import { FreshCache } from '../base/classes.freshcache.js';
import { ConfigError } from '../classes.configerror.js';
import { RegistryError } from '../classes.registryerror.js';
import type { RegistryStorage } from '../classes.registrystorage.js';
import type { TRegistryProtocol } from '../interfaces.core.js';
import { Permissions } from './classes.permissions.js';
import { type IAccount, UserStore } from './classes.userstore.js';
import { DEFAULT_ANONYMOUS_SCOPES, normalizeScopes } from './helpers.scopes.js';
import { hashToken, idOfToken, isTokenId, looksLikeOpaqueToken, newTokenSecret, tokenHint } from './helpers.tokens.js';
import type {
  IAuthConfig,
  IAuthProvider,
  IAuthToken,
  ICredentials,
  ITokenInfo,
  ITokenOptions,
  IUserProfile,
} from './interfaces.auth.js';
import type { ITokenRecord, ITokenStore } from './tokenstores/interfaces.tokenstore.js';

export interface IDefaultAuthProviderOptions {
  storage: Pick<RegistryStorage, 'read' | 'update' | 'list'>;
  tokens: ITokenStore;
  now(): Date;
}

/**
 * ms for which a token or account once read is believed. What is changed in another process takes effect within 5 s; the
 * rest of that is for slow stores.
 */
export const BELIEVED_MS = 4_500;

interface ICachedToken {
  record: ITokenRecord;
  token: IAuthToken;
}

/** Whether something about a caller is still as it was. */
export type TStanding = () => boolean;

/** Of what cannot change. */
export const always: TStanding = () => true;

/** An error of the scopes list as one of the config. */
const configuredScopes = (list: readonly string[], field: string): readonly string[] => {
  try {
    return normalizeScopes(list, field);
  } catch (thrown) {
    throw new ConfigError(field, `is wrong: ${(thrown as Error).message}`);
  }
};

/**
 * Users and tokens of the registry's own. A token holds at every moment at most what its user holds, and nothing once the
 * user is gone. Anybody may do what `auth.anonymousScopes` says, with a token or without.
 */
export class DefaultAuthProvider implements IAuthProvider {
  /** for administrators: nobody's rights are asked */
  public readonly users: UserStore;
  readonly #store: ITokenStore;
  readonly #now: () => Date;
  readonly #anybody: readonly string[];
  readonly #selfRegistration: boolean;
  readonly #tokens: FreshCache<ICachedToken>;
  /** which account a token that was handed out belongs to */
  readonly #owners = new WeakMap<IAuthToken, string>();
  readonly #anonymous: Permissions;
  readonly #nothing = new Permissions({ layers: [], anybody: [] });

  constructor(config: IAuthConfig, options: IDefaultAuthProviderOptions) {
    const { storage, tokens, now } = options;
    this.#store = tokens;
    this.#now = now;
    this.#selfRegistration = config.selfRegistration === true;
    this.#anybody = configuredScopes(config.anonymousScopes ?? DEFAULT_ANONYMOUS_SCOPES, 'auth.anonymousScopes');
    this.#anonymous = new Permissions({ layers: [], anybody: this.#anybody });
    this.#tokens = new FreshCache({ max: 10_000, maxAgeMs: BELIEVED_MS, now: () => now().getTime() });
    this.users = new UserStore({
      storage,
      secret: config.jwtSecret,
      configured: config.users,
      now,
      maxAgeMs: BELIEVED_MS,
      onRemoved: (userId) => this.#forgetTokens(userId),
    });
  }

  public authenticate(credentials: ICredentials): Promise<string | null> {
    return this.users.verify(credentials);
  }

  public async validateToken(token: string, protocol?: TRegistryProtocol): Promise<IAuthToken | null> {
    if (!looksLikeOpaqueToken(token)) return null;
    const found = await this.#find(idOfToken(token));
    return found && (protocol === undefined || found.record.protocol === protocol) ? found.token : null;
  }

  /** @throws RegistryError `notFound` where there is no such user, `invalid` for scopes that are none */
  public async createToken(userId: string, protocol: TRegistryProtocol, options: ITokenOptions = {}): Promise<string> {
    const account = await this.requireAccount(userId);
    const secret = newTokenSecret(protocol);
    const { scopes = [`${protocol}:*:*:*`], readonly = false, expiresIn, name } = options;
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
    });
    return secret;
  }

  /** Of a token that is not there, nothing is said. */
  public async revokeToken(token: string): Promise<void> {
    const hash = isTokenId(token) ? token : idOfToken(token);
    try {
      await this.#store.delete(hash);
    } finally {
      this.#tokens.drop(hash);
    }
  }

  public async authorize(token: IAuthToken | null, resource: string, action: string): Promise<boolean> {
    return (await this.permissions(token)).allows(resource, action);
  }

  public async permissions(token: IAuthToken | null): Promise<Permissions> {
    if (!token) return this.#anonymous;
    const account = await this.users.account(token.userId);
    if (!account || (this.#owners.get(token) ?? account.uid) !== account.uid) return this.#nothing;
    const layers = [token.scopes, account.scopes];
    return new Permissions({ layers, anybody: this.#anybody, readonly: token.readonly });
  }

  /**
   * A test whether a token that `validateToken` has just given, `null` for a stranger, would be given again and allow the
   * same: without asking the store, for as long as that is believed. undefined = there is no telling.
   */
  public standing(token: IAuthToken | null): TStanding | undefined {
    if (!token) return always;
    const { tokenId } = token;
    return tokenId !== undefined && this.#owners.has(token) ? this.standingOf(tokenId) : undefined;
  }

  /** `standing` of the token with this id. */
  public standingOf(tokenId: string): TStanding | undefined {
    const found = this.#tokens.peek(tokenId);
    const account = found && this.standingOfAccount(found.record.userId, found.record.uid);
    return account && (() => this.#tokens.peek(tokenId) === found && !this.#isOver(found.token) && account());
  }

  /** `standing` of the account itself, with all that it holds. */
  public standingOfAccount(userId: string, uid: string): TStanding | undefined {
    const account = this.users.peek(userId);
    return account?.uid === uid ? () => this.users.peek(userId) === account : undefined;
  }

  /** Of a JWT that another token service made: its scopes are not bound to an account here. */
  public foreignPermissions(token: IAuthToken): Permissions {
    return new Permissions({ layers: [token.scopes], anybody: this.#anybody, readonly: token.readonly });
  }

  public async listTokens(userId: string): Promise<ITokenInfo[]> {
    const account = await this.users.account(userId);
    const records = account ? await this.#store.listByUser(account.userId) : [];
    return records
      .filter((record) => record.uid === account?.uid)
      .map(({ hash, uid, createdAt, expiresAt, scopes, ...shown }) => ({
        ...shown,
        id: hash,
        scopes: [...scopes],
        createdAt: new Date(createdAt),
        expiresAt: expiresAt === undefined ? undefined : new Date(expiresAt),
      }))
      .filter((info) => !this.#isOver(info));
  }

  /** For strangers (`npm adduser`); administrators use `users.create`. */
  public async createUser(credentials: ICredentials, profile: { email?: string } = {}): Promise<string> {
    if (!this.#selfRegistration) {
      throw new RegistryError('forbidden', 'This registry does not let users register themselves');
    }
    return (await this.users.create(credentials, { email: profile.email })).userId;
  }

  public async getUser(userId: string): Promise<IUserProfile | null> {
    const account = await this.users.account(userId);
    return account && { userId: account.userId, email: account.email, createdAt: account.createdAt };
  }

  /** Whether the token of this id (not its secret) is still good. */
  public async isLive(tokenId: string): Promise<boolean> {
    return (await this.#find(tokenId)) !== null;
  }

  /** Whether the account that a token was made for is still the one of that name. */
  public async ownsName(userId: string, uid: string): Promise<boolean> {
    return (await this.users.account(userId))?.uid === uid;
  }

  /** @throws RegistryError `notFound` */
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

  #isOver({ expiresAt }: { expiresAt?: Date }): boolean {
    return expiresAt !== undefined && expiresAt.getTime() <= this.#now().getTime();
  }

  async #forgetTokens(userId: string): Promise<void> {
    for (const { hash } of await this.#store.listByUser(userId)) await this.revokeToken(hash);
  }
}
