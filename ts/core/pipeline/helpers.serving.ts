import { RegistryError } from '../classes.registryerror.js';
import type { RegistryStorage } from '../classes.registrystorage.js';
import type { IResponse } from '../interfaces.core.js';
import type { IObject, IObjectInfo } from '../objectstore/interfaces.objectstore.js';
import type { IStorageHookMetadata } from '../storage/interfaces.hooks.js';
import type { Rendering } from './classes.rendercache.js';
import { acceptsEncoding, matchesEtag, parseRange, respond } from './helpers.http.js';

/** The parts of a call that decide how something is served. */
export interface IServeRequest {
  method: string;
  header(name: string): string | undefined;
  signal?: AbortSignal;
  storage: RegistryStorage;
}

export interface IServeObjectOptions {
  contentType?: string;
  headers?: Record<string, string>;
  /** without quotes; default: the store's own */
  etag?: string;
  /** the bytes under this URL never change, so caches may keep them for a year */
  immutable?: boolean;
  /** runs the get hooks */
  about?: IStorageHookMetadata;
}

const baseHeaders = (
  info: Pick<IObjectInfo, 'contentType' | 'lastModified'>,
  etag: string,
  options: IServeObjectOptions,
): Record<string, string> => ({
  'Content-Type': options.contentType ?? info.contentType ?? 'application/octet-stream',
  ETag: `"${etag}"`,
  'Last-Modified': info.lastModified.toUTCString(),
  'Accept-Ranges': 'bytes',
  'Cache-Control': options.immutable ? 'max-age=31536000, immutable' : 'no-cache',
  ...options.headers,
});

/** If-Range (RFC 9110 section 13.1.5): the range counts only while the object is still the one the client knows. */
const rangeStillValid = (ifRange: string | undefined, etag: string, lastModified: Date): boolean => {
  if (ifRange === undefined) return true;
  if (ifRange.includes('"')) return ifRange.trim() === `"${etag}"`;
  return Math.floor(lastModified.getTime() / 1000) * 1000 === Date.parse(ifRange);
};

/** If-None-Match wins over If-Modified-Since (RFC 9110 section 13.1.3). */
const isUnchanged = (request: IServeRequest, etags: string[], lastModified: Date): boolean => {
  const ifNoneMatch = request.header('if-none-match');
  if (ifNoneMatch !== undefined) return matchesEtag(ifNoneMatch, etags);
  const since = request.header('if-modified-since');
  return since !== undefined && Math.floor(lastModified.getTime() / 1000) * 1000 <= Date.parse(since);
};

/**
 * One stored object as a download: HEAD, ETag, 304, If-Range, one byte range. Null where it is absent. Throws
 * `rangeInvalid` with `Content-Range` for a range past the end.
 */
export const serveObject = async (
  request: IServeRequest,
  key: string,
  options: IServeObjectOptions = {},
): Promise<IResponse | null> => {
  const { storage } = request;
  const asksForPart = request.method === 'GET' && request.header('range') !== undefined;
  const conditional = ['if-none-match', 'if-modified-since', 'if-range'].some(
    (name) => request.header(name) !== undefined,
  );
  let range = asksForPart ? parseRange(request.header('range')) : undefined;
  let { about } = options;
  if (conditional || request.method === 'HEAD') {
    // what a hook keeps back is not told of either
    const info = about ? await storage.headForGet(key, about) : await storage.head(key);
    about = undefined;
    if (!info) return null;
    const etag = options.etag ?? info.etag;
    const headers = baseHeaders(info, etag, options);
    if (isUnchanged(request, [etag], info.lastModified)) return { status: 304, headers };
    if (request.method === 'HEAD') return { status: 200, headers: { ...headers, 'Content-Length': String(info.size) } };
    if (!rangeStillValid(request.header('if-range'), etag, info.lastModified)) range = undefined;
  }
  let found: IObject | 'notModified' | null;
  try {
    found = await storage.open(key, { range, signal: request.signal }, about);
  } catch (error) {
    if (!RegistryError.is(error, 'rangeInvalid')) throw error;
    const { size } = (error.detail ?? {}) as { size?: number };
    throw new RegistryError('rangeInvalid', error.message, { headers: { 'Content-Range': `bytes */${size ?? '*'}` } });
  }
  if (!found || found === 'notModified') return null;
  const { info, body } = found;
  const headers = baseHeaders(info, options.etag ?? info.etag, options);
  if (!found.range) return { status: 200, headers: { ...headers, 'Content-Length': String(info.size) }, body };
  const { start, end } = found.range;
  headers['Content-Range'] = `bytes ${start}-${end}/${info.size}`;
  headers['Content-Length'] = String(end - start + 1);
  return { status: 206, headers, body };
};

/** Bytes in memory under an ETag of the caller's, never in another encoding. */
export const serveExact = (
  request: IServeRequest,
  { bytes, contentType, lastModified = new Date(0) }: Rendering,
  options: IServeObjectOptions & { etag: string },
): IResponse => {
  const info = { contentType, lastModified };
  const headers = baseHeaders(info, options.etag, options);
  if (!options.headers?.['Accept-Ranges']) delete headers['Accept-Ranges'];
  if (isUnchanged(request, [options.etag], lastModified)) return { status: 304, headers };
  return respond(200, bytes, headers);
};

/** A rendered document: gzip where it is accepted, ETag by its bytes, 304. */
export const serveRendering = async (
  request: IServeRequest,
  rendering: Rendering,
  lastModified: Date,
  headers: Record<string, string>,
): Promise<IResponse> => {
  const packed = rendering.compressible && acceptsEncoding(request.header('accept-encoding'), 'gzip');
  // two representations, two strong validators (RFC 9110 section 8.8.3)
  const etag = packed ? `${rendering.etag}-gzip` : rendering.etag;
  const all: Record<string, string> = {
    'Content-Type': rendering.contentType,
    ETag: `"${etag}"`,
    'Last-Modified': lastModified.toUTCString(),
    'Cache-Control': 'no-cache',
    Vary: 'Accept, Accept-Encoding',
    ...headers,
  };
  if (isUnchanged(request, [rendering.etag, `${rendering.etag}-gzip`], lastModified))
    return { status: 304, headers: all };
  if (packed) all['Content-Encoding'] = 'gzip';
  return respond(200, packed ? await rendering.gzipped() : rendering.bytes, all);
};
