import type { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from '../../../plugins.js';
import { divert } from './helpers.agent.js';
import { giveBack } from './helpers.buffers.js';

/** What must be missing of a body: it costs its connection, and that of a new one is some hundred microseconds. */
const WORTHWHILE = 4 * 1024 * 1024;

/**
 * The rest of a body, straight from its socket. `node:http` has made the connection, sent the request, and read the
 * head and the first bytes of the answer; it still says when the connection breaks.
 */
export class DirectBody {
  private readonly waiting: Buffer[] = [];

  private constructor(
    private readonly socket: Socket,
    private missing: number,
    private readonly wake: () => void,
  ) {}

  /** undefined where the body is to be read as it is. Nothing may be left to read in `raw` itself. */
  public static of(raw: Readable, missing: number, wake: () => void): DirectBody | undefined {
    const { socket, headers } = raw as Partial<IncomingMessage>;
    if (missing < WORTHWHILE || !socket || headers?.['transfer-encoding'] !== undefined) return undefined;
    const body = new DirectBody(socket, missing, wake);
    if (!divert(socket, (bytes) => body.add(bytes))) return undefined;
    socket.resume();
    return body;
  }

  public read(): Buffer | null {
    const bytes = this.waiting.shift();
    // one buffer is filled while the reader is busy with another one, and no more
    if (this.waiting.length === 0 && this.missing > 0) this.socket.resume();
    return bytes ?? null;
  }

  /** Only what nobody will read any more. */
  public drop(): void {
    for (const bytes of this.waiting.splice(0)) giveBack(bytes);
    this.missing = 0;
  }

  private add(bytes: Buffer): boolean {
    const wanted = bytes.subarray(0, this.missing);
    this.missing -= wanted.byteLength;
    if (wanted.byteLength > 0) this.waiting.push(wanted);
    this.wake();
    return false;
  }
}
