import * as plugins from '../../plugins.js';
import { forEachAtOnce } from '../base/helpers.concurrency.js';
import { sortInSlices } from '../base/helpers.slices.js';
import type { RegistryStorage } from '../classes.registrystorage.js';
import type { ListingBase } from './classes.listingbase.js';
import type { ListingDocuments } from './classes.listingdocuments.js';
import type { ListingFolder } from './classes.listingfolder.js';
import { DAMAGED, type IStoredManifest, pieceIds } from './helpers.manifest.js';
import { byName, type ICatalogEntry } from './helpers.rows.js';
import type { TRebuildProgress } from './interfaces.listing.js';
import type { IListingKeys } from './keys.listing.js';

export interface IListingRebuildParts<TDoc, TEntry> {
  storage: RegistryStorage;
  base: ListingBase<TEntry>;
  folder: ListingFolder<TEntry>;
  documents: ListingDocuments<TDoc, TEntry>;
  keys: IListingKeys;
}

/** Documents that are read again at the same time. */
const WIDTH = 16;

/**
 * Makes a base from the documents alone: a package whose document somebody removed by hand is no longer listed. The
 * base gets a new generation, so that every replica drops its earlier rows. Publishes continue meanwhile; entries are
 * kept unless they existed before the documents were read.
 */
export class ListingRebuild<TDoc, TEntry> {
  private readonly rows = new Map<string, ICatalogEntry<TEntry>>();

  constructor(private readonly parts: IListingRebuildParts<TDoc, TEntry>) {}

  /** Returns the number of documents, those of deleted packages included. */
  public async run(progress?: TRebuildProgress): Promise<number> {
    const { storage, base, folder, documents, keys } = this.parts;
    const entryKeys: string[] = [];
    for await (const item of storage.list({ prefix: keys.entries })) if ('key' in item) entryKeys.push(item.key);
    let seen = await base.readManifest();
    const count = await documents.each((row) => this.take(row), { progress });
    for (;;) {
      const replaced = seen;
      if (await this.replace(replaced)) break;
      seen = await base.readManifest();
      await this.catchUp(replaced, seen);
    }
    if (seen) await base.drop(pieceIds(seen.manifest));
    await base.dropOld();
    await folder.deleteEntries(entryKeys);
    return count;
  }

  private take(row: ICatalogEntry<TEntry>): void {
    this.rows.set(row.name, row);
  }

  private async replace(seen: IStoredManifest | null): Promise<boolean> {
    const { base } = this.parts;
    const rows = await sortInSlices([...this.rows.values()], byName);
    const segments = await base.writeSegments(rows);
    const made = { generation: plugins.crypto.randomUUID(), segments, batches: [] };
    const ids = pieceIds(seen?.manifest ?? DAMAGED).join();
    const stored = await base.update(segments, (current) =>
      pieceIds(current ?? DAMAGED).join() === ids ? made : undefined,
    );
    return stored !== undefined;
  }

  /**
   * Called if others have moved entries into the base since the documents were read: those packages are looked up
   * again. Their entries are not enough, because they may be older than the documents.
   */
  private async catchUp(before: IStoredManifest | null, after: IStoredManifest | null): Promise<void> {
    const { base, documents } = this.parts;
    const known = new Set(before ? pieceIds(before.manifest) : []);
    const names = new Set<string>();
    for (const id of after ? pieceIds(after.manifest) : []) {
      if (known.has(id)) continue;
      const rows = await base.readPiece(id);
      if (!rows) {
        await documents.each((row) => this.take(row));
        return;
      }
      for (const { name, revision } of rows) if (revision > (this.rows.get(name)?.revision ?? -1)) names.add(name);
    }
    await forEachAtOnce(names, WIDTH, async (name) => {
      const row = await documents.row(name);
      if (row) this.take(row);
      else this.rows.delete(name);
    });
  }
}
