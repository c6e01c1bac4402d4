import t from 'tap';
import { inspectZip } from '../../../ts/core/archives/zip/helpers.zip.js';
import type { IZipRules } from '../../../ts/core/archives/zip/interfaces.zip.js';
import { collect, inPieces } from '../../support/archives/pieces.js';
import { extraField, type IZipPart, u64, zipOf } from '../../support/archives/zips.js';
import { refusal } from '../../support/npm/packages.js';

const RULES: IZipRules = {
  noun: 'The wheel',
  maxUnpackedSize: 10e6,
  links: 'refuse',
  names: 'any',
  unpacks: 'all',
  wanted: () => undefined,
};

/** The names in an archive, whatever its pieces are. */
const read = async (bytes: Buffer, size = 1e6): Promise<string[]> => {
  let names: string[] = [];
  await collect(
    inspectZip(inPieces(bytes, size), RULES, ({ entries }) => {
      names = [...entries.keys()];
    }),
  );
  return names;
};

const u16 = (value: number): Buffer => Buffer.from([value & 0xff, value >> 8]);
const u32 = (value: number): Buffer => u64(value).subarray(0, 4);

/** bytes of the header of a file with a name of one letter */
const HEADER = 31;
const END = 22;
const END64 = 56;
const LOCATOR = 20;

/** An archive in the first file of another one, and its directory, whose offsets are those in the other one. */
const hidden = (() => {
  const files = zipOf([{ name: 'evil.py', content: 'import evil\n' }]);
  const start = files.indexOf('PK\x01\x02');
  const directory = Buffer.from(files.subarray(start, -END));
  directory.writeUInt32LE(HEADER, 42);
  return { files: files.subarray(0, start), directory };
})();
const META: IZipPart = { name: 'composer.json', content: '{}' };
const carrier: IZipPart = { name: 'a', content: hidden.files, stored: true };

/** The hidden directory with a zip64 end and its locator, which end at `end`. */
const otherEnd = (end: number): Buffer => {
  const { directory } = hidden;
  const start = end - LOCATOR - END64 - directory.length;
  return Buffer.concat([
    directory,
    Buffer.from('PK\x06\x06'),
    ...[u64(44), u16(45), u16(45), u32(0), u32(0), u64(1), u64(1), u64(directory.length), u64(start)],
    Buffer.from('PK\x06\x07'),
    ...[u32(0), u64(end - LOCATOR), u32(1)],
  ]);
};

t.test('a zip64 end in the last entry of the directory, where Python, PHP and unzip find it', async (t) => {
  const places: Record<string, (tail: Buffer) => IZipPart['central']> = {
    'the comment': (comment) => ({ comment }),
    'an extra field': (bytes) => ({ extra: extraField(0x9999, bytes) }),
  };
  for (const [place, put] of Object.entries(places)) {
    const build = (tail: Buffer) => zipOf([carrier, { name: 'b', content: 'x', central: put(tail) }]);
    const bytes = build(otherEnd(build(otherEnd(9999)).length - END));
    for (const size of [1, 1e6]) {
      await t.rejects(read(bytes, size), refusal('invalid', { message: /another end in its last entry/ }), place);
    }
  }
  const harmless = zipOf([
    { name: 'b', central: { comment: otherEnd(9999) } },
    { ...carrier, central: { comment: Buffer.from('PK\x06\x07, and then more') } },
  ]);
  t.same(await read(harmless), ['b', 'a'], 'anywhere else it is no end');
});

t.test('an end that begins in the real end', async (t) => {
  // the length of this comment is `PK`, and its text goes on with the rest of a signature
  const length = 0x4b50;
  const end = Buffer.concat([Buffer.from('\x05\x06'), Buffer.alloc(20)]);
  const bytes = zipOf([carrier], { comment: Buffer.concat([end, Buffer.alloc(length - end.length, ' ')]) });
  for (const pieces of [100, 1e6]) {
    await t.rejects(read(bytes, pieces), refusal('invalid', { message: /another end in its comment/ }));
  }
  t.same(await read(zipOf([carrier], { comment: Buffer.alloc(length, 'PK\x05') })), ['a'], 'a comment of that length');
});

