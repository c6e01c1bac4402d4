import { abortReason, toRegistryError } from './helpers.errors.js';
import type { IHttpOptions } from './interfaces.http.js';
import type { IS3Session } from './interfaces.session.js';

/** Bytes per ms of the slowest link that is waited for: 64 KiB/s. */
const BYTES_PER_MS = 64;
/** Bytes per ms that a server must reach when it copies or joins internally: 4 MiB/s. */
const SERVER_BYTES_PER_MS = 4096;

export const sendingTime = (session: IS3Session, bytes: number): number =>
  session.timing.requestMs + bytes / BYTES_PER_MS;
export const copyingTime = (session: IS3Session, bytes: number): number =>
  session.timing.requestMs + bytes / SERVER_BYTES_PER_MS;

/**
 * Runs one operation of the SDK so that it always ends: with the SDK's time-out for each attempt, and a limit for all
 * attempts together, because the SDK's time-out ends at the first byte of the answer. Throws the SDK's own errors;
 * throws the signal's reason if the caller's signal aborts. `ms: 0`: no limit, the caller has its own.
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
  // three attempts of the SDK, and half of that again for its pauses
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

/** Like `run`, for operations for which every error means that the storage is unavailable. */
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

/** Also resolves when the signal aborts; the caller checks the signal. */
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

/** `bucket/key` as a header value, percent-encoded: otherwise the server would decode a `+` or `%2F` in a key. */
export const copySource = (session: IS3Session, key: string): string =>
  [session.settings.bucket, ...key.split('/')].map((segment) => encodeURIComponent(segment)).join('/');
