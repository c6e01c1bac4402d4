import { ALIAS, MODIFIER, normalizeVersion, trimmed } from './wire.versions.js';

/**
 * Whether Composer can read a version constraint. One version with a constraint that it cannot read makes the whole
 * package unusable for every client.
 * @see https://github.com/composer/semver/blob/main/src/VersionParser.php, `parseConstraints`
 */

/** Characters; longer than any real constraint. Bounds the work of the expressions below. */
const MAX_CONSTRAINT = 4096;
/** Characters of one part, without `||` and `,`. */
const MAX_PART = 300;

const STABILITY_FLAG = /^([^,\t-\r ]*?)@(?:stable|RC|beta|alpha|dev)$/i;
const REFERENCE = /^(dev-[^,\t-\r @]+?|[^,\t-\r @]+?\.x-dev)#.+$/i;
const ANYTHING = /^v?[xX*](?:\.[xX*])*$/i;
const VERSION = `v?\\d+(?:\\.\\d+)?(?:\\.\\d+)?(?:\\.\\d+)?(?:${MODIFIER}|\\.(?:[xX*][.-]?dev))(?:\\+[^\\t-\\r ]+)?`;
const RANGE = new RegExp(`^[~^](?!>)${VERSION}$`, 'i');
const WILDCARD = /^v?\d+(?:\.\d+)?(?:\.\d+)?(?:\.[xX*])+$/;
const HYPHEN = new RegExp(`^(${VERSION}) +- +(${VERSION})$`, 'i');
const OR = /[\t-\r ]*\|\|?[\t-\r ]*/;
const AND = /(?<!^|as|[=>< ,]) *(?<!-)[, ](?!-) *(?!,|as|$)/;
const COMPARATOR = /^(<>|!=|>=?|<=?|==?)?[\t-\r ]*(.*)/;

const isVersion = (text: string): boolean => normalizeVersion(text) !== null;

const isPart = (text: string): boolean => {
  if (text.length > MAX_PART) return false;
  let part = ALIAS.exec(text)?.[1] ?? text;
  const flagged = STABILITY_FLAG.exec(part);
  if (flagged) part = flagged[1] || '*';
  part = REFERENCE.exec(part)?.[1] ?? part;
  if (ANYTHING.test(part) || WILDCARD.test(part)) return true;
  if (RANGE.test(part)) return isVersion(part.slice(1)) || isVersion(`${part.slice(1)}-dev`);
  const hyphen = HYPHEN.exec(part);
  // the groups of VERSION lie between its two own ones
  if (hyphen) return isVersion(hyphen[1] as string) && isVersion(hyphen[5] as string);
  const version = COMPARATOR.exec(part)?.[2] ?? '';
  // Composer takes `foo-dev` for `dev-foo`
  return isVersion(version) || /^[0-9a-zA-Z./-]*-dev$/.test(version);
};

/** True for `^1.2 || 2.0.*`, `>=1.0,<2.0`, `dev-main#abc` and the like. */
export const isConstraint = (text: string): boolean => {
  if (text.length > MAX_CONSTRAINT) return false;
  // the expressions would try every way to divide a long run of spaces; a fifth space changes nothing, but a second one
  // does: Composer reads `1.0- 2.0` in another way with two
  const alternatives = trimmed(text)
    .replace(/([\t-\r ]{4})[\t-\r ]+/g, '$1')
    .split(OR);
  // most have one part, and to split costs more than to read it
  return alternatives.every((one) => (/[, ]/.test(one) ? one.split(AND).every(isPart) : isPart(one)));
};
