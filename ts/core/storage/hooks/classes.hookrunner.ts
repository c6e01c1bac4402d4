import * as plugins from '../../../plugins.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { ILogger } from '../../interfaces.core.js';
import type { IStageAbout, IStorageOrigin } from '../interfaces.storage.js';
import type { IStorageHookContext, IStorageHookMetadata, IStorageHooks } from './interfaces.hooks.js';

export type TAskHook = 'beforePut' | 'beforeDelete' | 'beforeGet';
export type TTellHook = 'afterPut' | 'afterDelete' | 'afterGet' | 'afterAbort';

const OPERATION = {
  beforePut: 'put',
  afterPut: 'put',
  beforeDelete: 'delete',
  afterDelete: 'delete',
  beforeGet: 'get',
  afterGet: 'get',
  afterAbort: 'put',
} as const;

export interface IHookSubject {
  /** of `afterAbort`: the operation that was not done */
  operation?: 'put' | 'delete';
  key: string;
  /** the key that the `before…` hook got, if it is another one */
  askedKey?: string;
  /** set if the write is part of a larger operation */
  operationId?: string;
  metadata?: IStorageHookMetadata;
  phase?: 'start' | 'commit';
  open?(): ReadableStream<Uint8Array>;
}

export interface IHookRunnerOptions {
  timeoutMs: number;
  logger: ILogger;
  now: () => Date;
}

/**
 * Calls the embedder's hooks. If a `before…` hook fails, the operation is refused; if an `after…` hook fails, nothing
 * else fails.
 */
export class HookRunner {
  constructor(
    private readonly hooks: IStorageHooks,
    private readonly options: IHookRunnerOptions,
  ) {}

  public has(name: TAskHook | TTellHook): boolean {
    return this.hooks[name] !== undefined;
  }

  /** Resolves only if the hook returns `allowed: true` in time; throws `forbidden` otherwise. */
  public async ask(name: TAskHook, origin: IStorageOrigin, subject: IHookSubject): Promise<void> {
    if (!this.hooks[name]) return;
    let verdict: unknown;
    try {
      verdict = await this.inTime(() => this.hooks[name]?.(this.context(name, origin, subject)));
    } catch (cause) {
      this.options.logger.error(`The storage hook ${name} failed: the operation is refused`, {
        key: subject.key,
        protocol: origin.protocol,
        error: String(cause),
      });
      throw new RegistryError('forbidden', 'A storage hook failed, so the operation is refused', { cause });
    }
    // only an explicit true allows: a hook that returns nothing has not agreed
    const { allowed, reason } = (verdict ?? {}) as { allowed?: unknown; reason?: unknown };
    if (allowed === true) return;
    throw new RegistryError('forbidden', typeof reason === 'string' && reason ? reason : 'Refused by a storage hook');
  }

  /** Calls `beforePut` for an upload before its first byte is read: phase `start`, with the data known by then. */
  public announce(origin: IStorageOrigin, about: IStageAbout, size: number | undefined): Promise<void> {
    const { key, ...known } = about;
    return this.ask('beforePut', origin, { key, metadata: { ...known, size, kind: 'artifact' }, phase: 'start' });
  }

  /** Reports that an announced upload was not used. */
  public tellUnused(origin: IStorageOrigin, about: IStageAbout, size: number | undefined): Promise<void> {
    const { key, ...known } = about;
    return this.tell('afterAbort', origin, { key, metadata: { ...known, size, kind: 'artifact' }, phase: 'start' });
  }

  /** Waits for the hook, at most for its time limit; never rejects. */
  public async tell(name: TTellHook, origin: IStorageOrigin, subject: IHookSubject): Promise<void> {
    if (!this.hooks[name]) return;
    try {
      await this.inTime(() => this.hooks[name]?.(this.context(name, origin, subject)));
    } catch (error) {
      this.options.logger.error(`The storage hook ${name} failed; what it came after stands`, {
        key: subject.key,
        protocol: origin.protocol,
        error: String(error),
      });
    }
  }

  public tellLater(name: TTellHook, origin: IStorageOrigin, subject: IHookSubject): void {
    if (this.hooks[name]) void this.tell(name, origin, subject);
  }

  private context(name: TAskHook | TTellHook, origin: IStorageOrigin, subject: IHookSubject): IStorageHookContext {
    return {
      operation: subject.operation ?? OPERATION[name],
      key: subject.key,
      askedKey: subject.askedKey ?? subject.key,
      protocol: origin.protocol,
      actor: origin.actor,
      timestamp: this.options.now(),
      metadata: subject.metadata && { ...subject.metadata },
      phase: subject.phase,
      operationId: subject.operationId ?? origin.operationId ?? plugins.crypto.randomUUID(),
      ...(name === 'beforePut' && subject.open && { open: subject.open }),
    };
  }

  private async inTime(call: () => Promise<unknown> | undefined): Promise<unknown> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const { timeoutMs } = this.options;
      timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    });
    try {
      return await Promise.race([call(), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
