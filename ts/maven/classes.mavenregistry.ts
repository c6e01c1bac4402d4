import { STATUS_CODES } from 'node:http';
import { type IPackageUpkeep, PackageRegistry } from '../core/classes.packageregistry.js';
import type { RegistryError } from '../core/classes.registryerror.js';
import type { ICommandInput } from '../core/interfaces.commands.js';
import type { IProtocolConfig, IResponse } from '../core/interfaces.core.js';
import { PackageCatalog } from '../core/listing/classes.packagecatalog.js';
import { SearchIndex } from '../core/listing/search/classes.searchindex.js';
import { reasonPhrase, respond } from '../core/pipeline/helpers.http.js';
import { type IRoute, rowsWith, type TTrailingSlash } from '../core/pipeline/helpers.routes.js';
import type { IImporter } from '../core/pipeline/interfaces.importing.js';
import type { IRegistryServices } from '../core/pipeline/interfaces.pipeline.js';
import { HandedOut } from './classes.handedout.js';
import { PluginGroups } from './classes.plugingroups.js';
import { getArtifact, listArtifacts, search } from './handlers/handlers.browse.js';
import { dropMetadataSidecar, putMetadata } from './handlers/handlers.clientmetadata.js';
import { getFile, getNothing } from './handlers/handlers.files.js';
import { getMetadata, getMetadataSidecar } from './handlers/handlers.metadata.js';
import { removeAtPath, removeNamed } from './handlers/handlers.remove.js';
import { refuseUpload, upload } from './handlers/handlers.upload.js';
import { MAVEN_COMMANDS, runMavenCommand } from './helpers.commands.js';
import { mavenImporter } from './helpers.importer.js';
import { deleteNamed, deleteSome, readFile, readNamed, readSome, writeFile, writeSome } from './helpers.names.js';
import { orphanSweep } from './helpers.orphans.js';
import type { IMavenDocument, IMavenEntry } from './interfaces.maven.js';
import type { IMavenParts } from './interfaces.parts.js';
import { catalogPrefix, documentKey, documentNameOf, metadataPrefix } from './keys.maven.js';
import { entryOf } from './wire/wire.metadata.js';
import { byChange, closeness, searchFields } from './wire/wire.search.js';

/** A Maven repository. @see https://maven.apache.org/repository/layout.html */
export class MavenRegistry extends PackageRegistry<IMavenDocument> {
  public static readonly commands = MAVEN_COMMANDS;
  public readonly protocol = 'maven';
  private readonly parts: IMavenParts;

  constructor(services: IRegistryServices, config: IProtocolConfig) {
    super(services, config);
    const { storage, trustProxy } = services;
    const catalog = new PackageCatalog<IMavenDocument, IMavenEntry>(storage, {
      prefix: catalogPrefix,
      documentKey,
      documents: { prefix: `${metadataPrefix}/`, nameOf: documentNameOf },
      entry: (_name, document) => entryOf(document),
    });
    this.parts = {
      catalog,
      search: new SearchIndex(catalog, { fields: searchFields, closeness, compare: byChange }),
      plugins: new PluginGroups(catalog),
      handedOut: new HandedOut(storage.now, trustProxy),
      config,
    };
  }

  protected routes(): IRoute[] {
    const ARTIFACT = '/-/artifacts/{group}/{artifact}';
    const METADATA = '/{folder+}/maven-metadata.xml';
    const FILE = '/{group:[^/]+(?:/[^/]+)*}/{artifact}/{version}/{file}';
    const row = rowsWith(this.parts);
    return [
      row('GET', '/-/artifacts', readSome, listArtifacts),
      row('GET', ARTIFACT, readNamed, getArtifact),
      row('GET', `${ARTIFACT}/{version}`, readNamed, getArtifact),
      row('DELETE', ARTIFACT, deleteNamed, removeNamed),
      row('DELETE', `${ARTIFACT}/{version}`, deleteNamed, removeNamed),
      row('GET', '/-/search', readSome, search),

      row('GET', METADATA, readSome, getMetadata),
      row('GET', `${METADATA}.{suffix}`, readSome, getMetadataSidecar),
      row('PUT', METADATA, writeSome, putMetadata),
      row('PUT', `${METADATA}.{suffix}`, writeSome, dropMetadataSidecar),

      row('GET', FILE, readFile, getFile),
      row('PUT', FILE, writeFile, upload),
      row('DELETE', '/{path+}', deleteSome, removeAtPath),
      row('PUT', '/{path+}', writeSome, refuseUpload),
      row('GET', '/{path+}', 'public', getNothing),
    ];
  }

  /** A folder has no listing, and is 404: clients take 400 for a broken repository. */
  protected override get trailingSlash(): TTrailingSlash {
    return 'notFound';
  }

  /** Maven and Gradle stop at 401 and 403, although the next repository may have the artifact. */
  protected override get hidesNames(): boolean {
    return true;
  }

  public override runCommand(name: string, input: ICommandInput): Promise<void> {
    return runMavenCommand(this.parts, this.services.storage, name, input);
  }

  public override importer(): IImporter {
    return mavenImporter(this.services.storage);
  }

  protected upkeep(): IPackageUpkeep<IMavenDocument> {
    return { catalog: this.parts.catalog, sweep: orphanSweep, packages: 'artifacts', artifacts: 'files' };
  }

  /**
   * Maven 3.9 and later print title and detail of this form (RFC 9457), older ones the reason phrase. A 404 is plain
   * text: in this form it ends `mvn deploy` of a SNAPSHOT, which asks for metadata that are not there yet.
   */
  protected renderError({ status, message }: RegistryError): IResponse {
    const statusText = reasonPhrase(message);
    if (status === 404) return { ...respond(status, `${message}\n`), statusText };
    const body = { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail: message };
    return { ...respond(status, body, { 'Content-Type': 'application/problem+json' }), statusText };
  }

  public override clientSetup(url: string): string[] {
    const base = url.replace(/\/+$/, '');
    return [
      '<!-- in pom.xml; the token goes into settings.xml, to the server with this id -->',
      `<repository><id>my-registry</id><url>${base}</url></repository>`,
      `mvn deploy -DaltDeploymentRepository=my-registry::${base}`,
    ];
  }
}
