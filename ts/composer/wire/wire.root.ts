import type { IComposerEntry } from '../interfaces.composer.js';

/**
 * packages.json.
 * @see https://getcomposer.org/doc/05-repositories.md#packages-json
 */

/**
 * Names that packages.json lists. Composer fetches it with each command; with more packages it gets patterns, one for
 * each vendor. (Composer then takes all names from the route `list`, for `composer show --all` and completion.)
 */
export const MAX_LISTED = 2000;

/** A pattern that no name matches. An empty list would mean that there is no list, and that any package may be here. */
const NOTHING = '-/-';

export interface IRootOptions {
  /** lists that are announced */
  filterLists: readonly string[];
  warning?: string | undefined;
  info?: string | undefined;
}

/**
 * The members with links. They are absolute: Composer joins a path to the host, so that the base path is lost, and
 * other tools join it to the URL of the repository.
 */
const rootOf = (url: string, { filterLists, warning, info }: IRootOptions): object => ({
  packages: [],
  'metadata-url': `${url}/p2/%package%.json`,
  list: `${url}/packages/list.json`,
  search: `${url}/search.json?q=%query%&type=%type%`,
  'providers-api': `${url}/providers/%package%.json`,
  'notify-batch': `${url}/downloads`,
  'security-advisories': { metadata: true, 'api-url': `${url}/security-advisories` },
  ...(filterLists.length > 0 && {
    filter: {
      metadata: true,
      lists: Object.fromEntries(filterLists.map((name) => [name, { enabled: true }])),
      'summary-url': `${url}/filter.json`,
    },
  }),
  ...(warning !== undefined && { warning }),
  ...(info !== undefined && { info }),
});

const vendorOf = (name: string): string => name.slice(0, name.indexOf('/'));

/** The texts from which packages.json is put together for a caller. */
export const rootTexts = (
  url: string,
  options: IRootOptions,
  isLong: boolean,
): {
  header: string;
  entry(name: string, entry: IComposerEntry, before: string | undefined): string | null;
  separator: string;
  footer: string;
  empty: string;
} => {
  const root = rootOf(url, options);
  const opening = JSON.stringify(root).slice(0, -1);
  const list = isLong ? 'available-package-patterns' : 'available-packages';
  return {
    header: `${opening},"${list}":[`,
    entry: (name, _entry, before) => {
      if (!isLong) return JSON.stringify(name);
      // names of one vendor follow each other
      const vendor = vendorOf(name);
      return before !== undefined && vendorOf(before) === vendor ? null : JSON.stringify(`${vendor}/*`);
    },
    separator: ',',
    footer: ']}',
    empty: JSON.stringify({ ...root, 'available-package-patterns': [NOTHING] }),
  };
};
