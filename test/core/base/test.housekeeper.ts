import t from 'tap';
import { Housekeeper, type IChore, type IChoreRecords } from '../../../ts/core/base/classes.housekeeper.js';
import type { ILogger } from '../../../ts/core/interfaces.core.js';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const until = async (holds: () => boolean): Promise<void> => {
  for (let tries = 0; !holds() && tries < 1000; tries++) await pause(5);
};

const logTo = (lines: string[]): ILogger => {
  const log = (message: string) => void lines.push(message);
  return { info: log, warn: log, error: log };
};

/** Every chore is due and nobody else is there. */
const alone = (ended: boolean[] = []): IChoreRecords => ({
  begin: async () => ({ end: async (completed) => void ended.push(completed) }),
});

t.test('chores come again, also after a failure, and never two of one kind at once', async (t) => {
  const lines: string[] = [];
  const ended: boolean[] = [];
  const housekeeper = new Housekeeper(logTo(lines), alone(ended), { firstLookMs: 5 });
  let runs = 0;
  let atOnce = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++atOnce);
    runs++;
    await pause(15);
    atOnce--;
    if (runs === 1) throw new Error('the first time');
    return { swept: runs === 2 ? 3 : 0 };
  };
  housekeeper.add({ name: 'Sweeping', everyMs: 5, work });
  await until(() => ended.length >= 4);
  await housekeeper.stop();
  t.equal(most, 1);
  t.same(ended.slice(0, 4), [false, true, true, true], 'a failure is no completed run');
  t.same(lines, ['Sweeping failed and will be tried again', 'Sweeping'], 'nothing done is not worth a line');
  const before = runs;
  await pause(60);
  t.equal(runs, before, 'nothing is begun after stop');
});

t.test('a chore that is done comes again when it is due, and one that failed much sooner', async (t) => {
  const DAY = 24 * 60 * 60_000;
  const pauses: number[] = [];
  const { setTimeout: real } = globalThis;
  t.teardown(() => void Object.assign(globalThis, { setTimeout: real }));
  for (const fails of [false, true]) {
    const housekeeper = new Housekeeper(logTo([]), alone(), { firstLookMs: 1, stopMs: 1 });
    const work = async () => {
      Object.assign(globalThis, {
        setTimeout: (callback: () => void, ms: number) => {
          pauses.push(ms);
          return real(callback, DAY).unref();
        },
      });
      if (fails) throw new Error('no');
      return undefined;
    };
    const before = pauses.length;
    housekeeper.add({ name: 'Sweeping', everyMs: 30 * 60_000, work });
    while (pauses.length === before) await new Promise((resolve) => setImmediate(resolve));
    Object.assign(globalThis, { setTimeout: real });
    await housekeeper.stop();
  }
  const [done, failed] = pauses as [number, number];
  t.ok(done > 25 * 60_000 && done < 35 * 60_000, `${done} ms after a success`);
  t.ok(failed < 15 * 60_000, `${failed} ms after a failure`);
});

t.test('stop aborts a chore that runs, gives its turn back and does not wait for the work to end', async (t) => {
  const lines: string[] = [];
  const ended: boolean[] = [];
  const housekeeper = new Housekeeper(logTo(lines), alone(ended), { firstLookMs: 1 });
  let heard: AbortSignal | undefined;
  const work: IChore['work'] = ({ signal }) => {
    heard = signal;
    return new Promise(() => {}); // a store that never answers
  };
  housekeeper.add({ name: 'Sweeping', everyMs: 1000, work });
  await until(() => heard !== undefined);
  await housekeeper.stop();
  t.equal(heard?.aborted, true);
  t.same(ended, [false], 'the turn was given back, and the run does not count');
  t.same(lines, [], 'what was aborted has not failed');
});

t.test('stop ends although a record cannot be written', async (t) => {
  const records: IChoreRecords = { begin: async () => ({ end: () => new Promise(() => {}) }) };
  const housekeeper = new Housekeeper(logTo([]), records, { firstLookMs: 1, stopMs: 20 });
  let runs = 0;
  housekeeper.add({ name: 'Sweeping', everyMs: 1000, work: async () => void runs++ as undefined });
  await until(() => runs > 0);
  await housekeeper.stop();
  t.equal(runs, 1);
});

t.test('a chore whose turn it is not comes back when the records say', async (t) => {
  const asked: string[] = [];
  const records: IChoreRecords = {
    begin: async ({ name }) => {
      asked.push(name);
      if (asked.length === 2) throw new Error('the store does not answer');
      return 5;
    },
  };
  const lines: string[] = [];
  const housekeeper = new Housekeeper(logTo(lines), records, { firstLookMs: 1 });
  const work = async () => t.fail('it is not due') as never;
  housekeeper.add({ name: 'Sweeping', everyMs: 10, work });
  await until(() => asked.length > 3);
  await housekeeper.stop();
  t.same(lines, ['The record of a chore cannot be used: Sweeping']);
});

t.test('what each process does for itself asks for no turn', async (t) => {
  const records: IChoreRecords = { begin: async () => t.fail('asked') as never };
  const housekeeper = new Housekeeper(logTo([]), records, { firstLookMs: 1 });
  let runs = 0;
  const work = async () => void runs++ as undefined;
  housekeeper.add({ name: 'Forgetting', everyMs: 5, perProcess: true, work });
  await until(() => runs > 1);
  await housekeeper.stop();
  t.ok(runs > 1);
});

t.test('a chore of every month does not come at once because timers end at 24 days', async (t) => {
  const housekeeper = new Housekeeper(logTo([]), alone(), { firstLookMs: 1 });
  let runs = 0;
  housekeeper.add({ name: 'Sweeping', everyMs: 60 * 24 * 3600_000, work: async () => void runs++ as undefined });
  await until(() => runs > 0);
  await pause(50);
  await housekeeper.stop();
  t.equal(runs, 1);
});
