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
  /** with the prefix of the store; absent: the bucket */
  key?: string;
  query?: Record<string, string | undefined>;
  headers?: Record<string, string | undefined>;
  body?: Uint8Array;
}

export interface IDirectAnswer {
  statusCode: number;
  headers: Record<string, string>;
  /** has to be read or destroyed */
  body: Readable;
}

/** bytes; an error document of S3 has a few hundred */
const MAX_DOCUMENT = 64 * 1024;
/** Without a document to say so: no body may come with these, and nothing but S3 sends them. */
const PLAIN_REFUSALS = [304, 416];
/** Refusals of writes that the SDK could do nothing about. */
const FINAL_REFUSALS = [404, 409, 412, 429];

/** As the SDK spells keys in URLs; the signature covers this spelling. */
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
  // an answer that breaks off has no document
  new S3Failure(statusCode, await documentOf(body).catch(() => ''));

/**
 * Small requests, without the SDK's way of building them and of reading their answers (middleware, endpoint rules,
 * schemas), which takes three times the CPU of all the rest. Signer, credentials and connections are the SDK's.
 *
 * This only ever adds a short way. What it does not know is left to the SDK (`undefined`), with its retries, redirects,
 * new credentials and corrected clock; so a request goes that way only if it was answered plainly, or, for writes, if the
 * server refused it before it did anything.
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
   * Sends what may be sent twice. Throws only what S3 itself refuses for what is stored (404, 304, 416).
   * @returns an answer of 200 or 206; undefined: ask the SDK
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
   * @returns the header of the answer; undefined: it was certainly not carried out, and the SDK may know what to do
   */
  public async write(request: IDirectRequest, http: IHttpOptions): Promise<Record<string, string> | undefined> {
    const answer = await this.exchange(request, http);
    if (answer.statusCode >= 200 && answer.statusCode < 300) {
      // gives the connection back to the pool
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

  /** One hash for the signature and as the checksum that the server keeps, and that buckets with locks ask for. */
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
