import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import type {
  IComposeOptions,
  IGetOptions,
  IListOptions,
  IObject,
  IObjectInfo,
  IObjectPrefix,
  IObjectStore,
  IPutOptions,
  IScannedKey,
  IScanOptions,
} from '../../../ts/core/objectstore/interfaces.objectstore.js';

export interface IOperation {
  verb: 'head' | 'get' | 'put' | 'compose' | 'delete' | 'list';
  key: string;
}

export interface IFault {
  /** which operation, counted from 1 */
  at: number;
  /** `after`: it is done, and only its answer is lost */
  when: 'before' | 'after';
  /** `kill`: this process dies as by kill -9. Default: `unavailable` is thrown. */
  how?: 'throw' | 'kill';
  /** every later operation fails as well: the store stays down */
  lasting?: boolean;
}

/** Passes on to another store, keeps a log, and fails where it is told to. */
export class FaultObjectStore implements IObjectStore {
  public readonly log: IOperation[] = [];
  public fault: IFault | undefined;
  /** runs before an operation goes on; to hold one up, or to slip something in */
  public before: ((operation: IOperation) => Promise<void> | void) | undefined;
  /** runs after it is done and before it is answered; throwing loses the answer */
  public after: ((operation: IOperation) => Promise<void> | void) | undefined;

  /** Runs `work` once, just before this operation. Returns whether that has happened. */
  public once(verb: string, prefix: string, work: () => Promise<unknown>): () => boolean {
    let isDone = false;
    this.before = async (operation) => {
      if (isDone || operation.verb !== verb || !operation.key.startsWith(prefix)) return;
      isDone = true;
      await work();
    };
    return () => isDone;
  }

  /** counts as a `list` */
  public readonly scan: IObjectStore['scan'];

  constructor(private readonly inner: IObjectStore) {
    if (inner.scan) this.scan = (options) => this.scanned(options);
  }

  public get conditionalWrites(): boolean {
    return this.inner.conditionalWrites;
  }

  /** Sends all deletes of the log once more, as a network may that held them back for hours. */
  public async repeatDeletes(): Promise<void> {
    for (const { verb, key } of [...this.log]) if (verb === 'delete') await this.inner.delete(key);
  }

  /** Forgets log and fault. */
  public reset(fault?: IFault): void {
    this.log.length = 0;
    this.fault = fault;
  }

  public count(verb?: IOperation['verb'], prefix = ''): number {
    return this.log.filter((entry) => (!verb || entry.verb === verb) && entry.key.startsWith(prefix)).length;
  }

  public head(key: string): Promise<IObjectInfo | null> {
    return this.run({ verb: 'head', key }, () => this.inner.head(key));
  }

  public get(key: string, options?: IGetOptions): Promise<IObject | 'notModified' | null> {
    return this.run({ verb: 'get', key }, () => this.inner.get(key, options));
  }

  public put(
    key: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options?: IPutOptions,
  ): Promise<{ etag: string }> {
    return this.run({ verb: 'put', key }, () => this.inner.put(key, body, options));
  }

  public compose(target: string, parts: string[], options?: IComposeOptions): Promise<{ etag: string }> {
    return this.run({ verb: 'compose', key: target }, () => this.inner.compose(target, parts, options));
  }

  public delete(key: string, options?: { ifMatch?: string }): Promise<void> {
    return this.run({ verb: 'delete', key }, () => this.inner.delete(key, options));
  }

  public async *list(options: IListOptions): AsyncIterable<IObjectInfo | IObjectPrefix> {
    await this.run({ verb: 'list', key: options.prefix }, async () => {});
    yield* this.inner.list(options);
  }

  private async *scanned(options: IScanOptions): AsyncIterable<IScannedKey> {
    await this.run({ verb: 'list', key: options.prefix }, async () => {});
    yield* (this.inner as Required<IObjectStore>).scan(options);
  }

  public async sweep(olderThanMs: number): Promise<number> {
    return (await this.inner.sweep?.(olderThanMs)) ?? 0;
  }

  public init(): Promise<void> {
    return this.inner.init?.() ?? Promise.resolve();
  }

  public destroy(): Promise<void> {
    return this.inner.destroy?.() ?? Promise.resolve();
  }

  private async run<T>(operation: IOperation, work: () => Promise<T>): Promise<T> {
    this.log.push(operation);
    const number = this.log.length;
    this.strike(number, 'before', operation);
    await this.before?.(operation);
    const result = await work();
    await this.after?.(operation);
    this.strike(number, 'after', operation);
    return result;
  }

  private strike(number: number, when: IFault['when'], operation: IOperation): void {
    const { fault } = this;
    if (!fault) return;
    const isHit = number === fault.at ? when === fault.when : fault.lasting && number > fault.at && when === 'before';
    if (!isHit) return;
    if (fault.how === 'kill') process.kill(process.pid, 'SIGKILL');
    throw new RegistryError('unavailable', `The store failed ${when} ${operation.verb} ${operation.key}`);
  }
}
