import type { ICargoConfig } from './cargo/interfaces.config.js';
import type { IComposerConfig } from './composer/interfaces.config.js';
import type { IAuthConfig, IAuthProvider } from './core/auth/interfaces.auth.js';
import type { BaseRegistry } from './core/classes.baseregistry.js';
import type { ICorsConfig, ILimits, ILogger, IProtocolConfig } from './core/interfaces.core.js';
import type { IObjectStore } from './core/objectstore/interfaces.objectstore.js';
import type { IS3StorageConfig } from './core/objectstore/s3/interfaces.s3config.js';
import type { IRegistryServices } from './core/pipeline/interfaces.pipeline.js';
import type { IStorageHooks } from './core/storage/hooks/interfaces.hooks.js';
import type { IOciConfig } from './oci/interfaces.config.js';

export type { ICargoConfig, IComposerConfig, IOciConfig, IS3StorageConfig };

/** S3 (IS3Descriptor with the bucket), a local directory, or a driver of the embedder. */
export type TStorageConfig = IS3StorageConfig | IDirectoryStorageConfig | IObjectStoreConfig;

/** A directory on a local file system. */
export interface IDirectoryStorageConfig {
  directory: string;
}
/** A driver of the application's own. */
export interface IObjectStoreConfig {
  objectStore: IObjectStore;
}
/** Another name of `TStorageConfig`. */
export type IStorageConfig = TStorageConfig;

/** An eighth protocol, written by the user of the library. */
export interface ICustomRegistryConfig extends Partial<IProtocolConfig> {
  protocol: string;
  basePath: string;
  /** Makes the registry of the protocol. */
  create(services: IRegistryServices, config: IProtocolConfig): BaseRegistry;
}

/** The whole configuration of a `SmartRegistry`. */
export interface IRegistryConfig {
  storage: TStorageConfig;
  auth: IAuthConfig;
  authProvider?: IAuthProvider | undefined;
  storageHooks?: IStorageHooks | undefined;
  /**
   * For the upstream layer of a later release. This release checks its type, and warns at the start that it is not used
   * yet.
   */
  upstreamProvider?:
    | {
        /** Which upstreams a request may be answered from. */
        resolveUpstreamConfig(context: never): Promise<unknown>;
      }
    | undefined;
  oci?: IOciConfig | undefined;
  npm?: IProtocolConfig | undefined;
  maven?: IProtocolConfig | undefined;
  cargo?: ICargoConfig | undefined;
  composer?: IComposerConfig | undefined;
  pypi?: IProtocolConfig | undefined;
  rubygems?: IProtocolConfig | undefined;
  registries?: ICustomRegistryConfig[] | undefined;
  /** trust X-Forwarded-Proto, -Host, -Port and -For; default false */
  trustProxy?: boolean | undefined;
  /** lets pages of these origins read packages and images (GET and HEAD); default: none */
  cors?: ICorsConfig | undefined;
  /** default: warnings and errors go to stderr; `false`: nothing is logged */
  logger?: ILogger | false | undefined;
  limits?: ILimits | undefined;
}
