import { hashOf } from '../../base/classes.hashset.js';
import { jsonCodec } from '../../base/helpers.codec.js';
import { forEachAtOnce } from '../../base/helpers.concurrency.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { ILogger } from '../../interfaces.core.js';
import { scanStore } from '../../objectstore/helpers.scan.js';
import type { IObjectStore } from '../../objectstore/interfaces.objectstore.js';
import { PLACED_AT } from '../commit/classes.artifactplacer.js';
import type { IPackageSweep } from '../commit/interfaces.plans.js';
import type { DocumentCache } from '../documents/classes.documentcache.js';
import type { UpdateQueue } from '../documents/classes.updatequeue.js';
import type { ICodec } from '../interfaces.storage.js';
import { SweepMarks, type TVersion } from './classes.sweepmarks.js';

export interface IPackageSweepParts {
  store: IObjectStore;
  documents: DocumentCache;
  updates: UpdateQueue;
  logger: ILogger;
  now: () => Date;
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** packages at the same time: hides the latency of S3 and leaves capacity for others */
const PACKAGES_AT_ONCE = 16;

/** The objects of one package, without its document and without those that are known to be young. */
interface IGroup {
  documentKey: string;
  /** of the document in the scan; undefined if it was not found */
  version?: TVersion | undefined;
  keys: string[];
}

/**
 * Deletes artifacts that no document names, i.e. the remains of broken writes and failed deletes. It needs the keys of
 * all artifacts (`IObjectStore.scan`), and one read of each document that has artifacts, if the document or its
 * artifacts have changed since the last sweep (see `SweepMarks`). Only artifacts that the document does not name are
 * looked at one by one.
 *
 * An artifact that is listed here and that no document names may be named a moment later, by a write that was slow
 * between placing and committing. So the document is written first: an update that finds the keys unnamed records that
 * they are deleted, and a write that began before it places its artifacts anew (see CommitRun). Layout keys are also
 * recorded as spent, because the delete may arrive late. So safety does not depend on the age limit.
 */
export class PackageSweep<T> {
  private readonly codec: ICodec<T>;
  private readonly before: number;
  private count = 0;

  constructor(
    private readonly parts: IPackageSweepParts,
    private readonly sweep: IPackageSweep<T>,
  ) {
    this.codec = sweep.codec ?? (jsonCodec as ICodec<T>);
    this.before = parts.now().getTime() - (sweep.olderThanMs ?? DAY_MS);
  }

  /** Returns how many artifacts were deleted. */
  public async run(): Promise<number> {
    const { parts, sweep } = this;
    const marks = await SweepMarks.read(parts.store, sweep.prefix, parts.now().getTime());
    const versions = await this.versions();
    await forEachAtOnce(this.groups(versions), PACKAGES_AT_ONCE, (group) => this.sweepReadable(group, marks));
    if (!sweep.dryRun && !sweep.signal?.aborted) await marks.write();
    return this.count;
  }

  /** A damaged document may name anything: its package is left alone, and the others are swept. */
  private async sweepReadable(group: IGroup, marks: SweepMarks): Promise<void> {
    try {
      await this.sweepPackage(group, marks);
    } catch (error) {
      const isDamaged = !(error instanceof RegistryError) || error.kind === 'internal';
      if (!isDamaged) throw error;
      const { message, cause } = RegistryError.from(error);
      this.parts.logger.error('A document cannot be read, so its package is not swept', {
        key: group.documentKey,
        error: message,
        cause: String(cause),
      });
    }
  }

  /**
   * The versions of documents that are not among the artifacts, both as hashes: 100,000 documents take some 6 MB. They
   * are found before the artifacts: if a document changes in between, the next sweep finds another version. If two keys
   * have the same hash, a package counts as unchanged or as changed by mistake; see `SweepMarks` for what that costs.
   */
  private async versions(): Promise<ReadonlyMap<number, number> | undefined> {
    const { documents: prefix, signal } = this.sweep;
    if (prefix === undefined) return undefined;
    const versions = new Map<number, number>();
    for await (const { key, version } of scanStore(this.parts.store, { prefix, versionOf: () => true })) {
      if (signal?.aborted) break;
      if (version !== undefined) versions.set(hashOf(key), hashOf(version));
    }
    return versions;
  }

