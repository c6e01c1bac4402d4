import * as plugins from '../../plugins.js';
import { RegistryError } from '../classes.registryerror.js';

/**
 * Keys of a package listing, below its prefix:
 *
 *     manifest.json                    the document that names the pieces of the base (helpers.manifest.ts)
 *     pieces/{uuid}.json               a segment or a batch: rows [name, revision, entry | null] in the order of names
 *     entries/{name}={revision}={uuid} one package at one revision of its document
 *     entries/+{uuid}                  several of those, of publishes at about the same time: [entry, ...]
 *     pending/{name}={uuid}            marker: this package's document is being written
 *     pending/{uuid}                   the same with the name inside, because it is long
 *
 * Version 0.2.0 wrote `base.json` (all rows in one file) and `entries/{name}={revision}`; both are still read.
 *
 * All objects but the manifest are written once, under keys that are unique to their write, and deleted when nothing
 * needs them any more. A row only moves from `entries/` into a batch or a segment that the manifest names; then its
 * entry is deleted. So a reader that lists the entries first and reads the manifest afterwards misses nothing.
 */
export interface IListingKeys {
  manifest: string;
  /** the base in the format of 0.2.0 */
  oldBase: string;
  entries: string;
  pieces: string;
  /** without a trailing slash */
  pending: string;
}

/** @param manifest key of the manifest, if the storage layout wants it elsewhere */
export const listingKeys = (prefix: string, manifest = `${prefix}/manifest.json`): IListingKeys => ({
  manifest,
  oldBase: `${prefix}/base.json`,
  entries: `${prefix}/entries/`,
  pieces: `${prefix}/pieces/`,
  pending: `${prefix}/pending`,
});

/** Key segments must not exceed the limit of stores (255 bytes); longer names are distinguished by their digest. */
const MAX_SEGMENT = 180;
/** Characters of such a name that are kept before the digest, for people who look at the keys. */
const KEPT = 100;
/** Longer names are stored in the content of their markers. */
const MAX_LABEL = 100;

/** A name as one key segment. Percent-encoding never produces `=`, so it is a safe separator. */
export const nameSegment = (name: string): string => {
  let encoded: string;
  try {
    encoded = encodeURIComponent(name).replace(/^\.+/, (dots) => '%2E'.repeat(dots.length));
  } catch (cause) {
    throw new RegistryError('invalid', 'The name is not well-formed Unicode', { cause });
  }
  if (encoded.length <= MAX_SEGMENT) return encoded;
  return `${encoded.slice(0, KEPT)}=${plugins.crypto.createHash('sha256').update(name).digest('hex')}`;
};

/** The name that a segment encodes; undefined if the segment has only its digest. */
export const nameOfSegment = (segment: string): string | undefined =>
  segment.includes('=') ? undefined : decodeURIComponent(segment);

/** The name as part of a marker's key; undefined if it is too long. */
export const markerLabel = (name: string): string | undefined => {
  const segment = nameSegment(name);
  return segment.length > MAX_LABEL ? undefined : segment;
};

export const newEntryName = (name: string, revision: number): string =>
  `${nameSegment(name)}=${revision}=${plugins.crypto.randomUUID()}`;

export const parseEntryKey = (key: string): { segment: string; revision: number } | null => {
  const match = /([^/]+?)=(\d+)(?:=[0-9a-f-]{36})?$/.exec(key);
  return match && { segment: match[1]!, revision: Number(match[2]) };
};

/** Percent-encoding never produces `+` either. */
const GATHERED = '+';
export const newGatheredName = (): string => GATHERED + plugins.crypto.randomUUID();
export const isGatheredKey = (key: string): boolean => key.startsWith(GATHERED, key.lastIndexOf('/') + 1);
