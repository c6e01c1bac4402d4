import { invalid } from '../../core/base/helpers.errors.js';
import { isRecord } from '../../core/base/helpers.values.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { ICrateAbout, IIndexDependency, IPublishMetadata, TDependencyKind } from '../interfaces.cargo.js';
import { assertCrateName, assertDependencyName, assertFeatureName, assertFeatureValue, quoted } from './wire.names.js';
import { assertRequirement, assertVersion } from './wire.versions.js';

/**
 * The JSON of a publish.
 * @see https://doc.rust-lang.org/cargo/reference/registry-web-api.html#publish
 */
/** characters of a text that the index or search shows */
const MAX_TEXT = 64 * 1024;
/** levels of lists and objects in a field that is passed through */
const MAX_DEPTH = 16;

/** Fields of a publish that the index does not show. */
const KNOWN = new Set([
  'name',
  'vers',
  'deps',
  'features',
  'authors',
  'description',
  'documentation',
  'homepage',
  'readme',
  'readme_file',
  'keywords',
  'categories',
  'license',
  'license_file',
  'repository',
  'badges',
  'links',
  'rust_version',
  // the registry writes these
  'cksum',
  'yanked',
  'pubtime',
  'v',
  'features2',
]);
const KNOWN_OF_DEPENDENCY = new Set([
  'name',
  'version_req',
  'req',
  'features',
  'optional',
  'default_features',
  'target',
  'kind',
  'registry',
  'explicit_name_in_toml',
  'package',
]);

const isShallow = (value: unknown, depth: number): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (depth > 0 && Object.values(value).every((one) => isShallow(one, depth - 1)));

/** Fields that this release does not know: a newer cargo that sends them will look for them in the index. */
const othersOf = (source: Record<string, unknown>, known: ReadonlySet<string>): [string, unknown][] =>
  Object.entries(source).filter(([field, value]) => {
    if (known.has(field) || field === '__proto__') return false;
    if (!isShallow(value, MAX_DEPTH)) throw invalid(`The field ${quoted(field)} is nested too deeply`);
    return true;
  });

const textOf = (source: Record<string, unknown>, field: string): string | null => {
  const value = source[field];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') throw invalid(`The field \`${field}\` of the metadata is not a text`);
  if (value.length > MAX_TEXT) {
    throw invalid(`The field \`${field}\` of the metadata has more than ${MAX_TEXT} characters`);
  }
  return value;
};

/** A list; absent and null are empty, because older clients fail on null in the index. */
const listOf = (source: Record<string, unknown>, field: string): unknown[] => {
  const value = source[field] ?? [];
  if (!Array.isArray(value)) throw invalid(`The field \`${field}\` of the metadata is not a list`);
  return value;
};

const flagOf = (source: Record<string, unknown>, field: string, otherwise: boolean): boolean => {
  const value = source[field] ?? otherwise;
  if (typeof value !== 'boolean') throw invalid(`The field \`${field}\` of a dependency is neither true nor false`);
  return value;
};

const KINDS: readonly unknown[] = ['normal', 'dev', 'build'];
const kindOf = (value: unknown): TDependencyKind => {
  const kind = value ?? 'normal';
  if (!KINDS.includes(kind)) throw invalid(`${quoted(kind)} is not a kind of dependency: normal, dev or build is`);
  return kind as TDependencyKind;
};

/**
 * The index URL of another registry, as it was sent (`sparse+https://…`, or the URL of a git repository). Cargo skips a
 * line of the index with one that it cannot parse.
 */
const registryOf = (source: Record<string, unknown>): string | null => {
  const registry = textOf(source, 'registry');
  if (registry === null || registry === '') return null;
  if (URL.canParse(registry.replace(/^(?:sparse|registry)\+/, ''))) return registry;
  throw invalid(`${quoted(registry)} is not the URL of a registry`);
};

/** Cargo skips a line of the index with another form. */
const rustVersionOf = (source: Record<string, unknown>): string | null => {
  const version = textOf(source, 'rust_version');
  if (version === null || /^\d{1,9}(?:\.\d{1,9}){0,2}$/.test(version)) return version;
  throw invalid(`${quoted(version)} is not a valid rust-version: it must be a number such as 1.70`);
};

/**
 * A publish has the real name in `name` and the alias in `explicit_name_in_toml`; the index has the alias in `name` and
 * the real name in `package`.
 */
const dependencyOf = (source: unknown): IIndexDependency => {
  if (!isRecord(source)) throw invalid('A dependency of the metadata is not an object');
  const real = assertDependencyName(source.name);
  const explicit = source.explicit_name_in_toml ?? null;
  const alias = explicit === null ? real : assertDependencyName(explicit);
  return {
    name: alias,
    req: assertRequirement(source.version_req, real),
    features: listOf(source, 'features').map(assertFeatureValue),
    optional: flagOf(source, 'optional', false),
    default_features: flagOf(source, 'default_features', true),
    target: textOf(source, 'target'),
    kind: kindOf(source.kind),
    registry: registryOf(source),
    package: explicit === null ? null : real,
    ...Object.fromEntries(othersOf(source, KNOWN_OF_DEPENDENCY)),
  };
};

type TFeatures = [name: string, values: string[]][];

const featuresOf = (source: unknown): TFeatures => {
  if (source === undefined || source === null) return [];
  if (!isRecord(source)) throw invalid('The field `features` of the metadata is not an object');
  return Object.entries(source).map(([name, values]) => {
    if (!Array.isArray(values)) throw invalid(`The feature ${quoted(name)} is not a list`);
    return [assertFeatureName(name), values.map(assertFeatureValue)];
  });
};

/** Cargo before 1.60 fails on these, and skips lines with `v: 2`, where they are in `features2`. */
const isNewSyntax = ([, values]: TFeatures[number]): boolean =>
  values.some((value) => value.startsWith('dep:') || value.includes('?/'));

const keywordsOf = (source: Record<string, unknown>): string[] =>
  listOf(source, 'keywords').map((keyword) => {
    if (typeof keyword !== 'string') throw invalid('A keyword of the metadata is not a text');
    return keyword.slice(0, 256);
  });

const aboutOf = (source: Record<string, unknown>): ICrateAbout => ({
  description: textOf(source, 'description'),
  keywords: keywordsOf(source),
  homepage: textOf(source, 'homepage'),
  documentation: textOf(source, 'documentation'),
  repository: textOf(source, 'repository'),
  license: textOf(source, 'license'),
});

/** Checks metadata that were parsed from JSON. Throws `invalid` with a sentence that cargo prints. */
export const checkMetadata = (source: unknown): IPublishMetadata => {
  if (!isRecord(source)) throw invalid('The metadata of the publish are not an object');
  const name = assertCrateName(source.name);
  const vers = assertVersion(source.vers);
  const features = [...featuresOf(source.features), ...featuresOf(source.features2)];
  const newer = features.filter(isNewSyntax);
  return {
    name,
    vers,
    deps: listOf(source, 'deps').map(dependencyOf),
    features: Object.fromEntries(features.filter((feature) => !isNewSyntax(feature))),
    features2: newer.length > 0 ? Object.fromEntries(newer) : null,
    links: textOf(source, 'links'),
    rustVersion: rustVersionOf(source),
    about: aboutOf(source),
    others: Object.fromEntries(othersOf(source, KNOWN)),
  };
};

/** The metadata of a publish, from the bytes of the frame. */
export const parseMetadata = (bytes: Buffer): IPublishMetadata => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new RegistryError('invalid', 'The metadata of the publish are not valid JSON', { cause });
  }
  return checkMetadata(parsed);
};
