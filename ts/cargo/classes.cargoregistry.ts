import { readmeQueue } from '../core/archives/helpers.readmes.js';
import { PackageOwners } from '../core/auth/classes.packageowners.js';
import { type IPackageUpkeep, PackageRegistry } from '../core/classes.packageregistry.js';
import type { RegistryError } from '../core/classes.registryerror.js';
import type { IResponse } from '../core/interfaces.core.js';
import { PackageCatalog } from '../core/listing/classes.packagecatalog.js';
import { SearchIndex } from '../core/listing/search/classes.searchindex.js';
import type { RegistryCall } from '../core/pipeline/classes.registrycall.js';
import { respond } from '../core/pipeline/helpers.http.js';
import type { IRoute } from '../core/pipeline/helpers.routes.js';
import type { IImporter } from '../core/pipeline/interfaces.importing.js';
import type { IRegistryServices, TAccess } from '../core/pipeline/interfaces.pipeline.js';
import { download } from './handlers/handlers.download.js';
import { getConfig, getIndexFile, getMe } from './handlers/handlers.index.js';
import { addOwners, listOwners, removeOwners } from './handlers/handlers.owners.js';
import { publish } from './handlers/handlers.publish.js';
import { getReadme } from './handlers/handlers.readme.js';
import { search } from './handlers/handlers.search.js';
import { changeYank } from './handlers/handlers.yank.js';
import { searchEntryOf } from './helpers.document.js';
import { cargoImporter } from './helpers.importer.js';
import { orphanSweep } from './helpers.orphans.js';
import type { ICargoDocument, ICargoSearchEntry } from './interfaces.cargo.js';
import type { ICargoConfig } from './interfaces.config.js';
import type { ICargoParts } from './interfaces.parts.js';
import { catalogPrefix, documentKey, documentNameOf, foldName, indexPrefix } from './keys.cargo.js';
import { byChange, closeness, searchFields } from './wire/wire.search.js';

/** What cargo's configuration calls the index of the registry at this URL. */
const indexUrl = (url: string): string => `sparse+${url.replace(/\/+$/, '')}/`;

const VERSION = '/api/v1/crates/{crate}/{version}';

const OWNERS = '/api/v1/crates/{crate}/owners';

/** A right to the crate in the path. Rights are for names in lower case: index paths have no other. */
const right = (action: string, parameter = 'crate'): TAccess => ({
  type: 'crate',
  action,
  name: (params) => (params[parameter] as string).toLowerCase(),
});
const read = right('read');
const readIndex = right('read', 'name');
const write = right('write');
const listing: TAccess = { type: 'crate', listing: true };

/**
 * A registry of crates with a sparse index.
 * @see https://doc.rust-lang.org/cargo/reference/registry-index.html
 * @see https://doc.rust-lang.org/cargo/reference/registry-web-api.html
 */
export class CargoRegistry extends PackageRegistry<ICargoDocument> {
  public readonly protocol = 'cargo';
  private readonly parts: ICargoParts;

  constructor(services: IRegistryServices, config: ICargoConfig) {
    super(services, config);
    const catalog = new PackageCatalog<ICargoDocument, ICargoSearchEntry>(services.storage, {
      prefix: catalogPrefix,
      documentKey,
      documents: { prefix: `${indexPrefix}/`, nameOf: documentNameOf },
      entry: (_folded, document) => searchEntryOf(document),
    });
    const search = new SearchIndex(catalog, { fields: searchFields, closeness, compare: byChange });
    const folded = {
      mark: (name: string) => catalog.mark(foldName(name)),
      unmark: (id: string) => catalog.unmark(id),
      note: (name: string, document: ICargoDocument | null, marker?: string, revision?: number) =>
        catalog.note(foldName(name), document, marker, revision),
    };
    const { storage, auth } = services;
    const owners = new PackageOwners(auth, { protocol: 'cargo', type: 'crate' });
    this.parts = { owners, catalog, listing: folded, search, config, reading: readmeQueue(), storage };
  }

  protected routes(): IRoute[] {
    const cargo = this.parts;
    const index = (path: string): IRoute => ({ method: 'GET', path, access: readIndex, handle: getIndexFile });
    return [
      { method: 'GET', path: '/config.json', access: listing, handle: getConfig },
      index('/1/{name}'),
      index('/2/{name}'),
      index('/3/{p1:[^/]}/{name}'),
      index('/{p1:[^/]{2}}/{p2:[^/]{2}}/{name}'),
      {
        method: 'PUT',
        path: '/api/v1/crates/new',
        access: { type: 'crate', action: 'write', late: true },
        handle: (call) => publish(call, cargo),
      },
      { method: 'GET', path: '/api/v1/crates', access: listing, handle: (call) => search(call, cargo) },
      { method: 'GET', path: `${VERSION}/download`, access: read, handle: (call) => download(call, cargo) },
      { method: 'GET', path: `${VERSION}/readme`, access: read, handle: (call) => getReadme(call, cargo) },
      { method: 'DELETE', path: `${VERSION}/yank`, access: write, handle: (call) => changeYank(call, cargo, true) },
      { method: 'PUT', path: `${VERSION}/unyank`, access: write, handle: (call) => changeYank(call, cargo, false) },
      { method: 'GET', path: OWNERS, access: read, handle: (call) => listOwners(call, cargo) },
      { method: 'PUT', path: OWNERS, access: 'authenticated', handle: (call) => addOwners(call, cargo) },
      { method: 'DELETE', path: OWNERS, access: 'authenticated', handle: (call) => removeOwners(call, cargo) },
      { method: 'GET', path: '/me', access: 'public', handle: getMe },
    ];
  }

  protected upkeep(): IPackageUpkeep<ICargoDocument> {
    return { catalog: this.parts.catalog, sweep: orphanSweep, packages: 'crates', artifacts: 'crates' };
  }

  public override importer(): IImporter {
    const { storage, limits } = this.services;
    const { registryUrl, defaultIndex } = this.parts.config;
    const own = registryUrl === undefined ? undefined : indexUrl(registryUrl);
    return cargoImporter(storage, { ...limits, indexes: { own, byDefault: defaultIndex } });
  }

  /**
   * `cargo add foo_bar` asks for `foo_bar` and then for `foo-bar`, and stops at a 403 of the first: with a token that is
   * only for `foo-bar` it would fail.
   */
  protected override get hidesNames(): boolean {
    return true;
  }

  /** cargo prints the details of all errors. */
  protected renderError(error: RegistryError): IResponse {
    return respond(error.status, { errors: [{ detail: error.message }] });
  }

  /** cargo prints this address when it asks for a token. */
  protected override challenge(call: RegistryCall): string {
    return `Cargo login_url="${call.publicUrl}/me"`;
  }

  public override clientSetup(url: string): string[] {
    const index = indexUrl(url);
    return [
      // cargo install reads no configuration of the folder that it is called in
      '# in .cargo/config.toml of the project, or (also for cargo install) of your home folder:',
      '[registries.my-registry]',
      `index = "${index}"`,
      // without it, cargo 1.74 and newer refuse a registry that says auth-required, even with a token
      'credential-provider = "cargo:token"',
      '# then:',
      'cargo login --registry my-registry',
    ];
  }
}
