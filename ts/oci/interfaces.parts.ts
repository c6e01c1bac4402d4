import type { ResumableUploads } from '../core/storage/uploads/classes.resumableuploads.js';
import type { LRUCache } from '../plugins.js';
import type { OciTokens } from './classes.ocitokens.js';
import type { ReferrerLists } from './classes.referrerlists.js';
import type { IOciConfig } from './interfaces.config.js';

/** What handlers share. */
export interface IOciParts {
  config: IOciConfig;
  tokens: OciTokens;
  uploads: ResumableUploads;
  referrers: ReferrerLists;
  /** keys of the manifests that were read by tag last: `<repository>@<digest>` -> key */
  copies: LRUCache<string, string>;
  /** whether this tag stays where it is once it is pushed */
  isImmutable(tag: string): boolean;
}
