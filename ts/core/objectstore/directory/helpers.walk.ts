import { compareKeys } from '../helpers.keys.js';
import type { DirectoryLayout } from './classes.layout.js';
import { tolerate } from './helpers.files.js';
import { decodeSegment, nameFilter, readName, relativeFolder } from './helpers.names.js';

export interface IFound {
  key: string;
  path: string;
}

interface IEntry {
  /** the segment, with a `/` behind it for a folder: so that entries sort as the keys in them do */
  sort: string;
  path: string;
  folder: boolean;
}

export interface IWalk {
  /** only keys that begin with it */
  prefix: string;
  /** only keys behind it */
  after?: string;
  /** asked again before each folder and key: nothing below may interest the caller any more */
  skips(prefix: string): boolean;
}

const folderOf = (prefix: string): string => prefix.slice(0, prefix.lastIndexOf('/') + 1);

/**
 * All that may be objects, in key order; one directory at a time is held in memory. Begins at the folder of the prefix;
 * empty folders that it meets below are taken away.
 */
export async function* walk(layout: DirectoryLayout, options: IWalk): AsyncGenerator<IFound, void, undefined> {
  const above = folderOf(options.prefix);
  const directory = above === '' ? layout.objects : `${layout.objects}/${relativeFolder(above)}`;
  yield* walkFolder(layout, directory, above, options);
}

async function* walkFolder(
  layout: DirectoryLayout,
  directory: string,
  above: string,
  options: IWalk,
): AsyncGenerator<IFound, void, undefined> {
  const { prefix, after } = options;
  const entries = await readEntries(
    layout,
    directory,
    '',
    above === folderOf(prefix) ? prefix.slice(above.length) : '',
  );
  // what is deleted as scratch leaves its folder behind; where it is not empty any more, nothing happens
  if (entries.length === 0 && above !== folderOf(prefix)) await layout.prune(`${directory}/nothing`);
  entries.sort((a, b) => compareKeys(a.sort, b.sort));
  for (const entry of entries) {
    const key = above + entry.sort;
    if (options.skips(key)) continue;
    if (entry.folder) {
      if (!key.startsWith(prefix) && !prefix.startsWith(key)) continue;
      // everything in it begins with `key`, so it lies before `after` as a whole, or around or behind it
      if (after !== undefined && compareKeys(key, after) < 0 && !after.startsWith(key)) continue;
      yield* walkFolder(layout, entry.path, key, options);
    } else if (key.startsWith(prefix) && (after === undefined || compareKeys(key, after) > 0)) {
      yield { key, path: entry.path };
    }
  }
}

const readEntries = async (
  layout: DirectoryLayout,
  directory: string,
  begun: string,
  wanted = '',
): Promise<IEntry[]> => {
  // a folder that was pruned meanwhile has nothing in it
  let names = (await tolerate(layout.files.readdir(directory), 'ENOENT', 'ENOTDIR')) ?? [];
  // before anything is decoded and sorted: a folder may hold a hundred thousand names of which one is wanted
  if (wanted !== '') names = names.filter(nameFilter(wanted));
  const entries: IEntry[] = [];
  for (const name of names) {
    const { kind, piece } = readName(name);
    const path = `${directory}/${name}`;
    if (kind === 'continued') {
      for (const entry of await readEntries(layout, path, begun + piece)) entries.push(entry);
      continue;
    }
    const segment = decodeSegment(begun + piece);
    if (segment === null || segment === '') continue;
    entries.push({ sort: kind === 'folder' ? `${segment}/` : segment, path, folder: kind === 'folder' });
  }
  return entries;
};
