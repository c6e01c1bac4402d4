import { RegistryError } from '../../../classes.registryerror.js';
import { hasCode, isFileError } from './helpers.files.js';

export const outcomeUnknown = (cause: unknown): RegistryError =>
  new RegistryError('outcomeUnknown', 'It is not known whether the change took place', { cause });

/**
 * errors after which a change of a name may still have been made, because the disk or its driver failed during the call
 */
const IN_DOUBT = ['EIO', 'ETIMEDOUT', 'ESTALE', 'ENXIO', 'ENODEV'];

/** Runs the one call that decides a write or a delete. If it throws any other error, nothing was changed. */
export const deciding = async <T>(call: Promise<T>): Promise<T> => {
  try {
    return await call;
  } catch (error) {
    throw hasCode(error, ...IN_DOUBT) ? outcomeUnknown(error) : error;
  }
};

/**
 * Runs what must follow the deciding call: finding out who won, or making the change durable. If it fails, the change
 * is visible, and a loss of power may undo it.
 */
export const afterwards = async <T>(call: Promise<T>): Promise<T> => {
  try {
    return await call;
  } catch (error) {
    throw isFileError(error) ? outcomeUnknown(error) : error;
  }
};

/** For cleaning up, whose failure does no harm: a directory that cannot be removed now stays until the next time. */
export const bestEffort = async (call: Promise<unknown>): Promise<void> => {
  try {
    await call;
  } catch (error) {
    if (!isFileError(error)) throw error;
  }
};
