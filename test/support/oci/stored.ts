import { createHash } from 'node:crypto';
import { streamToBuffer } from '../../../ts/core/base/helpers.streams.js';
import type { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { ContentCollector, type ICollectPlan } from '../../../ts/core/storage/content/classes.contentcollector.js';
import { ManifestStore } from '../../../ts/oci/classes.manifeststore.js';
import { blobStoreOf } from '../../../ts/oci/helpers.blobstore.js';
import { manifestsPrefix, readManifestKey, repositoryOfTags, tagsPrefix } from '../../../ts/oci/keys.oci.js';
import { pagesOfTags } from '../../../ts/oci/tags/classes.repositorytags.js';
import { type IDigest, readDigest } from '../../../ts/oci/wire/wire.digests.js';

/** Everything is old enough to be collected. */
export const ANY_AGE = { graceMs: -60_000 };

/** A collector for which all links are wanted, so that only copies without links go. */
export const collectCopies = async (
  storage: RegistryStorage,
  plan: Partial<ICollectPlan> = {},
): Promise<ContentCollector> => {
  const collector = new ContentCollector(blobStoreOf(storage), {
    before: Number.POSITIVE_INFINITY,
    dryRun: false,
    isNamed: () => true,
    namedNow: async (_owner, digests) => new Set(digests),
    step: () => {},
    ...plan,
  });
  await collector.run();
  return collector;
};

const isWhole = async (storage: RegistryStorage, key: string, { algorithm, hex }: IDigest): Promise<boolean> => {
  const found = await storage.store.get(key);
  if (!found || found === 'notModified') return false;
  return (
    createHash(algorithm)
      .update(await streamToBuffer(found.body))
      .digest('hex') === hex
  );
};

/**
 * What is wrong in a store, read without any cache: tags that point to nothing, manifests with other bytes, and manifests
 * whose blobs cannot be read in their repository.
 */
export const problemsOf = async (storage: RegistryStorage): Promise<string[]> => {
  const problems: string[] = [];
  const manifests = new ManifestStore(storage);
  const blobs = blobStoreOf(storage);
  for await (const { key } of storage.listDocuments({ prefix: `${tagsPrefix}/` })) {
    const repository = repositoryOfTags(key);
    for await (const { names, digests } of pagesOfTags(storage, repository).all()) {
      for (const [at, text] of digests.entries()) {
        const digest = readDigest(text);
        if (digest && (await manifests.exists(repository, digest))) continue;
        problems.push(`the tag ${repository}:${names[at]} points to nothing`);
      }
    }
  }
  for await (const info of storage.list({ prefix: `${manifestsPrefix}/` })) {
    const read = 'key' in info ? readManifestKey(info.key) : null;
    const digest = read && readDigest(read.digest);
    if (!read || !digest || !('key' in info)) continue;
    const { repository, copy } = read;
    // the object of a manifest that was deleted
    if ((await manifests.guard(repository, digest).read()).copy !== copy) continue;
    const what = `${repository}@${digest.text}`;
    if (!(await isWhole(storage, info.key, digest))) problems.push(`${what} has other bytes`);
    const loaded = await manifests.read(info.key);
    for (const child of loaded?.manifest.blobs ?? []) {
      let whole = false;
      for await (const key of blobs.keysFor(repository, child.digest))
        whole ||= await isWhole(storage, key, child.digest);
      if (!whole) problems.push(`${what} lacks its blob ${child.digest.text}`);
    }
    for (const child of loaded?.manifest.manifests ?? []) {
      if (!(await manifests.exists(repository, child.digest))) problems.push(`${what} lacks ${child.digest.text}`);
    }
  }
  return problems;
};
