import { RegistryError } from '../classes.registryerror.js';

/** S3's limit, kept by every driver so that data can move from one to another. Bytes of UTF-8. */
const MAX_KEY_BYTES = 1024;

const refuse = (why: string): never => {
  throw new RegistryError('invalid', `This is no object key: ${why}`);
};

/** The segments of a key; throws `invalid` for what the interface says is none. */
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

/** UTF-8 order for a UTF-16 code unit: surrogates stand for code points above U+FFFF and sort behind the rest. */
const rank = (unit: number): number => (unit < 0xd800 ? unit : unit >= 0xe000 ? unit - 0x800 : unit + 0x2000);

/** Order of the UTF-8 bytes, without encoding them. */
export const compareKeys = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
};
