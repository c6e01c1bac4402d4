import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { freePort } from '../store/s3-server.js';
import { findTool } from '../tools.js';
import type { IServerOptions, ITokenServer } from './interfaces.js';
import { serverProcess } from './process.js';

/** PostgreSQL does not run as root: then it runs as the user of its own package. */
const otherUser = (): { uid?: number; gid?: number } => {
  if (process.getuid?.() !== 0) return {};
  const [, uid, gid] = /^postgres:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8')) ?? [];
  return uid === undefined ? { uid: 65_534, gid: 65_534 } : { uid: Number(uid), gid: Number(gid) };
};

/** Sends statements, one after the other, on a connection of its own. */
export const psql = async (url: string, ...statements: string[]): Promise<unknown[][]> => {
  const client = new pg.Client({ connectionString: url, ssl: false });
  await client.connect();
  try {
    const rows: unknown[][] = [];
    for (const statement of statements) rows.push((await client.query(statement)).rows);
    return rows;
  } finally {
    await client.end();
  }
};

/** A real PostgreSQL; `null`, with the reason printed, if it is not installed. */
export const startPostgres = async (options: IServerOptions = {}): Promise<ITokenServer | null> => {
  const postgres = findTool('postgres');
  if (!postgres) return null;
  const user = otherUser();
  const folder = mkdtempSync(join(tmpdir(), 'pg-'));
  const own = (path: string): string => {
    if (user.uid !== undefined && user.gid !== undefined) chownSync(path, user.uid, user.gid);
    return path;
  };
  own(folder);
  const port = await freePort();
  const password = `p%40ss-${randomBytes(9).toString('hex')}`;
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o600);
    return own(join(folder, name));
  };
  const data = join(folder, 'data');
  const login = [
    '--username=registry',
    '--auth=scram-sha-256',
    `--pwfile=${write('password', decodeURIComponent(password))}`,
  ];
  execFileSync(
    join(dirname(postgres.command[0]), 'initdb'),
    ['--no-sync', '--encoding=UTF8', '--locale=C', ...login, '-D', data],
    {
      ...user,
      stdio: ['ignore', 'ignore', 'pipe'],
      cwd: folder,
      env: { PATH: process.env.PATH, TZ: 'UTC' },
    },
  );
  // it is killed, but the machine does not crash
  const settings = [
    `listen_addresses=127.0.0.1`,
    `unix_socket_directories=${folder}`,
    'fsync=off',
    'max_connections=150',
  ];
  if (options.tls) {
    settings.push('ssl=on', `ssl_key_file=${write('key.pem', options.tls.key)}`);
    settings.push(`ssl_cert_file=${write('cert.pem', options.tls.cert)}`);
    writeFileSync(join(data, 'pg_hba.conf'), 'hostssl all all 127.0.0.1/32 scram-sha-256\nlocal all all trust\n');
  }
  const server = serverProcess({
    command: [...postgres.command, '-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
    port,
    ...user,
    cwd: folder,
  });
  const socket = (name: string): string =>
    `postgres://registry@/${name}?host=${encodeURIComponent(folder)}&port=${port}`;
  const local = (name: string): string =>
    options.tls ? socket(name) : `postgres://registry:${password}@127.0.0.1:${port}/${name}`;
  /** It listens before it takes connections. */
  const start = async (): Promise<void> => {
    await server.start();
    for (let tries = 0; ; tries++) {
      try {
        await psql(local('postgres'), 'SELECT 1');
        return;
      } catch (error) {
        if (tries === 100) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  await start();
  let next = 0;
  return {
    kind: 'database',
    password,
    port,
    async fresh() {
      const name = `registry${next++}`;
      await psql(local('postgres'), `CREATE DATABASE ${name}`);
      return `postgres://registry:${password}@127.0.0.1:${port}/${name}`;
    },
    async stored(url) {
      const tables = ['smartregistry_tokens', 'smartregistry_revocations'];
      const rows = await psql(url, ...tables.map((table) => `SELECT t::text AS line FROM ${table} t ORDER BY 1`));
      return rows
        .flat()
        .map((row) => (row as { line: string }).line)
        .join('\n');
    },
    kill: () => server.end('SIGQUIT'),
    restart: start,
    async stop() {
      await server.end('SIGQUIT');
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
};
