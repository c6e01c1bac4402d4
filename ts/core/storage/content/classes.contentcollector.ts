import { randomUUID } from 'node:crypto';
import { HashSet } from '../../base/classes.hashset.js';
import { inParallel } from '../../base/helpers.concurrency.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { IObjectInfo } from '../../objectstore/interfaces.objectstore.js';
import { PLACED_AT } from '../commit/classes.artifactplacer.js';
import { AskedHooks } from '../hooks/classes.askedhooks.js';
import { isCopyId } from './classes.contentguard.js';
import { isMarked, LinkGroup, linkOfMark, pathOf, readLinkKey } from './classes.contentlinks.js';
import type { ContentStore } from './classes.contentstore.js';
import type { IContentDigest, ILink } from './interfaces.content.js';

/** groups of links that are decided together: the documents of their owners are read again once for the whole batch */
const BATCH = 500;

/** What a collection needs to know about the content's owners. */
export interface ICollectPlan {
  /** ms since the epoch; younger objects stay */
  before: number;
  dryRun: boolean;
  /** whether something of the owner named this content when the collection began; a wrong `true` does no harm */
  isNamed(owner: string, digest: string): boolean;
  /** the same for one owner, read now: returns those of the digests that are named */
  namedNow(owner: string, digests: string[]): Promise<Set<string>>;
  /** throws if the collection is to end */
  step(phase: 'links' | 'blobs'): void;
}

/** All links of one owner to one piece of content. */
interface IOwned extends LinkGroup {
  owner: string;
  digest: IContentDigest;
}

const digestOf = (path: string): IContentDigest => {
  const [algorithm, hex] = path.split('/') as [IContentDigest['algorithm'], string];
  return { algorithm, hex, text: `${algorithm}:${hex}` };
};

/** A delete is sent once. If its outcome is unknown, the next collection finds out. */
const isDeleted = async (deleting: Promise<void>): Promise<boolean> => {
  try {
    await deleting;
    return true;
  } catch (error) {
    if (RegistryError.is(error, 'outcomeUnknown')) return false;
    throw error;
  }
};

/**
 * Removes links whose content nothing of their owner names, and copies that no link names, while others push, mount and
 * delete.
 *
 * A link: the collector puts a mark beside it, then reads the owner's documents again. If none names the content, it
 * deletes the link and then the mark. A writer of such a document looks at the links again when the document is
 * visible, and puts a new link if a link is marked or missing. So either the collector sees the document, or the writer
 * sees the mark.
 *
 * If an owner has several links, the spare ones get a mark too, and are deleted if a link without a mark remains after
 * that. So if somebody is about to delete a link, however late, no other collector keeps that one as the only link.
 *
 * A copy: see `ContentGuard`. If a collector ends between two steps, it leaves at most marks (the next collector
 * replaces or removes links with a mark), a condemned copy (the next push keeps it, the next collector decides anew),
 * or the object of a retired copy (the next collector deletes it).
 */
export class ContentCollector {
  public links = 0;
  public copies = 0;
  /** bytes of the removed copies */
  public bytes = 0;
  /** in a dry run: the links that would be removed */
  private readonly doomedLinks = new HashSet();

  constructor(
    private readonly content: ContentStore,
    private readonly plan: ICollectPlan,
  ) {}

  public async run(): Promise<void> {
    let batch: IOwned[] = [];
    for await (const group of this.owned()) {
      this.plan.step('links');
      if (this.isUnwanted(group)) batch.push(group);
      else await this.tidy(group);
      if (batch.length < BATCH) continue;
      await this.removeLinks(batch);
      batch = [];
    }
    await this.removeLinks(batch);
    await this.collectCopies();
  }

  private isUnwanted({ links, owner, digest }: IOwned): boolean {
    const { before, isNamed } = this.plan;
    // content that was pushed again counts as young
    const isYoung = links.some(({ lastModified }) => lastModified.getTime() > before);
    return links.length > 0 && !isYoung && !isNamed(owner, digest.text);
  }

