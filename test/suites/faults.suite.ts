import type { Test } from 'tap';
import type { TBackendConfig } from '../support/faults/backends.js';
import { FAULTS, shown } from '../support/faults/cases.js';
import { OPEN, operations } from '../support/faults/list.js';
import { runOnPool } from '../support/faults/pool.js';
import { FaultTable, violationLines } from '../support/faults/table.js';

export interface IFaultSuiteOptions {
  /** one case of so many is tried; default: every one */
  oneOf?: number;
  /** faults of which one case of another number is tried: name -> that number */
  rates?: Record<string, number>;
  /** default 2, as many as the machines of CI have processors */
  processes?: number;
}

/** violations of one cell that are printed; the others are of the same kind mostly */
const PRINTED = 8;

/**
 * Every call that every operation makes to the store has every fate, one at a time. The calls are found by running the
 * operation once without a fault. FAULTS_ONLY=text takes the operations with this in their names,
 * FAULTS_ONE_OF=n one case of so many of every fault, FAULTS_LOG=1 shows what the replicas logged in the cases that went
 * wrong.
 */
export const faultSuite = (t: Test, backend: TBackendConfig, options: IFaultSuiteOptions = {}): void => {
  const { processes = 2 } = options;
  const { oneOf = 1, rates = {} } = process.env.FAULTS_ONE_OF ? { oneOf: Number(process.env.FAULTS_ONE_OF) } : options;
  const table = new FaultTable();
  const only = process.env.FAULTS_ONLY ?? '';
  const names = operations.map(({ name }) => name).filter((name) => name.includes(only));
  const { results, close } = runOnPool({ backend, oneOf, rates }, names, processes);
  const label = backend.kind;
  for (const name of names) {
    t.test(`${label}: ${name}`, async (t) => {
      const { calls, violations, outcomes } = await results.get(name)!;
      t.same(violations, [], 'without a fault');
      t.comment(`${name}: ${calls.length} calls: ${calls.map(({ what }) => shown(what)).join(', ')}`);
      for (const outcome of outcomes) table.add(outcome);
      for (const fault of FAULTS) {
        const tried = outcomes.filter((outcome) => outcome.fault?.name === fault.name).length;
        if (tried === 0) continue;
        const wrong = table.violations(name, fault.name);
        for (const outcome of wrong.slice(0, PRINTED)) for (const line of violationLines(outcome)) t.comment(line);
        const todo = wrong.length > 0 && OPEN[name];
        t.equal(wrong.length, 0, `${fault.name}: ${tried} cases`, todo ? { todo } : {});
      }
    });
  }
  t.test(`${label}: the table`, async (t) => {
    await close();
    for (const line of table.lines(FAULTS.map(({ name }) => name))) t.comment(line);
    const { cases, done, unavailable, refused, violated } = table.totals();
    t.comment(`${cases} cases: ${done} done, ${unavailable} x 503, ${refused} refused, ${violated} wrong`);
    t.ok(cases > 0, 'there were cases');
  });
};
