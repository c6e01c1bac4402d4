import { RegistryError } from '../classes.registryerror.js';

/**
 * Scopes: `{protocol}:{type}:{name}:{action}`. The name is everything between the second and the last colon (Maven names
 * hold one: `maven:artifact:group:artifact:read`). `*` stands for any run of characters within a part, in a name also
 * across `/` and `:`. No action implies another: `write` grants neither `read` nor `delete`.
 */
export interface IScope {
  protocol: IGlob;
  type: IGlob;
  name: IGlob;
  action: IGlob;
}

/** A resource that scopes are compared with, e.g. `npm:package:@scope/x`. */
export interface IResource {
  protocol: string;
  type: string;
  name: string;
}

export interface IGlob {
  readonly text: string;
  /** the literal text between the stars; if there is only one piece, there is no star */
  readonly pieces: readonly string[];
}

/** Everything. The scope of an administrator. */
export const ADMIN_SCOPE = '*:*:*:*';

/** The default scopes of an account: use and publish, but not delete. */
export const DEFAULT_USER_SCOPES: readonly string[] = Object.freeze([
  '*:*:*:read',
  '*:*:*:pull',
  '*:*:*:write',
  '*:*:*:push',
]);

export const DEFAULT_ANONYMOUS_SCOPES: readonly string[] = Object.freeze(['*:*:*:read', '*:*:*:pull']);

export const isReadAction = (action: string): boolean => action === 'read' || action === 'pull';

const toGlob = (text: string): IGlob => ({ text, pieces: text.split('*') });

/** Linear in both lengths: a stored scope cannot cause the exponential time of a regular expression. */
export const globMatches = (glob: IGlob, text: string): boolean => {
  const { pieces } = glob;
  if (pieces.length === 1) return glob.text === text;
  if (glob.text === '*') return true;
  const first = pieces[0] as string;
  const last = pieces[pieces.length - 1] as string;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (let index = 1; index < pieces.length - 1; index++) {
    const piece = pieces[index] as string;
    const found = text.indexOf(piece, at);
    if (found < 0 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
};

const WORD = /^[A-Za-z0-9_.*-]+$/;
/** nearly any character, but no white space or control character */
const NAME = /^[^\s\u0000-\u001f\u007f]+$/;

/** `null` if the text is not a scope; such a text grants nothing. */
export const parseScope = (text: string): IScope | null => {
  const [protocol, type, ...rest] = text.split(':');
  const action = rest.pop();
  const name = rest.join(':');
  if (protocol === undefined || type === undefined || action === undefined) return null;
  if (!WORD.test(protocol) || !WORD.test(type) || !WORD.test(action) || !NAME.test(name)) return null;
  return { protocol: toGlob(protocol), type: toGlob(type), name: toGlob(name), action: toGlob(action) };
};

const parsedLists = new WeakMap<readonly string[], readonly IScope[]>();

/** A frozen list (that of a token or account) is parsed once; any other list may change and is parsed each time. */
export const parseScopes = (list: readonly string[]): readonly IScope[] => {
  const known = parsedLists.get(list);
  if (known) return known;
  const scopes = list.map(parseScope).filter((scope) => scope !== null);
  if (Object.isFrozen(list)) parsedLists.set(list, scopes);
  return scopes;
};

/** Splits `npm:package:@scope/x` into its parts; the name may contain colons. `null` if a part is missing. */
export const resourceToParts = (resource: string): IResource | null => {
  const first = resource.indexOf(':');
  const second = resource.indexOf(':', first + 1);
  if (first <= 0 || second <= first + 1 || second === resource.length - 1) return null;
  return {
    protocol: resource.slice(0, first),
    type: resource.slice(first + 1, second),
    name: resource.slice(second + 1),
  };
};

export const scopeMatches = (scope: IScope, resource: IResource, action: string): boolean =>
  globMatches(scope.action, action) &&
  globMatches(scope.protocol, resource.protocol) &&
  globMatches(scope.type, resource.type) &&
  globMatches(scope.name, resource.name);

export const scopeToText = (scope: IScope): string =>
  `${scope.protocol.text}:${scope.type.text}:${scope.name.text}:${scope.action.text}`;

/**
 * Returns the narrower of two globs. It reads a glob's text as a name: if `wide` matches even the stars of `narrow`, it
 * matches all names that `narrow` does.
 */
const narrower = (a: IGlob, b: IGlob): IGlob | null => {
  if (globMatches(a, b.text)) return b;
  return globMatches(b, a.text) ? a : null;
};

/**
 * The scope that both grant, or `null`. Names that overlap without one including the other (`a*` and `*b`) count as
 * disjoint: the result never grants more than either.
 */
export const intersectScopes = (a: IScope, b: IScope): IScope | null => {
  const protocol = narrower(a.protocol, b.protocol);
  const type = narrower(a.type, b.type);
  const name = narrower(a.name, b.name);
  const action = narrower(a.action, b.action);
  return protocol && type && name && action ? { protocol, type, name, action } : null;
};

/**
 * Checks scopes and removes duplicates. One line may have several actions: `…:pull,push`.
 * @param field name of the list in errors, e.g. `auth.anonymousScopes`
 * @throws RegistryError `invalid`
 */
export const normalizeScopes = (list: readonly string[], field: string): readonly string[] => {
  const result = new Set<string>();
  for (const text of list) {
    const colon = typeof text === 'string' ? text.lastIndexOf(':') : -1;
    const actions = colon < 0 ? [] : text.slice(colon + 1).split(',');
    const scopes = actions.map((action) => parseScope(`${text.slice(0, colon)}:${action}`));
    if (scopes.length === 0 || scopes.includes(null)) {
      const shown = JSON.stringify(text)?.slice(0, 200);
      throw new RegistryError('invalid', `${field}: ${shown} is not a scope of the form protocol:type:name:action`);
    }
    for (const scope of scopes) if (scope) result.add(scopeToText(scope));
  }
  return Object.freeze([...result]);
};

/** Whether a text matches one of the globs. */
export const globMatcher = (globs: readonly string[]): ((text: string) => boolean) => {
  const compiled = globs.map(toGlob);
  return (text) => compiled.some((glob) => globMatches(glob, text));
};
