import type { IAuthConfig } from '../../../ts/index.js';

/** What a configuration says of a token store. */
export type TStoreConfig = Pick<IAuthConfig, 'tokenStore' | 'redis' | 'database'>;

/** A server of tokens that the test has started, on a port of its own. */
export interface ITokenServer {
  kind: 'redis' | 'database';
  /** a database that nobody has used, and its URL with user and password */
  fresh(): Promise<string>;
  password: string;
  port: number;
  /** ends it as a crash would */
  kill(): Promise<void>;
  /** starts it again, on the same data and port */
  restart(): Promise<void>;
  /** all that a database holds, as text */
  stored(url: string): Promise<string>;
  /** ends it for good */
  stop(): Promise<void>;
}

export interface IServerOptions {
  /** PEM texts; then it accepts nothing but TLS */
  tls?: { key: string; cert: string };
}

/** The configuration that names this database. */
export const configOf = (kind: ITokenServer['kind'], url: string): TStoreConfig => ({
  tokenStore: kind,
  [kind]: { url },
});
