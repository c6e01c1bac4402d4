import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findTool } from '../tools.js';
import type { IWho } from './base.js';
import { run } from './run.js';

/** A registry that runs as a process of its own, as a user starts it. */
export interface IServer {
  /** Origin, without a slash at its end. */
  origin: string;
  /** The npm registry on it, with a slash at its end. */
  registry: string;
  pid: number;
  admin: IWho;
  /** A fresh token of the administrator, for npm and with all rights unless told otherwise. */
  token(options?: { protocol?: string; readOnly?: boolean; scope?: string }): Promise<string>;
  /** Everything printed so far. */
  printed(): string;
  /** Ends it as a service manager would and waits; the exit code. Its data folder goes too, where it made one. */
  stop(): Promise<number | null>;
}

const root = fileURLToPath(new URL('../../..', import.meta.url));
const commandLine = join(root, 'dist_ts', 'cli', 'bin.js');
const admin: IWho = { username: 'admin', password: 'correct horse battery' };

export const freePort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return typeof address === 'object' && address ? address.port : 0;
};

// No server outlives the test that started it, also where the test runner ends the test by a signal.
const running = new Set<ChildProcess>();
const endAll = (): void => {
  for (const child of running) {
    child.kill('SIGKILL');
  }
};
const endWithUs = (child: ChildProcess): void => {
  if (running.size === 0) {
    process.once('exit', endAll);
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGALRM'] as const) {
      process.once(signal, () => process.exit(1));
    }
  }
  running.add(child);
  child.once('close', () => running.delete(child));
};

export interface IStart {
  command: string[];
  env: Record<string, string | undefined>;
  cwd: string;
  ready: RegExp;
}

interface IStarted {
  child: ChildProcess;
  printed(): string;
  /** What `ready` found. */
  match: RegExpExecArray;
}

