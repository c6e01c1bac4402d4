import * as plugins from '../../plugins.js';
import { RegistryError } from '../classes.registryerror.js';
import type { ILogger } from '../interfaces.core.js';
import type { IObjectStore, IPutOptions } from '../objectstore/interfaces.objectstore.js';
import { sweptAway } from './classes.stagedobject.js';
import { VerifiedBody } from './classes.verifiedbody.js';
import { isDoubtful, sleep, WRITE_ID } from './helpers.conditionalwrite.js';
import type { IArtifactPlan, IPlacedArtifact } from './interfaces.plans.js';
import type { IWriteStamp } from './interfaces.storage.js';

/** Metadata of an artifact: when it was put in its place. */
export const PLACED_AT = 'placed-at';

/** bytes of a body that is read before it is sent: then the write itself finds out whether the content is there */
const SMALL = 64 * 1024;

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
 *
 * Content whose key is its digest is the exception (`shared`): whoever placed it placed the same bytes, so it is taken
 * as it is, and nobody takes it back.
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

  /**
   * @param admit is asked once everything about the artifact is known, before it can be seen
   * @param isSpent whether the key may not be used any more
   */
  public async place(
    plan: IArtifactPlan,
    admit: () => Promise<void>,
    isSpent: (key: string) => boolean = () => false,
  ): Promise<IPlacedArtifact> {
    const { staged, contentType } = plan;
    if (plan.shared) return this.share(plan, admit);
    if (staged instanceof VerifiedBody)
      throw new RegistryError('internal', 'Only shared artifacts stream to their key');
    await admit();
    const isFree = !isSpent(plan.key) && (await this.reserve(plan.key)) && (await this.tryAt(plan.key, plan, '*'));
    const key = isFree ? plan.key : await this.placeAtOwnKey(plan);
    const placed = { key, size: staged.size, digests: staged.digests, contentType, found: false };
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

  private async share(plan: IArtifactPlan, admit: () => Promise<void>): Promise<IPlacedArtifact> {
    const { key, staged, contentType } = plan;
    const { store } = this.parts;
    let found: boolean;
    if (staged instanceof VerifiedBody && (staged.announced ?? SMALL + 1) <= SMALL && store.conditionalWrites) {
      const bytes = await staged.collect(admit);
      found = await this.putIfAbsent(key, { ...this.options(plan), size: bytes.byteLength }, bytes);
    } else if (staged instanceof VerifiedBody) {
      found = (await store.head(key)) !== null;
      if (found) await staged.drain(admit);
      else await this.stream(plan, staged, admit);
    } else {
      await admit();
      const content = staged.peek();
      found =
        'bytes' in content && store.conditionalWrites
          ? await this.putIfAbsent(key, { ...this.options(plan), size: staged.size }, content.bytes)
          : await this.copyIn(plan);
    }
    return { key, size: staged.size, digests: staged.digests, contentType, found };
  }

  /** Small content: the write itself finds out whether it is there. */
  private async putIfAbsent(key: string, options: IPutOptions, bytes: Uint8Array): Promise<boolean> {
    try {
      await this.persist(
        async () => void (await this.parts.store.put(key, bytes, { ...options, ifNoneMatch: '*' })),
        3,
      );
      return false;
    } catch (error) {
      if (RegistryError.is(error, 'preconditionFailed')) return true;
      throw error;
    }
  }

  /**
   * Mostly without a condition: the same bytes over the same bytes harm nobody, and servers copy cheaper without it. But
   * chunks are others' to write to once the upload that they belonged to is over: who joins them after that must not win.
   */
  private async copyIn(plan: IArtifactPlan): Promise<boolean> {
    const { store } = this.parts;
    const { key, staged } = plan;
    if (await store.head(key)) return true;
    const content = staged instanceof VerifiedBody ? undefined : staged.peek();
    const isJoined = content !== undefined && 'keys' in content && content.keys.length > 1;
    const ifNoneMatch = isJoined && (store.conditionalJoins ?? store.conditionalWrites) ? '*' : undefined;
    try {
      await this.persist(() => this.write(key, plan, ifNoneMatch), 1);
      return false;
    } catch (error) {
      if (RegistryError.is(error, 'preconditionFailed')) return true;
      throw error;
    }
  }

  private async stream(plan: IArtifactPlan, body: VerifiedBody, admit: () => Promise<void>): Promise<void> {
    try {
      const options = { ...this.options(plan), size: body.announced };
      await this.parts.store.put(plan.key, body.open(admit), options);
    } catch (error) {
      throw body.failure ?? error;
    }
  }

  private async persist(write: () => Promise<void>, attempts: number): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await write();
      } catch (error) {
        if (RegistryError.is(error, 'notFound')) throw sweptAway(error);
        if (!isDoubtful(error) || tries >= attempts) throw error;
        await sleep(50 * tries);
      }
    }
  }

  /** Where the store ignores conditions, this process (there may be only one) has to look before it writes. */
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
    if (staged instanceof VerifiedBody) throw new RegistryError('internal', 'A body can be streamed once only');
    const content = staged.peek();
    const options = { ...this.options(plan), ifNoneMatch };
    if ('keys' in content) await store.compose(key, content.keys, { ...options, sizes: content.sizes });
    else await store.put(key, content.bytes, { ...options, size: staged.size });
  }

  private options(plan: IArtifactPlan) {
    if (plan.keyOnly) return { contentType: plan.contentType, immutable: true, common: true };
    const metadata = { [WRITE_ID]: this.stamp.id, [PLACED_AT]: this.stamp.time };
    return { contentType: plan.contentType, metadata, immutable: true };
  }

  private async isOurs(key: string): Promise<boolean> {
    return (await this.parts.store.head(key))?.metadata?.[WRITE_ID] === this.stamp.id;
  }

  /** Looks whether the write that failed with `error` was done; where that cannot be seen, `error` is the answer. */
  private async isOursDespite(key: string, error: unknown): Promise<boolean> {
    try {
      return await this.isOurs(key);
    } catch {
      throw error;
    }
  }
}
