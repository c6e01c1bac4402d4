import t from 'tap';
import { hasMoreLines, parseYaml, type TYaml } from '../../ts/rubygems/wire/wire.yaml.js';

/** Maps as objects, so that they can be compared. */
const plain = (value: TYaml): unknown => {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, one]) => [key, plain(one as TYaml)]));
  return Array.isArray(value) ? value.map((one) => plain(one as TYaml)) : value;
};
const read = (text: string): unknown => plain(parseYaml(text, 'The file'));
const fault = (text: string): string => {
  try {
    parseYaml(text, 'The file');
    return 'it is accepted';
  } catch (error) {
    t.match(error, { kind: 'invalid' });
    return (error as Error).message;
  }
};

t.test('scalars stay texts', async (t) => {
  for (const [text, value] of [
    ['1.10', '1.10'],
    ['007', '007'],
    ['true', 'true'],
    ['2026-01-02', '2026-01-02'],
    ['"null"', 'null'],
    ["'~'", '~'],
    ["''", ''],
    ['', null],
    ['~', null],
    ['null', null],
    ['Null', null],
    ['NULL', null],
    ['nULL', 'nULL'],
    ['|\n  a\n  b\n', 'a\nb\n'],
    ['>\n  a\n  b\n', 'a b\n'],
    ['[a, [b], {c: d}]', ['a', ['b'], { c: 'd' }]],
  ] as const) {
    t.same(read(`x: ${text}`), { x: value }, text);
  }
});

t.test('tags that a gemspec may have', async (t) => {
  for (const [text, value] of [
    ['! a', 'a'],
    ['!str a', 'a'],
    ['!ruby/string a', 'a'],
    ['!ruby/symbol a', 'a'],
    ['!ruby/sym a', 'a'],
    ['!!str 1', '1'],
    ['!!int 007', '007'],
    ['!!float 1.10', '1.10'],
    ['!!bool true', 'true'],
    ['!!null ""', ''],
    ['!!timestamp 2026-01-02', '2026-01-02'],
    ['!!map {a: b}', { a: 'b' }],
    ['!!seq [a]', ['a']],
    ['!binary w6Q=', 'ä'],
    ['!!binary w6Q=', 'ä'],
    ...[
      'Gem::Specification',
      'Gem::Version',
      'Gem::Version::Requirement',
      'Gem::Requirement',
      'Gem::Dependency',
      'Gem::Platform',
      'YAML::Syck::DefaultKey',
      'Syck::DefaultKey',
    ].map((name) => [`!ruby/object:${name} {a: b}`, { a: 'b' }] as const),
  ] as const) {
    t.same(read(`x: ${text}`), { x: value }, text);
  }
  for (const tag of [
    '!ruby/object:Gem::Installer',
    '!ruby/object:Object',
    '!ruby/object:Gem::Version::X',
    '!ruby/hash:Gem::Version',
    '!ruby/regexp',
    '!ruby/class',
    '!x',
    '!!set',
    '!!omap',
    '!!js/function',
  ]) {
    for (const text of [`${tag} {a: b}`, `${tag} a`, `[${tag} a]`]) {
      t.match(
        fault(`x: ${text}`),
        /^The file (has a value of the class .*, which no gemspec has|is not valid YAML)$/,
        text,
      );
    }
  }
  t.match(fault('!x a: b'), /class/, 'a key');
});

t.test('keys', async (t) => {
  for (const [text, says] of [
    ['a: 1\na: 2', 'The file has a key twice'],
    ['{a: 1, b: 2, a: 3}', 'The file has a key twice'],
    ['[a]: 1', 'The file has a key that is no text'],
    ['~: 1', 'The file has a key that is no text'],
    ['<<: {a: b}', 'The file has a merge key, which no gemspec has'],
    ['x: {<<: {a: b}}', 'The file has a merge key, which no gemspec has'],
  ] as const) {
    t.equal(fault(text), says, text);
  }
  t.same(
    read('__proto__: a\nconstructor: b'),
    Object.fromEntries([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ]),
  );
});

