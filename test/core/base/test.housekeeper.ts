import t from 'tap';
import { Housekeeper } from '../../../ts/core/base/classes.housekeeper.js';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

t.test('chores come again, also after a failure, never two of one kind at once, and stop', async (t) => {
  const lines: string[] = [];
  const log = (message: string) => void lines.push(message);
  const housekeeper = new Housekeeper({ info: log, warn: log, error: log });
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
  for (let tries = 0; runs < 4 && tries < 400; tries++) await pause(5);
  await housekeeper.stop();
  t.ok(runs >= 4, `${runs} runs`);
  t.equal(most, 1);
  t.equal(atOnce, 0, 'stop waits for what runs');
  t.same(lines, ['Sweeping failed and will be tried again', 'Sweeping'], 'nothing done is not worth a line');
  const before = runs;
  await pause(30);
  t.equal(runs, before);
});
