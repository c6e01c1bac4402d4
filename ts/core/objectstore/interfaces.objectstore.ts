/**
 * The seam between the registry and whatever keeps its bytes.
 *
 * Absent is `null`; every other trouble throws a `RegistryError` (`preconditionFailed` when a condition of a write
 * does not hold, `unavailable` when the store cannot answer, `outcomeUnknown` when a write or a delete may or may not
 * have been applied). An outage therefore never reads as "not found".
 *
 * `preconditionFailed` is a certain answer: no attempt of this call was in doubt, and nothing of it was or will be
 * applied. Once one attempt of a call was in doubt, a driver may answer success if it sees that the object is its own,
 * and must throw `outcomeUnknown` otherwise. A delete is sent once.
 *
 * Keys are `/`-separated, never begin or end with `/`, hold no empty, `.` or `..` segment and no NUL, and sort by
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

/** What `list` yields with a delimiter for all keys that share the next segment. */
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
  /** the bytes of `body` in the object, present when a range was asked for */
  range?: { start: number; end: number } | undefined;
}

/** Options of `IObjectStore.put`. */
export interface IPutOptions {
  /** total bytes of a stream, where known: the driver then refuses a body of another length (`invalid`) */
  size?: number | undefined;
  contentType?: string | undefined;
  metadata?: Record<string, string> | undefined;
  /** write only over the object that has this ETag, else `preconditionFailed` */
  ifMatch?: string | undefined;
  /** write only where no object is, else `preconditionFailed` */
  ifNoneMatch?: '*' | undefined;
  /** the caller promises never to write other bytes under this key, so a driver may skip its bookkeeping for rewrites */
  immutable?: boolean | undefined;
  /** an intermediate result: it need not survive a loss of power, so a driver may skip what makes writes durable */
  scratch?: boolean | undefined;
  /**
   * there are many objects with just this content and metadata, and only their keys matter: a driver may keep one file
   * for those of the same second, with the time and the ETag of the first of them for all
   */
  common?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/** Options of `IObjectStore.compose`. */
export interface IComposeOptions {
  contentType?: string | undefined;
  metadata?: Record<string, string> | undefined;
  ifNoneMatch?: '*' | undefined;
  immutable?: boolean | undefined;
  /** bytes of each part, where the caller has just listed them: a driver need not ask again */
  sizes?: number[] | undefined;
  /** the ETag of each part, if its bytes matter: a part that is another object by now is not there (`notFound`) */
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
}

/** Where the registry keeps its bytes: a driver for S3, a directory, or one of the application's own. */
export interface IObjectStore {
  /** false where the server ignores `ifMatch`/`ifNoneMatch`; known after `init()` */
  readonly conditionalWrites: boolean;
  /** false where conditions are ignored, or refused, for objects that arrive in parts; absent: as `conditionalWrites` */
  readonly conditionalJoins?: boolean | undefined;
  /** What is known of an object without its content; `null` if it is absent. */
  head(key: string): Promise<IObjectInfo | null>;
  /**
   * What `head` would answer, where that is known for certain without waiting for anything; undefined = ask `head`. For
   * stores that are looked at in microseconds.
   */
  glance?(key: string): IObjectInfo | undefined;
  /** The object, or a range of it; `null` if it is absent. */
  get(key: string, options?: IGetOptions): Promise<IObject | 'notModified' | null>;
  /** Durable when it resolves. A source that fails leaves what was there before. */
  put(key: string, body: Uint8Array | ReadableStream<Uint8Array>, options?: IPutOptions): Promise<{ etag: string }>;
  /**
   * Joins `parts` in order into `target` without sending their bytes through the caller. The parts are spent: their
   * content is undefined afterwards and the caller deletes them (an absent key is fine). When it throws
   * `preconditionFailed` the parts are untouched.
   */
  compose(target: string, parts: string[], options?: IComposeOptions): Promise<{ etag: string }>;
  /**
   * Deleting what is absent is fine, unless `ifMatch` says what should have been there. `scratch`: it harms nobody if a
   * loss of power brings the object back.
   */
  delete(key: string, options?: { ifMatch?: string; scratch?: boolean }): Promise<void>;
  /** in key order, page by page */
  list(options: IListOptions): AsyncIterable<IObjectInfo | IObjectPrefix>;
  /**
   * Removes what writers that broke off left outside of all listings, and that is older than this: unfinished multipart
   * uploads, temporary files. Answers how many.
   */
  sweep?(olderThanMs: number): Promise<number>;
  /** Called once, before any other method. */
  init?(): Promise<void>;
  /** Frees what the driver holds. */
  destroy?(): Promise<void>;
}
