import { Buffer } from 'node:buffer';
import { buffer } from 'node:stream/consumers';
import type { IListOptions, IObjectInfo, IObjectPrefix } from '../../interfaces.objectstore.js';
import { notOfS3, pageIn, type TPage } from '../connection/helpers.answers.js';
import { must, unquoted } from '../connection/helpers.request.js';
import type { IHttpOptions } from '../connection/interfaces.http.js';
import type { IS3Session } from '../connection/interfaces.session.js';

const PAGE = 1000;

type TEntry = IObjectInfo | IObjectPrefix;
const nameOf = (entry: TEntry): string => ('prefix' in entry ? entry.prefix : entry.key);

/** S3's order is that of the UTF-8 bytes. JavaScript's `<` compares UTF-16 units, which differs above U+FFFF. */
const byBytes = (a: TEntry, b: TEntry): number => Buffer.compare(Buffer.from(nameOf(a)), Buffer.from(nameOf(b)));

/**
 * With `EncodingType: 'url'` keys may have characters that XML cannot represent. Servers without this feature omit the
 * field.
 */
const decoder = (page: TPage): ((key: string) => string) =>
  page.EncodingType === 'url' ? (key) => decodeURIComponent(key.replace(/\+/g, ' ')) : (key) => key;

const entriesOf = (page: TPage, cut: number): TEntry[] => {
  const decode = decoder(page);
  const entries: TEntry[] = [];
  for (const { Key, Size, ETag, LastModified } of page.Contents ?? []) {
    // folders made with a file manager; no key of the registry ends with `/`
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

interface IPageRequest {
  prefix: string;
  delimiter?: string;
  startAfter?: string;
  token?: string;
  count: number;
}

const pageOf = async (session: IS3Session, request: IPageRequest, http: IHttpOptions): Promise<TPage> => {
  const { sdk, retrying, direct } = session.clients;
  const { prefix, delimiter, startAfter, token, count } = request;
  const query = {
    'list-type': '2',
    'encoding-type': 'url',
    'max-keys': String(count),
    prefix,
    delimiter,
    'start-after': startAfter,
    'continuation-token': token,
  };
  const answer = await direct.read({ method: 'GET', query }, http);
  // if the answer breaks off, the SDK lists again
  const page = answer && pageIn((await buffer(answer.body).catch(() => '')).toString());
  if (page) return page;
  const command = new sdk.ListObjectsV2Command({
    Bucket: session.settings.bucket,
    Prefix: prefix,
    Delimiter: delimiter,
    StartAfter: startAfter,
    ContinuationToken: token,
    MaxKeys: count,
    EncodingType: 'url',
  });
  const listed = await retrying.send(command, http);
  // an empty listing would say that nothing is stored
  if (listed.IsTruncated === undefined && listed.Contents === undefined && listed.CommonPrefixes === undefined) {
    throw notOfS3();
  }
  return listed;
};

/** Requests the next page only when the one before is used up. */
export async function* listObjects(
  session: IS3Session,
  options: IListOptions,
): AsyncGenerator<TEntry, void, undefined> {
  const { prefix } = session.settings;
  const after = options.after === undefined ? undefined : Buffer.from(options.after);
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  let token: string | undefined;
  while (left > 0) {
    const request: IPageRequest = {
      prefix: prefix + options.prefix,
      delimiter: options.delimiter,
      startAfter: options.after === undefined ? undefined : prefix + options.after,
      token,
      count: Math.min(PAGE, left),
    };
    const page = await must(session, (http) => pageOf(session, request, http));
    for (const entry of entriesOf(page, prefix.length)) {
      // AWS returns a prefix that equals or precedes `after` if keys in it follow
      if (after && Buffer.compare(Buffer.from(nameOf(entry)), after) <= 0) continue;
      yield entry;
      left -= 1;
      if (left === 0) return;
    }
    token = page.NextContinuationToken;
    if (!page.IsTruncated || !token) return;
  }
}
