import * as plugins from '../../plugins.js';
import { ArtifactPlacer } from './classes.artifactplacer.js';
import { artifactSubject } from './classes.commithooks.js';
import type { ICommitParts } from './classes.commitrun.js';
import { isLarge, StagedObject } from './classes.stagedobject.js';
import { VerifiedBody } from './classes.verifiedbody.js';
import type { IArtifactPlan, IDisplacePlan, IPlacedArtifact, IPlacePlan } from './interfaces.plans.js';
import type { IStorageOrigin, IWriteStamp } from './interfaces.storage.js';

/** Shared artifacts that need no document. */
export class WriteProtocol {
  constructor(private readonly parts: ICommitParts) {}

  /** Shared artifacts without a document: that the last one is in its place is the commit. */
  public async place(plan: IPlacePlan, origin: IStorageOrigin): Promise<IPlacedArtifact[]> {
    const { hooks } = this.parts;
    const { artifacts } = plan;
    const placer = new ArtifactPlacer(this.parts, this.stamp());
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

  private async askForArtifacts(plan: IPlacePlan, origin: IStorageOrigin): Promise<void> {
    for (const artifact of plan.artifacts) {
      if (artifact.silent) continue;
      await this.parts.hooks.ask('beforePut', origin, artifactSubject(plan, artifact, artifact.key));
      if (artifact.staged instanceof StagedObject) artifact.staged.unused = undefined;
    }
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

  private stamp(): IWriteStamp {
    return { id: plugins.crypto.randomUUID(), time: this.parts.now().toISOString() };
  }

  private async tolerate(message: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.parts.logger.warn(message, { error: String(error) });
    }
  }
}
