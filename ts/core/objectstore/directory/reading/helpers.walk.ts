import { compareKeys } from '../../helpers.keys.js';
import type { DirectoryLayout } from '../files/classes.layout.js';
import { tolerate } from '../files/helpers.files.js';
import {
  compareNames,
  decodeSegment,
  isCut,
  nameFilter,
  nameOfKey,
  readName,
  relativeFolder,
} from '../files/helpers.names.js';
import { ascending } from './helpers.ascending.js';

/** An entry that may be an object, or a folder of objects: then its key ends with `/`. */
export interface IFound {
  key: string;
  path: string;
  isFolder: boolean;
}

export interface IWalk {
  /** only keys that begin with it */
  prefix: string;
  /** only keys after this one */
  after?: string;
  /** yields folders without entering them: only one directory is read */
  flat?: boolean;
  /** called before each folder and key; returns true if the caller needs nothing below that prefix */
  skips?(prefix: string): boolean;
  /** folders of one directory that are read ahead of the caller; default: none */
  ahead?: number;
}

/** names that are read beyond those that are wanted: some may be those of empty folders or of deleted objects */
const SPARE_NAMES = 16;

const folderOf = (prefix: string): string => prefix.slice(0, prefix.lastIndexOf('/') + 1);

/**
 * All entries that may be objects, in key order, beginning with the folder of the prefix. The names of each directory
 * on the path are held in memory; they are sorted and decoded only as far as the caller reads. Removes empty folders.
 */
export async function* walk(layout: DirectoryLayout, options: IWalk): AsyncGenerator<IFound, void, undefined> {
  const key = folderOf(options.prefix);
  const path = key === '' ? layout.objects : `${layout.objects}/${relativeFolder(key)}`;
  const { found } = await readFolder(layout, { key, path }, options);
  yield* enter(layout, found, options);
}

async function* enter(
  layout: DirectoryLayout,
  found: Iterable<IFound>,
  options: IWalk,
): AsyncGenerator<IFound, void, undefined> {
  const { prefix, skips, flat, ahead = 0 } = options;
  const queue: { item: IFound; below: Promise<IFolder> | undefined }[] = [];
  const next = async function* (): AsyncGenerator<IFound, void, undefined> {
    const { item, below } = queue.shift() as (typeof queue)[number];
    if (!below) {
      yield item;
      return;
    }
    const folder = await below;
    if (folder.isEmpty) await layout.tidy(`${item.path}/nothing`);
    yield* enter(layout, folder.found, options);
  };
  for (const item of found) {
    if (skips?.(item.key) || !item.key.startsWith(prefix)) continue;
    const below = item.isFolder && !flat ? readFolder(layout, item, options) : undefined;
    // awaited in its turn, or never if the caller leaves early; until then its failure is not "unhandled"
    below?.catch(() => {});
    queue.push({ item, below });
    if (queue.length > ahead) yield* next();
  }
  while (queue.length > 0) yield* next();
}

interface IFolder {
  isEmpty: boolean;
  found: Iterable<IFound>;
}

/** The next entries of a walk; none at its end. */
export const takePage = async (found: AsyncGenerator<IFound, void>, most: number): Promise<IFound[]> => {
  const page: IFound[] = [];
  while (page.length < most) {
    const next = await found.next();
    if (next.done) break;
    page.push(next.value);
  }
  return page;
};

/** The entries of one folder, in order. `prefix` and `after` are passed if they exclude some of them. */
export const readFolder = async (
  layout: DirectoryLayout,
  folder: { key: string; path: string },
  { prefix = '', after }: { prefix?: string; after?: string } = {},
): Promise<IFolder> => {
  const nothing = { isEmpty: false, found: [] };
  const behind = after !== undefined && !after.startsWith(folder.key);
  if (behind && compareKeys(folder.key, after) < 0) return nothing;
  const begins = prefix.startsWith(folder.key) ? prefix.slice(folder.key.length).split('/', 1)[0] : '';
  const pieces = new Map<string, string>();
  const all = await readNames(layout, folder.path, '', begins ? nameFilter(begins) : undefined, pieces);
  let names = all;
  if (after !== undefined && !behind && after.length > folder.key.length) {
    const last = nameOfKey(after.slice(folder.key.length));
    names = names.filter((name) => {
      const order = compareNames(name, last);
      // a folder that contains `after` compares equal to it
      return order > 0 || (order === 0 && readName(name).kind === 'folder');
    });
  }
  return { isEmpty: all.length === 0 && !begins, found: inOrder(folder, names, pieces) };
};

/**
 * Some entries of the folder of the prefix, in any order, and whether they are all: a folder with 100,000 names takes
 * 80 ms to be read and sorted. undefined: only a walk can tell.
 */
export const someFound = async (
  layout: DirectoryLayout,
  prefix: string,
  most: number,
): Promise<{ found: IFound[]; areAll: boolean } | undefined> => {
  const key = folderOf(prefix);
  const path = key === '' ? layout.objects : `${layout.objects}/${relativeFolder(key)}`;
  const wanted = most + SPARE_NAMES;
  const names = (await tolerate(layout.files.readdirSome(path, wanted), 'ENOENT', 'ENOTDIR')) ?? [];
  const areAll = names.length < wanted;
  // a segment that is cut continues in a folder below
  if (names.some(isCut)) return undefined;
  return { found: [...inOrder({ key, path }, names, new Map())].filter((item) => item.key.startsWith(prefix)), areAll };
};

function* inOrder(
  folder: { key: string; path: string },
  names: string[],
  pieces: Map<string, string>,
): Generator<IFound, void, undefined> {
  for (const name of ascending(names, compareNames)) {
    const { kind, piece } = readName(name);
    const segment = decodeSegment(piece);
    if (segment === null || segment === '') continue;
    const isFolder = kind === 'folder';
    const path = pieces.get(name) ?? `${folder.path}/${name}`;
    yield { key: `${folder.key}${segment}${isFolder ? '/' : ''}`, path, isFolder };
  }
}

/**
 * The complete names of the segments in a directory. `pieces` receives the paths of segments that are cut into several.
 */
const readNames = async (
  layout: DirectoryLayout,
  directory: string,
  begun: string,
  filter: ((name: string) => boolean) | undefined,
  pieces: Map<string, string>,
): Promise<string[]> => {
  // a folder that has just been removed is empty
  let names = (await tolerate(layout.files.readdir(directory), 'ENOENT', 'ENOTDIR')) ?? [];
  if (filter) names = names.filter(filter);
  if (begun === '' && !names.some(isCut)) return names;
  const whole: string[] = [];
  for (const name of names) {
    const { kind, piece } = readName(name);
    const path = `${directory}/${name}`;
    if (kind !== 'continued') {
      whole.push(begun + name);
      if (begun !== '') pieces.set(begun + name, path);
      continue;
    }
    for (const below of await readNames(layout, path, begun + piece, undefined, pieces)) whole.push(below);
  }
  return whole;
};
