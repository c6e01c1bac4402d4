import { RegistryError } from '../../core/classes.registryerror.js';

/**
 * Where Composer looks for composer.json in a zip: at the top, or in the only folder at the top; never deeper, as a
 * demo has one of its own.
 * @see https://github.com/composer/composer/blob/main/src/Composer/Util/Zip.php
 */
const FILE = 'composer.json';

/** What programs of macOS and Windows leave in a zip beside the package; Composer 2.11 overlooks them too. */
const LEFTOVERS = new Set(['__MACOSX', '.DS_Store', 'Thumbs.db']);

/** Whether this entry (without empty and `.` segments) may be the package's composer.json. */
export const mayBeManifest = (path: string): boolean => {
  if (!path.endsWith(FILE)) return false;
  const segments = path.split('/');
  return segments.at(-1) === FILE && segments.length <= 2 && !LEFTOVERS.has(segments[0] as string);
};

/**
 * The path of the package's composer.json. Throws `invalid` if there is none.
 * @param paths of all entries, without empty and `.` segments
 */
export const manifestPath = (paths: Iterable<string>): string => {
  const tops = new Set<string>();
  const candidates = new Set<string>();
  for (const path of paths) {
    const [top = ''] = path.split('/', 1);
    if (LEFTOVERS.has(top)) continue;
    tops.add(top);
    if (mayBeManifest(path)) candidates.add(path);
  }
  if (candidates.has(FILE)) return FILE;
  const [top] = tops;
  if (tops.size === 1 && candidates.has(`${top}/${FILE}`)) return `${top}/${FILE}`;
  throw new RegistryError(
    'invalid',
    'The zip has no composer.json at its top, nor in a folder that is alone at its top',
  );
};