  private async *groups(versions?: ReadonlyMap<number, number>): AsyncGenerator<IGroup, void, undefined> {
    let group: IGroup | undefined;
    const { prefix, signal, ownerOf } = this.sweep;
    const found = scanStore(this.parts.store, { prefix, versionOf: (key) => key === ownerOf(key) });
    for await (const { key, version, lastModified } of found) {
      if (signal?.aborted) return;
      const documentKey = ownerOf(key);
      // in key order the objects of a package mostly follow each other; if not, its document is read once more
      if (group && group.documentKey !== documentKey) {
        if (group.keys.length > 0) yield group;
        group = undefined;
      }
      group ??= { documentKey, version: versions?.get(hashOf(documentKey)), keys: [] };
      if (key === documentKey) group.version = version;
      else if (lastModified === undefined || this.isOld(lastModified)) group.keys.push(key);
    }
    if (group && group.keys.length > 0) yield group;
  }

  private async sweepPackage({ documentKey, version, keys }: IGroup, marks: SweepMarks): Promise<void> {
    // the document may be newer than the one that was found; no later scan finds the older one again
    const mark = SweepMarks.markOf(version, keys);
    if (marks.has(mark)) return;
    const document = await this.parts.documents.pass(documentKey, this.codec);
    const unnamed = this.unnamed(document, keys);
    if (unnamed.length === 0) {
      marks.add(mark);
      return;
    }
    const orphans = new Map<string, number>();
    for (const key of unnamed) {
      const size = await this.oldSize(key);
      if (size !== null) orphans.set(key, size);
    }
    if (orphans.size === 0 || this.sweep.signal?.aborted) return;
    if (this.sweep.dryRun) {
      for (const [key, size] of orphans) this.sweep.onOrphan?.(key, size);
      return;
    }
    for (const key of await this.condemn(documentKey, [...orphans.keys()])) {
      if (await this.delete(key)) this.sweep.onOrphan?.(key, orphans.get(key) ?? 0);
    }
  }

  private unnamed(document: T | null, keys: string[]): string[] {
    const named = new Set(document === null ? [] : this.sweep.named(document));
    return keys.filter((key) => !named.has(key));
  }

  /**
   * Bytes of an old object, null for others. The store's time may be that of the upload that was moved to the key later.
   */
  private async oldSize(key: string): Promise<number | null> {
    const seen = await this.parts.store.head(key);
    if (seen === null || !this.isOld(seen.lastModified)) return null;
    const placedAt = seen.metadata?.[PLACED_AT];
    return placedAt === undefined || this.isOld(new Date(placedAt)) ? seen.size : null;
  }

  private isOld(time: Date): boolean {
    return time.getTime() <= this.before;
  }

  /**
   * Records in the document that the orphans are deleted. Returns them without those that the document names by now.
   */
  private async condemn(documentKey: string, orphans: string[]): Promise<string[]> {
    let condemned: string[] = [];
    await this.parts.updates.add<T>(
      documentKey,
      (current, run) => {
        condemned = this.unnamed(current, orphans);
        run.condemn(condemned);
        return undefined;
      },
      { codec: this.codec },
    );
    return condemned;
  }

  /** Sends the delete once; if its outcome is unknown, the next sweep deletes the object. */
  private async delete(key: string): Promise<boolean> {
    try {
      await this.parts.store.delete(key);
      this.count++;
      return true;
    } catch (error) {
      this.parts.logger.warn('An orphan could not be deleted; the next sweep will try', { key, error: String(error) });
      return false;
    }
  }
}
