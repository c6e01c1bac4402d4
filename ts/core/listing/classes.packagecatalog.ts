import { forEachAtOnce } from '../base/helpers.concurrency.js';

import { RegistryError } from '../classes.registryerror.js';
import type { IRepairable, RegistryStorage } from '../classes.registrystorage.js';
import type { IDerivedListing } from '../storage/commit/interfaces.plans.js';
import type { PendingMarkers } from '../storage/upkeep/classes.pending.js';
import { ListingDocuments } from './classes.listingdocuments.js';
import { ListingKeeper } from './classes.listingkeeper.js';
import { type INote, NoteWriter } from './classes.notewriter.js';
import type { ICatalogEntry } from './helpers.rows.js';
import type {
  IFollowingLog,
  IListingReadOptions,
  IListingSnapshot,
  IPackageCatalogOptions,
  IRebuildable,
  TRebuildProgress,
} from './interfaces.listing.js';
import {
  type IListingKeys,
  listingKeys,
  markerLabel,
  nameOfSegment,
  nameSegment,
  newEntryName,
  newGatheredName,
} from './keys.listing.js';

export type { IPackageCatalogOptions };

/** Markers younger than this belong to publishes under way. */
const REPAIR_AFTER_MS = 20_000;
const REPAIR_EVERY_MS = 30_000;
/** ms after which a publish that has not added its note is not waited for. */
const PUBLISH_MS = 5_000;
/** Objects that are written or deleted at the same time. */
const WIDTH = 16;

/**
 * The list of all packages of one protocol. Publishing adds one small object, whatever the number of packages; from
 * time to time these objects are moved into a base of several pieces (see keys.listing.ts). The documents remain the
 * source of truth: a base that is lost or damaged is rebuilt from them. Revisions only grow, so any number of processes
 * can join rows in any order.
 */
