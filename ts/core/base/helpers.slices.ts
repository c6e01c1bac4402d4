import { setImmediate } from 'node:timers/promises';

/**
 * ms of one slice. Work over all packages may hold the event loop for at most 20 ms at a time. 5 ms leave room for two
 * such works at once, and for a garbage collection between them.
 */
const SLICE_MS = 5;

/** what rests goes on in a turn of its own: a hundred works that went on in one turn would hold it for a hundred slices */
let lastRest: Promise<unknown> = Promise.resolve();

/** when the slice ends that all works have together which begin in this turn of the event loop */
let sharedUntil: number | undefined;

const startOfWork = (): number => {
  if (sharedUntil === undefined) {
    sharedUntil = performance.now() + SLICE_MS;
    void setImmediate().then(() => {
      sharedUntil = undefined;
    });
  }
  return sharedUntil;
};

/** Divides long work on the event loop into slices: call `if (slices.due) await slices.rest()` after each item. */
export class Slices {
  protected until = performance.now() + SLICE_MS;

  public get due(): boolean {
    return performance.now() >= this.until;
  }

  /** Lets other requests run; then the next slice begins. */
  public async rest(): Promise<void> {
    await setImmediate();
    this.until = performance.now() + SLICE_MS;
  }
}

/** Slices of a work that many callers begin at once: those that begin in one turn of the event loop share a slice. */
export class SharedSlices extends Slices {
  protected override until = startOfWork();

  public override async rest(): Promise<void> {
    const rest = lastRest.then(() => setImmediate());
    lastRest = rest;
    await rest;
    this.until = performance.now() + SLICE_MS;
  }
}

/**
 * Runs short pieces of work of many callers one after another. Callers that wait for one event (a shared HEAD, an
 * immediate) all continue in the same turn of the event loop; this spreads their work over several turns.
 */
export class Turns {
  private readonly slices = new Slices();
  private last: Promise<unknown> = Promise.resolve();

  public take<T>(work: () => T): Promise<T> {
    const done = this.last.then(async () => {
      if (this.slices.due) await this.slices.rest();
      return work();
    });
    this.last = done.catch(() => {});
    return done;
  }
}

/** Maps items in order, in slices. */
export const mapInSlices = async <T, R>(items: readonly T[], map: (item: T) => R): Promise<R[]> => {
  const slices = new Slices();
  const mapped: R[] = [];
  for (const item of items) {
    mapped.push(map(item));
    if (slices.due) await slices.rest();
  }
  return mapped;
};

/** Items that are sorted at once: about 1 ms of work. */
const RUN = 1000;
/** Items that are moved between two checks of the clock. */
const MOVES = 256;

/** Returns a sorted copy by merging sorted runs. It never holds the event loop for longer than a slice. */
export const sortInSlices = async <T>(items: readonly T[], compare: (a: T, b: T) => number): Promise<T[]> => {
  const slices = new Slices();
  let runs: T[][] = [];
  for (let at = 0; at < items.length; at += RUN) {
    runs.push(items.slice(at, at + RUN).sort(compare));
    if (slices.due) await slices.rest();
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(await merge(runs[at] as T[], runs[at + 1] ?? [], compare, slices));
    }
    runs = merged;
  }
  return runs[0] ?? [];
};

const merge = async <T>(a: T[], b: T[], compare: (a: T, b: T) => number, slices: Slices): Promise<T[]> => {
  if (b.length === 0) return a;
  const merged: T[] = [];
  let inA = 0;
  let inB = 0;
  while (inA < a.length || inB < b.length) {
    const isFromA = inB >= b.length || (inA < a.length && compare(a[inA] as T, b[inB] as T) <= 0);
    merged.push((isFromA ? a[inA++] : b[inB++]) as T);
    if (merged.length % MOVES === 0 && slices.due) await slices.rest();
  }
  return merged;
};
