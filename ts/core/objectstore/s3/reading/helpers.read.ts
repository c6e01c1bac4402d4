import type { Buffer } from 'node:buffer';
import type { Readable } from '../../../../plugins.js';
import { streamToBuffer } from '../../../base/helpers.streams.js';
import type { IGetOptions, IObject, TObjectRange } from '../../interfaces.objectstore.js';
import { headIn, notOfS3, readContentRange, type THead } from '../connection/helpers.answers.js';
import {
  isNoSuchKey,
  rangeInvalid,
  sizeIn,
  statusOf,
  toRegistryError,
  unavailable,
  withoutLength,
} from '../connection/helpers.errors.js';
import { infoOf } from '../connection/helpers.metadata.js';
import { quoted, run } from '../connection/helpers.request.js';
import type { IHttpOptions } from '../connection/interfaces.http.js';
import type { IS3Session } from '../connection/interfaces.session.js';
import { toWebStream } from './helpers.body.js';
import { headObject, note } from './helpers.head.js';

const rangeHeader = (range: TObjectRange): string =>
  'suffix' in range ? `bytes=-${range.suffix}` : `bytes=${range.start}-${range.end ?? ''}`;

type TAnswer = THead & { Body?: unknown };

const open = async (
  session: IS3Session,
  name: string,
  { range, ifNoneMatch }: IGetOptions,
  http: IHttpOptions,
): Promise<TAnswer> => {
  const { sdk, retrying, direct } = session.clients;
  const Key = session.settings.prefix + name;
  const Range = range && rangeHeader(range);
  const IfNoneMatch = ifNoneMatch === undefined ? undefined : quoted(ifNoneMatch);
  const headers = { range: Range, 'if-none-match': IfNoneMatch };
  const answer = await direct.read({ method: 'GET', key: Key, headers }, http);
  const head = answer && headIn(answer.headers);
  if (head) return { ...head, Body: answer.body };
  answer?.body.destroy();
  const command = new sdk.GetObjectCommand({ Bucket: session.settings.bucket, Key, Range, IfNoneMatch });
  const found = await retrying.send(command, http);
  if (found.ETag) return found;
  (found.Body as unknown as Readable | undefined)?.destroy();
  throw notOfS3();
};

export const getObject = async (
  session: IS3Session,
  name: string,
  options: IGetOptions = {},
): Promise<IObject | 'notModified' | null> => {
  const { signal } = options;
  try {
    const answer = await run(session, (http) => open(session, name, options, http), { signal });
    note(session, session.settings.prefix + name, true);
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

const opened = (session: IS3Session, name: string, answer: TAnswer, options: IGetOptions): IObject => {
  const raw = answer.Body as Readable;
  const length = answer.ContentLength;
  if (length === undefined) {
    raw.destroy();
    throw withoutLength();
  }
  const part = options.range ? readContentRange(answer.ContentRange) : null;
  if (options.range && !part) {
    raw.destroy();
    // servers differ on ranges of an empty object: 416, 200, or a 206 of "bytes 0--1/0"
    if (length === 0) throw rangeInvalid(0);
    throw unavailable('The storage does not serve ranges');
  }
  const body = toWebStream(raw, { expected: length, idleMs: session.timing.idleMs, signal: options.signal });
  const info = infoOf(name, answer, part ? part.size : length);
  return part ? { info, body, range: { start: part.start, end: part.end } } : { info, body };
};

/**
 * An object, or a range of it (`end` is exclusive), in memory; `null` if it is gone, or has another ETag than `etag`.
 */
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