  /** Each push and mount leaves a link of its own; one link without a mark is enough. */
  private async tidy({ owner, digest, links, strayMarks }: IOwned): Promise<void> {
    const { content, plan } = this;
    if (plan.dryRun) return;
    await this.removeStray(strayMarks);
    const marked = links.filter(isMarked);
    const unmarked = links.filter((link) => !isMarked(link));
    if (links.length < 2 && marked.length === 0) return;
    const { copy } = await content.guard(digest).read();
    const newest = unmarked
      .filter((link) => link.copy === copy)
      .sort((a, b) => b.lastModified.getTime() - a.lastModified.getTime())[0];
    if (!newest) {
      // the content is needed but a dead collector marked its links: it gets a new one
      if (unmarked.length === 0 && (await content.assure(owner, digest))) await this.removeSpare(marked, digest);
      return;
    }
    // a younger link may belong to a push under way
    const spare = links.filter((link) => link !== newest && link.lastModified.getTime() <= plan.before);
    await this.removeSpare(spare, digest);
  }

  private async removeSpare(spare: ILink[], digest: IContentDigest): Promise<void> {
    const [first] = spare;
    if (!first) return;
    const { links, storage } = this.content;
    const own: string[] = [];
    await inParallel(spare, async (link) => {
      const mark = await links.mark(link);
      link.marks.push(mark);
      own.push(mark);
    });
    const { copy } = await this.content.guard(digest).read();
    const now = await links.of(first.owner, digest);
    if (now.some((link) => link.copy === copy && !isMarked(link))) await links.remove(spare);
    else await inParallel(own, (key) => storage.store.delete(key));
  }

  /**
   * Removes marks without a link, if the link is really gone: a listing may have passed the place of a link that was
   * put since, and then show only its mark.
   */
  private async removeStray(marks: string[]): Promise<void> {
    const { store } = this.content.storage;
    await inParallel(marks, async (key) => {
      if ((await store.head(linkOfMark(key))) === null) await store.delete(key);
    });
  }

  private async removeLinks(groups: IOwned[]): Promise<void> {
    const { plan } = this;
    if (plan.dryRun) {
      for (const { links } of groups) for (const { key } of links) this.doomedLinks.add(key);
      this.links += groups.length;
      return;
    }
    const asked = new Map<IOwned, AskedHooks>();
    try {
      const allowed: IOwned[] = [];
      for (const group of groups) if (await this.mayGo(group, asked)) allowed.push(group);
      await this.removeAllowed(allowed, asked);
    } finally {
      // reports deletes that were allowed and not done; the collection may have ended early
      for (const hooks of asked.values()) await hooks.abort();
    }
  }

  /** Asks the hooks as if the owner deleted the content itself; if a hook refuses, the content stays. */
  private async mayGo(group: IOwned, asked: Map<IOwned, AskedHooks>): Promise<boolean> {
    const hooks = new AskedHooks(this.content.storage);
    try {
      await hooks.ask('beforeDelete', await this.content.subjectOfDelete(group.owner, group.digest));
    } catch (error) {
      if (!RegistryError.is(error, 'forbidden')) throw error;
      return false;
    }
    asked.set(group, hooks);
    return true;
  }

  private async removeAllowed(groups: IOwned[], asked: Map<IOwned, AskedHooks>): Promise<void> {
    const { content, plan } = this;
    const own = new Map<ILink, string>();
    const all = groups.flatMap(({ links }) => links);
    await inParallel(all, async (link) => own.set(link, await content.links.mark(link)));
    const byOwner = new Map<string, IOwned[]>();
    for (const group of groups) byOwner.set(group.owner, [...(byOwner.get(group.owner) ?? []), group]);
    for (const [owner, theirs] of byOwner) {
      plan.step('links');
      const named = await plan.namedNow(
        owner,
        theirs.map(({ digest }) => digest.text),
      );
      for (const group of theirs) {
        const { digest, links, strayMarks } = group;
        const ownMarks = links.map((link) => own.get(link) as string);
        if (named.has(digest.text)) {
          await inParallel(ownMarks, (key) => content.storage.store.delete(key));
          continue;
        }
        for (const [index, link] of links.entries()) link.marks.push(ownMarks[index] as string);
        const hooks = asked.get(group) as AskedHooks;
        await hooks.abortOnFailure(() => content.links.remove(links));
        this.links++;
        await hooks.tell();
        await this.removeStray(strayMarks);
      }
    }
  }

