import * as plugins from '../../plugins.js';
import { fromIterable, gather } from '../base/helpers.streams.js';
import { RegistryError } from '../classes.registryerror.js';
import { abandonBody, isParsed, openBodySource } from './helpers.bodysource.js';

export interface IBodyOptions {
  contentLength?: string;
  contentEncoding?: string;
  /** bytes that `bytes()`, `text()` and `json()` accept unless told otherwise */
  defaultLimit: number;
  idleTimeoutMs: number;
  signal?: AbortSignal;
}

const ENCODINGS = new Set(['identity', 'gzip', 'x-gzip']);

/** The one reader of request bodies, in every shape that an embedder may pass them. It can be read once. */
export class RequestBody {
  private taken = false;
  private begun = false;

  constructor(
    private readonly source: unknown,
    private readonly options: IBodyOptions,
  ) {}

  /** False where there certainly is no body. */
  public get exists(): boolean {
    return this.source !== undefined && this.source !== null && this.options.contentLength !== '0';
  }

  /** What the embedder had parsed already (Express' `req.body`), else undefined. */
  public get parsed(): unknown {
    return isParsed(this.source) ? this.source : undefined;
  }

  /**
   * The decoded bytes as they arrive. Throws (at once or while it is read) `tooLarge` past `limit`, `timeout` when the
   * sender falls silent, `invalid` where fewer or more bytes come than Content-Length says.
   */
  public stream(options: { limit?: number } = {}): ReadableStream<Uint8Array> {
    return fromIterable(this.chunks(options));
  }

  /** The same without a stream around it, for who reads it in any case. */
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
    return limited(this.unpacked(this.received(new Counter(declared))), limit);
  }

  /** The whole body in memory. */
  public async bytes(options: { limit?: number } = {}): Promise<Buffer> {
    return gather(this.chunks({ limit: options.limit ?? this.options.defaultLimit }));
  }

  public async text(options: { limit?: number } = {}): Promise<string> {
    return (await this.bytes(options)).toString('utf8');
  }

  /** The parsed JSON body; `invalid` where it is not JSON. */
  public async json<T = unknown>(options: { limit?: number } = {}): Promise<T> {
    if (this.parsed !== undefined) return this.parsed as T;
    const text = await this.text(options);
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new RegistryError('invalid', 'The request body is not valid JSON', { cause });
    }
  }

  /** Frees a body that nobody read. */
  public dispose(): void {
    // also where somebody has a stream of it and never read from that
    if (!this.begun) abandonBody(this.source);
    this.taken = true;
    this.begun = true;
  }

  private declaredLength(): number | undefined {
    // a host that unpacked the body leaves both headers as they were
    if (this.options.contentLength === undefined || this.options.contentEncoding) return undefined;
    const length = Number(this.options.contentLength);
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new RegistryError('invalid', 'Content-Length is not a number of bytes');
    }
    return length;
  }

  /** The bytes as they come. One generator for all that is watched: each costs as much per chunk as hashing a few KiB. */
  private async *received(counter: Counter): AsyncGenerator<Uint8Array> {
    if (this.begun) throw new RegistryError('internal', 'The request body was read after the request was over');
    this.begun = true;
    const source = openBodySource(this.source);
    const { idleTimeoutMs, signal } = this.options;
    let waitingSince = 0;
    let failure: RegistryError | undefined;
    // a fresh promise for each chunk: racing against one long-lived promise would keep every chunk alive
    let reject: (error: RegistryError) => void = () => undefined;
    const giveUp = (error: RegistryError) => {
      failure ??= error;
      reject(failure);
    };
    const onAbort = () => giveUp(new RegistryError('timeout', 'The client went away', { cause: signal?.reason }));
    const onTick = () => {
      if (waitingSince === 0 || Date.now() - waitingSince <= idleTimeoutMs) return;
      giveUp(new RegistryError('timeout', `No byte of the request body came for ${idleTimeoutMs} ms`));
    };
    const timer = setInterval(onTick, Math.max(10, Math.min(idleTimeoutMs / 4, 5_000)));
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    let ended = false;
    try {
      for (;;) {
        if (failure) throw failure;
        waitingSince = Date.now();
        const { done, value } = await new Promise<IteratorResult<Uint8Array, unknown>>((resolve, refuse) => {
          reject = refuse;
          source.next().then(resolve, refuse);
        });
        waitingSince = 0;
        ended = done === true;
        if (ended) return counter.finish();
        const bytes = counter.take(value as Uint8Array | string);
        if (bytes.byteLength > 0) yield bytes;
      }
    } catch (error) {
      throw error instanceof RegistryError
        ? error
        : new RegistryError('invalid', 'The request body broke off', { cause: error });
    } finally {
      clearInterval(timer);
      signal?.removeEventListener('abort', onAbort);
      if (!ended) source.abandon();
    }
  }

  /** Unpacks `Content-Encoding: gzip`; a body that its host had unpacked already does not begin as gzip does. */
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
    try {
      for await (const chunk of gunzip) yield chunk as Uint8Array;
    } catch (error) {
      throw error instanceof RegistryError
        ? error
        : new RegistryError('invalid', 'The request body is not valid gzip', { cause: error });
    }
  }
}

/** Holds what arrives against what was announced and what is accepted. */
class Counter {
  private seen = 0;

  constructor(
    private readonly declared: number | undefined,
    private readonly limit = Number.POSITIVE_INFINITY,
  ) {}

  public take(chunk: Uint8Array | string): Uint8Array {
    // a stream of the embedder's may be one of text
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
