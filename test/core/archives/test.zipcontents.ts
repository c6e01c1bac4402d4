import { constants, crc32, deflateRawSync, InflateRaw } from 'node:zlib';
import t from 'tap';
import { USUAL_RATIO } from '../../../ts/core/archives/interfaces.archives.js';
import { crc32 as ownCrc32, slowCrc32 } from '../../../ts/core/archives/zip/helpers.crc32.js';
import { inspectZip } from '../../../ts/core/archives/zip/helpers.zip.js';
import type { IZipRules } from '../../../ts/core/archives/zip/interfaces.zip.js';
import { collect, inPieces } from '../../support/archives/pieces.js';
import { type IZipPart, zipOf } from '../../support/archives/zips.js';
import { cpuSince } from '../../support/cpu.js';
import { noise } from '../../support/noise.js';
import { refusal } from '../../support/npm/packages.js';
import { countTurns } from '../../support/turns.js';

const MIB = 1024 * 1024;
const RULES: IZipRules = {
  noun: 'The zip',
  maxUnpackedSize: 100 * MIB,
  links: 'refuse',
  names: 'utf8',
  unpacks: 'all',
  wanted: () => undefined,
};

const read = async (parts: IZipPart[], rules: Partial<IZipRules> = {}, size = 10_000): Promise<number> => {
  let unpacked = -1;
  const passed = inspectZip(inPieces(zipOf(parts), size), { ...RULES, ...rules }, (facts) => {
    unpacked = facts.unpackedSize;
  });
  await collect(passed);
  return unpacked;
};

const SMALL = Buffer.from('def f(): return 1\n'.repeat(40));
/** larger than what is unpacked at once, packed; then only unpacked */
const LARGE = Buffer.concat([noise('large', 150_000), Buffer.alloc(400_000, 'abc')]);
const THIN = Buffer.alloc(2 * MIB, 'the same again ');
const CONTENTS = [
  ['empty', Buffer.alloc(0)],
  ['small', SMALL],
  ['large', LARGE],
  ['thin', THIN],
] as const;

/** A part with its sizes before the content, and behind it. */
const bothForms = (part: Omit<IZipPart, 'name'>): IZipPart[] => [
  { name: 'demo/before', ...part },
  { name: 'demo/behind', ...part, descriptor: 'signed' },
];
const LAST: IZipPart = { name: 'demo/last.py', content: 'x = 1\n' };
const damaged = refusal('invalid', { message: /has a damaged demo\/(before|behind)/ });

t.test('every file is unpacked, whatever its size and form and the pieces of the archive are', async (t) => {
  for (const [name, content] of CONTENTS) {
    for (const stored of [true, false]) {
      for (const part of bothForms({ content, stored })) {
        for (const size of content.length < 1000 ? [1, 7, 1000] : [4093, 1e9]) {
          const unpacked = await read([part, { ...part, name: 'demo/again' }, LAST], {}, size);
          t.equal(unpacked, 2 * content.length + 6, `${name} ${stored ? 'stored' : 'deflated'} ${part.name} ${size}`);
        }
      }
    }
  }
  t.equal(await read([{ name: 'demo/', packed: Buffer.alloc(0) }, LAST]), 6, 'a folder that is called deflated');
});

