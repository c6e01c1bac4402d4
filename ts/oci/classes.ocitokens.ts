import { Permissions } from '../core/auth/classes.permissions.js';
import type { IAuthToken } from '../core/auth/interfaces.auth.js';
import type { IIssuedSessionToken, ISessionFormat } from '../core/auth/sessions/interfaces.sessions.js';
import type { AuthManager } from '../core/classes.authmanager.js';
import { RegistryError } from '../core/classes.registryerror.js';
import { accessToScopes, scopesToAccess } from './wire/wire.access.js';
import {
  bearerChallenge,
  CATALOG,
  type INeededScope,
  type IRequestedScopes,
  type TChallengeError,
} from './wire/wire.scopes.js';

/** seconds; a client gets a new token by itself when this one expires */
const LIFETIME = 3600;

const CATALOG_SCOPE = `oci:${CATALOG.type}:${CATALOG.name}:${CATALOG.action}`;
const PULL_ANYTHING = 'oci:repository:*:pull';
/** claim with the scopes that the caller may pull, in a token for the listing of repositories */
const CATALOG_CLAIM = 'srt_catalog';

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/**
 * The session tokens of OCI clients: their claims (distribution, "Token Authentication Specification"), the challenge
 * that leads to them, and the listing of repositories, which is not a repository and so needs a grant of its own.
 */
export class OciTokens {
  /** `service` of the challenge and `aud` of the tokens */
  public readonly service: string;
  /** the URL where clients get a token; `undefined`: the registry's own endpoint */
  public readonly realm: string | undefined;

  constructor(private readonly auth: AuthManager) {
    const settings = auth.tokenSettings('oci');
    this.realm = text(settings.realm);
    this.service = text(settings.service) ?? 'smartregistry';
    const issuer = text(settings.issuer);
    const own = issuer ?? this.realm ?? this.service;
    const format: ISessionFormat = {
      protocol: 'oci',
      issuer: own,
      // tokens that were made before a realm was configured have the service as issuer
      issuers: issuer === undefined ? [own, this.service] : [issuer],
      audience: this.service,
      trustsOthers: true,
      actions: ['pull', 'push', 'delete'],
      toClaims: (scopes) => ({ access: scopesToAccess(scopes) }),
      toScopes: ({ access }) => accessToScopes(access),
    };
    auth.declareSessions(format);
  }

  /** Without tokens clients send user name and password with each request. */
  public get areEnabled(): boolean {
    return this.auth.areTokensEnabled('oci');
  }

  /** Whether the token endpoint has issued this token. */
  public isSession(token: IAuthToken): boolean {
    return this.auth.sessionClaims(token) !== undefined;
  }

  /** @param caller `null` = anonymous */
  public async issue(
    caller: IAuthToken | null,
    { scopes, catalog }: IRequestedScopes,
    expiresIn = LIFETIME,
  ): Promise<IIssuedSessionToken> {
    // like without a token: a known user may always read the list, which may be empty
    const mayList = catalog && (caller !== null || (await this.auth.holdsSome(null, 'oci', 'repository', 'pull')));
    const listing = mayList && { granted: [CATALOG_SCOPE], claims: { [CATALOG_CLAIM]: await this.#pullable(caller) } };
    return this.auth.issueSessionToken(caller, 'oci', { scopes, expiresIn, ...listing });
  }

  /**
   * The caller for the listing of repositories. A session token must have been made for the listing: its caller then
   * sees all repositories that it may pull, and not only those that the token names.
   * @throws RegistryError `forbidden` for any other session token
   */
  public catalogReader(token: IAuthToken | null): IAuthToken | null {
    const claims = token && this.auth.sessionClaims(token);
    if (!claims) return token;
    const pullable = claims.payload[CATALOG_CLAIM];
    if (!Array.isArray(pullable)) {
      throw new RegistryError('forbidden', 'This token was not made to list repositories', { detail: CATALOG });
    }
    if (claims.userId === '') return null;
    // an ordinary token for this one check; the expiry of the session token was checked when it was verified
    return { type: 'oci', userId: claims.userId, scopes: pullable.map(String), tokenId: claims.parent };
  }

  /**
   * The value of WWW-Authenticate.
   * @param options.endpoint returns the URL of the registry's own token endpoint; called only if no realm is configured
   * @param options.error the fault of the presented credential, if there was one
   */
  public challenge(options: { endpoint(): string; needed: INeededScope[]; error?: TChallengeError }): string {
    const { endpoint, needed, error } = options;
    if (!this.areEnabled) return 'Basic realm="oci"';
    return bearerChallenge({ realm: this.realm ?? endpoint(), service: this.service, needed, error });
  }

  async #pullable(caller: IAuthToken | null): Promise<string[]> {
    const permissions = await this.auth.permissions(caller);
    if (permissions) return permissions.narrow([PULL_ANYTHING]);
    // A provider that decides name by name is asked for each when they are listed, with a token of these scopes: no
    // more than those that the caller presented.
    const own = new Permissions({ layers: [caller?.scopes ?? [PULL_ANYTHING]], anybody: [] });
    return own.narrow([PULL_ANYTHING]);
  }
}
