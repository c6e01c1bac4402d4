import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { Limiter } from '../base/helpers.limiter.js';

/** RFC 7914 parameters: 16 MiB and some 43 ms for each guess. Kept in each record, so they can grow later. */
const COST = { N: 16384, r: 8, p: 1 };
const KEY_LENGTH = 32;

/**
 * scrypt runs on libuv's pool, four threads that the file system uses too. Two at a time leave it two, whatever the number
 * of passwords being guessed. One queue for the process, as there is one pool.
 */
const limiter = new Limiter(2, 128);

const derive = (password: string, salt: Buffer, length: number, options: ScryptOptions): Promise<Buffer> =>
  limiter.run(
    () =>
      new Promise((resolve, reject) => {
        // the same password typed on another system may come in another normal form (RFC 8265, section 4.2.2)
        const bytes = Buffer.from(password.normalize('NFC'));
        scrypt(bytes, salt, length, options, (error, key) => (error ? reject(error) : resolve(key)));
      }),
  );

/** `scrypt$N$r$p$salt$key`, the last two in base64. */
export const hashPassword = async (password: string): Promise<string> => {
  const salt = randomBytes(16);
  const key = await derive(password, salt, KEY_LENGTH, COST);
  return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64'), key.toString('base64')].join('$');
};

const RECORD = /^scrypt\$(\d{1,7})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)$/;

/**
 * Whether `password` belongs to `record`. `null` (no such user) costs the same time and is false, so the time of an answer
 * does not tell which names exist.
 */
export const verifyPassword = async (password: string, record: string | null): Promise<boolean> => {
  const match = record === null ? null : RECORD.exec(record);
  if (!match) {
    await derive(password, Buffer.alloc(16), KEY_LENGTH, COST);
    if (record !== null) throw new Error('A stored password is not of a known form');
    return false;
  }
  const [, n, r, p, salt, key] = match as unknown as [string, string, string, string, string, string];
  const expected = Buffer.from(key, 'base64');
  const cost = { N: Number(n), r: Number(r), p: Number(p), maxmem: 256 * Number(n) * Number(r) };
  const actual = await derive(password, Buffer.from(salt, 'base64'), expected.length, cost);
  return timingSafeEqual(actual, expected);
};
