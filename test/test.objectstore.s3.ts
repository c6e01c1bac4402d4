import t from 'tap';
import { S3ObjectStore } from '../ts/core/objectstore/classes.s3objectstore.js';
import { type IS3Server, startS3Server, type TS3Kind } from './helpers/s3-server.js';
import { objectStoreSuite } from './suites/objectstore.suite.js';

/** Sockets of requests that are not over: the idle ones of the pool do not keep the process alive and do not count. */
const socketsInUse = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;

const servers = new Map<TS3Kind, IS3Server>();
for (const kind of ['versitygw', 'minio'] as const) {
  const server = await startS3Server(kind);
  if (server) servers.set(kind, server);
  t.teardown(async () => server?.stop());

  objectStoreSuite(
    `S3, ${kind}`,
    async () => {
      const open = async () => {
        const store = new S3ObjectStore({ ...server!.config, directoryPath: 'some/folder' });
        await store.init();
        return store;
      };
      const stores = [await open()];
      return {
        store: stores[0]!,
        again: async () => {
          stores.push(await open());
          return stores[1]!;
        },
        close: async () => {
          for (const store of stores) await store.destroy();
        },
      };
    },
    {
      skip: server ? false : `no ${kind} here`,
      held: socketsInUse,
      // MinIO deletes whatever the condition says; the store compares first, which is not atomic
      conditionalDelete: kind === 'versitygw',
      // one look at a big body is enough
      big: kind === 'versitygw' ? undefined : 20 * 1024 ** 2,
    },
  );
}
