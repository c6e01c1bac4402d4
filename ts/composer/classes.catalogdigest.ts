import { Slices } from '../core/base/helpers.slices.js';
import type { IListingSnapshot } from '../core/listing/interfaces.listing.js';
import type { IComposerEntry } from './interfaces.composer.js';

/** A package with its entry. */
export interface INamedEntry {
  readonly name: string;
  readonly entry: IComposerEntry;
}

interface IDigest {
  version: number;
  filtered: INamedEntry[];
  /** name of a (virtual) package -> packages that provide or replace it */
  providers: Map<string, INamedEntry[]>;
}

interface ISource {
  sorted(): Promise<IListingSnapshot<IComposerEntry>>;
}

/** Questions about all packages, answered without reading all entries again until one changes. */
export class CatalogDigest {
  private digest: IDigest | undefined;
  private making: { version: number; digest: Promise<IDigest> } | undefined;

  constructor(private readonly source: ISource) {}

  /** The packages with entries in filter lists, in the order of their names. */
  public async filtered(): Promise<readonly INamedEntry[]> {
    return (await this.current()).filtered;
  }

  /** The packages that provide or replace this one, in the order of their names. */
  public async providersOf(name: string): Promise<readonly INamedEntry[]> {
    return (await this.current()).providers.get(name) ?? [];
  }

  private async current(): Promise<IDigest> {
    const snapshot = await this.source.sorted();
    if (this.digest?.version === snapshot.version) return this.digest;
    if (this.making?.version !== snapshot.version) {
      this.making = { version: snapshot.version, digest: make(snapshot) };
    }
    const digest = await this.making.digest;
    if (digest.version >= (this.digest?.version ?? -1)) this.digest = digest;
    return digest;
  }
}

const make = async ({ version, packages }: IListingSnapshot<IComposerEntry>): Promise<IDigest> => {
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
  return { version, filtered, providers };
};
