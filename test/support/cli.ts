import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { main } from '../../ts/cli/commands.main.js';
import { ask, RawClient } from './http/client.js';
import { within } from './http/host.js';

const bin = resolve(fileURLToPath(new URL('../../ts/cli/bin.ts', import.meta.url)));

interface IRun {
  code: number | null;
  out: string;
  err: string;
}

interface IStartOptions {
  cwd: string;
  env?: Record<string, string>;
  input?: string;
}

/** Nothing of the environment that the tests run in may decide. */
const cleanEnvironment = (): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SMARTREGISTRY_')));

const start = (args: string[], { cwd, env, input }: IStartOptions): ChildProcess => {
  // from the sources, with the loader of this process
  const tsx = import.meta.resolve('tsx');
  const child = spawn(process.execPath, ['--import', tsx, bin, ...args], {
    cwd,
    env: { ...cleanEnvironment(), ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.end(input);
  return child;
};

const collect = (child: ChildProcess) => {
  const seen = { out: '', err: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    seen.out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    seen.err += text;
  });
  return seen;
};

export const run = async (args: string[], options: IStartOptions): Promise<IRun> => {
  const child = start(args, options);
  const seen = collect(child);
  const [code] = (await within(once(child, 'close'), args.join(' '), 30_000)) as [number | null];
  return { code, ...seen };
};

/** What ends before anything is opened needs no process of its own. */
export const runHere = async (t: Test, args: string[], env: Record<string, string> = {}): Promise<IRun> => {
  const text = (captured: { args: unknown[] }[]) => captured.map((call) => String(call.args[0])).join('');
  const out = t.capture(process.stdout, 'write', () => true);
  const err = t.capture(process.stderr, 'write', () => true);
  try {
    const code = await main(args, env);
    return { code, out: text(out()), err: text(err()) };
  } finally {
    out.restore();
    err.restore();
  }
};

/** A server process for the time of the test. */
export const serve = async (
  t: Test,
  args: string[],
  { port = '0', ...options }: IStartOptions & { port?: string | null },
) => {
  const child = start(['serve', ...(port === null ? [] : ['--port', port]), ...args], options);
  t.teardown(() => child.kill('SIGKILL'));
  const seen = collect(child);
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const ready = new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', () => {
      const url = /^smartregistry ready on (\S+)$/m.exec(seen.out)?.[1];
      if (url) resolve(url);
    });
    closed.then(() => reject(new Error(`ended: ${seen.err}`)), reject);
  });
  const url = await within(ready, 'ready', 30_000);
  /** Resolves when the log matches. */
  const logged = (pattern: RegExp): Promise<void> => {
    const matching = new Promise<void>((resolve) => {
      const look = (): void => {
        if (!pattern.test(seen.err)) return;
        child.stderr?.off('data', look);
        resolve();
      };
      child.stderr?.on('data', look);
      look();
    });
    return within(matching, `${pattern} in the log`);
  };
  return { child, seen, closed, url, port: Number(new URL(url).port), logged };
};

/** Begins an upload of so many bytes; resolves when the server waits for the first of them. */
export const beginUpload = async (
  port: number,
  path: string,
  length: number,
  authorization: string,
): Promise<RawClient> => {
  const raw = await RawClient.connect(port);
  const expected = [`Content-Length: ${length}`, 'Expect: 100-continue'];
  raw.head(`PUT ${path} HTTP/1.1`, 'Host: x', `Authorization: ${authorization}`, ...expected);
  await raw.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  raw.text = '';
  return raw;
};

/** Resolves when nobody listens on the port any more: a server that was told to end has begun with it. */
export const untilRefused = async (port: number): Promise<void> => {
  for (let isOpen = true; isOpen; ) {
    isOpen = await ask(port, '/-/health').then(
      () => true,
      ({ code }: NodeJS.ErrnoException) => code !== 'ECONNREFUSED',
    );
  }
};

export const oneLine = (t: Test, { err }: IRun, pattern: RegExp) => {
  t.match(err, pattern);
  t.equal(err.trimEnd().split('\n').length, 1, `one line: ${err}`);
};

export const basic = (name: string, password: string) => ({
  Authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
});

/** The import command as a process of its own, for the time of the test. */
export const importing = async (t: Test, cwd: string, ...args: string[]) => {
  const child = start(['import', ...args], { cwd });
  t.teardown(() => child.kill('SIGKILL'));
  const seen = collect(child);
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  return { child, seen, closed };
};
