import type { ICodec, IDocumentStamp } from '../base/helpers.codec.js';
import type { IRequestActor, TRegistryProtocol } from '../interfaces.core.js';

/** On whose behalf storage is used; what hooks are told. */
export interface IStorageOrigin {
  protocol: TRegistryProtocol;
  actor?: IRequestActor | undefined;
  /** ends reading and staging of bodies when the client is gone; a commit that has begun is finished all the same */
  signal?: AbortSignal | undefined;
  /** the write that hooks are called for; core sets it */
  operationId?: string | undefined;
}

/** A parsed document, deep-frozen: change a copy. */
export interface IStoredDocument<T> {
  readonly value: T;
  readonly etag: string;
  /** how often the document's key was written, deletes included; grows with every write */
  readonly revision: number;
  readonly lastModified: Date;
}

/** Whether there is a document; `deleted`: there was one, and its tombstone is there. */
export type TPresence = 'present' | 'deleted' | 'absent';

/** What core keeps about a document beside its value. */
export interface IDocumentAbout {
  /** of the stored version, or of the tombstone that a deleted document left; 0: the key was never written */
  readonly revision: number;
  /** Whether somebody has tried, or is about to try, to delete this artifact key: nothing may be put there again. */
  isSpent(key: string): boolean;
}

/**
 * Pure and synchronous: it may run several times. `null` deletes the document (a tombstone keeps its revision),
 * `undefined` leaves it as it is.
 */
export type TUpdateFunction<T> = (current: T | null, about: IDocumentAbout) => T | null | undefined;

/** Options of `RegistryStorage.update`. */
export interface IUpdateOptions<T> {
  codec?: ICodec<T> | undefined;
  /**
   * Whether this very update is in `current` already. It is asked when the store's answer was lost and others have
   * written so often since that the object's metadata no longer tells.
   */
  applied?(current: T): boolean;
}

/** The document as it stands after the write. */
export interface IUpdateResult<T> {
  /** null: there is no document */
  value: T | null;
  /** of the stored object, so also of a tombstone; null: the key was never written */
  etag: string | null;
  revision: number;
}

/** A hash function that staged content is hashed with. */
export type THashName = 'sha1' | 'sha256' | 'sha512' | 'md5';

/** What is known of content before it is staged. */
export interface IStageAbout {
  /** the key that the artifact is meant for */
  key: string;
  contentType?: string | undefined;
  packageName?: string | undefined;
  version?: string | undefined;
}

/** How content is staged. */
export interface IStageOptions {
  hashes: THashName[];
  /** bytes; a longer body throws `tooLarge`. Default `limits.maxArtifactSize` */
  limit?: number | undefined;
  /** bytes, where known beforehand; a body of another length throws `invalid` */
  size?: number | undefined;
  /** lets `beforePut` refuse (phase `start`) before the first byte of a body that will not fit in memory is read */
  about?: IStageAbout | undefined;
}

/** Identifies one write for good; an entry keeps `id` so that a writer whose answer was lost finds its own work. */
export interface IWriteStamp {
  /** UUID */
  id: string;
  /** ISO 8601, UTC */
  time: string;
}

export type { ICodec, IDocumentStamp };
