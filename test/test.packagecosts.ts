import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { cargoDescription } from './support/cargo/description.js';
import { composerDescription } from './support/composer/description.js';
import { mavenDescription } from './support/maven/description.js';
import { npmDescription } from './support/npm/description.js';
import type { IProtocolDescription } from './support/protocol/description.js';
import { protocolWorld } from './support/protocol/world.js';
import { pypiDescription } from './support/pypi/description.js';
import { temporaryFolder } from './support/registry.js';
import { rubygemsDescription } from './support/rubygems/description.js';
import { FaultObjectStore, type IOperation } from './support/store/fault-objectstore.js';
import { MemoryObjectStore } from './support/store/memory-objectstore.js';
import { openStore } from './support/store/objectstore-directory.js';

// What packages cost the store, as numbers of calls: they are the same on a busy machine.

const protocols = [
  npmDescription,
  mavenDescription,
  cargoDescription,
  composerDescription,
  pypiDescription,
  rubygemsDescription,
];

/** Users and tokens are looked up from time to time, whatever is published. */
const isOfUsers = (key: string): boolean => key.startsWith('auth/');

/** The number of rounds: a call that begins while another one runs is in the round of that one. */
const roundsOf = (store: FaultObjectStore): (() => number) => {
  let running = 0;
  let rounds = 0;
  store.before = async ({ key }) => {
    if (isOfUsers(key)) return;
    if (running++ === 0) rounds++;
    // what is asked for at the same time begins now
    await setImmediate();
  };
  store.after = ({ key }) => {
    if (!isOfUsers(key)) running--;
  };
  return () => rounds;
};

const worldOn = async (t: Test, about: IProtocolDescription, store: FaultObjectStore) => {
  const world = await protocolWorld(t, about, { storage: { objectStore: store } });
  const publish = async (name: string, version: string): Promise<void> => {
    const { status, text } = await world.publish(name, version);
    if (status >= 300) throw new Error(`${name} ${version}: ${status} ${text}`);
  };
  return { ...world, publish };
};

for (const about of protocols) {
  const [, , , name] = about.names;
  const artifacts = about === pypiDescription ? 2 : 1;
  // the log of all changes gets its line while the listing gets its entry
  const logs = about === rubygemsDescription ? 1 : 0;

  t.test(`${about.protocol}: a publish costs the same calls among many packages as among few`, async (t) => {
    const store = new FaultObjectStore(new MemoryObjectStore());
    const { publish } = await worldOn(t, about, store);
    const rounds = roundsOf(store);
    const verbsOf = async (number: number): Promise<string[]> => {
      store.reset();
      await publish(`${name}${number}`, about.version(1));
      const calls = store.log.filter(({ key }) => !isOfUsers(key));
      return calls.map(({ verb, key }: IOperation) => `${verb} ${key.split('/')[1]}`).sort();
    };
    await verbsOf(0);
    const before = rounds();
    const few = await verbsOf(1);
    // the document is looked up; a marker and the artifacts are stored; the document; the listing; the marker goes
    t.equal(rounds() - before, 5);
    t.equal(few.length, 5 + artifacts + logs);
    for (let number = 2; number < 200; number++) await publish(`${name}${number}`, about.version(1));
    t.same(await verbsOf(200), few);
  });

  for (const where of ['in a directory', 'in a store that is listed']) {
    t.test(`${about.protocol}, ${where}: a sweep reads no document of a package that has not changed`, async (t) => {
      const plain = where === 'in a directory' ? await openStore(await temporaryFolder(t)) : new MemoryObjectStore();
      const store = new FaultObjectStore(plain);
      const { publish, registry } = await worldOn(t, about, store);
      for (let number = 0; number < 20; number++) await publish(`${name}${number}`, about.version(1));
      const documentsRead = async (): Promise<number> => {
        store.reset();
        t.equal(await registry.getRegistry(about.protocol)?.sweepOrphans({ olderThanMs: 0 }), 0);
        const isOwn = ({ verb, key }: IOperation) => verb === 'get' && key.startsWith(`${about.protocol}/`);
        return store.log.filter(isOwn).length;
      };
      t.equal(await documentsRead(), 20);
      t.equal(await documentsRead(), 0);
      await publish(`${name}7`, about.version(2));
      t.equal(await documentsRead(), 1, 'only the one that has changed');
      t.equal(await documentsRead(), 0);
    });
  }
}
