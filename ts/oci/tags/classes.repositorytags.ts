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

/** A tag, as it was read. */
export interface IFoundTag {
  digest: string;
  /** the document that decides; undefined if a newer one is about to replace it: then the answer must not be cached */
  document: { key: string; etag: string } | undefined;
}

/** The documents with the tags of a repository. If there is no entry document, the repository does not exist. */
export const pagesOfTags = (storage: RegistryStorage, repository: string): DocumentPages<ITagPage> =>
  new DocumentPages(storage, tagPages, tagsKey(repository), (id) => tagPageKey(repository, id));

/** The tags of one repository. A change of several tags changes one document after another. */
export class RepositoryTags {
  private readonly pages: DocumentPages<ITagPage>;

  constructor(storage: RegistryStorage, repository: string) {
    this.pages = pagesOfTags(storage, repository);
  }

  /** Whether the repository exists. */
  public async exists(): Promise<boolean> {
    return (await this.pages.entry()) !== null;
  }

  public async find(name: string): Promise<IFoundTag | null> {
    const found = await this.pages.find(name);
    const digest = found ? digestOfTag(found.value, name) : undefined;
    if (!found || digest === undefined) return null;
    return { digest, document: found.value.seal ? undefined : { key: found.key, etag: found.etag } };
  }

  /** The targets of these tags; null: the repository does not exist. */
  public async lookUp(names: readonly string[]): Promise<Map<string, string | undefined> | null> {
    const entry = (await this.pages.entry())?.value;
    if (!entry) return null;
    if (!isPageIndex(entry)) return new Map(names.map((name) => [name, digestOfTag(entry, name)]));
    const found = new Map<string, string | undefined>();
    await inParallel(names, async (name) => found.set(name, (await this.find(name))?.digest));
    return found;
  }

  /** Up to `count` tags after `last`, in order, and whether there are more; null: the repository does not exist. */
  public async page(options: { count?: number; last?: string }): Promise<{ tags: string[]; more: boolean } | null> {
    const { count, last } = options;
    const tags: string[] = [];
    let exists = false;
    for await (const page of this.pages.all(last)) {
      exists = true;
      if (count === 0) break;
      // one more than requested shows whether there is a next page
      const left = count === undefined ? undefined : count + 1 - tags.length;
      for (const name of pageOfTags(page, { count: left, last }).tags) tags.push(name);
      if (count !== undefined && tags.length > count) return { tags: tags.slice(0, count), more: true };
    }
    return exists ? { tags, more: false } : null;
  }

  /** The digests that the tags point to. */
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
   * Changes the tags with these names. `fn` gets them document by document (null if the repository does not exist), and
   * returns the same object to leave it unchanged.
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
   * Removes the tags for which `isGone` returns true.
   * @param check may throw to leave a document unchanged
   */
  public async remove(
    isGone: (name: string, digest: string) => boolean,
    check: (tags: ITags) => void = () => {},
  ): Promise<void> {
    // without reading first: if a delete has removed the manifest, a failing read must not stop the removal of its tags
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
        // if the page was divided meanwhile, the others are in another page
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

  /** Ensures that the repository exists: a repository with a manifest does, even without tags. */
  public keep(): Promise<void> {
    return this.pages.keep();
  }

  /** Removes the repository if it has no tags. */
  public drop(): Promise<void> {
    return this.pages.drop();
  }
}
