import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { freePort } from '../store/s3-server.js';
import { findTool } from '../tools.js';
import type { IServerOptions, ITokenServer } from './interfaces.js';
import { serverProcess } from './process.js';
import { startSmallRedis } from './small-redis.js';

/** databases of one server */
const DATABASES = 64;

const dump = async (url: string): Promise<string> => {
  const client = createClient({ url, RESP: 2 });
  await client.connect();
  const lines: string[] = [];
  for (const key of (await client.keys('*')).sort()) {
    const type = await client.type(key);
    const value = type === 'zset' ? await client.zRangeWithScores(key, 0, -1) : await client.get(key);
    lines.push(`${key} ${JSON.stringify(value)}`);
  }
  client.destroy();
  return lines.join('\n');
};

/**
 * A real Redis that writes each change to disk. If it is not installed, a small one of our own; `null`, with the reason
 * printed, if that one will not do because TLS is wanted.
 */
export const startRedis = async (options: IServerOptions = {}): Promise<ITokenServer | null> => {
  const tool = findTool('redis-server');
  if (!tool) return options.tls ? null : { ...(await startSmallRedis()), stored: dump };
  const folder = await mkdtemp(join(tmpdir(), 'redis-'));
  const port = await freePort();
  const password = `p%40ss-${randomBytes(9).toString('hex')}`;
  const ports = ['--port', options.tls ? '0' : String(port)];
  if (options.tls) {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    await writeFile(key, options.tls.key);
    await writeFile(cert, options.tls.cert);
    ports.push('--tls-port', String(port), '--tls-key-file', key, '--tls-cert-file', cert);
    ports.push('--tls-ca-cert-file', cert, '--tls-auth-clients', 'no');
  }
  const persistence = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
  const server = serverProcess({
    command: [
      ...tool.command,
      ...['--bind', '127.0.0.1', '--dir', folder, '--databases', String(DATABASES)],
      // as it is in the URL, decoded
      ...['--requirepass', decodeURIComponent(password), ...ports, ...persistence],
    ],
    port,
    cwd: folder,
  });
  await server.start();
  let next = 0;
  return {
    kind: 'redis',
    password,
    port,
    async fresh() {
      return `${options.tls ? 'rediss' : 'redis'}://default:${password}@127.0.0.1:${port}/${next++ % DATABASES}`;
    },
    stored: dump,
    kill: () => server.end('SIGKILL'),
    restart: () => server.start(),
    async stop() {
      await server.end('SIGKILL');
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
};
