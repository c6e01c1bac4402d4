import t from 'tap';
import {
  isDev,
  isStable,
  normalizeBranch,
  normalizeVersion,
  parseVersion,
} from '../../ts/composer/wire/wire.versions.js';
import { refusal } from '../support/npm/packages.js';

/** The table of Composer's own tests. @see https://github.com/composer/semver/blob/main/tests/VersionParserTest.php */
const NORMALIZED: [string, string][] = [
  ['1.0.0', '1.0.0.0'],
  ['1.2.3.4', '1.2.3.4'],
  ['1.0.0RC1dev', '1.0.0.0-RC1-dev'],
  ['1.0.0-rC15-dev', '1.0.0.0-RC15-dev'],
  ['1.0.0.RC.15-dev', '1.0.0.0-RC15-dev'],
  ['1.0.0-rc1', '1.0.0.0-RC1'],
  ['1.0.0.pl3-dev', '1.0.0.0-patch3-dev'],
  ['1.0-dev', '1.0.0.0-dev'],
  ['0', '0.0.0.0'],
  ['99999', '99999.0.0.0'],
  ['10.4.13-beta', '10.4.13.0-beta'],
  ['10.4.13beta2', '10.4.13.0-beta2'],
  ['10.4.13beta.2', '10.4.13.0-beta2'],
  ['v1.13.11-beta.0', '1.13.11.0-beta0'],
  ['1.13.11.0-beta0', '1.13.11.0-beta0'],
  ['10.4.13-b', '10.4.13.0-beta'],
  ['10.4.13-b5', '10.4.13.0-beta5'],
  ['v1.0.0', '1.0.0.0'],
  ['2010.01', '2010.01.0.0'],
  ['2010.01.02', '2010.01.02.0'],
  ['2010.1.555', '2010.1.555.0'],
  ['2010.10.200', '2010.10.200.0'],
  ['20230131.0.0', '20230131.0.0'],
  ['202301310000.0.0', '202301310000.0.0'],
  ['v20100102', '20100102'],
  ['20100102', '20100102'],
  ['20100102.0', '20100102.0'],
  ['20100102.1.0', '20100102.1.0'],
  ['20100102.0.3', '20100102.0.3'],
  ['100000', '100000'],
  ['2010-01-02-10-20-30.0.3', '2010.01.02.10.20.30.0.3'],
  ['2010-01-02-10-20-30.5', '2010.01.02.10.20.30.5'],
  ['2010-01-02', '2010.01.02'],
  ['2012.06.07', '2012.06.07.0'],
  ['2010-01-02.5', '2010.01.02.5'],
  ['2010.1.555', '2010.1.555.0'],
  ['20100102-203040', '20100102.203040'],
  ['20100102.x-dev', '20100102.9999999.9999999.9999999-dev'],
  ['20100102.203040.x-dev', '20100102.203040.9999999.9999999-dev'],
  ['20100102203040-10', '20100102203040.10'],
  ['20100102-203040-p1', '20100102.203040-patch1'],
  ['201903.0', '201903.0'],
  ['201903.x-dev', '201903.9999999.9999999.9999999-dev'],
  ['201903.0-p2', '201903.0-patch2'],
  ['dev-master', 'dev-master'],
  ['master', 'dev-master'],
  ['dev-trunk', 'dev-trunk'],
  ['1.x-dev', '1.9999999.9999999.9999999-dev'],
  ['dev-feature-foo', 'dev-feature-foo'],
  ['DEV-FOOBAR', 'dev-FOOBAR'],
  ['dev-feature/foo', 'dev-feature/foo'],
  ['dev-feature+issue-1', 'dev-feature+issue-1'],
  ['dev-master as 1.0.0', 'dev-master'],
  ['dev-load-varnish-only-when-used as ^2.0', 'dev-load-varnish-only-when-used'],
  ['dev-load-varnish-only-when-used@dev as ^2.0@dev', 'dev-load-varnish-only-when-used'],
  ['1.0.0+foo@dev', '1.0.0.0'],
  ['dev-load-varnish-only-when-used@stable', 'dev-load-varnish-only-when-used'],
  ['1.0.0-beta.5+foo', '1.0.0.0-beta5'],
  ['1.0.0+foo', '1.0.0.0'],
  ['1.0.0-alpha.3.1+foo', '1.0.0.0-alpha3.1'],
  ['1.0.0-alpha2.1+foo', '1.0.0.0-alpha2.1'],
  ['1.0.0-alpha-2.1-3+foo', '1.0.0.0-alpha2.1-3'],
  ['1.0.0+foo as 2.0', '1.0.0.0'],
  ['00.01.03.04', '00.01.03.04'],
  ['000.001.003.004', '000.001.003.004'],
  ['0.000.103.204', '0.000.103.204'],
  ['0700', '0700.0.0.0'],
  ['041.x-dev', '041.9999999.9999999.9999999-dev'],
  ['dev-041.003', 'dev-041.003'],
  ['dev-1.0.0-dev<1.0.5-dev', 'dev-1.0.0-dev<1.0.5-dev'],
  ['dev-foo bar', 'dev-foo bar'],
  [' 1.0.0', '1.0.0.0'],
  ['1.0.0 ', '1.0.0.0'],
  ['\t1.0.0\n', '1.0.0.0'],
  ['dev-\u00a0main', 'dev-\u00a0main'],
];

