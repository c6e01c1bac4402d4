import { HashSet } from '../core/base/classes.hashset.js';
import { inParallel } from '../core/base/helpers.concurrency.js';
import { RegistryError } from '../core/classes.registryerror.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import type { IObjectInfo } from '../core/objectstore/interfaces.objectstore.js';
import { ContentCollector } from '../core/storage/content/classes.contentcollector.js';
import {
  DEFAULT_GRACE_MS,
  type IGarbageOptions,
  type IGarbageReport,
} from '../core/storage/upkeep/interfaces.garbage.js';
import { ManifestStore } from './classes.manifeststore.js';
import type { IReferrer } from './classes.referrerlists.js';
import { blobStoreOf } from './helpers.blobstore.js';
import { retireUntagged } from './helpers.untagged.js';
import type { IOciParts } from './interfaces.parts.js';
import { manifestGuardsPrefix, manifestsPrefix, readManifestGuardKey, readManifestKey } from './keys.oci.js';
import { type IDigest, readDigest } from './wire/wire.digests.js';
import { mayBeBlobs } from './wire/wire.manifests.js';

/** keys of manifests that are collected before these are read together */
const BATCH = 200;

interface IStoredManifest {
  repository: string;
  digest: IDigest;
  copy: string;
  info: IObjectInfo;
  /** the manifest may have been given up, with only its object left */
  mayBeLeft: boolean;
}

/**
 * One garbage collection, while requests are served:
 *
 * 1. Reads all manifests and records the content that they name (a hash of each pair of repository and digest, 8
 * bytes). Deletes objects of deleted manifests; with `untaggedManifests` also manifests that no tag, index or subject
 * leads to. Repairs lists of referrers: those that lack a manifest, and those that name a manifest that does not exist.
 * 2. Removes links to blobs that no manifest of their repository names, and copies of blobs without links
 * (`ContentCollector`).
 *
 * Objects younger than the grace period stay: clients push blobs first, and the manifest that names them last.
 */
export class GarbageCollection {
  private readonly named = new HashSet();
  /** manifests with a subject (a hash of each pair of repository and digest) */
  private readonly referrers = new HashSet();
  private readonly manifests: ManifestStore;
  private readonly before: number;
  private done = 0;
  private phase = '';
  private removedManifests = 0;
  private bytes = 0;
  /** repositories with a manifest that cannot be read: it may name anything, so all links of the repository stay */
  private readonly unreadable = new Set<string>();

  constructor(
    private readonly storage: RegistryStorage,
    private readonly oci: IOciParts,
    private readonly options: IGarbageOptions,
  ) {
    this.manifests = new ManifestStore(storage);
    this.before = storage.now().getTime() - (options.graceMs ?? DEFAULT_GRACE_MS);
  }

  public async run(): Promise<IGarbageReport> {
    const { storage, options, before } = this;
    await this.readManifests();
    if (!options.dryRun) {
      const isThere = (repository: string, digest: string) => this.referrers.has(`${repository}@${digest}`);
      await this.oci.referrers.dropGone(isThere, () => this.step('referrers'));
    }
    const collector = new ContentCollector(blobStoreOf(storage), {
      before,
      dryRun: options.dryRun ?? false,
      isNamed: (repository, digest) => this.unreadable.has(repository) || this.named.has(`${repository}@${digest}`),
      namedNow: (repository, digests) => this.namedNow(repository, digests),
      step: (phase) => this.step(phase),
    });
    await collector.run();
    const removed = { manifests: this.removedManifests, links: collector.links, blobs: collector.copies };
    return { protocol: 'oci', removed, bytes: this.bytes + collector.bytes };
  }

  private step(phase: string): void {
    this.options.signal?.throwIfAborted();
    if (phase !== this.phase) this.done = 0;
    this.phase = phase;
    this.done++;
    this.options.onProgress?.({ protocol: 'oci', phase, done: this.done });
  }

