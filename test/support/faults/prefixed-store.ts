import type {
  IComposeOptions,
  IGetOptions,
  IListOptions,
  IObject,
  IObjectInfo,
  IObjectPrefix,
  IObjectStore,
  IPutOptions,
  IScannedKey,
  IScanOptions,
} from '../../../ts/core/objectstore/interfaces.objectstore.js';

/** A part of another store, as if it were a store of its own: opening a bucket for each case would take longer. */
export class PrefixedStore implements IObjectStore {
  public readonly scan: IObjectStore['scan'];

  constructor(
    private readonly inner: IObjectStore,
    private readonly prefix: string,
  ) {
    if (inner.scan) this.scan = (options) => this.scanned(options);
  }

  public get conditionalWrites(): boolean {
    return this.inner.conditionalWrites;
  }

  public get conditionalJoins(): boolean {
    return this.inner.conditionalJoins ?? this.inner.conditionalWrites;
  }

  public async head(key: string): Promise<IObjectInfo | null> {
    const info = await this.inner.head(this.prefix + key);
    return info && this.own(info);
  }

  public async get(key: string, options?: IGetOptions): Promise<IObject | 'notModified' | null> {
    const found = await this.inner.get(this.prefix + key, options);
    return found && found !== 'notModified' ? { ...found, info: this.own(found.info) } : found;
  }

  public put(
    key: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options?: IPutOptions,
  ): Promise<{ etag: string }> {
    return this.inner.put(this.prefix + key, body, options);
  }

  public compose(target: string, parts: string[], options?: IComposeOptions): Promise<{ etag: string }> {
    return this.inner.compose(
      this.prefix + target,
      parts.map((part) => this.prefix + part),
      options,
    );
  }

  public delete(key: string, options?: { ifMatch?: string }): Promise<void> {
    return this.inner.delete(this.prefix + key, options);
  }

  public async *list(options: IListOptions): AsyncIterable<IObjectInfo | IObjectPrefix> {
    const { prefix, after } = options;
    const all = {
      ...options,
      prefix: this.prefix + prefix,
      ...(after !== undefined && { after: this.prefix + after }),
    };
    for await (const item of this.inner.list(all)) {
      yield 'key' in item ? this.own(item) : { prefix: item.prefix.slice(this.prefix.length) };
    }
  }

  private async *scanned({ prefix, versionOf, timeOf }: IScanOptions): AsyncIterable<IScannedKey> {
    const own = (key: string): string => key.slice(this.prefix.length);
    const all: IScanOptions = {
      prefix: this.prefix + prefix,
      versionOf: (key) => versionOf?.(own(key)) ?? false,
      timeOf: (key) => timeOf?.(own(key)) ?? false,
    };
    for await (const item of (this.inner as Required<IObjectStore>).scan(all)) yield this.own(item);
  }

  private own<T extends { key: string }>(info: T): T {
    return { ...info, key: info.key.slice(this.prefix.length) };
  }
}
