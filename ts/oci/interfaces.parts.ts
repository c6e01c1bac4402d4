import type { ResumableUploads } from '../core/storage/uploads/classes.resumableuploads.js';
import type { LRUCache } from '../plugins.js';
import type { OciTokens } from './classes.ocitokens.js';
import type { ReferrerLists } from './classes.referrerlists.js';
import type { IOciConfig } from './interfaces.config.js';

/**
 * The ETag with which this process found a copy of a manifest to have the right bytes, after which it found all that the
 * manifest names.
 */
export interface ICheckedManifest {
  copy: string;
  etag: string;
}

/** What handlers share. */
export interface IOciParts {
  config: IOciConfig;
  tokens: OciTokens;
  uploads: ResumableUploads;
  referrers: ReferrerLists;
  /** keys of the manifests that were read by tag last: `<repository>@<digest>` -> key */
  copies: LRUCache<string, string>;
  /** manifests that were checked last: `<repository>@<digest>` */
  checked: LRUCache<string, ICheckedManifest>;
  /** whether this tag stays where it is once it is pushed */
  isImmutable(tag: string): boolean;
}
