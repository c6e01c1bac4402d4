import type { ICodec } from '../base/helpers.codec.js';
import type { IRequestActor, TRegistryProtocol } from '../interfaces.core.js';

/** On whose behalf storage is used; what hooks are told. */
export interface IStorageOrigin {
  protocol: TRegistryProtocol;
  actor?: IRequestActor;
  /** ends reading and staging of bodies when the client is gone; a commit that has begun is finished all the same */
  signal?: AbortSignal;
}

/** A parsed document, deep-frozen: change a copy. */
export interface IStoredDocument<T> {
  readonly value: T;
  readonly etag: string;
}

/** Pure and synchronous: it may run several times. `null` deletes the document, `undefined` leaves it as it is. */
export type TUpdateFunction<T> = (current: T | null) => T | null | undefined;

export interface IUpdateOptions<T> {
  codec?: ICodec<T>;
  /** Whether this very update is in `current` already; settles the case where the store's answer was lost. */
  applied?(current: T): boolean;
}

/** The document as it stands after the write; both `null` where there is none. */
export interface IUpdateResult<T> {
  value: T | null;
  etag: string | null;
}

export type THashName = 'sha1' | 'sha256' | 'sha512' | 'md5';

export interface IStageAbout {
  /** the key that the artifact is meant for */
  key: string;
  contentType?: string;
  packageName?: string;
  version?: string;
}

export interface IStageOptions {
  hashes: THashName[];
  /** bytes; a longer body throws `tooLarge`. Default `limits.maxArtifactSize` */
  limit?: number;
  /** bytes, where known beforehand; a body of another length throws `invalid` */
  size?: number;
  /** lets `beforePut` refuse (phase `start`) before the first byte of a body that will not fit in memory is read */
  about?: IStageAbout;
}

/** Identifies one write for good; an entry keeps `id` so that a writer whose answer was lost finds its own work. */
export interface IWriteStamp {
  /** UUID */
  id: string;
  /** ISO 8601, UTC */
  time: string;
}

export type { ICodec };
