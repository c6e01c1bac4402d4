import type { ILogger } from '../../../interfaces.core.js';
import { hashToken } from '../../helpers.tokens.js';
import { encodeUserName } from '../../helpers.usernames.js';
import type { IServerPatience } from '../helpers.servers.js';
import type { ITokenRecord, ITokenStore } from '../interfaces.tokenstore.js';
import { RedisConnection } from './classes.redisconnection.js';
import { describeRisks } from './helpers.risks.js';
import {
  ALL_KEY,
  DELETE,
  ENDS_KEY,
  endsMember,
  PROLONG,
  PUT,
  revokedKey,
  runScript,
  sweepCommand,
  tokenKey,
  userKey,
} from './helpers.scripts.js';

/** records of one command: 500 are about 200 KB */
const PAGE = 500;
/**
 * How long a revocation is kept after its JWT has expired by the clock of the replica that revoked it: the clocks of
 * others may be behind.
 */
const CLOCK_DIFFERENCE_MS = 24 * 60 * 60 * 1000;

/**
 * Tokens in Redis. Records and revocations also expire there, after a time that is counted by this process' clock: an
 * absolute time would make the server's clock decide.
 */
export class RedisTokenStore implements ITokenStore {
  readonly #connection: RedisConnection;
  readonly #logger: ILogger;
  readonly #now: () => Date;

  constructor(
    settings: { url: string },
    options: { now(): Date; logger: ILogger; patience?: IServerPatience | undefined },
  ) {
    this.#connection = new RedisConnection(settings.url, options);
    this.#logger = options.logger;
    this.#now = options.now;
  }

  public async init(): Promise<void> {
    await this.#connection.init();
    for (const risk of await describeRisks(this.#connection)) this.#logger.warn(risk);
  }

  public async destroy(): Promise<void> {
    this.#connection.close();
  }

  public async put(record: ITokenRecord): Promise<void> {
    const { hash, userId, createdAt, expiresAt } = record;
    const user = encodeUserName(userId);
    const values = [JSON.stringify(record), hash, String(Date.parse(createdAt))];
    if (expiresAt !== undefined) {
      values.push(endsMember(hash, user), String(Date.parse(expiresAt)), this.#lifeUntil(expiresAt));
    }
    await this.#connection.send(runScript(PUT, [tokenKey(hash), userKey(user), ALL_KEY, ENDS_KEY], values));
  }

  public async get(hash: string): Promise<ITokenRecord | null> {
    return parseRecord(await this.#connection.send(['GET', tokenKey(hash)]));
  }

  public async prolong(hash: string, expiresAt: string): Promise<void> {
    const record = await this.get(hash);
    if (!record) return;
    const changed = JSON.stringify({ ...record, expiresAt });
    const member = endsMember(hash, encodeUserName(record.userId));
    const values = [changed, this.#lifeUntil(expiresAt), String(Date.parse(expiresAt)), member];
    await this.#connection.send(runScript(PROLONG, [tokenKey(hash), ENDS_KEY], values));
  }

  public async delete(hash: string): Promise<boolean> {
    const record = await this.get(hash);
    if (!record) return false;
    const user = encodeUserName(record.userId);
    const keys = [tokenKey(hash), userKey(user), ALL_KEY, ENDS_KEY];
    return (await this.#connection.send(runScript(DELETE, keys, [hash, endsMember(hash, user)]))) === 1;
  }

  public async listByUser(userId: string): Promise<ITokenRecord[]> {
    const hashes = asTexts(await this.#connection.send(['ZRANGE', userKey(encodeUserName(userId)), '0', '-1']));
    const records: ITokenRecord[] = [];
    for (let start = 0; start < hashes.length; start += PAGE) {
      records.push(...(await this.#records(hashes.slice(start, start + PAGE))));
    }
    return records;
  }

  public async *listAll(): AsyncGenerator<ITokenRecord> {
    for (let after = '-'; ; ) {
      const range = ['ZRANGEBYLEX', ALL_KEY, after, '+', 'LIMIT', '0', String(PAGE)];
      const hashes = asTexts(await this.#connection.send(range));
      yield* await this.#records(hashes);
      if (hashes.length < PAGE) return;
      after = `(${hashes.at(-1)}`;
    }
  }

  public async findHashes(prefix: string, limit: number): Promise<string[]> {
    // "g" comes after every hexadecimal digit
    const range = [`[${prefix}`, `(${prefix}g`, 'LIMIT', '0', String(limit)];
    return asTexts(await this.#connection.send(['ZRANGEBYLEX', ALL_KEY, ...range]));
  }

  public async revoke(id: string, until?: Date): Promise<void> {
    const command = ['SET', revocationOf(id), '1'];
    if (until) command.push('PX', this.#lifeUntil(until.getTime() + CLOCK_DIFFERENCE_MS));
    await this.#connection.send(command);
  }

  public async isRevoked(id: string): Promise<boolean> {
    return (await this.#connection.send(['EXISTS', revocationOf(id)])) === 1;
  }

  /** Revocations are removed by Redis itself. */
  public async sweep(before: Date): Promise<number> {
    for (let swept = 0; ; ) {
      // in pages, because a script blocks the server
      const count = Number(await this.#connection.send(sweepCommand(before.getTime(), PAGE)));
      swept += count;
      if (count < PAGE) return swept;
    }
  }

  async #records(hashes: string[]): Promise<ITokenRecord[]> {
    if (hashes.length === 0) return [];
    const texts = (await this.#connection.send(['MGET', ...hashes.map(tokenKey)])) as unknown[];
    return texts.map(parseRecord).filter((record) => record !== null);
  }

  /** ms from now, for Redis: it refuses 0 */
  #lifeUntil(end: string | number): string {
    return String(Math.max(1, new Date(end).getTime() - this.#now().getTime()));
  }
}

const asTexts = (reply: unknown): string[] => reply as string[];

const parseRecord = (text: unknown): ITokenRecord | null =>
  typeof text === 'string' ? (JSON.parse(text) as ITokenRecord) : null;

/** the id of a foreign JWT may be any text */
const revocationOf = (id: string): string => revokedKey(hashToken(id));
