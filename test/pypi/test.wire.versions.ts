import t from 'tap';
import {
  canonicalVersion,
  isPrerelease,
  isSpecifierSet,
  normalVersion,
  parseVersion,
  sortedByVersion,
} from '../../ts/pypi/wire/wire.versions.js';

t.test('a version is listed in its normal form', async (t) => {
  const cases: [written: string, normal: string][] = [
    ['1.0', '1.0'],
    ['1.0.0', '1.0.0'],
    ['1', '1'],
    ['v01.00', '1.0'],
    ['1.0-Beta', '1.0b0'],
    ['1.0.c4', '1.0rc4'],
    ['1.0-1', '1.0.post1'],
    ['1.0_rev.2.DEV', '1.0.post2.dev0'],
    ['0!2.0', '2.0'],
    ['1!2.0+Local_07.x', '1!2.0+local.7.x'],
    ['0.0', '0.0'],
    [' 1.0 ', '1.0'],
    ['no version', 'no version'],
  ];
  for (const [written, normal] of cases) t.equal(normalVersion(written), normal, written);
});

/** -1, 0 or 1: how two versions are ordered, in whatever order they come. */
const compareVersions = (one: string, other: string): number => {
  const [[first], [second]] = [
    [one, other],
    [other, one],
  ].map((pair) => sortedByVersion(pair, (text) => text)) as [string[], string[]];
  // a stable sort keeps equal ones as they came
  return first === second ? (first === one ? -1 : 1) : 0;
};

/** In their order; the cases are those of packaging's own tests (tests/test_version.py). */
const ORDERED = [
  '1.0.dev456',
  '1.0a1',
  '1.0a2.dev456',
  '1.0a12.dev456',
  '1.0a12',
  '1.0b1.dev456',
  '1.0b2',
  '1.0b2.post345.dev456',
  '1.0b2.post345',
  '1.0b2-346',
  '1.0c1.dev456',
  '1.0c1',
  '1.0rc2',
  '1.0c3',
  '1.0',
  '1.0.post456.dev34',
  '1.0.post456',
  '1.1.dev1',
  '1.2+123abc',
  '1.2+123abc456',
  '1.2+abc',
  '1.2+abc123',
  '1.2+abc123def',
  '1.2+1234.abc',
  '1.2+123456',
  '1.2.r32+123456',
  '1.2.rev33+123456',
  '2026.11.29',
  '99999999999999999998',
  '99999999999999999999',
  '1!1.0.dev456',
  '1!1.0a1',
  '1!1.0',
  '1!1.0.post456',
];

/** Spellings of one version. */
const EQUAL: [canonical: string, spellings: string[]][] = [
  ['1', ['1', '1.0', '1.0.0', 'v1.0', ' 1.0 ', '01.0', '0!1.0']],
  ['1.dev0', ['1.0dev', '1.0.dev', '1.0.DEV', '1.0-dev', '1.0_dev0', '1.0.dev00']],
  ['1a0', ['1.0a', '1.0.a', '1.0-a', '1.0_a', '1.0alpha', '1.0.ALPHA', '1.0-alpha-0', '1.0a0']],
  ['1b2', ['1.0b2', '1.0.beta.2', '1.0-BETA-2', '1.0_b_2']],
  ['1rc1', ['1.0c1', '1.0rc1', '1.0.RC.1', '1.0-pre1', '1.0preview1', '1.0-PREVIEW-1']],
  ['1.post1', ['1.0.post1', '1.0post1', '1.0-1', '1.0.r1', '1.0-rev1', '1.0_POST_1']],
  ['1.post0', ['1.0post', '1.0.post', '1.0-r', '1.0.rev']],
  ['1+ubuntu.1', ['1.0+ubuntu-1', '1.0+Ubuntu_1', '1.0+ubuntu.01']],
  ['2!1.10', ['2!1.10', '2!1.10.0', '02!1.010']],
];

const WRONG = [
  '',
  'french toast',
  '1.0+a+',
  '1.0++',
  '1.0+_foobar',
  '1.0+foo&asd',
  '1.0+1+1',
  '2004d',
  '1.0-',
  '1..0',
  '.1',
  '1.0.',
  '1.0.*',
  '1!',
  '<b>1.0</b>',
  `1.${'0'.repeat(300)}`,
];

