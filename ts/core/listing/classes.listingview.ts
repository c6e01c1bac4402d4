import { deepFreeze } from '../base/helpers.codec.js';
import { CommonParts } from './classes.commonparts.js';
import type { IStoredManifest } from './helpers.manifest.js';
import { type ICatalogEntry, positionOf } from './helpers.rows.js';
import type { IListedPackage } from './interfaces.listing.js';
import { nameOfSegment, nameSegment } from './keys.listing.js';

/** The source of a row that is newer than the segments of the base. */
type TUnfolded = 'entry' | 'batch';

/**
 * One process's view of all packages. It joins the rows of entries and pieces, in any order: the higher revision of a
 * package counts.
 */
export class ListingView<TEntry> {
  /** listed packages by name */
  public readonly listed = new Map<string, TEntry>();
  /** names with a row that is newer than the segments of the base */
  public readonly unfolded = new Map<string, TUnfolded>();
  /** keys of the entries that were listed last */
  public entryKeys: string[] = [];
  /** number of packages in each gathered entry that was read or written */
  public gathered = new Map<string, number>();
  /** pieces of the base that were read */
  public pieces = new Set<string>();
  /** the manifest whose pieces were all read; undefined: there was none */
  public base: IStoredManifest | undefined;
  /** the manifest that was found damaged; null: there was none */
  public lost: IStoredManifest | null = null;
  /** whether everything was read at least once */
  public isComplete = false;

  /** all rows, including those of deleted packages */
  private readonly known = new Map<string, ICatalogEntry<TEntry>>();
  private readonly common = new CommonParts();
  /** names by key segment, if they cannot be decoded from it */
  private readonly longNames = new Map<string, string>();
  /** listed packages in order */
  private readonly rows: IListedPackage<TEntry>[] = [];
  private copy: readonly IListedPackage<TEntry>[] | undefined;

  /** @param changed is called with the name whenever `listed` has changed */
  constructor(private readonly changed: (name: string) => void) {}

  /** Number of rows, including those of deleted packages. */
  public get size(): number {
    return this.known.size;
  }

  public all(): IterableIterator<ICatalogEntry<TEntry>> {
    return this.known.values();
  }

  public row(name: string): ICatalogEntry<TEntry> | undefined {
    return this.known.get(name);
  }

  /** The known revision of the package that a key segment encodes; -1 if there is none. */
  public revisionOf(segment: string): number {
    const name = nameOfSegment(segment) ?? this.longNames.get(segment);
    return (name === undefined ? undefined : this.known.get(name)?.revision) ?? -1;
  }

  /** All listed packages in order; the returned array never changes. */
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
    this.common.share(name, entry.entry as object | null);
    this.known.set(name, deepFreeze(entry));
    if (source === 'segment') this.unfolded.delete(name);
    else this.unfolded.set(name, source);
    this.remember(name);
    this.list(entry);
  }

  /** Records that a piece of the base now has these rows. */
  public stored(rows: Iterable<ICatalogEntry<TEntry>>, where: 'batch' | 'segment'): void {
    for (const { name, revision } of rows) if (this.known.get(name)?.revision === revision) this.movedTo(name, where);
  }

  /** A row only moves from an entry to a batch or a segment, or from a batch to a segment. */
  private movedTo(name: string, where: TUnfolded | 'segment'): void {
    if (where === 'segment') this.unfolded.delete(name);
    else if (where === 'batch' && this.unfolded.has(name)) this.unfolded.set(name, 'batch');
  }

  private remember(name: string): void {
    // shorter names are encoded completely, because each character becomes 9 at most
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
      // the row itself, to save one object for each package
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
