import * as plugins from '../../../plugins.js';
import { encode, jsonCodec } from '../../base/helpers.codec.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { IObjectStore } from '../../objectstore/interfaces.objectstore.js';
import type { ICodec, IUpdateOptions, IUpdateResult } from '../interfaces.storage.js';
import type { DocumentCache } from './classes.documentcache.js';
import { OutcomeUnknownError, sleep, type TWriteOutcome, writeConditionally } from './helpers.conditionalwrite.js';
import { type IDocumentState, metadataOf, nextHead, tombstoneBytes, whereIs } from './helpers.documentstate.js';
import {
  answer,
  type IBatchRun,
  type ICaller,
  type IStep,
  needsWrite,
  runBatch,
  type TRunFunction,
} from './helpers.updatesteps.js';

type TCodec = ICodec<unknown>;
type TState = IDocumentState<unknown>;
type TNotWritten = Exclude<TWriteOutcome, { kind: 'written' }>;

/** One write of a batch. */
interface IAttempt {
  key: string;
  codec: TCodec;
  id: string;
  base: TState;
  /** the state after the write; its ETag is known then */
  next: TState;
  bytes: Uint8Array;
  /** whether parsing `bytes` would return exactly the value of `next` */
  isExact: boolean;
  /** the steps whose callers wait for this write */
  steps: IStep[];
}

/** The callers of the batch under way, and those that have come since. */
interface IWork {
  key: string;
  batch: ICaller[];
  queue: ICaller[];
}

/**
 * Read-modify-write with one writer per key and process: callers that wait go out together in one conditional write, so
 * contention between processes grows with their number and not with the number of updates.
 *
 * The outcome of a batch is decided only here. Either the write's result is certain, or the document is read again:
 *
 * | the write        | the document read again              | callers that wrote                        |
 * |------------------|--------------------------------------|-------------------------------------------|
 * | written          | not read                             | success                                   |
 * | lost, unknown    | our id is among its last writes      | success (an answer was lost, or a proxy   |
 * |                  |                                      | repeated our request)                     |
 * | lost             | our id is not among them             | their functions run again                 |
 * | lost             | cannot be read                       | the store's error: nothing was applied    |
 * | unknown          | all writes since our base are others'| their functions run again: ours was not   |
 * |                  |                                      | and can never be applied                  |
 * | unknown          | undecided; `applied` returns true    | success                                   |
 * | unknown          | undecided                            | `OutcomeUnknownError`                     |
 * | unknown          | cannot be read                       | `OutcomeUnknownError`                     |
 * | store's error    | not read                             | that error: nothing was applied           |
 *
 * So no caller is in doubt when its function runs again, and its final result (its own error, too many lost writes, a
 * failing store) is certain. Callers that wrote nothing but saw other writes of the batch run again, or get the store's
 * error.
 */
export class UpdateQueue {
  private readonly queues = new Map<string, ICaller[]>();

  constructor(
    private readonly store: IObjectStore,
    private readonly documents: DocumentCache,
    /** ms for which a caller may lose to other processes before it gets `unavailable`; a client waits about a minute */
    private readonly patienceMs = 30_000,
  ) {}

