import http from 'node:http';
import net from 'node:net';
import { within } from './host.js';

/** A client that sends exactly what it is told, well-formed or not. */
export class RawClient {
  public text = '';
  public closed = false;
  public error: NodeJS.ErrnoException | undefined;
  private changed: () => void = () => undefined;

  private constructor(public readonly socket: net.Socket) {
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.text += chunk;
      this.changed();
    });
    socket.on('error', (error) => {
      this.error = error;
    });
    socket.on('close', () => {
      this.closed = true;
      this.changed();
    });
  }

  public static async connect(port: number): Promise<RawClient> {
    const socket = net.connect({ port, host: '127.0.0.1' });
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new RawClient(socket);
  }

  /** Joins the lines as HTTP does and adds the empty one. */
  public head(...lines: string[]): this {
    this.socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    return this;
  }

  /** Until the text matches, or the connection is closed; then everything that came. */
  public async until(pattern: RegExp | null, ms = 5_000): Promise<string> {
    const start = this.text.length;
    const seen = async () => {
      while (!this.closed && !pattern?.test(this.text)) {
        await new Promise<void>((resolve) => {
          this.changed = resolve;
        });
      }
    };
    try {
      await within(seen(), `waiting for ${pattern ?? 'the end'}`, ms);
    } catch (error) {
      throw new Error(`${(error as Error).message}, but ${JSON.stringify(this.text.slice(start, start + 300))}`);
    }
    return this.text;
  }

  /** Until the server has closed the connection. */
  public end(ms = 5_000): Promise<string> {
    return this.until(null, ms);
  }
}

export interface IReply {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

/** One request by node:http, which neither resolves the path nor follows or retries anything. */
export const ask = (
  port: number,
  path: string,
  options: http.RequestOptions & { body?: string | Buffer } = {},
): Promise<IReply> =>
  new Promise((resolve, reject) => {
    const { body, ...rest } = options;
    const request = http.request({ host: '127.0.0.1', port, path, agent: false, ...rest }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
