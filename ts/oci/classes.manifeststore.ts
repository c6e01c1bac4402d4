import { randomUUID } from 'node:crypto';
import { streamToBuffer } from '../core/base/helpers.streams.js';
import { RegistryError } from '../core/classes.registryerror.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import type { IObjectInfo } from '../core/objectstore/interfaces.objectstore.js';
import { ContentGuard, keyOfCopy, newCopy } from '../core/storage/content/classes.contentguard.js';
import { stepAside, WRITE_ID } from '../core/storage/documents/helpers.conditionalwrite.js';
import { persist } from '../core/storage/helpers.persist.js';
import { manifestGuardKey, manifestKey, manifestsOfPrefix, readManifestKey } from './keys.oci.js';
import { type IDigest, readDigest } from './wire/wire.digests.js';
import { type IManifest, parseManifest } from './wire/wire.manifests.js';

/** times that a push begins again because the manifest was deleted meanwhile */
const ATTEMPTS = 8;

export interface IFoundManifest {
  copy: string;
  info: IObjectInfo;
}

export interface ILoadedManifest extends IFoundManifest {
  manifest: IManifest;
  /** bytes */
  size: number;
}

/**
 * The manifests of all repositories. A manifest exists if its current copy is stored. Its guard decides which copy is
 * current, if any (see `ContentGuard`).
 */
export class ManifestStore {
  constructor(private readonly storage: RegistryStorage) {}

  public guard(repository: string, digest: IDigest): ContentGuard {
    return new ContentGuard(this.storage, manifestGuardKey(repository, digest));
  }

  public key(repository: string, digest: IDigest, copy: string): string {
    return keyOfCopy(manifestKey(repository, digest), copy);
  }

  /** The manifest, if the repository has it. */
  public async find(repository: string, digest: IDigest): Promise<IFoundManifest | null> {
    const [{ copy }, first] = await Promise.all([
      this.guard(repository, digest).read(),
      this.storage.head(manifestKey(repository, digest)),
    ]);
    if (copy === null) return null;
    const info = copy === '' ? first : await this.storage.head(this.key(repository, digest, copy));
    return info && { copy, info };
  }

  public async exists(repository: string, digest: IDigest): Promise<boolean> {
    return (await this.find(repository, digest)) !== null;
  }

  /** @throws RegistryError if the stored bytes are not a manifest */
  public async load(repository: string, digest: IDigest): Promise<ILoadedManifest | null> {
    const found = await this.find(repository, digest);
    const read = found && (await this.read(found.info.key));
    return read && { ...found, ...read };
  }

  /** Like `load`, but returns null for a damaged manifest: for callers that go through many. */
  public async loadIntact(repository: string, digest: IDigest): Promise<ILoadedManifest | null> {
    try {
      return await this.load(repository, digest);
    } catch (error) {
      if (!RegistryError.is(error, 'invalid')) throw error;
      this.storage.logger.warn('A stored manifest cannot be read', { repository, digest: digest.text });
      return null;
    }
  }

  public async read(key: string): Promise<{ manifest: IManifest; size: number } | null> {
    const found = await this.storage.open(key);
    if (!found || found === 'notModified') return null;
    const bytes = await streamToBuffer(found.body);
    return { manifest: parseManifest(bytes, found.info.contentType), size: bytes.byteLength };
  }

  /** Whether the object has exactly these bytes. */
  public async holds(key: string, bytes: Uint8Array): Promise<boolean> {
    const found = await this.storage.open(key);
    if (!found || found === 'notModified') return false;
    if (found.info.size === bytes.byteLength) return (await streamToBuffer(found.body)).equals(bytes);
    await found.body.cancel();
    return false;
  }

  /**
   * Ensures that the manifest is stored. A stored one with other bytes is damaged and is replaced.
   * @returns the current copy
   */
  public async put(repository: string, digest: IDigest, bytes: Uint8Array, mediaType: string): Promise<string> {
    const guard = this.guard(repository, digest);
    for (let tries = 1; tries <= ATTEMPTS; tries++) {
      const { copy, floor } = await guard.read();
      if (copy !== null && (await this.isPlaced(this.key(repository, digest, copy), bytes, mediaType))) {
        if (await guard.keep(copy)) return copy;
        continue;
      }
      const next = newCopy({ copy, floor });
      const key = this.key(repository, digest, next);
      await this.write(key, bytes, mediaType);
      if (await guard.replace(copy, next)) return next;
      await this.storage.delete(key);
      await stepAside(tries);
    }
    throw new RegistryError('unavailable', 'The manifest is being deleted repeatedly; try again', {
      headers: { 'Retry-After': '1' },
    });
  }

  /** Deletes the manifest. @returns false if it did not exist any more */
  public async remove(repository: string, digest: IDigest, copy: string): Promise<boolean> {
    if (!(await this.guard(repository, digest).giveUp(copy))) return false;
    await this.removeObject(this.key(repository, digest, copy));
    return true;
  }

  /**
   * Deletes the object of a copy that was given up. The delete is sent once; if it fails, a collector deletes the
   * object.
   */
  public async removeObject(key: string): Promise<void> {
    try {
      await this.storage.delete(key);
    } catch (error) {
      if (!RegistryError.is(error, 'outcomeUnknown')) throw error;
      this.storage.logger.warn('A deleted manifest may still take up space; a collector will remove it', { key });
    }
  }

  /** The objects of a repository's manifests, including those that were given up. */
  public async *objects(
    repository: string,
  ): AsyncGenerator<{ info: IObjectInfo; digest: IDigest; copy: string }, void> {
    for await (const info of this.storage.list({ prefix: manifestsOfPrefix(repository) })) {
      const read = 'key' in info ? readManifestKey(info.key) : null;
      const digest = read?.repository === repository ? readDigest(read.digest) : null;
      if (read && digest && 'key' in info) yield { info, digest, copy: read.copy };
    }
  }

  public async isEmpty(repository: string): Promise<boolean> {
    for await (const { digest, copy } of this.objects(repository)) {
      if ((await this.guard(repository, digest).read()).copy === copy) return false;
    }
    return true;
  }

  private async isPlaced(key: string, bytes: Uint8Array, mediaType: string): Promise<boolean> {
    const { conditionalWrites } = this.storage.store;
    const there = conditionalWrites ? undefined : await this.storage.head(key);
    if (!there && (await this.write(key, bytes, mediaType))) return true;
    return this.holds(key, bytes);
  }

  private write(key: string, bytes: Uint8Array, contentType: string): Promise<boolean> {
    const { store } = this.storage;
    const ifNoneMatch = store.conditionalWrites ? ('*' as const) : undefined;
    const metadata = { [WRITE_ID]: randomUUID() };
    const options = { contentType, metadata, size: bytes.byteLength, immutable: true, ifNoneMatch };
    return persist(() => store.put(key, bytes, options));
  }
}
