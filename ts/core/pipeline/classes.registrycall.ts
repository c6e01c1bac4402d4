import type { IAuthToken } from '../auth/interfaces.auth.js';
import type { AuthManager } from '../classes.authmanager.js';
import { RegistryError } from '../classes.registryerror.js';
import type { IStageOptions, RegistryStorage } from '../classes.registrystorage.js';
import type {
  ILimits,
  ILogger,
  IRequestActor,
  IRequestContext,
  IResponse,
  TRegistryProtocol,
} from '../interfaces.core.js';
import type { IStorageHookMetadata } from '../storage/hooks/interfaces.hooks.js';
import type { TBody } from '../storage/uploads/classes.stagedobject.js';
import { LateContent } from './body/classes.latecontent.js';
import { RequestBody } from './body/classes.requestbody.js';
import { abandonBody } from './body/helpers.bodysource.js';
import { addressOf, headerOf, queryValues } from './helpers.http.js';
import { normalizeUrl, originOf } from './helpers.publicurl.js';
import { absentName, refusalOf } from './helpers.refusal.js';
import type { ICallOptions, IRegistryServices, TAccess, TParams } from './interfaces.pipeline.js';
import {
  basisFrom,
  type IAnswerBasis,
  type IDocumentVersion,
  type IRepeatable,
  type TAudience,
} from './serving/classes.answercache.js';
import { PUBLIC_URL, Rendering } from './serving/classes.rendering.js';
import {
  type IServedListing,
  type IServeListingOptions,
  listingRight,
  serveListing,
} from './serving/helpers.listing.js';
import { type IServedLog, type IServeLogOptions, serveLog } from './serving/helpers.log.js';
import { repeatableOf } from './serving/helpers.repeating.js';
import { loadExact, serveExact, serveObject, serveRendering } from './serving/helpers.serving.js';
import type {
  IServeDocumentOptions,
  IServeImmutableOptions,
  IServeObjectOptions,
} from './serving/interfaces.serving.js';

/** bytes; caching a larger artifact costs more than reading it again */
const SMALL_ARTIFACT = 64 * 1024;

const NO_PARAMS: TParams = Object.freeze(Object.create(null));

/** One request, for its handler. */
export class RegistryCall {
  public readonly protocol: TRegistryProtocol;
  public readonly context: IRequestContext;
  public readonly method: string;
  public readonly mount: string;
  public readonly path: string;
  /** set by the pipeline from the matched route */
  public params: TParams = NO_PARAMS;
  public access: TAccess = 'public';
  /** the path of the matched row, as in the table */
  public route = '';
  /** null for an anonymous caller, and on public routes */
  public token: IAuthToken | null = null;
  /** the caller presented a credential that is not valid */
  public isCredentialInvalid = false;

  /**
   * the callers for which a cached answer is valid; undefined until they are known
   * @internal
   */
  public audience: TAudience | undefined;

  /** names for which the row's right was checked */
  private readonly authorized: string[] = [];
  /** headers that were read, if the answer may be cached */
  private looked: [name: string, value: string | undefined][] | undefined;
  private repeatable: IRepeatable | undefined;
  private ownStorage: RegistryStorage | undefined;
  private ownBody: RequestBody | undefined;
  private readonly services: IRegistryServices;

  /** @internal */
  constructor(private readonly options: ICallOptions) {
    const { context, services } = options;
    this.protocol = options.protocol;
    this.services = services;
    this.context = context;
    this.method = context.method.toUpperCase();
    this.mount = options.mount;
    this.path = options.path;
    if (services.answers.takes(context)) this.looked = [];
  }

  /** Bound to this call: hooks get its protocol and actor, and its signal aborts the work. */
  public get storage(): RegistryStorage {
    const { context, protocol } = this;
    const actor = () => this.actor;
    this.ownStorage ??= this.services.storage.for({
      protocol,
      get actor() {
        return actor();
      },
      get signal() {
        return context.signal;
      },
    });
    return this.ownStorage;
  }

  /** The actor for hooks: the embedder's, completed by the user and the token of the credentials. */
  public get actor(): IRequestActor | undefined {
    const { token, userId } = this;
    const { actor } = this.context;
    if (!token || userId === undefined) return actor;
    return { ...actor, userId: actor?.userId ?? userId, tokenId: actor?.tokenId ?? token.tokenId };
  }

  /** The caller's IP address, if the host knows it: wrong passwords are limited by it. */
  public get address(): string | undefined {
    return addressOf(this.context, this.services.trustProxy);
  }

