import { randomBytes } from 'node:crypto';
import t from 'tap';
import { inspectTarGz } from '../../../ts/core/archives/tar/helpers.targz.js';
import { collectTexts } from '../../../ts/core/archives/tar/helpers.texts.js';
import type { ITarRules } from '../../../ts/core/archives/tar/interfaces.tar.js';
import { inPieces } from '../../support/archives/pieces.js';
import { type ITarPart, paxPart, tarGzOf, tarPart } from '../../support/archives/tars.js';
import { refusal } from '../../support/npm/packages.js';

const read = async (parts: (ITarPart | Buffer)[], strict = true): Promise<string[]> => {
  const rules: ITarRules = { noun: 'The sdist', maxUnpackedSize: 1e9, links: 'inside', strict };
  const names: string[] = [];
  const visit = collectTexts('The sdist', (path) => {
    names.push(path);
    return undefined;
  });
  for await (const _ of inspectTarGz(inPieces(tarGzOf(...parts), 5000), rules, visit, () => {}));
  return names;
};

const INFO: ITarPart = { name: 'demo-1.0/PKG-INFO', content: 'Name: demo\n' };
const LONG: ITarPart = { name: 'demo-1.0/data', content: randomBytes(200_000) };
/** what a reader finds that takes the content of a file for headers */
const hidden = tarPart({ ...INFO, content: 'Name: evil\n' });

const sized = (field: string | Buffer): ITarPart => ({
  name: 'demo-1.0/x',
  content: hidden,
  edit: (header) => {
    header.fill(0, 124, 136);
    Buffer.from(field as string, 'latin1').copy(header, 124);
  },
});
const octal = hidden.length.toString(8);
const base256 = (...first: number[]): Buffer => {
  const field = Buffer.alloc(12);
  Buffer.from(first).copy(field);
  field.writeUInt32BE(hidden.length, 8);
  return field;
};

t.test('spellings of a size that all readers understand', async (t) => {
  for (const field of [octal, `   ${octal}`, `${octal} `, `${octal} \0`, octal.padStart(12, '0'), base256(0x80)]) {
    t.same(await read([INFO, sized(field), LONG]), ['demo-1.0/PKG-INFO', 'demo-1.0/x', 'demo-1.0/data']);
  }
});

t.test('spellings of a size that readers take for different numbers are refused', async (t) => {
  const fields: [string, string | Buffer][] = [
    ['digits behind a NUL, which are 0 for Python', `\0${octal}`],
    ['digits behind a zero', `0 ${octal}`],
    ['digits behind the digits', `${octal} 1`],
    ['a sign', `+${octal}`],
    ['digits of another base', '9'],
    ['base 256 with more digits than some readers look at', base256(0x80, 0, 0, 1)],
    ['base 256 with another first byte', base256(0x81)],
    ['a negative number', base256(0xff, 0xff, 0xff, 0xff)],
  ];
  for (const [name, field] of fields) {
    for (const more of [[], [LONG]]) await t.rejects(read([...more, INFO, sized(field)]), refusal('invalid'), name);
  }
});

t.test('a number with which the archive ends for Python is refused', async (t) => {
  const numbered = (at: number, text: string): ITarPart => ({
    ...INFO,
    name: 'demo-1.0/x',
    edit: (header) => header.write(text, at, 'latin1'),
  });
  for (const at of [100, 108, 116, 136, 329, 337]) {
    await t.rejects(read([INFO, numbered(at, '0000x'), LONG]), refusal('invalid'), String(at));
    await t.rejects(read([INFO, numbered(at, '0 1'), LONG]), refusal('invalid'), String(at));
    for (const text of ['\x80\0\0\0', '      \0', '\0\0\0', ' 17 \0']) {
      t.equal((await read([INFO, numbered(at, text), LONG])).length, 3, `${at} ${text}`);
    }
  }
});

