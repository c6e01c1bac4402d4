import { inParallel } from '../core/base/helpers.concurrency.js';
import { RegistryError } from '../core/classes.registryerror.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { ManifestStore } from './classes.manifeststore.js';
import { blobStoreOf } from './helpers.blobstore.js';
import type { IDigest } from './wire/wire.digests.js';
import type { IManifest } from './wire/wire.manifests.js';

interface ILooks {
  manifest(digest: IDigest): Promise<boolean>;
  blob(digest: IDigest): Promise<boolean>;
}

/**
 * The content that the manifest names and `looks` does not find, without duplicates. An entry of an index is a manifest
 * or a blob: BuildKit stores its cache as an index of blobs.
 * @param isSparse entries of an index may be missing (distribution-spec, "Pushing Manifests": sparse indexes)
 */
const missingOf = async ({ blobs, manifests }: IManifest, looks: ILooks, isSparse: boolean): Promise<string[]> => {
  const missing: string[] = [];
  const layers = new Map(blobs.map(({ digest }) => [digest.text, digest]));
  const entries = new Map(isSparse ? [] : manifests.map(({ digest }) => [digest.text, digest]));
  await inParallel([...layers.values()], async (digest) => {
    if (!(await looks.blob(digest))) missing.push(digest.text);
  });
  await inParallel([...entries.values()], async (digest) => {
    if (!(await looks.manifest(digest)) && !(await looks.blob(digest))) missing.push(digest.text);
  });
  return missing;
};

export const assertNone = (missing: string[]): void => {
  if (missing.length === 0) return;
  throw new RegistryError('invalid', 'The manifest names content that the repository does not have', {
    wireCode: 'MANIFEST_BLOB_UNKNOWN',
    detail: { digests: missing.slice(0, 20) },
  });
};

/** Checks the children before anything is written. */
export const findChildren = (
  storage: RegistryStorage,
  name: string,
  manifest: IManifest,
  isSparse: boolean,
): Promise<string[]> => {
  const manifests = new ManifestStore(storage);
  const blobs = blobStoreOf(storage);
  const looks: ILooks = {
    manifest: (digest) => manifests.exists(name, digest),
    blob: (digest) => blobs.has(name, digest),
  };
  return missingOf(manifest, looks, isSparse);
};

/**
 * Checks the children after the manifest is visible: if a collector was about to remove a child, it has left a mark or
 * condemned it, which is undone here, or it finds the manifest when it reads the repository again.
 * @param options `had`: the children existed before the manifest was placed; `isNamed`: an earlier call of this process
 * found them when the manifest was visible, and it has been visible since
 */
export const assureChildren = (
  storage: RegistryStorage,
  name: string,
  manifest: IManifest,
  { isSparse, ...options }: { had?: boolean; isNamed?: boolean; isSparse: boolean },
): Promise<string[]> => {
  const manifests = new ManifestStore(storage);
  const blobs = blobStoreOf(storage);
  const looks: ILooks = {
    manifest: async (digest) => {
      const found = await manifests.find(name, digest);
      return found !== null && manifests.guard(name, digest).keep(found.copy);
    },
    blob: (digest) => blobs.assure(name, digest, options),
  };
  return missingOf(manifest, looks, isSparse);
};
