import { Slices } from '../core/base/helpers.slices.js';
import type { IListingSnapshot } from '../core/listing/interfaces.listing.js';
import type { IMavenEntry } from './interfaces.maven.js';

/** A plugin of a group. */
export interface IGroupPlugin {
  /** `group:artifact` */
  readonly name: string;
  readonly entry: IMavenEntry;
}

interface IGroups {
  version: number;
  /** group -> its plugins, in the order of their names */
  groups: Map<string, IGroupPlugin[]>;
}

interface ISource {
  sorted(): Promise<IListingSnapshot<IMavenEntry>>;
}

/** The plugins of all groups, found without reading all entries again until one changes. */
export class PluginGroups {
  private known: IGroups | undefined;
  private making: { version: number; groups: Promise<IGroups> } | undefined;

  constructor(private readonly source: ISource) {}

  public async of(group: string): Promise<readonly IGroupPlugin[]> {
    return (await this.current()).groups.get(group) ?? [];
  }

  private async current(): Promise<IGroups> {
    const snapshot = await this.source.sorted();
    if (this.known?.version === snapshot.version) return this.known;
    if (this.making?.version !== snapshot.version) {
      this.making = { version: snapshot.version, groups: make(snapshot) };
    }
    const groups = await this.making.groups;
    if (groups.version >= (this.known?.version ?? -1)) this.known = groups;
    return groups;
  }
}

const make = async ({ version, packages }: IListingSnapshot<IMavenEntry>): Promise<IGroups> => {
  const slices = new Slices();
  const groups = new Map<string, IGroupPlugin[]>();
  for (const listed of packages) {
    if (slices.due) await slices.rest();
    if (!listed.entry.plugin) continue;
    const known = groups.get(listed.entry.group);
    if (known) known.push(listed);
    else groups.set(listed.entry.group, [listed]);
  }
  return { version, groups };
};