  public add<T>(key: string, fn: TRunFunction<T>, options: IUpdateOptions<T>): Promise<IUpdateResult<T>> {
    return new Promise<IUpdateResult<T>>((resolve, reject) => {
      const codec = options.codec ?? jsonCodec;
      const caller = { fn, applied: options.applied, codec, since: performance.now(), resolve, reject } as ICaller;
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

  private async drain(key: string, queue: ICaller[]): Promise<void> {
    await Promise.resolve(); // callers of the same tick form one batch
    while (queue.length > 0) {
      const work: IWork = { key, batch: [], queue };
      this.join(work);
      try {
        await this.bringIn(work);
      } catch (error) {
        // callers that have their result already do not get this error
        for (const caller of work.batch) caller.reject(error);
      }
    }
    this.queues.delete(key);
  }

  /** Adds the first waiting callers that share the batch's codec. */
  private join({ batch, queue }: IWork): void {
    const codec = (batch[0] ?? queue[0])?.codec;
    let count = 0;
    while (queue[count]?.codec === codec && count < queue.length) count++;
    batch.push(...queue.splice(0, count));
  }

  private async bringIn(work: IWork): Promise<void> {
    const { key, batch } = work;
    const { codec } = batch[0] as ICaller;
    // The state that this process saw last is enough for a write: if it is out of date, the write's condition fails.
    const seen = this.store.conditionalWrites ? this.documents.peek(key, codec) : undefined;
    let isFresh = seen === undefined;
    let base: TState = seen ?? (await this.documents.load(key, codec));
    for (let losses = 0; batch.length > 0; ) {
      const run = await runBatch(base, batch);
      if (!isFresh && (!run.changed || run.steps.some(({ did }) => did !== 'wrote'))) {
        // a refusal, or "nothing to do", must not be based on a state that may be out of date
        base = await this.documents.load(key, codec);
        isFresh = true;
        continue;
      }
      const attempt = await this.prepare(work, run, base);
      if (!attempt) return;
      const outcome = await this.send(attempt);
      if (outcome.kind === 'written') return;
      // random pauses separate the processes: up to 4 ms, doubled each time, 100 ms at most
      if (isFresh) await sleep(Math.random() * Math.min(100, 4 * 2 ** losses++));
      base = await this.lookAgain(work, attempt, outcome);
      isFresh = true;
      this.dropLate(work);
      if (batch.length > 0) this.join(work);
    }
  }

  /** Prepares the write of the batch; undefined if there is none and all callers have their results. */
  private async prepare(work: IWork, run: IBatchRun, base: TState): Promise<IAttempt | undefined> {
    const { key, batch, queue } = work;
    const steps = run.changed ? run.steps.filter(needsWrite) : [];
    for (const step of run.steps) if (!steps.includes(step)) answer(step, base);
    batch.splice(0, batch.length, ...steps.map(({ caller }) => caller));
    if (batch.length === 0) return undefined;

    const { codec } = batch[0] as ICaller;
    const id = plugins.crypto.randomUUID();
    const { value, spent, swept, isExact } = run;
    const next: TState = { ...nextHead(base, id, { spent, swept, value }), value };
    try {
      const stamp = { revision: next.revision, id };
      const bytes = value === null ? tombstoneBytes(id) : encode(codec.serialize(value, stamp));
      return { key, codec, id, base, next, bytes, isExact, steps };
    } catch (error) {
      if (batch.length === 1) throw error;
      // one of them made a value that cannot be serialised: they run one by one, so that each gets its own result
      queue.unshift(...batch.splice(1));
      await this.bringIn({ key, batch, queue: [] });
      return undefined;
    }
  }

  private async send(attempt: IAttempt): Promise<TWriteOutcome> {
    const { key, codec, id, base, bytes, isExact, steps } = attempt;
    const isDeleted = attempt.next.value === null;
    const contentType = isDeleted ? jsonCodec.contentType : codec.contentType;
    const metadata = metadataOf(attempt.next, id, isDeleted);
    const outcome = await writeConditionally(this.store, { key, bytes, contentType, metadata, base: base.etag });
    if (outcome.kind !== 'written') return outcome;
    const next = { ...attempt.next, etag: outcome.etag };
    if (isDeleted) this.documents.keepAbsent(key, next);
    else this.documents.keep(key, bytes, next, codec, isExact ? next.value : undefined);
    for (const step of steps) answer(step, next);
    return outcome;
  }

  /**
   * Called when a write may not be stored. Decides which callers' updates are stored, which run again, and for which it
   * is unknown.
   */
  private async lookAgain(work: IWork, attempt: IAttempt, outcome: TNotWritten): Promise<TState> {
    const { key, codec, id, base, steps } = attempt;
    let now: TState;
    try {
      now = await this.documents.load(key, codec);
    } catch (error) {
      if (outcome.kind === 'unknown') this.leaveUnknown(work, steps, outcome.error);
      throw error;
    }
    const where = whereIs(id, base, now);
    if (where === 'in') {
      for (const step of steps) answer(step, now);
      work.batch.length = 0;
    } else if (outcome.kind === 'unknown' && where === 'unknown') {
      this.acceptApplied(work, steps, now);
      this.leaveUnknown(work, steps, outcome.error);
    }
    return now;
  }

  private acceptApplied({ batch }: IWork, steps: IStep[], now: TState): void {
    for (const step of steps) {
      if (step.did !== 'wrote' || now.value === null || !step.caller.applied?.(now.value)) continue;
      answer(step, now);
      batch.splice(batch.indexOf(step.caller), 1);
    }
  }

  private leaveUnknown({ batch }: IWork, steps: IStep[], error: unknown): void {
    for (const { caller, did } of steps) {
      const at = batch.indexOf(caller);
      if (did !== 'wrote' || at < 0) continue;
      caller.reject(new OutcomeUnknownError(error));
      batch.splice(at, 1);
    }
  }

  private dropLate({ batch }: IWork): void {
    const from = performance.now() - this.patienceMs;
    for (const caller of batch.filter(({ since }) => since < from)) {
      caller.reject(
        new RegistryError('unavailable', 'Too many writers at once; try again', { headers: { 'Retry-After': '1' } }),
      );
      batch.splice(batch.indexOf(caller), 1);
    }
  }
}
