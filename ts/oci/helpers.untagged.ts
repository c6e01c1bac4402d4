import { randomUUID } from 'node:crypto';
import { inParallel } from '../core/base/helpers.concurrency.js';
import { RegistryError } from '../core/classes.registryerror.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import type { IHookSubject } from '../core/storage/hooks/classes.hookrunner.js';
import { type ILoadedManifest, ManifestStore } from './classes.manifeststore.js';
import { dropIfEmpty } from './handlers/handlers.deletemanifest.js';
import type { IOciParts } from './interfaces.parts.js';
import { manifestKey } from './keys.oci.js';
import { RepositoryTags } from './tags/classes.repositorytags.js';
import type { IDigest } from './wire/wire.digests.js';
import { describe } from './wire/wire.manifests.js';

interface IHeld extends ILoadedManifest {
  digest: IDigest;
  /** operation id of the delete, for the hooks */
  operationId: string;
}

/** The manifests of a repository by digest. */
const loadAll = async (storage: RegistryStorage, repository: string): Promise<Map<string, IHeld>> => {
  const manifests = new ManifestStore(storage);
  const digests = new Map<string, IDigest>();
  for await (const { digest } of manifests.objects(repository)) digests.set(digest.text, digest);
  const held = new Map<string, IHeld>();
  await inParallel([...digests.values()], async (digest) => {
    const found = await manifests.load(repository, digest);
    if (found) held.set(digest.text, { ...found, digest, operationId: randomUUID() });
  });
  return held;
};

/** Returns the manifests that a kept manifest keeps: those that it names, and those that refer to it. */
const followersOf = (held: Map<string, IHeld>): ((digest: string) => string[]) => {
  const referrers = new Map<string, string[]>();
  for (const [text, { manifest }] of held) {
    if (!manifest.subject) continue;
    referrers.set(manifest.subject.text, [...(referrers.get(manifest.subject.text) ?? []), text]);
  }
  return (text) => [
    ...(held.get(text)?.manifest.manifests ?? []).map(({ digest }) => digest.text),
    ...(referrers.get(text) ?? []),
  ];
};

/** Adds these manifests, and all that they keep. */
const spread = (kept: Set<string>, from: Iterable<string>, followers: (digest: string) => string[]): void => {
  const open = [...from];
  for (let text = open.pop(); text !== undefined; text = open.pop()) {
    if (kept.has(text)) continue;
    kept.add(text);
    open.push(...followers(text));
  }
};

/** Sorts the manifests so that each comes before those that it keeps. */
const parentsFirst = (all: string[], followers: (digest: string) => string[]): string[] => {
  const done = new Set<string>();
  const order: string[] = [];
  const visit = (text: string): void => {
    if (done.has(text)) return;
    done.add(text);
    for (const follower of followers(text)) visit(follower);
    order.push(text);
  };
  for (const text of all) visit(text);
  return order.reverse();
};

/**
 * The manifests to keep: those that a tag, a kept index or a kept subject leads to, young ones, and those that did not
 * exist when `known` was read.
 */
const wantedOf = async (
  storage: RegistryStorage,
  repository: string,
  held: Map<string, IHeld>,
  before: number,
  known: Map<string, IHeld> = held,
): Promise<Set<string>> => {
  const wanted = new Set<string>();
  const fresh = [...held].filter(([text, { info }]) => info.lastModified.getTime() > before || !known.has(text));
  const tagged = await new RepositoryTags(storage, repository).digests();
  const roots = [...tagged, ...fresh.map(([text]) => text)];
  spread(wanted, roots, followersOf(held));
  return wanted;
};

/**
 * Deletes the untagged manifests of one repository. Each is condemned first, and then everything is read once more: a
 * push that tags one of them, or names it in an index, calls `keep` after that, and then it cannot be deleted
 * (`ContentGuard`). Such a manifest keeps all that it leads to, so each manifest is deleted before those that it names.
 * If a `beforeDelete` hook refuses, the manifest stays.
 * @param before ms since the epoch; younger manifests stay
 */
export const retireUntagged = async (
  storage: RegistryStorage,
  oci: IOciParts,
  repository: string,
  { before, dryRun }: { before: number; dryRun: boolean },
): Promise<{ count: number; bytes: number }> => {
  const result = { count: 0, bytes: 0 };
  const held = await loadAll(storage, repository);
  const wanted = await wantedOf(storage, repository, held, before);
  const candidates = [...held.values()].filter(({ digest }) => !wanted.has(digest.text));
  if (dryRun) {
    for (const { size } of candidates) result.bytes += size;
    return { ...result, count: candidates.length };
  }
  const allowed = new Map<string, IHeld>();
  try {
    return await remove(storage, oci, { repository, before, held, candidates, allowed });
  } finally {
    // hooks that keep a quota must not count them as deleted
    for (const one of allowed.values()) {
      await storage.tell('afterAbort', { ...subjectOf(repository, one), operation: 'delete' });
    }
  }
};

interface IRemoval {
  repository: string;
  before: number;
  /** the manifests that existed when the candidates were chosen */
  held: Map<string, IHeld>;
  candidates: IHeld[];
  /** by digest: manifests whose delete the hooks have allowed and that are not deleted yet */
  allowed: Map<string, IHeld>;
}

const remove = async (
  storage: RegistryStorage,
  oci: IOciParts,
  { repository, before, held, candidates, allowed }: IRemoval,
): Promise<{ count: number; bytes: number }> => {
  const result = { count: 0, bytes: 0 };
  const manifests = new ManifestStore(storage);
  const by = randomUUID();
  const condemned = new Map<string, IHeld>();
  for (const one of candidates) {
    if (!(await isAllowed(storage, subjectOf(repository, one)))) continue;
    allowed.set(one.digest.text, one);
    if (await manifests.guard(repository, one.digest).condemn(one.copy, by)) condemned.set(one.digest.text, one);
  }
  if (condemned.size === 0) return result;
  const now = await loadAll(storage, repository);
  const followers = followersOf(now);
  const kept = await wantedOf(storage, repository, now, before, held);
  // a manifest that a hook keeps also keeps those that it names
  for (const { digest } of candidates) if (!condemned.has(digest.text)) spread(kept, [digest.text], followers);
  for (const text of parentsFirst([...condemned.keys()], followers)) {
    const one = condemned.get(text);
    if (!one) continue;
    const { digest, copy, manifest, size } = one;
    const guard = manifests.guard(repository, digest);
    if (kept.has(text)) {
      await guard.spare(copy, by);
      continue;
    }
    const { subject } = manifest;
    const reference = subject && { repository, subject, descriptor: describe(manifest, digest, size) };
    allowed.delete(text);
    let isGone = false;
    await oci.referrers.during(reference, async () => {
      isGone = await guard.doom(copy, by);
      if (isGone) await manifests.removeObject(manifests.key(repository, digest, copy));
    });
    if (!isGone) {
      allowed.set(text, one);
      spread(kept, [text], followers);
      continue;
    }
    result.count++;
    result.bytes += size;
    await storage.tell('afterDelete', subjectOf(repository, one));
  }
  await dropIfEmpty(storage, repository);
  return result;
};

const subjectOf = (repository: string, { digest, size, operationId }: IHeld): IHookSubject => ({
  key: manifestKey(repository, digest),
  operationId,
  metadata: { packageName: repository, version: digest.text, digest: digest.text, size, kind: 'artifact' },
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
