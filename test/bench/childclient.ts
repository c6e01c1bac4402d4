import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A process that does one job at a time for the benchmark: jobs go and results come over IPC. */
export class ChildClient<TJob extends object, TResult extends { error?: string }> {
  private readonly child: ChildProcess;

  /** @param file beside this one */
  constructor(
    private readonly file: string,
    nodeOptions: readonly string[] = [],
  ) {
    const execArgv = ['--import=tsx', ...nodeOptions];
    this.child = fork(fileURLToPath(new URL(file, import.meta.url)), { execArgv });
  }

  async run(job: TJob): Promise<TResult> {
    const result = await new Promise<TResult>((resolve, reject) => {
      const lost = (code: number | null): void => reject(new Error(`${this.file} ended with ${code}`));
      this.child.once('exit', lost);
      this.child.once('message', (message) => {
        this.child.removeListener('exit', lost);
        resolve(message as TResult);
      });
      this.child.send(job);
    });
    if (result.error) {
      throw new Error(`${this.file}: ${result.error}`);
    }
    return result;
  }

  stop(): void {
    this.child.disconnect();
  }
}

/** The other end of it. */
export const serveJobs = <TJob, TResult extends { error?: string }>(work: (job: TJob) => Promise<TResult>): void => {
  process.on('message', (job: TJob) => {
    work(job)
      .catch((error: unknown) => ({ error: String(error instanceof Error ? error.stack : error) }))
      .then((result) => process.send?.(result));
  });
  process.on('disconnect', () => process.exit(0));
};
