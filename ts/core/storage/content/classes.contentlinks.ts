import { randomUUID } from 'node:crypto';
import type * as plugins from '../../../plugins.js';
import { cacheOf } from '../../base/helpers.caches.js';
import { inParallel } from '../../base/helpers.concurrency.js';
import type { IObjectStore } from '../../objectstore/interfaces.objectstore.js';
import { persist } from '../helpers.persist.js';
import { type ContentGuard, isCopyId, numberOfCopy } from './classes.contentguard.js';
import type { IContentDigest, IContentStorage, ILink } from './interfaces.content.js';

const UUID = '[0-9a-f]{8}-[0-9a-f-]{27}';
/** `<write id>[.<copy>][~<mark id>]` */
const LINK = new RegExp(`^(${UUID})(?:\\.([0-9]+-${UUID}))?(?:~(${UUID}))?$`);

const folderName = (owner: string): string => owner.replaceAll('/', ':');
const ownerOfFolder = (name: string): string => name.replaceAll(':', '/');

export const pathOf = ({ algorithm, hex }: Pick<IContentDigest, 'algorithm' | 'hex'>): string => `${algorithm}/${hex}`;

/** cached links, about 500 bytes each */
const REMEMBERED = 5000;

/** The links that this process saw last; shared by all views of a store. */
const seenLinks = new WeakMap<IObjectStore, plugins.LRUCache<string, string>>();
const seenOn = (store: IObjectStore): plugins.LRUCache<string, string> => {
  const seen = seenLinks.get(store) ?? cacheOf<string, string>(REMEMBERED);
  seenLinks.set(store, seen);
  return seen;
};

/** A link or a mark, parsed from its key below the prefix of all links; null for other objects. */
export interface ILinkKey {
  /** `<algorithm>/<hex>` */
  path: string;
  owner: string;
  /** key of the link object itself, without a mark */
  link: string;
  copy: string;
  isMark: boolean;
}

export const readLinkKey = (prefix: string, key: string): ILinkKey | null => {
  const [algorithm, hex, folder, name, ...rest] = key.slice(prefix.length + 1).split('/');
  const match = rest.length === 0 && name !== undefined ? LINK.exec(name) : null;
  if (!match || folder === undefined) return null;
  const [, id, copy = '', mark] = match;
  if (copy !== '' && !isCopyId(copy)) return null;
  const path = `${algorithm}/${hex}`;
  const link = `${prefix}/${path}/${folder}/${id}${copy && `.${copy}`}`;
  return { path, owner: ownerOfFolder(folder), link, copy, isMark: mark !== undefined };
};

/** Groups the links of one owner to one piece of content from objects in key order: a mark follows its link. */
export class LinkGroup {
  public readonly links: ILink[] = [];
  /** marks without a link */
  public readonly strayMarks: string[] = [];

  public add(key: string, lastModified: Date, { owner, link, copy, isMark }: ILinkKey): void {
    if (!isMark) {
      this.links.push({ key, owner, copy, lastModified, marks: [] });
      return;
    }
    const marked = this.links.find((one) => one.key === link);
    if (marked) marked.marks.push(key);
    else this.strayMarks.push(key);
  }
}

export const linkOfMark = (key: string): string => key.slice(0, key.lastIndexOf('~'));

export const isMarked = ({ marks }: ILink): boolean => marks.length > 0;

/**
 * Which owner has which content:
 *
 *     {prefix}/{algorithm}/{hex}/{owner}/{write id}[.{copy}]     a link; `/` of the owner is `:` in it. Without a copy
 *                                                                it names the first one
 *     {the link}~{mark id}                                       a mark: a collector is about to remove this link.
 *                                                                Readers still use the link, writers put a new one
 *
 * Each object is put once under a key of its own that is never used again, so a delete may arrive late.
 */
export class ContentLinks {
  /** the links, by folder */
  private readonly seen: plugins.LRUCache<string, string>;

  constructor(
    private readonly storage: IContentStorage,
    public readonly prefix: string,
  ) {
    this.seen = seenOn(storage.store);
  }

  /** The folder of this owner's links; hooks get it as the key of the link. */
  public folder(owner: string, digest: IContentDigest): string {
    return `${this.prefix}/${pathOf(digest)}/${folderName(owner)}`;
  }

  /**
   * The link that this process saw last, if it still exists: because its key is never used again, it is a link of the
   * owner now. Readers use it, for one HEAD; it may have a mark.
   */
  public async known(owner: string, digest: IContentDigest): Promise<Pick<ILink, 'copy'> | undefined> {
    const folder = this.folder(owner, digest);
    const key = this.seen.get(folder);
    if (key === undefined) return undefined;
    if (await this.storage.head(key)) return readLinkKey(this.prefix, key) ?? undefined;
    this.seen.delete(folder);
    return undefined;
  }

