import * as plugins from '../../../plugins.js';
import { encode, jsonCodec } from '../../base/helpers.codec.js';
import { forEachAtOnce } from '../../base/helpers.concurrency.js';
import type { Turns } from '../../base/helpers.slices.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { ILogger } from '../../interfaces.core.js';
import type { IObjectStore } from '../../objectstore/interfaces.objectstore.js';
import type { DocumentCache } from '../documents/classes.documentcache.js';
import type { UpdateQueue } from '../documents/classes.updatequeue.js';
import { OutcomeUnknownError } from '../documents/helpers.conditionalwrite.js';
import type { IDocumentState } from '../documents/helpers.documentstate.js';
import { isOwnKey, isSpent, textNames } from '../documents/helpers.spentkeys.js';
import type { IUpdateRun } from '../documents/helpers.updatesteps.js';
import type { HookRunner } from '../hooks/classes.hookrunner.js';
import type { ICodec, IStorageOrigin, IUpdateResult, IWriteStamp } from '../interfaces.storage.js';
import { StagedObject } from '../uploads/classes.stagedobject.js';
import { ArtifactPlacer } from './classes.artifactplacer.js';
import { artifactSubject, CommitHooks, documentSubject } from './classes.commithooks.js';
import type { IArtifactPlan, ICommitPlan, IPlacedArtifact } from './interfaces.plans.js';

export interface ICommitParts {
  store: IObjectStore;
  documents: DocumentCache;
  updates: UpdateQueue;
  hooks: HookRunner;
  logger: ILogger;
  now: () => Date;
  /** layout keys that writes of this process are using now */
  reserved: Set<string>;
  /** for work that takes milliseconds if a document is large */
  turns: Turns;
}

/** ms after which a marker is renewed before the commit: repair forgets markers after 15 minutes. */
const FRESH_MARKER_MS = 60_000;
/**
 * A caller that asks hooks, or moves its artifacts, while others change the document has to do so again. It gives up if
 * it has lost this often and for this many ms: twenty pushes of one branch need twenty rounds, and one slow hook may
 * take all of the time. A client waits about a minute.
 */
const MAX_ROUNDS = 5;
const PATIENCE_MS = 30_000;
/** deletes at the same time: the artifacts of a package with a thousand versions are deleted in seconds */
const DROPS_AT_ONCE = 16;

/** The current document names artifacts to drop that the hooks have not been asked about. */
class UnaskedError extends Error {
  constructor(public readonly keys: string[]) {
    super('The document names artifacts that it did not name a moment ago');
  }
}

/**
 * The keys of these artifacts may be deleted: another writer has recorded them as spent since they were placed, or a
 * sweep has, which cannot know that a document is about to name them.
 */
class SpentKeyError extends Error {
  constructor(
    public readonly placed: IPlacedArtifact[],
    /** of the document that has that record */
    public readonly revision: number,
  ) {
    super('The keys of the artifacts may be deleted at any moment');
  }
}

/** One run of the commit protocol; the order of the steps is in `RegistryStorage.commit`. */
export class CommitRun<T> {
  private readonly stamp: IWriteStamp;
  private readonly codec: ICodec<T>;
  private readonly artifacts: IArtifactPlan[];
  private readonly placer: ArtifactPlacer;
  private readonly hooks: CommitHooks;
  /** in the order of `artifacts` */
  private readonly placed: IPlacedArtifact[] = [];
  /** keys that the document no longer names */
  private dropped: string[] = [];
  private marker: string | undefined;
  private wrote = false;
  private dryRun: { current: T | null; next: T | null } | undefined;
  /** the revision of the document before the artifacts were placed: a later sweep may have taken them for orphans */
  private seenRevision = 0;

  constructor(
    private readonly parts: ICommitParts,
    private readonly plan: ICommitPlan<T>,
    origin: IStorageOrigin,
  ) {
    this.stamp = { id: plugins.crypto.randomUUID(), time: parts.now().toISOString() };
    this.codec = plan.document.codec ?? (jsonCodec as ICodec<T>);
    this.artifacts = plan.place ?? [];
    this.placer = new ArtifactPlacer(parts, this.stamp);
    const operation = { ...origin, operationId: origin.operationId ?? this.stamp.id };
    this.hooks = new CommitHooks(parts.hooks, operation, plan, (key) => parts.documents.head(key));
  }

  public async run(): Promise<T | null> {
    try {
      return await this.steps();
    } finally {
      this.placer.finish();
      for (const { staged } of this.artifacts) {
        await this.tolerate('A staged upload could not be removed; a sweep will remove it', () => staged.discard());
      }
    }
  }

