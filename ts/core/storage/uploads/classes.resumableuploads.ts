import type { Hash } from 'node:crypto';
import * as plugins from '../../../plugins.js';
import { cacheOf } from '../../base/helpers.caches.js';
import { fromIterable, iterate } from '../../base/helpers.streams.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { IObjectInfo, IObjectStore } from '../../objectstore/interfaces.objectstore.js';
import type { THashName } from '../interfaces.storage.js';
import { FinishedUpload, type IFinishedChunks } from './classes.finishedupload.js';
import { Meter, readAll, type StagedObject } from './classes.stagedobject.js';

/** The storage of the uploads. */
export interface IUploadStorage {
  readonly store: IObjectStore;
  readonly now: () => Date;
}

export interface IUploadOwner {
  /** the caller that may continue the upload; ASCII */
  owner: string;
}

export interface IAppendOptions extends IUploadOwner {
  /** the offset at which the caller expects the chunk; a gap or an overlap throws `rangeInvalid` */
  at?: number;
  /** bytes of the chunk, if known */
  size?: number;
  /** maximum bytes of the whole upload */
  limit: number;
}

/**
 * The chunks of an upload, as they are stored. When the upload is over, a chunk's key is free again, and a chunk that
 * was under way may then arrive there: the ETags distinguish it from the chunk that was hashed.
 */
interface IChunks extends IFinishedChunks {
  algorithm: THashName;
  /** hash of the ETags: identifies these chunks, if a store let two writers put one at the same offset */
  print: string;
}

type TUploadState = Omit<IChunks, 'keys' | 'sizes' | 'etags'>;

/** The hash of the content of these chunks. */
interface IHashState {
  owner: string;
  print: string;
  /** bytes */
  size: number;
  algorithm: THashName;
  hash: Hash;
}

const printOf = (before: string, etag: string): string =>
  plugins.crypto.createHash('sha256').update(`${before} ${etag}`).digest('base64url');

/** Uploads whose hash state is kept in memory; the others are read again when they are finished. */
const REMEMBERED = 1000;
const DELETES_AT_ONCE = 16;

/**
 * Uploads that arrive in several requests, to any process, and survive the end of each process:
 *
 *     {prefix}/{id}.start             the owner, and the algorithm of the expected digest
 *     {prefix}/{id}.{offset}          a chunk; the offset in bytes as 16 hex digits
 *
 * There is no document to be updated: a chunk is put if there is none at its offset, so of two writers one wins, and a
 * chunk that breaks off is not stored. The bytes are hashed as they pass; if another process received earlier ones, the
 * chunks are read once more at the end.
 */
export class ResumableUploads {
  private readonly hashes = cacheOf<string, IHashState>(REMEMBERED);

  constructor(
    private readonly storage: IUploadStorage,
    private readonly prefix: string,
  ) {}

  /** Returns the id, a UUID. */
  public async begin({ owner, algorithm = 'sha256' }: IUploadOwner & { algorithm?: THashName }): Promise<string> {
    const id = plugins.crypto.randomUUID();
    const metadata = { owner, algorithm };
    await this.storage.store.put(this.startKey(id), new Uint8Array(), {
      metadata,
      // the id is unique; the condition saves the driver a look at the key
      ifNoneMatch: this.storage.store.conditionalWrites ? '*' : undefined,
      immutable: true,
      temporary: true,
      shareable: true,
    });
    this.hashes.set(id, { owner, print: '', size: 0, algorithm, hash: plugins.crypto.createHash(algorithm) });
    return id;
  }

  /**
   * Whether this process began the upload and has received nothing since, so that most likely no process has: then a
   * whole body may be received without asking the store.
   */
  public isFresh(id: string, { owner }: IUploadOwner): boolean {
    const known = this.hashes.peek(id);
    return known?.owner === owner && known.size === 0;
  }

  /** Bytes received so far. Throws `notFound` if there is no such upload of this owner. */
  public async size(id: string, { owner }: IUploadOwner): Promise<number> {
    return (await this.chunks(id, owner)).size;
  }

