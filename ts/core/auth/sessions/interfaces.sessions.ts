import type { TRegistryProtocol } from '../../interfaces.core.js';

/** The form of scopes in the claims of one protocol's session tokens, and the accepted issuers. */
export interface ISessionFormat {
  readonly protocol: TRegistryProtocol;
  /** `iss` of the tokens that are made here */
  readonly issuer: string;
  /** every accepted `iss`, including `issuer` */
  readonly issuers: readonly string[];
  /** `aud` of the tokens that are made here and of accepted ones */
  readonly audience: string;
  /**
   * Accepts tokens of another token service that has the secret. They name no account of this registry, and their
   * scopes are all that limits them.
   */
  readonly trustsOthers: boolean;
  /** the actions that `*` means if a provider is asked action by action */
  readonly actions: readonly string[];
  toClaims(scopes: readonly string[]): Record<string, unknown>;
  /** Returns the scopes; malformed claims grant nothing. */
  toScopes(claims: Readonly<Record<string, unknown>>): string[];
}

/** The claims of a session token whose signature, issuer, audience and time were verified. */
export interface ISessionClaims {
  protocol: TRegistryProtocol;
  /** the id by which the token is revoked */
  id: string;
  /** `sub`; empty for the token of an anonymous caller */
  userId: string;
  scopes: readonly string[];
  expiresAt: Date;
  /** The account of that name to which the token is bound; absent on tokens of another token service. */
  uid?: string;
  /** the id of the token that this one was issued for: if that one is invalid, so is this one */
  parent?: string;
  /** the whole payload: a protocol may have put claims of its own into it */
  payload: Readonly<Record<string, unknown>>;
}

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
