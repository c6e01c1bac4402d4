import type { Test } from 'tap';
import type { IRun } from './run.js';

/** The command ended well, and printed this. */
export const succeeds = (t: Test, result: IRun, words?: string | RegExp): void => {
  t.equal(result.code, 0, result.command, { clientOutput: result.output });
  if (words) t.match(result.output, words, `it prints ${words}`);
};

/** The command failed, and printed why. */
export const fails = (t: Test, result: IRun, words: RegExp): void => {
  t.ok(result.code, `${result.command} fails`, { clientOutput: result.output });
  t.match(result.output, words, `and says why (${words})`);
};
