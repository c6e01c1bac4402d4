import { invalid } from '../../core/base/helpers.errors.js';
import { isName, normalizeName } from './wire.names.js';
import { canonicalVersion } from './wire.versions.js';

export type TPackageType = 'bdist_wheel' | 'sdist';

/** What the name of a distribution file says. */
export interface IFileName {
  filename: string;
  packagetype: TPackageType;
  /** as in the file name, without the ending: the folder of an sdist has this name */
  stem: string;
  /** normalised; of a wheel only: in the name of an sdist, a hyphen may belong to the project or to the version */
  project?: string;
  /** of a wheel only, as in the file name */
  version?: string;
  /** `py3` of a wheel, `source` of an sdist, as the JSON API shows it */
  pythonVersion: string;
}

/** characters; file systems end there */
const MAX_LENGTH = 255;

/** Blanks, brackets, `%`, `#`, `,` and the like break links and commands. */
const CHARACTERS = /^[A-Za-z0-9][A-Za-z0-9._+!-]*$/;
const BUILD_TAG = /^\d/;

const quoted = (filename: string): string => JSON.stringify(filename.slice(0, 100));

const parseWheel = (filename: string): IFileName => {
  const stem = filename.slice(0, -'.whl'.length);
  const parts = stem.split('-');
  const isComplete = (parts.length === 5 || parts.length === 6) && parts.every((part) => part !== '');
  const [name, version] = parts as [string, string];
  if (!isComplete || (parts.length === 6 && !BUILD_TAG.test(parts[2] as string))) {
    throw invalid(
      `${quoted(filename)} is not the file name of a wheel: {name}-{version}[-{build}]-{python}-{abi}-{platform}.whl`,
    );
  }
  if (!isName(name) || canonicalVersion(version) === null) {
    throw invalid(`The file name ${quoted(filename)} holds no valid name and version`);
  }
  const [pythonVersion] = parts.slice(-3) as [string];
  return { filename, packagetype: 'bdist_wheel', stem, project: normalizeName(name), version, pythonVersion };
};

/**
 * The parts of a file name. Names as older tools write them are accepted: sdists that are not normalised, and wheels
 * with dots and capitals.
 * @see https://packaging.python.org/en/latest/specifications/binary-distribution-format/#file-name-convention
 * @see https://packaging.python.org/en/latest/specifications/source-distribution-format/#source-distribution-file-name
 */
export const parseFileName = (filename: string): IFileName => {
  if (filename.length > MAX_LENGTH) throw invalid(`A file name has at most ${MAX_LENGTH} characters`);
  if (!CHARACTERS.test(filename)) {
    throw invalid(`The file name ${quoted(filename)} holds other characters than letters, digits and "._+!-"`);
  }
  if (filename.endsWith('.whl')) return parseWheel(filename);
  const ending = ['.tar.gz', '.zip'].find((one) => filename.endsWith(one));
  if (ending === undefined) {
    throw invalid(
      `${quoted(filename)} is no distribution that this index takes: a wheel (.whl), or an sdist (.tar.gz, .zip)`,
    );
  }
  const stem = filename.slice(0, -ending.length);
  return { filename, packagetype: 'sdist', stem, pythonVersion: 'source' };
};

/** Whether an sdist of this project and version may have this name, in any spelling of both. */
const isStemOf = (stem: string, project: string, canonical: string): boolean => {
  for (let at = stem.indexOf('-'); at >= 0; at = stem.indexOf('-', at + 1)) {
    const fits = normalizeName(stem.slice(0, at)) === project && canonicalVersion(stem.slice(at + 1)) === canonical;
    if (fits) return true;
  }
  return false;
};

/** Whether a file name is of this project (normalised) and this version, in whatever spelling. */
export const isFileNameOf = (file: IFileName, project: string, version: string): boolean => {
  const canonical = canonicalVersion(version);
  if (canonical === null) return false;
  if (file.project === undefined) return isStemOf(file.stem, project, canonical);
  return file.project === project && canonicalVersion(file.version as string) === canonical;
};

/**
 * A text that is the same for two names of one file: a project has one sdist of a version, and one wheel of a version
 * for each build and each set of tags. Installers take files with the same identity for the same file.
 */
export const fileIdentity = ({ packagetype, stem }: IFileName, version: string): string => {
  const canonical = canonicalVersion(version);
  if (packagetype === 'sdist') return `sdist ${canonical}`;
  const tags = stem.split('-').slice(2);
  const sorted = tags.map((tag, index) =>
    index < tags.length - 3 ? tag : tag.toLowerCase().split('.').sort().join('.'),
  );
  return `wheel ${canonical} ${sorted.join(' ')}`;
};
