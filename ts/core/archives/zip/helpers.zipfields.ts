import { invalid } from '../../base/helpers.errors.js';
import type { RegistryError } from '../../classes.registryerror.js';
import { crc32 } from './helpers.crc32.js';

/**
 * The fields of zip records.
 * @see https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */

export const LOCAL = 0x04034b50;
export const CENTRAL = 0x02014b50;
export const END = 0x06054b50;
/** the same, to be searched */
export const END_SIGNATURE = Buffer.from('PK\x05\x06');
export const END64 = 0x06064b50;
export const LOCATOR64 = 0x07064b50;
/** bytes of the record that says where the zip64 end is */
export const LOCATOR64_LENGTH = 20;
const DESCRIPTOR = 0x08074b50;

/** The latest version of the format, times ten; unpackers skip or refuse a file that needs a later one. */
export const MAX_VERSION = 63;

/** The value of a field of 32 bits whose real value is in the zip64 extra field. */
export const IN_ZIP64 = 0xffffffff;

/** bits of the flags: encrypted, patched data, strong encryption, encrypted directory */
export const REFUSED_FLAGS = 0x0001 | 0x0020 | 0x0040 | 0x2000;
/** the sizes follow the content in a data descriptor */
export const HAS_DESCRIPTOR = 0x0008;
const IS_UTF8 = 0x0800;

/** Whether two headers mark a name (its bytes as Latin-1) alike; else a reader that goes by the mark sees two names. */
export const marksAgree = (rawName: string, one: number, other: number): boolean =>
  ((one ^ other) & IS_UTF8) === 0 || !/[\u0080-\u00ff]/.test(rawName);

/** Whether content of `packed` bytes has to be unpacked: some writers call folders and empty files deflated. */
export const isDeflated = ({ method }: { method: number }, packed: number): boolean => method === 8 && packed > 0;

const ZIP64_EXTRA = 0x0001;
const UNICODE_PATH = 0x7075;

const malformed = (noun: string, what: string): RegistryError => invalid(`${noun} has a malformed ${what}`);

export const readUint64 = (noun: string, bytes: Buffer, at: number): number => {
  const value = Number(bytes.readBigUInt64LE(at));
  if (!Number.isSafeInteger(value)) throw malformed(noun, 'size');
  return value;
};

/** The two extra fields that change what a header says. A field that is there twice throws `invalid`. */
export const readExtra = (noun: string, extra: Buffer): { zip64?: Buffer; unicodePath?: Buffer } => {
  const found = new Map<number, Buffer>();
  let rest = extra;
  while (rest.length >= 4) {
    const id = rest.readUInt16LE(0);
    const end = 4 + rest.readUInt16LE(2);
    if (end > rest.length) throw malformed(noun, 'extra field');
    if (id === ZIP64_EXTRA || id === UNICODE_PATH) {
      if (found.has(id)) throw malformed(noun, 'extra field');
      found.set(id, rest.subarray(4, end));
    }
    rest = rest.subarray(end);
  }
  // tools that align content fill up with zeros
  if (rest.some((byte) => byte !== 0)) throw malformed(noun, 'extra field');
  return { zip64: found.get(ZIP64_EXTRA), unicodePath: found.get(UNICODE_PATH) };
};

/**
 * The fields of a header with their values from the zip64 extra field. That field holds a value of 64 bits for each
 * field that is `IN_ZIP64`, in order. Some readers take its values even if the header has its own; so a field that
 * holds anything else than it should throws `invalid`.
 * @param fields unpacked size, packed size, and in the central directory the offset
 */
