import type { ILogger } from '../../../interfaces.core.js';
import { hashToken } from '../../helpers.tokens.js';
import { encodeUserName } from '../../helpers.usernames.js';
import type { IServerPatience } from '../helpers.servers.js';
import type { ITokenRecord, ITokenStore } from '../interfaces.tokenstore.js';
import { DatabaseConnection, type TRow } from './classes.databaseconnection.js';

/** rows of one statement */
const PAGE = 500;

/** ms since 1970 as text: the time zone and the format of dates are settings of the server */
const COLUMNS = 'hash, record, (extract(epoch FROM expires_at) * 1000)::bigint AS ends';
const FROM_MS = (parameter: string): string => `to_timestamp(${parameter}::double precision / 1000)`;

const GET = `SELECT ${COLUMNS} FROM smartregistry_tokens WHERE hash = $1`;
const OF_USER = `SELECT ${COLUMNS} FROM smartregistry_tokens WHERE user_id = $1 ORDER BY created_at, hash`;
const NEXT = `SELECT ${COLUMNS} FROM smartregistry_tokens WHERE hash > $1 ORDER BY hash LIMIT ${PAGE}`;
const FIND = 'SELECT hash FROM smartregistry_tokens WHERE hash >= $1 AND hash < $2 ORDER BY hash LIMIT $3';
/** a second time for the same hash: the answer to the first was lost */
const PUT = `INSERT INTO smartregistry_tokens (hash, user_id, created_at, expires_at, record)
  VALUES ($1, $2, ${FROM_MS('$3')}, ${FROM_MS('$4')}, $5) ON CONFLICT (hash) DO NOTHING`;
const PROLONG = `UPDATE smartregistry_tokens SET expires_at = ${FROM_MS('$2')} WHERE hash = $1`;
const DELETE = 'DELETE FROM smartregistry_tokens WHERE hash = $1';
const REVOKE = `INSERT INTO smartregistry_revocations (id_hash, ends_at) VALUES ($1, ${FROM_MS('$2')})
  ON CONFLICT (id_hash) DO UPDATE SET ends_at = excluded.ends_at`;
const IS_REVOKED = 'SELECT 1 FROM smartregistry_revocations WHERE id_hash = $1';

/**
 * Removes a page of what has ended. The time is compared twice: the inner statement chooses, the outer one looks again
 * at the row as it is when it is locked, which another replica may have prolonged.
 */
const sweeping = (table: string, id: string, end: string): string =>
  `DELETE FROM ${table} WHERE ${end} < ${FROM_MS('$1')} AND ${id} IN
    (SELECT ${id} FROM ${table} WHERE ${end} < ${FROM_MS('$1')} LIMIT ${PAGE})`;
const SWEEPS = [
  sweeping('smartregistry_tokens', 'hash', 'expires_at'),
  sweeping('smartregistry_revocations', 'id_hash', 'ends_at'),
];

/** Tokens in PostgreSQL. */
export class DatabaseTokenStore implements ITokenStore {
  readonly #connection: DatabaseConnection;

  constructor(settings: { url: string }, options: { logger: ILogger; patience?: IServerPatience | undefined }) {
    this.#connection = new DatabaseConnection(settings.url, options);
  }

  public init(): Promise<void> {
    return this.#connection.init();
  }

  public destroy(): Promise<void> {
    return this.#connection.close();
  }

  public async put(record: ITokenRecord): Promise<void> {
    const { expiresAt, ...kept } = record;
    const { hash, userId, createdAt } = record;
    const times = [Date.parse(createdAt), expiresAt === undefined ? null : Date.parse(expiresAt)];
    await this.#connection.change(PUT, [hash, encodeUserName(userId), ...times, asAscii(kept)]);
  }

  public async get(hash: string): Promise<ITokenRecord | null> {
    const [row] = await this.#connection.query(GET, [hash]);
    return row ? toRecord(row) : null;
  }

  public async prolong(hash: string, expiresAt: string): Promise<void> {
    await this.#connection.change(PROLONG, [hash, Date.parse(expiresAt)]);
  }

  public async delete(hash: string): Promise<boolean> {
    return (await this.#connection.change(DELETE, [hash])) > 0;
  }

  public async listByUser(userId: string): Promise<ITokenRecord[]> {
    return (await this.#connection.query(OF_USER, [encodeUserName(userId)])).map(toRecord);
  }

  public async *listAll(): AsyncGenerator<ITokenRecord> {
    for (let after = ''; ; ) {
      const rows = await this.#connection.query(NEXT, [after]);
      yield* rows.map(toRecord);
      if (rows.length < PAGE) return;
      after = rows.at(-1)?.hash ?? '';
    }
  }

  public async findHashes(prefix: string, limit: number): Promise<string[]> {
    // "g" comes after every hexadecimal digit
    const rows = await this.#connection.query(FIND, [prefix, `${prefix}g`, limit]);
    return rows.map(({ hash }) => hash as string);
  }

  /** The id of a foreign JWT may be any text, so its hash is stored. */
  public async revoke(id: string, until?: Date): Promise<void> {
    await this.#connection.change(REVOKE, [hashToken(id), until ? until.getTime() : null]);
  }

  public async isRevoked(id: string): Promise<boolean> {
    return (await this.#connection.query(IS_REVOKED, [hashToken(id)])).length > 0;
  }

  public async sweep(before: Date): Promise<number> {
    let swept = 0;
    for (const statement of SWEEPS) {
      for (let count = PAGE; count === PAGE; swept += count) {
        count = await this.#connection.change(statement, [before.getTime()]);
      }
    }
    return swept;
  }
}

const toRecord = ({ record, ends }: TRow): ITokenRecord => {
  const kept = JSON.parse(record as string) as ITokenRecord;
  return ends === null || ends === undefined ? kept : { ...kept, expiresAt: new Date(Number(ends)).toISOString() };
};

/** JSON that every encoding of a database has. */
const asAscii = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
