import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { directoryBackend, memoryBackend } from '../support/faults/backends.js';
import { record } from '../support/faults/cases.js';
import { ABSENT, PRESENT, type TEffects } from '../support/faults/history.js';
import type { IFaultOperation } from '../support/faults/interfaces.js';
import { models, operations } from '../support/faults/list.js';
import { sweepAll, World } from '../support/faults/world.js';

const SCRIPT = fileURLToPath(new URL('../support/faults/killed-child.ts', import.meta.url));
/** a process each, so only these two: one that adds and one that takes away */
const NAMES = ['publish, next version', 'delete manifest'];

/** How the process ended. */
const runChild = (folder: string, operation: string, at: number, when: string): Promise<NodeJS.Signals | null> =>
  new Promise((resolve, reject) => {
    const args = ['--import=tsx', SCRIPT, folder, operation, String(at), when];
    const child = execFile(
      process.execPath,
      args,
      { env: { ...process.env, NODE_OPTIONS: '' } },
      (error, _, stderr) => {
        if (error && child.signalCode === null) reject(new Error(`${error.message}\n${stderr}`));
        else resolve(child.signalCode);
      },
    );
  });

/** What the operation does when nothing happens to it. The bytes of another process have other times in them. */
const effectsOf = async (operation: IFaultOperation): Promise<TEffects> => {
  const world = new World(await memoryBackend().open(0), operation.config, []);
  const replica = await world.replica('A');
  await operation.prepare(replica, world);
  await operation.run(replica);
  const effects: TEffects = {};
  for (const thing of world.history.things('')) {
    effects[thing] = world.history.allowed(thing).includes(ABSENT) ? ABSENT : PRESENT;
  }
  await world.close();
  return effects;
};

/** Prepared here, broken off there, and looked at by a replica that comes afterwards. */
const tryCase = async (t: Test, operation: IFaultOperation, at: number, when: string): Promise<void> => {
  const effects = await effectsOf(operation);
  const opened = await directoryBackend().open(0);
  const own = models.filter(({ protocol }) => protocol === operation.protocol);
  const world = new World(opened, operation.config, own);
  await world.clock.run(async () => {
    await operation.prepare(await world.replica('B'), world);
    const recording = world.history.begin(effects);
    const what = `${operation.name}, killed ${when} call ${at}`;
    t.equal(await runChild(opened.folder!, operation.name, at, when), 'SIGKILL', what);
    recording.unknown();
    world.enter('ended');
    const after = await world.replica('C');
    await world.check(after);
    world.enter('sent again');
    const again = await operation.run(after);
    t.ok((again >= 200 && again < 300) || operation.again?.includes(again), `${what}: again ${again}`);
    await world.check(after);
    world.enter('swept');
    await sweepAll(after);
    world.letUnnamedGo();
    await world.checkSwept(after);
    t.same(world.violations, [], what);
    await world.close();
  });
};

for (const operation of operations.filter(({ name }) => NAMES.includes(name))) {
  t.test(`kill -9 at each write: ${operation.name}`, async (t) => {
    const own = models.filter(({ protocol }) => protocol === operation.protocol);
    const { calls } = await record(memoryBackend(), 0, operation, own);
    for (const { at } of calls.filter(({ isWrite }) => isWrite)) {
      await tryCase(t, operation, at, 'before');
      await tryCase(t, operation, at, 'after');
    }
  });
}
