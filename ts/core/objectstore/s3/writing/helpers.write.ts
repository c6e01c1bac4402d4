import { notOfS3 } from '../connection/helpers.answers.js';
import {
  abortReason,
  outcomeUnknown,
  preconditionFailed,
  toRegistryError,
  writeFailureOf,
} from '../connection/helpers.errors.js';
import { writeIdIn } from '../connection/helpers.metadata.js';
import { pause, run, unquoted } from '../connection/helpers.request.js';
import type { IHttpOptions } from '../connection/interfaces.http.js';
import type { IS3Session } from '../connection/interfaces.session.js';
import { headOf } from '../reading/helpers.head.js';

export interface ICondition {
  ifMatch?: string;
  ifNoneMatch?: '*';
}

export interface IWrite {
  /** the caller's key, without the prefix of the store */
  name: string;
  /** the id in the object's metadata; see helpers.metadata.ts */
  writeId: string;
  condition: ICondition;
  /** the body can be sent again */
  replayable: boolean;
  signal?: AbortSignal;
  /** ms for one attempt */
  ms?: number;
}

/** With the pauses between them about two seconds: a server that restarts or throttles often works again by then. */
const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 50;

interface IFound {
  etag: string;
  /** whether the object has the id of this write */
  isOwn: boolean;
}

const look = async (session: IS3Session, { name, writeId, signal }: IWrite): Promise<IFound | null> => {
  const found = await headOf(session, name, signal);
  return found && { etag: unquoted(found.ETag), isOwn: writeIdIn(found.Metadata) === writeId };
};

/**
 * What is stored under the key now. Servers on a file system read an object's metadata and its ETag one after the
 * other, so a HEAD during another write may return a mixture. A deciding answer is therefore requested until two in a
 * row agree.
 */
const lookUntilStable = async (session: IS3Session, write: IWrite, always: boolean): Promise<IFound | null> => {
  let found = await look(session, write);
  for (let tries = 0; tries < ATTEMPTS && (always || found?.isOwn); tries++) {
    const again = await look(session, write);
    if (again?.etag === found?.etag && again?.isOwn === found?.isOwn) break;
    found = again;
  }
  return found;
};

export type TEarly = Pick<IWrite, 'name' | 'condition' | 'signal'>;

const isConditional = ({ ifMatch, ifNoneMatch }: ICondition): boolean =>
  ifMatch !== undefined || ifNoneMatch !== undefined;

/** @param etag of the stored object; null: there is none */
export const contradicts = (etag: string | null, { ifMatch, ifNoneMatch }: ICondition): boolean =>
  (ifNoneMatch !== undefined && etag !== null) || (ifMatch !== undefined && etag !== ifMatch);

/**
 * For conditional writes with a large body: throws `preconditionFailed` before the body is sent, if the condition does
 * not hold. A server that refuses a request while its body is coming may close the connection before the answer is
 * read; then the outcome would be unknown without need.
 */
export const compareEarly = async (session: IS3Session, { name, condition, signal }: TEarly): Promise<void> => {
  if (!isConditional(condition)) return;
  const key = session.settings.prefix + name;
  const look = (http: IHttpOptions) => session.clients.direct.read({ method: 'HEAD', key }, http);
  const found = await run(session, look, { signal }).catch(() => {
    if (signal?.aborted) throw abortReason(signal);
    // absent, or a fault that the write meets as well
    return undefined;
  });
  found?.body.resume();
  const etag = found?.headers.etag;
  if (etag !== undefined && contradicts(unquoted(etag), condition)) throw preconditionFailed(name);
};

/**
 * Sends a write until its outcome is known, or throws `outcomeUnknown`.
 *
 * The SDK's own retries are off for writes (`IS3Clients.once`): if the server applied a conditional write and only the
 * answer was lost, a blind retry would meet its own result and report a conflict. Here, an attempt without a certain
 * answer (none, 5xx, the page of a load balancer) puts the call in doubt, and a HEAD reads the write id:
 *
 * - the object is this write's: success
 * - the condition still holds: the write is sent again, if its body can be. Applying both is impossible, because after
 *   one of them the condition of the other does not hold
 * - else: `outcomeUnknown`. Another writer's object does not show whether it was built on ours, and an attempt may
 *   still arrive
 *
 * So `preconditionFailed` is thrown only if every attempt of the call was certainly refused. Even then the write id is
 * compared, because a proxy may have sent the request twice.
 */
export const sendWrite = async (
  session: IS3Session,
  write: IWrite,
  send: (http: IHttpOptions) => Promise<{ ETag?: string }>,
): Promise<{ etag: string }> => {
  const { name, condition, signal } = write;
  /** the error of the first attempt that may have been applied, or may still be */
  let doubt: unknown;
  const failed = (certain: unknown) => (doubt === undefined ? certain : outcomeUnknown(doubt));
  for (let attempt = 1; ; attempt++) {
    if (signal?.aborted) throw failed(abortReason(signal));
    let error: unknown;
    try {
      const { ETag } = await run(session, send, write);
      if (!ETag) throw notOfS3();
      return { etag: unquoted(ETag) };
    } catch (thrown) {
      error = thrown;
    }
    // the request was under way, and the server may have received all of it
    if (signal?.aborted) throw outcomeUnknown(doubt ?? error);
    const failure = writeFailureOf(error);
    if (failure === 'unknown') doubt ??= error;
    if (failure === 'refused' || (failure === 'absent' && !isConditional(condition)))
      throw failed(toRegistryError(error));
    if (failure !== 'again') {
      const found = await lookUntilStable(session, write, doubt !== undefined).catch((cause: unknown) => {
        throw outcomeUnknown(doubt ?? cause);
      });
      if (found?.isOwn) return { etag: found.etag };
      // the condition was refused but holds now: another writer's object came and went in between
      if (failure !== 'unknown' || contradicts(found?.etag ?? null, condition)) {
        throw failed(preconditionFailed(name, error));
      }
    }
    if (!write.replayable || attempt >= ATTEMPTS) throw failed(toRegistryError(error));
    // between 0.5 and 1.5 times the pause, so that writers that failed together do not come back together
    await pause(FIRST_PAUSE_MS * 2 ** attempt * (0.5 + Math.random()), signal);
  }
};
