import { keySegments } from '../../helpers.keys.js';

/**
 * How keys become paths. Every name is lower-case ASCII, so that file systems that fold case or normalise Unicode keep
 * two keys apart, and decodes to exactly one segment:
 *
 * - `a-z 0-9 . _ @ + -` are written as they are, an upper-case letter is `!` and its lower case, every other byte of
 *   the UTF-8 is `%xx`; a dot at the end is `%2e`, because some systems drop it
 * - a name that ends with `=` is an object, any other a folder of further segments: `one` and `one/two` do not collide
 * - a segment whose name is longer than CHUNK continues in a folder below: all its pieces but the last end with `~`
 */
const OBJECT = '=';
const CONTINUED = '~';
/** file systems allow 255 bytes, some overlays fewer */
const CHUNK = 200;
const PLAIN = /^[a-z0-9._@+-]*[a-z0-9_@+-]$/;

const encodeByte = (byte: number): string => {
  const char = String.fromCharCode(byte);
  if (/[a-z0-9._@+-]/.test(char)) return char;
  return /[A-Z]/.test(char) ? `!${char.toLowerCase()}` : `%${byte.toString(16).padStart(2, '0')}`;
};

export const encodeSegment = (segment: string): string => {
  if (PLAIN.test(segment)) return segment;
  const encoded = Array.from(Buffer.from(segment), encodeByte).join('');
  return encoded.endsWith('.') ? `${encoded.slice(0, -1)}%2e` : encoded;
};

/** Returns null if the driver writes no such name: `.DS_Store`, `lost+found` and the like are in many directories. */
export const decodeSegment = (name: string): string | null => {
  if (PLAIN.test(name)) return name;
  const escaped = name.replace(/!([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const bytes = Buffer.from(
    escaped.replace(/%([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
  const segment = bytes.toString('utf8');
  return encodeSegment(segment) === name ? segment : null;
};

const pieces = (segment: string, ending: string): string[] => {
  const name = encodeSegment(segment);
  const found: string[] = [];
  let at = 0;
  for (; name.length - at > CHUNK; at += CHUNK) found.push(name.slice(at, at + CHUNK) + CONTINUED);
  found.push(name.slice(at) + ending);
  return found;
};

/** The path of a key's object below the directory of all objects. Throws `invalid` for an invalid key. */
export const relativePath = (key: string): string => {
  const segments = keySegments(key);
  const last = segments.pop() as string;
  return [...segments.flatMap((segment) => pieces(segment, '')), ...pieces(last, OBJECT)].join('/');
};

/**
 * The path of the folder of all keys with this prefix, which must end with `/`. Throws `invalid` for an invalid prefix.
 */
export const relativeFolder = (prefix: string): string =>
  keySegments(prefix.slice(0, -1))
    .flatMap((segment) => pieces(segment, ''))
    .join('/');

const encodeBytes = (text: string): string => Array.from(Buffer.from(text), encodeByte).join('');

/** Returns a filter for the names in a folder that may belong to segments that begin with `text`. */
export const nameFilter = (text: string): ((name: string) => boolean) => {
  // a name may be cut into pieces, and a dot at its end is encoded differently
  const encoded = encodeBytes(text).replace(/\.$/, '').slice(0, CHUNK);
  return (name) => name.startsWith(encoded);
};

/** The name that `compareNames` needs for the key `text`, which may contain slashes. */
export const nameOfKey = (text: string): string => `${encodeBytes(text)}${OBJECT}`;

/** The key's byte at this position of a name: -1 after the end of an object's name, `/` after a folder's. */
const byteAt = (name: string, at: number): number => {
  if (at >= name.length) return 0x2f;
  const code = name.charCodeAt(at);
  if (code === 0x3d && at === name.length - 1) return -1;
  if (code === 0x21) return name.charCodeAt(at + 1) - 0x20;
  // 0: a foreign name must sort somewhere, too
  if (code === 0x25) return Number.parseInt(name.slice(at + 1, at + 3), 16) || 0;
  return code;
};

const widthAt = (name: string, at: number): number => {
  const code = name.charCodeAt(at);
  return code === 0x21 ? 2 : code === 0x25 ? 3 : 1;
};

/**
 * Compares two whole names of one folder in the order of their keys, without decoding them: this sorts folders with a
 * hundred thousand names. Returns 0 for a folder and a key (`nameOfKey`) in it.
 */
export const compareNames = (a: string, b: string): number => {
  let i = 0;
  while (i < a.length && i < b.length && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  // go back to the beginning of an escape; `!` and `%` are never inside one
  if (i > 0 && (a.charCodeAt(i - 1) === 0x21 || a.charCodeAt(i - 1) === 0x25)) i -= 1;
  else if (i > 1 && a.charCodeAt(i - 2) === 0x25) i -= 2;
  for (let j = i; ; ) {
    const left = byteAt(a, i);
    const right = byteAt(b, j);
    if (left !== right) return left - right;
    if (left < 0 || i >= a.length || j >= b.length) return 0;
    i += widthAt(a, i);
    j += widthAt(b, j);
  }
};

export type TEntryKind = 'object' | 'folder' | 'continued';

/** Whether the segment of this name continues in a folder below. */
export const isCut = (name: string): boolean => name.endsWith(CONTINUED);

/** What kind of entry a name in a directory is, and its piece of the encoded segment. */
export const readName = (name: string): { kind: TEntryKind; piece: string } => {
  if (name.endsWith(OBJECT)) return { kind: 'object', piece: name.slice(0, -1) };
  if (isCut(name)) return { kind: 'continued', piece: name.slice(0, -1) };
  return { kind: 'folder', piece: name };
};
