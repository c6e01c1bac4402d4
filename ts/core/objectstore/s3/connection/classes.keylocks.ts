import type { IObjectInfo } from '../../interfaces.objectstore.js';
import { contradicts, type ICondition } from '../writing/helpers.write.js';
import { preconditionFailed } from './helpers.errors.js';

/**
 * For servers that ignore conditions: compares before the write, and throws `preconditionFailed`. Exact only if nothing
 * else writes the key meanwhile; see KeyLocks.
 */
export const compareFirst = async (
  head: (key: string) => Promise<IObjectInfo | null>,
  key: string,
  condition: ICondition,
): Promise<void> => {
  if (condition.ifMatch === undefined && condition.ifNoneMatch === undefined) return;
  const found = await head(key);
  if (contradicts(found?.etag ?? null, condition)) throw preconditionFailed(key);
};

/** Allows one writer per key in this process, for servers that do not check conditions. */
export class KeyLocks {
  private readonly tails = new Map<string, Promise<void>>();

  public async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.tails.get(key);
    let release = () => {};
    const tail = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.tails.set(key, tail);
    try {
      await before;
      return await work();
    } finally {
      release();
      if (this.tails.get(key) === tail) this.tails.delete(key);
    }
  }
}
