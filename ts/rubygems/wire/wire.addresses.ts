import { invalid } from '../../core/base/helpers.errors.js';
import type { IGemSpec } from '../interfaces.rubygems.js';
import { addressIn } from './wire.names.js';
import { RUBY } from './wire.platforms.js';
import { compareVersions } from './wire.versions.js';

/**
 * Content-addressed gems (RubyGems 4.1): builds of one version and platform for different Rubies. Their files are called
 * after the first digits of their sha256 and not after the platform.
 * @see the guides of RubyGems, "Compact index API"
 */

/** hex digits of the address that RubyGems makes */
const DIGITS = 8;

/** The first RubyGems that reads such names. */
const FIRST_RUBYGEMS = '4.1.0.a';

const SUFFIX = '.gem';

/** How the file of a build is called. */
export interface IBuildSlug {
  slug: string;
  contentAddressed?: true;
}

const plainSlug = ({ version, platform }: IGemSpec): string => (platform === RUBY ? version : `${version}-${platform}`);

/** Whether clients take a file name with an address for one: the gem is for a platform, and not for every Ruby. */
const mayBeAddressed = ({ platform, requiredRubyVersion }: IGemSpec): boolean =>
  platform !== RUBY && requiredRubyVersion.some((condition) => condition !== '>= 0');

/**
 * Whether a gem that came without a file name was built for one Ruby (`gem build --ruby-abi 3.4`): it requires
 * `~> 3.4.0`, and a RubyGems that reads addresses.
 */
const isForOneRuby = (spec: IGemSpec): boolean => {
  const [ruby, ...others] = spec.requiredRubyVersion;
  const isOne = others.length === 0 && /^~> \d+\.\d+\.0$/.test(ruby ?? '');
  const needsNew = spec.requiredRubygemsVersion.some((condition) => {
    const [operator, version] = condition.split(' ') as [string, string];
    return operator === '>=' && compareVersions(version, FIRST_RUBYGEMS) >= 0;
  });
  return mayBeAddressed(spec) && isOne && needsNew;
};

/**
 * The slug of a pushed gem. A file name that ends with a content address is kept, or refused if the gem is another one;
 * any other name says nothing, because the gemspec decides what the gem is.
 * @param filename as the client sends it; undefined: it sends none, as `gem push` does without attestations
 */
export const slugOf = (spec: IGemSpec, sha256: string, filename: string | undefined): IBuildSlug => {
  const plain = plainSlug(spec);
  if (filename === undefined) {
    if (!isForOneRuby(spec)) return { slug: plain };
    return { slug: `${spec.version}-${sha256.slice(0, DIGITS)}`, contentAddressed: true };
  }
  const start = `${spec.name}-`;
  const slug =
    filename.startsWith(start) && filename.endsWith(SUFFIX) ? filename.slice(start.length, -SUFFIX.length) : '';
  const address = slug.startsWith(`${spec.version}-`) ? addressIn(slug) : undefined;
  if (address === undefined) return { slug: plain };
  if (!mayBeAddressed(spec)) {
    throw invalid(
      `The file is called after its content, but the gem is for every platform or every Ruby: call it ${start}${plain}${SUFFIX}`,
    );
  }
  if (!sha256.startsWith(address)) {
    throw invalid(
      `The file is called after a content whose sha256 begins with ${address}, but that of the gem is ${sha256}`,
    );
  }
  return { slug, contentAddressed: true };
};
