import type { PackageOwners } from '../core/auth/classes.packageowners.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import type { IProtocolConfig } from '../core/interfaces.core.js';
import type { PackageCatalog } from '../core/listing/classes.packagecatalog.js';
import type { OrderedLog } from '../core/listing/log/classes.orderedlog.js';
import type { SearchIndex } from '../core/listing/search/classes.searchindex.js';
import type { IGemDocument, IGemEntry } from './interfaces.rubygems.js';

/** Objects that handlers share. */
export interface IGemParts {
  catalog: PackageCatalog<IGemDocument, IGemEntry>;
  /** of all pushes and yanks; the catalog keeps it with its own entries */
  log: OrderedLog<IGemDocument>;
  search: SearchIndex<IGemEntry>;
  owners: PackageOwners;
  /** of the registry itself, for commands */
  storage: RegistryStorage;
  config: IProtocolConfig;
}
