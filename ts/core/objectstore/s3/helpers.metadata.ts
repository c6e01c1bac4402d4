import { Buffer } from 'node:buffer';
import type * as Sdk from '@aws-sdk/client-s3';
import type { IObjectInfo } from '../interfaces.objectstore.js';
import { unquoted } from './interfaces.session.js';

/**
 * Every object carries the id of the write that made it. A write whose answer got lost asks for it, and so knows its
 * own work from another's; equal bytes would not tell.
 */
export const WRITE_ID = 'smartregistry-write';

/** Headers take printable ASCII without spaces at the ends; everything else travels percent-encoded. */
const encode = (value: string): string =>
  value.replace(/[^\x21-\x24\x26-\x7e]+/g, (run) => Buffer.from(run).toString('hex').replace(/../g, '%$&'));

const decode = (value: string): string => {
  try {
    return decodeURIComponent(value);
  } catch (error) {
    // URIError: written by something else than this driver, and so never encoded
    if (error instanceof URIError) return value;
    throw error;
  }
};

export const toHeaders = (metadata: Record<string, string> | undefined, writeId: string): Record<string, string> => {
  const headers: Record<string, string> = { [WRITE_ID]: writeId };
  for (const [name, value] of Object.entries(metadata ?? {})) headers[name.toLowerCase()] = encode(value);
  return headers;
};

const fromHeaders = (headers: Record<string, string> | undefined): Record<string, string> | undefined => {
  const entries = Object.entries(headers ?? {}).filter(([name]) => name !== WRITE_ID);
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
