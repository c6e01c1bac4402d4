import type { ICodec } from '../storage/interfaces.storage.js';

export interface IPackageCatalogOptions<TDoc, TEntry> {
  /** key prefix without a trailing slash, e.g. `npm/catalog` */
  prefix: string;
  /** key of the base, if the storage layout wants another than `{prefix}/manifest.json` */
  baseKey?: string | undefined;
  documentKey(name: string): string;
  /**
   * Where all documents are, so that the listing can be rebuilt from them: their prefix, and a function that returns
   * the package of a document's key (undefined: the key is not a document's). A listing without this cannot be rebuilt.
   */
  documents?: { prefix: string; nameOf(key: string): string | undefined };
  codec?: ICodec<TDoc> | undefined;
  /** the data of a package that listings show, as JSON; null: the package is not listed (deleted) */
  entry(name: string, document: TDoc): TEntry | null;
  /**
   * An integer that grows with every write of the document, also if the package is deleted and published again;
   * default: the revision that storage counts. Protocols that delete documents must use the default.
   */
  revision?(document: TDoc): number;
}

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
