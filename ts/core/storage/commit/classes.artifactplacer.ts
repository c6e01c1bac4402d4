import * as plugins from '../../../plugins.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { ILogger } from '../../interfaces.core.js';
import type { IObjectStore } from '../../objectstore/interfaces.objectstore.js';
import { isDoubtful, sleep, WRITE_ID } from '../documents/helpers.conditionalwrite.js';
import type { IWriteStamp } from '../interfaces.storage.js';
import { sweptAway } from '../uploads/classes.stagedobject.js';
import type { IArtifactPlan, IPlacedArtifact } from './interfaces.plans.js';

/** Metadata of an artifact: when it was put in its place. */
export const PLACED_AT = 'placed-at';

export interface IPlacerParts {
  store: IObjectStore;
  logger: ILogger;
  /** layout keys that publications of this process are using now; what keeps them apart if the store cannot */
  reserved: Set<string>;
}

/**
 * Step 4 of the commit protocol for one write. Everything it places is its own: a key that is taken, by the orphan of a
 * crashed publish or by somebody who is publishing right now, is not shared, even if the bytes are the same. A key that
 * somebody has tried to delete is not used again, for the delete may arrive late.
 */
export class ArtifactPlacer {
  /** the keys of this write alone that were tried */
  private readonly ownKeys: string[] = [];
  /** where each artifact lies that this write placed and nobody else may use */
  private readonly places = new Map<IPlacedArtifact, IArtifactPlan>();
  private readonly reservations: string[] = [];

  constructor(
    private readonly parts: IPlacerParts,
    private readonly stamp: IWriteStamp,
  ) {}

  /** @param isSpent whether the key may not be used any more */
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
   * Puts an artifact, whose key may have become that of an orphan since it was placed, at a new key of this write alone.
   * What lies at the old key is an orphan then.
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

  /** The keys that no other write ever uses: after a failed write, what lies there can be deleted. */
  public get tried(): readonly string[] {
    return this.ownKeys;
  }

  /** When the write is over, either way. */
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

  /** The staged bytes were spent when the artifact was placed; what was placed may be deleted at any moment. */
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

  /** If the store ignores conditions, this process (there may be only one) has to look before it writes. */
  private async reserve(key: string): Promise<boolean> {
    const { store, reserved } = this.parts;
    if (store.conditionalWrites) return true;
    if (reserved.has(key)) return false;
    reserved.add(key);
    this.reservations.push(key);
    return (await store.head(key)) === null;
  }

  /** Whether the artifact is at `key` now; false if something else is. */
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
        // the store may have spent a staged object's bytes already; bytes in memory can be sent again
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

  /** Looks whether the write that failed with `error` was done; throws `error` if that cannot be found out. */
  private async isOursDespite(key: string, error: unknown): Promise<boolean> {
    try {
      return await this.isOurs(key);
    } catch {
      throw error;
    }
  }
}
