import t from 'tap';
import type { IChore, IChoreTurn } from '../../../ts/core/base/classes.housekeeper.js';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import type { IObjectStore } from '../../../ts/core/objectstore/interfaces.objectstore.js';
import { ChoreRecords, choreKey } from '../../../ts/core/storage/upkeep/classes.chores.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';

const DAY_MS = 24 * 3600_000;
const sweep: IChore = { name: 'Sweeping: old things', everyMs: DAY_MS, work: async () => undefined };

/** Replicas on one store, each with its own storage, and two clocks that the test sets. */
const replicas = (leaseMs = 60_000) => {
  const store = new MemoryObjectStore();
  const clock = { wall: Date.parse('2026-01-01T00:00:00Z'), steady: 0 };
  const open = (aheadMs = 0, own: IObjectStore = store): ChoreRecords => {
    const storage = new RegistryStorage(own, { now: () => new Date(clock.wall + aheadMs) });
    return new ChoreRecords(storage, { leaseMs, monotonic: () => clock.steady });
  };
  const pass = (ms: number): void => {
    clock.wall += ms;
    clock.steady += ms;
  };
  const record = (): unknown => JSON.parse(Buffer.from(store.objects.get(choreKey(sweep.name))!.bytes).toString());
  return { store, open, pass, record };
};

const isTurn = (answer: IChoreTurn | number): answer is IChoreTurn => typeof answer !== 'number';

t.test('a process that is redeployed every day still sweeps once a day', async (t) => {
  const { open, pass, record } = replicas();
  let runs = 0;
  for (let day = 0; day < 5; day++) {
    for (let hour = 0; hour < 24; hour += 8) {
      // a new process each time
      const turn = await open().begin(sweep);
      if (isTurn(turn)) {
        runs++;
        await turn.end(true);
      }
      pass(8 * 3600_000);
    }
  }
  t.equal(runs, 5);
  t.match(record(), { lastRun: '2026-01-05T00:00:00.000Z', lease: undefined });
});

t.test('of two replicas one gets the turn, and the other is told to ask again', async (t) => {
  const { open, pass } = replicas();
  const [a, b] = [open(), open(-5_000)];
  const turns = await Promise.all([a.begin(sweep), b.begin(sweep)]);
  t.equal(turns.filter(isTurn).length, 1);
  t.same(
    turns.filter((turn) => !isTurn(turn)),
    [60_000],
  );
  await turns.find(isTurn)!.end(true);
  pass(1000);
  for (const replica of [a, b, open()]) {
    const waitMs = await replica.begin(sweep);
    t.ok(typeof waitMs === 'number' && waitMs > DAY_MS - 10_000 && waitMs < DAY_MS + 10_000, `${waitMs}`);
  }
});

t.test('an aborted or failed run is nobody’s turn and due at once', async (t) => {
  const { open, record } = replicas();
  const turn = await open().begin(sweep);
  t.ok(isTurn(turn));
  await (turn as IChoreTurn).end(false);
  t.match(record(), { lastRun: undefined, lease: undefined });
  const next = await open().begin(sweep);
  t.ok(isTurn(next));
  await (next as IChoreTurn).end(true);
});

t.test('the lease of a process that died is free after it was watched for its whole length', async (t) => {
  const { open, pass } = replicas();
  const died = open();
  t.ok(isTurn(await died.begin(sweep)));
  const next = open();
  pass(10 * DAY_MS);
  t.equal(await next.begin(sweep), 60_000, 'how long ago it was taken is not asked: clocks differ');
  pass(59_999);
  t.equal(await next.begin(sweep), 60_000);
  pass(1);
  const turn = await next.begin(sweep);
  t.ok(isTurn(turn));
  await (turn as IChoreTurn).end(true);
});

t.test('a lease that is renewed stays with its process, whatever the clocks say', async (t) => {
  const { open, pass, record } = replicas(30);
  const turn = (await open().begin(sweep)) as IChoreTurn;
  const other = open(DAY_MS);
  const beat = () => (record() as { lease: { beat: number } }).lease.beat;
  for (let round = 0; round < 3; round++) {
    t.equal(await other.begin(sweep), 30);
    const before = beat();
    for (let tries = 0; beat() === before && tries < 400; tries++) await new Promise((done) => setTimeout(done, 5));
    t.ok(beat() > before);
    pass(DAY_MS);
  }
  await turn.end(true);
});

