import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { deflateRawSync } from 'node:zlib';
import t from 'tap';
import { inspectZip } from '../../../ts/core/archives/zip/helpers.zip.js';
import { withZip64 } from '../../../ts/core/archives/zip/helpers.zipfields.js';
import type { IZipFacts, IZipRules } from '../../../ts/core/archives/zip/interfaces.zip.js';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { collect, inPieces } from '../../support/archives/pieces.js';
import {
  extraField,
  type IZipPart,
  type IZipWhole,
  unicodePathField,
  zip64Field,
  zipOf,
} from '../../support/archives/zips.js';
import { cpuSince } from '../../support/cpu.js';
import { refusal } from '../../support/npm/packages.js';

const RULES: IZipRules = {
  noun: 'The wheel',
  maxUnpackedSize: 10e6,
  links: 'refuse',
  names: 'utf8',
  unpacks: 'all',
  wanted: (path) => (path === 'demo/META' ? 100_000 : undefined),
};
const META: IZipPart = { name: 'demo/META', content: 'Name: demo\n'.repeat(50) };
const CODE: IZipPart = { name: 'demo/code.py', content: randomBytes(3000) };

/** Passes the bytes through in pieces; what came out has to be what went in. */
const read = async (bytes: Buffer, rules: Partial<IZipRules> = {}, size = 700): Promise<IZipFacts> => {
  let found: IZipFacts | undefined;
  const passed = await collect(
    inspectZip(inPieces(bytes, size), { ...RULES, ...rules }, (facts) => {
      found = facts;
    }),
  );
  if (!passed.equals(bytes)) throw new Error('other bytes came out');
  return found as IZipFacts;
};

const DESCRIPTORS = ['signed', 'unsigned', 'signed64', 'unsigned64'] as const;

t.test('the wanted file is read while the archive passes by, whatever its pieces are', async (t) => {
  const parts: IZipPart[] = [{ name: 'demo/', stored: true, mode: 0o40755 }, META, CODE];
  for (const whole of [{}, { comment: 'a'.repeat(40) }, { zip64: true }, { reversed: true }]) {
    const bytes = zipOf(parts, whole);
    for (const size of [1, 2, 3, 5, 100, 1e6]) {
      const { entries, texts, unpackedSize, topFolder } = await read(bytes, {}, size);
      t.equal(texts.get('demo/META')?.toString(), META.content, `${size}`);
      t.same(entries.get('demo/code.py'), { path: 'demo/code.py', kind: 'file', size: 3000 });
      t.equal(entries.get('demo')?.kind, 'directory');
      t.equal(entries.size, 3);
      t.equal(unpackedSize, 3550);
      t.equal(topFolder, 'demo');
    }
  }
});

t.test('the end of content whose size comes behind it is found', async (t) => {
  const nested = zipOf([
    { ...META, descriptor: 'signed' },
    { ...CODE, descriptor: 'unsigned', stored: true },
  ]);
  for (const descriptor of DESCRIPTORS) {
    for (const stored of [true, false]) {
      const parts: IZipPart[] = [
        { name: 'demo/empty', stored: true },
        { name: 'demo/nothing', descriptor, stored, content: '' },
        { ...META, descriptor, stored },
        { name: 'demo/inner.zip', content: nested, descriptor, stored },
        { name: 'demo/marks', content: Buffer.from('PK\x03\x04PK\x07\x08PK\x01\x02'.repeat(500)), descriptor, stored },
        { ...CODE, descriptor, stored },
      ];
      for (const size of [1, 13, 700, 1e6]) {
        const { entries, texts } = await read(zipOf(parts), {}, size);
        t.equal(texts.get('demo/META')?.toString(), META.content, `${descriptor} ${stored} ${size}`);
        t.same(
          [...entries.values()].map(({ size }) => size),
          [0, 0, 550, nested.length, 6000, 3000],
        );
      }
    }
  }
  const large = zipOf([
    { ...META, descriptor: 'signed', local: { packedSize: 0xffffffff, size: 0xffffffff, extra: zip64Field(0, 0) } },
  ]);
  t.equal((await read(large)).texts.size, 1, 'a zip64 field that is filled behind the content');
});

t.test('an archive in an archive is content', async (t) => {
  const inner = zipOf([CODE, META]);
  const { entries } = await read(zipOf([{ name: 'a.zip', content: inner, stored: true }, META]));
  t.same([...entries.keys()], ['a.zip', 'demo/META']);
});

