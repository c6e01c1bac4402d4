import { RegistryError } from '../classes.registryerror.js';
import { toReadableStream } from '../helpers.streams.js';
import { type IFiles, storeError } from './directory.files.js';
import type { IOpened } from './directory.reading.js';
import type { TObjectRange } from './interfaces.objectstore.js';

/** bytes per read; larger ones are hardly faster and cost memory */
const CHUNK = 256 * 1024;

/** First and last byte of a range in an object of `size` bytes; throws `rangeInvalid`. */
export const resolveRange = (range: TObjectRange, size: number): { start: number; end: number } => {
  const start = 'suffix' in range ? Math.max(0, size - range.suffix) : range.start;
  const end = 'suffix' in range ? size - 1 : Math.min(range.end ?? size - 1, size - 1);
  if (start < 0 || start >= size || end < start) {
    throw new RegistryError('rangeInvalid', 'The range is not within the object', { detail: { size } });
  }
  return { start, end };
};

/**
 * The bytes from `start` up to but not including `end` of an opened object, which this closes: at once where the body
 * fits in one read, else at its end, or when it is cancelled, aborted or broken.
 */
export const bodyOf = async (
  files: IFiles,
  { fd, version, first }: IOpened,
  start: number,
  end: number,
  signal?: AbortSignal,
): Promise<ReadableStream<Uint8Array>> => {
  const from = version.offset + start;
  const to = version.offset + end;
  if (to - from > CHUNK) return fileStream(files, fd, from, to, signal);
  let bytes: Buffer = first.subarray(from, to);
  try {
    if (bytes.byteLength < to - from) {
      bytes = Buffer.allocUnsafe(to - from);
      if ((await files.read(fd, bytes, from)) < to - from) throw truncated();
    }
  } finally {
    files.release(fd);
  }
  // what is a small piece of a larger buffer would keep all of it alive for as long as someone holds the piece
  return toReadableStream(bytes.byteLength * 2 < first.buffer.byteLength ? Buffer.from(bytes) : bytes);
};

const truncated = (): RegistryError => new RegistryError('unavailable', 'A stored object is shorter than it should be');

const fileStream = (
  files: IFiles,
  fd: number,
  from: number,
  to: number,
  signal: AbortSignal | undefined,
): ReadableStream<Uint8Array> => {
  let at = from;
  let open = true;
  let reading: Promise<number> | undefined;
  let abort = (): void => {};
  const close = async (): Promise<void> => {
    if (!open) return;
    open = false;
    signal?.removeEventListener('abort', abort);
    // the descriptor must not be given to someone else while a read is under way
    await reading?.catch(() => {});
    await files.close(fd);
  };
  return new ReadableStream<Uint8Array>({
    start(controller) {
      abort = () => {
        controller.error(signal?.reason);
        // nothing was written through it, so failing to close it harms nobody
        close().catch(() => {});
      };
      if (signal?.aborted) abort();
      else signal?.addEventListener('abort', abort, { once: true });
    },
    async pull(controller) {
      try {
        const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK, to - at));
        reading = files.read(fd, chunk, at);
        const count = await reading;
        if (!open) return;
        if (count < chunk.byteLength) throw truncated();
        at += count;
        controller.enqueue(chunk);
        if (at < to) return;
        await close();
        controller.close();
      } catch (error) {
        await close();
        throw storeError(error);
      }
    },
    cancel: close,
  });
};
