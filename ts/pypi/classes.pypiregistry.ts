import { type IPackageUpkeep, PackageRegistry } from '../core/classes.packageregistry.js';
import type { RegistryError } from '../core/classes.registryerror.js';
import type { ICommandInput } from '../core/interfaces.commands.js';
import type { IProtocolConfig, IResponse } from '../core/interfaces.core.js';
import { PackageCatalog } from '../core/listing/classes.packagecatalog.js';
import type { RegistryCall } from '../core/pipeline/classes.registrycall.js';
import { reasonPhrase, respond } from '../core/pipeline/helpers.http.js';
import { type IRoute, rowsWith } from '../core/pipeline/helpers.routes.js';
import type { IImporter } from '../core/pipeline/interfaces.importing.js';
import type { IRegistryServices, TAccess, TParams } from '../core/pipeline/interfaces.pipeline.js';
import { getStatus, putStatus, remove, unyank, yank } from './handlers/handlers.changes.js';
import { getFile, getProvenance } from './handlers/handlers.files.js';
import { getProjectJson, getVersionJson } from './handlers/handlers.json.js';
import { getProject, listProjects, redirectToList, redirectToProject } from './handlers/handlers.simple.js';
import { upload } from './handlers/handlers.upload.js';
import { PYPI_COMMANDS, runPypiCommand } from './helpers.commands.js';
import { isEmpty } from './helpers.document.js';
import { pypiImporter } from './helpers.importer.js';
import { orphanSweep } from './helpers.orphans.js';
import type { IPypiParts } from './interfaces.parts.js';
import type { IPypiDocument, IPypiEntry } from './interfaces.pypi.js';
import { catalogPrefix, documentKey, documentNameOf, metadataPrefix } from './keys.pypi.js';
import { normalizeName, RESERVED_NAMES } from './wire/wire.names.js';

const right = (action: string): TAccess => ({
  type: 'package',
  action,
  name: ({ project }: TParams) => normalizeName(project as string),
});
const read = right('read');
const write = right('write');
const removal = right('delete');
const listing: TAccess = { type: 'package', listing: true };
const late: TAccess = { type: 'package', action: 'write', late: true };

/** The Python package index. @see https://packaging.python.org/en/latest/specifications/simple-repository-api/ */
export class PypiRegistry extends PackageRegistry<IPypiDocument> {
  public static readonly commands = PYPI_COMMANDS;
  public readonly protocol = 'pypi';
  private readonly parts: IPypiParts;

  constructor(services: IRegistryServices, config: IProtocolConfig) {
    super(services, config);
    const { storage } = services;
    const catalog = new PackageCatalog<IPypiDocument, IPypiEntry>(storage, {
      prefix: catalogPrefix,
      documentKey,
      documents: { prefix: `${metadataPrefix}/`, nameOf: documentNameOf },
      entry: (_project, document) => (isEmpty(document) ? null : { name: document.name }),
    });
    this.parts = { catalog, storage, config };
  }

  protected routes(): IRoute[] {
    const FILE = '/packages/{project}/{filename}';
    // hatch looks at `/+simple/{project}/` below an upload URL: that must be 404, not 405. A path that is no project
    // must not be one of a project that could be deleted, so a DELETE of a simple page is 405.
    const PROJECT = `/{project:(?!(?:${[...RESERVED_NAMES].join('|')})(?:/|$))[A-Za-z0-9][^/]*}`;
    const VERSION = `${PROJECT}/{version}`;
    const row = rowsWith(this.parts);
    return [
      row('GET', '/simple', listing, redirectToList),
      row('GET', '/simple/', listing, listProjects),
      row('GET', '/simple/{project}', read, redirectToProject),
      row('GET', '/simple/{project}/', read, getProject),
      row('GET', FILE, read, getFile),
      row('GET', '/integrity/{project}/{version}/{filename}/provenance', read, getProvenance),
      // no project is called pypi
      row('GET', `/pypi${PROJECT}/json`, read, getProjectJson),
      row('GET', `/pypi${VERSION}/json`, read, getVersionJson),
      row('GET', `${PROJECT}/json`, read, getProjectJson),
      row('GET', `${VERSION}/json`, read, getVersionJson),

      row('POST', '/', late, upload),
      row('POST', '/legacy', late, upload),

      row('DELETE', FILE, removal, remove),
      row('POST', `${FILE}/yank`, write, yank),
      row('POST', `${FILE}/unyank`, write, unyank),
      row('GET', `${PROJECT}/status`, read, getStatus),
      row('PUT', `${PROJECT}/status`, write, putStatus),
      row('POST', `${VERSION}/yank`, write, yank),
      row('POST', `${VERSION}/unyank`, write, unyank),
      row('DELETE', VERSION, removal, remove),
      row('DELETE', PROJECT, removal, remove),
    ];
  }

  /** The index of a host is also `/simple/`, where people look for it first. */
  public override aliases(): Record<string, string> {
    return { '/simple': '/simple' };
  }

  /** A client that gets 403 for a name does not look for it in its other indexes; uv does not even after 401. */
  protected override get hidesNames(): boolean {
    return true;
  }

  public override runCommand(name: string, input: ICommandInput): Promise<void> {
    return runPypiCommand(this.parts, name, input);
  }

  public override importer(): IImporter {
    const { storage, limits } = this.services;
    return pypiImporter(storage, limits);
  }

  protected upkeep(): IPackageUpkeep<IPypiDocument> {
    return { catalog: this.parts.catalog, sweep: orphanSweep, packages: 'projects', artifacts: 'files' };
  }

  /**
   * poetry, and uv when it uploads, print the body of an answer; twine, hatch, pdm and pip print the reason phrase only.
   * Clients of the JSON API look for `message`.
   */
  protected renderError(error: RegistryError, call: RegistryCall | null): IResponse {
    const body = call?.path.endsWith('/json') ? { message: error.message } : `${error.message}\n`;
    return { ...respond(error.status, body), statusText: reasonPhrase(error.message) };
  }

  public override clientSetup(url: string): string[] {
    const base = url.replace(/\/+$/, '');
    return [
      `pip install --index-url ${base}/simple/ PACKAGE`,
      `uv add --index ${base}/simple/ PACKAGE`,
      `twine upload --repository-url ${base}/ --username __token__ dist/*`,
    ];
  }
}
