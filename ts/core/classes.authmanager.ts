import { DefaultAuthProvider, type TStanding } from './auth/classes.defaultauthprovider.js';
import { type IIssuedOciToken, OciAuthority } from './auth/classes.ociauthority.js';
import { OciTokens } from './auth/classes.ocitokens.js';
import type { UserStore } from './auth/classes.userstore.js';
import { isReadAction } from './auth/helpers.scopes.js';
import { areTokensEnabled, checkTokenOptions } from './auth/helpers.tokenoptions.js';
import type {
  IAuthConfig,
  IAuthProvider,
  IAuthToken,
  ICredentials,
  IPermissions,
  ITokenInfo,
  ITokenOptions,
  IUserProfile,
  TPresentedCredential,
} from './auth/interfaces.auth.js';
import { createTokenStore } from './auth/tokenstores/create.js';
import type { ITokenStore } from './auth/tokenstores/interfaces.tokenstore.js';
import { ConfigError } from './classes.configerror.js';
import { RegistryError } from './classes.registryerror.js';
import type { RegistryStorage } from './classes.registrystorage.js';
import type { ILogger, TRegistryProtocol } from './interfaces.core.js';

export type { IIssuedOciToken };

export interface IAuthManagerDependencies {
  storage: Pick<RegistryStorage, 'read' | 'update' | 'delete' | 'list'>;
  /** default: the registry's own users and tokens */
  provider?: IAuthProvider;
  logger?: ILogger;
  now?: () => Date;
}

/** What `holdsSome` and `allowedNames` ask about. */
export interface IRight {
  protocol: TRegistryProtocol;
  type: string;
  action: string;
}

/** Names put to a custom provider at once. */
const QUESTIONS_AT_ONCE = 32;
const SHORT_SECRET = 32;

/**
 * The one place that says who a caller is and what a caller may do. Users, tokens and rights come from the provider; what
 * holds for every provider is here: tokens are good for their own protocol, read-only and expired ones stay so, OCI JWTs
 * are minted and checked, and a disabled kind of token does not exist.
 */
export class AuthManager {
  public readonly provider: IAuthProvider;
  readonly #own: DefaultAuthProvider | undefined;
  readonly #config: IAuthConfig;
  readonly #logger: ILogger | undefined;
  readonly #store: ITokenStore;
  readonly #jwts: OciTokens;
  readonly #oci: OciAuthority;
  readonly #now: () => Date;

