/** Options of a garbage collection. */
export interface IGarbageOptions {
  /**
   * ms; only older objects are removed. Default 86,400,000 (a day). Content that a manifest names stays whatever its
   * age
   */
  graceMs?: number | undefined;
  /** only counts what would be removed */
  dryRun?: boolean | undefined;
  /** aborts the collection between two steps; the next one does the rest */
  signal?: AbortSignal | undefined;
  onProgress?(progress: IGarbageProgress): void;
}

export interface IGarbageProgress {
  protocol: string;
  /** the kind of objects that are looked through, e.g. `manifests` */
  phase: string;
  /** objects looked at so far in this phase */
  done: number;
}

/** What one protocol removed, or would remove. */
export interface IGarbageReport {
  protocol: string;
  /** by kind of object, e.g. `{ blobs: 3, links: 4, manifests: 0 }` */
  removed: Record<string, number>;
  /** bytes of the removed objects */
  bytes: number;
}

/** The time that a client has between the push of content and the push of the manifest that names it. */
export const DEFAULT_GRACE_MS = 24 * 60 * 60 * 1000;
