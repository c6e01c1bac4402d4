import * as plugins from '../../../plugins.js';
import type { IRight } from '../../auth/classes.rights.js';
import type { IAuthToken, IVerifiedCaller } from '../../auth/interfaces.auth.js';
import { gzip } from '../../base/helpers.gzip.js';
import { Slices } from '../../base/helpers.slices.js';
import type { AuthManager } from '../../classes.authmanager.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { IResponse } from '../../interfaces.core.js';
import type { IListedPackage, IListingSnapshot } from '../../listing/interfaces.listing.js';
import { acceptsEncoding, matchesEtag, respond } from '../helpers.http.js';
import type { TAudience } from './classes.answercache.js';
import { type IRendered, Rendering } from './classes.rendering.js';
import { digestField } from './helpers.serving.js';

/** A listing of all packages that can be served; `PackageCatalog` is one. */
export interface IServedListing<TEntry> {
  /** All entries in the order of their names. */
  sorted(): Promise<IListingSnapshot<TEntry>>;
}

/**
 * The text form of a listing: one text after another, in the order of the listing. Links are relative, because callers
 * that used different host names share a rendering.
 */
export interface IListingRender<TEntry> {
  contentType: string;
  header?: string;
  /**
   * pure; returns null to omit the package
   * @param before the name of the package before it that the caller may see, in the order of the listing
   */
  entry(name: string, entry: TEntry, before: string | undefined): string | null;
  /** between the texts of two packages */
  separator?: string;
  footer?: string;
  /** the whole text if there is no package, for clients to which an empty list means something else */
  empty?: string;
}

/** A form of a listing that is not text, or whose beginning depends on all packages. */
export interface IListingPieces<TEntry> {
  contentType: string;
  /** Pure. Others run between two pieces, so each should take less than a millisecond; a piece may be empty. */
  pieces(packages: readonly IListedPackage<TEntry>[]): Iterable<Uint8Array>;
  /** the pieces are the content of a gzip file */
  gzip?: boolean;
}

/** The form of a listing that is sent: text, or pieces of bytes. */
export type TListingForm<TEntry> = IListingRender<TEntry> | IListingPieces<TEntry>;

/** How a listing is rendered and sent. */
export interface IServeListingOptions<TEntry> {
  /** name of the representation, e.g. `json` */
  variant: string;
  /** a function is called only if the listing has to be rendered anew */
  render: TListingForm<TEntry> | (() => TListingForm<TEntry>);
  /**
   * The ETag is the md5 of the content, and `Repr-Digest` its sha256, also if it is sent compressed, for clients that
   * compare both with what they have unpacked (Bundler). Against RFC 9110 section 8.8.3, so only for these.
   */
  md5Etag?: boolean;
  /** the right that a caller needs to see a package; default: type and action of the route */
  right?: { type: string; action: string };
  headers?: Record<string, string>;
}

/** A call as far as it says which right its listing needs. */
interface IListingCall {
  protocol: string;
  access: string | { type: string; action?: string };
}

/** The right that a caller needs to see a package in a listing; default: type and action of the route. */
export const listingRight = (
  { protocol, access }: IListingCall,
  right?: IServeListingOptions<never>['right'],
): IRight => {
  const row = typeof access === 'object' ? access : undefined;
  const type = right?.type ?? row?.type;
  if (!type) throw new RegistryError('internal', `A listing of ${protocol} has no type to filter by`);
  return { protocol, type, action: right?.action ?? row?.action ?? 'read' };
};

/** The parts of a call on which its answer depends. */
export interface IListingRequest {
  header(name: string): string | undefined;
  token: IAuthToken | null;
  /** the caller for whom rights may be cached, and until when */
  audience?: TAudience;
  auth: AuthManager;
  signal?: AbortSignal;
}

/** Names whose rights are checked together: less than a millisecond. */
const BATCH = 256;
/** Characters that are encoded at once: less than a millisecond. */
const PIECE = 256 * 1024;
/**
 * Bytes of cached renderings of one listing. That is as much as all other metadata have by default, and separate from
 * it: one listing of 100,000 packages would displace thousands of documents. The newest is kept whatever its size.
 */
const KEPT_BYTES = 64 * 1024 * 1024;

/** Renderings of one listing. Only those of its newest version are useful. */
class ListingRenders {
  private version = -1;
  private readonly kept = new Map<string, Rendering>();
  private readonly underWay = new Map<string, Promise<Rendering>>();

