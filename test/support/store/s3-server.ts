import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IS3StorageConfig } from '../../../ts/interfaces.config.js';
import { findTool } from '../tools.js';

export type TS3Kind = 'versitygw' | 'minio';

export interface IS3Server {
  /** a bucket of its own, not made yet */
  config: IS3StorageConfig;
  /** the process, where it is ours */
  pid?: number;
  stop(): Promise<void>;
}

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const answer = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => answer(true)).once('error', () => answer(false));
  });

/** False when the program ended instead. */
export const startedListening = async (child: ChildProcess, port: number): Promise<boolean> => {
  for (let tries = 0; tries < 400; tries++) {
    if (child.exitCode !== null) return false;
    if (await listens(port)) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the server did not start listening within 20 s');
};

export const hasEnded = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once('exit', () => resolve()));

const bucketName = (): string => `test-${randomBytes(6).toString('hex')}`;

/**
 * `S3_TEST_ENDPOINT` (with S3_TEST_ACCESS_KEY, S3_TEST_SECRET_KEY, S3_TEST_REGION) instead of a server of our own, for
 * versitygw's place only, so that one run does not test the same server twice.
 */
const foreignServer = (): IS3Server | null => {
  const { S3_TEST_ENDPOINT, S3_TEST_ACCESS_KEY, S3_TEST_SECRET_KEY, S3_TEST_REGION } = process.env;
  if (!S3_TEST_ENDPOINT) return null;
  const config: IS3StorageConfig = {
    endpoint: S3_TEST_ENDPOINT,
    bucketName: bucketName(),
    accessKey: S3_TEST_ACCESS_KEY,
    accessSecret: S3_TEST_SECRET_KEY,
    region: S3_TEST_REGION,
  };
  return { config, stop: async () => {} };
};

/** Starts a real S3 server over a new folder; `null`, with the reason printed, where there is none. */
export const startS3Server = async (kind: TS3Kind = 'versitygw'): Promise<IS3Server | null> => {
  const foreign = kind === 'versitygw' ? foreignServer() : null;
  if (foreign) return foreign;
  const tool = findTool(kind);
  if (!tool) {
    console.log(`# S3 tests on ${kind} are skipped: the program is not installed`);
    return null;
  }
  const folder = await mkdtemp(join(tmpdir(), `s3-${kind}-`));
  const port = await freePort();
  const accessKey = 'test-access-key';
  const accessSecret = randomBytes(12).toString('hex');
  const data = join(folder, 'data');
  const sidecar = join(folder, 'sidecar');
  await Promise.all([mkdir(data), mkdir(sidecar)]);
  const [program, ...first] = tool.command;
  const launch = (args: string[], env: Record<string, string>): ChildProcess => {
    const child = spawn(program, [...first, ...args], { stdio: 'ignore', env: { ...process.env, ...env } });
    // a test that fails before its teardown must not leave a server behind
    process.once('exit', () => child.kill('SIGKILL'));
    return child;
  };
  const versitygw = (...metadata: string[]): ChildProcess =>
    launch(['--port', `127.0.0.1:${port}`, '--keep-alive', '--quiet', 'posix', ...metadata, data], {
      ROOT_ACCESS_KEY: accessKey,
      ROOT_SECRET_KEY: accessSecret,
    });
  const minio = (): ChildProcess =>
    launch(['server', '--quiet', '--address', `127.0.0.1:${port}`, data], {
      MINIO_ROOT_USER: accessKey,
      MINIO_ROOT_PASSWORD: accessSecret,
      MINIO_BROWSER: 'off',
    });
  let child = kind === 'versitygw' ? versitygw() : minio();
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await hasEnded(child);
    clearTimeout(killer);
    await rm(folder, { recursive: true, force: true });
  };
  if (!(await startedListening(child, port)) && kind === 'versitygw') {
    // no extended attributes in this file system. Its ETags then lie in files of their own, and conditional writes are
    // not exact any more (20 writers, 2 winners), so this is for what does not race
    console.log('# versitygw runs with its sidecar, because the temporary folder has no extended attributes');
    child = versitygw('--sidecar', sidecar);
    await startedListening(child, port);
  }
  if (child.exitCode !== null) {
    await stop();
    throw new Error(`${kind} did not start (exit code ${child.exitCode})`);
  }
  return {
    config: { endpoint: `http://127.0.0.1:${port}`, bucketName: bucketName(), accessKey, accessSecret },
    pid: child.pid,
    stop,
  };
};
