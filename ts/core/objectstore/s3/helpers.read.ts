import type { Buffer } from 'node:buffer';
import type * as Sdk from '@aws-sdk/client-s3';
import type { Readable } from '../../../plugins.js';
import { streamToBuffer } from '../../base/helpers.streams.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { IGetOptions, IObject, IObjectInfo, TObjectRange } from '../interfaces.objectstore.js';
import { toWebStream } from './helpers.body.js';
import { isAbsent, rangeInvalid, sizeIn, statusOf, toRegistryError } from './helpers.errors.js';
import { infoOf } from './helpers.metadata.js';
import { type IHttpOptions, type IS3Session, must, quoted, run } from './interfaces.session.js';

/** Proofs that the bucket exists, kept so long: see `bucketExists`. */
const PROOF_MS = 1_000;
const proofs = new WeakMap<IS3Session, { at: number; proof: Promise<void> }>();

/**
 * A HEAD that answers 404 cannot say whether the key or the whole bucket is missing, and a bucket that went away (a
 * volume that is not mounted) must read as an outage. So the bucket is asked for too, at most once a second.
 */
const bucketExists = (session: IS3Session): Promise<void> => {
  const last = proofs.get(session);
  if (last && Date.now() - last.at < PROOF_MS) return last.proof;
  const { sdk, retrying } = session.clients;
  const command = new sdk.ListObjectsV2Command({
    Bucket: session.settings.bucket,
    Prefix: session.settings.prefix,
    MaxKeys: 1,
  });
  const proof = must(session, (http) => retrying.send(command, http)).then(() => {});
  proofs.set(session, { at: Date.now(), proof });
  proof.catch(() => proofs.delete(session));
  return proof;
};

export const headObject = async (
  session: IS3Session,
  name: string,
  signal?: AbortSignal,
): Promise<IObjectInfo | null> => {
  const { sdk, retrying, heads } = session.clients;
  const Key = session.settings.prefix + name;
  const send = async (http: IHttpOptions) =>
    (await heads.send(Key, http)) ??
    retrying.send(new sdk.HeadObjectCommand({ Bucket: session.settings.bucket, Key }), http);
  try {
    const answer = await run(session, send, { signal });
    return infoOf(name, answer, answer.ContentLength ?? 0);
  } catch (error) {
    if (signal?.aborted) throw error;
    if (!isAbsent(error)) throw toRegistryError(error);
  }
  await bucketExists(session);
  return null;
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
    if (isAbsent(error)) return null;
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
    throw new RegistryError('unavailable', 'The storage does not serve ranges');
  }
  const body = toWebStream(raw, { expected: length, idleMs: session.timing.idleMs, signal: options.signal });
  const info = infoOf(name, answer, part ? part.size : length);
  return part ? { info, body, range: { start: part.start, end: part.end } } : { info, body };
};

/** An object, or a stretch of it (`end` is exclusive), in memory; `null` where it is gone. */
export const readWhole = async (
  session: IS3Session,
  name: string,
  piece?: { start: number; end: number },
  signal?: AbortSignal,
): Promise<Buffer | null> => {
  const range = piece && { start: piece.start, end: piece.end - 1 };
  const found = await getObject(session, name, { range, signal });
  return found && found !== 'notModified' ? streamToBuffer(found.body) : null;
};
