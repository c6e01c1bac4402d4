import { type ISearchPage, parseSearchPage } from '../../core/listing/search/helpers.pages.js';
import type { ICargoSearchEntry } from '../interfaces.cargo.js';
import { foldName } from '../keys.cargo.js';

/**
 * `GET /api/v1/crates`: the query and the form of the answer.
 * @see https://doc.rust-lang.org/cargo/reference/registry-web-api.html#search
 */
const DEFAULT_PAGE = 10;

export const parseSearch = (query: (name: string) => string | undefined): ISearchPage =>
  parseSearchPage(query, DEFAULT_PAGE);

/** How well a name matches the typed text, which is in lower case: the name itself, or a part of it. */
export const closeness = (name: string, text: string): number => {
  const wanted = foldName(text).replaceAll(' ', '-');
  const own = foldName(name);
  if (own === wanted) return 100;
  return own.includes(wanted) ? 1 + wanted.length / own.length : 1;
};

/** The searched fields, with the weight of a word in each. */
export const searchFields = {
  name: { boost: 8, text: ({ name }: ICargoSearchEntry) => name },
  keywords: { boost: 3, text: ({ keywords }: ICargoSearchEntry) => keywords.join(' ') },
  description: { boost: 1, text: ({ description }: ICargoSearchEntry) => description ?? '' },
};

/** Sorts the newest first. */
export const byChange = (a: ICargoSearchEntry, b: ICargoSearchEntry): number =>
  a.modified < b.modified ? 1 : a.modified > b.modified ? -1 : 0;

/** One hit. `cargo search` prints name, max_version and description. */
export const renderHit = (entry: ICargoSearchEntry): object => {
  const { name, max_version, description, keywords, homepage, documentation, repository, created, modified } = entry;
  return {
    id: name,
    name,
    max_version,
    description,
    keywords,
    homepage,
    documentation,
    repository,
    created_at: created,
    updated_at: modified,
  };
};
