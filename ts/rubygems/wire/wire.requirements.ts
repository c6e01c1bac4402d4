import { invalid } from '../../core/base/helpers.errors.js';
import { quoted } from './wire.names.js';
import { isVersion, normalizeVersion } from './wire.versions.js';
import type { TYaml } from './wire.yaml.js';

const OPERATORS: ReadonlySet<string> = new Set(['=', '!=', '>', '<', '>=', '<=', '~>']);

/** conditions of one requirement; the longest in public use have some ten */
const MAX_CONDITIONS = 50;

/** What `Gem::Requirement` takes a requirement without conditions for. */
export const ANY: readonly string[] = ['>= 0'];

/** The version in `!ruby/object:Gem::Version`; undefined if there is none. */
export const versionIn = (value: TYaml | undefined): string | undefined => {
  const text = value instanceof Map ? (value as ReadonlyMap<string, TYaml>).get('version') : value;
  return typeof text === 'string' ? text.trim() : undefined;
};

/** `YAML::Syck::DefaultKey` is `=` in gems of 2010: an error of the YAML library of that time. */
const operatorIn = (value: TYaml | undefined): unknown => (value instanceof Map && value.size === 0 ? '=' : value);

const conditionOf = (value: TYaml, what: string): string => {
  const [first, second] = Array.isArray(value) ? (value as TYaml[]) : [];
  const operator = operatorIn(first);
  const version = versionIn(second);
  if (typeof operator !== 'string' || !OPERATORS.has(operator)) {
    throw invalid(`The ${what} has a condition without an operator that RubyGems knows`);
  }
  if (version === undefined || !isVersion(version)) {
    throw invalid(`The ${what} has the condition ${operator} ${quoted(version ?? '')}, which names no version`);
  }
  return `${operator} ${normalizeVersion(version)}`;
};

/**
 * The conditions of a `Gem::Requirement`, each as `>= 1.0`, without doubles.
 * @param what how messages call it
 */
export const requirementOf = (value: TYaml | undefined, what: string): string[] => {
  if (value === null || value === undefined) return [...ANY];
  const list = value instanceof Map ? (value as ReadonlyMap<string, TYaml>).get('requirements') : value;
  if (!Array.isArray(list)) throw invalid(`The ${what} is no requirement`);
  if (list.length > MAX_CONDITIONS) throw invalid(`The ${what} has more than ${MAX_CONDITIONS} conditions`);
  const conditions = (list as TYaml[]).map((condition) => conditionOf(condition, what));
  return conditions.length === 0 ? [...ANY] : [...new Set(conditions)];
};
