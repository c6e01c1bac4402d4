import { streamToBuffer } from '../../base/helpers.streams.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { IObjectStore, IPutOptions } from '../../objectstore/interfaces.objectstore.js';
import { persist } from '../helpers.persist.js';
import { type StagedObject, sweptAway } from '../uploads/classes.stagedobject.js';
import { VerifiedBody } from '../uploads/classes.verifiedbody.js';

/** bytes of a body that is read before it is sent: then the write itself finds out whether the content exists */
const SMALL = 64 * 1024;

/** `damaged`: the stored object has other bytes than it should. */
export type TPlaced = 'new' | 'found' | 'damaged';

/** One piece of content that a client sends, in whatever form, and the ways to store it. */
export class ContentSource {
  /** small content in memory, which can be sent again */
  private bytes: Uint8Array | undefined;
  private isSpent = false;
  private ownSize: number | undefined;

  /** @param approve asks the hooks; only then the content becomes visible */
  constructor(
    private readonly store: IObjectStore,
    private readonly content: StagedObject | VerifiedBody,
    private readonly approve: () => Promise<void>,
  ) {}

  /** bytes; known after something was placed */
  public get size(): number {
    return this.ownSize ?? this.content.size;
  }

  /** Reads small content into memory, so that a second attempt is possible. */
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

  /** Whether the bytes can still be sent. */
  public get isLeft(): boolean {
    return !this.isSpent;
  }

  /** Puts the content at a key that no other write uses. */
  public async putNew(key: string, options: IPutOptions): Promise<void> {
    if (this.bytes) await this.putBytes(key, this.bytes, options);
    else await this.send(key, options, undefined);
  }

  /** Puts the content at the key, unless it exists there. */
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
      // its length differs from the stored object's: only its digest, after the last byte, shows whether the client is
      // right
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

  /** @returns false if the object there is another writer's */
  private async send(key: string, options: IPutOptions, ifNoneMatch: '*' | undefined): Promise<boolean> {
    const { content, store } = this;
    if (this.bytes) return this.putBytes(key, this.bytes, options);
    this.isSpent = true;
    if (content instanceof VerifiedBody) {
      try {
        // without a condition: replacing bytes by equal ones does no harm
        await store.put(key, content.open(this.approve), { ...options, size: content.announced });
      } catch (error) {
        throw content.failure ?? error;
      }
      this.ownSize = content.size;
      return true;
    }
    const held = content.peek();
    if (!('keys' in held)) throw new RegistryError('internal', 'Content in memory was not read');
    // after an upload has ended, others may write chunks at its keys; joining those must fail
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
      // then the parts are untouched
      this.isSpent = false;
      return false;
    }
  }
}
