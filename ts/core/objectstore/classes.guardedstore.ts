import { knownBytes, streamOfBuffers } from '../base/helpers.streams.js';
import { RegistryError } from '../classes.registryerror.js';
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
} from './interfaces.objectstore.js';

const unavailable = (cause: unknown): RegistryError =>
  cause instanceof RegistryError ? cause : new RegistryError('unavailable', 'The storage cannot answer', { cause });

const inDoubt = (cause: unknown): RegistryError =>
  cause instanceof RegistryError
    ? cause
    : new RegistryError('outcomeUnknown', 'It is not known whether the storage did this', { cause });

/** Bytes that the body of a `get` must have. */
const lengthOf = ({ info, range }: IObject): number => (range ? range.end - range.start + 1 : info.size);

/**
 * The body, with an error if it breaks off or ends early: a document that is cut would read as a damaged one, and a short
 * artifact as an absent one.
 */
const guardedBody = (found: IObject, signal: AbortSignal | undefined): ReadableStream<Uint8Array> => {
  const length = lengthOf(found);
  if (knownBytes(found.body)?.byteLength === length) return found.body;
  const reader = found.body.getReader();
  let seen = 0;
  return streamOfBuffers({
    next: async () => {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw signal?.aborted ? cause : unavailable(cause);
      });
      if (!done) seen += value.byteLength;
      if (done ? seen < length : seen > length) {
        const cause = new Error(`${found.info.key}: ${seen} bytes instead of ${length}`);
        throw new RegistryError('unavailable', 'The storage sent another number of bytes than it announced', { cause });
      }
      return done ? null : value;
    },
    close: () => reader.cancel(),
  });
};

async function* guardedItems<T>(items: () => AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  try {
    yield* items();
  } catch (cause) {
    throw unavailable(cause);
  }
}

/**
 * A store of the application's own. It may throw anything: errors of an SDK or a file system, time-outs, aborts. All of
 * them say that the store failed, and none that the client did, so they become the errors of the contract: `unavailable`
 * for reads, `outcomeUnknown` for writes. If the caller's own signal aborted, its reason stays.
 */
export class GuardedStore implements IObjectStore {
  public readonly glance?: (key: string) => IObjectInfo | undefined;
  public readonly scan?: (options: IScanOptions) => AsyncIterable<IScannedKey>;
  public readonly sweep?: (olderThanMs: number) => Promise<number>;

  constructor(private readonly store: IObjectStore) {
    if (store.glance) this.glance = (key) => this.glanceAt(key);
    if (store.scan) this.scan = (options) => guardedItems(() => store.scan!(options));
    if (store.sweep) this.sweep = (olderThanMs) => this.read(() => store.sweep!(olderThanMs));
  }

  public get conditionalWrites(): boolean {
    return this.store.conditionalWrites;
  }

  public get conditionalJoins(): boolean | undefined {
    return this.store.conditionalJoins;
  }

  public async init(): Promise<void> {
    await this.store.init?.();
  }

  public async destroy(): Promise<void> {
    await this.store.destroy?.();
  }

  public async head(key: string): Promise<IObjectInfo | null> {
    return (await this.read(() => this.store.head(key))) ?? null;
  }

  public async get(key: string, options?: IGetOptions): Promise<IObject | 'notModified' | null> {
    const found = (await this.read(() => this.store.get(key, options), options?.signal)) ?? null;
    if (found === null || found === 'notModified') return found;
    return { ...found, body: guardedBody(found, options?.signal) };
  }

  public put(key: string, body: Uint8Array | ReadableStream<Uint8Array>, options?: IPutOptions) {
    return this.write(() => this.store.put(key, body, options), options?.signal);
  }

  public compose(target: string, parts: string[], options?: IComposeOptions) {
    return this.write(() => this.store.compose(target, parts, options), options?.signal);
  }

  public delete(key: string, options?: { ifMatch?: string; repeatable?: boolean }): Promise<void> {
    return this.write(() => this.store.delete(key, options));
  }

  public list(options: IListOptions): AsyncIterable<IObjectInfo | IObjectPrefix> {
    return guardedItems(() => this.store.list(options));
  }

  private glanceAt(key: string): IObjectInfo | undefined {
    try {
      return this.store.glance?.(key);
    } catch {
      // the `head` that follows reports the fault
      return undefined;
    }
  }

  private async read<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      throw signal?.aborted ? cause : unavailable(cause);
    }
  }

  private async write<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      throw signal?.aborted ? cause : inDoubt(cause);
    }
  }
}
