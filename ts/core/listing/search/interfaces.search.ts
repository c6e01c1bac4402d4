import type { IPickRequest } from '../helpers.portions.js';

/** A package that a search found, with its score; only scores of the same search are comparable. */
export interface ISearchHit<TEntry> {
  readonly name: string;
  readonly entry: TEntry;
  readonly score: number;
}

export interface ISearchField<TEntry> {
  /** weight of words in this field */
  boost: number;
  text(entry: TEntry, name: string): string;
}

export interface ISearchOptions<TEntry> {
  fields: Readonly<Record<string, ISearchField<TEntry>>>;
  /**
   * How well the name matches the searched text: 1 for a name that only has its words, more for a name that equals it
   * or begins with it. A search for a name must return that package before those that only mention the word.
   */
  closeness(name: string, text: string): number;
  /** The order if the text is empty: negative if `a` comes first. Equal entries are sorted by name. */
  compare(a: TEntry, b: TEntry): number;
}

/** The methods of a listing that search uses; `PackageCatalog` has them. */
export interface ISearchSource<TEntry> {
  /** grows with each change */
  readonly version: number;
  entries(): Promise<ReadonlyMap<string, TEntry>>;
  /** undefined: that is too long ago */
  changedSince(version: number): ReadonlySet<string> | undefined;
}

export interface ISearchRequest<TEntry> extends IPickRequest<ISearchHit<TEntry>> {
  /** default true: packages whose names match the text come first (`closeness`) */
  favoursNames?: boolean;
}
