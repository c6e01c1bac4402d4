import * as plugins from '../../plugins.js';
import { deepFreeze } from '../base/helpers.codec.js';
import { streamToBuffer } from '../base/helpers.streams.js';
import { RegistryError } from '../classes.registryerror.js';
import type { IObjectInfo, IObjectStore } from '../objectstore/interfaces.objectstore.js';
import type { ICodec, IStoredDocument } from './interfaces.storage.js';

/** Keys of which it is remembered that nothing was there. */
const ABSENT = 1000;

/** What a parsed document weighs in memory compared with its bytes: a cautious guess for JSON. */
const PARSED_WEIGHT = 3;

/** One version of a document: parsed when it is first asked for, so that a publisher need not parse what it wrote. */
class CachedDocument<T> {
  private bytes: Uint8Array | undefined;
  private document: IStoredDocument<T> | undefined;
  public readonly weight: number;

  constructor(
    private readonly key: string,
    bytes: Uint8Array,
    public readonly etag: string,
    public readonly codec: ICodec<T>,
    value?: T,
  ) {
    if (codec.keepsValues && value !== undefined) this.document = Object.freeze({ value, etag });
    else this.bytes = bytes;
    this.weight = bytes.byteLength * PARSED_WEIGHT + key.length + 512;
  }

  public get(): IStoredDocument<T> {
    if (!this.document) {
      try {
        const value = this.codec.parse(this.bytes!);
        this.document = Object.freeze({ value: this.codec.keepsValues ? value : deepFreeze(value), etag: this.etag });
      } catch (cause) {
        throw new RegistryError('internal', `The stored document ${this.key} cannot be parsed`, { cause });
      }
      this.bytes = undefined;
    }
    return this.document;
  }
}

/** A document with the metadata that its object carries. */
export interface ILoadedDocument<T> extends IStoredDocument<T> {
  metadata: Record<string, string>;
}

interface IFlight {
  current: Promise<IObjectInfo | null>;
  next?: Promise<IObjectInfo | null>;
}

/** Documents by key, parsed once per ETag, bounded by bytes, never believed without asking the store. */
export class DocumentCache {
  private readonly cached: plugins.LRUCache<string, CachedDocument<unknown>>;
  private readonly absent = new plugins.LRUCache<string, true>({ max: ABSENT });
  private readonly flights = new Map<string, IFlight>();
  private readonly loads = new Map<string, { etag: string; codec: unknown; loaded: Promise<unknown> }>();

  constructor(
    private readonly store: IObjectStore,
    maxBytes: number,
  ) {
    this.cached = new plugins.LRUCache<string, CachedDocument<unknown>>({
      maxSize: Math.max(1, Math.floor(maxBytes)),
      sizeCalculation: (entry) => entry.weight,
    });
  }

  /**
   * Collapsed revalidation. Whoever comes while a HEAD is under way waits for it to end and then shares a new one:
   * an answer given to a caller always began after the caller asked, or it could miss a write that the caller knows of.
   */
  public head(key: string): Promise<IObjectInfo | null> {
    const flight = this.flights.get(key);
    if (!flight) return this.startHead(key);
    const again = () => this.startHead(key);
    flight.next ??= flight.current.then(again, again);
    return flight.next;
  }

  private startHead(key: string): Promise<IObjectInfo | null> {
    const flight: IFlight = { current: this.store.head(key) };
    this.flights.set(key, flight);
    const ended = () => {
      if (!flight.next) this.flights.delete(key);
    };
    flight.current.then(ended, ended);
    return flight.current;
  }

  public async read<T>(key: string, codec: ICodec<T>): Promise<IStoredDocument<T> | null> {
    for (;;) {
      const info = await this.head(key);
      if (!info) return this.missed(key);
      const hit = this.lookUp(key, codec);
      if (hit?.etag === info.etag) return hit.get();
      const load = this.loads.get(key);
      if (load?.etag !== info.etag || load.codec !== codec) return this.startLoad(key, info.etag, codec);
      const shared = (await load.loaded) as IStoredDocument<T> | null;
      // a load that somebody else began may have seen a version from before our HEAD (written over, and back again)
      if (shared?.etag === info.etag) return shared;
    }
  }

  private async startLoad<T>(key: string, etag: string, codec: ICodec<T>): Promise<IStoredDocument<T> | null> {
    const entry = { etag, codec, loaded: this.load(key, codec) };
    this.loads.set(key, entry);
    try {
      return await entry.loaded;
    } finally {
      if (this.loads.get(key) === entry) this.loads.delete(key);
    }
  }

  /** The document as the store has it now, in one operation. Where it is cached no body is sent, and no metadata. */
  public async load<T>(key: string, codec: ICodec<T>): Promise<ILoadedDocument<T> | null> {
    const hit = this.lookUp(key, codec);
    const found = await this.store.get(key, hit ? { ifNoneMatch: hit.etag } : {});
    if (found === 'notModified') return { ...hit!.get(), metadata: {} };
    if (!found) return this.missed(key);
    const bytes = await streamToBuffer(found.body);
    const { etag, metadata = {} } = found.info;
    return { ...this.keep(key, bytes, etag, codec).get(), metadata };
  }

  /**
   * What this process saw last: possibly out of date, good for a write under the condition of its ETag, or that nothing
   * be there (null). undefined: nothing is known.
   */
  public peek<T>(key: string, codec: ICodec<T>): IStoredDocument<T> | null | undefined {
    return this.lookUp(key, codec)?.get() ?? (this.absent.has(key) ? null : undefined);
  }

  /** @param value what the bytes were made of, deep-frozen, where that is known */
  public keep<T>(key: string, bytes: Uint8Array, etag: string, codec: ICodec<T>, value?: T): CachedDocument<T> {
    const entry = new CachedDocument(key, bytes, etag, codec, value);
    this.cached.set(key, entry as CachedDocument<unknown>);
    this.absent.delete(key);
    return entry;
  }

  public forget(key: string): void {
    this.cached.delete(key);
    this.absent.delete(key);
  }

  private missed(key: string): null {
    this.cached.delete(key);
    this.absent.set(key, true);
    return null;
  }

  private lookUp<T>(key: string, codec: ICodec<T>): CachedDocument<T> | undefined {
    const entry = this.cached.get(key) as CachedDocument<T> | undefined;
    return entry?.codec === codec ? entry : undefined;
  }
}
