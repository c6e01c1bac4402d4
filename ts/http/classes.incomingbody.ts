import type { IncomingMessage } from 'node:http';

const BROKEN_OFF = 'The client closed the connection before its request was complete';

/** Could this request have a body (RFC 9112 section 6.3)? */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined ||
  (headers['content-length'] !== undefined && headers['content-length'] !== '0');

/**
 * The body of a Node request as the core gets it. Nothing is taken from the socket before the core asks, so that
 * `onFirstRead` can send `100 Continue` after the caller was found to be allowed; and leaving the iteration early
 * does not destroy the request, as Node's own iterator would, because the answer still has to go out on its socket.
 */
export class IncomingBody implements AsyncIterable<Uint8Array> {
  public state: 'untouched' | 'reading' | 'ended' | 'left' = 'untouched';
  /** has the client been asked for the body, or told that it may send it? */
  public asked = false;
  /** bytes taken so far */
  private received = 0;
  private broken: Error | undefined;
  private wake: () => void = () => undefined;

  constructor(
    private readonly request: IncomingMessage,
    private readonly onFirstRead: () => void,
  ) {}

  /** Bytes the client has still to send, by its own account; infinite where it did not say. */
  public get outstanding(): number {
    if (this.state === 'ended') return 0;
    const length = this.request.headers['content-length'];
    return length === undefined ? Number.POSITIVE_INFINITY : Number(length) - this.received;
  }

  /**
   * Ends the iteration at once, even while it waits for a sender that has fallen silent (an iterator's `return` would
   * wait with it). The request itself stays as it is.
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
    request.on('readable', this.onReadable).on('end', this.onEnd).on('error', this.onBroken).on('close', this.onClose);
    try {
      while (this.state === 'reading') {
        const chunk = request.read() as Buffer | null;
        if (chunk !== null) {
          this.received += chunk.byteLength;
          yield chunk;
        } else if (this.broken || request.destroyed) {
          throw this.broken ?? new Error(BROKEN_OFF);
        } else {
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
        }
      }
    } finally {
      this.leave('left');
    }
  }

  private readonly onReadable = () => this.wake();
  private readonly onEnd = () => {
    this.leave('ended');
    this.wake();
  };
  private readonly onBroken = (error: Error) => {
    this.broken ??= error;
    this.wake();
  };
  private readonly onClose = () => this.onBroken(new Error(BROKEN_OFF));

  /** As long as a `readable` listener stays, `request.resume()` has no effect and the rest could not be dropped. */
  private leave(state: 'ended' | 'left'): void {
    if (this.state === 'ended') return;
    this.state = state;
    this.request.off('readable', this.onReadable).off('end', this.onEnd);
    this.request.off('error', this.onBroken).off('close', this.onClose);
  }
}
