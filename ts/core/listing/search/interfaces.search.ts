import type { IPickRequest } from '../helpers.portions.js';

/** A package that a search found, and how well it fits; only scores of the same search compare. */
export interface ISearchHit<TEntry> {
  readonly name: string;
  readonly entry: TEntry;
  readonly score: number;
}

/** A part of an entry that is searched. */
export interface ISearchField<TEntry> {
  /** how much a word counts in this field */
  boost: number;
  /** The text of this field. */
  text(entry: TEntry, name: string): string;
}

/** Options of a `SearchIndex`. */
export interface ISearchOptions<TEntry> {
  fields: Readonly<Record<string, ISearchField<TEntry>>>;
  /**
   * How well the name fits the text that was searched for: 1 for a name that only has its words, more for a name that
   * equals it or begins with it. A search for a name has to return that package before those that mention the word.
   */
  closeness(name: string, text: string): number;
  /** The order if nothing was searched for: negative if `a` comes first. Equal ones are ordered by name. */
  compare(a: TEntry, b: TEntry): number;
}

/** The part of a listing that search stands on; `PackageCatalog` has it. */
export interface ISearchSource<TEntry> {
  /** grows with each change */
  readonly version: number;
  /** All entries. */
  entries(): Promise<ReadonlyMap<string, TEntry>>;
  /** undefined: too long ago to be known */
  changedSince(version: number): ReadonlySet<string> | undefined;
}

/** What is searched for besides the text, and how much of it. */
export interface ISearchRequest<TEntry> extends IPickRequest<ISearchHit<TEntry>> {
  /** default true: packages whose names are like the text come first (`closeness`) */
  favoursNames?: boolean;
}
