/** Items that are looked at together: each may be a question to somebody's own code. */
const PORTION = 1000;

export interface IPickRequest<T> {
  /** items that are wanted at most */
  most: number;
  /** Those of the items that count for this caller, in their order; null ends the search. Default: all of them. */
  filter?(items: readonly T[]): Promise<readonly T[] | null>;
}

export function* portionsOf<T>(items: readonly T[], size = PORTION): Generator<readonly T[], void, undefined> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}

/** The first items that pass; no more portions are made than it takes to have them. */
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