  private async steps(): Promise<T | null> {
    const { documents, turns } = this.parts;
    const current = await documents.current(this.plan.document.key, this.codec);
    this.seenRevision = current.revision;
    const dry = await turns.take(() => this.plan.document.apply(current.value, this.placesToBe(), this.stamp));
    if (dry === current.value) return this.confirm(dry);
    this.dryRun = { current: current.value, next: dry };
    let result: IUpdateResult<T>;
    try {
      await this.ask(this.dropsOf(current.value, dry));
      await this.placeAndMark(current);
      result = await this.write();
    } catch (error) {
      await this.giveUp(error);
      throw error;
    }
    await this.derive(result);
    if (!this.wrote) return this.leaveNothing(result.value);
    await this.drop();
    await this.tell();
    return result.value;
  }

  /** The expected artifacts, for the dry run; it is not known yet whether their keys are free. */
  private placesToBe(): IPlacedArtifact[] {
    return this.artifacts.map(({ key, staged: { size, digests }, contentType }) => ({
      key,
      size,
      digests,
      contentType,
    }));
  }

  private dropsOf(before: T | null, after: T | null): string[] {
    const { drop = [] } = this.plan;
    return typeof drop === 'function' ? drop(before, after) : drop;
  }

  private get isRemoval(): boolean {
    return this.plan.drop !== undefined && this.artifacts.length === 0;
  }

  private async ask(drops: string[]): Promise<void> {
    const { plan, hooks } = this;
    for (const artifact of this.artifacts) {
      await hooks.askPut(artifactSubject(plan, artifact, artifact.key));
      // from here on this write, not the staged object, reports the outcome to the hooks
      if (artifact.staged instanceof StagedObject) artifact.staged.unused = undefined;
    }
    await hooks.askDrops(drops);
    const { phase, ...subject } = documentSubject(plan, plan.document.key, this.codec.contentType);
    if (this.isRemoval) await hooks.askDelete(subject);
    else await hooks.askPut({ ...subject, phase });
  }

  private async placeAndMark(current: IDocumentState<T>): Promise<void> {
    const begun = this.parts.now().getTime();
    const [places, mark] = await Promise.allSettled([this.place(current.spent), this.mark()]);
    if (mark.status === 'fulfilled') this.marker = mark.value;
    for (const outcome of [places, mark]) if (outcome.status === 'rejected') throw outcome.reason;
    // markers expire, and a slow copy must not outlive its marker
    if (this.parts.now().getTime() - begun <= FRESH_MARKER_MS) return;
    const old = this.marker;
    this.marker = await this.mark();
    await this.unmark(old);
  }

  /**
   * Places all artifacts at once: nobody sees them before the document names them. After a failure the others are waited
   * for, so that none arrives after the keys of this write were cleared.
   */
  private async place(spent: string): Promise<void> {
    const placing = this.artifacts.map((artifact) => this.placer.place(artifact, (key) => isSpent(spent, key)));
    const outcomes = await Promise.allSettled(placing);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    this.placed.push(...(await Promise.all(placing)));
  }

  private async mark(): Promise<string | undefined> {
    return this.plan.catalog?.mark(this.plan.packageName);
  }

  /** The deciding step. It is repeated if the document has changed in a way that needs more than a new document. */
  private async write(): Promise<IUpdateResult<T>> {
    const { packageName, document } = this.plan;
    const since = performance.now();
    const applied = document.applied && ((current: T) => document.applied?.(current, this.stamp) ?? false);
    for (let round = 1; ; round++) {
      try {
        const update = (current: T | null, run: IUpdateRun) => this.apply(current, run);
        return await this.parts.updates.add<T>(document.key, update, { codec: this.codec, applied });
      } catch (error) {
        const isMoved = error instanceof SpentKeyError;
        if (!isMoved && !(error instanceof UnaskedError)) throw error;
        if (round >= MAX_ROUNDS && performance.now() - since > PATIENCE_MS) {
          throw new RegistryError('unavailable', `${packageName} is being written to; try again`);
        }
        if (isMoved) await this.move(error);
        else await this.hooks.askDrops(error.keys);
      }
    }
  }

