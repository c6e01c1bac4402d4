import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { DirectoryObjectStore } from '../../../ts/core/objectstore/directory/classes.directoryobjectstore.js';
import { changesIn, HEAD_KEY, JournalReplica, SEGMENTS } from '../../support/journal.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';

const long = (at: number): string => `${at}-${'x'.repeat(200)}`;

/** So many changes that the next one makes the tail long enough to be sealed. */
const almostFull = async (): Promise<MemoryObjectStore> => {
  const inner = new MemoryObjectStore();
  const one = new JournalReplica(inner);
  for (let at = 0; at < 78; at++) await one.publish(`p${at % 5}`, long(at));
  await one.settled();
  t.same(inner.keys(SEGMENTS), []);
  return inner;
};

const copyOf = (inner: MemoryObjectStore): MemoryObjectStore => {
  const copy = new MemoryObjectStore();
  for (const [key, held] of inner.objects) copy.objects.set(key, held);
  return copy;
};

for (const when of ['before', 'after'] as const) {
  for (const lasting of [false, true]) {
    const what = `${when === 'before' ? 'is refused' : 'is done, and its answer lost'}${lasting ? ', and the store stays away' : ''}`;
    t.test(`an operation of a publish ${what}: what is committed is in the log once`, async (t) => {
      const start = await almostFull();
      for (let at = 1; ; at++) {
        const inner = copyOf(start);
        const one = new JournalReplica(inner);
        await one.text();
        one.store.reset({ at, when, lasting });
        const outcomes = await Promise.allSettled([one.publish('p0', 'last'), one.publish('q', 'last')]);
        await one.settled();
        if (one.store.log.length < at) break;
        one.store.fault = undefined;
        const other = new JournalReplica(inner);
        await other.catalog.repair(0);
        const changes = changesIn(await other.lines());
        for (const [index, name] of ['p0', 'q'].entries()) {
          const document = inner.objects.get(`journal/documents/${name}.json`);
          const committed = document ? (JSON.parse(document.bytes.toString()) as { changes: string[] }).changes : [];
          t.same(changes.get(name) ?? [], committed, `operation ${at}, ${name}`);
          if (outcomes[index]?.status === 'fulfilled') t.ok(committed.includes('last'), 'a success is one');
        }
        t.same(await one.lines(), await other.lines());
        t.same(await new JournalReplica(inner).lines(), await other.lines());
      }
    });
  }
}

t.test('a process dies between the document and the log: any replica adds the line', async (t) => {
  let time = Date.parse('2026-01-01T00:00:00Z');
  const now = () => new Date(time);
  const inner = new MemoryObjectStore({ now });
  const one = new JournalReplica(inner, { now });
  await one.publish('p', '1');
  await one.publishAndDie('p', '2');
  time += 25_000;
  // a new process repairs at its first look at the log
  t.same(await new JournalReplica(inner, { now }).lines(), ['p 1', 'p 2']);
  t.same(await one.lines(), ['p 1', 'p 2']);
});

t.test('an answer that is lost for good counts as unknown: the marker stays, and a repair decides', async (t) => {
  const inner = new MemoryObjectStore();
  const one = new JournalReplica(inner);
  await one.publish('p', '1');
  one.store.after = ({ key }) => {
    if (key === HEAD_KEY) throw new Error('The connection was reset');
  };
  await one.publish('p', '2');
  one.store.after = undefined;
  t.equal(inner.keys('journal/catalog/pending').length, 1);
  const other = new JournalReplica(inner);
  await other.catalog.repair(0, 0);
  t.same(await other.lines(), ['p 1', 'p 2']);
  t.same(inner.keys('journal/catalog/pending'), []);
});

t.test('the store is away: an error, and no empty file', async (t) => {
  const inner = new MemoryObjectStore();
  const one = new JournalReplica(inner);
  await one.publish('p', '1');
  const text = await one.text();
  for (const replica of [one, new JournalReplica(inner)]) {
    replica.store.reset({ at: 1, when: 'before', lasting: true });
    await t.rejects(replica.text(), /The store failed/);
    replica.store.fault = undefined;
    t.equal(await replica.text(), text);
  }
});

t.test('the store is away while segments are read: nothing is rebuilt', async (t) => {
  const inner = await almostFull();
  const one = new JournalReplica(inner);
  for (let at = 0; at < 10; at++) await one.publish('p0', long(at));
  await one.settled();
  const text = await one.text();
  const late = new JournalReplica(inner);
  late.store.before = ({ verb, key }) => {
    if (verb === 'get' && key.startsWith(SEGMENTS)) throw new RegistryError('unavailable', 'The store is away');
  };
  await t.rejects(late.text(), /The store is away/);
  late.store.before = undefined;
  t.equal(await late.text(), text);
});

