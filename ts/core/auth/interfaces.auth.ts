import type { TRegistryProtocol } from '../interfaces.core.js';

/** A user name and a password. */
export interface ICredentials {
  username: string;
  password: string;
  /**
   * The IP address that the credentials came from. Wrong passwords are limited by user and by address; without it an
   * attacker can lock out the user that is guessed at.
   */
  from?: string;
}

/** A credential as a request presents it, not verified yet. */
export type TPresentedCredential = { kind: 'token'; token: string } | ({ kind: 'basic' } & ICredentials);

/**
 * The user and the rights behind a valid token. A scope is `{protocol}:{type}:{name}:{action}`, `*` globs within each
 * part.
 */
export interface IAuthToken {
  type?: TRegistryProtocol | undefined;
  userId: string;
  scopes: string[];
  readonly?: boolean | undefined;
  expiresAt?: Date | undefined;
  tokenId?: string | undefined;
  metadata?: Record<string, unknown> | undefined;
}

/**
 * The caller of a request. One object belongs to one verification: as long as it is cached, the same credential returns
 * the same object.
 */
export interface IVerifiedCaller {
  /** `null` = an anonymous caller */
  readonly token: IAuthToken | null;
  /** ms since 1970; at this time the credential is verified anew; 0 = each time */
  readonly validUntil: number;
  /** the count of changes to tokens and users of this process, at the start of the verification */
  readonly revision: number;
}

/** How a token is made. */
export interface ITokenOptions {
  /** default: all that the user may do within the protocol */
  scopes?: string[] | undefined;
  readonly?: boolean | undefined;
  /** seconds; default: does not expire */
  expiresIn?: number | undefined;
  /** with `expiresIn`: a use of the token as a refresh token (see `prolongToken`) lets it live that long again */
  sliding?: boolean | undefined;
  name?: string | undefined;
}

/** A stored token as its owner may see it: never the secret itself. */
export interface ITokenInfo {
  /** names the token in `revoke`; reveals nothing about the secret */
  id: string;
  userId: string;
  protocol: TRegistryProtocol;
  /** the first characters of the secret, to recognise it by */
  hint: string;
  scopes: string[];
  readonly: boolean;
  name?: string | undefined;
  createdAt: Date;
  expiresAt?: Date | undefined;
}

/** Users, tokens and rights of an application's own. Every method may be called by several requests at once. */
export interface IAuthProvider {
  /** Called by `SmartRegistry.init()`, before the first request. */
  init?(): Promise<void>;
  /**
   * The user's id, or null if the password is wrong. The registry limits wrong passwords before it asks; see
   * `ICredentials.from`.
   */
  authenticate(credentials: ICredentials): Promise<string | null>;
  /** The user and rights behind a token; `null` if it is unknown, revoked or expired. */
  validateToken(token: string, protocol?: TRegistryProtocol): Promise<IAuthToken | null>;
  /** Makes a token and returns its secret, which the registry does not keep. */
  createToken(userId: string, protocol: TRegistryProtocol, options?: ITokenOptions): Promise<string>;
  /** takes the secret, or the id that `listTokens` shows */
  revokeToken(token: string): Promise<void>;
  /** resource, e.g. `npm:package:foo`; action: read | write | delete | pull | push */
  authorize(token: IAuthToken | null, resource: string, action: string): Promise<boolean>;
  /** The tokens of a user, for the token commands of npm and of the command line. */
  listTokens?(userId: string): Promise<ITokenInfo[]>;
  /** of all users, for administrators */
  listAllTokens?(): Promise<ITokenInfo[]>;
  /** at most `limit` ids of tokens that begin like this, for administrators */
  findTokenIds?(prefix: string, limit: number): Promise<string[]>;
  /** called for `npm adduser`; if it is absent or throws `forbidden`, accounts are made elsewhere */
  createUser?(credentials: ICredentials, profile?: { email?: string }): Promise<string>;
  /** The public profile of a user; `null` if there is no such user. */
  getUser?(userId: string): Promise<IUserProfile | null>;
  /** Called when a token that was made with `sliding` was used; takes the id of the token. */
  prolongToken?(tokenId: string): Promise<void>;
  /**
   * All that a caller may do, at once. If it is absent, or a subclass overrides only `authorize`, each question goes to
   * `authorize`: a listing then asks once for every item.
   */
  permissions?(token: IAuthToken | null): Promise<IPermissions>;
  /** Called by `SmartRegistry.destroy()`. */
  destroy?(): Promise<void>;
}

