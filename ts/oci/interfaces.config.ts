import type { IProtocolConfig } from '../core/interfaces.core.js';

/** The `oci` block of the configuration. */
export interface IOciConfig extends IProtocolConfig {
  /**
   * - `delete`: default true. False: deletes are answered 405
   * - `sparseIndexes`: default false. True: an index may name manifests that this repository does not have, as one that was
   *   copied for some of its platforms does (distribution-spec, "Pushing Manifests")
   */
  features?: { delete?: boolean; sparseIndexes?: boolean } & Record<string, boolean>;
  /** globs (`*`) of tags that can be neither moved nor deleted once they are pushed */
  immutableTags?: string[] | undefined;
  /** `Location` is a whole URL, for clients that do not take a path; with `registryUrl` it always is. Default false */
  absoluteLocations?: boolean | undefined;
  /** ms without a chunk after which an unfinished upload is given up; default 86,400,000 (a day) */
  uploadExpiryMs?: number | undefined;
  /**
   * What the daily garbage collection does with manifests that no tag leads to: neither directly, nor through an index,
   * nor as something that refers to a manifest that is kept. `deleteAfterMs`: they are deleted so many ms after they were
   * pushed, unless a `beforeDelete` hook refuses it. Default `'keep'`: clients may pull them by digest.
   */
  untaggedManifests?: 'keep' | { deleteAfterMs: number } | undefined;
}