t.test('who slept through its lease gives back nothing that is another’s', async (t) => {
  const { open, pass, record } = replicas();
  const slept = (await open().begin(sweep)) as IChoreTurn;
  const next = open();
  await next.begin(sweep);
  pass(60_000);
  const turn = (await next.begin(sweep)) as IChoreTurn;
  await slept.end(true);
  t.match(record(), { lease: { beat: 0 } }, 'still the other’s');
  await turn.end(false);
  t.match(record(), { lastRun: '2026-01-01T00:00:00.000Z', lease: undefined }, 'and its run counts');
});

t.test('a last run far in the future is a clock that was wrong, and does not stop the chore for good', async (t) => {
  const { open } = replicas();
  await ((await open(400 * DAY_MS).begin(sweep)) as IChoreTurn).end(true);
  t.ok(isTurn(await open().begin(sweep)));
});

t.test('a damaged record does not keep a chore from being run', async (t) => {
  for (const damage of ['', '{"lastRun":"2026', '[1]', 'null', '{"lastRun":7}', '{"lease":true}']) {
    const { store, open, pass, record } = replicas();
    await store.put(choreKey(sweep.name), Buffer.from(damage));
    const one = open();
    let turn = await one.begin(sweep);
    if (!isTurn(turn)) {
      pass(61_000);
      turn = await one.begin(sweep);
    }
    t.ok(isTurn(turn), damage);
    if (isTurn(turn)) await turn.end(true);
    t.type((record() as { lastRun: unknown }).lastRun, 'string', damage);
  }
});

t.test('a replica that looked before another one ran the chore does not run it again', async (t) => {
  const { store, open, pass, record } = replicas();
  const late = new FaultObjectStore(store);
  let isOvertaken = false;
  late.after = async ({ verb }) => {
    if (isOvertaken || verb === 'put') return;
    isOvertaken = true;
    const turn = (await open().begin(sweep)) as IChoreTurn;
    pass(3600_000);
    await turn.end(true);
  };
  const answer = await open(0, late).begin(sweep);
  t.ok(isOvertaken);
  t.type(answer, 'number');
  t.match(record(), { lastRun: '2026-01-01T00:00:00.000Z', lease: undefined }, 'a run counts from its start');
});

t.test('a replica whose turn is stored and whose answer is lost has it', async (t) => {
  const { store, open, record } = replicas();
  const lossy = new FaultObjectStore(store);
  lossy.after = ({ verb }) => {
    if (verb !== 'put') return;
    lossy.after = undefined;
    throw new RegistryError('outcomeUnknown', 'lost');
  };
  const turn = await open(0, lossy).begin(sweep);
  t.ok(isTurn(turn));
  await (turn as IChoreTurn).end(true);
  t.match(record(), { lastRun: '2026-01-01T00:00:00.000Z', lease: undefined });
});

t.test('a run that is aborted does not undo the last one that was completed', async (t) => {
  const { open, pass, record } = replicas();
  await ((await open().begin(sweep)) as IChoreTurn).end(true);
  pass(DAY_MS);
  await ((await open().begin(sweep)) as IChoreTurn).end(false);
  t.match(record(), { lastRun: '2026-01-01T00:00:00.000Z', lease: undefined });
});

t.test('a turn that has ended leaves no timer', async (t) => {
  const { open } = replicas();
  const timers = new Set<unknown>();
  const { setInterval: set, clearInterval: clear } = globalThis;
  t.teardown(() => Object.assign(globalThis, { setInterval: set, clearInterval: clear }));
  Object.assign(globalThis, {
    setInterval: (...parameters: Parameters<typeof set>) => {
      const timer = set(...parameters);
      timers.add(timer);
      return timer;
    },
    clearInterval: (timer: NodeJS.Timeout) => {
      timers.delete(timer);
      clear(timer);
    },
  });
  const turn = (await open().begin(sweep)) as IChoreTurn;
  t.equal(timers.size, 1, 'while it runs, its lease is renewed');
  for (const timer of timers) t.equal((timer as NodeJS.Timeout).hasRef(), false, 'which keeps no process alive');
  await turn.end(true);
  t.equal(timers.size, 0);
});
