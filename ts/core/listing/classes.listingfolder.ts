import * as plugins from '../../plugins.js';
import { forEachAtOnce } from '../base/helpers.concurrency.js';
import { sortInSlices } from '../base/helpers.slices.js';
import type { RegistryStorage } from '../classes.registrystorage.js';
import type { ListingBase } from './classes.listingbase.js';
import type { ListingView } from './classes.listingview.js';
import {
  applyChange,
  DAMAGED,
  type IManifestChange,
  type ISegment,
  type IStoredManifest,
  pieceIds,
  segmentOf,
} from './helpers.manifest.js';
import { byName, type ICatalogEntry, joinRows } from './helpers.rows.js';

/** Objects that are deleted at the same time. */
const WIDTH = 16;
/** Segments that are rewritten at the same time: one is read from the store while another is parsed. */
const SEGMENTS_WIDTH = 4;

/**
 * Moves entries into the base, so that readers need not list them. Replaced objects are deleted only after a manifest
 * that covers them is stored. Several replicas may do this at once: one of them wins, and the others delete what they
 * wrote.
 */
export class ListingFolder<TEntry> {
  constructor(
    private readonly storage: RegistryStorage,
    private readonly base: ListingBase<TEntry>,
  ) {}

  /** Moves entries into one batch: cheap, whatever the number of packages. The view must be current and have a base. */
  public async gather(view: ListingView<TEntry>): Promise<void> {
    const { entryKeys, base } = view;
    if (!base) return;
    const rows = await this.unfolded(view, (where) => where === 'entry');
    if (rows.length > 0) {
      const piece = await this.base.writePiece(rows);
      const { generation } = base.manifest;
      const change: IManifestChange = { generation, dropped: [], segments: [], batches: [piece] };
      if (!(await this.replace(view, change))) return;
      view.stored(rows, 'batch');
    }
    await this.deleteEntries(entryKeys);
  }

  /**
   * Moves entries and batches into their segments. Returns false if a segment is lost or damaged. The view must be
   * current and have a base.
   */
  public async fold(view: ListingView<TEntry>): Promise<boolean> {
    const { entryKeys, base } = view;
    if (!base) return true;
    const { generation, segments, batches } = base.manifest;
    const rows = await this.unfolded(view, () => true);
    if (rows.length > 0 || batches.length > 0) {
      const replaced = await this.rewrite(segments, rows);
      if (!replaced) {
        view.lost = base;
        return false;
      }
      const dropped = [...replaced.dropped, ...batches.map(({ id }) => id)];
      const change: IManifestChange = { generation, dropped, segments: replaced.written, batches: [] };
      if (!(await this.replace(view, change))) return true;
      view.stored(rows, 'segment');
      await this.base.drop(dropped);
    }
    await this.deleteEntries(entryKeys);
    return true;
  }

  /**
   * Writes all rows of the view as a new base, in place of `lost` (a damaged base, or none). It is written only if the
   * base is still that one.
   */
  public async writeAnew(view: ListingView<TEntry>, lost: IStoredManifest | null): Promise<void> {
    const { entryKeys } = view;
    const rows = await sortInSlices([...view.all()], byName);
    if (rows.length === 0) return;
    const segments = await this.base.writeSegments(rows);
    const made = { generation: plugins.crypto.randomUUID(), segments, batches: [] };
    const isLost = (ids: string): boolean => ids === pieceIds(lost?.manifest ?? DAMAGED).join();
    const stored = await this.base.update(segments, (current) =>
      current === null || isLost(pieceIds(current).join()) ? made : undefined,
    );
    if (!stored) return;
    view.pieces = new Set(pieceIds(made));
    view.base = stored;
    view.stored(rows, 'segment');
    await this.base.drop(lost ? pieceIds(lost.manifest) : []);
    await this.base.dropOld();
    await this.deleteEntries(entryKeys);
  }

  public async deleteEntries(keys: readonly string[]): Promise<void> {
    // if a loss of power brings one back, the next fold deletes it
    await forEachAtOnce(keys, WIDTH, (key) => this.storage.store.delete(key, { repeatable: true }));
  }

  private unfolded(view: ListingView<TEntry>, counts: (where: string) => boolean): Promise<ICatalogEntry<TEntry>[]> {
    const rows: ICatalogEntry<TEntry>[] = [];
    for (const [name, where] of view.unfolded) {
      const row = view.row(name);
      if (row && counts(where)) rows.push(row);
    }
    return sortInSlices(rows, byName);
  }

  /** Rewrites the segments of these rows. Returns null if one of them cannot be read. */
  private async rewrite(
    segments: readonly ISegment[],
    rows: readonly ICatalogEntry<TEntry>[],
  ): Promise<{ dropped: string[]; written: ISegment[] } | null> {
    const groups = new Map<number, ICatalogEntry<TEntry>[]>();
    for (const row of rows) {
      const index = segmentOf(segments, row.name);
      const group = groups.get(index);
      if (group) group.push(row);
      else groups.set(index, [row]);
    }
    const dropped: string[] = [];
    const written: ISegment[] = [];
    let isLost = false;
    await forEachAtOnce(groups, SEGMENTS_WIDTH, async ([index, group]) => {
      if (isLost) return;
      const old = segments[index];
      const before = old ? await this.base.readPiece(old.id) : [];
      if (!before) {
        isLost = true;
        return;
      }
      written.push(...(await this.base.writeSegments(joinRows(before, group))));
      if (old) dropped.push(old.id);
    });
    if (!isLost) return { dropped, written };
    await this.base.drop(written.map(({ id }) => id));
    return null;
  }

  /** Returns false if another replica has replaced the same pieces: then its manifest is read next. */
  private async replace(view: ListingView<TEntry>, change: IManifestChange): Promise<boolean> {
    const written = [...change.segments, ...change.batches];
    const stored = await this.base.update(written, (current) =>
      current === null ? undefined : applyChange(current, change),
    );
    if (!stored) return false;
    for (const { id } of written) view.pieces.add(id);
    // changes of other replicas must be read first
    if (pieceIds(stored.manifest).every((id) => view.pieces.has(id))) view.base = stored;
    return true;
  }
}
