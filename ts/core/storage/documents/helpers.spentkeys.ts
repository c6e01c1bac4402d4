import * as plugins from '../../../plugins.js';

/**
 * The artifact keys of one document that somebody has tried, or is about to try, to delete. A delete may arrive hours
 * later, so nothing may be put at such a key again. Kept as text in the metadata of the document's object: eight hex
 * digits of each key's SHA-256, one after the other, or `*` for "every key".
 */
export type TSpentKeys = string;

/** Eight digits tell 64 keys apart with a chance of 1 in 10^6 of a mistake, which costs a longer key and nothing else. */
const DIGITS = 8;
/** 64 keys are 512 bytes; S3 allows 2 KiB of metadata for everything. */
const MAX_KEYS = 64;
const EVERY_KEY = '*';

const UUID_LENGTH = 36;
/** `<key>.<UUID>`: a key that one write has for itself. No other write ever uses it, so it need not be noted. */
const OWN_KEY = /\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
export const isOwnKey = (key: string): boolean => OWN_KEY.test(key);

const digestOf = (key: string): string =>
  plugins.crypto.createHash('sha256').update(key).digest('hex').slice(0, DIGITS);

const holds = (spent: TSpentKeys, digest: string): boolean => {
  for (let at = 0; at < spent.length; at += DIGITS) if (spent.startsWith(digest, at)) return true;
  return false;
};

export const isSpent = (spent: TSpentKeys, key: string): boolean => {
  if (spent === '' || isOwnKey(key)) return false;
  return spent === EVERY_KEY || holds(spent, digestOf(key));
};

export const withSpent = (spent: TSpentKeys, keys: Iterable<string>): TSpentKeys => {
  let all = spent;
  for (const key of keys) {
    if (all === EVERY_KEY || isOwnKey(key)) continue;
    const digest = digestOf(key);
    if (!holds(all, digest)) all = all.length < MAX_KEYS * DIGITS ? all + digest : EVERY_KEY;
  }
  return all;
};

/**
 * Whether a document's text holds an artifact key. An own key is looked for by its id, which some documents keep instead
 * of the key; a layout key is also the beginning of the own keys that were made of it.
 */
export const textNames = (bytes: Uint8Array, key: string): boolean => {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const id = OWN_KEY.exec(key)?.[1];
  if (id !== undefined) return text.includes(id) || text.includes(id.replaceAll('-', ''));
  for (const spelling of new Set([key, JSON.stringify(key).slice(1, -1)])) {
    const length = Buffer.byteLength(spelling);
    for (let at = text.indexOf(spelling); at >= 0; at = text.indexOf(spelling, at + 1)) {
      const behind = text.subarray(at + length, at + length + UUID_LENGTH + 1).toString('latin1');
      if (!isOwnKey(behind)) return true;
    }
  }
  return false;
};
