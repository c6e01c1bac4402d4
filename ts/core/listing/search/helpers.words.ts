const SPLIT = /[^\p{L}\p{N}]+/u;

/** Splits a text into words: runs of letters and digits, in lower case. */
export const wordsOf = (text: string): string[] => text.toLowerCase().split(SPLIT).filter(Boolean);

/** Index of the first word that is not less than `word`; the words must be sorted. */
export const wordPosition = (words: readonly string[], word: string): number => {
  let low = 0;
  let high = words.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (words[middle]! < word) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** Index of the first word after all that begin with `prefix`. */
export const prefixEnd = (words: readonly string[], prefix: string): number => {
  let low = 0;
  let high = words.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const word = words[middle]!;
    if (word < prefix || word.startsWith(prefix)) low = middle + 1;
    else high = middle;
  }
  return low;
};

const sharedLength = (a: string, b: string): number => {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
};

/**
 * Yields the words that differ from `wanted` by at most `edits` inserted, removed or replaced letters (Levenshtein),
 * with the number of edits. `words` are sorted, so neighbours share the rows of the calculation for their common
 * prefix, and all words with a prefix that differs too much are skipped. Yields undefined after each word that does not
 * match, so that the caller can pause.
 */
export function* similarWords(
  words: readonly string[],
  wanted: string,
  edits: number,
): Generator<[word: string, distance: number] | undefined, void, undefined> {
  const width = wanted.length + 1;
  /** the row at `length` has the edits between the first `length` letters of a word and each prefix of `wanted` */
  const rows: Uint8Array[] = [Uint8Array.from({ length: width }, (_, at) => at)];
  let before = '';
  for (let at = 0; at < words.length; ) {
    const word = words[at]!;
    let length = Math.min(sharedLength(before, word), rows.length - 1);
    rows.length = length + 1;
    let least = 0;
    while (length < word.length && least <= edits) {
      const last = rows[length]!;
      const row = new Uint8Array(width);
      row[0] = length + 1;
      least = length + 1;
      const letter = word.charCodeAt(length);
      for (let column = 1; column < width; column++) {
        const replaced = last[column - 1]! + (wanted.charCodeAt(column - 1) === letter ? 0 : 1);
        const other = Math.min(last[column]!, row[column - 1]!) + 1;
        const value = Math.min(replaced, other);
        row[column] = value;
        if (value < least) least = value;
      }
      rows.push(row);
      length++;
    }
    before = word;
    if (least > edits) {
      yield undefined;
      at = prefixEnd(words, word.slice(0, length));
      continue;
    }
    const distance = rows[length]![width - 1]!;
    yield distance <= edits ? [word, distance] : undefined;
    at++;
  }
}
