import { isRepository } from './wire.names.js';

/** The scopes that a client requests from the token endpoint, as scopes of the registry. */
export interface IRequestedScopes {
  /** `oci:repository:<name>:<action>` */
  scopes: string[];
  /** `registry:catalog:*` was among them */
  catalog: boolean;
}

/** the scope that a client requests to list repositories */
export const CATALOG: Readonly<INeededScope> = { type: 'registry', name: 'catalog', action: '*' };

/** a client names only what it is about to do; no client needs more */
const MAX_SCOPES = 100;
const ACTIONS = new Set(['pull', 'push', 'delete', '*']);

/**
 * Parses `repository:a/b:push,pull`, repeated or joined by spaces, with actions in any order (distribution, "Token
 * Scope Documentation"). Malformed scopes are ignored.
 */
export const parseScopes = (values: string[]): IRequestedScopes => {
  const scopes = new Set<string>();
  let catalog = false;
  const words = values.flatMap((value) => value.split(' ')).filter((word) => word !== '');
  for (const word of words.slice(0, MAX_SCOPES)) {
    const first = word.indexOf(':');
    const last = word.lastIndexOf(':');
    // a class may follow the type: `repository(plugin)`
    const type = word.slice(0, first).replace(/\([a-z0-9]+\)$/, '');
    const name = word.slice(first + 1, Math.max(first + 1, last));
    if (type === CATALOG.type && name === CATALOG.name) catalog = true;
    if (type !== 'repository' || !isRepository(name)) continue;
    for (const action of word.slice(last + 1).split(',')) {
      if (ACTIONS.has(action)) scopes.add(`oci:repository:${name}:${action}`);
    }
  }
  return { scopes: [...scopes], catalog };
};

/** A right that the caller needs. */
export interface INeededScope {
  type: string;
  name: string;
  action: string;
}

/** A client that pushes also reads. */
const actionsOf = (action: string): string => (action === 'push' ? 'pull,push' : action);

const quoted = (text: string): string => text.replaceAll(/[^\x20-\x7e]|["\\]/g, '');

/**
 * The fault of the presented credential (RFC 6750 section 3.1): the credential or token is not valid, or the token
 * lacks the scope. Clients that read it request another token instead of sending the same one again.
 */
export type TChallengeError = 'invalid_token' | 'insufficient_scope';

/** `Bearer realm="…",service="…",scope="…",error="…"` (distribution, "Token Authentication Specification"). */
export const bearerChallenge = (options: {
  realm: string;
  service: string;
  needed?: INeededScope[];
  error?: TChallengeError;
}): string => {
  const { realm, service, needed = [], error } = options;
  const parts = [`realm="${quoted(realm)}"`, `service="${quoted(service)}"`];
  const scope = needed.map(({ type, name, action }) => `${type}:${name}:${actionsOf(action)}`).join(' ');
  if (scope !== '') parts.push(`scope="${quoted(scope)}"`);
  if (error !== undefined) parts.push(`error="${error}"`);
  return `Bearer ${parts.join(',')}`;
};
