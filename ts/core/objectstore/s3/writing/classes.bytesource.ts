import { Buffer } from 'node:buffer';
import { Readable } from '../../../../plugins.js';
import { RegistryError } from '../../../classes.registryerror.js';

/** S3 refuses signed chunks under 8 KiB, and each write costs a header: small chunks are gathered. */
const CHUNK = 64 * 1024;

/**
 * A stream that is being uploaded. Keeps count, so that a body of another length than promised is refused; remembers
 * why it failed, so that the writer's error is the source's own and not the aborted request's.
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

  /** Ends the upload from outside, also while a chunk is being waited for: `next()` then throws the reason. */
  public fail(reason: unknown): void {
    if (this.failure || this.ended) return;
    this.failure = { reason };
    // the reason is on its way to the caller; that the source cannot even be cancelled adds nothing to it
    this.reader.cancel(reason).catch(() => {});
  }

  /** At least CHUNK bytes, less only at the end; null after it. */
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
   * The next `count` bytes, less only at the end, copied into `room` where that is given. Looks far enough ahead to set
   * `ended` with the last of them.
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

  /** True when all was read and nothing is kept back. */
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
 * The source as the SDK wants it. It never fails: the SDK pipes it into the request, where an error would either go
 * unheard and leave the request waiting for ever, or be nobody's and end the process. A failing source calls `onFailure`
 * instead, which aborts the request. `Readable.fromWeb` would emit the error, and in chunks of the source's size.
 *
 * `idle` is told when the server is waited for (true) and when the source is (false).
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
