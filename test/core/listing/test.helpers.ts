import { createHash } from 'node:crypto';
import t from 'tap';
import { CommonParts } from '../../../ts/core/listing/classes.commonparts.js';
import { ListingSummary } from '../../../ts/core/listing/classes.listingsummary.js';
import {
  applyChange,
  DAMAGED,
  type IManifest,
  manifestCodec,
  pieceIds,
  segmentOf,
} from '../../../ts/core/listing/helpers.manifest.js';
import { pickFrom, portionsOf } from '../../../ts/core/listing/helpers.portions.js';
import {
  byName,
  isDamage,
  joinRows,
  parseEntries,
  parseRows,
  parseRowsInSlices,
  positionOf,
  serializeRows,
} from '../../../ts/core/listing/helpers.rows.js';
import {
  isGatheredKey,
  listingKeys,
  markerLabel,
  nameOfSegment,
  nameSegment,
  newEntryName,
  newGatheredName,
  parseEntryKey,
} from '../../../ts/core/listing/keys.listing.js';
import { LogFolder } from '../../../ts/core/listing/log/classes.logfolder.js';
import { type ILogParts, type LogState, LostSegmentError } from '../../../ts/core/listing/log/classes.logstate.js';
import {
  BASE_SEGMENT,
  DAMAGED_HEAD,
  headCodec,
  type ILogHead,
  type ILogSegment,
  recordsIn,
  runToMerge,
  SEAL_FROM,
  sealedIn,
  tailSize,
  withMerged,
  withSealed,
} from '../../../ts/core/listing/log/helpers.loghead.js';
import { lastSerialIn, placesIn, recordOf, serializeRecords } from '../../../ts/core/listing/log/helpers.records.js';
import { parseSearchPage, wholeNumber } from '../../../ts/core/listing/search/helpers.pages.js';
import { joinScores, ranked } from '../../../ts/core/listing/search/helpers.ranking.js';
import { prefixEnd, similarWords, wordPosition, wordsOf } from '../../../ts/core/listing/search/helpers.words.js';
import { OutcomeUnknownError } from '../../../ts/core/storage/documents/helpers.conditionalwrite.js';
import { RegistryError } from '../../../ts/index.js';
import { ofKind } from '../../support/expect.js';

t.test('the keys of a listing', async (t) => {
  t.same(listingKeys('a/b'), {
    manifest: 'a/b/manifest.json',
    oldBase: 'a/b/base.json',
    entries: 'a/b/entries/',
    pieces: 'a/b/pieces/',
    pending: 'a/b/pending',
  });
  t.equal(listingKeys('a/b', 'elsewhere.json').manifest, 'elsewhere.json');
  t.equal(nameSegment('x'.repeat(180)), 'x'.repeat(180));
  const long = 'x'.repeat(181);
  const digest = createHash('sha256').update(long).digest('hex');
  t.equal(nameSegment(long), `${'x'.repeat(100)}=${digest}`);
  t.equal(nameSegment('@s/p'), '%40s%2Fp');
  t.equal(nameSegment('..x.'), '%2E%2Ex.');
  t.throws(() => nameSegment('\ud800'), ofKind('invalid'));
  t.equal(nameOfSegment('%40s%2Fp'), '@s/p');
  t.equal(nameOfSegment(nameSegment(long)), undefined);
  t.equal(markerLabel('x'.repeat(100)), 'x'.repeat(100));
  t.equal(markerLabel('x'.repeat(101)), undefined);
  const own = newEntryName('@s/p', 12);
  t.match(own, /^%40s%2Fp=12=[0-9a-f-]{36}$/);
  t.same(parseEntryKey(`a/entries/${own}`), { segment: '%40s%2Fp', revision: 12 });
  t.same(parseEntryKey('a/entries/p=3'), { segment: 'p', revision: 3 }, 'as 0.2.0 wrote it');
  t.same(parseEntryKey(`a/${nameSegment(long)}=4`), { segment: nameSegment(long), revision: 4 });
  for (const key of ['a/entries/p', 'a/entries/=3', 'a/entries/p=x', `a/${newGatheredName()}`]) {
    t.equal(parseEntryKey(key), null, key);
  }
  t.match(newGatheredName(), /^\+[0-9a-f-]{36}$/);
  t.equal(isGatheredKey(`a/entries/${newGatheredName()}`), true);
  t.equal(isGatheredKey('+a/entries/p=1'), false);
});

