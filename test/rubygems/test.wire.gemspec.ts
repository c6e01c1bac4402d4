import t, { type Test } from 'tap';
import { parseGemspec } from '../../ts/rubygems/wire/wire.gemspec.js';
import { specOf } from '../support/rubygems/gems.js';

t.test('a gemspec as RubyGems 3.3 writes it', async (t) => {
  const text = specOf('demo', '1.10', {
    platform: 'i686-linux',
    dependencies: [
      { name: 'rack', requirements: ['>= 1.0', '< 3'] },
      { name: 'rspec', type: 'development' },
    ],
    requiredRuby: ['>= 3.0'],
    metadata: { changelog_uri: 'https://example.org/changes', __proto__x: 'y' },
    summary: 'says: "yes", # no comment',
  });
  t.same(parseGemspec(text), {
    name: 'demo',
    version: '1.10',
    platform: 'x86-linux',
    platformParts: { cpu: 'x86', os: 'linux', version: null },
    originalPlatform: 'i686-linux',
    rubygemsVersion: '3.3.15',
    date: '2026-01-02',
    summary: 'says: "yes", # no comment',
    description: null,
    email: ['ann@example.org'],
    authors: ['Ann'],
    homepage: 'https://example.org',
    licenses: ['MIT'],
    metadata: [
      ['changelog_uri', 'https://example.org/changes'],
      ['__proto__x', 'y'],
    ],
    requiredRubyVersion: ['>= 3.0'],
    requiredRubygemsVersion: ['>= 0'],
    dependencies: [
      { name: 'rack', kind: 'runtime', requirements: ['>= 1.0', '< 3'] },
      { name: 'rspec', kind: 'development', requirements: ['>= 0'] },
    ],
  });
});

t.test('gems of former years', async (t) => {
  // RubyGems 1.3: no quotes, Gem::Version::Requirement, aliases, `version_requirement`, an object as platform
  const old = `--- !ruby/object:Gem::Specification
name: old
version: !ruby/object:Gem::Version
  version: 0.1.0
platform: !ruby/object:Gem::Platform
  cpu: x86
  os: mswin32
  version: "60"
author: Ann
date: 2009-07-01 00:00:00 +02:00
default_executable:
dependencies:
- !ruby/object:Gem::Dependency
  name: rack
  type: :runtime
  version_requirement:
  version_requirements: &id001 !ruby/object:Gem::Requirement
    requirements:
    - - ">="
      - !ruby/object:Gem::Version
        version: "0"
    version:
- !ruby/object:Gem::Dependency
  name: json
  version_requirements: *id001
- !ruby/object:Gem::Dependency
  name: exact
  requirement: &id002 !ruby/object:Gem::Requirement
    none: false
    requirements:
    - - !ruby/object:YAML::Syck::DefaultKey {}
      - !ruby/object:Gem::Version
        hash: 3
        segments:
        - 1
        version: 1
  prerelease: false
  version_requirements: *id002
description: !binary |
  w6TDtsO8
email: ann@example.org
rubygems_version: 1.3.1
required_ruby_version: !ruby/object:Gem::Version::Requirement
  requirements:
  - - ">"
    - !ruby/object:Gem::Version
      version: 0.0.0
  version:
summary: Old
`;
  t.match(parseGemspec(old), {
    name: 'old',
    platform: 'x86-mswin32-60',
    authors: ['Ann'],
    email: ['ann@example.org'],
    date: '2009-07-01',
    description: 'äöü',
    requiredRubyVersion: ['> 0.0.0'],
    dependencies: [
      { name: 'rack', kind: 'runtime', requirements: ['>= 0'] },
      { name: 'json', requirements: ['>= 0'] },
      { name: 'exact', requirements: ['= 1'] },
    ],
  });
});

const refuses = (t: Test, what: string, text: string, says: RegExp): void => {
  const from = performance.now();
  t.throws(() => parseGemspec(text), { kind: 'invalid', message: says }, what);
  t.comment(`${what}: ${Math.round(performance.now() - from)} ms`);
};

