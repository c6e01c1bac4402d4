import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { loginExpiry, loginKey, loginPrefix } from './keys.npm.js';

/** A login that was begun on a command line and is finished in a browser. */
export interface ILogin {
  /** `npm adduser`: the account may have to be created */
  create: boolean;
  /** whether a user has logged in */
  isDone: boolean;
}

/** The stored part of a login, from the moment a user logs in until it ends. */
interface IApproval {
  /** the token is made when the command line fetches it, so that no secret is stored; absent: it was fetched already */
  userId?: string;
}

/** The parts of a login's name. */
interface IName {
  /** seconds since 1970 */
  expires: number;
  create: boolean;
  /** of the secret */
  hash: string;
}

export interface ILoginSessionsOptions {
  storage: Pick<RegistryStorage, 'read' | 'update' | 'list' | 'delete' | 'now' | 'runBehind'>;
  /** the same on every replica; see `AuthManager.seal` */
  seal(text: string): string;
}

const LIFETIME_S = 10 * 60;
const SWEEP_AT_ONCE = 500;

const hashOf = (random: string): string => createHash('sha256').update(random).digest('hex');
const isSame = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

/**
 * Web logins. Beginning one stores nothing: its name contains all data, with a seal. Only when a user logs in, an
 * approval is stored, where any replica finds it. A login has two names: the browser's URL has a hash, and the command
 * line polls with the hashed secret; so the browser's name does not reveal the command line's. ``` browser
 * {expiry, hex}.{login|create}.{hash}.{seal} command line  {expiry, hex}.{login|create}.{random}.{seal} ```
 */
export class LoginSessions {
  constructor(private readonly options: ILoginSessionsOptions) {}

  public begin(create: boolean): { id: string; secret: string } {
    const expires = Math.ceil(this.options.storage.now().getTime() / 1000) + LIFETIME_S;
    const random = randomBytes(32).toString('base64url');
    const name = { expires, create, hash: hashOf(random) };
    const head = `${expires.toString(16)}.${create ? 'create' : 'login'}`;
    const seal = this.sealOf(name);
    return { id: `${head}.${name.hash}.${seal}`, secret: `${head}.${random}.${seal}` };
  }

  /** The login of the browser's URL; null if it has ended or never existed. */
  public async find(id: string): Promise<ILogin | null> {
    const name = this.parse(id, /^[0-9a-f]{64}$/, (hash) => hash);
    if (!name) return null;
    const approval = await this.options.storage.read<IApproval>(keyOf(name));
    return { create: name.create, isDone: approval !== null };
  }

  /** Records that a user has logged in. Returns false if the login has ended, or was approved before. */
  public async approve(id: string, userId: string): Promise<boolean> {
    const name = this.parse(id, /^[0-9a-f]{64}$/, (hash) => hash);
    if (!name) return false;
    const { storage } = this.options;
    let isOurs = false;
    await storage.update<IApproval>(keyOf(name), (current) => {
      isOurs = current === null;
      return current ? undefined : { userId };
    });
    storage.runBehind('Removing logins that expired', this.sweep());
    return isOurs;
  }

  /** Returns the user that logged in, once; `waiting` before that, null if the login has ended. */
  public async collect(secret: string): Promise<{ userId: string } | 'waiting' | null> {
    const name = this.parse(secret, /^[\w-]{43}$/, hashOf);
    if (!name) return null;
    const { storage } = this.options;
    if (!(await storage.read<IApproval>(keyOf(name)))) return 'waiting';
    let userId: string | undefined;
    // of several concurrent calls, only the one that removes the user's name from the document gets a token
    await storage.update<IApproval>(keyOf(name), (current) => {
      userId = current?.userId;
      return userId === undefined ? undefined : {};
    });
    return userId === undefined ? null : { userId };
  }

  private parse(text: string, form: RegExp, toHash: (part: string) => string): IName | null {
    const [, hex, kind, part, seal] = /^([0-9a-f]{8,10})\.(login|create)\.([\w-]+)\.([\w-]+)$/.exec(text) ?? [];
    if (hex === undefined || part === undefined || seal === undefined || !form.test(part)) return null;
    const name = { expires: Number.parseInt(hex, 16), create: kind === 'create', hash: toHash(part) };
    if (!isSame(seal, this.sealOf(name))) return null;
    return name.expires * 1000 > this.options.storage.now().getTime() ? name : null;
  }

  private sealOf({ expires, create, hash }: IName): string {
    return this.options.seal(`${expires} ${create} ${hash}`);
  }

  /** Removes expired logins. Keys begin with their expiry, so these come first. */
  private async sweep(): Promise<void> {
    const { storage } = this.options;
    const now = storage.now().getTime() / 1000;
    for await (const item of storage.list({ prefix: `${loginPrefix}/`, limit: SWEEP_AT_ONCE })) {
      if (!('key' in item)) continue;
      if (loginExpiry(item.key) > now) return;
      await storage.delete(item.key);
    }
  }
}

const keyOf = ({ expires, hash }: IName): string => loginKey(expires, hash);
