import { Slices, sortInSlices } from '../../base/helpers.slices.js';
import { prefixEnd, similarWords, wordPosition, wordsOf } from './helpers.words.js';
import type { ISearchField, ISearchHit } from './interfaces.search.js';

/** Length from which on a searched word also matches as a prefix: two letters begin too many words. */
const PREFIX_FROM = 3;
/** Shorter words resemble too many others; longer ones cost more, and people do not type them. */
const FUZZY_FROM = 4;
const FUZZY_TO = 24;
/** Length from which on a word may differ in two letters; shorter ones in one. */
const TWO_EDITS_FROM = 8;
/** Weight of a word that begins with the searched word, relative to the word itself. */
const PREFIX_FACTOR = 0.6;
/** Reduction of that weight for each further letter. */
const LETTER_FACTOR = 0.3;
/** Weight of a word that is only similar. */
const FUZZY_FACTOR = 0.3;

/** Weights are integers up to this. */
const MAX_WEIGHT = 65_535;
/** Places that are sorted at once: less than a millisecond. */
const SHORT = 1000;
/** More packages than memory holds. */
const MAX_NUMBERS = 2 ** 31;

/**
 * A package that has a word, and the word's weight there, as one number: an array of them is small and fast to walk,
 * and numeric order puts the highest weight first.
 */
const placeOf = (number: number, weight: number): number => (MAX_WEIGHT - weight) * MAX_NUMBERS + number;
const numberAt = (place: number): number => place % MAX_NUMBERS;
const weightAt = (place: number): number => MAX_WEIGHT - Math.floor(place / MAX_NUMBERS);

const ascending = (a: number, b: number): number => a - b;

/**
 * Maps words to packages. If a package changes, only its own words cost time. A search walks each list of places at
 * once (5 ns per place) and pauses between the lists. Removed packages leave nothing behind, so there is no compaction.
 */
