import { FreshCache } from '../base/classes.freshcache.js';
import { RegistryError } from '../classes.registryerror.js';
import { always, BELIEVED_MS, DefaultAuthProvider, type TStanding } from './classes.defaultauthprovider.js';
import {
  type IOciClaims,
  JWT_ID_PREFIX,
  JWT_LEEWAY_SECONDS,
  looksLikeJwt,
  type OciTokens,
} from './classes.ocitokens.js';
import { Permissions } from './classes.permissions.js';
import { isReadAction, parseScopes } from './helpers.scopes.js';
import { idOfToken } from './helpers.tokens.js';
import type { IAuthProvider, IAuthToken, IPermissions } from './interfaces.auth.js';
import type { ITokenStore } from './tokenstores/interfaces.tokenstore.js';

export interface IIssuedOciToken {
  token: string;
  /** names it in `revokeToken` */
  tokenId: string;
  /** seconds */
  expiresIn: number;
  issuedAt: Date;
  /** what was granted of what was asked for */
  scopes: string[];
}

interface IKnownJwt {
  /** names it in the cache */
  key: string;
  claims: IOciClaims;
  token: IAuthToken;
  isRevoked: boolean;
}

/** `uid` of tokens for callers of a custom provider, which alone knows whether they still exist */
const OF_PROVIDER = 'provider';
const ANYTHING = 'oci:*:*:*';
const PULL_ANYTHING = 'oci:repository:*:pull';
const CATALOG = 'oci:registry:catalog:*';

/** The life of OCI JWTs: granting, believing, revoking. Whose rights they carry, the provider says. */
export class OciAuthority {
  readonly #jwts: OciTokens;
  readonly #store: ITokenStore;
  readonly #provider: IAuthProvider;
  readonly #now: () => Date;
  readonly #known: FreshCache<IKnownJwt>;
  readonly #handedOut = new WeakMap<IAuthToken, IKnownJwt>();

  constructor(jwts: OciTokens, options: { store: ITokenStore; provider: IAuthProvider; now(): Date }) {
    this.#jwts = jwts;
    this.#store = options.store;
    this.#provider = options.provider;
    this.#now = options.now;
    this.#known = new FreshCache({ max: 10_000, maxAgeMs: BELIEVED_MS, now: () => options.now().getTime() });
  }