export const withZip64 = (noun: string, fields: number[], zip64: Buffer | undefined): number[] => {
  const missing = fields.filter((field) => field === IN_ZIP64).length;
  if (zip64 === undefined) {
    // without the extra field, 2^32 - 1 is a number like others, and a file of that size does not exist here by chance
    if (missing > 0) throw malformed(noun, 'zip64 field');
    return fields;
  }
  if (missing === 0) {
    const agrees = fields.slice(0, 2).every((field, at) => {
      return zip64.length < 8 * (at + 1) || readUint64(noun, zip64, 8 * at) === field;
    });
    if (!agrees) throw malformed(noun, 'zip64 field');
    return fields;
  }
  if (zip64.length !== 8 * missing && zip64.length !== 8 * missing + 4) throw malformed(noun, 'zip64 field');
  let at = 0;
  return fields.map((field) => {
    if (field !== IN_ZIP64) return field;
    at += 8;
    return readUint64(noun, zip64, at - 8);
  });
};

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const asUtf8 = (bytes: Uint8Array): string | undefined => {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
};

/** What unpackers read as the name. Info-ZIP's extra field with a Unicode name counts instead of a name in a code page. */
export const readName = (
  noun: string,
  raw: Buffer,
  { flags, unicodePath, names }: { flags: number; unicodePath: Buffer | undefined; names: 'utf8' | 'any' },
): string => {
  const notUtf8 = () => invalid(`${noun} contains a name that is not UTF-8`);
  const latin1 = raw.toString('latin1');
  const isAscii = !/[\u0080-\u00ff]/.test(latin1);
  const marked = isAscii || (flags & IS_UTF8) !== 0;
  let name = isAscii ? latin1 : asUtf8(raw);
  if (marked && name === undefined) throw notUtf8();
  if (unicodePath !== undefined) {
    const isCurrent = unicodePath.length > 5 && unicodePath[0] === 1 && unicodePath.readUInt32LE(1) === crc32(raw);
    const other = isCurrent ? asUtf8(unicodePath.subarray(5)) : undefined;
    // a reader that knows the field would see another name than one that does not
    if (other === undefined || (marked && other !== name)) throw malformed(noun, 'Unicode name');
    name = other;
  } else if (!marked && names === 'utf8') {
    throw notUtf8();
  }
  return name ?? latin1;
};

/** What a data descriptor says. */
export interface IZipDescriptor {
  /** bytes of the descriptor itself */
  length: number;
  crc: number;
  packedSize: number;
  size: number;
}

/** The four forms that writers use: with its own signature or without, with sizes of 32 bits or of 64. */
const DESCRIPTORS = [
  { length: 16, signed: true, wide: false },
  { length: 24, signed: true, wide: true },
  { length: 12, signed: false, wide: false },
  { length: 20, signed: false, wide: true },
];

/**
 * Whether one of the packed sizes that may lie before `end` can be right. Hardly any is, and an archive can be made of
 * millions of places to look at.
 */
const mayBeDescriptor = (bytes: Buffer, end: number, passed: number): boolean => {
  const longest = passed + end - 12;
  if (end < 12) return false;
  const narrow = longest - bytes.readUInt32LE(end - 8);
  if (narrow === 0 || narrow === 4) return true;
  // the lower half
  const wide = end < 20 ? 0 : (longest - bytes.readUInt32LE(end - 16)) >>> 0;
  return wide === 8 || wide === 12;
};

/**
 * The data descriptor that ends at `end`, if the packed size in it is what lies between the beginning of the content and
 * the descriptor.
 * @param passed bytes of the content before the beginning of `bytes`
 */
export const descriptorBefore = (bytes: Buffer, end: number, passed: number): IZipDescriptor | undefined => {
  if (!mayBeDescriptor(bytes, end, passed)) return undefined;
  for (const { length, signed, wide } of DESCRIPTORS) {
    const start = end - length;
    if (start < 0 || (signed && bytes.readUInt32LE(start) !== DESCRIPTOR)) continue;
    const at = signed ? start + 4 : start;
    const width = wide ? 8 : 4;
    const read = (from: number) => (wide ? Number(bytes.readBigUInt64LE(from)) : bytes.readUInt32LE(from));
    const packedSize = read(at + 4);
    if (packedSize !== passed + start) continue;
    return { length, crc: bytes.readUInt32LE(at), packedSize, size: read(at + 4 + width) };
  }
  return undefined;
};
