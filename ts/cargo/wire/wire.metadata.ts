import { invalid } from '../../core/base/helpers.errors.js';
import { isRecord } from '../../core/base/helpers.values.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { ICrateAbout, IIndexDependency, IPublishMetadata, TDependencyKind } from '../interfaces.cargo.js';
import { assertCrateName, assertDependencyName, assertFeatureName, assertFeatureValue, quoted } from './wire.names.js';
import { assertPlatform } from './wire.platforms.js';
import { assertRequirement, assertVersion } from './wire.versions.js';

/**
 * The JSON of a publish.
 * @see https://doc.rust-lang.org/cargo/reference/registry-web-api.html#publish
 */
/** characters of a text that the index or search shows */
const MAX_TEXT = 64 * 1024;
const RUST_VERSION = /^(?:0|[1-9]\d{0,8})(?:\.(?:0|[1-9]\d{0,8})){0,2}$/;
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
  const url = registry.replace(/^(?:sparse|registry)\+/, '');
  // `mailto:x` is a URL too, but nothing can be below it
  if (URL.canParse(url) && URL.canParse('x', url)) return registry;
  throw invalid(`${quoted(registry)} is not the URL of a registry`);
};

/** Cargo skips a line of the index with another form. */
const rustVersionOf = (source: Record<string, unknown>): string | null => {
  const version = textOf(source, 'rust_version');
  if (version === null || RUST_VERSION.test(version)) return version;
  throw invalid(`${quoted(version)} is not a valid rust-version: it must be a number such as 1.70`);
};

const platformOf = (source: Record<string, unknown>): string | null => {
  const platform = textOf(source, 'target');
  return platform === null ? null : assertPlatform(platform);
};

/**
 * Fields of a dependency that are passed through. Every cargo reads those of artifact dependencies, and skips a line of
 * the index with another type in one of them.
 */
const passedThrough = (source: Record<string, unknown>): Record<string, unknown> => {
  const { artifact = null, lib = null } = source;
  if (artifact !== null && !(Array.isArray(artifact) && artifact.every((kind) => typeof kind === 'string'))) {
    throw invalid('The field `artifact` of a dependency is not a list of texts');
  }
  textOf(source, 'bindep_target');
  flagOf(source, 'lib', false);
  const others = othersOf(source, KNOWN_OF_DEPENDENCY);
  // absent is false, but cargo skips lines with null
  return Object.fromEntries(lib === null ? others.filter(([field]) => field !== 'lib') : others);
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
    target: platformOf(source),
    kind: kindOf(source.kind),
    registry: registryOf(source),
    package: explicit === null ? null : real,
    ...passedThrough(source),
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

const isNewSyntax = (value: string): boolean => value.startsWith('dep:') || value.includes('?/');

/**
 * Returns whether a feature belongs into `features2`: Cargo before 1.60 fails on its syntax, and skips lines with `v: 2`.
 * Features that enable such a feature belong there too, as the public registry has them, because to a reader that knows
 * `features` only they enable nothing.
 */
const newerThanFeatures = (features: TFeatures): ((feature: TFeatures[number]) => boolean) => {
  const enabledBy = new Map<string, string[]>(features.map(([name]) => [name, []]));
  for (const [name, values] of features) for (const value of values) enabledBy.get(value)?.push(name);
  const newer = new Set(features.filter(([, values]) => values.some(isNewSyntax)).map(([name]) => name));
  // the loop also reaches what is added meanwhile
  for (const name of newer) for (const other of enabledBy.get(name) ?? []) newer.add(other);
  return ([, values]) => values.some((value) => isNewSyntax(value) || newer.has(value));
};

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
  const isNewer = newerThanFeatures(features);
  const newer = features.filter(isNewer);
  return {
    name,
    vers,
    deps: listOf(source, 'deps').map(dependencyOf),
    features: Object.fromEntries(features.filter((feature) => !isNewer(feature))),
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
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new RegistryError('invalid', 'The metadata of the publish are not valid JSON', { cause });
  }
  return checkMetadata(parsed);
};
