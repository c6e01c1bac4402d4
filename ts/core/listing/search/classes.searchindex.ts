import { Slices, sortInSlices } from '../../base/helpers.slices.js';
import { pickFrom, portionsOf } from '../helpers.portions.js';
import { SearchAnswers } from './classes.searchanswers.js';
import { mayBeFuzzy, TextIndex } from './classes.textindex.js';
import { type IRanking, joinScores, ranked } from './helpers.ranking.js';
import { wordsOf } from './helpers.words.js';
import type { ISearchHit, ISearchOptions, ISearchRequest, ISearchSource } from './interfaces.search.js';

/** Words of a search that are used: each costs a walk through the index, and few people type more. */
const MAX_WORDS = 4;
/** Hits that are made and sorted by name at once: more than anybody pages through. */
const PORTION = 5000;
/** ms that a search waits until the index is built: enough for some ten thousand packages. */
const BUILD_PATIENCE_MS = 1000;

type TFilter<TEntry> = NonNullable<ISearchRequest<TEntry>['filter']>;

/** How strictly the words of a search must match. */
interface ILook {
  /** whether letters may differ */
  isFuzzy: boolean;
  areAllNeeded: boolean;
}

/** The strictest first: packages with only some of the words are better than no result. */
const LOOKS: readonly ILook[] = [
  { isFuzzy: false, areAllNeeded: true },
  { isFuzzy: true, areAllNeeded: true },
  { isFuzzy: false, areAllNeeded: false },
  { isFuzzy: true, areAllNeeded: false },
];

/** A search under way. */
interface IQuest<TEntry> {
  index: TextIndex<TEntry>;
  words: readonly string[];
  /** packages with names like this come first; null: names have no priority over other fields */
  name: string | null;
  look: ILook;
  /** the matches that this search has looked up, by word */
  matches: Map<string, Float32Array>;
}

/**
 * Ranked full-text search over a listing. It applies the listing's changes name by name, so a change costs one package.
 * The index is built in slices behind the first searches; until it is ready, they find packages by their names.
 */
export class SearchIndex<TEntry> {
  private index: TextIndex<TEntry> | undefined;
  /** all packages in the order for an empty text; never changed in place */
  private all: readonly ISearchHit<TEntry>[] = [];
  private seen = -1;
  private following: Promise<void> | undefined;
  private readonly answers = new SearchAnswers<TEntry>();

  constructor(
    private readonly source: ISearchSource<TEntry>,
    private readonly options: ISearchOptions<TEntry>,
  ) {}

  /**
   * Packages that match the text, best first; every package if the text is empty. Packages without some of the words
   * are searched only if no better one passes the filter. So the answer does not show a caller whether there is a
   * package that the caller must not see.
   */
  public async search(text: string, request: ISearchRequest<TEntry>): Promise<ISearchHit<TEntry>[]> {
    const entries = await this.source.entries();
    const isReady = await this.caughtUp();
    const { index } = this;
    if (!isReady || !index) return pickFrom(portionsOf(await this.byNames(entries, text)), request);
    if (text === '') return pickFrom(portionsOf(this.all), request);
    const words = [...new Set(wordsOf(text))].slice(0, MAX_WORDS);
    const { most, filter = async (hits) => hits } = request;
    const name = request.favoursNames === false ? null : text;
    const matches = new Map<string, Float32Array>();
    for (const look of LOOKS) {
      if (!isOfUse(look, words)) continue;
      const found = await pickFrom(this.passing({ index, words, name, look, matches }, filter), { most });
      if (found.length > 0) return found;
    }
    return [];
  }

  /** The hits of one look that pass the filter: first the best ones, which are cached, then the others. */
  private async *passing(
    quest: IQuest<TEntry>,
    filter: TFilter<TEntry>,
  ): AsyncGenerator<readonly ISearchHit<TEntry>[], void, undefined> {
    const { words, name, look } = quest;
    const key = JSON.stringify([LOOKS.indexOf(look), words, name]);
    let answer = this.answers.get(key);
    if (!answer) {
      const { seen } = this;
      const ranking = await this.ranking(quest);
      const best = await this.inOrder(quest, hitsOf(quest, ranking, 0));
      answer = { words, isFuzzy: look.isFuzzy, ranking, best };
      // a change meanwhile may concern the answer
      if (seen === this.seen) this.answers.keep(key, answer);
    }
    const { best, ranking } = answer;
    const passed = await filter(best);
    if (passed === null) return;
    yield passed;
    for (let from = PORTION; from < ranking.numbers.length; from += PORTION) {
      // few of thousands of hits may pass the filter; the others need not be sorted
      const others = await filter(hitsOf(quest, ranking, from));
      if (others === null) return;
      yield await this.inOrder(quest, others);
    }
  }

