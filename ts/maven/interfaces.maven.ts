import type { TAlgorithm } from './wire/wire.checksums.js';

/** A stored file of a version. */
export interface IMavenFile extends Readonly<Record<TAlgorithm, string>> {
  key: string;
  /** bytes */
  size: number;
  /** ISO time of its publication */
  time: string;
  /** of the write that committed it */
  writeId: string;
}

/** A file as its document has it (helpers.files.ts). Some documents from before 0.6.0 was released have the object. */
export type TFileRecord = string | IMavenFile;

/** A version: a folder of the repository. */
export interface IMavenVersion {
  /** ISO time of its first file */
  created: string;
  /** by name; names come from outside, so they are read with `Object.hasOwn` */
  files: Readonly<Record<string, TFileRecord>>;
  /** digests that were uploaded before their files, by the names of these */
  expected?: Readonly<Record<string, TExpectedDigests>>;
  /** files that were deleted and cannot be published again, with the ISO time */
  deleted?: Readonly<Record<string, string>>;
}

export type TExpectedDigests = Readonly<Partial<Record<TAlgorithm, string>>>;

/** By what name users call a Maven plugin: `mvn hi:say`. */
export interface IMavenPlugin {
  prefix: string;
  name?: string;
  /** of the jar that says so; a client that suggests a prefix names none */
  version?: string;
}

/** What the POM of a version says, for search. */
export interface IMavenAbout {
  version: string;
  packaging: string;
  name?: string;
  description?: string;
}

/**
 * `maven/metadata/{group}/{artifact}/metadata.json`. An artifact whose files are all deleted keeps this document, which
 * records the names that were used.
 */
export interface IMavenDocument {
  group: string;
  artifact: string;
  /** ISO time of the last change; it grows by at least a second with each, because it is served as `Last-Modified` */
  modified: string;
  /** by version, in the order of their first files; one that has no file is not listed */
  versions: Readonly<Record<string, IMavenVersion>>;
  /** versions that were deleted and cannot be published again, with the ISO time */
  deleted: Readonly<Record<string, string>>;
  plugin?: IMavenPlugin;
  about?: IMavenAbout;
  /** the last writes that removed something */
  removals?: readonly string[];
}

/** An artifact's entry in listings and search. */
export interface IMavenEntry {
  group: string;
  artifact: string;
  /** the highest version */
  latest: string;
  /** the highest version that is no SNAPSHOT */
  release?: string;
  /** number of versions */
  versions: number;
  /** ISO */
  modified: string;
  packaging?: string;
  name?: string;
  description?: string;
  plugin?: IMavenPlugin;
}
