import { crypto } from '../plugins.js';
import { CallerMemory } from './auth/classes.callermemory.js';
import { DefaultAuthProvider } from './auth/classes.defaultauthprovider.js';
import { type IRight, Rights } from './auth/classes.rights.js';
import type { UserStore } from './auth/classes.userstore.js';
import { Verifier } from './auth/classes.verifier.js';
import { areTokensEnabled, checkTokenOptions, tokenSettings } from './auth/helpers.tokenoptions.js';
import type {
  IAuthConfig,
  IAuthProvider,
  IAuthToken,
  ICredentials,
  IPermissions,
  ITokenInfo,
  ITokenOptions,
  IUserProfile,
  IVerifiedCaller,
  TPresentedCredential,
} from './auth/interfaces.auth.js';
import { SessionTokens } from './auth/sessions/classes.sessiontokens.js';
import type { IIssuedSessionToken, ISessionClaims, ISessionFormat } from './auth/sessions/interfaces.sessions.js';
import { createTokenStore } from './auth/tokenstores/helpers.createstore.js';
import type { ITokenStore } from './auth/tokenstores/interfaces.tokenstore.js';
import { ConfigError } from './classes.configerror.js';
import { RegistryError } from './classes.registryerror.js';
import type { RegistryStorage } from './classes.registrystorage.js';
import type { ILogger, TRegistryProtocol } from './interfaces.core.js';

export interface IAuthManagerDependencies {
  storage: Pick<RegistryStorage, 'read' | 'update' | 'delete' | 'list' | 'listDocuments' | 'logger'>;
  /** default: the registry's own users and tokens */
  provider?: IAuthProvider;
  logger?: ILogger;
  now?: () => Date;
}

/** characters; RFC 7518 section 3.2 wants a key of 256 bits for HS256 */
const SHORT_SECRET = 32;

/**
 * Verifies callers and decides what they may do. Users, tokens and rights come from the provider. The rules for every
 * provider are here: a token is valid for its own protocol only, read-only and expired tokens stay so, session tokens
 * are signed and verified, and a disabled kind of token does not exist.
 */
export class AuthManager {
  public readonly provider: IAuthProvider;
  readonly #config: IAuthConfig;
  readonly #logger: ILogger | undefined;
  readonly #store: ITokenStore;
  readonly #sessions: SessionTokens;
  readonly #rights: Rights;
  readonly #callers: CallerMemory;
  readonly #verifier: Verifier;
  readonly #now: () => Date;

  /** @throws ConfigError naming the field that is wrong @internal */
  constructor(config: IAuthConfig, dependencies: IAuthManagerDependencies) {
    if (!config.jwtSecret) throw new ConfigError('auth.jwtSecret', 'must be a non-empty string');
    const { storage, logger, now = () => new Date() } = dependencies;
    this.#config = config;
    this.#logger = logger;
    this.#now = now;
    const store = createTokenStore(config, { storage, now });
    this.#store = store;
    const callers = new CallerMemory(() => now().getTime());
    this.#callers = callers;
    const onChange = () => callers.forgetAll();
    const own = dependencies.provider
      ? undefined
      : new DefaultAuthProvider(config, { storage, tokens: store, now, onChange });
    const provider = dependencies.provider ?? (own as DefaultAuthProvider);
    this.provider = provider;
    this.#sessions = new SessionTokens({ secret: config.jwtSecret, store, provider, now });
    this.#rights = new Rights(provider, this.#sessions);
    this.#verifier = new Verifier({ config, provider, own, sessions: this.#sessions, callers, now });
  }

  /** @throws ConfigError if the package of the token store is not installed */
  public async init(): Promise<void> {
    if (this.#config.jwtSecret.length < SHORT_SECRET) {
      this.#logger?.warn(`config.auth.jwtSecret is shorter than ${SHORT_SECRET} characters: fit for tests only`);
    }
    await this.#store.init();
    await this.provider.init?.();
  }

