import type { Readable } from '../../../plugins.js';
import { streamOfBuffers } from '../../base/helpers.streams.js';
import { RegistryError } from '../../classes.registryerror.js';
import { DirectBody } from './classes.directbody.js';
import { giveBack } from './helpers.buffers.js';
import { abortReason } from './interfaces.session.js';

export interface IBodyOptions {
  /** the bytes that have to come; fewer are an error */
  expected: number;
  /** ms without a byte while somebody waits for one */
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
  let direct: DirectBody | undefined;
  let wake = () => {};
  const onEvent = () => wake();
  const onError = (error: unknown) => {
    failure ??= error;
    wake();
  };
  const onAbort = () => onError(abortReason(signal as AbortSignal));

  const release = () => {
    signal?.removeEventListener('abort', onAbort);
    for (const event of EVENTS) raw.off(event, onEvent);
  };
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
    return new RegistryError('unavailable', `The storage broke off after ${received} of ${expected} bytes`, { cause });
  };

  for (const event of EVENTS) raw.on(event, onEvent);
  // stays for good: what a socket has to say after its last byte concerns nobody, but must not end the process
  raw.on('error', onError);
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();

  const free = (): void => {
    over = true;
    release();
  };
  const finish = (): null => {
    free();
    // its parser was passed by, and waits for this message's end for ever
    if (direct) raw.destroy();
    // lets the connection see its message's end and return to the pool, although nobody asks for `done`
    else raw.resume();
    return null;
  };
  if (expected === 0) finish();

  const next = async (): Promise<Uint8Array | null> => {
    while (!over) {
      const chunk = failure ? null : ((direct ?? raw).read() as Uint8Array | null);
      if (chunk && chunk.byteLength > 0) {
        received += chunk.byteLength;
        // at once, so that the connection need not wait for the last reading to be free
        if (received === expected) finish();
        return chunk;
      }
      if (failure || raw.readableEnded || raw.destroyed) {
        free();
        direct?.drop();
        raw.destroy();
        throw broken();
      }
      direct ??= DirectBody.of(raw, expected - received, onEvent);
      await changed();
    }
    return null;
  };
  const close = async (): Promise<void> => {
    if (over) return;
    free();
    direct?.drop();
    raw.destroy();
    wake();
  };
  return streamOfBuffers({ next, release: giveBack, close });
};