  /** Walks through copies in the order of their digests, in step with all links. */
  private async collectCopies(): Promise<void> {
    const { plan } = this;
    const named = this.namedCopies();
    let held = await named.next();
    for await (const { path, copy, info } of this.stored()) {
      plan.step('blobs');
      while (!held.done && held.value.path < path) held = await named.next();
      if (info.lastModified.getTime() > plan.before) continue;
      const isNamed = !held.done && held.value.path === path && held.value.copies.has(copy);
      if (await this.collect(digestOf(path), copy, info, isNamed)) {
        this.copies++;
        this.bytes += info.size;
      }
    }
  }

  private async collect(digest: IContentDigest, copy: string, info: IObjectInfo, wasNamed: boolean): Promise<boolean> {
    const { content, plan } = this;
    // usually a link names the first copy; for other copies the guard decides whether they are current
    if (wasNamed && copy === '' && !this.touched.has(pathOf(digest))) return false;
    const guard = content.guard(digest);
    const state = await guard.read();
    if (wasNamed && state.copy === copy) return false;
    const placedAt = (await content.storage.store.head(info.key))?.metadata?.[PLACED_AT];
    // a driver that moves a staged upload to its key may keep the older time of the upload
    if (placedAt !== undefined && Date.parse(placedAt) > plan.before) return false;
    if (plan.dryRun) return !wasNamed;
    if (state.copy !== copy) {
      if (!(await guard.retire(copy))) return false;
      if (wasNamed && state.copy !== null) await content.leadOthers(digest, state.copy);
      // a link still names it, so it may be read
      if (await content.links.isNamed(digest, copy)) return false;
      return isDeleted(content.storage.store.delete(info.key));
    }
    const by = randomUUID();
    if (!(await guard.condemn(copy, by))) return false;
    if (await content.links.isNamed(digest, copy)) {
      await guard.spare(copy, by);
      return false;
    }
    return (await guard.doom(copy, by)) && isDeleted(content.storage.store.delete(info.key));
  }

  /** Digests that have a guard, as `<algorithm>/<hex>`; a wrong entry costs a look at the guard. */
  private readonly touched = new HashSet();

  private async *stored(): AsyncGenerator<{ path: string; copy: string; info: IObjectInfo }, void> {
    const { storage, folders } = this.content;
    for await (const item of storage.list({ prefix: `${folders.guards}/` })) {
      if ('key' in item) this.touched.add(item.key.slice(folders.guards.length + 1, -'.json'.length));
    }
    for await (const info of storage.list({ prefix: `${folders.bytes}/` })) {
      if (!('key' in info)) continue;
      const name = info.key.slice(folders.bytes.length + 1);
      const dot = name.indexOf('.');
      const path = dot < 0 ? name : name.slice(0, dot);
      const copy = dot < 0 ? '' : name.slice(dot + 1);
      if (copy === '' || isCopyId(copy)) yield { path, copy, info };
    }
  }

  private async *namedCopies(): AsyncGenerator<{ path: string; copies: Set<string> }, void> {
    let current: { path: string; copies: Set<string> } | undefined;
    for await (const { digest, links } of this.owned()) {
      const path = pathOf(digest);
      if (current?.path !== path) {
        if (current) yield current;
        current = { path, copies: new Set() };
      }
      for (const { key, copy } of links) if (!this.plan.dryRun || !this.doomedLinks.has(key)) current.copies.add(copy);
    }
    if (current) yield current;
  }

  /** Yields all links, grouped by owner, in the order of the digests. */
  private async *owned(): AsyncGenerator<IOwned, void> {
    const { storage, folders } = this.content;
    let group: IOwned | undefined;
    for await (const item of storage.list({ prefix: `${folders.links}/` })) {
      const read = 'key' in item ? readLinkKey(folders.links, item.key) : null;
      if (!read || !('key' in item)) continue;
      if (!group || group.owner !== read.owner || pathOf(group.digest) !== read.path) {
        if (group) yield group;
        group = Object.assign(new LinkGroup(), { owner: read.owner, digest: digestOf(read.path) });
      }
      group.add(item.key, item.lastModified, read);
    }
    if (group) yield group;
  }
}
