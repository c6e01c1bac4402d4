import type { ILogger } from './core/interfaces.core.js';
import type { IObjectStore } from './core/objectstore/interfaces.objectstore.js';
import type { TStorageConfig } from './interfaces.config.js';

/** The driver that a configuration asks for, loaded when it is needed. */
export const openStore = async (config: TStorageConfig, logger: ILogger): Promise<IObjectStore> => {
  if ('objectStore' in config) return config.objectStore;
  if ('directory' in config) {
    const { DirectoryObjectStore } = await import('./core/objectstore/directory/classes.directoryobjectstore.js');
    return new DirectoryObjectStore(config.directory, undefined, logger);
  }
  const { S3ObjectStore } = await import('./core/objectstore/s3/classes.s3objectstore.js');
  return new S3ObjectStore(config, { logger });
};
