import semver from 'semver';
import { isRecord } from '../../core/base/helpers.values.js';
import { revisionOf } from '../helpers.document.js';
import type { INpmDocument, INpmManifest, INpmPerson, INpmSearchEntry } from '../interfaces.npm.js';
import { baseName } from '../keys.npm.js';
import { hasInstallScript } from './wire.manifest.js';

/**
 * The answers for clients.
 * @see https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md
 */
export const FULL_TYPE = 'application/json';
export const ABBREVIATED_TYPE = 'application/vnd.npm.install-v1+json';

/** The URL of a tarball: the scope is in the path once, and not in the file name. */
export const tarballUrl = (publicUrl: string, name: string, version: string): string =>
  `${publicUrl}/${name}/-/${baseName(name)}-${version}.tgz`;

const attestationsUrl = (publicUrl: string, name: string, version: string): string =>
  `${publicUrl}/-/npm/v1/attestations/${name.replace('/', '%2f')}@${version}`;

/** One version, with links that depend on the request's host. */
export const renderManifest = (manifest: INpmManifest, publicUrl: string): INpmManifest => {
  const { name, version, dist } = manifest;
  const linked = { ...dist, tarball: tarballUrl(publicUrl, name, version) };
  if (dist.attestations) {
    linked.attestations = { url: attestationsUrl(publicUrl, name, version), ...dist.attestations };
  }
  return { ...manifest, dist: linked };
};

/** Fields of the latest version that describe the package as a whole. */
const SUMMARY_FIELDS = [
  'description',
  'homepage',
  'keywords',
  'repository',
  'author',
  'contributors',
  'bugs',
  'license',
];

const latestOf = (document: INpmDocument): INpmManifest | undefined => {
  const latest = document['dist-tags'].latest;
  return latest !== undefined && Object.hasOwn(document.versions, latest) ? document.versions[latest] : undefined;
};

const pick = (source: Record<string, unknown> | undefined, fields: string[]): Record<string, unknown> =>
  Object.fromEntries(
    fields.filter((field) => source && source[field] !== undefined).map((field) => [field, source?.[field]]),
  );

const mapVersions = (document: INpmDocument, change: (manifest: INpmManifest) => unknown): Record<string, unknown> =>
  Object.fromEntries(Object.entries(document.versions).map(([version, manifest]) => [version, change(manifest)]));

/** The full packument, without members that begin with `_registry`. */
export const renderFull = (document: INpmDocument, publicUrl: string): Record<string, unknown> => ({
  _id: document._id,
  _rev: document._rev,
  name: document.name,
  ...pick(latestOf(document), SUMMARY_FIELDS),
  'dist-tags': document['dist-tags'],
  versions: mapVersions(document, (manifest) => renderManifest(manifest, publicUrl)),
  time: document.time,
  maintainers: document.maintainers,
  readme: document.readme ?? '',
  ...(document.readmeFilename === undefined ? {} : { readmeFilename: document.readmeFilename }),
});

/** The fields of a version that an installer needs. */
const INSTALL_FIELDS = [
  'name',
  'version',
  'deprecated',
  'dependencies',
  'acceptDependencies',
  'optionalDependencies',
  'devDependencies',
  'bundleDependencies',
  'bundledDependencies',
  'peerDependencies',
  'peerDependenciesMeta',
  'bin',
  'directories',
  'engines',
  'cpu',
  'os',
  'libc',
  'funding',
  '_hasShrinkwrap',
];

/** The abbreviated packument, which npm calls "corgi". */
export const renderAbbreviated = (document: INpmDocument, publicUrl: string): Record<string, unknown> => ({
  name: document.name,
  modified: document.time.modified,
  'dist-tags': document['dist-tags'],
  versions: mapVersions(document, (manifest) => ({
    ...pick(manifest, INSTALL_FIELDS),
    ...(hasInstallScript(manifest) ? { hasInstallScript: true } : {}),
    dist: renderManifest(manifest, publicUrl).dist,
  })),
});

/** characters; comparing a range of thousands of alternatives with thousands of versions takes a second */
const MAX_RANGE = 256;

