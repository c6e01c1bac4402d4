import * as plugins from '../../../plugins.js';
import { cacheOf } from '../../base/helpers.caches.js';
import { deepFreeze } from '../../base/helpers.codec.js';
import { streamToBuffer } from '../../base/helpers.streams.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { IGetOptions, IObject, IObjectInfo, IObjectStore } from '../../objectstore/interfaces.objectstore.js';
import type { ICodec, IStoredDocument, TPresence } from '../interfaces.storage.js';
import {
  headOf,
  type IDocumentState,
  isTombstone,
  NEVER_WRITTEN,
  type TDocumentHead,
} from './helpers.documentstate.js';

/** Keys for which the absence of a document is cached. */
const ABSENT = 1000;

/** Memory of a parsed document relative to its bytes, with the texts of its parts: a cautious guess for JSON. */
const PARSED_WEIGHT = 4;

type TPresent<T> = IDocumentState<T> & IStoredDocument<T>;

const parseDocument = <T>(key: string, bytes: Uint8Array, codec: ICodec<T>): T => {
  let value: T;
  try {
    value = codec.parse(bytes);
  } catch (cause) {
    throw new RegistryError('internal', `The stored document ${key} cannot be parsed`, { cause });
  }
  // a deleted document is a tombstone: taken for absent, this one would cost its package all artifacts in a sweep
  if (value === null || value === undefined) {
    throw new RegistryError('internal', `The stored document ${key} is empty`);
  }
  return value;
};

/** One version of a document. Its value is parsed when it is first needed, unless it is known already. */
class CachedDocument<T> {
  private bytes: Uint8Array | undefined;
  private state: TPresent<T> | undefined;
  public readonly weight: number;

  constructor(
    private readonly key: string,
    bytes: Uint8Array,
    private readonly head: TDocumentHead,
    public readonly codec: ICodec<T>,
    value?: T,
  ) {
    if (value !== undefined) this.state = this.stateOf(value, head);
    else this.bytes = bytes;
    this.weight = bytes.byteLength * PARSED_WEIGHT + key.length + 512;
  }

  public get etag(): string {
    return this.head.etag as string;
  }

  /** @param lastModified as the store reports it; for a write of this process, its own clock is used until then */
  public get(lastModified?: Date): TPresent<T> {
    this.state ??= this.stateOf(this.parse(), this.head);
    if (lastModified && lastModified.getTime() !== this.state.lastModified.getTime()) {
      this.state = this.stateOf(this.state.value, { ...this.head, lastModified });
    }
    return this.state;
  }

  private parse(): T {
    const value = parseDocument(this.key, this.bytes as Uint8Array, this.codec);
    this.bytes = undefined;
    return this.codec.immutableValues ? value : deepFreeze(value);
  }

  private stateOf(value: T, head: TDocumentHead): TPresent<T> {
    return Object.freeze({ ...head, value }) as TPresent<T>;
  }
}

interface IFlight {
  current: Promise<IObjectInfo | null>;
  next?: Promise<IObjectInfo | null>;
}

/** Documents by key, parsed once per ETag and bounded by bytes. Nothing is returned without asking the store. */
export class DocumentCache {
  private readonly cached: plugins.LRUCache<string, CachedDocument<unknown>>;
  /** keys without a document: no object, or a tombstone */
  private readonly absent = cacheOf<string, IDocumentState<never>>(ABSENT);
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

  /** The object that is stored under the key now; null for a tombstone. */
  public async head(key: string): Promise<IObjectInfo | null> {
    const info = await this.rawHead(key);
    return info && isTombstone(info) ? null : info;
  }

  /** Whether there is a document, there was one, or there never was one. */
  public async presence(key: string): Promise<TPresence> {
    const info = await this.rawHead(key);
    if (!info || !headOf(info).existed) return 'absent';
    return isTombstone(info) ? 'deleted' : 'present';
  }

  /** The object with its body; null for a tombstone. */
  public async open(key: string, options: IGetOptions): Promise<IObject | 'notModified' | null> {
    let found: IObject | 'notModified' | null;
    try {
      found = await this.store.get(key, options);
    } catch (error) {
      // the range may be outside a tombstone, which readers must not see
      if (RegistryError.is(error, 'rangeInvalid') && (await this.head(key)) === null) return null;
      throw error;
    }
    if (!found || found === 'notModified' || !isTombstone(found.info)) return found;
    await found.body.cancel();
    return null;
  }

