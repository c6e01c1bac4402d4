import { connect, type Socket } from 'node:net';
import { headerOf, type IRawResponse, type IReaderOptions, ResponseReader } from './responses.js';

/** A body that is sent piece by piece as the server takes it. */
export interface IRawBody {
  /** Its bytes; without a number it goes in chunked transfer and the pieces bring the framing along. */
  length?: number;
  pieces: Iterable<Buffer>;
}

export interface IRawAnswer extends IRawResponse {
  header(name: string): string | undefined;
}

export interface IRawRequest {
  method: string;
  /** Path and query. */
  path: string;
  headers?: Record<string, string | undefined>;
  body?: IRawBody | Uint8Array;
  /** Instead of keeping the body. */
  onBody?(bytes: Buffer): void;
}

const READ_BYTES = 256 * 1024;

/**
 * One kept HTTP/1.1 connection to 127.0.0.1, one request at a time, for bodies of gigabytes: what it costs beside the
 * server is writing the caller's buffers and reading into one of its own.
 */
export class RawConnection {
  private readonly socket: Socket;
  private onBody: IReaderOptions['onBody'];
  private keep = true;
  private settle: { resolve(response: IRawResponse): void; reject(error: Error): void } | null = null;
  private readonly reader = new ResponseReader({
    keepBody: () => this.keep,
    onBody: (bytes) => this.onBody?.(bytes),
    done: (response) => this.settle?.resolve(response),
  });

  private constructor(private readonly port: number) {
    const onread = {
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback: (count: number, buffer: Uint8Array): boolean => {
        this.reader.push(Buffer.from(buffer.buffer, buffer.byteOffset, count));
        return true;
      },
    };
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true, onread });
    const lost = (error?: Error): void =>
      this.settle?.reject(error ?? new Error('the server closed the connection before its answer was whole'));
    this.socket.on('error', lost).on('close', () => lost());
  }

  static async open(port: number): Promise<RawConnection> {
    const connection = new RawConnection(port);
    await new Promise<void>((resolve, reject) => {
      connection.socket.once('connect', resolve).once('error', reject);
    });
    return connection;
  }

  /** Breaks off whatever is under way, as a client that is gone does. */
  destroy(): void {
    this.socket.destroy();
  }

  async request({ method, path, headers = {}, body, onBody }: IRawRequest): Promise<IRawAnswer> {
    if (this.socket.destroyed) {
      throw new Error('the connection is closed');
    }
    const parts = body instanceof Uint8Array ? { length: body.length, pieces: [Buffer.from(body)] } : body;
    const lines = [`${method} ${path} HTTP/1.1`, `Host: 127.0.0.1:${this.port}`];
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) {
        lines.push(`${name}: ${value}`);
      }
    }
    if (parts) {
      lines.push(parts.length === undefined ? 'Transfer-Encoding: chunked' : `Content-Length: ${parts.length}`);
    } else if (method !== 'GET' && method !== 'HEAD') {
      lines.push('Content-Length: 0');
    }
    this.onBody = onBody;
    this.keep = !onBody;
    this.reader.isHead = method === 'HEAD';
    let isAnswered = false;
    const answer = new Promise<IRawResponse>((resolve, reject) => {
      this.settle = { resolve, reject };
    }).finally(() => {
      isAnswered = true;
      this.settle = null;
    });
    this.socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    for (const piece of parts?.pieces ?? []) {
      if (isAnswered) {
        break; // refused before it was all sent; the connection is of no use afterwards
      }
      if (!this.socket.write(piece)) {
        await Promise.race([answer, new Promise<void>((resolve) => this.socket.once('drain', resolve))]);
      }
    }
    const response = await answer;
    return { ...response, header: (name) => headerOf(response.head, name) };
  }
}
