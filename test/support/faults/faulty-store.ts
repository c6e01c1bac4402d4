import { streamToBuffer } from '../../../ts/core/base/helpers.streams.js';
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
import { FaultGate } from './fault-gate.js';
import type { IFault, ISeenCall } from './interfaces.js';

type TVerb = 'head' | 'get' | 'list' | 'put' | 'compose' | 'delete';
const WRITES = new Set<TVerb>(['put', 'compose', 'delete']);

/** What stands between the registry of one replica and the store: numbers the calls, and one of them has a fate. */
export class FaultyStore extends FaultGate implements IObjectStore {
  public readonly scan: IObjectStore['scan'];

  constructor(private readonly inner: IObjectStore) {
    super();
    if (inner.scan) this.scan = (options) => this.scanned(options);
  }

  public get conditionalWrites(): boolean {
    return this.inner.conditionalWrites;
  }

  public get conditionalJoins(): boolean {
    return this.inner.conditionalJoins ?? this.inner.conditionalWrites;
  }

  public head(key: string): Promise<IObjectInfo | null> {
    return this.call('head', key, () => this.inner.head(key));
  }

  public get(key: string, options?: IGetOptions): Promise<IObject | 'notModified' | null> {
    return this.call('get', key, () => this.inner.get(key, options));
  }

  public async *list(options: IListOptions): AsyncIterable<IObjectInfo | IObjectPrefix> {
    await this.call('list', options.prefix, async () => {});
    yield* this.inner.list(options);
  }

  private async *scanned(options: IScanOptions): AsyncIterable<IScannedKey> {
    await this.call('list', options.prefix, async () => {});
    yield* (this.inner as Required<IObjectStore>).scan(options);
  }

  public async put(
    key: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options: IPutOptions = {},
  ): Promise<{ etag: string }> {
    // only a body in memory can be sent after its request is over
    const bytes =
      body instanceof Uint8Array || !this.armed ? body : await streamToBuffer(body).catch((error: unknown) => error);
    if (!(bytes instanceof Uint8Array || bytes instanceof ReadableStream)) throw bytes;
    return this.call('put', key, () => this.inner.put(key, bytes, { ...options, signal: undefined }));
  }

  public compose(target: string, parts: string[], options: IComposeOptions = {}): Promise<{ etag: string }> {
    return this.call('compose', target, () => this.inner.compose(target, parts, { ...options, signal: undefined }));
  }

  public delete(key: string, options?: { ifMatch?: string }): Promise<void> {
    return this.call('delete', key, () => this.inner.delete(key, options));
  }

  public async sweep(olderThanMs: number): Promise<number> {
    return this.isDead ? 0 : ((await this.inner.sweep?.(olderThanMs)) ?? 0);
  }

  // the store is shared by all replicas, so none of them opens or closes it
  public async init(): Promise<void> {}
  public async destroy(): Promise<void> {}

  private async call<T>(verb: TVerb, key: string, apply: () => Promise<T>): Promise<T> {
    if (this.isDead) throw new RegistryError('unavailable', 'This process has ended');
    const call: ISeenCall = { at: this.calls.length + 1, what: `${verb} ${key}`, isWrite: WRITES.has(verb) };
    this.calls.push(call);
    const { armed, struck } = this;
    if (struck && armed?.fault.looks !== undefined && !call.isWrite && struck.what.endsWith(` ${key}`)) {
      if (this.looks++ >= armed.fault.looks) throw new RegistryError('unavailable', `${call.what} failed as well`);
    }
    if (struck && armed?.fault.answer === '403' && struck.what === call.what) throw denied(call);
    if (armed?.at !== call.at || struck) {
      const result = await apply();
      if (struck && armed && arrivalOf(armed.fault) === 'nextCall') await this.release();
      if (this.isDead) throw new RegistryError('unavailable', 'This process has ended');
      return result;
    }
    this.struck = call;
    return this.strike(armed, call, apply);
  }

  private async strike<T>(
    { fault, interfere }: { fault: IFault; interfere: () => Promise<void> },
    call: ISeenCall,
    apply: () => Promise<T>,
  ): Promise<T> {
    if (fault.others === 'before') await interfere();
    if (fault.answer === 'never' && fault.applied === 'never') this.end();
    let outcome: { result: T } | { thrown: unknown } | undefined;
    if (fault.applied === 'now') {
      outcome = await apply().then(
        (result) => ({ result }),
        (thrown: unknown) => ({ thrown }),
      );
    } else if (fault.applied !== 'never') {
      this.held = apply;
    }
    if (fault.twice) this.held = apply;
    if (fault.others === 'after') await interfere();
    if (fault.answer === 'never') this.end();
    if (fault.answer === '503') throw new RegistryError('unavailable', `${call.what} was answered with 503`);
    if (fault.answer === '403') throw denied(call);
    if (fault.answer === 'given' && outcome) {
      if ('thrown' in outcome) throw outcome.thrown;
      return outcome.result;
    }
    // a read whose answer is lost was not answered; of a write nobody knows
    throw new RegistryError(call.isWrite ? 'outcomeUnknown' : 'unavailable', `The answer to ${call.what} was lost`);
  }
}

/** When what is held back is to arrive. */
export const arrivalOf = ({ applied, twice }: IFault): string | undefined => twice ?? applied;

const denied = ({ what }: ISeenCall): RegistryError =>
  new RegistryError('unavailable', `${what} was answered with 403`);
