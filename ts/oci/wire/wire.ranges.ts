import { RegistryError } from '../../core/classes.registryerror.js';

export interface IChunkRange {
  start: number;
  /** bytes */
  size: number;
}

const bad = (message: string): RegistryError =>
  new RegistryError('invalid', message, { wireCode: 'BLOB_UPLOAD_INVALID' });

/**
 * Content-Range of a chunk: `<first>-<last>`, both inclusive (distribution-spec, "Pushing a blob in chunks"). Some
 * clients send RFC 9110's form, `bytes <first>-<last>/<size or *>`. Undefined without the header.
 */
export const parseChunkRange = (header: string | undefined): IChunkRange | undefined => {
  if (header === undefined) return undefined;
  const match = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d{1,15}|\*))?$/.exec(header.trim());
  if (!match) throw bad('Content-Range is not <first byte>-<last byte>');
  const [start, end] = [Number(match[1]), Number(match[2])];
  if (end < start) throw bad('Content-Range ends before it begins');
  return { start, size: end - start + 1 };
};

/** The Range header of an upload; if it is empty `0-0`, which clients read as empty. */
export const uploadRange = (size: number): string => `0-${Math.max(0, size - 1)}`;

/** `n` of a listing; undefined if it is absent. */
export const parseCount = (text: string | undefined): number | undefined => {
  if (text === undefined || text === '') return undefined;
  if (/^\d+$/.test(text)) return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
  throw new RegistryError('invalid', 'n is not a number of entries', { wireCode: 'UNSUPPORTED' });
};

/** A Link header (RFC 8288); `path` must not have a query. */
export const nextLink = (path: string, query: Record<string, string>): string =>
  `<${path}?${Object.entries(query)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&')}>; rel="next"`;
