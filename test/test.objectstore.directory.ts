import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DirectoryObjectStore } from '../ts/core/objectstore/classes.directoryobjectstore.js';
import { objectStoreSuite } from './suites/objectstore.suite.js';

const directory = await mkdtemp(join(tmpdir(), 'objectstore-suite-'));

/** open files below the store's directory; where the system does not tell (macOS), always 0 */
const held = async (): Promise<number> => {
  const fds = await readdir('/proc/self/fd').catch(() => []);
  const targets = await Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return targets.filter((target) => target.startsWith(directory)).length;
};

objectStoreSuite(
  'directory',
  async () => {
    const open = async () => {
      const store = new DirectoryObjectStore(directory);
      await store.init();
      return store;
    };
    return { store: await open(), again: open, close: () => rm(directory, { recursive: true }) };
  },
  { pathPrefixes: true, longSegments: true, held },
);