  /** The rendering with this key; made once, however many callers wait for it. */
  public async get(name: string, version: number, make: () => Promise<Rendering>): Promise<Rendering> {
    if (version === this.version) {
      const hit = this.kept.get(name);
      if (hit) return this.keep(name, hit);
    }
    const job = `${version}\n${name}`;
    let making = this.underWay.get(job);
    if (!making) {
      making = make().finally(() => this.underWay.delete(job));
      this.underWay.set(job, making);
    }
    const made = await making;
    if (version > this.version) {
      this.version = version;
      this.kept.clear();
    }
    return version === this.version ? this.keep(name, made) : made;
  }

  /** Moves it to the end, and drops the least recently used ones. */
  private keep(name: string, rendering: Rendering): Rendering {
    this.kept.delete(name);
    this.kept.set(name, rendering);
    let bytes = 0;
    for (const { cost } of this.kept.values()) bytes += cost;
    for (const [oldest, { cost }] of this.kept) {
      if (bytes <= KEPT_BYTES || oldest === name) break;
      this.kept.delete(oldest);
      bytes -= cost;
    }
    return rendering;
  }
}

interface IVisible<TEntry> {
  /** equal for callers that see the same packages of one version */
  who: string;
  packages: readonly IListedPackage<TEntry>[];
}

/** Maximum number of cached visible packages of all callers together, 8 bytes each. */
const REMEMBERED = 1_000_000;

interface IRemembered {
  version: number;
  visible: IVisible<unknown>;
}

/** The caches of one listing. */
class ListingMemory {
  public readonly renders = new ListingRenders();
  /** by caller: one object for each verification */
  private readonly visible = new plugins.LRUCache<IVerifiedCaller, Map<string, IRemembered>>({
    maxSize: REMEMBERED,
    sizeCalculation: (rights) => {
      let size = 1000;
      for (const { visible } of rights.values()) size += visible.packages.length;
      return size;
    },
  });

  /** The packages of this version that the caller may see; computed once while its verification is valid. */
  public async visibleTo<TEntry>(
    request: IListingRequest,
    right: IRight,
    { version, packages }: IListingSnapshot<TEntry>,
  ): Promise<IVisible<TEntry>> {
    if (await request.auth.allowsAll(request.token, right)) return { who: 'all', packages };
    const { audience } = request;
    const caller = audience === 'anybody' || !audience || audience.validUntil <= Date.now() ? undefined : audience;
    const name = `${right.protocol}:${right.type}:${right.action}`;
    const known = caller && this.visible.get(caller)?.get(name);
    if (known?.version === version) return known.visible as IVisible<TEntry>;
    const visible = await readableOf(request, right, packages);
    if (!caller) return visible;
    this.visible.set(caller, new Map(this.visible.get(caller)).set(name, { version, visible }));
    return visible;
  }
}

const memories = new WeakMap<object, ListingMemory>();

const memoryOf = (listing: object): ListingMemory => {
  let memory = memories.get(listing);
  if (!memory) {
    memory = new ListingMemory();
    memories.set(listing, memory);
  }
  return memory;
};

/** The packages that the caller may see: each name is checked. */
const readableOf = async <TEntry>(
  { auth, token, signal }: IListingRequest,
  right: IRight,
  packages: readonly IListedPackage<TEntry>[],
): Promise<IVisible<TEntry>> => {
  const slices = new Slices();
  const visible: IListedPackage<TEntry>[] = [];
  const seen = plugins.crypto.createHash('sha256');
  for (let at = 0; at < packages.length; at += BATCH) {
    const batch = packages.slice(at, at + BATCH);
    const names = await auth.allowedNames(
      token,
      right,
      batch.map(({ name }) => name),
    );
    const allowed = new Set(names);
    const mask = new Uint8Array(batch.length);
    for (const [index, listed] of batch.entries()) {
      if (!allowed.has(listed.name)) continue;
      mask[index] = 1;
      visible.push(listed);
    }
    seen.update(mask);
    // each name may be a call of an embedder's code: stop if nobody waits for the answer any more
    if (signal?.aborted)
      throw new RegistryError('timeout', 'The client closed the connection', { cause: signal.reason });
    if (slices.due) await slices.rest();
  }
  return { who: visible.length === packages.length ? 'all' : seen.digest('base64url'), packages: visible };
};

/** The digests of content that is not in one piece yet: its sha256, and the md5 if that is its ETag. */
class DigestsOf {
  private readonly sha256 = plugins.crypto.createHash('sha256');
  private readonly md5: plugins.crypto.Hash | undefined;