  private async ranking({ index, words, name, look, matches }: IQuest<TEntry>): Promise<IRanking> {
    const slices = new Slices();
    const scores: Float32Array[] = [];
    for (const word of words) {
      const isFuzzy = look.isFuzzy && mayBeFuzzy(word);
      const key = isFuzzy ? `${word}~` : word;
      const match = matches.get(key) ?? (await index.match(word, isFuzzy));
      matches.set(key, match);
      scores.push(match);
      if (slices.due) await slices.rest();
    }
    const joined = joinScores(scores, look.areAllNeeded);
    if (slices.due) await slices.rest();
    return ranked(joined, name === null ? undefined : index.numberOf(name));
  }

  /** Sorts hits of a ranking by their score with the name's priority. */
  private async inOrder(
    { name: wanted }: IQuest<TEntry>,
    hits: readonly ISearchHit<TEntry>[],
  ): Promise<ISearchHit<TEntry>[]> {
    const slices = new Slices();
    const named: ISearchHit<TEntry>[] = [];
    for (const { name, entry, score } of hits) {
      const closeness = wanted === null ? 1 : this.options.closeness(name, wanted);
      named.push({ name, entry, score: score * closeness });
      if (slices.due) await slices.rest();
    }
    return sortInSlices(named, byScore);
  }

  /** Applies the listing's changes. Returns false if the index is being built and that takes longer. */
  private async caughtUp(): Promise<boolean> {
    // one call applies changes at a time; a caller that waited compares again, because the listing may have changed
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
    const { index } = this;
    const changed = index && this.source.changedSince(this.seen);
    if (changed) await this.apply(index, changed, entries);
    else await this.build(entries);
    this.seen = version;
  }

  /** Changes that come meanwhile are in the listing's log and applied afterwards. */
  private async build(entries: ReadonlyMap<string, TEntry>): Promise<void> {
    const index = await TextIndex.of(Object.values(this.options.fields), entries);
    const all = await sortInSlices(index.all(), (a, b) => this.compare(a, b));
    this.index = index;
    this.all = all;
    this.answers.clear();
  }

  private async apply(
    index: TextIndex<TEntry>,
    names: ReadonlySet<string>,
    entries: ReadonlyMap<string, TEntry>,
  ): Promise<void> {
    const slices = new Slices();
    const all = this.all.slice();
    const changes: Set<string>[] = [];
    for (const name of names) {
      const before = index.get(name);
      const entry = entries.get(name);
      if (before?.entry === entry) continue;
      const words = new Set<string>();
      if (before !== undefined) {
        for (const word of index.remove(name)) words.add(word);
        const at = this.placeOf(all, before);
        if (all[at]?.name === name) all.splice(at, 1);
      }
      if (entry !== undefined) {
        for (const word of index.add(name, entry)) words.add(word);
        const hit = index.get(name) as ISearchHit<TEntry>;
        all.splice(this.placeOf(all, hit), 0, hit);
      }
      changes.push(words);
      if (slices.due) await slices.rest();
    }
    index.mergeWords();
    this.all = all;
    this.answers.changed(changes);
  }

  /** Used until the index is ready: returns packages whose names have all the words. */
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

/** The hits for a portion of a ranking; takes 1 ms. */
const hitsOf = <TEntry>(
  { index }: IQuest<TEntry>,
  { numbers, scores }: IRanking,
  from: number,
): ISearchHit<TEntry>[] => {
  const hits: ISearchHit<TEntry>[] = [];
  for (let at = from; at < Math.min(from + PORTION, numbers.length); at++) {
    const found = index.at(numbers[at]!);
    if (found) hits.push({ name: found.name, entry: found.entry, score: scores[at]! });
  }
  return hits;
};

/** Whether a look can find more than the stricter ones before it. */
const isOfUse = ({ isFuzzy, areAllNeeded }: ILook, words: readonly string[]): boolean =>
  words.length > 0 && (!isFuzzy || words.some(mayBeFuzzy)) && (areAllNeeded || words.length > 1);

/** A fixed order for equal scores, independent of the order of indexing. */
const byScore = (a: ISearchHit<unknown>, b: ISearchHit<unknown>): number =>
  b.score - a.score || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
