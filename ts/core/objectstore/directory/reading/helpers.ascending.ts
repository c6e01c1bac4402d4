/** so few are sorted at once: the engine's own sort is quicker than cutting them up further */
const RUN = 256;

/** Moves what is smaller than a random item of [from, to) before it; returns where that item is then. */
const partition = <T>(items: T[], from: number, to: number, compare: (a: T, b: T) => number): number => {
  const chosen = from + Math.floor(Math.random() * (to - from));
  const pivot = items[chosen] as T;
  items[chosen] = items[to - 1] as T;
  let next = from;
  for (let at = from; at < to - 1; at++) {
    const item = items[at] as T;
    if (compare(item, pivot) >= 0) continue;
    items[at] = items[next] as T;
    items[next++] = item;
  }
  items[to - 1] = items[next] as T;
  items[next] = pivot;
  return next;
};

/**
 * The items in order, by incremental quicksort: the first of n cost about 2n comparisons, all of them what a sort costs,
 * in portions. Changes the order of `items`.
 */
export function* ascending<T>(items: T[], compare: (a: T, b: T) => number): Generator<T, void, undefined> {
  /** ends of the stretches that are still to come, each stretch greater than those above it in the stack */
  const ends = [items.length];
  for (let at = 0; at < items.length; ) {
    let end = ends.pop() as number;
    while (end - at > RUN) {
      ends.push(end);
      // a pivot that is the smallest of all is a stretch of its own
      end = Math.max(partition(items, at, end, compare), at + 1);
    }
    yield* items.slice(at, end).sort(compare);
    at = end;
  }
}
