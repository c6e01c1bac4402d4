import t from 'tap';
import { changesIn, digestOf, HEAD_KEY, JournalReplica, SEGMENTS } from '../../support/journal.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import { manyTurns } from '../../support/waiting.js';

/** 60 bytes, so that some 200 changes fill a segment. */
const long = (at: number): string => `${at}-${'x'.repeat(60)}`;

t.test('a publish adds a line that every replica has when the publish returns', async (t) => {
  const inner = new MemoryObjectStore();
  const [one, other] = [new JournalReplica(inner), new JournalReplica(inner)];
  const empty = await one.text();
  t.match(empty, /^created: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n---\n$/);
  t.equal(await other.text(), empty, 'also the empty file is the same everywhere');
  let before = empty;
  for (const [name, text] of [
    ['b', '1'],
    ['a', '1'],
    ['b', '2'],
    ['constructor', '1'],
    ['__proto__', '1'],
  ] as const) {
    await (text === '1' ? one : other).publish(name, text);
    for (const replica of [one, other, new JournalReplica(inner)]) {
      t.equal(await replica.text(), `${before}${name} ${text}\n`);
    }
    before += `${name} ${text}\n`;
  }
});

t.test('the file only grows, while its tail is sealed and segments are merged', async (t) => {
  const inner = new MemoryObjectStore();
  const [one, other] = [new JournalReplica(inner), new JournalReplica(inner)];
  let before = await one.text();
  let sealed = 0;
  let most = 0;
  for (let at = 0; at < 4200; at++) {
    await (at % 3 === 0 ? other : one).publish(`p${at % 50}`, long(at));
    if (at % 10 === 0) await Promise.all([one.settled(), other.settled()]);
    if (at % 100 !== 0) continue;
    const [here, there] = [await one.text(), await other.text()];
    t.equal(here, there);
    t.ok(here.startsWith(before), 'what was there stays');
    before = here;
    const { segments, tail } = JSON.parse((inner.objects.get(HEAD_KEY)?.bytes ?? '').toString()).head as {
      segments: unknown[];
      tail: string[];
    };
    sealed = Math.max(sealed, segments.length);
    most = Math.max(most, tail.join('\n').length);
  }
  await Promise.all([one.settled(), other.settled()]);
  t.ok(sealed > 5, 'many segments were made');
  t.ok(sealed <= 17, 'and merged');
  t.ok(most < 20_000, `the tail stays short: ${most} bytes`);
  const lines = await new JournalReplica(inner).lines();
  t.equal(lines.length, 4200);
  t.equal(lines.join('\n'), (await one.lines()).join('\n'));
  t.equal(new Set(lines).size, 4200, 'each line once');
  const { segments } = JSON.parse((inner.objects.get(HEAD_KEY)?.bytes ?? '').toString()).head as {
    segments: { id: string }[];
  };
  t.same(inner.keys(SEGMENTS).sort(), segments.map(({ id }) => SEGMENTS + id).sort(), 'no segment is left over');
});

t.test('digests are those of all bytes, and what was read stays as it was', async (t) => {
  const inner = new MemoryObjectStore();
  const one = new JournalReplica(inner);
  const seen: { bytes: Buffer; copy: string; md5: string; sha256: string }[] = [];
  for (let at = 0; at < 600; at++) {
    await one.publish('p', long(at));
    if (at % 50 > 0) continue;
    const { bytes, md5, sha256 } = await one.log.current();
    seen.push({ bytes, copy: bytes.toString(), md5, sha256 });
  }
  for (const { bytes, copy, md5, sha256 } of seen) {
    t.equal(bytes.toString(), copy);
    t.equal(md5, digestOf('md5', copy));
    t.equal(sha256, digestOf('sha256', copy));
  }
  const { md5, sha256 } = await new JournalReplica(inner).log.current();
  const last = await one.log.current();
  t.same({ md5, sha256 }, { md5: last.md5, sha256: last.sha256 }, 'a process that starts has the same');
});

t.test('of publishes at the same time, too, each has its line when it returns', async (t) => {
  const inner = new MemoryObjectStore();
  const [one, other] = [new JournalReplica(inner), new JournalReplica(inner)];
  await one.publish('first', '1');
  // the log answers last, so that it is seen who waits for it
  one.store.before = async ({ verb, key }) => {
    if (verb === 'put' && key === HEAD_KEY) await manyTurns();
  };
  const names = Array.from({ length: 20 }, (_, at) => `p${at}`);
  await Promise.all(
    names.map(async (name) => {
      await one.publish(name, '1');
      t.ok((await other.lines()).includes(`${name} 1`), name);
    }),
  );
});

