import type { Buffer } from 'node:buffer';
import type * as Sdk from '@aws-sdk/client-s3';
import type { Readable } from '../../../../plugins.js';
import { streamToBuffer } from '../../../base/helpers.streams.js';
import type { IGetOptions, IObject, IObjectInfo, TObjectRange } from '../../interfaces.objectstore.js';
import type { THead } from '../connection/classes.signedheads.js';
import {
  isNoSuchKey,
  rangeInvalid,
  sizeIn,
  statusOf,
  toRegistryError,
  unavailable,
} from '../connection/helpers.errors.js';
import { infoOf } from '../connection/helpers.metadata.js';
import { quoted, run } from '../connection/helpers.request.js';
import type { IHttpOptions } from '../connection/interfaces.http.js';
import type { IS3Session } from '../connection/interfaces.session.js';
import { toWebStream } from './helpers.body.js';

/**
 * The answer to a HEAD; null for an absent object.
 *
 * A HEAD has no body, so its 404 does not say whether the key is missing, the bucket (a volume that is not mounted), or
 * whether a balancer on the way answered. Therefore a GET is asked as well, whose error document names `NoSuchKey`.
 */
export const headOf = async (session: IS3Session, name: string, signal?: AbortSignal): Promise<THead | null> => {
  const { sdk, retrying, heads } = session.clients;
  const at = { Bucket: session.settings.bucket, Key: session.settings.prefix + name };
  const send = async (http: IHttpOptions): Promise<THead> =>
    (await heads.send(at.Key, http)) ?? retrying.send(new sdk.HeadObjectCommand(at), http);
  try {
    return await run(session, send, { signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    if (statusOf(error) !== 404) throw toRegistryError(error);
  }
  try {
    const written = await run(session, (http) => retrying.send(new sdk.GetObjectCommand(at), http), { signal });
    // written since the HEAD
    (written.Body as unknown as Readable).destroy();
    return written;
  } catch (error) {
    if (signal?.aborted) throw error;
    if (isNoSuchKey(error)) return null;
    throw toRegistryError(error);
  }
};

export const headObject = async (
  session: IS3Session,
  name: string,
  signal?: AbortSignal,
): Promise<IObjectInfo | null> => {
  const found = await headOf(session, name, signal);
  return found && infoOf(name, found, found.ContentLength ?? 0);
};

const rangeHeader = (range: TObjectRange): string =>
  'suffix' in range ? `bytes=-${range.suffix}` : `bytes=${range.start}-${range.end ?? ''}`;

/** `bytes 0-4/10`; null where the server answered with the whole object instead */
const readContentRange = (header: string | undefined): { start: number; end: number; size: number } | null => {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header ?? '');
  return match && { start: Number(match[1]), end: Number(match[2]), size: Number(match[3]) };
};

export const getObject = async (
  session: IS3Session,
  name: string,
  options: IGetOptions = {},
): Promise<IObject | 'notModified' | null> => {
  const { range, ifNoneMatch, signal } = options;
  const { sdk, retrying } = session.clients;
  const command = new sdk.GetObjectCommand({
    Bucket: session.settings.bucket,
    Key: session.settings.prefix + name,
    Range: range && rangeHeader(range),
    IfNoneMatch: ifNoneMatch === undefined ? undefined : quoted(ifNoneMatch),
  });
  try {
    const answer = await run(session, (http) => retrying.send(command, http), { signal });
    return opened(session, name, answer, options);
  } catch (error) {
    if (signal?.aborted) throw error;
    if (statusOf(error) === 304) return 'notModified';
    if (isNoSuchKey(error)) return null;
    if (statusOf(error) !== 416) throw toRegistryError(error);
    const size = sizeIn(error) ?? (await headObject(session, name, signal))?.size;
    if (size === undefined) return null;
    throw rangeInvalid(size);
  }
};

const opened = (
  session: IS3Session,
  name: string,
  answer: Sdk.GetObjectCommandOutput,
  options: IGetOptions,
): IObject => {
  const raw = answer.Body as unknown as Readable;
  const length = answer.ContentLength ?? 0;
  const part = options.range ? readContentRange(answer.ContentRange) : null;
  if (options.range && !part) {
    raw.destroy();
    // servers differ on ranges of nothing: 416, 200, or a 206 of "bytes 0--1/0"
    if (length === 0) throw rangeInvalid(0);
    throw unavailable('The storage does not serve ranges');
  }
  const body = toWebStream(raw, { expected: length, idleMs: session.timing.idleMs, signal: options.signal });
  const info = infoOf(name, answer, part ? part.size : length);
  return part ? { info, body, range: { start: part.start, end: part.end } } : { info, body };
};

/** An object, or a stretch of it (`end` is exclusive), in memory; `null` if it is gone, or another one than `etag`. */
export const readWhole = async (
  session: IS3Session,
  name: string,
  { piece, etag, signal }: { piece?: { start: number; end: number }; etag?: string; signal?: AbortSignal } = {},
): Promise<Buffer | null> => {
  const range = piece && { start: piece.start, end: piece.end - 1 };
  const found = await getObject(session, name, { range, signal });
  if (!found || found === 'notModified') return null;
  if (etag === undefined || found.info.etag === etag) return streamToBuffer(found.body);
  await found.body.cancel();
  return null;
};
