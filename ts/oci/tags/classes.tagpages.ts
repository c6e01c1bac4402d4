import { randomUUID } from 'node:crypto';
import { inParallel } from '../../core/base/helpers.concurrency.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { IStoredDocument, RegistryStorage } from '../../core/classes.registrystorage.js';
import { tagPageKey, tagsKey } from '../keys.oci.js';
import {
  type ISeal,
  type ITagIndex,
  type ITagPage,
  type ITagPageRef,
  type ITags,
  isTagIndex,
  partsOfPage,
  positionOfPage,
  type TTagDocument,
  tagsCodec,
  tagsFrom,
} from '../wire/wire.tags.js';

/** tags of one document. Each push of a tag writes one anew: so many are 28 KB, and cost little more than few */
export const MAX_PAGE = 300;
/** tags of each page, if all tags of a large repository were in one document (releases up to 0.3.0) */
const FIRST_SIZE = 200;
/** pages that are read at the same time */
const AT_ONCE = 16;
/** times that a caller begins again because a page was replaced meanwhile, which happens once in 150 pushes of a tag */
const ATTEMPTS = 50;

/** Where a tag is, or would be: in the entry document, or in one of the pages that it names. */
export interface ITagPlace {
  key: string;
  /** undefined: the entry document */
  page?: ITagPageRef;
  /** the first tag of the next page */
  until?: string;
}

type TChange = (tags: ITags | null, place: ITagPlace) => ITags | null | undefined;

const restless = (): RegistryError =>
  new RegistryError('unavailable', 'The tags are being changed too often; try again', {
    headers: { 'Retry-After': '1' },
  });

/** What is written in the place of `before`: it is sealed if it has become too large. */
const sealedIfLarge = (before: ITags | null, tags: ITags): ITagPage => {
  const count = tags.names.length;
  if (count <= MAX_PAGE) return tags;
  const had = before?.names.length ?? 0;
  // tags that count up come behind all others: pages that are full stay so
  const isBehind = had > 0 && had <= MAX_PAGE && tags.names[had - 1] === before?.names[had - 1];
  const size = count > 2 * MAX_PAGE ? FIRST_SIZE : isBehind ? had : Math.ceil(count / 2);
  return { ...tags, seal: { id: randomUUID(), size } };
};

/**
 * The documents that hold the tags of one repository. The entry document has all of them as long as they are few. It has
 * an index of pages if they are many, in the order of their tags:
 *
 *     entry: tags  --seal-->  entry: tags, sealed  --the pages are put-->  entry: index
 *
 *     page  --seal-->  page, sealed  --its parts are put, the index names them-->  tombstone
 *
 * The write that makes a document too large seals it. What is sealed is still read, and never changed. Whoever wants to
 * change it replaces it first: the seal says by which pages, so it does no harm if several do so, or if one ends
 * half-way. A page that is not sealed is named by the index, so the page alone decides about its tags; who finds a
 * tombstone instead of a page has an index that is out of date.
 *
 * Pages are not joined again. If the last tag of a repository is gone, all its pages are sealed, and then the entry is
 * deleted; a tag that comes meanwhile replaces a page, and then the index is not what it was.
 */
export class TagPages {
  public readonly key: string;
  /** as it was read last */
  private seen: IStoredDocument<TTagDocument> | null | undefined;

  constructor(
    private readonly storage: RegistryStorage,
    private readonly repository: string,
  ) {
    this.key = tagsKey(repository);
  }

  /** The entry document; null: there is no such repository. */
  public async entry(): Promise<IStoredDocument<TTagDocument> | null> {
    this.seen = await this.storage.read<TTagDocument>(this.key, tagsCodec);
    return this.seen;
  }

  /** The document that has this tag, or would have it, with its key. */
  public async find(name: string): Promise<(IStoredDocument<ITagPage> & { key: string }) | null> {
    for (let tries = 1; tries <= ATTEMPTS; tries++) {
      const place = this.placeIn(await this.entry(), name);
      const document = place.document ?? (place.page && (await this.read(place.page)));
      if (document) return { ...document, key: place.key };
      if (!place.page) return null;
    }
    throw restless();
  }

  /** All tags, from the page on that has `from`, page by page. */
  public async *all(from = ''): AsyncGenerator<ITags, void, undefined> {
    let next = from;
    for (let tries = 1; tries <= ATTEMPTS; tries++) {
      const entry = (await this.entry())?.value;
      if (!entry) return;
      if (!isTagIndex(entry)) {
        yield tagsFrom(entry, next);
        return;
      }
      const { pages } = entry;
      let at = positionOfPage(entry, next);
      for (let width = 1; at < pages.length; width = Math.min(AT_ONCE, 2 * width)) {
        const found = await Promise.all(pages.slice(at, at + width).map((page) => this.read(page)));
        const replaced = found.indexOf(null);
        for (const page of replaced < 0 ? found : found.slice(0, replaced)) {
          at++;
          yield (page as IStoredDocument<ITagPage>).value;
        }
        if (replaced >= 0) break;
      }
      if (at >= pages.length) return;
      next = (pages[at] as ITagPageRef).from;
    }
    throw restless();
  }

