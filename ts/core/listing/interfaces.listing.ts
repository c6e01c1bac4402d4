import type { ICodec } from '../storage/interfaces.storage.js';

/** How a `PackageCatalog` finds packages, and what it keeps of each. */
export interface IPackageCatalogOptions<TDoc, TEntry> {
  /** key prefix without a trailing slash, e.g. `npm/catalog` */
  prefix: string;
  /** key of the base, if the storage layout wants it elsewhere than in `{prefix}/manifest.json` */
  baseKey?: string | undefined;
  /** The key of the document of a package. */
  documentKey(name: string): string;
  /**
   * How all documents are found, to rebuild the listing from them: below which prefix they lie, and which package a key
   * there is the document of (undefined: it is something else). A listing without this cannot be rebuilt.
   */
  documents?: {
    prefix: string;
    /** The package whose document has this key; undefined for other keys. */
    nameOf(key: string): string | undefined;
  };
  codec?: ICodec<TDoc> | undefined;
  /** what listings show of a package; JSON; null = it is not listed (deleted) */
  entry(name: string, document: TDoc): TEntry | null;
  /**
   * a whole number that grows with every write of the document, also when the package is deleted and comes back;
   * default: the revision that storage counts. A protocol that deletes documents leaves it at that.
   */
  revision?(document: TDoc): number;
}

/** How old a listing may be that is read. */
export interface IListingReadOptions {
  /**
   * ms (default 1,000): how old this process's view of what other processes wrote may be; what this process noted is
   * always in it
   */
  maxAgeMs?: number | undefined;
}

/** A package that is listed. */
export interface IListedPackage<TEntry> {
  readonly name: string;
  readonly entry: TEntry;
}

/** All listed packages at one moment, in the order that all replicas share: UTF-16 code units of the names. */
export interface IListingSnapshot<TEntry> {
  /** grows with each change; means something within this process only */
  readonly version: number;
  readonly packages: readonly IListedPackage<TEntry>[];
}

/** Called now and then with the number of documents that were read so far. */
export type TRebuildProgress = (documents: number) => void;

/** A listing that can be made anew from the documents. */
export interface IRebuildable {
  /** Returns the number of documents, those of deleted packages included. */
  rebuild(progress?: TRebuildProgress): Promise<number>;
}
