import type { IProtocolConfig } from '../core/interfaces.core.js';

export interface IOciConfig extends IProtocolConfig {
  /**
   * - `delete`: default true. False: deletes get the status 405
   * - `sparseIndexes`: default false. True: an index may name manifests that this repository does not have, e.g.
   *   because it was copied for some of its platforms only (distribution-spec, "Pushing Manifests")
   */
  features?: { delete?: boolean; sparseIndexes?: boolean } & Record<string, boolean>;
  /** globs (`*`) of tags that cannot be moved or deleted after their push */
  immutableTags?: string[] | undefined;
  /**
   * `Location` is a whole URL, for clients that do not support paths; with `registryUrl` it always is. Default false
   */
  absoluteLocations?: boolean | undefined;
  /** ms without a chunk after which an unfinished upload is given up; default 86,400,000 (a day) */
  uploadExpiryMs?: number | undefined;
  /**
   * How the daily garbage collection treats manifests that no tag leads to: neither directly, nor through an index, nor
   * as a reference to a kept manifest. `deleteAfterMs`: they are deleted this many ms after their push, unless a
   * `beforeDelete` hook refuses it. Default `'keep'`: clients may pull them by digest.
   */
  untaggedManifests?: 'keep' | { deleteAfterMs: number } | undefined;
}
