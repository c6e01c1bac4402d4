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

/** times that a push begins again because its copy was given up; each time a collector must come in between */
const ATTEMPTS = 4;
/** link objects that a reader looks at; an owner has one or two, or more after many pushes without a collection */
const LOOKED_AT = 20;

export interface IAssureOptions {
  /** ms since the epoch; an older link is renewed, so that its age counts from now */
  renewBefore?: number;
  /** the owner had a link a moment ago; if a collector has removed it since, the owner gets another one */
  had?: boolean;
  /**
   * Something of the owner names this content, and has named it since before an earlier `assure` of this process. A
   * collector that has marked the link since then finds the content named, so a mark can be ignored. Not with
   * `renewBefore`
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
 * Content that is stored once for all owners, under its digest:
 *
 *     {bytes}/{algorithm}/{hex}[.{copy}]     the bytes
 *     {guards}/{algorithm}/{hex}.json        which copy is the current one; only for content that was given up once
 *     {links}/{algorithm}/{hex}/{owner}/…    which owners have it (classes.contentlinks.ts)
 *
 * A writer that needs the bytes first puts a link that names their copy, and then looks at the guard
 * (classes.contentguard.ts explains why that is enough). No writer waits for a collector.
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

  /**
   * The keys at which a reader finds this owner's content, in the order in which to try them; none if the owner does
   * not have it.
   */
  public async *keysFor(owner: string, digest: IContentDigest): AsyncGenerator<string, void, undefined> {
    const known = await this.links.known(owner, digest);
    if (known) yield this.key(digest, known.copy);
    for (const copy of copiesOf(await this.links.of(owner, digest, LOOKED_AT))) {
      if (copy !== known?.copy) yield this.key(digest, copy);
    }
  }

  /**
   * Stores the content and gives the owner a link. If the bytes exist already, they are compared with the content: by
   * their length, and completely if they are few. If they differ, a new copy replaces them for all owners.
   * @throws RegistryError `unavailable` with Retry-After, if the copy was given up while the body was sent and the body
   * cannot be sent again
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
        // for an owner without a link, even bytes that exist already are new
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

  /** Gives the owner content that another owner has. Returns false if there is no current copy of it. */
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

  /** Takes the content away from the owner. A collector deletes the bytes when no owner has them. */
  public async unlink(owner: string, digest: IContentDigest): Promise<void> {
    const hooks = new AskedHooks(this.storage);
    await hooks.abortOnFailure(async () => {
      await hooks.ask('beforeDelete', await this.subjectOfDelete(owner, digest));
      await this.links.removeAll(owner, digest);
      await hooks.tell();
    });
  }

  /** The hooks' subject when an owner loses the content. */
  public async subjectOfDelete(owner: string, digest: IContentDigest): Promise<IHookSubject> {
    const { copy } = this.storage.watchesWrites ? await this.guard(digest).read() : { copy: null };
    const there = copy === null ? null : await this.storage.head(this.key(digest, copy));
    const size = there && { size: there.size };
    const metadata = { packageName: owner, digest: digest.text, kind: 'artifact' as const, ...size };
    return { key: this.links.folder(owner, digest), metadata };
  }

  /**
   * Whether the owner certainly has this content, so that a manifest may name it: it has a link that no collector has
   * marked and that names the current copy. If the owner has only other links, it gets such a link.
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

  /** Whether the link that this process saw last still exists and names the current copy; needs no listing. */
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
    // a push broke off after it had put its link and before its copy became the current one
    for (const left of copiesOf(links).filter((one) => numberOfCopy(one) > state.floor)) {
      if (!(await this.storage.head(this.key(digest, left)))) continue;
      await this.links.put(owner, digest, left);
      if (await guard.replace(null, left)) return true;
    }
    return false;
  }

  /** Puts a link that names the copy. Returns false (and leaves no link) if that is not the current one any more. */
  private async link(owner: string, digest: IContentDigest, copy: string, guard: ContentGuard): Promise<boolean> {
    const key = await this.links.put(owner, digest, copy);
    if (await guard.keep(copy)) return true;
    await this.drop(key);
    return false;
  }

  /** @returns the key of the bytes if this call stored them, null if they existed */
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

  /** Ensures that the bytes are stored: as the current copy, or as a new copy that is to become current. */
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
        // the next push of it stores the bytes as a new copy
        await guard.giveUp(state.copy);
        throw lost();
      }
    }
    if (!source.isLeft) throw lost();
    const copy = newCopy(state);
    await source.putNew(this.key(digest, copy), options);
    return { copy, placed: 'new' };
  }

  /** Replaces links to other copies, which are damaged or gone. */
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

  /** Deletes an object whose key only this call uses. If that fails, a collector finds it. */
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