const piece = (id: string, count = 1) => ({ id, count });
const segment = (id: string, first: string) => ({ id, first, count: 1 });

t.test('the manifest: what it names, and how it changes', async (t) => {
  const manifest: IManifest = {
    generation: 'g',
    segments: [segment('s1', 'b'), segment('s2', 'm')],
    batches: [piece('b1')],
  };
  t.same(pieceIds(manifest), ['s1', 's2', 'b1']);
  for (const [name, index] of [
    ['a', 0],
    ['b', 0],
    ['lz', 0],
    ['m', 1],
    ['z', 1],
  ] as const) {
    t.equal(segmentOf(manifest.segments, name), index, name);
  }
  t.equal(segmentOf([], 'a'), 0);
  const change = {
    generation: 'g',
    dropped: ['s1', 'b1'],
    segments: [segment('s4', 'n'), segment('s3', 'b')],
    batches: [piece('b2')],
  };
  t.same(applyChange(manifest, change), {
    generation: 'g',
    segments: [segment('s3', 'b'), segment('s2', 'm'), segment('s4', 'n')],
    batches: [piece('b2')],
  });
  t.equal(applyChange(manifest, { ...change, generation: 'h' }), undefined, 'rebuilt meanwhile');
  t.equal(applyChange(manifest, { ...change, dropped: ['s1', 'gone'] }), undefined, 'replaced meanwhile');
  const bytes = Buffer.from(manifestCodec.serialize(manifest, { revision: 7, id: '' }) as string);
  t.equal(JSON.parse(bytes.toString()).revision, 7);
  t.same(manifestCodec.parse(bytes), manifest);
  const damaged = [
    'x',
    '{}',
    JSON.stringify({ ...manifest, generation: 7 }),
    JSON.stringify({ ...manifest, segments: [piece('s1')] }),
    JSON.stringify({ ...manifest, segments: [{ ...segment('s1', 'a'), count: 'x' }] }),
    JSON.stringify({ ...manifest, batches: [{ id: 7, count: 1 }] }),
    JSON.stringify({ ...manifest, batches: [{ id: 'b', count: 1.5 }] }),
  ];
  for (const text of damaged) t.equal(manifestCodec.parse(Buffer.from(text)), DAMAGED, text);
  t.equal(manifestCodec.parse(Buffer.from([0xff])), DAMAGED);
});

t.test('rows and entries, and what is none', async (t) => {
  const row = (name: string, revision: number, entry: unknown = {}) => ({ name, revision, entry });
  const rows = [row('a', 1, { x: 1 }), row('b', 2, null)];
  t.equal(serializeRows(rows).toString(), '[["a",1,{"x":1}],\n["b",2,null]]');
  t.same(parseRows(serializeRows(rows)), rows);
  const collected = async (text: string) => {
    const found: unknown[] = [];
    for await (const one of parseRowsInSlices(Buffer.from(text))) found.push(one);
    return found;
  };
  t.same(await collected(serializeRows(rows).toString()), rows);
  t.same(await collected('[["a",1,{"x":1}],["b",2,null]]'), rows, 'all in one line');
  t.same(await collected('[]'), []);
  for (const text of [
    '{}',
    '["a"]',
    '[[1,1,{}]]',
    '[["a","1",{}]]',
    '[["a",1.5,{}]]',
    '[["a",1,"x"]]',
    '[["a",1]',
    'null',
  ]) {
    t.throws(() => parseRows(Buffer.from(text)), SyntaxError, text);
    await t.rejects(collected(text), SyntaxError, text);
  }
  t.same(parseEntries(Buffer.from(JSON.stringify(row('a', 1)))), [row('a', 1)]);
  t.same(parseEntries(Buffer.from(JSON.stringify(rows))), rows);
  for (const text of [
    'null',
    '7',
    '[null]',
    '{"name":"a"}',
    '{"name":"a","revision":"1","entry":{}}',
    '[{"name":1,"revision":1,"entry":null}]',
  ]) {
    t.throws(() => parseEntries(Buffer.from(text)), SyntaxError, text);
  }
  t.equal(isDamage(new SyntaxError('x')), true);
  t.equal(isDamage(new RegistryError('internal', 'x')), true);
  for (const error of [new RegistryError('unavailable', 'x'), new Error('x'), undefined])
    t.equal(isDamage(error), false);
  t.equal(byName({ name: 'a' }, { name: 'b' }), -1);
  t.equal(byName({ name: 'b' }, { name: 'a' }), 1);
  t.equal(byName({ name: 'a' }, { name: 'a' }), 0);
  t.equal(byName({ name: 'B' }, { name: 'a' }), -1);
  const names = ['b', 'd', 'd', 'f'].map((name) => ({ name }));
  for (const [name, at] of [
    ['a', 0],
    ['b', 0],
    ['c', 1],
    ['d', 1],
    ['e', 3],
    ['f', 3],
    ['g', 4],
  ] as const) {
    t.equal(positionOf(names, name), at, name);
  }
  const [old, same, newer] = [row('a', 2, { old: 1 }), row('a', 2, { more: 1 }), row('a', 3, { more: 1 })];
  t.same(joinRows([old], [same]), [old], 'of equal ones that of the base');
  t.same(joinRows([old], [newer]), [newer]);
});

