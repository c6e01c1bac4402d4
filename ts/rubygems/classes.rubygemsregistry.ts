import { PackageOwners } from '../core/auth/classes.packageowners.js';
import { type IPackageUpkeep, PackageRegistry } from '../core/classes.packageregistry.js';
import type { RegistryError } from '../core/classes.registryerror.js';
import type { ICommandInput } from '../core/interfaces.commands.js';
import type { IProtocolConfig, IResponse } from '../core/interfaces.core.js';
import { PackageCatalog } from '../core/listing/classes.packagecatalog.js';
import { OrderedLog } from '../core/listing/log/classes.orderedlog.js';
import { SearchIndex } from '../core/listing/search/classes.searchindex.js';
import { respond } from '../core/pipeline/helpers.http.js';
import { type IRoute, rowsWith } from '../core/pipeline/helpers.routes.js';
import type { IImporter } from '../core/pipeline/interfaces.importing.js';
import type { IRegistryServices, TAccess } from '../core/pipeline/interfaces.pipeline.js';
import { getGemJson, getLatest, getVersionJson, listVersions } from './handlers/handlers.api.js';
import { createApiKey, getApiKey } from './handlers/handlers.apikey.js';
import { getDependencies, getDependenciesJson } from './handlers/handlers.dependencies.js';
import { getAttestations, getGem, getQuick } from './handlers/handlers.files.js';
import { getInfo, getRoot, getVersions } from './handlers/handlers.index.js';
import { getNames } from './handlers/handlers.names.js';
import { addOwner, listOwners, listOwnersYaml, removeOwner } from './handlers/handlers.owners.js';
import { push } from './handlers/handlers.push.js';
import { search } from './handlers/handlers.search.js';
import { getSpecs } from './handlers/handlers.specs.js';
import { yank } from './handlers/handlers.yank.js';
import { RUBYGEMS_COMMANDS, runRubyGemsCommand } from './helpers.commands.js';
import { entryOf } from './helpers.document.js';
import { rubyGemsImporter } from './helpers.importer.js';
import { orphanSweep } from './helpers.orphans.js';
import type { IGemParts } from './interfaces.parts.js';
import type { IGemDocument, IGemEntry } from './interfaces.rubygems.js';
import * as keys from './keys.rubygems.js';
import { versionsFormat } from './wire/wire.compactindex.js';
import { byName, closeness, searchFields } from './wire/wire.search.js';

const read: TAccess = { type: 'gem', action: 'read', name: 'gem' };
const listing: TAccess = { type: 'gem', action: 'read', listing: true };
const late: TAccess = { type: 'gem', action: 'write', late: true };

const API = '/api/v1';
const GEM = `${API}/gems/{gem}`;

/**
 * A registry of gems: the compact index, the older files that `gem install` still reads, and the API of `gem push`.
 * @see the guides of RubyGems, "Compact index API"
 * @see the guides of RubyGems, "API"
 */
export class RubyGemsRegistry extends PackageRegistry<IGemDocument> {
  public static readonly commands = RUBYGEMS_COMMANDS;
  public readonly protocol = 'rubygems';
  private readonly parts: IGemParts;

  constructor(services: IRegistryServices, config: IProtocolConfig) {
    super(services, config);
    const { storage, auth } = services;
    const { documentKey, documentNameOf: nameOf } = keys;
    const documents = { prefix: `${keys.infoPrefix}/`, nameOf };
    const log = new OrderedLog<IGemDocument>(storage, {
      headKey: keys.logKey,
      segments: `${keys.logPrefix}/`,
      documentKey,
      documents,
      format: versionsFormat,
    });
    const catalog = new PackageCatalog<IGemDocument, IGemEntry>(storage, {
      prefix: keys.catalogPrefix,
      baseKey: keys.catalogBaseKey,
      documentKey,
      documents,
      entry: (_gem, document) => entryOf(document),
      log,
    });
    const search = new SearchIndex(catalog, { fields: searchFields, closeness, compare: byName });
    const owners = new PackageOwners(auth, { protocol: 'rubygems', type: 'gem' });
    this.parts = { catalog, log, search, owners, storage, config };
  }

  protected routes(): IRoute[] {
    const gems = this.parts;
    const row = rowsWith(this.parts);
    return [
      row('GET', '/', listing, getRoot),
      row('GET', '/versions', listing, getVersions),
      row('GET', '/names', listing, getNames),
      row('GET', '/info/{gem}', read, getInfo),
      row('GET', '/specs.4.8.gz', listing, (call) => getSpecs(call, gems, 'specs')),
      row('GET', '/latest_specs.4.8.gz', listing, (call) => getSpecs(call, gems, 'latest')),
      row('GET', '/prerelease_specs.4.8.gz', listing, (call) => getSpecs(call, gems, 'prerelease')),
      row('GET', '/quick/Marshal.4.8/{build}.gemspec.rz', listing, getQuick),
      row('GET', '/gems/{build}.gem', listing, getGem),

      row('POST', `${API}/gems`, late, push),
      row('DELETE', `${API}/gems/yank`, late, (call) => yank(call, gems, true)),
      row('PUT', `${API}/gems/unyank`, late, (call) => yank(call, gems, false)),
      row('GET', `${GEM}/owners.json`, read, listOwners),
      row('GET', `${GEM}/owners.yaml`, read, listOwnersYaml),
      row('POST', `${GEM}/owners`, 'authenticated', addOwner),
      row('DELETE', `${GEM}/owners`, 'authenticated', removeOwner),
      row('GET', `${API}/api_key`, 'authenticated', getApiKey),
      row('POST', `${API}/api_key`, 'authenticated', createApiKey),

      row('GET', `${GEM}.json`, read, getGemJson),
      row('GET', `${API}/versions/{gem}/latest.json`, read, getLatest),
      row('GET', `${API}/versions/{gem}.json`, read, listVersions),
      row('GET', '/api/v2/rubygems/{gem}/versions/{version}.json', read, getVersionJson),
      row('GET', `${API}/attestations/{build}.json`, listing, getAttestations),
      row('GET', `${API}/dependencies`, listing, getDependencies),
      row('GET', `${API}/dependencies.json`, listing, getDependenciesJson),
      row('GET', `${API}/search.json`, listing, search),
    ];
  }

  protected upkeep(): IPackageUpkeep<IGemDocument> {
    return { catalog: this.parts.catalog, sweep: orphanSweep, packages: 'gems', artifacts: 'gems' };
  }

  public override importer(): IImporter {
    const { storage, limits } = this.services;
    return rubyGemsImporter(storage, limits);
  }

  public override runCommand(name: string, input: ICommandInput): Promise<void> {
    return runRubyGemsCommand(this.parts, name, input);
  }

  /** After a 403 or 401, Bundler and gem do not look for the gem in their other sources; after a 404 they do. */
  protected override get hidesNames(): boolean {
    return true;
  }

  /**
   * gem and Bundler print the whole body. Two beginnings make gem ask for input, which hangs in CI: "You have enabled
   * multifactor authentication" and "The API key doesn't have access".
   */
  protected renderError(error: RegistryError): IResponse {
    return respond(error.status, `${error.message}\n`);
  }

  public override clientSetup(url: string): string[] {
    const base = url.replace(/\/+$/, '');
    return [
      `gem install --clear-sources --source ${base}/ GEM`,
      `gem push --host ${base} FILE.gem    # after: gem signin --host ${base}`,
      `# in a Gemfile: source "${base}"`,
    ];
  }
}