t.test('an end that leads to another directory, wherever it is', async (t) => {
  const other = refusal('invalid', { message: /another end, which leads to another directory/ });
  const inner = zipOf([{ name: 'evil.php', content: 'evil' }]);
  const inner64 = zipOf([{ name: 'evil.php', content: 'evil' }], { zip64: true });
  /** The inner archive, whose directory is found if the whole lies at this place. */
  const movedTo = (place: number): Buffer => {
    const moved = Buffer.from(inner);
    moved.writeUInt32LE(place + inner.indexOf('PK\x01\x02'), inner.length - 6);
    return moved;
  };
  const moved64To = (place: number): Buffer => {
    const moved = Buffer.from(inner64);
    moved.writeBigUInt64LE(BigInt(place + inner64.indexOf('PK\x06\x06')), inner64.indexOf('PK\x06\x07') + 8);
    return moved;
  };
  const before = zipOf([META]).indexOf('PK\x01\x02');
  const far = Buffer.alloc(100_000, 'x');
  const cases: Record<string, (bytes: Buffer) => IZipPart[]> = {
    'the content of a file': (content) => [META, { name: 'a', content, stored: true }],
    'content that is not in the searched part': (bytes) => [
      META,
      // the directory lies far before its end
      { name: 'a', content: Buffer.concat([bytes.subarray(0, -END), far, bytes.subarray(-END)]), stored: true },
    ],
    'an extra field of a file': (bytes) => [
      META,
      { name: 'a', extra: extraField(9, bytes), central: { extra: far.subarray(0, 0) } },
    ],
    'a comment in the directory': (comment) => [META, { name: 'a', central: { comment } }, { name: 'b' }],
  };
  for (const [place, put] of Object.entries(cases)) {
    for (const make of place.includes('searched') ? [movedTo] : [movedTo, moved64To]) {
      const bytes = zipOf(put(make(zipOf(put(make(0))).indexOf('evil.php') - HEADER + 1)));
      for (const size of [1, 1000, 1e6]) {
        if (size > 1 || bytes.length < 5000) await t.rejects(read(bytes, size), other, `${place} ${make.name} ${size}`);
      }
    }
    for (const bytes of [inner, inner64]) {
      if (!place.startsWith('a comment')) t.ok(await read(zipOf(put(bytes))), `${place}: an end that leads nowhere`);
    }
  }
  t.ok(
    await read(zipOf([META, { name: 'a', content: Buffer.concat([movedTo(before + HEADER), far]), stored: true }])),
    'too far',
  );
  const file: IZipPart = { name: 'a', content: zipOf([]), stored: true };
  t.ok(await read(zipOf([META, file])), 'an empty archive');
  // other archives in an archive have directories where the offset of this one points to by chance
  const chance = movedTo(before + HEADER);
  chance.writeUInt16LE(2, chance.length - 12);
  t.ok(await read(zipOf([META, { name: 'a', content: chance, stored: true }])), 'more entries than there are');
  chance.writeUInt16LE(1, chance.length - 12);
  chance.writeUInt32LE(9, chance.length - 10);
  t.ok(await read(zipOf([META, { name: 'a', content: chance, stored: true }])), 'another length');
  const many = Buffer.concat([Buffer.alloc(4 * 200_000, 'PK\x01\x02'), inner]);
  await t.rejects(read(zipOf([META, { name: 'a', content: many, stored: true }])), other, 'too many to know');
});

t.test('a file that needs a later version of the format is one that unpackers refuse or leave out', async (t) => {
  for (const version of [63, 64, 255]) {
    const bytes = zipOf([{ name: 'a', content: 'x' }]);
    bytes[bytes.indexOf('PK\x01\x02') + 6] = version;
    if (version === 63) t.same(await read(bytes), ['a']);
    else await t.rejects(read(bytes), refusal('invalid', { message: /needs version/ }), `${version}`);
  }
});

t.test('a name that only one of its two headers marks as UTF-8 is two names to Python', async (t) => {
  const named = (name: string, local: number, central: number) =>
    zipOf([{ name, local: { flags: local }, central: { flags: central } }]);
  for (const flags of [0, 0x800]) {
    t.same(await read(named('ü', flags, flags)), ['ü']);
    t.same(await read(named('u', flags, 0x800 - flags)), ['u'], 'ASCII is the same in all');
    await t.rejects(read(named('ü', flags, 0x800 - flags)), refusal('invalid', { message: /in two ways/ }));
  }
});
