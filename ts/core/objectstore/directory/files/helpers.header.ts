import { RegistryError } from '../../../classes.registryerror.js';
import type { IObjectInfo } from '../../interfaces.objectstore.js';
import { randomName } from './helpers.random.js';

/**
 * One file holds an object's header and, from `offset` on, its body:
 *
 *     sreg1 000000275\n     16 bytes: magic, and where the body begins
 *     {"key":…}\n           the header
 *
 * A streamed body begins at RESERVED, with room for two headers before it. The first belongs to the key that the file
 * was written for. The second lets `compose` give the file to another key without copying it: the header is written in
 * place, then the file is linked, and each key uses the header that names it. Unwritten space is a hole.
 *
 * A header with the key ANY_KEY is valid for any key that the file is found under (classes.sharedfiles.ts).
 */
const MAGIC = 'sreg1 ';
const PREAMBLE = 16;
export const SLOTS = [PREAMBLE, 16 * 1024] as const;
export const RESERVED = 32 * 1024;

/** number of earlier writes that a header remembers */
export const PAST_WRITES = 256;
/** remembered characters of an ETag; they are compared at one position only, so 36 bits are enough */
const TAG = 6;

/** key in the header of a file that is an object under any name that leads to it */
export const ANY_KEY = '';

export interface IHeader {
  key: string;
  etag: string;
  size: number;
  /** ms since the epoch */
  at: number;
  type?: string;
  meta?: Record<string, string>;
  /** the first characters of the ETags of all generations before this one, the latest first */
  past?: string;
  /** the generation's number when it was written; a deletion that is found under another number is a seal */
  n?: number;
  /** there is no object */
  deleted?: true;
}

/** bytes of JSON that a caller may store about an object. S3 takes 2 KiB of metadata */
const MAX_ABOUT = 4096;

export interface IAbout {
  contentType?: string;
  metadata?: Record<string, string>;
}

export const checkAbout = ({ contentType, metadata }: IAbout): void => {
  if (JSON.stringify([contentType, metadata]).length <= MAX_ABOUT) return;
  throw new RegistryError('invalid', `The content type and metadata of an object are limited to ${MAX_ABOUT} bytes`);
};

export const createEtag = (): string => randomName(12, 'base64url');

/** The `past` of the generation after `header`. */
export const pastAfter = (header: IHeader): string =>
  (header.etag.slice(0, TAG) + (header.past ?? '')).slice(0, PAST_WRITES * TAG);

/**
 * Whether `header`, of a later generation, is built on the write with this number and ETag. undefined: that write is
 * too old to be remembered.
 */
export const remembers = (header: IHeader, number: number, etag: string): boolean | undefined => {
  const past = pastAfter(header);
  const at = ((header.n ?? 0) - number) * TAG;
  if (at >= 0 && at < past.length) return past.slice(at, at + TAG) === etag.slice(0, TAG);
  return past.length < PAST_WRITES * TAG ? false : undefined;
};

const preamble = (offset: number): string => `${MAGIC}${String(offset).padStart(9, '0')}\n`;

/** Preamble, header and body of a file without reserved space. */
export const wholeFile = (header: IHeader, body: Uint8Array): Buffer => {
  const text = Buffer.from(`${JSON.stringify(header)}\n`);
  const offset = PREAMBLE + text.byteLength;
  return Buffer.concat([Buffer.from(preamble(offset)), text, body], offset + body.byteLength);
};

/** The bytes and the position that give a file with reserved space this header. MAX_ABOUT ensures that it fits. */
export const reservedHeader = (header: IHeader, slot: 0 | 1): { bytes: Buffer; position: number } => {
  const bytes = Buffer.from(`${JSON.stringify(header)}\n`);
  if (slot === 1) return { bytes, position: SLOTS[1] };
  return { bytes: Buffer.concat([Buffer.from(preamble(RESERVED)), bytes]), position: 0 };
};

/**
 * The error for an object whose file is not as it was written, e.g. after a fault of the disk. It is not `unavailable`:
 * trying again does not help, and other objects are not concerned.
 */
export const damaged = (key: string, why: string): RegistryError =>
  new RegistryError('internal', 'A stored object is damaged', { cause: new Error(`${key}: ${why}`) });

/** The offset of the body; `bytes` must be at least the first 16 of the file. */
export const bodyOffset = (bytes: Buffer, key: string): number => {
  const offset = Number(bytes.toString('latin1', MAGIC.length, PREAMBLE - 1));
  if (bytes.byteLength < PREAMBLE || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC || !(offset > PREAMBLE)) {
    throw damaged(key, 'the file does not begin as it should');
  }
  return offset;
};

/** Parses the header that begins with `bytes`; null if it is another key's, undefined if `bytes` end too early. */
export const parseHeader = (bytes: Buffer, key: string): IHeader | null | undefined => {
  const end = bytes.indexOf(10);
  if (end < 0) return undefined;
  let header: IHeader;
  try {
    header = JSON.parse(bytes.toString('utf8', 0, end)) as IHeader;
  } catch {
    // a second header whose writer died before any name led to it
    return null;
  }
  if (header.key === ANY_KEY) header.key = key;
  if (header.key !== key) return null;
  if (typeof header.etag !== 'string' || !Number.isSafeInteger(header.size))
    throw damaged(key, 'the header is unusable');
  return header;
};

export const toInfo = (header: IHeader): IObjectInfo => ({
  key: header.key,
  size: header.size,
  etag: header.etag,
  lastModified: new Date(header.at),
  ...(header.type === undefined ? {} : { contentType: header.type }),
  ...(header.meta === undefined ? {} : { metadata: { ...header.meta } }),
});
