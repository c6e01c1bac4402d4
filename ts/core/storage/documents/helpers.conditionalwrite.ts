import { RegistryError, type TErrorKind } from '../../classes.registryerror.js';
import type { IObjectInfo, IObjectStore } from '../../objectstore/interfaces.objectstore.js';

/** Metadata by which a writer recognises its own write if the answer was lost. */
export const WRITE_ID = 'write-id';

/** The store failed during a write, and the outcome is unknown: the write may be visible, or may become visible. */
export class OutcomeUnknownError extends RegistryError {
  constructor(cause: unknown) {
    super('unavailable', 'It is not known whether the store did the write', { cause });
  }
}

export interface IConditionalWrite {
  key: string;
  bytes: Uint8Array;
  contentType: string;
  /** includes `WRITE_ID` */
  metadata: Record<string, string>;
  /** the ETag of the version to replace; null: there must be no object */
  base: string | null;
}

/**
 * `lost`: another writer was first; this write was not and will not be applied. `unknown`: an attempt was in doubt, and
 * the stored version is not this write's; it may have been applied and built on, or may still arrive.
 */
export type TWriteOutcome = { kind: 'written'; etag: string } | { kind: 'lost' } | { kind: 'unknown'; error: unknown };

const DOUBTFUL = new Set<TErrorKind>(['outcomeUnknown', 'unavailable', 'internal', 'timeout']);
const ATTEMPTS = 3;
const PAUSE_MS = 50;
/** ms. After this the outcome is unknown: a caller waits, so a store that fails slowly is not asked for ever. */
const PATIENCE_MS = 20_000;

/** Whether the store may have applied the call that threw this error. */
export const isDoubtful = (error: unknown): boolean => !(error instanceof RegistryError) || DOUBTFUL.has(error.kind);

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A random pause before another attempt: writers in step with each other would undo each other for ever. */
export const stepAside = (tries: number): Promise<void> => sleep(Math.random() * Math.min(100, 2 ** tries));

const attempt = async (store: IObjectStore, write: IConditionalWrite): Promise<string> => {
  const { key, bytes, base, contentType, metadata } = write;
  const conditions = base === null ? ({ ifNoneMatch: '*' } as const) : { ifMatch: base };
  return (await store.put(key, bytes, { size: bytes.byteLength, contentType, metadata, ...conditions })).etag;
};

/** A HEAD with further attempts: the store has just failed, and often works again a moment later. */
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
 * Does one conditional write until its outcome is certain, if possible. After an attempt in doubt it looks at the
 * object. If it has our write id, the write is done. If the base is still current, the write is not applied so far, but
 * its request may still arrive; so the same write is sent once more, and after that the first one's condition cannot
 * hold. A driver's `preconditionFailed` is certain, and means `lost` if no earlier attempt was in doubt. Throws the
 * store's own error if that means that nothing was applied.
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
      // reports the write's failure, which was the reason for this look
      return { kind: 'unknown', error: doubt };
    }
    if (info && info.metadata?.[WRITE_ID] === write.metadata[WRITE_ID]) return { kind: 'written', etag: info.etag };
    const isBaseCurrent = (info?.etag ?? null) === write.base;
    if (!isBaseCurrent || tries === ATTEMPTS || isLate()) return { kind: 'unknown', error: doubt };
    await sleep(PAUSE_MS * tries);
  }
};