  constructor(isMd5: boolean) {
    this.md5 = isMd5 ? plugins.crypto.createHash('md5') : undefined;
  }

  public add(piece: Uint8Array): void {
    this.sha256.update(piece);
    this.md5?.update(piece);
  }

  public get value(): Pick<IRendered, 'etag' | 'sha256'> {
    return { sha256: this.sha256.digest('hex'), ...(this.md5 && { etag: this.md5.digest('hex') }) };
  }
}

const renderPieces = async <TEntry>(
  packages: readonly IListedPackage<TEntry>[],
  { contentType, pieces, gzip: isFile }: IListingPieces<TEntry>,
  digests: DigestsOf,
): Promise<Rendering> => {
  const slices = new Slices();
  const made: Uint8Array[] = [];
  for (const piece of pieces(packages)) {
    if (!isFile) digests.add(piece);
    made.push(piece);
    if (slices.due) await slices.rest();
  }
  const content = Buffer.concat(made);
  if (!isFile) return Rendering.of({ body: content, contentType, ...digests.value });
  const body = await gzip(content);
  digests.add(body);
  return Rendering.of({ body, contentType, ...digests.value, compressible: false });
};

const renderText = async <TEntry>(
  packages: readonly IListedPackage<TEntry>[],
  { contentType, header = '', entry, separator = '', footer = '', empty }: IListingRender<TEntry>,
  digests: DigestsOf,
): Promise<Rendering> => {
  const slices = new Slices();
  const pieces: Buffer[] = [];
  let text = packages.length === 0 && empty !== undefined ? '' : header;
  const flush = (): void => {
    const piece = Buffer.from(text);
    digests.add(piece);
    pieces.push(piece);
    text = '';
  };
  let isFirst = true;
  let before: string | undefined;
  for (const { name, entry: value } of packages) {
    const written = entry(name, value, before);
    before = name;
    if (written === null) continue;
    if (!isFirst) text += separator;
    isFirst = false;
    text += written;
    if (text.length >= PIECE) flush();
    if (slices.due) await slices.rest();
  }
  text += packages.length === 0 && empty !== undefined ? empty : footer;
  flush();
  await slices.rest();
  return Rendering.of({ body: Buffer.concat(pieces), contentType, ...digests.value });
};

const renderAll = <TEntry>(
  packages: readonly IListedPackage<TEntry>[],
  { render, md5Etag = false }: IServeListingOptions<TEntry>,
): Promise<Rendering> => {
  const digests = new DigestsOf(md5Etag);
  const form = typeof render === 'function' ? render() : render;
  return 'pieces' in form ? renderPieces(packages, form, digests) : renderText(packages, form, digests);
};

/**
 * Serves all packages that the caller may see, in the order that all replicas share. They are rendered once per version
 * of the listing and per set of visible packages; with ETag (from the content, so equal on every replica), 304, and
 * gzip in the thread pool. It never holds the event loop for long, whatever the number of packages.
 */
export const serveListing = async <TEntry>(
  request: IListingRequest,
  listing: IServedListing<TEntry>,
  right: IRight,
  options: IServeListingOptions<TEntry>,
): Promise<IResponse> => {
  const snapshot = await listing.sorted();
  const memory = memoryOf(listing);
  const visible = await memory.visibleTo(request, right, snapshot);
  const rendering = await memory.renders.get(`${options.variant}\n${visible.who}`, snapshot.version, () =>
    renderAll(visible.packages, options),
  );
  const packed = rendering.compressible && acceptsEncoding(request.header('accept-encoding'), 'gzip');
  const { etag } = rendering;
  const headers: Record<string, string> = {
    'Content-Type': rendering.contentType,
    // two representations have two strong validators (RFC 9110 section 8.8.3)
    ETag: packed && !options.md5Etag ? `"${etag}-gzip"` : `"${etag}"`,
    'Cache-Control': 'no-cache',
    Vary: 'Accept, Accept-Encoding',
    ...(options.md5Etag && { 'Repr-Digest': digestField(rendering.sha256) }),
    ...options.headers,
  };
  // no Last-Modified: replicas see a change at different times
  const ifNoneMatch = request.header('if-none-match');
  if (ifNoneMatch !== undefined && matchesEtag(ifNoneMatch, [etag, `${etag}-gzip`])) return { status: 304, headers };
  if (packed) headers['Content-Encoding'] = 'gzip';
  return respond(200, packed ? await rendering.gzipped() : rendering.bytes, headers);
};
