/**
 * The form of versions in `p2` files: each has only what differs from the one before it.
 * @see https://github.com/composer/metadata-minifier
 */
const UNSET = '__unset';

export type TVersionData = Record<string, unknown>;

const isSame = (one: unknown, other: unknown): boolean =>
  one === other ||
  (typeof one === 'object' && typeof other === 'object' && JSON.stringify(one) === JSON.stringify(other));

const record = (entries: Iterable<[string, unknown]>): TVersionData => Object.fromEntries(entries);

/** Whole versions -> differences. */
export const minify = (versions: readonly TVersionData[]): TVersionData[] => {
  const known = new Map<string, unknown>();
  return versions.map((version) => {
    const changes: [string, unknown][] = [];
    for (const [name, value] of Object.entries(version)) {
      if (known.has(name) && isSame(known.get(name), value)) continue;
      changes.push([name, value]);
      known.set(name, value);
    }
    for (const name of [...known.keys()]) {
      if (Object.hasOwn(version, name)) continue;
      changes.push([name, UNSET]);
      known.delete(name);
    }
    return record(changes);
  });
};

/** Differences -> whole versions, as clients do it. */
export const expand = (versions: readonly TVersionData[]): TVersionData[] => {
  const known = new Map<string, unknown>();
  return versions.map((changes) => {
    for (const [name, value] of Object.entries(changes)) {
      if (value === UNSET) known.delete(name);
      else known.set(name, value);
    }
    return record(known);
  });
};

/** Whether a member's value would be read as its absence. */
export const isUnsetMark = (value: unknown): boolean => value === UNSET;
