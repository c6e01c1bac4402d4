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
 * All but the manifest are written once, under keys that are unique to their write, and deleted when nothing needs them
 * any more. What an entry says moves one way: from `entries/` to a batch or a segment that the manifest names, then its
 * entry is deleted. A reader that lists the entries first and reads the manifest afterwards misses nothing.
 */
export interface IListingKeys {
  manifest: string;
  /** the base of 0.2.0 */
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

/** Segments must not grow over what stores allow (255 bytes); longer names are told apart by their digest. */
const MAX_SEGMENT = 180;
/** Characters of such a name that are kept before the digest, for a person who looks at the keys. */
const KEPT = 100;
/** Longer names stand inside their markers. */
const MAX_LABEL = 100;

/** A name as one key segment. `=` never comes out of percent-encoding, so it separates without doubt. */
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

/** The name that a segment stands for; undefined if the segment has only its digest. */
export const nameOfSegment = (segment: string): string | undefined =>
  segment.includes('=') ? undefined : decodeURIComponent(segment);

/** The name as part of a marker's key; undefined if it is too long for that. */
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

/** `+` never comes out of percent-encoding either. */
const GATHERED = '+';
export const newGatheredName = (): string => GATHERED + plugins.crypto.randomUUID();
export const isGatheredKey = (key: string): boolean => key.startsWith(GATHERED, key.lastIndexOf('/') + 1);
