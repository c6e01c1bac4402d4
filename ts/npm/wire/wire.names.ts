import semver from 'semver';
import { RegistryError } from '../../core/classes.registryerror.js';

/**
 * What may be called what: package names as validate-npm-package-name 7 has them, versions, dist-tags.
 * @see https://github.com/npm/validate-npm-package-name#naming-rules
 */
const SCOPED = /^@([^/]+)\/([^/]+)$/;
const RESERVED = new Set(['node_modules', 'favicon.ico']);
const MAX_NEW_NAME = 214;
/** Old packages have names of a few characters more; of much longer ones no storage key can be made. */
const MAX_NAME = 256;
const MAX_TAG = 214;
const MAX_VERSION = 256;

/** Modules of Node itself, which `require` would find first. A fixed list: other runtimes count more among theirs. */
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
 * Why a name is not even valid for old packages, or null. The rules for new packages came later, so packages that
 * everybody depends on break them: `punycode`, `events` and `buffer` are core modules, `JSONStream` has capitals.
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

/** For reads: a name that no package can have is simply not there. */
export const assertReadableName = (name: string): string => {
  if (nameProblem(name)) throw new RegistryError('notFound', `${name.slice(0, MAX_NAME)} is not in this registry`);
  return name;
};

const invalidName = (problem: string): RegistryError =>
  new RegistryError('invalid', `Invalid package name: ${problem}`);

/** For writes: a name that some package has, or could have. */
export const assertName = (name: string): string => {
  const problem = nameProblem(name);
  if (problem) throw invalidName(problem);
  return name;
};

/** For the first publish of a package where `features.strictNames` is on. */
export const assertNewName = (name: string): string => {
  const problem = newNameProblem(name);
  if (problem) throw invalidName(problem);
  return name;
};

/** Exactly the form that semver.clean leaves alone: no `v`, no `=`, no blanks, no build metadata. */
export const assertVersion = (version: unknown): string => {
  if (typeof version !== 'string' || version.length > MAX_VERSION || semver.valid(version) !== version) {
    const shown = typeof version === 'string' ? `"${version.slice(0, 80)}"` : 'of that type';
    throw new RegistryError('invalid', `A version ${shown} is not a clean semantic version such as 1.0.0`);
  }
  return version;
};

/** Every range has a number in it, or an `x` or `*` for one; to ask of `latest` in earnest costs more than a manifest. */
const CERTAINLY_NO_RANGE = /^[a-wyz]+$/i;

/** A tag must not read as a version or a range, or `npm install pkg@tag` would mean something else. */
export const assertTag = (tag: string): string => {
  if (tag === '' || tag.length > MAX_TAG || tag.trim() !== tag || !urlFriendly(tag)) {
    throw new RegistryError('invalid', `A dist-tag must be 1 to ${MAX_TAG} URL-friendly characters`);
  }
  if (!CERTAINLY_NO_RANGE.test(tag) && semver.validRange(tag) !== null) {
    throw new RegistryError('invalid', `Tag name must not be a valid SemVer range: ${tag}`);
  }
  return tag;
};

/** The version that a tarball's file name holds; null where the file is not one of this package's. */
export const versionOfFile = (name: string, file: string): string | null => {
  const base = name.slice(name.indexOf('/') + 1);
  // some clients repeat the scope: /@scope/x/-/@scope/x-1.0.0.tgz
  const plain = file.startsWith('@') ? file.slice(file.indexOf('/') + 1) : file;
  if (file !== plain && file !== `${name.slice(0, name.indexOf('/'))}/${plain}`) return null;
  if (!plain.startsWith(`${base}-`) || !plain.endsWith('.tgz')) return null;
  return plain.slice(base.length + 1, -'.tgz'.length);
};
