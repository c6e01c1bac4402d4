import { invalid } from '../../core/base/helpers.errors.js';
import { isVersion } from './wire.versions.js';

/** characters; the longest names in public use have some 90 */
const MAX_NAME = 128;

const NAME = /^[A-Za-z0-9._-]+$/;

/** Whether gems may depend on a gem of this name. */
export const isDependencyName = (name: string): boolean => name.length <= MAX_NAME && NAME.test(name);

/** Whether a gem may have this name: with a letter, and without a special character at its beginning. */
export const isGemName = (name: string): boolean =>
  isDependencyName(name) && /[A-Za-z]/.test(name) && /^[A-Za-z0-9]/.test(name);

/** Text from outside in a message: its beginning, without control characters. */
export const quoted = (text: string): string =>
  `"${text.slice(0, 80).replace(/[\u0000-\u001f\u007f]/g, '?')}${text.length > 80 ? '…' : ''}"`;

/** The name of a gem that is pushed. */
export const assertGemName = (name: string): string => {
  if (isGemName(name)) return name;
  throw invalid(
    `${quoted(name)} is not a name that a gem can have: at most ${MAX_NAME} ASCII letters, digits, ".", "-" and "_", at least one letter, and a letter or digit first`,
  );
};

/** The last part of the name of a content-addressed gem. @see RubyGems 4.1, `gem build --ruby-abi` */
const ADDRESS = /^[0-9a-f]{8,64}$/;

/** The address in a slug; undefined if the slug does not end with one. */
export const addressIn = (slug: string): string | undefined => {
  const address = slug.slice(slug.indexOf('-') + 1);
  return address !== slug && ADDRESS.test(address) ? address : undefined;
};

/** A gem and one of its builds, as a file name can mean them. */
export interface IBuildName {
  name: string;
  /** version, or version and platform, or version and content address */
  slug: string;
}

/** dashes that are tried: each split is a look-up */
const MAX_SPLITS = 8;

/**
 * Every gem and build that `name-version[-platform]` can mean, the longest name first. Names, platforms and addresses
 * have dashes and digits of their own: `a-2-x86-darwin-9` is version 9 of `a-2-x86-darwin`, or version 2 of `a` for
 * `x86-darwin-9`.
 */
export const splitBuildName = (text: string): IBuildName[] => {
  const found: IBuildName[] = [];
  for (
    let dash = text.lastIndexOf('-');
    dash > 0 && found.length < MAX_SPLITS;
    dash = text.lastIndexOf('-', dash - 1)
  ) {
    const name = text.slice(0, dash);
    const slug = text.slice(dash + 1);
    const [version] = slug.split('-', 1) as [string];
    if (isVersion(version) && isGemName(name)) found.push({ name, slug });
  }
  return found;
};
