import { notFound } from '../core/base/helpers.errors.js';
import { without } from '../core/base/helpers.values.js';
import { RegistryError } from '../core/classes.registryerror.js';
import { timeOfChange } from '../core/storage/helpers.changetime.js';
import type { IWriteStamp } from '../core/storage/interfaces.storage.js';
import type { IDeletedFile, IProjectStatus, IPypiDocument, IPypiFile, IPypiSideFile } from './interfaces.pypi.js';
import { fileIdentity, parseFileName } from './wire/wire.filenames.js';
import { filesOfVersion } from './wire/wire.files.js';

/**
 * Changes of a stored document, as pure functions: arguments are frozen and stay unchanged, results are new. No member
 * is ever `undefined`: so storage knows that a written document need not be parsed before it is returned.
 */

/** Whether every file of the project was deleted: then it is not in the index. */
export const isEmpty = (document: IPypiDocument): boolean => Object.keys(document.files).length === 0;

/** Returns the document of a project that has files; throws `notFound` otherwise. */
export const existing = (document: IPypiDocument | null | undefined, project: string): IPypiDocument => {
  if (!document || isEmpty(document)) throw notFound(`${project} is not in this registry`);
  return document;
};

/** The document of a commit, which is never null: documents are never deleted, because they record used file names. */
export const written = (document: IPypiDocument | null, project: string): IPypiDocument => {
  if (document) return document;
  throw new RegistryError('internal', `The document of ${project} is gone`);
};

/** A file by its name; null if there is none. */
export const fileOf = (document: IPypiDocument | null | undefined, filename: string): IPypiFile | null =>
  document && Object.hasOwn(document.files, filename) ? (document.files[filename] as IPypiFile) : null;

const touched = (document: IPypiDocument, stamp: IWriteStamp): IPypiDocument => ({
  ...document,
  serial: document.serial + 1,
  modified: timeOfChange(document.serial === 0 ? undefined : document.modified, stamp),
});

const withFiles = (document: IPypiDocument, files: IPypiFile[]): IPypiDocument['files'] => {
  const changed = { ...document.files };
  for (const file of files) changed[file.filename] = file;
  return changed;
};

const identityOf = ({ filename, version }: Pick<IPypiFile, 'filename' | 'version'>): string =>
  fileIdentity(parseFileName(filename), version);

/** The status of a project (PEP 792). */
export const statusOf = (document: IPypiDocument | null): IProjectStatus => document?.status ?? { status: 'active' };

/** Throws if the status of the project forbids uploads (PEP 792). */
export const assertTakesUploads = (document: IPypiDocument | null, project: string): void => {
  const { status, reason } = statusOf(document);
  if (status !== 'archived' && status !== 'quarantined') return;
  const why = reason === undefined ? '' : `: ${reason}`;
  throw new RegistryError('forbidden', `The project ${project} is ${status} and takes no uploads${why}`);
};

/** Clients look for "already exist" in this text to tell an upload of a file that is there from a failed one. */
const taken = (filename: string, hint: string): RegistryError =>
  new RegistryError('alreadyExists', `File already exists: ${filename}. ${hint}`, { status: 400 });

/** What a new file has before it is committed. */
export type TNewFile = Omit<IPypiFile, 'uploadTime' | 'writeId' | 'yanked'>;

/** Rules of the registry for an upload. */
export interface IUploadRules {
  /** normalised */
  project: string;
  /** as the upload spells it */
  name: string;
  /** names of deleted files may be used again */
  allowRepublish: boolean;
}

const assertFree = (document: IPypiDocument, file: TNewFile, { allowRepublish }: IUploadRules): void => {
  const identity = identityOf(file);
  for (const other of filesOfVersion(Object.values(document.files), file.version)) {
    if (other.filename === file.filename) {
      throw taken(file.filename, 'Its content differs, and a file of an index never changes: use another version.');
    }
    if (identityOf(other) === identity) throw taken(file.filename, `It is there under the name ${other.filename}.`);
  }
  if (allowRepublish) return;
  const isUsed =
    Object.hasOwn(document.deleted, file.filename) ||
    Object.values(document.deleted).some((deleted) => deleted.identity === identity);
  if (isUsed) {
    // without "already exist": a client that skips what is there must not take this for success
    throw new RegistryError(
      'alreadyExists',
      `The file name ${file.filename} was used by a file that was deleted, and cannot be used again: use another version`,
      { status: 400 },
    );
  }
};

/**
 * The file if it is there already, byte for byte: then the upload is a repetition, and a success. Sha256 decides.
 */
const sameFile = (document: IPypiDocument | null, { filename, sha256 }: TNewFile): IPypiFile | null => {
  const there = fileOf(document, filename);
  return there?.sha256 === sha256 ? there : null;
};

/** The reason of a release that is yanked with all its files, which a file that comes later inherits. */
const inheritedYank = (document: IPypiDocument, version: string): string | undefined => {
  const files = filesOfVersion(Object.values(document.files), version);
  return files.length > 0 && files.every(({ yanked }) => yanked !== undefined) ? files[0]?.yanked : undefined;
};

