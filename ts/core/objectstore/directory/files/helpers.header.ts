import { RegistryError } from '../../../classes.registryerror.js';
import type { IObjectInfo } from '../../interfaces.objectstore.js';
import { randomName } from './helpers.random.js';

/**
 * One file holds an object's header and, from `offset` on, its body:
 *
 *     sreg1 000000275\n     16 bytes: magic, and where the body begins
 *     {"key":…}\n           the header
 *
 * A body that was streamed begins at RESERVED, and two headers have their place before it: the first belongs to the
 * key the file was written for. The second lets compose give the file to another key without copying it: it is written
 * in place, then the file is linked, and each key goes by the header that names it. What is not written is a hole.
 *
 * A header with the key ANY_KEY belongs to whatever key the file is found under (classes.sharedfiles.ts).
 */
const MAGIC = 'sreg1 ';
const PREAMBLE = 16;
export const SLOTS = [PREAMBLE, 16 * 1024] as const;
export const RESERVED = 32 * 1024;

/** how many earlier writes a header remembers */
export const PAST_WRITES = 256;
/** characters of an ETag that are remembered; compared at one position only, so 36 bits are plenty */
const TAG = 6;

/** in the header of a file that is an object under whatever name leads to it */
export const ANY_KEY = '';

export interface IHeader {
  key: string;
  etag: string;
  size: number;
  /** ms since the epoch */
  at: number;
  type?: string;
  meta?: Record<string, string>;
  /** the beginnings of the ETags of the generations before this one, the latest first, without a gap */
  past?: string;
  /** the number this was written as, where it is a generation; a deletion under another number is a seal */
  n?: number;
  /** there is no object */
  deleted?: true;
}

/** bytes of JSON that a caller may say about an object. S3 takes 2 KiB of metadata */
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

/** What the generation after `header` remembers. */
export const pastAfter = (header: IHeader): string =>
  (header.etag.slice(0, TAG) + (header.past ?? '')).slice(0, PAST_WRITES * TAG);

/**
 * Is `header`, of a later generation, built on the write with this number and ETag?
 * undefined: that is further back than the header remembers.
 */
export const remembers = (header: IHeader, number: number, etag: string): boolean | undefined => {
  const past = pastAfter(header);
  const at = ((header.n ?? 0) - number) * TAG;
  if (at >= 0 && at < past.length) return past.slice(at, at + TAG) === etag.slice(0, TAG);
  return past.length < PAST_WRITES * TAG ? false : undefined;
};

const preamble = (offset: number): string => `${MAGIC}${String(offset).padStart(9, '0')}\n`;

/** Preamble, header and body of a file that is as long as it must be. */
export const wholeFile = (header: IHeader, body: Uint8Array): Buffer => {
  const text = Buffer.from(`${JSON.stringify(header)}\n`);
  const offset = PREAMBLE + text.byteLength;
  return Buffer.concat([Buffer.from(preamble(offset)), text, body], offset + body.byteLength);
};

/** What to write, and where, so that a file with a reserved region has this header; it fits, by MAX_ABOUT. */
export const reservedHeader = (header: IHeader, slot: 0 | 1): { bytes: Buffer; position: number } => {
  const bytes = Buffer.from(`${JSON.stringify(header)}\n`);
  if (slot === 1) return { bytes, position: SLOTS[1] };
  return { bytes: Buffer.concat([Buffer.from(preamble(RESERVED)), bytes]), position: 0 };
};

const corrupt = (key: string, why: string): RegistryError =>
  new RegistryError('unavailable', 'A stored object is damaged', { cause: new Error(`${key}: ${why}`) });

/** Where the body begins; `bytes` are at least the first 16 of the file. */
export const bodyOffset = (bytes: Buffer, key: string): number => {
  const offset = Number(bytes.toString('latin1', MAGIC.length, PREAMBLE - 1));
  if (bytes.byteLength < PREAMBLE || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC || !(offset > PREAMBLE)) {
    throw corrupt(key, 'the file does not begin as it should');
  }
  return offset;
};

/** The header that begins with `bytes`; null where it is another key's, undefined where `bytes` end too early. */
export const parseHeader = (bytes: Buffer, key: string): IHeader | null | undefined => {
  const end = bytes.indexOf(10);
  if (end < 0) return undefined;
  let header: IHeader;
  try {
    header = JSON.parse(bytes.toString('utf8', 0, end)) as IHeader;
  } catch {
    // a second header whose writer died half-way, before any name led to it
    return null;
  }
  if (header.key === ANY_KEY) header.key = key;
  if (header.key !== key) return null;
  if (typeof header.etag !== 'string' || !Number.isSafeInteger(header.size))
    throw corrupt(key, 'the header is unusable');
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
