import * as plugins from '../../plugins.js';
import { forEachAtOnce } from '../base/helpers.concurrency.js';

import { streamToBuffer } from '../base/helpers.streams.js';
import type { RegistryStorage } from '../classes.registrystorage.js';
import { OutcomeUnknownError } from '../storage/documents/helpers.conditionalwrite.js';
import {
  DAMAGED,
  type IManifest,
  type IPiece,
  type ISegment,
  type IStoredManifest,
  manifestCodec,
  pieceIds,
} from './helpers.manifest.js';
import { type ICatalogEntry, isDamage, parseRows, serializeRows } from './helpers.rows.js';
import type { IListingKeys } from './keys.listing.js';

/**
 * Rows of one segment: few enough to be parsed, joined and written within a slice (about 300 KB, 3 ms each), many
 * enough that the manifest of 100,000 packages names 100 segments and not thousands.
 */
const SEGMENT_ROWS = 1000;
/** Objects that are deleted at the same time. */
const WIDTH = 16;

/** The stored base of a listing: its manifest and its pieces. It bypasses the document cache. */
export class ListingBase<TEntry> {
  constructor(
    private readonly storage: RegistryStorage,
    private readonly keys: IListingKeys,
  ) {}

  /** @param known the manifest that the caller has already */
  public async readManifest(known?: IStoredManifest): Promise<IStoredManifest | null> {
    try {
      const found = await this.storage.store.get(this.keys.manifest, { ifNoneMatch: known?.etag });
      if (found === 'notModified') return known ?? null;
      if (!found) return null;
      return { manifest: manifestCodec.parse(await streamToBuffer(found.body)), etag: found.info.etag };
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.storage.logger.error('The manifest of a package listing is damaged', {
        key: this.keys.manifest,
        error: String(error),
      });
      return { manifest: DAMAGED, etag: '' };
    }
  }

  /** Returns null if the piece is missing or damaged. */
  public async readPiece(id: string): Promise<ICatalogEntry<TEntry>[] | null> {
    const key = this.pieceKey(id);
    try {
      const found = await this.storage.store.get(key);
      if (!found || found === 'notModified') return null;
      return parseRows<TEntry>(await streamToBuffer(found.body));
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.storage.logger.error('A piece of a package listing is damaged', { key, error: String(error) });
      return null;
    }
  }

  /** The stored base in the format of 0.2.0; null if there is none. */
  public async readOld(): Promise<Uint8Array | null> {
    const found = await this.storage.store.get(this.keys.oldBase);
    return found && found !== 'notModified' ? streamToBuffer(found.body) : null;
  }

  public dropOld(): Promise<void> {
    return this.storage.store.delete(this.keys.oldBase);
  }

  /** Stores sorted rows as segments of equal size. */
  public async writeSegments(rows: readonly ICatalogEntry<TEntry>[]): Promise<ISegment[]> {
    const count = Math.max(1, Math.round(rows.length / SEGMENT_ROWS));
    const segments: ISegment[] = [];
    for (let part = 0; part < count; part++) {
      const own = rows.slice(Math.floor((part * rows.length) / count), Math.floor(((part + 1) * rows.length) / count));
      const [first] = own;
      if (first) segments.push({ ...(await this.writePiece(own)), first: first.name });
    }
    return segments;
  }

  public async writePiece(rows: readonly ICatalogEntry<TEntry>[]): Promise<IPiece> {
    const id = plugins.crypto.randomUUID();
    const { store } = this.storage;
    const ifNoneMatch = store.conditionalWrites ? ('*' as const) : undefined;
    const options = { contentType: 'application/json', immutable: true, ifNoneMatch };
    await store.put(this.pieceKey(id), serializeRows(rows), options);
    return { id, count: rows.length };
  }

  /**
   * Writes the manifest that `fn` returns, for which the pieces `written` were stored. The pieces are removed if
   * another replica was faster (then `fn` and this return undefined) or if the write certainly failed. If its outcome
   * is unknown they stay, because the manifest may name them.
   */
  public async update(
    written: readonly IPiece[],
    fn: (current: IManifest | null) => IManifest | undefined,
  ): Promise<IStoredManifest | undefined> {
    const ids = written.map(({ id }) => id);
    let made: IManifest | undefined;
    try {
      const options = { codec: manifestCodec };
      const { value, etag } = await this.storage.update<IManifest>(
        this.keys.manifest,
        (current) => {
          made = fn(current);
          return made;
        },
        options,
      );
      if (made && value && etag) return { manifest: value, etag };
    } catch (error) {
      if (!(error instanceof OutcomeUnknownError)) await this.drop(ids);
      throw error;
    }
    await this.drop(ids);
    return undefined;
  }

  /** Removes pieces that the manifest does not name any more. If a reader misses one, it reads the manifest again. */
  public async drop(ids: readonly string[]): Promise<void> {
    await forEachAtOnce(ids, WIDTH, (id) => this.storage.store.delete(this.pieceKey(id), { repeatable: true }));
  }

  /**
   * Removes pieces older than this that the manifest does not name: the remains of a process that ended half-way. If a
   * write of the manifest that names one still arrives later, the listing is found damaged and rebuilt.
   */
  public async sweep(olderThanMs: number): Promise<number> {
    const { storage, keys } = this;
    const before = storage.now().getTime() - olderThanMs;
    const old: string[] = [];
    for await (const item of storage.list({ prefix: keys.pieces })) {
      if ('key' in item && item.lastModified.getTime() <= before) old.push(item.key);
    }
    if (old.length === 0) return 0;
    const stored = await this.readManifest();
    // without a manifest it is not known which pieces are in use; it must be rebuilt first
    if (!stored) return 0;
    const named = new Set(pieceIds(stored.manifest).map((id) => this.pieceKey(id)));
    const orphans = old.filter((key) => !named.has(key));
    await forEachAtOnce(orphans, WIDTH, (key) => storage.store.delete(key, { repeatable: true }));
    return orphans.length;
  }

  private pieceKey(id: string): string {
    return `${this.keys.pieces}${id}.json`;
  }
}
