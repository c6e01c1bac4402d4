import t from 'tap';
import { Pace } from '../../../ts/core/objectstore/directory/files/classes.pace.js';
import { nodeFiles } from '../../../ts/core/objectstore/directory/files/helpers.files.js';
import { makeDirectory, openStore } from '../../support/store/objectstore-directory.js';

t.test('calls are made at once until that proves to be dear, and again after a while', async (t) => {
  let now = 0;
  const pace = new Pace(() => now);
  const call = async (milliseconds: number): Promise<string> =>
    pace.run(
      () => {
        now += milliseconds;
        return 'at once';
      },
      async () => 'later',
    );
  const many = async (count: number, milliseconds: number): Promise<string[]> => {
    const ways = new Set<string>();
    for (let n = 0; n < count; n++) ways.add(await call(milliseconds));
    return [...ways];
  };
  t.same(await many(1000, 0.01), ['at once']);
  for (let n = 0; n < 50; n++) {
    t.equal(await call(90), 'at once', 'the processor was away for once');
    await many(20, 0.01);
  }
  t.same(await many(10, 10), ['at once', 'later'], 'a disk that is waited for');
  now += 3000;
  t.equal(await call(0.01), 'later');
  now += 1500;
  t.same(await many(100, 0.01), ['at once'], 'it has recovered');
  t.same(await many(30, 0.3), ['at once', 'later'], 'dearer than the detour');
  now += 3000;
  await t.rejects(
    pace.run(
      () => {
        throw new Error('no');
      },
      async () => 'later',
    ),
    { message: 'no' },
  );
});

t.test('a slow disk holds the event loop one hundredth of the time at most, however slow it is', async (t) => {
  for (const slowMs of [3, 40, 700]) {
    let now = 0;
    let heldMs = 0;
    const pace = new Pace(() => now);
    const atOnce = () => {
      now += slowMs;
      heldMs += slowMs;
    };
    // a request every 5 ms for twenty minutes
    while (now < 1_200_000) {
      now += 5;
      if (pace.isQuick) pace.time(atOnce);
    }
    t.ok(heldMs / now < 0.012, `${slowMs} ms a call: ${((heldMs / now) * 100).toFixed(2)} %`);
    t.ok(heldMs > 0, 'it is tried again now and then');
  }
});

t.test('looks that were slow of late go through the thread pool, and nobody glances', async (t) => {
  const calls: string[] = [];
  const noted = <T extends (path: string) => unknown>(name: string, call: T): T =>
    ((path: string) => {
      calls.push(name);
      return call(path);
    }) as T;
  let isQuick = true;
  const store = await openStore(await makeDirectory(t), {
    looksAtOnce: () => isQuick,
    statHot: noted('statHot', nodeFiles.statHot),
    readdirHot: noted('readdirHot', nodeFiles.readdirHot),
  });
  await store.put('doc', Buffer.from('1'));
  await store.put('plain', Buffer.from('1'), { immutable: true });
  const look = async () => {
    for (const key of ['doc', 'plain', 'nothing']) await store.head(key);
    return [store.glance('doc')?.size, store.glance('plain')?.size];
  };
  await look();
  t.same(await look(), [1, 1]);
  t.ok(calls.includes('statHot') && calls.includes('readdirHot'));
  calls.length = 0;
  isQuick = false;
  t.same(await look(), [undefined, undefined]);
  t.same(calls, []);
});

t.test('how slow calls have to be, how many of them, and for how long the detour is taken', async (t) => {
  let now = 0;
  const pace = new Pace(() => now);
  const calls = (count: number, ms: number) => {
    for (let n = 0; n < count; n++)
      pace.time(() => {
        now += ms;
      });
  };
  const pausedFor = (ms: number): boolean[] => {
    const begun = now;
    const seen = [-1, 0].map((more) => {
      now = begun + ms + more;
      return pace.isQuick;
    });
    return seen;
  };
  calls(3, 10);
  t.ok(pace.isQuick, 'three that waited are not enough');
  calls(1, 10);
  t.same(pausedFor(4000), [false, true], 'a hundred times what was lost');
  calls(1, 10);
  t.ok(pace.isQuick);
  calls(1, 20);
  t.same(pausedFor(3000), [false, true], 'after a pause two show it, and only they count');
  calls(2, 2);
  t.same(pausedFor(2000), [false, true], 'two seconds at least');
  calls(9, 1);
  t.ok(pace.isQuick, 'those that did not wait weigh less');
  calls(1, 1);
  t.same(pausedFor(2000), [false, true]);
});
