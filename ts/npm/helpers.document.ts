import semver from 'semver';
import { notFound } from '../core/base/helpers.errors.js';
import { without } from '../core/base/helpers.values.js';
import { RegistryError } from '../core/classes.registryerror.js';
import type { IWriteStamp } from '../core/storage/interfaces.storage.js';
import type { INpmArtifact, INpmDocument, INpmManifest, INpmPerson, IPublication, IReadme } from './interfaces.npm.js';
import { assertTag } from './wire/wire.names.js';

/**
 * Changes of a stored document, as pure functions: arguments are frozen and stay unchanged, results are new. Records
 * are copied by spreading and by defining properties, so that a name from outside has no special meaning. (That takes
 * half the time of `fromEntries`, and a package may have thousands of versions.) No member is ever `undefined`: so
 * storage knows that a written document need not be parsed before it is returned.
 */

const withEntries = <T>(record: Record<string, T>, entries: Iterable<[string, T]>): Record<string, T> => {
  const copy = { ...record };
  for (const [key, value] of entries) {
    Object.defineProperty(copy, key, { value, enumerable: true, writable: true, configurable: true });
  }
  return copy;
};

/** Number of writes of the document: the number before the hyphen of `_rev`. */
export const revisionOf = (document: INpmDocument): number => Number.parseInt(document._rev, 10);

/** The revision that this write creates. */
export const nextRevision = (document: INpmDocument, stamp: IWriteStamp): Pick<INpmDocument, '_rev'> => ({
  _rev: `${revisionOf(document) + 1}-${stamp.id.replaceAll('-', '')}`,
});

const touched = (document: INpmDocument, stamp: IWriteStamp, times: [string, string][] = []): INpmDocument => ({
  ...document,
  ...nextRevision(document, stamp),
  time: withEntries(document.time, [['modified', stamp.time], ...times]),
});

const emptyDocument = (name: string, time: string): INpmDocument => ({
  _id: name,
  _rev: '0-0',
  name,
  'dist-tags': {},
  versions: {},
  time: { created: time, modified: time },
  maintainers: [],
  _registry: { artifacts: {}, deleted: {} },
});

export const isTombstone = (document: INpmDocument): boolean => Object.keys(document.versions).length === 0;

/** Returns the document of a package that has versions; throws `notFound` otherwise. */
export const existing = (document: INpmDocument | null | undefined, name: string): INpmDocument => {
  if (!document || isTombstone(document)) throw notFound(`${name} is not in this registry`);
  return document;
};

/**
 * Returns the document of a commit, which is never null: the document of a package is never deleted, because it records
 * which versions were published.
 */
export const written = (document: INpmDocument | null, name: string): INpmDocument => {
  if (document) return document;
  throw new RegistryError('internal', `The document of ${name} is gone`);
};

/** Throws `conflict` unless the caller has seen this revision. */
export const assertRevision = (document: INpmDocument, revision: string): void => {
  if (document._rev === revision) return;
  throw new RegistryError('conflict', `Document update conflict: ${document.name} is at revision ${document._rev}`);
};

const highest = (versions: string[]): string | undefined => {
  const stable = versions.filter((version) => semver.prerelease(version) === null);
  return (stable.length > 0 ? stable : versions).sort(semver.compare).at(-1);
};

/** of one package; each answer about the package contains all of them */
const MAX_TAGS = 1000;

/** The limit and the form apply to added tags. Tags that the document has already can always be sent back. */
const assertTags = (before: Record<string, string>, after: Record<string, string>): void => {
  const tags = Object.keys(after);
  const added = tags.filter((tag) => !Object.hasOwn(before, tag));
  if (added.length > 0 && tags.length > MAX_TAGS) {
    throw new RegistryError('invalid', `A package cannot have more than ${MAX_TAGS} dist-tags`);
  }
  for (const tag of added) assertTag(tag);
};

/** The tags of existing versions, with a `latest` if there is any version: clients rely on it. */
const tagsOfVersions = (
  tags: Record<string, string>,
  versions: Record<string, INpmManifest>,
  otherwise?: string,
): Record<string, string> => {
  const kept = Object.fromEntries(Object.entries(tags).filter(([, version]) => Object.hasOwn(versions, version)));
  if (Object.hasOwn(kept, 'latest')) return kept;
  const latest = otherwise ?? highest(Object.keys(versions));
  return latest === undefined ? kept : { ...kept, latest };
};

/** Removes the readme of the previous latest version, unless that version is still the latest. */
const withoutStaleReadme = (before: INpmDocument, after: INpmDocument): INpmDocument => {
  if (before['dist-tags'].latest === after['dist-tags'].latest) return after;
  const { readme, readmeFilename, ...rest } = after;
  return rest;
};

export const withReadme = (document: INpmDocument, shown: Partial<IReadme> = {}): INpmDocument => {
  const { readme, readmeFilename } = shown;
  if (readme === undefined) return document;
  const { readmeFilename: _other, ...rest } = document;
  return { ...rest, readme, ...(readmeFilename !== undefined && { readmeFilename }) };
};

