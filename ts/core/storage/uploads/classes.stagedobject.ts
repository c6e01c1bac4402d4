import type { Hash } from 'node:crypto';
import * as plugins from '../../../plugins.js';
import { fromIterable, iterate, toReadableStream } from '../../base/helpers.streams.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { ILogger } from '../../interfaces.core.js';
import type { IObjectStore } from '../../objectstore/interfaces.objectstore.js';
import type { HookRunner } from '../hooks/classes.hookrunner.js';
import type { IStageOptions, IStorageOrigin } from '../interfaces.storage.js';

export const STAGING_PREFIX = 'staging/';

/** Smaller bodies are kept in memory: until they are published they cost the store nothing. */
const MEMORY_LIMIT = 256 * 1024;

/** Content that is about to be stored. */
export type TBody = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | Uint8Array;

/** The place of the bytes: in memory, or in the store, as one object or several consecutive ones. */
export type TStagedContent = { bytes: Uint8Array } | { keys: string[]; sizes?: number[]; etags?: string[] };

export const sweptAway = (cause?: unknown): RegistryError =>
  new RegistryError('unavailable', 'The upload took too long and was removed; please send it again', { cause });

/**
 * The content of objects, one after another. With `etags`: an object that has another ETag by now counts as missing.
 */
export async function* readAll(
  store: IObjectStore,
  { keys, etags }: { keys: string[]; etags?: string[] },
): AsyncGenerator<Uint8Array, void, undefined> {
  for (const [at, key] of keys.entries()) {
    const found = await store.get(key);
    if (!found || found === 'notModified') throw sweptAway();
    if (found.info.etag !== (etags?.[at] ?? found.info.etag)) {
      await found.body.cancel();
      throw sweptAway();
    }
    yield* iterate(found.body);
  }
}

/** A received body, hashed and counted, which is not visible until it is published. */
export class StagedObject {
  private content: TStagedContent | undefined;
  /** Calls `afterAbort` if `beforePut` allowed this upload to begin and it is not published. */
  public unused: (() => Promise<void>) | undefined;
  /** The key that `beforePut` was told when it allowed this upload to begin. */
  public announcedAs: string | undefined;

  /** @internal */
  constructor(
    private readonly store: IObjectStore,
    content: TStagedContent,
    /** bytes */
    public readonly size: number,
    /** algorithm -> hex */
    public readonly digests: Record<string, string>,
  ) {
    this.content = content;
  }

  /** The bytes again; it may be called any number of times until the object is published or discarded. */
  public async open(): Promise<ReadableStream<Uint8Array>> {
    const content = this.peek();
    return 'bytes' in content ? toReadableStream(content.bytes) : fromIterable(readAll(this.store, content));
  }

  /** Whether the bytes survive a failed attempt to place them. */
  public get isReplayable(): boolean {
    return this.content !== undefined && 'bytes' in this.content;
  }

  /**
   * For the write protocol. Throws if the bytes were spent.
   * @internal
   */
  public peek(): TStagedContent {
    if (!this.content) throw new RegistryError('internal', 'A staged object was used after it was spent');
    return this.content;
  }

  /**
   * Deletes the bytes; calling it twice does no harm.
   * @param _failure why they were not placed: a subclass may keep them for the next request
   */
  public async discard(_failure?: unknown): Promise<void> {
    const { content, unused } = this;
    this.content = undefined;
    this.unused = undefined;
    await unused?.();
    if (content && 'keys' in content)
      for (const key of content.keys) await this.store.delete(key, { repeatable: true });
  }
}

export interface IStageParts {
  store: IObjectStore;
  hooks: HookRunner;
  logger: ILogger;
  now: () => Date;
  maxArtifactSize: number;
}

/** Counts, hashes and limits the bytes that pass through. */
export class Meter {
  public size = 0;
  private readonly hashes: [name: string, hash: Hash][];

  constructor(
    private readonly limit: number,
    private readonly expected: number | undefined,
    names: string[],
  ) {
    this.hashes = [...new Set(names)].map((name) => [name, plugins.crypto.createHash(name)]);
    if (expected !== undefined && expected > limit) throw this.tooLarge();
  }

  public add(chunk: Uint8Array): void {
    this.size += chunk.byteLength;
    if (this.size > this.limit) throw this.tooLarge();
    if (this.expected !== undefined && this.size > this.expected) throw this.wrongSize();
    for (const [, hash] of this.hashes) hash.update(chunk);
  }

  public finish(): Record<string, string> {
    if (this.expected !== undefined && this.size !== this.expected) throw this.wrongSize();
    return Object.fromEntries(this.hashes.map(([name, hash]) => [name, hash.digest('hex')]));
  }