  /** Frees what the provider and the token store hold. */
  public async destroy(): Promise<void> {
    await this.provider.destroy?.();
    await this.#store.destroy();
  }

  /** Accounts of the default provider, for administrators. @throws RegistryError `unsupported` with a custom provider */
  public get users(): UserStore {
    if (this.provider instanceof DefaultAuthProvider) return this.provider.users;
    throw new RegistryError('unsupported', 'Users are kept by the auth provider of this registry');
  }

  /** The block of the configuration for tokens of this protocol, e.g. `auth.ociTokens`; `{}` if there is none. */
  public tokenSettings(protocol: TRegistryProtocol): Readonly<Record<string, unknown>> {
    return tokenSettings(this.#config, protocol);
  }

  /**
   * The user's id, or `null` if name and password do not belong together.
   * @throws RegistryError `rateLimited` after too many wrong passwords; pass `from`, so that only the address that they
   * came from is refused
   */
  public authenticate(credentials: ICredentials): Promise<string | null> {
    return this.#verifier.authenticate(credentials);
  }

  /**
   * Returns the caller that a request's credential belongs to (`null` = no credential); `null` if the credential is not
   * valid. With the default provider the result is cached for at most 5 s, and dropped at once if this process changes
   * users or tokens.
   */
  public verify(credential: TPresentedCredential | null, protocol: TRegistryProtocol): Promise<IVerifiedCaller | null> {
    return this.#verifier.verify(credential, protocol);
  }

  /** The result of `verify` if it needs no work; `undefined`: call `verify`. */
  public remembered(credential: TPresentedCredential | null, protocol: TRegistryProtocol): IVerifiedCaller | undefined {
    return this.#verifier.remembered(credential, protocol);
  }

  /**
   * The token for a credential, without a cache; `null` if it is not valid. In Basic credentials, the password may be a
   * token (then the name is ignored), or the name if the password is empty.
   */
  public validateCredential(credential: TPresentedCredential, protocol: TRegistryProtocol): Promise<IAuthToken | null> {
    return this.#verifier.validateCredential(credential, protocol);
  }

  /** `null` if the token is unknown, revoked, expired, of another protocol, or its user was removed. */
  public validateToken(token: string, protocol?: TRegistryProtocol): Promise<IAuthToken | null> {
    return this.#verifier.validateToken(token, protocol);
  }

  /**
   * Whether the caller may do `action` to `resource`.
   * @param token as `validateToken`, `validateCredential` or `verify` gave it; `null` = an anonymous caller
   * @param resource `{protocol}:{type}:{name}`; actions are read, write, delete, pull and push
   */
  public authorize(token: IAuthToken | null, resource: string, action: string): Promise<boolean> {
    return this.#rights.authorize(token, resource, action);
  }

  /** Whether the caller may do this to any name at all: used if the name is known only after the body was read. */
  public holdsSome(
    token: IAuthToken | null,
    protocol: TRegistryProtocol,
    type: string,
    action: string,
  ): Promise<boolean> {
    return this.#rights.holdsSome(token, { protocol, type, action });
  }

  /** Whether the caller has this right to every name; also false if the provider decides name by name. */
  public allowsAll(token: IAuthToken | null, right: IRight): Promise<boolean> {
    return this.#rights.allowsAll(token, right);
  }

  /** Those of `names` to which the caller has the right, in the same order: the filter of every listing. */
  public allowedNames(token: IAuthToken | null, right: IRight, names: Iterable<string>): Promise<string[]> {
    return this.#rights.allowedNames(token, right, names);
  }

  /** All rights of the caller; `undefined` if the provider decides name by name. */
  public permissions(token: IAuthToken | null): Promise<IPermissions | undefined> {
    return this.#rights.permissions(token);
  }

  /**
   * @returns the secret, which is shown this once and kept nowhere
   * @throws RegistryError `notFound` (user), `invalid` (scopes, expiresIn), `forbidden` (tokens of this protocol are disabled)
   */
  public async createToken(userId: string, protocol: TRegistryProtocol, options: ITokenOptions = {}): Promise<string> {
    this.#requireEnabled(protocol);
    const readonly = options.readonly ?? (protocol === 'npm' ? this.#config.npmTokens?.defaultReadOnly : undefined);
    return this.provider.createToken(userId, protocol, checkTokenOptions({ ...options, readonly }, protocol));
  }

  /** A token for npm. @param readonly default: `auth.npmTokens.defaultReadOnly`, else false */
  public createNpmToken(userId: string, readonly?: boolean): Promise<string> {
    return this.createToken(userId, 'npm', { readonly });
  }

  /** A token for Maven. */
  public createMavenToken(userId: string, readonly?: boolean): Promise<string> {
    return this.createToken(userId, 'maven', { readonly });
  }

  /** A token for Cargo. */
  public createCargoToken(userId: string, readonly?: boolean): Promise<string> {
    return this.createToken(userId, 'cargo', { readonly });
  }

  /** A token for Composer. */
  public createComposerToken(userId: string, readonly?: boolean): Promise<string> {
    return this.createToken(userId, 'composer', { readonly });
  }

  /** A token for PyPI. */
  public createPypiToken(userId: string, readonly?: boolean): Promise<string> {
    return this.createToken(userId, 'pypi', { readonly });
  }

  /** A token for RubyGems. */
  public createRubyGemsToken(userId: string, readonly?: boolean): Promise<string> {
    return this.createToken(userId, 'rubygems', { readonly });
  }

  /**
   * A session token for OCI clients. It carries only what the user holds of `scopes`; the long-lived password for
   * `podman login` is `createToken(userId, 'oci')`.
   * @param expiresIn seconds
   */
  public async createOciToken(userId: string, scopes: string[], expiresIn = 3600): Promise<string> {
    const caller: IAuthToken = { type: 'oci', userId, scopes: ['oci:*:*:*'] };
    return (await this.issueSessionToken(caller, 'oci', { scopes, expiresIn })).token;
  }

  /**
   * A short JWT on behalf of the caller with what the caller holds of `scopes`, which may be nothing. It is void as soon
   * as the token that the caller presented is, and does not outlive it.
   * @param caller `null` = anonymous; the token then has an empty `userId`
   * @param options.expiresIn seconds
   * @param options.granted further scopes, about which the protocol has decided; the provider is asked about each use
   * @param options.claims claims of the protocol's own
   * @throws RegistryError `forbidden` (a session token was presented; tokens of this protocol are disabled), `invalid`
   */
  public async issueSessionToken(
    caller: IAuthToken | null,
    protocol: TRegistryProtocol,
    options: {
      scopes: readonly string[];
      expiresIn: number;
      granted?: readonly string[];
      claims?: Readonly<Record<string, unknown>>;
    },
  ): Promise<IIssuedSessionToken> {
    this.#requireEnabled(protocol);
    const { expiresIn, claims } = options;
    const { scopes = [] } = checkTokenOptions({ scopes: [...options.scopes], expiresIn }, protocol);
    if (caller && this.#sessions.isSession(caller)) {
      throw new RegistryError('forbidden', 'A session token cannot be exchanged for another one');
    }
    const { actions } = this.#sessions.formatOf(protocol);
    const held = await this.#rights.narrow(caller, protocol, scopes, actions);
    const granted = [...held, ...(options.granted ?? [])];
    return this.#sessions.issue(protocol, { caller, granted, expiresIn, claims });
  }

  /** Gives the session tokens of a protocol a format of their own, e.g. the claims that its clients know. */
  public declareSessions(format: ISessionFormat): void {
    this.#sessions.declare(format);
  }

  /** The claims of a session token that `validateToken` gave; `undefined` for any other token. */
  public sessionClaims(token: IAuthToken): ISessionClaims | undefined {
    return this.#sessions.claimsOf(token);
  }

  /** Whether tokens of this protocol are enabled; if not, callers present user names and passwords. */
  public areTokensEnabled(protocol: TRegistryProtocol): boolean {
    return areTokensEnabled(this.#config, protocol);
  }

  /**
   * Signs a text with an HMAC that only this registry can make; the same in every process with this `jwtSecret`.
   * @param purpose a seal is valid for one purpose
   */
  public seal(purpose: string, text: string): string {
    const key = crypto.createHmac('sha256', this.#config.jwtSecret).update(`seal\n${purpose}`).digest();
    return crypto.createHmac('sha256', key).update(text).digest('base64url');
  }

  /** Accepts the secret, or the id that `listTokens` returns. No rights are checked. */
  public async revokeToken(token: string): Promise<void> {
    try {
      if (!(await this.#sessions.revoke(token))) await this.provider.revokeToken(token);
    } finally {
      this.#callers.forgetAll();
    }
  }

  /** Call it when a token was used as a refresh token: one that was made with `sliding` then lives longer. */
  public async prolongToken(tokenId: string): Promise<void> {
    await this.provider.prolongToken?.(tokenId);
  }

  /** Like `revokeToken`, for a token of this user only; returns false if it is not one. */
  public async revokeTokenOf(userId: string, token: string): Promise<boolean> {
    if (!(await this.#isTokenOf(userId, token))) return false;
    await this.revokeToken(token);
    return true;
  }

  /**
   * The list has no session tokens, because they are not stored.
   * @param userId default: the tokens of all users, for administrators
   * @throws RegistryError `unsupported` if the provider has no such list
   */
  public async listTokens(userId?: string): Promise<ITokenInfo[]> {
    const list = userId === undefined ? this.provider.listAllTokens?.() : this.provider.listTokens?.(userId);
    return list ?? this.#noList();
  }

  /** At most `limit` ids of tokens that begin like this. @throws RegistryError `unsupported` as `listTokens` */
  public async findTokenIds(prefix: string, limit: number): Promise<string[]> {
    return this.provider.findTokenIds?.(prefix, limit) ?? this.#noList();
  }

  /**
   * Creates an account for an unknown caller (`npm adduser`). @throws RegistryError `forbidden` if that is not allowed
   */
  public async register(credentials: ICredentials, profile: { email?: string } = {}): Promise<string> {
    if (this.provider.createUser) return this.provider.createUser(credentials, profile);
    throw new RegistryError('forbidden', 'This registry does not let users register themselves');
  }

  /** The public profile of a user; only the id if the provider has none. */
  public async getUser(userId: string): Promise<IUserProfile | null> {
    return this.provider.getUser ? this.provider.getUser(userId) : { userId };
  }

  /** Removes expired tokens and returns their number. A daily chore of the registry calls it. */
  public sweep(): Promise<number> {
    return this.#store.sweep(this.#now());
  }

  async #isTokenOf(userId: string, token: string): Promise<boolean> {
    const owner = await this.#sessions.ownerOf(token);
    if (owner !== undefined) return owner === userId;
    if ((await this.provider.validateToken(token))?.userId === userId) return true;
    if (this.provider instanceof DefaultAuthProvider) return this.provider.ownsToken(userId, token);
    return (await this.provider.listTokens?.(userId))?.some(({ id }) => id === token) ?? false;
  }

  #noList(): never {
    throw new RegistryError('unsupported', 'The auth provider of this registry does not list tokens');
  }

  #requireEnabled(protocol: TRegistryProtocol): void {
    if (this.areTokensEnabled(protocol)) return;
    throw new RegistryError('forbidden', `Tokens for ${protocol} are disabled (auth.${protocol}Tokens.enabled)`);
  }
}
