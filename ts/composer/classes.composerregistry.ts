import { ConfigError } from '../core/classes.configerror.js';
import { type IPackageUpkeep, PackageRegistry } from '../core/classes.packageregistry.js';
import type { RegistryError } from '../core/classes.registryerror.js';
import type { ICommandInput } from '../core/interfaces.commands.js';
import type { IResponse } from '../core/interfaces.core.js';
import { PackageCatalog } from '../core/listing/classes.packagecatalog.js';
import { SearchIndex } from '../core/listing/search/classes.searchindex.js';
import { respond } from '../core/pipeline/helpers.http.js';
import type { IRoute } from '../core/pipeline/helpers.routes.js';
import type { IImporter } from '../core/pipeline/interfaces.importing.js';
import type { IRegistryServices, TAccess } from '../core/pipeline/interfaces.pipeline.js';
import { CatalogDigest } from './classes.catalogdigest.js';
import { deleteFilter, getFilters, putFilter } from './handlers/handlers.filter.js';
import { getMetadata, getZip } from './handlers/handlers.metadata.js';
import { getAdvisories, notify } from './handlers/handlers.notices.js';
import { deletePackage, deleteVersion } from './handlers/handlers.remove.js';
import { getList, getRoot } from './handlers/handlers.root.js';
import { getProviders, search } from './handlers/handlers.search.js';
import { upload } from './handlers/handlers.upload.js';
import { COMPOSER_COMMANDS, runComposerCommand } from './helpers.commands.js';
import { composerImporter } from './helpers.importer.js';
import { nameIn } from './helpers.names.js';
import { orphanSweep } from './helpers.orphans.js';
import type { IComposerDocument, IComposerEntry } from './interfaces.composer.js';
import type { IComposerConfig } from './interfaces.config.js';
import type { IComposerParts } from './interfaces.parts.js';
import { catalogPrefix, documentKey, documentNameOf, packagesPrefix } from './keys.composer.js';
import { assertListName } from './wire/wire.filter.js';
import { entryOf } from './wire/wire.metadata.js';
import { byDate, closeness, searchFields } from './wire/wire.search.js';

const PACKAGE = '/packages/{vendor}/{package}';

const right = (action: string): TAccess => ({ type: 'package', action, name: nameIn });
const read = right('read');
const write = right('write');
const remove = right('delete');
const listing: TAccess = { type: 'package', listing: true };

/** Errors that Composer prints if the body has a `warning`; it looks for absent packages all the time, and for 401 it asks. */
const isWorthAWarning = (status: number): boolean => status !== 401 && status !== 404;

const checkListNames = (names: readonly string[]): void => {
  try {
    for (const name of names) assertListName(name);
  } catch (error) {
    throw new ConfigError('composer.filterLists', `has a name that is not possible: ${(error as Error).message}`);
  }
};

/** The Composer repository API, version 2. @see https://getcomposer.org/doc/05-repositories.md#composer */
export class ComposerRegistry extends PackageRegistry<IComposerDocument> {
  public static readonly commands = COMPOSER_COMMANDS;
  public readonly protocol = 'composer';
  private readonly parts: IComposerParts;

  constructor(services: IRegistryServices, config: IComposerConfig) {
    super(services, config);
    checkListNames(config.filterLists ?? []);
    const catalog = new PackageCatalog<IComposerDocument, IComposerEntry>(services.storage, {
      prefix: catalogPrefix,
      documentKey,
      documents: { prefix: `${packagesPrefix}/`, nameOf: documentNameOf },
      entry: (_name, document) => entryOf(document),
    });
    const search = new SearchIndex(catalog, { fields: searchFields, closeness, compare: byDate });
    this.parts = { catalog, search, digest: new CatalogDigest(catalog), config };
  }

  /** Composer stops at 401 and 403 for a package, although the next repository may have it. */
  protected override get hidesNames(): boolean {
    return true;
  }

  protected routes(): IRoute[] {
    const composer = this.parts;
    return [
      { method: 'GET', path: '/packages.json', access: listing, handle: (call) => getRoot(call, composer) },
      { method: 'GET', path: '/packages/list.json', access: listing, handle: (call) => getList(call, composer) },
      {
        method: 'GET',
        path: '/p2/{vendor}/{package}~dev.json',
        access: read,
        handle: (call) => getMetadata(call, true),
      },
      { method: 'GET', path: '/p2/{vendor}/{package}.json', access: read, handle: (call) => getMetadata(call, false) },
      { method: 'GET', path: '/dists/{vendor}/{package}/{reference}.zip', access: read, handle: getZip },

      ...['PUT', 'POST'].map(
        (method): IRoute => ({
          method,
          path: PACKAGE,
          access: write,
          handle: (call) => upload(call, composer),
        }),
      ),
      { method: 'DELETE', path: PACKAGE, access: remove, handle: (call) => deletePackage(call, composer) },
      {
        method: 'PUT',
        path: `${PACKAGE}/filter/{list}`,
        access: remove,
        handle: (call) => putFilter(call, composer),
      },
      {
        method: 'DELETE',
        path: `${PACKAGE}/filter/{list}`,
        access: remove,
        handle: (call) => deleteFilter(call, composer),
      },
      // versions such as dev-feature/x have slashes
      {
        method: 'DELETE',
        path: `${PACKAGE}/{version+}`,
        access: remove,
        handle: (call) => deleteVersion(call, composer),
      },

      { method: 'GET', path: '/search.json', access: listing, handle: (call) => search(call, composer) },
      {
        method: 'GET',
        path: '/providers/{name+}.json',
        access: listing,
        handle: (call) => getProviders(call, composer),
      },
      { method: 'GET', path: '/filter.json', access: listing, handle: (call) => getFilters(call, composer) },
      ...['GET', 'POST'].map(
        (method): IRoute => ({
          method,
          path: '/security-advisories',
          access: listing,
          handle: (call) => getAdvisories(call, composer),
        }),
      ),
      { method: 'POST', path: '/downloads', access: 'public', handle: notify },
    ];
  }

  public override importer(): IImporter {
    return composerImporter(this.services.storage, this.services.limits);
  }

  public override runCommand(name: string, input: ICommandInput): Promise<void> {
    return runComposerCommand(this.parts, this.services.storage, name, input);
  }

  protected upkeep(): IPackageUpkeep<IComposerDocument> {
    return { catalog: this.parts.catalog, sweep: orphanSweep, packages: 'packages', artifacts: 'zips' };
  }

  /** curl prints the body, and Composer the member `warning`. */
  protected renderError({ status, message }: RegistryError): IResponse {
    return respond(status, { status: 'error', message, ...(isWorthAWarning(status) && { warning: message }) });
  }

  /** Composer sends credentials to a host that its auth.json names; it refuses plain http without `secure-http`. */
  public override clientSetup(url: string): string[] {
    const { protocol, host } = new URL(url);
    const base = url.replace(/\/+$/, '');
    return [
      '# in the folder of composer.json:',
      ...(protocol === 'http:' ? ['composer config secure-http false'] : []),
      `composer config repositories.private composer ${base}`,
      `composer config --auth http-basic.${host} token YOUR-TOKEN`,
      '# Composer has no command for uploads:',
      `curl --fail-with-body -u token:YOUR-TOKEN -T FILE.zip '${base}/packages/VENDOR/PACKAGE?version=1.0.0'`,
    ];
  }
}
