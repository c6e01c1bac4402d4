import type { Readable } from '../../../../plugins.js';
import type { IObjectInfo } from '../../interfaces.objectstore.js';
import { headIn, notOfS3, readContentRange, type THead } from '../connection/helpers.answers.js';
import { isNoSuchKey, statusOf, toRegistryError, unavailable, withoutLength } from '../connection/helpers.errors.js';
import { infoOf } from '../connection/helpers.metadata.js';
import { run } from '../connection/helpers.request.js';
import type { IHttpOptions } from '../connection/interfaces.http.js';
import type { IS3Session } from '../connection/interfaces.session.js';

/** `undecided`: this answer does not decide it; use the other request */
type TFound = THead | null | 'undecided';
type TAsk = (session: IS3Session, key: string, http: IHttpOptions) => Promise<THead>;

/**
 * A HEAD has no body, so its 404 does not show what is missing: the key, or the bucket (e.g. its volume is not
 * mounted).
 */
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

/** The head of the whole object; the bytes that came with it are not read. */
const wholeOf = (head: THead, body: Readable): THead => {
  const range = readContentRange(head.ContentRange);
  // one byte: read it and keep the connection. A server without ranges sends everything
  if (range) body.resume();
  else body.destroy();
  return { ...head, ContentLength: range ? range.size : head.ContentLength };
};

/**
 * Requests one byte of the object. If there is no object, S3's error document states so; empty objects are refused with
 * 416.
 */
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
    const found = await run(session, (http) => ask(session, key, http), { signal });
    if (found.ContentLength === undefined) throw withoutLength();
    return found;
  } catch (error) {
    if (signal?.aborted) throw error;
    if (ask === byRange ? statusOf(error) === 416 : statusOf(error) === 404) return 'undecided';
    if (ask === byRange && isNoSuchKey(error)) return null;
    throw toRegistryError(error);
  }
};

/** Caches whether the key probably exists, for the next look. */
export const note = (session: IS3Session, key: string, isThere: boolean): void => {
  if (isThere) session.present.set(key, true);
  else session.present.delete(key);
};

/** times that an object may come or go between two requests */
const ATTEMPTS = 6;

/**
 * The head of the object; null if it is absent, which only S3's `NoSuchKey` proves. A key that probably exists is
 * looked up by HEAD, all others by a GET of one byte, whose refusal has a reason. In the usual case one request is
 * enough.
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
