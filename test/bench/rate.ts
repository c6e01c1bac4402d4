import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cpuOf } from '../support/process-watch.js';
import type { ILoadJob } from './load.js';
import { type LoadClient, rawRequest } from './loadclient.js';

export interface IMeasured {
  name: string;
  port: number;
  pid: number;
}

export interface IRateOptions {
  connections: number;
  milliseconds: number;
  requests: string[];
  reconnects?: boolean;
  expect: ILoadJob['expect'];
  /** Sees the body of the first answer of the warm-up. */
  check?(body: Buffer): void;
}

/** Answered requests per second after a warm-up, and what one of them costs the server. */
export const rate = async (load: LoadClient, one: IMeasured, options: IRateOptions): Promise<number> => {
  const { milliseconds, check, ...rest } = options;
  const job = { port: one.port, ...rest };
  const warm = await load.run({ ...job, milliseconds: milliseconds / 4 });
  check?.(Buffer.from(warm.body ?? '', 'base64'));
  const before = await cpuOf(one.pid);
  const result = await load.run({ ...job, milliseconds });
  const micros = ((await cpuOf(one.pid)) - before) * 1000;
  console.log(`  ${one.name}: ${Math.round(micros / result.responses)} µs of CPU for each of ${result.responses}`);
  return (result.responses / result.milliseconds) * 1000;
};

/** What this load generator gets out of a server that does nothing: no other row can be above it. */
export const bareRate = async (
  load: LoadClient,
  about: { connections: number; milliseconds: number; headers: Record<string, string> },
): Promise<number> => {
  const child = fork(fileURLToPath(new URL('bareserver.mjs', import.meta.url)));
  try {
    const port = await new Promise<number>((resolve) => child.once('message', (message) => resolve(message as number)));
    return await rate(
      load,
      { name: 'bare server', port, pid: child.pid! },
      {
        connections: about.connections,
        milliseconds: about.milliseconds,
        requests: [rawRequest('GET', `http://127.0.0.1:${port}/`, about.headers)],
        expect: { status: [200], sameBody: true },
      },
    );
  } finally {
    child.kill();
  }
};
