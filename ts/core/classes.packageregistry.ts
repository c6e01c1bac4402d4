import type { IChore } from './base/classes.housekeeper.js';
import { BaseRegistry } from './classes.baseregistry.js';
import type { IPackageSweep, ISweepOptions } from './classes.registrystorage.js';
import type { IRebuildable } from './listing/interfaces.listing.js';
import type { IGarbageOptions, IGarbageReport } from './storage/upkeep/interfaces.garbage.js';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Two days, so that one daily run may fail, and clocks may differ by hours. */
const RECONCILE_MS = 2 * DAY_MS;

/** What a registry of packages keeps in order, and how reports call it. */
export interface IPackageUpkeep<TDoc> {
  /** the listing of all packages */
  catalog: IRebuildable & { reconcile(since: Date): Promise<number> };
  /** where artifacts lie, and which of them a document names */
  sweep: IPackageSweep<TDoc>;
  /** plural, e.g. `crates` */
  packages: string;
  /** plural, e.g. `tarballs` */
  artifacts: string;
}

/**
 * A protocol whose packages have one document each, which names the artifacts (all but OCI). Its listing is repaired and
 * rebuilt, and its orphans are swept and counted in the same way for all of them.
 */
export abstract class PackageRegistry<TDoc> extends BaseRegistry {
  protected abstract upkeep(): IPackageUpkeep<TDoc>;

  public override listings(): IRebuildable[] {
    return [this.upkeep().catalog];
  }

  public override chores(): IChore[] {
    const { catalog, packages } = this.upkeep();
    const work = async () => {
      const since = new Date(this.services.storage.now().getTime() - RECONCILE_MS);
      return { [packages]: await catalog.reconcile(since) };
    };
    return [{ name: `Listing ${packages} whose listing was missed`, everyMs: DAY_MS, work }];
  }

  public override sweepOrphans(options: ISweepOptions = {}): Promise<number> {
    return this.services.storage.sweepPackages({ ...this.upkeep().sweep, ...options });
  }

  public override async collectGarbage(options: IGarbageOptions = {}): Promise<IGarbageReport> {
    const { graceMs: olderThanMs, signal, dryRun, onProgress } = options;
    const { protocol } = this;
    const { artifacts } = this.upkeep();
    let count = 0;
    let bytes = 0;
    const onOrphan = (_key: string, size: number): void => {
      bytes += size;
      count++;
      onProgress?.({ protocol, phase: artifacts, done: count });
    };
    signal?.throwIfAborted();
    await this.sweepOrphans({ signal, dryRun, onOrphan, ...(olderThanMs !== undefined && { olderThanMs }) });
    signal?.throwIfAborted();
    return { protocol, removed: { [artifacts]: count }, bytes };
  }
}
