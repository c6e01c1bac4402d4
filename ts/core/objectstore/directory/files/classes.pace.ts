/** ms; a call through the thread pool costs about as much and does not block */
const DEAR_MS = 0.1;
/** ms; no call whose data are in the kernel's memory takes as long */
const WAITED_MS = 2;
/**
 * points of a call that had to wait for the disk; a call that was slower than the thread pool has one, and each fast
 * call takes one off
 */
const WAITED_POINTS = 6;
const ENOUGH_POINTS = 20;
/** ms of the shortest pause, in which all calls go through the thread pool */
const PAUSE_MS = 2_000;
/**
 * A pause lasts this many times as long as the slow calls before it: they block the event loop for at most 1 % of the
 * time.
 */
const PAUSE_FACTOR = 100;

/**
 * Decides whether one kind of small file system call is made synchronously or through the thread pool. Linking a file
 * mostly takes the kernel a few microseconds, and the thread pool ten times that. But a synchronous call that has to
 * wait for a disk blocks everybody, and some file systems make files slowly after many were removed. So the calls are
 * timed. After a few slow ones all calls go through the thread pool for a pause, which is longer the slower they were.
 */
export class Pace {
  private points = 0;
  /** ms of slow calls since the points were last 0, or since the last pause */
  private wastedMs = 0;
  private pausedUntil = Number.NEGATIVE_INFINITY;

  constructor(private readonly clock: () => number = () => performance.now()) {}

  /** Whether calls are made synchronously now. */
  public get isQuick(): boolean {
    return this.clock() >= this.pausedUntil;
  }

  /** Makes the call synchronously, whatever it costs. */
  public time<T>(call: () => T): T {
    const begun = this.clock();
    try {
      return call();
    } finally {
      this.note(begun, this.clock());
    }
  }

  /** Calls `atOnce` synchronously, or `later`, which uses the thread pool. */
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
    // half of them: if the calls are still slow, a few show it
    this.points = ENOUGH_POINTS / 2;
    this.pausedUntil = ended + Math.max(PAUSE_MS, PAUSE_FACTOR * this.wastedMs);
    this.wastedMs = 0;
  }
}
