import { createHash, randomUUID } from 'node:crypto';
import { toReadableStream } from '../../core/base/helpers.streams.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { RegistryStorage } from '../../core/classes.registrystorage.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { stepAside } from '../../core/storage/documents/helpers.conditionalwrite.js';
import { AskedHooks } from '../../core/storage/hooks/classes.askedhooks.js';
import type { IHookSubject } from '../../core/storage/hooks/classes.hookrunner.js';
import { type IFoundManifest, ManifestStore } from '../classes.manifeststore.js';
import { assertNone, assureChildren, findChildren } from '../helpers.children.js';
import type { ICheckedManifest, IOciParts } from '../interfaces.parts.js';
import { manifestKey } from '../keys.oci.js';
import { RepositoryTags } from '../tags/classes.repositorytags.js';
import { assertDigest, type IDigest, looksLikeDigest, readDigest } from '../wire/wire.digests.js';
import { describe, type IManifest, MAX_MANIFEST, parseManifest } from '../wire/wire.manifests.js';
import { assertTag } from '../wire/wire.names.js';
import { digestOfTag, type ITags, NO_TAGS, withoutTags, withTag } from '../wire/wire.tags.js';
import { tagsSubject } from './handlers.tags.js';

const MAX_TAGS = 100;

const isSparse = ({ config }: IOciParts): boolean => config.features?.sparseIndexes === true;

const digestOf = (bytes: Uint8Array, algorithm: IDigest['algorithm']): IDigest => {
  const hex = createHash(algorithm).update(bytes).digest('hex');
  return { algorithm, hex, text: `${algorithm}:${hex}` };
};

/** The target of a push: the manifest's verified digest, and the tags that are to point to it. */
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

/**
 * Called if this call placed the manifest and some of its children were removed meanwhile. Another client may have
 * pushed the same manifest and rely on it: its push looked at the children after the manifest was placed, and calls
 * `keep` after that.
 * @param before the former targets of the tags that were set already
 * @returns whether the manifest is gone
 */
const takeBack = async (
  storage: RegistryStorage,
  oci: IOciParts,
  name: string,
  digest: IDigest,
  manifest: IManifest,
  copy: string,
  before: ReadonlyMap<string, string | undefined>,
): Promise<boolean> => {
  const manifests = new ManifestStore(storage);
  const restored = new Map<string, string>();
  for (const [tag, text] of before) {
    const former = readDigest(text);
    if (former && former.text !== digest.text && (await manifests.exists(name, former))) restored.set(tag, former.text);
  }
  const tags = new RepositoryTags(storage, name);
  await tags.change(before.keys(), (now) => now && movedBack(now, digest, before, restored));
  const guard = manifests.guard(name, digest);
  const by = randomUUID();
  if (!(await guard.condemn(copy, by))) return true;
  const missing = await assureChildren(storage, name, manifest, { isSparse: isSparse(oci) });
  if (missing.length === 0 || (await tags.of(digest.text)).length > 0) {
    await guard.spare(copy, by);
    return false;
  }
  if (!(await guard.doom(copy, by))) return false;
  await manifests.removeObject(manifests.key(name, digest, copy));
  return true;
};

const movedBack = (
  now: ITags,
  digest: IDigest,
  before: ReadonlyMap<string, string | undefined>,
  restored: ReadonlyMap<string, string>,
): ITags => {
  const own = (tag: string, text: string): boolean => text === digest.text && before.has(tag);
  let next = withoutTags(now, (tag, text) => own(tag, text) && !restored.has(tag));
  for (const [tag, text] of restored) if (digestOfTag(next, tag) === digest.text) next = withTag(next, tag, text);
  return next;
};

const assertMayPoint = (tag: string, before: string | undefined, digest: IDigest, { isImmutable }: IOciParts): void => {
  if (before === undefined || before === digest.text || !isImmutable(tag)) return;
  throw new RegistryError('forbidden', `The tag ${tag} is immutable and points to ${before}`);
};

/** @param formerly receives the former targets of the tags */
const pointTags = (
  current: ITags,
  tags: string[],
  digest: IDigest,
  oci: IOciParts,
  formerly: Map<string, string | undefined>,
): ITags => {
  let next = current;
  for (const tag of tags) {
    const before = digestOfTag(next, tag);
    assertMayPoint(tag, before, digest, oci);
    if (before !== digest.text) formerly.set(tag, before);
    next = withTag(next, tag, digest.text);
  }
  return next;
};

