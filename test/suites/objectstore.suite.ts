import type { IObjectStore } from '../../ts/core/objectstore/interfaces.objectstore.js';
import { type IObjectStoreSuiteOptions, onBench } from '../support/store/objectstore-bench.js';
import { bodiesScenes } from './objectstore.bodies.js';
import { composeScenes } from './objectstore.compose.js';
import { conditionsScenes } from './objectstore.conditions.js';
import { listingScenes } from './objectstore.listing.js';
import { lossyScenes } from './objectstore.lossy.js';

export type { ILossyStore, IObjectStoreSuiteOptions } from '../support/store/objectstore-bench.js';

export interface IObjectStoreUnderTest {
  store: IObjectStore;
  /** another instance on the same bytes, as a second process would have it */
  again?: () => Promise<IObjectStore>;
  close(): Promise<void>;
}

/** What an `IObjectStore` promises, run against every driver. The store must be empty and initialised. */
export const objectStoreSuite = (
  name: string,
  makeStore: () => Promise<IObjectStoreUnderTest>,
  options: IObjectStoreSuiteOptions = {},
): void =>
  onBench(name, makeStore, options, async (bench) => {
    await bodiesScenes(bench);
    await conditionsScenes(bench);
    await listingScenes(bench);
    await composeScenes(bench);
    await lossyScenes(bench);
  });