export class PackageCatalog<TDoc, TEntry> implements IDerivedListing<TDoc>, IRepairable, IRebuildable {
  private readonly keys: IListingKeys;
  private readonly documents: ListingDocuments<TDoc, TEntry>;
  private readonly keeper: ListingKeeper<TDoc, TEntry>;
  private readonly pending: PendingMarkers<{ name: string }, ICatalogEntry<TEntry> | null>;
  private readonly log: IFollowingLog<TDoc> | undefined;
  private readonly writer = new NoteWriter<TEntry>((notes) => this.writeNotes(notes));
  /** markers of publishes under way, with their start */
  private readonly open = new Map<string, number>();
  /** markers that are being stored */
  private marking = 0;
  private repairedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly storage: RegistryStorage,
    options: IPackageCatalogOptions<TDoc, TEntry>,
  ) {
    this.keys = listingKeys(options.prefix, options.baseKey);
    this.documents = new ListingDocuments(storage, options);
    this.log = options.log;
    this.log?.repairWith(() => this.repairNowAndThen());
    const { keys, documents } = this;
    this.keeper = new ListingKeeper({ storage, keys, documents, repair: () => this.repairNowAndThen() });
    this.pending = storage.pendingMarkers({
      prefix: this.keys.pending,
      what: 'A package listing',
      look: ({ name }) => this.documents.row(name),
      follow: ({ name }, row) => this.followBoth(name, row),
      isSame: (one, other) => one?.revision === other?.revision,
      label: ({ name }) => markerLabel(name),
      labelled: (label) => ({ name: nameOfSegment(label) as string }),
    });
    storage.enlist(this);
  }

  /** Grows by one with each change of a package. It is part of the keys of caches that are built on this listing. */
  public get version(): number {
    return this.keeper.log.version;
  }

  /** The packages that changed since that version; undefined if that is too long ago: then all may have changed. */
  public changedSince(version: number): ReadonlySet<string> | undefined {
    return this.keeper.log.since(version);
  }

  /**
   * All listed packages, in no particular order: frozen entries in a live map (copy the map before you await anything
   * while reading it). Throws `unavailable` if the store fails, or while a lost base is being rebuilt.
   */
  public async entries(options: IListingReadOptions = {}): Promise<ReadonlyMap<string, TEntry>> {
    await this.refreshed(options);
    return this.keeper.view.listed;
  }

  /** All listed packages in order, as a snapshot; else like `entries`. */
  public async sorted(options: IListingReadOptions = {}): Promise<IListingSnapshot<TEntry>> {
    await this.refreshed(options);
    return { version: this.version, packages: this.keeper.view.sorted() };
  }

  /**
   * Records a document as it is stored now. A revision that is older than the known one changes nothing. With a marker,
   * and while others publish, this does not wait until the note is stored: it is written with theirs, and after a crash
   * it is repaired from the marker.
   */
  public async note(name: string, document: TDoc | null, marker?: string, revision = 0): Promise<void> {
    const noted = this.documents.rowOf(name, document, revision);
    nameSegment(name); // throws for an impossible name, before it is gathered with the notes of others
    const lingers = marker !== undefined && this.othersPublish(marker);
    const { log } = this;
    const logged = log?.note(name, document);
    const written = logged
      ? this.noteBoth(noted, logged, marker, lingers)
      : this.writer.add({ noted, marker }, lingers);
    if (lingers) this.storage.runBehind('Recording packages in a listing', written);
    else await written;
    // a log has the change when the publish returns; if that failed, the marker stays
    await logged;
  }

  /** A log has what it lacks of the document when this returns; the listing is repaired from the marker. */
  public async confirm(name: string, document: TDoc): Promise<void> {
    await this.log?.note(name, document);
  }

  /** Stores the row; the marker stays until the log has the change as well. */
  private async noteBoth(
    noted: ICatalogEntry<TEntry>,
    logged: Promise<void>,
    marker: string | undefined,
    lingers: boolean,
  ): Promise<void> {
    const outcomes = await Promise.allSettled([this.writer.add({ noted }, lingers), logged]);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    if (marker !== undefined) await this.unmark(marker);
  }

  public async mark(name: string): Promise<string> {
    this.marking++;
    try {
      const id = await this.pending.mark({ name });
      this.open.set(id, performance.now());
      return id;
    } finally {
      this.marking--;
    }
  }

  public unmark(id: string): Promise<void> {
    this.open.delete(id);
    return this.pending.unmark(id);
  }

  /** See `PendingMarkers.repair`. Returns the number of packages whose rows did not match their documents. */
  public repair(olderThanMs: number, forgetAfterMs?: number): Promise<number> {
    return this.pending.repair(olderThanMs, forgetAfterMs);
  }

  /** Removes pieces of the base and of the log that nothing names; see `RegistryStorage.sweep`. */
  public async sweep(olderThanMs: number): Promise<number> {
    const pieces = await this.keeper.sweep(olderThanMs);
    return pieces + ((await this.log?.sweep(olderThanMs)) ?? 0);
  }

  /**
   * Records packages whose documents were written since then and whose rows do not match: such a write took effect
   * after its marker was removed. Returns their number. It lists all documents and reads the new ones.
   */
  public async reconcile(since: Date): Promise<number> {
    await this.refreshed({ maxAgeMs: 0 });
    let count = 0;
    await this.documents.each(
      async (row) => {
        if (await this.followBoth(row.name, row)) count++;
      },
      { since },
    );
    return count;
  }

  /** Rebuilds the base, and the log, from the documents alone; see `ListingRebuild`. */
  public async rebuild(progress?: TRebuildProgress): Promise<number> {
    if (!this.documents.areKnown) {
      throw new RegistryError('unsupported', 'This listing has no way to find its documents');
    }
    const count = await this.keeper.rebuild(progress);
    await this.log?.rebuild(progress);
    return count;
  }

  private async followBoth(name: string, row: ICatalogEntry<TEntry> | null): Promise<boolean> {
    const isNew = await this.follow(row);
    const isLogged = row !== null && ((await this.log?.follow(name)) ?? false);
    return isNew || isLogged;
  }

  private async follow(row: ICatalogEntry<TEntry> | null): Promise<boolean> {
    if (!row || row.revision <= (this.keeper.view.row(row.name)?.revision ?? -1)) return false;
    await this.writer.add({ noted: row }, false);
    return true;
  }

  private othersPublish(marker: string): boolean {
    this.open.delete(marker);
    if (this.marking > 0) return true;
    const before = performance.now() - PUBLISH_MS;
    for (const [id, since] of this.open) {
      if (since > before) return true;
      this.open.delete(id); // how that publish ended is not known
    }
    return false;
  }

  private async writeNotes(notes: INote<TEntry>[]): Promise<void> {
    const entries = notes.map(({ noted }) => noted);
    const [first] = entries;
    const isAlone = entries.length === 1;
    const key = this.keys.entries + (isAlone ? newEntryName(first!.name, first!.revision) : newGatheredName());
    const { store } = this.storage;
    // the key is unique to this write; the condition saves the driver a look at it
    const ifNoneMatch = store.conditionalWrites ? ('*' as const) : undefined;
    const bytes = Buffer.from(JSON.stringify(isAlone ? first : entries));
    await store.put(key, bytes, { contentType: 'application/json', immutable: true, ifNoneMatch });
    this.keeper.noted(key, entries);
    const markers = notes.flatMap(({ marker }) => marker ?? []);
    await forEachAtOnce(markers, WIDTH, (marker) => this.unmark(marker));
  }

  private async refreshed(options: IListingReadOptions): Promise<void> {
    await this.writer.flush();
    // a second: a person needs as long to go from a publish to a search
    await this.keeper.refreshed(options.maxAgeMs ?? 1000);
  }

  private async repairNowAndThen(): Promise<void> {
    if (performance.now() - this.repairedAt < REPAIR_EVERY_MS) return;
    this.repairedAt = performance.now();
    try {
      await this.repair(REPAIR_AFTER_MS);
    } catch (error) {
      this.storage.logger.warn('A package listing could not be repaired', { error: String(error) });
    }
  }
}