t.test('what the format allows is accepted', async (t) => {
  const cases: [string, IZipPart[], IZipWhole?, Partial<IZipRules>?][] = [
    ['a stored file', [{ ...META, stored: true }]],
    [
      'zip64 sizes in the local header',
      [
        {
          ...META,
          local: {
            packedSize: 0xffffffff,
            size: 0xffffffff,
            extra: zip64Field(550, deflateRawSync(META.content as string).length),
          },
        },
      ],
    ],
    [
      'a zip64 end, with an old end that points to it',
      [META],
      { zip64: true, end: { disk: 0xffff, count: 0xffff, size: 0xffffffff, start: 0xffffffff } },
    ],
    ['a zip64 end that counts no disks', [META], { zip64: true, end64: { disks: 0 } }],
    ['times of Info-ZIP', [{ ...META, extra: extraField(0x5455, Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0])) }]],
    ['zeros for alignment', [{ ...META, extra: Buffer.alloc(3) }]],
    ['a comment on a file', [{ ...META, central: { comment: Buffer.from('hello') } }]],
    ['a name in UTF-8', [META, { name: 'demo/ü.py' }]],
    ['a mark for UTF-8 on an ASCII name', [{ ...META, utf8: true }]],
    ['a dot at the beginning', [{ ...META, name: './demo/META' }]],
    ['a folder that deflate made two bytes long', [META, { name: 'demo/sub/', descriptor: 'signed' }]],
    [
      'a name with UTF-8 that is not marked, as macOS writes it',
      [META, { name: 'demo/ü.py', utf8: false }],
      {},
      { names: 'any' },
    ],
    [
      'a name in a code page, as 7-Zip writes it',
      [META, { name: Buffer.from('demo/\x81.py', 'latin1'), utf8: false }],
      {},
      { names: 'any' },
    ],
    [
      'a name in a code page, and in UTF-8 beside it',
      [
        META,
        {
          name: Buffer.from('demo/\x81.py', 'latin1'),
          utf8: false,
          extra: unicodePathField('demo/ü.py', Buffer.from('demo/\x81.py', 'latin1')),
        },
      ],
    ],
    [
      'a link whose name differs from a file only in case',
      [META, { name: 'demo/meta', content: 'META', mode: 0o120777 }],
      {},
      { links: 'inside' },
    ],
    ['a symbolic link', [META, { name: 'demo/link', content: 'META', mode: 0o120777 }], {}, { links: 'inside' }],
  ];
  for (const [name, parts, whole, rules] of cases) {
    const facts = await read(zipOf(parts, whole), rules).catch((error: Error) => t.fail(`${name}: ${error}`) as never);
    t.equal(facts.texts.get('demo/META')?.toString(), META.content, name);
  }
});