t.test('publishes that wait go out in one write', async (t) => {
  const one = new JournalReplica(new MemoryObjectStore());
  await one.publish('first', '1');
  await one.settled();
  one.store.reset();
  await Promise.all(Array.from({ length: 40 }, (_, at) => one.publish(`p${at}`, '1')));
  t.ok(one.store.count('put', HEAD_KEY) <= 4, `${one.store.count('put', HEAD_KEY)} writes for 40 publishes`);
  t.equal((await one.lines()).length, 41);
});

t.test('a rebuild by command makes a new file from the documents: one line for each package', async (t) => {
  const inner = new MemoryObjectStore();
  const [one, other] = [
    new JournalReplica(inner, { now: () => new Date('2026-01-01T00:00:00Z') }),
    new JournalReplica(inner),
  ];
  for (const [name, text] of [
    ['b', '1'],
    ['a', '1'],
    ['b', '2'],
    ['a', '2'],
    ['a', '3'],
  ] as const) {
    await one.publish(name, text);
  }
  t.equal((await other.lines()).length, 5);
  const before = await other.log.current();
  t.equal(await one.catalog.rebuild(), 2);
  for (const replica of [one, other, new JournalReplica(inner)]) t.same(await replica.lines(), ['a 1,2,3', 'b 1,2']);
  const after = await other.log.current();
  t.not(after.md5, before.md5);
  await other.publish('b', '3');
  t.same(await one.lines(), ['a 1,2,3', 'b 1,2', 'b 3']);
});

t.test('a rebuild of many packages writes the base in segments that are not sealed again', async (t) => {
  const inner = new MemoryObjectStore();
  const one = new JournalReplica(inner);
  for (let at = 0; at < 300; at++) await one.publish(`p${String(at).padStart(3, '0')}`, long(at));
  await one.settled();
  await one.catalog.rebuild();
  const { segments, tail } = JSON.parse((inner.objects.get(HEAD_KEY)?.bytes ?? '').toString()).head as {
    segments: { id: string; records: number }[];
    tail: string[];
  };
  t.same([segments.length, segments[0]?.records, tail], [1, 300, []]);
  t.same(inner.keys(SEGMENTS), [`${SEGMENTS}${segments[0]?.id}`], 'the segments of the log before are gone');
  t.equal(changesIn(await new JournalReplica(inner).lines()).size, 300);
});

t.test('a sweep removes segments that no head names, and only those', async (t) => {
  const inner = new MemoryObjectStore();
  const one = new JournalReplica(inner);
  for (let at = 0; at < 500; at++) await one.publish('p', long(at));
  await one.settled();
  await inner.put(`${SEGMENTS}left-over`, Buffer.from('1 p x\n'));
  const lines = await one.lines();
  await one.storage.sweep({ olderThanMs: 0 });
  t.notOk(inner.objects.has(`${SEGMENTS}left-over`));
  t.same(await new JournalReplica(inner).lines(), lines);
  await inner.put(`${SEGMENTS}left-over`, Buffer.from('1 p x\n'));
  await inner.delete(HEAD_KEY);
  await one.storage.sweep({ olderThanMs: 0 });
  t.ok(inner.objects.has(`${SEGMENTS}left-over`), 'without a head it is not known what it names');
});

t.test('a change of a package without text has no line, and counts', async (t) => {
  const inner = new MemoryObjectStore();
  const one = new JournalReplica(inner);
  await one.publish('p', '1');
  await one.publish('p', '');
  await one.publish('p', '3');
  t.same(await one.lines(), ['p 1', 'p 3']);
  t.same(await new JournalReplica(inner).lines(), ['p 1', 'p 3']);
});

t.test('a line cannot be broken by a name or a text', async (t) => {
  const one = new JournalReplica(new MemoryObjectStore());
  await one.publish('p', '1');
  for (const name of ['', 'a b', 'a\nb', 'a\u0000']) await t.rejects(one.log.note(name, { name, changes: ['1'] }));
  await t.rejects(one.log.note('q', { name: 'q', changes: ['1\nz 1'] }));
  t.same(await one.lines(), ['p 1']);
});
