import { RegistryError } from '../classes.registryerror.js';
import { isDoubtful, sleep } from './documents/helpers.conditionalwrite.js';

/** if a store fails this often in a row, it is down: the client gets an error and tries again by itself */
const ATTEMPTS = 3;
const PAUSE_MS = 50;

/**
 * Writes under a key whose content is the same for every writer. If the outcome of an attempt is unknown, it is made
 * again: applying both does no harm.
 * @returns false if the object existed before the first attempt
 */
export const persist = async (write: () => Promise<unknown>): Promise<boolean> => {
  for (let tries = 1; ; tries++) {
    try {
      await write();
      return true;
    } catch (error) {
      // after an attempt in doubt, this object is that attempt's or another writer's, which is the same
      if (RegistryError.is(error, 'preconditionFailed')) return tries > 1;
      if (!isDoubtful(error) || tries === ATTEMPTS) throw error;
      await sleep(PAUSE_MS * tries);
    }
  }
};
