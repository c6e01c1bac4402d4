import type { IRanking } from './helpers.ranking.js';
import type { ISearchHit } from './interfaces.search.js';

/** What fits a search: the best, in their order, and the ranking of all. */
export interface IAnswer<TEntry> {
  /** the words that were looked for */
  words: readonly string[];
  /** whether words that are only similar counted too */
  isFuzzy: boolean;
  ranking: IRanking;
  best: readonly ISearchHit<TEntry>[];
}

/** Bytes that are kept of recent searches, about. */
const MAX_BYTES = 8 * 1024 * 1024;
/** of a hit: the object and its place in an array */
const HIT_BYTES = 64;
/** of what there is beside the hits: the text, the words, the maps. So some 4,000 answers are kept. */
const ANSWER_BYTES = 2048;
/** Changes at once of which each answer is looked at; more of them, and all answers are forgotten. */
const MAX_CHANGES = 32;

const costOf = ({ ranking, best }: IAnswer<unknown>): number =>
  ranking.numbers.byteLength + ranking.scores.byteLength + best.length * HIT_BYTES + ANSWER_BYTES;

/** Answers to recent searches. A change of a package drops the answers that may contain it, and no others. */
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
    // a copy: the text may be a slice of a query that was much longer, and would keep it alive
    this.answers.set(Buffer.from(key).toString(), answer);
  }

  public clear(): void {
    this.answers.clear();
    this.cost = 0;
  }

  /** @param changes the words of each changed package, of before and after the change */
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

/** A package has a part in an answer only if one of its words begins with one that was looked for, or is similar. */
const mayConcern = ({ words, isFuzzy }: IAnswer<unknown>, changed: ReadonlySet<string>): boolean => {
  if (isFuzzy) return true;
  return words.some((word) => {
    for (const other of changed) if (other.startsWith(word)) return true;
    return false;
  });
};
