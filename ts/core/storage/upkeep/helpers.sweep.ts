import { forEachAtOnce } from '../../base/helpers.concurrency.js';
import type { ILogger } from '../../interfaces.core.js';
import type { IObjectInfo, IObjectStore } from '../../objectstore/interfaces.objectstore.js';
import { STAGING_PREFIX } from '../uploads/classes.stagedobject.js';

export interface ISweepParts {
  store: IObjectStore;
  logger: ILogger;
  now: () => Date;
}

/** All objects below `prefix` that were written before `before` (ms since the epoch), in key order. */
export async function* olderThan(
  store: IObjectStore,
  prefix: string,
  before: number,
): AsyncGenerator<IObjectInfo, void> {
  for await (const item of store.list({ prefix })) {
    if ('key' in item && item.lastModified.getTime() <= before) yield item;
  }
}

/** deletes at the same time: hides the latency of S3 and leaves capacity for others */
const DELETES_AT_ONCE = 16;

/**
 * Deletes unfinished staged uploads. Returns their number; an upload that cannot be deleted is left to the next sweep.
 */
export const sweepStaging = async (parts: ISweepParts, olderThanMs: number, signal?: AbortSignal): Promise<number> => {
  const { store, logger, now } = parts;
  let count = 0;
  const staged = olderThan(store, STAGING_PREFIX, now().getTime() - olderThanMs);
  await forEachAtOnce(staged, DELETES_AT_ONCE, async ({ key }) => {
    signal?.throwIfAborted();
    try {
      await store.delete(key);
      count++;
    } catch (error) {
      logger.warn('A staged upload could not be deleted; the next sweep will try', { key, error: String(error) });
    }
  });
  return count;
};

/** Runs the parts of a sweep one after the other. A part that fails does not keep the others from being done. */
export class SweepParts {
  private readonly failures: unknown[] = [];

  constructor(private readonly signal: AbortSignal | undefined) {}

  /** Returns 0 if the part fails. @throws the signal's reason */
  public async run(part: () => Promise<number>): Promise<number> {
    this.signal?.throwIfAborted();
    try {
      return await part();
    } catch (error) {
      if (this.signal?.aborted) throw error;
      this.failures.push(error);
      return 0;
    }
  }

  public throwFirstFailure(): void {
    if (this.failures.length > 0) throw this.failures[0];
  }
}
