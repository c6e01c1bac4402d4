import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { IImportFile } from '../../core/pipeline/interfaces.importing.js';

/** A file that was found, or the reason why it cannot be read. */
export interface IFoundFile {
  /** as the user wrote it, or below what the user wrote */
  path: string;
  /** below the operand, with slashes */
  below: string;
  /** named on the command line, not found in a folder */
  isNamed: boolean;
  /** bytes */
  size: number;
  failure?: string;
}

const reasonOf = (error: unknown): string => `cannot be read: ${(error as NodeJS.ErrnoException).code ?? error}`;

async function* filesBelow(folder: string, below: string): AsyncGenerator<IFoundFile> {
  let entries: Awaited<ReturnType<typeof entriesOf>>;
  try {
    entries = await entriesOf(folder);
  } catch (error) {
    yield { path: folder, below, isNamed: true, size: 0, failure: reasonOf(error) };
    return;
  }
  for (const entry of entries) {
    const path = join(folder, entry.name);
    const inside = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) yield* filesBelow(path, inside);
    // a link to a folder could lead round in a circle
    else if (entry.isFile() || entry.isSymbolicLink()) yield* fileAt(path, inside);
  }
}

const entriesOf = async (folder: string) =>
  (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));

/** @param inside the path below the operand; undefined for the operand itself */
async function* fileAt(path: string, inside?: string): AsyncGenerator<IFoundFile> {
  const isNamed = inside === undefined;
  const file = { path, below: inside ?? basename(path), isNamed };
  try {
    const info = await stat(path);
    if (info.isDirectory()) {
      if (isNamed) yield* filesBelow(path, '');
    } else if (info.isFile()) yield { ...file, size: info.size };
    else if (isNamed) yield { ...file, size: 0, failure: 'is neither a file nor a folder' };
  } catch (error) {
    yield { ...file, size: 0, failure: reasonOf(error) };
  }
}

/** The files of the operands, each once: those named there, and all in and below the folders, in the order of names. */
export const findFiles = async (operands: readonly string[]): Promise<IFoundFile[]> => {
  const found = new Map<string, IFoundFile>();
  for (const operand of operands) {
    for await (const file of fileAt(operand)) {
      const place = resolve(file.path);
      if (!found.has(place)) found.set(place, file);
    }
  }
  return [...found.values()];
};

/**
 * Opens the file with the first read, not earlier: an upload that is refused before its content is read would leave a
 * descriptor open, and an import of many files that are refused would run out of them.
 */
async function* contentOf(path: string, range?: { start: number; end?: number }): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path, range);
}

export const importFile = ({ path, below, size }: IFoundFile): IImportFile => ({
  name: basename(path),
  path: below,
  size,
  open: (range) => contentOf(path, range),
});