t.test('equal parts are kept once, if they are short', async (t) => {
  const common = new CommonParts();
  const entryOf = (text: string) => ({ part: { text }, list: [1, 2], name: 'pack', number: 7, none: null });
  const [one, two] = [entryOf('x'), entryOf('x')];
  const name = ['pa', 'ck'].join('');
  common.share(name, one);
  common.share(name, two);
  t.same(two, entryOf('x'));
  t.equal(two.part, one.part);
  t.equal(two.list, one.list);
  t.ok(Object.isFrozen(one.part));
  const length = (count: number) => ({ part: { text: 'x'.repeat(count - '{"text":""}'.length) } });
  for (const [count, isShared] of [
    [200, true],
    [201, false],
  ] as const) {
    const [a, b] = [length(count), length(count)];
    common.share('a', a);
    common.share('b', b);
    t.equal(a.part === b.part, isShared, String(count));
  }
  const frozen = Object.freeze(entryOf('x'));
  common.share('pack', frozen);
  t.not(frozen.part, one.part);
  common.share('pack', null);
});

t.test('a summary is made once for each version', async (t) => {
  let version = 1;
  let made = 0;
  const ends: (() => void)[] = [];
  const source = { sorted: async () => ({ version, packages: [{ name: `p${version}`, entry: {} }] }) };
  const summary = new ListingSummary(source, async (packages) => {
    made++;
    const names = packages.map(({ name }) => name).join();
    await new Promise<void>((resolve) => ends.push(resolve));
    return names;
  });
  const waitFor = async (count: number) => {
    while (ends.length < count) await new Promise((resolve) => setImmediate(resolve));
  };
  const both = [summary.current(), summary.current()];
  await waitFor(1);
  ends[0]?.();
  t.same(await Promise.all(both), ['p1', 'p1']);
  t.equal(await summary.current(), 'p1');
  t.equal(made, 1);
  version = 2;
  const second = summary.current();
  await waitFor(2);
  version = 3;
  const third = summary.current();
  await waitFor(3);
  ends[2]?.();
  t.equal(await third, 'p3');
  ends[1]?.();
  t.equal(await second, 'p2');
  t.equal(await summary.current(), 'p3', 'one that ends late does not take the place of a newer one');
  t.equal(made, 3);
});

t.test('portions, and what is picked of them', async (t) => {
  const items = Array.from({ length: 2500 }, (_, at) => at);
  t.same(
    [...portionsOf(items)].map(({ length }) => length),
    [1000, 1000, 500],
  );
  t.same([...portionsOf([1, 2, 3], 2)], [[1, 2], [3]]);
  t.same([...portionsOf([])], []);
  let asked = 0;
  const even = async (some: readonly number[]) => {
    asked++;
    return some.filter((n) => n % 2 === 0);
  };
  t.same(await pickFrom(portionsOf([1, 2, 3, 4, 5, 6], 2), { most: 2, filter: even }), [2, 4]);
  t.equal(asked, 2, 'no more portions than needed');
  t.same(await pickFrom(portionsOf([1, 2, 3], 2), { most: 9 }), [1, 2, 3]);
  t.same(await pickFrom(portionsOf([1, 2, 3], 3), { most: 2 }), [1, 2]);
  let turn = 0;
  const ending = async (some: readonly number[]) => (turn++ === 0 ? some : null);
  t.same(await pickFrom(portionsOf([1, 2, 3, 4, 5], 2), { most: 9, filter: ending }), [1, 2]);
});

