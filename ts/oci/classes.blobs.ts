import { RegistryError } from '../core/classes.registryerror.js';
import type { RegistryStorage, StagedObject } from '../core/classes.registrystorage.js';
import type { VerifiedBody } from '../core/storage/classes.verifiedbody.js';
import { sleep } from '../core/storage/helpers.conditionalwrite.js';
import { BLOB_TYPE, blobKey, collectingKey, linkKey, linksPrefix, repositoryOfLink } from './keys.oci.js';
import type { IDigest } from './wire.digests.js';

/** A collector deletes one object between two looks; who waits longer than this waits for one that died, */
const PATIENCE_MS = 10_000;
/** for one that lives has given up by then. */
export const COLLECTOR_GIVES_UP_MS = 3_000;
const PAUSE_MS = 50;

/** Whether the repository has this blob: its bytes alone, which any repository may have brought, do not count. */
export const isLinked = async (storage: RegistryStorage, repository: string, digest: IDigest): Promise<boolean> =>
  (await storage.head(linkKey(repository, digest))) !== null;

const linkOf = async (storage: RegistryStorage, repository: string, digest: IDigest) => ({
  staged: await storage.stage(Buffer.from('{}'), { hashes: [] }),
  key: linkKey(repository, digest),
  contentType: 'application/json',
  shared: true,
  silent: true,
  keyOnly: true,
});

const lost = (): RegistryError =>
  new RegistryError('unavailable', 'The blob was being removed; please send it again', {
    headers: { 'Retry-After': '1' },
  });

/**
 * Bytes that were there before our link may be in the hands of a collector, or gone through them since: it looked for
 * links a moment ago. It puts its mark before it looks, we put our link before we look: one of us sees the other. Here we
 * wait for it to decide, and then see how it did.
 */
const isKept = async (storage: RegistryStorage, repository: string, digest: IDigest): Promise<boolean> => {
  const until = performance.now() + PATIENCE_MS;
  const mark = collectingKey(digest);
  while (await storage.head(mark)) {
    if (performance.now() > until) {
      await storage.delete(mark);
      break;
    }
    await sleep(PAUSE_MS);
  }
  if (await storage.head(blobKey(digest))) return true;
  await storage.delete(linkKey(repository, digest));
  if (!(await storage.head(blobKey(digest)))) return false;
  // somebody has just brought the bytes again, and may have counted on our link
  await storage.place({ packageName: repository, artifacts: [await linkOf(storage, repository, digest)] });
  return true;
};

/** Puts the bytes in their place, unless they are there, and gives the repository its link. */
export const placeBlob = async (
  storage: RegistryStorage,
  repository: string,
  digest: IDigest,
  staged: StagedObject | VerifiedBody,
): Promise<void> => {
  const bytes = {
    staged,
    key: blobKey(digest),
    contentType: BLOB_TYPE,
    digestAlgorithm: digest.algorithm,
    shared: true,
  };
  const link = await linkOf(storage, repository, digest);
  const [placed] = await storage.place({ packageName: repository, artifacts: [bytes, link] });
  if (placed?.found && !(await isKept(storage, repository, digest))) throw lost();
};

/** Gives the repository a blob that another one has; false where its bytes are gone. */
export const mountBlob = async (storage: RegistryStorage, repository: string, digest: IDigest): Promise<boolean> => {
  const bytes = await storage.head(blobKey(digest));
  if (!bytes) return false;
  const link = await linkOf(storage, repository, digest);
  const stands = { digest: digest.text, size: bytes.size, contentType: BLOB_TYPE };
  await storage.place({ packageName: repository, artifacts: [{ ...link, silent: false, standsFor: stands }] });
  return isKept(storage, repository, digest);
};

/** Takes the blob from the repository; the bytes go when no repository has it. */
export const unlinkBlob = (storage: RegistryStorage, repository: string, digest: IDigest): Promise<void> =>
  storage.displace({
    packageName: repository,
    artifacts: [{ key: linkKey(repository, digest), digest: digest.text }],
  });

/** Repositories that have this blob, some of them where they are many. */
export const holdersOf = async (storage: RegistryStorage, digest: IDigest, limit: number): Promise<string[]> => {
  const holders: string[] = [];
  for await (const item of storage.list({ prefix: linksPrefix(digest), limit })) {
    if ('key' in item) holders.push(repositoryOfLink(item.key));
  }
  return holders;
};
