import { keySegments } from '../helpers.keys.js';

/**
 * How keys become paths. Every name is of lower-case ASCII, so that file systems that fold case or normalise Unicode
 * keep two keys apart, and decodes to exactly one segment:
 *
 * - `a-z 0-9 . _ @ + -` stand for themselves, an upper-case letter is `!` and its lower case, every other byte of
 *   the UTF-8 is `%xx`; a dot at the end is `%2e`, since some systems drop it
 * - a name that ends with `=` is an object, any other a folder of further segments: `one` and `one/two` do not collide
 * - a segment whose name is longer than CHUNK goes on in a folder below: all its pieces but the last end with `~`
 */
const OBJECT = '=';
const CONTINUED = '~';
/** file systems take 255 bytes, some overlays fewer */
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

/** null where the name is none of ours: `.DS_Store`, `lost+found` and the like lie in many a directory */
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

/** The path of a key's object below the directory of all objects; throws `invalid` for what is no key. */
export const relativePath = (key: string): string => {
  const segments = keySegments(key);
  const last = segments.pop() as string;
  return [...segments.flatMap((segment) => pieces(segment, '')), ...pieces(last, OBJECT)].join('/');
};

/** The path of the folder that holds all keys with this prefix, which ends with `/`; throws `invalid` likewise. */
export const relativeFolder = (prefix: string): string =>
  keySegments(prefix.slice(0, -1))
    .flatMap((segment) => pieces(segment, ''))
    .join('/');

/** Which names in a folder may be those of segments that begin with `text`. */
export const nameFilter = (text: string): ((name: string) => boolean) => {
  // a name may be cut into pieces, and a dot is written in another way at the end
  const encoded = Array.from(Buffer.from(text), encodeByte).join('').replace(/\.$/, '').slice(0, CHUNK);
  return (name) => name.startsWith(encoded);
};

export type TEntryKind = 'object' | 'folder' | 'continued';

/** What a name in a directory is, and its piece of the encoded segment. */
export const readName = (name: string): { kind: TEntryKind; piece: string } => {
  if (name.endsWith(OBJECT)) return { kind: 'object', piece: name.slice(0, -1) };
  if (name.endsWith(CONTINUED)) return { kind: 'continued', piece: name.slice(0, -1) };
  return { kind: 'folder', piece: name };
};
