import { deepFreeze } from '../base/helpers.codec.js';
import type { IDocumentState } from './helpers.documentstate.js';
import { isSpent, type TSpentKeys, withSpent } from './helpers.spentkeys.js';
import type { ICodec, IDocumentAbout, IUpdateResult } from './interfaces.storage.js';

/** For core's own updates: keys can be noted as spent in the very write that the function makes. */
export interface IUpdateRun extends IDocumentAbout {
  spend(keys: Iterable<string>): void;
}

export type TRunFunction<T> = (current: T | null, run: IUpdateRun) => T | null | undefined;

/** One caller of `update` that waits. */
export interface ICaller {
  fn: TRunFunction<unknown>;
  applied: ((current: unknown) => boolean) | undefined;
  codec: ICodec<unknown>;
  /** ms, of `performance.now()` */
  since: number;
  resolve(result: IUpdateResult<unknown>): void;
  reject(error: unknown): void;
}

/** What one caller's function did: wrote, left everything as it was, or threw; and whether it saw only stored state. */
export interface IStep {
  caller: ICaller;
  did: 'wrote' | 'left' | 'threw';
  error?: unknown;
  sawStored: boolean;
}

/** What a batch makes of one version. */
export interface IBatchRun {
  steps: IStep[];
  value: unknown;
  spent: TSpentKeys;
  /** whether there is anything to write */
  changed: boolean;
}

interface IContent {
  value: unknown;
  spent: TSpentKeys;
}

const runStep = (caller: ICaller, content: IContent, revision: number): Omit<IStep, 'sawStored'> & IContent => {
  let { spent } = content;
  const run: IUpdateRun = {
    revision,
    isSpent: (key) => isSpent(spent, key),
    spend: (keys) => {
      spent = withSpent(spent, keys);
    },
  };
  try {
    const result = caller.fn(content.value, run);
    const isSame = result === undefined || result === content.value;
    if (isSame && spent === content.spent) return { caller, did: 'left', ...content };
    if (isSame) return { caller, did: 'wrote', value: content.value, spent };
    return { caller, did: 'wrote', value: caller.codec.keepsValues ? result : deepFreeze(result), spent };
  } catch (error) {
    return { caller, did: 'threw', error, ...content };
  }
};

/** All callers in turn, each on the result of the one before. */
export const runBatch = (stored: IDocumentState<unknown>, batch: ICaller[]): IBatchRun => {
  let content: IContent = { value: stored.value, spent: stored.spent };
  const isStored = (): boolean => content.value === stored.value && content.spent === stored.spent;
  const steps = batch.map((caller): IStep => {
    const sawStored = isStored();
    const { did, error, value, spent } = runStep(caller, content, stored.revision);
    content = { value, spent };
    return { caller, did, error, sawStored };
  });
  return { steps, ...content, changed: !isStored() };
};

/** Whether what the step did depends on a write of its batch. Other callers need not wait for the write. */
export const needsWrite = ({ did, sawStored }: IStep): boolean => did === 'wrote' || !sawStored;

/** The end of a caller whose step is in the stored document, or rests on nothing but stored state. */
export const answer = (step: IStep, { value, etag, revision }: IDocumentState<unknown>): void => {
  if (step.did === 'threw') step.caller.reject(step.error);
  else step.caller.resolve({ value, etag, revision });
};
