/** bytes; below this a chunk costs more for being one (some 120 bytes, and the buffer that it is cut from) than copied */
const SMALL_CHUNK = 1024;
/** bytes of chunks that become one */
const SLAB = 64 * 1024;
/** bytes; a longer chunk that has to be copied is copied alone */
const LONG_CHUNK = SLAB / 4;

/** A chunk keeps the whole buffer alive that it was cut from: of one that is used for less than half, a copy is smaller. */
const isSliver = ({ byteLength, buffer }: Uint8Array): boolean => 2 * byteLength < buffer.byteLength;

/**
 * Bytes that come in chunks and are kept until all are there. They take about as much memory as they are long, whoever cut
 * them, and however small the chunks are.
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

  /** All chunks in their order; each is given up when it is taken. */
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
      // a body of one small chunk is the usual case, and gets no slab
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
