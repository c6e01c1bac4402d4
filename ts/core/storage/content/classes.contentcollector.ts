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

/** groups of links that are decided together: the documents of their owners are read again once for all of them */
const BATCH = 500;

/** What one collection knows of the content's owners. */
export interface ICollectPlan {
  /** ms since the epoch; what is younger stays */
  before: number;
  dryRun: boolean;
  /** whether something of the owner named this content when the collection began; a wrong yes does no harm */
  isNamed(owner: string, digest: string): boolean;
  /** the same for one owner, read now: of these digests those that are named */
  namedNow(owner: string, digests: string[]): Promise<Set<string>>;
  /** throws to end the collection */
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

/** A delete is sent once. If it is not known whether it was applied, the next collection finds out. */
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
 * Removes links that nothing of their owner names, and copies that no link names, while others push, mount and delete.
 *
 * A link: a mark is put beside it; then the owner's documents are read again; if none names the content, the link is
 * deleted and then the mark. A writer of such a document looks at the links again when the document is visible, and
 * puts a new link if one is marked or missing. So either the collector sees the document, or the writer sees the mark.
 *
 * Spare links, of owners that have several, get a mark as well, and go if there is one without a mark after that. So a
 * link that somebody is about to delete, however late, is none that another collector leaves as the only one.
 *
 * A copy: see `ContentGuard`. A collector that ends between any two steps leaves at most marks (links with a mark are
 * replaced or removed by the next one), a condemned copy (the next push keeps it, the next collector decides anew), or
 * the object of a retired copy (the next collector deletes it).
 */
export class ContentCollector {
  public links = 0;
  public copies = 0;
  /** of the removed copies */
  public bytes = 0;
  /** in a dry run: links that would be removed */
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
    // what was pushed again counts from then on
    const isYoung = links.some(({ lastModified }) => lastModified.getTime() > before);
    return links.length > 0 && !isYoung && !isNamed(owner, digest.text);
  }

  /** Each push and mount leaves a link of its own: one without a mark suffices. */
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
      // what a dead collector marked is wanted: it gets a link that writers count
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

  /** A listing may have passed the place of a link that was put since, and then show its mark. */
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
      // what was allowed to go and is there still; the collection may have ended in the middle
      for (const hooks of asked.values()) await hooks.abort();
    }
  }

  /** An owner that loses content hears of it as if it had deleted it; a hook that refuses keeps it. */
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

  /** Copies in the order of their digests, beside a walk through all links. */
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
    // a first copy that a link names is the everyday case; for others the guard decides whether they are current
    if (wasNamed && copy === '' && !this.touched.has(pathOf(digest))) return false;
    const guard = content.guard(digest);
    const state = await guard.read();
    if (wasNamed && state.copy === copy) return false;
    const placedAt = (await content.storage.store.head(info.key))?.metadata?.[PLACED_AT];
    // a driver that moves a staged upload to its place may keep the older time of the upload
    if (placedAt !== undefined && Date.parse(placedAt) > plan.before) return false;
    if (plan.dryRun) return !wasNamed;
    if (state.copy !== copy) {
      if (!(await guard.retire(copy))) return false;
      if (wasNamed && state.copy !== null) await content.leadOthers(digest, state.copy);
      // a link names it still, so it may be read
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

  /** Digests that have a guard, as `<algorithm>/<hex>`; a wrong one costs a look at the guard. */
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

  /** All links, owner by owner, in the order of the digests. */
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
