import type { ResumableUploads } from '../core/storage/uploads/classes.resumableuploads.js';
import type { LRUCache } from '../plugins.js';
import type { OciTokens } from './classes.ocitokens.js';
import type { ReferrerLists } from './classes.referrerlists.js';
import type { IOciConfig } from './interfaces.config.js';

/** The ETag of a manifest's copy whose bytes this process has verified, and whose children it has found. */
export interface ICheckedManifest {
  copy: string;
  etag: string;
}

/** Objects that handlers share. */
export interface IOciParts {
  config: IOciConfig;
  tokens: OciTokens;
  uploads: ResumableUploads;
  referrers: ReferrerLists;
  /** keys of the manifests that were last read by tag: `<repository>@<digest>` -> key */
  copies: LRUCache<string, string>;
  /** manifests that were checked last: `<repository>@<digest>` */
  checked: LRUCache<string, ICheckedManifest>;
  /** whether this tag cannot be changed after its push */
  isImmutable(tag: string): boolean;
}
