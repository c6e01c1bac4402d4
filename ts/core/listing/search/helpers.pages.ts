/** hits that are counted, and so the last that a page can show */
export const MAX_HITS = 5000;
/** the limit of the public registries, and of `cargo search --limit` */
const MAX_PAGE = 100;
/** characters of a query that are used */
const MAX_TEXT = 512;

/** A search with numbered pages, as cargo and Composer send it. */
export interface ISearchPage {
  /** in lower case */
  text: string;
  /** from 1 */
  page: number;
  /** index of the first hit */
  from: number;
  /** hits of a page */
  size: number;
}

/** A number in a query, rounded down and at most `most`; `otherwise` if it is no number, or less than `least`. */
export const wholeNumber = (
  value: string | undefined,
  { otherwise, least, most }: { otherwise: number; least: number; most: number },
): number => {
  const number = Number(value || otherwise);
  return Number.isFinite(number) && number >= least ? Math.min(Math.floor(number), most) : otherwise;
};

/**
 * The parameters `q`, `per_page` and `page`.
 * @param query returns a parameter
 * @param usual hits of a page if the query does not say
 */
export const parseSearchPage = (query: (name: string) => string | undefined, usual: number): ISearchPage => {
  const size = wholeNumber(query('per_page'), { otherwise: usual, least: 1, most: MAX_PAGE });
  const page = wholeNumber(query('page'), { otherwise: 1, least: 1, most: MAX_HITS });
  return { text: (query('q') ?? '').slice(0, MAX_TEXT).trim().toLowerCase(), page, from: (page - 1) * size, size };
};
