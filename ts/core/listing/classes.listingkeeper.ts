import { isDeepStrictEqual } from 'node:util';
import { SharedRun } from '../base/classes.sharedrun.js';
import { Slices } from '../base/helpers.slices.js';
import { RegistryError } from '../classes.registryerror.js';
import type { RegistryStorage } from '../classes.registrystorage.js';
import { ChangeLog } from './classes.changelog.js';
import { ListingBase } from './classes.listingbase.js';
import type { ListingDocuments } from './classes.listingdocuments.js';
import { ListingFolder } from './classes.listingfolder.js';
import { ListingReader, type TReadOutcome } from './classes.listingreader.js';
import { ListingRebuild } from './classes.listingrebuild.js';
import { ListingView } from './classes.listingview.js';
import type { ICatalogEntry } from './helpers.rows.js';
import type { TRebuildProgress } from './interfaces.listing.js';
import type { IListingKeys } from './keys.listing.js';

/** Number of entries (objects) from which a refresh merges them into one object: listing this many takes about 5 ms. */
const GATHER_FROM = 256;
/** Rows from which on they are folded into segments, at least. */
const FOLD_FROM = 256;
/** Maximum number of batches in the manifest: 16 KB of it. */
const MAX_BATCHES = 256;
/** ms for which a request waits for a rebuild before it gets 503. Clients wait longer than that. */
const REBUILD_PATIENCE_MS = 10_000;
/** ms after which a failed rebuild is tried again: each try reads all documents. */
const REBUILD_EVERY_MS = 10 * 60_000;

export interface IListingKeeperParts<TDoc, TEntry> {
  storage: RegistryStorage;
  keys: IListingKeys;
  documents: ListingDocuments<TDoc, TEntry>;
  /** called before each look at the store */
  repair(): Promise<void>;
}

/**
 * Keeps this process's view of all packages current, and the stored listing compact: it moves entries into the base
 * when they are many, and rebuilds a base that is lost or damaged. All of that runs behind requests.
 */
