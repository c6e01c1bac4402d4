import type { TRegistryProtocol } from '../interfaces.core.js';
import { Permissions } from './classes.permissions.js';
import { isOperator } from './helpers.operator.js';
import { decidesInBulk } from './helpers.providers.js';
import { ADMIN_SCOPE, isReadAction, parseScopes } from './helpers.scopes.js';
import type { IAuthProvider, IAuthToken, IPermissions } from './interfaces.auth.js';
import type { SessionTokens } from './sessions/classes.sessiontokens.js';

/** The right that `holdsSome` and `allowedNames` check. */
export interface IRight {
  protocol: TRegistryProtocol;
  type: string;
  action: string;
}

const EVERYTHING: IPermissions = new Permissions({ layers: [[ADMIN_SCOPE]], anybody: [] });

/** Names that a custom provider is asked about at the same time: each may cost it a request to a directory server. */
const QUESTIONS_AT_ONCE = 32;

/** The rights of a session token: those of its user's rights that it names, and those of anonymous callers. */
class SessionPermissions implements IPermissions {
  constructor(
    private readonly limits: IPermissions,
    private readonly user: IPermissions,
    private readonly anybody: IPermissions,
  ) {}

  public allows(resource: string, action: string): boolean {
    return this.#either((one) => one.allows(resource, action));
  }

  public allowsSome(protocol: TRegistryProtocol, type: string, action: string): boolean {
    return this.#either((one) => one.allowsSome(protocol, type, action));
  }

  public allowsAll(protocol: TRegistryProtocol, type: string, action: string): boolean {
    return this.#either((one) => one.allowsAll(protocol, type, action));
  }

  public narrow(scopes: readonly string[]): string[] {
    return [...new Set([...this.user.narrow(this.limits.narrow(scopes)), ...this.anybody.narrow(scopes)])];
  }

  #either(grants: (permissions: IPermissions) => boolean): boolean {
    return (grants(this.limits) && grants(this.user)) || grants(this.anybody);
  }
}

/**
 * Decides what a caller may do. The provider decides; the limits of the presented token (its protocol, its expiry,
 * read-only, the scopes of a session token) apply with every provider.
 */
export class Rights {
  readonly #provider: IAuthProvider;
  readonly #sessions: SessionTokens;

  constructor(provider: IAuthProvider, sessions: SessionTokens) {
    this.#provider = provider;
    this.#sessions = sessions;
  }

  public async authorize(token: IAuthToken | null, resource: string, action: string): Promise<boolean> {
    if (isOperator(token)) return true;
    if (token && !this.#mayUse(token, resource.slice(0, Math.max(0, resource.indexOf(':'))), action)) return false;
    // for rights that a session token does not name, its bearer is an anonymous caller
    const isNamed = !token || (this.#sessions.limitsOf(token)?.allows(resource, action) ?? true);
    return this.#provider.authorize(isNamed ? this.#userOf(token) : null, resource, action);
  }

  /** Whether the caller may do this to any name at all: used if the name is known only after the body was read. */
  public async holdsSome(token: IAuthToken | null, right: IRight): Promise<boolean> {
    const { protocol, type, action } = right;
    if (token && !this.#mayUse(token, protocol, action)) return false;
    const permissions = await this.permissions(token);
    if (permissions) return permissions.allowsSome(protocol, type, action);
    // A provider that decides name by name cannot check "some". An anonymous caller needs the right to all names. A
    // known user passes, because each name is checked later.
    const speaksForUser = token && (this.#sessions.limitsOf(token)?.allowsSome(protocol, type, action) ?? true);
    return (
      (speaksForUser && this.#userOf(token) !== null) || this.#provider.authorize(null, `${protocol}:${type}:*`, action)
    );
  }

  /** Whether the caller has this right to every name; false also of a provider that decides name by name. */
  public async allowsAll(token: IAuthToken | null, { protocol, type, action }: IRight): Promise<boolean> {
    if (token && !this.#mayUse(token, protocol, action)) return false;
    return (await this.permissions(token))?.allowsAll(protocol, type, action) ?? false;
  }

  /** Those of `names` to which the caller has the right, in the same order: the filter of every listing. */
  public async allowedNames(token: IAuthToken | null, right: IRight, names: Iterable<string>): Promise<string[]> {
    const { protocol, type, action } = right;
    const all = [...names];
    if (token && !this.#mayUse(token, protocol, action)) return [];
    const permissions = await this.permissions(token);
    if (permissions?.allowsAll(protocol, type, action)) return all;
    if (permissions) return all.filter((name) => permissions.allows(`${protocol}:${type}:${name}`, action));
    const allowed: string[] = [];
    for (let at = 0; at < all.length; at += QUESTIONS_AT_ONCE) {
      const some = all.slice(at, at + QUESTIONS_AT_ONCE);
      const answers = await Promise.all(
        some.map((name) => this.authorize(token, `${protocol}:${type}:${name}`, action)),
      );
      allowed.push(...some.filter((_, index) => answers[index]));
    }
    return allowed;
  }

  /** All rights of the caller; `undefined` if the provider decides name by name. */
  public async permissions(token: IAuthToken | null): Promise<IPermissions | undefined> {
    const provider = this.#provider;
    if (isOperator(token)) return EVERYTHING;
    if (!decidesInBulk(provider)) return undefined;
    const limits = token && this.#sessions.limitsOf(token);
    const user = await provider.permissions(this.#userOf(token));
    return limits ? new SessionPermissions(limits, user, await provider.permissions(null)) : user;
  }

  /**
   * The part of `scopes` within `protocol` that the caller has.
   * @param actions the actions that `*` means if the provider decides name by name
   */
  public async narrow(
    token: IAuthToken | null,
    protocol: TRegistryProtocol,
    scopes: readonly string[],
    actions: readonly string[],
  ): Promise<string[]> {
    if (token && !this.#mayUse(token, protocol, 'read')) return [];
    const wanted = new Permissions({ layers: [scopes], anybody: [], readonly: token?.readonly });
    const asked = wanted.narrow([`${protocol}:*:*:*`]);
    const permissions = await this.permissions(token);
    if (permissions) return permissions.narrow(asked);
    const granted: string[] = [];
    for (const { type, name, action } of parseScopes(asked)) {
      const resource = `${protocol}:${type.text}:${name.text}`;
      for (const one of action.text === '*' ? actions : [action.text]) {
        if (await this.authorize(token, resource, one)) granted.push(`${resource}:${one}`);
      }
    }
    return granted;
  }

  #mayUse(token: IAuthToken, protocol: string, action: string): boolean {
    if (token.type !== undefined && token.type !== protocol) return false;
    return !this.#sessions.isOver(token) && !(token.readonly && !isReadAction(action));
  }

  /** The caller as the provider knows it; `null` also for the session token of an anonymous caller. */
  #userOf(token: IAuthToken | null): IAuthToken | null {
    return token && token.userId !== '' ? token : null;
  }
}
