import type { IDescriptor } from './wire/wire.manifests.js';

/** `oci/referrers/…`: who refers to one subject, in the order in which they came. */
export interface IReferrersDocument {
  manifests: IDescriptor[];
}
