import { iterate, streamToBuffer } from '../../base/helpers.streams.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { RegistryStorage } from '../../classes.registrystorage.js';
import type { IResponse } from '../../interfaces.core.js';
import type { IObjectInfo, TObjectRange } from '../../objectstore/interfaces.objectstore.js';
import { acceptsEncoding, matchesEtag, respond } from '../helpers.http.js';
import { Rendering } from './classes.rendering.js';
import {
  type IByteRange,
  multipartResponse,
  outOfRange,
  parseRanges,
  partHeaders,
  resolveRanges,
  respondPart,
} from './helpers.ranges.js';
import type { IServeImmutableOptions, IServeObjectOptions, IServeRenderingOptions } from './interfaces.serving.js';

/** The parts of a call on which serving depends. */
export interface IServeRequest {
  method: string;
  header(name: string): string | undefined;
  signal?: AbortSignal;
  storage: RegistryStorage;
}

/** The value of `Repr-Digest` (RFC 9530 section 3) for a sha256 in hex. */
export const digestField = (hex: string): string => `sha-256=:${Buffer.from(hex, 'hex').toString('base64')}:`;

/**
 * ms. `Last-Modified` has whole seconds, so a client may have the first of two versions of the same second, and would
 * get 304 for ever. If the last change is younger than this, no date is sent or compared (RFC 9110 section 8.8.2.2
 * requires one second; the other one is for clocks that differ slightly).
 */
const FRESH_MS = 2_000;

/** ms since 1970, from which on `Last-Modified` is sent for content that last changed at `lastModified` */
export const datedSince = (lastModified: Date): number => lastModified.getTime() + FRESH_MS;

const isFresh = (request: IServeRequest, lastModified: Date): boolean =>
  request.storage.now().getTime() < datedSince(lastModified);

/** The time as clients send it back in If-Modified-Since. */
const wholeSeconds = (date: Date): number => Math.floor(date.getTime() / 1000) * 1000;

/** The values that conditions are compared with. */
interface IValidators {
  etags: string[];
  lastModified: Date;
  /** whether the date is reliable */
  isDated: boolean;
}

const baseHeaders = (
  info: Pick<IObjectInfo, 'contentType'>,
  { etags, lastModified, isDated }: IValidators,
  options: IServeObjectOptions,
): Record<string, string> => {
  const headers: Record<string, string> = {
    'Content-Type': options.contentType ?? info.contentType ?? 'application/octet-stream',
    ETag: `"${etags[0]}"`,
  };
  if (isDated) headers['Last-Modified'] = lastModified.toUTCString();
  headers['Accept-Ranges'] = 'bytes';
  headers['Cache-Control'] = options.immutable ? 'max-age=31536000, immutable' : 'no-cache';
  if (options.reprDigest !== undefined) headers['Repr-Digest'] = digestField(options.reprDigest);
  return Object.assign(headers, options.headers);
};

/**
 * If-Range (RFC 9110 section 13.1.5): ranges are sent only if the content is still the one that the client has. Only a
 * strong ETag or the exact date matches; a weak one never does.
 */
const rangeStillValid = (request: IServeRequest, { etags, lastModified, isDated }: IValidators): boolean => {
  const ifRange = request.header('if-range');
  if (ifRange === undefined) return true;
  if (ifRange.includes('"')) return ifRange.trim() === `"${etags[0]}"`;
  return isDated && wholeSeconds(lastModified) === Date.parse(ifRange);
};

/**
 * If-Match, else If-Unmodified-Since (RFC 9110 section 13.2.2). Maven resumes a download with the second one, and begins
 * anew after a 412; if it got a part of other content, it would find out only by the checksum of the whole.
 */
const assertSameContent = (request: IServeRequest, { etags, lastModified }: IValidators): void => {
  const ifMatch = request.header('if-match');
  const since = request.header('if-unmodified-since');
  const isSame =
    ifMatch === undefined
      ? since === undefined || !(wholeSeconds(lastModified) > Date.parse(since))
      : ifMatch.split(',').some((one) => one.trim() === '*' || one.trim() === `"${etags[0]}"`);
  if (!isSame) throw new RegistryError('preconditionFailed', 'The content is not the one of which a part is wanted');
};

