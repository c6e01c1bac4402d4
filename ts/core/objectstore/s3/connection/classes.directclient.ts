import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import type { NodeHttpHandler } from '@smithy/node-http-handler';
import { notOfS3, S3Failure } from './helpers.answers.js';
import type { IS3Settings } from './helpers.settings.js';
import type { IHttpOptions } from './interfaces.http.js';

type TRequest = Parameters<NodeHttpHandler['handle']>[0];

export interface IDirectRequest {
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  /** includes the prefix of the store; absent: the request is for the bucket */
  key?: string;
  query?: Record<string, string | undefined>;
  headers?: Record<string, string | undefined>;
  body?: Uint8Array;
}

export interface IDirectAnswer {
  statusCode: number;
  headers: Record<string, string>;
  /** must be read or destroyed */
  body: Readable;
}

/** bytes; an error document of S3 has a few hundred */
const MAX_DOCUMENT = 64 * 1024;
/** Refusals that need no error document: no body may come with these, and nothing but S3 sends them. */
const PLAIN_REFUSALS = [304, 416];
/** Refusals of writes that the SDK would not retry. */
const FINAL_REFUSALS = [404, 409, 412, 429];

/** Encodes a key as the SDK does in URLs; the signature covers this spelling. */
const escaped = (key: string): string =>
  encodeURIComponent(key)
    .replaceAll('%2F', '/')
    .replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

const definedOf = (fields: Record<string, string | undefined> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined));

const documentOf = async (body: Readable): Promise<string> => {
  let text = '';
  for await (const chunk of body.setEncoding('utf8')) {
    text += chunk;
    // leaving the loop closes the connection
    if (text.length > MAX_DOCUMENT) return '';
  }
  return text;
};

const failureIn = async ({ statusCode, body }: IDirectAnswer): Promise<S3Failure> =>
  // an answer that breaks off counts as one without a document
  new S3Failure(statusCode, await documentOf(body).catch(() => ''));

/**
 * Sends small requests without the SDK's middleware, endpoint rules and schemas, which take three times the CPU of all
 * the rest. It uses the SDK's signer, credentials and connections.
 *
 * It is only a shortcut. If it returns `undefined`, the SDK must send the request, with its retries, redirects, new
 * credentials and corrected clock. A write is left to the SDK only if the server certainly did not apply it.
 */
export class DirectClient {
  private readonly origin: Pick<TRequest, 'protocol' | 'hostname' | 'port'>;
  private readonly host: string;
  private signer: ReturnType<S3Client['config']['signer']> | undefined;

  constructor(
    private readonly client: S3Client,
    private readonly handler: NodeHttpHandler,
    private readonly settings: IS3Settings,
  ) {
    const { protocol, hostname, port, host } = new URL(settings.endpoint);
    this.origin = { protocol, hostname, port: port === '' ? undefined : Number(port) };
    this.host = host;
  }

  /**
   * Sends a request that may be sent twice. Throws only S3's own refusals that depend on what is stored (404, 304,
   * 416).
   * @returns an answer of 200 or 206; undefined: use the SDK
   */
  public async read(request: IDirectRequest, http: IHttpOptions): Promise<IDirectAnswer | undefined> {
    let answer: IDirectAnswer;
    try {
      answer = await this.exchange(request, http);
    } catch {
      // the SDK's own request fails in the same way, and handles it
      return undefined;
    }
    if (answer.statusCode === 200 || answer.statusCode === 206) return answer;
    const failure = await failureIn(answer);
    const isAbsent = answer.statusCode === 404 && (request.method === 'HEAD' || failure.Code === 'NoSuchKey');
    if (isAbsent || PLAIN_REFUSALS.includes(answer.statusCode)) throw failure;
    return undefined;
  }

  /**
   * Sends a write or a delete, once. Throws what the SDK without retries would throw.
   * @returns the headers of the answer; undefined: the request was certainly not applied, and the SDK may handle the
   * refusal
   */
  public async write(request: IDirectRequest, http: IHttpOptions): Promise<Record<string, string> | undefined> {
    const answer = await this.exchange(request, http);
    if (answer.statusCode >= 200 && answer.statusCode < 300) {
      // returns the connection to the pool
      answer.body.on('error', () => {}).resume();
      if (answer.headers['content-type']?.startsWith('text/html')) throw notOfS3();
      return answer.headers;
    }
    const failure = await failureIn(answer);
    const isRefused = failure.Code !== undefined && answer.statusCode < 500;
    if (isRefused && !FINAL_REFUSALS.includes(answer.statusCode)) return undefined;
    throw failure;
  }

  private async exchange(request: IDirectRequest, http: IHttpOptions): Promise<IDirectAnswer> {
    return (await this.handler.handle(await this.signed(request), http)).response as IDirectAnswer;
  }

  private async signed({ method, key = '', query, headers, body }: IDirectRequest): Promise<TRequest> {
    const { config } = this.client;
    this.signer ??= config.signer();
    const signer = await this.signer;
    const path = `/${this.settings.bucket}/${escaped(key)}`;
    const request = {
      ...{ ...this.origin, method, path, query: definedOf(query), body },
      headers: { host: this.host, 'user-agent': 'smartregistry', ...definedOf(headers), ...this.seal(body) },
    };
    return signer.sign(request as Parameters<typeof signer.sign>[0], {
      signingDate: new Date(Date.now() + config.systemClockOffset),
    }) as Promise<TRequest>;
  }

  /**
   * One hash serves for the signature, and as the checksum that the server stores and that buckets with object lock
   * require.
   */
  private seal(body: Uint8Array | undefined): Record<string, string> {
    if (!body) return {};
    const hash = createHash('sha256').update(body).digest();
    const isKept = this.settings.checksums !== 'WHEN_REQUIRED';
    return {
      'content-length': String(body.byteLength),
      'x-amz-content-sha256': hash.toString('hex'),
      ...(isKept && { 'x-amz-checksum-sha256': hash.toString('base64') }),
    };
  }
}
