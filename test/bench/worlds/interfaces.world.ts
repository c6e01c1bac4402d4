import type { IClientRequest, IProtocolDescription } from '../../support/protocol/description.js';

/** What the bench of a protocol of packages must know of it. */
export interface IBenchWorld {
  about: IProtocolDescription;
  /** a name that occurs nowhere else in what is stored for it: copies replace it; digits behind it are a name too */
  sample: string;
  /** the whole name that the sample is part of, if what is stored does not have that in one piece */
  sampleName?: string;
  /**
   * The upload of an artifact of about this size, which does not get smaller by compression, and its bytes; with its
   * path if that has a digest of the bytes in it.
   */
  big(
    name: string,
    version: string,
    size: number,
  ): Promise<{ request: IClientRequest; artifact: Buffer; path?: string }>;
  /** paths of listings of all packages that clients fetch with each command */
  listings?: string[];
  /** paths of files about all packages that only grow: clients fetch what is new in them */
  logs?: string[];
  /** headers of the protocol's usual client for metadata; default: it takes gzip */
  headers?: Record<string, string>;
  /** MB/s that the 50 MB upload and download must reach */
  atLeast?: { up?: number; down?: number };
}
