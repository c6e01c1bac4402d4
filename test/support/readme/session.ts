import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Test } from 'tap';
import { run, top } from '../program.js';
import type { IReadmeBlock } from '../readme-blocks.js';

const bin = join(top, 'dist_ts', 'cli', 'bin.js');

/** The command as the readme names it, as this machine has it. */
export const asInstalled = (text: string): string => text.replace(/^smartregistry\b/gm, `node ${bin}`);

/** Starts `serve` with these arguments and resolves when it is ready. */
export const startServe = async (
  t: Pick<Test, 'teardown'>,
  args: string[],
  options: { env: NodeJS.ProcessEnv; cwd?: string },
): Promise<{ url: string; stop(): Promise<number | null> }> => {
  const server = spawn(process.execPath, [bin, 'serve', ...args], { ...options, stdio: ['ignore', 'pipe', 'inherit'] });
  const stop = async (): Promise<number | null> => {
    if (server.exitCode === null && server.signalCode === null) {
      server.kill('SIGTERM');
      await once(server, 'exit');
    }
    return server.exitCode;
  };
  t.teardown(stop);
  let url = '';
  for await (const line of createInterface(server.stdout)) {
    url = /^smartregistry ready on (\S+)$/.exec(line)?.[1] ?? '';
    if (url) break;
  }
  server.stdout.resume();
  return { url, stop };
};

export interface ISession {
  home: string;
  /** where the server keeps everything */
  data: string;
  /** host and port of the server */
  host: string;
  env: NodeJS.ProcessEnv;
  /** runs a script as the readme has it, with this session's server and folders in it */
  type(script: string): Promise<string>;
}

/** A server started as the readme says, and a user at the keyboard beside it. */
export const startSession = async (t: Pick<Test, 'teardown'>): Promise<ISession> => {
  const home = await mkdtemp(join(tmpdir(), 'smartregistry-session-'));
  t.teardown(() => rm(home, { recursive: true, force: true }));
  const data = join(home, 'data');
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    HOME: home,
    npm_config_cache: join(home, 'npm'),
    npm_config_userconfig: join(home, '.npmrc'),
  };
  for (const name of Object.keys(env)) if (/^npm_config_(?!cache|userconfig)/i.test(name)) delete env[name];
  const { url } = await startServe(t, ['--log-level', 'warn', '--port', '0', '--data', data], {
    env: { ...env, SMARTREGISTRY_ADMIN_PASSWORD: 'correct-horse' },
  });
  const { host } = new URL(url);
  const type = async (script: string): Promise<string> => {
    const here = script
      .replaceAll('127.0.0.1:5000', host)
      .replaceAll('/tmp/first', join(home, 'first'))
      .replace('node dist_ts/cli/bin.js token create', `node ${bin} token create --data ${data}`);
    return (await run('bash', ['-euc', here], { env, cwd: home, timeout: 100_000 })).stdout;
  };
  return { home, data, host, env, type };
};

/** The block of shell commands that has this line. */
export const shellBlock = (blocks: readonly IReadmeBlock[], line: string): string =>
  blocks.find(({ language, code }) => language === 'sh' && code.includes(line))?.code ?? 'false';
