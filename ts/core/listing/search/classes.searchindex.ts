import MiniSearch from 'minisearch';
import { Slices, sortInSlices } from '../../base/helpers.slices.js';
import { type ISearchHit, SearchAnswers } from './classes.searchanswers.js';
import { wordsOf } from './helpers.words.js';

export type { ISearchHit };

/** The part of a listing that search stands on; `PackageCatalog` has it. */
export interface ISearchSource<TEntry> {
  /** grows with each change */
  readonly version: number;
  entries(): Promise<ReadonlyMap<string, TEntry>>;
  /** undefined: too long ago to be known */
  changedSince(version: number): ReadonlySet<string> | undefined;
}

export interface ISearchField<TEntry> {
  /** how much a word counts in this field */
  boost: number;
  text(entry: TEntry, name: string): string;
}

export interface ISearchOptions<TEntry> {
  fields: Readonly<Record<string, ISearchField<TEntry>>>;
  /**
   * How well the name fits the text that was searched for: 1 for a name that only has its words, more for a name that
   * equals it or begins with it. A search for a name has to return that package before those that mention the word.
   */
  closeness(name: string, text: string): number;
  /** The order if nothing was searched for: negative if `a` comes first. Equal ones are ordered by name. */
  compare(a: TEntry, b: TEntry): number;
}

interface IIndexed {
  name: string;
  [field: string]: string;
}

/** What was found of one word. */
interface IFound {
  word: string;
  /** by package */
  scores: Map<string, number>;
  /** whether it is in more places than were looked at */
  isCut: boolean;
}

/** Words of a search that count: each costs a walk through the index, and few people type more. */
const MAX_WORDS = 4;
/**
 * Places of words in packages that one search scores, some 12 ms of CPU time; a word with more places distinguishes
 * little.
 */
const MAX_PLACES = 8000;
/** Beginnings of words count from this length: two letters begin too many words to walk through. */
const PREFIX_FROM = 3;
/** Shorter words resemble too many others; longer ones cost more, and people do not type them. */
const FUZZY_FROM = 4;
const FUZZY_TO = 24;
/** Words of this length and more may have two wrong letters, others one. */
const TWO_EDITS_FROM = 8;
/** ms that a search waits for the index to be built: some ten thousand packages take no longer. */
const BUILD_PATIENCE_MS = 1000;

/**
 * Ranked full-text search over a listing. It follows the listing name by name, so a change costs one package. The index is
 * built in slices behind the first searches, which until then find packages by their names.
 */
export class SearchIndex<TEntry> {
  private index: MiniSearch<IIndexed> | undefined;
  private known = new Map<string, TEntry>();
  /** all packages in the order for no text */
  private all: readonly ISearchHit<TEntry>[] = [];
  private seen = -1;
  private following: Promise<void> | undefined;
  private readonly answers = new SearchAnswers<TEntry>();

  constructor(
    private readonly source: ISearchSource<TEntry>,
    private readonly options: ISearchOptions<TEntry>,
  ) {}

  /** All packages that fit the text, best first; every package if it is empty. */
  public async ranked(text: string): Promise<readonly ISearchHit<TEntry>[]> {
    const entries = await this.source.entries();
    if (!(await this.caughtUp())) return this.byNames(entries, text);
    const words = wordsOf(text).slice(0, MAX_WORDS);
    if (text === '') return this.all;
    if (words.length === 0) return [];
    const answered = this.answers.get(text);
    if (answered) return answered;
    const { seen } = this;
    const { hits, isFuzzy } = await this.find(words, text);
    const ranked = await sortInSlices(hits, byScore);
    // a change since then may concern it
    if (seen === this.seen) this.answers.keep(text, { words, isFuzzy, hits: ranked });
    return ranked;
  }

