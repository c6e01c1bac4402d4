/** What an archive may unpack to. */
export interface IArchiveLimits {
  /** how messages call the archive, e.g. `The crate` */
  noun: string;
  /** bytes; an archive that unpacks to more throws `tooLarge` */
  maxUnpackedSize: number;
  /** files, folders and links; default 200,000 (the largest packages that are known have about 60,000) */
  maxEntries?: number | undefined;
  /**
   * How many times its own size an archive may unpack to, once it is larger than `from` bytes; default: unlimited. The
   * public Python index refuses more than 50 times above 64 MiB.
   */
  ratios?: readonly IRatioLimit[] | undefined;
}

export interface IRatioLimit {
  times: number;
  /** bytes of unpacked content; smaller archives may have any ratio */
  from: number;
}

/** A limit that no honest package is known to reach; above it, the public Python index calls a file a bomb. */
export const USUAL_RATIO: IRatioLimit = { times: 50, from: 64 * 1024 * 1024 };

/**
 * Which files' content is kept. Returns the limit in bytes for a file that is wanted (a larger one throws `invalid`),
 * and undefined for every other. The path has no empty and no `.` segments: `demo-1.0/PKG-INFO`.
 */
export type TWanted = (path: string) => number | undefined;
