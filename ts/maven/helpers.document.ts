import { invalid, notFound } from '../core/base/helpers.errors.js';
import { without } from '../core/base/helpers.values.js';
import { RegistryError } from '../core/classes.registryerror.js';
import type { IPlacedArtifact } from '../core/storage/commit/interfaces.plans.js';
import { timeOfChange } from '../core/storage/helpers.changetime.js';
import type { IWriteStamp } from '../core/storage/interfaces.storage.js';
import { fileIn, keyIn, recordOf } from './helpers.files.js';
import type { IMavenDocument, IMavenFile, IMavenPlugin, IMavenVersion } from './interfaces.maven.js';
import { ALGORITHMS, type ISidecar, type TDigests, wrongDigest } from './wire/wire.checksums.js';
import { type IArtifactName, type IFilePath, isSnapshot, nameOf } from './wire/wire.coordinates.js';
import type { IPom } from './wire/wire.pom.js';
import { compareVersions, type IOrderedVersion, parseVersion } from './wire/wire.versions.js';

/**
 * Changes of a stored document, as pure functions: arguments are frozen and stay unchanged, results are new. No member
 * is ever `undefined`: so storage knows that a written document need not be parsed before it is returned.
 */

/** checksums of one version that wait for their files; a deploy has some ten files with four each */
const MAX_EXPECTED = 1000;
/** writes whose removal can be found again if the store's answer to one was lost */
const KEPT_REMOVALS = 32;

const own = <T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined =>
  record && Object.hasOwn(record, key) ? record[key] : undefined;

/**
 * Versions by their records, parsed; null for one that has no file. The next form of a document shares all records but
 * one, so after an upload only that one is looked at.
 */
const known = new WeakMap<IMavenVersion, IOrderedVersion | null>();

const listed = (version: string, record: IMavenVersion): IOrderedVersion | null => {
  const found = known.get(record);
  if (found !== undefined) return found;
  const hasFiles = Object.keys(record.files).length > 0;
  const order = hasFiles ? { version, parsed: parseVersion(version) } : null;
  known.set(record, order);
  return order;
};

/** The versions that have files, in the order of their first ones. */
export const versionsOf = ({ versions }: IMavenDocument): IOrderedVersion[] =>
  Object.entries(versions).flatMap(([version, record]) => listed(version, record) ?? []);

/** A version that has files. */
export const versionOf = (document: IMavenDocument | null | undefined, version: string): IMavenVersion | null => {
  const found = own(document?.versions, version);
  return found && listed(version, found) ? found : null;
};

/** A stored file; null if there is none. */
export const fileOf = (
  document: IMavenDocument | null | undefined,
  { version, file }: Pick<IFilePath, 'version' | 'file'>,
): IMavenFile | null => {
  const record = own(own(document?.versions, version)?.files, file);
  return document && record !== undefined ? fileIn({ ...document, version, file }, record) : null;
};

/** Whether no version has a file: then the artifact is not in the registry. */
export const isEmpty = ({ versions }: IMavenDocument): boolean =>
  !Object.entries(versions).some(([version, record]) => listed(version, record));

/** The keys of all files that the document of an artifact names. */
export const namedKeys = ({ group, artifact, versions }: IMavenDocument): string[] =>
  Object.entries(versions).flatMap(([version, { files }]) =>
    Object.entries(files).map(([file, record]) => keyIn({ group, artifact, version, file }, record)),
  );

/** The key of the file that an upload has replaced, or none. Each upload asks, so nothing else is looked at. */
export const replacedKeys = (
  before: IMavenDocument | null,
  after: IMavenDocument | null,
  path: IFilePath,
): string[] => {
  const [replaced, left] = [fileOf(before, path), fileOf(after, path)];
  return replaced && replaced.key !== left?.key ? [replaced.key] : [];
};

/** What a change of an artifact that is not there begins with. */
const documentOf = (current: IMavenDocument | null, { group, artifact }: IArtifactName, stamp: IWriteStamp) =>
  current ?? { group, artifact, modified: stamp.time, versions: {}, deleted: {} };

const changed = (
  before: IMavenDocument | null,
  document: IMavenDocument,
  version: string,
  next: IMavenVersion,
  stamp: IWriteStamp,
): IMavenDocument => ({
  ...document,
  modified: timeOfChange(before?.modified, stamp),
  versions: { ...document.versions, [version]: next },
});

const shownAlgorithm = (algorithm: string): string => algorithm.toUpperCase().replace('SHA', 'SHA-');

const mismatch = (file: string, algorithm: string, where: string, advice = ''): RegistryError =>
  new RegistryError(
    'digestMismatch',
    `The ${shownAlgorithm(algorithm)} checksum ${where} is not that of ${file}${advice}`,
  );

