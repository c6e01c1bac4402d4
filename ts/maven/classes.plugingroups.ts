import { Slices } from '../core/base/helpers.slices.js';
import { ListingSummary } from '../core/listing/classes.listingsummary.js';
import type { IListingSnapshot } from '../core/listing/interfaces.listing.js';
import type { IMavenEntry } from './interfaces.maven.js';

/** A plugin of a group. */
export interface IGroupPlugin {
  /** `group:artifact` */
  readonly name: string;
  readonly entry: IMavenEntry;
}

type TPackages = IListingSnapshot<IMavenEntry>['packages'];

/** The plugins of all groups, found without reading all entries again until one changes. */
export class PluginGroups {
  private readonly groups: ListingSummary<IMavenEntry, Map<string, IGroupPlugin[]>>;

  constructor(source: { sorted(): Promise<IListingSnapshot<IMavenEntry>> }) {
    this.groups = new ListingSummary(source, byGroup);
  }

  public async of(group: string): Promise<readonly IGroupPlugin[]> {
    return (await this.groups.current()).get(group) ?? [];
  }
}

/** group -> its plugins, in the order of their names */
const byGroup = async (packages: TPackages): Promise<Map<string, IGroupPlugin[]>> => {
  const slices = new Slices();
  const groups = new Map<string, IGroupPlugin[]>();
  for (const listed of packages) {
    if (slices.due) await slices.rest();
    if (!listed.entry.plugin) continue;
    const known = groups.get(listed.entry.group);
    if (known) known.push(listed);
    else groups.set(listed.entry.group, [listed]);
  }
  return groups;
};
