import type { IObjectStore, IPutOptions } from '../../../ts/index.js';

const COUNTED = new Set(['head', 'get', 'put', 'compose', 'delete', 'list', 'scan']);

/** How an object was stored, so that a copy of it is stored likewise: a driver keeps the two kinds differently. */
type TForm = Pick<IPutOptions, 'immutable' | 'shareable'>;

/** Counts what is asked of a store. */
export class GrowthStore {
  public readonly forms = new Map<string, TForm>();
  public calls = 0;
  public bytes = 0;
  /** the store, counted */
  public readonly counted: IObjectStore;

  constructor(public readonly plain: IObjectStore) {
    this.counted = new Proxy(plain, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        if (!COUNTED.has(String(name))) return value.bind(target);
        return (...args: unknown[]) => {
          this.calls++;
          if (name === 'put' || name === 'compose') this.noteForm(String(args[0]), args[2] as TForm | undefined);
          if (name === 'put' && args[1] instanceof Uint8Array) this.bytes += args[1].byteLength;
          const answer: unknown = value.apply(target, args);
          if (name !== 'get') return answer;
          return (answer as ReturnType<IObjectStore['get']>).then((found) => {
            if (found && found !== 'notModified') this.bytes += found.info.size;
            return found;
          });
        };
      },
    });
  }

  private noteForm(key: string, { immutable, shareable }: TForm = {}): void {
    if (immutable) this.forms.set(key, { immutable, shareable });
  }

  public reset(): void {
    this.calls = 0;
    this.bytes = 0;
  }
}
