import type { ICodec } from '../../base/helpers.codec.js';
import type { IWriteStamp, THashName } from '../interfaces.storage.js';
import type { StagedObject } from '../uploads/classes.stagedobject.js';

/** A placed artifact: at its layout key, or at `<key>.<write id>` if that was taken. */
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
  /** the artifact's key in the storage layout */
  key: string;
  contentType: string;
  /** the digest that hooks get; default sha256 */
  digestAlgorithm?: THashName | undefined;
  /** the version that hooks get; default: that of the plan */
  version?: string | undefined;
}

/** A listing of all packages that follows their documents; `PackageCatalog` is one. */
export interface IDerivedListing<T> {
  /** Stores a marker: this package's document is about to change. The returned id is for `unmark`. */
  mark(name: string): Promise<string>;
  /** Removes the marker. */
  unmark(id: string): Promise<void>;
  /**
   * Records the written document. Removes the marker, now or soon.
   * @param document null: it was deleted
   * @param revision of the document, as counted by storage
   */
  note(name: string, document: T | null, marker?: string, revision?: number): Promise<void>;
  /**
   * Called if a write finds the document as it wants it. The process that wrote it may not have recorded it yet, or may
   * have ended before.
   */
  confirm?(name: string, document: T): Promise<void>;
}

/**
 * One write of a package: artifacts to place, the document that names them, and artifacts that the document no longer
 * names. See `RegistryStorage.commit`.
 */
export interface ICommitPlan<T> {
  packageName: string;
  version?: string | undefined;
  /** artifacts to put; no object is ever overwritten */
  place?: IArtifactPlan[] | undefined;
  document: {
    key: string;
    codec?: ICodec<T> | undefined;
    /**
     * Must be pure, and may run several times. `current` is frozen. Throws the protocol's own "already exists" or
     * `notFound`. If it returns `current` itself, nothing is written and `commit` returns it. If it returns `null`, the
     * document is deleted.
     */
    apply(current: T | null, placed: IPlacedArtifact[], stamp: IWriteStamp): T | null;
    /**
     * Whether this very write is in `current`, found by the id that it left there. It is called if the store's answer
     * was lost and others have written so often since that the object's metadata do not show it.
     */
    applied?(current: T, stamp: IWriteStamp): boolean;
    /**
     * Whether `current` names the artifact of this plan at this key. Default: its text is searched for the key. Needed
     * if the document does not have its keys in full.
     */
    names?(current: T, key: string): boolean;
  };
  /**
   * Keys that the new document no longer names. They are recorded as spent in the same write and deleted afterwards. If
   * a plan has `drop` and places nothing, it is a removal: hooks get it as a delete.
   */
  drop?: (string[] | ((before: T | null, after: T | null) => string[])) | undefined;
  /** digest of the dropped content, for the hooks */
  digest?: string | undefined;
  catalog?: IDerivedListing<T> | undefined;
}

/** Which orphans a sweep deletes, and when it ends. */
export interface ISweepOptions {
  /** Younger orphans stay: deleting them would make a write under way place its artifacts again. Default 24 h */
  olderThanMs?: number | undefined;
  /** aborts the sweep after the packages under way */
  signal?: AbortSignal | undefined;
  /** only calls `onOrphan` */
  dryRun?: boolean | undefined;
  /** called with each orphan that was deleted (in a dry run: would be), and its bytes */
  onOrphan?(key: string, size: number): void;
}

/** Describes which objects below a prefix belong to which document, and which of them the document names. */
export interface IPackageSweep<T> extends ISweepOptions {
  /** prefix of the artifacts, and of the documents unless they have one of their own */
  prefix: string;
  /** prefix of the documents, if they are not among the artifacts */
  documents?: string | undefined;
  codec?: ICodec<T> | undefined;
  /** The key of the only document that may name the object at `key`; for a document among the artifacts, its own key. */
  ownerOf(key: string): string;
  /** The keys of all artifacts that the document names. */
  named(document: T): Iterable<string>;
}
