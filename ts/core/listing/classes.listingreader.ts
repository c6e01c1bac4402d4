import { forEachAtOnce } from '../base/helpers.concurrency.js';
import { Slices } from '../base/helpers.slices.js';
import { streamToBuffer } from '../base/helpers.streams.js';
import type { RegistryStorage } from '../classes.registrystorage.js';
import type { ListingBase } from './classes.listingbase.js';
import type { ListingView } from './classes.listingview.js';
import { DAMAGED, type IStoredManifest, pieceIds } from './helpers.manifest.js';
import { type ICatalogEntry, isDamage, parseEntries, parseRowsInSlices } from './helpers.rows.js';
import { type IListingKeys, isGatheredKey, parseEntryKey } from './keys.listing.js';

/** Objects that are read at the same time. */
const WIDTH = 16;
/** Pieces that are read at the same time, each some 300 KB. */
const PIECES_WIDTH = 4;
/** Times that folds of other replicas may overtake one read of the base before it counts as damaged. */
const TRIES = 8;

/**
 * The result of a read:
 *
 * - `current`: the view is complete
 * - `replaced`: the base was rebuilt, so the view must be read anew
 * - `damaged`: the base, a piece of it or an entry is lost: the view has the remaining rows
 */
export type TReadOutcome = 'current' | 'replaced' | 'damaged';

/** Brings a view up to date with the store. */
export class ListingReader<TEntry> {
  constructor(
    private readonly storage: RegistryStorage,
    private readonly base: ListingBase<TEntry>,
    private readonly keys: IListingKeys,
  ) {}

  /** Entries are listed before the manifest is read: an entry that is moved into the base meanwhile is found there. */
  public async read(view: ListingView<TEntry>): Promise<TReadOutcome> {
    const wasComplete = view.isComplete;
    const areWhole = await this.readEntries(view);
    const outcome = await this.readBase(view);
    if (areWhole || outcome !== 'current') return outcome;
    // only the documents have the content of the lost entry; a new base replaces all entries that were listed
    view.lost = view.base ?? null;
    view.isComplete = wasComplete;
    return 'damaged';
  }

  /** Returns whether all entries could be read. */
  private async readEntries(view: ListingView<TEntry>): Promise<boolean> {
    const { store } = this.storage;
    const singles: string[] = [];
    const gathered: string[] = [];
    const newer = new Map<string, { key: string; revision: number }>();
    const slices = new Slices();
    for await (const item of store.list({ prefix: this.keys.entries })) {
      if (!('key' in item)) continue;
      if (slices.due) await slices.rest();
      if (isGatheredKey(item.key)) gathered.push(item.key);
      const parsed = parseEntryKey(item.key);
      if (!parsed) continue;
      singles.push(item.key);
      const { segment, revision } = parsed;
      const best = Math.max(newer.get(segment)?.revision ?? -1, view.revisionOf(segment));
      if (revision > best) newer.set(segment, { key: item.key, revision });
    }
    let areWhole = true;
    await forEachAtOnce(newer.values(), WIDTH, async ({ key }) => {
      const entries = await this.readEntry(key);
      if (entries === 'damaged') areWhole = false;
      else for (const entry of entries ?? []) view.absorb(entry, 'entry');
    });
    areWhole = (await this.readGathered(view, gathered)) && areWhole;
    view.entryKeys = [...singles, ...gathered];
    return areWhole;
  }

  private async readGathered(view: ListingView<TEntry>, keys: string[]): Promise<boolean> {
    const sizes = new Map<string, number>();
    let areWhole = true;
    await forEachAtOnce(keys, WIDTH, async (key) => {
      let size = view.gathered.get(key);
      if (size === undefined) {
        const entries = await this.readEntry(key);
        if (entries === 'damaged') areWhole = false;
        if (!entries || entries === 'damaged') return;
        for (const entry of entries) view.absorb(entry, 'entry');
        size = entries.length;
      }
      sizes.set(key, size);
    });
    view.gathered = sizes;
    return areWhole;
  }

  /** Returns null if the entry was moved into the base since it was listed. */
  private async readEntry(key: string): Promise<ICatalogEntry<TEntry>[] | 'damaged' | null> {
    try {
      const found = await this.storage.store.get(key);
      if (!found || found === 'notModified') return null;
      return parseEntries<TEntry>(await streamToBuffer(found.body));
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.storage.logger.error('An entry of a package listing is damaged', { key, error: String(error) });
      return 'damaged';
    }
  }

  private async readBase(view: ListingView<TEntry>): Promise<TReadOutcome> {
    let missed: IStoredManifest | undefined;
    for (let tries = 0; tries < TRIES; tries++) {
      const stored = await this.base.readManifest(view.base);
      if (!stored) return this.readOldBase(view);
      if (stored === view.base) return 'current';
      view.lost = stored;
      if (stored.manifest === DAMAGED || stored.etag === missed?.etag) return 'damaged';
      if (view.base && view.base.manifest.generation !== stored.manifest.generation) return 'replaced';
      if (await this.readPieces(view, stored)) return 'current';
      // another replica has replaced the piece, and there is another manifest by now; or the piece is lost
      missed = stored;
    }
    return 'damaged';
  }

  private async readPieces(view: ListingView<TEntry>, stored: IStoredManifest): Promise<boolean> {
    const slices = new Slices();
    let missing = false;
    const read = async (id: string, source: 'batch' | 'segment'): Promise<void> => {
      if (missing || view.pieces.has(id)) return;
      const rows = await this.base.readPiece(id);
      if (!rows) {
        missing = true;
        return;
      }
      for (const row of rows) {
        view.absorb(row, source);
        if (slices.due) await slices.rest();
      }
      view.pieces.add(id);
    };
    const { segments, batches } = stored.manifest;
    await forEachAtOnce(segments, PIECES_WIDTH, ({ id }) => read(id, 'segment'));
    await forEachAtOnce(batches, PIECES_WIDTH, ({ id }) => read(id, 'batch'));
    if (missing) return false;
    view.pieces = new Set(pieceIds(stored.manifest));
    view.base = stored;
    view.isComplete = true;
    return true;
  }

  /**
   * Called if there is no manifest. A store of 0.2.0 has another base; a store without either is new, or has lost them.
   */
  private async readOldBase(view: ListingView<TEntry>): Promise<TReadOutcome> {
    // the store was empty when everything was first read: it was new
    if (view.isComplete && !view.base) return 'current';
    const old = view.base ? null : await this.base.readOld();
    view.lost = null;
    if (!old) return 'damaged';
    try {
      for await (const row of parseRowsInSlices<TEntry>(old)) view.absorb(row, 'entry');
    } catch (error) {
      this.storage.logger.error('The base of a package listing is damaged', {
        key: this.keys.oldBase,
        error: String(error),
      });
      return 'damaged';
    }
    view.isComplete = true;
    return 'current';
  }
}
