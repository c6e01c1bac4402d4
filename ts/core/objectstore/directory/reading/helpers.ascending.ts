/** runs of this length are sorted at once: the engine's sort is faster than dividing them further */
const RUN = 256;

/** Moves items smaller than a random item of [from, to) before it. Returns that item's new position. */
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
 * Yields the items in order, by incremental quicksort: the first of n costs about 2n comparisons, and all together cost
 * as much as a sort. Changes the order of `items`.
 */
export function* ascending<T>(items: T[], compare: (a: T, b: T) => number): Generator<T, void, undefined> {
  /** ends of the runs that are still to come; each run is greater than those above it in the stack */
  const ends = [items.length];
  for (let at = 0; at < items.length; ) {
    let end = ends.pop() as number;
    while (end - at > RUN) {
      ends.push(end);
      // if the pivot is the smallest of all, it is a run of its own
      end = Math.max(partition(items, at, end, compare), at + 1);
    }
    yield* items.slice(at, end).sort(compare);
    at = end;
  }
}
