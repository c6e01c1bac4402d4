import { globMatcher } from '../core/auth/helpers.scopes.js';
import type { IChore } from '../core/base/classes.housekeeper.js';
import { cacheOf } from '../core/base/helpers.caches.js';
import { BaseRegistry } from '../core/classes.baseregistry.js';
import { RegistryError } from '../core/classes.registryerror.js';
import type { ISweepOptions } from '../core/classes.registrystorage.js';
import type { IResponse } from '../core/interfaces.core.js';
import type { RegistryCall } from '../core/pipeline/classes.registrycall.js';
import { respond } from '../core/pipeline/helpers.http.js';
import type { IRoute } from '../core/pipeline/helpers.routes.js';
import type { IRegistryServices, TAccess, TParams } from '../core/pipeline/interfaces.pipeline.js';
import type { IGarbageOptions, IGarbageReport } from '../core/storage/upkeep/interfaces.garbage.js';
import { ResumableUploads } from '../core/storage/uploads/classes.resumableuploads.js';
import { GarbageCollection } from './classes.garbagecollection.js';
import { OciTokens } from './classes.ocitokens.js';
import { ReferrerLists } from './classes.referrerlists.js';
import { deleteBlob, getBlob } from './handlers/handlers.blobs.js';
import { listRepositories } from './handlers/handlers.catalog.js';
import { deleteManifest } from './handlers/handlers.deletemanifest.js';
import { getManifest } from './handlers/handlers.manifests.js';
import { putManifest } from './handlers/handlers.putmanifest.js';
import { listReferrers } from './handlers/handlers.referrers.js';
import { listTags } from './handlers/handlers.tags.js';
import { getToken, postToken } from './handlers/handlers.token.js';
import * as uploads from './handlers/handlers.uploads.js';
import { migrateLinks } from './helpers.migration.js';
import type { IOciConfig } from './interfaces.config.js';
import type { ICheckedManifest, IOciParts } from './interfaces.parts.js';
import { uploadsPrefix } from './keys.oci.js';
import { earlyCode, renderOciError } from './wire/wire.errors.js';
import { assertRepository } from './wire/wire.names.js';
import { CATALOG, type INeededScope, type TChallengeError } from './wire/wire.scopes.js';

const HOUR_MS = 60 * 60 * 1000;
/** ms for which a list of referrers may lack an entry after a crash; after this a chore repairs it */
const LAG_MS = 30_000;
/** cached keys, a few hundred bytes each; for a manifest that is not cached, a guard is read as well */
const REMEMBERED_COPIES = 1000;
/** ms after which the bytes of a manifest that is pushed again are compared anew: a disk may have damaged them */
const CHECKED_MS = 60_000;

const BLOBS = '/{name+}/blobs';

/** At the root of a host, the registry is mounted at `/v2` only. */
const withPath = (url: string): string => (new URL(url).pathname === '/' ? new URL('/v2', url).href : url);

const right = (action: string): TAccess => ({
  type: 'repository',
  action,
  name: ({ name }: TParams) => assertRepository(name as string),
});
const pull = right('pull');
const push = right('push');
const remove = right('delete');

/** OCI Distribution. @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md */
export class OciRegistry extends BaseRegistry {
  public readonly protocol = 'oci';
  /**
   * Without it, Docker's command line up to 20.10 takes a server that sends 401 to its first request for one of version
   * 1.
   */
  protected override readonly answerHeaders = { 'Docker-Distribution-API-Version': 'registry/2.0' };
  protected override readonly config: IOciConfig;
  private readonly parts: IOciParts;

  constructor(services: IRegistryServices, { registryUrl, ...rest }: IOciConfig) {
    const config: IOciConfig = registryUrl === undefined ? rest : { ...rest, registryUrl: withPath(registryUrl) };
    super(services, config);
    this.config = config;
    const { storage, auth } = services;
    this.parts = {
      config,
      tokens: new OciTokens(auth),
      uploads: new ResumableUploads(storage, uploadsPrefix),
      referrers: new ReferrerLists(storage),
      copies: cacheOf<string, string>(REMEMBERED_COPIES),
      checked: cacheOf<string, ICheckedManifest>(REMEMBERED_COPIES, { ttl: CHECKED_MS }),
      isImmutable: globMatcher(config.immutableTags ?? []),
    };
  }

