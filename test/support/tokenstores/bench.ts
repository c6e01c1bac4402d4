import { inspect } from 'node:util';
import type { Test } from 'tap';
import { DatabaseTokenStore } from '../../../ts/core/auth/tokenstores/database/classes.databasetokenstore.js';
import type { IServerPatience } from '../../../ts/core/auth/tokenstores/helpers.servers.js';
import { RedisTokenStore } from '../../../ts/core/auth/tokenstores/redis/classes.redistokenstore.js';
import type { ITokenRecord, ITokenStore } from '../../../ts/index.js';
import { type ILogLine, logTo } from '../auth.js';
import type { ITokenServer } from './interfaces.js';
import { type ITcpProxy, tcpProxy } from './tcp-proxy.js';

const HASH = '0123456789abcdef'.repeat(4);

/** A token with this number. */
export const numbered = (number: number): ITokenRecord => ({
  hash: `${HASH}${number}`.slice(-64),
  userId: 'ann',
  uid: 'uid of ann',
  protocol: 'npm',
  hint: '0a1b2c',
  scopes: ['npm:*:*:*'],
  readonly: false,
  createdAt: new Date().toISOString(),
});

/** A store for this URL, not opened. */
export const storeAt = (
  server: ITokenServer,
  url: string,
  log: ILogLine[] = [],
  patience?: IServerPatience,
): ITokenStore => {
  const options = { logger: logTo(log), now: () => new Date(), patience };
  return server.kind === 'redis' ? new RedisTokenStore({ url }, options) : new DatabaseTokenStore({ url }, options);
};

export interface IProxiedStore {
  store: ITokenStore;
  proxy: ITcpProxy;
  url: string;
  log: ILogLine[];
}

/** An open store on an empty database, with a proxy between the two. */
export const proxiedStore = async (
  t: Pick<Test, 'teardown'>,
  server: ITokenServer,
  patience?: IServerPatience,
): Promise<IProxiedStore> => {
  const proxy = await tcpProxy(server.port);
  const url = proxy.through(await server.fresh());
  const log: ILogLine[] = [];
  const store = storeAt(server, url, log, patience);
  await store.init();
  t.teardown(async () => {
    await store.destroy();
    await proxy.stop();
  });
  return { store, proxy, url, log };
};

/** Everything that an error or a log shows, to whoever looks closely. */
export const shown = (value: unknown): string => inspect(value, { depth: 20, showHidden: true });

/** The password as it stands in the URL, and decoded. */
export const secretsOf = ({ password }: ITokenServer): RegExp =>
  new RegExp(`${password}|${decodeURIComponent(password)}`);
