import * as plugins from '../../../plugins.js';
import { fromIterable, gather } from '../../base/helpers.streams.js';
import { RegistryError } from '../../classes.registryerror.js';
import { BodyReader } from './classes.bodyreader.js';
import { readForm } from './classes.formreader.js';
import { WatchedSource } from './classes.watchedsource.js';
import { abandonBody, isParsed, openBodySource } from './helpers.bodysource.js';
import { countingValues, MAX_JSON_VALUES } from './helpers.jsonvalues.js';
import { filesOfHost, leftByHost, readParsedForm } from './helpers.parsedform.js';
import type { IFormFields, IFormOptions } from './interfaces.form.js';

export interface IBodyOptions {
  contentLength?: string;
  contentEncoding?: string;
  contentType?: string;
  /** default limit, in bytes, of `bytes()`, `text()` and `json()` */
  defaultLimit: number;
  /** default limit, in bytes, of one file of a form; default: none */
  fileLimit?: number;
  idleTimeoutMs: number;
  signal?: AbortSignal;
}

/**
 * bytes that a compressed body may have beyond twice its decoded limit. Incompressible data grow by some bytes for each
 * 32 KiB; only an endless body of empty blocks needs more.
 */
const PACKED_SLACK = 64 * 1024;

const ENCODINGS = new Set(['identity', 'gzip', 'x-gzip']);

/**
 * Reads request bodies in every form that an embedder may pass: bytes, text, a stream, the result of the host's parser,
 * or the host's own request object, even if a parser has read its body. It can be read once.
 */
export class RequestBody {
  private taken = false;
  private begun = false;
  /** releases what reading has opened; callers that still wait get the error */
  private readonly held: ((error: RegistryError) => void)[] = [];

  private readonly source: unknown;

  /** @internal */
  constructor(
    private readonly handedOver: unknown,
    private readonly options: IBodyOptions,
  ) {
    this.source = leftByHost(handedOver);
  }

  /** False if there is certainly no body. */
  public get exists(): boolean {
    return this.source !== undefined && this.source !== null && this.options.contentLength !== '0';
  }

  /** The value that the embedder has already parsed (Express' `req.body`), else undefined. */
  public get parsed(): object | undefined {
    return isParsed(this.source) ? this.source : undefined;
  }

  /**
   * The decoded bytes as they arrive. Throws (at once or while it is read) `tooLarge` beyond `limit`, `timeout` if the
   * sender is silent for too long, `invalid` if the number of bytes differs from Content-Length.
   */
  public stream(options: { limit?: number } = {}): ReadableStream<Uint8Array> {
    return fromIterable(this.chunks(options));
  }

  /** Like `stream`, without a stream around it, for callers that read all of it. */
  public chunks(options: { limit?: number } = {}): AsyncGenerator<Uint8Array> {
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    const declared = this.declaredLength();
    if (declared !== undefined && declared > limit) throw tooLarge(limit);
    if (this.parsed !== undefined) {
      throw new RegistryError(
        'invalid',
        'This request needs the exact bytes of its body, but the host had parsed it: hand over the unparsed request as `body`',
      );
    }
    if (this.taken) throw new RegistryError('internal', 'The request body was read twice');
    const encoding = this.options.contentEncoding?.trim().toLowerCase() || 'identity';
    if (!ENCODINGS.has(encoding)) {
      throw new RegistryError('invalid', `Content-Encoding ${encoding} is not supported, gzip is`, { status: 415 });
    }
    this.taken = true;
    if (encoding === 'identity') return this.received(new Counter(declared, limit));
    return limited(this.unpacked(this.received(new Counter(declared, PACKED_SLACK + limit * 2))), limit);
  }

  /** The whole body in memory. */
  public async bytes(options: { limit?: number } = {}): Promise<Buffer> {
    return gather(this.chunks({ limit: options.limit ?? this.options.defaultLimit }));
  }

  public async text(options: { limit?: number } = {}): Promise<string> {
    return (await this.bytes(options)).toString('utf8');
  }

  /**
   * The parsed JSON body. Throws `invalid` if it is not JSON, and `tooLarge` as soon as more than `maxValues` values
   * have arrived: many small values take far more time and memory than their bytes suggest.
   */
  public async json<T = unknown>(options: { limit?: number; maxValues?: number } = {}): Promise<T> {
    if (this.parsed !== undefined) return this.parsed as T;
    const { limit = this.options.defaultLimit, maxValues = MAX_JSON_VALUES } = options;
    const bytes = await gather(countingValues(this.chunks({ limit }), maxValues));
    try {
      return JSON.parse(bytes.toString('utf8')) as T;
    } catch (cause) {
      throw new RegistryError('invalid', 'The request body is not valid JSON', { cause });
    }
  }

