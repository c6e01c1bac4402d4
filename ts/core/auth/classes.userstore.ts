import { crypto } from '../../plugins.js';
import { ShortLivedCache } from '../base/classes.shortlivedcache.js';
import { mapInParallel } from '../base/helpers.concurrency.js';
import { RegistryError } from '../classes.registryerror.js';
import type { RegistryStorage } from '../classes.registrystorage.js';
import { readIntact } from '../storage/documents/helpers.readintact.js';
import { ConfiguredUsers } from './classes.configuredusers.js';
import { DEFAULT_USER_SCOPES, normalizeScopes } from './helpers.scopes.js';
import { encodeUserName, requireUserName, toUserName } from './helpers.usernames.js';
import type { IAccount, ICredentials, IUserConfig, IUserProfile } from './interfaces.auth.js';
import { PasswordCheck } from './passwords/classes.passwordcheck.js';
import { hashPassword, MAX_PASSWORD_LENGTH, requirePassword } from './passwords/helpers.passwords.js';

/** `auth/users/{encoded name}.json` */
interface IUserDocument {
  name: string;
  /** unique to the account: another account of the same name has another one */
  uid: string;
  /** see helpers.passwords */
  password: string;
  email?: string;
  scopes: string[];
  createdAt: string;
  updatedAt: string;
}

/** An account as an administrator sees it. */
export interface IUserInfo extends IUserProfile {
  scopes: string[];
  /** `config`: the user is in `auth.users` and must be changed there */
  source: 'store' | 'config';
}

export interface IUserStoreOptions {
  storage: Pick<RegistryStorage, 'read' | 'update' | 'listDocuments' | 'logger'>;
  /** key of the cache of passwords */
  secret: string;
  /** `auth.users` of the config; `undefined`: this process does not know them */
  configured?: readonly IUserConfig[];
  now(): Date;
  /** ms after which another process sees a change at the latest */
  maxAgeMs: number;
  /** called after every change to an existing account */
  onChange?(): void;
  /** called when an account was removed */
  onRemoved?(userId: string): Promise<void>;
}

const PREFIX = 'auth/users/';
const keyOf = (name: string): string => `${PREFIX}${encodeUserName(name)}.json`;
/** RFC 5321 section 4.5.3.1.3, without the brackets; documents repeat the address in each published version */
const MAX_EMAIL_LENGTH = 254;

/**
 * The registry's own users: those of the config, and those in the registry's store, which all processes on that store
 * share. These methods are for administrators (command line, embedder); they do not check the caller's rights.
 */
export class UserStore {
  readonly #options: IUserStoreOptions;
  readonly #configured: ConfiguredUsers;
  readonly #accounts: ShortLivedCache<IAccount>;
  readonly #passwords: PasswordCheck;

