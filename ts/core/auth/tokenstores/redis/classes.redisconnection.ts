import type * as Redis from 'redis';
import type { RegistryError } from '../../../classes.registryerror.js';
import type { ILogger } from '../../../interfaces.core.js';
import {
  addressOf,
  cannotStart,
  type IServerPatience,
  loadPackage,
  MAX_WAITING,
  PATIENCE,
  reasonOf,
  SilentServerError,
  unreachable,
  within,
} from '../helpers.servers.js';

/** The part of the package's client that is used. */
interface IRedisClient {
  readonly isReady: boolean;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  connect(): Promise<unknown>;
  sendCommand(command: string[]): Promise<unknown>;
  destroy(): void;
}

/** Errors of a server that another one may not have: DNS names another server after a failover. */
const OF_THIS_SERVER = /^(READONLY|NOAUTH|MASTERDOWN) /;

/**
 * A connection to a Redis server that is made when a command needs it:
 * ```
 *   none --command--> connecting --> connected --error, or no answer in time--> none
 *                         '--refused, or too slow: the commands that wait for it fail--> none
 * ```
 * The package's own reconnecting is off: it pauses between its attempts, so commands would still fail after the server
 * is back. A command whose connection broke is sent once more, on a new one, because the connection may have been dead
 * for long; every command here may be done twice. One that was not answered in time is not sent again.
 */
export class RedisConnection {
  readonly #url: string;
  readonly #logger: ILogger;
  readonly #patience: IServerPatience;
  #library: typeof Redis | undefined;
  #client: IRedisClient | undefined;
  #connecting: Promise<IRedisClient> | undefined;
  #isClosed = false;
  /** the package limits only what is not sent yet */
  #waiting = 0;

  constructor(url: string, options: { logger: ILogger; patience?: IServerPatience | undefined }) {
    this.#url = url;
    this.#logger = options.logger;
    this.#patience = options.patience ?? PATIENCE;
  }

  /** @throws ConfigError, RegistryError for the operator */
  public async init(): Promise<void> {
    this.#library = await loadPackage('redis', 'redis', () => import('redis'));
    try {
      await this.send(['PING']);
    } catch (error) {
      throw cannotStart('redis', this.#url, error);
    }
  }

  public close(): void {
    this.#isClosed = true;
    if (this.#client) this.#drop(this.#client);
  }

  /** @throws RegistryError `unavailable` */
  public async send(command: string[]): Promise<unknown> {
    if (this.#waiting >= MAX_WAITING) throw this.#unreachable(new Error('too many commands are waiting'));
    this.#waiting++;
    try {
      return await this.#attempt(command).catch((error: unknown) => {
        if (this.#isWorthRepeating(error)) return this.#attempt(command);
        throw error;
      });
    } catch (error) {
      throw this.#unreachable(error);
    } finally {
      this.#waiting--;
    }
  }

  async #attempt(command: string[]): Promise<unknown> {
    const client = this.#client?.isReady ? this.#client : await this.#connect();
    try {
      return await within(this.#patience.answerMs, client.sendCommand(command));
    } catch (error) {
      if (!this.#isReply(error) || OF_THIS_SERVER.test(reasonOf(error))) this.#drop(client);
      throw error instanceof SilentServerError || this.#isReply(error) ? error : new BrokenConnectionError(error);
    }
  }

  /** Callers that need a connection at the same time share the attempt. */
  #connect(): Promise<IRedisClient> {
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #open(): Promise<IRedisClient> {
    if (!this.#library || this.#isClosed) throw new Error('the registry is being stopped');
    const { connectMs } = this.#patience;
    const client = this.#library.createClient({
      url: this.#url,
      // the newer protocol is unknown to servers before Redis 6, and to some proxies
      RESP: 2,
      disableOfflineQueue: true,
      socket: { connectTimeout: connectMs, reconnectStrategy: false },
    }) as unknown as IRedisClient;
    // without a listener the process would end
    client.on('error', (error) => {
      this.#logger.debug?.('The connection to Redis broke', { server: addressOf(this.#url), reason: reasonOf(error) });
      this.#drop(client);
    });
    try {
      // the package's own limit does not cover the login
      await within(connectMs, client.connect());
    } catch (error) {
      this.#drop(client);
      throw error;
    }
    if (this.#isClosed) this.#drop(client);
    else this.#client = client;
    return client;
  }

  #drop(client: IRedisClient): void {
    if (this.#client === client) this.#client = undefined;
    try {
      client.destroy();
    } catch {
      // older versions throw if the client is closed already
    }
  }

  #isReply(error: unknown): boolean {
    return this.#library !== undefined && error instanceof this.#library.ErrorReply;
  }

  #isWorthRepeating(error: unknown): boolean {
    if (this.#isClosed) return false;
    if (error instanceof BrokenConnectionError) return true;
    return this.#isReply(error) && OF_THIS_SERVER.test(reasonOf(error));
  }

  #unreachable(error: unknown): RegistryError {
    return unreachable(this.#url, error instanceof BrokenConnectionError ? error.cause : error);
  }
}

/** The connection was lost before the answer came. */
class BrokenConnectionError extends Error {
  constructor(cause: unknown) {
    super('the connection broke', { cause });
  }
}
