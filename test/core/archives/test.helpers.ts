import { crc32 as zlibCrc32 } from 'node:zlib';
import t from 'tap';
import {
  assertPlainName,
  LinkGuard,
  pathOf,
  segmentsOf,
  staysInside,
} from '../../../ts/core/archives/helpers.paths.js';
import { MAX_README_ARCHIVE, readmeQueue } from '../../../ts/core/archives/helpers.readmes.js';
import { USUAL_RATIO } from '../../../ts/core/archives/interfaces.archives.js';
import {
  assertNumbers,
  assertPaxRecords,
  assertReadableSize,
  strictSize,
} from '../../../ts/core/archives/tar/helpers.headerfields.js';
import { crc32, slowCrc32 } from '../../../ts/core/archives/zip/helpers.crc32.js';
import { descriptorBefore, readExtra, readName, withZip64 } from '../../../ts/core/archives/zip/helpers.zipfields.js';
import { tarPart } from '../../support/archives/tars.js';
import { extraField, unicodePathField, zip64Field } from '../../support/archives/zips.js';
import { ofKind } from '../../support/expect.js';

t.test('the segments of a name', async (t) => {
  const table: [name: string, segments: string[]][] = [
    ['a/b', ['a', 'b']],
    ['./a//b/./', ['a', 'b']],
    ['a\\b', ['a', 'b']],
    ['', []],
    ['a/..b/...', ['a', '..b', '...']],
  ];
  const more = ['a/', 'a//', './a', 'a/./', '.a/b', 'a/.b', 'a./b', '.', './', 'a/b//'];
  for (const [name, segments] of table) t.same(segmentsOf('x', name), segments, name);
  for (const name of [...table.map(([one]) => one), ...more]) {
    t.equal(pathOf('x', name), segmentsOf('x', name).join('/'), name);
  }
  for (const name of ['/', '/a', '\\a', '..', '../', 'a/..', 'a/../', 'a/../b', 'a\\..\\b', '../a']) {
    for (const read of [segmentsOf, pathOf]) {
      t.throws(() => read('The box', name), { kind: 'invalid', message: /^The box .*out of its folder/ } as never);
    }
  }
});

t.test('names that unpackers read in different ways', async (t) => {
  for (const name of ['a', 'ab:c', '1:/x', 'ab:/x', ' ~', 'ü']) t.doesNotThrow(() => assertPlainName('x', name), name);
  for (const name of ['C:', 'c:/x', 'z:x', 'a\u0000', '\u001f', 'a\u007f', 'a\tb']) {
    t.throws(() => assertPlainName('x', name), ofKind('invalid'), JSON.stringify(name));
  }
});

t.test('whether a link stays inside', async (t) => {
  const inside: [path: string, target: string, top: string][] = [
    ['top/link', 'x', 'top'],
    ['top/link', './x//y/', 'top'],
    ['top/a/link', '../x', 'top'],
    ['top/a/b/link', '../..', 'top'],
    ['link', 'x', ''],
    ['a/link', '../x', ''],
    ['a/link', '..', ''],
  ];
  const outside: [path: string, target: string, top: string][] = [
    ['top/link', '', 'top'],
    ['top/link', '/x', 'top'],
    ['top/link', '\\x', 'top'],
    ['top/link', 'x\\y', 'top'],
    ['top/link', 'C:x', 'top'],
    ['top/link', 'x\0', 'top'],
    ['top/link', '..', 'top'],
    ['top/link', '../other', 'top'],
    ['top/link', '../topper', 'top'],
    ['top/link', 'x/../y', 'top'],
    ['top/link', '../../x', 'top'],
    ['link', '../x', ''],
    ['a/link', '../../x', ''],
  ];
  const is = ([path, target, top]: [string, string, string]) =>
    staysInside(path.split('/'), target, top === '' ? [] : [top]);
  for (const one of inside) t.equal(is(one), true, one.join(' '));
  for (const one of outside) t.equal(is(one), false, one.join(' '));
});

