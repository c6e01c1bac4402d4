import { RegistryError } from '../classes.registryerror.js';

/** Input that a client has to correct. */
export const invalid = (message: string, cause?: unknown): RegistryError =>
  new RegistryError('invalid', message, { cause });

/** Something that is not there, or that the caller may not see. */
export const notFound = (message: string): RegistryError => new RegistryError('notFound', message);
