import { createHash } from 'node:crypto';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { ManifestStore } from '../classes.manifeststore.js';
import type { IOciParts } from '../interfaces.parts.js';
import { tagsKey } from '../keys.oci.js';
import { RepositoryTags } from '../tags/classes.repositorytags.js';
import { assertDigest, type IDigest, looksLikeDigest, readDigest } from '../wire/wire.digests.js';
import { isTag } from '../wire/wire.names.js';

export const unknownManifest = (reference: string): RegistryError =>
  new RegistryError('notFound', 'The repository has no such manifest', {
    wireCode: 'MANIFEST_UNKNOWN',
    detail: { reference: reference.slice(0, 200) },
  });

/** GET and HEAD /{name}/manifests/{reference}: the exact bytes with their own media type, whatever Accept is. */
export const getManifest = async (call: RegistryCall, oci: IOciParts): Promise<IResponse> => {
  const { name, reference } = call.params as { name: string; reference: string };
  const served = await (looksLikeDigest(reference)
    ? serveByDigest(call, name, assertDigest(reference))
    : serveByTag(call, oci, name, reference));
  if (!served) throw unknownManifest(reference);
  return served;
};

const optionsFor = (call: RegistryCall, name: string, digest: IDigest) => ({
  etag: digest.text,
  repeatable: true,
  headers: { 'Docker-Content-Digest': digest.text },
  // a damaged manifest is served as absent, so that clients push it again
  isIntact: (bytes: Uint8Array) => createHash(digest.algorithm).update(bytes).digest('hex') === digest.hex,
  about: {
    kind: 'artifact' as const,
    packageName: name,
    version: call.params.reference as string,
    digest: digest.text,
  },
});

const serveByDigest = async (call: RegistryCall, name: string, digest: IDigest): Promise<IResponse | null> => {
  const manifests = new ManifestStore(call.storage);
  const options = { ...optionsFor(call, name, digest), immutable: true };
  if (call.storage.watchesGets) {
    // a hook that refuses the content is asked before the store
    const { copy } = await manifests.guard(name, digest).read();
    return copy === null ? null : call.serveImmutable(manifests.key(name, digest, copy), options);
  }
  const found = await manifests.find(name, digest);
  return found && call.serveImmutable(found.info.key, { ...options, listedBy: found.info });
};

/**
 * Serves a manifest by tag. Tags never point to missing manifests, so only the document with the tag is checked each
 * time.
 */
const serveByTag = async (
  call: RegistryCall,
  { copies }: IOciParts,
  name: string,
  tag: string,
): Promise<IResponse | null> => {
  const found = isTag(tag) ? await new RepositoryTags(call.storage, name).find(tag) : null;
  const digest = found && readDigest(found.digest);
  if (!digest) return null;
  const { document } = found;
  const listedBy = document ?? { key: tagsKey(name), etag: '' };
  const options = { ...optionsFor(call, name, digest), listedBy, repeatable: document !== undefined };
  const manifests = new ManifestStore(call.storage);
  const about = `${name}@${digest.text}`;
  const known = copies.get(about);
  const served = known === undefined ? null : await call.serveImmutable(known, options);
  if (served) return served;
  const { copy } = await manifests.guard(name, digest).read();
  if (copy === null) return null;
  const current = manifests.key(name, digest, copy);
  copies.set(about, current);
  return call.serveImmutable(current, options);
};