t.test('what lies below a link, or beside it under its name', async (t) => {
  const guardOf = () => {
    const guard = new LinkGuard('The box');
    return (path: string, isLink = false) => guard.check(path.split('/'), isLink);
  };
  const check = guardOf();
  check('a/b/file');
  check('a/b', true);
  check('a/bc');
  check('a/B');
  check('a');
  check('x/a/b');
  t.throws(() => check('a/b/file'), { message: 'The box contains a file below a link' });
  t.throws(() => check('A/B/c/d'), { message: /below a link/ });
  t.throws(() => check('a/b'), { message: /a link and something else of the same name/ });
  t.throws(() => check('a/b', true), { message: /same name/ });
  const accents = guardOf();
  accents('\u00e9', true);
  t.throws(() => accents('e\u0301/x'), ofKind('invalid'));
  accents('e/x');
});

t.test('limits of archives', async (t) => {
  t.same(USUAL_RATIO, { times: 50, from: 67_108_864 });
  t.equal(MAX_README_ARCHIVE, 33_554_432);
  const queue = readmeQueue();
  let [running, most] = [0, 0];
  const ends: (() => void)[] = [];
  const work = async () => {
    most = Math.max(most, ++running);
    await new Promise<void>((resolve) => ends.push(resolve));
    running--;
  };
  const all = Array.from({ length: 1003 }, () => queue.run(['a'], work).catch((error: unknown) => error));
  const refused = (await all[1002]) as { headers: object };
  t.match(refused, { kind: 'unavailable', headers: { 'Retry-After': '5' } });
  t.equal(most, 2);
  for (let count = 0; count < 1002; count++) {
    while (ends.length === 0) await new Promise((resolve) => setImmediate(resolve));
    ends.shift()?.();
  }
  t.notOk((await Promise.all(all.slice(0, 1002))).some(Boolean), 'a thousand wait');
});

t.test('the checksum of zip', async (t) => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
  for (const checksum of [crc32, slowCrc32]) {
    t.equal(checksum(Buffer.from('123456789')), 0xcbf43926);
    t.equal(checksum(Buffer.alloc(0)), 0);
    t.equal(checksum(bytes), 0x29058c73);
  }
  if (typeof zlibCrc32 === 'function') t.equal(slowCrc32(bytes), zlibCrc32(bytes));
});

t.test('the size in a tar header', async (t) => {
  const sizeOf = (field: string | Buffer) => {
    const header = Buffer.alloc(512);
    Buffer.from(field as string, 'latin1').copy(header, 124);
    return strictSize('x', header);
  };
  const base256 = (high: number, low: bigint) => {
    const field = Buffer.alloc(12);
    field.writeUInt32BE(high, 0);
    field.writeBigUInt64BE(low, 4);
    return field;
  };
  t.equal(sizeOf('00000000017\0'), 15);
  t.equal(sizeOf('  17  \0\0'), 15);
  t.equal(sizeOf('777777777777'), 8 ** 12 - 1);
  t.equal(sizeOf(''), 0);
  t.equal(sizeOf('     '), 0);
  t.equal(sizeOf(base256(0x80000000, 5n)), 5);
  t.equal(sizeOf(base256(0x80000000, BigInt(Number.MAX_SAFE_INTEGER))), Number.MAX_SAFE_INTEGER);
  for (const field of [
    '8',
    '1 7',
    '\x0017',
    '-1',
    base256(0x80000000, 2n ** 53n),
    base256(0x80000001, 5n),
    base256(0xffffffff, 5n),
  ]) {
    t.throws(() => sizeOf(field), ofKind('invalid'));
  }
});

t.test('the other numbers of a tar header', async (t) => {
  const header = (at: number, text: string) => {
    const bytes = Buffer.alloc(512);
    bytes.write(text, at, 'latin1');
    return bytes;
  };
  for (const at of [100, 108, 116, 136, 329, 337]) {
    for (const text of ['', '0000644\0', ' 644 ', '\0xyz', '\x80\x01', '\xff\xff']) {
      t.doesNotThrow(() => assertNumbers('x', header(at, text)), `${at} ${text}`);
    }
    for (const text of ['8', '6 4', 'x', '\x81']) {
      t.throws(() => assertNumbers('x', header(at, text)), ofKind('invalid'), `${at} ${text}`);
    }
  }
  t.throws(() => assertNumbers('x', header(337, '0000000x')), ofKind('invalid'), 'the last byte counts');
  t.throws(() => assertNumbers('x', header(136, '00000000000x')), ofKind('invalid'));
});