/** If-None-Match has precedence over If-Modified-Since (RFC 9110 section 13.1.3). */
const isUnchanged = (request: IServeRequest, { etags, lastModified, isDated }: IValidators): boolean => {
  const ifNoneMatch = request.header('if-none-match');
  if (ifNoneMatch !== undefined) return matchesEtag(ifNoneMatch, etags);
  const since = request.header('if-modified-since');
  return since !== undefined && isDated && wholeSeconds(lastModified) <= Date.parse(since);
};

/** The requested ranges; HEAD has none (RFC 9110 section 14.2). */
const rangesOf = (request: IServeRequest): TObjectRange[] | 'invalid' | undefined =>
  request.method === 'GET' ? parseRanges(request.header('range')) : undefined;

const CONDITIONS = ['if-none-match', 'if-modified-since', 'if-range', 'if-match', 'if-unmodified-since'];

/**
 * One stored object as a download: HEAD, ETag, 304, If-Range, one or several byte ranges. Null if it is absent. Throws
 * `rangeInvalid` with `Content-Range` for a range past the end.
 */
export const serveObject = async (
  request: IServeRequest,
  key: string,
  options: IServeObjectOptions = {},
): Promise<IResponse | null> => {
  const ranges = rangesOf(request);
  let known: IObjectInfo | undefined;
  let range: TObjectRange | undefined;
  const isConditional = CONDITIONS.some((name) => request.header(name) !== undefined);
  if (isConditional || request.method === 'HEAD' || ranges === 'invalid' || (ranges && ranges.length > 1)) {
    const { storage } = request;
    // if a hook refuses the content, nothing about it may be sent
    const info = options.about ? await storage.headForGet(key, options.about) : await storage.head(key);
    if (!info) return null;
    known = info;
    const validators = validatorsOf(request, info, options);
    const headers = baseHeaders(info, validators, options);
    if (ranges) assertSameContent(request, validators);
    if (isUnchanged(request, validators)) return { status: 304, headers };
    if (request.method === 'HEAD') return { status: 200, headers: { ...headers, 'Content-Length': String(info.size) } };
    if (ranges && rangeStillValid(request, validators)) {
      const resolved = resolveRanges(ranges, info.size);
      if (resolved.length > 1) {
        return multipartResponse(headers, resolved, info.size, (part) => partOf(request, info, part));
      }
      range = resolved[0];
    }
  } else if (ranges) {
    range = ranges[0];
  }
  return serveBody(request, key, { ...options, about: known ? undefined : options.about }, range, known);
};

/** @param known the object that conditions were compared with; if it has been replaced, no range is sent */
const serveBody = async (
  request: IServeRequest,
  key: string,
  options: IServeObjectOptions,
  range: TObjectRange | undefined,
  known: IObjectInfo | undefined,
): Promise<IResponse | null> => {
  const found = await request.storage
    .open(key, { range, signal: request.signal }, options.about)
    .catch((error: unknown) => {
      if (!RegistryError.is(error, 'rangeInvalid')) throw error;
      throw outOfRange(((error.detail ?? {}) as { size?: number }).size, error.message);
    });
  if (!found || found === 'notModified') return null;
  const { info, body } = found;
  if (found.range && known && known.etag !== info.etag) {
    await body.cancel();
    return serveBody(request, key, options, undefined, undefined);
  }
  const headers = baseHeaders(info, validatorsOf(request, info, options), options);
  if (found.range) return { status: 206, headers: partHeaders(headers, found.range, info.size), body };
  headers['Content-Length'] = String(info.size);
  return { status: 200, headers, body };
};

const validatorsOf = (request: IServeRequest, info: IObjectInfo, options: IServeObjectOptions): IValidators => {
  const { lastModified = info.lastModified } = options;
  // immutable content has only one version in its second
  const isDated = options.immutable === true || !isFresh(request, lastModified);
  return { etags: [options.etag ?? info.etag], lastModified, isDated };
};

