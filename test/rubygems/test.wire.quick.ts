import { inflateSync } from 'node:zlib';
import t from 'tap';
import type { IGemSpec } from '../../ts/rubygems/interfaces.rubygems.js';
import { dumped, RubyDumped, RubyShared, RubySymbol, type TRuby } from '../../ts/rubygems/wire/wire.marshal.js';
import { renderQuick } from '../../ts/rubygems/wire/wire.quick.js';
import { buildsFor, dependencyPieces, renderSpecs, specsPieces } from '../../ts/rubygems/wire/wire.specs.js';
import { compareVersions, isPrerelease } from '../../ts/rubygems/wire/wire.versions.js';
import { dependency, gemSpec } from '../support/rubygems/documents.js';
import { type IRubyObject, unmarshal } from '../support/rubygems/unmarshal.js';

const RULES = { compare: compareVersions, isPrerelease };

t.test('values are read as they were written', async (t) => {
  const numbers = [0, 1, -1, 122, 123, -123, -124, 255, 256, -256, -257, 65_535, 65_536, -65_536, -65_537];
  const values: TRuby[] = [
    null,
    true,
    false,
    '',
    'ä€😀',
    'x'.repeat(70_000),
    'y'.repeat(300_000),
    ...numbers,
    2 ** 30 - 1,
    -(2 ** 30),
    [],
  ];
  t.same(unmarshal(dumped(values)), values);
  const shared = new RubyShared('twice');
  // an object with variables gets its number after them, so a link behind it shows whether they are counted
  const day = new RubyDumped('Time', Buffer.from('x'), [['zone', 'UTC']]);
  t.same(unmarshal(dumped([day, shared, new RubySymbol('a'), new RubySymbol('zone'), shared])), [
    { of: 'Time', bytes: '78', variables: { zone: 'UTC' } },
    'twice',
    ':a',
    ':zone',
    'twice',
  ]);
  t.same(unmarshal(dumped([new RubyDumped('A', Buffer.from('x')), shared, shared])), [
    { of: 'A', bytes: '78' },
    'twice',
    'twice',
  ]);
});

const versionOf = (version: string) => ({ of: 'Gem::Version', data: [version] });
const requirement = (...pairs: [operator: string, version: string][]) => ({
  of: 'Gem::Requirement',
  data: [pairs.map(([operator, version]) => [operator, versionOf(version)])],
});

/** The members of the gemspec in a quick file. */
const members = (spec: IGemSpec): unknown[] => {
  const whole = unmarshal(inflateSync(renderQuick(spec))) as IRubyObject;
  t.match(whole, { of: 'Gem::Specification', variables: undefined });
  return unmarshal(Buffer.from(whole.bytes as string, 'hex')) as unknown[];
};

t.test('a quick file has the members of a gemspec in the order of RubyGems', async (t) => {
  const spec = gemSpec('demo', '1.0.0.pre.rc.1', {
    platform: 'x86_64-linux-musl',
    platformParts: { cpu: 'x86_64', os: 'linux', version: 'musl' },
    originalPlatform: 'x86_64-linux-musl!',
    rubygemsVersion: '3.5.1',
    date: '2026-11-28',
    summary: 'A summary',
    description: 'Größer\nals eine Zeile',
    email: ['a@example.org', 'b@example.org'],
    authors: ['A', 'B'],
    licenses: ['MIT', 'Ruby'],
    metadata: [
      ['homepage_uri', 'https://example.org'],
      ['__proto__', 'x'],
    ],
    requiredRubyVersion: ['>= 3.0', '< 4'],
    requiredRubygemsVersion: ['> 1.3.1'],
    dependencies: [dependency('rack', ['~> 2.0', '!= 2.0.1']), dependency('rspec', ['= 3', '<= 4'], 'development')],
  });
  const dependencyOf = (name: string, type: string, ...pairs: [string, string][]) => ({
    of: 'Gem::Dependency',
    variables: { '@name': name, '@requirement': requirement(...pairs), '@type': `:${type}`, '@prerelease': false },
  });
  t.same(members(spec), [
    '3.5.1',
    4,
    'demo',
    versionOf('1.0.0.pre.rc.1'),
    { of: 'Time', bytes: `${timeWord(2026, 11, 28)}00000000`, variables: { zone: 'UTC' } },
    'A summary',
    requirement(['>=', '3.0'], ['<', '4']),
    requirement(['>', '1.3.1']),
    'x86_64-linux-musl!',
    [
      dependencyOf('rack', 'runtime', ['~>', '2.0'], ['!=', '2.0.1']),
      dependencyOf('rspec', 'development', ['=', '3'], ['<=', '4']),
    ],
    '',
    ['a@example.org', 'b@example.org'],
    ['A', 'B'],
    'Größer\nals eine Zeile',
    'https://example.org',
    true,
    { of: 'Gem::Platform', variables: { '@cpu': 'x86_64', '@os': 'linux', '@version': 'musl' } },
    ['MIT', 'Ruby'],
    [
      ['homepage_uri', 'https://example.org'],
      ['__proto__', 'x'],
    ],
  ]);
});

t.test('what a gemspec does not say', async (t) => {
  const least = members(gemSpec('demo', '1', { description: null, homepage: null, email: [], licenses: [] }));
  t.same(least.slice(11), [null, ['Ann'], null, null, true, 'ruby', [], []]);
  t.equal(members(gemSpec('demo', '1', { email: ['a@x'] }))[11], 'a@x', 'one address is a text');
  const java = gemSpec('demo', '1', { platform: 'java', platformParts: { cpu: null, os: 'java', version: null } });
  t.same(members(java)[16], { of: 'Gem::Platform', variables: { '@cpu': null, '@os': 'java', '@version': null } });
});

