import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../support/client/run.js';
import { freePort, spawnServer, startServer } from '../support/client/server.js';
import { findTool } from '../support/tools.js';

/** A Python package index that runs as a process of its own. Everybody may read it. */
export interface IIndex {
  name: string;
  origin: string;
  port: number;
  pid: number;
  /** path for uploads */
  upload: string;
  /** path of the list of all projects, with a slash at its end */
  simple: string;
  /** headers of an upload */
  credential: Record<string, string>;
  /** it closes the connection behind each page */
  closes?: boolean;
  stop(): Promise<unknown>;
}

const basic = (user: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

export const startOurs = async (): Promise<IIndex> => {
  const auth = {
    jwtSecret: 'only for this bench, and long enough',
    tokenStore: 'bucket',
    anonymousScopes: ['pypi:*:*:read'],
  };
  const server = await startServer({ quiet: true, config: { auth, pypi: { enabled: true } } });
  return {
    ...server,
    name: 'smartregistry',
    port: Number(new URL(server.origin).port),
    upload: '/pypi/',
    simple: '/simple/',
    credential: basic('__token__', await server.token({ protocol: 'pypi' })),
  };
};

const PASSWORD = 'correct horse';

/** Starts a Python program on a free port with a folder of its own. */
const startPython = async (
  name: string,
  ready: RegExp,
  commandOf: (port: number, folder: string, env: Record<string, string>) => Promise<string[]>,
): Promise<Pick<IIndex, 'name' | 'origin' | 'port' | 'pid' | 'stop'>> => {
  const folder = await mkdtemp(join(tmpdir(), `smartregistry-${name}-`));
  await mkdir(join(folder, 'files'));
  const port = await freePort();
  const env = { PATH: '/usr/bin:/bin', HOME: folder, PYTHONUNBUFFERED: '1' };
  const server = await spawnServer({ command: await commandOf(port, folder, env), env, cwd: folder, ready });
  const stop = async (): Promise<void> => {
    await server.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  return { name, origin: `http://127.0.0.1:${port}`, port, pid: server.pid, stop };
};

/** undefined: it is not installed */
export const startDevpi = async (): Promise<IIndex | undefined> => {
  const [init, tool] = [findTool('devpi-init'), findTool('devpi-server')];
  if (!init || !tool) return undefined;
  const server = await startPython('devpi', /Serving on/, async (port, folder, env) => {
    const data = join(folder, 'data');
    const first = [...init.command, '--serverdir', data, '--no-root-pypi', '--root-passwd', PASSWORD];
    const { code, output } = await run(first, { cwd: folder, env });
    if (code !== 0) throw new Error(`devpi-init: ${output}`);
    return [...tool.command, '--serverdir', data, '--host', '127.0.0.1', '--port', String(port)];
  });
  const credential = basic('root', PASSWORD);
  const made = await fetch(`${server.origin}/root/dev`, {
    method: 'PUT',
    headers: { ...credential, 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'stage', bases: [], volatile: true }),
  });
  if (!made.ok) throw new Error(`devpi made no index: ${made.status} ${await made.text()}`);
  return { ...server, upload: '/root/dev/', simple: '/root/dev/+simple/', credential, closes: true };
};

/** undefined: it is not installed */
export const startPypiserver = async (): Promise<IIndex | undefined> => {
  const tool = findTool('pypiserver');
  if (!tool) return undefined;
  const server = await startPython('pypiserver', /Listening on|Serving on/, async (port, folder) => [
    ...tool.command,
    ...['run', '-p', String(port), '-i', '127.0.0.1', '-P', '.', '-a', '.', '--disable-fallback'],
    join(folder, 'files'),
  ]);
  return { ...server, upload: '/', simple: '/simple/', credential: {} };
};