export class ListingKeeper<TDoc, TEntry> {
  public readonly log = new ChangeLog();
  private readonly base: ListingBase<TEntry>;
  private readonly reader: ListingReader<TEntry>;
  private readonly folder: ListingFolder<TEntry>;
  private readonly refresher = new SharedRun(() => this.refresh());
  private current = this.newView();
  /** replaces `current` when it has been read */
  private next: ListingView<TEntry> | undefined;
  /** notes since this process last checked whether a fold is due */
  private notes = 0;
  private isTidying = false;
  private restoring: Promise<void> | undefined;
  private restoredAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly parts: IListingKeeperParts<TDoc, TEntry>) {
    const { storage, keys } = parts;
    this.base = new ListingBase(storage, keys);
    this.reader = new ListingReader(storage, this.base, keys);
    this.folder = new ListingFolder(storage, this.base);
  }

  public get view(): ListingView<TEntry> {
    return this.current;
  }

  /** Adds entries that this process has just stored under this key. */
  public noted(key: string, entries: readonly ICatalogEntry<TEntry>[]): void {
    for (const view of [this.current, this.next]) {
      if (entries.length > 1) view?.gathered.set(key, entries.length);
      for (const entry of entries) view?.absorb(entry, 'entry');
    }
    this.notes += entries.length;
    if (this.notes >= GATHER_FROM) this.tidyBehind();
  }

  /** Resolves when the view is at most this old. Throws `unavailable` while a lost base is being rebuilt. */
  public async refreshed(maxAgeMs: number): Promise<void> {
    await this.refresher.fresh(maxAgeMs);
    if (this.view.isComplete) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, REBUILD_PATIENCE_MS);
    });
    try {
      await Promise.race([this.restoring, patience]);
    } catch (error) {
      // all documents may have been read, and only the new base could not be stored
      if (!this.view.isComplete) throw error;
    } finally {
      clearTimeout(timer);
    }
    if (this.view.isComplete) return;
    throw new RegistryError('unavailable', 'The list of packages is being rebuilt; try again in a moment');
  }

  /** Rebuilds the base from the documents; see `ListingRebuild`. Returns the number of documents. */
  public async rebuild(progress?: TRebuildProgress): Promise<number> {
    const { base, folder } = this;
    const count = await new ListingRebuild({ ...this.parts, base, folder }).run(progress);
    await this.refreshed(0);
    return count;
  }

  /** Removes pieces of the base that the manifest does not name. */
  public sweep(olderThanMs: number): Promise<number> {
    return this.base.sweep(olderThanMs);
  }

  private newView(): ListingView<TEntry> {
    const view: ListingView<TEntry> = new ListingView<TEntry>((name) => {
      if (this.current === view) this.log.add(name);
    });
    return view;
  }

  private async refresh(): Promise<void> {
    await this.parts.repair();
    let outcome = await this.reader.read(this.view);
    if (outcome === 'replaced') outcome = await this.readAnew();
    if (outcome === 'damaged') this.restoreBehind();
    else if (this.needsTidying) this.tidyBehind();
  }

  /** Reads everything again, because the base was rebuilt: earlier rows are invalid. */
  private async readAnew(): Promise<TReadOutcome> {
    const next = this.newView();
    this.next = next;
    try {
      const outcome = await this.reader.read(next);
      if (outcome !== 'current') return outcome;
      const changed = await this.difference(this.current, next);
      this.current = next;
      // in the same turn of the event loop: a reader must see the view that belongs to a version of the log
      for (const name of changed) this.log.add(name);
      return outcome;
    } finally {
      this.next = undefined;
    }
  }

  private async difference(before: ListingView<TEntry>, after: ListingView<TEntry>): Promise<string[]> {
    const slices = new Slices();
    const changed: string[] = [];
    for (const name of new Set([...before.listed.keys(), ...after.listed.keys()])) {
      const isSame = before.row(name)?.revision === after.row(name)?.revision;
      // a newer release may list other things of the same revision
      if (!isSame || !isDeepStrictEqual(before.listed.get(name), after.listed.get(name))) changed.push(name);
      if (slices.due) await slices.rest();
    }
    return changed;
  }

  /**
   * Whether a fold is due. The limit is a fraction of all packages, so that segments are rewritten more rarely as
   * packages grow in number.
   */
  private get needsFold(): boolean {
    const { unfolded, size, base } = this.view;
    return unfolded.size >= Math.max(FOLD_FROM, size >> 4) || (base?.manifest.batches.length ?? 0) >= MAX_BATCHES;
  }

  private get needsTidying(): boolean {
    return this.needsFold || this.view.entryKeys.length >= GATHER_FROM;
  }

  private tidyBehind(): void {
    if (this.isTidying) return;
    this.isTidying = true;
    this.notes = 0;
    const done = () => {
      this.isTidying = false;
    };
    this.parts.storage.runBehind('Folding a package listing', this.tidy().finally(done));
  }

  private async tidy(): Promise<void> {
    await this.refresher.fresh(0);
    const { view } = this;
    // not during a rebuild, which folds everything itself
    if (!view.isComplete || !this.needsTidying) return;
    if (!view.base) await this.folder.writeAnew(view, null);
    else if (!this.needsFold) await this.folder.gather(view);
    else if (!(await this.folder.fold(view))) this.restoreBehind();
  }

  private restoreBehind(): void {
    if (this.restoring) return;
    if (this.view.isComplete && performance.now() - this.restoredAt < REBUILD_EVERY_MS) return;
    this.restoredAt = performance.now();
    const restoring = this.restore().finally(() => {
      this.restoring = undefined;
    });
    this.restoring = restoring;
    this.parts.storage.runBehind('Rebuilding a package listing', restoring);
  }

  /**
   * Rebuilds a base that is lost or damaged, or never existed. All documents are joined with the remaining rows, so a
   * package is listed if either exists. Several replicas may do so at once; one of them is enough.
   */
  private async restore(): Promise<void> {
    const { view } = this;
    const { lost } = view;
    const slices = new Slices();
    const count = await this.parts.documents.each(async (row) => {
      view.absorb(row, 'entry');
      if (slices.due) await slices.rest();
    });
    view.isComplete = true;
    if (lost || count > 0) this.parts.storage.logger.info('A package listing was rebuilt', { documents: count });
    await this.folder.writeAnew(view, lost);
    // not reached after a failure, so the next try waits for a while
    this.restoredAt = Number.NEGATIVE_INFINITY;
  }
}