/** Throws `digestMismatch` if the content differs from a digest that its sender announced. */
export const assertAnnounced = (file: string, digests: TDigests, announced: Partial<TDigests>): void => {
  const wrong = wrongDigest(digests, announced);
  if (wrong) throw mismatch(file, wrong, 'in the headers of the request');
};

/** What an upload adds beside the file. */
export interface IUpload {
  path: IFilePath;
  placed: IPlacedArtifact;
  /** of a POM that describes the version */
  pom?: IPom | undefined;
  /** of the jar of a Maven plugin */
  plugin?: IMavenPlugin | undefined;
  /** names of deleted files may be used again */
  allowRepublish: boolean;
}

const taken = ({ group, artifact, version, file }: IFilePath, why: string): RegistryError =>
  new RegistryError('alreadyExists', `${file} of ${group}:${artifact}:${version} ${why}`);

const assertFree = (document: IMavenDocument, { path, allowRepublish }: IUpload): void => {
  const { version, file } = path;
  if (isSnapshot(version)) return;
  if (fileOf(document, path)) {
    throw taken(path, 'is published already, with other content. A release never changes: use another version');
  }
  if (allowRepublish) return;
  const isUsed = Object.hasOwn(document.deleted, version) || own(own(document.versions, version)?.deleted, file);
  if (isUsed) throw taken(path, 'was deleted and cannot be published again: use another version');
};

const storedFile = ({ key, size, digests }: IPlacedArtifact, { id, time }: IWriteStamp): IMavenFile => {
  const { md5, sha1, sha256, sha512 } = digests as TDigests;
  return { key, size, md5, sha1, sha256, sha512, time, writeId: id };
};

/** What search shows is from the highest version whose POM was uploaded. */
const aboutOf = ({ about }: IMavenDocument, { version }: IFilePath, pom: IPom): IMavenDocument['about'] => {
  if (about && compareVersions(about.version, version) > 0) return about;
  const { packaging, name, description } = pom;
  return { version, packaging, ...(name !== undefined && { name }), ...(description !== undefined && { description }) };
};

/** A plugin's prefix is that of its highest version, although an older line gets a release later, or is imported. */
const pluginOf = (document: IMavenDocument, { version }: IFilePath, plugin: IMavenPlugin): IMavenPlugin => {
  const { plugin: known } = document;
  const isOlder =
    known?.version !== undefined &&
    versionOf(document, known.version) !== null &&
    compareVersions(known.version, version) > 0;
  return isOlder ? known : { ...plugin, version };
};

const withMaybe = <T extends object>(rest: T, key: 'expected' | 'deleted', record: Record<string, unknown>): T =>
  Object.keys(record).length > 0 ? { ...rest, [key]: record } : rest;

/**
 * The document with one more file; `current` itself if the same file is there, because a client repeats an upload whose
 * answer was lost. Throws `alreadyExists` for another content of a release, `digestMismatch` if a checksum that was
 * uploaded before the file is not the file's.
 */
export const addFile = (current: IMavenDocument | null, upload: IUpload, stamp: IWriteStamp): IMavenDocument => {
  const { path, placed, pom, plugin } = upload;
  const { version, file } = path;
  if (current && fileOf(current, path)?.sha256 === placed.digests.sha256) return current;
  const document = documentOf(current, path, stamp);
  assertFree(document, upload);
  const { expected = {}, deleted = {}, files: before = {} } = own(document.versions, version) ?? {};
  const wrong = wrongDigest(placed.digests as TDigests, own(expected, file) ?? {});
  if (wrong) throw mismatch(file, wrong, 'that was uploaded before the file', '; upload both again');
  const created = versionOf(document, version)?.created ?? stamp.time;
  const files = { ...before, [file]: recordOf(path, storedFile(placed, stamp)) };
  const next = withMaybe({ created, files }, 'expected', without(expected, [file]));
  const about = pom && aboutOf(document, path, pom);
  return {
    ...changed(current, document, version, withMaybe(next, 'deleted', without(deleted, [file])), stamp),
    deleted: without(document.deleted, [version]),
    ...(about && { about }),
    ...(plugin && { plugin: pluginOf(document, path, plugin) }),
  };
};

/**
 * Compares an uploaded checksum with its file, or records it until the file comes. Returns `current` itself if nothing
 * changes; throws `digestMismatch` if it is not the file's: the file stays.
 */
