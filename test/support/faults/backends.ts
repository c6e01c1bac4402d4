import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DirectoryObjectStore } from '../../../ts/core/objectstore/directory/classes.directoryobjectstore.js';
import { MemoryObjectStore } from '../store/memory-objectstore.js';
import { FaultyStore } from './faulty-store.js';
import type { IBackend } from './interfaces.js';

const wrapped = (store: FaultyStore) => ({ store, gate: store });

export const memoryBackend = (lanes = 32): IBackend => ({
  name: 'memory',
  lanes,
  open: async () => {
    const inner = new MemoryObjectStore();
    return {
      movesClock: true,
      direct: async () => inner,
      faulty: async () => wrapped(new FaultyStore(inner)),
      close: async () => {},
    };
  },
});

/** In memory where the system has a folder there: what a disk does is not what is tried here. */
const MEMORY_FOLDER = '/dev/shm';

/** Each replica has a driver of its own, as if it were a process of its own. */
export const directoryBackend = (lanes = 8): IBackend => ({
  name: 'directory',
  lanes,
  open: async () => {
    const parent = existsSync(MEMORY_FOLDER) ? MEMORY_FOLDER : tmpdir();
    const folder = await mkdtemp(join(parent, 'smartregistry-faults-'));
    const stores: DirectoryObjectStore[] = [];
    const direct = async () => {
      const store = new DirectoryObjectStore(folder);
      await store.init();
      stores.push(store);
      return store;
    };
    return {
      movesClock: true,
      direct,
      faulty: async () => wrapped(new FaultyStore(await direct())),
      close: async () => {
        for (const store of stores) await store.destroy?.();
        await rm(folder, { recursive: true, force: true, maxRetries: 3 });
      },
    };
  },
});

/** What a process needs to know to make one of them. */
export type TBackendConfig = { kind: 'memory' } | { kind: 'directory' };

export const backendOf = async (config: TBackendConfig): Promise<IBackend> =>
  config.kind === 'memory' ? memoryBackend() : directoryBackend();
