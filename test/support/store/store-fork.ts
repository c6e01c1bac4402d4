import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TStoreConfig } from './store-open.js';
import type { TTask } from './store-worker.js';

const SCRIPT = fileURLToPath(new URL('./store-worker.ts', import.meta.url));

export interface IWorkerEnd<T> {
  /** absent where it died */
  result?: T;
  error?: string;
  signal: NodeJS.Signals | null;
}

export interface IStoreWorker<T> {
  ready: Promise<void>;
  go(): void;
  end: Promise<IWorkerEnd<T>>;
}

/** Starts a process that gets ready, waits for `go`, and works on the store. */
export const forkWorker = <T>(config: TStoreConfig, task: TTask): IStoreWorker<T> => {
  const child: ChildProcess = fork(SCRIPT, [JSON.stringify({ config, task })], { execArgv: ['--import=tsx'] });
  let ready = () => {};
  let said: { result?: T; error?: string } = {};
  child.on('message', (message) => {
    if (message === 'ready') ready();
    else said = message as typeof said;
  });
  return {
    ready: new Promise<void>((resolve, reject) => {
      ready = resolve;
      child.once('exit', (code) => reject(new Error(`the worker ended (${code}) before it was ready: ${said.error}`)));
    }),
    go: () => void child.send('go'),
    end: new Promise((resolve) => child.once('exit', (_code, signal) => resolve({ ...said, signal }))),
  };
};

/** All of them from the same moment on. */
export const runTogether = async <T>(config: TStoreConfig, tasks: TTask[]): Promise<T[]> => {
  const workers = tasks.map((task) => forkWorker<T>(config, task));
  await Promise.all(workers.map(({ ready }) => ready));
  for (const worker of workers) worker.go();
  const ends = await Promise.all(workers.map(({ end }) => end));
  return ends.map(({ result, error }) => {
    if (error !== undefined || result === undefined) throw new Error(error ?? 'a worker died');
    return result;
  });
};
