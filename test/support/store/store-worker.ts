/** A process of its own over a shared store: the other side of the tests with several processes, and of the crashes. */
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { publishToy, toyCatalog } from '../toy-packages.js';
import { FaultObjectStore, type IFault } from './fault-objectstore.js';
import { openStore, type TStoreConfig } from './store-open.js';

export type TTask =
  /** adds `{worker}.{n}` to the list under `key`, `count` times, all at once or one after the other */
  | { do: 'update'; key: string; worker: number; count: number; atOnce: boolean }
  | { do: 'publish'; name: string; version: string; content: string; size: number; fault?: IFault }
  | { do: 'race'; name: string; versions: string[]; content: string };

const work = async (config: TStoreConfig, task: TTask): Promise<unknown> => {
  const store = new FaultObjectStore(await openStore(config));
  const storage = new RegistryStorage(store);
  await storage.init();
  const catalog = toyCatalog(storage);
  await new Promise<void>((resolve) => {
    process.once('message', () => resolve());
    process.send?.('ready');
  });
  if (task.do === 'publish') {
    const bytes = Buffer.alloc(task.size, task.content);
    store.reset(task.fault);
    await publishToy(storage, task.name, task.version, bytes, catalog);
    return store.log;
  }
  if (task.do === 'race') {
    const wins: string[] = [];
    for (const version of task.versions) {
      await publishToy(storage, task.name, version, Buffer.from(task.content), catalog).then(
        () => wins.push(version),
        (error: { kind?: string }) => {
          if (error.kind !== 'alreadyExists') throw error;
        },
      );
    }
    return wins;
  }
  const add = (n: number) =>
    storage.update<string[]>(task.key, (list) => [...(list ?? []), `${task.worker}.${n}`]).then(() => {});
  const numbers = Array.from({ length: task.count }, (_, n) => n);
  if (task.atOnce) await Promise.all(numbers.map(add));
  else for (const n of numbers) await add(n);
  await storage.destroy();
  return store.log.length;
};

const { config, task } = JSON.parse(process.argv[2]!) as { config: TStoreConfig; task: TTask };
work(config, task).then(
  (result) => process.send?.({ result }, () => process.exit(0)),
  (error: Error) => process.send?.({ error: `${error.stack}` }, () => process.exit(1)),
);
