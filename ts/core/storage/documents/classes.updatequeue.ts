import * as plugins from '../../../plugins.js';
import { encode, jsonCodec } from '../../base/helpers.codec.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { IObjectStore } from '../../objectstore/interfaces.objectstore.js';
import type { ICodec, IUpdateOptions, IUpdateResult } from '../interfaces.storage.js';
import type { DocumentCache } from './classes.documentcache.js';
import { OutcomeUnknownError, writeConditionally, sleep, type TWriteOutcome } from './helpers.conditionalwrite.js';
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
  /** what is stored once it is written; its ETag is known then */
  next: TState;
  bytes: Uint8Array;
  /** `bytes` would be parsed to the very value of `next` */
  isExact: boolean;
  /** the steps whose callers wait for this write */
  steps: IStep[];
}

/** The callers that go out together, and those that have come since. */
interface IWork {
  key: string;
  batch: ICaller[];
  queue: ICaller[];
}

/**
 * Read-modify-write, one writer per key and process: callers that wait go out together in one conditional write, so
 * the contention between processes grows with their number and not with the number of updates.
 *
 * How a batch ends is decided here and nowhere else. A write either is certain, or the document is read again:
 *
 * | the write        | the document read again              | callers that wrote                        |
 * |------------------|--------------------------------------|-------------------------------------------|
 * | written          | not read                             | success                                   |
 * | lost, unknown    | our id is among its last writes      | success (an answer was lost, or a proxy   |
 * |                  |                                      | repeated our request)                     |
 * | lost             | it is not                            | their functions run again                 |
 * | lost             | cannot be read                       | the store's error: nothing was applied    |
 * | unknown          | all writes since our base are others'| their functions run again: ours was not   |
 * |                  |                                      | and can never be applied                  |
 * | unknown          | does not tell; `applied` returns true| success                                   |
 * | unknown          | does not tell                        | `OutcomeUnknownError`                     |
 * | unknown          | cannot be read                       | `OutcomeUnknownError`                     |
 * | store's error    | not read                             | that error: nothing was applied           |
 *
 * So no caller is in doubt when its function runs again, and what ends it later (its own error, too many losses, a store
 * that fails) is certain. Callers that wrote nothing but saw what others of the batch made run again, or get the
 * store's error.
 */
export class UpdateQueue {
  private readonly queues = new Map<string, ICaller[]>();

  constructor(
    private readonly store: IObjectStore,
    private readonly documents: DocumentCache,
    /** ms that a caller may lose to other processes before it gets `unavailable`; a client waits about a minute */
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
    await Promise.resolve(); // callers of the same tick go together
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

  /** Takes the callers that wait at the front and share the batch's codec. */
  private join({ batch, queue }: IWork): void {
    const codec = (batch[0] ?? queue[0])?.codec;
    let count = 0;
    while (queue[count]?.codec === codec && count < queue.length) count++;
    batch.push(...queue.splice(0, count));
  }

  private async bringIn(work: IWork): Promise<void> {
    const { key, batch } = work;
    const { codec } = batch[0] as ICaller;
    // What this process saw last will do for a write: its condition fails if it is out of date.
    const seen = this.store.conditionalWrites ? this.documents.peek(key, codec) : undefined;
    let isFresh = seen === undefined;
    let base: TState = seen ?? (await this.documents.load(key, codec));
    for (let losses = 0; batch.length > 0; ) {
      const run = await runBatch(base, batch);
      if (!isFresh && (!run.changed || run.steps.some(({ did }) => did !== 'wrote'))) {
        // a refusal, or "nothing to do", must not rest on what may be out of date
        base = await this.documents.load(key, codec);
        isFresh = true;
        continue;
      }
      const attempt = await this.prepare(work, run, base);
      if (!attempt) return;
      const outcome = await this.send(attempt);
      if (outcome.kind === 'written') return;
      // other processes get out of step with each other: 4 ms and twice as much each time, 100 ms at most
      if (isFresh) await sleep(Math.random() * Math.min(100, 4 * 2 ** losses++));
      base = await this.lookAgain(work, attempt, outcome);
      isFresh = true;
      this.dropLate(work);
      if (batch.length > 0) this.join(work);
    }
  }

  /** The write that the batch comes to; undefined if there is none and all callers have their answers. */
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
      // one of them made a value that cannot be serialised: alone, each gets its own result
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
   * After a write that may not be stored: which callers' updates are stored, which run again, and for which that is not
   * known.
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