  /** @throws ConfigError naming the field that is wrong */
  constructor(config: IAuthConfig, dependencies: IAuthManagerDependencies) {
    if (!config.jwtSecret) throw new ConfigError('auth.jwtSecret', 'must be a non-empty string');
    const { storage, logger, now = () => new Date() } = dependencies;
    this.#config = config;
    this.#logger = logger;
    this.#now = now;
    this.#store = createTokenStore(config.tokenStore, storage);
    // one that extends it may well decide otherwise
    this.#own = dependencies.provider
      ? undefined
      : new DefaultAuthProvider(config, { storage, tokens: this.#store, now });
    this.provider = dependencies.provider ?? (this.#own as DefaultAuthProvider);
    this.#jwts = new OciTokens(config.jwtSecret, config.ociTokens);
    this.#oci = new OciAuthority(this.#jwts, { store: this.#store, provider: this.provider, now });
  }

  /** @throws ConfigError for a token store that this release does not have */
  public async init(): Promise<void> {
    if (this.#config.jwtSecret.length < SHORT_SECRET) {
      this.#logger?.warn(`config.auth.jwtSecret is shorter than ${SHORT_SECRET} characters: fit for tests only`);
    }
    await this.#store.init();
    await this.provider.init?.();
  }

  public async destroy(): Promise<void> {
    await this.provider.destroy?.();
    await this.#store.destroy();
  }

  /** Accounts of the default provider, for administrators. @throws RegistryError `unsupported` with a custom provider */
  public get users(): UserStore {
    if (this.provider instanceof DefaultAuthProvider) return this.provider.users;
    throw new RegistryError('unsupported', 'Users are kept by the auth provider of this registry');
  }

  /** `service` of the OCI challenge and `aud` of its tokens. */
  public get ociService(): string {
    return this.#jwts.service;
  }

  /** Where OCI clients are sent for a token; `undefined` = the registry's own token endpoint. */
  public get ociRealm(): string | undefined {
    return this.#config.ociTokens?.realm;
  }

  /** The user's id, or `null` where name and password do not belong together. */
  public authenticate(credentials: ICredentials): Promise<string | null> {
    return this.provider.authenticate(credentials);
  }

  /**
   * Who a request comes from; `null` = it presents something that is not valid. Of Basic credentials the password may be
   * a token (then the name does not matter), or the name where the password is empty.
   */
  public async identify(credential: TPresentedCredential, protocol: TRegistryProtocol): Promise<IAuthToken | null> {
    if (credential.kind === 'token') return this.validateToken(credential.token, protocol);
    const { username, password } = credential;
    const token = await this.validateToken(password || username, protocol);
    if (token) return token;
    const userId = password === '' ? null : await this.authenticate({ username, password });
    return userId === null ? null : { type: protocol, userId, scopes: [`${protocol}:*:*:*`] };
  }

  /** `null` where the token is unknown, revoked, expired, of another protocol, or of a user who is gone. */
  public async validateToken(token: string, protocol?: TRegistryProtocol): Promise<IAuthToken | null> {
    if (!token) return null;
    let found = await this.#oci.validate(token);
    if (found === undefined) found = await this.#validateAtProvider(token, protocol);
    if (!found || this.#oci.isOver(found)) return null;
    const { type } = found;
    if (type === undefined) return found;
    return (protocol === undefined || type === protocol) && this.#isEnabled(type) ? found : null;
  }

  /**
   * A test whether a token that `identify` has just given (`null` = an anonymous caller) is still good and still allows
   * what it did. undefined where that has to be asked each time: of custom providers, of passwords.
   */
  public standing(token: IAuthToken | null): TStanding | undefined {
    if (token && this.#oci.isJwt(token)) return this.#own && this.#oci.standing(token);
    return this.#own?.standing(token);
  }

  /**
   * @param token as `validateToken` or `identify` gave it; `null` = an anonymous caller
   * @param resource `{protocol}:{type}:{name}`, e.g. `npm:package:@scope/x`
   * @param action read | write | delete | pull | push
   */
  public async authorize(token: IAuthToken | null, resource: string, action: string): Promise<boolean> {
    if (!token) return this.provider.authorize(null, resource, action);
    if (!this.#mayUse(token, resource.slice(0, Math.max(0, resource.indexOf(':'))), action)) return false;
    const permissions = await this.#oci.permissions(token);
    if (permissions) return permissions.allows(resource, action);
    return this.provider.authorize(this.#oci.asProviderCaller(token, resource, action), resource, action);
  }

  /** Whether the caller may do this to any name at all: asked where the name is known only after the body was read. */
  public async holdsSome(
    token: IAuthToken | null,
    protocol: TRegistryProtocol,
    type: string,
    action: string,
  ): Promise<boolean> {
    if (token && !this.#mayUse(token, protocol, action)) return false;
    const permissions = await this.#permissions(token);
    if (permissions) return permissions.allowsSome(protocol, type, action);
    // a provider that decides name by name cannot be asked for "some"; of a stranger it is asked for "all"
    const isStranger = !token || token.userId === '';
    return !isStranger || this.provider.authorize(null, `${protocol}:${type}:*`, action);
  }

  /** Whether the caller may do this to every name; false also of a provider that decides name by name. */
  public async allowsAll(token: IAuthToken | null, { protocol, type, action }: IRight): Promise<boolean> {
    if (token && !this.#mayUse(token, protocol, action)) return false;
    return (await this.#permissions(token))?.allowsAll(protocol, type, action) ?? false;
  }

  /** Those of `names` that the caller may see (or whatever the action is), in order: the filter of every listing. */
  public async allowedNames(token: IAuthToken | null, right: IRight, names: Iterable<string>): Promise<string[]> {
    const { protocol, type, action } = right;
    const all = [...names];
    if (token && !this.#mayUse(token, protocol, action)) return [];
    const permissions = await this.#permissions(token);
    if (permissions?.allowsAll(protocol, type, action)) return all;
    if (permissions) return all.filter((name) => permissions.allows(`${protocol}:${type}:${name}`, action));
    const allowed: string[] = [];
    for (let at = 0; at < all.length; at += QUESTIONS_AT_ONCE) {
      const some = all.slice(at, at + QUESTIONS_AT_ONCE);
      const answers = await Promise.all(
        some.map((name) => this.authorize(token, `${protocol}:${type}:${name}`, action)),
      );
      allowed.push(...some.filter((_, index) => answers[index]));
    }
    return allowed;
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

  /** @param readonly default: `auth.npmTokens.defaultReadOnly`, else false */
  public createNpmToken(userId: string, readonly?: boolean): Promise<string> {
    return this.createToken(userId, 'npm', { readonly });
  }

  public createMavenToken(userId: string, readonly?: boolean): Promise<string> {
    return this.createToken(userId, 'maven', { readonly });
  }

  public createCargoToken(userId: string, readonly?: boolean): Promise<string> {
    return this.createToken(userId, 'cargo', { readonly });
  }

  public createComposerToken(userId: string, readonly?: boolean): Promise<string> {
    return this.createToken(userId, 'composer', { readonly });
  }

  public createPypiToken(userId: string, readonly?: boolean): Promise<string> {
    return this.createToken(userId, 'pypi', { readonly });
  }

  public createRubyGemsToken(userId: string, readonly?: boolean): Promise<string> {
    return this.createToken(userId, 'rubygems', { readonly });
  }

  /**
   * A JWT for OCI clients. It carries only what the user holds of `scopes`; the long-lived password for `podman login` is
   * `createToken(userId, 'oci')`.
   * @param expiresIn seconds
   */
  public async createOciToken(userId: string, scopes: string[], expiresIn = 3600): Promise<string> {
    const caller: IAuthToken = { type: 'oci', userId, scopes: ['oci:*:*:*'] };
    return (await this.issueOciToken(caller, scopes, expiresIn)).token;
  }

  /**
   * The answer of the OCI token endpoint: what the caller holds of `scopes`, which may be nothing. The token is void as soon
   * as the one that the caller presented is. `null` = an anonymous caller; the token then has an empty `userId`.
   * @param expiresIn seconds
   * @param options.catalog the token is to list repositories: those that the caller may pull
   */
  public async issueOciToken(
    caller: IAuthToken | null,
    scopes: readonly string[],
    expiresIn = 3600,
    options: { catalog?: boolean } = {},
  ): Promise<IIssuedOciToken> {
    this.#requireEnabled('oci');
    const checked = checkTokenOptions({ scopes: [...scopes], expiresIn }, 'oci');
    return this.#oci.issue(caller, checked.scopes ?? [], expiresIn, options);
  }

  /** Whether a token that `validateToken` gave is an OCI JWT, which allows what it names and nothing else. */
  public isOciJwt(token: IAuthToken): boolean {
    return this.#oci.isJwt(token);
  }

  /** The caller as the listing of OCI repositories is to see it. */
  public forOciCatalog(token: IAuthToken | null): IAuthToken | null {
    return this.#oci.forCatalog(token);
  }

  /** Whether tokens of this protocol exist here; without them callers present user names and passwords. */
  public areTokensEnabled(protocol: TRegistryProtocol): boolean {
    return this.#isEnabled(protocol);
  }

  /** Takes the secret, or the id that `listTokens` shows. Whether the caller may is for the caller to have checked. */
  public async revokeToken(token: string): Promise<void> {
    if (!(await this.#oci.revoke(token))) await this.provider.revokeToken(token);
  }

  /** As `revokeToken`, for a token of this user only; false where it is not one. */
  public async revokeTokenOf(userId: string, token: string): Promise<boolean> {
    if (!(await this.#isTokenOf(userId, token))) return false;
    await this.revokeToken(token);
    return true;
  }

  /** Without OCI JWTs, which are not kept. @throws RegistryError `unsupported` where the provider has no such list */
  public async listTokens(userId: string): Promise<ITokenInfo[]> {
    if (this.provider.listTokens) return this.provider.listTokens(userId);
    throw new RegistryError('unsupported', 'The auth provider of this registry does not list tokens');
  }

  /** Makes an account for a stranger (`npm adduser`). @throws RegistryError `forbidden` where that is not allowed */
  public async register(credentials: ICredentials, profile: { email?: string } = {}): Promise<string> {
    if (this.provider.createUser) return this.provider.createUser(credentials, profile);
    throw new RegistryError('forbidden', 'This registry does not let users register themselves');
  }

  /** What may be shown of a user; only the id where the provider tells nothing. */
  public async getUser(userId: string): Promise<IUserProfile | null> {
    return this.provider.getUser ? this.provider.getUser(userId) : { userId };
  }

  /** Removes tokens that expired; how many. For `smartregistry gc`. */
  public sweep(): Promise<number> {
    return this.#store.sweep(this.#now());
  }

  async #validateAtProvider(token: string, protocol?: TRegistryProtocol): Promise<IAuthToken | null> {
    const found = await this.provider.validateToken(token, protocol);
    if (!found || this.provider instanceof DefaultAuthProvider) return found;
    if (found.scopes !== undefined && (found.type ?? protocol) === found.type) return found;
    // a provider that keeps no scopes decides in authorize()
    return { ...found, type: found.type ?? protocol, scopes: found.scopes ?? [`${protocol ?? '*'}:*:*:*`] };
  }

  async #permissions(token: IAuthToken | null): Promise<IPermissions | undefined> {
    const own = token && (await this.#oci.permissions(token));
    return own ?? this.provider.permissions?.(token);
  }

  #mayUse(token: IAuthToken, protocol: string, action: string): boolean {
    if (token.type !== undefined && token.type !== protocol) return false;
    return !this.#oci.isOver(token) && !(token.readonly && !isReadAction(action));
  }

  async #isTokenOf(userId: string, token: string): Promise<boolean> {
    const owner = this.#oci.ownerOf(token);
    if (owner !== undefined) return owner === userId;
    if ((await this.provider.validateToken(token))?.userId === userId) return true;
    return (await this.provider.listTokens?.(userId))?.some(({ id }) => id === token) ?? false;
  }

  #isEnabled(protocol: TRegistryProtocol): boolean {
    return areTokensEnabled(this.#config, protocol);
  }

  #requireEnabled(protocol: TRegistryProtocol): void {
    if (this.#isEnabled(protocol)) return;
    throw new RegistryError('forbidden', `Tokens for ${protocol} are disabled (auth.${protocol}Tokens.enabled)`);
  }
}
