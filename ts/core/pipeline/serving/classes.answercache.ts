import { LRUCache } from '../../../plugins.js';
import type { IVerifiedCaller } from '../../auth/interfaces.auth.js';
import { responseOfBytes } from '../../base/helpers.streams.js';
import type { IRequestContext, IResponse } from '../../interfaces.core.js';
import type { IObjectStore } from '../../objectstore/interfaces.objectstore.js';
import { headerOf } from '../helpers.http.js';
import type { RenderCache } from './classes.rendercache.js';
import type { Rendering } from './classes.rendering.js';

/** A version of a stored document. */
export interface IDocumentVersion {
  key: string;
  etag: string;
}

/**
 * The callers that an answer is for: anybody (on a public route, which ignores credentials), or one verified caller.
 */
export type TAudience = 'anybody' | IVerifiedCaller;

/** Everything that an answer depends on. While it is unchanged, the same request gets the same answer. */
export interface IAnswerBasis {
  audience: TAudience;
  /** ms since 1970; after this the caller must be verified anew, or the handler's answer has expired */
  validUntil: number;
  /** the headers that were read, by lower-case name, with their values; without those of the credential */
  headers: readonly (readonly [name: string, value: string | undefined])[];
  baseUrl: string | undefined;
  document: IDocumentVersion;
  /** the key in the `RenderCache`; packed: the gzip form was sent */
  rendering: { name: string; packed: boolean };
  status: number;
  responseHeaders: Record<string, string>;
  /** see `IRepeatOptions` */
  repeated?: ((context: IRequestContext) => void) | undefined;
}

/** An answer that may be cached, and the document that it was made from. */
export interface IRepeatable extends Pick<IAnswerBasis, 'document' | 'rendering' | 'validUntil' | 'repeated'> {
  response: IResponse;
}

/** @param request the callers that the answer is for, and the headers that it was made from */
export const basisFrom = (
  { response: { status, headers }, validUntil, ...made }: IRepeatable,
  request: Pick<IAnswerBasis, 'audience' | 'headers' | 'baseUrl'>,
): IAnswerBasis => {
  const { audience } = request;
  const until = audience === 'anybody' ? validUntil : Math.min(audience.validUntil, validUntil);
  return { ...made, ...request, validUntil: until, status, responseHeaders: { ...headers } };
};

/** approximate characters of cached names and headers: some 6,000 usual requests */
const MAX_SIZE = 4 * 1024 * 1024;
/** characters of headers; requests with more are not cached */
const MAX_REQUEST = 4 * 1024;
/** maximum number of answers for one path, for clients of different kinds and different users */
const MAX_VARIANTS = 8;

const sizeOf = ({ headers }: IAnswerBasis): number =>
  headers.reduce((sum, [name, value]) => sum + name.length + (value?.length ?? 0), 600);

/** Whether the answer depends only on the path, the headers, the caller and `baseUrl`. */
const isPlain = ({ method, body, query }: IRequestContext): boolean => {
  if (method !== 'GET' || (body !== undefined && body !== null)) return false;
  for (const _name in query) return false;
  return true;
};

/**
 * Caches answers. Clients request the same documents again and again; for such a request it is enough to check that
 * nothing has changed that its answer was made from: the verified caller, the headers, the stored document. The store
 * is asked each time, so another replica's write is seen at once, as everywhere.
 *
 * The cache is used only if the store can be asked without waiting; with other stores, the request to the store costs
 * far more than the pipeline.
 */
export class AnswerCache {
  private readonly entries = new LRUCache<string, IAnswerBasis[]>({
    maxSize: MAX_SIZE,
    sizeCalculation: (variants, path) => variants.reduce((sum, one) => sum + sizeOf(one), path.length + 100),
  });

  constructor(
    private readonly store: IObjectStore,
    private readonly renders: RenderCache,
    private readonly now: () => number = Date.now,
  ) {}

  /** Whether answers to such requests are cached. */
  public takes(context: IRequestContext): boolean {
    return this.store.glance !== undefined && isPlain(context);
  }

  /**
   * The answer that the pipeline would give; undefined: run the pipeline.
   * @param caller returns the caller if it is known without any work; called only if needed
   */
  public find(
    context: IRequestContext,
    path: string,
    caller: () => IVerifiedCaller | undefined,
  ): IResponse | undefined {
    const variants = this.entries.get(path);
    if (!variants || !isPlain(context)) return undefined;
    let asked: IVerifiedCaller | undefined;
    for (const basis of variants) {
      if (!isFor(basis, context)) continue;
      if (basis.audience !== 'anybody') {
        asked ??= caller();
        if (!asked) return undefined;
        if (basis.audience !== asked) continue;
      }
      const answer = this.now() < basis.validUntil ? this.answer(basis) : undefined;
      if (answer) basis.repeated?.(context);
      return answer;
    }
    return undefined;
  }

  private answer({
    document,
    rendering: { name, packed },
    status,
    responseHeaders,
  }: IAnswerBasis): IResponse | undefined {
    if (this.store.glance?.(document.key)?.etag !== document.etag) return undefined;
    const rendering = this.renders.peek(name);
    const headers = { ...responseHeaders };
    if (status === 304) return rendering && { status, headers };
    const bytes = rendering && bytesOf(rendering, packed);
    return bytes && responseOfBytes(status, headers, bytes);
  }

  /** @internal */
  public keep(path: string, basis: IAnswerBasis): void {
    const now = this.now();
    if (sizeOf(basis) > MAX_REQUEST || basis.validUntil <= now) return;
    const request = { baseUrl: basis.baseUrl, headers: Object.fromEntries(basis.headers) };
    const isReplaced = (one: IAnswerBasis): boolean =>
      one.validUntil <= now || (one.audience === basis.audience && isFor(one, request));
    const others = (this.entries.get(path) ?? []).filter((one) => !isReplaced(one));
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
