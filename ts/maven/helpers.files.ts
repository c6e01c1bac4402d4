import type { IMavenFile, TFileRecord } from './interfaces.maven.js';
import { fileKey } from './keys.maven.js';
import { ALGORITHMS, type TAlgorithm, type TDigests } from './wire/wire.checksums.js';
import type { IFilePath } from './wire/wire.coordinates.js';

/**
 * A stored file in the document of its artifact is one short text, because a document may have tens of thousands of
 * files and is written with each of them. As an object, with digests in hex and the whole key, it took twice as much.
 *
 *     {ms, base 36} {bytes} {base64 of md5, sha1, sha256, sha512 and the id of the write}{key without the layout key}
 *
 * The last part is empty, or `.{write id}` (keys.maven.ts).
 */
const BYTES: Readonly<Record<TAlgorithm, number>> = { md5: 16, sha1: 20, sha256: 32, sha512: 64 };
/** characters of the base64 without `=`, with the 16 bytes of a UUID */
const PACKED = Math.ceil(((16 + Object.values(BYTES).reduce((sum, one) => sum + one)) * 4) / 3);

const UUID = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/;

/** The text that records a file. */
export const recordOf = (path: IFilePath, file: IMavenFile): string => {
  const { time, size, writeId, key } = file;
  const digests = ALGORITHMS.map((algorithm) => file[algorithm]).join('');
  const packed = Buffer.from(digests + writeId.replaceAll('-', ''), 'hex')
    .toString('base64')
    .slice(0, PACKED);
  return `${Date.parse(time).toString(36)} ${size} ${packed}${key.slice(fileKey(path).length)}`;
};

const packedAt = (record: string): number => record.indexOf(' ', record.indexOf(' ') + 1) + 1;

/** The file of a record. */
export const fileIn = (path: IFilePath, record: TFileRecord): IMavenFile => {
  if (typeof record !== 'string') return record;
  const at = packedAt(record);
  const bytes = Buffer.from(record.slice(at, at + PACKED), 'base64');
  let read = 0;
  const next = (count: number): string => {
    read += count;
    return bytes.toString('hex', read - count, read);
  };
  const digests = Object.fromEntries(ALGORITHMS.map((algorithm) => [algorithm, next(BYTES[algorithm])])) as TDigests;
  const size = Number(record.slice(record.indexOf(' '), at));
  return {
    key: keyIn(path, record),
    size,
    ...digests,
    time: timeIn(record),
    writeId: next(16).replace(UUID, '$1-$2-$3-$4-$5'),
  };
};

/** The key of a record's file, without reading the rest. */
export const keyIn = (path: IFilePath, record: TFileRecord): string =>
  typeof record === 'string' ? fileKey(path) + record.slice(packedAt(record) + PACKED) : record.key;

/** When a record's file was published, in ms, without reading the rest. */
const msIn = (record: TFileRecord): number =>
  typeof record === 'string' ? Number.parseInt(record, 36) : Date.parse(record.time);

/** The ISO time of a record's file, without reading the rest. */
export const timeIn = (record: TFileRecord): string => new Date(msIn(record)).toISOString();

/** The ISO time of the newest of these files; there is one at least. */
export const newestTime = (records: readonly TFileRecord[]): string =>
  new Date(records.reduce((newest, record) => Math.max(newest, msIn(record)), 0)).toISOString();
