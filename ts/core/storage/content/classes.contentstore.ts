import { randomUUID } from 'node:crypto';
import { inParallel } from '../../base/helpers.concurrency.js';
import { fromIterable, iterate } from '../../base/helpers.streams.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { IPutOptions } from '../../objectstore/interfaces.objectstore.js';
import { PLACED_AT } from '../commit/classes.artifactplacer.js';
import { WRITE_ID } from '../documents/helpers.conditionalwrite.js';
import { AskedHooks } from '../hooks/classes.askedhooks.js';
import type { IHookSubject } from '../hooks/classes.hookrunner.js';
import { isLarge, StagedObject } from '../uploads/classes.stagedobject.js';
import { VerifiedBody } from '../uploads/classes.verifiedbody.js';
import { ContentGuard, type IGuardState, keyOfCopy, newCopy, numberOfCopy } from './classes.contentguard.js';
import { ContentLinks, copiesOf, isMarked, pathOf } from './classes.contentlinks.js';
import { ContentSource, type TPlaced } from './classes.contentsource.js';
import type { IContentDigest, IContentFolders, IContentStorage, ILink } from './interfaces.content.js';

/** times that a push begins again because the copy that it counted on was given up; each takes a collector in between */
const ATTEMPTS = 4;
/** link objects that a reader looks at; an owner has one or two, until a collector was there after many pushes */
const LOOKED_AT = 20;

export interface IAssureOptions {
  /** ms since the epoch; an older link is renewed, so that its age counts from now */
  renewBefore?: number;
  /** the owner had a link a moment ago; if a collector has removed it since, the owner gets another one */
  had?: boolean;
  /**
   * Something of the owner names this content, and has named it since before an earlier `assure` of this process found it.
   * So a collector that has marked the link since finds the content named: a mark does not count. Not with `renewBefore`
   */
  isNamed?: boolean;
}

async function* readLater(staged: StagedObject): AsyncGenerator<Uint8Array, void, undefined> {
  yield* iterate(await staged.open());
}

const lost = (): RegistryError =>
  new RegistryError('unavailable', 'The stored content was being replaced; please send it again', {
    headers: { 'Retry-After': '1' },
  });

/**
 * Content that is kept once for all owners, under its digest:
 *
 *     {bytes}/{algorithm}/{hex}[.{copy}]     the bytes
 *     {guards}/{algorithm}/{hex}.json        which copy is the current one; only for content that was given up once
 *     {links}/{algorithm}/{hex}/{owner}/…    who has it (classes.contentlinks.ts)
 *
 * A writer that needs the bytes puts a link that names their copy, and then looks at the guard (classes.contentguard.ts
 * explains why that suffices). No writer waits for a collector.
 */
export class ContentStore {
  public readonly links: ContentLinks;

  constructor(
    public readonly storage: IContentStorage,
    public readonly folders: IContentFolders,
    private readonly contentType: string,
  ) {
    this.links = new ContentLinks(storage, folders.links);
  }

  public key(digest: Pick<IContentDigest, 'algorithm' | 'hex'>, copy = ''): string {
    return keyOfCopy(`${this.folders.bytes}/${pathOf(digest)}`, copy);
  }

  public guard(digest: Pick<IContentDigest, 'algorithm' | 'hex'>): ContentGuard {
    return new ContentGuard(this.storage, `${this.folders.guards}/${pathOf(digest)}.json`);
  }

  public async has(owner: string, digest: IContentDigest): Promise<boolean> {
    for await (const _key of this.keysFor(owner, digest)) return true;
    return false;
  }

  /** Where a reader finds what this owner has, in the order in which to try; none if the owner has no such content. */
  public async *keysFor(owner: string, digest: IContentDigest): AsyncGenerator<string, void, undefined> {
    const known = await this.links.known(owner, digest);
    if (known) yield this.key(digest, known.copy);
    for (const copy of copiesOf(await this.links.of(owner, digest, LOOKED_AT))) {
      if (copy !== known?.copy) yield this.key(digest, copy);
    }
  }

