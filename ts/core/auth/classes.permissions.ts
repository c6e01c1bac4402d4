import {
  globMatches,
  type IScope,
  intersectScopes,
  isReadAction,
  parseScopes,
  resourceToParts,
  scopeMatches,
  scopeToText,
} from './helpers.scopes.js';
import type { IPermissions } from './interfaces.auth.js';

const READ_ONLY: readonly IScope[] = parseScopes(['*:*:*:read', '*:*:*:pull']);

/**
 * The rights of a token: those that all of its layers grant (the token's own scopes, and its user's), and those of
 * anonymous callers, because the caller could also omit the token.
 */
export class Permissions implements IPermissions {
  readonly #layers: readonly (readonly IScope[])[];
  readonly #anybody: readonly IScope[];
  readonly #readonly: boolean;

  constructor(options: {
    /** none = no rights of its own */
    layers: readonly (readonly string[])[];
    anybody: readonly string[];
    readonly?: boolean;
  }) {
    this.#layers = options.layers.map(parseScopes);
    this.#anybody = parseScopes(options.anybody);
    this.#readonly = options.readonly === true;
  }

  public allows(resource: string, action: string): boolean {
    const parts = resourceToParts(resource);
    if (!parts || (this.#readonly && !isReadAction(action))) return false;
    const grants = (scopes: readonly IScope[]): boolean => scopes.some((scope) => scopeMatches(scope, parts, action));
    return (this.#layers.length > 0 && this.#layers.every(grants)) || grants(this.#anybody);
  }

  /** Ignores names, so it may return true although two layers name different packages. */
  public allowsSome(protocol: string, type: string, action: string): boolean {
    return this.#allowsKind({ protocol, type, action }, () => true);
  }

  public allowsAll(protocol: string, type: string, action: string): boolean {
    return this.#allowsKind({ protocol, type, action }, (scope) => scope.name.text === '*');
  }

  public narrow(scopes: readonly string[]): string[] {
    const restrict = (asked: readonly IScope[], layer: readonly IScope[]): IScope[] =>
      asked.flatMap((scope) => layer.map((held) => intersectScopes(scope, held)).filter((both) => both !== null));
    let asked = parseScopes(scopes);
    if (this.#readonly) asked = restrict(asked, READ_ONLY);
    const own = this.#layers.length > 0 ? this.#layers.reduce(restrict, asked) : [];
    return [...new Set([...own, ...restrict(asked, this.#anybody)].map(scopeToText))];
  }

  #allowsKind(kind: { protocol: string; type: string; action: string }, counts: (scope: IScope) => boolean): boolean {
    const { protocol, type, action } = kind;
    if (this.#readonly && !isReadAction(action)) return false;
    const grants = (scopes: readonly IScope[]): boolean =>
      scopes.some(
        (scope) =>
          counts(scope) &&
          globMatches(scope.protocol, protocol) &&
          globMatches(scope.type, type) &&
          globMatches(scope.action, action),
      );
    return (this.#layers.length > 0 && this.#layers.every(grants)) || grants(this.#anybody);
  }
}
