import { invalid } from '../base/helpers.errors.js';

/**
 * The segments of a name in an archive, without empty and `.` ones. A backslash separates too, because unpackers on
 * Windows take it so. Throws `invalid` for a name that is absolute or has a `..` segment.
 */
export const segmentsOf = (noun: string, name: string): string[] => {
  const segments = name.split(/[/\\]/).filter((segment) => segment !== '' && segment !== '.');
  if (/^[/\\]/.test(name) || segments.includes('..')) {
    throw invalid(`${noun} contains a path that leads out of its folder`);
  }
  return segments;
};

/** where a segment may be empty, `.` or `..`, or where a backslash separates */
const UNUSUAL = ['//', '/.', '\\'];

/**
 * `segmentsOf` as one text. Nearly all names are that text already; they are returned as they are, because a list of
 * 2,000 segments of each of 10,000 names takes seconds and a gigabyte.
 */
export const pathOf = (noun: string, name: string): string => {
  const path = name.endsWith('/') ? name.slice(0, -1) : name;
  const isPlain = !/^[./]/.test(name) && !path.endsWith('/') && !UNUSUAL.some((part) => path.includes(part));
  return isPlain ? path : segmentsOf(noun, name).join('/');
};

/** Throws `invalid` if unpackers would not all read this name in the same way. */
export const assertPlainName = (noun: string, name: string): void => {
  // a C library ends a name at a NUL, and a terminal obeys the other control characters
  if (/[\u0000-\u001f\u007f]/.test(name)) throw invalid(`${noun} contains a name with a control character`);
  if (/^[A-Za-z]:/.test(name)) throw invalid(`${noun} contains a name that begins with a drive letter`);
};

/**
 * Whether a symbolic link at `path` with this target stays inside `top`. Only leading `..` are allowed: nothing lies
 * below a link (see `LinkGuard`), so the folder of a link is a real one, and going up from it stays in the tree. A `..`
 * after a name could go up from wherever another link leads.
 */
export const staysInside = (path: readonly string[], target: string, top: readonly string[]): boolean => {
  if (target === '' || /^[/\\]|^[A-Za-z]:|\\|\0/.test(target)) return false;
  const steps = target.split('/').filter((segment) => segment !== '' && segment !== '.');
  const up = steps.findIndex((step) => step !== '..');
  const ups = up === -1 ? steps.length : up;
  if (steps.slice(ups).includes('..')) return false;
  const left = path.slice(0, -1);
  const base = left.slice(0, Math.max(0, left.length - ups));
  return ups <= left.length && [...base, ...steps.slice(ups)].slice(0, top.length).join('/') === top.join('/');
};

/**
 * A text that is the same for names of one file on systems that ignore case or the form of accents (macOS, Windows).
 */
const sameFile = (path: string): string => path.normalize('NFC').toLowerCase();

interface IFolder {
  isLink: boolean;
  children: Map<string, IFolder>;
}

const newFolder = (): IFolder => ({ isLink: false, children: new Map() });

/**
 * Refuses entries below a link: an unpacker would write them to the place where the link leads. The links are kept as a
 * tree, because the texts of all folders above a path of thousands of short segments take seconds to make.
 */
export class LinkGuard {
  private readonly links = new Set<string>();
  /** by `sameFile`: on such a system, entries below `Link` are below `link` */
  private readonly tree = newFolder();

  constructor(private readonly noun: string) {}

  /** Call it for each entry, in the order of the archive. */
  public check(segments: readonly string[], isLink: boolean): void {
    const path = segments.join('/');
    if (this.links.size > 0) {
      this.assertNotBelow(sameFile(path).split('/'));
      // not in any case: repositories for Linux have `readme.md` as a link to `README.md`
      if (this.links.has(path)) throw invalid(`${this.noun} contains a link and something else of the same name`);
    }
    if (isLink) this.add(path);
  }

  private assertNotBelow(segments: readonly string[]): void {
    let folder: IFolder | undefined = this.tree;
    for (const segment of segments) {
      if (folder.isLink) throw invalid(`${this.noun} contains a file below a link`);
      folder = folder.children.get(segment);
      if (!folder) return;
    }
  }

  private add(path: string): void {
    this.links.add(path);
    let folder = this.tree;
    for (const segment of sameFile(path).split('/')) {
      let next = folder.children.get(segment);
      if (!next) {
        next = newFolder();
        folder.children.set(segment, next);
      }
      folder = next;
    }
    folder.isLink = true;
  }
}
