import { RegistryError } from '../classes.registryerror.js';
import { isDoubtful, sleep } from './documents/helpers.conditionalwrite.js';

/** a store that fails so often in a row is down: the client is told, and tries again by itself */
const ATTEMPTS = 3;
const PAUSE_MS = 50;

/**
 * Writes under a key whose content is the same for every writer. An attempt whose outcome is not known is made again,
 * for it does no harm if both are applied.
 * @returns false if the object was there before the first attempt
 */
export const persist = async (write: () => Promise<unknown>): Promise<boolean> => {
  for (let tries = 1; ; tries++) {
    try {
      await write();
      return true;
    } catch (error) {
      // after an attempt in doubt this is the object that that one wrote, or another writer's, which is the same
      if (RegistryError.is(error, 'preconditionFailed')) return tries > 1;
      if (!isDoubtful(error) || tries === ATTEMPTS) throw error;
      await sleep(PAUSE_MS * tries);
    }
  }
};
