import { Buffer } from 'node:buffer';
import { Readable } from '../../../../plugins.js';
import { RegistryError } from '../../../classes.registryerror.js';

/** S3 refuses signed chunks under 8 KiB, and each write has the cost of a header: small chunks are gathered. */
const CHUNK = 64 * 1024;

/**
 * A stream that is being uploaded. It counts the bytes, so that a body of another length than announced is refused. It
 * keeps its error, so that the writer throws the source's own error and not that of the aborted request.
 */
export class ByteSource {
  /** bytes read so far */
  public total = 0;
  public ended = false;
  public failure: { reason: unknown } | undefined;
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private ahead: Uint8Array | undefined;

  constructor(
    stream: ReadableStream<Uint8Array>,
    private readonly size?: number,
  ) {
    this.reader = stream.getReader();
  }

  /** Ends the upload, also while a chunk is being waited for: `next()` then throws the reason. */
  public fail(reason: unknown): void {
    if (this.failure || this.ended) return;
    this.failure = { reason };
    // the caller gets the reason; a failure to cancel the source adds nothing
    this.reader.cancel(reason).catch(() => {});
  }

  /** Returns at least CHUNK bytes, fewer only at the end; null after the end. */
  public async next(): Promise<Uint8Array | null> {
    const gathered: Uint8Array[] = [];
    for (let size = 0; size < CHUNK; ) {
      const chunk = await this.read();
      if (chunk === null) break;
      gathered.push(chunk);
      size += chunk.byteLength;
    }
    const [first] = gathered;
    if (first === undefined) return null;
    return gathered.length === 1 ? first : Buffer.concat(gathered);
  }

  /**
   * Returns the next `count` bytes, fewer only at the end, copied into `room` if it is given. It looks far enough ahead
   * to set `ended` together with the last byte.
   */
  public async take(count: number, room?: Buffer): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    while (size < count) {
      const chunk = this.ahead ?? (await this.read());
      this.ahead = undefined;
      if (chunk === null) break;
      const wanted = chunk.subarray(0, count - size);
      if (wanted.byteLength < chunk.byteLength) this.ahead = chunk.subarray(wanted.byteLength);
      if (room) room.set(wanted, size);
      else chunks.push(wanted);
      size += wanted.byteLength;
    }
    if (!this.ended && !this.ahead) this.ahead = (await this.read()) ?? undefined;
    return room ? room.subarray(0, size) : Buffer.concat(chunks, size);
  }

  /** Whether all bytes were read and none is buffered. */
  public get drained(): boolean {
    return this.ended && !this.ahead;
  }

  private async read(): Promise<Uint8Array | null> {
    for (;;) {
      if (this.failure) throw this.failure.reason;
      if (this.ended) return null;
      const { done, value } = await this.reader.read().catch((reason: unknown) => {
        this.failure ??= { reason };
        throw this.failure.reason;
      });
      if (this.failure) throw (this.failure as { reason: unknown }).reason;
      if (done) this.ended = true;
      else this.total += value.byteLength;
      this.checkSize();
      if (done) return null;
      if (value.byteLength > 0) return value;
    }
  }

  private checkSize(): void {
    if (this.size === undefined) return;
    if (this.total <= this.size && !(this.ended && this.total < this.size)) return;
    const reason = new RegistryError('invalid', `The body does not have the ${this.size} bytes that were announced`);
    this.ended = false;
    this.fail(reason);
    throw reason;
  }
}

/**
 * The source as a Node stream for the SDK. It never fails: the SDK pipes it into the request, where an error would
 * either be ignored and leave the request hanging, or be unhandled and end the process. Instead, a failing source calls
 * `onFailure`, which aborts the request. `Readable.fromWeb` would emit the error, and send chunks of the source's size.
 *
 * `idle` is called with true when the server is waited for, and with false when the source is.
 */
export const toReadable = (source: ByteSource, onFailure: () => void, idle: (waiting: boolean) => void): Readable =>
  new Readable({
    highWaterMark: 4 * CHUNK,
    read() {
      idle(false);
      source.next().then(
        (chunk) => {
          idle(true);
          this.push(chunk);
        },
        () => onFailure(),
      );
    },
  });
