import type { IObjectInfo } from '../interfaces.objectstore.js';
import { classify, isAbsent, preconditionFailed, toRegistryError } from './helpers.errors.js';
import { WRITE_ID } from './helpers.metadata.js';
import { abortReason, type IHttpOptions, type IS3Session, pause, run, unquoted } from './interfaces.session.js';

export interface ICondition {
  ifMatch?: string;
  ifNoneMatch?: '*';
}

export interface IWrite {
  /** as the server knows it, prefix included */
  key: string;
  /** as the caller knows it */
  name: string;
  writeId: string;
  condition: ICondition;
  /** the body can be sent again */
  replayable: boolean;
  signal?: AbortSignal;
  /** ms for one attempt */
  ms?: number;
}

const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 50;

/** What is stored now: by this write, by another, or nothing. */
type TFound = { etag: string; mine: boolean } | null;

const look = async (session: IS3Session, write: IWrite): Promise<TFound> => {
  const { sdk, retrying } = session.clients;
  const command = new sdk.HeadObjectCommand({ Bucket: session.settings.bucket, Key: write.key });
  try {
    const answer = await run(session, (http) => retrying.send(command, http), { signal: write.signal });
    return { etag: unquoted(answer.ETag), mine: answer.Metadata?.[WRITE_ID] === write.writeId };
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
};

/**
 * Servers over a file system read an object's metadata and its ETag one after the other, so while another write comes
 * in, one HEAD may tell half of each. What decides is asked for until two answers agree.
 */
const find = async (session: IS3Session, write: IWrite, thorough: boolean): Promise<TFound> => {
  let found = await look(session, write);
  for (let tries = 0; tries < ATTEMPTS && (thorough || found?.mine); tries++) {
    const again = await look(session, write);
    if (again?.etag === found?.etag && again?.mine === found?.mine) break;
    found = again;
  }
  return found;
};

const contradicts = (found: TFound, { ifMatch, ifNoneMatch }: ICondition): boolean =>
  (ifNoneMatch !== undefined && found !== null) || (ifMatch !== undefined && found?.etag !== ifMatch);

/**
 * Sends a write until its outcome is known. The SDK's blind retry is off here: when the server applied a conditional
 * write and only its answer got lost, the retry meets its own result and reads "somebody else was first". So a lost
 * answer, and also a refusal (a proxy on the way may have retried), is checked against the write id in the object.
 *
 * One case stays open: a write with `ifMatch` whose answer was lost, which was applied, and on which another writer
 * built before it could be checked. It throws `preconditionFailed` like any lost race, and the caller reads again and
 * finds its own entry there. `unavailable` means that the outcome is not known.
 */
export const settle = async (
  session: IS3Session,
  write: IWrite,
  send: (http: IHttpOptions) => Promise<{ ETag?: string }>,
): Promise<{ etag: string }> => {
  for (let attempt = 1; ; attempt++) {
    let lost: unknown;
    try {
      const { ETag } = await run(session, send, write);
      return { etag: unquoted(ETag) };
    } catch (error) {
      if (write.signal?.aborted) throw error;
      lost = error;
    }
    const failure = classify(lost);
    const conditional = write.condition.ifMatch !== undefined || write.condition.ifNoneMatch !== undefined;
    if (failure === 'refused' || (failure === 'absent' && !conditional)) throw toRegistryError(lost);
    if (failure !== 'again') {
      const found = await find(session, write, failure === 'unknown').catch((error: unknown) => {
        if (write.signal?.aborted) throw error;
        throw toRegistryError(error);
      });
      if (found?.mine) return { etag: found.etag };
      // a refused condition that holds by now: somebody's write came and went in between
      if (failure !== 'unknown' || contradicts(found, write.condition)) throw preconditionFailed(write.name, lost);
    }
    if (!write.replayable || attempt >= ATTEMPTS) throw toRegistryError(lost);
    await pause(FIRST_PAUSE_MS * 2 ** attempt * (0.5 + Math.random()), write.signal);
    if (write.signal?.aborted) throw abortReason(write.signal);
  }
};

/** For servers that ignore conditions: compares first. Exact only while nothing else writes the key; see KeyLocks. */
export const compareFirst = async (
  head: (key: string) => Promise<IObjectInfo | null>,
  key: string,
  condition: ICondition,
): Promise<void> => {
  if (condition.ifMatch === undefined && condition.ifNoneMatch === undefined) return;
  const found = await head(key);
  if (contradicts(found && { etag: found.etag, mine: false }, condition)) throw preconditionFailed(key);
};

/** One writer per key in this process, where the server cannot be trusted to tell writers apart. */
export class KeyLocks {
  private readonly tails = new Map<string, Promise<void>>();

  public async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.tails.get(key);
    let release = () => {};
    const tail = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.tails.set(key, tail);
    try {
      await before;
      return await work();
    } finally {
      release();
      if (this.tails.get(key) === tail) this.tails.delete(key);
    }
  }
}