const isSame = (checked: ICheckedManifest | undefined, { copy, info }: IFoundManifest): boolean =>
  checked?.copy === copy && checked.etag === info.etag;

/** times that a push sets its tags again because its manifest was deleted meanwhile */
const ATTEMPTS = 8;

/** PUT /{name}/manifests/{reference}. */
export const putManifest = async (call: RegistryCall, oci: IOciParts): Promise<IResponse> => {
  const { name } = call.params as { name: string };
  const { storage } = call;
  const bytes = await call.body.bytes({ limit: MAX_MANIFEST });
  const { digest, tags } = readTarget(call, bytes);
  const manifest = parseManifest(bytes, call.header('content-type'));
  const { subject, mediaType } = manifest;
  const manifests = new ManifestStore(storage);
  const there = await manifests.find(name, digest);
  const about = `${name}@${digest.text}`;
  const checked = there && isSame(oci.checked.get(about), there) ? there : null;
  const exists = checked !== null || (there !== null && (await manifests.holds(there.info.key, bytes)));
  const reference = subject && { repository: name, subject, descriptor: describe(manifest, digest, bytes.byteLength) };
  // for a stored manifest this was checked when it was pushed
  if (!exists) {
    assertNone(await findChildren(storage, name, manifest, isSparse(oci)));
  }
  const version = tags[0] ?? digest.text;
  const own = new RepositoryTags(storage, name);
  const current = await own.lookUp(tags);
  for (const tag of tags) assertMayPoint(tag, current?.get(tag), digest, oci);
  const setsTags = !current || tags.some((tag) => current.get(tag) !== digest.text);
  const artifact: IHookSubject = {
    key: manifestKey(name, digest),
    metadata: {
      ...{ contentType: mediaType, size: bytes.byteLength, digest: digest.text },
      ...{ packageName: name, version, kind: 'artifact' },
    },
    phase: 'commit',
    open: () => toReadableStream(bytes),
  };
  const hooks = new AskedHooks(storage);
  await hooks.abortOnFailure(async () => {
    if (!exists) await hooks.ask('beforePut', artifact);
    if (setsTags) await hooks.ask('beforePut', tagsSubject(name, version, 'commit'));
    await oci.referrers.during(reference, async () => {
      let copy = there && exists ? there.copy : await manifests.put(name, digest, bytes, mediaType);
      // it can be had by its digest, also if its tags are refused
      if (!exists) hooks.note(artifact.key, true);
      const before = new Map<string, string | undefined>();
      for (let tries = 1; ; tries++) {
        const had = !exists || tries > 1;
        const looked = { had, isNamed: copy === checked?.copy, isSparse: isSparse(oci) };
        const missing = await assureChildren(storage, name, manifest, looked);
        if (missing.length > 0) {
          if (had && (await takeBack(storage, oci, name, digest, manifest, copy, before))) {
            hooks.note(artifact.key, false);
          }
          assertNone(missing);
        }
        // not again for a manifest that is remembered: pushes that never cease would put off the next comparison for ever
        if (there && exists && !checked && copy === there.copy) {
          oci.checked.set(about, { copy, etag: there.info.etag });
        }
        if (tags.length === 0) await own.keep();
        else await own.change(tags, (now, some) => pointTags(now ?? NO_TAGS, some, digest, oci, before));
        // if it was deleted meanwhile, it is pushed again, so the tag wins in the end
        if (await manifests.guard(name, digest).keep(copy)) break;
        if (tries === ATTEMPTS) throw new RegistryError('conflict', 'The manifest is being deleted; try again');
        await stepAside(tries);
        copy = await manifests.put(name, digest, bytes, mediaType);
      }
    });
    await hooks.tell();
  });
  const headers: Record<string, string> = {
    Location: call.linkTo(`/${name}/manifests/${digest.text}`),
    'Docker-Content-Digest': digest.text,
    'Content-Length': '0',
    ...(subject && { 'OCI-Subject': subject.text }),
    ...(call.queryAll('tag').length > 0 && tags.length > 0 && { 'OCI-Tag': tags.join(', ') }),
  };
  return { status: 201, headers };
};
