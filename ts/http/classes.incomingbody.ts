import type { IncomingMessage } from 'node:http';

/** bytes that may wait for the core before the client is paused: as many as Node itself would buffer, and one chunk */
const WAITING = 128 * 1024;
const BROKEN_OFF = 'The client closed the connection before its request was complete';

/** Whether this request may have a body (RFC 9112 section 6.3). */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined ||
  (headers['content-length'] !== undefined && headers['content-length'] !== '0');

/**
 * The body of a Node request for the core. Nothing is read from the socket before the core asks, so that `onFirstRead`
 * can send `100 Continue` after the caller was authorised. Leaving the iteration early does not destroy the request, as
 * Node's own iterator would, because the answer still has to be sent on its socket.
 */
export class IncomingBody implements AsyncIterable<Uint8Array> {
  public state: 'untouched' | 'reading' | 'ended' | 'left' = 'untouched';
  /** whether the client has been asked for the body, or told that it may send it */
  public asked = false;
  /** bytes read so far */
  private received = 0;
  private readonly pieces: Uint8Array[] = [];
  private waiting = 0;
  private isComplete = false;
  private broken: Error | undefined;
  private wake: () => void = () => undefined;

  constructor(
    private readonly request: IncomingMessage,
    private readonly onFirstRead: () => void,
  ) {}

  /** Bytes that the client has still to send according to Content-Length; infinite without that header. */
  public get outstanding(): number {
    if (this.state === 'ended') return 0;
    const length = this.request.headers['content-length'];
    return length === undefined ? Number.POSITIVE_INFINITY : Number(length) - this.received;
  }

  /**
   * Ends the iteration at once, even while it waits for a silent sender (an iterator's `return` would wait too). The
   * request itself is not changed.
   */
  public destroy(): void {
    this.leave('left');
    this.wake();
  }

  public async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.state !== 'untouched') throw new Error('The request body can be read only once');
    const { request } = this;
    this.state = 'reading';
    this.asked = true;
    this.onFirstRead();
    // `data` and not `readable`, which comes a turn later and costs as much as all other work on a chunk
    request.on('data', this.onData).on('end', this.onEnd).on('error', this.onBroken).on('close', this.onClose);
    try {
      while (this.state === 'reading') {
        const piece = this.pieces.shift();
        if (piece) {
          this.waiting -= piece.byteLength;
          this.received += piece.byteLength;
          yield piece;
        } else if (this.isComplete) {
          this.leave('ended');
        } else if (this.broken || request.destroyed) {
          throw this.broken ?? new Error(BROKEN_OFF);
        } else {
          request.resume();
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
        }
      }
    } finally {
      this.leave('left');
    }
  }

  private readonly onData = (piece: Uint8Array) => {
    this.pieces.push(piece);
    this.waiting += piece.byteLength;
    if (this.waiting >= WAITING) this.request.pause();
    this.wake();
  };
  private readonly onEnd = () => {
    this.isComplete = true;
    this.wake();
  };
  private readonly onBroken = (error: Error) => {
    this.broken ??= error;
    this.wake();
  };
  private readonly onClose = () => this.onBroken(new Error(BROKEN_OFF));

  /** Later bytes of the client wait in its socket until they are dropped. */
  private leave(state: 'ended' | 'left'): void {
    if (this.state === 'ended') return;
    this.state = state;
    this.pieces.length = 0;
    this.request.off('data', this.onData).off('end', this.onEnd);
    this.request.off('error', this.onBroken).off('close', this.onClose);
    if (state === 'left') this.request.pause();
  }
}