/** Thrown for an upload whose file is there, but without the attestations that the upload has: `addAttestations` adds them. */
export class AttestationsMissing extends Error {}

/** Throws if attestations that come with a file that is there are not stored: a success would say that they are. */
const assertAttestations = ({ filename, attestations: stored }: IPypiFile, sent: IPypiSideFile | undefined): void => {
  if (!sent || sent.sha256 === stored?.sha256) return;
  if (!stored) throw new AttestationsMissing(filename);
  throw taken(filename, 'It has other attestations, and those of a file never change.');
};

/**
 * The document with the attestations of a file that was uploaded without any; `current` itself if they are there. The
 * file keeps its upload time.
 * @param file name and hex sha256
 */
export const addAttestations = (
  current: IPypiDocument | null,
  { filename, sha256 }: Pick<IPypiFile, 'filename' | 'sha256'>,
  attestations: IPypiSideFile,
  project: string,
  stamp: IWriteStamp,
): IPypiDocument => {
  const there = fileOf(current, filename);
  if (!current || there?.sha256 !== sha256) {
    // no 409: clients that skip what is there would take it for success
    throw new RegistryError('unavailable', `${filename} was deleted while it was uploaded; try again`, {
      headers: { 'Retry-After': '1' },
    });
  }
  if (there.attestations) {
    assertAttestations(there, attestations);
    return current;
  }
  assertTakesUploads(current, project);
  return { ...touched(current, stamp), files: withFiles(current, [{ ...there, attestations }]) };
};

/**
 * The document with one more file; `current` itself if the same file is there. Throws `AttestationsMissing` if it is there
 * without its attestations.
 */
export const addFile = (
  current: IPypiDocument | null,
  file: TNewFile,
  rules: IUploadRules,
  stamp: IWriteStamp,
): IPypiDocument => {
  const same = sameFile(current, file);
  if (current && same) {
    assertAttestations(same, file.attestations);
    return current;
  }
  assertTakesUploads(current, rules.project);
  const document: IPypiDocument = current ?? {
    name: rules.name,
    serial: 0,
    modified: stamp.time,
    files: {},
    deleted: {},
  };
  assertFree(document, file, rules);
  const yanked = inheritedYank(document, file.version);
  const added: IPypiFile = {
    ...file,
    uploadTime: stamp.time,
    writeId: stamp.id,
    ...(yanked !== undefined && { yanked }),
  };
  return {
    ...touched(document, stamp),
    name: isEmpty(document) ? rules.name : document.name,
    files: withFiles(document, [added]),
    deleted: without(document.deleted, [file.filename]),
  };
};

/** Which files a change is for: one file, the files of a release, or all. */
export type TSelection = { filename: string } | { version: string } | 'all';

/** The selected files; throws `notFound` if there are none. */
export const selectFiles = (document: IPypiDocument, project: string, selection: TSelection): IPypiFile[] => {
  if (selection === 'all') return Object.values(existing(document, project).files);
  if ('filename' in selection) {
    const file = fileOf(document, selection.filename);
    if (!file) throw notFound(`The project ${project} has no file ${selection.filename.slice(0, 300)}`);
    return [file];
  }
  const files = filesOfVersion(Object.values(document.files), selection.version);
  if (files.length === 0) throw notFound(`The project ${project} has no version ${selection.version.slice(0, 300)}`);
  return files;
};

/** Yanks the selected files, or (`reason` undefined) takes the yank back; `current` itself if nothing changes. */
export const yankFiles = (
  document: IPypiDocument,
  files: IPypiFile[],
  reason: string | undefined,
  stamp: IWriteStamp,
): IPypiDocument => {
  if (files.every(({ yanked }) => yanked === reason)) return document;
  const changed = files.map((file): IPypiFile => {
    const { yanked: _, ...rest } = file;
    return reason === undefined ? rest : { ...rest, yanked: reason };
  });
  return { ...touched(document, stamp), files: withFiles(document, changed) };
};

/** The document without these files. Their names stay recorded. */
export const removeFiles = (document: IPypiDocument, files: IPypiFile[], stamp: IWriteStamp): IPypiDocument => {
  const deleted = { ...document.deleted };
  for (const file of files) {
    const entry: IDeletedFile = { identity: identityOf(file), time: stamp.time };
    deleted[file.filename] = entry;
  }
  const names = files.map(({ filename }) => filename);
  return { ...touched(document, stamp), files: without(document.files, names), deleted };
};

/** Whether this write removed the files. */
export const wereRemovedBy = (document: IPypiDocument, names: string[], stamp: IWriteStamp): boolean =>
  names.every((name) => Object.hasOwn(document.deleted, name) && document.deleted[name]?.time === stamp.time);

/** The document with another status; `current` itself if it has that status already. */
export const setStatus = (
  document: IPypiDocument,
  { status, reason }: IProjectStatus,
  stamp: IWriteStamp,
): IPypiDocument => {
  const before = statusOf(document);
  if (before.status === status && before.reason === reason) return document;
  const { status: _, ...rest } = touched(document, stamp);
  if (status === 'active') return rest;
  return { ...rest, status: reason === undefined ? { status } : { status, reason } };
};
