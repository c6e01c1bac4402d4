import { FairQueue } from '../../base/classes.fairqueue.js';
import { DefaultAuthProvider } from '../classes.defaultauthprovider.js';
import type { IAuthProvider, ICredentials } from '../interfaces.auth.js';
import { PasswordThrottle } from './classes.passwordthrottle.js';
import { LONGEST_QUEUE, tooManyChecks } from './helpers.passwords.js';

/** Concurrent calls of a custom provider: each may cost it a request to a directory server. */
const AT_ONCE = 32;

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
  return async (credentials) => {
    throttle.assertAllowed(credentials);
    return queue.run(throttle.laneOf(credentials), async () => {
      throttle.assertAllowed(credentials);
      const userId = await provider.authenticate(credentials);
      throttle.note(credentials, userId !== null);
      return userId;
    });
  };
};
