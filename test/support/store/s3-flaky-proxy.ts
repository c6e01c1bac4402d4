import * as http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { IS3StorageConfig } from '../../../ts/interfaces.config.js';

/**
 * What becomes of one request.
 * - `pass`: forwarded, answered
 * - `dropRequest`: read whole and never forwarded; the connection breaks
 * - `dropReply`: forwarded and carried out; the connection breaks instead of an answer
 * - `dieInBody`: half the answer's body comes, then the connection breaks
 * - `stallInBody`: half the answer's body comes, then nothing more
 * - `silence`: no answer at all
 * - `late`: the connection breaks at once, and the request is forwarded when `deliver` is called
 */
export type TFate = 'pass' | 'dropRequest' | 'dropReply' | 'late' | 'dieInBody' | 'stallInBody' | 'silence';

export interface ISeenRequest {
  method: string;
  /** with the query */
  path: string;
  headers: http.IncomingHttpHeaders;
  fate: TFate;
}

export interface IFlakyProxy {
  /** the real server's, by way of the proxy */
  config: IS3StorageConfig;
  /** every request so far, in order */
  seen: ISeenRequest[];
  /** bytes of bodies that came from the client, and that went to it */
  bytes: { up: number; down: number };
  /** decides about every later request; default: pass */
  decide(fate: (request: Omit<ISeenRequest, 'fate'>) => TFate | Promise<TFate>): void;
  /** runs before the connection of a `dropRequest` or `dropReply` breaks: what another writer does meanwhile */
  onLoss(meanwhile: () => Promise<void>): void;
  /** forwards the requests that are late; resolves when they are answered */
  deliver(): Promise<void>;
  stop(): Promise<void>;
}

/** A proxy in front of a real S3 server that loses what it is told to. Signatures stay valid: `Host` is passed on as it is. */
export const startFlakyProxy = async (config: IS3StorageConfig): Promise<IFlakyProxy> => {
  const target = new URL(config.endpoint);
  const agent = new http.Agent({ keepAlive: true });
  const seen: ISeenRequest[] = [];
  const bytes = { up: 0, down: 0 };
  const sockets = new Set<Socket>();
  let decide: (request: Omit<ISeenRequest, 'fate'>) => TFate | Promise<TFate> = () => 'pass';
  let meanwhile = async (): Promise<void> => {};
  const late: (() => Promise<void>)[] = [];
  const lose = (to: http.ServerResponse): void => void meanwhile().finally(() => to.destroy());

  const answer = (fate: TFate, from: http.IncomingMessage, to: http.ServerResponse): void => {
    if (fate === 'dropReply') {
      from.resume().on('end', () => lose(to));
      return;
    }
    to.writeHead(from.statusCode ?? 500, from.rawHeaders as unknown as http.OutgoingHttpHeaders);
    const half = Number(from.headers['content-length'] ?? 0) / 2;
    let passed = 0;
    from.on('data', (chunk: Buffer) => {
      bytes.down += chunk.length;
      if (fate === 'pass') {
        if (!to.write(chunk)) from.pause();
        return;
      }
      if (passed < half) to.write(chunk.subarray(0, Math.ceil(half - passed)));
      passed += chunk.length;
      if (passed < half) return;
      from.pause();
      // the bytes before the break are to arrive
      if (fate === 'dieInBody') setTimeout(() => to.destroy(), 50);
    });
    to.on('drain', () => from.resume());
    to.on('close', () => from.destroy());
    from.on('end', () => to.end());
  };

  const server = http.createServer(async (request, reply) => {
    const about = { method: request.method ?? '', path: request.url ?? '', headers: request.headers };
    request.on('data', (chunk: Buffer) => {
      bytes.up += chunk.length;
    });
    request.pause();
    const fate = await decide(about);
    seen.push({ ...about, fate });
    if (fate === 'silence') return request.resume();
    if (fate === 'dropRequest') {
      // a request without a body may have ended already, and emits no `end` any more
      for await (const _ of request);
      return lose(reply);
    }
    const { method, path } = about;
    const headers = request.rawHeaders as unknown as http.OutgoingHttpHeaders;
    const to = { host: target.hostname, port: target.port, agent, method, path, headers };
    if (fate === 'late') {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      late.push(
        () =>
          new Promise((resolve, reject) => {
            const done = (response: http.IncomingMessage) => response.resume().on('end', resolve);
            http.request(to, done).on('error', reject).end(Buffer.concat(chunks));
          }),
      );
      return reply.destroy();
    }
    const forward = http.request(to);
    forward.on('response', (response) => answer(fate, response, reply));
    forward.on('error', () => reply.destroy());
    // a client that breaks off breaks off upstream too
    reply.on('close', () => forward.destroy());
    return request.pipe(forward);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    config: { ...config, endpoint: `http://127.0.0.1:${port}` },
    seen,
    bytes,
    decide(fate) {
      decide = fate;
    },
    async deliver() {
      for (const send of late.splice(0)) await send();
    },
    onLoss(work) {
      meanwhile = work;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      agent.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
