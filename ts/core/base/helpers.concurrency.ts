/**
 * Works through all items, at most `atOnce` at a time. After a failure no further item is begun, and the error is
 * thrown when the running work has ended.
 */
export const forEachAtOnce = async <T>(
  items: Iterable<T> | AsyncIterable<T>,
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> => {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for await (const item of items) {
    if (failures.length > 0) break;
    const one: Promise<void> = work(item).then(
      () => void running.delete(one),
      (error: unknown) => {
        failures.push(error);
        running.delete(one);
      },
    );
    running.add(one);
    if (running.size >= atOnce) await Promise.race(running);
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
};

/** requests to the store at a time, so that one caller does not use all of its connections */
const AT_ONCE = 16;

/** Works through all items, 16 at a time. */
export const inParallel = <T>(items: Iterable<T>, work: (item: T) => Promise<unknown>): Promise<void> =>
  forEachAtOnce(items, AT_ONCE, async (item) => void (await work(item)));

/** Yields the result of `work` for each item, in the order of the items. At most 16 run ahead of the reader. */
export async function* mapInParallel<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const ahead: Promise<R>[] = [];
  for await (const item of items) {
    const result = work(item);
    // the reader awaits it in its turn, possibly after another one has failed; until then it is not "unhandled"
    result.catch(() => {});
    ahead.push(result);
    if (ahead.length >= AT_ONCE) yield await (ahead.shift() as Promise<R>);
  }
  for (const result of ahead) yield await result;
}
