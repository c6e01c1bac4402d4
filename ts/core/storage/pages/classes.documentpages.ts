import { randomUUID } from 'node:crypto';
import type { ICodec } from '../../base/helpers.codec.js';
import { inParallel } from '../../base/helpers.concurrency.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { ILogger } from '../../interfaces.core.js';
import type { IStoredDocument, IUpdateOptions, IUpdateResult, TUpdateFunction } from '../interfaces.storage.js';
import {
  type IPage,
  type IPageIndex,
  type IPageKind,
  type IPageRef,
  type ISeal,
  isPageIndex,
  partsOfPage,
  positionOf,
  positionOfPage,
  type TPaged,
} from './helpers.pages.js';

/**
 * times that a caller begins again because a page was replaced meanwhile; that happens once in many writes of a page
 */
const ATTEMPTS = 50;

/** What the pages need of `RegistryStorage`. */
export interface IPagesStorage {
  readonly logger: ILogger;
  read<T>(key: string, codec: ICodec<T>): Promise<IStoredDocument<T> | null>;
  update<T>(key: string, fn: TUpdateFunction<T>, options?: IUpdateOptions<T>): Promise<IUpdateResult<T>>;
}

/** The place of an existing or future entry: the entry document, or one of the pages that it names. */
export interface IPagePlace {
  key: string;
  /** undefined: the entry document */
  page?: IPageRef;
  /** the first name of the next page */
  until?: string;
}

type TChange<T> = (page: T | null, place: IPagePlace) => T | null | undefined;

const restless = (): RegistryError =>
  new RegistryError('unavailable', 'The document is being changed too often; try again', {
    headers: { 'Retry-After': '1' },
  });

/**
 * A sorted map that may become large, in documents that each stay small. Few entries are all in the entry document. If
 * they are many, it has an index of pages, in the order of their names:
 *
 *     entry: entries  --seal-->  entry: entries, sealed  --the pages are put-->  entry: index
 *
 *     page  --seal-->  page, sealed  --its parts are put, the index names them-->  tombstone
 *
 * The write that makes a document too large seals it. A sealed document is still read, and never changed. A writer that
 * wants to change it replaces it first: the seal determines the new pages, so it does no harm if several writers do so,
 * or if one ends half-way. The index names each page that is not sealed, so the page alone decides about its entries. A
 * writer that finds a tombstone instead of a page has an outdated index.
 *
 * Pages are not joined again. If the last entry is removed, all pages are sealed, and then the entry document is
 * deleted. An entry that comes meanwhile replaces a page, and then the index has changed.
 */
export class DocumentPages<T extends IPage> {
  /** the entry document as it was last read */
  private seen: IStoredDocument<TPaged<T>> | null | undefined;

  constructor(
    private readonly storage: IPagesStorage,
    private readonly kind: IPageKind<T>,
    /** key of the entry document */
    public readonly key: string,
    private readonly pageKey: (id: string) => string,
  ) {}

  /** The entry document, if it exists. */
  public async entry(): Promise<IStoredDocument<TPaged<T>> | null> {
    this.seen = await this.storage.read(this.key, this.kind.codec);
    return this.seen;
  }

  /** Whether the entry document, when it was last read, had all entries. */
  public get wasWhole(): boolean {
    return this.seen !== undefined && (this.seen === null || !isPageIndex(this.seen.value));
  }

  /** The document that has this entry, or would have it, with its key. */
  public async find(name: string): Promise<(IStoredDocument<T> & { key: string }) | null> {
    for (let tries = 1; tries <= ATTEMPTS; tries++) {
      const place = this.placeIn(await this.entry(), name);
      const document = place.document ?? (place.page && (await this.read(place.page)));
      if (document) return { ...document, key: place.key };
      if (!place.page) return null;
    }
    throw restless();
  }

  /** All entries, page by page, beginning with the page that contains `from`. */
  public async *all(from = ''): AsyncGenerator<T, void, undefined> {
    let next = from;
    for (let tries = 1; tries <= ATTEMPTS; tries++) {
      const entry = (await this.entry())?.value;
      if (!entry) return;
      if (!isPageIndex(entry)) {
        yield next === '' ? entry : this.kind.slice(entry, positionOf(entry.names, next));
        return;
      }
      const { pages } = entry;
      let at = positionOfPage(entry, next);
      for (let width = 1; at < pages.length; width = Math.min(this.kind.atOnce, 2 * width)) {
        const found = await Promise.all(pages.slice(at, at + width).map((page) => this.read(page)));
        const replaced = found.indexOf(null);
        for (const page of replaced < 0 ? found : found.slice(0, replaced)) {
          at++;
          yield (page as IStoredDocument<T>).value;
        }
        if (replaced >= 0) break;
      }
      if (at >= pages.length) return;
      next = (pages[at] as IPageRef).from;
    }
    throw restless();
  }

