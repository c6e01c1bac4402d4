import { RegistryError } from '../../classes.registryerror.js';
import type { ILogger } from '../../interfaces.core.js';
import type { IS3Clients } from './helpers.client.js';
import { toRegistryError } from './helpers.errors.js';
import type { IS3Settings } from './helpers.settings.js';
import type { IHttpOptions } from './interfaces.http.js';

export type { IHttpOptions };

export interface IS3Timing {
  /** ms for the answer to a small request to begin; long operations add to it by their size */
  requestMs: number;
  /** ms without a byte, while one is waited for, after which a body or an upload is given up */
  idleMs: number;
}

/** What the server was found to honour. */
export interface IS3Abilities {
  /** `If-Match` and `If-None-Match` of PutObject */
  put: boolean;
  /** `If-None-Match` of CompleteMultipartUpload */
  complete: boolean;
  /** `If-Match` of DeleteObject */
  delete: boolean;
}

/** An opened store, as the parts of the driver share it. */
export interface IS3Session {
  clients: IS3Clients;
  settings: IS3Settings;
  timing: IS3Timing;
  abilities: IS3Abilities;
  logger: ILogger;
  /** parts of all multipart uploads that are on their way: bounds the memory they hold together */
  parts: { underWay: number };
}

/** The slowest link that is waited for: 64 KiB/s. */
const BYTES_PER_MS = 64;
/** A server that copies or joins inside itself is expected to do at least 4 MiB/s. */
const SERVER_BYTES_PER_MS = 4096;

export const sendingTime = (session: IS3Session, bytes: number): number =>
  session.timing.requestMs + bytes / BYTES_PER_MS;
export const copyingTime = (session: IS3Session, bytes: number): number =>
  session.timing.requestMs + bytes / SERVER_BYTES_PER_MS;

/** What the caller's own abort becomes: its reason, so that a deadline or a hang-up keeps its meaning. */
export const abortReason = (signal: AbortSignal): unknown =>
  signal.reason instanceof Error ? signal.reason : new RegistryError('timeout', 'The request was aborted');

/**
 * Runs one operation of the SDK so that it always ends: with the SDK's time-out for each try, and a hard stop for all
 * of them together, because that time-out ends at the answer's first byte. Errors are the SDK's own, to be told apart
 * by the caller; an abort by the caller's signal throws the signal's reason. `ms: 0` leaves the time to the caller.
 */
export const run = async <T>(
  session: IS3Session,
  operation: (http: IHttpOptions) => Promise<T>,
  options: { signal?: AbortSignal; ms?: number } = {},
): Promise<T> => {
  const { signal, ms = session.timing.requestMs } = options;
  if (signal?.aborted) throw abortReason(signal);
  const stop = new AbortController();
  const abort = () => stop.abort();
  // the SDK tries three times; half as much again for its pauses
  const timer = ms > 0 ? setTimeout(abort, ms * 4.5) : undefined;
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await operation({ abortSignal: stop.signal, requestTimeout: ms });
  } catch (error) {
    if (signal?.aborted) throw abortReason(signal);
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
};

/** As `run`, for operations whose errors have no other meaning than that the storage is unavailable. */
export const must = async <T>(
  session: IS3Session,
  operation: (http: IHttpOptions) => Promise<T>,
  options: { signal?: AbortSignal; ms?: number } = {},
): Promise<T> => {
  try {
    return await run(session, operation, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw toRegistryError(error);
  }
};

/** Ends without an error when the signal aborts; the caller looks at the signal. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal?.addEventListener('abort', finish, { once: true });
  });

export const quoted = (etag: string): string => `"${etag}"`;
export const unquoted = (etag: string | undefined): string => (etag ?? '').replace(/^(?:W\/)?"(.*)"$/, '$1');
