import t from 'tap';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { NoteWriter } from '../../../ts/core/listing/classes.notewriter.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import { documentKey, publishToy, toyCatalog } from '../../support/toy-packages.js';
import { manyTurns, until } from '../../support/waiting.js';

const FRESH = { maxAgeMs: 0 };
const names = Array.from({ length: 20 }, (_, n) => `p${n}`);
const pause = (milliseconds = 1) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/** A replica whose writes take a moment, so that publishes overlap. */
const replica = (inner: MemoryObjectStore, now?: () => Date) => {
  const store = new FaultObjectStore(inner);
  store.before = ({ verb }) => (verb === 'put' ? pause() : undefined);
  const storage = new RegistryStorage(store, { now });
  return { store, storage, catalog: toyCatalog(storage) };
};

const publishAll = ({ storage, catalog }: ReturnType<typeof replica>) =>
  Promise.all(names.map((name) => publishToy(storage, name, '1.0.0', Buffer.from(name), catalog)));

t.test('publishes at about the same time are noted together, and each is seen at once', async (t) => {
  const inner = new MemoryObjectStore();
  const one = replica(inner);
  await publishAll(one);
  t.same([...(await one.catalog.entries({ maxAgeMs: 1e9 })).keys()].sort(), [...names].sort());
  const entries = inner.keys('toy/catalog/entries/');
  t.ok(entries.length < names.length / 2, `${entries.length} objects for ${names.length} packages`);
  await one.storage.settled();
  t.same(inner.keys('toy/catalog/pending/'), [], 'no marker is left');
  const other = replica(inner);
  t.equal((await other.catalog.entries(FRESH)).size, names.length, 'others see them too');
  other.store.reset();
  t.equal((await other.catalog.entries(FRESH)).size, names.length);
  t.equal(other.store.count('get', 'toy/catalog/entries/'), 0, 'and read them once');
});

t.test('an object with several notes is damaged: their packages are listed all the same', async (t) => {
  const inner = new MemoryObjectStore();
  const one = replica(inner);
  await publishToy(one.storage, 'alone', '1.0.0', Buffer.from('x'), one.catalog);
  // there is a base, so the documents are read only if something is found damaged
  const other = replica(inner);
  t.equal((await other.catalog.entries(FRESH)).size, 1);
  await other.storage.settled();
  await publishAll(one);
  await one.storage.settled();
  const gathered = inner.keys('toy/catalog/entries/+');
  t.ok(gathered.length > 0);
  for (const key of gathered) await inner.put(key, Buffer.from('[{"name":"p0","rev'));
  const cold = replica(inner);
  t.same([...(await cold.catalog.entries(FRESH)).keys()].sort(), ['alone', ...names].sort());
  t.equal((await other.catalog.entries(FRESH)).size, 1 + names.length);
});

t.test('who publishes alone waits until it is noted', async (t) => {
  const inner = new MemoryObjectStore();
  const { storage, catalog } = replica(inner);
  await publishToy(storage, 'alone', '1.0.0', Buffer.from('x'), catalog);
  t.same(inner.keys('toy/catalog/pending/'), []);
  t.match(inner.keys('toy/catalog/entries/'), [/^toy\/catalog\/entries\/alone=1=[0-9a-f-]{36}$/]);
});

t.test('notes that are gathered are folded and count as many', async (t) => {
  const inner = new MemoryObjectStore();
  const one = replica(inner);
  for (let round = 0; round < 15; round++) {
    await Promise.all(
      names.map((name) => publishToy(one.storage, `${name}-${round}`, '1.0.0', Buffer.from(name), one.catalog)),
    );
  }
  await one.catalog.entries(FRESH);
  await one.storage.settled();
  t.ok(inner.objects.has('toy/catalog/manifest.json'));
  t.ok(inner.keys('toy/catalog/entries/').length < 20);
  t.equal((await replica(inner).catalog.entries(FRESH)).size, 15 * names.length);
});

t.test('a process that dies before it has noted them leaves what to repair from', async (t) => {
  let now = new Date('2026-01-01T00:00:00Z');
  const inner = new MemoryObjectStore({ now: () => now });
  const dying = replica(inner, () => now);
  dying.store.before = ({ key }) =>
    key.startsWith('toy/catalog/entries/') ? Promise.reject(new Error('gone')) : pause();
  const other = replica(inner, () => now);
  t.equal((await other.catalog.entries(FRESH)).size, 0);
  await publishAll(dying);
  await dying.storage.settled();
  t.equal(inner.keys('toy/catalog/pending/').length, names.length);
  t.equal((await other.catalog.entries(FRESH)).size, 0);
  now = new Date('2026-01-01T00:00:31Z');
  t.equal(await other.catalog.repair(20_000), names.length);
  t.equal((await other.catalog.entries(FRESH)).size, names.length);
  dying.store.before = undefined;
  t.equal((await dying.catalog.entries(FRESH)).size, names.length, 'which it can itself, should it live');
});

t.test('a note that comes while another one is written is written too', async (t) => {
  const written: string[][] = [];
  const gates: (() => void)[] = [];
  const writer = new NoteWriter<object>(async (notes) => {
    written.push(notes.map(({ noted }) => noted.name));
    await new Promise<void>((resolve) => gates.push(resolve));
  });
  const add = (name: string) => writer.add({ noted: { name, revision: 1, entry: {} } }, false);
  const first = add('first');
  await until(() => gates.length === 1);
  const others = [add('second'), add('third')];
  await manyTurns();
  t.same(written, [['first']], 'one write at a time');
  gates[0]?.();
  await first;
  await until(() => gates.length === 2);
  gates[1]?.();
  await Promise.all(others);
  t.same(written, [['first'], ['second', 'third']]);
});