export class TextIndex<TEntry> {
  /** by the number that a name keeps for ever */
  private readonly packages: (ISearchHit<TEntry> | undefined)[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly places = new Map<string, number[]>();
  /** all words, sorted; never changed in place, because a search that pauses holds the array */
  private words: readonly string[] = [];
  private newWords: string[] = [];
  private readonly boosts: number;

  constructor(private readonly fields: readonly ISearchField<TEntry>[]) {
    this.boosts = fields.reduce((sum, { boost }) => sum + boost, 0);
  }

  /**
   * Builds an index of all these packages in slices. If they change meanwhile, the caller must apply the changes
   * afterwards.
   */
  public static async of<TEntry>(
    fields: readonly ISearchField<TEntry>[],
    packages: Iterable<readonly [name: string, entry: TEntry]>,
  ): Promise<TextIndex<TEntry>> {
    const index = new TextIndex<TEntry>(fields);
    const { places } = index;
    const slices = new Slices();
    for (const [name, entry] of packages) {
      // a map yields a name twice if it was removed and added again meanwhile
      if (index.numbers.has(name)) continue;
      const number = index.keep(name, entry);
      for (const [word, weight] of index.weights(name, entry)) {
        const list = places.get(word);
        if (list) list.push(placeOf(number, weight));
        else places.set(word, [placeOf(number, weight)]);
      }
      if (slices.due) await slices.rest();
    }
    for (const [word, list] of places) {
      // a copy, because an array that grew has more capacity than elements
      if (list.length > 1) places.set(word, await sorted(list));
      if (slices.due) await slices.rest();
    }
    index.words = await sortInSlices([...places.keys()], (a, b) => (a < b ? -1 : 1));
    return index;
  }

  /** One more than the highest number of a package. */
  public get size(): number {
    return this.packages.length;
  }

  public all(): ISearchHit<TEntry>[] {
    return this.packages.filter((one) => one !== undefined);
  }

  public at(number: number): ISearchHit<TEntry> | undefined {
    return this.packages[number];
  }

  public numberOf(name: string): number | undefined {
    return this.numbers.get(name);
  }

  public get(name: string): ISearchHit<TEntry> | undefined {
    const number = this.numbers.get(name);
    return number === undefined ? undefined : this.packages[number];
  }

  public add(name: string, entry: TEntry): Iterable<string> {
    const number = this.keep(name, entry);
    const weights = this.weights(name, entry);
    for (const [word, weight] of weights) {
      let list = this.places.get(word);
      if (!list) {
        list = [];
        this.places.set(word, list);
        this.newWords.push(word);
      }
      const place = placeOf(number, weight);
      list.splice(positionOf(list, place), 0, place);
    }
    return weights.keys();
  }

  /** Removes a package. Returns its words. */
  public remove(name: string): Iterable<string> {
    const number = this.numbers.get(name);
    const indexed = number === undefined ? undefined : this.packages[number];
    if (number === undefined || !indexed) return [];
    this.packages[number] = undefined;
    const weights = this.weights(name, indexed.entry);
    for (const [word, weight] of weights) {
      const list = this.places.get(word);
      if (!list) continue;
      const place = placeOf(number, weight);
      const at = positionOf(list, place);
      if (list[at] === place) list.splice(at, 1);
      if (list.length === 0) this.places.delete(word);
    }
    return weights.keys();
  }

  /** Call it after changes: until then, prefixes and similar words do not find a new word. */
  public mergeWords(): void {
    const added = [...new Set(this.newWords)].sort();
    if (added.length === 0) return;
    this.newWords = [];
    const { words } = this;
    const merged: string[] = [];
    let from = 0;
    for (const word of added) {
      const to = wordPosition(words, word);
      while (from < to) merged.push(words[from++]!);
      // words that are in no package any more stay until the index is rebuilt: they find nothing
      if (words[from] !== word) merged.push(word);
    }
    while (from < words.length) merged.push(words[from++]!);
    this.words = merged;
  }

  /**
   * Scores of the packages, by number, for the word: 0 = no match. The word itself and words that begin with it match;
   * with `isFuzzy` also similar words.
   */
  public async match(word: string, isFuzzy: boolean): Promise<Float32Array> {
    const scores = new Float32Array(this.packages.length);
    const { words } = this;
    const slices = new Slices();
    this.score(word, 1, scores);
    if (word.length >= PREFIX_FROM) {
      const end = prefixEnd(words, word);
      for (let at = wordPosition(words, word); at < end; at++) {
        const other = words[at]!;
        const more = other.length - word.length;
        if (more === 0) continue;
        this.score(other, (PREFIX_FACTOR * other.length) / (other.length + LETTER_FACTOR * more), scores);
        if (slices.due) await slices.rest();
      }
    }
    if (!isFuzzy || !mayBeFuzzy(word)) return scores;
    for (const found of similarWords(words, word, word.length < TWO_EDITS_FROM ? 1 : 2)) {
      if (found) {
        const [other, distance] = found;
        this.score(other, (FUZZY_FACTOR * other.length) / (other.length + distance), scores);
      }
      if (slices.due) await slices.rest();
    }
    return scores;
  }

  private score(word: string, factor: number, scores: Float32Array): void {
    for (const place of this.places.get(word) ?? []) {
      const number = numberAt(place);
      const score = factor * weightAt(place);
      // the best of a package's words counts; a package that was added meanwhile has no place and is found the next
      // time
      if (number < scores.length && score > scores[number]!) scores[number] = score;
    }
  }

  private keep(name: string, entry: TEntry): number {
    let number = this.numbers.get(name);
    if (number === undefined) {
      number = this.packages.length;
      this.numbers.set(name, number);
    }
    this.packages[number] = { name, entry, score: 1 };
    return number;
  }

  /**
   * The words of a package and their weights. They depend on nothing else, so the same numbers result when the package
   * is removed. A word weighs more in a short text, and less each time it is repeated.
   */
  private weights(name: string, entry: TEntry): Map<string, number> {
    const weights = new Map<string, number>();
    for (const { boost, text } of this.fields) {
      const counts = new Map<string, number>();
      const words = wordsOf(text(entry, name));
      for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
      for (const [word, count] of counts) {
        const weight = (boost / this.boosts) * Math.sqrt(count / words.length);
        weights.set(word, (weights.get(word) ?? 0) + weight);
      }
    }
    for (const [word, weight] of weights) weights.set(word, Math.max(1, Math.round(weight * MAX_WEIGHT)));
    return weights;
  }
}

/** Whether similar words are searched for this word. */
export const mayBeFuzzy = (word: string): boolean => word.length >= FUZZY_FROM && word.length <= FUZZY_TO;

const sorted = (list: number[]): number[] | Promise<number[]> =>
  list.length > SHORT ? sortInSlices(list, ascending) : list.slice().sort(ascending);

const positionOf = (list: readonly number[], place: number): number => {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle]! < place) low = middle + 1;
    else high = middle;
  }
  return low;
};