  private apply(current: T | null, run: IUpdateRun): T | null | undefined {
    const next = this.nextOf(current);
    this.wrote = next !== current;
    const own = this.placed.filter((placed) => this.placer.isOwn(placed));
    if (!this.wrote) {
      // The placed artifacts are not needed and will be deleted, so their layout keys are recorded as spent first;
      // `withdraw` deletes the others.
      const keys = own.map(({ key }) => key).filter((key) => !isOwnKey(key));
      this.dropped = keys.filter((key) => !this.isNamed(current, key));
      run.spend(this.dropped);
      return undefined;
    }
    const isSwept = run.swept > this.seenRevision;
    const spent = own.filter(({ key }) => isSwept || run.isSpent(key));
    // this function may run again on a newer version before the artifacts are moved, and must throw again then
    if (spent.length > 0) throw new SpentKeyError(spent, run.revision);
    this.dropped = this.dropsOf(current, next);
    const unasked = this.hooks.unasked(this.dropped);
    if (unasked.length > 0) throw new UnaskedError(unasked);
    run.spend(this.dropped);
    return next;
  }

  /** What the dry run returned, if it had the same arguments: copying a document of megabytes takes milliseconds. */
  private nextOf(current: T | null): T | null {
    const { dryRun, artifacts, placed } = this;
    const isAsPlanned = placed.every(({ key }, index) => key === artifacts[index]?.key);
    if (dryRun && dryRun.current === current && isAsPlanned) return dryRun.next;
    return this.plan.document.apply(current, placed, this.stamp);
  }

  private async move({ placed: spent, revision }: SpentKeyError): Promise<void> {
    this.seenRevision = revision;
    for (const placed of spent) {
      this.placed.splice(this.placed.indexOf(placed), 1, await this.placer.moveToOwnKey(placed));
    }
  }

  /** Whether the document names a key that is to be deleted. By default in whatever form its codec writes it. */
  private isNamed(document: T | null, key: string): boolean {
    if (document === null) return false;
    const { names } = this.plan.document;
    return names ? names(document, key) : textNames(encode(this.codec.serialize(document)), key);
  }

  /**
   * Called when the write failed. If its outcome is unknown, the document may name the artifacts, and the listing may
   * have to be repaired from the marker, so everything stays. Otherwise objects at keys that only this write uses are
   * deleted. An orphan at a layout key stays for the sweep.
   */
  private async giveUp(error: unknown): Promise<void> {
    if (error instanceof OutcomeUnknownError) return;
    await this.tolerate('An artifact of a failed write could not be removed; a sweep will remove it', () =>
      this.withdraw(),
    );
    await this.unmark(this.marker);
    await this.hooks.tellAborted();
  }

  private async withdraw(): Promise<void> {
    const { documents, store } = this.parts;
    const keys = this.placer.tried;
    if (keys.length === 0) return;
    const document = await documents.read(this.plan.document.key, this.codec);
    for (const key of keys) if (!this.isNamed(document?.value ?? null, key)) await store.delete(key);
  }

  /** Called when another process has written the same meanwhile. */
  private async leaveNothing(value: T | null): Promise<T | null> {
    await this.drop();
    await this.tolerate('An artifact of a needless write could not be removed; a sweep will remove it', () =>
      this.withdraw(),
    );
    await this.hooks.tellAborted();
    return value;
  }

  /** Runs after the commit: if a step fails here, it is repaired from the marker. */
  private async derive({ value, revision }: IUpdateResult<T>): Promise<void> {
    const { catalog, packageName } = this.plan;
    if (!catalog) return;
    await this.tolerate('A listing could not be updated after a write; it will be repaired', () =>
      catalog.note(packageName, value, this.marker, revision),
    );
  }

  /** The same request again, after one whose answer was lost, has to end as the first one would have. */
  private async confirm(document: T | null): Promise<T | null> {
    const { catalog, packageName } = this.plan;
    if (document !== null) {
      await this.tolerate('A listing could not be compared with a document; it will be repaired', async () =>
        catalog?.confirm?.(packageName, document),
      );
    }
    return document;
  }

  private async drop(): Promise<void> {
    const { store } = this.parts;
    await forEachAtOnce(this.dropped, DROPS_AT_ONCE, (key) =>
      this.tolerate('A dropped artifact is still there; a sweep will remove it', () => store.delete(key)),
    );
  }

  private async tell(): Promise<void> {
    const { hooks } = this;
    const places = new Map(this.artifacts.map(({ key }, index) => [key, this.placed[index]?.key]));
    await hooks.tellPuts((key) => places.get(key) ?? key);
    const documentKey = this.isRemoval ? [this.plan.document.key] : [];
    await hooks.tellDeletes([...this.dropped, ...documentKey]);
  }

  private async unmark(marker: string | undefined): Promise<void> {
    const { catalog } = this.plan;
    if (!catalog || marker === undefined) return;
    await this.tolerate('A marker could not be removed; a repair will remove it', () => catalog.unmark(marker));
  }

  private async tolerate(message: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.parts.logger.warn(message, { error: String(error) });
    }
  }
}
