import { deepFreeze } from '../base/helpers.codec.js';
import type { IStoredManifest } from './helpers.manifest.js';
import { type ICatalogEntry, positionOf } from './helpers.rows.js';
import type { IListedPackage } from './interfaces.listing.js';
import { nameOfSegment, nameSegment } from './keys.listing.js';

/** Where a row was read that is newer than in the segments of the base. */
type TUnfolded = 'entry' | 'batch';

/**
 * What one process knows of all packages: rows from entries and pieces, the higher revision of each, in whatever order
 * they come.
 */
export class ListingView<TEntry> {
  /** listed packages by name */
  public readonly listed = new Map<string, TEntry>();
  /** names whose row is newer than in the segments of the base */
  public readonly unfolded = new Map<string, TUnfolded>();
  /** keys of the entries that were listed last */
  public entryKeys: string[] = [];
  /** how many packages are in each gathered entry that was read or written */
  public gathered = new Map<string, number>();
  /** pieces of the base that were read */
  public pieces = new Set<string>();
  /** the manifest that was read, all of whose pieces were read; undefined: there was none */
  public base: IStoredManifest | undefined;
  /** the manifest that was found damaged; null: there was none */
  public lost: IStoredManifest | null = null;
  /** whether everything there is has been read once */
  public isComplete = false;

  /** all rows, the deleted ones too */
  private readonly known = new Map<string, ICatalogEntry<TEntry>>();
  /** names that cannot be decoded from their key segments */
  private readonly longNames = new Map<string, string>();
  /** listed packages in order */
  private readonly rows: IListedPackage<TEntry>[] = [];
  private copy: readonly IListedPackage<TEntry>[] | undefined;

  /** @param changed is called with the name whenever `listed` has changed */
  constructor(private readonly changed: (name: string) => void) {}

  /** Rows, the deleted ones too. */
  public get size(): number {
    return this.known.size;
  }

  public all(): IterableIterator<ICatalogEntry<TEntry>> {
    return this.known.values();
  }

  public row(name: string): ICatalogEntry<TEntry> | undefined {
    return this.known.get(name);
  }

  /** The known revision of the package that a key segment stands for; -1 if there is none. */
  public revisionOf(segment: string): number {
    const name = nameOfSegment(segment) ?? this.longNames.get(segment);
    return (name === undefined ? undefined : this.known.get(name)?.revision) ?? -1;
  }

  /** All listed packages in order; the array never changes. */
  public sorted(): readonly IListedPackage<TEntry>[] {
    this.copy ??= this.rows.slice();
    return this.copy;
  }

  public absorb(entry: ICatalogEntry<TEntry>, source: TUnfolded | 'segment'): void {
    const { name, revision } = entry;
    const known = this.known.get(name);
    if (known && known.revision > revision) return;
    if (known?.revision === revision) {
      this.movedTo(name, source);
      return;
    }
    this.known.set(name, deepFreeze(entry));
    if (source === 'segment') this.unfolded.delete(name);
    else this.unfolded.set(name, source);
    this.remember(name);
    this.list(entry);
  }

  /** A piece of the base holds these rows now. */
  public stored(rows: Iterable<ICatalogEntry<TEntry>>, where: 'batch' | 'segment'): void {
    for (const { name, revision } of rows) if (this.known.get(name)?.revision === revision) this.movedTo(name, where);
  }

  /** A row moves one way: from an entry to a batch or a segment, from a batch to a segment. */
  private movedTo(name: string, where: TUnfolded | 'segment'): void {
    if (where === 'segment') this.unfolded.delete(name);
    else if (where === 'batch' && this.unfolded.has(name)) this.unfolded.set(name, 'batch');
  }

  private remember(name: string): void {
    // a segment with a digest is longer than 100 characters, and so is the name three times over
    if (name.length * 9 <= 180) return;
    const segment = nameSegment(name);
    if (nameOfSegment(segment) === undefined) this.longNames.set(segment, name);
  }

  private list(row: ICatalogEntry<TEntry>): void {
    const { name, entry } = row;
    const at = this.placeOf(name);
    const isListed = at < this.rows.length && this.rows[at]!.name === name;
    if (entry === null) {
      if (!isListed) return;
      this.listed.delete(name);
      this.rows.splice(at, 1);
    } else {
      this.listed.set(name, entry);
      // the row itself: one object less for each package
      this.rows.splice(at, isListed ? 1 : 0, row as IListedPackage<TEntry>);
    }
    this.copy = undefined;
    this.changed(name);
  }

  private placeOf(name: string): number {
    const last = this.rows.at(-1);
    // segments are read in order
    return last === undefined || last.name < name ? this.rows.length : positionOf(this.rows, name);
  }
}
