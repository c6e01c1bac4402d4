import { S3ObjectStore } from '../../../ts/core/objectstore/s3/classes.s3objectstore.js';
import type { IS3StorageConfig } from '../../../ts/interfaces.config.js';
import type { ILossyStore } from './objectstore-bench.js';
import { startFlakyProxy } from './s3-flaky-proxy.js';
import type { ISmallServer } from './s3-small-server.js';

/** A real server behind a proxy that loses requests. */
export const lossyByProxy = async (config: IS3StorageConfig): Promise<ILossyStore & { stop(): Promise<void> }> => {
  const proxy = await startFlakyProxy(config);
  const store = new S3ObjectStore(proxy.config);
  const direct = new S3ObjectStore(config);
  await Promise.all([store.init(), direct.init()]);
  return {
    store,
    direct,
    lose(verb, what, meanwhile) {
      let pending = true;
      proxy.seen.length = 0;
      proxy.onLoss(async () => void (await meanwhile?.()));
      proxy.decide(({ method }) => {
        if (!pending || method !== verb.toUpperCase()) return 'pass';
        pending = false;
        return what === 'call' ? 'dropRequest' : 'dropReply';
      });
    },
    sent: (verb) => proxy.seen.filter(({ method }) => method === verb.toUpperCase()).length,
    async stop() {
      await Promise.all([store.destroy(), direct.destroy()]);
      await proxy.stop();
    },
  };
};

/** The server of the tests' own, which does so itself. */
export const lossyBySmallServer = (server: ISmallServer, store: S3ObjectStore, direct: S3ObjectStore): ILossyStore => ({
  store,
  direct,
  lose(verb, what, meanwhile) {
    let pending = true;
    server.seen.length = 0;
    server.lose(
      ({ method }) => {
        if (!pending || method !== verb.toUpperCase()) return undefined;
        pending = false;
        return what;
      },
      async () => void (await meanwhile?.()),
    );
  },
  // those of `direct` too: a test that counts one kind lets `direct` send another one
  sent: (verb) => server.seen.filter(({ method }) => method === verb.toUpperCase()).length,
});
