import { isRepository } from './wire.names.js';

/** What a client asks the token endpoint for, as scopes of the registry. */
export interface IRequestedScopes {
  /** `oci:repository:<name>:<action>` */
  scopes: string[];
  /** `registry:catalog:*` was among them */
  catalog: boolean;
}

/** what a client asks the token endpoint for to list repositories */
export const CATALOG: Readonly<INeededScope> = { type: 'registry', name: 'catalog', action: '*' };

/** a client names what it is about to do; more than this is not a client */
const MAX_SCOPES = 100;
const ACTIONS = new Set(['pull', 'push', 'delete', '*']);

/**
 * `repository:a/b:push,pull`, repeated or joined by spaces, actions in any order (distribution, "Token Scope
 * Documentation"). What is not of that form grants nothing and breaks nothing.
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

/** What the caller lacks. */
export interface INeededScope {
  type: string;
  name: string;
  action: string;
}

/** A client that pushes also reads what is there. */
const actionsOf = (action: string): string => (action === 'push' ? 'pull,push' : action);

const quoted = (text: string): string => text.replaceAll(/[^\x20-\x7e]|["\\]/g, '');

/**
 * What is wrong with the credential that was presented (RFC 6750 section 3.1): the token is void, or the credential is
 * wrong, or the token lacks the scope. Clients that read it ask for another token instead of sending the same one again.
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
