/**
 * Works through all items, at most `atOnce` of them at a time; after a failure nothing more is begun, and it is thrown
 * when the work under way has ended.
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

/** of requests to the store, so that one caller does not take all of its connections */
const AT_ONCE = 16;

/** Works through all items, 16 at a time. */
export const inParallel = <T>(items: Iterable<T>, work: (item: T) => Promise<unknown>): Promise<void> =>
  forEachAtOnce(items, AT_ONCE, async (item) => void (await work(item)));

/** What `work` makes of each item, in the order of the items, with 16 at a time under way ahead of the reader. */
export async function* mapInParallel<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const ahead: Promise<R>[] = [];
  for await (const item of items) {
    const result = work(item);
    // it is awaited in its turn, which may come after others have failed
    result.catch(() => {});
    ahead.push(result);
    if (ahead.length >= AT_ONCE) yield await (ahead.shift() as Promise<R>);
  }
  for (const result of ahead) yield await result;
}
