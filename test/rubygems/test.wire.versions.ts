import t from 'tap';
import { compareVersions, isPrerelease, isVersion, normalizeVersion } from '../../ts/rubygems/wire/wire.versions.js';

// The cases are those of RubyGems' own tests (test_gem_version.rb).

t.test('versions are ordered as Gem::Version orders them', async (t) => {
  const later: [string, string][] = [
    ['1.8.2', '0.0.0'],
    ['1.8.2', '1.8.2.a'],
    ['1.8.2.b', '1.8.2.a'],
    ['1.8.2.a10', '1.8.2.a9'],
    ['5.x', '5.0.0.rc2'],
    ['5.0.0.rc2', '5.a'],
    ['0.0.beta.1', '0.0.beta'],
    ['1.9.3.1', '1.9.3'],
    ['1.10', '1.9'],
    ['2.0', '2.0.pre9'],
    ['1.0.0', '1.0.0.pre.rc.1'],
    ['99999999999999999999.1', '99999999999999999998.2'],
    ['99999999999999999999', '9'],
  ];
  for (const [a, b] of later) {
    t.ok(compareVersions(a, b) > 0, `${a} > ${b}`);
    t.ok(compareVersions(b, a) < 0, `${b} < ${a}`);
  }
  const same: [string, string][] = [
    ['1.0', '1.0.0'],
    ['0.beta.1', '0.0.beta.1'],
    ['1', '1.0.0.0'],
    ['1.a', '1.0.a.0'],
    ['00000000000000000000', '0'],
  ];
  for (const [a, b] of same) t.equal(compareVersions(a, b), 0, `${a} = ${b}`);
});

t.test('a version with a letter is a prerelease', async (t) => {
  for (const version of ['1.0.a', '1.0.0.rc1', '2.9.b', '22.1.50.0.d', '1.0.0.pre.rc.1']) t.ok(isPrerelease(version));
  for (const version of ['1.2.0', '2.9', '22.1.50.0', '1']) t.notOk(isPrerelease(version));
});

t.test('what RubyGems takes for a version', async (t) => {
  for (const version of ['5', '5.2.4', '1.1.rc10', '9.8.7-a', '1.0.0-rc.1', '1.a']) t.ok(isVersion(version), version);
  const wrong = [
    '',
    'junk',
    '1.0\n2.0',
    '1..2',
    '1.2 3.4',
    '2.3422222.222.222222222.22222.ads0as.dasd0.ddd2222.2.qd3e.',
    '-1',
    '1.0/2',
    'a.1',
    '1.0+b',
    '１',
    // Gem::Version takes them, but not what it makes of them
    '1--1',
    '1.0-a-',
    '1-a.-',
    `1${'-a'.repeat(60)}`,
  ];
  for (const version of [...wrong, '1'.repeat(129)]) t.notOk(isVersion(version), version.slice(0, 50));
  t.equal(normalizeVersion('1.0.0-rc.1'), '1.0.0.pre.rc.1');
});

t.test('numbers are compared exactly, and letters come before them', async (t) => {
  for (const [older, newer] of [
    ['9007199254740992', '9007199254740993'],
    ['999999999999999', '1000000000000000'],
    ['1.0.a', '1.0'],
    ['1.0.a', '1.0.a.1'],
    ['1.0.a.a', '1.0.a'],
    ['1.0.A', '1.0.a'],
    ['1.0.a1', '1.0.b'],
  ] as const) {
    t.ok(compareVersions(older, newer) < 0, `${older} < ${newer}`);
    t.ok(compareVersions(newer, older) > 0, `${newer} > ${older}`);
  }
  t.equal(compareVersions('1.0.0', '1'), 0);
  t.equal(compareVersions('1.0.a.0.0', '1.0.a'), 0);
  t.equal(compareVersions('1.00', '1.0'), 0);
});

t.test('versions at their limits', async (t) => {
  t.ok(isVersion('1'.repeat(128)));
  t.ok(isVersion(`1-${'a'.repeat(122)}`));
  t.notOk(isVersion(`1-${'a'.repeat(123)}`), 'what becomes of it counts');
  for (const version of ['1.A', '1.0.RC1', '1-a', '1-a-b', '1.0-1', '01', '1-a.b']) t.ok(isVersion(version), version);
  for (const version of ['1.', '1-', '.1', '1_0', '1.0-', '1.0-.a', '1.0\n', ' 1', '1.ä', 'v1']) {
    t.notOk(isVersion(version), JSON.stringify(version));
  }
  t.equal(normalizeVersion('1-a-b'), '1.pre.a.pre.b');
  t.ok(isPrerelease('1.0.A'));
  t.ok(isPrerelease('1.Z'));
});
