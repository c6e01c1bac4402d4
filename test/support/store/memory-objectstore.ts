import { createHash } from 'node:crypto';
import { streamToBuffer, toReadableStream } from '../../../ts/core/base/helpers.streams.js';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
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
    return [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  public async head(key: string): Promise<IObjectInfo | null> {
    await turn();
    return this.objects.get(key)?.info ?? null;
  }

  public async get(key: string, options: IGetOptions = {}): Promise<IObject | 'notModified' | null> {
    await turn();
    const held = this.objects.get(key);
    if (!held) return null;
    if (options.ifNoneMatch === held.info.etag) return 'notModified';
    if (!options.range) return { info: held.info, body: toReadableStream(held.bytes) };
    const range = boundsOf(options.range, held.bytes.byteLength);
    return { info: held.info, body: toReadableStream(held.bytes.subarray(range.start, range.end + 1)), range };
  }

  public async put(
    key: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options: IPutOptions = {},
  ): Promise<{ etag: string }> {
    await turn();
    const bytes = Buffer.from(body instanceof Uint8Array ? body : await streamToBuffer(body));
    if (options.size !== undefined && options.size !== bytes.byteLength) {
      throw new RegistryError('invalid', 'The body has another length than announced');
    }
    this.check(key, options);
    return this.set(key, bytes, options);
  }

  public async compose(target: string, parts: string[], options: IComposeOptions = {}): Promise<{ etag: string }> {
    await turn();
    if (options.ifNoneMatch && this.options.unsupportedCompose) throw new RegistryError('unsupported', 'not atomic');
    // before the parts are looked at, as by the drivers
    this.check(target, options);
    const held = parts.map((part) => this.objects.get(part));
    if (held.some((part, at) => part && part.info.etag !== (options.etags?.[at] ?? part.info.etag))) {
      throw new RegistryError('notFound', 'a part is another one');
    }
    if (held.includes(undefined)) throw new RegistryError('internal', 'a part is not there');
    const made = this.set(target, Buffer.concat(held.map((part) => part!.bytes)), options);
    // spent, as the contract allows: nobody may count on the parts afterwards
    for (const part of parts) this.objects.delete(part);
    return made;
  }

  public async delete(key: string, options: { ifMatch?: string } = {}): Promise<void> {
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
      if (key <= after || count >= limit || !info) continue;
      const cut = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
      if (cut < 0) {
        yield { ...info, metadata: undefined };
      } else {
        const folder = key.slice(0, cut + 1);
        if (folder === last) continue;
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

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
