import type { Pool } from 'pg';
import type { ILogger } from '../../../interfaces.core.js';
import {
  addressOf,
  cannotStart,
  type IServerPatience,
  loadPackage,
  MAX_WAITING,
  PATIENCE,
  reasonOf,
  unreachable,
} from '../helpers.servers.js';
import { migrate } from './helpers.migration.js';

/** Values as the server writes them: `t` and `f`, numbers as text. */
export type TRow = Readonly<Record<string, string | null>>;

/** connections of one process; a look-up takes less than a millisecond */
const MAX_CONNECTIONS = 10;

/** The server ended the connection: a restart, or an administrator (SQLSTATE class 57). */
const ENDED = new Set(['57P01', '57P02', 'ECONNRESET', 'EPIPE']);
/** sentences of `pg`, which has no codes for them */
const BROKEN = 'Connection terminated unexpectedly';
const SILENT = [
  'Query read timeout',
  'timeout exceeded when trying to connect',
  'Connection terminated due to connection timeout',
];
/** a replica that only reads, which was the main server before a failover */
const READ_ONLY = '25006';

/** Without the parsers of `pg.types`, which belong to the whole process: the host may have changed them. */
const RAW = { getTypeParser: () => (text: string) => text };

/**
 * A pool of connections to PostgreSQL. It connects when a query needs it, so the first query after a restart of the
 * server succeeds. Named statements, settings of the session and startup parameters are not used: poolers such as
 * PgBouncer do not carry them.
 */
export class DatabaseConnection {
  readonly #url: string;
  readonly #logger: ILogger;
  readonly #patience: IServerPatience;
  #makePool: (() => Pool) | undefined;
  #pool: Pool | undefined;

  constructor(url: string, options: { logger: ILogger; patience?: IServerPatience | undefined }) {
    this.#url = url;
    this.#logger = options.logger;
    this.#patience = options.patience ?? PATIENCE;
  }

  /** Connects, and creates the tables if needed. @throws ConfigError, RegistryError for the operator */
  public async init(): Promise<void> {
    const { default: library } = await loadPackage('database', 'pg', () => import('pg'));
    this.#makePool = () => {
      const pool = new library.Pool({
        connectionString: this.#url,
        max: MAX_CONNECTIONS,
        connectionTimeoutMillis: this.#patience.connectMs,
        keepAlive: true,
        fallback_application_name: 'smartregistry',
        types: RAW as never,
        // a connection that is idle does not keep a program running
        allowExitOnIdle: true,
      });
      const report = (error: Error): void => {
        const server = addressOf(this.#url);
        this.#logger.debug?.('A connection to PostgreSQL broke', { server, reason: reasonOf(error) });
      };
      // without listeners the process would end; the pool itself listens to idle connections only
      pool.on('error', report).on('connect', (client) => client.on('error', report));
      return pool;
    };
    try {
      this.#pool = this.#makePool();
      await migrate(this);
    } catch (error) {
      throw cannotStart('database', this.#url, error);
    }
  }

  public async close(): Promise<void> {
    const pool = this.#pool;
    this.#makePool = undefined;
    this.#pool = undefined;
    await pool?.end();
  }

  /** The rows. @throws RegistryError `unavailable` */
  public async query(text: string, values?: unknown[], patience?: Partial<IServerPatience>): Promise<TRow[]> {
    return (await this.#run(text, values, patience)).rows;
  }

  /** The number of rows that the statement changed. @throws RegistryError `unavailable` */
  public async change(text: string, values: unknown[]): Promise<number> {
    return (await this.#run(text, values)).rowCount ?? 0;
  }

  /**
   * A statement whose connection broke is sent again, because the connection may have been dead for long, and so may
   * every other one in the pool. Each statement of the store may be done twice.
   */
  async #run(text: string, values?: unknown[], { answerMs = this.#patience.answerMs }: Partial<IServerPatience> = {}) {
    for (let attempt = 0; ; attempt++) {
      const pool = this.#pool;
      if (!pool) throw unreachable(this.#url, new Error('the registry is being stopped'));
      if (pool.waitingCount >= MAX_WAITING) throw unreachable(this.#url, new Error('too many queries are waiting'));
      try {
        return await pool.query<TRow>({ text, values, query_timeout: answerMs } as never);
      } catch (error) {
        const { code = '' } = error as { code?: string };
        const message = reasonOf(error);
        if (SILENT.includes(message)) this.#renew(pool);
        const isBroken = ENDED.has(code) || code === READ_ONLY || message === BROKEN;
        if (!isBroken || attempt >= MAX_CONNECTIONS) throw unreachable(this.#url, error);
      }
    }
  }

  /** The idle connections of a server that did not answer are probably dead too. */
  #renew(pool: Pool): void {
    if (this.#pool !== pool || !this.#makePool) return;
    this.#pool = this.#makePool();
    pool.end().catch((error: unknown) => {
      this.#logger.debug?.('Old connections to PostgreSQL could not be closed', { reason: reasonOf(error) });
    });
  }
}
