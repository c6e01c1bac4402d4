import { createHash } from 'node:crypto';
import { RegistryError } from '../core/classes.registryerror.js';
import type { IResponse } from '../core/interfaces.core.js';
import type { RegistryCall } from '../core/pipeline/classes.registrycall.js';
import type { IArtifactPlan } from '../core/storage/interfaces.plans.js';
import { isLinked } from './classes.blobs.js';
import { keepRepository, readTags } from './handlers.tags.js';
import type { IOciParts } from './interfaces.parts.js';
import { manifestKey, tagsKey } from './keys.oci.js';
import { assertDigest, type IDigest, looksLikeDigest, readDigest } from './wire.digests.js';
import { describe, type IChild, type IManifest, MAX_MANIFEST, parseManifest } from './wire.manifests.js';
import { assertTag, isTag } from './wire.names.js';
import { digestOfTag, type ITags, NO_TAGS, tagsCodec, withTag } from './wire.tags.js';

/** children that are looked for at once */
const LOOKS_AT_ONCE = 16;
const MAX_TAGS = 100;

export const unknownManifest = (reference: string): RegistryError =>
  new RegistryError('notFound', 'The repository has no such manifest', {
    wireCode: 'MANIFEST_UNKNOWN',
    detail: { reference: reference.slice(0, 200) },
  });

const nameOf = (call: RegistryCall): string => call.params.name as string;

/** GET and HEAD /{name}/manifests/{reference}: the exact bytes in their own type, whatever Accept says. */
export const getManifest = async (call: RegistryCall): Promise<IResponse> => {
  const { name, reference } = call.params as { name: string; reference: string };
  let digest: IDigest | null;
  let listedBy: { key: string; etag: string } | undefined;
  const byTag = !looksLikeDigest(reference);
  if (byTag) {
    const key = tagsKey(name);
    const tags = isTag(reference) ? await call.storage.read<ITags>(key, tagsCodec) : null;
    digest = tags && readDigest(digestOfTag(tags.value, reference));
    // no tag points to what is not there
    listedBy = tags ? { key, etag: tags.etag } : undefined;
  } else {
    digest = assertDigest(reference);
  }
  const served =
    digest &&
    (await call.serveImmutable(manifestKey(name, digest), {
      etag: digest.text,
      listedBy,
      repeatable: true,
      immutable: !byTag,
      headers: { 'Docker-Content-Digest': digest.text },
      about: { kind: 'artifact', packageName: name, version: reference, digest: digest.text },
    }));
  if (!served) throw unknownManifest(reference);
  return served;
};

const digestOf = (bytes: Uint8Array, algorithm: IDigest['algorithm']): IDigest => {
  const hex = createHash(algorithm).update(bytes).digest('hex');
  return { algorithm, hex, text: `${algorithm}:${hex}` };
};

/** What the manifest is pushed as: its digest, found right, and the tags that are to point to it. */
const readTarget = (call: RegistryCall, bytes: Uint8Array): { digest: IDigest; tags: string[] } => {
  const { reference } = call.params as { reference: string };
  if (!looksLikeDigest(reference)) return { digest: digestOf(bytes, 'sha256'), tags: [assertTag(reference)] };
  const promised = assertDigest(reference);
  const digest = digestOf(bytes, promised.algorithm);
  if (digest.text !== promised.text) {
    throw new RegistryError('digestMismatch', `The content has the digest ${digest.text}, not ${promised.text}`);
  }
  const tags = [...new Set(call.queryAll('tag').map(assertTag))];
  if (tags.length > MAX_TAGS) {
    throw new RegistryError('invalid', `One push sets ${MAX_TAGS} tags at most`, { wireCode: 'MANIFEST_INVALID' });
  }
  return { digest, tags };
};

const assertChildren = async (call: RegistryCall, { blobs, manifests }: IManifest): Promise<void> => {
  const name = nameOf(call);
  const look = (child: IChild, kind: 'blob' | 'manifest') => ({ child, kind });
  const children = [...blobs.map((child) => look(child, 'blob')), ...manifests.map((child) => look(child, 'manifest'))];
  const missing: string[] = [];
  for (let at = 0; at < children.length; at += LOOKS_AT_ONCE) {
    const some = children.slice(at, at + LOOKS_AT_ONCE);
    const found = await Promise.all(
      some.map(async ({ child: { digest }, kind }) =>
        kind === 'blob'
          ? isLinked(call.storage, name, digest)
          : (await call.storage.head(manifestKey(name, digest))) !== null,
      ),
    );
    missing.push(...some.filter((_, index) => !found[index]).map(({ child }) => child.digest.text));
  }
  if (missing.length === 0) return;
  throw new RegistryError('invalid', 'The manifest names content that the repository does not have', {
    wireCode: 'MANIFEST_BLOB_UNKNOWN',
    detail: { digests: missing.slice(0, 20) },
  });
};

const pointTags = (current: ITags | null, tags: string[], digest: IDigest, { isImmutable }: IOciParts): ITags => {
  let next = current ?? NO_TAGS;
  for (const tag of tags) {
    const before = digestOfTag(next, tag);
    if (before !== undefined && before !== digest.text && isImmutable(tag)) {
      throw new RegistryError('forbidden', `The tag ${tag} is immutable and points to ${before}`);
    }
    next = withTag(next, tag, digest.text);
  }
  return next;
};

/** PUT /{name}/manifests/{reference}. */
export const putManifest = async (call: RegistryCall, oci: IOciParts): Promise<IResponse> => {
  const name = nameOf(call);
  const { storage } = call;
  const bytes = await call.body.bytes({ limit: MAX_MANIFEST });
  const { digest, tags } = readTarget(call, bytes);
  const manifest = parseManifest(bytes, call.header('content-type'));
  const { subject, mediaType } = manifest;
  const key = manifestKey(name, digest);
  const exists = (await storage.head(key)) !== null;
  const reference = subject && { repository: name, subject, descriptor: describe(manifest, digest, bytes.byteLength) };
  // of what is there all of this was looked at when it came
  if (!exists) {
    if (reference) await oci.referrers.assertRoom(reference);
    await assertChildren(call, manifest);
  }
  const plan = async (): Promise<IArtifactPlan> => ({
    staged: await storage.stage(bytes, { hashes: [digest.algorithm] }),
    key,
    contentType: mediaType,
    digestAlgorithm: digest.algorithm,
    shared: true,
  });
  const common = { packageName: name, version: tags[0] ?? digest.text };
  const isNew = tags.length > 0 || (await readTags(storage, name)) === null;
  const apply = (current: ITags | null): ITags => pointTags(current, tags, digest, oci);
  await oci.referrers.follow(reference, async () => {
    if (!isNew && exists) return;
    if (!isNew) {
      await storage.place({ ...common, artifacts: [await plan()] });
      await keepRepository(storage, name);
      return;
    }
    const document = { key: tagsKey(name), codec: tagsCodec, apply };
    await storage.publish<ITags>({ ...common, artifacts: exists ? [] : [await plan()], document });
    // a delete of the same manifest may have come in between; where its turn is over, the tag wins
    if ((await storage.head(key)) === null) await storage.place({ ...common, artifacts: [await plan()] });
  });
  const headers: Record<string, string> = {
    Location: `${call.mount}/${name}/manifests/${digest.text}`,
    'Docker-Content-Digest': digest.text,
    'Content-Length': '0',
    ...(subject && { 'OCI-Subject': subject.text }),
    ...(call.queryAll('tag').length > 0 && tags.length > 0 && { 'OCI-Tag': tags.join(', ') }),
  };
  return { status: 201, headers };
};
