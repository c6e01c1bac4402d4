import t from 'tap';
import { assertRequirement, assertVersion, highestVersion, withoutBuild } from '../../ts/cargo/wire/wire.versions.js';
import { refusal } from '../support/npm/packages.js';

/** The examples of semver.org. */
const VERSIONS = `0.0.4 1.2.3 10.20.30 1.1.2-prerelease+meta 1.1.2+meta 1.1.2+meta-valid 1.0.0-alpha 1.0.0-beta
1.0.0-alpha.beta 1.0.0-alpha.beta.1 1.0.0-alpha.1 1.0.0-alpha0.valid 1.0.0-alpha.0valid
1.0.0-alpha-a.b-c-somethinglong+build.1-aef.1-its-okay 1.0.0-rc.1+build.1 2.0.0-rc.1+build.123 1.2.3-beta
10.2.3-DEV-SNAPSHOT 1.2.3-SNAPSHOT-123 2.0.0+build.1848 2.0.1-alpha.1227 1.0.0-alpha+beta
1.2.3----RC-SNAPSHOT.12.9.1--.12+788 1.2.3----R-S.12.9.1--.12+meta 1.2.3----RC-SNAPSHOT.12.9.1--.12
1.0.0+0.build.1-rc.10000aaa-kk-0.1 1.0.0-0A.is.legal 1.0.0-0 0.0.0 1.0.0+001`.split(/\s+/);

const NO_VERSIONS = `1 1.2 1.2.3-0123 1.2.3-0123.0123 1.1.2+.123 +invalid -invalid -invalid+invalid alpha alpha.beta
alpha.1 1.0.0-alpha_beta 1.0.0-alpha. 1.0.0-alpha.. 1.0.0-alpha..b 1.0.0-alpha.1..b 01.1.1 1.01.1 1.1.01
1.2.3.DEV 1.2-SNAPSHOT 1.2.31.2.3----RC-SNAPSHOT.12.09.1--..12+788 1.2-RC-SNAPSHOT -1.0.3-gamma+b7718
+justmeta 9.8.7+meta+meta 9.8.7-whatever+meta+meta v1.2.3 =1.2.3 1.2.3- 1.2.3+ 1.2.3-+b 1.2.3+a..b 1.2.3+a_b`.split(
  /\s+/,
);

t.test('versions are those of semver.org', async (t) => {
  for (const version of VERSIONS) t.equal(assertVersion(version), version);
  for (const version of [...NO_VERSIONS, '', ' 1.2.3', '1.2.3 ', '1.2.3\n', 1, null, undefined, ['1.2.3']]) {
    t.throws(() => assertVersion(version), refusal('invalid', { message: /is not a valid semver version/ }));
  }
  const long = `1.0.0-${'a'.repeat(250)}`;
  t.equal(assertVersion(long), long, '256 characters');
  t.throws(() => assertVersion(`${long}a`), refusal('invalid'));
  t.equal(assertVersion('9007199254740991.0.0'), '9007199254740991.0.0');
  t.throws(() => assertVersion('9007199254740992.0.0'), refusal('invalid'), 'JavaScript rounds it');
});

const REQUIREMENTS =
  `* x X 1 0 1.2 1.2.3 1.* 1.x 1.X 1.2.* 1.2.x 1.2.X 1.*.* 1.x.X =1 >1.2 >=1.2 <1.2 <=1.2 ~1.2 ^1.2 =1.2.3
>=1.2.3-alpha.1 ^1.2.3-a+b 1.2.3+b >=1,<2 1.2,1.3,1.4 ^0.0.0 10.20.30`.split(/\s+/);

const NO_REQUIREMENTS =
  `> >= ^ ~ = 01 1.02 1.2.03 1. .1 1.2. 1.2.3. 1.2.3.4 *.1 *.* 1.*.3 1.*.x.* 1.2.*.* ^^1 =>1 ==1 !=1 ><1 v1
1, ,1 1,,2 *,1 1||2 1.2-a 1-a 1.2.3-01 1.2.3-a..b 1a a1 1.2.3- 1.2.3+`.split(/\s+/);

t.test('requirements are those of cargo', async (t) => {
  const blanks = [' * ', '>= 1', '>=  1.2', ' 1 , 2 '];
  const numbers = ['18446744073709551615', '=1.0.0-99999999999999999999+99999999999999999999'];
  const many = (count: number) => Array(count).fill('>1').join(',');
  for (const requirement of [...REQUIREMENTS, ...blanks, ...numbers, many(32)])
    t.equal(assertRequirement(requirement, 'x'), requirement);
  const otherBlanks = ['\t^1.0', '=\n1.0', '>1\t,<2', '\u00a01.0', '\t*'];
  const tooMuch = ['18446744073709551616', '>1.18446744073709551616', many(33)];
  const others = ['', ' ', '1 2', '> = 1', '1 - 2', '* *', 1, null, undefined];
  for (const requirement of [...NO_REQUIREMENTS, ...otherBlanks, ...tooMuch, ...others]) {
    const message = /is not a valid version requirement of the dependency `dep`/;
    t.throws(() => assertRequirement(requirement, 'dep'), refusal('invalid', { message }), String(requirement));
  }
  const long = `1${' '.repeat(1023)}`;
  t.equal(assertRequirement(long, 'x'), long, '1,024 characters');
  t.throws(() => assertRequirement(`${long} `, 'x'), refusal('invalid'));
});

t.test('the highest version is a release if there is one', async (t) => {
  t.equal(highestVersion([]), undefined);
  t.equal(highestVersion(['1.9.0', '1.10.0', '1.2.0']), '1.10.0');
  t.equal(highestVersion(['1.0.0', '2.0.0-rc.1']), '1.0.0');
  t.equal(highestVersion(['1.0.0-alpha', '1.0.0-rc.1', '1.0.0-beta']), '1.0.0-rc.1');
  t.equal(highestVersion(['1.0.0+b', '1.0.0+a']), '1.0.0+b', 'in the same order everywhere');
  t.same(['1.0.0+a.b', '1.0.0-a+b', '1.0.0-a', '1.0.0+a+b'].map(withoutBuild), [
    '1.0.0',
    '1.0.0-a',
    '1.0.0-a',
    '1.0.0',
  ]);
});
