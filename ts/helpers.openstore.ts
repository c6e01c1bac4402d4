import { missingPermission } from './core/base/helpers.permissions.js';
import { RegistryError } from './core/classes.registryerror.js';
import type { ILogger } from './core/interfaces.core.js';
import { GuardedStore } from './core/objectstore/classes.guardedstore.js';
import type { IObjectStore } from './core/objectstore/interfaces.objectstore.js';
import type { TStorageConfig } from './interfaces.config.js';

/** The driver that a configuration asks for, loaded when it is needed. */
export const openStore = async (config: TStorageConfig, logger: ILogger): Promise<IObjectStore> => {
  if ('objectStore' in config) return new GuardedStore(config.objectStore);
  if ('directory' in config) {
    const { DirectoryObjectStore } = await import('./core/objectstore/directory/classes.directoryobjectstore.js');
    return new DirectoryObjectStore(config.directory, undefined, logger);
  }
  const { S3ObjectStore } = await import('./core/objectstore/s3/classes.s3objectstore.js');
  return new S3ObjectStore(config, { logger });
};

/** Explains an error that a library threw when it was loaded; the store's own errors need no explanation. */
export const explained = (cause: unknown, storage: TStorageConfig): unknown => {
  if (cause instanceof RegistryError) return cause;
  const missing = missingPermission(cause, 'bucketName' in storage ? 's3' : 'directory');
  return missing ? new RegistryError('unavailable', `The registry cannot start: ${missing}`, { cause }) : cause;
};
