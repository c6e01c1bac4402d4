import type { IListingSnapshot } from './interfaces.listing.js';

interface ISource<TEntry> {
  sorted(): Promise<IListingSnapshot<TEntry>>;
}

interface IVersioned<T> {
  version: number;
  value: T;
}

/**
 * Something that is computed from all entries of a listing, e.g. a table for questions about all packages: made once
 * for each version of the listing, and shared by the callers that ask meanwhile.
 */
export class ListingSummary<TEntry, T> {
  private known: IVersioned<T> | undefined;
  private making: { version: number; result: Promise<IVersioned<T>> } | undefined;

  constructor(
    private readonly source: ISource<TEntry>,
    /** must not hold the loop: see `Slices` */
    private readonly make: (packages: IListingSnapshot<TEntry>['packages']) => Promise<T>,
  ) {}

  /** Of the listing as it is now. */
  public async current(): Promise<T> {
    const { version, packages } = await this.source.sorted();
    if (this.known?.version === version) return this.known.value;
    if (this.making?.version !== version) {
      this.making = { version, result: this.make(packages).then((value) => ({ version, value })) };
    }
    const made = await this.making.result;
    if (made.version >= (this.known?.version ?? -1)) this.known = made;
    return made.value;
  }
}
