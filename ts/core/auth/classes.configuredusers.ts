import { crypto } from '../../plugins.js';
import { ShortLivedCache } from '../base/classes.shortlivedcache.js';
import { ConfigError } from '../classes.configerror.js';
import type { RegistryStorage } from '../classes.registrystorage.js';
import { ADMIN_SCOPE, normalizeScopes } from './helpers.scopes.js';
import { toUserName } from './helpers.usernames.js';
import type { IAccount, IUserConfig, TPasswordRecord } from './interfaces.auth.js';
import { requirePassword } from './passwords/helpers.passwords.js';

/** The stored ids of the users of the config. A list, because a name may be `__proto__`. */
interface IIdentities {
  users: { name: string; uid: string }[];
}

export interface IConfiguredUsersOptions {
  storage: Pick<RegistryStorage, 'read' | 'update'>;
  /** `auth.users`; `undefined`: the config does not say which users were removed */
  users: readonly IUserConfig[] | undefined;
  digest(password: string): TPasswordRecord;
  now(): number;
  /** ms for which the ids are cached */
  maxAgeMs: number;
}

type TWithoutUid = Omit<IAccount, 'uid'>;

const KEY = 'auth/configured-users.json';
/** Until release 0.3.0 all of them had this id, and tokens of that time contain it. */
const FIRST_UID = 'config';

/**
 * The users of `auth.users`. Each has a stored id, to which its tokens belong. When a process starts with a
 * configuration that lacks a user, the user's id is deleted, so that a later user of that name inherits no tokens.
 */
export class ConfiguredUsers {
  readonly #options: IConfiguredUsersOptions;
  readonly #users = new Map<string, TWithoutUid>();
  readonly #accounts: ShortLivedCache<Map<string, IAccount>>;
  #hasStarted = false;

  /** @throws ConfigError */
  constructor(options: IConfiguredUsersOptions) {
    this.#options = options;
    this.#accounts = new ShortLivedCache({ max: 1, maxAgeMs: options.maxAgeMs, now: options.now });
    for (const [index, user] of (options.users ?? []).entries()) this.#add(user, `auth.users[${index}]`);
  }

  public async init(): Promise<void> {
    if (this.#options.users) await this.#all();
  }

  public has(name: string): boolean {
    return this.#users.has(name);
  }

  /** The account, if its id is cached. */
  public peek(name: string): IAccount | undefined {
    return this.#users.has(name) ? this.#accounts.peek(KEY)?.get(name) : undefined;
  }

  public async account(name: string): Promise<IAccount | undefined> {
    return this.#users.has(name) ? (this.peek(name) ?? (await this.#all()).get(name)) : undefined;
  }

  public async list(): Promise<IAccount[]> {
    return this.#users.size === 0 ? [] : [...(await this.#all()).values()];
  }

  /** ms until which `peek` returns an account. */
  public believedUntil(): number {
    return this.#accounts.freshUntil(KEY);
  }

  async #all(): Promise<Map<string, IAccount>> {
    return (await this.#accounts.get(KEY, () => this.#load())) as Map<string, IAccount>;
  }

  async #load(): Promise<Map<string, IAccount>> {
    const { storage } = this.#options;
    const stored = this.#hasStarted ? (await storage.read<IIdentities>(KEY))?.value : undefined;
    let ids = new Map(stored?.users.map(({ name, uid }) => [name, uid]));
    if ([...this.#users.keys()].some((name) => !ids.has(name)) || !this.#hasStarted) ids = await this.#register();
    this.#hasStarted = true;
    return new Map([...this.#users].map(([name, user]) => [name, { ...user, uid: ids.get(name) as string }]));
  }

  /**
   * Gives an id to users that have none. The first call in this process deletes the ids of users that are not in the
   * config.
   */
  async #register(): Promise<Map<string, string>> {
    const isWanted = (name: string): boolean => this.#hasStarted || this.#users.has(name);
    const { value } = await this.#options.storage.update<IIdentities>(KEY, (current) => {
      const kept = (current?.users ?? []).filter(({ name }) => isWanted(name));
      const known = new Set(kept.map(({ name }) => name));
      const added = [...this.#users.keys()]
        .filter((name) => !known.has(name))
        .map((name) => ({ name, uid: current ? crypto.randomUUID() : FIRST_UID }));
      const isSame = added.length === 0 && kept.length === (current?.users.length ?? 0);
      return isSame ? undefined : { users: [...kept, ...added] };
    });
    return new Map(value?.users.map(({ name, uid }) => [name, uid]));
  }

  #add(user: IUserConfig, field: string): void {
    const name = toUserName(user.username);
    if (name === null) throw new ConfigError(`${field}.username`, 'is not a name that a user can have');
    if (this.#users.has(name)) throw new ConfigError(`${field}.username`, `"${name}" is listed twice`);
    const scopes = Object.freeze([...(user.scopes ?? [ADMIN_SCOPE])]);
    try {
      normalizeScopes(scopes, `${field}.scopes`);
      requirePassword(user.password);
    } catch (thrown) {
      throw new ConfigError(field, `cannot be used: ${(thrown as Error).message}`);
    }
    const password = this.#options.digest(user.password);
    this.#users.set(name, { userId: name, password, scopes, email: user.email });
  }
}