const good = specOf('demo', '1.0');
const changed = (from: string | RegExp, to: string): string => {
  const text = good.replace(from, () => to);
  if (text === good) throw new Error(`nothing was changed: ${from}`);
  return text;
};
const summary = (text: string): string => changed(/^summary: .*$/m, `summary: ${text}`);

t.test('YAML that is a trap', async (t) => {
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]'];
  for (let level = 1; level < 9; level++) {
    const [name, before] = ['abcdefghi'[level], 'abcdefghi'[level - 1]];
    bomb.push(`${name}: &${name} [${Array(9).fill(`*${before}`).join(',')}]`);
  }
  refuses(t, 'a bomb of aliases', `${good}${bomb.join('\n')}\n`, /aliases|values/);
  const texts = `long: &long ${'x'.repeat(500_000)}\nmany: [${Array(50).fill('*long').join(',')}]\n`;
  refuses(t, 'a long text with many aliases', good + texts, /too large with its aliases/);
  refuses(
    t,
    '101 aliases',
    `${good}one: &one x\nmany: [${Array(101).fill('*one').join(',')}]\n`,
    /more than 100 aliases/,
  );
  t.ok(parseGemspec(`${good}one: &one x\nmany: [${Array(100).fill('*one').join(',')}]\n`), '100 are accepted');
  refuses(t, 'an alias of itself', `${good}loop: &loop [*loop]\n`, /alias without its anchor/);
  refuses(t, 'an alias of nothing', `${good}x: *nothing\n`, /YAML|alias/);
  refuses(t, 'a foreign class', summary('!ruby/object:Gem::Installer {}'), /class !ruby\/object:Gem::Installer/);
  refuses(t, 'a call', summary('!ruby/object:Kernel "system"'), /class/);
  refuses(t, 'a function of JavaScript', summary('!!js/function "function () {}"'), /class/);
  refuses(t, 'deep brackets', summary('['.repeat(10_000)), /YAML|deep/);
  refuses(
    t,
    'deep lists',
    `${good}x:\n${Array.from({ length: 200 }, (_, at) => `${' '.repeat(at * 2)}-`).join('\n')}\n`,
    /YAML|deep/,
  );
  refuses(t, 'many brackets', summary('[]'.repeat(10_000)), /YAML/);
  refuses(t, 'many more brackets', summary('[]'.repeat(100_000)), /more than 30000 words/);
  refuses(t, 'many wrong escapes', summary(`"${'\\q'.repeat(100_000)}"`), /not valid YAML/);
  // the parser makes an error of each, and takes 12 s for a megabyte: it must not be asked
  for (const wrong of ['\\q', '\\xzz', '\\x4\\\\1', '\\uD80', '\\Uffffffff', '\\U00110000', '\\\rx']) {
    t.throws(
      () => parseGemspec(summary(`"${wrong.repeat(10)}"`)),
      { message: /not valid YAML/, cause: undefined },
      `wrong escapes: ${JSON.stringify(wrong)}`,
    );
  }
  refuses(t, 'lines in a text', `${good}x: |\n${'  y\n'.repeat(60_000)}`, /more than 50000 lines/);
  refuses(t, 'lines', '\n'.repeat(300_000), /more than 200000 lines/);
  refuses(t, 'brackets in brackets', summary('['.repeat(17)), /nested too deeply/);
  t.equal(
    parseGemspec(summary(String.raw`"a \\q \" \x41 \u00e4"`)).summary,
    String.raw`a \q " A ä`,
    'escapes that are right',
  );
  // Ruby reads them, and so another name than the one that was checked
  for (const key of ['<<', '"<<"', "'<<'", '!!merge <<'])
    refuses(t, `a merge key: ${key}`, `${good}${key} : {name: rails}\n`, /merge key|class/);
  refuses(t, 'a merge key in a version', changed(/^ {2}version: .*$/m, "  <<: {version: '9'}"), /merge key/);
  refuses(t, 'a second platform', `${good}new_platform: java\n`, /new_platform/);
  refuses(t, 'a key twice', `${good}name: other\n`, /key twice/);
  refuses(t, 'many values', `${good}x: [${Array(100_001).fill('a').join(',')}]\n`, /more than 30000 words/);
  refuses(t, 'two documents', `${good}--- x\n`, /not valid YAML/);
  refuses(t, 'no object', '--- x\n', /no object/);
  refuses(t, 'nothing', '', /no object/);
  refuses(t, 'binary', '\u0000\u0001\u0002', /YAML|object/);
});

