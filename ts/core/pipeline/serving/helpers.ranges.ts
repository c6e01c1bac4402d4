import { randomBytes } from 'node:crypto';
import { fromIterable } from '../../base/helpers.streams.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { IResponse } from '../../interfaces.core.js';
import type { TObjectRange } from '../../objectstore/interfaces.objectstore.js';
import { respond } from '../helpers.http.js';

/** Bytes of a representation, both ends inclusive. */
export interface IByteRange {
  start: number;
  end: number;
}

/**
 * Maximum number of ranges in one request; if there are more, the whole is sent (RFC 9110 section 14.2 lets a server
 * ignore an excessive Range header). Clients that fetch parts of an image layer request fewer at once.
 */
const MAX_RANGES = 32;

const RANGE = /^(\d*)-(\d*)$/;

/** All positions above the largest exact integer are equal: beyond the end. */
const positionOf = (digits: string): number => Math.min(Number(digits), Number.MAX_SAFE_INTEGER);

/**
 * Parses a Range header (RFC 9110 section 14.1.2). Undefined if a server may ignore it: another unit, bad syntax, too
 * many ranges. `'invalid'` if a range ends before it begins, which section 14.2 lets a server refuse.
 */
export const parseRanges = (header: string | undefined): TObjectRange[] | 'invalid' | undefined => {
  const set = header === undefined ? null : /^\s*bytes\s*=(.*)$/is.exec(header);
  if (!set) return undefined;
  const items = (set[1] as string)
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  if (items.length === 0 || items.length > MAX_RANGES) return undefined;
  const ranges: TObjectRange[] = [];
  for (const item of items) {
    const [, first, last] = RANGE.exec(item) ?? [];
    if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
    const [start, end] = [positionOf(first), positionOf(last)];
    if (first === '') ranges.push({ suffix: end });
    else if (last === '') ranges.push({ start });
    else if (end < start) return 'invalid';
    else ranges.push({ start, end });
  }
  return ranges;
};

const resolve = (range: TObjectRange, size: number): IByteRange | undefined => {
  const start = 'suffix' in range ? Math.max(0, size - range.suffix) : range.start;
  const last = 'suffix' in range ? size - 1 : (range.end ?? size - 1);
  const end = Math.min(last, size - 1);
  return start <= end ? { start, end } : undefined;
};

/**
 * The ranges of a representation of `size` bytes, in the order of the request. Overlapping ranges are joined, so that
 * no byte is sent twice. Adjacent ones stay separate, because some clients count the parts. Throws `rangeInvalid` if
 * the representation contains none of them.
 */
export const resolveRanges = (ranges: TObjectRange[] | 'invalid', size: number): IByteRange[] => {
  if (ranges === 'invalid') throw outOfRange(size, 'The range ends before it begins');
  const resolved = ranges.flatMap((range) => resolve(range, size) ?? []);
  if (resolved.length === 0) throw outOfRange(size, 'The range is not in this content');
  return joined(resolved);
};

/** Joins overlapping ranges at the position of the first of them. */
const joined = (ranges: IByteRange[]): IByteRange[] => {
  for (const [at, one] of ranges.entries()) {
    const other = ranges.findIndex((two, index) => index > at && two.start <= one.end && one.start <= two.end);
    if (other === -1) continue;
    const two = ranges[other] as IByteRange;
    const rest = ranges.filter((_, index) => index !== other);
    rest[at] = { start: Math.min(one.start, two.start), end: Math.max(one.end, two.end) };
    return joined(rest);
  }
  return ranges;
};

/** The error for a range outside a representation of `size` bytes. */
export const outOfRange = (size: number | undefined, message: string): RegistryError =>
  new RegistryError('rangeInvalid', message, { headers: { 'Content-Range': `bytes */${size ?? '*'}` } });

const contentRange = ({ start, end }: IByteRange, size: number): string => `bytes ${start}-${end}/${size}`;
const lengthOf = ({ start, end }: IByteRange): number => end - start + 1;

/** The headers of a 206 with one range. */
export const partHeaders = (headers: Record<string, string>, range: IByteRange, size: number) => ({
  ...headers,
  'Content-Range': contentRange(range, size),
  'Content-Length': String(lengthOf(range)),
});

/**
 * A 206 with several ranges, as `multipart/byteranges` (RFC 9110 section 14.6). Each part is opened when it is sent.
 */
export const multipartResponse = (
  headers: Record<string, string>,
  ranges: IByteRange[],
  size: number,
  open: (range: IByteRange) => AsyncIterable<Uint8Array>,
): IResponse => {
  // random, so that no content can contain it on purpose
  const boundary = randomBytes(18).toString('hex');
  const { 'Content-Type': contentType, ...others } = headers;
  const heads = ranges.map((range, at) =>
    Buffer.from(
      `${at === 0 ? '' : '\r\n'}--${boundary}\r\nContent-Type: ${contentType}\r\nContent-Range: ${contentRange(range, size)}\r\n\r\n`,
    ),
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  let length = tail.byteLength;
  for (const [at, range] of ranges.entries()) length += (heads[at] as Buffer).byteLength + lengthOf(range);
  async function* parts(): AsyncGenerator<Uint8Array> {
    for (const [at, range] of ranges.entries()) {
      yield heads[at] as Buffer;
      yield* open(range);
    }
    yield tail;
  }
  const type = `multipart/byteranges; boundary=${boundary}`;
  return {
    status: 206,
    headers: { ...others, 'Content-Type': type, 'Content-Length': String(length) },
    body: fromIterable(parts()),
  };
};

/** A 206 of bytes in memory. */
export const respondPart = (headers: Record<string, string>, ranges: IByteRange[], bytes: Uint8Array): IResponse => {
  const [first, second] = ranges;
  const size = bytes.byteLength;
  const cut = ({ start, end }: IByteRange) => bytes.subarray(start, end + 1);
  if (first && !second) return respond(206, cut(first), partHeaders(headers, first, size));
  return multipartResponse(headers, ranges, size, async function* (range) {
    yield cut(range);
  });
};
