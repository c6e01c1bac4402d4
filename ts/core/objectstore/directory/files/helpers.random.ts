import { crypto } from '../../../../plugins.js';

/** bytes; a small request costs nearly as much as a large one */
const POOL = 4096;
let pool = Buffer.alloc(0);
let used = 0;

/** A unique name from this many random bytes; no byte is used twice. */
export const randomName = (bytes: number, encoding: 'hex' | 'base64url'): string => {
  if (used + bytes > pool.byteLength) {
    pool = crypto.randomBytes(POOL);
    used = 0;
  }
  used += bytes;
  return pool.toString(encoding, used - bytes, used);
};
