import { compareKeys } from '../helpers.keys.js';
import type { IListOptions, IObjectInfo, IObjectPrefix } from '../interfaces.objectstore.js';
import type { DirectoryLayout } from './classes.layout.js';
import type { Lookup, TCurrent } from './classes.lookup.js';
import type { Publisher } from './classes.publisher.js';
import { guarded } from './helpers.files.js';
import { toInfo } from './helpers.header.js';
import { type IFound, walk } from './helpers.walk.js';

/** objects looked at side by side */
const PAGE = 32;
/** a deletion is remembered so long for writers that slept; then the next listing takes its directory away */
const MOURNING_MS = 10_000;

/** What an `IObjectStore` lists, in key order; deleted keys that it meets on its way are cleared away. */
export async function* listObjects(
  layout: DirectoryLayout,
  lookup: Lookup,
  publisher: Publisher,
  { prefix, after, delimiter, limit = Number.POSITIVE_INFINITY }: IListOptions,
): AsyncGenerator<IObjectInfo | IObjectPrefix, void, undefined> {
  if (limit <= 0) return;
  await guarded(() => layout.attached());
  let group: string | undefined;
  let count = 0;
  const groupOf = (key: string): string | undefined => {
    const at = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
    return at < 0 ? undefined : key.slice(0, at + (delimiter as string).length);
  };
  const skips = (key: string): boolean => group !== undefined && key.startsWith(group);
  const found = walk(layout, { prefix, after, skips });
  try {
    for (let page = await take(found); page.length > 0; page = await take(found)) {
      const infos = await guarded(() => Promise.all(page.map((item) => describe(lookup, publisher, item))));
      for (const info of infos) {
        if (!info || skips(info.key)) continue;
        const shared = groupOf(info.key);
        group = shared ?? group;
        // a group that was told before, and behind which the caller wants to go on
        if (shared !== undefined && after !== undefined && compareKeys(shared, after) <= 0) continue;
        yield shared === undefined ? info : { prefix: shared };
        if (++count >= limit) return;
      }
    }
  } finally {
    await found.return();
  }
}

const take = (found: AsyncGenerator<IFound, void>): Promise<IFound[]> =>
  guarded(async () => {
    const page: IFound[] = [];
    while (page.length < PAGE) {
      const next = await found.next();
      if (next.done) break;
      page.push(next.value);
    }
    return page;
  });

const describe = async (lookup: Lookup, publisher: Publisher, { key, path }: IFound): Promise<IObjectInfo | null> => {
  const current = await lookup.current(key, path);
  if (current.version && !current.version.header.deleted) return toInfo(current.version.header);
  if (isForgotten(current)) await publisher.bury(path, current);
  return null;
};

const isForgotten = ({ place, version }: TCurrent): boolean =>
  place.form === 'dead' || (version !== null && Date.now() - version.header.at > MOURNING_MS);
