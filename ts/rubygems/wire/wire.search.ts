import { wholeNumber } from '../../core/listing/search/helpers.pages.js';
import type { IGemEntry } from '../interfaces.rubygems.js';

/** `GET /api/v1/search.json`. @see the guides of RubyGems, "API" */

/** hits of a page, as on the public registry */
export const PAGE_SIZE = 30;

/** characters of a query that are used */
const MAX_TEXT = 512;

/** pages that are shown */
const MAX_PAGES = 100;

/** What is searched for; pages count from 1. */
export const parseSearch = (query: (name: string) => string | undefined): { text: string; from: number } => {
  const page = wholeNumber(query('page'), { otherwise: 1, least: 1, most: MAX_PAGES });
  return { text: (query('query') ?? '').slice(0, MAX_TEXT).trim().toLowerCase(), from: (page - 1) * PAGE_SIZE };
};

/** How well a name matches the typed text, which is in lower case: the name itself, or a part of it. */
export const closeness = (name: string, text: string): number => {
  const own = name.toLowerCase();
  const wanted = text.replaceAll(' ', '-');
  if (own === wanted) return 100;
  return own.includes(wanted) ? 1 + wanted.length / own.length : 1;
};

/** The searched fields, with the weight of a word in each. */
export const searchFields = {
  name: { boost: 8, text: ({ name }: IGemEntry) => name },
  summary: { boost: 1, text: ({ summary }: IGemEntry) => summary },
};

/** Sorts by name. */
export const byName = (a: IGemEntry, b: IGemEntry): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
