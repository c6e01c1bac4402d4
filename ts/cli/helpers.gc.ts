import { setFlagsFromString } from 'node:v8';

/**
 * Bodies pass through in buffers outside of V8's heap, and every 64 MiB of them make it collect. Done step by step
 * beside the work, as it would be, that costs more than the collections themselves: a GiB in took 2.6 s of CPU instead
 * of 2.0, a GiB out 1.2 instead of 0.65. A registry's heap is small, so each collection is a matter of milliseconds.
 * The program decides this for its own process; as a library we leave the embedder's alone.
 */
export const collectAtOnce = (): void => {
  // other runtimes have no V8, or take no flags
  if (process.release.name === 'node' && !('bun' in process.versions)) setFlagsFromString('--no-incremental-marking');
};
