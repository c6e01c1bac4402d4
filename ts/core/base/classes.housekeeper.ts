import { RegistryError } from '../classes.registryerror.js';
import type { ILogger } from '../interfaces.core.js';

export interface IChore {
  name: string;
  everyMs: number;
  /** answers what is worth a line in the log, or nothing */
  work(): Promise<Record<string, number> | undefined>;
}

const SPREAD = 0.2;

/**
 * Runs chores now and then, without keeping the process alive and without two of one kind at once. The pauses vary, so
 * that replicas that were started together do not work together.
 */
export class Housekeeper {
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();
  private readonly running = new Set<Promise<void>>();
  private stopped = false;

  constructor(private readonly logger: ILogger) {}

  public add(chore: IChore): void {
    if (this.stopped) return;
    const pause = chore.everyMs * (1 + (Math.random() - 0.5) * SPREAD);
    const timer = setTimeout(() => {
      const run = this.run(chore);
      this.running.add(run);
      void run.finally(() => this.running.delete(run));
    }, pause);
    if (typeof timer === 'object') timer.unref();
    this.timers.set(chore.name, timer);
  }

  /** Waits for what runs; nothing is begun any more. */
  public async stop(): Promise<void> {
    this.stopped = true;
    for (const timer of this.timers.values()) clearTimeout(timer);
    await Promise.all(this.running);
  }

  private async run(chore: IChore): Promise<void> {
    try {
      const done = await chore.work();
      if (done && Object.values(done).some((count) => count > 0)) this.logger.info(chore.name, done);
    } catch (error) {
      const { message, cause } = RegistryError.from(error);
      this.logger.warn(`${chore.name} failed and will be tried again`, { message, cause: String(cause) });
    }
    this.add(chore);
  }
}
