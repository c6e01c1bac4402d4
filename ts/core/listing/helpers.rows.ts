import { Slices } from '../base/helpers.slices.js';
import { RegistryError } from '../classes.registryerror.js';

/**
 * A listing's row of one package. If `entry` is `null`, the package is not listed (it was deleted); the revision stays,
 * so that a late note of an older revision does not bring the package back.
 */
export interface ICatalogEntry<TEntry> {
  readonly name: string;
  readonly revision: number;
  readonly entry: TEntry | null;
}

/**
 * The order of every listing, equal on every replica: UTF-16 code units, as JavaScript compares strings (for names in
 * ASCII this is also the order of their bytes).
 */
export const byName = (a: { name: string }, b: { name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

type TRow<TEntry> = [name: string, revision: number, entry: TEntry | null];

/** One row per line, so that a person can read and compare them, and a long file can be parsed line by line. */
export const serializeRows = <TEntry>(rows: readonly ICatalogEntry<TEntry>[]): Buffer =>
  Buffer.from(`[${rows.map(({ name, revision, entry }) => JSON.stringify([name, revision, entry])).join(',\n')}]`);

const isRow = (row: unknown): row is TRow<never> =>
  Array.isArray(row) && typeof row[0] === 'string' && Number.isSafeInteger(row[1]) && typeof row[2] === 'object';

const toEntry = <TEntry>(row: unknown): ICatalogEntry<TEntry> => {
  if (!isRow(row)) throw new SyntaxError('This is not a row of a listing');
  const [name, revision, entry] = row as TRow<TEntry>;
  return { name, revision, entry };
};

const isEntry = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  const { name, revision, entry } = value as ICatalogEntry<unknown>;
  return isRow([name, revision, entry]);
};

/**
 * The content of an object below `entries/`: one row, or an array of rows.
 * @throws SyntaxError if the bytes are damaged
 */
export const parseEntries = <TEntry>(bytes: Uint8Array): ICatalogEntry<TEntry>[] => {
  const parsed: unknown = JSON.parse(new TextDecoder().decode(bytes));
  const entries = Array.isArray(parsed) ? parsed : [parsed];
  if (!entries.every(isEntry)) throw new SyntaxError('These are not entries of a listing');
  return entries as ICatalogEntry<TEntry>[];
};

/** @throws SyntaxError if the bytes are damaged */
export const parseRows = <TEntry>(bytes: Uint8Array): ICatalogEntry<TEntry>[] => {
  const rows: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (!Array.isArray(rows)) throw new SyntaxError('These are not rows of a listing');
  return rows.map((row) => toEntry<TEntry>(row));
};

/** Like `parseRows`, for a file of any length. */
export async function* parseRowsInSlices<TEntry>(bytes: Uint8Array): AsyncGenerator<ICatalogEntry<TEntry>, void> {
  const text = new TextDecoder().decode(bytes);
  if (!text.startsWith('[') || !text.endsWith(']')) throw new SyntaxError('These are not rows of a listing');
  const slices = new Slices();
  for (let at = 1; at < text.length - 1; ) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length - 1 : newline;
    // a line has one row and a comma; or, if another program wrote the file, all rows
    for (const row of JSON.parse(`[${text.slice(at, end).replace(/,$/, '')}]`) as unknown[]) {
      yield toEntry<TEntry>(row);
      if (slices.due) await slices.rest();
    }
    at = end + 1;
  }
}

/**
 * Whether reading an object failed because it is damaged: the store reports that, or the content cannot be parsed. Every
 * other error must be thrown on, because during an outage nothing may count as lost.
 */
export const isDamage = (error: unknown): boolean =>
  RegistryError.is(error, 'internal') || error instanceof SyntaxError;

/** Joins two sorted lists by name. The row with the higher revision wins; if they are equal, that of `base`. */
export const joinRows = <TEntry>(
  base: readonly ICatalogEntry<TEntry>[],
  more: readonly ICatalogEntry<TEntry>[],
): ICatalogEntry<TEntry>[] => {
  const joined: ICatalogEntry<TEntry>[] = [];
  let at = 0;
  for (const entry of more) {
    while (at < base.length && base[at]!.name < entry.name) joined.push(base[at++]!);
    const isKnown = at < base.length && base[at]!.name === entry.name;
    if (isKnown && base[at]!.revision >= entry.revision) continue;
    if (isKnown) at++;
    joined.push(entry);
  }
  return joined.concat(base.slice(at));
};

/** Index of the first row whose name is not less than `name`. */
export const positionOf = (rows: readonly { name: string }[], name: string): number => {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.name < name) low = middle + 1;
    else high = middle;
  }
  return low;
};
