import * as plugins from '../../plugins.js';
import { RegistryError } from '../classes.registryerror.js';
import type { ICodec } from '../storage/interfaces.storage.js';

/**
 * Keys of a catalog, below its prefix:
 *
 *     base.json                              all packages as of the last fold: [[name, revision, entry | null], ...]
 *     entries/{encoded name}={revision}      one package at one revision of its document; written once, never changed
 *     entries/+{uuid}                        several of those, of publishes at about the same time: [entry, ...]
 *     pending/{encoded name}={uuid}          marker: this package's document is being written
 *     pending/{uuid}                         the same, the name being inside: it is long, or an earlier version put it
 *
 * An entry's key tells its revision, so a reader fetches only what is newer than what it knows, and a fold can delete
 * an entry without a condition: a newer one has another key. `null` as entry: not listed (deleted); the revision stays,
 * so that a late note of an older revision does not bring the package back.
 */
export interface ICatalogEntry<TEntry> {
  readonly name: string;
  readonly revision: number;
  readonly entry: TEntry | null;
}

/** Segments must not grow over what stores allow; longer names are told apart by their digest. */
const MAX_SEGMENT = 180;

/** A name as one key segment. `=` never comes out of percent-encoding, so it separates without doubt. */
export const nameSegment = (name: string): string => {
  let encoded: string;
  try {
    encoded = encodeURIComponent(name).replace(/^\.+/, (dots) => '%2E'.repeat(dots.length));
  } catch (cause) {
    throw new RegistryError('invalid', 'The name is not well-formed Unicode', { cause });
  }
  if (encoded.length <= MAX_SEGMENT) return encoded;
  return `${encoded.slice(0, 100)}=${plugins.crypto.createHash('sha256').update(name).digest('hex')}`;
};

export const parseEntryKey = (key: string): { segment: string; revision: number } | null => {
  const match = /([^/]+)=(\d+)$/.exec(key);
  return match && { segment: match[1]!, revision: Number(match[2]) };
};

/** characters of a name that a marker's key tells */
const MAX_MARKED = 100;

/** A name as one key segment, and something that tells this marker from others; that alone where the name is long. */
export const newMarkerName = (name: string): string => {
  const segment = nameSegment(name);
  const id = plugins.crypto.randomUUID();
  return segment.length > MAX_MARKED ? id : `${segment}=${id}`;
};

/** The name, where the key tells it. */
export const parseMarkerKey = (key: string): string | undefined => {
  const match = /([^/=]+)=[0-9a-f-]{36}$/.exec(key);
  return match ? decodeURIComponent(match[1]!) : undefined;
};

/** `+` never comes out of percent-encoding either. */
const BATCH = '+';
export const newBatchName = (): string => BATCH + plugins.crypto.randomUUID();
export const isBatchKey = (key: string): boolean => key.startsWith(BATCH, key.lastIndexOf('/') + 1);

type TBaseRow<TEntry> = [name: string, revision: number, entry: TEntry | null];

/** One per catalog: the document cache tells codecs apart by identity. */
export const baseCodec = <TEntry>(): ICodec<readonly ICatalogEntry<TEntry>[]> => ({
  contentType: 'application/json',
  keepsValues: true,
  parse: (bytes) => {
    const rows = JSON.parse(new TextDecoder().decode(bytes)) as TBaseRow<TEntry>[];
    return rows.map(([name, revision, entry]) => ({ name, revision, entry }));
  },
  serialize: (entries) => {
    // one row a line, so that a person can read and compare it
    const rows = entries.map(({ name, revision, entry }) => JSON.stringify([name, revision, entry]));
    return `[${rows.join(',\n')}]`;
  },
});

const byName = <TEntry>(a: ICatalogEntry<TEntry>, b: ICatalogEntry<TEntry>): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

/** Both sides' packages, the higher revision of each, by name; undefined where `more` adds nothing to `base`. */
export const joinEntries = <TEntry>(
  base: readonly ICatalogEntry<TEntry>[],
  more: Iterable<ICatalogEntry<TEntry>>,
): readonly ICatalogEntry<TEntry>[] | undefined => {
  const joined = new Map(base.map((entry) => [entry.name, entry]));
  let isNew = false;
  for (const entry of more) {
    const other = joined.get(entry.name);
    if (other && other.revision >= entry.revision) continue;
    joined.set(entry.name, entry);
    isNew = true;
  }
  return isNew ? [...joined.values()].sort(byName) : undefined;
};

/** Runs `work` on all items, `width` at a time; rejects with the first failure. */
export const eachOf = async <T>(items: Iterable<T>, width: number, work: (item: T) => Promise<void>): Promise<void> => {
  const left = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = left.next(); !next.done; next = left.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: width }, worker));
};
