import semver from 'semver';
import { RegistryError } from '../../core/classes.registryerror.js';

/**
 * Rules for package names (those of validate-npm-package-name 7), versions, and dist-tags.
 * @see https://github.com/npm/validate-npm-package-name#naming-rules
 */
const SCOPED = /^@([^/]+)\/([^/]+)$/;
const RESERVED = new Set(['node_modules', 'favicon.ico']);
const MAX_NEW_NAME = 214;
/** Old packages have names that are a few characters longer; much longer names do not fit into a storage key. */
const MAX_NAME = 256;
const MAX_TAG = 214;
const MAX_VERSION = 256;

/** Modules of Node itself, which `require` would find first. A fixed list, because other runtimes have more. */
const CORE_MODULES = new Set(
  (
    'assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain ' +
    'events fs http http2 https inspector module net os path perf_hooks process punycode querystring readline repl ' +
    'stream string_decoder sys timers tls trace_events tty url util v8 vm wasi worker_threads zlib'
  ).split(' '),
);

const urlFriendly = (text: string): boolean => {
  try {
    return encodeURIComponent(text) === text;
  } catch {
    return false; // half a surrogate pair, which no URL can hold
  }
};

/**
 * Why a name is invalid even for old packages, or null. The rules for new packages came later, and popular packages
 * break them: `punycode`, `events` and `buffer` are core modules, `JSONStream` has capitals.
 */
export const nameProblem = (name: string): string | null => {
  if (name === '') return 'a name cannot be empty';
  if (name.length > MAX_NAME) return `a name cannot be longer than ${MAX_NAME} characters`;
  if (/^[.\-_]/.test(name)) return 'a name cannot start with a period, a hyphen or an underscore';
  if (name.trim() !== name) return 'a name cannot start or end with a space';
  if (RESERVED.has(name.toLowerCase())) return `${name} is not a valid package name`;
  if (urlFriendly(name)) return null;
  const [, scope, base] = SCOPED.exec(name) ?? [];
  if (scope === undefined || base === undefined || !urlFriendly(scope) || !urlFriendly(base)) {
    return 'a name can only hold URL-friendly characters';
  }
  return base.startsWith('.') ? 'a name cannot start with a period' : null;
};

/** Why the public registry would refuse the name for a new package, or null. */
export const newNameProblem = (name: string): string | null => {
  const problem = nameProblem(name);
  if (problem) return problem;
  if (CORE_MODULES.has(name)) return `${name} is the name of a core module`;
  if (name.length > MAX_NEW_NAME) return `a name cannot be longer than ${MAX_NEW_NAME} characters`;
  if (name.toLowerCase() !== name) return 'a name can no longer hold capital letters';
  if (/[~'!()*]/.test(name)) return 'a name can no longer hold special characters ("~\'!()*")';
  return null;
};

/** For reads: throws `notFound` for a name that no package can have. */
export const assertReadableName = (name: string): string => {
  if (nameProblem(name)) throw new RegistryError('notFound', `${name.slice(0, MAX_NAME)} is not in this registry`);
  return name;
};

const invalidName = (problem: string): RegistryError =>
  new RegistryError('invalid', `Invalid package name: ${problem}`);

/** For writes: throws `invalid` for a name that no package can have. */
export const assertName = (name: string): string => {
  const problem = nameProblem(name);
  if (problem) throw invalidName(problem);
  return name;
};

/** For the first publish of a package with `features.strictNames`. */
export const assertNewName = (name: string): string => {
  const problem = newNameProblem(name);
  if (problem) throw invalidName(problem);
  return name;
};

/** Accepts exactly the form that semver.clean does not change: no `v`, no `=`, no blanks, no build metadata. */
export const assertVersion = (version: unknown): string => {
  if (typeof version !== 'string' || version.length > MAX_VERSION || semver.valid(version) !== version) {
    const shown = typeof version === 'string' ? `"${version.slice(0, 80)}"` : 'of that type';
    throw new RegistryError('invalid', `A version ${shown} is not a clean semantic version such as 1.0.0`);
  }
  return version;
};

/** Every range has a digit, or an `x` or `*`; testing `latest` as a range costs more than rendering a manifest. */
const CERTAINLY_NO_RANGE = /^[a-wyz]+$/i;

/** A tag must not look like a version or a range, or `npm install pkg@tag` would mean something else. */
export const assertTag = (tag: string): string => {
  if (tag === '' || tag.length > MAX_TAG || tag.trim() !== tag || !urlFriendly(tag)) {
    throw new RegistryError('invalid', `A dist-tag must be 1 to ${MAX_TAG} URL-friendly characters`);
  }
  if (!CERTAINLY_NO_RANGE.test(tag) && semver.validRange(tag) !== null) {
    throw new RegistryError('invalid', `Tag name must not be a valid SemVer range: ${tag}`);
  }
  return tag;
};

/** The version in a tarball's file name; null if the file name is not one of this package. */
export const versionOfFile = (name: string, file: string): string | null => {
  const base = name.slice(name.indexOf('/') + 1);
  // some clients repeat the scope: /@scope/x/-/@scope/x-1.0.0.tgz
  const plain = file.startsWith('@') ? file.slice(file.indexOf('/') + 1) : file;
  if (file !== plain && file !== `${name.slice(0, name.indexOf('/'))}/${plain}`) return null;
  if (!plain.startsWith(`${base}-`) || !plain.endsWith('.tgz')) return null;
  return plain.slice(base.length + 1, -'.tgz'.length);
};
