import { inParallel } from '../core/base/helpers.concurrency.js';
import { RegistryError } from '../core/classes.registryerror.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { ManifestStore } from './classes.manifeststore.js';
import { blobsOf } from './helpers.blobs.js';
import type { IDigest } from './wire/wire.digests.js';
import type { IManifest } from './wire/wire.manifests.js';

/** What the manifest names and the repository must have, each once. */
const childrenOf = ({ blobs, manifests }: IManifest): { digest: IDigest; isBlob: boolean }[] => {
  const children = new Map<string, { digest: IDigest; isBlob: boolean }>();
  for (const { digest } of blobs) children.set(`blob ${digest.text}`, { digest, isBlob: true });
  for (const { digest } of manifests) children.set(digest.text, { digest, isBlob: false });
  return [...children.values()];
};

/** The digests for which `look` finds nothing. */
const missingOf = async (
  manifest: IManifest,
  look: (digest: IDigest, isBlob: boolean) => Promise<boolean>,
): Promise<string[]> => {
  const missing: string[] = [];
  await inParallel(childrenOf(manifest), async ({ digest, isBlob }) => {
    if (!(await look(digest, isBlob))) missing.push(digest.text);
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
export const findChildren = (storage: RegistryStorage, name: string, manifest: IManifest): Promise<string[]> => {
  const manifests = new ManifestStore(storage);
  const blobs = blobsOf(storage);
  return missingOf(manifest, async (digest, isBlob) =>
    isBlob ? blobs.has(name, digest) : manifests.exists(name, digest),
  );
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
  options: { had?: boolean; isNamed?: boolean } = {},
): Promise<string[]> => {
  const manifests = new ManifestStore(storage);
  const blobs = blobsOf(storage);
  return missingOf(manifest, async (digest, isBlob) => {
    if (isBlob) return blobs.assure(name, digest, options);
    const found = await manifests.find(name, digest);
    return found !== null && manifests.guard(name, digest).keep(found.copy);
  });
};