const INVALID = [
  '',
  'a',
  '1.0.0-meh',
  '1.0.0.0.0',
  'feature-foo',
  '1.0.0+foo bar',
  '1.0.1-SNAPSHOT',
  '1.0.0<1.0.5-dev',
  '1.0.0-dev<1.0.5-dev',
  'foo bar-dev',
  '1.0 .2',
  ' as ',
  ' as 1.2',
  '^',
  '^8 || ^',
  '~',
  '~1 ~',
  '~1',
  '^1',
  '1.*',
  '20100102.0.3.4',
  '100000.0.0.0',
  '2023013.0.0',
  '202301311.0.0',
  '20230131000.0.0',
  '2023013100000.0.0',
  // PHP's white space is ASCII
  '1.0\u00a0',
  '\u00a01.0',
  '1.0\u2003-dev',
];

const BRANCHES: [string, string][] = [
  ['v1.x', '1.9999999.9999999.9999999-dev'],
  ['v1.*', '1.9999999.9999999.9999999-dev'],
  ['v1.0', '1.0.9999999.9999999-dev'],
  ['2.0', '2.0.9999999.9999999-dev'],
  ['v1.0.x', '1.0.9999999.9999999-dev'],
  ['v1.0.3.*', '1.0.3.9999999-dev'],
  ['v2.4.0', '2.4.0.9999999-dev'],
  ['2.4.4', '2.4.4.9999999-dev'],
  ['master', 'dev-master'],
  ['trunk', 'dev-trunk'],
  ['feature-a', 'dev-feature-a'],
  ['FOOBAR', 'dev-FOOBAR'],
  ['feature+issue-1', 'dev-feature+issue-1'],
];

t.test('versions are normalised as Composer does it', async (t) => {
  for (const [given, normalized] of NORMALIZED) t.equal(normalizeVersion(given), normalized, given);
  for (const [given, normalized] of BRANCHES) t.equal(normalizeBranch(given), normalized, given);
});

t.test('what Composer cannot read is no version', async (t) => {
  for (const given of INVALID) {
    t.equal(normalizeVersion(given), null, given);
    t.throws(() => parseVersion(given), refusal('invalid'), given);
  }
  t.throws(() => parseVersion('dev-'), refusal('invalid'));
  t.throws(() => parseVersion('dev-a\u0000b'), refusal('invalid'));
});

t.test('a version of 100,000 characters is refused at once, with a short message', async (t) => {
  for (const text of ['1'.repeat(100_000), `1.0.0-beta${'1'.repeat(100_000)}x`, `dev-${'x'.repeat(100_000)}`]) {
    const error = t.throws(() => parseVersion(text), refusal('invalid')) as unknown as Error;
    t.ok(error.message.length < 200);
  }
});

t.test('digits that no rule can end do not make the expression backtrack', async (t) => {
  // with Composer's own form `(?:[.-]?\d+)*` this would take longer than the universe is old
  t.equal(normalizeVersion(`1.0.0-beta${'1'.repeat(200)}x`), null);
});

t.test('an alias and a stability flag are not shown', async (t) => {
  t.same(parseVersion(' v1.2@beta '), { version: 'v1.2', normalized: '1.2.0.0' });
  t.same(
    parseVersion('1.2.0\n'),
    { version: '1.2.0', normalized: '1.2.0.0' },
    'as `?version=$(cat VERSION)` may send it',
  );
  t.same(parseVersion('dev-main as 1.0'), { version: 'dev-main', normalized: 'dev-main' });
});

t.test('which versions change, and which are stable', async (t) => {
  const kinds = (version: string): [boolean, boolean] => {
    const { normalized } = parseVersion(version);
    return [isDev(normalized), isStable(normalized)];
  };
  for (const dev of ['dev-main', '7.3.x-dev', '1.0-dev', '1.0.0-RC1-dev']) t.same(kinds(dev), [true, false], dev);
  for (const early of ['1.0.0-alpha1', '1.0b2', '1.0.0-RC3']) t.same(kinds(early), [false, false], early);
  for (const stable of ['1.0.0', '1.0-p1', '20240101', 'v2']) t.same(kinds(stable), [false, true], stable);
});
