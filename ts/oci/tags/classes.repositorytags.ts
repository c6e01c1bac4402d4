import { inParallel } from '../../core/base/helpers.concurrency.js';
import type { RegistryStorage } from '../../core/classes.registrystorage.js';
import { DocumentPages } from '../../core/storage/pages/classes.documentpages.js';
import { isPageIndex } from '../../core/storage/pages/helpers.pages.js';
import { tagPageKey, tagsKey } from '../keys.oci.js';
import {
  digestOfTag,
  type ITagPage,
  type ITags,
  NO_TAGS,
  pageOfTags,
  tagPages,
  tagsOfDigest,
  withoutTags,
} from '../wire/wire.tags.js';

/** A tag as it was read. */
export interface IFoundTag {
  digest: string;
  /** the document that decides; undefined if a newer one is about to take its place: then no answer may go by it */
  document: { key: string; etag: string } | undefined;
}

/** The documents with the tags of a repository. Without an entry document there is no such repository. */
export const pagesOfTags = (storage: RegistryStorage, repository: string): DocumentPages<ITagPage> =>
  new DocumentPages(storage, tagPages, tagsKey(repository), (id) => tagPageKey(repository, id));

/** The tags of one repository. Changes of several tags are made one document after the other. */
export class RepositoryTags {
  private readonly pages: DocumentPages<ITagPage>;

  constructor(storage: RegistryStorage, repository: string) {
    this.pages = pagesOfTags(storage, repository);
  }

  /** Whether there is such a repository. */
  public async exists(): Promise<boolean> {
    return (await this.pages.entry()) !== null;
  }

  public async find(name: string): Promise<IFoundTag | null> {
    const found = await this.pages.find(name);
    const digest = found ? digestOfTag(found.value, name) : undefined;
    if (!found || digest === undefined) return null;
    return { digest, document: found.value.seal ? undefined : { key: found.key, etag: found.etag } };
  }

  /** Where these tags point; null: there is no such repository. */
  public async lookUp(names: readonly string[]): Promise<Map<string, string | undefined> | null> {
    const entry = (await this.pages.entry())?.value;
    if (!entry) return null;
    if (!isPageIndex(entry)) return new Map(names.map((name) => [name, digestOfTag(entry, name)]));
    const found = new Map<string, string | undefined>();
    await inParallel(names, async (name) => found.set(name, (await this.find(name))?.digest));
    return found;
  }

  /** Up to `count` tags behind `last`, in order, and whether there are more; null: there is no such repository. */
  public async page(options: { count?: number; last?: string }): Promise<{ tags: string[]; more: boolean } | null> {
    const { count, last } = options;
    const tags: string[] = [];
    let exists = false;
    for await (const page of this.pages.all(last)) {
      exists = true;
      if (count === 0) break;
      // one more than asked for tells whether there is a next page
      const left = count === undefined ? undefined : count + 1 - tags.length;
      for (const name of pageOfTags(page, { count: left, last }).tags) tags.push(name);
      if (count !== undefined && tags.length > count) return { tags: tags.slice(0, count), more: true };
    }
    return exists ? { tags, more: false } : null;
  }

  /** What the tags point to. */
  public async digests(): Promise<Set<string>> {
    const digests = new Set<string>();
    for await (const page of this.pages.all()) for (const digest of page.digests) digests.add(digest);
    return digests;
  }

  /** The tags that point to this digest. */
  public async of(digest: string): Promise<string[]> {
    const names: string[] = [];
    for await (const page of this.pages.all()) names.push(...tagsOfDigest(page, digest));
    return names;
  }

  /**
   * Changes the tags of these names; `fn` gets them document by document, null if there is no such repository, and
   * returns the same object to leave it as it is.
   */
  public async change(
    names: Iterable<string>,
    fn: (tags: ITags | null, names: string[]) => ITags | null,
  ): Promise<void> {
    let rest = [...names].sort((a, b) => (a < b ? -1 : 1));
    while (rest.length > 0) {
      let those = rest;
      await this.pages.change(rest[0] as string, (tags, { until }) => {
        those = until === undefined ? rest : rest.filter((name) => name < until);
        return fn(tags, those);
      });
      rest = rest.slice(those.length);
    }
  }

  /**
   * Removes the tags that are to go.
   * @param check may throw to keep a document as it is
   */
  public async remove(
    isGone: (name: string, digest: string) => boolean,
    check: (tags: ITags) => void = () => {},
  ): Promise<void> {
    // without a look: a delete that has taken the manifest must not be kept from its tags by a look that fails
    if (this.pages.wasWhole && (await this.removeFromWhole(isGone, check))) return;
    for await (const page of this.pages.all()) {
      let rest = page.names.filter((name, at) => isGone(name, page.digests[at] as string));
      while (rest.length > 0) {
        let now: ITags = NO_TAGS;
        await this.pages.change(rest[0] as string, (tags) => {
          now = tags ?? NO_TAGS;
          check(now);
          return tags && withoutTags(tags, isGone);
        });
        // the page may have been divided: then the others are in another one
        rest = rest.slice(1).filter((name) => digestOfTag(now, name) === undefined);
      }
    }
  }

  /** @returns false if the tags are in pages by now, and nothing was removed */
  private async removeFromWhole(
    isGone: (name: string, digest: string) => boolean,
    check: (tags: ITags) => void,
  ): Promise<boolean> {
    let isWhole = true;
    await this.pages.change('', (tags, { page }) => {
      isWhole = page === undefined;
      if (!isWhole || !tags) return undefined;
      check(tags);
      return withoutTags(tags, isGone);
    });
    return isWhole;
  }

  /** Removes one tag. */
  public async removeOne(name: string): Promise<void> {
    await this.pages.change(name, (tags) => tags && withoutTags(tags, (other) => other === name));
  }

  /** A repository with a manifest in it is one, also without tags. */
  public keep(): Promise<void> {
    return this.pages.keep();
  }

  /** Forgets the repository if it has no tags. */
  public drop(): Promise<void> {
    return this.pages.drop();
  }
}
