import { ShortLivedCache } from '../../base/classes.shortlivedcache.js';
import type { TRegistryProtocol } from '../../interfaces.core.js';
import { BELIEVED_MS, DefaultAuthProvider } from '../classes.defaultauthprovider.js';
import { Permissions } from '../classes.permissions.js';
import { hashToken } from '../helpers.tokens.js';
import type { IAuthProvider, IAuthToken } from '../interfaces.auth.js';
import type { ITokenStore } from '../tokenstores/interfaces.tokenstore.js';
import { JWT_ID_PREFIX, JWT_LEEWAY_SECONDS, looksLikeJwt, SessionJwts } from './classes.sessionjwts.js';
import type { IIssuedSessionToken, ISessionClaims, ISessionFormat } from './interfaces.sessions.js';

interface ISession {
  /** names it in the cache */
  key: string;
  claims: ISessionClaims;
  token: IAuthToken;
  isRevoked: boolean;
}

export interface IIssueRequest {
  /** `null` = anonymous; never a session token itself */
  caller: IAuthToken | null;
  /** those of the wanted scopes that the caller holds */
  granted: readonly string[];
  /** seconds */
  expiresIn: number;
  /** claims of the protocol's own */
  claims?: Readonly<Record<string, unknown>>;
}

/** `uid` of sessions of a custom provider's users: only the provider knows whether they still exist */
const OF_PROVIDER = 'provider';

/**
 * Session tokens: short-lived JWTs for a caller, with scopes of one protocol. A session token is invalid as soon as the
 * account is removed, or the token that it was issued for is revoked. Scopes only limit rights: `Rights` also asks the
 * provider.
 */
export class SessionTokens {
  readonly #jwts: SessionJwts;
  readonly #store: ITokenStore;
  readonly #provider: IAuthProvider;
  readonly #now: () => Date;
  readonly #known: ShortLivedCache<ISession>;
  readonly #handedOut = new WeakMap<IAuthToken, ISession>();

  constructor(options: { secret: string; store: ITokenStore; provider: IAuthProvider; now(): Date }) {
    this.#jwts = new SessionJwts(options.secret);
    this.#store = options.store;
    this.#provider = options.provider;
    this.#now = options.now;
    this.#known = new ShortLivedCache({ max: 10_000, maxAgeMs: BELIEVED_MS, now: () => options.now().getTime() });
  }

  /** Gives a protocol a format of its own; without one it uses the plain format. */
  public declare(format: ISessionFormat): void {
    this.#jwts.declare(format);
  }

  public formatOf(protocol: TRegistryProtocol): ISessionFormat {
    return this.#jwts.formatOf(protocol);
  }