async function* partOf(request: IServeRequest, info: IObjectInfo, range: IByteRange): AsyncGenerator<Uint8Array> {
  const found = await request.storage.open(info.key, { range, signal: request.signal });
  if (!found || found === 'notModified')
    throw new RegistryError('unavailable', 'The content went away while it was sent');
  if (found.info.etag !== info.etag) {
    await found.body.cancel();
    throw new RegistryError('unavailable', 'The content changed while it was sent');
  }
  yield* iterate(found.body);
}

/** A small object for `serveExact`; null if it is absent, or has the wrong content. */
export const loadExact = async (
  storage: Pick<RegistryStorage, 'open'>,
  key: string,
  { size, isIntact }: Pick<IServeImmutableOptions, 'size' | 'isIntact'>,
): Promise<Rendering | null> => {
  const found = await storage.open(key);
  if (!found || found === 'notModified') return null;
  const { contentType = 'application/octet-stream', lastModified } = found.info;
  const body = await streamToBuffer(found.body);
  if (size !== undefined && size !== body.byteLength) return null;
  return isIntact?.(body) === false ? null : Rendering.of({ body, contentType, lastModified });
};

/**
 * Serves bytes in memory with the caller's ETag, never encoded. Their URL may get other bytes later (`immutable:
 * false`).
 */
export const serveExact = (
  request: IServeRequest,
  { bytes, contentType, lastModified: storedAt = new Date(0) }: Rendering,
  options: IServeObjectOptions & { etag: string },
): IResponse => {
  const { lastModified = storedAt } = options;
  const isDated = options.immutable !== false || !isFresh(request, lastModified);
  const validators = { etags: [options.etag], lastModified, isDated };
  const headers = baseHeaders({ contentType }, validators, options);
  if (!options.headers?.['Accept-Ranges']) delete headers['Accept-Ranges'];
  if (isUnchanged(request, validators)) return { status: 304, headers };
  return respond(200, bytes, headers);
};

/** Serves a rendered document: gzip if it is accepted, ETag from its bytes, 304. */
export const serveRendering = async (
  request: IServeRequest,
  rendering: Rendering,
  storedAt: Date,
  options: IServeRenderingOptions = {},
): Promise<IResponse> => {
  // the document's own time is better than that of its object, which may have been copied
  const lastModified = rendering.lastModified ?? storedAt;
  const ranges = options.ranges ? rangesOf(request) : undefined;
  const packed = !ranges && rendering.compressible && acceptsEncoding(request.header('accept-encoding'), 'gzip');
  // two representations have two strong validators (RFC 9110 section 8.8.3)
  const plain = rendering.etag;
  const zipped = `${plain}-gzip`;
  const etags = packed && !options.oneEtag ? [zipped, plain] : [plain, zipped];
  const validators = { etags, lastModified, isDated: !isFresh(request, lastModified) };
  const all: Record<string, string> = {
    'Content-Type': rendering.contentType,
    ETag: `"${etags[0]}"`,
    'Cache-Control': 'no-cache',
    Vary: 'Accept, Accept-Encoding',
    ...(validators.isDated && { 'Last-Modified': lastModified.toUTCString() }),
    ...(options.ranges && { 'Accept-Ranges': 'bytes' }),
    ...(options.reprDigest && (options.oneEtag || !packed) && { 'Repr-Digest': digestField(rendering.sha256) }),
    ...rendering.headers,
    ...options.headers,
  };
  if (isUnchanged(request, validators)) return { status: 304, headers: all };
  if (packed) all['Content-Encoding'] = 'gzip';
  if (ranges && rangeStillValid(request, validators)) {
    return respondPart(all, resolveRanges(ranges, rendering.bytes.byteLength), rendering.bytes);
  }
  return respond(200, packed ? await rendering.gzipped() : rendering.bytes, all);
};
