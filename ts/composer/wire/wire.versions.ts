import { RegistryError } from '../../core/classes.registryerror.js';

/**
 * Versions by the rules of Composer.
 * @see https://github.com/composer/semver/blob/main/src/VersionParser.php
 */

/** Characters; the longest version of a public package has 68. Bounds the work of the expressions below, too. */
const MAX_VERSION = 255;

const STABILITIES = 'stable|RC|beta|alpha|dev';
/**
 * The end of a version. Composer writes the digits as `(?:[.-]?\d+)*+`, which backtracks exponentially without its
 * possessive `+`; this form matches the same texts in one way only.
 */
export const MODIFIER = '[._-]?(?:(stable|beta|b|RC|alpha|a|patch|pl|p)((?:[.-]?\\d)*)?)?([.-]?dev)?';

/**
 * White space as PHP's expressions know it: ASCII only. JavaScript's `\s` and `trim` also take a no-break space, which
 * Composer refuses in a version.
 */
const SPACE = '\\t-\\r ';
/** What PHP's `trim` removes. */
const ENDS = ' \n\r\t\v\0';

/** The text as PHP trims it. No expression: one for the end takes quadratic time for long runs in the middle. */
export const trimmed = (text: string): string => {
  let from = 0;
  let to = text.length;
  while (from < to && ENDS.includes(text[from] as string)) from++;
  while (to > from && ENDS.includes(text[to - 1] as string)) to--;
  return text.slice(from, to);
};

/** `1.0 as 2.0`: the first group is the version without its alias. */
export const ALIAS = new RegExp(`^([^,${SPACE}]+) +as +[^,${SPACE}]+$`);
const STABILITY_FLAG = new RegExp(`@(?:${STABILITIES})$`, 'i');
const BUILD = new RegExp(`^([^,${SPACE}+]+)\\+[^${SPACE}]+$`);
const CLASSICAL = new RegExp(`^v?(\\d{1,5})(\\.\\d+)?(\\.\\d+)?(\\.\\d+)?${MODIFIER}$`, 'i');
const DATED = new RegExp(`^v?(\\d{4}(?:[.:-]?\\d{2}){1,6}(?:[.:-]?\\d{1,3}){0,2})${MODIFIER}$`, 'i');
const BRANCH = /^v?(\d+)(\.(?:\d+|[xX*]))?(\.(?:\d+|[xX*]))?(\.(?:\d+|[xX*]))?$/i;
const DEV_BRANCH = /^(.*?)[.-]?dev$/i;

const LONG: Record<string, string> = { a: 'alpha', b: 'beta', p: 'patch', pl: 'patch', rc: 'RC' };

const longStability = (short: string): string => {
  const lower = short.toLowerCase();
  return Object.hasOwn(LONG, lower) ? (LONG[lower] as string) : lower;
};

/** The normalised name of a branch: `1.x` -> `1.9999999.9999999.9999999-dev`, `main` -> `dev-main`. */
export const normalizeBranch = (branch: string): string => {
  const name = trimmed(branch);
  const parts = BRANCH.exec(name);
  if (!parts) return `dev-${name}`;
  const version = [1, 2, 3, 4].map((at) => (parts[at] ?? '.x').replace(/[*X]/g, 'x')).join('');
  return `${version.replaceAll('x', '9999999')}-dev`;
};

/** The version without an alias and a stability flag, as it is shown: `dev-main as 1.0` -> `dev-main`. */
const withoutFlags = (text: string): string => {
  const given = trimmed(text);
  return (ALIAS.exec(given)?.[1] ?? given).replace(STABILITY_FLAG, '');
};

const withModifiers = (version: string, stability = '', digits = '', dev = ''): string => {
  if (stability === 'stable') return version;
  const suffix = stability === '' ? '' : `-${longStability(stability)}${digits.replace(/^[.-]+/, '')}`;
  return `${version}${suffix}${dev === '' ? '' : '-dev'}`;
};

/** `1.2` -> `1.2.0.0`; null if the text is no version. */
export const normalizeVersion = (text: string): string | null => {
  if (text.length > MAX_VERSION) return null;
  let version = withoutFlags(text);
  if (version === 'master' || version === 'trunk' || version === 'default') version = `dev-${version}`;
  if (/^dev-/i.test(version)) return `dev-${version.slice(4)}`;
  version = BUILD.exec(version)?.[1] ?? version;
  const classical = CLASSICAL.exec(version);
  if (classical) {
    const [, major, minor = '.0', patch = '.0', fourth = '.0', ...modifiers] = classical;
    return withModifiers(`${major}${minor}${patch}${fourth}`, ...modifiers);
  }
  const dated = DATED.exec(version);
  if (dated) {
    const [, date, ...modifiers] = dated;
    return withModifiers((date as string).replace(/\D/g, '.'), ...modifiers);
  }
  const branch = DEV_BRANCH.exec(version);
  // a branch that ends in -dev is numeric; any other has the prefix dev-
  const normalized = branch && normalizeBranch(branch[1] as string);
  return normalized && !normalized.includes('dev-') ? normalized : null;
};

/** Whether a normalised version is one that changes: `dev-main`, `1.9999999.9999999.9999999-dev`. */
export const isDev = (normalized: string): boolean => normalized.startsWith('dev-') || normalized.endsWith('-dev');

/** Whether a normalised version is stable: not dev, alpha, beta or RC. */
export const isStable = (normalized: string): boolean => !isDev(normalized) && !/-(?:alpha|beta|RC)/.test(normalized);

export interface IParsedVersion {
  /** as it is shown */
  version: string;
  normalized: string;
}

/** Returns the version in both forms; throws `invalid` if Composer could not read it. */
export const parseVersion = (text: string): IParsedVersion => {
  const isPlain = !/[\u0001-\u001f\u007f]/.test(trimmed(text)) && !text.includes('\0');
  const normalized = isPlain ? normalizeVersion(text) : null;
  if (normalized === null || normalized === 'dev-') {
    const shown = text.length > 64 ? `${text.slice(0, 64)}…` : text;
    throw new RegistryError('invalid', `Invalid version string ${JSON.stringify(shown)}`);
  }
  return { version: withoutFlags(text), normalized };
};

/**
 * The version in the name of an archive: `acme-lib-1.2.0.zip`, or as `composer archive` writes it, with the beginning of
 * a reference (`acme-lib-1.2.0-1a2b3c.zip`). Undefined if there is none.
 */
export const versionInFileName = (file: string): string | undefined => {
  const parts = file.replace(/\.[a-z]+$/i, '').split('-');
  for (const end of [parts.length, parts.length - 1]) {
    for (let start = 1; start < end; start++) {
      const text = parts.slice(start, end).join('-');
      if (/^(?:v?\d|dev-.)/.test(text) && normalizeVersion(text) !== null) return text;
    }
  }
  return undefined;
};
