import type { ISearchHit } from '../../core/listing/search/interfaces.search.js';
import type { IComposerEntry } from '../interfaces.composer.js';

/**
 * `search.json`, in the form of the public registry.
 * @see the public repository's API documentation, "Searching packages"
 */
const MAX_TEXT = 512;
const MAX_PAGE_SIZE = 100;
/** hits that are counted, and so the last that a page can show */
export const MAX_HITS = 5000;

export interface ISearchPage {
  text: string;
  type: string;
  from: number;
  size: number;
  page: number;
}

const whole = (value: string | undefined, otherwise: number, most: number): number => {
  const number = Number(value || otherwise);
  return Number.isFinite(number) && number >= 1 ? Math.min(Math.floor(number), most) : otherwise;
};

/** The query of a search; `query(name)` returns a parameter. */
export const parseSearch = (query: (name: string) => string | undefined): ISearchPage => {
  const size = whole(query('per_page'), 15, MAX_PAGE_SIZE);
  const page = whole(query('page'), 1, MAX_HITS);
  return {
    text: (query('q') ?? '').slice(0, MAX_TEXT).trim().toLowerCase(),
    type: (query('type') ?? '').toLowerCase(),
    from: (page - 1) * size,
    size,
    page,
  };
};

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