  /**
   * A JWT with the part of `scopes` that the caller holds. It is void when the token it was got with is, and does not
   * outlive it.
   * @param caller `null` = anonymous
   * @param expiresIn seconds
   * @param options.catalog the token is to list repositories: those that the caller may pull
   */
  public async issue(
    caller: IAuthToken | null,
    scopes: readonly string[],
    expiresIn: number,
    options: { catalog?: boolean } = {},
  ): Promise<IIssuedOciToken> {
    if (caller && this.#handedOut.has(caller)) {
      throw new RegistryError('forbidden', 'A token of the token endpoint cannot be exchanged for another');
    }
    const uid = await this.#uidOf(caller);
    const granted = await this.#grant(caller, scopes);
    const pullable = options.catalog ? await this.#pullable(caller) : [];
    const catalog = pullable.length > 0 ? pullable : undefined;
    if (catalog) granted.push(CATALOG);
    const issuedAt = this.#now();
    const end = Math.min(
      issuedAt.getTime() + expiresIn * 1000,
      caller?.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY,
    );
    const { token, id } = this.#jwts.sign({
      userId: caller?.userId ?? '',
      uid,
      scopes: granted,
      issuedAt,
      expiresAt: new Date(end),
      parent: caller?.tokenId,
      catalog,
    });
    return { token, tokenId: id, expiresIn: Math.floor((end - issuedAt.getTime()) / 1000), issuedAt, scopes: granted };
  }

  /** `undefined`: not a JWT of this registry or its token service. `null`: one, but void. Time is for `isOver` to say. */
  public async validate(jwt: string): Promise<IAuthToken | null | undefined> {
    if (!looksLikeJwt(jwt)) return undefined;
    const key = idOfToken(jwt);
    const known = this.#known.peek(key) ?? (await this.#known.get(key, () => this.#load(jwt, key)));
    if (!known) return undefined;
    const { claims, token, isRevoked } = known;
    return !isRevoked && (await this.#isBacked(claims)) ? token : null;
  }

  /** Whether this is a JWT, which names each thing that it allows. */
  public isJwt(token: IAuthToken): boolean {
    return this.#handedOut.has(token);
  }

  /** The caller as the listing of repositories is to see it: a JWT that was got for it speaks for all it may pull. */
  public forCatalog(token: IAuthToken | null): IAuthToken | null {
    const catalog = token && this.#handedOut.get(token)?.claims.catalog;
    if (!catalog) return token;
    return token.userId === '' ? null : { ...token, scopes: catalog };
  }

  /** See `AuthManager.standing`. */
  public standing(token: IAuthToken): TStanding | undefined {
    const known = this.#handedOut.get(token);
    const backing = known && this.#backing(known.claims);
    return backing && (() => this.#known.peek(known.key) === known && !this.isOver(token) && backing());
  }

  /** Whether the token has expired, JWTs with the leeway that their clocks get. */
  public isOver(token: IAuthToken): boolean {
    if (!token.expiresAt) return false;
    const leeway = this.#handedOut.has(token) ? JWT_LEEWAY_SECONDS * 1000 : 0;
    return token.expiresAt.getTime() + leeway <= this.#now().getTime();
  }

  /** False where `token` is neither a JWT of ours nor the id of one. Who signed it may void it also after its time. */
  public async revoke(token: string): Promise<boolean> {
    const claims = this.#jwts.readForRevocation(token);
    const id = claims?.id ?? (token.startsWith(JWT_ID_PREFIX) ? token : undefined);
    if (id === undefined) return false;
    const until = claims && new Date(claims.expiresAt.getTime() + JWT_LEEWAY_SECONDS * 1000);
    await this.#store.revoke(id, until ?? undefined);
    this.#known.clear();
    return true;
  }

  /** Whose JWT this is, valid or not. */
  public ownerOf(jwt: string): string | undefined {
    return this.#jwts.readForRevocation(jwt)?.userId;
  }

  /** What a token made by `validate` allows; `undefined` where that is for the provider alone to say. */
  public async permissions(token: IAuthToken): Promise<IPermissions | undefined> {
    const claims = this.#handedOut.get(token)?.claims;
    const provider = this.#provider;
    if (!claims || !(provider instanceof DefaultAuthProvider)) return undefined;
    if (claims.uid === '') return provider.permissions(null);
    if (claims.uid !== undefined) return provider.permissions(token);
    return provider.foreignPermissions(token);
  }

  /** The caller as a custom provider is to see it: outside of what the JWT names, its bearer is a stranger. */
  public asProviderCaller(token: IAuthToken, resource: string, action: string): IAuthToken | null {
    if (!this.#handedOut.has(token)) return token;
    const isNamed = new Permissions({ layers: [token.scopes], anybody: [] }).allows(resource, action);
    return isNamed && token.userId !== '' ? token : null;
  }

  async #load(jwt: string, key: string): Promise<IKnownJwt | null> {
    const claims = this.#jwts.read(jwt, this.#now());
    if (!claims) return null;
    const { userId, expiresAt, id } = claims;
    const token: IAuthToken = { type: 'oci', userId, scopes: claims.scopes as string[], expiresAt, tokenId: id };
    const isRevoked = await this.#store.isRevoked(id);
    const known = { key, claims, token: Object.freeze(token), isRevoked };
    this.#handedOut.set(token, known);
    return known;
  }

  async #isBacked(claims: IOciClaims): Promise<boolean> {
    const { uid, userId, parent } = claims;
    if (uid === undefined || uid === '') return true;
    if (!(this.#provider instanceof DefaultAuthProvider)) return uid === OF_PROVIDER;
    if (!(await this.#provider.ownsName(userId, uid))) return false;
    return parent === undefined || (await this.#provider.isLive(parent));
  }

  /** That `isBacked` still holds. */
  #backing({ uid, userId, parent }: IOciClaims): TStanding | undefined {
    const provider = this.#provider;
    if (!(provider instanceof DefaultAuthProvider)) return undefined;
    const account = uid ? provider.standingOfAccount(userId, uid) : always;
    const presented = uid && parent !== undefined ? provider.standingOf(parent) : always;
    return account && presented && (() => account() && presented());
  }

  async #uidOf(caller: IAuthToken | null): Promise<string> {
    if (!caller || caller.userId === '') return '';
    if (!(this.#provider instanceof DefaultAuthProvider)) return OF_PROVIDER;
    return (await this.#provider.requireAccount(caller.userId)).uid;
  }

  async #pullable(caller: IAuthToken | null): Promise<string[]> {
    const permissions = (caller && (await this.permissions(caller))) ?? (await this.#provider.permissions?.(caller));
    // a provider that decides name by name is asked for each when they are listed
    return permissions ? permissions.narrow([PULL_ANYTHING]) : [PULL_ANYTHING];
  }

  async #grant(caller: IAuthToken | null, scopes: readonly string[]): Promise<string[]> {
    const asked = new Permissions({ layers: [scopes], anybody: [] }).narrow([ANYTHING]);
    const permissions = (caller && (await this.permissions(caller))) ?? (await this.#provider.permissions?.(caller));
    if (permissions) return permissions.narrow(asked);
    const granted: string[] = [];
    for (const { type, name, action } of parseScopes(asked)) {
      const actions = action.text === '*' ? ['pull', 'push', 'delete'] : [action.text];
      for (const one of actions) {
        if (caller?.readonly && !isReadAction(one)) continue;
        const resource = `oci:${type.text}:${name.text}`;
        if (await this.#provider.authorize(caller, resource, one)) granted.push(`${resource}:${one}`);
      }
    }
    return granted;
  }
}
