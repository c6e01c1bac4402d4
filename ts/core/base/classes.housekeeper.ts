import { RegistryError } from '../classes.registryerror.js';
import type { ILogger } from '../interfaces.core.js';

/** Work that is done at intervals, without a request. Two runs at once, on two replicas, must be harmless. */
export interface IChore {
  name: string;
  everyMs: number;
  /** every process runs it (e.g. because it concerns memory): it takes no turn, and no run is recorded */
  perProcess?: boolean;
  /**
   * Returns the numbers for a line in the log, or `undefined`. Soon after `signal` aborts it must return or throw; the
   * next run does the rest.
   */
  work(options: { signal: AbortSignal }): Promise<Record<string, number> | undefined>;
}

/** The right of this process to run a chore now, which no other process has at the same time. */
export interface IChoreTurn {
  /** Gives the turn back. `completed`: the chore is not due again before its interval is over. */
  end(completed: boolean): Promise<void>;
}

/** The record of chores that all processes on one store share. */
export interface IChoreRecords {
  /** Returns a turn if the chore is due and no process runs it, else the ms after which to ask again. */
  begin(chore: IChore): Promise<IChoreTurn | number>;
}

export interface IHousekeeperOptions {
  /** ms from the start to the first look at each chore */
  firstLookMs?: number;
  /** ms that `stop` waits until the turns are given back */
  stopMs?: number;
}

/** Chores would slow the start down, and a process that ends within a minute need not run any. */
const FIRST_LOOK_MS = 60_000;
/**
 * The longest pause between two looks. A look costs one read of a small document. It must come at least once per hour,
 * because the process that runs the chore may have died; and timers of Node end at 24 days.
 */
const LONGEST_PAUSE_MS = 60 * 60_000;
/** Pause after a failure: time for an outage to end. A chore with a shorter interval runs at its interval. */
const RETRY_MS = 10 * 60_000;
/** Time for two writes to a store that works. A turn that is not given back expires (`IChoreRecords`). */
const STOP_MS = 2_000;
/** Pauses vary by this share, so that replicas that were started together do not look at the same time. */
const SPREAD = 0.2;

/**
 * Runs chores when they are due. It does not keep the process alive, and never runs one chore twice at once in this
 * process. The store records when a chore was last run, so a process that is restarted every day still runs a daily
 * chore once a day. `stop` aborts the running chores and does not wait for their work to end.
 */
export class Housekeeper {
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();
  private readonly running = new Set<Promise<void>>();
  private readonly stopping = new AbortController();
  private readonly firstLookMs: number;
  private readonly stopMs: number;

  constructor(
    private readonly logger: ILogger,
    private readonly records: IChoreRecords,
    options: IHousekeeperOptions = {},
  ) {
    this.firstLookMs = options.firstLookMs ?? FIRST_LOOK_MS;
    this.stopMs = options.stopMs ?? STOP_MS;
  }

  public add(chore: IChore): void {
    this.schedule(chore, this.firstLookMs);
  }

  /** Aborts the running chores and gives their turns back. No chore begins afterwards. */
  public async stop(): Promise<void> {
    this.stopping.abort(new RegistryError('unavailable', 'The registry is being stopped'));
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.stopMs);
    });
    await Promise.race([Promise.all(this.running), patience]);
    clearTimeout(timer);
  }

  private schedule(chore: IChore, pauseMs: number): void {
    if (this.stopping.signal.aborted) return;
    const pause = Math.min(pauseMs, LONGEST_PAUSE_MS) * (1 + (Math.random() - 0.5) * SPREAD);
    const timer = setTimeout(() => {
      const look = this.look(chore);
      this.running.add(look);
      void look.finally(() => this.running.delete(look));
    }, pause);
    // Deno and Bun have timers of another kind
    if (typeof timer === 'object') timer.unref();
    this.timers.set(chore.name, timer);
  }

  private async look(chore: IChore): Promise<void> {
    let pauseMs = Math.min(chore.everyMs, RETRY_MS);
    try {
      const turn = chore.perProcess ? { end: async () => {} } : await this.records.begin(chore);
      if (typeof turn === 'number') {
        pauseMs = turn;
      } else {
        const completed = await this.run(chore);
        if (completed) pauseMs = chore.everyMs;
        await turn.end(completed);
      }
    } catch (error) {
      this.warn(`The record of a chore cannot be used: ${chore.name}`, error);
    }
    this.schedule(chore, pauseMs);
  }

  private async run(chore: IChore): Promise<boolean> {
    const { signal } = this.stopping;
    if (signal.aborted) return false;
    try {
      const done = await untilAborted(chore.work({ signal }), signal);
      if (done && Object.values(done).some((count) => count > 0)) this.logger.info(chore.name, done);
      return true;
    } catch (error) {
      // an aborted chore has not failed
      if (!signal.aborted) this.warn(`${chore.name} failed and will be tried again`, error);
      return false;
    }
  }

  private warn(what: string, error: unknown): void {
    const { message, cause } = RegistryError.from(error);
    this.logger.warn(what, { message, cause: String(cause) });
  }
}

/** What `work` resolves with; rejects as soon as `signal` aborts. */
const untilAborted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    // after an abort the result is ignored: the work may have failed because the store was closed
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
