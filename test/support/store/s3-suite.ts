import t from 'tap';
import { S3ObjectStore } from '../../../ts/core/objectstore/s3/classes.s3objectstore.js';
import { objectStoreSuite } from '../../suites/objectstore.suite.js';
import { lossyByProxy } from './s3-lossy.js';
import { startS3Server, type TS3Kind } from './s3-server.js';

/** Sockets of requests that are not over: the idle ones of the pool do not keep the process alive and do not count. */
const socketsInUse = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;

/** The object store suite on a real S3 server, in a folder of a bucket, through two stores. */
export const s3Suite = async (kind: TS3Kind): Promise<void> => {
  const server = await startS3Server(kind);
  t.teardown(async () => server?.stop());
  const stores: S3ObjectStore[] = [];
  const open = async (): Promise<S3ObjectStore> => {
    const store = new S3ObjectStore({ ...server!.config, directoryPath: 'some/folder' });
    await store.init();
    stores.push(store);
    return store;
  };
  const close = async (): Promise<void> => {
    for (const store of stores) await store.destroy();
  };
  objectStoreSuite(`S3, ${kind}`, async () => ({ store: await open(), again: open, close }), {
    skip: server ? false : `no ${kind} here`,
    held: socketsInUse,
    // MinIO deletes whatever the condition says; the store compares first, which is not atomic
    conditionalDelete: kind === 'versitygw',
    lossy: async () => {
      const lossy = await lossyByProxy({ ...server!.config, directoryPath: 'some/folder' });
      t.teardown(() => lossy.stop());
      return lossy;
    },
    // one look at a big body is enough
    big: kind === 'versitygw' ? undefined : 20 * 1024 ** 2,
  });
};
