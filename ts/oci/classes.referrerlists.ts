import { RegistryError } from '../core/classes.registryerror.js';
import type { IRepairable, RegistryStorage } from '../core/classes.registrystorage.js';
import type { PendingMarkers } from '../core/storage/upkeep/classes.pending.js';
import { ManifestStore } from './classes.manifeststore.js';
import type { IReferrersDocument } from './interfaces.oci.js';
import { pendingPrefix, readReferrersKey, referrersKey, referrersPrefix } from './keys.oci.js';
import { assertDigest, type IDigest, readDigest } from './wire/wire.digests.js';
import { describe, type IDescriptor } from './wire/wire.manifests.js';

/** One manifest and what it refers to. */
export interface IReference {
  repository: string;
  subject: IDigest;
  descriptor: IDescriptor;
}

/** A manifest with a subject. Not with its annotations, which may be 4 MB: a collector holds many of these. */
export interface IReferrer {
  repository: string;
  subject: IDigest;
  digest: IDigest;
}

/** A reference as its marker holds it; releases up to 0.2.0 wrote the same. */
interface IPending extends Omit<IReference, 'subject'> {
  subject: string;
}

/** bytes of one list: each of its entries holds all annotations of a manifest, and each change writes the list anew */
const MAX_LIST = 16 * 1024 * 1024;

/**
 * The lists of referrers are derived from the manifests: `PendingMarkers` has them follow each push and delete. If a
 * writer stalls until its marker is removed, and then dies, the garbage collector finds what it left (`addMissing`,
 * `dropGone`).
 */
export class ReferrerLists implements IRepairable {
  private readonly manifests: ManifestStore;
  private readonly pending: PendingMarkers<IPending, boolean>;

  constructor(private readonly storage: RegistryStorage) {
    this.manifests = new ManifestStore(storage);
    this.pending = storage.pendingMarkers<IPending, boolean>({
      prefix: pendingPrefix,
      what: 'A list of referrers',
      look: ({ repository, descriptor }) => this.manifests.exists(repository, assertDigest(descriptor.digest)),
      follow: (pending, exists) => this.write(pending, exists),
      isSame: (one, other) => one === other,
    });
    storage.enlist(this);
  }

  /** @throws RegistryError `tooLarge` if the list of the subject would grow beyond what one list may hold */
  public async assertRoom({ repository, subject, descriptor }: IReference): Promise<void> {
    const size = (await this.storage.head(referrersKey(repository, subject)))?.size ?? 0;
    if (size + JSON.stringify(descriptor).length <= MAX_LIST) return;
    const message = `The manifests that refer to ${subject.text} have more than ${MAX_LIST} bytes of annotations`;
    throw new RegistryError('tooLarge', message);
  }

  /**
   * Runs `work`, which places or deletes the manifest, and has the list follow; see `PendingMarkers.during`. A manifest
   * without a subject has no reference.
   */
  public async during<T>(reference: IReference | undefined, work: () => Promise<T>): Promise<T> {
    return reference ? this.pending.during(pendingOf(reference), work) : work();
  }

  /** See `PendingMarkers.repair`. */
  public repair(olderThanMs: number, forgetAfterMs?: number): Promise<number> {
    return this.pending.repair(olderThanMs, forgetAfterMs);
  }

  /** Has the lists name these manifests, if they exist. Reads each list once. */
  public async addMissing(referrers: readonly IReferrer[]): Promise<void> {
    const bySubject = new Map<string, IReferrer[]>();
    for (const referrer of referrers) {
      const key = referrersKey(referrer.repository, referrer.subject);
      bySubject.set(key, [...(bySubject.get(key) ?? []), referrer]);
    }
    for (const [key, group] of bySubject) {
      const listed = await this.listed(key);
      if (!listed) continue;
      const digests = new Set(listed.map(({ digest }) => digest));
      for (const { repository, subject, digest } of group) {
        const found = digests.has(digest.text) ? null : await this.manifests.loadIntact(repository, digest);
        if (!found) continue;
        await this.follow({ repository, subject, descriptor: describe(found.manifest, digest, found.size) });
      }
    }
  }

  /**
   * Has the lists not name manifests that do not exist.
   * @param isThere whether the manifest is known to exist; if not, the store is asked
   */
  public async dropGone(isThere: (repository: string, digest: string) => boolean, step: () => void): Promise<void> {
    for await (const { key } of this.storage.listDocuments({ prefix: `${referrersPrefix}/` })) {
      step();
      const read = readReferrersKey(key);
      const subject = read && readDigest(read.subject);
      if (!read || !subject) continue;
      const { repository } = read;
      for (const descriptor of (await this.listed(key)) ?? []) {
        const digest = readDigest(descriptor.digest);
        if (!digest || isThere(repository, digest.text)) continue;
        if (await this.manifests.exists(repository, digest)) continue;
        await this.follow({ repository, subject, descriptor });
      }
    }
  }

  /** With a marker: the manifest may come or go after our look, and this process may die before it looks again. */
  private async follow(reference: IReference): Promise<void> {
    await this.during(reference, async () => {});
  }

  /** Undefined if the list is damaged. */
  private async listed(key: string): Promise<readonly IDescriptor[] | undefined> {
    try {
      return (await this.storage.read<IReferrersDocument>(key))?.value.manifests ?? [];
    } catch (error) {
      if (!RegistryError.is(error, 'internal')) throw error;
      this.storage.logger.warn('A list of referrers cannot be read', { key, error: String(error) });
      return undefined;
    }
  }

  /** Returns whether the list had to be changed. */
  private async write({ repository, subject, descriptor }: IPending, exists: boolean): Promise<boolean> {
    const { digest } = descriptor;
    let changes = false;
    await this.storage.update<IReferrersDocument>(referrersKey(repository, assertDigest(subject)), (current) => {
      const manifests = current?.manifests ?? [];
      changes = manifests.some((listed) => listed.digest === digest) !== exists;
      if (!changes) return undefined;
      if (exists) return { manifests: [...manifests, descriptor] };
      const left = manifests.filter((listed) => listed.digest !== digest);
      return left.length > 0 ? { manifests: left } : null;
    });
    return changes;
  }
}

const pendingOf = ({ repository, subject, descriptor }: IReference): IPending => ({
  repository,
  subject: subject.text,
  descriptor,
});
