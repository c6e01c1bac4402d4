import { createHash, randomBytes } from 'node:crypto';

const PIECE = 256 * 1024;
const PIECES = 64;
/** What Go's HTTP client, and with it docker, skopeo and crane, sends as one chunk. */
const FRAME = 32 * 1024;
const frameHead = Buffer.from(`${FRAME.toString(16)}\r\n`);
const lineEnd = Buffer.from('\r\n');
const lastFrame = Buffer.from('0\r\n\r\n');

const base = randomBytes(PIECE * PIECES);
/** The same pieces with the framing of chunked transfer in them, so that it costs nothing while the clock runs. */
let framedBase: Buffer[] | undefined;

const framed = (piece: Buffer): Buffer => {
  const frames: Buffer[] = [];
  for (let at = 0; at < piece.length; at += FRAME) {
    const part = piece.subarray(at, at + FRAME);
    frames.push(part.length === FRAME ? frameHead : Buffer.from(`${part.length.toString(16)}\r\n`), part, lineEnd);
  }
  return Buffer.concat(frames);
};

/**
 * A blob of any size that needs no room: pieces of one random buffer in an order that the seed says. Known to the
 * process that made it only, because the buffer is new in each process.
 */
export class Noise {
  private known: string | undefined;

  constructor(
    readonly seed: number,
    readonly size: number,
  ) {}

  get digest(): string {
    if (!this.known) {
      const hash = createHash('sha256');
      for (const piece of this.pieces()) {
        hash.update(piece);
      }
      this.known = `sha256:${hash.digest('hex')}`;
    }
    return this.known;
  }

  /** The bytes from `from` up to, and without, `to`. */
  *pieces(from = 0, to = this.size): Generator<Buffer> {
    for (let at = from; at < to; ) {
      const number = Math.floor(at / PIECE);
      const end = Math.min(to, (number + 1) * PIECE);
      const start = this.place(number) * PIECE;
      yield base.subarray(start + (at % PIECE), start + (end - number * PIECE));
      at = end;
    }
  }

  /** The whole blob as it is on the wire in chunked transfer. */
  *framedPieces(to = this.size): Generator<Buffer> {
    framedBase ??= Array.from({ length: PIECES }, (_, index) =>
      framed(base.subarray(index * PIECE, (index + 1) * PIECE)),
    );
    const whole = Math.floor(to / PIECE);
    for (let number = 0; number < whole; number++) {
      yield framedBase[this.place(number)]!;
    }
    for (const piece of this.pieces(whole * PIECE, to)) {
      yield framed(piece);
    }
    if (to === this.size) {
      yield lastFrame;
    }
  }

  /** Which piece of the buffer comes there: each seed and each round through the buffer has another step and start. */
  private place(number: number): number {
    const round = Math.floor(number / PIECES) + this.seed * 131;
    return (number * (2 * (round % 31) + 1) + round * 7) % PIECES;
  }
}
