/** A stored zip. */
export interface IComposerArtifact {
  key: string;
  /** bytes */
  size: number;
  /** hex; also the `reference` and the `shasum` of the version */
  sha1: string;
  /** hex */
  sha256: string;
  /** of the write that stored it */
  writeId: string;
}

/** A composer.json, checked by wire.manifest.ts. It may have members of any name: read them with `Object.hasOwn`. */
export type TComposerManifest = Record<string, unknown>;

/** One version of a package. */
export interface IComposerVersion {
  /** as it was uploaded */
  version: string;
  /** by Composer's rules; unique in the package */
  normalized: string;
  /** composer.json without the members that the registry itself sets */
  manifest: TComposerManifest;
  /** ISO time of the upload, by the registry's clock */
  publishedAt: string;
  artifact: IComposerArtifact;
  /**
   * Zips that later uploads of this dev version have replaced, the newest first. They can be downloaded until they fall
   * off the end: lock files name them, and so does metadata that a client has just read.
   */
  replaced?: IComposerArtifact[];
}

/** An entry of a filter list: these versions are blocked at every client. */
export interface IComposerFilterEntry {
  list: string;
  /** Composer's syntax, e.g. `>=1.0 <1.2.3` */
  constraint: string;
  reason?: string;
  url?: string;
}

/** A version that was deleted. */
export interface IDeletedVersion {
  normalized: string;
  /** ISO */
  time: string;
  /** of the write that deleted it */
  writeId: string;
}

/** The document of a package. It is never deleted, because it records which versions were published. */
export interface IComposerDocument {
  /** `vendor/package`, lower case */
  name: string;
  /**
   * ISO time of the last change; grows by at least a second with each. Composer compares `Last-Modified`, which has
   * whole seconds, and knows no ETag.
   */
  changedAt: string;
  /** in the order of their first upload */
  versions: IComposerVersion[];
  /** versions that were deleted and cannot be published again; dev versions can */
  deleted: IDeletedVersion[];
  filters?: IComposerFilterEntry[];
}

/** A package's entry in search and listings; stored in the catalog. */
export interface IComposerEntry {
  /** the version that the rest is from: the last one that is stable, else the last one */
  version: string;
  type: string;
  /** ISO time of its upload */
  date: string;
  description?: string;
  keywords: string[];
  /** true, or the name of the package that replaces it */
  abandoned?: boolean | string;
  /** names of (virtual) packages that it provides or replaces */
  provides: string[];
  /** filter list -> constraint */
  filters?: Record<string, string>;
}
