import { RegistryError } from '../../core/classes.registryerror.js';
import type { RegistryStorage } from '../../core/classes.registrystorage.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { stepAside } from '../../core/storage/documents/helpers.conditionalwrite.js';
import { AskedHooks } from '../../core/storage/hooks/classes.askedhooks.js';
import type { IHookSubject } from '../../core/storage/hooks/classes.hookrunner.js';
import { ManifestStore } from '../classes.manifeststore.js';
import type { IReference } from '../classes.referrerlists.js';
import type { IOciParts } from '../interfaces.parts.js';
import { manifestKey } from '../keys.oci.js';
import { RepositoryTags } from '../tags/classes.repositorytags.js';
import { assertDigest, type IDigest, looksLikeDigest } from '../wire/wire.digests.js';
import { describe } from '../wire/wire.manifests.js';
import { assertTag } from '../wire/wire.names.js';
import { tagsOfDigest } from '../wire/wire.tags.js';
import { unknownManifest } from './handlers.manifests.js';
import { tagsSubject } from './handlers.tags.js';

const DELETED: IResponse = { status: 202, headers: { 'Content-Length': '0' } };

const assertMovable = (tags: string[], { isImmutable }: IOciParts): void => {
  const fixed = tags.find(isImmutable);
  if (fixed !== undefined) throw new RegistryError('forbidden', `The tag ${fixed} is immutable`);
};

/** Removes the repository if it has no manifest. */
export const dropIfEmpty = async (storage: RegistryStorage, name: string): Promise<void> => {
  const manifests = new ManifestStore(storage);
  const tags = new RepositoryTags(storage, name);
  if (!(await tags.exists()) || !(await manifests.isEmpty(name))) return;
  await tags.drop();
  // a manifest may have been pushed by its digest meanwhile
  if (!(await manifests.isEmpty(name))) await tags.keep();
};

const deleteTag = async (call: RegistryCall, oci: IOciParts, name: string, tag: string): Promise<void> => {
  assertMovable([tag], oci);
  const { storage } = call;
  const tags = new RepositoryTags(storage, name);
  if (!(await tags.find(tag))) throw unknownManifest(tag);
  const hooks = new AskedHooks(storage);
  await hooks.abortOnFailure(async () => {
    await hooks.ask('beforeDelete', tagsSubject(name, tag));
    await tags.removeOne(tag);
    await hooks.tell();
  });
};

/** times that a delete begins again because the manifest was pushed meanwhile, each time by another push */
const ATTEMPTS = 8;

/** The manifest's subject, for the list of referrers; a damaged manifest's is unknown. */
const referenceOf = async (
  manifests: ManifestStore,
  repository: string,
  digest: IDigest,
  key: string,
): Promise<IReference | undefined> => {
  try {
    const read = await manifests.read(key);
    if (!read?.manifest.subject) return undefined;
    const { manifest, size } = read;
    return { repository, subject: read.manifest.subject, descriptor: describe(manifest, digest, size) };
  } catch (error) {
    if (RegistryError.is(error, 'invalid')) return undefined;
    throw error;
  }
};

const deleteByDigest = async (call: RegistryCall, oci: IOciParts, name: string, digest: IDigest): Promise<void> => {
  const { storage } = call;
  const manifests = new ManifestStore(storage);
  const found = await manifests.find(name, digest);
  const pointsHere = (_tag: string, pointsTo: string): boolean => pointsTo === digest.text;
  const tags = new RepositoryTags(storage, name);
  const own = await tags.of(digest.text);
  // if there are tags without a manifest, an earlier delete ended before it removed tags that came meanwhile
  if (!found && own.length === 0) {
    // or it ended before it removed the repository, whose last manifest this was
    await dropIfEmpty(storage, name);
    throw unknownManifest(digest.text);
  }
  if (found) assertMovable(own, oci);
  const reference = found ? await referenceOf(manifests, name, digest, found.info.key) : undefined;
  const artifact: IHookSubject = {
    key: manifestKey(name, digest),
    metadata: {
      packageName: name,
      version: digest.text,
      digest: digest.text,
      size: found?.info.size,
      kind: 'artifact',
    },
  };
  const hooks = new AskedHooks(storage);
  await hooks.abortOnFailure(async () => {
    if (found) await hooks.ask('beforeDelete', artifact);
    if (own.length > 0) await hooks.ask('beforeDelete', tagsSubject(name, digest.text));
    await oci.referrers.during(reference, async () => {
      let there = found;
      for (let tries = 1; there; tries++) {
        if (tries > 1) await stepAside(tries);
        if (tries > ATTEMPTS) throw new RegistryError('conflict', 'The manifest is being pushed; try again');
        await tags.remove(pointsHere, (now) => assertMovable(tagsOfDigest(now, digest.text), oci));
        await manifests.remove(name, digest, there.copy);
        // a push may have pointed a tag here while the manifest was being deleted; then even an immutable tag is
        // invalid
        await tags.remove(pointsHere);
        // or it has pushed the manifest again: without its tag it is not what was pushed, so it is deleted as well
        there = await manifests.find(name, digest);
      }
    });
    if (!found) await tags.remove(pointsHere);
    await dropIfEmpty(storage, name);
    await hooks.tell();
  });
};

/** DELETE /{name}/manifests/{reference}: a single tag, or a manifest with all tags that point to it. */
export const deleteManifest = async (call: RegistryCall, oci: IOciParts): Promise<IResponse> => {
  const { name, reference } = call.params as { name: string; reference: string };
  if (looksLikeDigest(reference)) await deleteByDigest(call, oci, name, assertDigest(reference));
  else await deleteTag(call, oci, name, assertTag(reference));
  return DELETED;
};
