import { RegistryError } from '../../classes.registryerror.js';
import type { IBodySource } from './helpers.bodysource.js';

export interface IWatchOptions {
  idleTimeoutMs: number;
  signal?: AbortSignal;
}

/** ms; a silent sender is noticed at most this much later than the time-out */
const LONGEST_TICK = 5_000;
/** ms; a shorter timer costs more than it is worth */
const SHORTEST_TICK = 10;

/**
 * A body source that is given up if its sender is silent for too long or the request is aborted. It holds a timer, a
 * listener and the source; `close` releases all three, whether or not somebody waits in `next`.
 */
export class WatchedSource {
  private readonly timer: ReturnType<typeof setInterval>;
  private waitingSince = 0;
  private failure: RegistryError | undefined;
  private ended = false;
  private closed = false;
  // a new promise for each chunk: racing against one long-lived promise would keep every chunk in memory
  private reject: (error: RegistryError) => void = () => undefined;

  constructor(
    private readonly source: IBodySource,
    private readonly options: IWatchOptions,
  ) {
    const { idleTimeoutMs, signal } = options;
    this.timer = setInterval(this.onTick, Math.max(SHORTEST_TICK, Math.min(idleTimeoutMs / 4, LONGEST_TICK)));
    signal?.addEventListener('abort', this.onAbort, { once: true });
    if (signal?.aborted) this.onAbort();
  }

  /** The next chunk. Throws `timeout` when the sender is silent for too long or the request is aborted. */
  public async next(): Promise<IteratorResult<Uint8Array, unknown>> {
    if (this.failure) throw this.failure;
    this.waitingSince = Date.now();
    const result = await new Promise<IteratorResult<Uint8Array, unknown>>((resolve, refuse) => {
      this.reject = refuse;
      this.source.next().then(resolve, refuse);
    });
    this.waitingSince = 0;
    if (result.done) this.ended = true;
    return result;
  }

  /**
   * Releases everything. Callers that wait for a chunk, or ask for another one, get `error` if it is given. It may be
   * called twice.
   */
  public close(error?: RegistryError): void {
    if (error) this.giveUp(error);
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.timer);
    this.options.signal?.removeEventListener('abort', this.onAbort);
    if (!this.ended) this.source.abandon();
  }

  private giveUp(error: RegistryError): void {
    this.failure ??= error;
    this.reject(this.failure);
  }

  private readonly onAbort = (): void =>
    this.giveUp(
      new RegistryError('timeout', 'The client closed the connection', { cause: this.options.signal?.reason }),
    );

  private readonly onTick = (): void => {
    const { idleTimeoutMs } = this.options;
    // the time that the reader takes between two chunks does not count as silence of the sender
    if (this.waitingSince === 0 || Date.now() - this.waitingSince <= idleTimeoutMs) return;
    this.giveUp(new RegistryError('timeout', `No byte of the request body came for ${idleTimeoutMs} ms`));
  };
}
