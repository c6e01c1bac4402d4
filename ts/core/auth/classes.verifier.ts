import type { TRegistryProtocol } from '../interfaces.core.js';
import type { CallerMemory } from './classes.callermemory.js';
import { BELIEVED_MS, DefaultAuthProvider } from './classes.defaultauthprovider.js';
import { areTokensEnabled } from './helpers.tokenoptions.js';
import type {
  IAuthConfig,
  IAuthProvider,
  IAuthToken,
  ICredentials,
  IVerifiedCaller,
  TPresentedCredential,
} from './interfaces.auth.js';
import { guardPasswords } from './passwords/helpers.guard.js';
import type { SessionTokens } from './sessions/classes.sessiontokens.js';

export interface IVerifierOptions {
  config: IAuthConfig;
  provider: IAuthProvider;
  /**
   * `provider`, if it is the registry's own: only then callers are cached, because another provider may change its
   * decision
   */
  own: DefaultAuthProvider | undefined;
  sessions: SessionTokens;
  callers: CallerMemory;
  now(): Date;
}

/** Callers of a custom provider are verified each time. */
const NOT_REMEMBERED = 0;

/** Verifies the credentials of a request. */
export class Verifier {
  /** The user's id, or `null` if name and password do not belong together. */
  public readonly authenticate: (credentials: ICredentials) => Promise<string | null>;
  readonly #options: IVerifierOptions;
  readonly #anonymous: IVerifiedCaller;

  constructor(options: IVerifierOptions) {
    const { provider, own, now } = options;
    this.#options = options;
    this.authenticate = guardPasswords(provider, now);
    const validUntil = own ? Number.POSITIVE_INFINITY : NOT_REMEMBERED;
    this.#anonymous = Object.freeze({ token: null, validUntil, revision: 0 });
  }

  public async verify(
    credential: TPresentedCredential | null,
    protocol: TRegistryProtocol,
  ): Promise<IVerifiedCaller | null> {
    const remembered = this.remembered(credential, protocol);
    if (remembered) return remembered;
    if (!credential) return this.#anonymous;
    const { own, sessions, callers } = this.#options;
    const verification = callers.begin();
    const token = await this.validateCredential(credential, protocol);
    if (!token) return null;
    const believed = own ? (sessions.believedUntil(token) ?? own.believedUntil(token)) : NOT_REMEMBERED;
    const validUntil = Math.min(believed, verification.since + BELIEVED_MS);
    return callers.keep(credential, protocol, verification, { token, validUntil });
  }

  public remembered(credential: TPresentedCredential | null, protocol: TRegistryProtocol): IVerifiedCaller | undefined {
    if (!this.#options.own) return undefined;
    return credential ? this.#options.callers.peek(credential, protocol) : this.#anonymous;
  }

  public async validateCredential(
    credential: TPresentedCredential,
    protocol: TRegistryProtocol,
  ): Promise<IAuthToken | null> {
    if (credential.kind === 'token') return this.validateToken(credential.token, protocol);
    const { username, password, from } = credential;
    const token = await this.validateToken(password || username, protocol);
    if (token) return token;
    // an LDAP server accepts a bind with an empty password (RFC 4513 section 5.1.2)
    const userId = password === '' ? null : await this.authenticate({ username, password, from });
    return userId === null ? null : { type: protocol, userId, scopes: [`${protocol}:*:*:*`] };
  }

  public async validateToken(token: string, protocol?: TRegistryProtocol): Promise<IAuthToken | null> {
    if (!token) return null;
    const { sessions, config } = this.#options;
    let found = await sessions.validate(token);
    if (found === undefined) found = await this.#validateAtProvider(token, protocol);
    if (!found || sessions.isOver(found)) return null;
    const { type } = found;
    if (type === undefined) return found;
    return (protocol === undefined || type === protocol) && areTokensEnabled(config, type) ? found : null;
  }

  async #validateAtProvider(token: string, protocol?: TRegistryProtocol): Promise<IAuthToken | null> {
    const { provider } = this.#options;
    const found = await provider.validateToken(token, protocol);
    if (!found || provider instanceof DefaultAuthProvider) return found;
    if (found.scopes !== undefined && (found.type ?? protocol) === found.type) return found;
    // a provider that keeps no scopes decides in authorize()
    return { ...found, type: found.type ?? protocol, scopes: found.scopes ?? [`${protocol ?? '*'}:*:*:*`] };
  }
}
