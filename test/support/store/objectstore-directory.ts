import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { DirectoryObjectStore } from '../../../ts/core/objectstore/directory/classes.directoryobjectstore.js';
import { type IFiles, nodeFiles } from '../../../ts/core/objectstore/directory/files/helpers.files.js';
import type { IObjectStore } from '../../../ts/core/objectstore/interfaces.objectstore.js';
import { readAll } from './objectstore-bytes.js';

/** For `sweep`: also what was written just now, by a clock that may be a little ahead of ours. */
export const ANY_AGE = -60_000;

export const makeDirectory = async (t: Test): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'objectstore-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
};

/** A store on the directory; `files` replaces single calls to the file system. */
export const openStore = async (directory: string, files: Partial<IFiles> = {}): Promise<DirectoryObjectStore> => {
  const store = new DirectoryObjectStore(directory, { ...nodeFiles, ...files });
  await store.init();
  return store;
};

export const textOf = async (store: IObjectStore, key: string): Promise<string | null> => {
  const object = await store.get(key);
  return object && object !== 'notModified' ? (await readAll(object.body)).toString('utf8') : null;
};

/** All files and empty directories below, as relative paths; an empty `tmp/` is as it should be and left out. */
export const tree = async (directory: string, above = ''): Promise<string[]> => {
  const entries = await readdir(directory, { withFileTypes: true });
  const found = await Promise.all(
    entries.map(async (entry) => {
      const path = `${above}${entry.name}`;
      if (!entry.isDirectory()) return [path];
      const below = await tree(join(directory, entry.name), `${path}/`);
      return below.length > 0 ? below : path === 'tmp' ? [] : [`${path}/`];
    }),
  );
  return found.flat().sort();
};

/** Lets a test hold a call up: `arrived` resolves when it is reached, and it goes on after `open()`. */
export class Gate {
  public readonly arrived: Promise<void>;
  public open!: () => void;
  private arrive!: () => void;
  private readonly opened: Promise<void>;
  private used = false;

  constructor() {
    this.arrived = new Promise((resolve) => {
      this.arrive = resolve;
    });
    this.opened = new Promise((resolve) => {
      this.open = resolve;
    });
  }

  /** Only the first to come is held. */
  public async pass(): Promise<void> {
    if (this.used) return;
    this.used = true;
    this.arrive();
    await this.opened;
  }
}