t.test('what is read in two ways is refused', async (t) => {
  const lie = deflateRawSync(META.content as string).length + 1;
  const other = Buffer.from('demo/other');
  const [one, two] = [Buffer.from('demo/\x81', 'latin1'), Buffer.from('demo/\x82', 'latin1')] as const;
  const cases: [string, IZipPart[], IZipWhole?][] = [
    ['bytes before the archive', [META], { prefix: Buffer.from('#!/bin/sh\n') }],
    ['a byte before the first file', [{ ...META, before: Buffer.alloc(1) }]],
    ['a byte between two files', [META, { ...CODE, before: Buffer.alloc(1) }]],
    ['a file between two files', [META, { ...CODE, before: zipOf([CODE]) }]],
    ['a byte before the directory', [META], { beforeDirectory: Buffer.alloc(1) }],
    ['a byte behind the archive', [META], { suffix: Buffer.alloc(1) }],
    ['an archive behind the archive', [META], { suffix: zipOf([CODE]) }],
    ['an archive before the archive', [META], { prefix: zipOf([CODE]) }],
    ['an archive in the comment', [META], { comment: zipOf([CODE]) }],
    ['two names for a file', [{ ...META, local: { name: other } }]],
    ['two sizes for a file', [{ ...META, central: { size: 1 } }]],
    ['two packed sizes for a file', [{ ...META, central: { packedSize: lie } }]],
    ['two checksums for a file', [{ ...META, central: { crc: 1 } }]],
    ['two methods for a file', [{ ...META, central: { method: 0 } }]],
    [
      'a size in the directory that is not behind the content',
      [{ ...META, descriptor: 'signed', central: { packedSize: lie } }],
    ],
    ['a size before the content, another one behind it', [{ ...META, descriptor: 'signed', local: { size: 1 } }]],
    ['a file that the directory does not list', [META, { ...CODE, only: 'local' }]],
    ['a file that is only in the directory', [META, { ...CODE, only: 'central' }]],
    ['a file that the directory lists twice', [META, { ...META, only: 'central', central: { offset: 0 } }]],
    ['an offset that is none of a file', [{ ...META, central: { offset: 1 } }]],
    ['a path twice', [META, META]],
    ['a path twice, once with a dot', [META, { ...META, name: 'demo/./META' }]],
    ['a folder and a file of one name', [META, { name: 'demo/META/', stored: true }]],
    ['a wrong count', [META], { end: { count: 2 } }],
    ['two counts', [META], { end: { count: 1, total: 2 } }],
    ['another count on this disk', [META], { end: { count: 2, total: 1 } }],
    ['a wrong size of the directory', [META], { end: { size: 1 } }],
    ['a wrong beginning of the directory', [META], { end: { start: 0 } }],
    ['another disk', [META], { end: { disk: 1 } }],
    ['an old end that points to nothing', [META], { end: { start: 0xffffffff } }],
    ['a wrong zip64 count', [META], { zip64: true, end64: { count: 2 } }],
    ['a wrong zip64 size', [META], { zip64: true, end64: { size: 1 } }],
    ['a wrong zip64 beginning', [META], { zip64: true, end64: { start: 1 } }],
    ['a wrong place of the zip64 end', [META], { zip64: true, end64: { at: 1 } }],
    ['a longer zip64 end', [META], { zip64: true, end64: { length: 50 } }],
    ['several disks', [META], { zip64: true, end64: { disks: 2 } }],
    ['a zip64 end and an old end that differ', [META], { zip64: true, end: { count: 2 } }],
    ['a zip64 field that says something else', [{ ...META, local: { extra: zip64Field(1, 1) } }]],
    [
      'a zip64 field that is too short',
      [{ ...META, local: { packedSize: 0xffffffff, size: 0xffffffff, extra: zip64Field(550) } }],
    ],
    ['a zip64 field that is too long', [{ ...META, central: { offset: 0xffffffff, extra: zip64Field(550, 0) } }]],
    [
      'a zip64 field with more than is asked for',
      [{ ...META, local: { size: 0xffffffff, extra: zip64Field(550, 1) } }],
    ],
    [
      'two names in code pages for one in UTF-8',
      [
        META,
        {
          name: one,
          utf8: false,
          extra: unicodePathField('demo/ü', one),
          central: { name: two, extra: unicodePathField('demo/ü', two) },
        },
      ],
    ],
    ['a zip64 field that is not there', [{ ...META, local: { packedSize: 0xffffffff } }]],
    ['two zip64 fields', [{ ...META, extra: Buffer.concat([zip64Field(550), zip64Field(550)]) }]],
    ['an extra field that is cut short', [{ ...META, extra: Buffer.from([0, 0, 9, 0]) }]],
    ['bytes that are no extra field', [{ ...META, extra: Buffer.from([1]) }]],
    ['another name in UTF-8', [META, { name: 'demo/a', extra: unicodePathField('demo/b', Buffer.from('demo/a')) }]],
    ['a name in UTF-8 for a name from before', [META, { name: 'demo/a', extra: unicodePathField('demo/a', other) }]],
    ['UTF-8 that is none', [META, { name: Buffer.from('demo/\x81', 'latin1'), utf8: true }]],
    ['UTF-8 that is not marked', [META, { name: 'demo/ü', utf8: false }]],
  ];
  for (const [name, parts, whole] of cases) {
    await t.rejects(read(zipOf(parts, whole)), refusal('invalid'), name);
  }
});

