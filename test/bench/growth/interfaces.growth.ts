import type { TStoreConfig } from '../../support/store/store-open.js';
import type { GrowthStore } from './classes.growthstore.js';
import type { Meter } from './classes.meter.js';

/** What one step cost at one scale. */
export interface IFigures {
  part: string;
  step: string;
  scale: number;
  /** requests to the store, for each time that the step was done */
  calls: number;
  /** bytes of them */
  bytes: number;
  /** ms of CPU time, for each time */
  cpu: number;
  /** ms that the longest turn of the loop took; see `Meter` */
  hold: number;
  /** ms of work, of all times that the step was done; on a busy machine without the time of others */
  p50: number;
  most: number;
  /** ms on the wall, for each time */
  wall: number;
}

export interface IWorld {
  config: TStoreConfig;
  scale: number;
  isQuick: boolean;
  store: GrowthStore;
  meter: Meter;
}

/** A kind of growth: a store with so many of something, and what its steps cost then. */
export interface IPart {
  /** of what there are so many */
  what: string;
  scales: readonly number[];
  /** scales on S3 */
  onS3: readonly number[];
  build(world: IWorld): Promise<void>;
  measure(world: IWorld): Promise<void>;
}

export interface IJob {
  part: string;
  scale: number;
  isQuick: boolean;
  config: TStoreConfig;
  phase: 'build' | 'measure';
}

export interface IJobResult {
  figures: IFigures[];
  /** MiB that the process took at most, without the loader of TypeScript */
  memory: number;
  seconds: number;
  error?: string;
}