  /**
   * The links of the owner. A listing is no snapshot: it may have looked for a link that a collector removes, and not for
   * the one that a pusher had put in its place before. So only a second listing without a link shows that there is none.
   * @param limit number of objects to look at; default: all
   */
  public async of(owner: string, digest: IContentDigest, limit?: number): Promise<ILink[]> {
    const { links } = await this.group(owner, digest, limit);
    return links.length > 0 ? links : (await this.group(owner, digest, limit)).links;
  }

  public async group(owner: string, digest: IContentDigest, limit?: number): Promise<LinkGroup> {
    const group = new LinkGroup();
    for await (const item of this.storage.list({ prefix: `${this.folder(owner, digest)}/`, limit })) {
      const read = 'key' in item ? readLinkKey(this.prefix, item.key) : null;
      if (read && 'key' in item) group.add(item.key, item.lastModified, read);
    }
    const newest = copiesOf(group.links)[0];
    const seen = group.links.find(({ copy }) => copy === newest);
    if (seen) this.seen.set(this.folder(owner, digest), seen.key);
    return group;
  }

  /** Puts a new link, whether or not there is another one. */
  public async put(owner: string, digest: IContentDigest, copy: string): Promise<string> {
    const key = `${this.folder(owner, digest)}/${randomUUID()}${copy && `.${copy}`}`;
    await this.putKey(key);
    this.seen.set(this.folder(owner, digest), key);
    return key;
  }

  public async mark({ key }: ILink): Promise<string> {
    const mark = `${key}~${randomUUID()}`;
    await this.putKey(mark);
    return mark;
  }

  /**
   * Removes links with their marks. A mark is removed after its link: writers must not rely on a link that is about to
   * be removed.
   */
  public async remove(links: ILink[]): Promise<void> {
    await inParallel(links, ({ key }) => this.storage.store.delete(key));
    const marks = links.flatMap((link) => link.marks);
    await inParallel(marks, (key) => this.storage.store.delete(key));
  }

  /** Removes all links of the owner, including those that are added meanwhile. */
  public async removeAll(owner: string, digest: IContentDigest): Promise<void> {
    for (;;) {
      const { links, strayMarks } = await this.group(owner, digest);
      await this.remove(links);
      await inParallel(strayMarks, (key) => this.storage.store.delete(key));
      if (links.length === 0) return;
    }
  }

  /** Some owners of this content, `limit` at most; a common blob may have a hundred thousand. */
  public async owners(digest: IContentDigest, limit: number): Promise<string[]> {
    const owners: string[] = [];
    const prefix = `${this.prefix}/${pathOf(digest)}/`;
    for await (const item of this.storage.list({ prefix, delimiter: '/', limit, inAnyOrder: true })) {
      if ('prefix' in item) owners.push(ownerOfFolder(item.prefix.slice(prefix.length, -1)));
    }
    return owners;
  }

  /** All links to this content. */
  public async *all(digest: Pick<IContentDigest, 'algorithm' | 'hex'>): AsyncGenerator<ILink, void> {
    let group = new LinkGroup();
    let current = '';
    for await (const item of this.storage.list({ prefix: `${this.prefix}/${pathOf(digest)}/` })) {
      const read = 'key' in item ? readLinkKey(this.prefix, item.key) : null;
      if (!read || !('key' in item)) continue;
      if (read.owner !== current) {
        yield* group.links;
        group = new LinkGroup();
        current = read.owner;
      }
      group.add(item.key, item.lastModified, read);
    }
    yield* group.links;
  }

  public async isNamed(digest: Pick<IContentDigest, 'algorithm' | 'hex'>, copy: string): Promise<boolean> {
    for await (const link of this.all(digest)) if (link.copy === copy) return true;
    return false;
  }

  /** Replaces the owner's older link by one to this copy, if the copy is still the current one. */
  public async lead(older: ILink, digest: IContentDigest, copy: string, guard: ContentGuard): Promise<void> {
    const { store } = this.storage;
    const key = await this.put(older.owner, digest, copy);
    // if the owner has given the content up meanwhile, it must not come back
    if ((await guard.keep(copy)) && (await store.head(older.key))) await this.remove([older]);
    else await store.delete(key);
  }

  private async putKey(key: string): Promise<void> {
    const { store } = this.storage;
    // the key is unique to this write; the condition saves the driver a look at it
    const ifNoneMatch = store.conditionalWrites ? ('*' as const) : undefined;
    await persist(() => store.put(key, new Uint8Array(), { ifNoneMatch, immutable: true, shareable: true }));
  }
}

/**
 * The copies that these links name, the newest first: after a damaged copy was replaced, older links may still name it.
 */
export const copiesOf = (links: ILink[]): string[] =>
  [...new Set(links.map(({ copy }) => copy))].sort((a, b) => numberOfCopy(b) - numberOfCopy(a));