t.test('the parameters of a search with pages', async (t) => {
  const rule = { otherwise: 20, least: 1, most: 100 };
  const numbers: [text: string | undefined, number: number][] = [
    [undefined, 20],
    ['', 20],
    ['x', 20],
    ['NaN', 20],
    ['Infinity', 20],
    ['0', 20],
    ['0.9', 20],
    ['-5', 20],
    ['1', 1],
    ['1.9', 1],
    ['99', 99],
    ['100', 100],
    ['101', 100],
  ];
  for (const [text, number] of numbers) t.equal(wholeNumber(text, rule), number, String(text));
  const parse = (query: Record<string, string>, usual = 15) => parseSearchPage((name) => query[name], usual);
  t.same(parse({}), { text: '', page: 1, from: 0, size: 15 });
  t.same(parse({ q: '  Some TEXT ', per_page: '7', page: '3' }), { text: 'some text', page: 3, from: 14, size: 7 });
  t.match(parse({ per_page: '101' }), { size: 100 });
  t.match(parse({ page: '5001' }), { page: 5000 });
  t.equal(parse({ q: 'x'.repeat(513) }).text.length, 512);
});

t.test('words', async (t) => {
  t.same(wordsOf('@Scope/My-Package 2.0, “ünï”_x'), ['scope', 'my', 'package', '2', '0', 'ünï', 'x']);
  t.same(wordsOf(' -- '), []);
  const words = ['b', 'ba', 'bb', 'c'];
  t.same(
    ['a', 'b', 'baa', 'bb', 'z'].map((word) => wordPosition(words, word)),
    [0, 0, 2, 2, 4],
  );
  t.same(
    ['a', 'b', 'ba', 'bb', 'c', 'z'].map((word) => prefixEnd(words, word)),
    [0, 3, 2, 3, 4, 4],
  );
  const like = (word: string, edits: number) => [...similarWords(words, word, edits)].filter(Boolean);
  t.same(like('bb', 0), [['bb', 0]]);
  t.same(like('bb', 1), [
    ['b', 1],
    ['ba', 1],
    ['bb', 0],
  ]);
  t.same(like('bc', 1), [
    ['b', 1],
    ['ba', 1],
    ['bb', 1],
    ['c', 1],
  ]);
});

t.test('a ranking weighs rare words more, and doubles for each further word', async (t) => {
  const [common, rare] = [Float32Array.of(1, 1, 1, 0), Float32Array.of(0, 0, 1, 1)];
  const joined = joinScores([common, rare], false);
  const [first, second] = [Math.log(1 + 4 / 3), Math.log(1 + 4 / 2)];
  t.same([...joined], [...Float32Array.of(first, first, 2 * (first + second), second)]);
  t.same(
    [...joinScores([common, rare], true)].map((score) => score > 0),
    [false, false, true, false],
  );
  t.equal(joinScores([Float32Array.of(1, 1, 1), Float32Array.of(1)], false).length, 1, 'as many as all of them know');
  t.same([...ranked(joined).numbers], [2, 3, 0, 1]);
  t.same([...ranked(joined, 1).numbers], [1, 2, 3, 0]);
  t.same([...ranked(joined, 9).numbers], [2, 3, 0, 1]);
  t.same([...ranked(new Float32Array(3)).numbers], []);
});

const logSegment = (id: string, size = 10, records = 2): ILogSegment => ({ id, records, size, sha256: id });
const headOf = (more: Partial<ILogHead>): ILogHead => ({
  generation: 'g',
  created: '2026-01-01T00:00:00Z',
  segments: [],
  tail: [],
  owed: [],
  ...more,
});

