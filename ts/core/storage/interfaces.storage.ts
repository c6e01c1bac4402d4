import type { ICodec, IDocumentStamp } from '../base/helpers.codec.js';
import type { IRequestActor, TRegistryProtocol } from '../interfaces.core.js';

/** The caller for whom storage is used, as hooks get it. */
export interface IStorageOrigin {
  protocol: TRegistryProtocol;
  actor?: IRequestActor | undefined;
  /** aborts reading and staging of bodies when the client is gone; a commit that has begun is still finished */
  signal?: AbortSignal | undefined;
  /** the write for which hooks are called; set by core */
  operationId?: string | undefined;
}

/** A parsed document, deep-frozen: change a copy. */
export interface IStoredDocument<T> {
  readonly value: T;
  readonly etag: string;
  /** number of writes of the document's key, deletes included; grows with every write */
  readonly revision: number;
  readonly lastModified: Date;
}

/** Whether there is a document; `deleted`: there was one, and its tombstone exists. */
export type TPresence = 'present' | 'deleted' | 'absent';

/** Data that core keeps about a document beside its value. */
export interface IDocumentAbout {
  /** of the stored version, or of a deleted document's tombstone; 0: the key was never written */
  readonly revision: number;
  /**
   * Whether somebody has tried, or is about to try, to delete this artifact key: then nothing may be put there again.
   */
  isSpent(key: string): boolean;
}

/**
 * Must be pure and synchronous, and may run several times. Returns `null` to delete the document (a tombstone keeps its
 * revision), `undefined` to leave it unchanged.
 */
export type TUpdateFunction<T> = (current: T | null, about: IDocumentAbout) => T | null | undefined;

export interface IUpdateOptions<T> {
  codec?: ICodec<T> | undefined;
  /**
   * Whether this very update is already in `current`. It is called if the store's answer was lost and others have
   * written so often since that the object's metadata do not show it.
   */
  applied?(current: T): boolean;
}

/** The document after the write. */
export interface IUpdateResult<T> {
  /** null: there is no document */
  value: T | null;
  /** of the stored object, which may be a tombstone; null: the key was never written */
  etag: string | null;
  revision: number;
}

export type THashName = 'sha1' | 'sha256' | 'sha512' | 'md5';

export interface IStageAbout {
  /** the key that the artifact is meant for */
  key: string;
  contentType?: string | undefined;
  packageName?: string | undefined;
  version?: string | undefined;
}

export interface IStageOptions {
  hashes: THashName[];
  /** bytes; a longer body throws `tooLarge`. Default `limits.maxArtifactSize` */
  limit?: number | undefined;
  /** bytes, if known beforehand; a body of another length throws `invalid` */
  size?: number | undefined;
  /** lets `beforePut` (phase `start`) refuse a body that will not fit in memory before its first byte is read */
  about?: IStageAbout | undefined;
}

/**
 * Identifies one write permanently. An entry keeps `id`, so that a writer whose answer was lost finds its own write.
 */
export interface IWriteStamp {
  /** UUID */
  id: string;
  /** ISO 8601, UTC */
  time: string;
}

export type { ICodec, IDocumentStamp };
