import type { IProtocolConfig } from '../core/interfaces.core.js';
import type { PackageCatalog } from '../core/listing/classes.packagecatalog.js';
import type { SearchIndex } from '../core/listing/search/classes.searchindex.js';
import type { LoginSessions } from './classes.loginsessions.js';
import type { RegistrySigner } from './classes.signer.js';
import type { StoredReadmes } from './classes.storedreadmes.js';
import type { INpmDocument, INpmSearchEntry } from './interfaces.npm.js';

/** Objects that handlers share. */
export interface INpmParts {
  catalog: PackageCatalog<INpmDocument, INpmSearchEntry>;
  search: SearchIndex<INpmSearchEntry>;
  logins: LoginSessions;
  signer: RegistrySigner;
  readmes: StoredReadmes;
  config: IProtocolConfig;
}