  /** Changes the document that has this entry, or would have it. `fn` is like that of `update`. */
  public async change(name: string, fn: TChange<T>): Promise<void> {
    for (let tries = 1; tries <= ATTEMPTS; tries++) {
      // the state that the caller has just read is enough: a write finds out if it is out of date
      const entry = tries === 1 ? this.seen : undefined;
      const place = this.placeIn(entry === undefined ? await this.entry() : entry, name);
      const { key, page } = place;
      const met: { seal?: ISeal; isReplaced?: boolean } = {};
      const step = (now: TPaged<T> | null): TPaged<T> | null | undefined => {
        met.isReplaced = now === null ? page !== undefined : isPageIndex(now);
        met.seal = undefined;
        if (met.isReplaced) return undefined;
        const before = now as T | null;
        met.seal = before?.seal;
        if (met.seal) return undefined;
        const next = fn(before, place);
        return next && next !== before ? this.sealedIfLarge(before, next) : next;
      };
      const { value } = await this.storage.update<TPaged<T>>(key, step, {
        codec: this.kind.codec,
        // setting or removing an entry twice has the same result as once
        applied: (now) => !isPageIndex(now) && fn(now, place) === now,
      });
      if (met.seal) await this.replace(place);
      if (met.seal || met.isReplaced) continue;
      if (value && !isPageIndex(value) && value.seal) await this.replaceNow(place);
      return;
    }
    throw restless();
  }

  /** Ensures that the entry document exists, even without entries. */
  public async keep(): Promise<void> {
    if (await this.entry()) return;
    const { codec, none } = this.kind;
    await this.storage.update<TPaged<T>>(this.key, (now) => now ?? none, { codec });
  }

  /** Deletes the entry document if it has no entries. */
  public async drop(): Promise<void> {
    const entry = await this.entry();
    if (!entry) return;
    for await (const { names } of this.all()) if (names.length > 0) return;
    const pages = isPageIndex(entry.value) ? entry.value.pages : [];
    for (const page of pages) if (!(await this.sealEmpty(page))) return;
    const isEmpty = (now: TPaged<T>): boolean => !isPageIndex(now) && !now.seal && now.names.length === 0;
    const { value } = await this.storage.update<TPaged<T>>(
      this.key,
      (now, { revision }) =>
        now && (pages.length > 0 ? revision === entry.revision : isEmpty(now)) ? null : undefined,
      { codec: this.kind.codec },
    );
    if (value === null) await inParallel(pages, ({ id }) => this.forget(id));
  }

  private read({ id }: IPageRef): Promise<IStoredDocument<T> | null> {
    return this.storage.read<TPaged<T>>(this.pageKey(id), this.kind.codec) as Promise<IStoredDocument<T> | null>;
  }

  /** `document`: the entry itself, if that has the tags. */
  private placeIn(
    entry: IStoredDocument<TPaged<T>> | null,
    name: string,
  ): IPagePlace & { document?: IStoredDocument<T> } {
    if (!entry) return { key: this.key };
    const { value } = entry;
    if (!isPageIndex(value)) return { key: this.key, document: entry as IStoredDocument<T> };
    const at = positionOfPage(value, name);
    const page = value.pages[at] as IPageRef;
    return { key: this.pageKey(page.id), page, until: value.pages[at + 1]?.from };
  }

  private sealedIfLarge(before: T | null, page: T): T {
    const size = this.kind.limit(page, before ?? this.kind.none);
    return size === undefined ? page : { ...page, seal: { id: randomUUID(), size } };
  }

  /** Replaces a sealed page. The caller's change is done already; if this fails, the next writer does it. */
  private async replaceNow(place: IPagePlace): Promise<void> {
    try {
      await this.replace(place);
    } catch (error) {
      const about = { key: place.key, error: String(error) };
      this.storage.logger.warn('A document that has become large could not be divided; the next write will', about);
    }
  }

  private async replace({ key, page }: IPagePlace): Promise<void> {
    const sealed = (await this.storage.read<TPaged<T>>(key, this.kind.codec))?.value;
    if (!sealed || isPageIndex(sealed) || !sealed.seal) return;
    const { id } = sealed.seal;
    const parts = partsOfPage(this.kind, sealed, page?.from ?? '');
    await inParallel(parts, ({ ref, page: part }) =>
      this.storage.update<TPaged<T>>(
        this.pageKey(ref.id),
        (now, { revision }) => (now === null && revision === 0 ? part : undefined),
        { codec: this.kind.codec, applied: () => true },
      ),
    );
    const refs = parts.map(({ ref }) => ref);
    const step = (now: TPaged<T> | null): IPageIndex | undefined => {
      if (!now || isPageIndex(now) !== (page !== undefined)) return undefined;
      if (!isPageIndex(now)) return now.seal?.id === id ? { pages: refs } : undefined;
      const at = now.pages.findIndex((one) => one.id === page?.id);
      return at < 0 ? undefined : { pages: now.pages.toSpliced(at, 1, ...refs) };
    };
    const applied = (now: TPaged<T>): boolean => step(now) === undefined;
    await this.storage.update<TPaged<T>>(this.key, step, { codec: this.kind.codec, applied });
    if (page) await this.forget(page.id);
  }

  /** @returns whether the page is sealed and has no entries */
  private async sealEmpty({ id }: IPageRef): Promise<boolean> {
    const seal = { id: randomUUID(), size: 1 };
    const { value } = await this.storage.update<TPaged<T>>(
      this.pageKey(id),
      (now) => (now && !isPageIndex(now) && !now.seal && now.names.length === 0 ? { ...now, seal } : undefined),
      { codec: this.kind.codec, applied: (now) => !isPageIndex(now) && now.seal !== undefined },
    );
    return value !== null && !isPageIndex(value) && value.seal !== undefined && value.names.length === 0;
  }

  /** Deletes a sealed page that no index names any more. If it stays, nobody reads it. */
  private async forget(id: string): Promise<void> {
    try {
      await this.storage.update<TPaged<T>>(this.pageKey(id), () => null, { codec: this.kind.codec });
    } catch (error) {
      const about = { key: this.pageKey(id), error: String(error) };
      this.storage.logger.warn('A page that is not used any more could not be removed', about);
    }
  }
}
