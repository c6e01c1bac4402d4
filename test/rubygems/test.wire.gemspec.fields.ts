import t from 'tap';
import type { IGemSpec } from '../../ts/rubygems/interfaces.rubygems.js';
import { parseGemspec } from '../../ts/rubygems/wire/wire.gemspec.js';
import { specOf } from '../support/rubygems/gems.js';

const good = specOf('demo', '1.0');

/** The gemspec with these lines in the place of a field, which may have more lines below it. */
const withField = (name: string, lines: string): string => {
  const field = new RegExp(`^${name}:.*\\n(?:[ -].*\\n)*`, 'm');
  if (!field.test(good)) throw new Error(`there is no field ${name}`);
  return good.replace(field, () => (lines === '' ? '' : `${lines}\n`));
};

t.test('each field, as it may be written', async (t) => {
  const cases: [field: keyof IGemSpec, name: string, lines: string, value: unknown][] = [
    ['summary', 'summary', '', ''],
    ['summary', 'summary', 'summary:', ''],
    ['description', 'description', 'description: long', 'long'],
    ['description', 'description', '', null],
    ['homepage', 'homepage', 'homepage:', null],
    ['homepage', 'homepage', '', null],
    ['email', 'email', 'email: a@x', ['a@x']],
    ['email', 'email', 'email:', []],
    ['email', 'email', 'email: [a@x, "", ~, b@x]', ['a@x', 'b@x']],
    ['authors', 'authors', 'authors: Ann', ['Ann']],
    ['authors', 'authors', 'authors: [[Ann, Bob], Cleo]', ['Ann', 'Bob', 'Cleo']],
    ['authors', 'authors', 'author: Ann', ['Ann']],
    ['authors', 'authors', 'author: Bob\nauthors: [Ann]', ['Ann']],
    ['authors', 'authors', '', []],
    ['licenses', 'licenses', 'license: MIT', ['MIT']],
    ['licenses', 'licenses', 'license: MIT\nlicenses: []', []],
    ['licenses', 'licenses', '', []],
    ['metadata', 'metadata', 'metadata:', []],
    ['metadata', 'metadata', '', []],
    [
      'metadata',
      'metadata',
      'metadata: {b: 1, a: ~}',
      [
        ['b', '1'],
        ['a', ''],
      ],
    ],
    ['rubygemsVersion', 'rubygems_version', 'rubygems_version: 3.5.0.dev', '3.5.0.dev'],
    ['rubygemsVersion', 'rubygems_version', 'rubygems_version: odd', '0'],
    ['rubygemsVersion', 'rubygems_version', '', '0'],
    ['version', 'version', 'version: 1.0-rc1', '1.0.pre.rc1'],
    ['version', 'version', 'version:\n  version: " 2.0 "', '2.0'],
    ['platform', 'platform', '', 'ruby'],
    ['platform', 'platform', 'platform:', 'ruby'],
    ['platform', 'platform', 'platform: ""', 'ruby'],
    ['originalPlatform', 'platform', 'platform: ""', 'ruby'],
    ['originalPlatform', 'platform', 'platform: i686-linux', 'i686-linux'],
    ['platformParts', 'platform', 'platform: ruby', null],
    ['platform', 'platform', 'platform: {cpu: x86, os: linux, version: ~}', 'x86-linux'],
    ['platform', 'platform', 'platform: {os: java}', 'java'],
    ['requiredRubyVersion', 'required_ruby_version', '', ['>= 0']],
    ['requiredRubyVersion', 'required_ruby_version', 'required_ruby_version: [["<", 4], [">=", 3]]', ['< 4', '>= 3']],
    ['requiredRubygemsVersion', 'required_rubygems_version', 'required_rubygems_version:', ['>= 0']],
    ['requiredRubygemsVersion', 'required_rubygems_version', 'required_rubygems_version: [["=", 3]]', ['= 3']],
    ['date', 'date', '', '1980-01-02'],
    ['date', 'date', 'date:', '1980-01-02'],
    ['date', 'date', 'date: x 2026-01-03', '1980-01-02'],
    ['date', 'date', 'date: 1900-01-01', '1900-01-01'],
    ['date', 'date', 'date: 2000-12-31T23:59:59Z', '2000-12-31'],
    ['dependencies', 'dependencies', '', []],
    ['dependencies', 'dependencies', 'dependencies:', []],
  ];
  for (const [field, name, lines, value] of cases) {
    t.same(parseGemspec(withField(name, lines))[field], value, `${field}: ${JSON.stringify(lines)}`);
  }
  const old = 'platform: {cpu: x86, os: mswin32, version: "60"}';
  t.equal(parseGemspec(withField('platform', old)).originalPlatform, 'x86-mswin32-60');
});

