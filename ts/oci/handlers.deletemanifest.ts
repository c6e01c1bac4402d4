import { streamToBuffer } from '../core/base/helpers.streams.js';
import { RegistryError } from '../core/classes.registryerror.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import type { IResponse } from '../core/interfaces.core.js';
import type { RegistryCall } from '../core/pipeline/classes.registrycall.js';
import type { IReference } from './classes.referrerlists.js';
import { unknownManifest } from './handlers.manifests.js';
import { keepRepository, readTags } from './handlers.tags.js';
import type { IOciParts } from './interfaces.parts.js';
import { manifestKey, tagsKey } from './keys.oci.js';
import { assertDigest, type IDigest, looksLikeDigest } from './wire.digests.js';
import { describe, parseManifest } from './wire.manifests.js';
import { assertTag } from './wire.names.js';
import { digestOfTag, type ITags, NO_TAGS, tagsCodec, tagsOfDigest, withoutTags } from './wire.tags.js';

const DELETED: IResponse = { status: 202, headers: { 'Content-Length': '0' } };

const assertMovable = (tags: string[], { isImmutable }: IOciParts): void => {
  const fixed = tags.find(isImmutable);
  if (fixed !== undefined) throw new RegistryError('forbidden', `The tag ${fixed} is immutable`);
};

const deleteTag = async (call: RegistryCall, oci: IOciParts, name: string, tag: string): Promise<void> => {
  assertMovable([tag], oci);
  await call.storage.remove<ITags>({
    packageName: name,
    version: tag,
    artifacts: [],
    document: {
      key: tagsKey(name),
      codec: tagsCodec,
      apply: (current) => {
        if (!current || digestOfTag(current, tag) === undefined) throw unknownManifest(tag);
        return withoutTags(current, (other) => other === tag);
      },
    },
  });
};

/** What this manifest refers to, if it does. */
const referenceOf = async (
  storage: RegistryStorage,
  name: string,
  digest: IDigest,
): Promise<IReference | undefined> => {
  const found = await storage.open(manifestKey(name, digest));
  if (!found || found === 'notModified') throw unknownManifest(digest.text);
  const bytes = await streamToBuffer(found.body);
  const manifest = parseManifest(bytes, found.info.contentType);
  const { subject } = manifest;
  return subject && { repository: name, subject, descriptor: describe(manifest, digest, bytes.byteLength) };
};

const isEmpty = async (storage: RegistryStorage, name: string): Promise<boolean> => {
  for (const algorithm of ['sha256', 'sha512'] as const) {
    const prefix = manifestKey(name, { algorithm, hex: '', text: `${algorithm}:` });
    for await (const _item of storage.list({ prefix, limit: 1 })) return false;
  }
  return true;
};

const deleteByDigest = async (call: RegistryCall, oci: IOciParts, name: string, digest: IDigest): Promise<void> => {
  const { storage } = call;
  const key = manifestKey(name, digest);
  const reference = await referenceOf(storage, name, digest);
  const common = { packageName: name, version: digest.text };
  const pointsHere = (_tag: string, pointsTo: string): boolean => pointsTo === digest.text;
  let hadTags = false;
  const untag = (current: ITags | null): ITags => {
    const tags = current ?? NO_TAGS;
    const own = tagsOfDigest(tags, digest.text);
    hadTags = own.length > 0;
    assertMovable(own, oci);
    return withoutTags(tags, pointsHere);
  };
  const document = { key: tagsKey(name), codec: tagsCodec, apply: untag };
  const tags = await readTags(storage, name);
  await oci.referrers.follow(reference, async () => {
    if (tags?.digests.includes(digest.text)) {
      await storage.remove<ITags>({ ...common, artifacts: [key], digest: digest.text, document });
    }
    // also where its last tag was moved elsewhere a moment ago, so that nothing was removed
    if (!hadTags) await storage.displace({ ...common, artifacts: [{ key, digest: digest.text }] });
  });
  // a push may have pointed a tag here while the manifest was being taken away; even an immutable one is void then
  await storage.update<ITags>(document.key, (current) => current && withoutTags(current, pointsHere), {
    codec: tagsCodec,
  });
  if (tags && (await isEmpty(storage, name))) {
    const dropEmpty = (current: ITags | null) => (current?.names.length === 0 ? null : undefined);
    await storage.update<ITags>(document.key, dropEmpty, { codec: tagsCodec });
    // a manifest may have come by its digest in between
    if (!(await isEmpty(storage, name))) await keepRepository(storage, name);
  }
};

/** DELETE /{name}/manifests/{reference}: a tag alone, or a manifest with all tags that point to it. */
export const deleteManifest = async (call: RegistryCall, oci: IOciParts): Promise<IResponse> => {
  const { name, reference } = call.params as { name: string; reference: string };
  if (looksLikeDigest(reference)) await deleteByDigest(call, oci, name, assertDigest(reference));
  else await deleteTag(call, oci, name, assertTag(reference));
  return DELETED;
};
