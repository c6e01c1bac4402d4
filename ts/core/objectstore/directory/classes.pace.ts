/** ms; a detour through the thread pool costs about as much, and holds nobody up */
const DEAR_MS = 0.1;
/** ms that nothing takes which is in the kernel's memory */
const WAITED_MS = 2;
/** a call that cost more than the detour is one point, one that had to wait a few; each cheap one takes a point back */
const WAITED_POINTS = 6;
const ENOUGH_POINTS = 20;
/** ms of detours until it is tried again */
const PAUSE_MS = 2_000;

/**
 * Whether one kind of small call to the file system had better be made at once, or by way of the thread pool. To give a
 * file a name mostly takes the kernel a few microseconds, and the detour ten times that. But no call tells beforehand
 * whether it must wait for a disk, and then everybody waits; and some file systems take long to make a file while many
 * were removed just before. So the calls are timed, and made at once only for as long as that is the cheaper way.
 */
export class Pace {
  private points = 0;
  private pausedUntil = Number.NEGATIVE_INFINITY;

  constructor(private readonly clock: () => number = () => performance.now()) {}

  /** Makes the call `atOnce`, or by way of `later`. */
  public run<T>(atOnce: () => T, later: () => Promise<T>): Promise<T> {
    const begun = this.clock();
    if (begun < this.pausedUntil) return later();
    try {
      return Promise.resolve(atOnce());
    } catch (error) {
      return Promise.reject(error);
    } finally {
      this.note(begun, this.clock());
    }
  }

  private note(begun: number, ended: number): void {
    const took = ended - begun;
    if (took < DEAR_MS) {
      if (this.points > 0) this.points--;
      return;
    }
    this.points += took < WAITED_MS ? 1 : WAITED_POINTS;
    if (this.points < ENOUGH_POINTS) return;
    // a little below: where nothing has changed, a few calls show it
    this.points = ENOUGH_POINTS / 2;
    this.pausedUntil = ended + PAUSE_MS;
  }
}
