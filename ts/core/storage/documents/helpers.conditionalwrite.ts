import { RegistryError, type TErrorKind } from '../../classes.registryerror.js';
import type { IObjectInfo, IObjectStore } from '../../objectstore/interfaces.objectstore.js';

/** Metadata by which a writer whose answer was lost knows its own write again. */
export const WRITE_ID = 'write-id';

/** The store failed during a write, and it is not known whether the write was done: it may be, or become, visible. */
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
  bytes: Uint8Array;
  contentType: string;
  /** holds `WRITE_ID` */
  metadata: Record<string, string>;
  /** the ETag that is to be replaced; null: no object may be there */
  base: string | null;
}

/**
 * `lost`: somebody else wrote first; this write was not and will not be applied. `unknown`: an attempt was in doubt, and
 * what is stored now is not this write; it may have been applied and built upon, or may still arrive.
 */
export type TWriteOutcome = { kind: 'written'; etag: string } | { kind: 'lost' } | { kind: 'unknown'; error: unknown };

const DOUBTFUL = new Set<TErrorKind>(['outcomeUnknown', 'unavailable', 'internal', 'timeout']);
const ATTEMPTS = 3;
const PAUSE_MS = 50;
/** ms. A store that fails slowly is not asked for ever, because a caller waits. After this the outcome is unknown. */
const PATIENCE_MS = 20_000;

/** Whether the store may have done what it threw this error for. */
export const isDoubtful = (error: unknown): boolean => !(error instanceof RegistryError) || DOUBTFUL.has(error.kind);

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Before another attempt at what others undo: those who are in step with each other would do so for ever. */
export const stepAside = (tries: number): Promise<void> => sleep(Math.random() * Math.min(100, 2 ** tries));

const attempt = async (store: IObjectStore, write: IConditionalWrite): Promise<string> => {
  const { key, bytes, base, contentType, metadata } = write;
  const conditions = base === null ? ({ ifNoneMatch: '*' } as const) : { ifMatch: base };
  return (await store.put(key, bytes, { size: bytes.byteLength, contentType, metadata, ...conditions })).etag;
};

/** HEAD that does not give up at once: the store has just failed, and a moment later it often answers again. */
const look = async (store: IObjectStore, key: string, isLate: () => boolean): Promise<IObjectInfo | null> => {
  for (let tries = 1; ; tries++) {
    try {
      return await store.head(key);
    } catch (error) {
      if (tries === ATTEMPTS || isLate()) throw error;
      await sleep(PAUSE_MS * 4 ** (tries - 1));
    }
  }
};

/**
 * One conditional write, brought to a certain end if possible. After an attempt in doubt the object is looked at: it
 * carries our write id -> written. The base is still current -> not applied so far, but the request may be under way in
 * the network still; writing the same once more decides it, because afterwards the first one's condition cannot hold.
 * A driver's `preconditionFailed` is certain, and trusted as `lost` if no attempt before it was in doubt. Throws the
 * store's own error if that says that nothing was applied.
 */
export const writeConditionally = async (store: IObjectStore, write: IConditionalWrite): Promise<TWriteOutcome> => {
  const until = performance.now() + PATIENCE_MS;
  const isLate = () => performance.now() > until;
  let doubt: unknown;
  for (let tries = 1; ; tries++) {
    try {
      return { kind: 'written', etag: await attempt(store, write) };
    } catch (error) {
      if (isDoubtful(error)) doubt = error ?? new Error('The store failed without an error');
      else if (doubt === undefined && RegistryError.is(error, 'preconditionFailed')) return { kind: 'lost' };
      else if (doubt === undefined) throw error;
    }
    let info: IObjectInfo | null;
    try {
      info = await look(store, write.key, isLate);
    } catch {
      // the failure to report is the write's, which is the cause of this look
      return { kind: 'unknown', error: doubt };
    }
    if (info && info.metadata?.[WRITE_ID] === write.metadata[WRITE_ID]) return { kind: 'written', etag: info.etag };
    const isBaseCurrent = (info?.etag ?? null) === write.base;
    if (!isBaseCurrent || tries === ATTEMPTS || isLate()) return { kind: 'unknown', error: doubt };
    await sleep(PAUSE_MS * tries);
  }
};
