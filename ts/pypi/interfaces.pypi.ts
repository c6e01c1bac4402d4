import type { TPackageType } from './wire/wire.filenames.js';

/** The statuses that a project can have. @see https://packaging.python.org/en/latest/specifications/project-status-markers/ */
export type TProjectStatus = 'active' | 'archived' | 'quarantined' | 'deprecated';

/** A project's status; an active one without a reason is not stored. */
export interface IProjectStatus {
  status: TProjectStatus;
  reason?: string;
}

/** Content beside a file, at a key of its own. */
export interface IPypiSideFile {
  key: string;
  /** bytes */
  size: number;
  /** hex */
  sha256: string;
}

/** One distribution file of a project. */
export interface IPypiFile {
  /** as it was uploaded */
  filename: string;
  /** as its metadata spell it */
  version: string;
  packagetype: TPackageType;
  /** `py3`, or `source` for an sdist */
  pythonVersion: string;
  /** from the file's own metadata */
  requiresPython?: string;
  key: string;
  /** bytes */
  size: number;
  /** hex */
  sha256: string;
  /** hex */
  md5: string;
  /** ISO time of the commit, with milliseconds; it never changes */
  uploadTime: string;
  /** the reason, which may be empty; absent: not yanked */
  yanked?: string;
  /** METADATA of a wheel, PKG-INFO of an sdist, byte for byte */
  metadata: IPypiSideFile;
  /** a JSON array of attestation objects (PEP 740), as it was sent */
  attestations?: IPypiSideFile;
  /** of the write that committed the file */
  writeId: string;
}

/** A file that was deleted: its name is not used again. */
export interface IDeletedFile {
  /** see `fileIdentity` */
  identity: string;
  /** ISO time of the deletion */
  time: string;
}

/**
 * `pypi/metadata/{project}/metadata.json`. A project whose files are all deleted keeps this document, which records the
 * names that were used.
 */
export interface IPypiDocument {
  /** as the first upload spelled it */
  name: string;
  /** number of writes */
  serial: number;
  /** ISO time of the last write */
  modified: string;
  /** by file name, in the order of their uploads; names come from outside, so they are read with `Object.hasOwn` */
  files: Record<string, IPypiFile>;
  /** by file name */
  deleted: Record<string, IDeletedFile>;
  status?: IProjectStatus;
}

/** A project's entry in the list of all projects. */
export interface IPypiEntry {
  /** as the first upload spelled it */
  name: string;
}

/** The core metadata of a distribution file. @see https://packaging.python.org/en/latest/specifications/core-metadata/ */
export interface ICoreMetadata {
  /** the values of each field by its name in lower case, in the order of the file */
  fields: ReadonlyMap<string, readonly string[]>;
  /** the text behind the fields, or the field Description */
  description?: string;
}

/** A distribution file that was opened and checked. */
export interface IInspectedFile {
  /** the raw bytes of METADATA or PKG-INFO */
  bytes: Uint8Array;
  metadata: ICoreMetadata;
  /** as the metadata spell it */
  name: string;
  /** as the metadata spell it */
  version: string;
  requiresPython?: string;
}