t.test('what is dangerous is refused', async (t) => {
  const cases: [string, IZipPart[], Partial<IZipRules>?][] = [
    ['an absolute path', [{ name: '/etc/x' }]],
    ['a path that leads out', [{ name: 'demo/../../x' }]],
    ['a drive letter', [{ name: 'C:/x' }]],
    ['a backslash', [{ name: 'demo\\x' }]],
    ['a NUL in a name', [{ name: 'demo/META\0.txt' }]],
    ['a line break in a name', [{ name: 'demo/a\nb' }]],
    ['a file without a name', [{ name: '' }]],
    ['a link', [{ name: 'demo/link', content: '/etc', mode: 0o120777 }]],
    [
      'a file below a link',
      [{ name: 'demo/link', content: 'META', mode: 0o120777 }, { name: 'demo/link/x' }],
      { links: 'inside' },
    ],
    [
      'a link behind a file that lies below it',
      [{ name: 'demo/link/x' }, { name: 'demo/link', content: 'META', mode: 0o120777 }],
      { links: 'inside' },
    ],
    [
      'a file below a link of another case',
      [{ name: 'demo/LINK/x' }, { name: 'demo/link', content: 'META', mode: 0o120777 }],
      { links: 'inside' },
    ],
    ['a file below a file, and others between them', [{ name: 'demo/a/x' }, { name: 'demo/a-b' }, { name: 'demo/a' }]],
    ['a file below a file', [{ name: 'demo/a' }, { name: 'demo/a/x' }]],
    ['a device', [{ name: 'demo/dev', mode: 0o20666 }]],
    ['a folder with content', [{ name: 'demo/sub/', content: 'x' }]],
    ['encryption', [{ name: 'demo/x', local: { flags: 1 } }]],
    ['encryption, as only the directory says', [{ name: 'demo/x', central: { flags: 1 } }]],
    ['a patch, as only the directory says', [{ name: 'demo/x', central: { flags: 0x20 } }]],
    ['strong encryption', [{ name: 'demo/x', local: { flags: 0x40 } }]],
    ['another compression', [{ name: 'demo/x', local: { method: 12 }, central: { method: 12 } }]],
    [
      'stored content with two sizes',
      [{ name: 'demo/x', stored: true, packed: Buffer.alloc(5), local: { size: 9 }, central: { size: 9 } }],
    ],
    ['a name of 5,000 bytes', [{ name: 'x'.repeat(5000) }]],
    ['the wanted file too large', [{ ...META, content: 'x'.repeat(100_001) }]],
    ['the wanted file too large, as its end says', [{ ...META, content: 'x'.repeat(100_001), descriptor: 'signed' }]],
    ['the wanted file too large, packed', [{ ...META, content: randomBytes(200_000), descriptor: 'signed' }]],
  ];
  for (const [name, parts, rules] of cases)
    await t.rejects(read(zipOf([CODE, ...parts]), rules), refusal('invalid'), name);
});

t.test('no more of a wanted file is kept than is allowed, whatever it says of itself', async (t) => {
  const part: IZipPart = { ...META, content: 'x', packed: randomBytes(200_000), descriptor: 'signed' };
  await t.rejects(read(zipOf([part]), { unpacks: 'wanted' }), refusal('invalid', { message: /too large/ }));
});

t.test('a size of 2^32 - 1 needs its zip64 field', async (t) => {
  t.throws(() => withZip64('The wheel', [0xffffffff, 1], undefined), refusal('invalid'));
  t.same(withZip64('The wheel', [5, 0xffffffff], zip64Field(7).subarray(4)), [5, 7]);
});

t.test('the target of a link is not taken for the wanted file', async (t) => {
  const { entries, texts } = await read(zipOf([{ ...META, mode: 0o120777 }]), { links: 'inside' });
  t.equal(entries.get('demo/META')?.kind, 'link');
  t.equal(texts.size, 0);
});

t.test('a link may lead to a place in the archive, and nowhere else', async (t) => {
  const link = (content: string, more: Partial<IZipPart> = {}): Promise<IZipFacts> =>
    read(zipOf([META, { name: 'demo/sub/link', content, mode: 0o120777, ...more }]), { links: 'inside' }, 7);
  const forms: Partial<IZipPart>[] = [
    {},
    { stored: true },
    ...DESCRIPTORS.flatMap((descriptor) => [{ descriptor }, { descriptor, stored: true }]),
  ];
  for (const form of forms) {
    for (const target of ['../META', 'not/there', './x', '..']) {
      const { entries, texts } = await link(target, form);
      t.equal(entries.get('demo/sub/link')?.kind, 'link', target);
      t.equal(texts.size, 1);
    }
    for (const target of ['/etc/passwd', '../../x', '../../../../etc/passwd', 'a/../../..', 'C:/x', '..\\..\\x', '']) {
      await t.rejects(link(target, form), refusal('invalid', { message: /leads out/ }), `"${target}"`);
    }
  }
  t.ok(
    await read(zipOf([{ name: 'META' }, { name: 'demo/link', content: '../META', mode: 0o120777 }]), {
      links: 'inside',
    }),
  );
  await t.rejects(link(randomBytes(600).toString('hex')), refusal('invalid', { message: /target/ }));
});

