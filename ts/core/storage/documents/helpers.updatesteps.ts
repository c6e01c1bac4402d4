import { freezeFor } from '../../base/helpers.codec.js';
import { Slices } from '../../base/helpers.slices.js';
import type { ICodec, IDocumentAbout, IUpdateResult } from '../interfaces.storage.js';
import type { IDocumentState, TDocumentNotes } from './helpers.documentstate.js';
import { isSpent, withSpent } from './helpers.spentkeys.js';

/** For core's own updates: records that are written together with the function's result. */
export interface IUpdateRun extends IDocumentAbout {
  /** the revision of the last `condemn`; 0: none */
  readonly swept: number;
  /** Records layout keys as spent. */
  spend(keys: Iterable<string>): void;
  /**
   * Records keys as spent, and that they are deleted although a write under way may have placed them and is about to
   * name them: all writes that began earlier find out by `swept`.
   */
  condemn(keys: readonly string[]): void;
}

export type TRunFunction<T> = (current: T | null, run: IUpdateRun) => T | null | undefined;

/** One waiting caller of `update`. */
export interface ICaller {
  fn: TRunFunction<unknown>;
  applied: ((current: unknown) => boolean) | undefined;
  codec: ICodec<unknown>;
  /** ms, of `performance.now()`: when it began to wait */
  since: number;
  resolve(result: IUpdateResult<unknown>): void;
  reject(error: unknown): void;
}

/** The result of one caller's function: it wrote, changed nothing, or threw; and whether it saw only stored state. */
export interface IStep {
  caller: ICaller;
  did: 'wrote' | 'left' | 'threw';
  error?: unknown;
  sawStored: boolean;
}

/** The result of a batch on one version. */
export interface IBatchRun extends TDocumentNotes {
  steps: IStep[];
  value: unknown;
  /** whether anything must be written */
  changed: boolean;
  /** whether parsing the written bytes would return exactly the value */
  isExact: boolean;
}

interface IContent extends TDocumentNotes {
  value: unknown;
}

const isSame = (a: IContent, b: IContent): boolean => a.value === b.value && a.spent === b.spent && a.swept === b.swept;

interface IStepResult extends Omit<IStep, 'sawStored'>, IContent {
  isExact: boolean;
}

const runStep = (caller: ICaller, content: IContent, revision: number): IStepResult => {
  let { spent, swept } = content;
  const run: IUpdateRun = {
    revision,
    swept,
    isSpent: (key) => isSpent(spent, key),
    spend: (keys) => {
      spent = withSpent(spent, keys);
    },
    condemn: (keys) => {
      spent = withSpent(spent, keys);
      if (keys.length > 0) swept = revision + 1;
    },
  };
  try {
    const result = caller.fn(content.value, run);
    const value = result === undefined ? content.value : result;
    if (isSame({ value, spent, swept }, content)) return { caller, did: 'left', ...content, isExact: true };
    const isExact = value === content.value || freezeFor(caller.codec, value);
    return { caller, did: 'wrote', value, spent, swept, isExact };
  } catch (error) {
    return { caller, did: 'threw', error, ...content, isExact: true };
  }
};

/**
 * Runs the functions of all callers in turn, each on the result of the one before. On a large document one step takes
 * milliseconds, so other requests may run between two steps.
 */
export const runBatch = async (stored: IDocumentState<unknown>, batch: readonly ICaller[]): Promise<IBatchRun> => {
  const slices = new Slices();
  const steps: IStep[] = [];
  let content: IContent = stored;
  let isExact = true;
  for (const caller of batch) {
    if (slices.due) await slices.rest();
    const sawStored = isSame(content, stored);
    const { did, error, value, spent, swept, ...step } = runStep(caller, content, stored.revision);
    content = { value, spent, swept };
    isExact &&= step.isExact;
    steps.push({ caller, did, error, sawStored });
  }
  const { value, spent, swept } = content;
  return { steps, value, spent, swept, isExact, changed: !isSame(content, stored) };
};

/** Whether the step's result depends on a write of its batch. Other callers need not wait for the write. */
export const needsWrite = ({ did, sawStored }: IStep): boolean => did === 'wrote' || !sawStored;

/** Ends a caller whose step is stored, or depends only on stored state. */
export const answer = (step: IStep, { value, etag, revision }: IDocumentState<unknown>): void => {
  if (step.did === 'threw') step.caller.reject(step.error);
  else step.caller.resolve({ value, etag, revision });
};
