import { deepFreeze, jsonCodec } from '../base/helpers.codec.js';
import { Collapsed } from '../base/helpers.collapse.js';
import { streamToBuffer, streamToJson } from '../base/helpers.streams.js';
import type { IRepairable, RegistryStorage } from '../classes.registrystorage.js';
import type { IDerivedListing } from '../storage/interfaces.plans.js';
import type { ICodec } from '../storage/interfaces.storage.js';
import { type INote, NoteWriter } from './classes.notewriter.js';
import {
  baseCodec,
  eachOf,
  type ICatalogEntry,
  isBatchKey,
  joinEntries,
  nameSegment,
  newBatchName,
  newMarkerName,
  parseEntryKey,
  parseMarkerKey,
} from './helpers.catalog.js';

export interface IPackageCatalogOptions<TDoc, TEntry> {
  /** key prefix without a trailing slash, e.g. `npm/catalog` */
  prefix: string;
  documentKey(name: string): string;
  codec?: ICodec<TDoc>;
  /** what listings show of a package; JSON; null = it is not listed (deleted) */
  entry(name: string, document: TDoc): TEntry | null;
  /** a whole number that grows with every write of the document, also when the package is deleted and comes back */
  revision(document: TDoc): number;
}

/** Entries that wait to be folded before anybody bothers. */
const FOLD_FROM = 256;
const REPAIR_AFTER_MS = 20_000;
const REPAIR_EVERY_MS = 30_000;
/** A publish may still be on its way from marker to commit; after this it is not. */
const FORGET_AFTER_MS = 15 * 60_000;
const WIDTH = 16;
/** Another publish that has not come to its note after this long is not waited for. */
const PUBLISH_MS = 5_000;

/**
 * The list of all packages of one protocol. Publishing adds one small object, whatever the number of packages; now and
 * then these are folded into one base. The documents stay the truth: everything here can be derived from them again,
 * and what only grows (revisions) can be joined in any order by any number of processes.
 */
