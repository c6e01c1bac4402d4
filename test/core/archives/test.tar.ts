import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { TarFrame } from '../../../ts/core/archives/tar/classes.tarframe.js';
import { inspectTarGz } from '../../../ts/core/archives/tar/helpers.targz.js';
import { collectTexts } from '../../../ts/core/archives/tar/helpers.texts.js';
import type { ITarRules, ITarTexts } from '../../../ts/core/archives/tar/interfaces.tar.js';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { collect, inPieces } from '../../support/archives/pieces.js';
import { type ITarPart, paxPart, TAR_END, tarGzOf, tarOf, tarPart } from '../../support/archives/tars.js';
import { refusal } from '../../support/npm/packages.js';

const RULES: ITarRules = {
  noun: 'The crate',
  maxUnpackedSize: 10e6,
  topFolder: 'demo-1.0',
  links: 'inside',
  strict: true,
};
const TOML: ITarPart = { name: 'demo-1.0/Cargo.toml', content: '[package]\nname = "demo"\n' };
const wanted = (path: string) => (path === 'demo-1.0/Cargo.toml' ? 1000 : undefined);

/** Passes the bytes through in pieces; what came out has to be what went in. */
const read = async (bytes: Buffer, rules: Partial<ITarRules> = {}, size = 500): Promise<ITarTexts> => {
  let found: ITarTexts | undefined;
  const passed = await collect(
    inspectTarGz(inPieces(bytes, size), { ...RULES, ...rules }, collectTexts('The crate', wanted), (texts) => {
      found = texts;
    }),
  );
  if (!passed.equals(bytes)) throw new Error('other bytes came out');
  return found as ITarTexts;
};

/** Content that does not become smaller, so that the archive is not read at once. */
const LONG: ITarPart = { name: 'demo-1.0/data', content: randomBytes(200_000) };

t.test('the wanted file is read while the archive passes by', async (t) => {
  for (const parts of [[TOML], [LONG, TOML], [TOML, LONG]]) {
    for (const size of [100, 65_536, 1e6]) {
      const { texts, entryCount, unpackedSize } = await read(tarGzOf(...parts), {}, size);
      t.equal(texts.get('demo-1.0/Cargo.toml')?.toString(), TOML.content);
      t.equal(entryCount, parts.length);
      t.equal(
        unpackedSize,
        parts.reduce((sum, { content = '' }) => sum + content.length, 0),
      );
    }
  }
});

t.test('what the usual tools write is accepted', async (t) => {
  const long = `demo-1.0/${'x'.repeat(150)}`;
  const good: [string, (ITarPart | Buffer)[]][] = [
    ['a folder of its own', [{ name: 'demo-1.0/', type: '5' }, TOML]],
    [
      'the dot that `tar c .` writes',
      [
        { name: './', type: '5' },
        { ...TOML, name: './demo-1.0/Cargo.toml' },
      ],
    ],
    ['GNU tar', [{ ...TOML, magic: 'ustar  \0' }]],
    [
      'a long name of GNU tar',
      [tarPart({ name: '././@LongLink', type: 'L', content: `${long}\0` }), { name: 'demo-1.0/xx' }, TOML],
    ],
    [
      'a long name in a pax header',
      [paxPart({ path: long, mtime: '1.5' }), { name: 'demo-1.0/xx', content: 'y' }, TOML],
    ],
    [
      'long names of a link and its target of GNU tar',
      [
        tarPart({ name: '././@LongLink', type: 'K', content: `${'x'.repeat(150)}\0` }),
        tarPart({ name: '././@LongLink', type: 'L', content: `${long}\0` }),
        { name: 'demo-1.0/xx', type: '2', linkname: 'x' },
        TOML,
      ],
    ],
    [
      'a pax header with zeros behind its fields',
      [tarPart({ name: 'x', type: 'x', content: '11 mtime=1\n\0\0' }), TOML],
    ],
    ['the comment of git archive', [paxPart({ comment: 'a'.repeat(40) }, 'g'), TOML]],
    ['a size with blanks before it', [TOML, { name: 'demo-1.0/empty' }]],
    ['a file of an old type', [{ ...TOML, type: '7' }]],
    ['a link to a sibling', [TOML, { name: 'demo-1.0/link', type: '2', linkname: 'Cargo.toml' }]],
    ['a link to a folder above', [TOML, { name: 'demo-1.0/a/b/link', type: '2', linkname: '../../Cargo.toml' }]],
    ['a hard link', [TOML, { name: 'demo-1.0/link', type: '1', linkname: 'demo-1.0/Cargo.toml' }]],
    ['a name with a backslash', [TOML, { name: 'demo-1.0/dev\\x2ddisk' }]],
  ];
  for (const [name, parts] of good) {
    for (const more of [[], [LONG]]) {
      const { texts } = await read(tarGzOf(...parts, ...more)).catch(
        (error: Error) => t.fail(`${name}: ${error}`) as never,
      );
      t.equal(texts.get('demo-1.0/Cargo.toml')?.toString(), TOML.content, name);
    }
  }
  const several = Buffer.concat([gzipSync(tarPart(TOML)), gzipSync(Buffer.concat([tarPart(LONG), TAR_END]))]);
  t.equal((await read(several)).entryCount, 2, 'a gzip file of several members, as parallel packers write it');
  t.equal((await read(gzipSync(tarPart(TOML)))).entryCount, 1, 'an archive without empty blocks at its end');
});

