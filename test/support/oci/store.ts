import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import type { Test } from 'tap';
import { type IServer, startServer } from '../client/server.js';
import { RawConnection } from '../http/raw.js';
import { tree } from '../store/objectstore-directory.js';
import { startS3Server } from '../store/s3-server.js';
import { openStore, type TStoreConfig } from '../store/store-open.js';
import type { IRepository } from './blobs.js';
import { OciTokens } from './token.js';

/** A store that several servers can be started on, one after the other, and that can be looked into beside them. */
export class OciStore {
  private constructor(
    readonly label: string,
    readonly storage: TStoreConfig,
    readonly remove: () => Promise<void>,
  ) {}

  static async directory(): Promise<OciStore> {
    const folder = await mkdtemp(join(tmpdir(), 'smartregistry-oci-'));
    return new OciStore('directory', { directory: join(folder, 'data') }, () =>
      rm(folder, { recursive: true, force: true, maxRetries: 3 }),
    );
  }

  /** `null`, with the reason printed, where no S3 server is installed. */
  static async s3(): Promise<OciStore | null> {
    const server = await startS3Server();
    return server && new OciStore('S3', server.config, server.stop);
  }

  async start(t: Pick<Test, 'teardown'>): Promise<OciServer> {
    const { storage } = this;
    const config = { storage, auth: { jwtSecret: 'only for this test', tokenStore: 'bucket' }, oci: { enabled: true } };
    // without the test runner's hooks, which take 40 MiB in each Node process
    const server = await startServer({ quiet: true, config, env: { NODE_OPTIONS: '' } });
    t.teardown(() => server.stop());
    return new OciServer(server);
  }

  /** All that is kept of what was uploaded; what users and tokens need, and how the store is laid out, is left out. */
  async contents(): Promise<string[]> {
    const { storage } = this;
    const found: string[] = [];
    const store = await openStore(storage);
    await store.init?.();
    for await (const item of store.list({ prefix: '' })) {
      if ('key' in item && !item.key.startsWith('auth/') && item.key !== 'oci/layout.json') {
        found.push(item.key);
      }
    }
    await store.destroy?.();
    if ('directory' in storage) {
      found.push(...(await tree(join(storage.directory, 'tmp'), 'tmp/')));
    } else {
      const client = new S3Client({
        endpoint: storage.endpoint,
        region: 'us-east-1',
        forcePathStyle: true,
        credentials: { accessKeyId: storage.accessKey ?? '', secretAccessKey: storage.accessSecret ?? '' },
      });
      const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: storage.bucketName }));
      client.destroy();
      found.push(...(Uploads ?? []).map(({ Key }) => `multipart upload of ${Key}`));
    }
    return found.sort();
  }
}

/** The command line, serving. */
export class OciServer {
  private readonly tokens: OciTokens;

  constructor(private readonly server: IServer) {
    this.tokens = new OciTokens(server.origin, server.admin);
  }

  get pid(): number {
    return this.server.pid;
  }

  /** A connection of its own to a repository; the caller ends it. */
  async open(name: string): Promise<IRepository> {
    const authorization = await this.tokens.get(name);
    const connection = await RawConnection.open(Number(new URL(this.server.origin).port));
    return { connection, path: `/v2/${name}`, authorization };
  }

  /** As a machine that loses its power. */
  async kill(): Promise<void> {
    process.kill(this.pid, 'SIGKILL');
    await this.server.stop();
  }
}
