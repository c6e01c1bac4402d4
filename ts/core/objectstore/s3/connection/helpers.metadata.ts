import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type * as Sdk from '@aws-sdk/client-s3';
import type { IObjectInfo } from '../../interfaces.objectstore.js';
import { unquoted } from './helpers.request.js';

/** Metadata in which core stores the id of the write that made an object. */
const WRITE_ID = 'write-id';
/** Metadata for the driver's own write id, if the caller gave none; hidden from callers. */
const OWN_WRITE_ID = 'smartregistry-write';

/**
 * Every object has the id of the write that made it. After a lost answer, a HEAD compares the id: equal bytes, and so
 * equal ETags, would not distinguish this write's object from another one. The caller's id is used if there is one, so
 * that a write that the caller repeats in a second call is also recognised.
 */
export const writeIdOf = (metadata: Record<string, string> | undefined): string => metadata?.[WRITE_ID] ?? randomUUID();

/** The write id in the metadata that a HEAD returned. */
export const writeIdIn = (headers: Record<string, string> | undefined): string | undefined =>
  headers?.[WRITE_ID] === undefined ? headers?.[OWN_WRITE_ID] : decode(headers[WRITE_ID]);

/** Headers carry printable ASCII without spaces at the ends; all other characters are percent-encoded. */
const encode = (value: string): string =>
  value.replace(/[^\x21-\x24\x26-\x7e]+/g, (run) => Buffer.from(run).toString('hex').replace(/../g, '%$&'));

const decode = (value: string): string => {
  try {
    return decodeURIComponent(value);
  } catch (error) {
    // URIError: the metadata is not encoded, so another program wrote the object
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

/** From the answer of HeadObject or GetObject. `size` is that of the whole object. */
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
