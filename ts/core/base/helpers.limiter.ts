import { RegistryError } from '../classes.registryerror.js';

/**
 * Runs at most `concurrency` pieces of work at once and keeps at most `queue` waiting, in order. Further work is
 * refused with 429: in a queue without a limit every caller would time out.
 */
export class Limiter {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(
    private readonly concurrency: number,
    private readonly queue: number,
  ) {}

  public async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.concurrency) {
      if (this.#waiting.length >= this.queue) {
        const message = 'Too many logins at once; try again in a moment';
        throw new RegistryError('rateLimited', message, { headers: { 'Retry-After': '2' } });
      }
      // whoever finishes hands its place over, so the count stays as it is
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running++;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }
}
