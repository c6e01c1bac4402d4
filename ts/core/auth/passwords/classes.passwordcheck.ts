import { crypto } from '../../../plugins.js';
import { cacheOf } from '../../base/helpers.caches.js';
import { looksLikeOpaqueToken } from '../helpers.tokens.js';
import type { IAccount, ICredentials, TPasswordRecord } from '../interfaces.auth.js';
import { PasswordThrottle } from './classes.passwordthrottle.js';
import { keyedHash, verifyPassword, whenItsTurn } from './helpers.passwords.js';

const REMEMBERED_MS = 60_000;

/** Identifies a record: another password of the same user has another text. */
const recordText = (record: TPasswordRecord): string =>
  'scrypt' in record ? record.scrypt : record.digest.toString('base64');

/**
 * Checks passwords. A right password is cached for a minute, because pip, Maven and Composer send theirs with every
 * request and scrypt takes 43 ms. The cache holds only an HMAC, whose key is lost with the process. Different wrong
 * passwords are counted, and too many are refused (see PasswordThrottle).
 */
export class PasswordCheck {
  readonly #key: Buffer;
  readonly #now: () => number;
  readonly #throttle: PasswordThrottle;
  /** HMAC of user, address, password and the account's record -> when it was found right */
  readonly #right = cacheOf<string, number>(10_000);
  /**
   * The same HMACs of wrong passwords. A client that sends one wrong password again and again, as regctl does a dozen times
   * for one login, makes one guess and costs one scrypt.
   */
  readonly #wrong = cacheOf<string, true>(10_000);
  readonly #running = new Map<string, Promise<boolean>>();

  constructor(secret: string, now: () => number) {
    // not the secret itself: a short one could be found by search in a memory dump, and then the passwords
    this.#key = crypto.createHmac('sha256', secret).update(crypto.randomBytes(32)).digest();
    this.#now = now;
    this.#throttle = new PasswordThrottle(now);
  }

  /** A record for a password that is in plain text in the config. */
  public digest(password: string): TPasswordRecord {
    return { digest: this.#hmac('password', password.normalize('NFC')) };
  }

  /**
   * `null`: there is no such account; returns false after the same work.
   * @throws RegistryError `rateLimited`
   */
  public async matches(account: Pick<IAccount, 'password'> | null, credentials: ICredentials): Promise<boolean> {
    const { username, password, from = '' } = credentials;
    // The record is part of the key, so a changed password invalidates the entry. So is the address: at any other
    // address the cache would confirm guesses that the throttle does not count.
    const record = account ? recordText(account.password) : '';
    const key = this.#hmac('right', username, from, password, record).toString('base64');
    const since = this.#right.get(key);
    const now = this.#now();
    if (since !== undefined && now >= since && now - since < REMEMBERED_MS) return true;
    if (this.#wrong.has(key)) return false;
    // parallel requests of one client cost one scrypt
    let running = this.#running.get(key);
    if (!running) {
      running = this.#check(account?.password ?? null, credentials).finally(() => this.#running.delete(key));
      this.#running.set(key, running);
    }
    const isRight = await running;
    if (isRight) this.#right.set(key, now);
    else this.#wrong.set(key, true);
    return isRight;
  }

  async #check(record: TPasswordRecord | null, credentials: ICredentials): Promise<boolean> {
    this.#throttle.assertAllowed(credentials);
    return whenItsTurn(this.#throttle.laneOf(credentials), async () => {
      // checks that waited before this one may have used up the allowance
      this.#throttle.assertAllowed(credentials);
      const { password } = credentials;
      const isRight = await this.#compare(record, password);
      // an expired token in place of a password is a client's mistake and not a guess
      if (isRight || !looksLikeOpaqueToken(password)) this.#throttle.note(credentials, isRight);
      return isRight;
    });
  }

  async #compare(record: TPasswordRecord | null, password: string): Promise<boolean> {
    if (record === null || 'scrypt' in record) return verifyPassword(password, record?.scrypt ?? null);
    // the comparison itself is fast; scrypt runs without need, so that every account takes the same time
    await verifyPassword(password, null);
    return crypto.timingSafeEqual(this.#hmac('password', password.normalize('NFC')), record.digest);
  }

  #hmac(...parts: string[]): Buffer {
    return keyedHash(this.#key, ...parts);
  }
}