  public get body(): RequestBody {
    const { context, services } = this;
    this.ownBody ??= new RequestBody(context.body, {
      contentLength: this.header('content-length'),
      contentEncoding: this.header('content-encoding'),
      contentType: this.header('content-type'),
      defaultLimit: services.limits.maxMetadataSize,
      fileLimit: services.limits.maxArtifactSize,
      idleTimeoutMs: services.limits.bodyIdleTimeoutMs,
      get signal() {
        return context.signal;
      },
    });
    return this.ownBody;
  }

  /** Aborts when the client is gone. Hosts may make it on demand: it costs more than the rest of a call. */
  public get signal(): AbortSignal | undefined {
    return this.context.signal;
  }

  /** Ends the call: releases a body that was not read, and staged objects that were not used. */
  public async release(): Promise<void> {
    if (this.ownBody) this.ownBody.dispose();
    else abandonBody(this.context.body);
    await this.ownStorage?.release();
  }

  public get auth(): AuthManager {
    return this.services.auth;
  }
  public get logger(): ILogger {
    return this.services.logger;
  }
  public get limits(): Required<ILimits> {
    return this.services.limits;
  }

  /** Undefined for an anonymous caller, also for one with an anonymous OCI token (its subject is empty). */
  public get userId(): string | undefined {
    return this.token?.userId || undefined;
  }

  /** A header of the request; the values of a repeated one are joined. */
  public header(name: string): string | undefined {
    const value = headerOf(this.context.headers, name);
    if (this.looked && !this.looked.some(([known]) => known === name)) this.looked.push([name, value]);
    return value;
  }

  /** Reads headers of the credential: in the key of a cached answer, the verified caller replaces them. */
  public readCredential<T>(read: () => T): T {
    const { looked } = this;
    this.looked = undefined;
    try {
      return read();
    } finally {
      this.looked = looked;
    }
  }

  /** The first value of a query parameter. */
  public query(name: string): string | undefined {
    return this.queryAll(name)[0];
  }

  /** All values of a parameter of the query. */
  public queryAll(name: string): string[] {
    return queryValues(this.context.query, name);
  }

  /**
   * Absolute URL of this registry as the caller reaches it, without a trailing slash; see `normalizeUrl`. A served
   * document is rendered with the URL that `render` gets instead.
   */
  public get publicUrl(): string {
    const { registryUrl } = this.options.config;
    if (registryUrl) return normalizeUrl(registryUrl);
    return normalizeUrl(originOf(this.context, this.services.trustProxy, (name) => this.header(name)) + this.mount);
  }

  /**
   * The URL of a resource of this registry for a header such as Location: below `registryUrl` if that is set, else as a
   * path, which is valid whatever host name the caller used.
   */
  public linkTo(path: string): string {
    const { absoluteLinks, config } = this.options;
    return (absoluteLinks || config.registryUrl ? this.publicUrl : this.mount) + path;
  }

  /**
   * Throws `unauthenticated` if the caller has no token, `forbidden` if the token does not grant it, `absent()` if the
   * protocol hides names from this caller. Default type and action are those of the route.
   */
  public async authorize(name: string, override: { type?: string; action?: string } = {}): Promise<void> {
    const row = typeof this.access === 'object' ? this.access : undefined;
    const type = override.type ?? row?.type;
    const action = override.action ?? (row && 'action' in row ? row.action : undefined);
    if (!type || !action)
      throw new RegistryError('internal', `A route of ${this.protocol} authorises without type and action`);
    const right = { type, name, action };
    if (await this.can(right)) {
      const isOfRow = row === undefined || (type === row.type && action === ('action' in row && row.action));
      if (isOfRow) this.authorized.push(name);
      return;
    }
    throw await refusalOf(this, right, this.options.hidesNames ?? false);
  }

  /** The error for a name that is not in this registry. Default: the name for which the row's right was checked. */
  public absent(name = this.authorized[0] ?? 'This'): RegistryError {
    return absentName(name);
  }

  /**
   * Stages the body of a `late` row: its name is in the body, so the caller's right is not known yet. The content can
   * be read at once, and published only after `authorize(name)` has succeeded.
   */
  public async stageLate(body: TBody, options: IStageOptions): Promise<LateContent> {
    return new LateContent(await this.storage.stage(body, options), (name) => this.authorized.includes(name));
  }

  /** Whether the caller has a right; `authorize` refuses the request instead. */
  public can(right: { type: string; name: string; action: string }): Promise<boolean> {
    return this.auth.authorize(this.token, `${this.protocol}:${right.type}:${right.name}`, right.action);
  }

