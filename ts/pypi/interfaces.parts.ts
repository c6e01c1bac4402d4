import type { RegistryStorage } from '../core/classes.registrystorage.js';
import type { IProtocolConfig } from '../core/interfaces.core.js';
import type { PackageCatalog } from '../core/listing/classes.packagecatalog.js';
import type { IPypiDocument, IPypiEntry } from './interfaces.pypi.js';

/** Objects that handlers share. */
export interface IPypiParts {
  catalog: PackageCatalog<IPypiDocument, IPypiEntry>;
  /** of the registry itself: reads that are shared by callers must not end with one of them */
  storage: RegistryStorage;
  config: IProtocolConfig;
}
