import { createHash } from 'node:crypto';
import { toReadableStream } from '../../../ts/core/base/helpers.streams.js';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { compareKeys } from '../../../ts/core/objectstore/helpers.keys.js';
import type {
  IComposeOptions,
  IGetOptions,
  IListOptions,
  IObject,
  IObjectInfo,
  IObjectPrefix,
  IObjectStore,
  IPutOptions,
  TObjectRange,
} from '../../../ts/core/objectstore/interfaces.objectstore.js';
import { checkKey } from '../../../ts/core/objectstore/s3/connection/helpers.keys.js';

interface IHeld {
  info: IObjectInfo;
  bytes: Uint8Array;
}

export interface IMemoryObjectStoreOptions {
  /** false: a server that ignores conditions */
  conditionalWrites?: boolean;
  /** what the store takes as the time of a write */
  now?: () => Date;
  /** `compose` with a condition is refused, as by servers that cannot do it atomically */
  unsupportedCompose?: boolean;
}

const boundsOf = (range: TObjectRange, size: number): { start: number; end: number } => {
  const start = 'suffix' in range ? Math.max(0, size - range.suffix) : range.start;
  const end = 'suffix' in range ? size - 1 : Math.min(range.end ?? size - 1, size - 1);
  if (start >= size) throw new RegistryError('rangeInvalid', 'The range is outside the object', { detail: { size } });
  return { start, end };
};

/** A correct store in memory: ETags by content, conditions, key order. Every operation answers in a later turn. */
export class MemoryObjectStore implements IObjectStore {
  public readonly objects = new Map<string, IHeld>();
  public readonly conditionalWrites: boolean;

  constructor(private readonly options: IMemoryObjectStoreOptions = {}) {
    this.conditionalWrites = options.conditionalWrites ?? true;
  }

  public keys(prefix = ''): string[] {
    return [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort(compareKeys);
  }

  public async head(key: string): Promise<IObjectInfo | null> {
    checkKey(key);
    await turn();
    return this.objects.get(key)?.info ?? null;
  }

  public async get(key: string, options: IGetOptions = {}): Promise<IObject | 'notModified' | null> {
    checkKey(key);
    await turn();
    options.signal?.throwIfAborted();
    const held = this.objects.get(key);
    if (!held) return null;
    if (options.ifNoneMatch === held.info.etag) return 'notModified';
    if (!options.range) return { info: held.info, body: bodyOf(held.bytes, options) };
    const range = boundsOf(options.range, held.bytes.byteLength);
    return { info: held.info, body: bodyOf(held.bytes.subarray(range.start, range.end + 1), options), range };
  }

  public async put(
    key: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options: IPutOptions = {},
  ): Promise<{ etag: string }> {
    checkKey(key);
    await turn();
    if (options.signal?.aborted) {
      if (!(body instanceof Uint8Array)) await body.cancel(options.signal.reason);
      throw options.signal.reason;
    }
    const bytes = Buffer.from(body instanceof Uint8Array ? body : await collect(body, options));
    if (options.size !== undefined && options.size !== bytes.byteLength) throw otherLength();
    this.check(key, options);
    return this.set(key, bytes, options);
  }

  public async compose(target: string, parts: string[], options: IComposeOptions = {}): Promise<{ etag: string }> {
    for (const key of [target, ...parts]) checkKey(key);
    if (parts.length === 0) throw new RegistryError('invalid', 'There is nothing to join');
    await turn();
    options.signal?.throwIfAborted();
    if (options.ifNoneMatch && this.options.unsupportedCompose) throw new RegistryError('unsupported', 'not atomic');
    // before the parts are looked at, as by the drivers
    this.check(target, options);
    const held = parts.map((part) => this.objects.get(part));
    if (held.some((part, at) => part && part.info.etag !== (options.etags?.[at] ?? part.info.etag))) {
      throw new RegistryError('notFound', 'a part is another one');
    }
    if (held.includes(undefined)) throw new RegistryError('notFound', 'a part is not there');
    const made = this.set(target, Buffer.concat(held.map((part) => part!.bytes)), options);
    // spent, as the contract allows: nobody may count on the parts afterwards
    for (const part of parts) this.objects.delete(part);
    return made;
  }

  public async delete(key: string, options: { ifMatch?: string } = {}): Promise<void> {
    checkKey(key);
    await turn();
    this.check(key, options);
    this.objects.delete(key);
  }

  public async *list(options: IListOptions): AsyncIterable<IObjectInfo | IObjectPrefix> {
    await turn();
    const { prefix, after = '', delimiter, limit = Number.POSITIVE_INFINITY } = options;
    let count = 0;
    let last: string | undefined;
    for (const key of this.keys(prefix)) {
      const info = this.objects.get(key)?.info;
      if (compareKeys(key, after) <= 0 || count >= limit || !info) continue;
      const cut = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
      if (cut < 0) {
        yield { ...info, metadata: undefined };
      } else {
        const folder = key.slice(0, cut + (delimiter as string).length);
        if (folder === last || compareKeys(folder, after) <= 0) continue;
        last = folder;
        yield { prefix: folder };
      }
      count++;
    }
  }

  private check(key: string, { ifMatch, ifNoneMatch }: { ifMatch?: string; ifNoneMatch?: '*' }): void {
    if (!this.conditionalWrites) return;
    const etag = this.objects.get(key)?.info.etag;
    if ((ifNoneMatch && etag !== undefined) || (ifMatch !== undefined && etag !== ifMatch)) {
      throw new RegistryError('preconditionFailed', `The condition on ${key} does not hold`);
    }
  }

  private set(key: string, bytes: Buffer, options: IPutOptions): { etag: string } {
    const etag = createHash('md5').update(bytes).digest('hex');
    const { contentType, metadata } = options;
    const lastModified = this.options.now?.() ?? new Date();
    this.objects.set(key, { bytes, info: { key, size: bytes.byteLength, etag, lastModified, contentType, metadata } });
    return { etag };
  }
}

const CHUNK = 64 * 1024;

/** Piece by piece, so that an abort ends it as it ends the body of a driver. */
const bodyOf = (bytes: Uint8Array, { signal }: IGetOptions): ReadableStream<Uint8Array> => {
  if (!signal && bytes.byteLength <= CHUNK) return toReadableStream(bytes);
  let at = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        if (signal?.aborted) return controller.error(signal.reason);
        if (at < bytes.byteLength) controller.enqueue(bytes.slice(at, at + CHUNK));
        at += CHUNK;
        if (at >= bytes.byteLength) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
};

const otherLength = (): RegistryError => new RegistryError('invalid', 'The body has another length than announced');

/** Reads the source to its end; tells it to stop when it is too long or when the caller gives up. */
const collect = async (source: ReadableStream<Uint8Array>, { size, signal }: IPutOptions): Promise<Uint8Array> => {
  const reader = source.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const aborted = new Promise<never>((_, reject) => {
    const onAbort = () => reject(signal?.reason);
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
  });
  aborted.catch(() => {});
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), aborted]);
      if (done) return Buffer.concat(chunks);
      length += value.byteLength;
      if (size !== undefined && length > size) throw otherLength();
      chunks.push(value);
    }
  } catch (error) {
    reader.cancel(error).catch(() => {});
    throw error;
  }
};

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
