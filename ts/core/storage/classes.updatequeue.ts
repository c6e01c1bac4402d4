import * as plugins from '../../plugins.js';
import { deepFreeze, encode, jsonCodec } from '../base/helpers.codec.js';
import { RegistryError } from '../classes.registryerror.js';
import type { IObjectStore } from '../objectstore/interfaces.objectstore.js';
import type { DocumentCache, ILoadedDocument } from './classes.documentcache.js';
import { OutcomeUnknownError, settleWrite, sleep, WRITE_ID } from './helpers.conditionalwrite.js';
import type { ICodec, IStoredDocument, IUpdateOptions, IUpdateResult, TUpdateFunction } from './interfaces.storage.js';

type TCodec = ICodec<unknown>;
type TDocument = IStoredDocument<unknown> | null;

/** One caller of `update` who waits. */
interface IWaiting {
  fn: TUpdateFunction<unknown>;
  applied: ((current: unknown) => boolean) | undefined;
  codec: TCodec;
  since: number;
  resolve(result: IUpdateResult<unknown>): void;
  reject(error: unknown): void;
}

/** What one caller's function did: wrote, left the value as it was, or threw; and whether it saw only stored state. */
interface IStep {
  caller: IWaiting;
  did: 'wrote' | 'left' | 'threw';
  error?: unknown;
  sawStored: boolean;
}

const runStep = (caller: IWaiting, current: unknown, sawStored: boolean): { step: IStep; value: unknown } => {
  try {
    if (current !== null && caller.applied?.(current))
      return { step: { caller, did: 'left', sawStored }, value: current };
    const result = caller.fn(current);
    if (result === undefined || result === current) return { step: { caller, did: 'left', sawStored }, value: current };
    return { step: { caller, did: 'wrote', sawStored }, value: caller.codec.keepsValues ? result : deepFreeze(result) };
  } catch (error) {
    return { step: { caller, did: 'threw', error, sawStored }, value: current };
  }
};

/** Everybody in turn, each on the result of the one before. */
const runAll = (stored: unknown, batch: IWaiting[]): { steps: IStep[]; value: unknown } => {
  let value = stored;
  const steps = batch.map((caller) => {
    const ran = runStep(caller, value, value === stored);
    value = ran.value;
    return ran.step;
  });
  return { steps, value };
};

const answer = (step: IStep, value: unknown, etag: string | null): void => {
  if (step.did === 'threw') step.caller.reject(step.error);
  else step.caller.resolve({ value, etag });
};

/**
 * Read-modify-write, one writer per key and process: callers that wait go out together in one conditional write, so
 * the contention between processes grows with their number and not with the number of updates.
 */
export class UpdateQueue {
  private readonly queues = new Map<string, IWaiting[]>();

  constructor(
    private readonly store: IObjectStore,
    private readonly documents: DocumentCache,
    /** how long a caller may lose to other processes before it is told `unavailable` */
    private readonly patienceMs = 30_000,
  ) {}

  public add<T>(key: string, fn: TUpdateFunction<T>, options: IUpdateOptions<T>): Promise<IUpdateResult<T>> {
    return new Promise<IUpdateResult<T>>((resolve, reject) => {
      const codec = options.codec ?? jsonCodec;
      const caller = { fn, applied: options.applied, codec, since: performance.now(), resolve, reject } as IWaiting;
      const queue = this.queues.get(key);
      if (queue) {
        queue.push(caller);
        return;
      }
      const started = [caller];
      this.queues.set(key, started);
      void this.drain(key, started);
    });
  }

  private async drain(key: string, queue: IWaiting[]): Promise<void> {
    await Promise.resolve(); // callers of the same tick go together
    while (queue.length > 0) {
      const batch: IWaiting[] = [];
      this.join(batch, queue);
      try {
        await this.settle(key, batch, queue);
      } catch (error) {
        // those who have their answer already do not hear this
        for (const caller of batch) caller.reject(error);
      }
    }
    this.queues.delete(key);
  }

  /** Takes those who wait at the front and share the batch's codec. */
  private join(batch: IWaiting[], queue: IWaiting[]): void {
    const { codec } = (batch[0] ?? queue[0])!;
    let count = 0;
    while (queue[count]?.codec === codec) count++;
    batch.push(...queue.splice(0, count));
  }

