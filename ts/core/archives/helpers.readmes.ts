import { FairQueue } from '../base/classes.fairqueue.js';
import { RegistryError } from '../classes.registryerror.js';

/** bytes; reading a larger archive takes too long while a client waits, so its version is shown without a readme */
export const MAX_README_ARCHIVE = 32 * 1024 * 1024;

/** Archives are unpacked for their readmes two at a time; packages take turns. */
export const readmeQueue = (): FairQueue =>
  new FairQueue({
    concurrency: 2,
    queue: 1000,
    refusal: () => new RegistryError('unavailable', 'Too many readmes are being read; try again in a moment'),
  });
