import type { IProtocolConfig } from '../core/interfaces.core.js';
import type { PackageCatalog } from '../core/listing/classes.packagecatalog.js';
import type { SearchIndex } from '../core/listing/search/classes.searchindex.js';
import type { HandedOut } from './classes.handedout.js';
import type { PluginGroups } from './classes.plugingroups.js';
import type { IMavenDocument, IMavenEntry } from './interfaces.maven.js';

/** Objects that handlers share. */
export interface IMavenParts {
  /** by `group:artifact` */
  catalog: PackageCatalog<IMavenDocument, IMavenEntry>;
  search: SearchIndex<IMavenEntry>;
  plugins: PluginGroups;
  /** the metadata that callers have read */
  handedOut: HandedOut;
  config: IProtocolConfig;
}
