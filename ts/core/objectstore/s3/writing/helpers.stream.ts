import { Buffer } from 'node:buffer';
import { abortReason } from '../connection/helpers.errors.js';
import type { IS3Session } from '../connection/interfaces.session.js';
import { ByteSource } from './classes.bytesource.js';
import { type ITarget, MAX_PART } from './helpers.creation.js';
import { putParts } from './helpers.parts.js';
import { putBytes, putStreaming } from './helpers.put.js';

/** Bodies up to this size are read before they are sent, so that they can be sent again. */
const SMALL = 1024 ** 2;

/** Returns undefined if there is not enough memory for it. */
const putSmall = async (
  session: IS3Session,
  target: ITarget,
  source: ByteSource,
  size: number,
): Promise<{ etag: string } | undefined> => {
  if (!session.budget.growBeginning(0, size)) return undefined;
  try {
    // looking ahead finds a source that continues after `size` bytes
    return await putBytes(session, target, await source.take(size, Buffer.allocUnsafe(size)));
  } finally {
    session.budget.endBeginning(size);
  }
};

const putSource = async (
  session: IS3Session,
  target: ITarget,
  source: ByteSource,
  size?: number,
): Promise<{ etag: string }> => {
  if (size !== undefined && size <= SMALL) {
    const written = await putSmall(session, target, source, size);
    if (written) return written;
  }
  const isSealed = session.settings.checksums !== 'WHEN_REQUIRED';
  if (size !== undefined && size <= MAX_PART && isSealed) return putStreaming(session, target, source, size);
  return putParts(session, target, source, size);
};

/**
 * Writes a stream. If the source, the server or the caller's signal fails it, the object from before stays and the
 * source is cancelled.
 */
export const putStream = async (
  session: IS3Session,
  target: ITarget,
  stream: ReadableStream<Uint8Array>,
  size?: number,
): Promise<{ etag: string }> => {
  const source = new ByteSource(stream, size);
  const { signal } = target;
  const onAbort = () => source.fail(abortReason(signal as AbortSignal));
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  try {
    return await putSource(session, target, source, size);
  } catch (error) {
    source.fail(error);
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
};
