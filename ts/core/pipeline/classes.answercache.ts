import { LRUCache } from '../../plugins.js';
import type { TStanding } from '../auth/classes.defaultauthprovider.js';
import { responseOfBytes } from '../base/helpers.streams.js';
import type { IRequestContext, IResponse } from '../interfaces.core.js';
import type { IObjectStore } from '../objectstore/interfaces.objectstore.js';
import type { RenderCache, Rendering } from './classes.rendercache.js';
import { headerOf } from './helpers.http.js';

/** A stored document as it was. */
export interface IDocumentVersion {
  key: string;
  etag: string;
}

/** All that an answer was made from. While it holds, the same request would get the same answer. */
export interface IAnswerBasis {
  /** the headers that were looked at, by lower-case name, with what they said */
  headers: readonly (readonly [name: string, value: string | undefined])[];
  baseUrl: string | undefined;
  /** false from the moment when the caller's credential, or what it allows, may have changed */
  standing: TStanding;
  document: IDocumentVersion;
  /** as the `RenderCache` has it; packed = the gzip form was sent */
  rendering: { name: string; packed: boolean };
  status: number;
  responseHeaders: Record<string, string>;
}

/** characters of names and headers that are kept, about */
const MAX_SIZE = 4 * 1024 * 1024;
/** a request with longer headers than this is not an everyday one */
const MAX_REQUEST = 4 * 1024;
/** clients of different kinds, and different users, that ask for one path */
const MAX_VARIANTS = 8;

const sizeOf = ({ headers }: IAnswerBasis): number =>
  headers.reduce((sum, [name, value]) => sum + name.length + (value?.length ?? 0), 600);

/** What a request has that is no header and could bear on its answer, beside its path and `baseUrl`. */
const isPlain = ({ method, token, body, query }: IRequestContext): boolean => {
  if (method !== 'GET' || token !== undefined || (body !== undefined && body !== null)) return false;
  for (const _name in query) return false;
  return true;
};

/**
 * Clients ask for the same documents again and again. For such a request it suffices to find that nothing its answer
 * was made from has changed: the headers, the caller's rights, the stored document. The store is asked each time, so
 * another replica's write is seen at once, as everywhere.
 *
 * Only where the store can be asked without waiting; elsewhere the way to the store costs far more than the pipeline.
 */
export class AnswerCache {
  private readonly entries = new LRUCache<string, IAnswerBasis[]>({
    maxSize: MAX_SIZE,
    sizeCalculation: (variants, path) => variants.reduce((sum, one) => sum + sizeOf(one), path.length + 100),
  });

  constructor(
    private readonly store: IObjectStore,
    private readonly renders: RenderCache,
  ) {}

  /** Whether a request is of the kind that is remembered. */
  public takes(context: IRequestContext): boolean {
    return this.store.glance !== undefined && isPlain(context);
  }

  /** The answer to a request as the pipeline would give it; undefined = ask the pipeline. */
  public find(context: IRequestContext, path: string): IResponse | undefined {
    const variants = this.entries.get(path);
    if (!variants || !isPlain(context)) return undefined;
    const basis = variants.find((one) => isFor(one, context));
    if (!basis?.standing()) return undefined;
    const { document, status } = basis;
    if (this.store.glance?.(document.key)?.etag !== document.etag) return undefined;
    const rendering = this.renders.peek(basis.rendering.name);
    const headers = { ...basis.responseHeaders };
    if (status === 304) return rendering && { status, headers };
    const bytes = rendering && bytesOf(rendering, basis.rendering.packed);
    return bytes && responseOfBytes(status, headers, bytes);
  }

  public keep(path: string, basis: IAnswerBasis): void {
    if (sizeOf(basis) > MAX_REQUEST) return;
    const request = { baseUrl: basis.baseUrl, headers: Object.fromEntries(basis.headers) };
    const others = (this.entries.get(path) ?? []).filter((one) => !isFor(one, request));
    this.entries.set(path, [basis, ...others].slice(0, MAX_VARIANTS));
  }
}

const isFor = ({ baseUrl, headers }: IAnswerBasis, context: Pick<IRequestContext, 'baseUrl' | 'headers'>): boolean => {
  if (baseUrl !== context.baseUrl) return false;
  for (const [name, value] of headers) if (headerOf(context.headers, name) !== value) return false;
  return true;
};

const bytesOf = (rendering: Rendering, packed: boolean): Uint8Array | undefined =>
  packed ? rendering.gzip : rendering.bytes;
