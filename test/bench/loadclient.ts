import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ILoadJob, ILoadResult } from './load.js';

/** The load generator's process as the benchmark sees it: one job at a time. */
export class LoadClient {
  private readonly child: ChildProcess;

  constructor() {
    this.child = fork(fileURLToPath(new URL('load.ts', import.meta.url)), { execArgv: ['--import=tsx'] });
  }

  async run(job: ILoadJob): Promise<ILoadResult> {
    const result = await new Promise<ILoadResult>((resolve, reject) => {
      const lost = (code: number | null): void => reject(new Error(`the load generator ended with ${code}`));
      this.child.once('exit', lost);
      this.child.once('message', (message) => {
        this.child.removeListener('exit', lost);
        resolve(message as ILoadResult);
      });
      this.child.send(job);
    });
    if (result.error) {
      throw new Error(`wrong answer under load: ${result.error}`);
    }
    return result;
  }

  stop(): void {
    this.child.disconnect();
  }
}

/** One HTTP/1.1 request as text. */
export const rawRequest = (
  method: string,
  url: string,
  headers: Record<string, string | undefined>,
  body = '',
): string => {
  const { host, pathname, search } = new URL(url);
  const lines = [`${method} ${pathname}${search} HTTP/1.1`, `Host: ${host}`];
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) {
      lines.push(`${name}: ${value}`);
    }
  }
  if (body) {
    lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
};