t.test('what may be the target of a link is kept up to a limit, and then links are refused', async (t) => {
  const content = 'x'.repeat(500);
  const small = Array.from({ length: 14_000 }, (_, at): IZipPart => ({ name: `demo/${at}`, content, stored: true }));
  const link: IZipPart = { name: 'demo/link', content: '1', mode: 0o120777 };
  t.equal((await read(zipOf([link, ...small]), { links: 'inside' }, 65_536)).entries.size, 14_001);
  const late = zipOf([...small, link]);
  await t.rejects(read(late, { links: 'inside' }, 65_536), refusal('invalid', { message: /target/ }));
});

t.test('a damaged wanted file is refused', async (t) => {
  const packed = deflateRawSync(META.content as string);
  const cases: [string, IZipPart][] = [
    ['other content', { ...META, packed: deflateRawSync('Name: evil\n'.repeat(50)) }],
    ['no deflate', { ...META, packed: Buffer.alloc(packed.length, 0xff) }],
    ['bytes behind the deflated content', { ...META, packed: Buffer.concat([packed, Buffer.from('more')]) }],
    ['cut short', { ...META, packed: packed.subarray(0, packed.length - 3) }],
    ['more than it says', { ...META, packed: deflateRawSync('x'.repeat(90_000)) }],
    ['more than nothing', { ...META, content: '', packed: deflateRawSync('xxx') }],
    ['stored, other content', { ...META, stored: true, packed: Buffer.alloc(550) }],
  ];
  for (const [name, part] of cases) await t.rejects(read(zipOf([part])), refusal('invalid'), name);
});

t.test('everything but a whole archive is refused', async (t) => {
  const good = zipOf([META, { ...CODE, descriptor: 'signed' }], { zip64: true, comment: 'hello' });
  for (let length = 0; length < good.length; length += length > 3600 || length < 200 ? 1 : 97) {
    await t.rejects(read(good.subarray(0, length), {}, 1e6), refusal('invalid'), `${length} bytes`);
  }
  await t.rejects(read(zipOf([])), refusal('invalid'), 'an archive without files');
  await t.rejects(read(randomBytes(5000)), refusal('invalid'), 'no archive');
});

t.test('a damaged byte never passes for another package', async (t) => {
  const good = zipOf([META, CODE, { name: 'demo/x', content: 'y', descriptor: 'signed' }]);
  const names = [...(await read(good)).entries.keys()];
  for (let at = 0; at < good.length; at += 1) {
    const bytes = Buffer.from(good);
    bytes[at] = (bytes[at] as number) ^ 0x55;
    const facts = await read(bytes, {}, 1e6).catch((error: unknown) => error);
    if (facts instanceof RegistryError) {
      if (facts.status !== 400 && facts.status !== 413) t.fail(`byte ${at}: ${facts.status}`);
      continue;
    }
    const { entries, texts } = facts as IZipFacts;
    if (texts.get('demo/META')?.toString() !== META.content) t.fail(`byte ${at}: another content`);
    if ([...entries.keys()].join() !== names.join()) t.fail(`byte ${at}: other names`);
  }
});

t.test('bombs are refused by what they announce', async (t) => {
  const zeros = zipOf([META, { name: 'demo/zeros', content: Buffer.alloc(9_000_000) }]);
  t.equal((await read(zeros)).unpackedSize, 9_000_550, 'within the limit');
  await t.rejects(read(zeros, { maxUnpackedSize: 5e6 }), refusal('tooLarge'));
  await t.rejects(
    read(zeros, { ratios: [{ times: 50, from: 1e6 }] }),
    refusal('tooLarge'),
    'more than 50 times its size',
  );
  const behind = zipOf([META, { name: 'demo/zeros', content: Buffer.alloc(9_000_000), descriptor: 'signed' }]);
  await t.rejects(read(behind, { maxUnpackedSize: 5e6 }), refusal('tooLarge'), 'announced behind the content');
  const many = zipOf(Array.from({ length: 30 }, (_, at) => ({ name: `demo/${at}` })));
  await t.rejects(read(many, { maxEntries: 29 }), refusal('tooLarge'));
  t.equal((await read(many, { maxEntries: 30 })).entries.size, 30);
});

t.test('everything in one folder, if the rules ask for that', async (t) => {
  const good = zipOf([META, CODE]);
  t.equal((await read(good, { topFolder: 'demo' })).topFolder, 'demo');
  t.equal((await read(good, { topFolder: true })).topFolder, 'demo');
  await t.rejects(read(good, { topFolder: 'other' }), refusal('invalid'));
  for (const extra of ['file', 'other/file']) {
    const bytes = zipOf([META, { name: extra }]);
    t.equal((await read(bytes)).topFolder, undefined);
    await t.rejects(read(bytes, { topFolder: true }), refusal('invalid'));
  }
});

