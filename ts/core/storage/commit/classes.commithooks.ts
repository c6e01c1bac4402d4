import { fromIterable, iterate } from '../../base/helpers.streams.js';
import type { IObjectInfo } from '../../objectstore/interfaces.objectstore.js';
import type { HookRunner, IHookSubject } from '../hooks/classes.hookrunner.js';
import type { IStorageHookMetadata } from '../hooks/interfaces.hooks.js';
import type { IStorageOrigin } from '../interfaces.storage.js';
import type { StagedObject } from '../uploads/classes.stagedobject.js';
import type { IArtifactPlan } from './interfaces.plans.js';

interface ISubjectOf {
  packageName: string;
  version?: string;
}

const digestOf = ({ staged, digestAlgorithm = 'sha256' }: IArtifactPlan): string | undefined =>
  staged.digests[digestAlgorithm] && `${digestAlgorithm}:${staged.digests[digestAlgorithm]}`;

async function* readLater(staged: StagedObject): AsyncGenerator<Uint8Array, void, undefined> {
  yield* iterate(await staged.open());
}

export const artifactSubject = (plan: ISubjectOf, artifact: IArtifactPlan, key: string): IHookSubject => {
  const { packageName } = plan;
  const { contentType, staged, version = plan.version } = artifact;
  const content = { contentType, size: staged.size, digest: digestOf(artifact) };
  const metadata = { ...content, packageName, version };
  return {
    key,
    // a body may be announced before its digest, and so its key, is known: hooks recognise it by the key from then
    askedKey: staged.announcedAs ?? key,
    metadata: { ...metadata, kind: 'artifact' },
    phase: 'commit',
    open: () => fromIterable(readLater(staged)),
  };
};

export const documentSubject = (plan: ISubjectOf, key: string, contentType: string): IHookSubject => {
  const { packageName, version } = plan;
  return { key, metadata: { contentType, packageName, version, kind: 'document' }, phase: 'commit' };
};

/**
 * Calls the hooks of one write: each `before…` hook once for each subject, and one hook for the outcome of each subject
 * that was allowed.
 */
export class CommitHooks {
  private readonly allowed: IHookSubject[] = [];
  private readonly puts: IHookSubject[] = [];
  /** by key of the subject */
  private readonly deletes = new Map<string, IHookSubject>();

  constructor(
    private readonly hooks: HookRunner,
    private readonly origin: IStorageOrigin,
    private readonly plan: ISubjectOf & { digest?: string },
    /** looks up an object that is to be deleted, because hooks get its size */
    private readonly look: (key: string) => Promise<IObjectInfo | null>,
  ) {}

  public async askPut(subject: IHookSubject): Promise<void> {
    this.puts.push(subject);
    await this.hooks.ask('beforePut', this.origin, subject);
    this.allowed.push({ ...subject, operation: 'put' });
  }

  public async askDelete(subject: IHookSubject): Promise<void> {
    this.deletes.set(subject.key, subject);
    await this.hooks.ask('beforeDelete', this.origin, subject);
    this.allowed.push({ ...subject, operation: 'delete' });
  }

  public async askDrops(keys: string[]): Promise<void> {
    for (const key of this.unasked(keys)) await this.askDelete({ key, metadata: await this.aboutDrop(key) });
  }

  /** Returns the keys that `askDrops` has to ask about: none if no hook for deletes is set. */
  public unasked(keys: string[]): string[] {
    return this.hearsDeletes ? keys.filter((key) => !this.deletes.has(key)) : [];
  }

  /** @param keyOf returns the final key of the subject for the key in the plan */
  public async tellPuts(keyOf: (key: string) => string): Promise<void> {
    for (const subject of this.puts) {
      await this.hooks.tell('afterPut', this.origin, {
        ...subject,
        key: keyOf(subject.key),
        askedKey: subject.askedKey ?? subject.key,
      });
    }
  }

  /** @param keys what was deleted; other subjects that were asked about had been deleted by another write already */
  public async tellDeletes(keys: string[]): Promise<void> {
    for (const key of keys) {
      const subject = this.deletes.get(key);
      if (subject) await this.hooks.tell('afterDelete', this.origin, subject);
    }
    const others = [...this.deletes].filter(([key]) => !keys.includes(key));
    for (const [, subject] of others) {
      await this.hooks.tell('afterAbort', this.origin, { ...subject, operation: 'delete' });
    }
  }

  /** Reports that the allowed subjects were not written or deleted. */
  public async tellAborted(): Promise<void> {
    for (const subject of this.allowed.splice(0)) await this.hooks.tell('afterAbort', this.origin, subject);
  }

  private get hearsDeletes(): boolean {
    return (['beforeDelete', 'afterDelete', 'afterAbort'] as const).some((name) => this.hooks.has(name));
  }

  private async aboutDrop(key: string): Promise<IStorageHookMetadata> {
    const { packageName, version, digest } = this.plan;
    const known = { packageName, version, ...(digest && { digest }), kind: 'artifact' as const };
    const info = await this.look(key);
    return info ? { ...known, size: info.size } : known;
  }
}
