import { inflateSync } from 'node:zlib';
import t from 'tap';
import {
  dumped,
  RubyDumped,
  RubyHash,
  RubyMarshalled,
  RubyObject,
  RubyShared,
  RubySymbol,
  type TRuby,
} from '../../ts/rubygems/wire/wire.marshal.js';
import { renderQuick } from '../../ts/rubygems/wire/wire.quick.js';
import {
  buildsFor,
  dependencyPieces,
  renderSpecs,
  specsPieces,
  type TSpecsKind,
} from '../../ts/rubygems/wire/wire.specs.js';
import { compareVersions, isPrerelease } from '../../ts/rubygems/wire/wire.versions.js';
import { dependency, gemSpec } from '../support/rubygems/documents.js';
import { rubies, runRuby } from '../support/rubygems/ruby.js';

const RULES = { compare: compareVersions, isPrerelease };

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

t.test('values are written as Ruby writes them', async (t) => {
  // from `Marshal.dump(value).unpack1("H*")` of Ruby 3.1
  for (const [value, written] of [
    [null, '040830'],
    [true, '040854'],
    [false, '040846'],
    [0, '04086900'],
    [122, '0408697f'],
    [123, '040869017b'],
    [-123, '04086980'],
    [-124, '040869ff84'],
    [256, '040869020001'],
    [-256, '040869ff00'],
    [-257, '040869fefffe'],
    [1073741823, '04086904ffffff3f'],
    [-1073741824, '040869fc000000c0'],
    ['a', '040849220661063a064554'],
    [[], '04085b00'],
    [[new RubySymbol('a'), new RubySymbol('a')], '04085b073a06613b00'],
    [new RubyHash([[new RubySymbol('a'), 1]]), '04087b063a06616906'],
    [new RubyObject('Range', [['@a', 1]]), '04086f3a0a52616e6765063a0740616906'],
    [new RubyMarshalled('A', [1]), '0408553a06415b066906'],
    [new RubyDumped('A', Buffer.from('x')), '0408753a06410678'],
  ] as [TRuby, string][]) {
    t.equal(hex(dumped(value)), written, JSON.stringify(value));
  }
  const shared = new RubyShared('a');
  t.equal(hex(dumped([shared, shared])), '04085b0749220661063a0645544006', 'an object is linked to by its number');
  for (const value of [2 ** 30, -(2 ** 30) - 1, 1.5, Number.NaN]) t.throws(() => dumped(value));
});

const list = rubies();
const skip = list.length === 0 ? 'no Ruby is installed (apt-get install ruby)' : false;