  /** Receives the next chunk. Returns the number of bytes received so far. */
  public async append(id: string, body: ReadableStream<Uint8Array>, options: IAppendOptions): Promise<number> {
    const { owner, at, size, limit } = options;
    let begun = false;
    let failure: unknown;
    try {
      const before = await this.before(id, owner, at);
      if (at !== undefined && at !== before.size) throw wrongOffset(before.size);
      const meter = new Meter(limit - before.size, size, []);
      const state = this.takeHash(id, owner, before);
      async function* metered(): AsyncGenerator<Uint8Array, void, undefined> {
        begun = true;
        try {
          for await (const chunk of iterate(body)) {
            meter.add(chunk);
            state?.hash.update(chunk);
            yield chunk;
          }
          meter.finish();
        } catch (error) {
          failure = error;
          throw error;
        }
      }
      const chunks = metered();
      let first = await chunks.next();
      while (!first.done && first.value.byteLength === 0) first = await chunks.next();
      // an empty object would have to be deleted again, and a late delete might remove another writer's chunk
      if (first.done) return before.size;
      const key = this.chunkKey(id, before.size);
      const all = fromIterable(withFirst(first.value, chunks));
      const { etag } = await this.put(key, all, size, before.size).catch((error: unknown) => {
        // not awaited: the source may be waiting for its client
        void chunks.return().catch(() => undefined);
        // throws the body's own error, not the driver's
        throw RegistryError.is(error, 'rangeInvalid') ? error : (failure ?? error);
      });
      if (state) this.hashes.set(id, { ...state, size: before.size + meter.size, print: printOf(before.print, etag) });
      return before.size + meter.size;
    } catch (error) {
      if (!RegistryError.is(error, 'rangeInvalid')) throw error;
      // another writer was first: the upload now continues elsewhere. The hash state stays, because its print
      // identifies its chunks: if a client only guessed wrong, not everything must be read again
      throw wrongOffset((await this.chunks(id, owner)).size);
    } finally {
      // nobody will read it: its socket is released now, and a source that fails at that changes nothing
      if (!begun) await body.cancel().catch(() => undefined);
    }
  }

  /**
   * The whole upload, ready to be placed, after its digest was verified. `discard` ends the upload, unless it gets a
   * failure after which the client may finish it again and the chunks are unchanged. A wrong digest throws
   * `digestMismatch` and leaves the upload unchanged.
   */
  public async assemble(
    id: string,
    { owner, algorithm, hex }: IUploadOwner & { algorithm: THashName; hex: string },
  ): Promise<StagedObject> {
    const chunks = await this.chunks(id, owner);
    const found = await this.digest(id, owner, chunks, algorithm);
    if (found !== hex) {
      const message = `The content has the digest ${algorithm}:${found}, not ${algorithm}:${hex}`;
      throw new RegistryError('digestMismatch', message);
    }
    return new FinishedUpload(this.storage.store, chunks, { [algorithm]: hex }, async (mayBeRepeated) => {
      if (mayBeRepeated && (await this.isUnchanged(id, owner, chunks))) return;
      await this.remove(id, chunks.keys);
    });
  }

  /**
   * Whether the upload already has this digest, including the chunk that a client now sends as the last one: an earlier
   * attempt to finish it failed after that chunk was stored.
   * @param last bytes of that chunk, if known
   */
  public async isComplete(
    id: string,
    { owner, algorithm, hex, last }: IUploadOwner & { algorithm: THashName; hex: string; last: number | undefined },
  ): Promise<boolean> {
    const chunks = await this.chunks(id, owner);
    if (chunks.size === 0 || (last !== undefined && chunks.sizes.at(-1) !== last)) return false;
    return (await this.digest(id, owner, chunks, algorithm)) === hex;
  }

  /**
   * Deletes the upload; it need not exist.
   * @param known the keys of its chunks, if the caller has just seen them. If there are more, a sweep removes them
   */
  public async remove(id: string, known?: string[]): Promise<void> {
    this.hashes.delete(id);
    const { store } = this.storage;
    // the start first: without it, the upload cannot be continued
    await store.delete(this.startKey(id), { repeatable: true });
    const keys = known ?? [];
    if (!known) {
      for await (const item of store.list({ prefix: `${this.prefix}/${id}.` })) if ('key' in item) keys.push(item.key);
    }
    for (let at = 0; at < keys.length; at += DELETES_AT_ONCE) {
      const some = keys.slice(at, at + DELETES_AT_ONCE);
      await Promise.all(some.map((key) => store.delete(key, { repeatable: true })));
    }
  }

  /** Removes uploads to which nothing was added for `olderThanMs`. Returns their number. */
  public async sweep(olderThanMs: number): Promise<number> {
    const before = this.storage.now().getTime() - olderThanMs;
    const newest = new Map<string, number>();
    for await (const item of this.storage.store.list({ prefix: `${this.prefix}/` })) {
      if (!('key' in item)) continue;
      const id = item.key.slice(this.prefix.length + 1, item.key.lastIndexOf('.'));
      newest.set(id, Math.max(newest.get(id) ?? 0, item.lastModified.getTime()));
    }
    let count = 0;
    for (const [id, time] of newest) {
      if (time > before) continue;
      await this.remove(id);
      count++;
    }
    return count;
  }