t.test('days are packed as Ruby packs them', async (t) => {
  // the first word of `Time.utc(…)._dump`, lowest byte first, as Ruby 3.1 writes it: 1 1 year-1900(16) month-1(4) day(5) hour(5)
  for (const [date, year, month, day] of [
    ['1980-01-02', 1980, 1, 2],
    ['1999-12-31', 1999, 12, 31],
    ['2026-11-28', 2026, 11, 28],
    ['9999-12-31', 9999, 12, 31],
  ] as const) {
    t.match(members(gemSpec('demo', '1', { date }))[4], { bytes: `${timeWord(year, month, day)}00000000` }, date);
  }
  t.match(members(gemSpec('demo', '1', { date: '1980-01-02' }))[4], { bytes: '400014c000000000' });
});

/** Bits 31 and 30 are set, then year - 1900, month - 1, day, hour; in hex, the lowest byte first. */
function timeWord(year: number, month: number, day: number): string {
  const bits = ['1', '1', (year - 1900).toString(2).padStart(16, '0'), (month - 1).toString(2).padStart(4, '0')];
  const word = Number.parseInt([...bits, day.toString(2).padStart(5, '0'), '00000'].join(''), 2);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(word);
  return bytes.toString('hex');
}

const tuplesIn = (bytes: Buffer): [string, string, string][] =>
  (unmarshal(bytes) as [string, { data: [string] }, string][]).map(([name, version, platform]) => {
    t.match(version, { of: 'Gem::Version' });
    return [name, version.data[0], platform];
  });

t.test('specs files', async (t) => {
  const entryOf = (name: string, ...builds: [version: string, platform: string, slug?: string][]) => ({
    name,
    entry: {
      name,
      summary: '',
      builds: builds.map(([version, platform, slug]) => ({ version, platform, ...(slug && { slug }) })),
    },
  });
  const gems = [
    entryOf('a', ['1.0', 'ruby'], ['1.0', 'java'], ['2.0.pre', 'ruby'], ['1.10', 'ruby'], ['1.9', 'ruby']),
    entryOf('b', ['2.0.a', 'ruby'], ['1.0', 'x86_64-linux', '1.0-78be552b']),
    entryOf('c', ['3', 'ruby']),
  ];
  const listed = (kind: 'specs' | 'latest' | 'prerelease') =>
    tuplesIn(Buffer.concat([...specsPieces(kind, gems, RULES)])).map((tuple) => tuple.join(' '));
  t.same(listed('specs'), ['a 1.0 ruby', 'a 1.0 java', 'a 1.10 ruby', 'a 1.9 ruby', 'c 3 ruby']);
  t.same(listed('latest'), ['a 1.10 ruby', 'a 1.0 java', 'c 3 ruby']);
  t.same(listed('prerelease'), ['a 2.0.pre ruby', 'b 2.0.a ruby']);
  const same = ['1.0', '1.0.0'].map((version) => ({ version, platform: 'ruby' }));
  t.same(buildsFor('latest', same, RULES), same.slice(0, 1), 'of equal versions the first one');
  const tuples = [
    { name: 'a', version: '1', platform: 'ruby' },
    { name: 'b', version: '2', platform: 'ruby' },
  ];
  t.same(
    tuplesIn(renderSpecs(tuples)),
    tuples.map(({ name, version, platform }) => [name, version, platform]),
  );
  t.same(tuplesIn(renderSpecs([])), []);
  const many = Array.from({ length: 3000 }, (_, at) => entryOf(`gem-${at}`, [`1.${at}`, at % 2 ? 'ruby' : 'java']));
  const twice = entryOf('only-once', ['1.0', 'x86-linux'], ['2.0', 'x86-linux']);
  const text = Buffer.concat([...specsPieces('specs', [twice, entryOf('a', ['1', 'x86-linux'])], RULES)]).toString();
  for (const one of ['only-once', 'x86-linux']) t.equal(text.split(one).length, 2, `${one}: clients hold it once`);
  t.same(
    tuplesIn(Buffer.concat([...specsPieces('specs', many, RULES)])),
    many.map(({ name }, at) => [name, `1.${at}`, at % 2 ? 'ruby' : 'java']),
  );
});

t.test('answers of the dependencies API', async (t) => {
  const specs = [
    gemSpec('a', '1.0', {
      platform: 'java',
      dependencies: [dependency('b', ['>= 1', '< 3']), dependency('c', ['= 1'], 'development'), dependency('d')],
    }),
    gemSpec('e', '2.0'),
  ];
  const row = (name: string, number: string, platform: string, dependencies: [string, string][]) => [
    [':name', name],
    [':number', number],
    [':platform', platform],
    [':dependencies', dependencies],
  ];
  t.same(unmarshal(Buffer.concat([...dependencyPieces(specs)])), [
    row('a', '1.0', 'java', [
      ['b', '>= 1, < 3'],
      ['d', '>= 0'],
    ]),
    row('e', '2.0', 'ruby', []),
  ]);
  const many = Array.from({ length: 1500 }, (_, at) => gemSpec(`gem-${at}`, '1', { dependencies: [dependency('b')] }));
  t.same(
    (unmarshal(Buffer.concat([...dependencyPieces(many)])) as string[][][]).map(([name]) => name?.[1]),
    many.map(({ name }) => name),
  );
});
