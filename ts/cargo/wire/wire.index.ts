import { RegistryError } from '../../core/classes.registryerror.js';
import type { ICargoDocument, IIndexEntry, IPublishMetadata } from '../interfaces.cargo.js';

/**
 * The lines of the index.
 * @see https://doc.rust-lang.org/cargo/reference/registry-index.html#json-schema
 */

/** characters of one line; the largest crates of the public registry have lines of some 100 KB */
const MAX_LINE = 1024 * 1024;

/**
 * The time of a publish as Cargo reads it: it ignores a line whose `pubtime` has a fraction of a second.
 * @param time ISO 8601 in UTC
 */
export const pubtimeOf = (time: string): string => `${time.slice(0, 19)}Z`;

/** The index's entry of a new version. */
export const entryOf = (metadata: IPublishMetadata, cksum: string, time: string): IIndexEntry => {
  const { name, vers, deps, features, features2, links, rustVersion, others } = metadata;
  return {
    name,
    vers,
    deps,
    cksum,
    features,
    yanked: false,
    links,
    rust_version: rustVersion,
    pubtime: pubtimeOf(time),
    ...(features2 && { v: 2 as const, features2 }),
    ...others,
  };
};

/**
 * Lines of stored entries. The documents of a crate share the entries that a write did not change, so a publish renders
 * one line, however many versions there are.
 */
const lines = new WeakMap<IIndexEntry, string>();

const lineOf = (entry: IIndexEntry): string => {
  const known = lines.get(entry);
  if (known !== undefined) return known;
  const line = `${JSON.stringify(entry)}\n`;
  if (Object.isFrozen(entry)) lines.set(entry, line);
  return line;
};

/** Throws `invalid` if the line would be too long: every client of the crate downloads it each time. */
export const assertLine = (entry: IIndexEntry): void => {
  if (lineOf(entry).length <= MAX_LINE) return;
  throw new RegistryError(
    'invalid',
    `The dependencies and features have more than ${MAX_LINE} characters in the index`,
  );
};

/** The file of a crate in the index: one line for each version, in the order of the publishes. */
export const renderIndex = ({ versions }: ICargoDocument): string =>
  Object.values(versions)
    .map(({ entry }) => lineOf(entry))
    .join('');