t.test('versions are ordered as installers order them', async (t) => {
  for (const [at, one] of ORDERED.entries()) {
    for (const [other, two] of ORDERED.entries()) {
      t.equal(at === other ? 0 : compareVersions(one, two), Math.sign(at - other), `${one} and ${two}`);
    }
  }
  t.equal(compareVersions('no version', '0'), -1);
  t.equal(compareVersions('0', 'no version'), 1);
  t.equal(compareVersions('no version', 'none either'), 0);
  t.same(
    sortedByVersion([...ORDERED].reverse(), (text) => text),
    ORDERED,
  );
});

t.test('all spellings of a version are one version', async (t) => {
  for (const [canonical, spellings] of EQUAL) {
    for (const spelling of spellings) {
      t.equal(canonicalVersion(spelling), canonical, spelling);
      if (spelling !== canonical) t.equal(compareVersions(spelling, canonical), 0, spelling);
    }
  }
  const canonical = ORDERED.map(canonicalVersion);
  t.equal(new Set(canonical).size, ORDERED.length, 'and different versions stay different');
});

t.test('what PEP 440 does not allow is no version', async (t) => {
  for (const text of WRONG) {
    t.equal(parseVersion(text), null, text.slice(0, 40));
    t.equal(canonicalVersion(text), null);
  }
});

t.test('a version has 200 characters at most', async (t) => {
  const long = `1.0+${'a'.repeat(196)}`;
  t.ok(parseVersion(long));
  t.equal(parseVersion(`${long}a`), null);
  for (const [text, parts] of [
    ['1!2.0.0', { epoch: '1', release: ['2'], zeros: 2, local: [] }],
    ['0', { epoch: '0', release: ['0'], zeros: 0, local: [] }],
    ['0.0', { epoch: '0', release: ['0'], zeros: 1, local: [] }],
    ['1.0.2.0', { epoch: '0', release: ['1', '0', '2'], zeros: 1, local: [] }],
    [
      'v1a.post.dev+X.01',
      { epoch: '0', release: ['1'], zeros: 0, pre: ['a', '0'], post: '0', dev: '0', local: ['x', '1'] },
    ],
    ['1-0', { epoch: '0', release: ['1'], zeros: 0, post: '0', local: [] }],
  ] as const) {
    t.same(parseVersion(text), parts, text);
  }
});

t.test('an absurd text is no version, however much of it is one', async (t) => {
  for (const text of ['1'.repeat(100_000), '1.'.repeat(50_000), '-_.'.repeat(33_000), '1a'.repeat(50_000)]) {
    t.equal(parseVersion(text), null);
  }
});

t.test('pre-releases and development releases are told from releases', async (t) => {
  for (const text of ['1.0a1', '1.0rc1', '1.0.dev1', '1.0.post1.dev1', '1.0b1.post1']) t.ok(isPrerelease(text), text);
  for (const text of ['1.0', '1.0.post1', '1.0+local', '1!1.0']) t.notOk(isPrerelease(text), text);
});

t.test('Requires-Python is a set of specifiers', async (t) => {
  for (const operator of ['~=', '==', '!=', '<=', '>=', '<', '>', '===']) {
    t.ok(isSpecifierSet(`${operator}3.8`), operator);
    t.ok(isSpecifierSet(` ${operator}  3.8 ,${operator}3`), operator);
  }
  for (const text of ['===a.b_c*!+-9', ',', ' ', '>=3,,<4', '>=3.8 , ', '>=1!2', '>=3.8rc1'])
    t.ok(isSpecifierSet(text), text);
  for (const text of [
    '=3',
    '~3',
    '><3',
    '<>3',
    '==*',
    '>=*.3',
    '===a b',
    '===a/b',
    '>=3;',
    '>=3..1',
    '3,>=3',
    '>=3.*.*',
  ]) {
    t.notOk(isSpecifierSet(text), text);
  }
  const limit = `>=3${','.repeat(997)}`;
  t.ok(isSpecifierSet(limit), '1,000 characters');
  t.notOk(isSpecifierSet(`${limit},`));
  const right = ['>=3.8', '>=3.8,<4', '~=3.9', '!=3.0.*, >=2.7', '==3.*', '===3.11', '>= 3.6', '>=3.6.*', '>=3.6,', ''];
  for (const text of right) t.ok(isSpecifierSet(text), text);
  const wrong = [
    '3.8',
    '>3.x',
    '<script>alert(1)</script>',
    '>=3.8 <4',
    '=>3',
    'python>=3',
    '>=',
    `>=${'9,>='.repeat(400)}9`,
  ];
  for (const text of wrong) t.notOk(isSpecifierSet(text), text.slice(0, 40));
});
