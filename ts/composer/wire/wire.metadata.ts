import type {
  IComposerDocument,
  IComposerEntry,
  IComposerFilterEntry,
  IComposerVersion,
} from '../interfaces.composer.js';
import { minify, type TVersionData } from './wire.minifier.js';
import { isDev, isStable } from './wire.versions.js';

/**
 * The `p2` files and the entry of a package in listings.
 * @see https://getcomposer.org/doc/05-repositories.md#composer
 */
const zipUrl = (publicUrl: string, name: string, reference: string): string =>
  `${publicUrl}/dists/${name}/${reference}.zip`;

/** One version as clients see it. The members that the registry sets come last, so no manifest can replace them. */
const versionData = (name: string, { version, normalized, ...rest }: IComposerVersion, url: string): TVersionData => {
  const { manifest, publishedAt, artifact } = rest;
  const { time } = manifest;
  return {
    name,
    version,
    version_normalized: normalized,
    ...manifest,
    dist: {
      type: 'zip',
      url: zipUrl(url, name, artifact.sha1),
      reference: artifact.sha1,
      shasum: artifact.sha1,
    },
    // the author's; update bots read it
    time: typeof time === 'string' && time !== '' ? time : publishedAt,
    // the registry's; Composer 2.11 stops at a version without it if the project has a cool-down
    'published-time': publishedAt,
  };
};

/** list -> entries, as Composer 2.10 reads them. */
const filterOf = (filters: readonly IComposerFilterEntry[]): Record<string, object[]> => {
  const lists = new Map<string, object[]>();
  for (const { list, ...entry } of filters) lists.set(list, [...(lists.get(list) ?? []), entry]);
  return Object.fromEntries(lists);
};

/** `p2/{vendor}/{package}.json`, or (`dev`) `p2/{vendor}/{package}~dev.json`; the newest version comes first. */
export const renderMetadata = (
  { name, versions, filters = [] }: IComposerDocument,
  publicUrl: string,
  dev: boolean,
): object => {
  const wanted = versions.filter(({ normalized }) => isDev(normalized) === dev).reverse();
  return {
    minified: 'composer/2.0',
    packages: { [name]: minify(wanted.map((version) => versionData(name, version, publicUrl))) },
    // packages.json says `metadata: true`, so each file must have the key
    'security-advisories': [],
    ...(filters.length > 0 && { filter: filterOf(filters) }),
  };
};

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

const namesIn = (value: unknown): string[] => (typeof value === 'object' && value !== null ? Object.keys(value) : []);

/** list -> all constraints of the list as one. */
const constraintsOf = (filters: readonly IComposerFilterEntry[]): Record<string, string> => {
  const lists = new Map<string, string>();
  for (const { list, constraint } of filters) {
    const before = lists.get(list);
    lists.set(list, before === undefined ? constraint : `${before} || ${constraint}`);
  }
  return Object.fromEntries(lists);
};

/** null: the package has no version left. */
export const entryOf = ({ versions, filters = [] }: IComposerDocument): IComposerEntry | null => {
  const shown = versions.findLast(({ normalized }) => isStable(normalized)) ?? versions.at(-1);
  if (!shown) return null;
  const { manifest, version, publishedAt } = shown;
  const description = textOf(manifest.description);
  const { abandoned } = manifest;
  return {
    version,
    type: textOf(manifest.type)?.toLowerCase() ?? 'library',
    date: publishedAt,
    ...(description !== undefined && { description: description.slice(0, 1000) }),
    keywords: Array.isArray(manifest.keywords) ? (manifest.keywords as string[]).slice(0, 100) : [],
    ...((abandoned === true || textOf(abandoned)) && { abandoned: abandoned as boolean | string }),
    provides: [...new Set([...namesIn(manifest.provide), ...namesIn(manifest.replace)])].map((one) =>
      one.toLowerCase(),
    ),
    ...(filters.length > 0 && { filters: constraintsOf(filters) }),
  };
};
