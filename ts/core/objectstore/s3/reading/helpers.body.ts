import type { Readable } from '../../../../plugins.js';
import { streamOfBuffers } from '../../../base/helpers.streams.js';
import { abortReason, unavailable } from '../connection/helpers.errors.js';

export interface IBodyOptions {
  /** the bytes that have to come; fewer are an error */
  expected: number;
  /** ms without a byte while the reader waits for one */
  idleMs: number;
  signal?: AbortSignal;
}

const EVENTS = ['readable', 'end', 'error', 'close'] as const;

/**
 * The body of a GetObject as a Web stream: reads the socket only when asked, frees it when cancelled, and ends only
 * after all bytes came. The SDK's own `transformToWebStream` has no backpressure, takes a dead server for the end in
 * some runtimes, and never gives up on a silent one.
 */
export const toWebStream = (raw: Readable, options: IBodyOptions): ReadableStream<Uint8Array> => {
  const { expected, idleMs, signal } = options;
  let received = 0;
  let failure: unknown;
  let over = false;
  let wake = () => {};
  const onEvent = () => wake();
  const onError = (error: unknown) => {
    failure ??= error;
    wake();
  };
  const onAbort = () => onError(abortReason(signal as AbortSignal));

  const changed = (): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => onError(new Error(`no byte came for ${idleMs} ms`)), idleMs);
      wake = () => {
        clearTimeout(timer);
        wake = () => {};
        resolve();
      };
    });
  const broken = (): unknown => {
    if (signal?.aborted) return abortReason(signal);
    const cause = failure ?? new Error('the connection was closed');
    return unavailable(`The storage broke off after ${received} of ${expected} bytes`, cause);
  };

  for (const event of EVENTS) raw.on(event, onEvent);
  // never removed: an error of the socket after its last byte has no reader, and would end the process
  raw.on('error', onError);
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();

  const detach = (): void => {
    over = true;
    signal?.removeEventListener('abort', onAbort);
    for (const event of EVENTS) raw.off(event, onEvent);
  };
  const finish = (): void => {
    detach();
    // the connection sees the end of its message and returns to the pool, also if the reader never asks for `done`
    raw.resume();
  };
  if (expected === 0) finish();

  const next = async (): Promise<Uint8Array | null> => {
    while (!over) {
      const chunk = failure ? null : (raw.read() as Uint8Array | null);
      if (chunk && chunk.byteLength > 0) {
        received += chunk.byteLength;
        // with the last byte, so that the connection is free before the reader asks once more
        if (received === expected) finish();
        return chunk;
      }
      if (failure || raw.readableEnded || raw.destroyed) {
        detach();
        raw.destroy();
        throw broken();
      }
      await changed();
    }
    return null;
  };
  const close = async (): Promise<void> => {
    if (over) return;
    detach();
    raw.destroy();
    wake();
  };
  return streamOfBuffers({ next, close });
};