const start = async (about: IStart): Promise<IStarted> => {
  const [program, ...args] = about.command;
  const child = spawn(program!, args, { cwd: about.cwd, env: about.env, stdio: ['ignore', 'pipe', 'pipe'] });
  endWithUs(child);
  let printed = '';
  const match = await new Promise<RegExpExecArray>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready after 60 s:\n${printed}`)), 60_000);
    const take = (chunk: string): void => {
      // Only the beginning is of interest to messages; a server under load may log for hours.
      printed = printed.length < 1_000_000 ? printed + chunk : printed;
      const found = about.ready.exec(printed);
      if (found) {
        clearTimeout(timer);
        resolve(found);
      }
    };
    child.stdout?.setEncoding('utf8').on('data', take);
    child.stderr?.setEncoding('utf8').on('data', take);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      reject(new Error(`ended with ${code} before it was ready:\n${printed}`));
    });
  });
  return { child, printed: () => printed, match };
};

const stopper = (child: ChildProcess, folder: string | undefined) => async (): Promise<number | null> => {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await ended;
    clearTimeout(timer);
  }
  if (folder) {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
  return child.exitCode;
};

/** Starts any server and waits until it says that it is ready. */
export const spawnServer = async (
  about: IStart,
): Promise<IStarted & { pid: number; stop(): Promise<number | null> }> => {
  const started = await start(about);
  return { ...started, pid: started.child.pid!, stop: stopper(started.child, undefined) };
};

export interface IServerOptions {
  /** An IRegistryConfig for the config file; `data` is used where it names no storage. */
  config?: Record<string, unknown>;
  /** A data folder of the caller's, left alone at the end. */
  data?: string;
  /** The runtime; this Node by default. */
  runtime?: string[];
  env?: Record<string, string>;
  /** No line per request in what it prints. */
  quiet?: boolean;
  /** PEM files; https then. */
  tls?: { cert: string; key: string };
}

/** Starts our own command line, built, on a free port. */
export const startServer = async (options: IServerOptions = {}): Promise<IServer> => {
  const folder = await mkdtemp(join(tmpdir(), 'smartregistry-serve-'));
  const data = options.data ?? join(folder, 'data');
  const runtime = options.runtime ?? [process.execPath];
  const about = ['--data', data];
  if (options.config) {
    const path = join(folder, 'config.json');
    await writeFile(path, JSON.stringify({ storage: { directory: data }, ...options.config }));
    about.splice(0, 2, '--config', path);
  }
  const tls = options.tls ? ['--tls-cert', options.tls.cert, '--tls-key', options.tls.key] : [];
  const env = { ...process.env, ...options.env, SMARTREGISTRY_ADMIN_PASSWORD: admin.password };
  const { child, printed, match } = await start({
    command: [
      ...runtime,
      commandLine,
      'serve',
      ...(options.quiet ? ['--log-level', 'warn'] : []),
      '--port',
      '0',
      ...tls,
      ...about,
    ],
    env,
    cwd: folder,
    ready: /smartregistry ready on (https?:\/\/[^\s/]+)/,
  });
  const origin = match[1]!;
  return {
    origin,
    registry: `${origin}/npm/`,
    pid: child.pid!,
    admin,
    printed,
    stop: stopper(child, folder),
    token: async ({ protocol = 'npm', readOnly, scope } = {}) => {
      const what = ['--user', admin.username, '--protocol', protocol, ...(readOnly ? ['--read-only'] : [])];
      if (scope !== undefined) what.push('--scope', scope);
      const made = await run([...runtime, commandLine, 'token', 'create', ...what, ...about], {
        cwd: folder,
        env: env as Record<string, string>,
      });
      if (made.code !== 0) {
        throw new Error(`${made.command}: ${made.output}`);
      }
      return made.stdout.trim();
    },
  };
};

/**
 * Starts verdaccio for comparison: the same rules as ours (reading free, writing with a token), no upstream,
 * and the fastest of its ways to check a token.
 */
export const startVerdaccio = async (options: { log?: string } = {}): Promise<IServer | null> => {
  const tool = findTool('verdaccio');
  if (!tool) {
    return null;
  }
  const folder = await mkdtemp(join(tmpdir(), 'smartregistry-verdaccio-'));
  await mkdir(join(folder, 'storage'));
  const rule = '{ access: $all, publish: $authenticated, unpublish: $authenticated }';
  await writeFile(
    join(folder, 'config.yaml'),
    [
      'storage: ./storage',
      'auth: { htpasswd: { file: ./htpasswd, max_users: 1000 } }',
      'uplinks: {}',
      `packages: { '@*/*': ${rule}, '**': ${rule} }`,
      'web: { enable: false }',
      'max_body_size: 500mb',
      'server: { keepAliveTimeout: 60 }',
      `log: { type: stdout, format: pretty, level: ${options.log ?? 'warn'} }`,
      // Its default tokens hold the password, which it then checks against bcrypt on every request.
      "security: { api: { legacy: false, jwt: { sign: { expiresIn: '7d' } } } }",
    ].join('\n'),
  );
  const { child, printed, match } = await start({
    command: [...tool.command, '--config', join(folder, 'config.yaml'), '--listen', `127.0.0.1:${await freePort()}`],
    env: { ...process.env, NODE_ENV: 'production' },
    cwd: folder,
    ready: /(http:\/\/127\.0\.0\.1:\d+)\//,
  });
  const registry = `${match[1]}/`;
  let known = false;
  const logIn = async (): Promise<string> => {
    const answer = await fetch(`${registry}-/user/org.couchdb.user:${admin.username}${known ? '/-rev/x' : ''}`, {
      method: 'PUT',
      headers: {
        'content-type': 'application/json',
        ...(known && {
          authorization: `Basic ${Buffer.from(`${admin.username}:${admin.password}`).toString('base64')}`,
        }),
      },
      body: JSON.stringify({ name: admin.username, password: admin.password }),
    });
    known = true;
    const { token, error } = (await answer.json()) as { token?: string; error?: string };
    if (!token) {
      throw new Error(`verdaccio gave no token: ${answer.status} ${error}`);
    }
    return token;
  };
  await logIn();
  return {
    origin: match[1]!,
    registry,
    pid: child.pid!,
    admin,
    printed,
    token: logIn,
    stop: stopper(child, folder),
  };
};