  /**
   * Takes the content in and gives the owner a link. Bytes that are there already are compared with the content: by
   * their length, and in full if they are few. Other ones are replaced by a new copy, for all owners.
   * @throws RegistryError `unavailable` with Retry-After, if the body is spent and the copy that it was for is gone
   */
  public async put(owner: string, digest: IContentDigest, content: StagedObject | VerifiedBody): Promise<void> {
    const hooks = new AskedHooks(this.storage);
    const about = (): IHookSubject => this.subject(owner, digest, content);
    let asked: Promise<void> | undefined;
    const approve = (): Promise<void> => {
      asked ??= hooks.ask('beforePut', about());
      return asked;
    };
    let failure: unknown;
    try {
      await hooks.abortOnFailure(async () => {
        if (content instanceof VerifiedBody && isLarge(content.announced)) {
          const { key, metadata } = about();
          await hooks.ask('beforePut', { key, metadata: { ...metadata, size: content.announced }, phase: 'start' });
        }
        // bytes that are there already are new to an owner that has no link to them
        const had = this.storage.watchesWrites && (await this.has(owner, digest));
        const source = new ContentSource(this.storage.store, content, approve);
        await source.begin();
        const key = await this.take(owner, digest, source);
        if (key === null && had) await hooks.abort();
        else await hooks.tell((asked) => key ?? asked);
      });
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      await content.discard(failure).catch((error: unknown) => {
        this.storage.logger.warn('A staged upload could not be removed; a sweep will', { error: String(error) });
      });
    }
  }

  /** Gives the owner content that another one has; false if there is no current copy of it. */
  public async mount(owner: string, digest: IContentDigest): Promise<boolean> {
    const guard = this.guard(digest);
    const { copy } = await guard.read();
    const there = copy !== null && (await this.storage.head(this.key(digest, copy)));
    if (copy === null || !there) return false;
    const key = this.links.folder(owner, digest);
    const hooks = new AskedHooks(this.storage);
    return hooks.abortOnFailure(async () => {
      await hooks.ask('beforePut', { ...this.subject(owner, digest, { size: there.size }), key });
      const had = this.storage.watchesWrites && (await this.has(owner, digest));
      const isLinked = await this.link(owner, digest, copy, guard);
      if (isLinked && !had) await hooks.tell();
      else await hooks.abort();
      return isLinked;
    });
  }

  /** Takes the content from the owner. The bytes are deleted by a collector, when nobody has them. */
  public async unlink(owner: string, digest: IContentDigest): Promise<void> {
    const hooks = new AskedHooks(this.storage);
    await hooks.abortOnFailure(async () => {
      await hooks.ask('beforeDelete', await this.subjectOfDelete(owner, digest));
      await this.links.removeAll(owner, digest);
      await hooks.tell();
    });
  }

  /** What hooks are told before and after an owner loses the content. */
  public async subjectOfDelete(owner: string, digest: IContentDigest): Promise<IHookSubject> {
    const { copy } = this.storage.watchesWrites ? await this.guard(digest).read() : { copy: null };
    const there = copy === null ? null : await this.storage.head(this.key(digest, copy));
    const size = there && { size: there.size };
    const metadata = { packageName: owner, digest: digest.text, kind: 'artifact' as const, ...size };
    return { key: this.links.folder(owner, digest), metadata };
  }

  /**
   * Whether the owner has this content for certain, so that something may be built upon it: a link that no collector
   * has marked and that names the current copy. If the owner has another link, it is given such a one.
   */
  public async assure(owner: string, digest: IContentDigest, options: IAssureOptions = {}): Promise<boolean> {
    const { renewBefore = 0, had = false, isNamed = false } = options;
    if (isNamed && renewBefore === 0 && (await this.isKnown(owner, digest))) return true;
    const links = await this.links.of(owner, digest);
    if (links.length === 0 && !had) return false;
    const guard = this.guard(digest);
    const state = await guard.read();
    const isGood = (link: ILink) =>
      link.copy === state.copy && !isMarked(link) && link.lastModified.getTime() >= renewBefore;
    if (links.some(isGood) && (state.condemned === undefined || (await guard.keep(state.copy as string)))) return true;
    return this.heal(owner, digest, links, state);
  }

  /** Whether the link that this process saw last is there still and names the current copy; without a listing. */
  private async isKnown(owner: string, digest: IContentDigest): Promise<boolean> {
    const [link, { copy, condemned }] = await Promise.all([this.links.known(owner, digest), this.guard(digest).read()]);
    return link !== undefined && link.copy === copy && condemned === undefined;
  }

