import { type ISearchPage, parseSearchPage } from '../../core/listing/search/helpers.pages.js';
import type { IMavenEntry } from '../interfaces.maven.js';

/** `GET /-/search`: the query, and what is searched. */
const DEFAULT_PAGE = 20;

export const parseSearch = (query: (name: string) => string | undefined): ISearchPage =>
  parseSearchPage(query, DEFAULT_PAGE);

/** How well `group:artifact` matches the typed text, which is in lower case: the artifact itself, or a part of the name. */
export const closeness = (name: string, text: string): number => {
  const own = name.toLowerCase();
  if (own === text || own.endsWith(`:${text}`)) return 100;
  return own.includes(text) ? 1 + text.length / own.length : 1;
};

/** The searched fields, with the weight of a word in each. */
export const searchFields = {
  artifact: { boost: 8, text: ({ artifact }: IMavenEntry) => artifact },
  group: { boost: 4, text: ({ group }: IMavenEntry) => group },
  name: { boost: 3, text: ({ name }: IMavenEntry) => name ?? '' },
  description: { boost: 1, text: ({ description }: IMavenEntry) => description ?? '' },
};

/** Sorts the newest first. */
export const byChange = (a: IMavenEntry, b: IMavenEntry): number =>
  a.modified < b.modified ? 1 : a.modified > b.modified ? -1 : 0;
