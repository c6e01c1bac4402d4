import type { ICargoSearchEntry } from '../interfaces.cargo.js';
import { foldName } from '../keys.cargo.js';

/**
 * `GET /api/v1/crates`: the query and the form of the answer.
 * @see https://doc.rust-lang.org/cargo/reference/registry-web-api.html#search
 */
export interface ISearchPage {
  text: string;
  /** index of the first hit */
  from: number;
  size: number;
}

/** characters of a query that are used */
const MAX_TEXT = 512;
/** the limit of the public registry, and of `cargo search --limit` */
const MAX_PAGE = 100;
const DEFAULT_PAGE = 10;
/** hits that are counted */
export const MAX_HITS = 5000;

const whole = (value: string | undefined, otherwise: number, most: number): number => {
  const number = Number(value || otherwise);
  return Number.isFinite(number) && number >= 1 ? Math.min(Math.floor(number), most) : otherwise;
};

export const parseSearch = (
  text: string | undefined,
  perPage: string | undefined,
  page: string | undefined,
): ISearchPage => {
  const size = whole(perPage, DEFAULT_PAGE, MAX_PAGE);
  return {
    text: (text ?? '').slice(0, MAX_TEXT).trim().toLowerCase(),
    from: (whole(page, 1, MAX_HITS) - 1) * size,
    size,
  };
};

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
