import { inParallel } from '../../core/base/helpers.concurrency.js';
import type { RegistryStorage } from '../../core/classes.registrystorage.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import { ManifestStore } from '../classes.manifeststore.js';
import type { ReferrerLists } from '../classes.referrerlists.js';
import type { IOciParts } from '../interfaces.parts.js';
import { RepositoryTags } from '../tags/classes.repositorytags.js';
import { assertDigest, type IDigest, readDigest, referrersTag } from '../wire/wire.digests.js';
import { describe, type IDescriptor, IMAGE_INDEX, MAX_MANIFEST } from '../wire/wire.manifests.js';
import { nextLink } from '../wire/wire.ranges.js';

/** entries of a fallback index that are looked up */
const MAX_FALLBACK = 1000;

/**
 * The manifests that older clients listed by the fallback tag, if they exist and refer to the subject
 * (distribution-spec, "Enabling the Referrers API"). A damaged manifest does not hide others.
 */
const fromFallback = async (
  storage: RegistryStorage,
  referrers: ReferrerLists,
  name: string,
  subject: IDigest,
): Promise<IDescriptor[]> => {
  const manifests = new ManifestStore(storage);
  const target = readDigest((await new RepositoryTags(storage, name).find(referrersTag(subject)))?.digest);
  const index = target && (await manifests.loadIntact(name, target));
  if (!index) return [];
  const known = new Set<string>();
  for await (const { digest } of referrers.list(name, subject)) known.add(digest);
  const children = new Map(index.manifest.manifests.slice(0, MAX_FALLBACK).map(({ digest }) => [digest.text, digest]));
  const more: (IDescriptor | undefined)[] = [];
  const wanted = [...children.values()].filter(({ text }) => !known.has(text));
  await inParallel([...wanted.entries()], async ([at, digest]) => {
    const found = await manifests.loadIntact(name, digest);
    if (found?.manifest.subject?.text === subject.text) more[at] = describe(found.manifest, digest, found.size);
  });
  return more.filter((one) => one !== undefined);
};

const byDigest = (a: IDescriptor, b: IDescriptor): number => (a.digest < b.digest ? -1 : 1);

/** Merges two lists in the order of the digests. */
async function* merged(
  listed: AsyncIterable<IDescriptor>,
  more: IDescriptor[],
): AsyncGenerator<IDescriptor, void, undefined> {
  const rest = [...more];
  for await (const one of listed) {
    while (rest[0] && byDigest(rest[0], one) < 0) yield rest.shift() as IDescriptor;
    yield one;
  }
  yield* rest;
}

/** The descriptors after `last`, by digest, that fit into one manifest; `last` itself may have been deleted. */
const pageOf = async (
  all: AsyncIterable<IDescriptor>,
  { last = '', artifactType }: { last?: string; artifactType?: string },
): Promise<{ page: IDescriptor[]; more: boolean }> => {
  const page: IDescriptor[] = [];
  let bytes = 200;
  for await (const descriptor of all) {
    if (descriptor.digest <= last || (artifactType && descriptor.artifactType !== artifactType)) continue;
    bytes += JSON.stringify(descriptor).length + 1;
    if (bytes > MAX_MANIFEST && page.length > 0) return { page, more: true };
    page.push(descriptor);
  }
  return { page, more: false };
};

/** GET /{name}/referrers/{digest}, with `artifactType`; an empty index if nothing refers to the digest. */
export const listReferrers = async (call: RegistryCall, { referrers }: IOciParts): Promise<IResponse> => {
  const { name, digest: text } = call.params as { name: string; digest: string };
  const subject = assertDigest(text);
  // in a query a `+` is decoded as a space, and media types have no space (RFC 6838 section 4.2)
  const artifactType = call.query('artifactType')?.replaceAll(' ', '+');
  const last = call.query('last');
  const more = await fromFallback(call.storage, referrers, name, subject);
  const all = merged(referrers.list(name, subject, last), more.sort(byDigest));
  const { page, more: isCut } = await pageOf(all, { last, artifactType });
  const headers: Record<string, string> = { 'Content-Type': IMAGE_INDEX, 'Cache-Control': 'no-cache' };
  if (artifactType) headers['OCI-Filters-Applied'] = 'artifactType';
  if (isCut) {
    const last = page.at(-1)?.digest as string;
    headers.Link = nextLink(call.linkTo(`/${name}/referrers/${text}`), {
      last,
      ...(artifactType && { artifactType }),
    });
  }
  return respond(200, { schemaVersion: 2, mediaType: IMAGE_INDEX, manifests: page }, headers);
};
