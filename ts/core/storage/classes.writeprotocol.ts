import * as plugins from '../../plugins.js';
import { jsonCodec } from '../base/helpers.codec.js';
import { RegistryError } from '../classes.registryerror.js';
import type { ILogger } from '../interfaces.core.js';
import type { IObjectStore } from '../objectstore/interfaces.objectstore.js';
import { ArtifactPlacer } from './classes.artifactplacer.js';
import type { DocumentCache } from './classes.documentcache.js';
import type { HookRunner, IHookSubject } from './classes.hookrunner.js';
import { isLarge } from './classes.stagedobject.js';
import type { UpdateQueue } from './classes.updatequeue.js';
import { VerifiedBody } from './classes.verifiedbody.js';
import { OutcomeUnknownError } from './helpers.conditionalwrite.js';
import type {
  IArtifactPlan,
  IDerivedListing,
  IDisplacePlan,
  IPlacedArtifact,
  IPlacePlan,
  IPublishPlan,
  IRemovePlan,
} from './interfaces.plans.js';
import type { ICodec, IStorageOrigin, IWriteStamp } from './interfaces.storage.js';

export interface IWriteProtocolParts {
  store: IObjectStore;
  documents: DocumentCache;
  updates: UpdateQueue;
  hooks: HookRunner;
  logger: ILogger;
  now: () => Date;
}

interface ISubjectOf {
  packageName: string;
  version?: string;
}

const digestOf = ({ staged, digestAlgorithm = 'sha256' }: IArtifactPlan): string | undefined =>
  staged.digests[digestAlgorithm] && `${digestAlgorithm}:${staged.digests[digestAlgorithm]}`;

const artifactSubject = (plan: ISubjectOf, artifact: IArtifactPlan, key: string): IHookSubject => {
  const { packageName } = plan;
  const { contentType, staged, version = plan.version, standsFor } = artifact;
  const content = standsFor ?? { contentType, size: staged.size, digest: digestOf(artifact) };
  const metadata = { ...content, packageName, version };
  return { key, metadata: { ...metadata, kind: 'artifact' }, phase: 'commit' };
};

const documentSubject = (plan: ISubjectOf, key: string, contentType: string): IHookSubject => {
  const { packageName, version } = plan;
  return { key, metadata: { contentType, packageName, version, kind: 'document' }, phase: 'commit' };
};

/** ms after which a marker is renewed before the commit */
const FRESH_MARKER_MS = 60_000;

/** Removal found artifacts that the hooks were not asked about. */
class UnaskedError extends Error {
  constructor(public readonly keys: string[]) {
    super('The document names artifacts that it did not name a moment ago');
  }
}

/**
 * The one way in which packages are written and removed. The document decides: an artifact that no document names does
 * not exist for readers, and a document never names an artifact that is not in its place. See `RegistryStorage.publish`
 * and `remove` for the order of things.
 */
export class WriteProtocol {
  private readonly reserved = new Set<string>();

  constructor(private readonly parts: IWriteProtocolParts) {}

  public async publish<T>(plan: IPublishPlan<T>, origin: IStorageOrigin): Promise<T> {
    const { logger, store } = this.parts;
    const stamp = this.stamp();
    const placer = new ArtifactPlacer({ store, logger, reserved: this.reserved }, stamp);
    try {
      return await this.publishWith(plan, origin, stamp, placer);
    } finally {
      placer.finish();
      await this.discard(plan.artifacts);
    }
  }

  /** Shared artifacts without a document: that the last one is in its place is the commit. */
  public async place(plan: IPlacePlan, origin: IStorageOrigin): Promise<IPlacedArtifact[]> {
    const { hooks, logger, store } = this.parts;
    const { artifacts } = plan;
    const placer = new ArtifactPlacer({ store, logger, reserved: this.reserved }, this.stamp());
    const admit = this.once(() => this.askForArtifacts(plan, origin));
    try {
      if (artifacts.some(({ staged }) => staged instanceof VerifiedBody)) await this.announce(plan, origin);
      else await admit();
      const placed: IPlacedArtifact[] = [];
      for (const artifact of artifacts) placed.push(await placer.place(artifact, admit));
      for (const [index, { key, found }] of placed.entries()) {
        const artifact = artifacts[index]!;
        if (!found && !artifact.silent) await hooks.tell('afterPut', origin, artifactSubject(plan, artifact, key));
      }
      return placed;
    } finally {
      await this.discard(artifacts);
    }
  }

