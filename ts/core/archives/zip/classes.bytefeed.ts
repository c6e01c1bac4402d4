import { invalid } from '../../base/helpers.errors.js';

/** A reader that is suspended until more bytes have come. */
export type TSteps<T> = Generator<undefined, T, void>;

/**
 * Bytes that arrive in chunks, read by generators: `take` and `skip` suspend their caller until its bytes have come. So
 * a parser is written in the order of the format, whatever the chunks are, and nothing of it runs between chunks.
 */
export class ByteFeed {
  /** what has come and is not read */
  public unread: Buffer = Buffer.alloc(0);
  /** bytes read since the beginning */
  public at = 0;
  private ended = false;

  /** @param noun how messages call the archive */
  constructor(private readonly noun: string) {}

  public add(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.unread = this.unread.length === 0 ? bytes : Buffer.concat([this.unread, bytes]);
  }

  /** After the last chunk. */
  public end(): void {
    this.ended = true;
  }

  /** Marks bytes of `unread` as read. */
  public pass(count: number): Buffer {
    const bytes = this.unread.subarray(0, count);
    this.unread = this.unread.subarray(count);
    this.at += count;
    return bytes;
  }

  /** Waits for more bytes than there are now. Throws `invalid` if there are none. */
  public *more(): TSteps<void> {
    if (this.ended) throw invalid(`${this.noun} is cut short`);
    const before = this.unread.length;
    do yield;
    while (this.unread.length === before && !this.ended);
    if (this.unread.length === before) throw invalid(`${this.noun} is cut short`);
  }

  /** The next bytes; for headers, not for content. */
  public *take(count: number): TSteps<Buffer> {
    while (this.unread.length < count) yield* this.more();
    return this.pass(count);
  }

  /** Passes over bytes of any number, and shows them to `see`. */
  public *skip(count: number, see?: (bytes: Buffer) => void): TSteps<void> {
    for (let left = count; left > 0; ) {
      if (this.unread.length === 0) yield* this.more();
      const bytes = this.pass(Math.min(left, this.unread.length));
      left -= bytes.length;
      see?.(bytes);
    }
  }

  /** Waits for the end. Throws `invalid` if there are more bytes. */
  public *close(): TSteps<void> {
    while (!this.ended && this.unread.length === 0) yield;
    if (this.unread.length > 0) throw invalid(`${this.noun} has content behind its end`);
  }
}