  /** Follows the listing. Returns false if the index is being built and that takes longer. */
  private async caughtUp(): Promise<boolean> {
    // one call follows at a time; a caller that waited compares again, because the listing may have changed
    while (this.source.version !== this.seen) {
      this.following ??= this.follow().finally(() => {
        this.following = undefined;
      });
      const { following } = this;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const patience = new Promise<'late'>((resolve) => {
        timer = setTimeout(resolve, BUILD_PATIENCE_MS, 'late');
      });
      const outcome = await Promise.race([following, patience]).finally(() => clearTimeout(timer));
      if (outcome === 'late') {
        // if it fails, the next search throws the error
        following.catch(() => {});
        return this.index !== undefined;
      }
    }
    return true;
  }

  private async follow(): Promise<void> {
    const entries = await this.source.entries();
    const { version } = this.source;
    const changed = this.index && this.source.changedSince(this.seen);
    if (changed) await this.apply(changed, entries);
    else await this.build(entries);
    this.seen = version;
  }

  /** One snapshot is indexed; what changes meanwhile is in the listing's log, and applied afterwards. */
  private async build(entries: ReadonlyMap<string, TEntry>): Promise<void> {
    const known = new Map(entries);
    const index = this.empty();
    const slices = new Slices();
    for (const [name, entry] of known) {
      index.add(this.indexed(name, entry));
      if (slices.due) await slices.rest();
    }
    const hits: ISearchHit<TEntry>[] = [];
    for (const [name, entry] of known) hits.push({ name, entry, score: 1 });
    const all = await sortInSlices(hits, (a, b) => this.compare(a, b));
    this.index = index;
    this.known = known;
    this.all = all;
    this.answers.clear();
  }

  private async apply(names: ReadonlySet<string>, entries: ReadonlyMap<string, TEntry>): Promise<void> {
    const slices = new Slices();
    for (const name of names) {
      this.update(name, entries.get(name));
      if (slices.due) await slices.rest();
    }
  }

  private update(name: string, entry: TEntry | undefined): void {
    const before = this.known.get(name);
    if (before === entry) return;
    const words = new Set<string>();
    const all = this.all.slice();
    if (before !== undefined) {
      this.index?.discard(name);
      this.addWords(words, this.indexed(name, before));
      const at = this.placeOf(all, { name, entry: before, score: 1 });
      if (all[at]?.name === name) all.splice(at, 1);
      this.known.delete(name);
    }
    if (entry !== undefined) {
      const document = this.indexed(name, entry);
      this.index?.add(document);
      this.addWords(words, document);
      const hit = { name, entry, score: 1 };
      all.splice(this.placeOf(all, hit), 0, hit);
      this.known.set(name, entry);
    }
    this.all = all;
    this.answers.changed([words]);
  }

  private async find(
    words: readonly string[],
    text: string,
  ): Promise<{ hits: ISearchHit<TEntry>[]; isFuzzy: boolean }> {
    const most = Math.floor(MAX_PLACES / words.length);
    const slices = new Slices();
    const found: IFound[] = [];
    let isFuzzy = false;
    for (const word of words) {
      let one = this.lookUp(word, most, false);
      if (one.scores.size === 0) {
        isFuzzy = true; // a letter may be wrong
        one = this.lookUp(word, most, true);
      }
      found.push(one);
      if (slices.due) await slices.rest();
    }
    const inAll = this.inAll(found);
    // packages that have only some of the words are better than no result
    const scores = inAll.size > 0 ? inAll : inSome(found);
    // the package of that name is never passed over
    if (!scores.has(text) && found.some(({ isCut }) => isCut)) scores.set(text, 1);
    const hits: ISearchHit<TEntry>[] = [];
    for (const [name, score] of scores) {
      const entry = this.known.get(name);
      if (entry !== undefined) hits.push({ name, entry, score: score * this.options.closeness(name, text) });
    }
    return { hits, isFuzzy };
  }

  private lookUp(word: string, most: number, isFuzzy: boolean): IFound {
    const scores = new Map<string, number>();
    let places = 0;
    this.index?.search(word, {
      fuzzy: isFuzzy && editsOf,
      // exact matches come first, and names before the other fields: what is passed over is what counts least
      boostDocument: () => (places++ < most ? 1 : 0),
      // taken here, because MiniSearch would sort them all in one go
      filter: ({ id, score }) => {
        scores.set(id as string, score);
        return false;
      },
    });
    return { word, scores, isCut: places > most };
  }

