import { RegistryError } from '../core/classes.registryerror.js';
import { absentName } from '../core/pipeline/helpers.refusal.js';
import { timeOfChange } from '../core/storage/helpers.changetime.js';
import type { IWriteStamp } from '../core/storage/interfaces.storage.js';
import type {
  IComposerArtifact,
  IComposerDocument,
  IComposerFilterEntry,
  IComposerVersion,
  TComposerManifest,
} from './interfaces.composer.js';
import { isDev } from './wire/wire.versions.js';

/**
 * Changes of a stored document, as pure functions: arguments are frozen and stay unchanged, results are new. No member
 * is ever `undefined`: so storage knows that a written document need not be parsed before it is returned.
 */

/**
 * Uploads of one dev version whose zips stay downloadable: enough for lock files of some days of a busy branch, and a
 * bound for a branch that CI uploads with every commit.
 */
const KEPT_REPLACED = 10;
/** Each answer about the package contains all of them. */
const MAX_FILTERS = 1000;

const emptyDocument = (name: string, time: string): IComposerDocument => ({
  name,
  changedAt: time,
  versions: [],
  deleted: [],
});

export const findVersion = (
  document: IComposerDocument | null | undefined,
  normalized: string,
): IComposerVersion | undefined => document?.versions.find((version) => version.normalized === normalized);

/** Whether the package has a version; a document without any only records what was deleted. */
export const hasVersions = (document: IComposerDocument | null | undefined): document is IComposerDocument =>
  document !== null && document !== undefined && document.versions.length > 0;

/** Returns the document of a package that has versions; throws `notFound` otherwise. */
export const existing = (document: IComposerDocument | null | undefined, name: string): IComposerDocument => {
  if (hasVersions(document)) return document;
  throw absentName(name);
};

/** The zips of a version that can be downloaded, the newest first. */
export const zipsOf = ({ artifact, replaced = [] }: IComposerVersion): IComposerArtifact[] => [artifact, ...replaced];

/** All zips that can be downloaded. */
export const artifactsOf = ({ versions }: IComposerDocument): IComposerArtifact[] => versions.flatMap(zipsOf);

export interface INewVersion {
  version: string;
  normalized: string;
  manifest: TComposerManifest;
  artifact: IComposerArtifact;
}

const taken = (name: string, version: string, why: string): RegistryError =>
  new RegistryError('alreadyExists', `${name} ${version} ${why}`);

const replacedBy = (version: IComposerVersion, { sha1 }: IComposerArtifact): IComposerArtifact[] =>
  zipsOf(version)
    .filter((before) => before.sha1 !== sha1)
    .slice(0, KEPT_REPLACED);

/**
 * Adds a version, or replaces a dev version. Returns `current` itself if it has the version with the same bytes. Throws
 * `alreadyExists` if it has the version with other bytes, or if the version was deleted.
 */
export const addVersion = (
  current: IComposerDocument | null,
  name: string,
  added: INewVersion,
  { stamp, allowRepublish }: { stamp: IWriteStamp; allowRepublish: boolean },
): IComposerDocument => {
  const { normalized, version, artifact } = added;
  const document = current ?? emptyDocument(name, stamp.time);
  const before = findVersion(document, normalized);
  if (before && before.artifact.sha256 === artifact.sha256) return document;
  if (before && !isDev(normalized)) {
    throw taken(name, before.version, 'exists already, with other content. Published versions do not change.');
  }
  const wasDeleted = document.deleted.some((deleted) => deleted.normalized === normalized);
  if (wasDeleted && !allowRepublish) throw taken(name, version, 'was deleted and cannot be published again');
  const replaced = before ? replacedBy(before, artifact) : [];
  const next: IComposerVersion = { ...added, publishedAt: stamp.time, ...(replaced.length > 0 && { replaced }) };
  return {
    ...document,
    changedAt: timeOfChange(current?.changedAt, stamp),
    versions: before ? document.versions.map((one) => (one === before ? next : one)) : [...document.versions, next],
    deleted: document.deleted.filter((deleted) => deleted.normalized !== normalized),
  };
};

/** The document without these versions (normalised). Without any version it stays. */
export const removeVersions = (document: IComposerDocument, gone: string[], stamp: IWriteStamp): IComposerDocument => {
  const recorded = gone
    .filter((normalized) => !isDev(normalized))
    .map((normalized) => ({ normalized, time: stamp.time, writeId: stamp.id }));
  return {
    ...document,
    changedAt: timeOfChange(document.changedAt, stamp),
    versions: document.versions.filter(({ normalized }) => !gone.includes(normalized)),
    deleted: [...document.deleted, ...recorded],
  };
};

/** Whether this write deleted a version; deleted dev versions are not recorded. */
export const wasRemovedBy = ({ deleted }: IComposerDocument, { id }: IWriteStamp): boolean =>
  deleted.some(({ writeId }) => writeId === id);

const isSameEntry = (one: IComposerFilterEntry, other: Pick<IComposerFilterEntry, 'list' | 'constraint'>): boolean =>
  one.list === other.list && one.constraint === other.constraint;

const withFilters = (
  document: IComposerDocument,
  filters: IComposerFilterEntry[],
  stamp: IWriteStamp,
): IComposerDocument => {
  const { filters: _before, ...rest } = document;
  return { ...rest, changedAt: timeOfChange(document.changedAt, stamp), ...(filters.length > 0 && { filters }) };
};

/** Adds an entry to a filter list, or replaces the one with the same constraint. */
export const addFilter = (
  document: IComposerDocument,
  entry: IComposerFilterEntry,
  stamp: IWriteStamp,
): IComposerDocument => {
  const others = (document.filters ?? []).filter((one) => !isSameEntry(one, entry));
  if (others.length >= MAX_FILTERS) {
    throw new RegistryError('invalid', `A package cannot have more than ${MAX_FILTERS} filter entries`);
  }
  return withFilters(document, [...others, entry], stamp);
};

/** Removes one entry of a filter list, or without a constraint all of them. Throws `notFound` if there is none. */
export const removeFilter = (
  document: IComposerDocument,
  { list, constraint }: { list: string; constraint?: string | undefined },
  stamp: IWriteStamp,
): IComposerDocument => {
  const before = document.filters ?? [];
  const left = before.filter((one) => one.list !== list || (constraint !== undefined && one.constraint !== constraint));
  if (left.length === before.length) {
    throw absentName(`${constraint ?? 'An entry'} in the filter list ${list} of ${document.name}`);
  }
  return withFilters(document, left, stamp);
};
