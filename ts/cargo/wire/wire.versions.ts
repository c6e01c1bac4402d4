import semver from 'semver';
import { invalid } from '../../core/base/helpers.errors.js';
import { quoted } from './wire.names.js';

const NUMBER = '(?:0|[1-9]\\d*)';
const PRE = '(?:0|[1-9]\\d*|\\d*[A-Za-z-][0-9A-Za-z-]*)';
const SUFFIX = `(?:-${PRE}(?:\\.${PRE})*)?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?`;
/** @see https://semver.org/#is-there-a-suggested-regular-expression-regex-to-check-a-semver-string */
const VERSION = new RegExp(`^${NUMBER}\\.${NUMBER}\\.${NUMBER}${SUFFIX}$`);
const COMPARATOR = new RegExp(
  `^ *(?:(?:=|>=|<=|>|<|~|\\^) *)?${NUMBER}(?:\\.${NUMBER}(?:\\.${NUMBER}${SUFFIX}|\\.[*xX])?|\\.[*xX](?:\\.[*xX])?)? *$`,
);
/** in a requirement: Cargo reads no more */
const MAX_COMPARATORS = 32;
/** Cargo's numbers have 64 bits */
const MAX_NUMBER = 2n ** 64n - 1n;
/** characters of a version, as in the semver library */
const MAX_VERSION = 256;
const MAX_REQUIREMENT = 1024;

/** A version in a publish, exactly as semver.org defines it. */
export const assertVersion = (version: unknown): string => {
  const isVersion = typeof version === 'string' && version.length <= MAX_VERSION && VERSION.test(version);
  // the library is the second judge: it refuses numbers that JavaScript would round
  if (isVersion && semver.valid(version) !== null) return version;
  throw invalid(`${quoted(version)} is not a valid semver version`);
};

/** The version without its build metadata: two versions that differ only there are the same to Cargo. */
export const withoutBuild = (version: string): string => version.replace(/\+.*$/s, '');

const isComparator = (text: string): boolean => {
  // identifiers of a pre-release and of build metadata may be any digits
  const numbers = text.split(/[-+]/, 1)[0]?.match(/\d+/g) ?? [];
  return COMPARATOR.test(text) && numbers.every((number) => BigInt(number) <= MAX_NUMBER);
};

/**
 * A version requirement. Cargo skips a line of the index with one that it cannot parse, so the version would not exist.
 * @see https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html
 */
export const assertRequirement = (requirement: unknown, dependency: string): string => {
  if (typeof requirement === 'string' && requirement.length <= MAX_REQUIREMENT) {
    const comparators = requirement.split(',');
    const areComparators = comparators.length <= MAX_COMPARATORS && comparators.every(isComparator);
    if (/^ *[*xX] *$/.test(requirement) || areComparators) return requirement;
  }
  throw invalid(`${quoted(requirement)} is not a valid version requirement of the dependency ${quoted(dependency)}`);
};

/** The highest of these versions; releases are higher than all pre-releases. Undefined: there are none. */
export const highestVersion = (versions: readonly string[]): string | undefined => {
  const stable = versions.filter((version) => semver.prerelease(version) === null);
  return [...(stable.length > 0 ? stable : versions)].sort(semver.compareBuild).at(-1);
};