  private async heal(owner: string, digest: IContentDigest, links: ILink[], state: IGuardState): Promise<boolean> {
    const guard = this.guard(digest);
    const { copy } = state;
    if (copy !== null) {
      const there = await this.storage.head(this.key(digest, copy));
      return there !== null && this.link(owner, digest, copy, guard);
    }
    // a push that broke off when it made its copy the current one
    for (const left of copiesOf(links).filter((one) => numberOfCopy(one) > state.floor)) {
      if (!(await this.storage.head(this.key(digest, left)))) continue;
      await this.links.put(owner, digest, left);
      if (await guard.replace(null, left)) return true;
    }
    return false;
  }

  /** Puts a link that names the copy; false (and no link) if that is not the current one any more. */
  private async link(owner: string, digest: IContentDigest, copy: string, guard: ContentGuard): Promise<boolean> {
    const key = await this.links.put(owner, digest, copy);
    if (await guard.keep(copy)) return true;
    await this.drop(key);
    return false;
  }

  /** @returns the key of the bytes if this call brought them, null if they were there */
  private async take(owner: string, digest: IContentDigest, source: ContentSource): Promise<string | null> {
    const guard = this.guard(digest);
    for (let tries = 1; tries <= ATTEMPTS; tries++) {
      const state = await guard.read();
      const { copy, placed } = await this.place(digest, source, state, guard);
      const key = this.key(digest, copy);
      if (copy === state.copy) {
        if (await this.link(owner, digest, copy, guard)) return placed === 'new' ? key : null;
        continue;
      }
      const link = await this.links.put(owner, digest, copy);
      // `heal` may make it the current one, for the link shows it: it is taken back only when that cannot happen any more
      if ((await guard.replace(state.copy, copy)) || !(await guard.retire(copy))) {
        await this.leadOthers(digest, copy);
        return key;
      }
      await this.drop(link);
      await this.drop(key);
    }
    throw lost();
  }

  /** Has the bytes in the store: as the current copy, or as a new one that is to become it. */
  private async place(
    digest: IContentDigest,
    source: ContentSource,
    state: IGuardState,
    guard: ContentGuard,
  ): Promise<{ copy: string; placed: TPlaced }> {
    const options = this.options();
    if (state.copy !== null) {
      const placed = await source.putOnce(this.key(digest, state.copy), options);
      if (placed !== 'damaged') return { copy: state.copy, placed };
      if (!source.isLeft) {
        // the next push of it brings the bytes to a copy of their own
        await guard.giveUp(state.copy);
        throw lost();
      }
    }
    if (!source.isLeft) throw lost();
    const copy = newCopy(state);
    await source.putNew(this.key(digest, copy), options);
    return { copy, placed: 'new' };
  }

  /** Links that name other copies lead to damaged bytes, or to none. */
  public async leadOthers(digest: IContentDigest, copy: string): Promise<void> {
    const others: ILink[] = [];
    for await (const link of this.links.all(digest)) if (link.copy !== copy) others.push(link);
    const guard = this.guard(digest);
    await inParallel(others, (link) => this.links.lead(link, digest, copy, guard));
  }

  private options(): IPutOptions {
    const metadata = { [WRITE_ID]: randomUUID(), [PLACED_AT]: this.storage.now().toISOString() };
    return { contentType: this.contentType, metadata, immutable: true };
  }

  /** Of an object whose key is this call's alone. What stays is found by a collector. */
  private async drop(key: string): Promise<void> {
    await this.storage.store.delete(key).catch((error: unknown) => {
      this.storage.logger.warn('An object that is not used could not be removed; a collector will', {
        key,
        error: String(error),
      });
    });
  }

  private subject(owner: string, digest: IContentDigest, content: { size: number }): IHookSubject {
    const { contentType } = this;
    const { size } = content;
    const metadata = { contentType, size, digest: digest.text, packageName: owner, kind: 'artifact' as const };
    const open = content instanceof StagedObject ? { open: () => fromIterable(readLater(content)) } : {};
    return { key: this.key(digest), metadata, phase: 'commit', ...open };
  }
}
