import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { freePort, startServer } from '../support/client/server.js';
import type { IRepository } from '../support/oci/blobs.js';
import { OciTokens } from '../support/oci/token.js';
import { hasEnded, type IS3Server, startedListening, startS3Server } from '../support/store/s3-server.js';
import { findTool } from '../support/tools.js';
import type { IMeasured } from './rate.js';

export const ours = 'smartregistry';
export const theirs = 'distribution';

export type TBackend = 'disk' | 'S3';

/** A started registry and the store that it has to itself. */
export interface IOciContestant extends IMeasured {
  s3?: IS3Server;
  /** The header's value for pulling from and pushing to a repository; none where nobody is asked for it. */
  authorization(repository: string): Promise<string | undefined>;
  /** Ends it and removes all that it has stored. */
  stop(): Promise<void>;
}

export type TRepository = Omit<IRepository, 'connection'>;
export const repositoryOf = async (one: IOciContestant, name: string): Promise<TRepository> => ({
  path: `/v2/${name}`,
  authorization: await one.authorization(name),
});

const startOurs = async (s3: IS3Server | undefined, profiles?: string): Promise<IOciContestant> => {
  const config = s3 && {
    storage: s3.config,
    auth: { jwtSecret: 'only for this benchmark', tokenStore: 'bucket' },
    oci: { enabled: true },
  };
  const server = await startServer({
    quiet: true,
    config,
    runtime: [process.execPath, ...(profiles ? ['--cpu-prof', `--cpu-prof-dir=${profiles}`] : [])],
  });
  const tokens = new OciTokens(server.origin, server.admin);
  return {
    name: ours,
    port: Number(new URL(server.origin).port),
    pid: server.pid,
    s3,
    authorization: (repository) => tokens.get(repository),
    stop: async () => {
      await server.stop();
      await s3?.stop();
    },
  };
};

const s3Driver = ({ config }: IS3Server): string[] => [
  '  s3:',
  `    regionendpoint: ${config.endpoint}`,
  '    region: us-east-1',
  `    bucket: ${config.bucketName}`,
  `    accesskey: ${config.accessKey}`,
  `    secretkey: ${config.accessSecret}`,
  '    forcepathstyle: true',
  '    secure: false',
];

/** The settings that its documentation recommends; nobody has to log in, which favours it. */
const configuration = (port: number, driver: string[]): string =>
  [
    'version: 0.1',
    'log: { level: error, accesslog: { disabled: true } }',
    'storage:',
    ...driver,
    '  cache: { blobdescriptor: inmemory }',
    '  delete: { enabled: true }',
    '  redirect: { disable: true }',
    `http: { addr: '127.0.0.1:${port}', secret: only-for-this-benchmark }`,
  ].join('\n');

const createBucket = async ({ endpoint, bucketName, accessKey, accessSecret }: IS3Server['config']): Promise<void> => {
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey ?? '', secretAccessKey: accessSecret ?? '' },
  });
  await client.send(new CreateBucketCommand({ Bucket: bucketName }));
  client.destroy();
};

const startDistribution = async (s3: IS3Server | undefined): Promise<IOciContestant> => {
  const tool = findTool('distribution');
  if (!tool) {
    throw new Error('distribution is not installed: --alone measures without it');
  }
  const folder = await mkdtemp(join(tmpdir(), 'smartregistry-distribution-'));
  const port = await freePort();
  const file = join(folder, 'config.yml');
  if (s3) {
    await createBucket(s3.config);
  }
  const driver = s3 ? s3Driver(s3) : ['  filesystem:', `    rootdirectory: ${join(folder, 'data')}`];
  await writeFile(file, configuration(port, driver));
  const [program, ...args] = [...tool.command, 'serve', file];
  // it would send traces to a collector that is not there
  const env = { ...process.env, OTEL_TRACES_EXPORTER: 'none' };
  const child = spawn(program!, args, { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] });
  // it logs each request that the load generator breaks off at the end of a row, so only the beginning is kept
  let printed = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed = printed.length < 4000 ? printed + text : printed;
  });
  process.once('exit', () => child.kill('SIGKILL'));
  if (!(await startedListening(child, port))) {
    throw new Error(`distribution ended with ${child.exitCode} before it was ready: ${printed}`);
  }
  return {
    name: theirs,
    port,
    pid: child.pid!,
    s3,
    authorization: async () => undefined,
    stop: async () => {
      child.kill('SIGTERM');
      await hasEnded(child);
      await s3?.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
};

/**
 * A contestant on an empty store; `null`, with the reason printed, where there is no S3 server.
 * @param profiles folder for the CPU profile of ours, written when it ends
 */
export const startContestant = async (
  name: string,
  backend: TBackend,
  profiles?: string,
): Promise<IOciContestant | null> => {
  const s3 = backend === 'S3' ? await startS3Server() : undefined;
  if (s3 === null) {
    return null;
  }
  try {
    return await (name === ours ? startOurs(s3, profiles) : startDistribution(s3));
  } catch (error) {
    await s3?.stop();
    throw error;
  }
};
