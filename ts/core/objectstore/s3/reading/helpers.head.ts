import type { Readable } from '../../../../plugins.js';
import type { IObjectInfo } from '../../interfaces.objectstore.js';
import { headIn, notOfS3, readContentRange, type THead } from '../connection/helpers.answers.js';
import { isNoSuchKey, statusOf, toRegistryError, unavailable } from '../connection/helpers.errors.js';
import { infoOf } from '../connection/helpers.metadata.js';
import { run } from '../connection/helpers.request.js';
import type { IHttpOptions } from '../connection/interfaces.http.js';
import type { IS3Session } from '../connection/interfaces.session.js';

/** `undecided`: the answer does not say; the other question does */
type TFound = THead | null | 'undecided';
type TAsk = (session: IS3Session, key: string, http: IHttpOptions) => Promise<THead>;

/** A HEAD has no body, so its 404 does not say what is missing: the key, or the bucket (a volume that is not mounted). */
const byHead: TAsk = async (session, key, http) => {
  const { sdk, retrying, direct } = session.clients;
  const answer = await direct.read({ method: 'HEAD', key }, http);
  answer?.body.resume();
  const head = answer && headIn(answer.headers);
  if (head) return head;
  const found = await retrying.send(new sdk.HeadObjectCommand({ Bucket: session.settings.bucket, Key: key }), http);
  if (!found.ETag) throw notOfS3();
  return found;
};

/** Of the object with this answer; the bytes that came with it are not read. */
const wholeOf = (head: THead, body: Readable): THead => {
  const range = readContentRange(head.ContentRange);
  // one byte: the connection is kept. A server without ranges sends everything
  if (range) body.resume();
  else body.destroy();
  return { ...head, ContentLength: range ? range.size : head.ContentLength };
};

/** One byte of the object. If there is none, S3's error document says so; objects without bytes are refused (416). */
const byRange: TAsk = async (session, key, http) => {
  const { sdk, retrying, direct } = session.clients;
  const Range = 'bytes=0-0';
  const answer = await direct.read({ method: 'GET', key, headers: { range: Range } }, http);
  const head = answer && headIn(answer.headers);
  if (answer && head) return wholeOf(head, answer.body);
  answer?.body.destroy();
  const command = new sdk.GetObjectCommand({ Bucket: session.settings.bucket, Key: key, Range });
  const whole = await retrying.send(command, http);
  if (!whole.ETag) {
    (whole.Body as unknown as Readable | undefined)?.destroy();
    throw notOfS3();
  }
  return wholeOf(whole, whole.Body as unknown as Readable);
};

const find = async (session: IS3Session, key: string, ask: TAsk, signal?: AbortSignal): Promise<TFound> => {
  try {
    return await run(session, (http) => ask(session, key, http), { signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    if (ask === byRange ? statusOf(error) === 416 : statusOf(error) === 404) return 'undecided';
    if (ask === byRange && isNoSuchKey(error)) return null;
    throw toRegistryError(error);
  }
};

/** Notes what the next look at the key will probably find. */
export const note = (session: IS3Session, key: string, isThere: boolean): void => {
  if (isThere) session.present.set(key, true);
  else session.present.delete(key);
};

/** times that an object may come or go between two questions */
const ATTEMPTS = 6;

/**
 * What S3 tells of the object; null if it is absent, which only S3's `NoSuchKey` says. What is probably there is asked
 * for by HEAD, everything else by a GET of one byte, whose refusal names its reason. Either suffices in the usual case.
 */
export const headOf = async (session: IS3Session, name: string, signal?: AbortSignal): Promise<THead | null> => {
  const key = session.settings.prefix + name;
  let ask = session.present.has(key) ? byHead : byRange;
  for (let tries = 0; tries < ATTEMPTS; tries++) {
    const found = await find(session, key, ask, signal);
    if (found === 'undecided') {
      ask = ask === byHead ? byRange : byHead;
      continue;
    }
    note(session, key, found !== null);
    return found;
  }
  throw unavailable('The storage contradicts itself');
};

export const headObject = async (
  session: IS3Session,
  name: string,
  signal?: AbortSignal,
): Promise<IObjectInfo | null> => {
  const found = await headOf(session, name, signal);
  return found && infoOf(name, found, found.ContentLength ?? 0);
};