t.test('the records of a pax header', async (t) => {
  const record = (text: string): string => {
    for (let length = text.length + 2; ; length++) {
      const line = `${length} ${text}\n`;
      if (line.length === length) return line;
    }
  };
  const check = (text: string, type = 'x', ownNames = false) =>
    assertPaxRecords('x', type, Buffer.from(text), ownNames);
  const many = (count: number) => Array.from({ length: count }, (_, at) => record(`k${at}=v`)).join('');
  t.doesNotThrow(() => check(many(1000)));
  t.throws(() => check(many(1001)), ofKind('invalid'));
  t.doesNotThrow(() => check(record('comment=')));
  t.doesNotThrow(() => check(`${record('mtime=1.5')}\0\0anything`), 'zeros end it');
  t.doesNotThrow(() => check(record('a=b=c\nd')), 'a value may have both');
  for (const key of ['path', 'linkpath', 'size']) {
    t.throws(() => check(record(`${key}=`)), ofKind('invalid'), `an empty ${key}`);
    t.doesNotThrow(() => check(record(`${key}=1`)), key);
    t.throws(() => check(record(`${key}=1`), 'g'), ofKind('invalid'), `a global ${key}`);
  }
  for (const key of ['path', 'linkpath']) t.throws(() => check(record(`${key}=1`), 'x', true), /another name/, key);
  t.doesNotThrow(() => check(record('size=1'), 'x', true));
  t.doesNotThrow(() => check(record('comment=1'), 'g', true));
  t.throws(() => check(record('GNU.sparse.major=1')), ofKind('invalid'));
  for (const text of [
    '6 a=b',
    '5 a=b\n',
    '7 a=b\n',
    '6 abc\n',
    'a=b\n',
    `${record('a=1')}${record('a=2')}`,
    '0 a=b\n',
  ]) {
    t.throws(() => check(text), ofKind('invalid'), JSON.stringify(text));
  }
});

t.test('a header that the parser could not read, or would read for long', async (t) => {
  const headerOf = (type: string, field: string | Buffer, magic?: string) =>
    tarPart({
      name: 'x',
      type,
      ...(magic !== undefined && { magic }),
      edit: (header) => {
        header.fill(0, 124, 136);
        Buffer.from(field as string, 'latin1').copy(header, 124);
      },
    }).subarray(0, 512);
  const kib256 = 256 * 1024;
  for (const type of ['x', 'g']) {
    t.doesNotThrow(() => assertReadableSize('x', headerOf(type, kib256.toString(8))));
    t.throws(() => assertReadableSize('x', headerOf(type, (kib256 + 1).toString(8))), /too long a pax header/);
    t.throws(() => assertReadableSize('x', headerOf(type, '\x80')), /too long a pax header/);
  }
  t.doesNotThrow(() => assertReadableSize('x', headerOf('0', (kib256 + 1).toString(8))));
  for (const field of ['', '7 x', '  \0\x007', '\x80'])
    t.doesNotThrow(() => assertReadableSize('x', headerOf('0', field)));
  for (const field of ['8', 'x', '\xff', '\x81']) {
    t.throws(() => assertReadableSize('x', headerOf('0', field)), /impossible size/);
    const wrong = headerOf('0', field);
    wrong[0] = 0x79;
    t.doesNotThrow(() => assertReadableSize('x', wrong), 'content that looks like a header has no right checksum');
    const old = headerOf('0', field);
    old.fill(0, 257, 262);
    t.doesNotThrow(() => assertReadableSize('x', old), 'nor is one without the magic');
  }
});

