import type { TRegistryProtocol } from '../../interfaces.core.js';
import { parseScope } from '../helpers.scopes.js';
import type { ISessionFormat } from './interfaces.sessions.js';

const ISSUER = 'smartregistry';
const AUDIENCE = `${ISSUER}/`;

/**
 * The format of protocols that declare none: the scopes in one `scope` claim, joined by spaces (RFC 8693 section 4.2).
 * Scopes hold no white space.
 */
export const plainSessionFormat = (protocol: TRegistryProtocol): ISessionFormat => ({
  protocol,
  issuer: ISSUER,
  issuers: [ISSUER],
  audience: AUDIENCE + protocol,
  trustsOthers: false,
  actions: ['read', 'write', 'delete'],
  toClaims: (scopes) => ({ scope: scopes.join(' ') }),
  toScopes: ({ scope }) =>
    typeof scope === 'string' ? [...new Set(scope.split(' '))].filter((text) => parseScope(text) !== null) : [],
});

/** The plain format that an `aud` claim belongs to. */
export const plainFormatOf = (audience: string): ISessionFormat | undefined =>
  audience.startsWith(AUDIENCE) && audience !== AUDIENCE
    ? plainSessionFormat(audience.slice(AUDIENCE.length))
    : undefined;
