import { randomBytes } from 'node:crypto';
import { FairQueue } from '../../base/classes.fairqueue.js';
import { cacheOf } from '../../base/helpers.caches.js';
import { DefaultAuthProvider } from '../classes.defaultauthprovider.js';
import type { IAuthProvider, ICredentials } from '../interfaces.auth.js';
import { PasswordThrottle } from './classes.passwordthrottle.js';
import { keyedHash, LONGEST_QUEUE, tooManyChecks } from './helpers.passwords.js';

/** Concurrent calls of a custom provider: each may cost it a request to a directory server. */
const AT_ONCE = 32;

/**
 * ms for which a wrong password stays wrong without the provider being asked again: some clients send it a dozen times
 * for one login, which is one guess. Short, because the provider may take a new password at any time.
 */
const SAME_GUESS_MS = 5_000;

/**
 * Wraps a provider's `authenticate` with limits on wrong passwords by user and by address. The default provider has
 * them itself, after its cache of right passwords.
 */
export const guardPasswords = (
  provider: IAuthProvider,
  now: () => Date,
): ((credentials: ICredentials) => Promise<string | null>) => {
  if (provider.authenticate === DefaultAuthProvider.prototype.authenticate) {
    return (credentials) => provider.authenticate(credentials);
  }
  const throttle = new PasswordThrottle(() => now().getTime());
  const queue = new FairQueue({ concurrency: AT_ONCE, queue: LONGEST_QUEUE, refusal: tooManyChecks });
  const secret = randomBytes(32);
  const wrong = cacheOf<string, number>(10_000);
  return async (credentials) => {
    const { username, password, from } = credentials;
    const key = keyedHash(secret, username, password, from).toString('base64');
    const since = wrong.get(key);
    if (since !== undefined && Math.abs(now().getTime() - since) < SAME_GUESS_MS) return null;
    throttle.assertAllowed(credentials);
    return queue.run(throttle.laneOf(credentials), async () => {
      throttle.assertAllowed(credentials);
      const userId = await provider.authenticate(credentials);
      throttle.note(credentials, userId !== null);
      if (userId === null) wrong.set(key, now().getTime());
      return userId;
    });
  };
};
