import { randomUUID } from 'node:crypto';
import { RegistryError } from '../core/classes.registryerror.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { inParallel } from '../core/storage/classes.contentlinks.js';
import type { IHookSubject } from '../core/storage/classes.hookrunner.js';
import { type ILoadedManifest, ManifestStore } from './classes.manifeststore.js';
import { dropIfEmpty } from './handlers.deletemanifest.js';
import { readTags } from './handlers.tags.js';
import type { IOciParts } from './interfaces.parts.js';
import { manifestKey } from './keys.oci.js';
import type { IDigest } from './wire.digests.js';
import { describe } from './wire.manifests.js';

interface IHeld extends ILoadedManifest {
  digest: IDigest;
}

/** The manifests of a repository by digest. */
const loadAll = async (storage: RegistryStorage, repository: string): Promise<Map<string, IHeld>> => {
  const manifests = new ManifestStore(storage);
  const digests = new Map<string, IDigest>();
  for await (const { digest } of manifests.objects(repository)) digests.set(digest.text, digest);
  const held = new Map<string, IHeld>();
  await inParallel([...digests.values()], async (digest) => {
    const found = await manifests.load(repository, digest);
    if (found) held.set(digest.text, { ...found, digest });
  });
  return held;
};

/**
 * Manifests that nothing leads to: no tag, no index that is kept, no subject that is kept, and not pushed since `before`.
 */
const unwantedOf = async (
  storage: RegistryStorage,
  repository: string,
  held: Map<string, IHeld>,
  before: number,
): Promise<IHeld[]> => {
  const referrers = new Map<string, string[]>();
  for (const [text, { manifest }] of held) {
    if (!manifest.subject) continue;
    referrers.set(manifest.subject.text, [...(referrers.get(manifest.subject.text) ?? []), text]);
  }
  const young = [...held].filter(([, { info }]) => info.lastModified.getTime() > before).map(([text]) => text);
  const open = [...((await readTags(storage, repository))?.digests ?? []), ...young];
  const kept = new Set<string>();
  for (let text = open.pop(); text !== undefined; text = open.pop()) {
    if (kept.has(text)) continue;
    kept.add(text);
    for (const { digest } of held.get(text)?.manifest.manifests ?? []) open.push(digest.text);
    open.push(...(referrers.get(text) ?? []));
  }
  return [...held].filter(([text]) => !kept.has(text)).map(([, one]) => one);
};

/**
 * Deletes the untagged manifests of one repository. Each is condemned first, and then everything is looked at once more:
 * who tags one of them, or names it in an index, keeps it after that, and then it cannot be deleted (`ContentGuard`).
 * A `beforeDelete` hook that refuses keeps a manifest.
 * @param before ms since the epoch; younger manifests stay
 */
export const retireUntagged = async (
  storage: RegistryStorage,
  oci: IOciParts,
  repository: string,
  { before, dryRun }: { before: number; dryRun: boolean },
): Promise<{ count: number; bytes: number }> => {
  const result = { count: 0, bytes: 0 };
  const candidates = await unwantedOf(storage, repository, await loadAll(storage, repository), before);
  if (dryRun) {
    for (const { size } of candidates) result.bytes += size;
    return { ...result, count: candidates.length };
  }
  const manifests = new ManifestStore(storage);
  const by = randomUUID();
  const condemned: IHeld[] = [];
  for (const one of candidates) {
    if (!(await isAllowed(storage, subjectOf(repository, one)))) continue;
    if (await manifests.guard(repository, one.digest).condemn(one.copy, by)) condemned.push(one);
  }
  if (condemned.length === 0) return result;
  const again = await unwantedOf(storage, repository, await loadAll(storage, repository), before);
  const unwanted = new Set(again.map(({ digest }) => digest.text));
  for (const one of condemned) {
    const { digest, copy, manifest, size } = one;
    const guard = manifests.guard(repository, digest);
    if (!unwanted.has(digest.text)) {
      await guard.spare(copy, by);
      continue;
    }
    const { subject } = manifest;
    const reference = subject && { repository, subject, descriptor: describe(manifest, digest, size) };
    let isGone = false;
    await oci.referrers.follow(reference, async () => {
      isGone = await guard.doom(copy, by);
      if (isGone) await manifests.removeObject(manifests.key(repository, digest, copy));
    });
    if (!isGone) continue;
    result.count++;
    result.bytes += size;
    await storage.tell('afterDelete', subjectOf(repository, one));
  }
  await dropIfEmpty(storage, repository);
  return result;
};

const subjectOf = (repository: string, { digest }: IHeld): IHookSubject => ({
  key: manifestKey(repository, digest),
  metadata: { packageName: repository, version: digest.text, digest: digest.text, kind: 'artifact' },
});

const isAllowed = async (storage: RegistryStorage, subject: IHookSubject): Promise<boolean> => {
  try {
    await storage.ask('beforeDelete', subject);
    return true;
  } catch (error) {
    if (RegistryError.is(error, 'forbidden')) return false;
    throw error;
  }
};