  /** Changes the document that has this tag, or would have it. `fn` as for `update`. */
  public async change(name: string, fn: TChange): Promise<void> {
    for (let tries = 1; tries <= ATTEMPTS; tries++) {
      // what the caller has read a moment ago will do: a write finds out if it is out of date
      const entry = tries === 1 ? this.seen : undefined;
      const place = this.placeIn(entry === undefined ? await this.entry() : entry, name);
      const { key, page } = place;
      const met: { seal?: ISeal; isReplaced?: boolean } = {};
      const step = (now: TTagDocument | null): TTagDocument | null | undefined => {
        met.isReplaced = now === null ? page !== undefined : isTagIndex(now);
        met.seal = undefined;
        if (met.isReplaced) return undefined;
        const before = now as ITagPage | null;
        met.seal = before?.seal;
        if (met.seal) return undefined;
        const next = fn(before, place);
        return next && next !== before ? sealedIfLarge(before, next) : next;
      };
      const { value } = await this.storage.update<TTagDocument>(key, step, {
        codec: tagsCodec,
        // to set or remove a tag twice has the same result as once
        applied: (now) => !isTagIndex(now) && fn(now, place) === now,
      });
      if (met.seal) await this.replace(place);
      if (met.seal || met.isReplaced) continue;
      if (value && !isTagIndex(value) && value.seal) await this.replaceNow(place);
      return;
    }
    throw restless();
  }

  /** Makes the repository one, also without tags. */
  public async keep(): Promise<void> {
    if (await this.entry()) return;
    await this.storage.update<TTagDocument>(this.key, (now) => now ?? { names: [], digests: [] }, { codec: tagsCodec });
  }

  /** Forgets the repository if it has no tags. */
  public async drop(): Promise<void> {
    const entry = await this.entry();
    if (!entry) return;
    for await (const { names } of this.all()) if (names.length > 0) return;
    const pages = isTagIndex(entry.value) ? entry.value.pages : [];
    for (const page of pages) if (!(await this.sealEmpty(page))) return;
    const isEmpty = (now: TTagDocument): boolean => !isTagIndex(now) && !now.seal && now.names.length === 0;
    const { value } = await this.storage.update<TTagDocument>(
      this.key,
      (now, { revision }) =>
        now && (pages.length > 0 ? revision === entry.revision : isEmpty(now)) ? null : undefined,
      { codec: tagsCodec },
    );
    if (value === null) await inParallel(pages, ({ id }) => this.forget(id));
  }

  private read({ id }: ITagPageRef): Promise<IStoredDocument<ITagPage> | null> {
    return this.storage.read<TTagDocument>(
      tagPageKey(this.repository, id),
      tagsCodec,
    ) as Promise<IStoredDocument<ITagPage> | null>;
  }

  /** `document`: the entry itself, if that has the tags. */
  private placeIn(
    entry: IStoredDocument<TTagDocument> | null,
    name: string,
  ): ITagPlace & { document?: IStoredDocument<ITagPage> } {
    if (!entry) return { key: this.key };
    const { value } = entry;
    if (!isTagIndex(value)) return { key: this.key, document: entry as IStoredDocument<ITagPage> };
    const at = positionOfPage(value, name);
    const page = value.pages[at] as ITagPageRef;
    return { key: tagPageKey(this.repository, page.id), page, until: value.pages[at + 1]?.from };
  }

  /** The caller's own change is made; if this fails, the next one who comes does it. */
  private async replaceNow(place: ITagPlace): Promise<void> {
    try {
      await this.replace(place);
    } catch (error) {
      const about = { repository: this.repository, error: String(error) };
      this.storage.logger.warn('A page of tags could not be divided; the next push of a tag will', about);
    }
  }

  private async replace({ key, page }: ITagPlace): Promise<void> {
    const sealed = (await this.storage.read<TTagDocument>(key, tagsCodec))?.value;
    if (!sealed || isTagIndex(sealed) || !sealed.seal) return;
    const { id } = sealed.seal;
    const parts = partsOfPage(sealed, page?.from ?? '');
    await inParallel(parts, ({ ref, tags }) =>
      this.storage.update<TTagDocument>(
        tagPageKey(this.repository, ref.id),
        (now, { revision }) => (now === null && revision === 0 ? tags : undefined),
        { codec: tagsCodec, applied: () => true },
      ),
    );
    const refs = parts.map(({ ref }) => ref);
    const step = (now: TTagDocument | null): ITagIndex | undefined => {
      if (!now || isTagIndex(now) !== (page !== undefined)) return undefined;
      if (!isTagIndex(now)) return now.seal?.id === id ? { pages: refs } : undefined;
      const at = now.pages.findIndex((one) => one.id === page?.id);
      return at < 0 ? undefined : { pages: now.pages.toSpliced(at, 1, ...refs) };
    };
    const applied = (now: TTagDocument): boolean => step(now) === undefined;
    await this.storage.update<TTagDocument>(this.key, step, { codec: tagsCodec, applied });
    if (page) await this.forget(page.id);
  }

  /** @returns whether the page is sealed and has no tags */
  private async sealEmpty({ id }: ITagPageRef): Promise<boolean> {
    const seal = { id: randomUUID(), size: 1 };
    const { value } = await this.storage.update<TTagDocument>(
      tagPageKey(this.repository, id),
      (now) => (now && !isTagIndex(now) && !now.seal && now.names.length === 0 ? { ...now, seal } : undefined),
      { codec: tagsCodec, applied: (now) => !isTagIndex(now) && now.seal !== undefined },
    );
    return value !== null && !isTagIndex(value) && value.seal !== undefined && value.names.length === 0;
  }

  /** Of a sealed page that no index names any more. What stays is never read. */
  private async forget(id: string): Promise<void> {
    try {
      await this.storage.update<TTagDocument>(tagPageKey(this.repository, id), () => null, { codec: tagsCodec });
    } catch (error) {
      this.storage.logger.warn('A page of tags that is not used any more could not be removed', {
        repository: this.repository,
        error: String(error),
      });
    }
  }
}
