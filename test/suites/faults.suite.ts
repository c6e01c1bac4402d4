import { availableParallelism } from 'node:os';
import type { Test } from 'tap';
import { enumerate, FAULTS, type ICase, type IOutcome, record, runOne, shown } from '../support/faults/cases.js';
import type { IBackend, IFault, IFaultOperation, IProtocolModel } from '../support/faults/interfaces.js';
import { FaultTable, violationLines } from '../support/faults/table.js';

export interface IFaultSuiteOptions {
  operations: IFaultOperation[];
  models: IProtocolModel[];
  faults?: IFault[];
  /** which of an operation's cases are tried; default: all */
  choose?: (one: ICase, index: number) => boolean;
}

/** violations of one cell that are printed; the others are of the same kind mostly */
const PRINTED = 8;

const inLanes = async <T>(items: T[], lanes: number, work: (item: T, lane: number) => Promise<void>): Promise<void> => {
  const waiting = [...items];
  const lane = async (_: unknown, number: number): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item, number);
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
};

/**
 * Every call that every operation makes to the store has every fate, one at a time. The calls are found by running the
 * operation once without a fault.
 */
export const faultSuite = (t: Test, backend: IBackend, options: IFaultSuiteOptions): void => {
  const { operations, faults = FAULTS, choose = () => true } = options;
  const table = new FaultTable();
  const only = process.env.FAULTS_ONLY;
  for (const operation of operations) {
    if (only && !operation.name.includes(only)) continue;
    const models = options.models.filter(({ protocol }) => protocol === operation.protocol);
    t.test(`${backend.name}: ${operation.name}`, async (t) => {
      const { calls, violations } = await record(backend, 0, operation, models);
      t.same(violations, [], 'without a fault');
      t.comment(`${operation.name}: ${calls.length} calls: ${calls.map(({ what }) => shown(what)).join(', ')}`);
      const cases = enumerate(operation, calls, faults).filter(choose);
      const outcomes: IOutcome[] = [];
      const run = async (one: ICase, lane: number) => void outcomes.push(await runOne(backend, lane, one, models));
      await inLanes(cases, backend.lanes, run);
      for (const outcome of outcomes) table.add(outcome);
      for (const { name } of faults) {
        const tried = cases.filter(({ fault }) => fault.name === name).length;
        if (tried === 0) continue;
        const wrong = table.violations(operation.name, name);
        for (const outcome of wrong.slice(0, PRINTED)) for (const line of violationLines(outcome)) t.comment(line);
        t.equal(wrong.length, 0, `${name}: ${tried} cases`);
      }
    });
  }
  t.test(`${backend.name}: the table`, async (t) => {
    const names = faults.map(({ name }) => name);
    for (const line of table.lines(names)) t.comment(line);
    const { cases, done, unavailable, refused, violated } = table.totals();
    t.comment(`${cases} cases: ${done} done, ${unavailable} x 503, ${refused} refused, ${violated} wrong`);
    t.ok(cases > 0, `${cases} cases on ${availableParallelism()} processors`);
  });
};
