import { invalid } from '../../core/base/helpers.errors.js';
import { isRecord } from '../../core/base/helpers.values.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { TComposerManifest } from '../interfaces.composer.js';
import { isConstraint } from './wire.constraints.js';
import { isUnsetMark } from './wire.minifier.js';
import { isPackageName, normalizeName } from './wire.names.js';
import { type IParsedVersion, parseVersion } from './wire.versions.js';

/**
 * composer.json of an upload. Composer reads the metadata of a version in the types that its schema names, and stops
 * with an error at any other: one bad version would make the whole package unusable, so it is refused.
 * @see https://getcomposer.org/schema.json
 */
/** Of a composer.json, characters; public ones have a few KiB. */
export const MAX_MANIFEST = 1024 * 1024;

/** Levels of a composer.json: PHP reads 512, and the metadata file adds some. */
const MAX_DEPTH = 500;

/** The kinds of links, all read by `ArrayLoader::parseLinks`. */
const LINKS = ['require', 'require-dev', 'conflict', 'replace', 'provide'];

/**
 * Members that the registry sets itself. `notification-url` and `transport-options` would make every client that
 * installs the package send requests, or send them otherwise, as its author likes.
 */
const OWN_MEMBERS = new Set([
  'name',
  'version',
  'version_normalized',
  'dist',
  'published-time',
  'notification-url',
  'transport-options',
  'installation-source',
]);

const isText = (value: unknown): boolean => typeof value === 'string';
const isTextList = (value: unknown): boolean => Array.isArray(value) && value.every(isText);
/** PHP writes an empty object as `[]`. */
const isMap = (value: unknown): boolean => isRecord(value) || (Array.isArray(value) && value.length === 0);
const isTextMap = (value: unknown): boolean => isMap(value) && Object.values(value as object).every(isText);
const isTexts = (value: unknown): boolean => isText(value) || isTextList(value) || isTextMap(value);

/** Whether each of these members is absent, null, or passes. */
const hasMembers = (value: unknown, rules: Readonly<Record<string, (member: unknown) => boolean>>): boolean =>
  Object.entries(rules).every(([name, is]) => {
    const member = Object.hasOwn(value as object, name) ? (value as Record<string, unknown>)[name] : undefined;
    return member === undefined || member === null || is(member);
  });

const isSource = (value: unknown): boolean =>
  isRecord(value) &&
  ['type', 'url', 'reference'].every((name) => isText(value[name])) &&
  hasMembers(value, { mirrors: Array.isArray });
const isArchive = (value: unknown): boolean => isMap(value) && hasMembers(value, { name: isText, exclude: isTextList });
/** Composer prints each value. */
const isSupport = (value: unknown): boolean =>
  isMap(value) && Object.values(value as object).every((one) => typeof one !== 'object' || one === null);
const isPeople = (value: unknown, members: readonly string[]): boolean => {
  const rules = Object.fromEntries(members.map((name) => [name, isText]));
  return Array.isArray(value) && value.every((one) => isRecord(one) && hasMembers(one, rules));
};
/** A namespace has one path or several; the other kinds are lists of paths. */
const isPaths = (value: unknown): boolean =>
  isTexts(value) || (isMap(value) && Object.values(value as object).every((paths) => paths === null || isTexts(paths)));
const isAutoload = (value: unknown): boolean =>
  isMap(value) &&
  hasMembers(value, {
    'psr-0': isPaths,
    'psr-4': isPaths,
    classmap: isTexts,
    files: isTexts,
    'exclude-from-classmap': isTexts,
  });
const isExtra = (value: unknown): boolean =>
  !isRecord(value) || !Object.hasOwn(value, 'branch-alias') || isTextMap(value['branch-alias']);

interface IRule {
  is(value: unknown): boolean;
  what: string;
}

const TEXT: IRule = { is: isText, what: 'a text' };
const TEXTS: IRule = { is: (value) => isText(value) || isTextList(value), what: 'a text or a list of texts' };
const MAP: IRule = { is: isMap, what: 'an object' };
const AUTOLOAD: IRule = { is: isAutoload, what: 'an object of paths' };