  /** Takes away what `place` placed. */
  public async displace(plan: IDisplacePlan, origin: IStorageOrigin): Promise<void> {
    const { hooks, store } = this.parts;
    const { packageName, version } = plan;
    const subjects = plan.artifacts.map(({ key, digest }) => ({
      key,
      metadata: { packageName, version, digest, kind: 'artifact' as const },
    }));
    for (const subject of subjects) await hooks.ask('beforeDelete', origin, subject);
    for (const { key } of plan.artifacts) await store.delete(key);
    for (const subject of subjects) await hooks.tell('afterDelete', origin, subject);
  }

  /** A body that streams to its key is announced to the hooks before its first byte, unless it is small. */
  private async announce(plan: IPlacePlan, origin: IStorageOrigin): Promise<void> {
    for (const artifact of plan.artifacts) {
      const { staged, key } = artifact;
      if (!(staged instanceof VerifiedBody) || !isLarge(staged.announced)) continue;
      const { metadata } = artifactSubject(plan, artifact, key);
      await this.parts.hooks.announce(origin, { ...metadata, key }, staged.announced);
    }
  }

  private async askForArtifacts(
    plan: ISubjectOf & { artifacts: IArtifactPlan[] },
    origin: IStorageOrigin,
  ): Promise<void> {
    for (const artifact of plan.artifacts) {
      if (artifact.silent) continue;
      await this.parts.hooks.ask('beforePut', origin, artifactSubject(plan, artifact, artifact.key));
    }
  }

  /** Markers are forgotten after a while, which a slow copy must not outlive. */
  private async markAnew<T>(
    { catalog, packageName }: IPublishPlan<T>,
    old: string | undefined,
  ): Promise<string | undefined> {
    const marker = await catalog?.mark(packageName);
    if (old !== undefined) await this.tolerate('A marker stays until a sweep', async () => catalog?.unmark(old));
    return marker;
  }

  private async discard(artifacts: IArtifactPlan[]): Promise<void> {
    for (const { staged } of artifacts) {
      await this.tolerate('A staged upload could not be removed; a sweep will', () => staged.discard());
    }
  }

  private once(work: () => Promise<void>): () => Promise<void> {
    let done: Promise<void> | undefined;
    return () => {
      done ??= work();
      return done;
    };
  }

  private async publishWith<T>(
    plan: IPublishPlan<T>,
    origin: IStorageOrigin,
    stamp: IWriteStamp,
    placer: ArtifactPlacer,
  ): Promise<T> {
    const { hooks, documents } = this.parts;
    const { document, artifacts } = plan;
    const codec = document.codec ?? (jsonCodec as ICodec<T>);
    const planned = artifacts.map(({ key, staged: { size, digests }, contentType }) => ({
      key,
      size,
      digests,
      contentType,
      found: false,
    }));
    const current = (await documents.read(document.key, codec))?.value ?? null;
    const dry = document.apply(current, planned, stamp);
    if (dry === current) return dry;

    const aboutDocument = documentSubject(plan, document.key, codec.contentType);
    await this.askForArtifacts(plan, origin);
    await hooks.ask('beforePut', origin, aboutDocument);

    const placed: IPlacedArtifact[] = [];
    const placing = async (): Promise<void> => {
      for (const artifact of artifacts) placed.push(await placer.place(artifact, async () => {}));
    };
    let marker: string | undefined;
    let committed: { value: T; wrote: boolean };
    try {
      const begun = this.parts.now().getTime();
      const [places, mark] = await Promise.allSettled([placing(), plan.catalog?.mark(plan.packageName)]);
      if (mark.status === 'fulfilled') marker = mark.value;
      for (const outcome of [places, mark]) if (outcome.status === 'rejected') throw outcome.reason;
      if (this.parts.now().getTime() - begun > FRESH_MARKER_MS) marker = await this.markAnew(plan, marker);
      committed = await this.commitPublish(plan, codec, placed, stamp);
    } catch (error) {
      // where the document may name the artifacts they stay; the marker too, for it may have to be repaired from
      if (!(error instanceof OutcomeUnknownError)) {
        await placer.withdraw();
        await this.unmark(plan.catalog, marker);
      }
      throw error;
    }
    const { value, wrote } = committed;
    if (!wrote) await placer.withdraw();
    await this.derive(plan, value, marker);
    if (!wrote) return value;
    for (const [index, { key }] of placed.entries()) {
      await hooks.tell('afterPut', origin, artifactSubject(plan, artifacts[index]!, key));
    }
    await hooks.tell('afterPut', origin, aboutDocument);
    return value;
  }