  /** The data for get hooks. They run for everything that is served, so a handler passes only what it knows better. */
  private aboutRead(kind: 'artifact' | 'document', about: IStorageHookMetadata = {}): IStorageHookMetadata {
    const [packageName] = this.authorized;
    return { ...(packageName !== undefined && { packageName }), kind, ...about };
  }

  /** One stored object as a download; null if it is absent. */
  public serveObject(key: string, options: IServeObjectOptions = {}): Promise<IResponse | null> {
    return serveObject(this, key, { ...options, about: this.aboutRead('artifact', options.about) });
  }

  /**
   * Serves an artifact that a document which was just read names: as a download, and from memory if it is small. Caches
   * may keep it for a year, unless `immutable` is false: then the document may name other bytes for the same URL later.
   */
  public async serveArtifact(
    key: string,
    options: IServeObjectOptions & { etag: string; size: number; listedBy: IDocumentVersion },
  ): Promise<IResponse | null> {
    const fromMemory = options.size <= SMALL_ARTIFACT && this.header('range') === undefined;
    if (!fromMemory) return this.serveObject(key, options);
    const headers = { 'Accept-Ranges': 'bytes', ...options.headers };
    const { immutable = true } = options;
    return this.serveImmutable(key, { ...options, headers, immutable, repeatable: true });
  }

  /**
   * Serves small content exactly as it is stored, cached in memory once it was read: content with this `etag` never
   * changes. Whether it still exists is checked each time, unless a document that was just read names it (`listedBy`).
   */
  public async serveImmutable(key: string, options: IServeImmutableOptions): Promise<IResponse | null> {
    const { storage } = this;
    const { listedBy } = options;
    const about = this.aboutRead('artifact', options.about);
    const admitted = listedBy && (await storage.admitGet(key, about));
    const info = listedBy ?? (await storage.headForGet(key, about));
    if (!info) return null;
    // a key may be used again for other content after the first was removed
    const name = `${key}\n${options.etag}\nexact`;
    // not aborted with this caller: others wait for it too
    const rendering = await this.services.renders.get(name, () => loadExact(this.services.storage, key, options));
    if (!rendering) return null;
    admitted?.();
    const response = serveExact(this, rendering, options);
    const changedAt = options.lastModified ?? rendering.lastModified;
    this.repeatable = repeatableOf(storage, response, { document: info, name, changedAt }, options);
    return response;
  }

  /**
   * Serves a stored document rendered for clients that poll it: rendered once per (stored ETag, variant), revalidated
   * against the store on every read; the public URL is inserted afterwards. Null if it is absent.
   */
  public async serveDocument<T>(key: string, options: IServeDocumentOptions<T>): Promise<IResponse | null> {
    const { storage, publicUrl } = this;
    const { renders } = this.services;
    const info = await storage.headForGet(key, this.aboutRead('document', options.about));
    if (!info) return null;
    const nameOf = (etag: string) => `${key}\n${etag}\n${options.variant}`;
    const wanted = nameOf(info.etag);
    const made = await renders.get(wanted, async (keepAs) => {
      const document = await storage.read<T>(key, options.codec);
      // written since its ETag was read
      if (document && document.etag !== info.etag) keepAs(nameOf(document.etag));
      const rendered = document && (await options.render(document.value, PUBLIC_URL));
      return rendered ? Rendering.of({ lastModified: document.lastModified, ...rendered }, publicUrl) : null;
    });
    if (!made) return null;
    const { name, rendering } = renders.linked(wanted, made, publicUrl);
    const response = await serveRendering(this, rendering, info.lastModified, options);
    const changedAt = rendering.lastModified ?? info.lastModified;
    this.repeatable = repeatableOf(storage, response, { document: info, name, changedAt }, options);
    return response;
  }

  /** Serves all packages that the caller may see; see `IListingRender` for the rendering. */
  public serveListing<TEntry>(
    listing: IServedListing<TEntry>,
    options: IServeListingOptions<TEntry>,
  ): Promise<IResponse> {
    return serveListing(this, listing, listingRight(this, options.right), options);
  }

  /** A log of all packages; lines of packages that the caller may not read are left out. See `serveLog`. */
  public serveLog(log: IServedLog, options: IServeLogOptions): Promise<IResponse> {
    return serveLog(this, log, listingRight(this), options);
  }

  /**
   * The data from which `response`, the answer to this call, was made; undefined if it must not be cached.
   * @internal
   */
  public basisOf(response: IResponse): IAnswerBasis | undefined {
    const { looked: headers, audience, repeatable } = this;
    if (!headers || !audience || repeatable?.response !== response) return undefined;
    return basisFrom(repeatable, { audience, headers, baseUrl: this.context.baseUrl });
  }
}
