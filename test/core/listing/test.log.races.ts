import t from 'tap';
import { changesIn, HEAD_KEY, type IJournal, JournalReplica, SEGMENTS } from '../../support/journal.js';
import { crowd } from '../../support/journal-crowd.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';

const long = (at: number): string => `${at}-${'x'.repeat(60)}`;

const pair = () => {
  const inner = new MemoryObjectStore();
  return { inner, one: new JournalReplica(inner), other: new JournalReplica(inner) };
};

/** The document as it was after so many changes. */
const stateOf = (name: string, count: number): IJournal => ({
  name,
  changes: Array.from({ length: count }, (_, at) => `${at + 1}`),
});

t.test('two replicas append the same change: it is there once', async (t) => {
  const { one, other } = pair();
  await one.publish('p', '1');
  await other.text();
  await one.publishAndDie('p', '2');
  const isInBetween = one.store.once('put', HEAD_KEY, async () => {
    t.equal(await other.log.follow('p'), true);
  });
  await one.log.follow('p');
  t.ok(isInBetween());
  t.same(await one.lines(), ['p 1', 'p 2']);
  t.equal(await one.log.follow('p'), false, 'and a repair that runs again adds nothing');
  await Promise.all([one, other, one, other].map(({ log }) => log.note('p', stateOf('p', 2))));
  t.same(await other.lines(), ['p 1', 'p 2']);
});

t.test('an older state that arrives late adds nothing after a newer one', async (t) => {
  const { inner, one, other } = pair();
  await one.publish('p', '1');
  const isInBetween = one.store.once('put', HEAD_KEY, async () => other.log.note('p', stateOf('p', 4)));
  await one.log.note('p', stateOf('p', 2));
  t.ok(isInBetween());
  await one.log.note('p', stateOf('p', 3));
  for (const replica of [one, other, new JournalReplica(inner)]) {
    t.same(await replica.lines(), ['p 1', 'p 2', 'p 3', 'p 4']);
  }
});

t.test('an older state that arrives after a new base was made of a newer one adds nothing', async (t) => {
  const { inner, one } = pair();
  await one.publish('p', '1');
  for (const text of ['2', '3', '4']) await one.publish('p', text);
  await one.catalog.rebuild();
  const late = new JournalReplica(inner);
  await late.log.note('p', stateOf('p', 3));
  t.same(await late.lines(), ['p 1,2,3,4']);
});

t.test('two replicas seal the same tail: no line is lost or there twice', async (t) => {
  const { inner, one, other } = pair();
  let races = 0;
  for (let at = 0; at < 1500; at++) {
    one.store.before = async ({ verb, key }) => {
      if (verb !== 'put' || !key.startsWith(SEGMENTS)) return;
      races++;
      one.store.before = undefined;
      // the other one finds the same tail long enough, and is faster
      await other.publish('other', long(at));
      await other.settled();
    };
    await one.publish('p', long(at));
    if (at % 7 === 0) await one.settled();
  }
  await Promise.all([one.settled(), other.settled()]);
  t.ok(races > 3);
  const lines = await new JournalReplica(inner).lines();
  t.equal(lines.length, 1500 + races);
  t.equal(new Set(lines).size, lines.length);
  t.same(lines, await one.lines());
  t.same(lines, await other.lines());
});

t.test('a replica without a view of the log reads it while another one merges what it reads', async (t) => {
  const { inner, one } = pair();
  for (let at = 0; at < 600; at++) await one.publish('p', long(at));
  await one.settled();
  const late = new JournalReplica(inner);
  const isInBetween = late.store.once('get', SEGMENTS, async () => one.catalog.rebuild());
  const lines = await late.lines();
  t.ok(isInBetween());
  t.same(lines, await one.lines());
});