  /** @internal */
  constructor(options: IUserStoreOptions) {
    this.#options = options;
    const now = (): number => options.now().getTime();
    this.#accounts = new ShortLivedCache({ max: 10_000, maxAgeMs: options.maxAgeMs, now });
    this.#passwords = new PasswordCheck(options.secret, now);
    this.#configured = new ConfiguredUsers({
      storage: options.storage,
      users: options.configured,
      digest: (password) => this.#passwords.digest(password),
      now,
      maxAgeMs: options.maxAgeMs,
    });
  }

  /** Reads and completes the ids of the users of the configuration. */
  public init(): Promise<void> {
    return this.#configured.init();
  }

  /**
   * @param profile.scopes default: read and publish everything, delete nothing
   * @throws RegistryError `alreadyExists`, `invalid` (name, password or scopes)
   */
  public async create(
    credentials: ICredentials,
    profile: { email?: string; scopes?: readonly string[] } = {},
  ): Promise<IUserInfo> {
    const name = requireUserName(credentials.username);
    const scopes = [...normalizeScopes(profile.scopes ?? DEFAULT_USER_SCOPES, 'scopes')];
    requirePassword(credentials.password);
    if ((profile.email?.length ?? 0) > MAX_EMAIL_LENGTH) {
      throw new RegistryError('invalid', `An e-mail address has at most ${MAX_EMAIL_LENGTH} characters`);
    }
    const taken = (): RegistryError => new RegistryError('alreadyExists', `There is a user ${name} already`);
    if (this.#configured.has(name) || (await this.#options.storage.read(keyOf(name)))) throw taken();
    const password = await hashPassword(credentials.password, credentials.from);
    const uid = crypto.randomUUID();
    const createdAt = this.#options.now().toISOString();
    const { email } = profile;
    await this.#options.storage.update<IUserDocument>(keyOf(name), (current) => {
      if (current) throw taken();
      return { name, uid, password, email, scopes, createdAt, updatedAt: createdAt };
    });
    this.#accounts.drop(name);
    return { userId: name, email, createdAt: new Date(createdAt), scopes, source: 'store' };
  }

  /** The old password is invalid at once in this process and within 5 s in others; the user's tokens stay valid. */
  public async setPassword(username: string, password: string): Promise<void> {
    requirePassword(password);
    const hashed = await hashPassword(password);
    await this.#change(username, (user) => ({ ...user, password: hashed }));
  }

  /**
   * For the user, who proves the right to do so by the old password. The user's tokens stay valid.
   * @param from the caller's address (see ICredentials)
   * @throws RegistryError `unauthenticated` (the old password is wrong, or there is no such user), `invalid` (the new
   * one cannot be used), `conflict` (a user of the config)
   */
  public async changePassword(
    username: string,
    oldPassword: string,
    newPassword: string,
    from?: string,
  ): Promise<void> {
    const wrong = (): RegistryError => new RegistryError('unauthenticated', 'The old password is wrong');
    // read before the check: a record that is newer than the checked one proves nothing
    const proven = await this.account(username);
    if ((await this.verify({ username, password: oldPassword, from })) === null) throw wrong();
    requirePassword(newPassword);
    const hashed = await hashPassword(newPassword);
    await this.#change(username, (user) => {
      // the password was reset by an administrator, or the account was replaced, since the old password was checked
      if (!proven || !('scrypt' in proven.password) || user.password !== proven.password.scrypt) throw wrong();
      return { ...user, password: hashed };
    });
  }

  /** Takes effect on the user's tokens too: none holds more than its user. */
  public async setScopes(username: string, scopes: readonly string[]): Promise<void> {
    const list = [...normalizeScopes(scopes, 'scopes')];
    await this.#change(username, (user) => ({ ...user, scopes: list }));
  }

  /**
   * Replaces the scopes by what `change` returns for the present ones; nothing is written if they stay the same. Two
   * changes at the same time are both applied.
   * @param change is called again if another process changes the account meanwhile
   */
  public async changeScopes(username: string, change: (scopes: readonly string[]) => readonly string[]): Promise<void> {
    await this.#change(username, (user) => {
      const scopes = [...normalizeScopes(change(user.scopes), 'scopes')];
      const isSame = scopes.length === user.scopes.length && scopes.every((scope, at) => scope === user.scopes[at]);
      return isSame ? undefined : { ...user, scopes };
    });
  }

  /** Removes the account and all its tokens. A later account of the same name inherits none of them. */
  public async remove(username: string): Promise<void> {
    await this.#change(username, () => null);
    await this.#options.onRemoved?.(requireUserName(username));
  }

  /** The user of this name; `null` if there is none. */
  public async get(username: string): Promise<IUserInfo | null> {
    const name = toUserName(username);
    const account = name === null ? null : ((await this.#configured.account(name)) ?? (await this.#load(name)));
    return account && this.#describe(account);
  }

  /** By name. */
  public async list(): Promise<IUserInfo[]> {
    const users = (await this.#configured.list()).map((account) => this.#describe(account));
    const { storage } = this.#options;
    const documents = mapInParallel(storage.listDocuments({ prefix: PREFIX }), ({ key }) =>
      readIntact(storage.logger, { key }, () => storage.read<IUserDocument>(key)),
    );
    for await (const document of documents) {
      // removed meanwhile, or replaced by a user of the config
      if (!document || this.#configured.has(document.value.name)) continue;
      users.push(this.#describe(this.#toAccount(document.value)));
    }
    return users.sort((a, b) => (a.userId < b.userId ? -1 : 1));
  }

  /** ms until which the account is cached; -Infinity: the store is asked the next time. */
  public cachedUntil(userId: string): number {
    return this.#configured.has(userId) ? this.#configured.cachedUntil() : this.#accounts.cachedUntil(userId);
  }

  /**
   * The account under which requests of this user run, at most a few seconds old; `null` where there is none.
   * @internal
   */
  public async account(username: string): Promise<IAccount | null> {
    const known = this.#configured.peek(username) ?? this.#accounts.peek(username);
    if (known) return known;
    const name = toUserName(username);
    if (name === null) return null;
    return (await this.#configured.account(name)) ?? (await this.#accounts.get(name, () => this.#load(name)));
  }

  /**
   * The user's id if the password is right. Takes as long for an unknown name as for a wrong password.
   * @throws RegistryError `rateLimited` after too many wrong passwords
   */
  public async verify(credentials: ICredentials): Promise<string | null> {
    const { username, password } = credentials;
    if (typeof username !== 'string' || typeof password !== 'string' || password.length > MAX_PASSWORD_LENGTH)
      return null;
    const account = await this.account(username);
    return (await this.#passwords.matches(account, credentials)) && account ? account.userId : null;
  }

  /**
   * The normalised name of a user that may be in the store.
   * @throws RegistryError `invalid` (no name of a user), `conflict` (a user of the config)
   */
  public requireChangeable(username: string): string {
    const name = requireUserName(username);
    if (!this.#configured.has(name)) return name;
    throw new RegistryError('conflict', `User ${name} is in auth.users of the configuration: change it there`);
  }

  async #load(name: string): Promise<IAccount | null> {
    const document = await this.#options.storage.read<IUserDocument>(keyOf(name));
    return document && this.#toAccount(document.value);
  }

  /** @param fn returns `null` to remove the account, `undefined` to leave it as it is */
  async #change(username: string, fn: (user: IUserDocument) => IUserDocument | null | undefined): Promise<void> {
    const name = this.requireChangeable(username);
    const updatedAt = this.#options.now().toISOString();
    try {
      await this.#options.storage.update<IUserDocument>(keyOf(name), (current) => {
        if (!current) throw new RegistryError('notFound', `There is no user ${name}`);
        const changed = fn(current);
        return changed && { ...changed, updatedAt };
      });
    } finally {
      this.#accounts.drop(name);
      this.#options.onChange?.();
    }
  }

  #toAccount(document: IUserDocument): IAccount {
    const { name, uid, password, email } = document;
    const scopes = Object.freeze([...document.scopes]);
    return {
      userId: name,
      uid,
      password: { scrypt: password },
      scopes,
      email,
      createdAt: new Date(document.createdAt),
    };
  }

  #describe(account: IAccount): IUserInfo {
    const { userId, email, createdAt, scopes } = account;
    return { userId, email, createdAt, scopes: [...scopes], source: this.#configured.has(userId) ? 'config' : 'store' };
  }
}
