import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';

export interface ISeenRequest {
  method: string;
  /** With its query. */
  url: string;
  /** `undefined` where the connection was broken before an answer. */
  status?: number;
  headers: Record<string, string | string[] | undefined>;
}

export interface IWatchingProxy {
  origin: string;
  /** `host:port` */
  host: string;
  seen: ISeenRequest[];
  stop(): Promise<void>;
}

export interface IProxyOptions {
  /**
   * Breaks the connection of an upload once, when this many bytes of uploads have gone on to the registry, as a network
   * does that fails in mid-transfer.
   */
  breakUploadAfter?: number;
}

/** Stands before a registry and writes down what clients ask and what they are answered. */
export const watchingProxy = async (origin: string, options: IProxyOptions = {}): Promise<IWatchingProxy> => {
  const target = new URL(origin);
  const seen: ISeenRequest[] = [];
  let breakAfter = options.breakUploadAfter;
  let passed = 0;
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming;
    const about: ISeenRequest = { method, url, headers };
    seen.push(about);
    // The Host header goes on as it came, so that the challenge's realm leads through here as well.
    const onward = request({ hostname: target.hostname, port: target.port, method, path: url, headers }, (answer) => {
      about.status = answer.statusCode;
      outgoing.writeHead(answer.statusCode!, answer.rawHeaders);
      pipeline(answer, outgoing, () => {}); // a client that goes away is its own business
    });
    onward.on('error', () => outgoing.destroy());
    if (breakAfter !== undefined && (method === 'PATCH' || method === 'PUT') && /\/blobs\/uploads\//.test(url)) {
      let broken = false;
      incoming.on('data', (chunk: Buffer) => {
        if (broken) return;
        passed += chunk.length;
        if (breakAfter !== undefined && passed > breakAfter) {
          const rest = breakAfter;
          breakAfter = undefined;
          broken = true;
          // What has passed must have reached the registry before the line goes dead.
          onward.write(chunk.subarray(0, chunk.length - (passed - rest)), () =>
            setTimeout(() => {
              onward.destroy();
              incoming.socket.destroy();
            }, 200),
          );
        } else {
          onward.write(chunk);
        }
      });
      incoming.on('end', () => broken || onward.end());
    } else {
      incoming.pipe(onward);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    seen,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
