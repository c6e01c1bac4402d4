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
 * What the manifest names and `looks` does not find, each once. An entry of an index is a manifest or a blob: BuildKit
 * stores its cache as an index of blobs.
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

/** Before anything is written. */
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
 * When the manifest can be seen: a collector that is about to remove one of the children has left a mark or condemned
 * it, which is undone here, or finds the manifest when it looks at the repository again.
 * @param options `had`: the children were there before the manifest was placed; `isNamed`: an earlier call of this process
 * found them when the manifest could be seen, as it can be ever since
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