t.test('content that is not what its header says is refused', async (t) => {
  for (const [name, content] of CONTENTS) {
    const packed = deflateRawSync(content);
    const flipped = Buffer.from(content);
    if (content.length > 0) flipped[content.length >> 1] = (flipped[content.length >> 1] as number) ^ 1;
    const shorter = content.subarray(1);
    const sum = { crc: crc32(shorter) };
    const cases: [string, Omit<IZipPart, 'name'>][] = [
      ['more deflate than it says', { packed: deflateRawSync(Buffer.concat([content, Buffer.from('more')])) }],
      ['a byte behind deflate', { packed: Buffer.concat([packed, Buffer.from('x')]) }],
      ['much behind deflate', { packed: Buffer.concat([packed, noise('behind', 3_000_000)]) }],
      ['another checksum, stored', { stored: true, local: { crc: 1 }, central: { crc: 1 } }],
      ['no deflate', { packed: Buffer.from([0xff, 0xff, 0xff]) }],
      ['half of it', { packed: packed.subarray(0, packed.length >> 1) }],
    ];
    if (content.length > 0) {
      cases.push(
        ['less deflate than it says', { packed: deflateRawSync(shorter) }],
        ['less deflate, with the checksum of that', { packed: deflateRawSync(shorter), local: sum, central: sum }],
        ['another byte', { packed: deflateRawSync(flipped) }],
        ['another byte, stored', { stored: true, packed: flipped }],
      );
    }
    for (const [what, lie] of cases) {
      for (const part of bothForms({ content, ...lie })) {
        // a part with a descriptor has its checksum there
        if (part.descriptor && lie.local) continue;
        for (const size of [3000, 1e9]) {
          await t.rejects(read([part, LAST], {}, size), damaged, `${name}: ${what}, ${part.name}, ${size}`);
        }
      }
    }
  }
  t.ok(await read([{ ...LAST, packed: Buffer.from([0xff, 0xff]) }], { unpacks: 'wanted' }), 'nobody looks at it');
});

t.test('what unpacks to more than its header says is not unpacked to its end', async (t) => {
  const packed = deflateRawSync(Buffer.alloc(400 * MIB));
  const sizes = { size: 1000, crc: 1 };
  const lie: IZipPart = { name: 'demo/before', packed, local: sizes, central: sizes };
  const begun = process.cpuUsage();
  await t.rejects(read([lie, LAST], { maxUnpackedSize: 500 * MIB }), damaged);
  const { user } = process.cpuUsage(begun);
  // 400 MiB take more than this
  t.ok(user < 150_000, `${user} µs`);
  const behind: IZipPart = { name: 'demo/behind', packed, descriptor: 'signed', central: sizes };
  await t.rejects(read([behind, LAST], { maxUnpackedSize: 2 * MIB }), refusal('tooLarge'), 'the size is not known yet');
});

t.test('an archive is unpacked in slices', async (t) => {
  const one = { packed: deflateRawSync(SMALL), content: SMALL };
  const small = Array.from({ length: 20_000 }, (_, at) => ({ name: `demo/${at}`, ...one }));
  const bytes = zipOf([...small, { name: 'demo/large', content: noise('stored', 40 * MIB), stored: true }]);
  // the whole archive comes at once
  const turns = await countTurns(async () => {
    for await (const _ of inspectZip(inPieces(bytes, 1e9), RULES, () => {}));
  });
  t.ok(turns > 8, `${turns} turns`);
});

t.test('small files that unpack to much are unpacked in slices too, or bit by bit', async (t) => {
  const one = { content: Buffer.alloc(256 * 1024), packed: deflateRawSync(Buffer.alloc(256 * 1024)) };
  const many = Array.from({ length: 3000 }, (_, at) => ({ name: `demo/${at}`, ...one }));
  const thin = { name: 'demo/thin', content: Buffer.alloc(60 * MIB) };
  for (const [parts, least] of [
    // 20 pieces of the archive
    [many, 30],
    [[thin], 15],
  ] as const) {
    const bytes = zipOf([...parts]);
    const turns = await countTurns(async () => {
      for await (const _ of inspectZip(inPieces(bytes, 1e9), { ...RULES, maxUnpackedSize: 1024 * MIB }, () => {}));
    });
    t.ok(turns > least, `${turns} turns`);
  }
  // the same, but it says that it is small
  const sizes = { size: 1000, crc: 1 };
  const lie = { name: 'demo/before', packed: deflateRawSync(thin.content), local: sizes, central: sizes };
  const bytes = [lie, LAST];
  const begun = process.cpuUsage();
  await t.rejects(read(bytes, {}, 1e9), damaged);
  const ms = cpuSince(begun);
  // 1 ms; all of it takes a hundred
  t.ok(ms < 30, `${ms} ms`);
});

