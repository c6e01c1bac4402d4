import { streamToBuffer } from '../../base/helpers.streams.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { IObjectStore, IPutOptions } from '../../objectstore/interfaces.objectstore.js';
import { persist } from '../helpers.persist.js';
import { type StagedObject, sweptAway } from '../uploads/classes.stagedobject.js';
import { VerifiedBody } from '../uploads/classes.verifiedbody.js';

/** bytes of a body that is read before it is sent: then the write itself finds out whether the content is there */
const SMALL = 64 * 1024;

/** `damaged`: what is there has not the bytes that it should have. */
export type TPlaced = 'new' | 'found' | 'damaged';

/** What a client sends as one piece of content, in whatever form it arrives, and where it goes. */
export class ContentSource {
  /** small content in memory, which can be sent again */
  private bytes: Uint8Array | undefined;
  private isSpent = false;
  private ownSize: number | undefined;

  /** @param approve asks the hooks; the content becomes visible only after that */
  constructor(
    private readonly store: IObjectStore,
    private readonly content: StagedObject | VerifiedBody,
    private readonly approve: () => Promise<void>,
  ) {}

  /** bytes; known once something was placed */
  public get size(): number {
    return this.ownSize ?? this.content.size;
  }

  /** Reads what is small into memory, so that a second attempt is possible. */
  public async begin(): Promise<void> {
    const { content, store } = this;
    if (content instanceof VerifiedBody) {
      if ((content.announced ?? SMALL + 1) > SMALL || !store.conditionalWrites) return;
      this.bytes = await content.collect(this.approve);
    } else {
      await this.approve();
      const held = content.peek();
      if ('bytes' in held) this.bytes = held.bytes;
    }
    this.ownSize = this.bytes?.byteLength ?? content.size;
  }

  /** Whether the bytes can be sent once more. */
  public get isLeft(): boolean {
    return !this.isSpent;
  }

  /** Puts the content at a key that no other write uses. */
  public async putNew(key: string, options: IPutOptions): Promise<void> {
    if (this.bytes) await this.putBytes(key, this.bytes, options);
    else await this.send(key, options, undefined);
  }

  /** Puts the content at the key unless it is there. */
  public async putOnce(key: string, options: IPutOptions): Promise<TPlaced> {
    const { bytes, store } = this;
    if (bytes && store.conditionalWrites) {
      if (await this.putBytes(key, bytes, options)) return 'new';
      return (await this.isIntact(key, bytes)) ? 'found' : 'damaged';
    }
    const there = await store.head(key);
    if (!there) {
      if (this.isSpent) return 'damaged';
      return (await this.send(key, options, '*')) ? 'new' : this.compare(key);
    }
    if (this.isSpent || bytes) return there.size === this.size ? 'found' : 'damaged';
    const { content } = this;
    if (content instanceof VerifiedBody) {
      // another length than is stored: whether the client is right shows when it has sent everything
      if (content.announced !== undefined && content.announced !== there.size) return 'damaged';
      this.isSpent = true;
      await content.drain(this.approve);
      this.ownSize = content.size;
    }
    return there.size === this.size ? 'found' : 'damaged';
  }

  private async compare(key: string): Promise<TPlaced> {
    return (await this.store.head(key))?.size === this.size ? 'found' : 'damaged';
  }

  private async isIntact(key: string, bytes: Uint8Array): Promise<boolean> {
    const found = await this.store.get(key);
    if (!found || found === 'notModified') return false;
    if (bytes.byteLength > SMALL || found.info.size !== bytes.byteLength) {
      await found.body.cancel();
      return found.info.size === bytes.byteLength;
    }
    return (await streamToBuffer(found.body)).equals(bytes);
  }

  private putBytes(key: string, bytes: Uint8Array, options: IPutOptions): Promise<boolean> {
    const { store } = this;
    const ifNoneMatch = store.conditionalWrites ? ('*' as const) : undefined;
    return persist(() => store.put(key, bytes, { ...options, size: bytes.byteLength, ifNoneMatch }));
  }

  /** @returns false if another writer's object is there */
  private async send(key: string, options: IPutOptions, ifNoneMatch: '*' | undefined): Promise<boolean> {
    const { content, store } = this;
    if (this.bytes) return this.putBytes(key, this.bytes, options);
    this.isSpent = true;
    if (content instanceof VerifiedBody) {
      try {
        // without a condition: to replace bytes by equal ones does no harm
        await store.put(key, content.open(this.approve), { ...options, size: content.announced });
      } catch (error) {
        throw content.failure ?? error;
      }
      this.ownSize = content.size;
      return true;
    }
    const held = content.peek();
    if (!('keys' in held)) throw new RegistryError('internal', 'Content in memory was not read');
    // when an upload has ended, others may write chunks at its keys; a join of those must fail
    const isJoined = held.keys.length > 1 && (store.conditionalJoins ?? store.conditionalWrites);
    try {
      await store.compose(key, held.keys, {
        ...options,
        sizes: held.sizes,
        etags: held.etags,
        ifNoneMatch: isJoined ? ifNoneMatch : undefined,
      });
      return true;
    } catch (error) {
      if (RegistryError.is(error, 'notFound')) throw sweptAway(error);
      if (!RegistryError.is(error, 'preconditionFailed')) throw error;
      // the parts are untouched then
      this.isSpent = false;
      return false;
    }
  }
}