t.test('an entry whose name is another one for other readers is refused', async (t) => {
  const long = (type: string, content: string) => tarPart({ name: '././@LongLink', type, content, magic: 'ustar  \0' });
  const sparse = { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': INFO.name };
  const file: ITarPart = { name: 'demo-1.0/x', content: 'evil' };
  const prefix: ITarPart = { ...file, magic: 'ustar  \0', edit: (header) => header.write('../../etc', 345) };
  const cases: [string, (ITarPart | Buffer)[]][] = [
    ['the name of a sparse file', [paxPart(sparse), file]],
    ['a global name', [paxPart({ path: INFO.name }, 'g'), file]],
    ['a global target', [paxPart({ linkpath: '../../x' }, 'g'), { ...file, type: '2', content: '' }]],
    ['a global size', [paxPart({ size: '0' }, 'g'), { ...file, content: hidden }]],
    ['a size that is a number for some', [paxPart({ size: '9e9' }), { ...file, content: hidden }]],
    ['a long name and a pax header', [long('L', `${INFO.name}\0`), paxPart({ path: 'demo-1.0/y' }), file]],
    ['a pax header and a long name', [paxPart({ path: 'demo-1.0/y' }), long('L', `${INFO.name}\0`), file]],
    ['two long names', [long('L', `${INFO.name}\0`), long('L', 'demo-1.0/y\0'), file]],
    ['two pax headers', [paxPart({ path: INFO.name }), paxPart({ mtime: '1' }), file]],
    ['two long targets', [long('K', 'a\0'), long('K', 'b\0'), { ...file, type: '2', content: '', linkname: 'c' }]],
    ['a long name that is empty', [long('L', ''), file]],
    ['a long name of a NUL', [long('L', '\0'), file]],
    ['the old form of a long name', [long('N', `${INFO.name}\0`), file]],
    ['bytes that are a part of the name for Python', [prefix]],
    ['a file that is a folder for Python', [{ name: 'demo-1.0/x/', type: '\0', content: hidden }]],
    ['a pax record without a length', [tarPart({ name: 'x', type: 'x', content: 'path=a\n' }), file]],
    ['a pax record that is too long', [tarPart({ name: 'x', type: 'x', content: '99 path=a\n' }), file]],
    [
      'more pax records than any tool writes',
      [paxPart(Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [`k${at}`, 'v']))), file],
    ],
    ['a pax header without an entry', [paxPart({ path: 'demo-1.0/y' })]],
  ];
  for (const [name, parts] of cases) {
    for (const more of [[], [LONG]]) await t.rejects(read([...more, INFO, ...parts]), refusal('invalid'), name);
  }
});

t.test('headers for the next entry that tools write', async (t) => {
  const long = (type: string, name: string) =>
    tarPart({ name: '././@LongLink', type, content: `${name}\0`, magic: 'ustar  \0' });
  t.same(
    await read([paxPart({ comment: 'a commit' }, 'g'), INFO, paxPart({ path: 'demo-1.0/é', mtime: '1.5' }), LONG]),
    ['demo-1.0/PKG-INFO', 'demo-1.0/é'],
  );
  const link: ITarPart = { name: 'demo-1.0/y', type: '2', linkname: 'x' };
  t.same(await read([long('L', 'demo-1.0/a'), long('K', 'b'), link, long('L', 'demo-1.0/c'), INFO]), [
    'demo-1.0/a',
    'demo-1.0/c',
  ]);
});

t.test('a size that the parser cannot read ends the reading, for npm too', async (t) => {
  for (const strict of [true, false]) {
    for (const type of ['0', 'x', 'L', 'g', '5']) {
      for (const field of [base256(0x81), base256(0xff), 'zzz']) {
        for (const more of [[], [LONG]]) {
          const parts = [...more, INFO, { ...sized(field), type }, LONG];
          await t.rejects(read(parts, strict), refusal('invalid'), `${strict} ${type} ${field[0]}`);
        }
      }
    }
  }
});

t.test('a pax header that would be read for long is refused, for npm too', async (t) => {
  const long = (bytes: number) => paxPart({ comment: 'x'.repeat(bytes) });
  t.equal((await read([INFO, long(200 * 1024), LONG], false)).length, 2);
  await t.rejects(read([INFO, long(300 * 1024), LONG], false), refusal('invalid'));
});
