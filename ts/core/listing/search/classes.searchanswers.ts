import type { IRanking } from './helpers.ranking.js';
import type { ISearchHit } from './interfaces.search.js';

/** The result of a search: the best hits in order, and the ranking of all. */
export interface IAnswer<TEntry> {
  /** the words that were searched for */
  words: readonly string[];
  /** whether similar words counted too */
  isFuzzy: boolean;
  ranking: IRanking;
  best: readonly ISearchHit<TEntry>[];
}

/** Approximate bytes of cached answers. */
const MAX_BYTES = 8 * 1024 * 1024;
/** of a hit: the object and its array element */
const HIT_BYTES = 64;
/** of an answer without its hits: the text, the words, the maps. So about 4,000 answers are kept. */
const ANSWER_BYTES = 2048;
/** Up to this many changes at once, each answer is checked; after more changes, all answers are dropped. */
const MAX_CHANGES = 32;

const costOf = ({ ranking, best }: IAnswer<unknown>): number =>
  ranking.numbers.byteLength + ranking.scores.byteLength + best.length * HIT_BYTES + ANSWER_BYTES;

/** Caches answers to recent searches. If a package changes, only answers that may contain it are dropped. */
export class SearchAnswers<TEntry> {
  private readonly answers = new Map<string, IAnswer<TEntry>>();
  private cost = 0;

  public get(key: string): IAnswer<TEntry> | undefined {
    return this.answers.get(key);
  }

  public keep(key: string, answer: IAnswer<TEntry>): void {
    const cost = costOf(answer);
    if (this.cost + cost > MAX_BYTES) this.clear();
    this.cost += cost;
    // a copy: the text may be a slice of a much longer query, which it would keep in memory
    this.answers.set(Buffer.from(key).toString(), answer);
  }

  public clear(): void {
    this.answers.clear();
    this.cost = 0;
  }

  /** @param changes the words of each changed package, from before and after the change */
  public changed(changes: readonly ReadonlySet<string>[]): void {
    if (changes.length > MAX_CHANGES) {
      this.clear();
      return;
    }
    for (const [key, answer] of this.answers) {
      if (!changes.some((words) => mayConcern(answer, words))) continue;
      this.answers.delete(key);
      this.cost -= costOf(answer);
    }
  }
}

/**
 * Whether an answer may contain a changed package: one of the package's words begins with a searched word, or is
 * similar.
 */
const mayConcern = ({ words, isFuzzy }: IAnswer<unknown>, changed: ReadonlySet<string>): boolean => {
  if (isFuzzy) return true;
  return words.some((word) => {
    for (const other of changed) if (other.startsWith(word)) return true;
    return false;
  });
};
