import t from 'tap';
import { compareOrdered, compareVersions, parseVersion } from '../../ts/maven/wire/wire.versions.js';

/** Each is older than the next. */
const ascending = (t: { equal(found: number, wanted: number, message: string): unknown }, versions: string[]): void => {
  for (const [at, older] of versions.entries()) {
    for (const newer of versions.slice(at + 1)) {
      t.equal(Math.sign(compareVersions(older, newer)), -1, `${older} < ${newer}`);
      t.equal(Math.sign(compareVersions(newer, older)), 1, `${newer} > ${older}`);
    }
  }
};

const equal = (t: { equal(found: number, wanted: number, message: string): unknown }, versions: string[]): void => {
  for (const one of versions)
    for (const other of versions) t.equal(compareVersions(one, other), 0, `${one} = ${other}`);
};

const sortVersions = (versions: readonly string[]): string[] =>
  versions
    .map((version) => ({ version, parsed: parseVersion(version) }))
    .sort(compareOrdered)
    .map(({ version }) => version);

t.test('the examples of the specification', async (t) => {
  ascending(t, ['1', '1.1']);
  ascending(t, ['1-snapshot', '1', '1-sp']);
  ascending(t, ['1-foo2', '1-foo10']);
  equal(t, ['1.foo', '1-foo']);
  ascending(t, ['1-foo', '1-1', '1.1']);
  equal(t, ['1.ga', '1-ga', '1-0', '1.0', '1']);
  ascending(t, ['1-ga', '1-sp']);
  ascending(t, ['1-ga.1', '1-sp.1']);
  ascending(t, ['1-sp-1', '1-ga-1']);
  equal(t, ['1-ga-1', '1-1']);
  equal(t, ['1-a1', '1-alpha-1']);
  equal(t, ['1.0.0-foo.0.0', '1-foo']);
  equal(t, ['1.0.0-0.0.0', '1']);
  equal(t, ['1-1.foo-bar1baz-.1', '1-1-foo-bar-1-baz-0.1']);
});

t.test('qualifiers', async (t) => {
  ascending(t, ['1-alpha', '1-beta', '1-milestone', '1-rc', '1-snapshot', '1', '1-sp', '1-abc', '1-1']);
  equal(t, ['1-rc', '1-cr', '1.RC', '1-CR']);
  equal(t, ['1', '1-ga', '1-final', '1-release', '1.Final', '1.0.GA']);
  equal(t, ['1-b2', '1-beta-2', '1beta2', '1.BETA2']);
  equal(t, ['1-m3', '1-milestone-3']);
  ascending(t, ['1.0', '1.0a']);
  ascending(t, [
    '1-alpha-1',
    '1-alpha-2',
    '1-alpha-10',
    '1-beta',
    '1-rc1',
    '1-SNAPSHOT',
    '1',
    '1-sp1',
    '1-pom-1',
    '1-1-snapshot',
    '1-1',
    '1-2',
  ]);
});

t.test('numbers', async (t) => {
  ascending(t, [
    '2.0',
    '2.0.a',
    '2-1',
    '2.0.2',
    '2.0.123',
    '2.1.0',
    '2.1-a',
    '2.1b',
    '2.1-c',
    '2.1-1',
    '2.1.0.1',
    '2.2',
    '2.123',
  ]);
  ascending(t, ['11.a2', '11.a11', '11.b2', '11.b11', '11.m2', '11.m11', '11', '11.a', '11b', '11c', '11m']);
  ascending(t, ['1.9', '1.10', '1.99999999999999999998', '1.99999999999999999999', '1.100000000000000000000']);
  equal(t, ['1.01', '1.1', '1.001']);
  ascending(t, ['20040616', '20040617']);
});

t.test('equal versions have one order, whatever order they come in', async (t) => {
  const wanted = ['1-rc', '1', '1.0', '1.0.0', '1.1'];
  t.same(sortVersions(wanted), wanted);
  t.same(sortVersions([...wanted].reverse()), wanted);
});

t.test('the longest version costs little', async (t) => {
  const versions = Array.from({ length: 1000 }, (_, at) => `${'1.a-'.repeat(31)}${at}`);
  t.equal(sortVersions(versions)[999], `${'1.a-'.repeat(31)}999`);
});
