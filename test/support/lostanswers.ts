import type { Test } from 'tap';
import { DirectoryObjectStore } from '../../ts/core/objectstore/directory/classes.directoryobjectstore.js';
import { RegistryError } from '../../ts/index.js';
import type { TMoreConfig } from './people.js';
import { temporaryFolder } from './registry.js';
import { FaultObjectStore } from './store/fault-objectstore.js';

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/** Writes of one document after which only the document itself can tell of an older one. */
export const MANY_WRITES = 12;

/**
 * Two processes on one store. The connection of the first breaks at its next write of this document, and `meanwhile`
 * happens before that process can look.
 */
export const twoProcesses = async <TWorld>(
  t: Pick<Test, 'teardown'>,
  worldOf: (t: Pick<Test, 'teardown'>, more: TMoreConfig) => Promise<TWorld>,
  document: string,
) => {
  const inner = new DirectoryObjectStore(await temporaryFolder(t));
  const faulty = new FaultObjectStore(inner);
  const auth = { tokenStore: 'bucket' as const };
  const breakNext = (when: 'before' | 'after', meanwhile: () => Promise<void>) => {
    faulty[when] = async ({ verb, key }) => {
      if (verb !== 'put' || key !== document) return;
      faulty[when] = undefined;
      await meanwhile();
      throw new RegistryError('unavailable', 'The connection was lost');
    };
  };
  return {
    one: await worldOf(t, { storage: { objectStore: faulty }, auth, logger: SILENT }),
    two: await worldOf(t, { storage: { objectStore: inner }, auth }),
    /** the write is done, its answer is lost */
    loseNext: (meanwhile: () => Promise<void>) => breakNext('after', meanwhile),
    /** the write is not done, which the process cannot know */
    failNext: (meanwhile: () => Promise<void>) => breakNext('before', meanwhile),
  };
};
