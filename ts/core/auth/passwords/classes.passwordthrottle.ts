import { bareAddress } from '../../base/helpers.address.js';
import { cacheOf } from '../../base/helpers.caches.js';
import { RegistryError } from '../../classes.registryerror.js';

/** An attempt with a user name, from an address. */
export interface IAttempt {
  username: string;
  /** the caller's IP address; absent if the host does not know it */
  from?: string;
}

/** Allows `burst` wrong passwords at once, and one more every `secondsEach`. */
interface IAllowance {
  burst: number;
  secondsEach: number;
}

/**
 * One address against one user. NIST SP 800-63B section 5.2.2 allows 100 in a row; a person mistypes some five times. A
 * client that repeats one wrong password is not counted again (see PasswordCheck and guardPasswords).
 */
const PAIR: IAllowance = { burst: 10, secondsEach: 15 };
/** One address against all users: an office behind one address has a few wrong passwords on a Monday. */
const ADDRESS: IAllowance = { burst: 100, secondsEach: 2 };
/**
 * All addresses against one user. One address cannot use it up: after 10 wrong passwords it gets fewer than are added
 * here. Six or more addresses can, and then the user cannot log in from a new address.
 */
const USER: IAllowance = { burst: 100, secondsEach: 5 };

/** entries of each kind; one takes some 200 bytes, and each new entry costs an attacker a password check */
const MAX_ENTRIES = 20_000;
/** characters; no user has a longer name */
const MAX_NAME = 1000;

/** Allowances for wrong passwords, one for each name. */
class Allowances {
  readonly #entries = cacheOf<string, { left: number; at: number }>(MAX_ENTRIES);

  constructor(
    private readonly allowance: IAllowance,
    private readonly now: () => number,
  ) {}

  /** seconds until one more is allowed; 0 = now */
  public wait(name: string): number {
    const left = this.#left(name);
    return left >= 1 ? 0 : (1 - left) * this.allowance.secondsEach;
  }

  public take(name: string): void {
    this.#entries.set(name, { left: Math.max(0, this.#left(name) - 1), at: this.now() });
  }

  public reset(name: string): void {
    this.#entries.delete(name);
  }

  #left(name: string): number {
    const { burst, secondsEach } = this.allowance;
    const entry = this.#entries.get(name);
    if (!entry) return burst;
    const now = this.now();
    // a clock that was set back adds nothing, and nobody has to wait until it is as late again
    if (now < entry.at) entry.at = now;
    const seconds = (now - entry.at) / 1000;
    return Math.min(burst, entry.left + seconds / secondsEach);
  }
}

/**
 * The address for counting. An IPv6 caller has a whole /64 (RFC 6177), so only that counts. An address of this machine
 * is that of a reverse proxy (if `trustProxy` was forgotten) and so of all callers: `null`, as if there were none.
 */
const sourceOf = (given: string | undefined): string | null => {
  const from = given && bareAddress(given);
  if (!from || from === '::1' || from.startsWith('127.')) return null;
  if (!from.includes(':')) return from.slice(0, MAX_NAME);
  const [head = '', tail] = from.toLowerCase().split('::');
  const groups = head.split(':');
  // `::` replaces all missing zeros; only the first four groups count
  const missing = tail === undefined ? 0 : Math.max(0, 8 - groups.length - tail.split(':').length);
  const all = [...groups, ...Array<string>(missing).fill('0'), ...(tail ?? '').split(':')];
  return all
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, '') || '0')
    .join(':');
};

/**
 * Limits wrong passwords by user and by address. Right passwords and tokens are not counted.
 *
 * An attacker can lock out only its own address. If a user has given the right password from an address before (this
 * process remembers some thousands), only wrong passwords for that user from that address count there. So an attack
 * from elsewhere, of any size, does not lock out a user at a known address; an attack from many addresses can prevent a
 * user from logging in at a new one. Unknown user names are counted like others.
 */
export class PasswordThrottle {
  readonly #pairs: Allowances;
  readonly #addresses: Allowances;
  readonly #users: Allowances;
  /** pairs of user and address for which the password was right */
  readonly #known = cacheOf<string, true>(MAX_ENTRIES);

  constructor(now: () => number) {
    this.#pairs = new Allowances(PAIR, now);
    this.#addresses = new Allowances(ADDRESS, now);
    this.#users = new Allowances(USER, now);
  }

  /**
   * The names of the queue's lanes for this check (see FairQueue): known callers and others take turns, then the
   * addresses, then the users.
   */
  public laneOf(attempt: IAttempt): string[] {
    const { source, user, pair } = this.#namesOf(attempt);
    return [this.#known.has(pair) ? 'known' : 'new', source ?? '', user];
  }

  /** @throws RegistryError `rateLimited` if no further password may be tried now */
  public assertAllowed(attempt: IAttempt): void {
    const { source, user, pair } = this.#namesOf(attempt);
    const waits = [this.#pairs.wait(pair)];
    if (!this.#known.has(pair)) {
      waits.push(this.#users.wait(user));
      if (source !== null) waits.push(this.#addresses.wait(source));
    }
    const seconds = Math.ceil(Math.max(...waits));
    if (seconds === 0) return;
    throw new RegistryError('rateLimited', `Too many wrong passwords; try again in ${seconds} s`, {
      headers: { 'Retry-After': String(seconds) },
    });
  }

  /** Records the result of a check. */
  public note(attempt: IAttempt, isRight: boolean): void {
    const { source, user, pair } = this.#namesOf(attempt);
    if (isRight) {
      this.#known.set(pair, true);
      this.#pairs.reset(pair);
      return;
    }
    this.#pairs.take(pair);
    if (this.#known.has(pair)) return;
    this.#users.take(user);
    if (source !== null) this.#addresses.take(source);
  }

  #namesOf({ username, from }: IAttempt): { source: string | null; user: string; pair: string } {
    const source = sourceOf(from);
    const user = username.slice(0, MAX_NAME).normalize('NFC');
    return { source, user, pair: `${source ?? ''}\n${user}` };
  }
}
