import { jsonCodec } from '../base/helpers.codec.js';
import { forEachAtOnce } from '../base/helpers.concurrency.js';

import { streamToBuffer } from '../base/helpers.streams.js';
import { RegistryError } from '../classes.registryerror.js';
import type { RegistryStorage } from '../classes.registrystorage.js';
import { scanStore } from '../objectstore/helpers.scan.js';
import type { IObject } from '../objectstore/interfaces.objectstore.js';
import { headOf, isTombstone } from '../storage/documents/helpers.documentstate.js';
import type { ICodec } from '../storage/interfaces.storage.js';
import type { ICatalogEntry } from './helpers.rows.js';
import type { IPackageCatalogOptions, TRebuildProgress } from './interfaces.listing.js';

/** Documents that are read at the same time. */
const WIDTH = 16;
/** Keys that are listed before their documents are read. */
const PAGE = 1000;

/**
 * The source of a listing: the documents of all packages. They bypass the document cache, because they would fill it.
 */
export class ListingDocuments<TDoc, TEntry> {
  private readonly codec: ICodec<TDoc>;

  constructor(
    private readonly storage: RegistryStorage,
    private readonly options: IPackageCatalogOptions<TDoc, TEntry>,
  ) {
    this.codec = options.codec ?? (jsonCodec as ICodec<TDoc>);
  }

  /** Whether the documents can be enumerated. */
  public get areKnown(): boolean {
    return this.options.documents !== undefined;
  }

  /** @param revision as counted by storage */
  public rowOf(name: string, document: TDoc | null, revision: number): ICatalogEntry<TEntry> {
    if (document === null) return { name, revision, entry: null };
    return { name, revision: this.options.revision?.(document) ?? revision, entry: this.options.entry(name, document) };
  }

  /**
   * Calls `take` with the row of every document that was written at `since` or later (default: all of them). A document
   * that cannot be read is logged and skipped, so that it does not stop the others from being listed. Rejects soon
   * after the storage is being closed.
   */
  public async each(
    take: (row: ICatalogEntry<TEntry>) => Promise<void> | void,
    options: { progress?: TRebuildProgress; since?: Date } = {},
  ): Promise<number> {
    const { documents } = this.options;
    if (!documents) return 0;
    const since = options.since?.getTime() ?? Number.NEGATIVE_INFINITY;
    let count = 0;
    let names: string[] = [];
    const flush = async (): Promise<void> => {
      await forEachAtOnce(names, WIDTH, async (name) => {
        this.storage.closing.throwIfAborted();
        const row = await this.row(name);
        if (!row) return;
        count++;
        await take(row);
      });
      names = [];
      options.progress?.(count);
    };
    const timeOf = (key: string): boolean => options.since !== undefined && documents.nameOf(key) !== undefined;
    for await (const { key, lastModified } of scanStore(this.storage.store, { prefix: documents.prefix, timeOf })) {
      this.storage.closing.throwIfAborted();
      if (lastModified && lastModified.getTime() < since) continue;
      const name = documents.nameOf(key);
      if (name !== undefined) names.push(name);
      if (names.length >= PAGE) await flush();
    }
    await flush();
    return count;
  }

  /**
   * The row of the package's document; without an entry if it was deleted; null if there never was a document, or if it
   * is damaged. Throws if the store fails: a document that could not be read must not count as absent.
   */
  public async row(name: string): Promise<ICatalogEntry<TEntry> | null> {
    const key = this.options.documentKey(name);
    let found: IObject | 'notModified' | null;
    let bytes: Buffer;
    try {
      found = await this.storage.store.get(key);
      if (!found || found === 'notModified') return null;
      bytes = await streamToBuffer(found.body);
    } catch (error) {
      if (!RegistryError.is(error, 'internal')) throw error;
      return this.skip(key, error);
    }
    const { revision, existed } = headOf(found.info);
    // a row for a package that never existed would hide its first publish, if the protocol counts revisions itself
    if (!existed) return null;
    if (isTombstone(found.info)) return this.rowOf(name, null, revision);
    try {
      return this.rowOf(name, this.codec.parse(bytes), revision);
    } catch (error) {
      return this.skip(key, error);
    }
  }

  private skip(key: string, error: unknown): null {
    this.storage.logger.error('A document cannot be read, so its package is not listed', { key, error: String(error) });
    return null;
  }
}
