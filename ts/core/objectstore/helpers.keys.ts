import { RegistryError } from '../classes.registryerror.js';

/** bytes of UTF-8. This is S3's limit; every driver has it, so that data can move from one driver to another. */
const MAX_KEY_BYTES = 1024;

const refuse = (why: string): never => {
  throw new RegistryError('invalid', `This is no object key: ${why}`);
};

/** The segments of a key. Throws `invalid` if it breaks the rules of `IObjectStore`. */
export const keySegments = (key: string): string[] => {
  if (key === '') return refuse('it is empty');
  if (key.includes('\0')) return refuse('it holds a NUL');
  if (key.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(key) > MAX_KEY_BYTES) {
    return refuse(`it is longer than ${MAX_KEY_BYTES} bytes`);
  }
  // a lone surrogate has no UTF-8 and would read back as another key
  if (/\p{Surrogate}/u.test(key)) return refuse('it is not well-formed Unicode');
  const segments = key.split('/');
  for (const segment of segments) {
    if (segment === '') return refuse('a segment is empty');
    if (segment === '.' || segment === '..') return refuse('a segment is "." or ".."');
  }
  return segments;
};

/**
 * The rank of a UTF-16 code unit in UTF-8 order: surrogates encode code points above U+FFFF and sort after the rest.
 */
const rank = (unit: number): number => (unit < 0xd800 ? unit : unit >= 0xe000 ? unit - 0x800 : unit + 0x2000);

/** Compares two keys by the order of their UTF-8 bytes, without encoding them. */
export const compareKeys = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
};