for (const ruby of list) {
  t.test(`${ruby.name} loads all kinds of values`, async (t) => {
    const shared = new RubyShared(['x']);
    const texts = ['', 'ä€😀', 'x'.repeat(70_000), '\0'];
    const numbers = [
      0, 1, -1, 122, 123, -123, -124, 255, 256, -256, -257, 65_535, 65_536, -65_536, -65_537, 1073741823,
    ];
    const value: TRuby = [
      ...texts,
      ...numbers,
      -1073741824,
      null,
      true,
      false,
      new RubyHash([
        ['name', 'b'],
        ['a', [new RubySymbol('name'), new RubySymbol('name')]],
      ]),
      new RubyMarshalled('Gem::Version', ['1.0']),
      shared,
      new RubyMarshalled('Gem::Version', ['2.0.rc1']),
      shared,
    ];
    const script = `v = load(BYTES); out(v.map { |x| x.is_a?(Gem::Version) ? x.to_s : x } + [v[-1].equal?(v[-3])])`;
    const [, loaded] = runRuby(ruby, script, dumped(value));
    t.same(loaded, [
      ...texts,
      ...numbers,
      -1073741824,
      null,
      true,
      false,
      { name: 'b', a: ['name', 'name'] },
      '1.0',
      ['x'],
      '2.0.rc1',
      ['x'],
      true,
    ]);
  });

  t.test(`${ruby.name} loads quick files`, async (t) => {
    const spec = gemSpec('demo', '1.0.0.pre.rc.1', {
      platform: 'x86_64-linux-musl',
      platformParts: { cpu: 'x86_64', os: 'linux', version: 'musl' },
      originalPlatform: 'x86_64-linux-musl',
      date: '2026-11-28',
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
      dependencies: [dependency('rack', ['~> 2.0', '>= 2.0.1']), dependency('rspec', ['= 3'], 'development')],
    });
    // what the same gemspec becomes when this Ruby dumps and loads it: 3.3 loses licenses, 3.6 knows no musl
    const script = `
      own = Gem::Specification.new('demo', '1.0.0-rc.1') do |s|
        s.platform = 'x86_64-linux-musl'; s.date = '2026-11-28'; s.summary = 'demo of a test'
        s.description = "Gr\\u00f6\\u00dfer\\nals eine Zeile"; s.email = %w[a@example.org b@example.org]; s.authors = %w[A B]
        s.homepage = 'https://example.org'; s.licenses = %w[MIT Ruby]; s.rubygems_version = '3.3.15'
        s.metadata = { 'homepage_uri' => 'https://example.org', '__proto__' => 'x' }
        s.required_ruby_version = ['>= 3.0', '< 4']; s.required_rubygems_version = '> 1.3.1'
        s.add_runtime_dependency('rack', '~> 2.0', '>= 2.0.1'); s.add_development_dependency('rspec', '= 3')
      end
      show = lambda do |s|
        { class: s.class.name, name: s.name, version: s.version.to_s, prerelease: s.version.prerelease?,
          full: s.full_name, platform: s.platform.to_s, platformClass: s.platform.class.name,
          original: s.original_platform.to_s, date: s.date.utc.iso8601, summary: s.summary, description: s.description,
          email: s.email, authors: s.authors, homepage: s.homepage, licenses: s.licenses, metadata: s.metadata.to_a,
          ruby: s.required_ruby_version.as_list.sort, rubygems: s.required_rubygems_version.to_s,
          gem: s.rubygems_version, format: s.specification_version,
          dependencies: s.dependencies.map { |d| [d.name, d.type, d.requirement.as_list.sort, d.prerelease?] },
          runtime: s.runtime_dependencies.map(&:name), fits: s.required_ruby_version.satisfied_by?(Gem::Version.new('3.1')),
          code: s.to_ruby.sub(/installed_by_version.*/, '') }
      end
      out([show[load(Zlib::Inflate.inflate(BYTES))], show[Marshal.load(Marshal.dump(own))]])`;
    const [loaded, own] = runRuby(ruby, script, renderQuick(spec))[1] as Record<string, unknown>[];
    t.same(loaded, own);
    t.match(loaded, {
      name: 'demo',
      version: '1.0.0.pre.rc.1',
      description: 'Größer\nals eine Zeile',
      metadata: spec.metadata,
      dependencies: [
        ['rack', 'runtime', ['>= 2.0.1', '~> 2.0'], false],
        ['rspec', 'development', ['= 3'], false],
      ],
    });
    const plain = gemSpec('demo', '1', {
      description: null,
      homepage: null,
      email: [],
      licenses: [],
      date: '1999-12-31',
    });
    const least =
      's = load(Zlib::Inflate.inflate(BYTES)); out([s.platform, s.email, s.homepage, s.description, s.date.year])';
    t.same(runRuby(ruby, least, renderQuick(plain))[1], ['ruby', null, null, null, 1999]);
  });

  t.test(`${ruby.name} loads specs files and answers of the dependencies API`, async (t) => {
    const tuples = [
      { name: 'a', version: '1.0', platform: 'ruby' },
      { name: 'a', version: '1.0', platform: 'java' },
      { name: 'b', version: '2.0.pre', platform: 'ruby' },
    ];
    const script =
      'out(load(BYTES).map { |name, version, platform| [name, version.class.name, version.to_s, platform] })';
    t.same(
      runRuby(ruby, script, renderSpecs(tuples))[1],
      tuples.map(({ name, version, platform }) => [name, 'Gem::Version', version, platform]),
    );
    t.same(runRuby(ruby, script, renderSpecs([]))[1], []);
    const many = Array.from({ length: 20_000 }, (_, at) => ({
      name: `g${at}`,
      entry: { name: `g${at}`, summary: '', builds: [{ version: `1.${at}`, platform: at % 3 ? 'ruby' : 'java' }] },
    }));
    const bytes = Buffer.concat([...specsPieces('specs', many, RULES)]);
    const ends =
      'v = load(BYTES); out([v.size, v[0], v[-1]].then { |n, *e| [n] + e.map { |a, b, c| [a, b.to_s, c] } })';
    t.same(runRuby(ruby, ends, bytes)[1], [20_000, ['g0', '1.0', 'java'], ['g19999', '1.19999', 'ruby']]);
    const specs = [
      gemSpec('a', '1.0', {
        dependencies: [dependency('b', ['>= 1', '< 3']), dependency('c', ['= 1'], 'development')],
      }),
    ];
    t.same(runRuby(ruby, 'out(load(BYTES))', Buffer.concat([...dependencyPieces(specs)]))[1], [
      { name: 'a', number: '1.0', platform: 'ruby', dependencies: [['b', '>= 1, < 3']] },
    ]);
    t.same(runRuby(ruby, 'out(load(BYTES))', Buffer.concat([...dependencyPieces([])]))[1], []);
  });
}

