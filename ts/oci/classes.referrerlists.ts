import { RegistryError } from '../core/classes.registryerror.js';
import type { IRepairable, RegistryStorage } from '../core/classes.registrystorage.js';
import { DocumentPages } from '../core/storage/pages/classes.documentpages.js';
import type { PendingMarkers } from '../core/storage/upkeep/classes.pending.js';
import { ManifestStore } from './classes.manifeststore.js';
import { pendingPrefix, readReferrersKey, referrerPageKey, referrersKey, referrersPrefix } from './keys.oci.js';
import { assertDigest, type IDigest, readDigest } from './wire/wire.digests.js';
import { describe, type IDescriptor } from './wire/wire.manifests.js';
import { type IReferrersPage, referrerPages, withoutReferrer, withReferrer } from './wire/wire.referrers.js';

/** A manifest and the subject that it refers to. */
export interface IReference {
  repository: string;
  subject: IDigest;
  descriptor: IDescriptor;
}

/** A manifest with a subject. Without its annotations, which may be 4 MB: a collector holds many of these. */
export interface IReferrer {
  repository: string;
  subject: IDigest;
  digest: IDigest;
}

/** A reference in the form of its marker; releases up to 0.2.0 wrote the same. */
interface IPending extends Omit<IReference, 'subject'> {
  subject: string;
}

/**
 * The lists of referrers are derived from the manifests: `PendingMarkers` updates them with each push and delete. If a
 * writer stalls until its marker is removed, and then dies, the garbage collector repairs the list (`addMissing`,
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

  /** The manifests that refer to the subject, in the order of their digests, beginning with the page of `from`. */
  public async *list(repository: string, subject: IDigest, from = ''): AsyncGenerator<IDescriptor, void, undefined> {
    for await (const { manifests } of pagesOf(this.storage, repository, subject).all(from)) yield* manifests;
  }

  /**
   * Runs `work`, which places or deletes the manifest, and updates the list; see `PendingMarkers.during`. A manifest
   * without a subject has no reference.
   */
  public async during<T>(reference: IReference | undefined, work: () => Promise<T>): Promise<T> {
    return reference ? this.pending.during(pendingOf(reference), work) : work();
  }

  /** See `PendingMarkers.repair`. */
  public repair(olderThanMs: number, forgetAfterMs?: number): Promise<number> {
    return this.pending.repair(olderThanMs, forgetAfterMs);
  }

  /** Adds these manifests to the lists, if they exist. Reads each list once. */
  public async addMissing(referrers: readonly IReferrer[]): Promise<void> {
    const bySubject = new Map<string, IReferrer[]>();
    for (const referrer of referrers) {
      const key = referrersKey(referrer.repository, referrer.subject);
      bySubject.set(key, [...(bySubject.get(key) ?? []), referrer]);
    }
    for (const group of bySubject.values()) {
      const [first] = group as [IReferrer];
      const digests = await this.listed(first.repository, first.subject);
      if (!digests) continue;
      for (const { repository, subject, digest } of group) {
        const found = digests.has(digest.text) ? null : await this.manifests.loadIntact(repository, digest);
        if (!found) continue;
        await this.follow({ repository, subject, descriptor: describe(found.manifest, digest, found.size) });
      }
    }
  }

  /**
   * Removes manifests that do not exist from the lists.
   * @param isThere whether the manifest is known to exist; if not, the store is asked
   */
  public async dropGone(isThere: (repository: string, digest: string) => boolean, step: () => void): Promise<void> {
    for await (const { key } of this.storage.listDocuments({ prefix: `${referrersPrefix}/` })) {
      step();
      const read = readReferrersKey(key);
      const subject = read && readDigest(read.subject);
      if (!read || !subject) continue;
      const { repository } = read;
      for (const [text, descriptor] of (await this.listed(repository, subject)) ?? []) {
        const digest = readDigest(text);
        if (!digest || isThere(repository, digest.text)) continue;
        if (await this.manifests.exists(repository, digest)) continue;
        await this.follow({ repository, subject, descriptor });
      }
    }
  }

  /**
   * With a marker: the manifest may be pushed or deleted after our look, and this process may die before it looks
   * again.
   */
  private async follow(reference: IReference): Promise<void> {
    await this.during(reference, async () => {});
  }

  /** The list by digest; undefined if it is damaged. */
  private async listed(repository: string, subject: IDigest): Promise<Map<string, IDescriptor> | undefined> {
    const listed = new Map<string, IDescriptor>();
    try {
      for await (const descriptor of this.list(repository, subject)) listed.set(descriptor.digest, descriptor);
      return listed;
    } catch (error) {
      if (!RegistryError.is(error, 'internal')) throw error;
      const key = referrersKey(repository, subject);
      this.storage.logger.warn('A list of referrers cannot be read', { key, error: String(error) });
      return undefined;
    }
  }

  /** Returns whether the list had to be changed. */
  private async write({ repository, subject, descriptor }: IPending, exists: boolean): Promise<boolean> {
    const { digest } = descriptor;
    const pages = pagesOf(this.storage, repository, assertDigest(subject));
    let changes = false;
    let isEmpty = false;
    await pages.change(digest, (page, place) => {
      const next = exists ? withReferrer(page, descriptor) : page && withoutReferrer(page, digest);
      changes = next !== page;
      isEmpty = changes && next?.names.length === 0;
      return isEmpty && !place.page ? null : next;
    });
    // one of several pages: it may have been the last one with entries
    if (isEmpty) await pages.drop();
    return changes;
  }
}

const pagesOf = (storage: RegistryStorage, repository: string, subject: IDigest): DocumentPages<IReferrersPage> =>
  new DocumentPages(storage, referrerPages, referrersKey(repository, subject), (id) => referrerPageKey(repository, id));

const pendingOf = ({ repository, subject, descriptor }: IReference): IPending => ({
  repository,
  subject: subject.text,
  descriptor,
});
