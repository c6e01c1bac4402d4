import { createHash, randomBytes } from 'node:crypto';
import { RegistryError } from '../core/classes.registryerror.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { loginExpiry, loginKey, loginPrefix } from './keys.npm.js';

/** A login that was begun on a command line and is finished in a browser. */
export interface ILogin {
  /** `npm adduser`: the account may have to be made */
  create: boolean;
  /** wrong passwords so far */
  failures: number;
  /** who logged in; the token is made when the command line comes for it, so that no secret is ever stored */
  userId?: string;
}

const LIFETIME_S = 10 * 60;
const MAX_FAILURES = 5;
/** logins that one process lets strangers begin within their lifetime */
const MAX_PENDING = 1000;
const SWEEP_EVERY_MS = 60_000;
const SWEEP_AT_ONCE = 500;

const idOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/**
 * Web logins, kept in the registry's storage so that any replica can answer. Two names each: the browser's address
 * holds a hash, the command line polls with what was hashed, so who sees the one cannot make the other.
 */
export class LoginSessions {
  private begun: number[] = [];
  private sweptAt = 0;

  constructor(
    private readonly storage: Pick<RegistryStorage, 'read' | 'update' | 'list' | 'delete' | 'now' | 'runBehind'>,
  ) {}

  /** @throws RegistryError `rateLimited` */
  public async begin(create: boolean): Promise<{ id: string; secret: string }> {
    const now = this.storage.now().getTime();
    this.begun = this.begun.filter((time) => time > now - LIFETIME_S * 1000);
    if (this.begun.length >= MAX_PENDING) {
      throw new RegistryError('rateLimited', 'Too many logins are under way; try again later', {
        headers: { 'Retry-After': '60' },
      });
    }
    this.begun.push(now);
    if (now - this.sweptAt > SWEEP_EVERY_MS) {
      this.sweptAt = now;
      this.storage.runBehind('Removing logins that expired', this.sweep());
    }
    const expires = Math.ceil(now / 1000) + LIFETIME_S;
    const random = randomBytes(32).toString('base64url');
    const name = expires.toString(16);
    await this.storage.update<ILogin>(loginKey(expires, idOf(random)), () => ({ create, failures: 0 }));
    return { id: `${name}.${idOf(random)}`, secret: `${name}.${random}` };
  }

  /** The login of the browser's address; null where it is over or never was. */
  public async find(id: string): Promise<ILogin | null> {
    const key = this.keyOf(id, /^[0-9a-f]{64}$/, (hash) => hash);
    return key === null ? null : ((await this.storage.read<ILogin>(key))?.value ?? null);
  }

  public async approve(id: string, userId: string): Promise<boolean> {
    return this.change(id, (login) => ({ ...login, userId }));
  }

  /** Counts a wrong password; the login ends with the last that is allowed. */
  public async fail(id: string): Promise<boolean> {
    return this.change(id, (login) =>
      login.failures + 1 >= MAX_FAILURES ? null : { ...login, failures: login.failures + 1 },
    );
  }

  /** Who logged in, told once; `waiting` before that, null where the login is over. */
  public async collect(secret: string): Promise<{ userId: string } | 'waiting' | null> {
    const key = this.keyOf(secret, /^[\w-]{43}$/, idOf);
    const login = key && (await this.storage.read<ILogin>(key))?.value;
    if (!key || !login) return null;
    if (login.userId === undefined) return 'waiting';
    let userId: string | undefined;
    // of several that come at once only the one that removes the login gets its token
    await this.storage.update<ILogin>(key, (current) => {
      userId = current?.userId;
      return current ? null : undefined;
    });
    return userId === undefined ? null : { userId };
  }

  private async change(id: string, fn: (login: ILogin) => ILogin | null): Promise<boolean> {
    const key = this.keyOf(id, /^[0-9a-f]{64}$/, (hash) => hash);
    if (key === null) return false;
    let done = false;
    await this.storage.update<ILogin>(key, (current) => {
      const next = current && current.userId === undefined ? fn(current) : undefined;
      done = next !== undefined && next !== null;
      return next;
    });
    return done;
  }

  private keyOf(name: string, form: RegExp, hash: (rest: string) => string): string | null {
    const [, hex, rest] = /^([0-9a-f]{8,10})\.(.+)$/.exec(name) ?? [];
    if (hex === undefined || rest === undefined || !form.test(rest)) return null;
    const expires = Number.parseInt(hex, 16);
    return expires * 1000 > this.storage.now().getTime() ? loginKey(expires, hash(rest)) : null;
  }

  /** Keys begin with their time, so what expired is at the front. */
  private async sweep(): Promise<void> {
    const now = this.storage.now().getTime() / 1000;
    for await (const item of this.storage.list({ prefix: `${loginPrefix}/`, limit: SWEEP_AT_ONCE })) {
      if (!('key' in item)) continue;
      if (loginExpiry(item.key) > now) return;
      await this.storage.delete(item.key);
    }
  }
}