  /**
   * Reads a form, `multipart/form-data` or `application/x-www-form-urlencoded`. It passes files to `onFile` one by one
   * in the order of the form, each as a stream with backpressure, and returns the fields. A form that the host's parser
   * has read works too: an object of fields, `FormData`, and the request object of Express after multer.
   *
   * Throws `invalid` if the form is malformed, breaks off, or has unexpected parts, `tooLarge` beyond a limit, and any
   * error of `onFile`.
   */
  public async form(options: IFormOptions = {}): Promise<IFormFields> {
    const { defaultLimit, fileLimit, contentType } = this.options;
    const limits = { defaultLimit, fileLimit };
    const { parsed } = this;
    if (parsed !== undefined) return readParsedForm(parsed, filesOfHost(this.handedOver), options, limits);
    return readForm((limit) => this.chunks({ limit }), contentType, options, limits);
  }

  /** Reads the body piece by piece. `limit`: maximum bytes of one `take`; `total`: maximum bytes of the whole body. */
  public reader(options: { limit?: number; total?: number } = {}): BodyReader {
    return new BodyReader(this.chunks({ limit: options.total }), options.limit ?? this.options.defaultLimit);
  }

  /**
   * Ends the request: releases the body in every state, whether it was never read, its stream was never read, or was
   * not read to its end. Later reads get an error. It may be called twice.
   */
  public dispose(): void {
    if (!this.begun) abandonBody(this.source);
    this.taken = true;
    this.begun = true;
    for (const free of this.held.splice(0)) free(isOver());
  }

  private declaredLength(): number | undefined {
    // a host that decodes the body leaves both headers unchanged
    if (this.options.contentLength === undefined || this.options.contentEncoding) return undefined;
    const length = Number(this.options.contentLength);
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new RegistryError('invalid', 'Content-Length is not a number of bytes');
    }
    return length;
  }

  /**
   * The bytes as they come. One generator does all checks, because each generator costs as much per chunk as hashing a
   * few KiB.
   */
  private async *received(counter: Counter): AsyncGenerator<Uint8Array> {
    if (this.begun) throw isOver();
    this.begun = true;
    const source = new WatchedSource(openBodySource(this.source), this.options);
    this.held.push((error) => source.close(error));
    try {
      for (;;) {
        const { done, value } = await source.next();
        if (done) return counter.finish();
        const bytes = counter.take(value as Uint8Array | string);
        if (bytes.byteLength > 0) yield bytes;
      }
    } catch (error) {
      throw error instanceof RegistryError
        ? error
        : new RegistryError('invalid', 'The request body broke off', { cause: error });
    } finally {
      source.close();
    }
  }

  /** Decodes `Content-Encoding: gzip`. A body that does not begin like gzip was already decoded by the host. */
  private async *unpacked(chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
    const first = await chunks.next();
    if (first.done) return;
    const whole = prepend(first.value, chunks);
    if (first.value[0] !== 0x1f) {
      yield* whole;
      return;
    }
    const gunzip = plugins.zlib.createGunzip();
    // errors of either side reach the loop below through gunzip, which pipeline destroys with them
    plugins.pipeline(plugins.Readable.from(whole), gunzip, () => undefined);
    this.held.push((error) => gunzip.destroy(error));
    try {
      for await (const chunk of gunzip) yield chunk as Uint8Array;
    } catch (error) {
      throw error instanceof RegistryError
        ? error
        : new RegistryError('invalid', 'The request body is not valid gzip', { cause: error });
    }
  }
}

/** Compares the arriving bytes with the announced length and the limit. */
class Counter {
  private seen = 0;

  constructor(
    private readonly declared: number | undefined,
    private readonly limit = Number.POSITIVE_INFINITY,
  ) {}

  public take(chunk: Uint8Array | string): Uint8Array {
    // an embedder's stream may yield text
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    this.seen += bytes.byteLength;
    if (this.declared !== undefined && this.seen > this.declared) throw wrongLength();
    if (this.seen > this.limit) throw tooLarge(this.limit);
    return bytes;
  }

  public finish(): void {
    if (this.declared !== undefined && this.seen !== this.declared) throw wrongLength();
  }
}

async function* prepend(first: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

async function* limited(chunks: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const chunk of chunks) {
    seen += chunk.byteLength;
    if (seen > limit) throw tooLarge(limit);
    yield chunk;
  }
}

const tooLarge = (limit: number): RegistryError =>
  new RegistryError('tooLarge', `The request body is larger than the ${limit} bytes that are accepted here`);

const wrongLength = (): RegistryError =>
  new RegistryError('invalid', 'The request body is not as long as its Content-Length says');

const isOver = (): RegistryError =>
  new RegistryError('internal', 'The request body was read after the request was over');