t.test('at least one Ruby has loaded the files', { skip }, async (t) => {
  for (const ruby of list) {
    const [isSafe] = runRuby(ruby, 'out(nil)', Buffer.alloc(0));
    t.comment(`${ruby.name} ${ruby.version}: ${isSafe ? 'the loader of new RubyGems' : 'Marshal.load'}`);
  }
});

t.test('quick files are zlib streams that are the same on every replica', async (t) => {
  const spec = gemSpec('demo', '1.0');
  t.same(renderQuick(spec), renderQuick({ ...spec }));
  t.ok(hex(inflateSync(renderQuick(spec))).startsWith('0408753a17'), 'a dumped object of a class of 18 letters');
});

t.test('specs lists releases, prerelease the others, latest the newest release of each platform', async (t) => {
  const builds = [
    ['1.9', 'ruby'],
    ['1.10', 'ruby'],
    ['1.10.pre', 'ruby'],
    ['1.2', 'java'],
    ['2.0.a', 'java'],
  ].map(([version = '', platform = '']) => ({ version, platform }));
  const skinny = { version: '3.0', platform: 'x86_64-linux', slug: '3.0-aaaaaaaa' };
  const listed = (kind: TSpecsKind) =>
    buildsFor(kind, [...builds, skinny], RULES).map(({ version, platform }) => `${version} ${platform}`);
  t.same(listed('specs'), ['1.9 ruby', '1.10 ruby', '1.2 java']);
  t.same(listed('latest'), ['1.10 ruby', '1.2 java']);
  t.same(listed('prerelease'), ['1.10.pre ruby', '2.0.a java']);
});

t.test('the pieces of a specs file of all gems are the file, and others run in between', async (t) => {
  const gems = Array.from({ length: 5000 }, (_, at) => ({
    name: `g${at}`,
    entry: { name: `g${at}`, summary: '', builds: [{ version: '1.0', platform: 'ruby' }] },
  }));
  const pieces = [...specsPieces('specs', gems, RULES)];
  t.ok(pieces.length > 20);
  for (const { byteLength } of pieces) t.ok(byteLength < 80_000);
  const tuples = gems.map(({ name }) => ({ name, version: '1.0', platform: 'ruby' }));
  t.same(Buffer.concat(pieces), renderSpecs(tuples));
});

t.test('the dependencies of many gems are made in pieces, and others run in between', async (t) => {
  const dependencies = Array.from({ length: 20 }, (_, at) => dependency(`dependency-${at}`, ['>= 1.0', '< 3']));
  const specs = Array.from({ length: 2000 }, (_, at) => gemSpec('demo', `1.${at}`, { dependencies }));
  const pieces = [...dependencyPieces(specs)];
  t.ok(pieces.length > 20, `${pieces.length} pieces`);
  for (const { byteLength } of pieces) t.ok(byteLength < 80_000);
  const [ruby] = list;
  if (!ruby) return;
  const script = 'v = load(BYTES); out([v.size, v[0][:number], v[-1][:number], v[-1][:dependencies][-1]])';
  t.same(runRuby(ruby, script, Buffer.concat(pieces))[1], [2000, '1.0', '1.1999', ['dependency-19', '>= 1.0, < 3']]);
});
