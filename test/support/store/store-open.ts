import type { IObjectStore } from '../../../ts/core/objectstore/interfaces.objectstore.js';
import type { IDirectoryStorageConfig, IS3StorageConfig } from '../../../ts/interfaces.config.js';

export type TStoreConfig = IDirectoryStorageConfig | IS3StorageConfig;

/** A driver as `SmartRegistry` would make it, not initialised. */
export const openStore = async (config: TStoreConfig): Promise<IObjectStore> => {
  if ('directory' in config) {
    const { DirectoryObjectStore } = await import(
      '../../../ts/core/objectstore/directory/classes.directoryobjectstore.js'
    );
    return new DirectoryObjectStore(config.directory);
  }
  const { S3ObjectStore } = await import('../../../ts/core/objectstore/s3/classes.s3objectstore.js');
  return new S3ObjectStore(config);
};
