import type { PackageOwners } from '../core/auth/classes.packageowners.js';
import type { FairQueue } from '../core/base/classes.fairqueue.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import type { PackageCatalog } from '../core/listing/classes.packagecatalog.js';
import type { SearchIndex } from '../core/listing/search/classes.searchindex.js';
import type { IDerivedListing } from '../core/storage/commit/interfaces.plans.js';
import type { ICargoDocument, ICargoSearchEntry } from './interfaces.cargo.js';
import type { ICargoConfig } from './interfaces.config.js';

/** Objects that handlers share. */
export interface ICargoParts {
  /** by folded name; see `foldName` */
  catalog: PackageCatalog<ICargoDocument, ICargoSearchEntry>;
  /** the catalog for commits, which use the names of crates */
  listing: IDerivedListing<ICargoDocument>;
  search: SearchIndex<ICargoSearchEntry>;
  owners: PackageOwners;
  config: ICargoConfig;
  /** limits how many crates are unpacked for their readmes at the same time */
  reading: FairQueue;
  /** of the registry itself: not aborted with a caller, because others wait for the same rendering */
  storage: Pick<RegistryStorage, 'open'>;
}
