export { availableProtocols, type IRebuildOptions, SmartRegistry } from './classes.smartregistry.js';
export { DefaultAuthProvider, type IDefaultAuthProviderOptions } from './core/auth/classes.defaultauthprovider.js';
export {
  type IOwnersAuth,
  type IPackageOwner,
  type IPackageOwnersOptions,
  PackageOwners,
} from './core/auth/classes.packageowners.js';
export { Permissions } from './core/auth/classes.permissions.js';
export type { IRight } from './core/auth/classes.rights.js';
export { type IUserInfo, UserStore } from './core/auth/classes.userstore.js';
export type * from './core/auth/interfaces.auth.js';
export type * from './core/auth/sessions/interfaces.sessions.js';
export type * from './core/auth/tokenstores/interfaces.tokenstore.js';
export type { IChore } from './core/base/classes.housekeeper.js';
export { createLogger, type ILoggerOptions, type TLogFormat, type TLogLevel } from './core/base/helpers.log.js';
export { streamToBuffer, streamToJson, toReadableStream } from './core/base/helpers.streams.js';
export { AuthManager } from './core/classes.authmanager.js';
export { BaseRegistry } from './core/classes.baseregistry.js';
export { ConfigError } from './core/classes.configerror.js';
export { type IRegistryErrorOptions, RegistryError, type TErrorKind } from './core/classes.registryerror.js';
export { type IRepairable, jsonCodec, RegistryStorage, type StagedObject } from './core/classes.registrystorage.js';
export type * from './core/interfaces.commands.js';
export type * from './core/interfaces.core.js';
export { PackageCatalog } from './core/listing/classes.packagecatalog.js';
export type { IPickRequest } from './core/listing/helpers.portions.js';
export type * from './core/listing/interfaces.listing.js';
export { OrderedLog } from './core/listing/log/classes.orderedlog.js';
export type * from './core/listing/log/interfaces.log.js';
export { SearchIndex } from './core/listing/search/classes.searchindex.js';
export type * from './core/listing/search/interfaces.search.js';
export type * from './core/objectstore/interfaces.objectstore.js';
export type { BodyReader } from './core/pipeline/body/classes.bodyreader.js';
export type { LateContent } from './core/pipeline/body/classes.latecontent.js';
export type { RequestBody } from './core/pipeline/body/classes.requestbody.js';
export type * from './core/pipeline/body/interfaces.form.js';
export { RegistryCall } from './core/pipeline/classes.registrycall.js';
export { respond } from './core/pipeline/helpers.http.js';
export type { IRoute, TTrailingSlash } from './core/pipeline/helpers.routes.js';
export type * from './core/pipeline/interfaces.importing.js';
export type { INamedAccess, IRegistryServices, TAccess, TParams } from './core/pipeline/interfaces.pipeline.js';
export type { AnswerCache, IDocumentVersion } from './core/pipeline/serving/classes.answercache.js';
export type { RenderCache } from './core/pipeline/serving/classes.rendercache.js';
export type { IRendered, Rendering } from './core/pipeline/serving/classes.rendering.js';
export type {
  IListingPieces,
  IListingRender,
  IServedListing,
  IServeListingOptions,
  TListingForm,
} from './core/pipeline/serving/helpers.listing.js';
export type { IServedLog, IServeLogOptions } from './core/pipeline/serving/helpers.log.js';
export { type IReader, readableFilter } from './core/pipeline/serving/helpers.readable.js';
export type * from './core/pipeline/serving/interfaces.serving.js';
export type * from './core/storage/commit/interfaces.plans.js';
export type * from './core/storage/hooks/interfaces.hooks.js';
export type * from './core/storage/interfaces.storage.js';
export type * from './core/storage/upkeep/interfaces.garbage.js';
export type { TBody } from './core/storage/uploads/classes.stagedobject.js';
export type { TBuiltInProtocol } from './helpers.config.js';
export {
  createNodeServer,
  type IHealthOptions,
  type TNodeListener,
  toFetchHandler,
  toNodeListener,
  withHealth,
} from './http/index.js';
export type * from './http/interfaces.http.js';
export type * from './interfaces.config.js';
