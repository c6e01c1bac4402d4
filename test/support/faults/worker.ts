/**
 * Run as a process of its own by pool.ts: the cases of one operation after the other. Not inside the test runner, whose
 * hooks on every promise take three quarters of the time here.
 */
import { backendOf, type TBackendConfig } from './backends.js';
import { enumerate, FAULTS, type ICase, type IOutcome, record, runOne } from './cases.js';
import type { IBackend, ISeenCall } from './interfaces.js';
import { models, operations } from './list.js';

/** What becomes of an operation's cases. */
export interface IOperationResult {
  operation: string;
  calls: ISeenCall[];
  /** without a fault */
  violations: string[];
  outcomes: IOutcome[];
}

export interface IWorkerTask {
  backend: TBackendConfig;
  /** one case of so many is tried, */
  oneOf: number;
  /** and one of so many for the faults with these names */
  rates: Record<string, number>;
}

const inLanes = async <T>(items: T[], lanes: number, work: (item: T, lane: number) => Promise<void>): Promise<void> => {
  const waiting = [...items];
  const lane = async (_: unknown, number: number): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item, number);
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
};

const runOperation = async (
  backend: IBackend,
  name: string,
  { oneOf, rates }: IWorkerTask,
): Promise<IOperationResult> => {
  const operation = operations.find((one) => one.name === name);
  if (!operation) throw new Error(`there is no operation ${name}`);
  const own = models.filter(({ protocol }) => protocol === operation.protocol);
  const { calls, violations } = await record(backend, 0, operation, own);
  const cases = enumerate(operation, calls, FAULTS).filter(({ fault }, at) => at % (rates[fault.name] ?? oneOf) === 0);
  const outcomes: IOutcome[] = [];
  const run = async (one: ICase, lane: number) => void outcomes.push(await runOne(backend, lane, one, own));
  await inLanes(cases, backend.lanes, run);
  return { operation: name, calls, violations, outcomes };
};

const task = JSON.parse(process.argv[2]!) as IWorkerTask;
const backend = await backendOf(task.backend);
process.on('message', (message: { operation?: string; end?: true }) => {
  if (message.end) {
    void (backend.close?.() ?? Promise.resolve()).then(() => process.disconnect());
    return;
  }
  runOperation(backend, message.operation!, task).then(
    (result) => process.send?.({ result }),
    (error: Error) => process.send?.({ error: `${error.stack}` }),
  );
});
process.send?.('ready');
