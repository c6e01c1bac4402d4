import t from 'tap';
import { forEachAtOnce } from '../../../ts/core/base/helpers.concurrency.js';

t.test(
  'after a failure nothing more is begun, and the failure is thrown when what was under way has ended',
  async (t) => {
    const begun: number[] = [];
    const ended: number[] = [];
    const work = async (item: number): Promise<void> => {
      begun.push(item);
      await new Promise((resolve) => setImmediate(resolve));
      ended.push(item);
      if (item === 1) throw new Error('one fails');
    };
    const items = Array.from({ length: 50 }, (_, item) => item);
    await t.rejects(forEachAtOnce(items, 3, work), /one fails/);
    t.ok(begun.length <= 6, `${begun.length} of 50 were begun`);
    t.same(ended, begun, 'all of them ended before');
  },
);

t.test('never more at once than allowed', async (t) => {
  let running = 0;
  let most = 0;
  await forEachAtOnce(Array.from({ length: 40 }), 4, async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
  });
  t.equal(most, 4);
});
