import { randomUUID } from 'node:crypto';
import { streamToJson } from '../core/base/helpers.streams.js';
import { RegistryError } from '../core/classes.registryerror.js';
import type { IRepairable, RegistryStorage } from '../core/classes.registrystorage.js';
import { ManifestStore } from './classes.manifeststore.js';
import type { IReferrersDocument } from './interfaces.oci.js';
import { pendingPrefix, referrersKey } from './keys.oci.js';
import { assertDigest, type IDigest } from './wire/wire.digests.js';
import type { IDescriptor } from './wire/wire.manifests.js';

/** One manifest and what it refers to. */
export interface IReference {
  repository: string;
  subject: IDigest;
  descriptor: IDescriptor;
}

interface IPending {
  repository: string;
  subject: string;
  descriptor: IDescriptor;
}

/** bytes of one list: each of its entries holds all annotations of a manifest, and each change writes the list anew */
const MAX_LIST = 16 * 1024 * 1024;

/** A writer may still be on its way from marker to commit; after this it is not. */
const FORGET_AFTER_MS = 15 * 60_000;

/**
 * The lists of referrers follow the manifests: a marker is put before a manifest is placed or deleted and removed when
 * the list says the same, so that any replica can finish what another one left.
 */
export class ReferrerLists implements IRepairable {
  constructor(private readonly storage: RegistryStorage) {
    storage.enlist(this);
  }

  /** @throws RegistryError `tooLarge` where the list of the subject would grow beyond what one list may hold */
  public async assertRoom({ repository, subject, descriptor }: IReference): Promise<void> {
    const size = (await this.storage.head(referrersKey(repository, subject)))?.size ?? 0;
    if (size + JSON.stringify(descriptor).length <= MAX_LIST) return;
    const message = `The manifests that refer to ${subject.text} have more than ${MAX_LIST} bytes of annotations`;
    throw new RegistryError('tooLarge', message);
  }

  /**
   * Runs `work`, which brings or takes a manifest, and has the list follow, also where `work` fails half-way. Not with the
   * catalog of a publish: that says what a document names, and this what is there.
   */
  public async follow(reference: IReference | undefined, work: () => Promise<unknown>): Promise<void> {
    if (!reference) {
      await work();
      return;
    }
    const marker = await this.mark(reference);
    try {
      await work();
    } finally {
      try {
        await this.settle(reference);
        await this.storage.delete(marker);
      } catch (error) {
        this.storage.logger.warn('A list of referrers could not follow a write; it will be repaired', {
          error: String(error),
        });
      }
    }
  }

  private async mark({ repository, subject, descriptor }: IReference): Promise<string> {
    const key = `${pendingPrefix}/${randomUUID()}`;
    const pending: IPending = { repository, subject: subject.text, descriptor };
    const bytes = Buffer.from(JSON.stringify(pending));
    await this.storage.store.put(key, bytes, { contentType: 'application/json', immutable: true });
    return key;
  }

  /**
   * Makes the list agree with the manifests. A manifest may come or go between our look and our write, and its writer
   * may have changed the list before us. So this looks again, until both agree.
   */
  private async settle({ repository, subject, descriptor }: IReference): Promise<void> {
    const { digest } = descriptor;
    const manifests = new ManifestStore(this.storage);
    const look = () => manifests.exists(repository, assertDigest(digest));
    let exists = await look();
    for (let settled = false; !settled; ) {
      const there = exists;
      await this.storage.update<IReferrersDocument>(referrersKey(repository, subject), (current) => {
        const manifests = current?.manifests ?? [];
        if (manifests.some((listed) => listed.digest === digest) === there) return undefined;
        if (there) return { manifests: [...manifests, descriptor] };
        const left = manifests.filter((listed) => listed.digest !== digest);
        return left.length > 0 ? { manifests: left } : null;
      });
      exists = await look();
      settled = exists === there;
    }
  }

  /** See `RegistryStorage.sweep`. */
  public async repair(olderThanMs: number, forgetAfterMs = FORGET_AFTER_MS): Promise<number> {
    const { storage } = this;
    let settled = 0;
    for await (const item of storage.list({ prefix: `${pendingPrefix}/` })) {
      if (!('key' in item)) continue;
      const age = storage.now().getTime() - item.lastModified.getTime();
      if (age < olderThanMs) continue;
      try {
        const found = await storage.store.get(item.key);
        if (!found || found === 'notModified') continue;
        const { repository, subject, descriptor } = await streamToJson<IPending>(found.body);
        await this.settle({ repository, subject: assertDigest(subject), descriptor });
        settled++;
      } catch (error) {
        // one bad marker must not keep the others from being settled
        storage.logger.warn('A list of referrers could not be repaired', { key: item.key, error: String(error) });
        continue;
      }
      if (age >= forgetAfterMs) await storage.delete(item.key);
    }
    return settled;
  }
}
