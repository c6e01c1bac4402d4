/** Items that are filtered together: each may be a call of an embedder's code. */
const PORTION = 1000;

/** How many items of a search or list are wanted, and which of them the caller may see. */
export interface IPickRequest<T> {
  /** maximum number of items */
  most: number;
  /**
   * Returns those of the items that this caller may see, in their order; null ends the search. Default: all of them.
   */
  filter?(items: readonly T[]): Promise<readonly T[] | null>;
}

export function* portionsOf<T>(items: readonly T[], size = PORTION): Generator<readonly T[], void, undefined> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}

/** The first items that pass the filter. It makes only as many portions as needed. */
export const pickFrom = async <T>(
  portions: Iterable<readonly T[]> | AsyncIterable<readonly T[]>,
  { most, filter }: IPickRequest<T>,
): Promise<T[]> => {
  let picked: T[] = [];
  for await (const portion of portions) {
    const passed = filter ? await filter(portion) : portion;
    if (passed === null) break;
    picked = picked.concat(passed);
    if (picked.length >= most) return picked.slice(0, most);
  }
  return picked;
};
