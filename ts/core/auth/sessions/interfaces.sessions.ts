import type { TRegistryProtocol } from '../../interfaces.core.js';

/** How one protocol writes scopes into the claims of its session tokens, and who may have made them. */
export interface ISessionFormat {
  readonly protocol: TRegistryProtocol;
  /** `iss` of the tokens that are made here */
  readonly issuer: string;
  /** every `iss` that is believed; holds `issuer` */
  readonly issuers: readonly string[];
  /** `aud`, of the tokens made here and of those that are believed */
  readonly audience: string;
  /**
   * Another token service that knows the secret is believed: its tokens name no account of this registry, and their
   * scopes speak for themselves.
   */
  readonly trustsOthers: boolean;
  /** what `*` as action stands for when a provider has to be asked action by action */
  readonly actions: readonly string[];
  /** The claims of a new session token. */
  toClaims(scopes: readonly string[]): Record<string, unknown>;
  /** Claims that are not of the expected shape grant nothing. */
  toScopes(claims: Readonly<Record<string, unknown>>): string[];
}

/** What a session token says, once its signature, issuer, audience and time have been found in order. */
export interface ISessionClaims {
  protocol: TRegistryProtocol;
  /** names the token when it is revoked */
  id: string;
  /** `sub`; empty for the token of an anonymous caller */
  userId: string;
  scopes: readonly string[];
  expiresAt: Date;
  /** The account of that name to which the token is bound; absent on tokens of another token service. */
  uid?: string;
  /** the id of the token that was presented to get this one, which is void with it */
  parent?: string;
  /** the whole payload: a protocol may have put claims of its own into it */
  payload: Readonly<Record<string, unknown>>;
}

/** What a session token is made from. */
export interface ISessionSignRequest {
  userId: string;
  uid: string;
  scopes: readonly string[];
  issuedAt: Date;
  expiresAt: Date;
  parent?: string;
  /** claims of the protocol's own, beside those of the format */
  claims?: Readonly<Record<string, unknown>>;
}

/** A new session token, with what it grants. */
export interface IIssuedSessionToken {
  token: string;
  /** names it in `revokeToken` */
  tokenId: string;
  /** seconds */
  expiresIn: number;
  issuedAt: Date;
  /** the part of the wanted scopes that was granted */
  scopes: string[];
}
