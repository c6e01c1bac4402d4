import t from 'tap';
import { FairQueue } from '../../../ts/core/base/classes.fairqueue.js';

/** A queue whose work ends when the test says so; `started` lists it in order. */
const held = (concurrency: number, queue: number) => {
  const fair = new FairQueue({ concurrency, queue, refusal: () => new Error('full') });
  const started: string[] = [];
  const refused: string[] = [];
  const ends: (() => void)[] = [];
  const add = (label: string, ...names: string[]): void => {
    const work = () => {
      started.push(label);
      return new Promise<void>((end) => ends.push(end));
    };
    fair.run(names, work).catch(() => refused.push(label));
  };
  const tick = () => new Promise((done) => setImmediate(done));
  /** ends all that runs, again and again */
  const drain = async (): Promise<void> => {
    await tick();
    while (ends.length > 0) {
      ends.shift()?.();
      await tick();
    }
  };
  return { add, drain, tick, started, refused, fair };
};

t.test('so many at once, in order, and a failure gives its place back', async (t) => {
  const fair = new FairQueue({ concurrency: 2, queue: 3, refusal: () => new Error('full') });
  let [running, most] = [0, 0];
  const finished: number[] = [];
  const work = (n: number) =>
    fair.run(['a'], async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
      if (n === 1) throw new Error('one fails');
      finished.push(n);
    });
  const results = await Promise.allSettled([0, 1, 2, 3, 4, 5].map(work));
  t.equal(most, 2);
  t.same(finished, [0, 2, 3, 4]);
  t.same(
    results.map((result) => result.status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected'],
  );
  await Promise.all([6, 7, 8, 9].map(work));
  t.same(finished.slice(-4), [6, 7, 8, 9]);
  t.equal(most, 2, 'and nobody takes two');
});

t.test('who floods waits behind its own work', async (t) => {
  const { add, drain, started } = held(1, 100);
  for (let n = 1; n <= 4; n++) add(`flood ${n}`, 'x', 'one');
  add('other 1', 'x', 'two');
  add('b 1', 'y', 'b');
  add('b 2', 'y', 'b');
  await drain();
  // x and y take turns; within x, `one` and `two`
  t.same(started, ['flood 1', 'flood 2', 'b 1', 'other 1', 'b 2', 'flood 3', 'flood 4']);
});

t.test('a full queue: the latest of the longest lane gives way to a shorter one', async (t) => {
  const { add, drain, tick, started, refused } = held(1, 4);
  add('runs', 'z', 'z');
  for (let n = 1; n <= 4; n++) add(`x ${n}`, 'x', `user ${n}`);
  add('y 1', 'y', 'b');
  await tick();
  t.same(refused, ['x 4']);
  add('x 5', 'x', 'user 5');
  await tick();
  t.same(refused, ['x 4', 'x 5'], 'not to its own kind');
  add('y 2', 'y', 'b');
  await tick();
  add('y 3', 'y', 'b');
  await tick();
  t.same(refused, ['x 4', 'x 5', 'x 3', 'y 3'], 'until both are of one length');
  add('w 1', 'w', 'c');
  await tick();
  t.same(refused, ['x 4', 'x 5', 'x 3', 'y 3', 'y 2']);
  await drain();
  t.same(started, ['runs', 'x 1', 'y 1', 'w 1', 'x 2']);
});

t.test('within one lane the same holds for the lanes below', async (t) => {
  const { add, tick, drain, started, refused } = held(1, 3);
  add('runs', 'x', 'a');
  for (let n = 1; n <= 3; n++) add(`a ${n}`, 'x', 'a');
  add('b 1', 'x', 'b');
  await tick();
  t.same(refused, ['a 3']);
  await drain();
  t.same(started, ['runs', 'a 1', 'b 1', 'a 2']);
});
