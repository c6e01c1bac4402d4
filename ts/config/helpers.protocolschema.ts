import * as v from 'valibot';
import type { IProtocolConfig } from '../core/interfaces.core.js';
import { isPrefix } from '../core/pipeline/classes.mounttable.js';
import type { ICargoConfig, IComposerConfig, ICustomRegistryConfig, IOciConfig } from '../interfaces.config.js';
import { flag, isObject, listOf, maybe, nonEmptyText, positive, strict, text } from './helpers.building.js';

const PATH = 'must be a path that begins with "/"';
const basePath = v.pipe(
  v.string(PATH),
  v.regex(/^\/[^?#\s]*$/, PATH),
  // no request would ever lead there
  v.check(
    (value) => isPrefix(value.replace(/\/+$/, '')),
    'must be a path that clients send as it is: no "..", no "//"',
  ),
);

const URL_WANTED = 'must be an absolute http or https URL';

/** Paths are appended to it, and clients that take only a host for it send no password. */
const isPlainUrl = (value: string): boolean => {
  const { username, password, search, hash } = new URL(value);
  return username === '' && password === '' && search === '' && hash === '' && !/[?#]/.test(value);
};

const registryUrl = v.pipe(
  v.string(URL_WANTED),
  v.check((value) => /^https?:\/\/[^/\s]/.test(value) && URL.canParse(value), URL_WANTED),
  v.check((value) => !URL.canParse(value) || isPlainUrl(value), 'must be a URL without a query, "#" and credentials'),
);

/** The switches of a protocol; without `names` (a protocol of the embedder's own) any name is allowed. */
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

const protocol = (features: string[]) => strict<IProtocolConfig>(WHAT)(common(features));

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

const cargo = strict<ICargoConfig>(WHAT)({
  ...common([]),
  defaultIndex: maybe(
    v.pipe(
      v.string('must be "self" or the URL of an index'),
      v.regex(/^(?:self|(?:sparse\+)?https?:\/\/\S+)$/, 'must be "self" or the URL of an index'),
    ),
  ),
});

const composer = strict<IComposerConfig>(WHAT)({
  ...common([]),
  filterLists: maybe(listOf(nonEmptyText, 'a list of names such as "malware"')),
  warning: maybe(nonEmptyText),
  info: maybe(nonEmptyText),
});

/** The blocks of the built-in protocols, by their names. */
export const protocolEntries = {
  oci: maybe(oci),
  npm: maybe(protocol(['emptyAudit', 'strictNames'])),
  maven: maybe(protocol([])),
  cargo: maybe(cargo),
  composer: maybe(composer),
  pypi: maybe(protocol([])),
  rubygems: maybe(protocol([])),
};

/** A protocol of the embedder's own. */
export const customRegistry = strict<ICustomRegistryConfig>()({
  ...common(),
  enabled: maybe(flag),
  basePath,
  protocol: nonEmptyText,
  create: v.function('must be a function'),
});
