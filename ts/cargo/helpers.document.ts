import { notFound } from '../core/base/helpers.errors.js';
import { RegistryError } from '../core/classes.registryerror.js';
import type { IPlacedArtifact } from '../core/storage/commit/interfaces.plans.js';
import { timeOfChange } from '../core/storage/helpers.changetime.js';
import type { IWriteStamp } from '../core/storage/interfaces.storage.js';
import type {
  ICargoDocument,
  ICargoSearchEntry,
  ICargoVersion,
  ICrateFacts,
  IPublishMetadata,
} from './interfaces.cargo.js';
import { assertLine, entryOf } from './wire/wire.index.js';
import { quoted } from './wire/wire.names.js';
import { highestVersion, withoutBuild } from './wire/wire.versions.js';

/**
 * Changes of a stored document, as pure functions: arguments are frozen and stay unchanged, results are new. The keys of
 * `versions` are semver versions, so none has a special meaning in an object.
 */

/**
 * The document, if it is of a crate with exactly this name, whose letters may be in any case; else null. The key of a
 * document is the same for `foo-bar` and `foo_bar`, of which only one exists.
 */
export const knownAs = (document: ICargoDocument | null | undefined, name: string): ICargoDocument | null =>
  document && document.name.toLowerCase() === name.toLowerCase() ? document : null;

/** A version; throws `notFound`. */
export const versionOf = ({ name, versions }: ICargoDocument, version: string): ICargoVersion => {
  const found = Object.hasOwn(versions, version) ? versions[version] : undefined;
  if (found) return found;
  throw notFound(`crate ${quoted(name)} does not have a version ${quoted(version)}`);
};

/** The highest version that is not yanked; if all are, the highest. */
export const maxVersion = ({ versions }: ICargoDocument): string => {
  const all = Object.keys(versions);
  const offered = all.filter((version) => !versions[version]?.entry.yanked);
  return highestVersion(offered) ?? (highestVersion(all) as string);
};

/** Throws `alreadyExists` if the name or the version is taken. */
const assertFree = (current: ICargoDocument, { name, vers }: IPublishMetadata): void => {
  if (current.name !== name) {
    throw new RegistryError(
      'alreadyExists',
      `${quoted(name)} cannot be published: there is a crate whose name differs only in capitals, \`-\` and \`_\``,
    );
  }
  const same = Object.keys(current.versions).find((version) => withoutBuild(version) === withoutBuild(vers));
  if (same === undefined) return;
  const twin = same === vers ? '' : `, as ${quoted(same)}: build metadata do not make another version`;
  throw new RegistryError('alreadyExists', `crate version ${quoted(vers)} is already uploaded${twin}`);
};

/** Adds a version. Throws `alreadyExists` if there is a crate of a similar name, or the version. */
export const addVersion = (
  current: ICargoDocument | null,
  metadata: IPublishMetadata,
  { key, size, digests }: IPlacedArtifact,
  { readme }: ICrateFacts,
  stamp: IWriteStamp,
): ICargoDocument => {
  const { id, time } = stamp;
  const { name, vers, about } = metadata;
  if (current) assertFree(current, metadata);
  const before = current?.versions ?? {};
  const entry = entryOf(metadata, digests.sha256 as string, time);
  assertLine(entry);
  const added = { entry, key, size, writeId: id, ...(readme !== undefined && { readme }) };
  const isHighest = highestVersion([...Object.keys(before), vers]) === vers;
  return {
    name,
    created: current?.created ?? time,
    modified: timeOfChange(current?.modified, stamp),
    about: current && !isHighest ? current.about : about,
    versions: { ...before, [vers]: added },
  };
};

/** Whether this write published the version. */
export const wasAddedBy = ({ versions }: ICargoDocument, version: string, { id }: IWriteStamp): boolean =>
  Object.hasOwn(versions, version) && versions[version]?.writeId === id;

/** Yanks a version, or undoes it. Nothing else in its line changes. */
export const setYanked = (
  current: ICargoDocument | null,
  name: string,
  version: string,
  yanked: boolean,
  stamp: IWriteStamp,
): ICargoDocument => {
  const document = knownAs(current, name);
  if (!document) throw notFound(`crate ${quoted(name)} does not exist`);
  const before = versionOf(document, version);
  if (before.entry.yanked === yanked) return document;
  const changed = { ...before, entry: { ...before.entry, yanked } };
  return {
    ...document,
    modified: timeOfChange(document.modified, stamp),
    versions: { ...document.versions, [version]: changed },
  };
};

/** What search knows of the crate. */
export const searchEntryOf = (document: ICargoDocument): ICargoSearchEntry => {
  const { name, created, modified, about } = document;
  return { name, max_version: maxVersion(document), created, modified, ...about };
};
