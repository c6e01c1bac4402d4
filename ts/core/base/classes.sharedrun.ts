/**
 * Work whose result many callers share. A caller states how old the result may be, and never gets one that began
 * earlier. At most one run is under way and one waits for it.
 */
export class SharedRun {
  private begunAt = Number.NEGATIVE_INFINITY;
  private running: Promise<void> | undefined;
  private next: Promise<void> | undefined;

  constructor(private readonly work: () => Promise<void>) {}

  /** Resolves when a run that began no longer than `maxAgeMs` ago has succeeded. */
  public async fresh(maxAgeMs: number): Promise<void> {
    if (performance.now() - this.begunAt < maxAgeMs) return this.running;
    if (!this.running) return this.start();
    const again = () => {
      this.next = undefined;
      return this.start();
    };
    this.next ??= this.running.then(again, again);
    return this.next;
  }

  private start(): Promise<void> {
    const begun = performance.now();
    this.begunAt = begun;
    const running = this.work();
    this.running = running;
    const ended = (failed: boolean) => {
      if (failed && this.begunAt === begun) this.begunAt = Number.NEGATIVE_INFINITY;
      if (this.running === running) this.running = undefined;
    };
    running.then(
      () => ended(false),
      () => ended(true),
    );
    return running;
  }
}
