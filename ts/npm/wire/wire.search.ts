import { wholeNumber } from '../../core/listing/search/helpers.pages.js';
import type { INpmPerson, INpmSearchEntry } from '../interfaces.npm.js';
import { baseName } from '../keys.npm.js';

/**
 * `/-/v1/search`: the query's text and the form of the answer.
 * @see https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md#get-v1search
 */
export interface ISearchQuery {
  /** free words, as typed, lower case */
  text: string;
  /** each inner list must match by any of its words; all lists must match */
  keywords: string[][];
  /** none of these may be a keyword */
  notKeywords: string[];
  /** `is:` and `not:` */
  is: Set<TQuality>;
  not: Set<TQuality>;
  /** whether a package with exactly this name comes first; false with `boost-exact:false` */
  boostExact: boolean;
  author?: string;
  maintainer?: string;
  /** without `@` */
  scope?: string;
}

const QUALITIES = ['unstable', 'insecure', 'deprecated'] as const;
type TQuality = (typeof QUALITIES)[number];

export interface IScored {
  entry: INpmSearchEntry;
  /** relative to the best hit: 1 for it, less for the others */
  score: number;
}

const MAX_TEXT = 512;
const MAX_PAGE = 250;
/** hits that are counted, and so the largest `from` of a page */
export const MAX_HITS = 5000;

const QUALIFIER = /^(keywords?|author|maintainer|scope|is|not|boost-exact):(.*)$/;

const addKeywords = (query: ISearchQuery, value: string): void => {
  for (const all of value.split('+')) {
    const any = all.split(',').filter((word) => word !== '' && word !== '-');
    const wanted = any.filter((word) => !word.startsWith('-'));
    if (wanted.length > 0) query.keywords.push(wanted);
    query.notKeywords.push(...any.filter((word) => word.startsWith('-')).map((word) => word.slice(1)));
  }
};

const addQualities = (qualities: Set<TQuality>, value: string): void => {
  for (const quality of QUALITIES) if (value.split(',').includes(quality)) qualities.add(quality);
};

const addQualifier = (query: ISearchQuery, qualifier: string, value: string): void => {
  if (value === '') return;
  if (qualifier.startsWith('keyword')) addKeywords(query, value);
  else if (qualifier === 'scope') query.scope = value.replace(/^@/, '');
  else if (qualifier === 'boost-exact') query.boostExact = value !== 'false';
  else if (qualifier === 'is' || qualifier === 'not') addQualities(query[qualifier], value);
  else query[qualifier as 'author' | 'maintainer'] = value;
};

/** Splits `foo keywords:a,b author:x` into words and qualifiers; unknown qualifiers stay words. */
export const parseSearchText = (source: string): ISearchQuery => {
  const query: ISearchQuery = {
    text: '',
    keywords: [],
    notKeywords: [],
    is: new Set(),
    not: new Set(),
    boostExact: true,
  };
  const words: string[] = [];
  for (const word of source.slice(0, MAX_TEXT).toLowerCase().split(/\s+/).filter(Boolean)) {
    const [, qualifier, value] = QUALIFIER.exec(word) ?? [];
    if (qualifier === undefined || value === undefined) words.push(word);
    else addQualifier(query, qualifier, value);
  }
  query.text = words.join(' ');
  return query;
};

/**
 * How well a name matches the typed text, which is in lower case: the name itself, the name without scope or punctuation,
 * or a part of it. Old packages have capitals (`JSONStream`).
 */
export const closeness = (spelled: string, text: string): number => {
  const name = spelled.toLowerCase();
  if (name === text) return 100;
  const base = baseName(name);
  if (base === text || name.replaceAll(/[@/]/g, ' ').trim() === text) return 10;
  return base.includes(text) ? 1 + text.length / base.length : 1;
};

const peopleOf = ({ author, publisher, maintainers }: INpmSearchEntry): string =>
  [author, publisher, ...maintainers].map((person) => person?.name ?? '').join(' ');

/** The searched fields, with the weight of a word in each. */
export const searchFields = {
  name: { boost: 8, text: ({ name }: INpmSearchEntry) => name },
  keywords: { boost: 3, text: ({ keywords }: INpmSearchEntry) => keywords.join(' ') },
  description: { boost: 1, text: ({ description }: INpmSearchEntry) => description ?? '' },
  people: { boost: 0.5, text: peopleOf },
};

/** Sorts the newest first. */
export const byDate = (a: INpmSearchEntry, b: INpmSearchEntry): number =>
  a.date < b.date ? 1 : a.date > b.date ? -1 : 0;

const named = (person: INpmPerson | undefined, wanted: string): boolean =>
  person !== undefined && (person.name.toLowerCase() === wanted || person.email?.toLowerCase() === wanted);

/**
 * The meaning of the qualities: versions below 1.0.0 are unstable (semver); this registry has no data about insecure
 * packages.
 */
const hasQuality = (entry: INpmSearchEntry, quality: TQuality): boolean => {
  if (quality === 'unstable') return entry.version.startsWith('0.');
  return quality === 'deprecated' && entry.deprecated === true;
};

/** Whether the qualifiers match this package. */
export const qualifies = (entry: INpmSearchEntry, query: ISearchQuery): boolean => {
  const { author, maintainer, scope, keywords, notKeywords } = query;
  if (scope !== undefined && !entry.name.toLowerCase().startsWith(`@${scope}/`)) return false;
  if (author !== undefined && !named(entry.author, author) && !named(entry.publisher, author)) return false;
  if (maintainer !== undefined && !entry.maintainers.some((person) => named(person, maintainer))) return false;
  for (const quality of query.is) if (!hasQuality(entry, quality)) return false;
  for (const quality of query.not) if (hasQuality(entry, quality)) return false;
  if (keywords.length === 0 && notKeywords.length === 0) return true;
  const own = new Set(entry.keywords.map((word) => word.toLowerCase()));
  return keywords.every((any) => any.some((word) => own.has(word))) && !notKeywords.some((word) => own.has(word));
};

export const parsePage = (from: string | undefined, size: string | undefined): { from: number; size: number } => ({
  from: wholeNumber(from, { otherwise: 0, least: 0, most: MAX_HITS }),
  size: wholeNumber(size, { otherwise: 20, least: 0, most: MAX_PAGE }),
});

/** Clients fail on a person without a user name, so it is always set. */
const person = ({ name, email }: INpmPerson): { username: string; email: string } => ({
  username: name,
  email: email ?? '',
});

/** One hit. The registry counts neither downloads nor issues, so the three details repeat the relevance. */
export const renderHit = ({ entry, score }: IScored): object => ({
  package: {
    name: entry.name,
    scope: entry.name.startsWith('@') ? entry.name.slice(1, entry.name.indexOf('/')) : 'unscoped',
    version: entry.version,
    description: entry.description,
    keywords: entry.keywords,
    date: entry.date,
    license: entry.license,
    links: entry.links,
    author: entry.author,
    publisher: entry.publisher && person(entry.publisher),
    maintainers: entry.maintainers.map(person),
  },
  score: { final: score, detail: { quality: score, popularity: score, maintenance: score } },
  searchScore: score,
});
