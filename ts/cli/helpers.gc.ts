import { getHeapStatistics, setFlagsFromString } from 'node:v8';

/** other runtimes have no V8, or take no flags */
const isNode = process.release.name === 'node' && !('bun' in process.versions);

/** ms between two looks at the process */
const LOOK_MS = 500;
/** so many quiet looks, one after the other, are a rest */
const REST_LOOKS = 2;
/** share of one processor that a process at rest may use */
const REST_LOAD = 0.02;
/** bytes that the heap must have grown by, or there is nothing to gain */
const WORTHWHILE = 32 * 1024 * 1024;

/**
 * Bodies pass through in buffers outside of V8's heap, and every 64 MiB of them make it collect. Done step by step
 * beside the work, as it would be, that costs more than the collections themselves: a GiB in took 2.6 s of CPU instead
 * of 2.0, a GiB out 1.2 instead of 0.65. A registry's heap is small, so each collection is a matter of milliseconds.
 * The program decides this for its own process; as a library we leave the embedder's alone.
 */
export const collectAtOnce = (): void => {
  if (isNode) setFlagsFromString('--no-incremental-marking');
};

/** All that V8 can give back, to the system and not only to itself: tenths of a second, during which nothing else runs. */
const collectAll = async (): Promise<void> => {
  const { Session } = await import('node:inspector/promises');
  const session = new Session();
  session.connect();
  try {
    await session.post('HeapProfiler.collectGarbage');
  } finally {
    session.disconnect();
  }
};

/**
 * Gives memory back to the system when the process comes to rest after work. V8 would do so by itself, but with the
 * incremental marking that `collectAtOnce` switches off.
 */
export const collectAtRest = (): void => {
  if (!isNode) return;
  let cpu = process.cpuUsage();
  let quietLooks = 0;
  let settled = getHeapStatistics().total_heap_size;
  const look = async (): Promise<void> => {
    const { user, system } = process.cpuUsage(cpu);
    cpu = process.cpuUsage();
    quietLooks = user + system < LOOK_MS * 1000 * REST_LOAD ? quietLooks + 1 : 0;
    if (quietLooks !== REST_LOOKS || getHeapStatistics().total_heap_size < settled + WORTHWHILE) return;
    await collectAll();
    cpu = process.cpuUsage();
    settled = getHeapStatistics().total_heap_size;
  };
  // a Node without its inspector keeps its memory
  setInterval(() => void look().catch(() => {}), LOOK_MS).unref();
};