/** The rights of one caller at this moment. */
export interface IPermissions {
  /** Whether the caller may do `action` to `resource`, e.g. `write` to `npm:package:@scope/x`. */
  allows(resource: string, action: string): boolean;
  /** whether the caller may do this to any name at all */
  allowsSome(protocol: TRegistryProtocol, type: string, action: string): boolean;
  /** whether the caller may do this to every name; false if that is not certain */
  allowsAll(protocol: TRegistryProtocol, type: string, action: string): boolean;
  /** the part of `scopes` that the caller holds */
  narrow(scopes: readonly string[]): string[];
}

/** What others may know of a user. */
export interface IUserProfile {
  userId: string;
  email?: string | undefined;
  createdAt?: Date | undefined;
}

/** The password of an account: a scrypt record, or (for a user of the config) a digest with a key of this process. */
export type TPasswordRecord = { scrypt: string } | { digest: Buffer };

/** An account of the default provider as requests need it. */
export interface IAccount {
  userId: string;
  /** distinguishes accounts with the same name; tokens belong to it */
  uid: string;
  password: TPasswordRecord;
  /** frozen */
  scopes: readonly string[];
  email?: string;
  createdAt?: Date;
}

/** A user of the configuration. */
export interface IUserConfig {
  username: string;
  /** plain text; hashed before it is kept anywhere */
  password: string;
  email?: string | undefined;
  /** default `['*:*:*:*']` */
  scopes?: string[] | undefined;
}

/** The `auth` block of the configuration. */
export interface IAuthConfig {
  /** signs OCI tokens (HS256) and keys the cache of verified passwords */
  jwtSecret: string;
  /**
   * `memory`: for tests; `bucket`: the registry's own storage; `redis` and `database` (PostgreSQL): servers, which need
   * the optional package `redis` or `pg`
   */
  tokenStore: 'memory' | 'redis' | 'database' | 'bucket';
  npmTokens?: { enabled: boolean; defaultReadOnly?: boolean } | undefined;
  /**
   * `service` is the `aud` of a JWT (default `smartregistry`), `issuer` its `iss` (default: the realm, else the
   * service). Tokens of another token service that has `jwtSecret` are accepted if they have these two claims.
   */
  ociTokens?: { enabled: boolean; realm?: string; service?: string; issuer?: string } | undefined;
  mavenTokens?: { enabled: boolean } | undefined;
  cargoTokens?: { enabled: boolean } | undefined;
  composerTokens?: { enabled: boolean } | undefined;
  pypiTokens?: { enabled: boolean } | undefined;
  rubygemsTokens?: { enabled: boolean } | undefined;
  /** rights of a caller without a token; default `['*:*:*:read', '*:*:*:pull']`; `[]` makes the registry private */
  anonymousScopes?: string[] | undefined;
  users?: IUserConfig[] | undefined;
  /** lets `npm adduser` create accounts; default false */
  selfRegistration?: boolean | undefined;
  /** the server of `tokenStore: 'redis'`: `redis://` or, with TLS, `rediss://user:password@host:port/number` */
  redis?: { url: string } | undefined;
  /** the server of `tokenStore: 'database'`: `postgres://user:password@host:port/name`, with TLS `?sslmode=verify-full` */
  database?: { url: string } | undefined;
}