for (const place of ['list', 'get', 'put segment', 'put head'] as const) {
  t.test(`a publish during a rebuild is not lost (${place})`, async (t) => {
    const { inner, one, other } = pair();
    const names = Array.from({ length: 300 }, (_, at) => `p${String(at).padStart(3, '0')}`);
    for (const name of names) await one.publish(name, `${long(0)}`);
    await one.settled();
    await other.text();
    const [verb, prefix] = {
      list: ['list', 'journal/documents/'],
      get: ['get', 'journal/documents/'],
      'put segment': ['put', SEGMENTS],
      'put head': ['put', HEAD_KEY],
    }[place] as [string, string];
    const isInBetween = one.store.once(verb, prefix, async () => {
      await other.publish('p000', 'late');
      await other.publish('new', 'late');
    });
    await one.log.rebuild();
    t.ok(isInBetween());
    for (const replica of [one, other, new JournalReplica(inner)]) {
      const changes = changesIn(await replica.lines());
      t.same(changes.get('p000'), [long(0), 'late']);
      t.same(changes.get('new'), ['late']);
      t.equal(changes.size, 301);
    }
  });
}

t.test(
  'another replica rebuilds and publishes before a new base is stored: that base is not the last word',
  async (t) => {
    const { inner, one, other } = pair();
    for (const name of ['a', 'b']) for (const text of ['1', '2', '3']) await one.publish(name, text);
    const isInBetween = one.store.once('put', HEAD_KEY, async () => {
      await other.publish('a', '4');
      // the file is shorter afterwards, so positions in it mean nothing in the file before
      await other.log.rebuild();
      await other.publish('b', '4');
    });
    await one.log.rebuild();
    t.ok(isInBetween());
    for (const replica of [one, other, new JournalReplica(inner)]) {
      t.same(await replica.lines(), ['a 1,2,3,4', 'b 1,2,3,4']);
    }
  },
);

t.test('so many publishes during a rebuild that they are sealed are not lost', async (t) => {
  const { inner, one, other } = pair();
  for (let at = 0; at < 20; at++) await one.publish(`p${at}`, long(0));
  await other.text();
  const isInBetween = one.store.once('put', HEAD_KEY, async () => {
    // only in what is sealed
    await other.publish('early', 'late');
    for (let at = 0; at < 500; at++) await other.publish(`p${at % 20}`, long(at + 1));
    await other.settled();
  });
  await one.log.rebuild();
  t.ok(isInBetween());
  for (const replica of [one, other, new JournalReplica(inner)]) {
    const changes = changesIn(await replica.lines());
    t.same(changes.get('early'), ['late']);
    changes.delete('early');
    t.equal([...changes.values()].flat().length, 520);
    for (const texts of changes.values()) t.equal(new Set(texts).size, 26);
  }
});

t.test('a process dies right after it stored a new base: the others add what the base lacks', async (t) => {
  const { inner, one, other } = pair();
  for (const name of ['a', 'b']) await one.publish(name, '1');
  await other.text();
  one.store.once('put', HEAD_KEY, async () => other.publish('b', '2'));
  one.store.after = ({ verb, key }) => {
    if (verb !== 'put' || key !== HEAD_KEY) return;
    // everything that this process does from now on is lost
    one.store.before = () => new Promise(() => {});
  };
  void one.log.rebuild().catch(() => {});
  for (;;) {
    const { owed } = JSON.parse((inner.objects.get(HEAD_KEY)?.bytes ?? '').toString()).head as { owed: string[] };
    if (owed.length > 0) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.same(await other.lines(), ['a 1', 'b 1', 'b 2'], 'before anybody reads, nothing is missing');
});

t.test('two replicas rebuild a lost log at once, and others publish', async (t) => {
  const { inner, one, other } = pair();
  for (let at = 0; at < 30; at++) await one.publish(`p${at}`, '1');
  const third = new JournalReplica(inner);
  await inner.delete(HEAD_KEY);
  const texts = await Promise.all([one.text(), other.text(), third.publish('p0', '2').then(() => third.text())]);
  const last = await new JournalReplica(inner).text();
  for (const text of texts) t.ok(last.startsWith(text));
  const changes = changesIn(await one.lines());
  t.same(changes.get('p0'), ['1', '2']);
  t.equal(changes.size, 30);
});

t.test('whatever three replicas do at once: each change once, in order, and files only grow or are new', async (t) => {
  for (let seed = 1; seed <= 12; seed++) {
    const inner = new MemoryObjectStore();
    await crowd(t, { seed, open: async () => inner, turns: 400 });
  }
});
