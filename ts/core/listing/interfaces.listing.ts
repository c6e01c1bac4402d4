import type { ICodec } from '../storage/interfaces.storage.js';

/** How a `PackageCatalog` finds packages, and what it keeps of each. */
export interface IPackageCatalogOptions<TDoc, TEntry> {
  /** key prefix without a trailing slash, e.g. `npm/catalog` */
  prefix: string;
  /** key of the base, if the storage layout wants another than `{prefix}/manifest.json` */
  baseKey?: string | undefined;
  /** The key of the document of a package. */
  documentKey(name: string): string;
  /**
   * Where all documents are, so that the listing can be rebuilt from them: their prefix, and a function that returns
   * the package of a document's key (undefined: the key is not a document's). A listing without this cannot be rebuilt.
   */
  documents?: {
    prefix: string;
    /** The package whose document has this key; undefined for other keys. */
    nameOf(key: string): string | undefined;
  };
  codec?: ICodec<TDoc> | undefined;
  /** the data of a package that listings show, as JSON; null: the package is not listed (deleted) */
  entry(name: string, document: TDoc): TEntry | null;
  /**
   * An integer that grows with every write of the document, also if the package is deleted and published again;
   * default: the revision that storage counts. Protocols that delete documents must use the default.
   */
  revision?(document: TDoc): number;
  /** a log of all changes, which is kept up to date along with the listing */
  log?: IFollowingLog<TDoc> | undefined;
}

/** How old a listing may be that is read. */
export interface IListingReadOptions {
  /**
   * ms (default 1,000): maximum age of this process's view of other processes' writes; notes of this process are always
   * included
   */
  maxAgeMs?: number | undefined;
}

/** A listed package. */
export interface IListedPackage<TEntry> {
  readonly name: string;
  readonly entry: TEntry;
}

/** All listed packages at one moment, in the order that all replicas share: UTF-16 code units of the names. */
export interface IListingSnapshot<TEntry> {
  /** grows with each change; only meaningful within this process */
  readonly version: number;
  readonly packages: readonly IListedPackage<TEntry>[];
}

/** Called from time to time with the number of documents that were read so far. */
export type TRebuildProgress = (documents: number) => void;

/** A listing that can be rebuilt from the documents. */
export interface IRebuildable {
  /** Returns the number of documents, including those of deleted packages. */
  rebuild(progress?: TRebuildProgress): Promise<number>;
}

/** A log that a listing of packages keeps up to date along with itself; `OrderedLog` is one. */
export interface IFollowingLog<TDoc> extends IRebuildable {
  /** Adds the changes of a document that was just written. Throws if that is not certain to be stored. */
  note(name: string, document: TDoc | null): Promise<void>;
  /** Adds changes of the stored document that are missing. Returns whether there were any. */
  follow(name: string): Promise<boolean>;
  /** Sets the function that repairs from markers; it is called before each look at the store. */
  repairWith(repair: () => Promise<void>): void;
  /** Removes objects older than this that nothing names. Returns their number. */
  sweep(olderThanMs: number): Promise<number>;
}