  private tooLarge(): RegistryError {
    return new RegistryError('tooLarge', `The body is larger than the ${this.limit} bytes that are allowed`);
  }

  private wrongSize(): RegistryError {
    return new RegistryError('invalid', `The body is not ${this.expected} bytes long as announced`);
  }
}

/** The body's chunks. Leaving the loop early, a failure, or the signal ends the source. */
async function* chunksOf(body: TBody, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  if (body instanceof Uint8Array) {
    yield body;
    return;
  }
  for await (const chunk of 'getReader' in body ? iterate(body) : body) {
    signal?.throwIfAborted();
    yield chunk;
  }
}

const refuse = async (body: TBody, error: unknown): Promise<never> => {
  // nobody will read it: its socket or file is released now, and a source that fails at that changes nothing
  if (!(body instanceof Uint8Array) && 'getReader' in body) await body.cancel(error).catch(() => {});
  throw error;
};

/** Whether a body of this many bytes (undefined: unknown) is announced to the hooks before it is read. */
export const isLarge = (size: number | undefined): boolean => size === undefined || size > MEMORY_LIMIT;

/** See `RegistryStorage.stage`. */
export const stageBody = async (
  parts: IStageParts,
  origin: IStorageOrigin,
  body: TBody,
  options: IStageOptions,
): Promise<StagedObject> => {
  const { size, about } = options;
  const inMemory = body instanceof Uint8Array;
  const announces = about !== undefined && !inMemory && isLarge(size);
  let meter: Meter;
  try {
    meter = new Meter(
      options.limit ?? parts.maxArtifactSize,
      size ?? (inMemory ? body.byteLength : undefined),
      options.hashes,
    );
    if (announces) await parts.hooks.announce(origin, about, size);
  } catch (error) {
    return refuse(body, error);
  }
  if (!announces) return receive(parts, origin, body, options, meter);
  const unused = () => parts.hooks.tellUnused(origin, about, size);
  try {
    const staged = await receive(parts, origin, body, options, meter);
    staged.unused = unused;
    staged.announcedAs = about.key;
    return staged;
  } catch (error) {
    await unused();
    throw error;
  }
};

const receive = async (
  parts: IStageParts,
  origin: IStorageOrigin,
  body: TBody,
  { size }: IStageOptions,
  meter: Meter,
): Promise<StagedObject> => {
  const inMemory = body instanceof Uint8Array;
  const chunks = chunksOf(body, origin.signal);
  const held: Uint8Array[] = [];
  try {
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
      meter.add(next.value);
      held.push(next.value);
      // not awaited: from here on the store reads the source and ends it
      if (!inMemory && meter.size > MEMORY_LIMIT) return stageInStore(parts, held, chunks, meter, size, origin.signal);
    }
  } catch (error) {
    await chunks.return();
    throw error;
  }
  const digests = meter.finish();
  const bytes = held.length === 1 ? held[0]! : Buffer.concat(held);
  return new StagedObject(parts.store, { bytes }, meter.size, digests);
};

const stageInStore = async (
  parts: IStageParts,
  held: Uint8Array[],
  chunks: AsyncGenerator<Uint8Array, void, undefined>,
  meter: Meter,
  size: number | undefined,
  signal: AbortSignal | undefined,
): Promise<StagedObject> => {
  const { store, logger, now } = parts;
  const key = `${STAGING_PREFIX}${now().toISOString().slice(0, 10)}/${plugins.crypto.randomUUID()}`;
  let digests: Record<string, string> | undefined;
  let failure: unknown;
  async function* all(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* held.splice(0);
      for await (const chunk of chunks) {
        meter.add(chunk);
        yield chunk;
      }
      digests = meter.finish();
    } catch (error) {
      failure = error;
      throw error;
    }
  }
  try {
    await store.put(key, fromIterable(all()), { size, signal, immutable: true, temporary: true });
  } catch (error) {
    // The source's own error is more useful than the store's.
    if (failure !== undefined) throw failure;
    // Not awaited: the source may be waiting for its client, and the answer must not wait for that.
    chunks.return().catch(() => logger.debug?.('A source failed when it was given up', { key }));
    await store.delete(key).catch((cause: unknown) => {
      logger.warn('A failed upload could not be removed; a sweep will remove it', { key, error: String(cause) });
    });
    throw error;
  }
  if (!digests) throw new RegistryError('internal', 'The store did not read the whole body');
  return new StagedObject(store, { keys: [key] }, meter.size, digests);
};
