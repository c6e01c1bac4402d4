import type { ICodec } from '../../base/helpers.codec.js';
import type { IWriteStamp, THashName } from '../interfaces.storage.js';
import type { StagedObject } from '../uploads/classes.stagedobject.js';

/** An artifact where it lies now: at its layout key, or at `<key>.<write id>` where that one was taken. */
export interface IPlacedArtifact {
  key: string;
  /** bytes */
  size: number;
  /** algorithm -> hex */
  digests: Record<string, string>;
  contentType: string;
}

/** An artifact that a commit places. */
export interface IArtifactPlan {
  staged: StagedObject;
  /** where the storage layout wants it */
  key: string;
  contentType: string;
  /** which digest hooks are told; default sha256 */
  digestAlgorithm?: THashName | undefined;
  /** which version hooks are told; default that of the whole plan */
  version?: string | undefined;
}

/** A listing of all packages that follows their documents; `PackageCatalog` is one. */
export interface IDerivedListing<T> {
  /** Leaves a note that this package's document is about to change; the id names it in `unmark`. */
  mark(name: string): Promise<string>;
  /** Takes that back. */
  unmark(id: string): Promise<void>;
  /**
   * The document is written; takes back the marker, now or soon.
   * @param document null: it was deleted
   * @param revision of the document, as storage counts it
   */
  note(name: string, document: T | null, marker?: string, revision?: number): Promise<void>;
}

/**
 * One write of a package: artifacts that are placed, the document that names them, artifacts that it no longer names.
 * See `RegistryStorage.commit`.
 */
export interface ICommitPlan<T> {
  packageName: string;
  version?: string | undefined;
  /** artifacts to put, never over anything */
  place?: IArtifactPlan[] | undefined;
  document: {
    key: string;
    codec?: ICodec<T> | undefined;
    /**
     * Pure, may run several times. `current` is frozen. Throws the protocol's own "already exists" or `notFound`.
     * Returning `current` itself means that there is nothing to write, and `commit` returns it. `null` deletes.
     */
    apply(current: T | null, placed: IPlacedArtifact[], stamp: IWriteStamp): T | null;
    /**
     * Whether this very write is in `current`, by the id that it left there. It is asked when the store's answer was
     * lost and others have written so often since that the object's metadata no longer tells.
     */
    applied?(current: T, stamp: IWriteStamp): boolean;
  };
  /**
   * Keys that the new document no longer names. They are noted as spent in the same write and deleted afterwards.
   * A plan that has `drop` and places nothing is a removal: hooks hear of it as a delete.
   */
  drop?: (string[] | ((before: T | null, after: T | null) => string[])) | undefined;
  /** of the dropped content, for the hooks */
  digest?: string | undefined;
  catalog?: IDerivedListing<T> | undefined;
}

/** Which orphans a sweep deletes, and when it ends. */
export interface ISweepOptions {
  /** Younger orphans stay: a write under way would have to place its artifacts again. Default 24 h */
  olderThanMs?: number | undefined;
  /** ends the sweep after the packages that are being looked at */
  signal?: AbortSignal | undefined;
  /** only calls `onOrphan` */
  dryRun?: boolean | undefined;
  /** called for each orphan that was deleted (in a dry run: would be), with its bytes */
  onOrphan?(key: string, size: number): void;
}

/** Which objects below a prefix belong to which document, and which of them it names. */
export interface IPackageSweep<T> extends ISweepOptions {
  /** documents and their artifacts lie below it */
  prefix: string;
  codec?: ICodec<T> | undefined;
  /** The key of the document that alone may name the object at `key`; of a document its own key. */
  ownerOf(key: string): string;
  /** The keys of all artifacts that the document names. */
  named(document: T): Iterable<string>;
}
