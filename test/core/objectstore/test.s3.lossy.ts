import t from 'tap';
import { S3ObjectStore } from '../../../ts/core/objectstore/s3/classes.s3objectstore.js';
import { lossyScenes } from '../../suites/objectstore.lossy.js';
import { onBench } from '../../support/store/objectstore-bench.js';
import { lossyBySmallServer } from '../../support/store/s3-lossy.js';
import { startSmallServer } from '../../support/store/s3-small-server.js';

// on a real server these scenes are a part of the suite (test.s3.ts); here they run everywhere
const server = await startSmallServer({ conditions: true, deleteConditions: true });
t.teardown(() => server.stop());
const open = async (): Promise<S3ObjectStore> => {
  const store = new S3ObjectStore(server.config);
  await store.init();
  t.teardown(() => store.destroy());
  return store;
};
onBench(
  'S3, lost requests',
  async () => ({ store: await open(), close: async () => {} }),
  { lossy: async () => lossyBySmallServer(server, await open(), await open()) },
  lossyScenes,
);
