import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer } from '../support/client/server.js';
import type { IClientRequest } from '../support/protocol/description.js';
import { ChildClient } from './childclient.js';
import type { IBuildJob, IBuildResult } from './worlds/build.js';
import type { IBenchWorld } from './worlds/interfaces.world.js';

/** A whole HTTP request in which each character is a byte. */
export const rawBytes = ({ method, path, headers = {}, body = '' }: IClientRequest, host: string): string => {
  const bytes = Buffer.from(body as string);
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host}`];
  const all = { connection: 'keep-alive', ...headers, ...(method !== 'GET' && { 'content-length': bytes.length }) };
  for (const [name, value] of Object.entries(all)) lines.push(`${name}: ${value}`);
  return `${lines.join('\r\n')}\r\n\r\n${bytes.toString('latin1')}`;
};

/** A served registry with so many packages in it. */
export interface ITarget {
  origin: string;
  port: number;
  pid: number;
  credential: Record<string, string>;
  stop(): Promise<void>;
}

export const serveWith = async ({ about }: IBenchWorld, packages: number): Promise<ITarget> => {
  const { protocol, config, credential = (token: string) => ({ authorization: `Bearer ${token}` }) } = about;
  const data = await mkdtemp(join(tmpdir(), 'protocolbench-'));
  const builder = new ChildClient<IBuildJob, IBuildResult>('worlds/build.ts');
  try {
    const { seconds } = await builder.run({ protocol, directory: data, packages });
    console.log(`  ${packages.toLocaleString('en-US')} packages built in ${seconds.toFixed(1)} s`);
  } finally {
    builder.stop();
  }
  const server = await startServer({ quiet: true, data, config: { [protocol]: { enabled: true, ...config } } });
  const { origin, pid } = server;
  return {
    origin,
    port: Number(new URL(origin).port),
    pid,
    credential: credential(await server.token({ protocol })),
    stop: async () => {
      await server.stop();
      await rm(data, { recursive: true, force: true, maxRetries: 3 });
    },
  };
};

/** An answer as it is on the wire: fetch would unpack it. */
export const record = async (
  { origin }: { origin: string },
  { method, path, headers }: IClientRequest,
): Promise<{ status: number; body: Buffer; answered: Record<string, string> }> =>
  new Promise((resolve, reject) => {
    const sent = request(`${origin}${path}`, { method, headers: { ...headers } }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const {
          date,
          connection,
          'keep-alive': _,
          'content-length': __,
          'transfer-encoding': ___,
          ...kept
        } = response.headers;
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(parts),
          answered: kept as Record<string, string>,
        });
      });
    });
    sent.on('error', reject);
    sent.end();
  });
