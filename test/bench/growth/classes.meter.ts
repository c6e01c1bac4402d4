import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import type { GrowthStore } from './classes.growthstore.js';
import type { IFigures } from './interfaces.growth.js';

/** ms of CPU time of this process, all its threads together. */
const cpuNow = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** ms of CPU time of the thread that runs the loop; where Linux does not tell, of all threads. */
const loopNow = (): number => {
  try {
    const [nanoseconds] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ');
    return Number(nanoseconds) / 1e6;
  } catch {
    return cpuNow();
  }
};

/**
 * The longest turn of the loop, in ms. A timer of 1 ms notes how much time went by between two of its turns, on the wall
 * and of the CPU. On a busy machine the wall also counts while others run, so the smaller of the two is taken.
 */
const watchTurns = (): (() => number) => {
  let longest = 0;
  let wall = performance.now();
  let cpu = loopNow();
  const look = (): void => {
    const now = performance.now();
    const used = loopNow();
    longest = Math.max(longest, Math.min(now - wall, used - cpu));
    wall = now;
    cpu = used;
  };
  const timer = setInterval(look, 1);
  return () => {
    clearInterval(timer);
    look();
    return longest;
  };
};

/** Does steps and notes what they cost. */
export class Meter {
  public readonly figures: IFigures[] = [];

  constructor(
    private readonly about: { part: string; scale: number },
    private readonly store: GrowthStore,
  ) {}

  public async step(step: string, times: number, work: (at: number) => Promise<unknown>): Promise<IFigures> {
    const took: number[] = [];
    globalThis.gc?.();
    // what the step before left to be done behind is not counted here
    await new Promise((resolve) => setTimeout(resolve, 200));
    this.store.reset();
    const stop = watchTurns();
    const begun = { wall: performance.now(), cpu: cpuNow() };
    for (let at = 0; at < times; at++) {
      const own = { wall: performance.now(), cpu: loopNow() };
      await work(at);
      const spent = loopNow() - own.cpu;
      took.push(Math.min(performance.now() - own.wall, spent));
      // the next request would come through the loop as well
      await setImmediate();
    }
    const cpu = (cpuNow() - begun.cpu) / times;
    const wall = (performance.now() - begun.wall) / times;
    const hold = stop();
    took.sort((a, b) => a - b);
    const { calls, bytes } = this.store;
    const cost = { calls: calls / times, bytes: bytes / times, cpu, wall };
    return this.note({ ...this.about, step, ...cost, hold, p50: took[took.length >> 1]!, most: took.at(-1)! });
  }

  /** What one of `count` things costs: the cost of a step with them, less the cost of the same without them. */
  public oneOf(step: string, count: number, withThem: IFigures, without: IFigures): void {
    const one = (figure: 'calls' | 'bytes' | 'cpu' | 'wall'): number =>
      Math.max(0, withThem[figure] - without[figure]) / count;
    const cost = { calls: one('calls'), bytes: one('bytes'), cpu: one('cpu'), wall: one('wall') };
    this.note({ ...withThem, step, ...cost, p50: cost.cpu, most: cost.cpu });
  }

  private note(figures: IFigures): IFigures {
    this.figures.push(figures);
    return figures;
  }
}
