import * as v from 'valibot';
import type { IProtocolConfig } from '../core/interfaces.core.js';
import type { ICustomRegistryConfig, IOciConfig } from '../interfaces.config.js';
import { flag, isObject, listOf, maybe, nonEmptyText, positive, strict, text } from './helpers.building.js';

const basePath = v.pipe(
  v.string('must be a path that begins with "/"'),
  v.regex(/^\/[^?#\s]*$/, 'must be a path that begins with "/"'),
);

const registryUrl = v.pipe(
  v.string('must be an absolute http or https URL'),
  v.regex(/^https?:\/\/[^/\s]+/, 'must be an absolute http or https URL'),
);

/**
 * The switches of a protocol; without `names` (a protocol that this release does not serve yet) any name is allowed.
 */
const switches = (names?: string[]) =>
  names === undefined
    ? v.record(v.string(), flag, 'must be an object')
    : v.strictObject(Object.fromEntries(names.map((name) => [name, maybe(flag)])), 'must be an object');

const common = (features?: string[]) => ({
  enabled: flag,
  basePath: maybe(basePath),
  registryUrl: maybe(registryUrl),
  features: maybe(switches(features)),
  allowRepublish: maybe(flag),
});

const WHAT = 'an object such as { enabled: true }';

export const protocol = (features?: string[]) => strict<IProtocolConfig>(WHAT)(common(features));

const deletion = strict<Exclude<NonNullable<IOciConfig['untaggedManifests']>, 'keep'>>(
  "'keep' or { deleteAfterMs: a number of milliseconds }",
)({ deleteAfterMs: v.pipe(v.number('must be a number of milliseconds'), v.minValue(0, 'must not be negative')) });

const oci = strict<IOciConfig>(WHAT)({
  ...common(['delete', 'sparseIndexes']),
  absoluteLocations: maybe(flag),
  immutableTags: maybe(listOf(text, 'a list of globs such as "v*"')),
  uploadExpiryMs: maybe(positive('a positive number of milliseconds')),
  untaggedManifests: maybe(
    v.lazy((value) =>
      value === undefined
        ? v.union([v.literal('keep'), deletion])
        : isObject(value)
          ? deletion
          : v.literal('keep', "must be 'keep' or { deleteAfterMs: a number of milliseconds }"),
    ),
  ),
});

/** The blocks of the built-in protocols, by their names. */
export const protocolEntries = {
  oci: maybe(oci),
  npm: maybe(protocol(['emptyAudit', 'strictNames'])),
  maven: maybe(protocol()),
  cargo: maybe(protocol()),
  composer: maybe(protocol()),
  pypi: maybe(protocol()),
  rubygems: maybe(protocol()),
};

/** A protocol of the embedder's own. */
export const customRegistry = strict<ICustomRegistryConfig>()({
  ...common(),
  enabled: maybe(flag),
  basePath,
  protocol: nonEmptyText,
  create: v.function('must be a function'),
});
