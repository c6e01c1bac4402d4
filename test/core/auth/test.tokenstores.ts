import t from 'tap';
import { createTokenStore } from '../../../ts/core/auth/tokenstores/helpers.createstore.js';
import { SILENT_LOGGER } from '../../../ts/core/base/helpers.log.js';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { type TOpenStores, tokenStoreSuite } from '../../suites/tokenstore.suite.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import { configOf, type TStoreConfig } from '../../support/tokenstores/interfaces.js';
import { startPostgres } from '../../support/tokenstores/postgres-server.js';
import { startRedis } from '../../support/tokenstores/redis-server.js';

const opener =
  (next: () => Promise<TStoreConfig>, isShared = true): TOpenStores =>
  async () => {
    const config = await next();
    const storage = new RegistryStorage(new MemoryObjectStore(), { logger: SILENT_LOGGER });
    const open = () => createTokenStore(config, { storage, now: () => new Date() });
    const here = open();
    const there = isShared ? open() : here;
    await Promise.all([here.init(), there.init()]);
    return {
      stores: [here, there],
      close: async () => {
        await Promise.all([here.destroy(), there.destroy()]);
      },
    };
  };

tokenStoreSuite(
  'memory',
  opener(async () => ({ tokenStore: 'memory' }), false),
);
tokenStoreSuite(
  'bucket',
  opener(async () => ({ tokenStore: 'bucket' })),
);
for (const start of [startRedis, startPostgres]) {
  const server = await start();
  if (!server) {
    t.pass('not run', { skip: `${start === startRedis ? 'Redis' : 'PostgreSQL'} is not installed` });
    continue;
  }
  t.teardown(() => server.stop());
  tokenStoreSuite(
    server.kind,
    opener(async () => configOf(server.kind, await server.fresh())),
  );
}
