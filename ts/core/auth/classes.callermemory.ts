import { crypto } from '../../plugins.js';
import { cacheOf } from '../base/helpers.caches.js';
import type { TRegistryProtocol } from '../interfaces.core.js';
import type { IAuthToken, IVerifiedCaller, TPresentedCredential } from './interfaces.auth.js';

/** maximum number of cached callers; each takes some 300 bytes beside its token */
const MAX_CALLERS = 10_000;

interface IRemembered {
  caller: IVerifiedCaller;
  /** ms */
  since: number;
}

/** A verification that has begun. */
export interface IVerification {
  /** ms */
  since: number;
  revision: number;
}

/** Node 20.12 and later can hash in one call, which takes a third of the time. */
const sha256 = (text: string): string =>
  typeof crypto.hash === 'function'
    ? crypto.hash('sha256', text, 'base64')
    : crypto.createHash('sha256').update(text).digest('base64');

/**
 * Caches verified callers by a keyed hash of their credentials, each until its `validUntil`. Every change that this
 * process makes to tokens or users clears the cache and increases the revision, so that the result of a verification
 * that began before the change is not cached.
 */
export class CallerMemory {
  /**
   * 64 characters, one block of sha256. Without a key, passwords could be found by searching the hashes. It is lost
   * with the process.
   */
  readonly #key = crypto.randomBytes(48).toString('base64');
  readonly #now: () => number;
  readonly #callers = cacheOf<string, IRemembered>(MAX_CALLERS);
  #revision = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  public peek(credential: TPresentedCredential, protocol: TRegistryProtocol): IVerifiedCaller | undefined {
    const remembered = this.#callers.get(this.#hash(credential, protocol));
    if (!remembered) return undefined;
    const { caller, since } = remembered;
    const now = this.#now();
    // if the clock was set back, the age is unknown
    return now >= since && now < caller.validUntil ? caller : undefined;
  }

  /** Call it before the first look at the data that the verification depends on. */
  public begin(): IVerification {
    return { since: this.#now(), revision: this.#revision };
  }

  public keep(
    credential: TPresentedCredential,
    protocol: TRegistryProtocol,
    verification: IVerification,
    verified: { token: IAuthToken; validUntil: number },
  ): IVerifiedCaller {
    const { since, revision } = verification;
    const caller: IVerifiedCaller = Object.freeze({ ...verified, revision });
    const isLasting = revision === this.#revision && caller.validUntil > since;
    if (isLasting) this.#callers.set(this.#hash(credential, protocol), { caller, since });
    return caller;
  }

  public forgetAll(): void {
    this.#revision++;
    this.#callers.clear();
  }

  #hash(credential: TPresentedCredential, protocol: TRegistryProtocol): string {
    if (credential.kind === 'token') return sha256(`${this.#key}token\n${protocol}\n${credential.token}`);
    const { username, password, from = '' } = credential;
    // a password is cached for its address only: at any other address the cache would confirm guesses that the throttle
    // does not count. The lengths show where address and name end, whatever characters they contain
    return sha256(`${this.#key}basic\n${protocol}\n${from.length} ${username.length}\n${from}${username}${password}`);
  }
}
