import { RegistryError } from '../../../classes.registryerror.js';
import type { ILogger } from '../../../interfaces.core.js';
import { compareKeys } from '../../helpers.keys.js';
import type { IListOptions, IObjectInfo, IObjectPrefix } from '../../interfaces.objectstore.js';
import type { DirectoryLayout } from '../files/classes.layout.js';
import { guarded, tolerate } from '../files/helpers.files.js';
import { toInfo } from '../files/helpers.header.js';
import type { Generations } from '../writing/classes.generations.js';
import type { Publisher } from '../writing/classes.publisher.js';
import type { Lookup, TCurrent } from './classes.lookup.js';
import { plainId } from './classes.versionreader.js';
import { type IFound, readFolder, someFound, takePage, walk } from './helpers.walk.js';

/** objects that are looked up at the same time */
const PAGE = 32;
/** the most items that are looked for one by one if their order does not matter */
const SOME = 256;
/** objects of a folder that are checked for a plain file, which needs no header to be read */
const GLANCES = 4;
/**
 * ms for which a tombstone is kept, so that most writers that slept find it and learn that they lost. A later one finds
 * nothing, and its outcome is unknown. The next listing or `head` of the key removes the tombstone.
 */
const TOMBSTONE_MS = 10_000;

export interface IListParts {
  layout: DirectoryLayout;
  generations: Generations;
  logger: ILogger | undefined;
  lookup: Lookup;
  publisher: Publisher;
}

/** The listing of an `IObjectStore`, in key order. Removes expired tombstones that it meets. */
export async function* listObjects(
  parts: IListParts,
  options: IListOptions,
): AsyncGenerator<IObjectInfo | IObjectPrefix, void, undefined> {
  const { prefix, after, delimiter, limit = Number.POSITIVE_INFINITY } = options;
  if (limit <= 0) return;
  await guarded(() => parts.layout.attached());
  if (options.inAnyOrder && delimiter === '/' && after === undefined && limit <= SOME) {
    const some = await guarded(() => describeSome(parts, prefix, limit));
    if (some) return yield* some;
  }
  let group: string | undefined;
  let count = 0;
  const flat = delimiter === '/';
  const groupOf = (key: string): string | undefined => {
    const at = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
    return at < 0 ? undefined : key.slice(0, at + (delimiter as string).length);
  };
  const skips = (key: string): boolean => group !== undefined && key.startsWith(group);
  const found = walk(parts.layout, { prefix, after, skips, flat });
  try {
    for (;;) {
      const page = await guarded(() => takePage(found, Math.min(PAGE, limit - count)));
      if (page.length === 0) return;
      const items = await guarded(() => Promise.all(page.map((item) => describe(parts, item))));
      for (const item of items) {
        if (!item) continue;
        const key = 'key' in item ? item.key : item.prefix;
        if (skips(key)) continue;
        const shared = groupOf(key);
        group = shared ?? group;
        // a prefix that was yielded before, and after which the caller wants to continue
        if (shared !== undefined && after !== undefined && compareKeys(shared, after) <= 0) continue;
        yield shared === undefined ? item : { prefix: shared };
        if (++count >= limit) return;
      }
    }
  } finally {
    await found.return();
  }
}

/** Some items in any order; undefined: there may be more than were found. */
const describeSome = async (
  parts: IListParts,
  prefix: string,
  limit: number,
): Promise<(IObjectInfo | IObjectPrefix)[] | undefined> => {
  const some = await someFound(parts.layout, prefix, limit);
  if (!some) return undefined;
  const items: (IObjectInfo | IObjectPrefix)[] = [];
  for (const found of some.found) {
    const item = await describe(parts, found);
    if (item && items.push(item) === limit) return items;
  }
  return some.areAll ? items : undefined;
};

/** Returns null for a deleted object, and for an empty folder. */
const describe = async (parts: IListParts, found: IFound): Promise<IObjectInfo | IObjectPrefix | null> => {
  const { key, path, isFolder } = found;
  if (isFolder) return (await holdsAny(parts, found)) ? { prefix: key } : null;
  let current: TCurrent;
  try {
    current = await parts.lookup.current(key, path);
  } catch (error) {
    if (!RegistryError.is(error, 'internal')) throw error;
    return describeDamaged(parts, found, error);
  }
  if (current.version && !current.version.header.deleted) return toInfo(current.version.header);
  await forget(parts.publisher, path, current);
  return null;
};

/**
 * A damaged object is listed, because its key is taken: a caller that took it for absent might delete what it names.
 * The caller that reads it gets the error. Size and ETag are those of the file.
 */
const describeDamaged = async (
  { layout, generations, logger }: IListParts,
  { key, path }: IFound,
  error: RegistryError,
): Promise<IObjectInfo | null> => {
  const place = await generations.look(path);
  if (place.form === 'absent' || place.form === 'removed') return null;
  const file = place.form === 'live' ? `${path}/${place.marker}.${place.number}` : path;
  const stat = await tolerate(layout.files.stat(file), 'ENOENT', 'ENOTDIR');
  if (!stat) return null;
  logger?.error('A stored object is damaged; restore its file from a backup, or remove it', {
    key,
    file,
    cause: String(error.cause),
  });
  return { key, size: stat.size, etag: `damaged-${plainId(stat)}`, lastModified: stat.mtime };
};

/**
 * Whether the folder holds any object. A plain file is always an object. A rewritable object may be deleted, which only
 * its header shows, so headers are read only if there is no plain file: mostly one header.
 */
const holdsAny = async (parts: IListParts, folder: IFound): Promise<boolean> => {
  const { isEmpty, found } = await readFolder(parts.layout, folder);
  if (isEmpty) await parts.layout.tidy(`${folder.path}/nothing`);
  const items = found[Symbol.iterator]();
  const first: IFound[] = [];
  while (first.length < GLANCES) {
    const next = items.next();
    if (next.done) break;
    if (!next.value.isFolder && (await parts.lookup.isPlain(next.value.path))) return true;
    first.push(next.value);
  }
  for (const item of first) if ((await describe(parts, item)) !== null) return true;
  for (let next = items.next(); !next.done; next = items.next()) {
    if ((await describe(parts, next.value)) !== null) return true;
  }
  return false;
};

/** Removes the tombstone of a key, or the remains of its directory, if no writer needs it any more. */
export const forget = async (publisher: Publisher, path: string, current: TCurrent): Promise<void> => {
  const { place, version } = current;
  const isOld = version !== null && Date.now() - version.header.at > TOMBSTONE_MS;
  if (place.form === 'removed' || isOld) await publisher.tidy(path, current);
};
