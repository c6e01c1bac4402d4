import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type * as Sdk from '@aws-sdk/client-s3';
import type { IObjectInfo } from '../../interfaces.objectstore.js';
import { unquoted } from './helpers.request.js';

/** The metadata by which core names the write that made an object. */
const WRITE_ID = 'write-id';
/** The same for objects whose caller gave no id; hidden from callers. */
const OWN_WRITE_ID = 'smartregistry-write';

/**
 * Every object carries the id of the write that made it. After a lost answer, a HEAD for the id tells this write's
 * object from another one; equal bytes, and so equal ETags, would not. The caller's id is used if there is one: a write
 * that the caller repeats in a second call is recognised then, too.
 */
export const writeIdOf = (metadata: Record<string, string> | undefined): string => metadata?.[WRITE_ID] ?? randomUUID();

/** The id in the metadata of a HEAD. */
export const writeIdIn = (headers: Record<string, string> | undefined): string | undefined =>
  headers?.[WRITE_ID] === undefined ? headers?.[OWN_WRITE_ID] : decode(headers[WRITE_ID]);

/** Headers take printable ASCII without spaces at the ends; everything else travels percent-encoded. */
const encode = (value: string): string =>
  value.replace(/[^\x21-\x24\x26-\x7e]+/g, (run) => Buffer.from(run).toString('hex').replace(/../g, '%$&'));

const decode = (value: string): string => {
  try {
    return decodeURIComponent(value);
  } catch (error) {
    // URIError: the object was written by something else than this driver, and its metadata never encoded
    if (error instanceof URIError) return value;
    throw error;
  }
};

export const toHeaders = (metadata: Record<string, string> | undefined, writeId: string): Record<string, string> => {
  const headers: Record<string, string> = metadata?.[WRITE_ID] === undefined ? { [OWN_WRITE_ID]: writeId } : {};
  for (const [name, value] of Object.entries(metadata ?? {})) headers[name.toLowerCase()] = encode(value);
  return headers;
};

const fromHeaders = (headers: Record<string, string> | undefined): Record<string, string> | undefined => {
  const entries = Object.entries(headers ?? {}).filter(([name]) => name !== OWN_WRITE_ID);
  return entries.length > 0 ? Object.fromEntries(entries.map(([name, value]) => [name, decode(value)])) : undefined;
};

/** From the answer to HeadObject or GetObject. `size` is that of the whole object. */
export const infoOf = (
  key: string,
  answer: Pick<Sdk.GetObjectCommandOutput, 'ETag' | 'LastModified' | 'ContentType' | 'Metadata'>,
  size: number,
): IObjectInfo => ({
  key,
  size,
  etag: unquoted(answer.ETag),
  lastModified: answer.LastModified ?? new Date(0),
  contentType: answer.ContentType,
  metadata: fromHeaders(answer.Metadata),
});
