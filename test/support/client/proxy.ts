import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';

/**
 * The registry as it would be without a web login: pnpm 12 takes that wherever it is offered, and asks for name and
 * password only where it is not.
 */
export const withoutWebLogin = async (registry: string): Promise<{ registry: string; stop(): Promise<void> }> => {
  const target = new URL(registry);
  const server = createServer((incoming, outgoing) => {
    if (incoming.url?.endsWith('/-/v1/login')) {
      incoming.resume();
      outgoing.writeHead(404).end();
      return;
    }
    const { method, url: path, headers } = incoming;
    const onward = request({ hostname: target.hostname, port: target.port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      pipeline(answer, outgoing, () => {}); // a client that goes away is its own business
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    registry: `http://127.0.0.1:${port}${target.pathname}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