  /** @throws RegistryError `notFound` if the caller's account is gone */
  public async issue(protocol: TRegistryProtocol, request: IIssueRequest): Promise<IIssuedSessionToken> {
    const { caller, granted, expiresIn, claims } = request;
    const uid = await this.#uidOf(caller);
    const issuedAt = this.#now();
    const wanted = issuedAt.getTime() + expiresIn * 1000;
    const end = Math.min(wanted, caller?.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY);
    const { token, id } = await this.#jwts.sign(protocol, {
      userId: caller?.userId ?? '',
      uid,
      scopes: granted,
      issuedAt,
      expiresAt: new Date(end),
      parent: caller?.tokenId,
      claims,
    });
    const seconds = Math.floor((end - issuedAt.getTime()) / 1000);
    return { token, tokenId: id, expiresIn: seconds, issuedAt, scopes: [...granted] };
  }

  /**
   * Returns `undefined` if it is not a session token of this registry, `null` if it is invalid. `isOver` checks its
   * expiry.
   */
  public async validate(jwt: string): Promise<IAuthToken | null | undefined> {
    if (!looksLikeJwt(jwt)) return undefined;
    const key = hashToken(jwt);
    const known = this.#known.peek(key) ?? (await this.#known.get(key, () => this.#load(jwt, key)));
    if (!known) return undefined;
    const { claims, token, isRevoked } = known;
    return !isRevoked && (await this.#isBacked(claims)) ? token : null;
  }

  /** Whether `validate` returned this token: then it has the rights of its scopes and no others. */
  public isSession(token: IAuthToken): boolean {
    return this.#handedOut.has(token);
  }

  /** The claims of a session token; `undefined` for any other token. */
  public claimsOf(token: IAuthToken): ISessionClaims | undefined {
    return this.#handedOut.get(token)?.claims;
  }

  /** ms at which a token expires, session tokens with the leeway that clocks get; Infinity = never. */
  public endOf(token: IAuthToken): number {
    if (!token.expiresAt) return Number.POSITIVE_INFINITY;
    const leeway = this.#handedOut.has(token) ? JWT_LEEWAY_SECONDS * 1000 : 0;
    return token.expiresAt.getTime() + leeway;
  }

  public isOver(token: IAuthToken): boolean {
    return this.endOf(token) <= this.#now().getTime();
  }

  /** The limits of a session token; `undefined` for any other token. */
  public limitsOf(token: IAuthToken): Permissions | undefined {
    return this.#handedOut.has(token) ? new Permissions({ layers: [token.scopes], anybody: [] }) : undefined;
  }

  /**
   * ms until which `validate` would return this session token again without asking the store; `undefined` for any other
   * token. Only with the default provider, or one that extends it.
   */
  public believedUntil(token: IAuthToken): number | undefined {
    const session = this.#handedOut.get(token);
    if (!session) return undefined;
    const { uid, userId, parent } = session.claims;
    const ends = [this.#known.freshUntil(session.key), this.endOf(token)];
    if (uid && this.#provider instanceof DefaultAuthProvider) {
      ends.push(this.#provider.users.believedUntil(userId));
      if (parent !== undefined) ends.push(this.#provider.tokenBelievedUntil(parent));
    }
    return Math.min(...ends);
  }

  /** Returns false if `token` is neither a session token nor the id of one. Expired tokens can be revoked too. */
  public async revoke(token: string): Promise<boolean> {
    const claims = await this.#jwts.readForRevocation(token);
    const id = claims?.id ?? (token.startsWith(JWT_ID_PREFIX) ? token : undefined);
    if (id === undefined) return false;
    const until = claims && new Date(claims.expiresAt.getTime() + JWT_LEEWAY_SECONDS * 1000);
    try {
      await this.#store.revoke(id, until ?? undefined);
    } finally {
      this.#known.clear();
    }
    return true;
  }

  /** The user of a session token, valid or not. */
  public async ownerOf(jwt: string): Promise<string | undefined> {
    return (await this.#jwts.readForRevocation(jwt))?.userId;
  }

  async #load(jwt: string, key: string): Promise<ISession | null> {
    const claims = await this.#jwts.read(jwt, this.#now());
    if (!claims) return null;
    const { userId, expiresAt, id, scopes, uid, protocol } = claims;
    const token: IAuthToken = { type: protocol, userId, scopes: scopes as string[], expiresAt, tokenId: id };
    const isRevoked = await this.#store.isRevoked(id);
    const session = { key, claims, token: Object.freeze(token), isRevoked };
    this.#handedOut.set(token, session);
    if (this.#provider instanceof DefaultAuthProvider) this.#provider.adopt(token, uid);
    return session;
  }

  async #isBacked({ uid, userId, parent }: ISessionClaims): Promise<boolean> {
    if (uid === undefined || uid === '') return true;
    if (!(this.#provider instanceof DefaultAuthProvider)) return uid === OF_PROVIDER;
    if (!(await this.#provider.ownsName(userId, uid))) return false;
    return parent === undefined || (await this.#provider.isLive(parent));
  }

  async #uidOf(caller: IAuthToken | null): Promise<string> {
    if (!caller || caller.userId === '') return '';
    if (!(this.#provider instanceof DefaultAuthProvider)) return OF_PROVIDER;
    return (await this.#provider.requireAccount(caller.userId)).uid;
  }
}