  /** Packages that have all the words; where the places of a word were too many, the package itself is looked at. */
  private inAll(found: readonly IFound[]): Map<string, number> {
    const [rarest, ...others] = [...found].sort(
      (a, b) => Number(a.isCut) - Number(b.isCut) || a.scores.size - b.scores.size,
    );
    const scores = new Map<string, number>();
    for (const [name, score] of rarest?.scores ?? []) {
      let sum = score;
      for (const { word, scores: own, isCut } of others) {
        sum += own.get(name) ?? (isCut && this.hasWord(name, word) ? 0 : Number.NaN);
      }
      if (!Number.isNaN(sum)) scores.set(name, sum);
    }
    return scores;
  }

  private hasWord(name: string, word: string): boolean {
    const entry = this.known.get(name);
    if (entry === undefined) return false;
    const words = new Set<string>();
    this.addWords(words, this.indexed(name, entry));
    for (const own of words) if (own.startsWith(word)) return true;
    return false;
  }

  /** While there is no index: packages whose names have all the words. */
  private async byNames(entries: ReadonlyMap<string, TEntry>, text: string): Promise<readonly ISearchHit<TEntry>[]> {
    const words = wordsOf(text).slice(0, MAX_WORDS);
    const slices = new Slices();
    const hits: ISearchHit<TEntry>[] = [];
    for (const [name, entry] of [...entries]) {
      const lower = name.toLowerCase();
      if (text === '' || (words.length > 0 && words.every((word) => lower.includes(word)))) {
        hits.push({ name, entry, score: this.options.closeness(name, text) });
      }
      if (slices.due) await slices.rest();
    }
    return sortInSlices(hits, text !== '' ? byScore : (a, b) => this.compare(a, b));
  }

  private empty(): MiniSearch<IIndexed> {
    const { fields } = this.options;
    return new MiniSearch<IIndexed>({
      idField: 'name',
      fields: Object.keys(fields).map(fieldKey),
      tokenize: wordsOf,
      processTerm: (term) => term,
      // what was discarded is cleared away in small steps, so that none holds the event loop
      autoVacuum: { batchSize: 100, batchWait: 10, minDirtCount: 1000, minDirtFactor: 0.1 },
      searchOptions: {
        boost: Object.fromEntries(Object.entries(fields).map(([key, { boost }]) => [fieldKey(key), boost])),
        prefix: (term) => term.length >= PREFIX_FROM,
        weights: { fuzzy: 0.3, prefix: 0.6 },
      },
    });
  }

  private indexed(name: string, entry: TEntry): IIndexed {
    const texts = Object.entries(this.options.fields).map(([key, field]) => [fieldKey(key), field.text(entry, name)]);
    return { ...Object.fromEntries(texts), name };
  }

  private addWords(words: Set<string>, { name: _id, ...texts }: IIndexed): void {
    for (const text of Object.values(texts)) for (const word of wordsOf(text)) words.add(word);
  }

  private compare(a: ISearchHit<TEntry>, b: ISearchHit<TEntry>): number {
    return this.options.compare(a.entry, b.entry) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  }

  private placeOf(hits: readonly ISearchHit<TEntry>[], hit: ISearchHit<TEntry>): number {
    let low = 0;
    let high = hits.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.compare(hits[middle]!, hit) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A field of a protocol may be called `name`, which here is the id. */
const fieldKey = (key: string): string => `in ${key}`;

/** Packages that have some of the words: the more of them the better. */
const inSome = (found: readonly IFound[]): Map<string, number> => {
  const scores = new Map<string, number>();
  for (const { scores: own } of found) {
    for (const [name, score] of own) scores.set(name, 2 * (scores.get(name) ?? 0) + score);
  }
  return scores;
};

const editsOf = (word: string): number | false => {
  if (word.length < FUZZY_FROM || word.length > FUZZY_TO) return false;
  return word.length < TWO_EDITS_FROM ? 1 : 2;
};

/** Equal scores in one order, whatever the order of indexing was. */
const byScore = (a: ISearchHit<unknown>, b: ISearchHit<unknown>): number =>
  b.score - a.score || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
