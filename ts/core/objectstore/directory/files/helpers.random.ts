import { crypto } from '../../../../plugins.js';

/** bytes: to ask for few costs nearly as much as to ask for many */
const POOL = 4096;
let pool = Buffer.alloc(0);
let used = 0;

/** A name that nobody else has: so many random bytes, none of which is used twice. */
export const randomName = (bytes: number, encoding: 'hex' | 'base64url'): string => {
  if (used + bytes > pool.byteLength) {
    pool = crypto.randomBytes(POOL);
    used = 0;
  }
  used += bytes;
  return pool.toString(encoding, used - bytes, used);
};