export const expectDigest = (
  current: IMavenDocument | null,
  path: IFilePath,
  { file, algorithm }: ISidecar,
  digest: string,
  stamp: IWriteStamp,
): IMavenDocument => {
  const { version } = path;
  const stored = current && fileOf(current, { version, file });
  if (current && stored) {
    if (stored[algorithm] === digest) return current;
    throw mismatch(file, algorithm, 'that was uploaded');
  }
  const document = documentOf(current, path, stamp);
  const before = own(document.versions, version) ?? { created: stamp.time, files: {} };
  const known = own(before.expected, file);
  if (current && known?.[algorithm] === digest) return current;
  const expected = { ...before.expected, [file]: { ...known, [algorithm]: digest } };
  const count = Object.values(expected).reduce((sum, one) => sum + Object.keys(one).length, 0);
  if (count > MAX_EXPECTED) {
    throw invalid(`${nameOf(path)}:${version} has ${MAX_EXPECTED} checksums without their files already`);
  }
  // the content that readers see is the same, so its time is
  const { modified } = document;
  return { ...changed(current, document, version, { ...before, expected }, stamp), modified };
};

/** The document without the checksums that wait for this file; `current` itself if there are none. */
export const forgetExpected = (current: IMavenDocument | null, { version, file }: IFilePath): IMavenDocument | null => {
  const { expected = {}, ...before } = own(current?.versions, version) ?? { created: '', files: {} };
  if (!current || !own(expected, file)) return current;
  const next = withMaybe(before, 'expected', without(expected, [file]));
  return { ...current, versions: { ...current.versions, [version]: next } };
};

/** What is removed: one file, a version, or all of the artifact. */
export type TSelection = { version: string; file: string } | { version: string } | 'all';

const assertThere = (document: IMavenDocument | null, name: IArtifactName, selection: TSelection): IMavenDocument => {
  const absent = (what: string) => notFound(`${what} is not in this registry`);
  if (!document || isEmpty(document)) throw absent(nameOf(name));
  if (selection === 'all') return document;
  const version = `${nameOf(name)}:${selection.version}`;
  if (!versionOf(document, selection.version)) throw absent(version);
  if ('file' in selection && !fileOf(document, selection)) throw absent(`${selection.file} of ${version}`);
  return document;
};

/** The version without a file. Its name is recorded, unless it is that of a SNAPSHOT. */
const withoutFile = (
  before: IMavenVersion,
  { version, file }: { version: string; file: string },
  { time }: IWriteStamp,
): IMavenVersion => {
  const files = without(before.files, [file]);
  return isSnapshot(version)
    ? { ...before, files }
    : { ...before, files, deleted: { ...before.deleted, [file]: time } };
};

/** The document without what is selected. Throws `notFound` if that is not there. */
export const remove = (
  current: IMavenDocument | null,
  name: IArtifactName,
  selection: TSelection,
  stamp: IWriteStamp,
): IMavenDocument => {
  const document = assertThere(current, name, selection);
  const { plugin, about, ...rest } = document;
  const base = {
    ...rest,
    modified: timeOfChange(document.modified, stamp),
    removals: [stamp.id, ...(document.removals ?? [])].slice(0, KEPT_REMOVALS),
  };
  if (selection !== 'all' && 'file' in selection) {
    const next = withoutFile(document.versions[selection.version] as IMavenVersion, selection, stamp);
    const versions = { ...document.versions, [selection.version]: next };
    return withFacts({ ...base, versions }, document);
  }
  const gone = selection === 'all' ? Object.keys(document.versions) : [selection.version];
  const recorded = gone.filter((version) => !isSnapshot(version)).map((version) => [version, stamp.time]);
  const deleted = { ...document.deleted, ...Object.fromEntries(recorded) };
  return withFacts({ ...base, versions: without(document.versions, gone), deleted }, document);
};

/** What is known of a plugin, and of a version that is still there. */
const withFacts = (next: IMavenDocument, { plugin, about }: IMavenDocument): IMavenDocument => ({
  ...next,
  ...(plugin && !isEmpty(next) && { plugin }),
  ...(about && versionOf(next, about.version) && { about }),
});

/** Whether this write removed something. */
export const wasRemovedBy = ({ removals = [] }: IMavenDocument, { id }: IWriteStamp): boolean => removals.includes(id);

/** The document with a plugin's prefix as a client wrote it; `current` itself if the jar itself has named one. */
export const suggestPlugin = (
  current: IMavenDocument | null,
  plugin: IMavenPlugin,
  stamp: IWriteStamp,
): IMavenDocument | null => {
  if (!current || isEmpty(current) || current.plugin) return current;
  return { ...current, plugin, modified: timeOfChange(current.modified, stamp) };
};

/** The digests of a stored file. */
export const digestsOf = (file: IMavenFile): TDigests =>
  Object.fromEntries(ALGORITHMS.map((algorithm) => [algorithm, file[algorithm]])) as TDigests;
