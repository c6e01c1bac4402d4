/**
 * Run as a process of its own by killed.ts: one operation on a directory, and at one of its calls this process is killed
 * as by kill -9. Prints the calls if it lives. Arguments: folder, operation, number of the call, `before` or `after`.
 */
import { DirectoryObjectStore } from '../../../ts/core/objectstore/directory/classes.directoryobjectstore.js';
import { FaultObjectStore } from '../store/fault-objectstore.js';
import { operations } from './list.js';
import { Replica } from './replica.js';
import { World } from './world.js';

const [folder, name, at, when] = process.argv.slice(2) as [string, string, string, 'before' | 'after'];
const operation = operations.find((one) => one.name === name);
if (!operation) throw new Error(`there is no operation ${name}`);
const inner = new DirectoryObjectStore(folder);
await inner.init();
const store = new FaultObjectStore(inner);
const opened = {
  movesClock: false,
  direct: async () => inner,
  faulty: () => Promise.reject(new Error('not here')),
  close: async () => {},
};
const world = new World(opened, operation.config, []);
const replica = await Replica.start('A', world, store, operation.config);
store.reset({ at: Number(at), when, how: 'kill' });
const status = await operation.run(replica);
process.stdout.write(JSON.stringify({ status, calls: store.log.length }));
await replica.stop();