  /**
   * Shared revalidation. Callers that come while a HEAD is under way wait for its end and then share a new one. A
   * caller's answer must begin after its question: otherwise it could miss a write that the caller knows of.
   */
  private rawHead(key: string): Promise<IObjectInfo | null> {
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

  /** The document, or null; a tombstone is null. */
  public async read<T>(key: string, codec: ICodec<T>): Promise<IStoredDocument<T> | null> {
    const state = await this.current(key, codec);
    return state.value === null ? null : (state as TPresent<T>);
  }

  /** The document as it is stored now; if it is absent, the state that its tombstone keeps. */
  public async current<T>(key: string, codec: ICodec<T>): Promise<IDocumentState<T>> {
    for (;;) {
      const info = await this.rawHead(key);
      if (!info || isTombstone(info)) return this.missed(key, info);
      const hit = this.lookUp(key, codec);
      if (hit?.etag === info.etag) return hit.get(info.lastModified);
      const load = this.loads.get(key);
      if (load?.etag !== info.etag || load.codec !== codec) return this.startLoad(key, info.etag, codec);
      const shared = (await load.loaded) as IDocumentState<T>;
      // another caller's load may have seen a version from before our HEAD
      if (shared.etag === info.etag) return shared;
    }
  }

  private async startLoad<T>(key: string, etag: string, codec: ICodec<T>): Promise<IDocumentState<T>> {
    const entry = { etag, codec, loaded: this.load(key, codec) };
    this.loads.set(key, entry);
    try {
      return await entry.loaded;
    } finally {
      if (this.loads.get(key) === entry) this.loads.delete(key);
    }
  }

  /** The document as it is stored now, in one operation. If it is cached, no body is sent. */
  public async load<T>(key: string, codec: ICodec<T>): Promise<IDocumentState<T>> {
    const hit = this.lookUp(key, codec);
    const found = await this.store.get(key, hit ? { ifNoneMatch: hit.etag } : {});
    if (found === 'notModified') return hit!.get();
    if (!found) return this.missed(key, null);
    const bytes = await streamToBuffer(found.body);
    if (isTombstone(found.info)) return this.missed(key, found.info);
    return this.keep(key, bytes, headOf(found.info), codec).get();
  }

  /**
   * The document as it is stored now, for work over all packages: it does not displace documents in use from the cache.
   */
  public async pass<T>(key: string, codec: ICodec<T>): Promise<T | null> {
    const hit = this.lookUp(key, codec);
    const found = await this.store.get(key, hit ? { ifNoneMatch: hit.etag } : {});
    if (found === 'notModified') return hit!.get().value;
    if (!found) return null;
    const bytes = await streamToBuffer(found.body);
    return isTombstone(found.info) ? null : parseDocument(key, bytes, codec);
  }

  /**
   * The state that this process saw last. It may be out of date: use it only for a write under the condition of its
   * ETag (or of absence). undefined: nothing is known.
   */
  public peek<T>(key: string, codec: ICodec<T>): IDocumentState<T> | undefined {
    return this.lookUp(key, codec)?.get() ?? this.absent.get(key);
  }

  /** @param value the deep-frozen value that `codec.parse` would return for the bytes, if known */
  public keep<T>(key: string, bytes: Uint8Array, head: TDocumentHead, codec: ICodec<T>, value?: T): CachedDocument<T> {
    const entry = new CachedDocument(key, bytes, head, codec, value);
    this.cached.set(key, entry as CachedDocument<unknown>);
    this.absent.delete(key);
    return entry;
  }

  /** Caches that there is no document; `head` is that of its tombstone. */
  public keepAbsent(key: string, head: TDocumentHead): IDocumentState<never> {
    const state = Object.freeze({ ...head, value: null });
    this.cached.delete(key);
    this.absent.set(key, state);
    return state;
  }

  private missed(key: string, tombstone: IObjectInfo | null): IDocumentState<never> {
    return this.keepAbsent(key, tombstone ? headOf(tombstone) : NEVER_WRITTEN);
  }

  private lookUp<T>(key: string, codec: ICodec<T>): CachedDocument<T> | undefined {
    const entry = this.cached.get(key) as CachedDocument<T> | undefined;
    return entry?.codec === codec ? entry : undefined;
  }
}