  private async readManifests(): Promise<void> {
    const { storage } = this;
    const guarded = new HashSet();
    for await (const item of storage.list({ prefix: `${manifestGuardsPrefix}/` })) {
      const read = 'key' in item ? readManifestGuardKey(item.key) : null;
      if (read) guarded.add(`${read.repository}@${read.digest}`);
    }
    let repository: string | undefined;
    let waiting: IStoredManifest[] = [];
    for await (const info of storage.list({ prefix: `${manifestsPrefix}/` })) {
      const read = 'key' in info ? readManifestKey(info.key) : null;
      const digest = read && readDigest(read.digest);
      if (!read || !digest || !('key' in info)) continue;
      this.step('manifests');
      if (read.repository !== repository) await this.retire(read.repository);
      repository = read.repository;
      const mayBeLeft = read.copy !== '' || guarded.has(`${read.repository}@${read.digest}`);
      const stored = { ...read, digest, info, mayBeLeft };
      if (mayBeLeft && (await this.removeLeft(stored))) continue;
      waiting.push(stored);
      if (waiting.length < BATCH) continue;
      await this.noteAll(waiting);
      waiting = [];
    }
    await this.noteAll(waiting);
  }

  private async noteAll(manifests: IStoredManifest[]): Promise<void> {
    const referrers: IReferrer[] = [];
    await inParallel(manifests, (one) => this.note(one, referrers));
    if (!this.options.dryRun) await this.oci.referrers.addMissing(referrers);
  }

  /** Deletes untagged manifests, if the configuration allows it. */
  private async retire(repository: string): Promise<void> {
    const { untaggedManifests: policy = 'keep' } = this.oci.config;
    if (policy === 'keep') return;
    const before = Math.min(this.before, this.storage.now().getTime() - policy.deleteAfterMs);
    const options = { before, dryRun: this.options.dryRun ?? false };
    try {
      const { count, bytes } = await retireUntagged(this.storage, this.oci, repository, options);
      this.removedManifests += count;
      this.bytes += bytes;
    } catch (error) {
      if (!RegistryError.is(error, 'invalid')) throw error;
      this.warnUnreadable(repository, error);
    }
  }

  /** Deletes the object of a manifest that was given up, if an interrupted delete has left it. */
  private async removeLeft({ repository, digest, copy, info }: IStoredManifest): Promise<boolean> {
    if (info.lastModified.getTime() > this.before) return false;
    const guard = this.manifests.guard(repository, digest);
    if ((await guard.read()).copy === copy) return false;
    if (!this.options.dryRun) {
      if (!(await guard.retire(copy))) return false;
      await this.manifests.removeObject(info.key);
    }
    this.removedManifests++;
    this.bytes += info.size;
    return true;
  }

  private async note({ repository, digest, info, mayBeLeft }: IStoredManifest, referrers: IReferrer[]): Promise<void> {
    try {
      const read = await this.manifests.read(info.key);
      if (!read) return;
      const { subject } = read.manifest;
      for (const blob of mayBeBlobs(read.manifest)) this.named.add(`${repository}@${blob.digest.text}`);
      if (!subject) return;
      if (!mayBeLeft) this.referrers.add(`${repository}@${digest.text}`);
      referrers.push({ repository, subject, digest });
    } catch (error) {
      if (!RegistryError.is(error, 'invalid')) throw error;
      this.unreadable.add(repository);
      this.warnUnreadable(repository, error);
    }
  }

  private warnUnreadable(repository: string, error: unknown): void {
    const about = { repository, error: String(error) };
    this.storage.logger.warn('A stored manifest cannot be read: nothing is removed from its repository', about);
  }

  /** Reads the present manifests of one repository. */
  private async namedNow(repository: string, digests: string[]): Promise<Set<string>> {
    const wanted = new Set(digests);
    const named = new Set<string>();
    const keys: string[] = [];
    for await (const { info } of this.manifests.objects(repository)) keys.push(info.key);
    await inParallel(keys, async (key) => {
      try {
        const read = await this.manifests.read(key);
        for (const { digest } of read ? mayBeBlobs(read.manifest) : []) {
          if (wanted.has(digest.text)) named.add(digest.text);
        }
      } catch (error) {
        if (!RegistryError.is(error, 'invalid')) throw error;
        // it may name any of them
        for (const digest of digests) named.add(digest);
      }
    });
    return named;
  }
}