export class PackageCatalog<TDoc, TEntry> implements IDerivedListing<TDoc>, IRepairable {
  private readonly codec: ICodec<TDoc>;
  private readonly baseCodec = baseCodec<TEntry>();
  /** by key segment; with the deleted ones */
  private readonly known = new Map<string, ICatalogEntry<TEntry>>();
  private readonly listed = new Map<string, TEntry>();
  private readonly refresher = new Collapsed(() => this.refresh());
  private readonly writer = new NoteWriter<TEntry>((notes) => this.writeNotes(notes));
  /** markers of publishes under way, and since when */
  private readonly open = new Map<string, number>();
  private entryKeys: string[] = [];
  /** how many packages are in each batch that was read or written */
  private batches = new Map<string, number>();
  private baseEtag: string | undefined;
  private changes = 0;
  private notes = 0;
  private isFolding = false;
  private repairedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly storage: RegistryStorage,
    private readonly options: IPackageCatalogOptions<TDoc, TEntry>,
  ) {
    this.codec = options.codec ?? (jsonCodec as ICodec<TDoc>);
    storage.enlist(this);
  }

  /** Grows whenever the map that `entries` answers with has changed: the name of an index built on it. */
  public get version(): number {
    return this.changes;
  }

  /**
   * All listed packages, in no particular order; frozen entries in a live map (copy it where you wait while you read
   * it). `maxAgeMs` (default 1,000): how old this process's view of what other processes wrote may be; what this
   * process noted is always in it. Throws `unavailable` where the store fails.
   */
  public async entries(options: { maxAgeMs?: number } = {}): Promise<ReadonlyMap<string, TEntry>> {
    await this.writer.settle();
    await this.refresher.fresh(options.maxAgeMs ?? 1000);
    return this.listed;
  }

  /**
   * Takes notice of a document as it is stored now. An older revision than the known one changes nothing. With a marker,
   * and while others publish, it is not waited for that the note is stored: it goes with theirs, and can be repaired.
   */
  public async note(name: string, document: TDoc | null, marker?: string, written = 0): Promise<void> {
    const noted: ICatalogEntry<TEntry> =
      document === null
        ? { name, revision: written, entry: null }
        : { name, revision: this.options.revision(document), entry: this.options.entry(name, document) };
    nameSegment(name); // refuses what can be no name, before it gets among those of others
    const lingers = marker !== undefined && this.othersPublish(marker);
    const stored = this.writer.add({ noted, marker }, lingers);
    if (lingers) this.storage.runBehind('Noting packages in a listing', stored);
    else await stored;
  }

  public async mark(name: string): Promise<string> {
    const id = newMarkerName(name);
    this.open.set(id, performance.now());
    try {
      await this.putMarker(id, name);
      return id;
    } catch (error) {
      // it may be there, and is of no use; where it stays, `repair` takes it away
      await this.unmark(id).catch(() => this.storage.logger.debug?.('A marker may have been left behind', { id }));
      throw error;
    }
  }

  public unmark(id: string): Promise<void> {
    this.open.delete(id);
    return this.take(`${this.prefix('pending')}${id}`);
  }

  /**
   * Notes the documents that markers older than `olderThanMs` name, and removes the markers that are older than
   * `forgetAfterMs` (default 15 minutes; a younger one's publish may have its commit before it). Answers how many
   * packages were not as their documents are.
   */
  public async repair(olderThanMs: number, forgetAfterMs = FORGET_AFTER_MS): Promise<number> {
    const { storage } = this;
    let repaired = 0;
    for await (const item of storage.list({ prefix: this.prefix('pending') })) {
      if (!('key' in item)) continue;
      const age = storage.now().getTime() - item.lastModified.getTime();
      if (age < olderThanMs) continue;
      try {
        if (await this.repairFrom(item.key)) repaired++;
      } catch (error) {
        // one bad package must not keep the others from being repaired
        storage.logger.warn('A package listing could not be repaired', { key: item.key, error: String(error) });
        continue;
      }
      if (age >= forgetAfterMs) await this.take(item.key);
    }
    return repaired;
  }

  private async repairFrom(markerKey: string): Promise<boolean> {
    const name = await this.markedName(markerKey);
    if (name === undefined) return false;
    const document = await this.storage.read(this.options.documentKey(name), this.codec);
    const known = this.known.get(nameSegment(name))?.revision ?? -1;
    if (!document || this.options.revision(document.value) <= known) return false;
    await this.note(name, document.value);
    return true;
  }

  /** The key tells the name, unless that is too long for it. */
  private async putMarker(id: string, name: string): Promise<void> {
    const key = `${this.prefix('pending')}${id}`;
    const isTold = parseMarkerKey(key) !== undefined;
    await this.put(key, isTold ? {} : { name }, { isNew: true, common: isTold });
  }

  private async markedName(markerKey: string): Promise<string | undefined> {
    const told = parseMarkerKey(markerKey);
    if (told !== undefined) return told;
    const marker = await this.storage.store.get(markerKey);
    if (!marker || marker === 'notModified') return undefined;
    return (await streamToJson<{ name: string }>(marker.body)).name;
  }

  /**
   * What others wrote since. Entries are listed before the base is read: one that a fold takes away in between is in
   * the base that is read afterwards.
   */
  private async refresh(): Promise<void> {
    await this.repairNowAndThen();
    const { store } = this.storage;
    const keys: string[] = [];
    const newer = new Map<string, { key: string; revision: number }>();
    const batches: string[] = [];
    for await (const item of store.list({ prefix: this.prefix('entries') })) {
      if (!('key' in item)) continue;
      if (isBatchKey(item.key)) batches.push(item.key);
      const parsed = parseEntryKey(item.key);
      if (!parsed) continue;
      keys.push(item.key);
      const { segment, revision } = parsed;
      const best = Math.max(newer.get(segment)?.revision ?? -1, this.known.get(segment)?.revision ?? -1);
      if (revision > best) newer.set(segment, { key: item.key, revision });
    }
    await eachOf(newer.values(), WIDTH, async ({ key }) => {
      const found = await store.get(key);
      if (found && found !== 'notModified') this.absorb(await streamToJson<ICatalogEntry<TEntry>>(found.body));
    });
    const inBatches = await this.readBatches(batches);
    const base = await store.get(this.baseKey, { ifNoneMatch: this.baseEtag });
    if (base && base !== 'notModified') {
      for (const entry of this.baseCodec.parse(await streamToBuffer(base.body))) this.absorb(entry);
      this.baseEtag = base.info.etag;
    }
    this.entryKeys = [...keys, ...batches];
    if (keys.length + inBatches >= this.foldFrom) this.foldBehind();
  }

  /** Answers how many packages are in these. */
  private async readBatches(keys: string[]): Promise<number> {
    const sizes = new Map<string, number>();
    let count = 0;
    await eachOf(keys, WIDTH, async (key) => {
      let size = this.batches.get(key);
      if (size === undefined) {
        const found = await this.storage.store.get(key);
        if (!found || found === 'notModified') return;
        const entries = await streamToJson<ICatalogEntry<TEntry>[]>(found.body);
        for (const entry of entries) this.absorb(entry);
        size = entries.length;
      }
      sizes.set(key, size);
      count += size;
    });
    this.batches = sizes;
    return count;
  }

  private othersPublish(marker: string): boolean {
    this.open.delete(marker);
    const before = performance.now() - PUBLISH_MS;
    for (const [id, since] of this.open) {
      if (since > before) return true;
      this.open.delete(id); // nobody knows what became of it
    }
    return false;
  }

  private async writeNotes(notes: INote<TEntry>[]): Promise<void> {
    const entries = notes.map(({ noted }) => noted);
    const [first] = entries;
    const isAlone = entries.length === 1;
    const name = isAlone ? `${nameSegment(first!.name)}=${first!.revision}` : newBatchName();
    const key = `${this.prefix('entries')}${name}`;
    await this.put(key, isAlone ? first : entries, { isNew: !isAlone });
    if (!isAlone) this.batches.set(key, entries.length);
    for (const entry of entries) this.absorb(entry);
    this.notes += entries.length;
    if (this.notes >= this.foldFrom) this.foldBehind();
    const markers = notes.flatMap(({ marker }) => marker ?? []);
    await eachOf(markers, WIDTH, (marker) => this.unmark(marker));
  }

  private absorb(entry: ICatalogEntry<TEntry>): void {
    const { name, revision } = entry;
    const segment = nameSegment(name);
    const known = this.known.get(segment);
    if (known && known.revision >= revision) return;
    this.known.set(segment, deepFreeze(entry));
    if (entry.entry !== null) this.listed.set(name, entry.entry);
    else if (!this.listed.delete(name)) return;
    this.changes++;
  }

  /** A share of all packages, so that the base is rewritten ever more rarely as it grows. */
  private get foldFrom(): number {
    return Math.max(FOLD_FROM, this.known.size >> 4);
  }

  private foldBehind(): void {
    if (this.isFolding) return;
    this.isFolding = true;
    this.notes = 0;
    const done = () => {
      this.isFolding = false;
    };
    this.storage.runBehind('Folding a package listing', this.fold().finally(done));
  }

  /** Moves the entries into the base. An entry is deleted only when a base that covers it is stored. */
  private async fold(): Promise<void> {
    await this.refresher.fresh(0);
    const keys = this.entryKeys;
    const { storage } = this;
    const { value, etag } = await storage.update<readonly ICatalogEntry<TEntry>[]>(
      this.baseKey,
      (base) => joinEntries(base ?? [], this.known.values()),
      { codec: this.baseCodec },
    );
    // what was just written need not be read again
    for (const entry of value ?? []) this.absorb(entry);
    this.baseEtag = etag ?? undefined;
    await eachOf(keys, WIDTH, (key) => this.take(key));
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

  /** @param options.isNew nobody else has this key: to say so spares a driver the look at what is there */
  private async put(key: string, value: unknown, options: { isNew: boolean; common?: boolean }): Promise<void> {
    const bytes = Buffer.from(JSON.stringify(value));
    const { store } = this.storage;
    const { isNew, common } = options;
    const ifNoneMatch = isNew && store.conditionalWrites ? ('*' as const) : undefined;
    await store.put(key, bytes, { contentType: 'application/json', immutable: true, ifNoneMatch, common });
  }

  /** Markers and entries that have done their service harm nobody if they come back. */
  private take(key: string): Promise<void> {
    return this.storage.store.delete(key, { scratch: true });
  }

  private get baseKey(): string {
    return `${this.options.prefix}/base.json`;
  }

  private prefix(folder: 'entries' | 'pending'): string {
    return `${this.options.prefix}/${folder}/`;
  }
}
