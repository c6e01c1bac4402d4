import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DirectoryObjectStore } from '../../../ts/core/objectstore/directory/classes.directoryobjectstore.js';
import { S3ObjectStore } from '../../../ts/core/objectstore/s3/classes.s3objectstore.js';
import type { IS3StorageConfig } from '../../../ts/interfaces.config.js';
import { MemoryObjectStore } from '../store/memory-objectstore.js';
import { inRealTime } from './clock.js';
import { startFaultProxy } from './fault-proxy.js';
import { FaultyStore } from './faulty-store.js';
import type { IBackend } from './interfaces.js';
import { PrefixedStore } from './prefixed-store.js';

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

/** Objects hold their own time, by the clock of the case. What was left in `tmp/` is as old as the file system says. */
class DirectoryStore extends DirectoryObjectStore {
  public override init(): Promise<void> {
    return inRealTime(() => super.init());
  }

  public override sweep(olderThanMs: number): Promise<number> {
    return inRealTime(() => super.sweep(olderThanMs));
  }
}

/** Each replica has a driver of its own, as if it were a process of its own. */
export const directoryBackend = (lanes = 8): IBackend => ({
  name: 'directory',
  lanes,
  open: async () => {
    const parent = existsSync(MEMORY_FOLDER) ? MEMORY_FOLDER : tmpdir();
    const folder = await mkdtemp(join(parent, 'smartregistry-faults-'));
    const stores: DirectoryStore[] = [];
    const direct = async () => {
      const store = new DirectoryStore(folder);
      await store.init();
      stores.push(store);
      return store;
    };
    return {
      movesClock: true,
      folder,
      direct,
      faulty: async () => wrapped(new FaultyStore(await direct())),
      close: async () => {
        for (const store of stores) await store.destroy?.();
        await rm(folder, { recursive: true, force: true, maxRetries: 3 });
      },
    };
  },
});

/** Through a proxy to a real server. The drivers are the same for all cases, each of which has a folder of its own. */
export const s3Backend = async (config: IS3StorageConfig, lanes = 6): Promise<IBackend> => {
  const proxy = await startFaultProxy(config);
  const direct = new S3ObjectStore(config);
  const proxied = new S3ObjectStore(proxy.config);
  await direct.init();
  await proxied.init();
  return {
    name: 'S3',
    lanes,
    open: async () => {
      const prefix = `case-${randomUUID()}/`;
      return {
        // requests are signed with the time, and those of a server of its own
        movesClock: false,
        direct: async () => new PrefixedStore(direct, prefix),
        faulty: async () => ({ store: new PrefixedStore(proxied, prefix), gate: proxy.gate(prefix) }),
        close: async () => proxy.forget(prefix),
      };
    },
    close: async () => {
      await Promise.all([direct.destroy(), proxied.destroy()]);
      await proxy.stop();
    },
  };
};

/** What a process needs to know to make one of them. */
export type TBackendConfig = { kind: 'memory' } | { kind: 'directory' } | { kind: 'S3'; config: IS3StorageConfig };

export const backendOf = async (config: TBackendConfig): Promise<IBackend> => {
  if (config.kind === 'S3') return s3Backend(config.config);
  return config.kind === 'memory' ? memoryBackend() : directoryBackend();
};
