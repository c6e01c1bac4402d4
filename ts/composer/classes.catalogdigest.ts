import { Slices } from '../core/base/helpers.slices.js';
import { ListingSummary } from '../core/listing/classes.listingsummary.js';
import type { IListingSnapshot } from '../core/listing/interfaces.listing.js';
import type { IComposerEntry } from './interfaces.composer.js';

/** A package with its entry. */
export interface INamedEntry {
  readonly name: string;
  readonly entry: IComposerEntry;
}

interface IDigest {
  filtered: INamedEntry[];
  /** name of a (virtual) package -> packages that provide or replace it */
  providers: Map<string, INamedEntry[]>;
}

/** Questions about all packages, answered without reading all entries again until one changes. */
export class CatalogDigest {
  private readonly digest: ListingSummary<IComposerEntry, IDigest>;

  constructor(source: { sorted(): Promise<IListingSnapshot<IComposerEntry>> }) {
    this.digest = new ListingSummary(source, make);
  }

  /** The packages with entries in filter lists, in the order of their names. */
  public async filtered(): Promise<readonly INamedEntry[]> {
    return (await this.digest.current()).filtered;
  }

  /** The packages that provide or replace this one, in the order of their names. */
  public async providersOf(name: string): Promise<readonly INamedEntry[]> {
    return (await this.digest.current()).providers.get(name) ?? [];
  }
}

const make = async (packages: IListingSnapshot<IComposerEntry>['packages']): Promise<IDigest> => {
  const slices = new Slices();
  const filtered: INamedEntry[] = [];
  const providers = new Map<string, INamedEntry[]>();
  for (const listed of packages) {
    if (listed.entry.filters) filtered.push(listed);
    for (const provided of listed.entry.provides) {
      const known = providers.get(provided);
      if (known) known.push(listed);
      else providers.set(provided, [listed]);
    }
    if (slices.due) await slices.rest();
  }
  return { filtered, providers };
};
