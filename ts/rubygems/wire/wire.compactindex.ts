import { createHash } from 'node:crypto';
import type { IGemBuild, IGemDependency, IGemDocument } from '../interfaces.rubygems.js';

/**
 * The files of the compact index, format 2: bytes as the gem `compact_index` writes them, because clients compare their
 * digests and because `versions` holds the md5 of each `info`.
 * @see the guides of RubyGems, "Compact index API"
 */

/** Any version satisfies it, so the file does not mention it. */
const ANY = '>= 0';

/** Requirements are sorted as texts, so that their order in the gemspec does not matter. */
const joined = (requirements: readonly string[]): string => [...requirements].sort().join('&');

const byName = (a: IGemDependency, b: IGemDependency): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

const requirement = (label: string, requirements: readonly string[]): string => {
  const text = joined(requirements);
  return text === '' || text === ANY ? '' : `,${label}:${text}`;
};

/** One line of `info`: `1.0-java foo:>= 1.0&< 2,bar:>= 0|checksum:…,ruby:>= 3.0,created_at:…`. */
const lineOf = ({ slug, spec, sha256, createdAt, contentAddressed }: IGemBuild): string => {
  const dependencies = spec.dependencies
    .filter(({ kind }) => kind === 'runtime')
    .sort(byName)
    .map(({ name, requirements }) => `${name}:${joined(requirements)}`);
  const ruby = requirement('ruby', spec.requiredRubyVersion);
  const rubygems = requirement('rubygems', spec.requiredRubygemsVersion);
  const platform = contentAddressed ? `,platform:${spec.platform}` : '';
  return `${slug} ${dependencies.join(',')}|checksum:${sha256}${ruby}${rubygems}${platform},created_at:${createdAt}`;
};

/**
 * The listed builds in the order of their first push, which the changes record; those that no change names yet come
 * last. A push therefore only adds a line. The keys of `builds` have no such order: JavaScript puts `10` before `9.1`.
 */
const listedBuilds = ({ builds, changes }: IGemDocument): IGemBuild[] => {
  const order = new Map<string, number>();
  for (const { version, serial } of changes) if (!order.has(version)) order.set(version, serial);
  const placeOf = ({ slug }: IGemBuild): number => order.get(slug) ?? Number.MAX_SAFE_INTEGER;
  return Object.values(builds)
    .filter(({ yankedAt }) => yankedAt === undefined)
    .sort((a, b) => placeOf(a) - placeOf(b));
};

/** `info/{gem}` */
export const renderInfo = (document: IGemDocument): string =>
  ['---', ...listedBuilds(document).map(lineOf), ''].join('\n');

/** The md5 of `info/{gem}`, by which clients decide whether to read it again. */
export const infoMd5 = (document: IGemDocument): string => createHash('md5').update(renderInfo(document)).digest('hex');

/** The beginning of `names`; each name follows on a line of its own. */
export const NAMES_HEAD = '---\n';

/** `names` */
export const renderNames = (names: readonly string[]): string => `${NAMES_HEAD}${names.join('\n')}\n`;

/** How the log of `versions` is made of the documents of gems; see `IOrderedLogFormat` in core/listing/log. */
export const versionsFormat = {
  /** @param created ISO time */
  head: (created: string): string => `created_at: ${created}\n---\n`,

  /** All changes; each is one line behind the name: `1.0 {md5}` or, for a yank, `-1.0 {md5}`. */
  changes: ({ changes }: IGemDocument): { serial: number; text: string }[] =>
    changes.map(({ serial, version, infoMd5: md5 }) => ({ serial, text: `${version} ${md5}` })),

  /**
   * The gem as the first lines of a new file have it; an empty text if it has no listed build. The md5 is computed, not
   * taken from the last change: a newer release of this registry may write `info` in another way.
   */
  base: (document: IGemDocument): { serial: number; text: string } => {
    const slugs = listedBuilds(document).map(({ slug }) => slug);
    const text = slugs.length > 0 ? `${slugs.join(',')} ${infoMd5(document)}` : '';
    return { serial: document.changes.at(-1)?.serial ?? 0, text };
  },
};