t.test('a day that is none counts as no day', async (t) => {
  const dateOf = (day: string): string =>
    parseGemspec(changed(/^date: .*$/m, `date: ${day} 00:00:00.000000000 Z`)).date;
  for (const day of ['2026-01-03', '1980-01-02', '2024-02-29', '9999-12-31']) t.equal(dateOf(day), day);
  // Marshal has 16 bits for the years since 1900
  for (const day of ['1899-12-31', '0000-01-01', '2026-13-01', '2026-02-30', '2026-00-00', '9999-99-99'])
    t.equal(dateOf(day), '1980-01-02', day);
});

t.test('a gemspec with many files is read without them', async (t) => {
  const files = Array.from({ length: 20_000 }, (_, at) => `- lib/some/path/file_${at}.rb`);
  const odd = ['- "quoted: path"', '- a path that goes', '  on in the next line', "- 'it''s'", '- x: y'];
  const text = good.replace(/^files:\n/m, () => `files:\n${[...files, ...odd].join('\n')}\n`);
  t.match(parseGemspec(text), { name: 'demo', licenses: ['MIT'], summary: 'demo of a test' });
  const unlike = good.replace(/^licenses:\n- MIT/m, () => 'licenses:\n- MIT\n- Ruby');
  t.same(parseGemspec(unlike).licenses, ['MIT', 'Ruby'], 'other lists are whole');
});

t.test('fields that no gem may have', async (t) => {
  const dependency = (name: string, requirement = '>= 0'): string =>
    specOf('demo', '1.0', { dependencies: [{ name, requirements: [requirement] }] });
  refuses(t, 'no name', changed('name: demo\n', ''), /not a name that a gem can have/);
  refuses(t, 'a path as a name', changed('name: demo', 'name: ../demo'), /not a name/);
  refuses(t, 'a name with a control character', changed('name: demo', 'name: "de\\u001bmo"'), /not a name/);
  refuses(t, 'a name with a line break', changed('name: demo', 'name: "demo\\nx"'), /not a name/);
  refuses(t, 'a list as a name', changed('name: demo', 'name: [demo]'), /no text/);
  refuses(t, 'no version', changed(/^version: .*\n.*\n/m, ''), /no version/);
  refuses(t, 'a version that is none', specOf('demo', 'latest'), /not a version/);
  refuses(t, 'an absurd version', specOf('demo', '1'.repeat(100_000)), /^.{0,300}$/);
  refuses(t, 'a path as a platform', specOf('demo', '1.0', { platform: '../../etc' }), /platform/);
  refuses(t, 'a platform with a line break', specOf('demo', '1.0', { platform: '"java\\n1.0 x"' }), /platform/);
  refuses(t, 'a dependency with a comma', dependency('"a:>= 0,b"'), /a dependency has it/);
  refuses(t, 'a dependency with a line break', dependency('"a\\nb"'), /a dependency has it/);
  refuses(t, 'an operator that is none', dependency('a', '=~ 1'), /operator/);
  refuses(t, 'a requirement of no version', dependency('a', '>= one'), /names no version/);
  refuses(t, 'a requirement with two dashes', dependency('a', '>= 1.0--a'), /names no version/);
  refuses(t, 'a version with two dashes', specOf('demo', '1.0--a'), /not a version/);
  refuses(t, 'a requirement with a bar', dependency('a', '>= 1|checksum:x'), /names no version/);
  refuses(
    t,
    'a dependency of another type',
    changed('dependencies: []', 'dependencies:\n- !ruby/object:Gem::Dependency\n  name: a\n  type: :evil'),
    /neither of the type/,
  );
  refuses(t, 'metadata that are a list', changed('metadata: {}', 'metadata: []'), /metadata/);
  refuses(t, 'a text of megabytes', summary('x'.repeat(300_000)), /more than 262144 characters/);
});
