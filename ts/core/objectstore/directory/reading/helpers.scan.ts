import type { IScannedKey, IScanOptions } from '../../interfaces.objectstore.js';
import type { DirectoryLayout } from '../files/classes.layout.js';
import { guarded, tolerate } from '../files/helpers.files.js';
import type { Generations } from '../writing/classes.generations.js';
import { type IFound, takePage, walk } from './helpers.walk.js';

/** keys that are looked at together: the four threads of the pool are busy while the loop works */
const PAGE = 64;
/** folders that are read ahead for the same reason */
const AHEAD = 16;

export interface IScanParts {
  layout: DirectoryLayout;
  generations: Generations;
}

/**
 * The keys below a prefix without opening a file: one call for each folder, and one more for each key whose version is
 * wanted. `list` needs at least four for each key. Deletions are shown by a file's header only, so their keys are
 * yielded too; tombstones are left to `list`.
 */
export async function* scanKeys(
  { layout, generations }: IScanParts,
  options: IScanOptions,
): AsyncGenerator<IScannedKey, void, undefined> {
  const { prefix, versionOf, timeOf } = options;
  await guarded(() => layout.attached());
  const found = walk(layout, { prefix, ahead: AHEAD });
  const scanned = async ({ key, path }: IFound): Promise<IScannedKey | null> => {
    const needsTime = timeOf?.(key);
    if (!needsTime && !versionOf?.(key)) return { key };
    const place = await generations.look(path);
    if (place.form === 'absent' || place.form === 'removed') return null;
    // the name of a generation belongs to one write; a plain file is not rewritten, so it has no version
    const version = place.form === 'live' ? `${place.marker}.${place.number}` : undefined;
    if (!needsTime) return { key, version };
    const file = version === undefined ? path : `${path}/${version}`;
    const stat = await tolerate(layout.files.stat(file), 'ENOENT', 'ENOTDIR');
    // rewritten or deleted since: a moment ago
    return { key, version, lastModified: stat ? new Date(stat.mtimeMs) : new Date() };
  };
  try {
    for (;;) {
      const page = await guarded(() => takePage(found, PAGE));
      if (page.length === 0) return;
      const items = await guarded(() => Promise.all(page.map(scanned)));
      for (const item of items) if (item) yield item;
    }
  } finally {
    await found.return();
  }
}
