import MiniSearch from 'minisearch';
import type { INpmSearchEntry } from './interfaces.npm.js';
import { baseName } from './keys.npm.js';
import type { ISearchQuery } from './wire.search.js';

/** The part of the catalog that search stands on. */
export interface ISearchSource {
  /** grows whenever the entries change */
  readonly version: number;
  entries(): Promise<ReadonlyMap<string, INpmSearchEntry>>;
}

interface IIndexed {
  name: string;
  words: string;
  keywords: string;
  description: string;
  people: string;
}

/** A hit and its score as the index counts it. */
export interface IRanked {
  entry: INpmSearchEntry;
  score: number;
}

const SPLIT = /[^\p{L}\p{N}]+/u;
const tokenize = (text: string): string[] => text.toLowerCase().split(SPLIT).filter(Boolean);

const peopleOf = ({ author, publisher, maintainers }: INpmSearchEntry): string =>
  [author, publisher, ...maintainers].map((person) => person?.name ?? '').join(' ');

const indexed = (entry: INpmSearchEntry): IIndexed => ({
  name: entry.name,
  words: entry.name,
  keywords: entry.keywords.join(' '),
  description: entry.description ?? '',
  people: peopleOf(entry),
});

/** Words of a search that count: each costs a walk through the index, and nobody types more. */
const MAX_WORDS = 16;

/** A whole index is rebuilt where it is cheaper than forgetting that many entries one by one. */
const REBUILD_SHARE = 0.5;
/** entries indexed before other requests get their turn */
const CHUNK = 200;
/** hits kept of recent searches, all together */
const MAX_CACHED_HITS = 100_000;
/** what a search's own text counts beside its hits */
const TEXT_COST = 24;

/**
 * Ranked full-text search over the catalog. It follows the catalog entry by entry, so a publish costs search one
 * package, not all of them.
 */
export class SearchIndex {
  private index = SearchIndex.empty();
  private known = new Map<string, INpmSearchEntry>();
  private seen = -1;
  private following: Promise<void> | undefined;
  private readonly answers = new Map<string, IRanked[]>();
  private cachedHits = 0;

  constructor(private readonly source: ISearchSource) {}

  private static empty(): MiniSearch<IIndexed> {
    return new MiniSearch<IIndexed>({
      idField: 'name',
      fields: ['words', 'keywords', 'description', 'people'],
      tokenize,
      searchOptions: {
        boost: { words: 8, keywords: 3, description: 1, people: 0.5 },
        prefix: (term) => term.length > 1,
        fuzzy: (term) => (term.length > 3 ? 0.2 : false),
        weights: { fuzzy: 0.3, prefix: 0.6 },
        combineWith: 'AND',
      },
    });
  }

  /** All packages that fit the words, best first; every package, newest first, where there are no words. */
  public async ranked(query: ISearchQuery): Promise<readonly IRanked[]> {
    await this.source.entries();
    // one follows at a time; who waited looks again, as the catalog may have gone on
    while (this.source.version !== this.seen) {
      this.following ??= this.follow().finally(() => {
        this.following = undefined;
      });
      await this.following;
    }
    const { text } = query;
    const answered = this.answers.get(text);
    if (answered) return answered;
    const ranked = text === '' ? this.everything() : this.find(text);
    if (this.cachedHits > MAX_CACHED_HITS) this.forgetAnswers();
    this.cachedHits += ranked.length + TEXT_COST;
    // a copy: the text may be a slice of a query that was much longer, and would keep it alive
    this.answers.set(Buffer.from(text).toString(), ranked);
    return ranked;
  }

  private everything(): IRanked[] {
    return [...this.known.values()]
      .sort((a, b) => (a.date < b.date ? 1 : a.date > b.date ? -1 : a.name < b.name ? -1 : 1))
      .map((entry) => ({ entry, score: 1 }));
  }

  private find(text: string): IRanked[] {
    const words = tokenize(text).slice(0, MAX_WORDS).join(' ');
    let hits = this.index.search(words);
    // rather a part of what was asked than nothing
    if (hits.length === 0) hits = this.index.search(words, { combineWith: 'OR' });
    const ranked: IRanked[] = [];
    for (const { id, score } of hits) {
      const entry = this.known.get(id as string);
      if (entry) ranked.push({ entry, score: score * closeness(entry.name, text) });
    }
    // equal scores in one order, whatever the order of indexing was
    return ranked.sort((a, b) => b.score - a.score || (a.entry.name < b.entry.name ? -1 : 1));
  }

  private forgetAnswers(): void {
    this.answers.clear();
    this.cachedHits = 0;
  }

  /** Takes over what changed in the catalog. */
  private async follow(): Promise<void> {
    const entries = await this.source.entries();
    const { version } = this.source;
    const gone = [...this.known.keys()].filter((name) => !entries.has(name));
    const changed = [...entries.values()].filter((entry) => !isSame(this.known.get(entry.name), entry));
    if (gone.length + changed.length > this.known.size * REBUILD_SHARE) {
      const index = SearchIndex.empty();
      await index.addAllAsync([...entries.values()].map(indexed), { chunkSize: CHUNK });
      this.index = index;
    } else {
      for (const name of gone) this.index.discard(name);
      for (const entry of changed) {
        if (this.index.has(entry.name)) this.index.discard(entry.name);
        this.index.add(indexed(entry));
      }
    }
    this.known = new Map(entries);
    this.seen = version;
    this.forgetAnswers();
  }
}

const isSame = (a: INpmSearchEntry | undefined, b: INpmSearchEntry): boolean =>
  a === b || (a !== undefined && a.rev === b.rev && a.date === b.date);

/** Who types a name wants that package: it comes before all that merely mention the word, and the nearer the sooner. */
const closeness = (name: string, text: string): number => {
  if (name === text) return 100;
  const base = baseName(name);
  if (base === text || name.replaceAll(/[@/]/g, ' ').trim() === text) return 10;
  return base.includes(text) ? 1 + text.length / base.length : 1;
};