t.test('an impossible name does not get among the notes of others', async (t) => {
  const { storage, catalog } = replica(new MemoryObjectStore());
  const document = (name: string) => ({
    name,
    revision: 1,
    versions: [{ version: '1', key: '', sha256: '', writeId: '' }],
  });
  const [other, own, odd] = [await catalog.mark('other'), await catalog.mark('own'), await catalog.mark('odd')];
  await catalog.note('own', document('own'), own);
  await t.rejects(catalog.note('\ud800', document('odd'), odd), { kind: 'invalid' } as unknown as Error);
  await catalog.note('other', document('other'), other);
  await storage.settled();
  t.same([...(await catalog.entries(FRESH)).keys()].sort(), ['other', 'own']);
});

t.test('markers tell the name by their key or, where it is long, inside', async (t) => {
  const inner = new MemoryObjectStore();
  const { storage, catalog } = replica(inner);
  const odd = ['a', '@s/p', '..x', 'ünï', '__proto__', 'a=1', '%', 'x'.repeat(99), 'x'.repeat(101), 'x'.repeat(500)];
  for (const name of odd) {
    await publishToy(storage, name, '1.0.0', Buffer.from('x'));
    t.ok(inner.objects.has(documentKey(name)));
    await catalog.mark(name);
  }
  await publishToy(storage, 'of an earlier version', '1.0.0', Buffer.from('x'));
  const earlier = Buffer.from(JSON.stringify({ name: 'of an earlier version' }));
  await inner.put('toy/catalog/pending/6b9ab0f6-6c4b-4b0e-9d1c-7e5a1c9ad0a1', earlier);
  t.equal(await catalog.repair(0), odd.length + 1);
  t.same([...(await catalog.entries(FRESH)).keys()].sort(), [...odd, 'of an earlier version'].sort());
});

t.test('a listing is answered while others publish without end', async (t) => {
  const store = new FaultObjectStore(new MemoryObjectStore());
  store.before = () => pause(1 + Math.random() * 8);
  const storage = new RegistryStorage(store);
  const catalog = toyCatalog(storage);
  let goesOn = true;
  let count = 0;
  const publisher = async () => {
    while (goesOn) await publishToy(storage, `p${count++}`, '1.0.0', Buffer.from('x'), catalog);
  };
  const publishers = Array.from({ length: 24 }, publisher);
  await pause(100);
  t.equal(
    await Promise.race([catalog.entries().then(() => 'answered'), pause(4000).then(() => 'starved')]),
    'answered',
  );
  goesOn = false;
  await Promise.all(publishers);

  const writer = new NoteWriter<object>(() => pause(10));
  goesOn = true;
  const feeding = (async () => {
    while (goesOn) {
      void writer.add({ noted: { name: 'x', revision: 1, entry: {} } }, true);
      await pause(3);
    }
  })();
  await pause(20);
  t.equal(await Promise.race([writer.flush().then(() => 'settled'), pause(3000).then(() => 'starved')]), 'settled');
  goesOn = false;
  await feeding;
});

t.test('the end waits for notes that linger, and for the fold that they begin', async (t) => {
  const store = new FaultObjectStore(new MemoryObjectStore());
  let destroyed = false;
  const late: string[] = [];
  store.before = async ({ verb, key }) => {
    if (destroyed) late.push(`${verb} ${key}`);
    await pause(0);
  };
  const ending = Object.assign(store, {
    destroy: async () => {
      destroyed = true;
    },
  });
  const storage = new RegistryStorage(ending);
  const catalog = toyCatalog(storage);
  for (let n = 0; n < 254; n++) await publishToy(storage, `p${n}`, '1.0.0', Buffer.from('x'), catalog);
  const other = await catalog.mark('other');
  for (const name of ['q1', 'q2']) await publishToy(storage, name, '1.0.0', Buffer.from('x'), catalog);
  await catalog.unmark(other);
  await storage.settled();
  await pause(300);
  t.same(late, []);
});

t.test('a marker outlives the placing of its artifact, however long that takes', async (t) => {
  let at = Date.now();
  const now = () => new Date(at);
  const inner = new MemoryObjectStore({ now });
  const store = new FaultObjectStore(inner);
  let go = (): void => undefined;
  const slow = new Promise<void>((resolve) => {
    go = resolve;
  });
  let isDead = false;
  let isPlacing = false;
  store.before = async ({ verb, key }) => {
    if (key.endsWith('.bin')) {
      isPlacing = true;
      await slow;
    }
    isDead ||= verb === 'put' && key.startsWith('toy/catalog/entries/');
    if (isDead) throw new Error('killed');
  };
  const storage = new RegistryStorage(store, { now });
  const publishing = publishToy(storage, 'big', '1.0.0', Buffer.from('x'), toyCatalog(storage)).catch(() => undefined);
  await until(() => isPlacing && inner.keys('toy/catalog/pending/').length > 0);
  at += 16 * 60_000;
  const other = new RegistryStorage(inner, { now });
  const catalog = toyCatalog(other);
  await other.sweep();
  go();
  await publishing;
  at += 60_000;
  await other.sweep();
  t.same([...(await catalog.entries(FRESH)).keys()], ['big'], 'what was committed is listed');
});
