import { invalid, notFound } from '../../core/base/helpers.errors.js';
import type { RegistryError } from '../../core/classes.registryerror.js';
import { sidecarOf } from './wire.checksums.js';

/** A group and an artifact: what one document is for. */
export interface IArtifactName {
  /** with dots */
  group: string;
  artifact: string;
}

/** A file of the repository layout: `{group}/{artifact}/{version}/{file}`. */
export interface IFilePath extends IArtifactName {
  version: string;
  file: string;
}

/** characters; with all of them at their limit, a key of S3 has at most 1,024 bytes */
const LONGEST = { group: 255, artifact: 192, version: 128, file: 255 };

/** The layout writes dots as slashes, so a folder of a group has none. */
const GROUP = /^[A-Za-z0-9_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_][A-Za-z0-9_-]*)*$/;
/** @see Maven's validation of models: ids have letters, digits, `_`, `-` and `.` */
const ARTIFACT = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;
/** Maven refuses `\/:"<>|?*[](){},` and expressions; blanks and other marks break shells and URLs. */
const VERSION = /^[A-Za-z0-9][A-Za-z0-9._+~@!=-]*$/;
const FILE = /^[A-Za-z0-9_][^/\\\u0000-\u001f\u007f]*$/;

const fits = (value: string, pattern: RegExp, longest: number): boolean =>
  value.length <= longest && pattern.test(value) && !value.includes('..') && value !== '__proto__';

const shown = (value: string): string => JSON.stringify(value.slice(0, 100));

/** A checksum file has a longer name than the file that it is for, and is not stored. */
const isFileName = (file: string): boolean => fits(file, FILE, LONGEST.file) && Buffer.byteLength(file) <= LONGEST.file;

/** Why these are no coordinates, as a sentence; null if they are. */
const faultOf = ({ group, artifact, version, file }: IArtifactName & Partial<IFilePath>): string | null => {
  if (!fits(group, GROUP, LONGEST.group)) {
    return `${shown(group)} is no group: its folders have letters, digits, "_" and "-" only`;
  }
  if (!fits(artifact, ARTIFACT, LONGEST.artifact)) {
    return `${shown(artifact)} is no artifact: it has letters, digits, "_", "-" and "." only`;
  }
  if (version !== undefined && !fits(version, VERSION, LONGEST.version)) {
    return `${shown(version)} is no version: it begins with a letter or digit, has letters, digits and ._+~@!=- only, and at most ${LONGEST.version} of them`;
  }
  if (file !== undefined && !isFileName(sidecarOf(file)?.file ?? file)) {
    return `${shown(file)} is no name of a file: it begins with a letter or digit, and has at most ${LONGEST.file} bytes`;
  }
  return null;
};

/** Throws `error` with a sentence if these are no coordinates. */
const checked = <T extends IArtifactName>(path: T, error: (message: string) => RegistryError): T => {
  const fault = faultOf(path);
  if (fault !== null) throw error(fault);
  return path;
};

/** The group of a folder in the layout. A folder with a dot would be a second path to the same group. */
const groupOf = (folder: string): string => (folder.includes('.') ? `${folder}/` : folder.replaceAll('/', '.'));

interface IPathParams {
  /** the folders of the group, with slashes */
  group: string;
  artifact: string;
  version: string;
  file: string;
}

const pathIn = ({ group, artifact, version, file }: IPathParams): IFilePath => ({
  group: groupOf(group),
  artifact,
  version,
  file,
});

/**
 * The file that a path names, for a reader: throws `notFound` for what cannot be there, because clients take 400 for a
 * broken repository. coursier sends a version range as a path, unencoded.
 */
export const readPath = (params: Readonly<Record<string, string>>): IFilePath =>
  checked(pathIn(params as unknown as IPathParams), () => notFound('There is nothing at this path'));

/** The file that a path names, for an upload: throws `invalid` with the reason. */
export const writePath = (params: Readonly<Record<string, string>>): IFilePath =>
  checked(pathIn(params as unknown as IPathParams), invalid);

/** A group and an artifact, as people write them; throws `invalid`. */
export const assertArtifact = (name: IArtifactName): IArtifactName => checked(name, invalid);

export const isArtifact = (name: IArtifactName): boolean => faultOf(name) === null;

/** `group:artifact`, as scopes, listings and people write it. */
export const nameOf = ({ group, artifact }: IArtifactName): string => `${group}:${artifact}`;

/** The parts of a `group:artifact`; throws `invalid`. */
export const parseName = (name: string): IArtifactName => {
  const [group = '', artifact = '', ...more] = name.split(':');
  if (more.length > 0) throw invalid(`${shown(name)} is not of the form GROUP:ARTIFACT`);
  return assertArtifact({ group, artifact });
};

/** The artifact whose folder this is: the last folder is the artifact. Null if it cannot be one. */
export const artifactAt = (folder: string): IArtifactName | null => {
  const slash = folder.lastIndexOf('/');
  if (slash < 0) return null;
  const name = { group: groupOf(folder.slice(0, slash)), artifact: folder.slice(slash + 1) };
  return faultOf(name) === null ? name : null;
};

/** The version whose folder this is; null if it cannot be one. */
export const versionAt = (folder: string): (IArtifactName & { version: string }) | null => {
  const slash = folder.lastIndexOf('/');
  const name = artifactAt(folder.slice(0, Math.max(0, slash)));
  const found = name && { ...name, version: folder.slice(slash + 1) };
  return found && faultOf(found) === null ? found : null;
};

/** The file at this path; null if it cannot be one. */
export const fileAt = (path: string): IFilePath | null => {
  const slash = path.lastIndexOf('/');
  const version = versionAt(path.slice(0, Math.max(0, slash)));
  const found = version && { ...version, file: path.slice(slash + 1) };
  return found && faultOf(found) === null ? found : null;
};

/** The group whose folder this is; null if it cannot be one. */
export const groupAt = (folder: string): string | null => {
  const group = groupOf(folder);
  return fits(group, GROUP, LONGEST.group) ? group : null;
};

/** The path of a file inside the registry. */
export const pathOf = ({ group, artifact, version, file }: IFilePath): string =>
  `/${[...group.split('.'), artifact, version, file].map(encodeURIComponent).join('/')}`;

/**
 * Whether the files of a version may be replaced. Maven 3.9 deploys `1.0.SNAPSHOT` to a folder with a time in its name,
 * which no client finds again, and Maven 4 refuses it.
 */
export const isSnapshot = (version: string): boolean => /(?:^|-)SNAPSHOT$/.test(version);
