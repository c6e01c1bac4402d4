/** A package that a search found, and how well it fits; only scores of the same search compare. */
export interface ISearchHit<TEntry> {
  readonly name: string;
  readonly entry: TEntry;
  readonly score: number;
}

interface IAnswer<TEntry> {
  /** the words that were looked for */
  words: readonly string[];
  /** whether words that are only alike counted too */
  isFuzzy: boolean;
  hits: readonly ISearchHit<TEntry>[];
}

/** Hits that are kept of recent searches, all together: about 8 MB. */
const MAX_HITS = 100_000;
/** What an answer costs beside its hits, in hits: its text and words. So at most about 4,000 answers are kept. */
const ANSWER_COST = 24;
/** Changes at once of which each answer is looked at; more of them, and all answers are forgotten. */
const MAX_CHANGES = 32;

/** Answers to recent searches. A change of a package drops the answers that may contain it, and no others. */
export class SearchAnswers<TEntry> {
  private readonly answers = new Map<string, IAnswer<TEntry>>();
  private cost = 0;

  public get(text: string): readonly ISearchHit<TEntry>[] | undefined {
    return this.answers.get(text)?.hits;
  }

  public keep(text: string, answer: IAnswer<TEntry>): void {
    const cost = answer.hits.length + ANSWER_COST;
    if (this.cost + cost > MAX_HITS) this.clear();
    this.cost += cost;
    // a copy: the text may be a slice of a query that was much longer, and would keep it alive
    this.answers.set(Buffer.from(text).toString(), answer);
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
    for (const [text, answer] of this.answers) {
      if (!changes.some((words) => mayConcern(answer, words))) continue;
      this.answers.delete(text);
      this.cost -= answer.hits.length + ANSWER_COST;
    }
  }
}

/** A package has a part in an answer only if one of its words begins with one that was looked for, or is alike. */
const mayConcern = ({ words, isFuzzy }: IAnswer<unknown>, changed: ReadonlySet<string>): boolean => {
  if (isFuzzy) return true;
  return words.some((word) => {
    for (const other of changed) if (other.startsWith(word)) return true;
    return false;
  });
};