/** Throws for versions that exist, or that existed and must not come back. npm clients expect 403 and this sentence. */
export const assertUnpublished = (current: INpmDocument | null, versions: string[], allowRepublish: boolean): void => {
  if (!current) return;
  const there = versions.filter((version) => Object.hasOwn(current.versions, version));
  const gone = allowRepublish ? [] : versions.filter((version) => Object.hasOwn(current._registry.deleted, version));
  const taken = [...there, ...gone];
  if (taken.length === 0) return;
  const hint = there.length > 0 ? '' : ' A version that was unpublished cannot be used again.';
  throw new RegistryError(
    'alreadyExists',
    `You cannot publish over the previously published versions: ${taken.join(', ')}.${hint}`,
    { status: 403 },
  );
};

export interface IPublishContext {
  publisher: INpmPerson;
  allowRepublish: boolean;
  stamp: IWriteStamp;
  /** the artifacts of each new version */
  artifacts: Record<string, INpmArtifact>;
}

/** Adds all versions of a publication at once. */
export const addVersions = (
  current: INpmDocument | null,
  publication: IPublication,
  { publisher, allowRepublish, stamp, artifacts }: IPublishContext,
): INpmDocument => {
  const added = publication.versions.map(({ version }) => version);
  assertUnpublished(current, added, allowRepublish);
  const before = current ?? emptyDocument(publication.name, stamp.time);
  const known = before.maintainers.some(({ name }) => name === publisher.name);
  const maintainers = known ? before.maintainers : [...before.maintainers, publisher];
  const versions = withEntries(
    before.versions,
    publication.versions.map(({ version, manifest }) => [version, { ...manifest, _npmUser: publisher, maintainers }]),
  );
  for (const [tag, version] of Object.entries(publication.distTags)) {
    if (Object.hasOwn(versions, version)) continue;
    throw new RegistryError('invalid', `dist-tags.${tag} points to ${version}, which is not published`);
  }
  const tags = withEntries(before['dist-tags'], Object.entries(publication.distTags));
  assertTags(before['dist-tags'], tags);
  const document = withoutStaleReadme(before, {
    ...touched(
      before,
      stamp,
      added.map((version) => [version, stamp.time]),
    ),
    maintainers,
    versions,
    'dist-tags': tagsOfVersions(tags, versions, highest(added)),
    _registry: {
      artifacts: withEntries(before._registry.artifacts, Object.entries(artifacts)),
      deleted: without(before._registry.deleted, added),
    },
  });
  const isLatest = added.includes(document['dist-tags'].latest as string);
  return isLatest ? withReadme(document, publication) : document;
};

/** The document without these versions. Without any version it stays, to record which versions were published. */
export const removeVersions = (
  document: INpmDocument,
  versions: string[],
  stamp: IWriteStamp,
  tags: Record<string, string> = document['dist-tags'],
): INpmDocument => {
  assertTags(document['dist-tags'], tags);
  const left = without(document.versions, versions);
  const base = touched(document, stamp);
  return withoutStaleReadme(document, {
    ...base,
    versions: left,
    'dist-tags': tagsOfVersions(tags, left),
    time: without(base.time, versions),
    _registry: {
      artifacts: without(document._registry.artifacts, versions),
      deleted: withEntries(
        document._registry.deleted,
        versions.map((version) => [version, stamp.time]),
      ),
    },
  });
};

/** Whether this write removed the versions. */
export const wereRemovedBy = (document: INpmDocument, versions: string[], stamp: IWriteStamp): boolean => {
  const { deleted } = document._registry;
  return versions.every((version) => Object.hasOwn(deleted, version) && deleted[version] === stamp.time);
};

/** Replaces the tags by those of a document that a client has read and sends back. */
export const replaceTags = (document: INpmDocument, tags: Record<string, string>, stamp: IWriteStamp): INpmDocument => {
  assertTags(document['dist-tags'], tags);
  const changed = { ...touched(document, stamp), 'dist-tags': tagsOfVersions(tags, document.versions) };
  return withoutStaleReadme(document, changed);
};

export const setTag = (document: INpmDocument, tag: string, version: string, stamp: IWriteStamp): INpmDocument => {
  if (!Object.hasOwn(document.versions, version)) throw notFound(`${document.name} has no version ${version}`);
  const before = document['dist-tags'];
  if (Object.hasOwn(before, tag) && before[tag] === version) return document;
  const tags = withEntries(before, [[tag, version]]);
  assertTags(before, tags);
  return withoutStaleReadme(document, { ...touched(document, stamp), 'dist-tags': tags });
};

export const removeTag = (document: INpmDocument, tag: string, stamp: IWriteStamp): INpmDocument => {
  if (tag === 'latest') throw new RegistryError('invalid', 'The dist-tag "latest" cannot be removed, only moved');
  const tags = document['dist-tags'];
  if (!Object.hasOwn(tags, tag)) throw notFound(`${document.name} has no dist-tag ${tag}`);
  return { ...touched(document, stamp), 'dist-tags': without(tags, [tag]) };
};

/** version -> message; an empty message removes the deprecation. Versions that do not exist are skipped. */
export const deprecate = (
  document: INpmDocument,
  messages: ReadonlyMap<string, string>,
  stamp: IWriteStamp,
): INpmDocument => {
  let changed = false;
  const versions = Object.entries(document.versions).map(([version, manifest]): [string, INpmManifest] => {
    const message = messages.get(version);
    if (message === undefined || message === (manifest.deprecated ?? '')) return [version, manifest];
    changed = true;
    const { deprecated, ...rest } = manifest;
    return [version, (message === '' ? rest : { ...rest, deprecated: message }) as INpmManifest];
  });
  return changed ? { ...touched(document, stamp), versions: Object.fromEntries(versions) } : document;
};
