import { crypto, jsonwebtoken } from '../../plugins.js';
import { intersectScopes, parseScope, parseScopes, scopeToText } from './helpers.scopes.js';
import { hashToken } from './helpers.tokens.js';

/** One line of a token's `access` claim (distribution token specification, "JSON Web Token Implementation"). */
export interface IOciAccess {
  type: string;
  name: string;
  actions: string[];
}

/** What a JWT says, once its signature, issuer, audience and time have been found in order. */
export interface IOciClaims {
  /** names the token when it is revoked */
  id: string;
  /** `sub`; empty for the token of an anonymous caller */
  userId: string;
  scopes: readonly string[];
  expiresAt: Date;
  /**
   * Which account of that name the token is bound to: its scopes then count only as far as the account's reach. Absent
   * on tokens of another token service, which speak for themselves.
   */
  uid?: string;
  /** the id of the token that was presented to get this one: void with it */
  parent?: string;
  /** scopes of what the caller may pull, where the token is for the listing of repositories */
  catalog?: string[];
}

export interface IOciSignRequest {
  userId: string;
  uid: string;
  scopes: readonly string[];
  issuedAt: Date;
  expiresAt: Date;
  parent?: string;
  catalog?: readonly string[];
}

/** seconds by which the clocks of issuer and registry may differ */
export const JWT_LEEWAY_SECONDS = 30;
export const JWT_ID_PREFIX = 'jwt-';

const OCI = parseScope('oci:*:*:*');

/** `oci:repository:a/b:pull`, … as `[{ type: 'repository', name: 'a/b', actions: ['pull'] }]`; other protocols drop out. */
export const scopesToAccess = (scopes: readonly string[]): IOciAccess[] => {
  const lines = new Map<string, IOciAccess>();
  for (const scope of parseScopes(scopes)) {
    const oci = OCI && intersectScopes(scope, OCI);
    if (!oci) continue;
    const [type, name, action] = [oci.type.text, oci.name.text, oci.action.text];
    const line = lines.get(`${type}:${name}`) ?? { type, name, actions: [] };
    lines.set(`${type}:${name}`, line);
    if (!line.actions.includes(action)) line.actions.push(action);
  }
  return [...lines.values()];
};

/** The way back. Lines that are not of the specified shape grant nothing. */
export const accessToScopes = (access: unknown): string[] => {
  if (!Array.isArray(access)) return [];
  const scopes = access.flatMap((line: Partial<IOciAccess> | null) => {
    if (typeof line !== 'object' || line === null || !Array.isArray(line.actions)) return [];
    return line.actions.map((action: unknown) => parseScope(`oci:${line.type}:${line.name}:${action}`));
  });
  return [...new Set(scopes.filter((scope) => scope !== null).map(scopeToText))];
};

export const looksLikeJwt = (token: string): boolean =>
  /^eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/.test(token);

const optionalText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/**
 * Mints and reads the JWTs of the OCI token endpoint, by HS256 and nothing else: a token's own `alg` is never followed.
 * Knows signatures and claims; what is revoked or removed is asked elsewhere.
 */
export class OciTokens {
  public readonly service: string;
  public readonly issuer: string;
  readonly #secret: string;
  readonly #issuers: [string, ...string[]];

  constructor(secret: string, config: { realm?: string; service?: string; issuer?: string } = {}) {
    this.#secret = secret;
    this.service = config.service || 'smartregistry';
    this.issuer = config.issuer || config.realm || this.service;
    this.#issuers = config.issuer ? [config.issuer] : [this.issuer, this.service];
  }

  public sign(request: IOciSignRequest): { token: string; id: string } {
    const id = `${JWT_ID_PREFIX}${crypto.randomUUID()}`;
    const issuedAt = Math.floor(request.issuedAt.getTime() / 1000);
    const claims = {
      iss: this.issuer,
      sub: request.userId,
      aud: this.service,
      exp: Math.floor(request.expiresAt.getTime() / 1000),
      nbf: issuedAt,
      iat: issuedAt,
      jti: id,
      access: scopesToAccess(request.scopes),
      // names of our own (RFC 7519 section 4.3): another service's `uid` means something else
      srt_uid: request.uid,
      ...(request.parent === undefined ? {} : { srt_parent: request.parent }),
      ...(request.catalog === undefined ? {} : { srt_catalog: request.catalog }),
    };
    return { token: jsonwebtoken.sign(claims, this.#secret, { algorithm: 'HS256' }), id };
  }

  /** `null` for whatever is not a valid token of this issuer for this service at `now`. */
  public read(token: string, now: Date): IOciClaims | null {
    return this.#read(token, { clockTimestamp: now.getTime() / 1000, clockTolerance: JWT_LEEWAY_SECONDS });
  }

  /** As `read`, but time does not matter: a token is revoked by whoever holds it, valid still or not yet. */
  public readForRevocation(token: string): IOciClaims | null {
    return this.#read(token, { ignoreExpiration: true, ignoreNotBefore: true });
  }

  #read(token: string, time: jsonwebtoken.VerifyOptions): IOciClaims | null {
    if (!looksLikeJwt(token)) return null;
    let decoded: jsonwebtoken.Jwt;
    try {
      const { service: audience } = this;
      const options = { ...time, algorithms: ['HS256' as const], issuer: this.#issuers, audience };
      decoded = jsonwebtoken.verify(token, this.#secret, { ...options, complete: true });
    } catch (thrown) {
      // every fault of the token itself is one of this family (TokenExpiredError, NotBeforeError); a SyntaxError is
      // what the library throws for a payload that is not JSON
      if (thrown instanceof jsonwebtoken.JsonWebTokenError || thrown instanceof SyntaxError) return null;
      throw thrown;
    }
    const { header, payload } = decoded;
    // RFC 7515 section 4.1.11: extensions that are declared critical and not understood make the token invalid
    if (typeof payload === 'string' || header.crit !== undefined) return null;
    if (typeof payload.exp !== 'number' || typeof payload.sub !== 'string') return null;
    return {
      // else the signing input: unlike the whole token it has only one spelling
      id: optionalText(payload.jti) || hashToken(token.slice(0, token.lastIndexOf('.'))),
      userId: payload.sub,
      scopes: Object.freeze(accessToScopes(payload.access)),
      expiresAt: new Date(payload.exp * 1000),
      uid: optionalText(payload.srt_uid),
      parent: optionalText(payload.srt_parent),
      catalog: Array.isArray(payload.srt_catalog) ? payload.srt_catalog.map(String) : undefined,
    };
  }
}
