import type jsonwebtoken from 'jsonwebtoken';
import { crypto } from '../../../plugins.js';
import type { TRegistryProtocol } from '../../interfaces.core.js';
import { hashToken } from '../helpers.tokens.js';
import { plainFormatOf, plainSessionFormat } from './helpers.sessionformat.js';
import type { ISessionClaims, ISessionFormat, ISessionSignRequest } from './interfaces.sessions.js';

/** seconds by which the clocks of issuer and registry may differ */
export const JWT_LEEWAY_SECONDS = 30;
export const JWT_ID_PREFIX = 'jwt-';

export const looksLikeJwt = (token: string): boolean =>
  /^eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/.test(token);

const optionalText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** The library takes 40 ms to load, so a process loads it with its first JWT. */
const loadLibrary = async (): Promise<typeof jsonwebtoken> => (await import('jsonwebtoken')).default;

/** Returns `undefined` for a fault of the token itself; throws everything else. */
const unlessFaulty = <T>(library: typeof jsonwebtoken, read: () => T): T | undefined => {
  try {
    return read();
  } catch (thrown) {
    // every fault of the token is one of this family (TokenExpiredError, NotBeforeError); a SyntaxError is what the
    // library throws for a payload that is not JSON
    if (thrown instanceof library.JsonWebTokenError || thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
};

/**
 * Signs and verifies the JWTs of session tokens, with HS256 only: a token's own `alg` is ignored. Checks signatures and
 * claims; `SessionTokens` checks for revoked tokens and removed accounts.
 */
export class SessionJwts {
  readonly #secret: string;
  readonly #formats = new Map<TRegistryProtocol, ISessionFormat>();

  constructor(secret: string) {
    this.#secret = secret;
  }

  public declare(format: ISessionFormat): void {
    this.#formats.set(format.protocol, format);
  }

  /** The format in which tokens for this protocol are made. */
  public formatOf(protocol: TRegistryProtocol): ISessionFormat {
    return this.#formats.get(protocol) ?? plainSessionFormat(protocol);
  }

  public async sign(protocol: TRegistryProtocol, request: ISessionSignRequest): Promise<{ token: string; id: string }> {
    const format = this.formatOf(protocol);
    const id = `${JWT_ID_PREFIX}${crypto.randomUUID()}`;
    const issuedAt = Math.floor(request.issuedAt.getTime() / 1000);
    const claims = {
      ...request.claims,
      ...format.toClaims(request.scopes),
      iss: format.issuer,
      sub: request.userId,
      aud: format.audience,
      exp: Math.floor(request.expiresAt.getTime() / 1000),
      nbf: issuedAt,
      iat: issuedAt,
      jti: id,
      // names of our own (RFC 7519 section 4.3): another service's `uid` means something else
      srt_uid: request.uid,
      ...(request.parent === undefined ? {} : { srt_parent: request.parent }),
    };
    const library = await loadLibrary();
    return { token: library.sign(claims, this.#secret, { algorithm: 'HS256' }), id };
  }

  /** Returns `null` if the token is not valid at `now` or has no known format. */
  public read(token: string, now: Date): Promise<ISessionClaims | null> {
    return this.#read(token, { clockTimestamp: now.getTime() / 1000, clockTolerance: JWT_LEEWAY_SECONDS });
  }

  /** Like `read`, without checking times: a token can also be revoked before and after it is valid. */
  public readForRevocation(token: string): Promise<ISessionClaims | null> {
    return this.#read(token, { ignoreExpiration: true, ignoreNotBefore: true });
  }

  /**
   * The signature is verified once, before any claim is used: until then the payload is untrusted, and a token that
   * names many formats would cost as many verifications.
   */
  async #read(token: string, time: jsonwebtoken.VerifyOptions): Promise<ISessionClaims | null> {
    if (!looksLikeJwt(token)) return null;
    const library = await loadLibrary();
    const options = { ...time, algorithms: ['HS256' as const], complete: true as const };
    const decoded = unlessFaulty(library, () => library.verify(token, this.#secret, options));
    // RFC 7515 section 4.1.11: a token with critical extensions that are not supported is invalid
    if (!decoded || typeof decoded.payload === 'string' || decoded.header.crit !== undefined) return null;
    for (const format of this.#formatsOf(decoded.payload)) {
      const claims = this.#claimsOf(token, decoded.payload, format);
      if (claims) return claims;
    }
    return null;
  }

  /** The formats that a verified payload fits, by audience and issuer. */
  #formatsOf(payload: jsonwebtoken.JwtPayload): ISessionFormat[] {
    const audiences = [payload.aud].flat().filter((audience) => typeof audience === 'string');
    const declared = [...this.#formats.values()].filter(({ audience }) => audiences.includes(audience));
    const plain = audiences.map(plainFormatOf).filter((format) => format !== undefined);
    return [...declared, ...plain].filter(({ issuers }) => issuers.some((issuer) => issuer === payload.iss));
  }

  #claimsOf(token: string, payload: jsonwebtoken.JwtPayload, format: ISessionFormat): ISessionClaims | null {
    if (typeof payload.exp !== 'number' || typeof payload.sub !== 'string') return null;
    const uid = optionalText(payload.srt_uid);
    if (uid === undefined && !format.trustsOthers) return null;
    return {
      protocol: format.protocol,
      // else the signing input: unlike the whole token it has only one spelling
      id: optionalText(payload.jti) || hashToken(token.slice(0, token.lastIndexOf('.'))),
      userId: payload.sub,
      scopes: Object.freeze(format.toScopes(payload)),
      expiresAt: new Date(payload.exp * 1000),
      uid,
      parent: optionalText(payload.srt_parent),
      payload,
    };
  }
}