t.test('fields that are of another kind', async (t) => {
  for (const [name, lines, says] of [
    ['summary', 'summary: [a]', 'The field summary of the gemspec is no text'],
    ['description', 'description: {a: b}', 'The field description of the gemspec is no text'],
    ['homepage', 'homepage: [a]', 'The field homepage of the gemspec is no text'],
    ['date', 'date: [a]', 'The field date of the gemspec is no text'],
    ['rubygems_version', 'rubygems_version: [a]', 'The field rubygems_version of the gemspec is no text'],
    ['email', 'email: {a: b}', 'The field email of the gemspec is no list of texts'],
    ['authors', 'authors: [{a: b}]', 'The field authors of the gemspec is no list of texts'],
    ['authors', 'author: {a: b}', 'The field author of the gemspec is no list of texts'],
    ['licenses', 'licenses: [[[MIT]]]', 'The field licenses of the gemspec is no list of texts'],
    ['metadata', 'metadata: text', 'The field metadata of the gemspec is no map of texts'],
    ['metadata', 'metadata: {a: [b]}', 'A value of metadata in the gemspec is no text'],
    ['version', 'version: [a]', 'The gemspec has no version'],
    ['platform', 'platform: [a]', 'The field platform of the gemspec is no platform'],
    ['platform', 'platform: {cpu: x86}', 'The platform in the gemspec has no operating system'],
    ['platform', 'platform: {cpu: x86, os: ""}', 'The platform in the gemspec has no operating system'],
    ['platform', 'platform: {cpu: [x], os: linux}', 'The field cpu of the gemspec is no text'],
    ['required_ruby_version', 'required_ruby_version: x', 'The field required_ruby_version is no requirement'],
    [
      'required_rubygems_version',
      'required_rubygems_version: x',
      'The field required_rubygems_version is no requirement',
    ],
    ['dependencies', 'dependencies: {a: b}', 'The field dependencies of the gemspec is no list'],
    ['dependencies', 'dependencies: [a]', 'A dependency in the gemspec is no object'],
    ['dependencies', 'dependencies: [{type: a}]', '"" is not a name of a gem, and a dependency has it'],
    [
      'dependencies',
      'dependencies: [{name: a, type: ":other"}]',
      'The dependency on a is neither of the type runtime nor development',
    ],
    ['dependencies', 'dependencies: [{name: a, requirement: x}]', 'The dependency on a is no requirement'],
  ] as const) {
    t.throws(() => parseGemspec(withField(name, lines)), { kind: 'invalid', message: says }, lines);
  }
});

t.test('dependencies, as they may be written', async (t) => {
  const read = (inner: string) =>
    parseGemspec(withField('dependencies', `dependencies: [{name: a${inner}}]`)).dependencies;
  const any = { name: 'a', kind: 'runtime', requirements: ['>= 0'] };
  const one = '[["=", 1]]';
  const two = '[["=", 2]]';
  for (const [inner, expected] of [
    ['', any],
    [', type: ":runtime"', any],
    [', type: runtime', any],
    [', type: ":development"', { ...any, kind: 'development' }],
    [', requirement: ~', any],
    [`, requirement: ${one}`, { ...any, requirements: ['= 1'] }],
    [`, version_requirements: ${one}`, { ...any, requirements: ['= 1'] }],
    [`, version_requirement: ${one}`, { ...any, requirements: ['= 1'] }],
    [`, version_requirements: ${two}, requirement: ${one}`, { ...any, requirements: ['= 1'] }],
    [`, version_requirement: ${two}, version_requirements: ${one}`, { ...any, requirements: ['= 1'] }],
    [`, requirement: ~, version_requirements: ${one}`, { ...any, requirements: ['= 1'] }],
  ] as const) {
    t.same(read(inner), [expected], inner);
  }
  const many = (count: number) =>
    withField('dependencies', `dependencies: [${Array.from({ length: count }, () => '{name: a}').join(',')}]`);
  t.equal(parseGemspec(many(1000)).dependencies.length, 1000);
  t.throws(() => parseGemspec(many(1001)), { kind: 'invalid', message: 'The gem has more than 1000 dependencies' });
});

t.test('a gemspec of the largest size', async (t) => {
  const withSummary = (size: number) => withField('summary', `summary: ${'x'.repeat(size)}`);
  const rest = JSON.stringify(parseGemspec(withSummary(1))).length - 1;
  const most = 256 * 1024 - rest;
  t.equal(parseGemspec(withSummary(most)).summary.length, most);
  t.throws(() => parseGemspec(withSummary(most + 1)), { message: /more than 262144 characters/ });
});

t.test('the lists of files are cut out, whichever they are', async (t) => {
  const files = Array.from({ length: 40_000 }, (_, at) => `- lib/_${at}/file@1.0+x.rb`).join('\n');
  for (const list of ['files', 'test_files', 'extra_rdoc_files']) {
    t.match(parseGemspec(withField(list, `${list}:\n${files}`)), { name: 'demo', summary: 'demo of a test' }, list);
  }
  t.throws(() => parseGemspec(withField('executables', `executables:\n${files}`)), { message: /more than/ });
  const lines = (count: number) => `${good}${'\n'.repeat(count - good.split('\n').length + 1)}`;
  t.throws(() => parseGemspec(lines(200_001)), { kind: 'invalid', message: 'The gemspec has more than 200000 lines' });
  t.throws(() => parseGemspec(lines(200_000)), { message: 'The gemspec has more than 50000 lines' });
  const foreign = `files:\n- lib/a.rb\n- !ruby/object:Kernel {}`;
  t.throws(() => parseGemspec(withField('files', foreign)), { message: /class/ }, 'what is no plain path is looked at');
  for (const odd of [
    '- a: b',
    '- "a',
    "- 'a",
    '- [a',
    '- {a',
    '- *a',
    '- &a',
    '- !a b',
    '- |',
    '- >',
    '- %a',
    '- `a',
    '- a #b',
  ]) {
    const text = `files:\n- lib/a.rb\n${odd}\n- lib/b.rb`;
    let outcome = 'accepted';
    try {
      parseGemspec(withField('files', text));
    } catch (error) {
      outcome = (error as Error).message;
    }
    const accepted = ['- a: b', '- &a', '- |', '- >', '- a #b'].includes(odd);
    t.equal(outcome === 'accepted', accepted, `${odd}: ${outcome}`);
  }
});
