import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, spawnServer, startServer } from '../support/client/server.js';
import { findTool } from '../support/tools.js';

/** Something that takes files by PUT and gives them by GET. */
export interface IFileServer {
  name: string;
  port: number;
  pid: number;
  /** where the repository begins, without a slash at its end */
  base: string;
  /** headers of a PUT */
  credential: Record<string, string>;
  stop(): Promise<unknown>;
}

/** Everybody may read it, as with nginx. */
export const startOurs = async (): Promise<IFileServer> => {
  const auth = { jwtSecret: 'only for this bench, and long enough', tokenStore: 'bucket' };
  const server = await startServer({ quiet: true, config: { auth, maven: { enabled: true } } });
  const token = await server.token({ protocol: 'maven' });
  return {
    ...server,
    name: 'smartregistry',
    port: Number(new URL(server.origin).port),
    base: '/maven',
    credential: { authorization: `Basic ${Buffer.from(`admin:${token}`).toString('base64')}` },
  };
};

/** A folder with WebDAV's PUT and nothing else: no rights, no sums, no metadata, no sync. Undefined: not installed. */
export const startNginx = async (): Promise<IFileServer | undefined> => {
  const tool = findTool('nginx');
  if (!tool) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'smartregistry-nginx-'));
  await mkdir(join(folder, 'files'));
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const config = join(folder, 'nginx.conf');
  await writeFile(
    config,
    // root: the folder is ours alone
    `daemon off;\n${process.getuid?.() === 0 ? 'user root;\n' : ''}worker_processes auto;\npid ${folder}/pid;\nerror_log stderr notice;\nevents { worker_connections 1024; }
http {
  access_log off; sendfile on; keepalive_requests 1000000000; client_max_body_size 0;
  ${temporary.join('\n  ')}
  server {
    listen 127.0.0.1:${port};
    location / { root ${folder}/files; dav_methods PUT DELETE; create_full_put_path on; dav_access user:rw; }
  }
}\n`,
  );
  const [program, ...before] = tool.command;
  const server = await spawnServer({
    command: [program, ...before, '-p', folder, '-e', 'stderr', '-c', config],
    env: { PATH: '/usr/bin:/bin' },
    cwd: folder,
    ready: /start worker process \d+/,
  });
  return {
    name: 'nginx',
    port,
    pid: server.pid,
    base: '',
    credential: {},
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
};
