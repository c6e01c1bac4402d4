import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { IOperationResult, IWorkerTask } from './worker.js';

const SCRIPT = fileURLToPath(new URL('./worker.ts', import.meta.url));

type TMessage = 'ready' | { result?: IOperationResult; error?: string };

/** A worker process, which does one operation at a time. */
const startWorker = async (task: IWorkerTask): Promise<ChildProcess> => {
  // without the test runner's hooks
  const env = { ...process.env, NODE_OPTIONS: '' };
  const child = fork(SCRIPT, [JSON.stringify(task)], { execArgv: ['--import=tsx'], env });
  process.once('exit', () => child.kill('SIGKILL'));
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new Error(`a worker ended (${code}) before it was ready`)));
  });
  return child;
};

const runOn = (child: ChildProcess, operation: string): Promise<IOperationResult> =>
  new Promise((resolve, reject) => {
    const died = (code: number | null) => reject(new Error(`the worker ended (${code}) during ${operation}`));
    child.once('exit', died);
    child.once('message', (message) => {
      child.off('exit', died);
      const { result, error } = message as Exclude<TMessage, 'ready'>;
      if (result) resolve(result);
      else reject(new Error(error));
    });
    child.send({ operation });
  });

/** All operations on so many processes; each result as a promise. `close` when all of them are there. */
export const runOnPool = (
  task: IWorkerTask,
  operations: string[],
  processes: number,
): { results: Map<string, Promise<IOperationResult>>; close(): Promise<void> } => {
  const waiting = [...operations];
  const settle = new Map<string, { resolve(result: IOperationResult): void; reject(error: unknown): void }>();
  const results = new Map(
    operations.map((name) => {
      const result = new Promise<IOperationResult>((resolve, reject) => settle.set(name, { resolve, reject }));
      // whoever waits for it is told; until then nobody may be there
      result.catch(() => undefined);
      return [name, result];
    }),
  );
  const work = async (): Promise<void> => {
    let child: ChildProcess | undefined;
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const { resolve, reject } = settle.get(name)!;
      try {
        child ??= await startWorker(task);
        resolve(await runOn(child, name));
      } catch (error) {
        child?.kill('SIGKILL');
        child = undefined;
        reject(error);
      }
    }
    const ended = child && new Promise((resolve) => child.once('exit', resolve));
    child?.send({ end: true });
    await ended;
  };
  const working = Promise.all(Array.from({ length: Math.min(processes, operations.length) }, work));
  return { results, close: async () => void (await working) };
};
