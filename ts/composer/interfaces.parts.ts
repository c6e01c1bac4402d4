import type { PackageCatalog } from '../core/listing/classes.packagecatalog.js';
import type { SearchIndex } from '../core/listing/search/classes.searchindex.js';
import type { CatalogDigest } from './classes.catalogdigest.js';
import type { IComposerDocument, IComposerEntry } from './interfaces.composer.js';
import type { IComposerConfig } from './interfaces.config.js';

/** Objects that handlers share. */
export interface IComposerParts {
  catalog: PackageCatalog<IComposerDocument, IComposerEntry>;
  search: SearchIndex<IComposerEntry>;
  digest: CatalogDigest;
  config: IComposerConfig;
}
