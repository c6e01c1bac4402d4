import type { GetObjectCommandOutput, ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';

/** What S3 reports about an object in the headers of its answer. */
export type THead = Pick<
  GetObjectCommandOutput,
  'ETag' | 'ContentLength' | 'LastModified' | 'ContentType' | 'Metadata' | 'ContentRange'
>;
export type TPage = Pick<
  ListObjectsV2CommandOutput,
  'Contents' | 'CommonPrefixes' | 'EncodingType' | 'IsTruncated' | 'NextContinuationToken'
>;

const METADATA = 'x-amz-meta-';

export const metadataHeaders = (metadata: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(metadata).map(([name, value]) => [METADATA + name, value]));

/** undefined: the answer lacks a header that every server sends */
export const headIn = (headers: Record<string, string>): THead | undefined => {
  const { etag: ETag, 'content-length': length = '', 'last-modified': modified = '' } = headers;
  const LastModified = new Date(modified);
  if (!ETag || !/^\d+$/.test(length) || Number.isNaN(LastModified.getTime())) return undefined;
  const Metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(METADATA)) Metadata[name.slice(METADATA.length)] = value;
  }
  const { 'content-type': ContentType, 'content-range': ContentRange } = headers;
  return { ETag, ContentLength: Number(length), LastModified, ContentType, Metadata, ContentRange };
};

/** `bytes 0-4/10`; null if the server answered with the whole object instead */
export const readContentRange = (header: string | undefined): { start: number; end: number; size: number } | null => {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header ?? '');
  return match && { start: Number(match[1]), end: Number(match[2]), size: Number(match[3]) };
};

/** The text of an XML element that contains only text. */
const textOf = (document: string, name: string): string | undefined => {
  const start = document.indexOf(`<${name}>`);
  if (start < 0) return undefined;
  const from = start + name.length + 2;
  return document.slice(from, document.indexOf('<', from));
};

/** A refusal by S3, with those fields of the SDK's errors that this driver reads (helpers.errors.ts). */
export class S3Failure extends Error {
  /** S3's own code; undefined: the answer has no error document of S3 */
  public readonly Code: string | undefined;
  public readonly ActualObjectSize: string | undefined;
  public readonly $metadata: { httpStatusCode: number };

  constructor(status: number, document: string) {
    const error = /<Error[ >][\s\S]*<\/Error>/.exec(document)?.[0] ?? '';
    const code = textOf(error, 'Code');
    super(textOf(error, 'Message') ?? `The answer ${status} has no document`);
    this.name = code ?? 'Unknown';
    this.Code = code;
    this.ActualObjectSize = textOf(error, 'ActualObjectSize');
    this.$metadata = { httpStatusCode: status };
  }
}

/**
 * Of an answer with the status of success that S3 has not sent: a balancer during maintenance and a captive portal answer
 * everything with a page of theirs. S3 sends an ETag with each object, and says of each listing whether it goes on.
 */
export const notOfS3 = (): S3Failure => new S3Failure(200, '');

/**
 * A page of a listing; undefined: the SDK must parse it. This parser handles documents without CDATA and without
 * entities other than the quotes of ETags: nearly all of them.
 */
export const pageIn = (document: string): TPage | undefined => {
  const plain = document.replace(/&(?:quot|#34);/g, '"');
  if (/&|<!/.test(plain) || !/<\/ListBucketResult>\s*$/.test(plain)) return undefined;
  const Contents: NonNullable<TPage['Contents']> = [];
  const CommonPrefixes: NonNullable<TPage['CommonPrefixes']> = [];
  for (const [, element, fields = ''] of plain.matchAll(/<(Contents|CommonPrefixes)>([\s\S]*?)<\/\1>/g)) {
    const field = (name: string): string | undefined => textOf(fields, name);
    if (element === 'CommonPrefixes') {
      CommonPrefixes.push({ Prefix: field('Prefix') });
    } else {
      const LastModified = new Date(field('LastModified') ?? 0);
      Contents.push({ Key: field('Key'), Size: Number(field('Size')), ETag: field('ETag'), LastModified });
    }
  }
  const count = textOf(plain, 'KeyCount');
  if (count !== undefined && Number(count) !== Contents.length + CommonPrefixes.length) return undefined;
  return {
    Contents,
    CommonPrefixes,
    EncodingType: textOf(plain, 'EncodingType') as TPage['EncodingType'],
    IsTruncated: textOf(plain, 'IsTruncated') === 'true',
    NextContinuationToken: textOf(plain, 'NextContinuationToken'),
  };
};
