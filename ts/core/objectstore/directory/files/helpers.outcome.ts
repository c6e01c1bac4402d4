import { RegistryError } from '../../../classes.registryerror.js';
import { hasCode, isFileError } from './helpers.files.js';

export const outcomeUnknown = (cause: unknown): RegistryError =>
  new RegistryError('outcomeUnknown', 'It is not known whether the change took place', { cause });

/** codes after which a change of a name may have been made all the same: the disk or its driver failed under way */
const IN_DOUBT = ['EIO', 'ETIMEDOUT', 'ESTALE', 'ENXIO', 'ENODEV'];

/** Runs the one call that decides a write or a delete. Any other error of it says for certain that nothing was done. */
export const deciding = async <T>(call: Promise<T>): Promise<T> => {
  try {
    return await call;
  } catch (error) {
    throw hasCode(error, ...IN_DOUBT) ? outcomeUnknown(error) : error;
  }
};

/**
 * What has to follow the call that decided, to find out who won or to make it durable. If it fails, the change can be
 * seen, and a loss of power may undo it.
 */
export const afterwards = async <T>(call: Promise<T>): Promise<T> => {
  try {
    return await call;
  } catch (error) {
    throw isFileError(error) ? outcomeUnknown(error) : error;
  }
};

/** Tidying whose failure does no harm: a directory that cannot be removed now stays until the next time. */
export const bestEffort = async (call: Promise<unknown>): Promise<void> => {
  try {
    await call;
  } catch (error) {
    if (!isFileError(error)) throw error;
  }
};
