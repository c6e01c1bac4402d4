import { createHmac, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { FairQueue } from '../../base/classes.fairqueue.js';
import { RegistryError } from '../../classes.registryerror.js';

/** RFC 7914 parameters: 16 MiB and some 43 ms for each guess. Stored in each record, so they can be raised later. */
const COST = { N: 16384, r: 8, p: 1 };
const KEY_LENGTH = 32;
const SALT_LENGTH = 16;
/** Room for twice the memory that scrypt needs (128 · N · r). */
const withMemory = ({ N, r, p }: typeof COST): ScryptOptions => ({ N, r, p, maxmem: 256 * N * r });

export const MAX_PASSWORD_LENGTH = 1024;

/** @throws RegistryError `invalid` */
export const requirePassword = (password: unknown): void => {
  if (typeof password === 'string' && password !== '' && password.length <= MAX_PASSWORD_LENGTH) return;
  throw new RegistryError('invalid', `A password has 1 to ${MAX_PASSWORD_LENGTH} characters`);
};

/** the last check in the queue waits some 20 s, within the time-outs of clients */
export const LONGEST_QUEUE = 1000;

/** The error for a check that has no place in the queue. */
export const tooManyChecks = (): RegistryError =>
  new RegistryError('rateLimited', 'Too many password checks are running; try again in a moment.', {
    headers: { 'Retry-After': '2' },
  });

/**
 * scrypt runs on libuv's pool of four threads, which the file system uses too. Two at a time leave two free, however
 * many passwords are guessed. The process has one queue because it has one pool.
 */
const queue = new FairQueue({ concurrency: 2, queue: LONGEST_QUEUE, refusal: tooManyChecks });

/** Runs a check of a password when it is its turn among the `names` (see FairQueue). */
export const whenItsTurn = <T>(names: readonly string[], check: () => Promise<T>): Promise<T> =>
  queue.run(names, check);

const derive = (password: string, salt: Buffer, length: number, cost: typeof COST): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    // the same password typed on another system may come in another normal form (RFC 8265, section 4.2.2)
    const bytes = Buffer.from(password.normalize('NFC'));
    scrypt(bytes, salt, length, withMemory(cost), (error, key) => (error ? reject(error) : resolve(key)));
  });

/** `scrypt$N$r$p$salt$key`, the last two in base64. */
const toRecord = (salt: Buffer, key: Buffer): string =>
  ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64'), key.toString('base64')].join('$');

/**
 * The record of a new password. New passwords do not wait behind guesses.
 * @param from the address of a caller that creates an account: such callers take turns by address
 */
export const hashPassword = (password: string, from = ''): Promise<string> =>
  whenItsTurn(['set', from], async () => {
    const salt = randomBytes(SALT_LENGTH);
    return toRecord(salt, await derive(password, salt, KEY_LENGTH, COST));
  });

const RECORD = /^scrypt\$(\d{1,7})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)$/;

/** The record for accounts that do not exist; it is checked like any other. No password matches it. */
const NOBODY = toRecord(randomBytes(SALT_LENGTH), randomBytes(KEY_LENGTH));

/**
 * Whether `password` matches `record`. `null` (no such user) returns false after the same work, so the time of an
 * answer does not reveal which names exist. Call it with `whenItsTurn`.
 */
export const verifyPassword = async (password: string, record: string | null): Promise<boolean> => {
  const match = RECORD.exec(record ?? NOBODY);
  if (!match) {
    await verifyPassword(password, null);
    throw new Error('A stored password is not of a known form');
  }
  const [, n, r, p, salt, key] = match as unknown as [string, string, string, string, string, string];
  const expected = Buffer.from(key, 'base64');
  const cost = { N: Number(n), r: Number(r), p: Number(p) };
  const actual = await derive(password, Buffer.from(salt, 'base64'), expected.length, cost);
  return timingSafeEqual(actual, expected);
};

/**
 * Identifies a password and what belongs to it in a cache. The key should be random and kept in memory only, so that nobody
 * who reads the memory can search for the passwords.
 */
export const keyedHash = (key: Buffer, ...parts: (string | undefined)[]): Buffer =>
  createHmac('sha256', key).update(JSON.stringify(parts)).digest();