const damages: [string, (inner: MemoryObjectStore) => Promise<unknown>][] = [
  ['the head is lost', (inner) => inner.delete(HEAD_KEY)],
  ['the head is empty', (inner) => inner.put(HEAD_KEY, Buffer.alloc(0))],
  ['the head is no JSON', (inner) => inner.put(HEAD_KEY, Buffer.from('created: 1\n---\np 1\n'))],
  ['the head is another document', (inner) => inner.put(HEAD_KEY, Buffer.from('{"sha256":"","head":{}}'))],
  [
    'a line of the tail is another one',
    async (inner) => {
      const bytes = Buffer.from(inner.objects.get(HEAD_KEY)?.bytes ?? '');
      await inner.put(HEAD_KEY, Buffer.from(bytes.toString().replace('p0 80-', 'p0 81-')));
    },
  ],
  ['a segment is lost', async (inner) => inner.delete(inner.keys(SEGMENTS)[0] as string)],
  [
    'a byte of a segment is another one',
    async (inner) => {
      const [key = ''] = inner.keys(SEGMENTS);
      const bytes = Buffer.from(inner.objects.get(key)?.bytes ?? '');
      bytes.write('y', 40);
      await inner.put(key, bytes);
    },
  ],
  [
    'all segments are empty',
    (inner) => Promise.all(inner.keys(SEGMENTS).map((key) => inner.put(key, Buffer.alloc(0)))),
  ],
];

for (const [what, damage] of damages) {
  t.test(`${what}: the log is made anew from the documents, and every replica has the same`, async (t) => {
    const inner = await almostFull();
    const one = new JournalReplica(inner);
    for (let at = 80; at < 84; at++) await one.publish('p0', long(at));
    await one.settled();
    await one.publish('p0', long(84));
    t.equal(inner.keys(SEGMENTS).length, 1);
    const before = changesIn(await one.lines());
    await damage(inner);
    const late = new JournalReplica(inner);
    // the first one that comes only publishes
    await late.publish('p1', 'more');
    const lines = await late.lines();
    const changes = changesIn(lines);
    t.same(changes.get('p1'), [...(before.get('p1') ?? []), 'more']);
    t.same(changes.get('p0'), before.get('p0'));
    t.same(await one.lines(), lines);
    await one.publish('p2', 'more');
    t.same(await new JournalReplica(inner).lines(), [...lines, 'p2 more']);
  });
}

/** The files below a folder. */
const filesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

for (const [what, spoil] of [
  ['cut off', (path: string) => writeFile(path, '')],
  ['overwritten', (path: string) => writeFile(path, 'x'.repeat(5000))],
  ['longer', (path: string) => appendFile(path, 'x')],
  [
    'changed in one byte',
    async (path: string) => {
      const bytes = await readFile(path);
      bytes[bytes.byteLength - 20] = (bytes[bytes.byteLength - 20] ?? 0) ^ 1;
      await writeFile(path, bytes);
    },
  ],
] as [string, (path: string) => Promise<void>][]) {
  for (const part of ['log', 'segments']) {
    t.test(`in a directory the file of the ${part === 'log' ? 'head' : 'segment'} is ${what}`, async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'journal-'));
      t.teardown(() => rm(folder, { recursive: true, force: true }));
      const open = async () => {
        const replica = new JournalReplica(new DirectoryObjectStore(folder));
        await replica.storage.init();
        return replica;
      };
      const one = await open();
      for (let at = 0; at < 84; at++) await one.publish(`p${at % 5}`, long(at));
      await one.settled();
      await one.publish('p0', 'after');
      const before = changesIn(await one.lines());
      await one.storage.destroy();
      const files = (await filesIn(folder)).filter((path) => path.includes(`/journal/${part}`));
      t.ok(files.length > 0);
      for (const path of files) await spoil(path);
      const late = await open();
      await late.publish('p1', 'more');
      const changes = changesIn(await late.lines());
      t.same(changes.get('p0'), before.get('p0'));
      t.same(changes.get('p1'), [...(before.get('p1') ?? []), 'more']);
      await late.storage.destroy();
      const last = await open();
      t.same(changesIn(await last.lines()), changes);
      await last.storage.destroy();
    });
  }
}
