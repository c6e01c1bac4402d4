import { createHash, randomBytes } from 'node:crypto';
import { RawConnection } from '../support/http/raw.js';
import { pullBlob, pushBlob, type TPushMode, Upload, verifyBlob } from '../support/oci/blobs.js';
import { Noise } from '../support/oci/noise.js';
import { serveJobs } from './childclient.js';
import type { TRepository } from './oci.servers.js';

export type TBlobWork =
  | { kind: 'push'; mode: TPushMode; seed: number; size: number }
  /** `times` downloads one after the other; with `verify` they are hashed, which costs more than the transfer. */
  | { kind: 'pull'; digest: string; size: number; times: number; verify: boolean }
  /** New small blobs by POST and PUT, as oras and containerd do. */
  | { kind: 'small'; count: number; size: number; connections: number }
  | { kind: 'verify'; digests: string[]; size: number };

/** The client for blobs, a process of its own. */
export type TBlobJob = TBlobWork & { port: number; to: TRepository };

export interface IBlobResult {
  milliseconds: number;
  /** CPU time of this client: near `milliseconds`, it is the limit that was measured. */
  cpuMilliseconds: number;
  digests: string[];
  error?: string;
}

const withConnection = async <T>(port: number, work: (connection: RawConnection) => Promise<T>): Promise<T> => {
  const connection = await RawConnection.open(port);
  try {
    return await work(connection);
  } finally {
    connection.destroy();
  }
};

const timed = async (work: () => Promise<void>): Promise<Omit<IBlobResult, 'digests'>> => {
  const cpu = process.cpuUsage();
  const began = performance.now();
  await work();
  const milliseconds = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  return { milliseconds, cpuMilliseconds: (user + system) / 1000 };
};

const pushSmall = async (job: TBlobJob & { kind: 'small' }): Promise<IBlobResult> => {
  const blobs = Array.from({ length: job.count }, () => randomBytes(job.size));
  const digests = blobs.map((blob) => `sha256:${createHash('sha256').update(blob).digest('hex')}`);
  let next = 0;
  const one = (connection: RawConnection) => async (): Promise<void> => {
    for (let index = next++; index < job.count; index = next++) {
      const upload = await Upload.begin({ ...job.to, connection });
      await upload.put(digests[index]!, { length: job.size, pieces: [blobs[index]!] });
    }
  };
  const connections = await Promise.all(Array.from({ length: job.connections }, () => RawConnection.open(job.port)));
  const time = await timed(async () => {
    await Promise.all(connections.map((connection) => one(connection)()));
  });
  for (const connection of connections) {
    connection.destroy();
  }
  return { ...time, digests };
};

const work = (job: TBlobJob): Promise<IBlobResult> => {
  if (job.kind === 'small') {
    return pushSmall(job);
  }
  return withConnection(job.port, async (connection) => {
    const to = { ...job.to, connection };
    if (job.kind === 'push') {
      const blob = new Noise(job.seed, job.size);
      const digests = [blob.digest]; // before the clock runs
      const time = await timed(() => pushBlob(to, blob, job.mode));
      return { ...time, digests };
    }
    const { kind, size } = job;
    const digests = kind === 'verify' ? job.digests : Array<string>(job.times).fill(job.digest);
    const time = await timed(async () => {
      for (const digest of digests) {
        if (kind === 'verify' || job.verify) {
          await verifyBlob(to, digest, size);
        } else if ((await pullBlob(to, digest)) !== size) {
          throw new Error(`${digest} came back in another length`);
        }
      }
    });
    return { ...time, digests };
  });
};

serveJobs(work);
