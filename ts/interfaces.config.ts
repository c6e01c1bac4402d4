import type { IAuthConfig, IAuthProvider } from './core/auth/interfaces.auth.js';
import type { BaseRegistry } from './core/classes.baseregistry.js';
import type { ILimits, ILogger, IProtocolConfig } from './core/interfaces.core.js';
import type { IObjectStore } from './core/objectstore/interfaces.objectstore.js';
import type { IS3StorageConfig } from './core/objectstore/s3/interfaces.s3config.js';
import type { IRegistryServices } from './core/pipeline/interfaces.pipeline.js';
import type { IStorageHooks } from './core/storage/hooks/interfaces.hooks.js';
import type { IOciConfig } from './oci/interfaces.config.js';

export type { IOciConfig, IS3StorageConfig };

/** S3 (IS3Descriptor plus the bucket), a local directory, or a driver of the caller's own. */
export type TStorageConfig = IS3StorageConfig | IDirectoryStorageConfig | IObjectStoreConfig;

export interface IDirectoryStorageConfig {
  directory: string;
}
export interface IObjectStoreConfig {
  objectStore: IObjectStore;
}
export type IStorageConfig = TStorageConfig;

/** An eighth protocol, written by the user of the library. */
export interface ICustomRegistryConfig extends Partial<IProtocolConfig> {
  protocol: string;
  basePath: string;
  create(services: IRegistryServices, config: IProtocolConfig): BaseRegistry;
}

export interface IRegistryConfig {
  storage: TStorageConfig;
  auth: IAuthConfig;
  authProvider?: IAuthProvider;
  storageHooks?: IStorageHooks;
  /**
   * For the upstream layer of a later release. This release checks that it is one, and warns when it starts that it does
   * not ask it yet.
   */
  upstreamProvider?: { resolveUpstreamConfig(context: never): Promise<unknown> };
  oci?: IOciConfig;
  npm?: IProtocolConfig;
  maven?: IProtocolConfig;
  cargo?: IProtocolConfig;
  composer?: IProtocolConfig;
  pypi?: IProtocolConfig;
  rubygems?: IProtocolConfig;
  registries?: ICustomRegistryConfig[];
  /** believe X-Forwarded-Proto and X-Forwarded-Host; default false */
  trustProxy?: boolean;
  /** default: warnings and errors go to stderr; `false`: nothing is logged */
  logger?: ILogger | false;
  limits?: ILimits;
}
