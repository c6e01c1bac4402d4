import t from 'tap';
import { mapInSlices, SharedSlices, Slices, sortInSlices } from '../../../ts/core/base/helpers.slices.js';

t.test('long work gives others their turn', async (t) => {
  let turns = 0;
  let goesOn = true;
  const others = (): void => {
    turns++;
    if (goesOn) setImmediate(others);
  };
  setImmediate(others);
  const slices = new Slices();
  const end = performance.now() + 100;
  while (performance.now() < end) if (slices.due) await slices.rest();
  goesOn = false;
  t.ok(turns >= 2, `${turns} turns in 100 ms`);
});

t.test('sorting in slices is sorting', async (t) => {
  for (const length of [0, 1, 999, 1000, 1001, 2500, 20_000]) {
    const items = Array.from({ length }, (_, n) => ({ key: (n * 7919) % 1009, n }));
    const compare = (a: { key: number }, b: { key: number }) => a.key - b.key;
    const expected = [...items].sort(compare);
    t.same(await sortInSlices(items, compare), expected, `${length} items, equal ones in their order`);
  }
});

t.test('mapping in slices keeps the order and gives others their turn', async (t) => {
  let turns = 0;
  const others = setInterval(() => turns++, 1);
  const items = Array.from({ length: 100 }, (_, n) => n);
  const doubled = await mapInSlices(items, (n) => {
    const end = performance.now() + 0.5;
    while (performance.now() < end);
    return 2 * n;
  });
  clearInterval(others);
  t.same(
    doubled,
    items.map((n) => 2 * n),
  );
  t.ok(turns >= 3, `${turns} turns`);
});

t.test('many works that begin together do not hold the event loop one after another', async (t) => {
  let longest = 0;
  let before = performance.now();
  let goesOn = true;
  const others = (): void => {
    longest = Math.max(longest, performance.now() - before);
    before = performance.now();
    if (goesOn) setImmediate(others);
  };
  setImmediate(others);
  const work = async (): Promise<void> => {
    const slices = new SharedSlices();
    for (let left = 10; left > 0; left--) {
      if (slices.due) await slices.rest();
      const end = performance.now() + 1;
      while (performance.now() < end);
    }
  };
  await Promise.all(Array.from({ length: 40 }, work));
  goesOn = false;
  // 40 slices are 200 ms
  t.ok(longest < 100, `${longest} ms`);
});
