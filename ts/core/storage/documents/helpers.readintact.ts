import { RegistryError } from '../../classes.registryerror.js';
import type { ILogger } from '../../interfaces.core.js';

/**
 * Reads one of many documents that are listed together: a damaged one is logged and left out (null), so that it does not
 * hide the others. Do not use it where a missing document means that something may be deleted or written.
 * @param about for the log
 */
export const readIntact = async <T>(
  logger: ILogger,
  about: Readonly<Record<string, string>>,
  read: () => Promise<T>,
): Promise<T | null> => {
  try {
    return await read();
  } catch (error) {
    if (!RegistryError.is(error, 'internal')) throw error;
    logger.error('A document cannot be read and is left out of a list', { ...about, cause: String(error.cause) });
    return null;
  }
};