t.test('a gzip file of several members is refused if unpackers read the first one only', async (t) => {
  const rules = { oneMember: true };
  for (const more of [[], [LONG]]) {
    const whole = tarGzOf(TOML, ...more);
    const archive = tarOf(TOML, ...more);
    const parted = Buffer.concat([gzipSync(archive.subarray(0, 1024)), gzipSync(archive.subarray(1024))]);
    // in one piece, and with a last piece of two bytes
    for (const rest of [0, 2]) {
      t.ok(await read(whole, rules, whole.length - rest), 'one member');
      const message = 'The crate consists of several gzip files';
      await t.rejects(read(parted, rules, parted.length - rest), refusal('invalid', { message }));
      t.ok(await read(parted, { ...rules, strict: false }, 65_536));
    }
  }
});

t.test('what is dangerous, or is read in two ways, is refused', async (t) => {
  const link = (linkname: string, type = '2', name = 'demo-1.0/link'): ITarPart => ({ name, type, linkname });
  const longName = tarPart({ name: '././@LongLink', type: 'L', content: `${TOML.name}\0` });
  const cases: [string, (ITarPart | Buffer)[]][] = [
    ['a file beside the folder', [TOML, { name: 'other/file' }]],
    ['a folder of another spelling', [TOML, { name: 'Demo-1.0/file' }]],
    ['a file at the top', [TOML, { name: 'file' }]],
    ['an absolute path', [TOML, { name: '/demo-1.0/file' }]],
    ['a path that leads out', [TOML, { name: 'demo-1.0/../../file' }]],
    ['a path that leads out by backslashes', [TOML, { name: 'demo-1.0\\..\\..\\file' }]],
    ['a path that leads out by backslashes in its last part', [TOML, { name: 'demo-1.0/x\\..\\..\\..\\file' }]],
    ['a file in place of the folder', [{ name: 'demo-1.0' }]],
    ['an absolute path by a backslash', [TOML, { name: '\\demo-1.0\\file' }]],
    ['a name with a line break', [TOML, { name: 'demo-1.0/a\nb' }]],
    ['a name of 5,000 bytes', [TOML, paxPart({ path: `demo-1.0/${'a/'.repeat(2500)}b` }), { name: 'demo-1.0/x' }]],
    ['a NUL in a pax name', [TOML, paxPart({ path: 'demo-1.0/a\0b' }), { name: 'demo-1.0/x' }]],
    ['a device', [TOML, { name: 'demo-1.0/dev', type: '3' }]],
    ['a fifo', [TOML, { name: 'demo-1.0/fifo', type: '6' }]],
    ['an unknown type', [TOML, { name: 'demo-1.0/x', type: 'S' }]],
    ['an absolute link', [TOML, link('/etc/passwd')]],
    ['a link that leads out', [TOML, link('../../etc')]],
    ['a link to the folder above', [TOML, link('..')]],
    ['a link into another folder', [TOML, link('../other/x')]],
    ['a link that goes up behind a name', [TOML, link('a/../../x')]],
    ['a link without a target', [TOML, link('')]],
    ['a hard link that leads out', [TOML, link('../x', '1')]],
    ['a hard link to another folder', [TOML, link('other/x', '1')]],
    ['a file below a link', [TOML, link('sub'), { name: 'demo-1.0/link/file' }]],
    ['a file in the place of a link', [TOML, link('sub'), { name: 'demo-1.0/link' }]],
    ['a file below a link of another case', [TOML, link('sub'), { name: 'demo-1.0/LINK/file' }]],
    [
      'a file below a link whose accent is written in another form',
      [TOML, link('sub', '2', 'demo-1.0/\u00e9'), { name: 'demo-1.0/e\u0301/file' }],
    ],
    ['the wanted file twice', [TOML, TOML]],
    ['the wanted file as a link', [link('other', '2', TOML.name)]],
    ['the wanted file too large', [{ ...TOML, content: 'x'.repeat(1001) }]],
    [
      'a size in a pax header',
      [TOML, paxPart({ size: '1024' }), { name: 'demo-1.0/x', size: 0 }, tarPart({ name: 'demo-1.0/hidden' })],
    ],
    ['a name that Python alone reads', [TOML, paxPart({ 'GNU.sparse.name': TOML.name }), { name: 'demo-1.0/x' }]],
    ['a path for all entries', [TOML, paxPart({ path: TOML.name }, 'g'), { name: 'demo-1.0/x' }]],
    ['a target for all entries', [TOML, paxPart({ linkpath: '../../x' }, 'g'), link('sub')]],
    ['an empty path in a pax header', [TOML, paxPart({ path: '' }), { name: 'demo-1.0/x' }]],
    ['a name of GNU tar and one of pax', [TOML, longName, paxPart({ path: 'demo-1.0/x' }), { name: 'demo-1.0/y' }]],
    ['a name of pax and one of GNU tar', [TOML, paxPart({ mtime: '1' }), longName, { name: 'demo-1.0/y' }]],
    ['two names of GNU tar', [TOML, longName, longName, { name: 'demo-1.0/y' }]],
    ['two pax headers', [TOML, paxPart({ path: 'demo-1.0/x' }), paxPart({ mtime: '1' }), { name: 'demo-1.0/y' }]],
    [
      'a path twice in one pax header',
      [
        TOML,
        tarPart({ name: 'x', type: 'x', content: '19 path=demo-1.0/x\n19 path=demo-1.0/y\n' }),
        { name: 'demo-1.0/z' },
      ],
    ],
    ['a pax header that is none', [TOML, tarPart({ name: 'x', type: 'x', content: 'hello' }), { name: 'demo-1.0/z' }]],
    ['a folder with content', [TOML, { name: 'demo-1.0/sub/', type: '5', content: 'x' }]],
    ['a link with content', [TOML, { ...link('sub'), content: 'x' }]],
    ['entries behind the end', [TOML, TAR_END, { name: 'demo-1.0/hidden' }]],
    ['a single empty block, and more', [TOML, Buffer.alloc(512), { name: 'demo-1.0/hidden' }]],
    ['content that is not there', [TOML, { name: 'demo-1.0/x', size: 1_000_000 }]],
  ];
  for (const [name, parts] of cases) {
    for (const more of [[], [LONG]]) {
      await t.rejects(read(tarGzOf(...more, ...parts)), refusal('invalid'), name);
    }
  }
});

