import type * as plugins from '../plugins.js';
import type { IAuthConfig, IAuthProvider } from './auth/interfaces.auth.js';
import type { BaseRegistry, IRegistryServices } from './classes.baseregistry.js';
import type { IObjectStore } from './objectstore/interfaces.objectstore.js';
import type { IStorageHooks } from './storage/interfaces.hooks.js';

/** The seven that ship with the library; any other string is a user's own protocol. */
export type TRegistryProtocol =
  | 'oci'
  | 'npm'
  | 'maven'
  | 'cargo'
  | 'composer'
  | 'pypi'
  | 'rubygems'
  | (string & Record<never, never>);

/** Who caused a request, for hooks and audit logs. It grants nothing. */
export interface IRequestActor {
  userId?: string;
  tokenId?: string;
  ip?: string;
  userAgent?: string;
  orgId?: string;
  sessionId?: string;
  [key: string]: unknown;
}

export interface IRequestContext {
  method: string;
  /** the raw path as on the wire (percent-encoding kept), without the query */
  path: string;
  /** any case */
  headers: Record<string, string | string[] | undefined>;
  query: Record<string, string | string[] | undefined>;
  /** Uint8Array | string | ReadableStream | Node Readable | AsyncIterable | already parsed object */
  body?: unknown;
  /** an already extracted credential, used instead of the Authorization header */
  token?: string;
  actor?: IRequestActor;
  /** public origin of this request, e.g. `https://registry.example.com` */
  baseUrl?: string;
  /** aborts the work when the client is gone */
  signal?: AbortSignal;
}

export interface IResponse {
  status: number;
  headers: Record<string, string>;
  /** absent for HEAD, 204, 205 and 304 */
  body?: ReadableStream<Uint8Array>;
}

export interface ILogger {
  debug?(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export interface ILimits {
  /** bytes of an uploaded artifact; default 10 GiB */
  maxArtifactSize?: number;
  /** bytes of a metadata body (JSON, XML, form); default 32 MiB */
  maxMetadataSize?: number;
  /** bytes of decoded content that an archive may unpack to while it is checked; default 4 GiB */
  maxUnpackedSize?: number;
  /** ms without a byte after which a request body is given up with 408; default 60,000 */
  bodyIdleTimeoutMs?: number;
  /** ms a storage hook may take before it counts as a refusal; default 30,000 */
  hookTimeoutMs?: number;
  /** bytes of rendered metadata kept in memory; default 64 MiB */
  metadataCacheSize?: number;
}

export interface IProtocolConfig {
  enabled: boolean;
  /** URL prefix, e.g. `/npm`; default `/<protocol>` */
  basePath?: string;
  /** public base URL of this protocol, used in generated links, e.g. `https://registry.example.com/npm` */
  registryUrl?: string;
  features?: Record<string, boolean>;
  /** lets a version that was deleted be published again; default false */
  allowRepublish?: boolean;
}

export interface IOciConfig extends IProtocolConfig {
  /** globs (`*`) of tags that can be neither moved nor deleted once they are pushed */
  immutableTags?: string[];
  /** ms without a chunk after which an unfinished upload is given up; default 86,400,000 (a day) */
  uploadExpiryMs?: number;
}

/** S3 (IS3Descriptor plus the bucket), a local directory, or a driver of the caller's own. */
export type TStorageConfig = IS3StorageConfig | IDirectoryStorageConfig | IObjectStoreConfig;

export interface IS3StorageConfig extends Partial<plugins.tsclass.storage.IS3Descriptor> {
  endpoint: string;
  bucketName: string;
  /** KMS or AES256 header value sent with every write, as S3's `x-amz-server-side-encryption` */
  serverSideEncryption?: string;
  sessionToken?: string;
  /** `WHEN_REQUIRED` for servers that do not know the SDK's default checksums */
  checksums?: 'WHEN_SUPPORTED' | 'WHEN_REQUIRED';
  /** run on a server without conditional writes although several replicas may race; default false */
  allowUnconditionalWrites?: boolean;
}
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
  logger?: ILogger;
  limits?: ILimits;
}
