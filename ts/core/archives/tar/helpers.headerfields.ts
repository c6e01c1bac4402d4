import { invalid } from '../../base/helpers.errors.js';
import type { RegistryError } from '../../classes.registryerror.js';

/** The fields of tar headers in which readers differ. */

/** 12 bytes: octal digits, or a number in base 256 */
const SIZE = { start: 124, end: 136 };
const TYPE = 156;
const MAGIC = 257;
/** where a header with the magic of `ustar\0` has the first part of a long name, and one of GNU tar has times */
const PREFIX = 345;
/** mode, user, group, time, and the numbers of a device: start and end */
const NUMBERS = [
  [100, 108],
  [108, 116],
  [116, 124],
  [136, 148],
  [329, 337],
  [337, 345],
] as const;

const impossible = (noun: string): RegistryError => invalid(`${noun} has an entry with an impossible size`);

export const typeOf = (header: Buffer): string => String.fromCharCode(header.readUInt8(TYPE));

/**
 * The size of the content behind a header. Throws `invalid` for spellings that readers take for different numbers:
 * digits behind a NUL or behind other digits (Python reads 0 where others read the digits), and base 256 with another
 * first byte than 0x80, or with more digits than some readers look at.
 */
export const strictSize = (noun: string, header: Buffer): number => {
  if (header.readUInt8(SIZE.start) & 0x80) {
    const size = Number(header.readBigUInt64BE(SIZE.end - 8));
    const isShort = header.readUInt32BE(SIZE.start) === 0x80000000;
    if (!isShort || !Number.isSafeInteger(size)) throw impossible(noun);
    return size;
  }
  const [, digits] = /^ *([0-7]*)[ \0]*$/.exec(header.toString('latin1', SIZE.start, SIZE.end)) ?? [];
  if (digits === undefined) throw impossible(noun);
  return digits === '' ? 0 : Number.parseInt(digits, 8);
};

/** Throws `invalid` for a number that Python cannot read: it takes such a header for the end of the archive. */
export const assertNumbers = (noun: string, header: Buffer): void => {
  for (const [start, end] of NUMBERS) {
    const first = header.readUInt8(start);
    const text = header.toString('latin1', start, end).replace(/\0.*$/s, '');
    if (first !== 0x80 && first !== 0xff && !/^ *[0-7]* *$/.test(text)) {
      throw invalid(`${noun} has an entry with a malformed number in its header`);
    }
  }
};

/** bytes; `tar-stream` reads a pax header at once, and one of its 4 MiB holds the event loop for a second */
const MAX_LENIENT_PAX = 256 * 1024;

/**
 * Throws `invalid` if this block is a header with a size that `tar-stream` cannot read, at which it would wait for ever,
 * or one of a pax header that it would read for long.
 */
export const assertReadableSize = (noun: string, block: Buffer): void => {
  if (block.toString('latin1', MAGIC, MAGIC + 5) !== 'ustar') return;
  const first = block.readUInt8(SIZE.start);
  const text = block.toString('latin1', SIZE.start, SIZE.end);
  const digits = text.replace(/^ */, '').replace(/ .*$/s, '').replace(/^\0*/, '');
  const isReadable = first & 0x80 ? first === 0x80 : /^(?:$|[0-7])/.test(digits);
  const isPax = 'xg'.includes(typeOf(block));
  const isLong = isPax && (first === 0x80 || Number.parseInt(digits, 8) > MAX_LENIENT_PAX);
  if ((isReadable && !isLong) || !hasChecksum(block)) return;
  throw isLong ? invalid(`${noun} has too long a pax header`) : impossible(noun);
};

const hasChecksum = (block: Buffer): boolean => {
  let sum = 8 * 32;
  for (const [at, byte] of block.entries()) if (at < 148 || at >= 156) sum += byte;
  return sum === Number.parseInt(block.toString('latin1', 148, 156).replace(/^[ \0]*/, ''), 8);
};

/** Throws `invalid` for a header whose name, kind or size is not the same for all readers. */
export const assertOneMeaning = (noun: string, header: Buffer, size: number): void => {
  const type = typeOf(header);
  const name = header.toString('latin1', 0, 100).replace(/\0.*$/s, '');
  const isFolder = '123456'.includes(type) || ('0\0'.includes(type) && name.endsWith('/'));
  if (size > 0 && isFolder) throw invalid(`${noun} has a folder or a link with content`);
  // an old form of `L`, which Python takes for a file
  if (type === 'N') throw invalid(`${noun} contains an entry of an outdated kind`);
  // Python takes these bytes for a part of the name, and others do not
  const isGnu = header.toString('latin1', MAGIC, MAGIC + 6) === 'ustar ';
  if (isGnu && header.readUInt8(PREFIX) !== 0) throw invalid(`${noun} has an entry with two names`);
};

/** Fields that say which entry it is, and where its content ends. */
const NAMES = ['path', 'linkpath'];
const DECISIVE = [...NAMES, 'size'];

/** Of entries whose names must be those in their own headers. */
export const renamed = (noun: string): RegistryError =>
  invalid(`${noun} has an entry with another name than its own header says`);

/** records of a pax header, of which tools write some ten; 4 MiB of short ones take seconds to read */
const MAX_RECORDS = 1000;

/**
 * Keys of a pax header, which may have zeros behind its records. Throws `invalid` for records that are malformed or there
 * twice, and for an empty value of a field that decides.
 */
const paxKeys = (noun: string, content: Buffer): Set<string> => {
  const keys = new Set<string>();
  const malformed = () => invalid(`${noun} has a malformed pax header`);
  for (let rest = content; rest.length > 0 && rest[0] !== 0; ) {
    const [start = '', length = ''] = /^([0-9]{1,9}) /.exec(rest.toString('latin1', 0, 10)) ?? [];
    const record = rest.subarray(start.length, Number(length));
    const key = record.toString('utf8').split('=', 1)[0] as string;
    const isWhole = length !== '' && Number(length) <= rest.length && record.at(-1) === 0x0a && record.includes('=');
    if (!isWhole || keys.has(key) || keys.size === MAX_RECORDS) throw malformed();
    if (DECISIVE.includes(key) && record.at(-2) === 0x3d) throw malformed();
    keys.add(key);
    rest = rest.subarray(Number(length));
  }
  return keys;
};

/**
 * Throws `invalid` for pax headers that not every reader follows: sparse files, of which some readers know the real
 * name, and names and sizes for all entries that follow.
 * @param ownNames refuses other names for the next entry too
 */
export const assertPaxRecords = (noun: string, type: string, content: Buffer, ownNames = false): void => {
  for (const key of paxKeys(noun, content)) {
    if (key.startsWith('GNU.sparse.')) throw invalid(`${noun} contains a sparse file`);
    if (type === 'g' && DECISIVE.includes(key)) {
      throw invalid(`${noun} has a global pax header with a ${key}`);
    }
    if (ownNames && NAMES.includes(key)) throw renamed(noun);
  }
};