t.test('a link leads out of an archive of any folders only by leaving it', async (t) => {
  const rules = { topFolder: undefined };
  const link = (linkname: string, name = 'link'): ITarPart => ({ name, type: '2', linkname });
  t.equal((await read(tarGzOf(TOML, link('demo-1.0/Cargo.toml')), rules)).entryCount, 2);
  t.equal((await read(tarGzOf(TOML, link('../other', 'demo-1.0/link')), rules)).entryCount, 2);
  await t.rejects(read(tarGzOf(TOML, link('../x')), rules), refusal('invalid'));
  await t.rejects(read(tarGzOf(TOML, link('../../x', 'demo-1.0/link')), rules), refusal('invalid'));
});

t.test('any single folder', async (t) => {
  const rules = { topFolder: true } as const;
  t.equal((await read(tarGzOf(TOML, LONG), rules)).topFolder, 'demo-1.0');
  await t.rejects(read(tarGzOf(TOML, { name: 'other/x' }), rules), refusal('invalid'));
  await t.rejects(read(tarGzOf({ name: 'file' }), rules), refusal('invalid'));
});

t.test('the simplest reader of headers notices where an archive ends too early', async (t) => {
  const bytes = tarOf(TOML, { name: 'demo-1.0/huge', content: 'x'.repeat(600) });
  for (const [length, isWhole] of [
    [bytes.length, true],
    [bytes.length - 1024, true],
    [bytes.length - 512, true],
    [bytes.length - 1, false],
    [bytes.length - 1025, false],
    [700, false],
  ] as const) {
    for (const size of [1, 511, 1e6]) {
      const frame = new TarFrame('The crate');
      for (let at = 0; at < length; at += size) frame.add(bytes.subarray(at, Math.min(length, at + size)));
      if (isWhole) frame.finish();
      else t.throws(() => frame.finish(), refusal('invalid'), `${length} bytes`);
    }
  }
  const header = tarPart({ name: 'huge' });
  header.writeUInt8(0x80, 124); // base 256
  header.writeBigUInt64BE(2n ** 60n, 128);
  t.throws(() => new TarFrame('The crate').add(header), refusal('invalid'), 'a size beyond all numbers');
});

