import type { IOciConfig } from '../core/interfaces.core.js';
import type { ResumableUploads } from '../core/storage/classes.resumableuploads.js';
import type { ReferrerLists } from './classes.referrerlists.js';
import type { IDescriptor } from './wire.manifests.js';

/** What handlers share. */
export interface IOciParts {
  config: IOciConfig;
  uploads: ResumableUploads;
  referrers: ReferrerLists;
  /** whether this tag stays where it is once it is pushed */
  isImmutable(tag: string): boolean;
}

/** `oci/referrers/…`: who refers to one subject, in the order in which they came. */
export interface IReferrersDocument {
  manifests: IDescriptor[];
}