  protected routes(): IRoute[] {
    const oci = this.parts;
    const MANIFEST = '/{name+}/manifests/{reference}';
    const UPLOAD = `${BLOBS}/uploads/{upload}`;
    const rows: IRoute[] = [
      { method: 'GET', path: '/', access: 'identified', handle: async () => respond(200, {}) },
      { method: 'GET', path: '/token', access: 'public', handle: (call) => getToken(call, oci) },
      { method: 'POST', path: '/token', access: 'public', handle: (call) => postToken(call, oci) },
      { method: 'GET', path: '/_catalog', access: 'identified', handle: (call) => listRepositories(call, oci) },
      { method: 'GET', path: '/{name+}/tags/list', access: pull, handle: listTags },
      { method: 'GET', path: '/{name+}/referrers/{digest}', access: pull, handle: (call) => listReferrers(call, oci) },
      { method: 'GET', path: MANIFEST, access: pull, handle: (call) => getManifest(call, oci) },
      { method: 'PUT', path: MANIFEST, access: push, handle: (call) => putManifest(call, oci) },
      { method: 'POST', path: `${BLOBS}/uploads/`, access: push, handle: (call) => uploads.beginUpload(call, oci) },
      { method: 'POST', path: `${BLOBS}/uploads`, access: push, handle: (call) => uploads.beginUpload(call, oci) },
      { method: 'GET', path: UPLOAD, access: push, handle: (call) => uploads.showUpload(call, oci) },
      { method: 'PATCH', path: UPLOAD, access: push, handle: (call) => uploads.patchUpload(call, oci) },
      { method: 'PUT', path: UPLOAD, access: push, handle: (call) => uploads.finishUpload(call, oci) },
      { method: 'DELETE', path: UPLOAD, access: push, handle: (call) => uploads.cancelUpload(call, oci) },
      { method: 'GET', path: `${BLOBS}/{digest}`, access: pull, handle: getBlob },
    ];
    if (this.config.features?.delete === false) return rows;
    return [
      ...rows,
      { method: 'DELETE', path: MANIFEST, access: remove, handle: (call) => deleteManifest(call, oci) },
      { method: 'DELETE', path: `${BLOBS}/{digest}`, access: remove, handle: deleteBlob },
    ];
  }

  protected override get absoluteLinks(): boolean {
    return this.config.absoluteLocations ?? false;
  }

  /** Clients use only `/v2/` at the root; behind a proxy that keeps a prefix it is `/v2/` below the base path. */
  public override mounts(): string[] {
    return [...new Set([`${this.basePath}/v2`, this.basePath, '/v2'])];
  }

  public override chores(): IChore[] {
    const olderThanMs = this.config.uploadExpiryMs ?? 24 * HOUR_MS;
    const work = async () => ({ uploads: await this.parts.uploads.sweep(olderThanMs) });
    // in each process: a lease and a record cost more than the look, and a lease holder that died would delay the
    // repair
    const repair = async () => ({ lists: await this.parts.referrers.repair(LAG_MS) });
    return [
      { name: 'Sweeping unfinished container uploads', everyMs: Math.min(HOUR_MS, olderThanMs), work },
      { name: 'Repairing lists of referrers', everyMs: LAG_MS, perProcess: true, work: repair },
    ];
  }

  public override collectGarbage(options: IGarbageOptions = {}): Promise<IGarbageReport> {
    return new GarbageCollection(this.services.storage.for({ protocol: this.protocol }), this.parts, options).run();
  }

  public override async sweepOrphans({ olderThanMs: graceMs, signal }: ISweepOptions = {}): Promise<number> {
    const { removed } = await this.collectGarbage({ graceMs, signal });
    return Object.values(removed).reduce((sum, count) => sum + count, 0);
  }

  public override init(): Promise<void> {
    return migrateLinks(this.services.storage);
  }

  public override clientSetup(url: string): string[] {
    const { host, protocol } = new URL(url);
    const plain = protocol === 'http:' ? ' --tls-verify=false' : '';
    return [`podman login${plain} ${host}`, `podman push${plain} localhost/my-image ${host}/my-image:1.0`];
  }

  /**
   * A session token without the needed right gets the same answer as no token, so that the client gets another one. Any
   * other credential without the right is refused.
   */
  protected renderError(error: RegistryError, call: RegistryCall | null): IResponse {
    const isRefusal = error.kind === 'forbidden' || error.kind === 'unauthenticated';
    const lacks = isRefusal && (error.detail as INeededScope | undefined)?.action !== undefined;
    const insufficient = lacks && call?.token ? this.parts.tokens.isSession(call.token) : false;
    if (!call || (error.kind !== 'unauthenticated' && !insufficient)) {
      return renderOciError(error, error.status, earlyCode(error, call));
    }
    let challenge: string;
    try {
      const problem = call.isCredentialInvalid ? 'invalid_token' : insufficient ? 'insufficient_scope' : undefined;
      challenge = this.challengeFor(call, error, problem);
    } catch (thrown) {
      // without a usable Host header the URL of the token endpoint is unknown
      return renderOciError(RegistryError.from(thrown));
    }
    const response = renderOciError(error, 401, 'UNAUTHORIZED');
    return { ...response, headers: { ...response.headers, 'WWW-Authenticate': challenge } };
  }

  private challengeFor(call: RegistryCall, error: RegistryError, problem?: TChallengeError): string {
    const needed: INeededScope[] = [];
    const lacking = error.detail as INeededScope | undefined;
    if (lacking?.action !== undefined) {
      // A client that looks for a blob with HEAD is about to push it. Some, oras-py among them, keep the token for that
      // and do not request another one for the push. So the challenge names push; callers without that right still get a
      // token for the pull.
      const isLook = lacking.action === 'pull' && call.method === 'HEAD' && call.route === `${BLOBS}/{digest}`;
      needed.push({ ...lacking, action: isLook ? 'push' : lacking.action });
    }
    const from = call.query('from');
    if (from !== undefined && call.query('mount') !== undefined) {
      needed.push({ type: 'repository', name: from, action: 'pull' });
    }
    if (call.route === '/_catalog' && needed.length === 0) needed.push(CATALOG);
    return this.parts.tokens.challenge({ endpoint: () => `${call.publicUrl}/token`, needed, error: problem });
  }
}