t.test('the head of a log: its parts, and what replaces them', async (t) => {
  const head = headOf({ segments: [logSegment('a'), logSegment('b')], tail: ['1 p x', '2 p yy', '1 q z'] });
  t.equal(sealedIn(head), 4);
  t.equal(recordsIn(head), 7);
  t.equal(tailSize(head), 19);
  t.equal(SEAL_FROM, 16_384);
  t.equal(BASE_SEGMENT, 4_194_304);
  const made = logSegment('c');
  const sealed = withSealed(head, head, made);
  t.same(
    sealed?.segments.map(({ id }) => id),
    ['a', 'b', 'c'],
  );
  t.same(sealed?.tail, ['1 q z']);
  t.equal(withSealed(headOf({ ...head, generation: 'h' }), head, made), undefined);
  t.equal(withSealed(headOf({ ...head, segments: [logSegment('a')] }), head, made), undefined);
  t.equal(withSealed(headOf({ ...head, tail: ['1 p x'] }), head, made), undefined);
  const three = headOf({ segments: ['a', 'b', 'c', 'd'].map((id) => logSegment(id)) });
  const merged = withMerged(three, three.segments.slice(1, 3), logSegment('m'));
  t.same(
    merged?.segments.map(({ id }) => id),
    ['a', 'm', 'd'],
  );
  for (const run of [[logSegment('x')], [logSegment('b'), logSegment('d')], [logSegment('d'), logSegment('e')]]) {
    t.equal(withMerged(three, run, logSegment('m')), undefined);
  }
  const bytes = (of: ILogHead, revision = 1) => Buffer.from(headCodec.serialize(of, { revision, id: '' }) as string);
  t.same(headCodec.parse(bytes(head)), head);
  t.notOk(bytes(head, 1).equals(bytes(head, 2)), 'each version has bytes of its own');
  const text = bytes(head).toString();
  for (const other of [
    '',
    '{}',
    text.replace('2 p yy', '2 p yz'),
    `${text} `,
    text.replace(/"[0-9a-f]{64}"/, `"${'0'.repeat(64)}"`),
  ]) {
    t.equal(headCodec.parse(Buffer.from(other)), DAMAGED_HEAD);
  }
});

t.test('sixteen adjacent segments of one size are merged', async (t) => {
  const of = (count: number, size: number, from = 0) =>
    Array.from({ length: count }, (_, at) => logSegment(`${size}-${from + at}`, size));
  const ids = (segments: readonly ILogSegment[]) => runToMerge(segments)?.map(({ id }) => id);
  const small = 262_143;
  t.equal(ids([]), undefined);
  t.equal(ids(of(15, small)), undefined);
  t.same(
    ids(of(16, small)),
    of(16, small).map(({ id }) => id),
  );
  t.same(
    ids([...of(3, small + 1), ...of(17, 5)]),
    of(17, 5).map(({ id }) => id),
  );
  t.equal(ids([...of(10, 5), ...of(1, small + 1), ...of(10, 5, 10)]), undefined, 'only adjacent ones');
  t.same(
    ids(of(16, small + 1)),
    of(16, small + 1).map(({ id }) => id),
  );
  t.same(
    ids(of(16, 4_194_303)),
    of(16, 4_194_303).map(({ id }) => id),
  );
  t.equal(ids(of(40, 4_194_304)), undefined, 'the largest never');
  t.same(
    ids([...of(20, 4_194_304), ...of(16, 5)]),
    of(16, 5).map(({ id }) => id),
  );
});

