import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';

/** One request and its answer as they were on the wire. */
export interface IExchange {
  method: string;
  path: string;
  asked: IncomingHttpHeaders;
  status: number;
  answered: IncomingHttpHeaders;
  /** of the answer's body */
  bytes: number;
}

interface IProxyOptions {
  /** Answers a request itself and returns true, or leaves it to the server behind. */
  intercept?(incoming: IncomingMessage, outgoing: ServerResponse): boolean;
  /** is called at the end of each answer */
  seen?(exchange: IExchange): void;
}

/**
 * A proxy on a port of its own. It passes the `Host` header on, so that the server behind it makes URLs with that port.
 * @param target the server behind it at this moment
 */
export const startProxy = async (
  target: () => URL,
  { intercept, seen }: IProxyOptions,
): Promise<{ origin: string; stop(): Promise<void> }> => {
  const server = createServer((incoming, outgoing) => {
    if (intercept?.(incoming, outgoing)) return;
    const { method = 'GET', url: path = '/', headers } = incoming;
    const { hostname, port } = target();
    const onward = request({ hostname, port, method, path, headers }, (answer) => {
      const { statusCode: status = 0, headers: answered } = answer;
      let bytes = 0;
      answer.on('data', (part: Buffer) => {
        bytes += part.length;
      });
      outgoing.writeHead(status, answer.rawHeaders);
      // before the client has the end of the answer, so that what it does next comes next in the record
      answer.on('end', () => seen?.({ method, path, asked: headers, status, answered, bytes }));
      pipeline(answer, outgoing, () => {}); // a client that goes away is its own business
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

/**
 * The registry as it would be without a web login: pnpm 12 takes that wherever it is offered, and asks for name and
 * password only where it is not.
 */
export const withoutWebLogin = async (registry: string): Promise<{ registry: string; stop(): Promise<void> }> => {
  const target = new URL(registry);
  const { origin, stop } = await startProxy(() => target, {
    intercept: (incoming, outgoing) => {
      if (!incoming.url?.endsWith('/-/v1/login')) return false;
      incoming.resume();
      outgoing.writeHead(404).end();
      return true;
    },
  });
  return { registry: `${origin}${target.pathname}`, stop };
};
