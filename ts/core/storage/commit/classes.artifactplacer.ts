import * as plugins from '../../../plugins.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { ILogger } from '../../interfaces.core.js';
import type { IObjectStore } from '../../objectstore/interfaces.objectstore.js';
import { isDoubtful, sleep, WRITE_ID } from '../documents/helpers.conditionalwrite.js';
import type { IWriteStamp } from '../interfaces.storage.js';
import { sweptAway } from '../uploads/classes.stagedobject.js';
import type { IArtifactPlan, IPlacedArtifact } from './interfaces.plans.js';

/** Metadata of an artifact: the time when it was put at its key. */
export const PLACED_AT = 'placed-at';

export interface IPlacerParts {
  store: IObjectStore;
  logger: ILogger;
  /** layout keys that publishes of this process are using now; it separates them if the store ignores conditions */
  reserved: Set<string>;
}

/**
 * Step 4 of the commit protocol for one write. Each artifact gets a key of its own: a key that is taken, by the orphan
 * of a crashed publish or by a publish under way, is not shared, even if the bytes are equal. A key that somebody has
 * tried to delete is not used again, because the delete may arrive late.
 */
export class ArtifactPlacer {
  /** the keys that were tried and that only this write uses */
  private readonly ownKeys: string[] = [];
  /** artifacts that this write placed at keys that nobody else may use */
  private readonly places = new Map<IPlacedArtifact, IArtifactPlan>();
  private readonly reservations: string[] = [];

  constructor(
    private readonly parts: IPlacerParts,
    private readonly stamp: IWriteStamp,
  ) {}

  /** @param isSpent whether a key must not be used any more */
  public async place(plan: IArtifactPlan, isSpent: (key: string) => boolean): Promise<IPlacedArtifact> {
    const { staged, contentType } = plan;
    const isFree = !isSpent(plan.key) && (await this.reserve(plan.key)) && (await this.tryAt(plan.key, plan, '*'));
    const key = isFree ? plan.key : await this.placeAtOwnKey(plan);
    const placed = { key, size: staged.size, digests: staged.digests, contentType };
    this.places.set(placed, plan);
    return placed;
  }

  /** Whether this write alone placed it. */
  public isOwn(placed: IPlacedArtifact): boolean {
    return this.places.has(placed);
  }

  /**
   * Copies an artifact to a new key that only this write uses, because its present key may have become an orphan's
   * since it was placed. The object at the old key is then an orphan.
   */
  public async moveToOwnKey(placed: IPlacedArtifact): Promise<IPlacedArtifact> {
    const plan = this.places.get(placed);
    if (!plan) throw new RegistryError('internal', 'Only what this write placed can be moved');
    const id = plugins.crypto.randomUUID();
    const key = await (plan.staged.isReplayable ? this.placeAtOwnKey(plan, id) : this.copyToOwnKey(placed, plan, id));
    const moved = { ...placed, key };
    this.places.delete(placed);
    this.places.set(moved, plan);
    return moved;
  }

  /** Keys that no other write uses: if this write fails, the objects there can be deleted. */
  public get tried(): readonly string[] {
    return this.ownKeys;
  }

  /** Call it when the write is over, whether it succeeded or not. */
  public finish(): void {
    for (const key of this.reservations) this.parts.reserved.delete(key);
  }

  private ownKeyOf(plan: IArtifactPlan, id: string): string {
    const key = `${plan.key}.${id}`;
    this.ownKeys.push(key);
    return key;
  }

  private async placeAtOwnKey(plan: IArtifactPlan, id = this.stamp.id): Promise<string> {
    const key = this.ownKeyOf(plan, id);
    if (await this.tryAt(key, plan, undefined)) return key;
    throw new RegistryError('unavailable', 'The store refuses to take this artifact');
  }

  /** The staged bytes were spent when the artifact was placed, and the placed object may be deleted at any moment. */
  private async copyToOwnKey(placed: IPlacedArtifact, plan: IArtifactPlan, id: string): Promise<string> {
    const key = this.ownKeyOf(plan, id);
    try {
      await this.parts.store.compose(key, [placed.key], { ...this.options(plan), sizes: [placed.size] });
    } catch (error) {
      if (isDoubtful(error) && (await this.isOursDespite(key, error))) return key;
      throw (await this.parts.store.head(placed.key)) ? error : sweptAway(error);
    }
    return key;
  }

  /** If the store ignores conditions, this process (which must be the only one) has to look before it writes. */
  private async reserve(key: string): Promise<boolean> {
    const { store, reserved } = this.parts;
    if (store.conditionalWrites) return true;
    if (reserved.has(key)) return false;
    reserved.add(key);
    this.reservations.push(key);
    return (await store.head(key)) === null;
  }

  /** Returns true if the artifact is stored at `key` now, false if another object is. */
  private async tryAt(key: string, plan: IArtifactPlan, ifNoneMatch: '*' | undefined): Promise<boolean> {
    for (let tries = 1; ; tries++) {
      try {
        await this.write(key, plan, ifNoneMatch);
        return true;
      } catch (error) {
        const isTaken = RegistryError.is(error, 'preconditionFailed') || RegistryError.is(error, 'unsupported');
        if (RegistryError.is(error, 'notFound')) throw sweptAway(error);
        if (!isTaken && !isDoubtful(error)) throw error;
        if (await this.isOursDespite(key, error)) return true;
        if (isTaken) return false;
        // the store may have spent the bytes of a staged object; bytes in memory can be sent again
        if (tries === 2 || !plan.staged.isReplayable) throw error;
        await sleep(50);
      }
    }
  }

  private async write(key: string, plan: IArtifactPlan, ifNoneMatch: '*' | undefined): Promise<void> {
    const { store } = this.parts;
    const { staged } = plan;
    const content = staged.peek();
    const options = { ...this.options(plan), ifNoneMatch };
    if ('keys' in content) {
      const { keys, sizes, etags } = content;
      await store.compose(key, keys, { ...options, sizes, etags });
    } else await store.put(key, content.bytes, { ...options, size: staged.size });
  }

  private options(plan: IArtifactPlan) {
    const metadata = { [WRITE_ID]: this.stamp.id, [PLACED_AT]: this.stamp.time };
    return { contentType: plan.contentType, metadata, immutable: true };
  }

  private async isOurs(key: string): Promise<boolean> {
    return (await this.parts.store.head(key))?.metadata?.[WRITE_ID] === this.stamp.id;
  }

  /**
   * Whether the write that failed with `error` was applied after all. If that cannot be found out, it throws `error`, or
   * the failure of the look if `error` says that the key is taken: callers would read that as the client's fault (412).
   */
  private async isOursDespite(key: string, error: unknown): Promise<boolean> {
    try {
      return await this.isOurs(key);
    } catch (failure) {
      throw isDoubtful(error) ? error : failure;
    }
  }
}