/** The version that a version, a dist-tag or a range selects; null if there is none. */
export const resolveVersion = (document: INpmDocument, wanted: string): INpmManifest | null => {
  if (wanted.length > MAX_RANGE) return null;
  const { versions } = document;
  const tags = document['dist-tags'];
  const exact = semver.valid(wanted) ?? (Object.hasOwn(tags, wanted) ? (tags[wanted] as string) : wanted);
  if (Object.hasOwn(versions, exact)) return versions[exact] as INpmManifest;
  if (semver.validRange(wanted) === null) return null;
  const latest = latestOf(document);
  // like `npm install`: the latest if it is in the range, else the highest
  if (latest && semver.satisfies(latest.version, wanted)) return latest;
  const best = semver.maxSatisfying(Object.keys(versions), wanted);
  return best === null ? null : (versions[best] as INpmManifest);
};

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** Characters in listings. Every process holds the entries of all packages, and one answer contains 250 of them. */
const MAX_DESCRIPTION = 1000;
const MAX_NAME = 256;
const MAX_LINK = 2048;
const MAX_KEYWORD = 128;

/** Copied, because a slice of a long text keeps the whole text in memory. */
const clip = (value: string | undefined, length: number): string | undefined =>
  value !== undefined && value.length > length ? Buffer.from(value.slice(0, length)).toString() : value;

/** Accepts `{name}`, or `Name <mail> (url)`, which package.json also allows. */
const personOf = (value: unknown): INpmPerson | undefined => {
  if (isRecord(value)) {
    const name = clip(text(value.name), MAX_NAME);
    return name === undefined ? undefined : { name, email: clip(text(value.email), MAX_NAME) };
  }
  // no regular expression for the whole: optional blanks would make it take exponential time
  const line = (text(value) ?? '').slice(0, 2 * MAX_LINK);
  const end = line.search(/[<(]/);
  const close = line[end] === '<' ? line.indexOf('>', end) : -1;
  const name = (end < 0 ? line : line.slice(0, end)).trim();
  const email = close < 0 ? undefined : text(line.slice(end + 1, close));
  return name === '' ? undefined : { name: clip(name, MAX_NAME) as string, email: clip(email, MAX_NAME) };
};

/** Returns only http(s) URLs; any other text of a manifest never becomes a link. */
const linkOf = (value: unknown): string | undefined => {
  const url = (text(isRecord(value) ? value.url : value) ?? '').replace(/^git\+/, '').replace(/^git:\/\//, 'https://');
  return url.length <= MAX_LINK && /^https?:\/\//.test(url) ? url : undefined;
};

const MAX_KEYWORDS = 64;

/** A package's entry for search; null if it has no versions. */
export const searchEntryOf = (document: INpmDocument): INpmSearchEntry | null => {
  const latest = latestOf(document);
  if (!latest) return null;
  const { keywords } = latest;
  const words = Array.isArray(keywords) ? keywords : typeof keywords === 'string' ? keywords.split(/[,\s]+/) : [];
  const links = [
    ['homepage', linkOf(latest.homepage)],
    ['repository', linkOf(latest.repository)],
    ['bugs', linkOf(latest.bugs)],
  ].filter(([, link]) => link !== undefined);
  return {
    name: document.name,
    version: latest.version,
    rev: revisionOf(document),
    date: document.time[latest.version] ?? (document.time.modified as string),
    description: clip(text(latest.description), MAX_DESCRIPTION),
    keywords: words
      .filter((word): word is string => typeof word === 'string' && word !== '' && word.length <= MAX_KEYWORD)
      .slice(0, MAX_KEYWORDS),
    license: clip(text(isRecord(latest.license) ? latest.license.type : latest.license), MAX_NAME),
    links: Object.fromEntries(links) as Record<string, string>,
    author: personOf(latest.author),
    publisher: personOf(latest._npmUser),
    maintainers: document.maintainers,
    // `npm deprecate` with an empty text removes a deprecation
    ...(latest.deprecated ? { deprecated: true } : {}),
  };
};