  /**
   * Whether the chunks are unchanged. Also true if the store cannot be asked: then the upload stays until it expires.
   */
  private async isUnchanged(id: string, owner: string, { size, print }: IChunks): Promise<boolean> {
    try {
      const now = await this.chunks(id, owner);
      return now.size === size && now.print === print;
    } catch (error) {
      return !RegistryError.is(error, 'notFound');
    }
  }

  private startKey(id: string): string {
    return `${this.prefix}/${id}.start`;
  }

  private chunkKey(id: string, offset: number): string {
    return `${this.prefix}/${id}.${offset.toString(16).padStart(16, '0')}`;
  }

  /**
   * The state before the next chunk. A client that continues where this process stopped need not wait for a listing: if
   * another writer has put a chunk there, ours will be refused.
   */
  private async before(id: string, owner: string, at: number | undefined): Promise<TUploadState> {
    const known = this.hashes.peek(id);
    if (at === undefined || known?.size !== at || !this.isConditional) return this.chunks(id, owner);
    const { algorithm } = await this.start(id, owner);
    return { size: known.size, print: known.print, algorithm };
  }

  /** Throws `notFound` if there is no such upload of this owner. */
  private async start(id: string, owner: string): Promise<{ algorithm: THashName }> {
    const start = /^[0-9a-f-]{36}$/.test(id) ? await this.storage.store.head(this.startKey(id)) : null;
    if (start?.metadata?.owner !== owner) throw new RegistryError('notFound', 'There is no such upload');
    return { algorithm: start.metadata.algorithm as THashName };
  }

  private async chunks(id: string, owner: string): Promise<IChunks> {
    if (!/^[0-9a-f-]{36}$/.test(id)) throw new RegistryError('notFound', 'There is no such upload');
    const [{ algorithm }, chunks] = await Promise.all([this.start(id, owner), this.listed(id)]);
    return { ...chunks, algorithm };
  }

  private async listed(id: string): Promise<Omit<IChunks, 'algorithm'>> {
    const { store } = this.storage;
    const keys: string[] = [];
    const sizes: number[] = [];
    const etags: string[] = [];
    let size = 0;
    let print = '';
    for await (const item of store.list({ prefix: `${this.prefix}/${id}.` })) {
      // digits come before `start`, and each chunk begins where those before it end
      if (!('key' in item) || item.key !== this.chunkKey(id, size)) break;
      const { key, etag, size: bytes } = item as IObjectInfo;
      if (bytes === 0) {
        // an older release's chunk whose writer meant to delete it and may have died before; no other writer could
        // write there
        await store.delete(key, { repeatable: true });
        break;
      }
      keys.push(key);
      sizes.push(bytes);
      etags.push(etag);
      size += bytes;
      print = printOf(print, etag);
    }
    return { keys, sizes, etags, size, print };
  }

  private get isConditional(): boolean {
    const { store } = this.storage;
    return store.conditionalJoins ?? store.conditionalWrites;
  }

  /** A copy of the running hash, if this process has seen every byte. */
  private takeHash(id: string, owner: string, { size, print, algorithm }: TUploadState): IHashState | undefined {
    const known = this.hashes.get(id);
    if (known?.print === print && known.algorithm === algorithm) return { ...known, hash: known.hash.copy() };
    return size === 0 ? { owner, print, size, algorithm, hash: plugins.crypto.createHash(algorithm) } : undefined;
  }

  private async digest(id: string, owner: string, chunks: IChunks, algorithm: THashName): Promise<string> {
    const known = chunks.algorithm === algorithm ? this.takeHash(id, owner, chunks) : undefined;
    if (known) return known.hash.digest('hex');
    const hash = plugins.crypto.createHash(algorithm);
    for await (const chunk of readAll(this.storage.store, chunks)) hash.update(chunk);
    return hash.digest('hex');
  }

  private async put(
    key: string,
    body: ReadableStream<Uint8Array>,
    size: number | undefined,
    at: number,
  ): Promise<{ etag: string }> {
    const { store } = this.storage;
    const conditional = this.isConditional;
    if (!conditional && (await store.head(key))) throw wrongOffset(at);
    const ifNoneMatch = conditional ? ('*' as const) : undefined;
    try {
      return await store.put(key, body, { size, ifNoneMatch, immutable: true, temporary: true });
    } catch (error) {
      if (RegistryError.is(error, 'preconditionFailed')) throw wrongOffset(at);
      throw error;
    }
  }
}

async function* withFirst(
  first: Uint8Array,
  rest: AsyncGenerator<Uint8Array, void, undefined>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield first;
  yield* rest;
}

/** The error for a chunk that begins at the wrong offset. */
export const wrongOffset = (size: number): RegistryError =>
  new RegistryError('rangeInvalid', `The upload continues at byte ${size}`, { detail: { size } });