t.test('whoever leaves early, or fails, leaves nothing behind', async (t) => {
  const bytes = zipOf([META, CODE]);
  let closed = 0;
  async function* source(content: Buffer, fails = false): AsyncGenerator<Uint8Array> {
    try {
      yield* inPieces(content, 500);
      if (fails) throw new RegistryError('timeout', 'gone');
    } finally {
      closed += 1;
    }
  }
  const unread = () => t.fail('no result');
  for await (const _ of inspectZip(source(bytes), RULES, unread)) break;
  t.equal(closed, 1, 'the source is told that nobody reads on');
  await t.rejects(collect(inspectZip(source(bytes, true), RULES, unread)), refusal('timeout'));
  await t.rejects(collect(inspectZip(source(randomBytes(5000)), RULES, unread)), refusal('invalid'));
  t.equal(closed, 3);
});

t.test('wanted files that are small and unpack to much are refused before they are unpacked together', async (t) => {
  const content = Buffer.alloc(4 * 1024 * 1024, 'a');
  const packed = deflateRawSync(content);
  const named = (count: number) =>
    Array.from({ length: count }, (_, at): IZipPart => ({ name: `${at}/META`, content, packed, descriptor: 'signed' }));
  const rules = {
    maxUnpackedSize: 1e9,
    wanted: (path: string) => (path.endsWith('/META') ? content.length : undefined),
  };
  t.equal((await read(zipOf(named(2)), rules)).texts.size, 2);
  const refused = refusal('invalid', { message: /has too many files like 16\/META/ });
  await t.rejects(read(zipOf(named(17)), rules), refused);
  await t.rejects(read(zipOf(named(17).map(({ descriptor: _, ...part }) => part)), rules), refused);
});

/** As from a socket: other requests run between two pieces. */
async function* received(bytes: Buffer): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of inPieces(bytes, 65_536)) {
    yield piece;
    await setImmediate();
  }
}

/** ms of CPU between two turns of the event loop at most while the archive was read, and MiB that the process grew by. */
const holdOf = async (bytes: Buffer, rules: Partial<IZipRules>) => {
  const before = process.memoryUsage().rss;
  let held = 0;
  let last = process.cpuUsage();
  let count = 0;
  const measure = (): void => {
    held = Math.max(held, cpuSince(last));
    last = process.cpuUsage();
  };
  const timer = setInterval(measure, 1);
  for await (const _ of inspectZip(received(bytes), { ...RULES, ...rules }, ({ entries }) => (count = entries.size)));
  await setImmediate();
  measure();
  clearInterval(timer);
  return { count, held, grown: (process.memoryUsage().rss - before) / 1024 ** 2 };
};

t.test('paths of thousands of folders cost no more than other long names', async (t) => {
  const parts = Array.from(
    { length: 3000 },
    (_, at): IZipPart => ({ name: `${at}/${'a/'.repeat(2000)}b`, stored: true }),
  );
  const link: IZipPart = { name: `link/${'a/'.repeat(1900)}b`, content: 'x', mode: 0o120777 };
  for (const more of [[], [link]]) {
    const bytes = zipOf([...parts, ...more]);
    const begun = process.cpuUsage();
    const { count, held, grown } = await holdOf(bytes, { links: 'inside', maxUnpackedSize: 1e9 });
    t.equal(count, parts.length + more.length);
    t.ok(cpuSince(begun) < 6000, 'a hundred seconds with the text of every folder above');
    t.ok(held < 1000, `the loop was held for ${held.toFixed(0)} ms: five seconds with a copy of each name to sort`);
    t.ok(grown < 300, `${grown.toFixed(0)} MiB: 700 with lists of segments`);
  }
});

t.test('an archive of 100,000 files does not hold the event loop', async (t) => {
  const count = 100_000;
  const parts = Array.from(
    { length: count },
    (_, at): IZipPart => ({ name: `demo/${(at * 7919) % count}`, stored: true }),
  );
  const { count: found, held } = await holdOf(zipOf(parts, { zip64: true, end: { count: 0xffff } }), {});
  t.equal(found, count);
  t.ok(held < 200, `${held.toFixed(0)} ms: 600 if all names are sorted at once`);
});
