import t, { type Test } from 'tap';
import { DirectoryObjectStore } from '../../../ts/core/objectstore/directory/classes.directoryobjectstore.js';
import type { IObjectStore } from '../../../ts/index.js';
import { crowd } from '../../support/journal-crowd.js';
import { temporaryFolder } from '../../support/registry.js';
import { startS3Server } from '../../support/store/s3-server.js';
import { openStore, type TStoreConfig } from '../../support/store/store-open.js';

const server = await startS3Server();
t.teardown(() => server?.stop());

/** Each replica has a driver of its own, as if it were a process of its own. */
const drivers = (t: Pick<Test, 'teardown'>, make: () => Promise<IObjectStore>) => async (): Promise<IObjectStore> => {
  const store = await make();
  await store.init?.();
  t.teardown(() => store.destroy?.());
  return store;
};

t.test('three replicas on one directory: each change once, in order', async (t) => {
  const directory = await temporaryFolder(t);
  const open = drivers(t, async () => new DirectoryObjectStore(directory));
  await crowd(t, { seed: 1, open, turns: 300 });
});

t.test('three replicas on one bucket: each change once, in order', { skip: !server && 'no S3 server' }, async (t) => {
  const config = server?.config as TStoreConfig;
  const open = drivers(t, () => openStore(config));
  await crowd(t, { seed: 2, open, turns: 200 });
});
