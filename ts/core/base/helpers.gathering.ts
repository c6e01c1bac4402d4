/**
 * bytes; a smaller chunk costs more when it is kept (some 120 bytes, and the buffer that it is part of) than when it is
 * copied
 */
const SMALL_CHUNK = 1024;
/** bytes of chunks that are joined into one buffer */
const SLAB = 64 * 1024;
/** bytes; a longer chunk is copied into a buffer of its own */
const LONG_CHUNK = SLAB / 4;

/** A chunk keeps its whole buffer in memory. If it is less than half of that buffer, a copy takes less memory. */
const isSliver = ({ byteLength, buffer }: Uint8Array): boolean => 2 * byteLength < buffer.byteLength;

/**
 * Collects bytes that arrive in chunks. The memory used is about the number of bytes, whatever the size of the chunks and of
 * the buffers behind them.
 */
export class GatheredBytes {
  public size = 0;
  private readonly chunks: Uint8Array[] = [];
  private slab: Buffer | undefined;
  private used = 0;

  public add(chunk: Uint8Array): void {
    this.size += chunk.byteLength;
    if (chunk.byteLength >= SMALL_CHUNK && !isSliver(chunk)) this.append(chunk);
    else if (chunk.byteLength > LONG_CHUNK) this.append(Buffer.from(chunk));
    else this.copy(chunk);
  }

  /** All chunks in one buffer. */
  public whole(): Buffer {
    this.closeSlab();
    return Buffer.concat(this.chunks);
  }

  /** Yields all chunks in order, and removes each one. */
  public *drain(): Generator<Uint8Array, void, undefined> {
    this.closeSlab();
    this.size = 0;
    for (let chunk = this.chunks.shift(); chunk; chunk = this.chunks.shift()) yield chunk;
  }

  private append(chunk: Uint8Array): void {
    this.closeSlab();
    this.chunks.push(chunk);
  }

  private copy(chunk: Uint8Array): void {
    if (!this.slab || this.used + chunk.byteLength > this.slab.byteLength) {
      this.closeSlab();
      // most bodies are one small chunk, which needs no slab
      const isFirst = this.chunks.length === 0 && chunk.byteLength <= SMALL_CHUNK;
      this.slab = Buffer.allocUnsafe(isFirst ? SMALL_CHUNK : SLAB);
    }
    this.slab.set(chunk, this.used);
    this.used += chunk.byteLength;
  }

  private closeSlab(): void {
    if (this.slab && this.used > 0) this.chunks.push(this.slab.subarray(0, this.used));
    this.slab = this.slab?.subarray(this.used);
    this.used = 0;
  }
}
