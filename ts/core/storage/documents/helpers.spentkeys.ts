import * as plugins from '../../../plugins.js';

/**
 * The artifact keys of one document that somebody has tried, or is about to try, to delete. Such a delete may arrive
 * hours later, so nothing may be put at the key again. Stored as text in the metadata of the document's object: eight
 * hex digits of each key's SHA-256, one after the other, or `*` for "every key".
 */
export type TSpentKeys = string;

/** Eight digits confuse two of 64 keys with a chance of 1 in 10^6; that only makes a key longer. */
const DIGITS = 8;
/** 64 keys are 512 bytes; S3 allows 2 KiB for all metadata. */
const MAX_KEYS = 64;
const EVERY_KEY = '*';

const UUID_LENGTH = 36;
/** `<key>.<UUID>`: a key that only one write uses, so it need not be recorded. */
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
 * Whether a document's text names an artifact key. An own key is searched by its id, which some documents store instead
 * of the key. A layout key is also a prefix of the own keys that were made from it.
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
