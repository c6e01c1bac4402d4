import t from 'tap';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';

interface ISubject {
  name: string;
}

/** A truth and what follows it, both in memory, so that a test can slip in between. */
const world = (label = false) => {
  let now = new Date('2026-01-01T00:00:00Z');
  const inner = new MemoryObjectStore({ now: () => now });
  const store = new FaultObjectStore(inner);
  const warned: string[] = [];
  const warn = (message: string) => void warned.push(message);
  const storage = new RegistryStorage(store, { now: () => now, logger: { info: () => {}, warn, error: warn } });
  const truth = new Map<string, number>();
  const derived = new Map<string, number>();
  const hooks: { afterLook?: () => void; follow?: () => void } = {};
  const pending = storage.pendingMarkers<ISubject, number>({
    prefix: 'pending',
    what: 'A mirror',
    look: async ({ name }) => {
      const seen = truth.get(name) ?? 0;
      const then = hooks.afterLook;
      hooks.afterLook = undefined;
      then?.();
      return seen;
    },
    follow: async ({ name }, value) => {
      hooks.follow?.();
      if (derived.get(name) === value) return false;
      derived.set(name, value);
      return true;
    },
    isSame: (one, other) => one === other,
    ...(label && { label: ({ name }: ISubject) => name, labelled: (name: string) => ({ name }) }),
  });
  const wait = (seconds: number) => {
    now = new Date(now.getTime() + 1000 * seconds);
  };
  return { inner, store, storage, warned, truth, derived, hooks, pending, wait };
};

t.test('what follows is made the same, also if the truth changes between look and write', async (t) => {
  const { pending, truth, derived, hooks, inner } = world();
  await pending.during({ name: 'a' }, async () => truth.set('a', 1));
  t.equal(derived.get('a'), 1);
  t.same(inner.keys('pending/'), []);
  hooks.afterLook = () => truth.set('a', 2);
  t.equal(await pending.bringUpToDate({ name: 'a' }), true);
  t.equal(derived.get('a'), 2);
  t.equal(await pending.bringUpToDate({ name: 'a' }), false);
});

t.test('work that fails half-way is followed too, and its error is the caller’s', async (t) => {
  const { pending, truth, derived, inner } = world();
  const work = async () => {
    truth.set('a', 1);
    throw new Error('half-way');
  };
  await t.rejects(pending.during({ name: 'a' }, work), /half-way/);
  t.equal(derived.get('a'), 1);
  t.same(inner.keys('pending/'), []);
});

for (const label of [false, true]) {
  t.test(`any replica settles what another one left behind (the key tells: ${label})`, async (t) => {
    const { pending, truth, derived, hooks, inner, warned, wait } = world(label);
    hooks.follow = () => {
      throw new Error('down');
    };
    await pending.during({ name: 'a' }, async () => truth.set('a', 1));
    t.same(warned, ['A mirror could not follow a write; it will be repaired']);
    const [key] = inner.keys('pending/');
    t.match(key, label ? /^pending\/a=[0-9a-f-]{36}$/ : /^pending\/[0-9a-f-]{36}$/);
    hooks.follow = undefined;
    t.equal(await pending.repair(20_000), 0, 'its writer may be at it');
    wait(21);
    t.equal(await pending.repair(20_000), 1);
    t.equal(derived.get('a'), 1);
    t.equal(inner.keys('pending/').length, 1, 'its writer may be on its way to the commit');
    truth.set('a', 2);
    t.equal(await pending.repair(20_000), 1);
    wait(15 * 60);
    t.equal(await pending.repair(20_000), 0);
    t.same(inner.keys('pending/'), []);
  });
}

t.test('one bad marker does not keep the others from being settled', async (t) => {
  const { pending, truth, derived, inner, warned } = world();
  await inner.put('pending/0000', Buffer.from('half a mar'));
  await pending.mark({ name: 'a' });
  truth.set('a', 1);
  t.equal(await pending.repair(0), 1);
  t.equal(derived.get('a'), 1);
  t.same(warned, ['A mirror could not be repaired']);
});

t.test('a marker whose answer is lost is taken back, and its error is the caller’s', async (t) => {
  const { pending, store, inner } = world();
  store.after = ({ verb }) => {
    if (verb === 'put') throw new Error('lost');
  };
  await t.rejects(
    pending.during({ name: 'a' }, async () => t.fail('without a marker')),
    /lost/,
  );
  t.same(inner.keys('pending/'), []);
});

t.test('a marker that cannot be deleted does not keep the others from being repaired', async (t) => {
  const { pending, truth, derived, inner, store, warned, wait } = world(true);
  for (const name of ['a', 'b', 'c']) {
    await pending.mark({ name });
    truth.set(name, 1);
  }
  wait(16 * 60);
  store.before = ({ verb, key }) => {
    if (verb === 'delete' && key.startsWith('pending/a')) throw new RegistryError('forbidden', 'no right to delete');
  };
  t.equal(await pending.repair(20_000), 3);
  t.same([...derived.keys()], ['a', 'b', 'c']);
  t.equal(inner.keys('pending/').length, 1);
  t.equal(warned.length, 1);
});

t.test('a truth that changes while it is followed for the first time is followed once more', async (t) => {
  const { pending, truth, derived, hooks } = world();
  truth.set('a', 1);
  hooks.afterLook = () => truth.set('a', 2);
  t.equal(await pending.bringUpToDate({ name: 'a' }), true);
  t.equal(derived.get('a'), 2);
});

t.test('a marker that cannot be taken back either leaves the caller with the first error', async (t) => {
  const { pending, store, inner } = world();
  store.after = ({ verb }) => {
    if (verb === 'put') throw new Error('lost');
  };
  store.before = ({ verb }) => {
    if (verb === 'delete') throw new Error('not deleted');
  };
  await t.rejects(pending.mark({ name: 'a' }), { message: 'lost' });
  t.equal(inner.keys('pending/').length, 1, 'a repair removes it');
});

t.test('a marker stays, however old it is, as long as its subject cannot be followed', async (t) => {
  const { pending, truth, derived, hooks, inner, warned, wait } = world();
  await pending.mark({ name: 'a' });
  truth.set('a', 1);
  wait(16 * 60);
  hooks.follow = () => {
    throw new Error('down');
  };
  t.equal(await pending.repair(20_000), 0);
  t.equal(warned.length, 1);
  t.equal(inner.keys('pending/').length, 1);
  hooks.follow = undefined;
  t.equal(await pending.repair(20_000), 1);
  t.equal(derived.get('a'), 1);
  t.same(inner.keys('pending/'), []);
});

t.test('a marker that its writer removes while a repair comes to it is no failure', async (t) => {
  const { pending, store, inner, derived, warned } = world();
  const id = await pending.mark({ name: 'a' });
  store.before = async ({ verb }) => {
    if (verb === 'get') await inner.delete(`pending/${id}`);
  };
  t.equal(await pending.repair(0), 0);
  t.same(warned, []);
  t.equal(derived.size, 0);
});

t.test('work waits for its marker, and work whose followers fail keeps its own result', async (t) => {
  const { pending, store, inner, hooks } = world();
  let isMarked = false;
  store.after = ({ verb }) => {
    isMarked ||= verb === 'put';
  };
  hooks.follow = () => {
    throw new Error('down');
  };
  const result = await pending.during({ name: 'a' }, async () => {
    t.ok(isMarked);
    return 'done';
  });
  t.equal(result, 'done');
  t.equal(inner.keys('pending/').length, 1);
});