/** Rules for members that have one; null is the same as absent for Composer. */
const RULES: Readonly<Record<string, IRule>> = {
  type: TEXT,
  time: TEXT,
  description: TEXT,
  homepage: TEXT,
  'target-dir': TEXT,
  license: TEXTS,
  bin: TEXTS,
  keywords: { is: isTextList, what: 'a list of texts' },
  'include-path': { is: isTextList, what: 'a list of texts' },
  authors: {
    is: (value) => isPeople(value, ['name', 'email', 'homepage', 'role']),
    what: 'a list of objects of texts',
  },
  funding: {
    is: (value) => isPeople(value, ['type', 'url']),
    what: 'a list of objects with the texts "type" and "url"',
  },
  autoload: AUTOLOAD,
  'autoload-dev': AUTOLOAD,
  support: { is: isSupport, what: 'an object of texts' },
  archive: { is: isArchive, what: 'an object whose "name" is a text and whose "exclude" is a list of texts' },
  scripts: MAP,
  'php-ext': MAP,
  suggest: { is: isTextMap, what: 'an object of texts' },
  source: { is: isSource, what: 'an object with the texts "type", "url" and "reference"' },
  extra: { is: isExtra, what: 'an object whose "branch-alias" has texts only' },
  abandoned: { is: (value) => typeof value === 'boolean' || isText(value), what: 'true, false or a package name' },
};

const assertMembers = (manifest: TComposerManifest): void => {
  for (const [name, value] of Object.entries(manifest)) {
    if (isUnsetMark(value))
      throw invalid('composer.json has a member with the value "__unset", which has a meaning of its own');
    const rule = Object.hasOwn(RULES, name) ? RULES[name] : undefined;
    if (rule && value !== null && !rule.is(value)) throw invalid(`composer.json: "${name}" must be ${rule.what}`);
  }
};

const assertLinks = (manifest: TComposerManifest): void => {
  for (const kind of LINKS) {
    const links = Object.hasOwn(manifest, kind) ? manifest[kind] : null;
    if (links === null) continue;
    if (!isTextMap(links)) throw invalid(`composer.json: "${kind}" must be an object of version constraints`);
    for (const [target, constraint] of Object.entries(links as Record<string, string>)) {
      if (constraint === 'self.version' || isConstraint(constraint)) continue;
      const shown = `${target.slice(0, 100)}: ${constraint.slice(0, 100)}`;
      throw invalid(`composer.json: "${kind}" has an invalid version constraint: ${shown}`);
    }
  }
};

const isDeeperThan = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((member) => isDeeperThan(member, levels - 1)));

/** The text of a composer.json as an object. Throws `invalid` for anything else. */
export const parseManifest = (bytes: Uint8Array): TComposerManifest => {
  let manifest: unknown;
  try {
    manifest = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new RegistryError('invalid', 'The composer.json in the zip is not valid JSON', { cause });
  }
  if (!isRecord(manifest)) throw invalid('The composer.json in the zip is not an object');
  if (isDeeperThan(manifest, MAX_DEPTH))
    throw invalid(`The composer.json in the zip has more than ${MAX_DEPTH} levels`);
  return manifest;
};

const versionOf = (manifest: TComposerManifest, requested: string | undefined): IParsedVersion => {
  const own: unknown = Object.hasOwn(manifest, 'version') ? manifest.version : undefined;
  if (own !== undefined && own !== null && typeof own !== 'string') {
    throw invalid('composer.json: "version" must be a text');
  }
  const text = own ?? requested;
  if (text === undefined || text === '') {
    throw invalid('The version is missing: composer.json has none, so the request needs one (?version=1.2.0)');
  }
  const version = parseVersion(text);
  if (typeof own === 'string' && requested !== undefined && parseVersion(requested).normalized !== version.normalized) {
    throw invalid(`The request is for version ${requested.slice(0, 100)}, but composer.json has version ${own}`);
  }
  return version;
};

/** What an upload publishes. */
export interface ICheckedManifest extends IParsedVersion {
  manifest: TComposerManifest;
}

/**
 * Checks the composer.json of an upload.
 * @param name of the package in the path, as it is stored
 * @param requested version in the request
 */
export const checkManifest = (
  manifest: TComposerManifest,
  name: string,
  requested: string | undefined,
): ICheckedManifest => {
  const own: unknown = Object.hasOwn(manifest, 'name') ? manifest.name : undefined;
  if (typeof own !== 'string') throw invalid('The composer.json in the zip has no "name"');
  const shown = own.slice(0, 200);
  if (!isPackageName(normalizeName(own))) throw invalid(`The composer.json in the zip has an invalid name: ${shown}`);
  if (normalizeName(own) !== name) throw invalid(`The composer.json in the zip is of ${shown}, not of ${name}`);
  assertMembers(manifest);
  assertLinks(manifest);
  const kept = Object.fromEntries(Object.entries(manifest).filter(([member]) => !OWN_MEMBERS.has(member)));
  return { ...versionOf(manifest, requested), manifest: kept };
};
