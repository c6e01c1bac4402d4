import { type IChunkSource, streamOfSource, toReadableStream } from '../../../base/helpers.streams.js';
import { RegistryError } from '../../../classes.registryerror.js';
import type { TObjectRange } from '../../interfaces.objectstore.js';
import { type IFiles, storeError } from '../files/helpers.files.js';
import { damaged } from '../files/helpers.header.js';
import type { IOpened } from './classes.versionreader.js';

/** bytes per read; larger reads are hardly faster and cost memory */
const CHUNK = 256 * 1024;

/** The first and last byte of a range in an object of `size` bytes. Throws `rangeInvalid`. */
export const resolveRange = (range: TObjectRange, size: number): { start: number; end: number } => {
  const start = 'suffix' in range ? Math.max(0, size - range.suffix) : range.start;
  const end = 'suffix' in range ? size - 1 : Math.min(range.end ?? size - 1, size - 1);
  if (start < 0 || start >= size || end < start) {
    throw new RegistryError('rangeInvalid', 'The range is not within the object', { detail: { size } });
  }
  return { start, end };
};

/**
 * The bytes from `start` up to, but not including, `end` of an opened object. Closes the object: at once if the body
 * fits in one read, else at its end, or when it is cancelled, aborted or broken.
 */
export const bodyOf = async (
  files: IFiles,
  { file, fd, version, first }: IOpened,
  start: number,
  end: number,
  signal?: AbortSignal,
): Promise<ReadableStream<Uint8Array>> => {
  const from = version.offset + start;
  const to = version.offset + end;
  if (to - from > CHUNK) return streamOfSource(new FileSource(files, file, fd, from, to, signal), CHUNK);
  let bytes: Buffer = first.subarray(from, to);
  try {
    if (bytes.byteLength < to - from) {
      bytes = Buffer.allocUnsafe(to - from);
      if ((await files.read(fd, bytes, from)) < to - from) throw truncated(file);
    }
  } finally {
    files.release(fd);
  }
  // a small slice would keep the whole buffer alive for as long as somebody holds it
  return toReadableStream(bytes.byteLength * 2 < first.buffer.byteLength ? Buffer.from(bytes) : bytes);
};

const truncated = (file: string): RegistryError => damaged(file, 'the file is shorter than it should be');

/** The bytes from `from` up to, but not including, `to` of a file. Closes the file at the end. */
class FileSource implements IChunkSource {
  private open = true;
  private reading: Promise<number> | undefined;

  constructor(
    private readonly files: IFiles,
    private readonly file: string,
    private readonly fd: number,
    private at: number,
    private readonly to: number,
    private readonly signal: AbortSignal | undefined,
  ) {
    if (signal?.aborted) this.onAbort();
    else signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  public async read(room: Uint8Array): Promise<number> {
    this.signal?.throwIfAborted();
    const wanted = Math.min(room.byteLength, this.to - this.at);
    if (!this.open || wanted === 0) return 0;
    try {
      const buffer = Buffer.from(room.buffer, room.byteOffset, wanted);
      this.reading = this.files.read(this.fd, buffer, this.at);
      const count = await this.reading;
      this.signal?.throwIfAborted();
      if (count < wanted) throw truncated(this.file);
      this.at += count;
      if (this.at === this.to) await this.close();
      return count;
    } catch (error) {
      await this.close();
      throw storeError(error);
    }
  }

  public async close(): Promise<void> {
    if (!this.open) return;
    this.open = false;
    this.signal?.removeEventListener('abort', this.onAbort);
    // the descriptor must not be reused while a read is under way
    await this.reading?.catch(() => {});
    await this.files.close(this.fd);
  }

  // nothing was written through it, so a failure to close it does no harm
  private readonly onAbort = (): void => void this.close().catch(() => {});
}
