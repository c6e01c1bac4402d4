import { Buffer } from 'node:buffer';
import type * as Sdk from '@aws-sdk/client-s3';
import type { IListOptions, IObjectInfo, IObjectPrefix } from '../../interfaces.objectstore.js';
import { must, unquoted } from '../connection/helpers.request.js';
import type { IS3Session } from '../connection/interfaces.session.js';

const PAGE = 1000;

type TEntry = IObjectInfo | IObjectPrefix;
const nameOf = (entry: TEntry): string => ('prefix' in entry ? entry.prefix : entry.key);

/** S3's order: that of the UTF-8 bytes. JavaScript's `<` compares UTF-16 units, which differs past U+FFFF. */
const byBytes = (a: TEntry, b: TEntry): number => Buffer.compare(Buffer.from(nameOf(a)), Buffer.from(nameOf(b)));

/**
 * With `EncodingType: 'url'` keys may hold characters that XML cannot; servers that do not know it leave the field out.
 */
const decoder = (page: Sdk.ListObjectsV2CommandOutput): ((key: string) => string) =>
  page.EncodingType === 'url' ? (key) => decodeURIComponent(key.replace(/\+/g, ' ')) : (key) => key;

const entriesOf = (page: Sdk.ListObjectsV2CommandOutput, cut: number): TEntry[] => {
  const decode = decoder(page);
  const entries: TEntry[] = [];
  for (const { Key, Size, ETag, LastModified } of page.Contents ?? []) {
    // folders that somebody made with a file manager; no key of ours ends so
    if (!Key || Key.endsWith('/')) continue;
    entries.push({
      key: decode(Key).slice(cut),
      size: Size ?? 0,
      etag: unquoted(ETag),
      lastModified: LastModified ?? new Date(0),
    });
  }
  for (const { Prefix } of page.CommonPrefixes ?? []) {
    if (Prefix) entries.push({ prefix: decode(Prefix).slice(cut) });
  }
  return page.CommonPrefixes?.length ? entries.sort(byBytes) : entries;
};

/** Asks for the next page only when the one before is used up. */
export async function* listObjects(
  session: IS3Session,
  options: IListOptions,
): AsyncGenerator<TEntry, void, undefined> {
  const { sdk, retrying } = session.clients;
  const { bucket, prefix } = session.settings;
  const after = options.after === undefined ? undefined : Buffer.from(options.after);
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  let token: string | undefined;
  while (left > 0) {
    const command = new sdk.ListObjectsV2Command({
      Bucket: bucket,
      Prefix: prefix + options.prefix,
      Delimiter: options.delimiter,
      StartAfter: options.after === undefined ? undefined : prefix + options.after,
      ContinuationToken: token,
      MaxKeys: Math.min(PAGE, left),
      EncodingType: 'url',
    });
    const page = await must(session, (http) => retrying.send(command, http));
    for (const entry of entriesOf(page, prefix.length)) {
      // AWS names a prefix that equals or precedes `after` when keys in it follow
      if (after && Buffer.compare(Buffer.from(nameOf(entry)), after) <= 0) continue;
      yield entry;
      left -= 1;
      if (left === 0) return;
    }
    token = page.NextContinuationToken;
    if (!page.IsTruncated || !token) return;
  }
}