  private async settle(key: string, batch: IWaiting[], queue: IWaiting[]): Promise<void> {
    const { codec } = batch[0]!;
    // What this process saw last will do for a write: its condition fails where it is out of date.
    const seen = this.store.conditionalWrites ? this.documents.peek(key, codec) : undefined;
    let isFresh = seen === undefined;
    let stored: TDocument = seen === undefined ? await this.documents.load(key, codec) : seen;
    for (let losses = 0; batch.length > 0; ) {
      const base: unknown = stored?.value ?? null;
      const { steps, value } = runAll(base, batch);
      const etag = stored?.etag ?? null;
      if (!isFresh && (value === base || steps.some((step) => step.did !== 'wrote'))) {
        // a refusal, or "nothing to do", must not rest on what may be out of date
        stored = await this.documents.load(key, codec);
        isFresh = true;
        continue;
      }
      if (value === base) {
        for (const step of steps) answer(step, base, etag);
        return;
      }
      // those who saw nothing but stored state need not wait for the write, nor share its fate
      const open = steps.filter((step) => step.did === 'wrote' || !step.sawStored);
      for (const step of steps) if (!open.includes(step)) answer(step, base, etag);
      batch.splice(0, batch.length, ...open.map((step) => step.caller));

      const bytes = await this.serialize(key, codec, value, batch, queue);
      if (bytes === undefined) return;
      const id = plugins.crypto.randomUUID();
      const outcome = await settleWrite(this.store, { key, bytes, contentType: codec.contentType, base: etag, id });
      if (outcome.kind === 'written') {
        if (bytes && outcome.etag) this.documents.keep(key, bytes, outcome.etag, codec, value);
        else this.documents.forget(key);
        for (const step of open) answer(step, value, outcome.etag);
        return;
      }
      if (isFresh) await sleep(Math.random() * Math.min(100, 4 * 2 ** losses++));
      const now: ILoadedDocument<unknown> | null = await this.reload(key, codec, outcome);
      if (now?.metadata[WRITE_ID] === id) {
        // a proxy that repeats requests turns our own write into a failed condition
        for (const step of open) answer(step, now.value, now.etag);
        return;
      }
      if (outcome.kind === 'overtaken') this.dropUnsure(batch, open, outcome.error);
      this.dropLate(batch);
      if (batch.length > 0 && queue.length > 0) this.join(batch, queue);
      stored = now;
      isFresh = true;
    }
  }

  /** The new bytes, null for a deletion; undefined where they cannot be made and the callers were dealt with. */
  private async serialize(
    key: string,
    codec: TCodec,
    value: unknown,
    batch: IWaiting[],
    queue: IWaiting[],
  ): Promise<Uint8Array | null | undefined> {
    if (value === null) return null;
    try {
      return encode(codec.serialize(value));
    } catch (error) {
      if (batch.length === 1) throw error;
      // one of them made what cannot be written: alone, each finds out about itself
      queue.unshift(...batch.splice(1));
      await this.settle(key, batch, []);
      return undefined;
    }
  }

  private async reload(
    key: string,
    codec: TCodec,
    outcome: { kind: 'lost' } | { kind: 'overtaken'; error: unknown },
  ): Promise<ILoadedDocument<unknown> | null> {
    try {
      return await this.documents.load(key, codec);
    } catch (error) {
      throw outcome.kind === 'overtaken' ? new OutcomeUnknownError(outcome.error) : error;
    }
  }

  /** Who wrote and cannot recognise the own write in what others made of it must not run twice. */
  private dropUnsure(batch: IWaiting[], steps: IStep[], error: unknown): void {
    for (const { caller, did } of steps) {
      if (did !== 'wrote' || caller.applied) continue;
      caller.reject(new OutcomeUnknownError(error));
      batch.splice(batch.indexOf(caller), 1);
    }
  }

  private dropLate(batch: IWaiting[]): void {
    const from = performance.now() - this.patienceMs;
    for (const caller of batch.filter(({ since }) => since < from)) {
      caller.reject(
        new RegistryError('unavailable', 'Too many writers at once; try again', { headers: { 'Retry-After': '1' } }),
      );
      batch.splice(batch.indexOf(caller), 1);
    }
  }
}
