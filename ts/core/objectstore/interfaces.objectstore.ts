/**
 * The interface between the registry and the storage of its bytes.
 *
 * An absent object is `null`. Every fault throws a `RegistryError`: `preconditionFailed` if a condition of a write does
 * not hold, `unavailable` if the store does not work, `internal` if the object itself is damaged, `outcomeUnknown` if a
 * write or a delete may or may not have been applied. An outage therefore never reads as "not found", and a damaged
 * object is listed as long as its key is taken.
 *
 * `preconditionFailed` is certain: no attempt of this call was in doubt, and nothing of it was or will be applied. If
 * one attempt of a call was in doubt, a driver may return success when it sees that the object is its own, and must
 * throw `outcomeUnknown` otherwise. A delete is sent once. Any other error of a store of the application's own counts as
 * `unavailable` for a read, and as `outcomeUnknown` for a write or a delete (`GuardedStore`).
 *
 * Keys are separated by `/`, never begin or end with `/`, have no empty, `.` or `..` segment and no NUL, and sort by
 * their UTF-8 bytes.
 */
export interface IObjectInfo {
  key: string;
  /** bytes */
  size: number;
  /** opaque, without quotes; two writes never share one unless their bytes are equal */
  etag: string;
  lastModified: Date;
  contentType?: string | undefined;
  /** names are lower case; listings may leave it out */
  metadata?: Record<string, string> | undefined;
}

/** `list` with a delimiter yields one of these for all keys that share the next segment. */
export interface IObjectPrefix {
  prefix: string;
}

/** `end` is inclusive, as in RFC 9110 section 14.1.2, and is clamped to the object's last byte. */
export type TObjectRange = { start: number; end?: number } | { suffix: number };

/** Options of `IObjectStore.get`. */
export interface IGetOptions {
  /** a range that starts past the end throws `rangeInvalid` (with `detail: { size }`) */
  range?: TObjectRange | undefined;
  ifNoneMatch?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** An object with its content. */
export interface IObject {
  info: IObjectInfo;
  /** always read it to the end or cancel it: an open body holds a file or a socket */
  body: ReadableStream<Uint8Array>;
  /** the bytes of `body` within the object; set if a range was requested */
  range?: { start: number; end: number } | undefined;
}

/** Options of `IObjectStore.put`. */
export interface IPutOptions {
  /** total bytes of a stream, if known: the driver then throws `invalid` for a body of another length */
  size?: number | undefined;
  contentType?: string | undefined;
  metadata?: Record<string, string> | undefined;
  /** writes only if the object has this ETag; throws `preconditionFailed` otherwise */
  ifMatch?: string | undefined;
  /** writes only if there is no object; throws `preconditionFailed` otherwise */
  ifNoneMatch?: '*' | undefined;
  /** the caller promises never to write other bytes under this key, so a driver may skip its bookkeeping for rewrites */
  immutable?: boolean | undefined;
  /** an intermediate result, which need not survive a loss of power: a driver may skip what makes writes durable */
  temporary?: boolean | undefined;
  /**
   * many objects have this content and metadata, and only their keys matter: a driver may store those of the same second
   * as names of one file; they then have the time and the ETag of the first of them
   */
  shareable?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/** Options of `IObjectStore.compose`. */
export interface IComposeOptions {
  contentType?: string | undefined;
  metadata?: Record<string, string> | undefined;
  ifNoneMatch?: '*' | undefined;
  immutable?: boolean | undefined;
  /** bytes of each part, if the caller has just listed them: the driver need not look them up again */
  sizes?: number[] | undefined;
  /** the ETag of each part, if its bytes matter: if a part has another one by now, `compose` throws `notFound` */
  etags?: string[] | undefined;
  signal?: AbortSignal | undefined;
}

/** Options of `IObjectStore.list`. */
export interface IListOptions {
  prefix: string;
  /** exclusive */
  after?: string | undefined;
  delimiter?: string | undefined;
  limit?: number | undefined;
  /** the caller wants any `limit` items: a driver may choose those that it finds first, and yield them in any order */
  inAnyOrder?: boolean | undefined;
}

/** Options of `IObjectStore.scan`. */
export interface IScanOptions {
  prefix: string;
  /** keys whose `version` the caller needs; default: none */
  versionOf?(key: string): boolean;
  /** keys whose `lastModified` the caller needs; default: none */
  timeOf?(key: string): boolean;
}

/** A key as `scan` yields it. */
export interface IScannedKey {
  key: string;
  /**
   * Differs from the version of every other write of the key. While somebody writes the key, it may for a moment be that
   * of an earlier or a failed write. undefined: the caller did not ask for it, or only opening the object would show it
   */
  version?: string | undefined;
  /** when it was written, or a later time (a restored backup has that of the restore); undefined as for `version` */
  lastModified?: Date | undefined;
}

/** Where the registry keeps its bytes: a driver for S3, a directory, or one of the application's own. */
export interface IObjectStore {
  /** false if the server ignores `ifMatch` and `ifNoneMatch`; known after `init()` */
  readonly conditionalWrites: boolean;
  /**
   * false if the server ignores or refuses conditions on objects that are sent in parts; default: `conditionalWrites`
   */
  readonly conditionalJoins?: boolean | undefined;
  /** What is known of an object without its content; `null` if it is absent. */
  head(key: string): Promise<IObjectInfo | null>;
  /**
   * Returns what `head` would return, if that is certain and needs no waiting; undefined = call `head`. For stores
   * whose look-ups take microseconds.
   */
  glance?(key: string): IObjectInfo | undefined;
  /** The object, or a range of it; `null` if it is absent. */
  get(key: string, options?: IGetOptions): Promise<IObject | 'notModified' | null>;
  /** The object is durable when this resolves. If the source of the body fails, the object from before stays. */
  put(key: string, body: Uint8Array | ReadableStream<Uint8Array>, options?: IPutOptions): Promise<{ etag: string }>;
  /**
   * Joins `parts` in order into `target`; their bytes do not pass through the caller. Afterwards the content of the
   * parts is undefined, and the caller deletes them (an absent key is fine). If it throws `preconditionFailed`, the
   * parts are untouched.
   */
  compose(target: string, parts: string[], options?: IComposeOptions): Promise<{ etag: string }>;
  /**
   * Resolves if no object is there, unless `ifMatch` is set: then it throws `preconditionFailed`. `repeatable`: the key is
   * never written again, so a driver may send the delete twice, and a loss of power may bring the object back.
   */
  delete(key: string, options?: { ifMatch?: string; repeatable?: boolean }): Promise<void>;
  /** in key order, page by page */
  list(options: IListOptions): AsyncIterable<IObjectInfo | IObjectPrefix>;
  /**
   * Keys in key order, for work over all packages: for stores whose `list` has to open every object. It opens none, so a
   * damaged object does not stop it, and it may yield keys of deleted objects. A store without it is listed.
   */
  scan?(options: IScanOptions): AsyncIterable<IScannedKey>;
  /**
   * Removes leftovers of interrupted writers that are older than this and in no listing: unfinished multipart uploads
   * and temporary files. Returns their number.
   */
  sweep?(olderThanMs: number): Promise<number>;
  /** Called once, before any other method. */
  init?(): Promise<void>;
  /** Frees what the driver holds. */
  destroy?(): Promise<void>;
}
