import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * A clock for each case: many cases run at once in one process, and each may be moved on by hours without the others
 * noticing. `Date` and `performance.now` are replaced once and add the offset of the case that asks; timers stay real.
 */
export class CaseClock {
  public offsetMs = 0;

  public advance(ms: number): void {
    this.offsetMs += ms;
  }

  /** Runs `work` by this clock, with everything that it starts. */
  public run<T>(work: () => Promise<T>): Promise<T> {
    install();
    return clocks.run(this, work);
  }
}

/** Runs `work` by the real clock: for what compares with the times of files. */
export const inRealTime = <T>(work: () => T): T => clocks.exit(work);

const clocks = new AsyncLocalStorage<CaseClock>();
const offset = (): number => clocks.getStore()?.offsetMs ?? 0;
let isInstalled = false;

const install = (): void => {
  if (isInstalled) return;
  isInstalled = true;
  const RealDate = Date;
  const realPerformanceNow = performance.now.bind(performance);
  globalThis.Date = class extends RealDate {
    constructor(...given: []) {
      // the many signatures of Date have no common type; without arguments it means "now"
      if (given.length === 0) super(RealDate.now() + offset());
      else super(...(given as unknown as [number]));
    }
    public static override now(): number {
      return RealDate.now() + offset();
    }
  } as DateConstructor;
  performance.now = () => realPerformanceNow() + offset();
};
