import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, type IServer, type IServerOptions, spawnServer, startServer } from '../client/server.js';
import { findTool } from '../tools.js';

export type TOciServer = Pick<IServer, 'origin' | 'admin' | 'printed' | 'stop'> & Partial<Pick<IServer, 'token'>>;

/**
 * Our command line with containers only: everybody pulls from `public/…`, all else takes the administrator's password.
 */
export const startOciServer = (
  options: { storage?: object; data?: string } & Pick<IServerOptions, 'tls'> = {},
): Promise<IServer> =>
  startServer({
    data: options.data,
    tls: options.tls,
    config: {
      ...(options.storage && { storage: options.storage }),
      auth: {
        jwtSecret: 'only for this test',
        tokenStore: 'bucket',
        anonymousScopes: ['oci:repository:public/*:pull'],
      },
      oci: { enabled: true, basePath: '/oci' },
    },
  });

/** bcrypt of `correct horse battery`, with the fewest rounds there are. */
const hashed = '$2b$04$AbqZRHk9QsmWgxxJy08dZusamAi89lioB10RbfgvZ1hzu.hSROXJy';

/**
 * The reference registry, to see whether a flow that fails on ours fails there as well. It lets nobody pull without a
 * password.
 */
export const startDistribution = async (): Promise<TOciServer | null> => {
  const tool = findTool('distribution');
  if (!tool) {
    return null;
  }
  const folder = await mkdtemp(join(tmpdir(), 'smartregistry-distribution-'));
  const port = await freePort();
  await mkdir(join(folder, 'data'));
  await writeFile(join(folder, 'htpasswd'), `admin:${hashed}\n`);
  await writeFile(
    join(folder, 'config.yml'),
    JSON.stringify({
      version: '0.1',
      log: { level: 'info' },
      storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
      http: { addr: `127.0.0.1:${port}` },
      auth: { htpasswd: { realm: 'distribution', path: join(folder, 'htpasswd') } },
    }),
  );
  const { printed, stop } = await spawnServer({
    command: [...tool.command, 'serve', join(folder, 'config.yml')],
    env: { PATH: process.env.PATH, HOME: folder, OTEL_TRACES_EXPORTER: 'none' },
    cwd: folder,
    ready: /listening on 127\.0\.0\.1:/,
  });
  return {
    origin: `http://127.0.0.1:${port}`,
    admin: { username: 'admin', password: 'correct horse battery' },
    printed,
    stop: async () => {
      const code = await stop();
      await rm(folder, { recursive: true, force: true });
      return code;
    },
  };
};
