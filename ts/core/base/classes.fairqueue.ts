/** A piece of work that waits for its turn. */
interface IWaiting {
  start(): void;
  refuse(): void;
}

/** Work that waits with the same names so far. The next name divides it into lanes, which take turns. */
class Lane {
  /** pieces of work that wait in this lane, sub-lanes included */
  public size = 0;
  readonly #own: IWaiting[] = [];
  /** a Map keeps the order of insertion, which is the order of the turns; none is empty */
  readonly #lanes = new Map<string, Lane>();

  public sizeOf(name: string): number {
    return this.#lanes.get(name)?.size ?? 0;
  }

  public add(names: readonly string[], waiting: IWaiting): void {
    this.size++;
    const [name, ...others] = names;
    if (name === undefined) {
      this.#own.push(waiting);
      return;
    }
    const lane = this.#lanes.get(name) ?? new Lane();
    this.#lanes.set(name, lane);
    lane.add(others, waiting);
  }

  public next(): IWaiting | undefined {
    const [first] = this.#lanes;
    if (!first) return this.#count(this.#own.shift());
    const [name, lane] = first;
    const waiting = lane.next();
    // the lane goes to the end of the turns
    this.#lanes.delete(name);
    if (lane.size > 0) this.#lanes.set(name, lane);
    return this.#count(waiting);
  }

  /**
   * Removes the newest work of the longest lane, so that work with these names gets its place. Returns `undefined` if
   * even the longest lane would then be shorter than the lane of these names.
   */
  public giveWay(names: readonly string[]): IWaiting | undefined {
    const [name, ...others] = names;
    if (name === undefined) return undefined;
    const [longest, lane] = this.#longest() ?? [];
    if (!lane) return undefined;
    const isOwn = this.sizeOf(name) === lane.size;
    if (isOwn) return this.#count(this.#lanes.get(name)?.giveWay(others));
    return this.sizeOf(name) + 2 <= lane.size ? this.#count(this.#dropFrom(longest as string, lane)) : undefined;
  }

  #dropFrom(name: string, lane: Lane): IWaiting | undefined {
    const waiting = lane.#dropLatest();
    if (lane.size === 0) this.#lanes.delete(name);
    return waiting;
  }

  #dropLatest(): IWaiting | undefined {
    const [name, lane] = this.#longest() ?? [];
    return this.#count(lane ? this.#dropFrom(name as string, lane) : this.#own.pop());
  }

  /** The longest lane; of several equal ones, the one whose turn comes last. */
  #longest(): [string, Lane] | undefined {
    let longest: [string, Lane] | undefined;
    for (const entry of this.#lanes) if (!longest || entry[1].size >= longest[1].size) longest = entry;
    return longest;
  }

  #count(taken: IWaiting | undefined): IWaiting | undefined {
    if (taken) this.size--;
    return taken;
  }
}

/**
 * Runs at most `concurrency` pieces of work at once and keeps at most `queue` waiting. Work is named, e.g. by address
 * and user. Work with different first names takes turns, then work with different second names, and so on: a caller
 * that floods the queue waits behind its own work. If the queue is full, the longest lane loses work to a shorter one.
 * Work without a place is refused, because in an unlimited queue every caller would time out.
 */
export class FairQueue {
  readonly #options: { concurrency: number; queue: number; refusal(): Error };
  readonly #waiting = new Lane();
  #running = 0;

  constructor(options: { concurrency: number; queue: number; refusal(): Error }) {
    this.#options = options;
  }

  /** @throws the `refusal` if there is no place in the queue, or another caller's work took it */
  public async run<T>(names: readonly string[], work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#options.concurrency) {
      if (this.#waiting.size >= this.#options.queue) {
        const displaced = this.#waiting.giveWay(names);
        if (!displaced) throw this.#options.refusal();
        displaced.refuse();
      }
      // work that ends hands its place over, so the count does not change
      await new Promise<void>((start, reject) => {
        this.#waiting.add(names, { start, refuse: () => reject(this.#options.refusal()) });
      });
    } else {
      this.#running++;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.next();
      if (next) next.start();
      else this.#running--;
    }
  }
}
