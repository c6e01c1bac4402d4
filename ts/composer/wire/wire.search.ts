import { type ISearchPage, parseSearchPage } from '../../core/listing/search/helpers.pages.js';
import type { ISearchHit } from '../../core/listing/search/interfaces.search.js';
import type { IComposerEntry } from '../interfaces.composer.js';

/**
 * `search.json`, in the form of the public registry.
 * @see the public repository's API documentation, "Searching packages"
 */
/** hits of a page, as on the public registry */
const DEFAULT_PAGE = 15;

/** The query of a search; `query(name)` returns a parameter. */
export const parseSearch = (query: (name: string) => string | undefined): ISearchPage & { type: string } => ({
  ...parseSearchPage(query, DEFAULT_PAGE),
  type: (query('type') ?? '').toLowerCase(),
});

/** The searched fields, with the weight of a word in each. */
export const searchFields = {
  name: { boost: 8, text: (_entry: IComposerEntry, name: string) => name },
  keywords: { boost: 3, text: ({ keywords }: IComposerEntry) => keywords.join(' ') },
  description: { boost: 1, text: ({ description }: IComposerEntry) => description ?? '' },
};

/** How well a name matches the typed text: the name itself, the name without its vendor, or a part of it. */
export const closeness = (name: string, text: string): number => {
  if (name === text) return 100;
  const own = name.slice(name.indexOf('/') + 1);
  if (own === text || name.replace('/', ' ') === text) return 10;
  return name.includes(text) ? 1 + text.length / name.length : 1;
};

/** Sorts the newest first. */
export const byDate = (a: IComposerEntry, b: IComposerEntry): number =>
  a.date < b.date ? 1 : a.date > b.date ? -1 : 0;

/** Composer prints the name, the description, and that a package is abandoned. */
export const renderHit = ({ name, entry }: Pick<ISearchHit<IComposerEntry>, 'name' | 'entry'>): object => ({
  name,
  description: entry.description ?? '',
  ...(entry.abandoned !== undefined && { abandoned: entry.abandoned }),
});