t.test('an archive that comes as one chunk is read in slices, even if nobody looks at its contents', async (t) => {
  const tiny = Array.from({ length: 60_000 }, (_, at) => ({ name: `demo/${at}`, stored: true }));
  const bytes = zipOf(tiny);
  const turns = await countTurns(async () => {
    // up to the first chunk that passes: what follows it is divided in any case
    for await (const _ of inspectZip(inPieces(bytes, 1e9), { ...RULES, unpacks: 'wanted' }, () => {})) break;
  });
  t.ok(turns > 8, `${turns} turns`);
});

t.test('content that is full of what looks like a header is searched as fast as any other', async (t) => {
  for (const mark of ['PK\x03\x04', 'PK\x01\x02']) {
    const content = Buffer.alloc(8 * MIB, mark);
    const begun = process.cpuUsage();
    t.equal(await read([{ name: 'demo/behind', content, stored: true, descriptor: 'signed' }], {}, 65_536), 8 * MIB);
    const ms = cpuSince(begun);
    // 50 ms, and seconds with a look at each of the four forms of a descriptor
    t.ok(ms < 700, `${ms} ms`);
  }
});

t.test('an archive that breaks its ratio by far is not unpacked to its end', async (t) => {
  // a gibibyte of zeros
  const block = deflateRawSync(Buffer.alloc(16 * MIB), { finishFlush: constants.Z_FULL_FLUSH });
  const packed = Buffer.concat([...Array.from({ length: 64 }, () => block), deflateRawSync(Buffer.alloc(0))]);
  const sizes = { size: 1024 * MIB, crc: 1 };
  const bomb: IZipPart = { name: 'demo/before', packed, local: sizes, central: sizes };
  // what follows makes the ratio a good one, but nobody needs to wait for it
  const rest: IZipPart = { name: 'demo/rest', content: noise('rest', 24 * MIB), stored: true };
  const rules = { maxUnpackedSize: 2048 * MIB, ratios: [USUAL_RATIO] };
  await t.rejects(read([bomb, rest], rules, 65_536), refusal('tooLarge', { message: /more than 50 times its size/ }));
  const mild: IZipPart = { name: 'demo/before', content: Buffer.alloc(100 * MIB) };
  t.ok(await read([mild, rest], { ...rules, maxUnpackedSize: 2048 * MIB }, 65_536), 'the whole archive counts');
});

t.test('an empty file that is called deflated is empty, whether it is wanted or not', async (t) => {
  const empty: IZipPart = { name: 'demo/before', packed: Buffer.alloc(0) };
  for (const wanted of [() => undefined, () => 1000]) {
    t.equal(await read([empty, { ...empty, name: 'demo/behind', descriptor: 'signed' }, LAST], { wanted }), 6);
  }
  await t.rejects(read([{ ...empty, content: 'x' }, LAST]), damaged);
});

t.test('whoever leaves early leaves nothing open', async (t) => {
  const destroyed = new Set<unknown>();
  // what is not destroyed keeps its memory until the collector comes, which does not see how much it is
  const { destroy } = InflateRaw.prototype;
  InflateRaw.prototype.destroy = function (this: InflateRaw, error?: Error) {
    destroyed.add(this);
    return destroy.call(this, error);
  };
  t.teardown(() => {
    InflateRaw.prototype.destroy = destroy;
  });
  const bytes = zipOf([{ name: 'demo/large', content: LARGE }, LAST]);
  for await (const _ of inspectZip(inPieces(bytes, 100_000), RULES, () => t.fail())) break;
  t.equal(destroyed.size, 1, 'the consumer leaves');
  await t.rejects(collect(inspectZip(inPieces(bytes.subarray(0, 100_000), 70_000), RULES, () => t.fail())));
  t.equal(destroyed.size, 2, 'it is cut short');
});

t.test('the checksum of bytes that continue others', async (t) => {
  for (const checksum of [ownCrc32, slowCrc32]) {
    t.equal(checksum(SMALL.subarray(9), checksum(SMALL.subarray(0, 9))), crc32(SMALL));
    t.equal(checksum(Buffer.alloc(0)), 0);
  }
});
