/** The packages that match a search, by number, the best first, with their scores. */
export interface IRanking {
  readonly numbers: Uint32Array;
  readonly scores: Float32Array;
}

/** Maximum number of scores that the order distinguishes. Closer ones are sorted when they are shown. */
const MAX_BUCKETS = 65_536;

/**
 * Joins the scores of several words: a word that is in few packages weighs more.
 * @param areAllNeeded whether a package must have all words; if not, it ranks higher the more of them it has
 */
export const joinScores = (matches: readonly Float32Array[], areAllNeeded: boolean): Float32Array => {
  const size = Math.min(...matches.map(({ length }) => length));
  const factors = matches.map((scores) => {
    let count = 0;
    for (const score of scores) if (score > 0) count++;
    return Math.log(1 + size / Math.max(1, count));
  });
  const joined = new Float32Array(size);
  for (let number = 0; number < size; number++) {
    let sum = 0;
    let found = 0;
    for (let at = 0; at < matches.length; at++) {
      const score = matches[at]![number]!;
      if (score === 0) continue;
      found++;
      sum += factors[at]! * score;
    }
    if (found === 0 || (areAllNeeded && found < matches.length)) continue;
    joined[number] = sum * 2 ** (found - 1);
  }
  return joined;
};

/**
 * A counting sort: linear, so that even a word that is in every package is ranked at once (1 ms for 100,000).
 * @param first the package that comes first if it matches at all
 */
export const ranked = (scores: Float32Array, first?: number): IRanking => {
  let best = 0;
  let count = 0;
  for (const score of scores) {
    if (score > 0) count++;
    if (score > best) best = score;
  }
  // few hits need few buckets: most searches find few, and walking through empty buckets costs time
  const buckets = Math.min(MAX_BUCKETS, 2 + 4 * count);
  const bucketOf = (number: number, score: number): number =>
    number === first ? 0 : 1 + Math.floor((1 - score / best) * (buckets - 2));
  const ends = new Uint32Array(buckets + 1);
  for (let number = 0; number < scores.length; number++) {
    const score = scores[number]!;
    if (score > 0) ends[bucketOf(number, score) + 1]!++;
  }
  for (let bucket = 1; bucket <= buckets; bucket++) ends[bucket]! += ends[bucket - 1]!;
  const numbers = new Uint32Array(count);
  const own = new Float32Array(count);
  for (let number = 0; number < scores.length; number++) {
    const score = scores[number]!;
    if (score === 0) continue;
    const at = ends[bucketOf(number, score)]!++;
    numbers[at] = number;
    own[at] = score;
  }
  return { numbers, scores: own };
};
