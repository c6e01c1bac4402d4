/** ms; a detour through the thread pool costs about as much, and holds nobody up */
const DEAR_MS = 0.1;
/** ms that nothing takes which is in the kernel's memory */
const WAITED_MS = 2;
/** a call that cost more than the detour is one point, one that had to wait a few; each cheap one takes a point back */
const WAITED_POINTS = 6;
const ENOUGH_POINTS = 20;
/** ms of detours, at least, until it is tried again */
const PAUSE_MS = 2_000;
/** A pause is so many times as long as the calls that led to it: they hold the event loop 1 % of the time at most. */
const PAUSE_FACTOR = 100;

/**
 * Whether one kind of small call to the file system is made at once or by way of the thread pool. To give a file a name
 * mostly takes the kernel a few microseconds, and the detour ten times that. But no call tells beforehand whether it must
 * wait for a disk, and then everybody waits; and some file systems take long to make a file while many were removed just
 * before. So the calls are timed, and made at once only for as long as that is the cheaper way: after a few slow ones not
 * at all for a pause, which is the longer the slower they were.
 */
export class Pace {
  private points = 0;
  /** ms that calls took which were dear, since the points were last 0 or the last pause */
  private wastedMs = 0;
  private pausedUntil = Number.NEGATIVE_INFINITY;

  constructor(private readonly clock: () => number = () => performance.now()) {}

  /** Are calls made at once now? */
  public get isQuick(): boolean {
    return this.clock() >= this.pausedUntil;
  }

  /** Makes the call at once, whatever it costs. */
  public time<T>(call: () => T): T {
    const begun = this.clock();
    try {
      return call();
    } finally {
      this.note(begun, this.clock());
    }
  }

  /** Makes the call `atOnce`, or by way of `later`. */
  public async run<T>(atOnce: () => T, later: () => Promise<T>): Promise<T> {
    return this.isQuick ? this.time(atOnce) : later();
  }

  private note(begun: number, ended: number): void {
    const took = ended - begun;
    if (took < DEAR_MS) {
      if (this.points > 0 && --this.points === 0) this.wastedMs = 0;
      return;
    }
    this.wastedMs += took;
    this.points += took < WAITED_MS ? 1 : WAITED_POINTS;
    if (this.points < ENOUGH_POINTS) return;
    // a little below: if nothing has changed, a few calls show it
    this.points = ENOUGH_POINTS / 2;
    this.pausedUntil = ended + Math.max(PAUSE_MS, PAUSE_FACTOR * this.wastedMs);
    this.wastedMs = 0;
  }
}