t.test('aliases', async (t) => {
  t.same(read('a: &x [1, {b: c}]\nd: *x\ne: [*x, *x]'), {
    a: ['1', { b: 'c' }],
    d: ['1', { b: 'c' }],
    e: [
      ['1', { b: 'c' }],
      ['1', { b: 'c' }],
    ],
  });
  t.same(read('a: &x 1\nb: &x 2\nc: *x'), { a: '1', b: '2', c: '2' }, 'the last anchor of a name counts');
  t.same(read('a: &x\nb: *x'), { a: null, b: null });
  t.equal(fault('a: &x [*x]'), 'The file has an alias without its anchor');
  const many = (aliases: number, content: string) => `a: &x ${content}\nb: [${Array(aliases).fill('*x').join(',')}]\n`;
  t.equal(fault(many(101, 'y')), 'The file has more than 100 aliases');
  t.equal(fault(many(100, 'y')), 'it is accepted');
  const list = (length: number) => `[${Array(length).fill('y').join(',')}]`;
  // the list, and each alias, is one more than its members
  t.equal(fault(many(99, list(990))), 'it is accepted');
  t.equal(fault(many(99, list(1010))), 'The file has more than 100000 values');
  const text = 'x'.repeat(200_000);
  t.equal(fault(many(40, text)), 'it is accepted');
  t.equal(fault(many(42, text)), 'The file is too large with its aliases');
  t.equal(fault(many(42, `[${text}]`)), 'The file is too large with its aliases', 'of all that an anchor is for');
});

t.test('sizes at their limits', async (t) => {
  const commented = (size: number) => `x: y #${'c'.repeat(size - 6)}`;
  t.same(read(commented(1024 * 1024)), { x: 'y' });
  t.equal(fault(commented(1024 * 1024 + 1)), 'The file has more than 1048576 characters');
  t.equal(fault(`x: |\n${'  y\n'.repeat(49_999)}`), 'it is accepted');
  t.equal(fault(`x: |\n${'  y\n'.repeat(50_000)}`), 'The file has more than 50000 lines');
  t.notOk(hasMoreLines('\n\n', 2));
  t.ok(hasMoreLines('\n\n\n', 2));
  t.notOk(hasMoreLines('', 0));
});

t.test('depth at its limit', async (t) => {
  const inBrackets = (levels: number, [open, close]: [string, string]) =>
    `x: ${open.repeat(levels)}${close.repeat(levels)}`;
  const blocks = (levels: number) => Array.from({ length: levels }, (_, at) => `${' '.repeat(at)}x:`).join('\n');
  t.equal(fault(inBrackets(16, ['[', ']'])), 'it is accepted');
  t.equal(fault(inBrackets(17, ['[', ']'])), 'The file is nested too deeply');
  t.equal(fault(inBrackets(15, ['{x: ', '}'])), 'it is accepted');
  t.equal(fault(inBrackets(16, ['{x: ', '}'])), 'The file is nested too deeply');
  for (const open of ['[', '{']) t.equal(fault(`x: ${open.repeat(17)}`), 'The file is nested too deeply', open);
  t.equal(fault(blocks(16)), 'it is accepted');
  t.equal(fault(blocks(17)), 'The file is nested too deeply');
  t.equal(fault(`x: [${Array(50).fill('[], {}').join(', ')}]`), 'it is accepted', 'one beside the other');
});

t.test('escapes', async (t) => {
  t.same(read('x: "\\0\\a\\b\\e\\f\\n\\r\\t\\v\\N\\L\\P\\_\\ \\/\\\\\\"\\x41\\u00e4\\U0001F600\\U0010ffff"'), {
    x: '\0\x07\b\x1b\f\n\r\t\v\x85\u2028\u2029\xa0 /\\"Aä😀\u{10ffff}',
  });
  t.same(read('x: "a\\\n  b\\\r\n  c\\\td"'), { x: 'abc\td' });
  t.same(read("x: '\\q'"), { x: '\\q' }, 'single quotes have none');
  t.same(read('x: "\\\\q\\\\x"'), { x: '\\q\\x' });
  for (const wrong of [
    '\\q',
    '\\x4',
    '\\x4g',
    '\\u00e',
    '\\u00eg',
    '\\U0001F60',
    '\\U00110000',
    '\\U01000000',
    '\\\\\\q',
  ]) {
    t.equal(fault(`x: "${wrong}"`), 'The file is not valid YAML', wrong);
  }
});

t.test('what is no YAML, or more than one', async (t) => {
  for (const text of ['a: [', '"a', 'a: b: c', '- a\nb: c', 'a\n--- b\n', '%YAML 9\na']) {
    t.equal(fault(text), 'The file is not valid YAML', text);
  }
});
