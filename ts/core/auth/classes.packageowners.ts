import { crypto } from '../../plugins.js';
import { ShortLivedCache } from '../base/classes.shortlivedcache.js';
import { RegistryError } from '../classes.registryerror.js';
import type { TRegistryProtocol } from '../interfaces.core.js';
import { CACHED_MS } from './classes.defaultauthprovider.js';
import type { IRight } from './classes.rights.js';
import type { UserStore } from './classes.userstore.js';
import type { IAuthToken } from './interfaces.auth.js';

/** An owner as protocols show it. */
export interface IPackageOwner {
  /** the user's name */
  userId: string;
  /** the same number for this name at all times and replicas, from 0 to 2^32 - 1: cargo reads it as a u32 */
  id: number;
}

/** The part of the AuthManager that owners need. */
export interface IOwnersAuth {
  /** @throws RegistryError `unsupported` with a custom provider */
  readonly users: Pick<UserStore, 'get' | 'list' | 'changeScopes' | 'requireChangeable'>;
  /** Whether the caller may do `action` to `resource`. */
  authorize(token: IAuthToken | null, resource: string, action: string): Promise<boolean>;
  /** Whether the caller has this right to every name. */
  allowsAll(token: IAuthToken | null, right: IRight): Promise<boolean>;
}

/** Which packages `PackageOwners` is about. */
export interface IPackageOwnersOptions {
  protocol: TRegistryProtocol;
  /** the type of the protocol's scopes, e.g. `crate` */
  type: string;
  /** the actions that an owner gets; default read and write. Being listed as an owner depends on write alone. */
  actions?: readonly string[];
  /** ms since 1970; tests set it */
  now?(): number;
}

type TOwners = Map<string, string[]>;

const numberOf = (userId: string): number => crypto.createHash('sha256').update(userId).digest().readUInt32BE(0);

/**
 * The owners of packages. They are no data of their own: an owner is a user of the default provider with the scope
 * `{protocol}:{type}:{name}:write` for exactly this name. A publish makes nobody an owner, because whoever may publish
 * has the right by a scope already; the first owner is made by an administrator.
 */
export class PackageOwners {
  readonly #auth: IOwnersAuth;
  readonly #protocol: TRegistryProtocol;
  readonly #type: string;
  readonly #actions: readonly string[];
  readonly #cache: ShortLivedCache<TOwners>;

  constructor(auth: IOwnersAuth, options: IPackageOwnersOptions) {
    const { protocol, type, actions = ['read', 'write'], now = Date.now } = options;
    this.#auth = auth;
    this.#protocol = protocol;
    this.#type = type;
    this.#actions = actions;
    this.#cache = new ShortLivedCache({ max: 1, maxAgeMs: CACHED_MS, now });
  }

  /**
   * The owners, by name. A change by another process is seen within 5 s.
   * @throws RegistryError `unprocessable` with a custom provider
   */
  public async list(name: string): Promise<IPackageOwner[]> {
    const users = this.#users();
    // one look at all accounts answers for all names, so that many requests cost no more than one
    const owners = await this.#cache.get('all', () => this.#load(users));
    return (owners?.get(name) ?? []).map((userId) => ({ userId, id: numberOf(userId) }));
  }

  /**
   * Resolves if the caller may change the owners of `name`. An owner may, if the token has every right that an owner
   * gets. An administrator may: a caller with every right to every name of this type.
   * @throws RegistryError `unauthenticated`, `forbidden`
   */
  public async authorizeChange(token: IAuthToken | null, name: string): Promise<void> {
    if (!token?.userId) throw new RegistryError('unauthenticated', 'Authentication is required');
    const [protocol, type] = [this.#protocol, this.#type];
    if (await this.#auth.allowsAll(token, { protocol, type, action: '*' })) return;
    // an owner gives what an owner has: one without the right to read must not give it, to itself least of all
    let holdsAll = true;
    for (const action of new Set([...this.#actions, 'write'])) {
      holdsAll &&= await this.#auth.authorize(token, `${protocol}:${type}:${name}`, action);
    }
    const scopes = holdsAll ? ((await this.#users().get(token.userId))?.scopes ?? []) : [];
    if (scopes.includes(this.#scopeOf(name, 'write'))) return;
    throw new RegistryError('forbidden', `Only an owner of ${name} or an administrator may change its owners`);
  }

  /**
   * Makes users owners; those that are owners already stay so. No rights are checked: see `authorizeChange`. If it
   * throws because of the store, some users may be owners already, and a repetition adds the others.
   * @throws RegistryError `notFound` (no such user), `conflict` (a user of the configuration), `unprocessable`
   */
  public add(name: string, userIds: readonly string[]): Promise<void> {
    const given = this.#actions.map((action) => this.#scopeOf(name, action));
    return this.#change(userIds, (scopes) => [...new Set([...scopes, ...given])]);
  }

  /** Takes from users the rights that `add` gives, and is as safe to repeat. */
  public remove(name: string, userIds: readonly string[]): Promise<void> {
    const taken = new Set(this.#actions.map((action) => this.#scopeOf(name, action)));
    return this.#change(userIds, (scopes) => scopes.filter((scope) => !taken.has(scope)));
  }

  async #change(userIds: readonly string[], change: (scopes: readonly string[]) => readonly string[]): Promise<void> {
    const users = this.#users();
    // a misspelt name refuses the request before the first user is changed
    for (const userId of userIds) {
      const user = await users.get(users.requireChangeable(userId));
      if (!user) throw new RegistryError('notFound', `There is no user ${userId}`);
    }
    try {
      for (const userId of userIds) await users.changeScopes(userId, change);
    } finally {
      this.#cache.drop('all');
    }
  }

  async #load(users: IOwnersAuth['users']): Promise<TOwners> {
    const owners: TOwners = new Map();
    const [start, end] = [`${this.#protocol}:${this.#type}:`, ':write'];
    for (const { userId, scopes } of await users.list()) {
      for (const scope of scopes) {
        if (!scope.startsWith(start) || !scope.endsWith(end) || scope.includes('*')) continue;
        const name = scope.slice(start.length, -end.length);
        owners.set(name, [...(owners.get(name) ?? []), userId]);
      }
    }
    return owners;
  }

  #scopeOf(name: string, action: string): string {
    // a glob would give the right to other names
    if (name.includes('*')) throw new RegistryError('invalid', 'The name of a package contains no "*"');
    return `${this.#protocol}:${this.#type}:${name}:${action}`;
  }

  #users(): IOwnersAuth['users'] {
    try {
      return this.#auth.users;
    } catch (cause) {
      if (!RegistryError.is(cause, 'unsupported')) throw cause;
      // not `unsupported`: clients repeat requests that got a 501
      throw new RegistryError('unprocessable', 'Owners are managed by the auth provider of this registry', { cause });
    }
  }
}
