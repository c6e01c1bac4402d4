import { type IPackageUpkeep, PackageRegistry } from '../core/classes.packageregistry.js';
import type { RegistryError } from '../core/classes.registryerror.js';
import type { IProtocolConfig, IResponse } from '../core/interfaces.core.js';
import { PackageCatalog } from '../core/listing/classes.packagecatalog.js';
import { SearchIndex } from '../core/listing/search/classes.searchindex.js';
import type { RegistryCall } from '../core/pipeline/classes.registrycall.js';
import { respond } from '../core/pipeline/helpers.http.js';
import type { IRoute } from '../core/pipeline/helpers.routes.js';
import type { IImporter } from '../core/pipeline/interfaces.importing.js';
import type { IRegistryServices, TAccess } from '../core/pipeline/interfaces.pipeline.js';
import { LoginSessions } from './classes.loginsessions.js';
import { RegistrySigner } from './classes.signer.js';
import { StoredReadmes } from './classes.storedreadmes.js';
import * as account from './handlers/handlers.account.js';
import { auditBulk, auditTree } from './handlers/handlers.audit.js';
import { deleteTag, getTags, putTag } from './handlers/handlers.disttags.js';
import { couchLogin } from './handlers/handlers.login.js';
import { getKeys, getManifest, getPackument } from './handlers/handlers.packument.js';
import { putDocument } from './handlers/handlers.publish.js';
import { listPackages, search } from './handlers/handlers.search.js';
import { getAttestations, getTarball } from './handlers/handlers.tarball.js';
import { createToken, deleteToken, listTokens, logout } from './handlers/handlers.tokens.js';
import { deletePackage, deleteTarball } from './handlers/handlers.unpublish.js';
import { beginLogin, collectLogin, showLogin, submitLogin } from './handlers/handlers.weblogin.js';
import { revisionOf } from './helpers.document.js';
import { npmImporter } from './helpers.importer.js';
import { orphanSweep } from './helpers.orphans.js';
import type { INpmDocument, INpmSearchEntry } from './interfaces.npm.js';
import type { INpmParts } from './interfaces.parts.js';
import { catalogPrefix, documentKey, documentNameOf, packagesPrefix } from './keys.npm.js';
import { ATTESTED, NAME } from './routes.npm.js';
import { searchEntryOf } from './wire/wire.packument.js';
import { byDate, closeness, searchFields } from './wire/wire.search.js';

const USER = '/-/user/org.couchdb.user:{user}';

const right = (action: string): TAccess => ({ type: 'package', action, name: 'name' });
const read = right('read');
const write = right('write');
const remove = right('delete');
const listing: TAccess = { type: 'package', listing: true };

/** The npm registry API. @see https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md */
export class NpmRegistry extends PackageRegistry<INpmDocument> {
  public readonly protocol = 'npm';
  private readonly parts: INpmParts;

  constructor(services: IRegistryServices, config: IProtocolConfig) {
    super(services, config);
    const catalog = new PackageCatalog<INpmDocument, INpmSearchEntry>(services.storage, {
      prefix: catalogPrefix,
      documentKey,
      documents: { prefix: `${packagesPrefix}/`, nameOf: documentNameOf },
      entry: (_name, document) => searchEntryOf(document),
      revision: revisionOf,
    });
    const seal = (text: string) => services.auth.seal('npm web login', text);
    const logins = new LoginSessions({ storage: services.storage, seal });
    const search = new SearchIndex(catalog, { fields: searchFields, closeness, compare: byDate });
    const signer = new RegistrySigner(services.storage);
    const readmes = new StoredReadmes(services.storage, services.limits.maxUnpackedSize);
    this.parts = { catalog, search, logins, signer, readmes, config };
  }

