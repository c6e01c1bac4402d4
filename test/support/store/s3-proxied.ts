import type { Test } from 'tap';
import { type IS3StoreOptions, S3ObjectStore } from '../../../ts/core/objectstore/s3/classes.s3objectstore.js';
import { startFlakyProxy } from './s3-flaky-proxy.js';
import type { IS3Server } from './s3-server.js';

let buckets = 0;

/** A store that reaches the real server through a proxy, and one that reaches it directly, on a bucket of their own. */
export const openProxied = async (t: Test, server: IS3Server, options: IS3StoreOptions = {}) => {
  const config = { ...server.config, bucketName: `${server.config.bucketName}-${++buckets}` };
  const proxy = await startFlakyProxy(config);
  const store = new S3ObjectStore(proxy.config, options);
  const direct = new S3ObjectStore(config);
  await Promise.all([store.init(), direct.init()]);
  t.teardown(async () => {
    await Promise.all([store.destroy(), direct.destroy()]);
    await proxy.stop();
  });
  proxy.seen.length = 0;
  return { proxy, store, direct, config };
};