t.test('links are refused where the format has none, and left alone where they are dropped', async (t) => {
  const bytes = tarGzOf(TOML, { name: 'demo-1.0/link', type: '2', linkname: 'Cargo.toml' });
  await t.rejects(read(bytes, { links: 'refuse' }), refusal('invalid', { message: 'The crate contains a link' }));
  const outside = tarGzOf(TOML, { name: 'demo-1.0/link', type: '2', linkname: '/etc' });
  t.equal((await read(outside, { links: 'any' })).entryCount, 2);
});

t.test('damage and bytes behind the end are refused', async (t) => {
  for (const parts of [[TOML], [TOML, LONG]]) {
    const good = tarGzOf(...parts);
    const damaged = Buffer.from(good);
    damaged.writeUInt32LE(0xdeadbeef, damaged.length - 8); // the checksum at the end of gzip
    const archive = tarOf(...parts);
    const cases: [string, Buffer][] = [
      ['not gzip', archive],
      ['no tar', gzipSync(randomBytes(good.length))],
      ['cut short', good.subarray(0, good.length - 20)],
      ['the gzip end is missing', good.subarray(0, good.length - 1)],
      ['damaged', damaged],
      ['bytes behind the gzip file', Buffer.concat([good, Buffer.from('hello')])],
      ['zeros behind the gzip file', Buffer.concat([good, Buffer.alloc(10)])],
      ['the tar is cut in an entry', gzipSync(archive.subarray(0, archive.length - 1024 - 200))],
      ['the tar is cut in a header', gzipSync(archive.subarray(0, archive.length - 1024 + 200))],
    ];
    for (const [name, bytes] of cases) await t.rejects(read(bytes), refusal('invalid'), name);
  }
  await t.rejects(read(Buffer.alloc(0)), refusal('invalid'), 'nothing');
});

t.test('bombs are refused before they are unpacked', async (t) => {
  const zeros = tarGzOf(TOML, { name: 'demo-1.0/zeros', content: Buffer.alloc(9_000_000) });
  t.equal((await read(zeros)).entryCount, 2, 'within the limit');
  await t.rejects(read(zeros, { maxUnpackedSize: 5_000_000 }), refusal('tooLarge'), 'more bytes than are allowed');
  const ratios = [
    { times: 1, from: 1e9 },
    { times: 50, from: 1_000_000 },
  ];
  await t.rejects(read(zeros, { ratios }), refusal('tooLarge'), 'more than 50 times its size');
  t.equal((await read(tarGzOf(TOML, LONG), { ratios: [{ times: 2, from: 1000 }] })).entryCount, 2);
  const many = tarGzOf(TOML, ...Array.from({ length: 30 }, (_, at) => ({ name: `demo-1.0/${at}` })));
  await t.rejects(read(many, { maxEntries: 30 }), refusal('tooLarge'), 'more entries than are allowed');
  t.equal((await read(many, { maxEntries: 31 })).entryCount, 31);
});

t.test('whoever leaves early, or fails, leaves nothing behind', async (t) => {
  const bytes = tarGzOf(TOML, LONG, LONG);
  let closed = 0;
  async function* source(fails = false): AsyncGenerator<Uint8Array> {
    try {
      yield* inPieces(bytes, 1000);
      if (fails) throw new RegistryError('timeout', 'gone');
    } finally {
      closed += 1;
    }
  }
  const unread = () => t.fail('no result');
  for (const leaveAt of [1, 70, 150]) {
    let count = 0;
    for await (const _ of inspectTarGz(source(), RULES, collectTexts('x', wanted), unread))
      if (++count === leaveAt) break;
  }
  t.equal(closed, 3, 'the source is told that nobody reads on');
  await t.rejects(collect(inspectTarGz(source(true), RULES, collectTexts('x', wanted), unread)), refusal('timeout'));
  t.equal(closed, 4);
  const failing = async (): Promise<void> => {
    throw new RegistryError('forbidden', 'no');
  };
  await t.rejects(
    collect(inspectTarGz(source(), RULES, failing, unread)),
    refusal('forbidden'),
    'a visitor that fails',
  );
  const lazy = async (entries: AsyncIterable<unknown>): Promise<void> => {
    for await (const _ of entries) return;
  };
  await t.rejects(collect(inspectTarGz(source(), RULES, lazy, unread)), refusal('internal'), 'a visitor that leaves');
  const waiting = inspectTarGz(source(), RULES, () => new Promise(() => {}), unread);
  await waiting.next();
  await waiting.return();
  t.equal(closed, 7, 'a visitor that never ends does not keep the source');
});
