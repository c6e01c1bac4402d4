import { invalid } from '../../core/base/helpers.errors.js';

/** The rule of the public registry, without its list of reserved words. */
const CRATE = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
/**
 * Cargo's own rule for packages, which other registries may use.
 * @see https://doc.rust-lang.org/cargo/reference/manifest.html#the-name-field
 */
const DEPENDENCY = /^[\p{XID_Start}_][\p{XID_Continue}-]{0,255}$/u;
/** @see https://doc.rust-lang.org/cargo/reference/features.html#the-features-section */
const FEATURE = /^[\p{XID_Start}_0-9][\p{XID_Continue}+.-]{0,255}$/u;

const textOf = (value: unknown): string => {
  if (typeof value === 'string') return value;
  // `JSON.stringify` overflows the stack with lists in lists, which `JSON.parse` reads at any depth
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? '[…]' : '{…}';
  return String(value);
};

/** Text from outside in a message: its beginning, in backticks. */
export const quoted = (value: unknown): string => {
  const text = textOf(value);
  return `\`${text.length > 80 ? `${text.slice(0, 80)}…` : text}\``;
};

export const isCrateName = (name: unknown): name is string => typeof name === 'string' && CRATE.test(name);

/** A name in a publish. */
export const assertCrateName = (name: unknown): string => {
  if (isCrateName(name)) return name;
  throw invalid(
    `${quoted(name)} is not a valid crate name: it must begin with a letter, have only ASCII letters, digits, \`-\` and \`_\`, and no more than 64 characters`,
  );
};

/** The name of a dependency, or its alias. */
export const assertDependencyName = (name: unknown): string => {
  if (typeof name === 'string' && DEPENDENCY.test(name)) return name;
  throw invalid(`${quoted(name)} is not a valid name of a dependency`);
};

export const assertFeatureName = (name: string): string => {
  if (FEATURE.test(name)) return name;
  throw invalid(
    `${quoted(name)} is not a valid feature name: it must have only letters, digits, \`_\`, \`-\`, \`+\` and \`.\``,
  );
};

/** An item of a feature's list: a feature, `dep:name`, `name/feature` or `name?/feature`. */
export const assertFeatureValue = (value: unknown): string => {
  if (typeof value === 'string') {
    const [, dependency, name, feature] = /^(?:dep:(.+)|([^/?]+)\??\/(.+))$/s.exec(value) ?? [];
    if (dependency !== undefined ? DEPENDENCY.test(dependency) : feature === undefined && FEATURE.test(value)) {
      return value;
    }
    if (name !== undefined && feature !== undefined && DEPENDENCY.test(name) && FEATURE.test(feature)) return value;
  }
  throw invalid(`${quoted(value)} is not a valid item of a feature`);
};