t.test('fields of zip records', async (t) => {
  const zip64 = zip64Field(1, 2);
  t.same(readExtra('x', Buffer.concat([extraField(0x5455, Buffer.from([1])), zip64])), {
    zip64: zip64.subarray(4),
    unicodePath: undefined,
  });
  t.same(readExtra('x', Buffer.alloc(3)), { zip64: undefined, unicodePath: undefined });
  for (const extra of [Buffer.from([1]), Buffer.from([1, 0, 1, 0]), Buffer.concat([zip64, zip64])]) {
    t.throws(() => readExtra('x', extra), ofKind('invalid'));
  }
  const twice = extraField(0x5455, Buffer.from([1]));
  t.doesNotThrow(() => readExtra('x', Buffer.concat([twice, twice])), 'others may be there twice');
  const all = 0xffffffff;
  t.same(withZip64('x', [1, 2, 3], undefined), [1, 2, 3]);
  t.same(withZip64('x', [all, all, all], zip64Field(7, 8, 9).subarray(4)), [7, 8, 9]);
  t.same(withZip64('x', [1, all, 3], Buffer.concat([zip64Field(8).subarray(4), Buffer.alloc(4)])), [1, 8, 3]);
  t.same(withZip64('x', [1, 2, 3], zip64Field(1, 2, 99).subarray(4)), [1, 2, 3], 'no reader takes the third');
  t.same(withZip64('x', [1, 2], Buffer.alloc(0)), [1, 2]);
  for (const field of [zip64Field(5), zip64Field(1, 5)]) {
    t.throws(() => withZip64('x', [1, 2], field.subarray(4)), ofKind('invalid'));
  }
  for (const length of [0, 7, 9, 11, 13, 16]) {
    t.throws(() => withZip64('x', [1, all], Buffer.alloc(length)), ofKind('invalid'), String(length));
  }
  const large = Buffer.alloc(8);
  large.writeBigUInt64LE(2n ** 53n);
  t.throws(() => withZip64('x', [all], large), ofKind('invalid'), 'no exact number');
  large.writeBigUInt64LE(2n ** 53n - 1n);
  t.same(withZip64('x', [all], large), [2 ** 53 - 1]);
});

t.test('the name in a zip', async (t) => {
  const ascii = Buffer.from('plain');
  const page = Buffer.from('a\x81', 'latin1');
  const utf8 = Buffer.from('ü');
  const read = (raw: Buffer, more: Partial<Parameters<typeof readName>[2]> = {}) =>
    readName('x', raw, { flags: 0, unicodePath: undefined, names: 'utf8', ...more });
  const extra = (name: string, raw: Buffer) => unicodePathField(name, raw).subarray(4);
  t.equal(read(ascii), 'plain');
  t.equal(read(utf8, { flags: 0x0800 }), 'ü');
  t.equal(read(utf8, { names: 'any' }), 'ü');
  t.equal(read(page, { names: 'any' }), 'a\x81');
  t.equal(read(page, { unicodePath: extra('aü', page) }), 'aü');
  t.equal(read(ascii, { unicodePath: extra('plain', ascii) }), 'plain');
  t.throws(() => read(utf8), ofKind('invalid'));
  t.throws(() => read(page, { flags: 0x0800, names: 'any' }), ofKind('invalid'));
  t.throws(() => read(ascii, { unicodePath: extra('other', ascii) }), ofKind('invalid'));
  const version2 = Buffer.from(extra('aü', page));
  version2[0] = 2;
  for (const unicodePath of [version2, extra('aü', ascii), extra('', page), extra('aü', page).subarray(0, 3)]) {
    t.throws(() => read(page, { unicodePath, names: 'any' }), ofKind('invalid'));
  }
});

t.test('the descriptor behind a content, in its four forms', async (t) => {
  const content = Buffer.from('12345');
  for (const [signed, wide] of [
    [true, false],
    [true, true],
    [false, false],
    [false, true],
  ] as const) {
    const parts: Buffer[] = [];
    const number = (value: number, bytes: number) => {
      const part = Buffer.alloc(bytes);
      part.writeUInt32LE(value, 0);
      parts.push(part);
    };
    if (signed) number(0x08074b50, 4);
    number(0xabcdef01, 4);
    number(105, wide ? 8 : 4);
    number(300, wide ? 8 : 4);
    const bytes = Buffer.concat([content, ...parts]);
    const length = bytes.length - 5;
    t.same(descriptorBefore(bytes, bytes.length, 100), { length, crc: 0xabcdef01, packedSize: 105, size: 300 });
    t.equal(descriptorBefore(bytes, bytes.length, 101), undefined, 'another size than what lies before it');
    t.equal(descriptorBefore(bytes, 11, 100), undefined);
  }
});
