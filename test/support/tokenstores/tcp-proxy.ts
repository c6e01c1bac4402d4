import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * What the proxy does with connections:
 * - `open`: passes all on;
 * - `silent`: takes what comes, also on connections that are open already, and answers nothing;
 * - `away`: ends all connections, and refuses new ones;
 * - `deaf`: passes requests on, and ends the connection in place of the answer;
 * - `deaf once`: the same, and `open` from then on
 */
export type TProxyMode = 'open' | 'silent' | 'away' | 'deaf' | 'deaf once';

export interface ITcpProxy {
  mode: TProxyMode;
  port: number;
  /** resolves when the proxy behaves so */
  become(mode: TProxyMode): Promise<void>;
  /** connections that clients have open */
  connections(): number;
  /** the same URL at the proxy */
  through(url: string): string;
  stop(): Promise<void>;
}

/** Stands between a client and a server of any protocol. */
export const tcpProxy = async (target: number): Promise<ITcpProxy> => {
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    const upstream = connect(target, '127.0.0.1');
    const end = (): void => {
      clients.delete(client);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
    client.on('data', (chunk) => {
      if (proxy.mode !== 'silent') upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (proxy.mode === 'deaf once' || proxy.mode === 'deaf') {
        if (proxy.mode === 'deaf once') proxy.mode = 'open';
        end();
      } else if (proxy.mode !== 'silent') client.write(chunk);
    });
  });
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve());
    });
  const close = (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const client of clients) client.destroy();
    return closed;
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const proxy: ITcpProxy = {
    mode: 'open',
    port,
    async become(mode) {
      const was = proxy.mode;
      proxy.mode = mode;
      if (mode === 'away' && was !== 'away') await close();
      if (mode !== 'away' && was === 'away') await listen(port);
    },
    connections: () => clients.size,
    through: (url) => url.replace(`:${target}/`, `:${port}/`),
    async stop() {
      if (proxy.mode !== 'away') await close();
    },
  };
  return proxy;
};