  private async commitPublish<T>(
    plan: IPublishPlan<T>,
    codec: ICodec<T>,
    placed: IPlacedArtifact[],
    stamp: IWriteStamp,
  ): Promise<{ value: T; wrote: boolean }> {
    const { key, apply, writeId } = plan.document;
    let wrote = false;
    const fn = (current: T | null): T => {
      const next = apply(current, placed, stamp);
      wrote = next !== current;
      return next;
    };
    const applied = writeId && ((current: T) => writeId(current) === stamp.id);
    const { value } = await this.parts.updates.add<T>(key, fn, { codec, applied });
    return { value: value as T, wrote };
  }

  public async remove<T>(plan: IRemovePlan<T>, origin: IStorageOrigin): Promise<T> {
    const { hooks, documents, store } = this.parts;
    const { document, packageName, version } = plan;
    const stamp = this.stamp();
    const codec = document.codec ?? (jsonCodec as ICodec<T>);
    const namedBy = (before: T | null, after: T): string[] =>
      typeof plan.artifacts === 'function' ? plan.artifacts(before, after) : plan.artifacts;
    const current = (await documents.read(document.key, codec))?.value ?? null;
    const dry = document.apply(current, stamp);
    if (dry === current) return dry;

    const asked = new Set<string>();
    const metadata = { packageName, version, ...(plan.digest && { digest: plan.digest }), kind: 'artifact' as const };
    const about = (key: string): IHookSubject => ({ key, metadata });
    const ask = async (keys: string[]): Promise<void> => {
      for (const key of keys) {
        if (asked.has(key)) continue;
        await hooks.ask('beforeDelete', origin, about(key));
        asked.add(key);
      }
    };
    const { phase: _none, ...aboutDocument } = documentSubject(plan, document.key, codec.contentType);
    await ask(namedBy(current, dry));
    await hooks.ask('beforeDelete', origin, aboutDocument);

    const marker = await plan.catalog?.mark(packageName);
    let gone: string[] = [];
    let value: T | undefined;
    try {
      for (let tries = 1; value === undefined; tries++) {
        try {
          value = await this.commitRemove(plan, codec, stamp, (before, after) => {
            gone = namedBy(before, after);
            const unasked = gone.filter((key) => !asked.has(key));
            if (unasked.length > 0) throw new UnaskedError(unasked);
          });
        } catch (error) {
          if (!(error instanceof UnaskedError)) throw error;
          if (tries === 5) throw new RegistryError('conflict', `${packageName} is being written to; try again`);
          await ask(error.keys);
        }
      }
    } catch (error) {
      if (!(error instanceof OutcomeUnknownError)) await this.unmark(plan.catalog, marker);
      throw error;
    }
    await this.derive(plan, value, marker);
    for (const key of gone) {
      await this.tolerate('A removed artifact is still there; a sweep will remove it', () => store.delete(key));
    }
    for (const key of gone) await hooks.tell('afterDelete', origin, about(key));
    await hooks.tell('afterDelete', origin, aboutDocument);
    return value;
  }

  private async commitRemove<T>(
    plan: IRemovePlan<T>,
    codec: ICodec<T>,
    stamp: IWriteStamp,
    check: (before: T | null, after: T) => void,
  ): Promise<T> {
    const { key, apply, applied } = plan.document;
    const fn = (current: T | null): T => {
      const next = apply(current, stamp);
      check(current, next);
      return next;
    };
    const options = { codec, applied: applied && ((current: T) => applied(current, stamp)) };
    return (await this.parts.updates.add<T>(key, fn, options)).value as T;
  }

  private stamp(): IWriteStamp {
    return { id: plugins.crypto.randomUUID(), time: this.parts.now().toISOString() };
  }

  /** After the commit: whatever fails here is repaired from the marker. */
  private async derive<T>(
    plan: { packageName: string; catalog?: IDerivedListing<T> },
    value: T,
    marker: string | undefined,
  ): Promise<void> {
    const { catalog, packageName } = plan;
    if (!catalog) return;
    await this.tolerate('A listing could not be told of a write; it will be repaired', async () => {
      await catalog.note(packageName, value, marker);
    });
  }

  private async unmark<T>(catalog: IDerivedListing<T> | undefined, marker: string | undefined): Promise<void> {
    if (!catalog || marker === undefined) return;
    await this.tolerate('A marker could not be removed; repair will', () => catalog.unmark(marker));
  }

  private async tolerate(message: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.parts.logger.warn(message, { error: String(error) });
    }
  }
}
