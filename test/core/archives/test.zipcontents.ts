import { crc32, deflateRawSync } from 'node:zlib';
import t from 'tap';
import { crc32 as ownCrc32, slowCrc32 } from '../../../ts/core/archives/zip/helpers.crc32.js';
import { inspectZip } from '../../../ts/core/archives/zip/helpers.zip.js';
import type { IZipRules } from '../../../ts/core/archives/zip/interfaces.zip.js';
import { collect, inPieces } from '../../support/archives/pieces.js';
import { type IZipPart, zipOf } from '../../support/archives/zips.js';
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

t.test('whoever leaves early leaves nothing open', async (t) => {
  const bytes = zipOf([{ name: 'demo/large', content: LARGE }, LAST]);
  const before = process.getActiveResourcesInfo().length;
  for await (const _ of inspectZip(inPieces(bytes, 100_000), RULES, () => t.fail())) break;
  t.ok(process.getActiveResourcesInfo().length <= before);
});

t.test('the checksum of bytes that continue others', async (t) => {
  for (const checksum of [ownCrc32, slowCrc32]) {
    t.equal(checksum(SMALL.subarray(9), checksum(SMALL.subarray(0, 9))), crc32(SMALL));
    t.equal(checksum(Buffer.alloc(0)), 0);
  }
});