t.test('segments of a log that are joined, or not because another replica was faster', async (t) => {
  const sixteen = Array.from({ length: 16 }, (_, at) => logSegment(`${at}`));
  /** Folds a log of which the stored head is another one than this process knows. */
  const fold = async (known: ILogHead, stored: ILogHead | null, failure?: Error, lost?: string) => {
    const dropped: string[] = [];
    const written: [text: string, records: number][] = [];
    let made: ILogHead | undefined;
    const parts = {
      storage: {
        update: async (key: string, change: (current: ILogHead | null) => ILogHead | undefined) => {
          t.equal(key, 'head');
          made = change(stored);
          if (failure) throw failure;
          return { value: made ?? stored };
        },
      },
      segments: {
        read: async ({ id }: ILogSegment) => (id === lost ? null : Buffer.from(`${id};`)),
        write: async (bytes: Buffer, records: number) => {
          written.push([`${bytes}`, records]);
          return logSegment('new', 300_000, records);
        },
        drop: async (segments: readonly ILogSegment[]) => void dropped.push(...segments.map(({ id }) => id)),
      },
    } as unknown as ILogParts;
    const folder = new LogFolder(parts, { headKey: 'head' } as LogState);
    const outcome = await folder.fold(known).then(
      () => 'done',
      (error: Error) => error,
    );
    return { outcome, dropped, written, made, isDue: folder.isDue(known) };
  };
  const idsOf = (head: ILogHead | undefined) => head?.segments.map(({ id }) => id);
  const all = sixteen.map(({ id }) => id);
  const known = headOf({ segments: sixteen });
  const joined = await fold(known, headOf({ segments: [...sixteen, logSegment('later')] }));
  t.match(joined, { outcome: 'done', isDue: true, dropped: all, written: [[all.map((id) => `${id};`).join(''), 32]] });
  t.same(idsOf(joined.made), ['new', 'later']);
  for (const stored of [headOf({ segments: sixteen.slice(1) }), headOf({}), DAMAGED_HEAD, null]) {
    const late = await fold(known, stored);
    t.match(late, { outcome: 'done', made: undefined });
    t.same(late.dropped, ['new'], 'only its own: others may be named');
  }
  t.match(await fold(known, known, new Error('refused')), { outcome: { message: 'refused' }, dropped: ['new'] });
  const unknown = await fold(known, known, new OutcomeUnknownError('perhaps'));
  t.ok(unknown.outcome instanceof OutcomeUnknownError);
  t.same(unknown.dropped, [], 'the head may name the new one, or the old ones');
  const missed = await fold(known, known, undefined, '3');
  t.ok(missed.outcome instanceof LostSegmentError);
  t.match(missed, { outcome: { id: '3' }, written: [], dropped: [] });

  const tail = (bytes: number) => ['x'.repeat(bytes - 1)];
  t.match(await fold(headOf({ tail: tail(16_383) }), known), { isDue: false, written: [], dropped: [] });
  const full = headOf({ tail: tail(16_384) });
  const sealed = await fold(full, headOf({ tail: [...full.tail, 'more'] }));
  t.match(sealed, { outcome: 'done', isDue: true, written: [[`${full.tail[0]}\n`, 1]], dropped: [] });
  t.same([idsOf(sealed.made), sealed.made?.tail], [['new'], ['more']]);
  t.same((await fold(full, headOf({ segments: sixteen }))).dropped, ['new'], 'another one has sealed it');
});

t.test('the records of a log', async (t) => {
  t.equal(recordOf('p', { serial: 3, text: 'a b' }), '3 p a b');
  t.equal(recordOf('p', { serial: 3, text: '' }), '3 p ');
  for (const [name, change] of [
    ['', { serial: 1, text: '' }],
    ['a b', { serial: 1, text: '' }],
    ['a\u007f', { serial: 1, text: '' }],
    ['a', { serial: 1.5, text: '' }],
    ['a', { serial: 1, text: 'x\n' }],
    ['a', { serial: 1, text: 'x\r' }],
  ] as const) {
    t.throws(() => recordOf(name, change), ofKind('internal'), name);
  }
  const records = ['1 p x', '7 q y', '2 p z', '9 qq y'];
  t.equal(serializeRecords(records).toString(), '1 p x\n7 q y\n2 p z\n9 qq y\n');
  t.equal(serializeRecords([]).length, 0);
  t.equal(lastSerialIn(records, 'p'), 2);
  t.equal(lastSerialIn(records, 'q'), 7);
  t.equal(lastSerialIn(records, 'x'), 0);
  t.equal(lastSerialIn(['3 a p z'], 'p'), 0, 'a word of the text is no name');
  const bytes = serializeRecords(['1 p a b', '12 ü ', '3 q c']);
  const places = [...placesIn(bytes)];
  t.same(
    places.map(({ serial, name, from, to }) => [serial, name, bytes.toString('utf8', from, to)]),
    [
      [1, 'p', 'p a b\n'],
      [12, 'ü', ''],
      [3, 'q', 'q c\n'],
    ],
  );
  for (const text of ['1 p x', '1 p\n', '1\n', 'x p y\n', '1  x\n', '1.5 p x\n', '\n']) {
    t.throws(() => [...placesIn(Buffer.from(text))], SyntaxError, JSON.stringify(text));
  }
});
