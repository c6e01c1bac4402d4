import t, { type Test } from 'tap';
import { RegistryError, type TErrorKind } from '../../../ts/core/classes.registryerror.js';
import type {
  IGetOptions,
  IListOptions,
  IObject,
  IObjectStore,
} from '../../../ts/core/objectstore/interfaces.objectstore.js';
import { readAll } from './objectstore-bytes.js';

/** A store whose requests get lost on the way, for drivers that reach their bytes over a network. */
export interface ILossyStore {
  store: IObjectStore;
  /** the same bytes without losses */
  direct: IObjectStore;
  /**
   * Loses the next request of this kind: a lost `call` never arrives, of a lost `answer` the request was applied.
   * `meanwhile` runs after that, and before the store finds out.
   */
  lose(verb: 'put' | 'delete', what: 'call' | 'answer', meanwhile?: () => Promise<unknown>): void;
  /** requests of this kind since the last `lose` */
  sent(verb: 'put' | 'delete'): number;
}

export interface IObjectStoreSuiteOptions {
  /** the reason, where the store is not there */
  skip?: string | false;
  /** `one` beside `one/two`; servers that keep keys as paths cannot. Default false */
  pathPrefixes?: boolean;
  /** segments of more than 255 bytes. Default false */
  longSegments?: boolean;
  /** names that differ by case only. Default true */
  casePairs?: boolean;
  /** delete with ifMatch. Default true */
  conditionalDelete?: boolean;
  /** compose with ifNoneMatch: as promised, or it throws `unsupported`. Default 'exact' */
  composeIfAbsent?: 'exact' | 'refused';
  /** how many files or sockets the store holds open just now, where it can be known */
  held?: () => number | Promise<number>;
  /** bytes of the big stream. Default 200 MiB */
  big?: number;
  /** opens a store that loses requests; absent: the driver has no network to lose them on */
  lossy?: () => Promise<ILossyStore>;
}

/** What every scene of the suite works with. */
export class Bench {
  /** test options of a scene that needs conditional writes */
  public readonly conditional: { skip?: string };

  constructor(
    private readonly t: Test,
    public readonly store: IObjectStore,
    /** a second instance on the same bytes where there is one, else the store itself */
    public readonly other: IObjectStore,
    public readonly options: IObjectStoreSuiteOptions,
  ) {
    this.conditional = store.conditionalWrites ? {} : { skip: 'the server ignores conditions' };
  }

  /** A test that works below a prefix of its own, and after which the store must be empty again. */
  public readonly scene = async (
    title: string,
    run: (t: Test, prefix: string) => Promise<void>,
    options: { skip?: string } = {},
  ): Promise<void> => {
    await this.t.test(title, { ...options, timeout: TIMEOUT_MS }, async (t) => {
      const prefix = `${title.toLowerCase().replace(/[^a-z]+/g, '-')}/`;
      await run(t, prefix);
      const keys = await this.listed({ prefix });
      for (let at = 0; at < keys.length; at += 32) {
        await Promise.all(keys.slice(at, at + 32).map((key) => this.store.delete(key)));
      }
      t.same(await this.listed({ prefix: '' }), [], 'nothing is left behind');
    });
  };

  public readonly open = async (key: string, options?: IGetOptions, from = this.store): Promise<IObject> => {
    const object = await from.get(key, options);
    if (!object || object === 'notModified') throw new Error(`${key} is ${object ?? 'absent'}`);
    return object;
  };

  public readonly text = async (key: string, from = this.store): Promise<string | null> => {
    const object = await from.get(key);
    return object && object !== 'notModified' ? (await readAll(object.body)).toString('utf8') : null;
  };

  /** keys as they are, group prefixes with a `*` behind */
  public readonly listed = async (options: IListOptions, from = this.store): Promise<string[]> => {
    const found: string[] = [];
    for await (const item of from.list(options)) found.push('key' in item ? item.key : `${item.prefix}*`);
    return found;
  };

  public readonly refuses = async (
    t: Test,
    kind: TErrorKind,
    action: Promise<unknown>,
    why: string,
  ): Promise<RegistryError | null> => {
    const error = await action.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof RegistryError)) {
      t.fail(`${why}: refused with a RegistryError, not ${error === null ? 'accepted' : String(error)}`);
      return null;
    }
    t.equal(error.kind, kind, `${why}: ${kind}`);
    return error;
  };
}

/** the suite moves gigabytes */
const TIMEOUT_MS = 300_000;

/** One top-level test that opens the store, plays the scenes and closes it. */
export const onBench = (
  name: string,
  makeStore: () => Promise<{ store: IObjectStore; again?: () => Promise<IObjectStore>; close(): Promise<void> }>,
  options: IObjectStoreSuiteOptions,
  play: (bench: Bench) => Promise<void>,
): void => {
  t.setTimeout(TIMEOUT_MS);
  t.test(`object store: ${name}`, { skip: options.skip ?? false, timeout: TIMEOUT_MS }, async (t) => {
    const { store, again, close } = await makeStore();
    t.teardown(close);
    await play(new Bench(t, store, (await again?.()) ?? store, options));
  });
};