  protected routes(): IRoute[] {
    const npm = this.parts;
    return [
      { method: 'GET', path: `/${NAME}`, access: read, handle: (call) => getPackument(call, npm) },
      { method: 'PUT', path: `/${NAME}`, access: write, handle: (call) => putDocument(call, npm) },
      { method: 'GET', path: `/${NAME}/{version}`, access: read, handle: (call) => getManifest(call, npm) },
      { method: 'GET', path: `/${NAME}/-/{file+}`, access: read, handle: (call) => getTarball(call, npm) },
      { method: 'PUT', path: `/${NAME}/-rev/{revision}`, access: write, handle: (call) => putDocument(call, npm) },
      {
        method: 'DELETE',
        path: `/${NAME}/-rev/{revision}`,
        access: remove,
        handle: (call) => deletePackage(call, npm),
      },
      {
        method: 'DELETE',
        path: `/${NAME}/-/{file+}/-rev/{revision}`,
        access: remove,
        handle: (call) => deleteTarball(call, npm),
      },

      { method: 'GET', path: `/-/package/${NAME}/dist-tags`, access: read, handle: getTags },
      ...['PUT', 'POST'].map((method) => ({
        method,
        path: `/-/package/${NAME}/dist-tags/{tag}`,
        access: write,
        handle: (call: RegistryCall) => putTag(call, npm),
      })),
      {
        method: 'DELETE',
        path: `/-/package/${NAME}/dist-tags/{tag}`,
        access: write,
        handle: (call) => deleteTag(call, npm),
      },
      { method: 'GET', path: `/-/package/${NAME}/visibility`, access: read, handle: account.getVisibility },
      { method: 'GET', path: `/-/package/${NAME}/access`, access: read, handle: account.getAccess },
      { method: 'GET', path: `/-/package/${NAME}/collaborators`, access: read, handle: account.getCollaborators },
      { method: 'POST', path: `/-/package/${NAME}/access`, access: write, handle: account.setAccess },
      {
        method: 'GET',
        path: `/-/npm/v1/attestations/${NAME}@${ATTESTED}`,
        access: read,
        handle: getAttestations,
      },

      { method: 'GET', path: '/-/v1/search', access: listing, handle: (call) => search(call, npm) },
      {
        method: 'GET',
        path: '/-/user/{user}/package',
        access: listing,
        allowBackslash: true,
        handle: (call) => listPackages(call, npm),
      },

      { method: 'GET', path: '/-/npm/v1/keys', access: 'public', handle: (call) => getKeys(call, npm) },
      { method: 'GET', path: '/-/ping', access: 'public', handle: async () => ({}) },
      { method: 'GET', path: '/-/whoami', access: 'authenticated', handle: account.whoami },
      { method: 'GET', path: USER, access: 'authenticated', allowBackslash: true, handle: account.getUser },
      { method: 'GET', path: '/-/npm/v1/user', access: 'authenticated', handle: account.getProfile },
      { method: 'POST', path: '/-/npm/v1/user', access: 'authenticated', handle: account.setProfile },
      { method: 'GET', path: '/-/npm/v1/tokens', access: 'authenticated', handle: listTokens },
      { method: 'POST', path: '/-/npm/v1/tokens', access: 'authenticated', handle: createToken },
      { method: 'DELETE', path: '/-/npm/v1/tokens/token/{token+}', access: 'authenticated', handle: deleteToken },
      { method: 'DELETE', path: '/-/user/token/{token+}', access: 'authenticated', handle: logout },

      { method: 'PUT', path: USER, access: 'public', allowBackslash: true, handle: couchLogin },
      { method: 'PUT', path: `${USER}/-rev/{revision}`, access: 'public', allowBackslash: true, handle: couchLogin },
      { method: 'POST', path: '/-/v1/login', access: 'public', handle: (call) => beginLogin(call, npm) },
      { method: 'GET', path: '/-/v1/login/{login}', access: 'public', handle: (call) => showLogin(call, npm) },
      { method: 'POST', path: '/-/v1/login/{login}', access: 'public', handle: (call) => submitLogin(call, npm) },
      { method: 'GET', path: '/-/v1/done/{secret}', access: 'public', handle: (call) => collectLogin(call, npm) },

      {
        method: 'POST',
        path: '/-/npm/v1/security/advisories/bulk',
        access: 'public',
        handle: (call) => auditBulk(call, npm),
      },
      { method: 'POST', path: '/-/npm/v1/security/audits', access: 'public', handle: (call) => auditTree(call, npm) },
      {
        method: 'POST',
        path: '/-/npm/v1/security/audits/quick',
        access: 'public',
        handle: (call) => auditTree(call, npm),
      },
    ];
  }

  public override importer(): IImporter {
    return npmImporter(this.services.storage, this.services.limits);
  }

  protected upkeep(): IPackageUpkeep<INpmDocument> {
    return { catalog: this.parts.catalog, sweep: orphanSweep, packages: 'packages', artifacts: 'tarballs' };
  }

  /** npm prints the member `error`. */
  protected renderError(error: RegistryError): IResponse {
    return respond(error.status, { error: error.message });
  }

  /** npm advises `npm login` if the challenge contains Bearer. */
  protected override challenge(): string {
    return 'Bearer realm="npm"';
  }

  /**
   * For the `.npmrc` of a project: the user's own would send all other projects to a registry without public packages.
   */
  public override clientSetup(url: string): string[] {
    const registry = `${url.replace(/\/+$/, '')}/`;
    return [
      `npm config set registry ${registry} --location=project`,
      `npm config set @your-scope:registry ${registry} --location=project`,
      `npm login --registry ${registry}`,
    ];
  }
}
