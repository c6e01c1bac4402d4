import { RegistryError, type TErrorKind } from '../classes.registryerror.js';
import type { IObjectInfo, IObjectStore } from '../objectstore/interfaces.objectstore.js';

/** Metadata by which a writer whose answer was lost knows its own write again. */
export const WRITE_ID = 'write-id';

/** The store failed in the middle of a write and will not tell whether it is done: it may be, or become, visible. */
export class OutcomeUnknownError extends RegistryError {
  constructor(cause: unknown) {
    super('unavailable', 'The store did not say whether the write was done', {
      cause,
      headers: { 'Retry-After': '5' },
    });
  }
}

export interface IConditionalWrite {
  key: string;
  /** null deletes */
  bytes: Uint8Array | null;
  contentType: string;
  /** the ETag that is to be replaced; null where no object may be */
  base: string | null;
  /** UUID of this write */
  id: string;
}

/**
 * `lost`: somebody else wrote first, ours is not in. `overtaken`: an answer of ours was lost and somebody else's
 * version is there now; whether that one was built upon ours only its content can tell.
 */
export type TWriteOutcome =
  | { kind: 'written'; etag: string | null }
  | { kind: 'lost' }
  | { kind: 'overtaken'; error: unknown };

const DOUBTFUL = new Set<TErrorKind>(['outcomeUnknown', 'unavailable', 'internal', 'timeout']);
const ATTEMPTS = 3;
const PAUSE_MS = 50;
/** A store that takes its time to fail is not asked for ever: somebody waits for the answer. */
const PATIENCE_MS = 20_000;

/** Whether the store may have done what it threw this error for. */
export const isDoubtful = (error: unknown): boolean => !(error instanceof RegistryError) || DOUBTFUL.has(error.kind);

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const attempt = async (store: IObjectStore, write: IConditionalWrite): Promise<string | null> => {
  const { key, bytes, base, contentType } = write;
  const ifMatch = base ?? undefined;
  if (bytes === null) {
    await store.delete(key, { ifMatch });
    return null;
  }
  const ifNoneMatch = base === null ? '*' : undefined;
  const metadata = { [WRITE_ID]: write.id };
  return (await store.put(key, bytes, { size: bytes.byteLength, contentType, metadata, ifMatch, ifNoneMatch })).etag;
};

/** HEAD that does not give up at once: the store has just failed, and a moment later it often answers again. */
const look = async (
  store: IObjectStore,
  key: string,
  doubt: unknown,
  isLate: () => boolean,
): Promise<IObjectInfo | null> => {
  for (let tries = 1; ; tries++) {
    try {
      return await store.head(key);
    } catch {
      // the failure to report is the write's, which is the cause of this look
      if (tries === ATTEMPTS || isLate()) throw new OutcomeUnknownError(doubt);
      await sleep(PAUSE_MS * 4 ** (tries - 1));
    }
  }
};

/**
 * One conditional write, brought to a certain end where possible. A lost answer is looked up: the object carries our id
 * -> written. The base is still current -> not done so far, but it may be under way in the network still; writing the
 * same once more settles it, because afterwards the first one's condition cannot hold. Throws `OutcomeUnknownError`
 * where the store keeps failing, and the store's own error where that says that nothing was done.
 */
export const settleWrite = async (store: IObjectStore, write: IConditionalWrite): Promise<TWriteOutcome> => {
  const until = performance.now() + PATIENCE_MS;
  const isLate = () => performance.now() > until;
  let doubt: unknown;
  for (let tries = 1; ; tries++) {
    try {
      return { kind: 'written', etag: await attempt(store, write) };
    } catch (error) {
      if (RegistryError.is(error, 'preconditionFailed')) {
        if (doubt === undefined) return { kind: 'lost' };
      } else if (isDoubtful(error)) {
        doubt = error ?? new Error('The store failed without an error');
      } else if (doubt === undefined) {
        throw error;
      }
    }
    const info = await look(store, write.key, doubt, isLate);
    const isOurs = write.bytes === null ? info === null : info?.metadata?.[WRITE_ID] === write.id;
    if (isOurs) return { kind: 'written', etag: info?.etag ?? null };
    if ((info?.etag ?? null) !== write.base) return { kind: 'overtaken', error: doubt };
    if (tries === ATTEMPTS || isLate()) throw new OutcomeUnknownError(doubt);
    await sleep(PAUSE_MS * tries);
  }
};
