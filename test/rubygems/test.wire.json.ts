import t from 'tap';
import { dependencyRow, renderBuild, renderGem, renderVersion } from '../../ts/rubygems/wire/wire.json.js';
import { renderOwners } from '../../ts/rubygems/wire/wire.owners.js';
import { byName, closeness, parseSearch, searchFields } from '../../ts/rubygems/wire/wire.search.js';
import { dependency, gemBuild, gemSpec } from '../support/rubygems/documents.js';

const spec = gemSpec('demo', '1.0.0.pre1', {
  platform: 'x86_64-linux',
  date: '2026-01-02',
  summary: 'short',
  description: 'long',
  authors: ['Ann', 'Bob'],
  licenses: ['MIT', 'Ruby'],
  metadata: [
    ['documentation_uri', 'https://x/docs'],
    ['wiki_uri', 'https://x/wiki'],
    ['mailing_list_uri', 'https://x/list'],
    ['source_code_uri', 'https://x/src'],
    ['bug_tracker_uri', 'https://x/bugs'],
    ['changelog_uri', 'https://x/changes'],
    ['funding_uri', 'https://x/money'],
    ['homepage_uri', 'https://x/other'],
    ['allowed_push_host', 'https://x'],
  ],
  requiredRubyVersion: ['>= 3.0', '< 4'],
  requiredRubygemsVersion: ['> 1.3.1'],
  dependencies: [dependency('rack', ['>= 1', '< 3']), dependency('rspec', ['~> 3'], 'development'), dependency('json')],
});
const build = gemBuild(spec, 'a', { slug: '1.0.0.pre1-aaaaaaaa', size: 123 });

const version = {
  authors: 'Ann, Bob',
  built_at: '2026-01-02T00:00:00.000Z',
  created_at: '2026-11-28T10:00:00.000Z',
  description: 'long',
  metadata: Object.fromEntries(spec.metadata),
  number: '1.0.0.pre1',
  summary: 'short',
  platform: 'x86_64-linux',
  rubygems_version: '> 1.3.1',
  ruby_version: '>= 3.0, < 4',
  prerelease: true,
  licenses: ['MIT', 'Ruby'],
  sha: 'a'.repeat(64),
  size: 123,
};

const gem = {
  name: 'demo',
  version: '1.0.0.pre1',
  version_created_at: '2026-11-28T10:00:00.000Z',
  platform: 'x86_64-linux',
  authors: 'Ann, Bob',
  info: 'long',
  licenses: ['MIT', 'Ruby'],
  metadata: Object.fromEntries(spec.metadata),
  yanked: false,
  sha: 'a'.repeat(64),
  project_uri: 'http://x/rubygems/api/v1/gems/demo.json',
  gem_uri: 'http://x/rubygems/gems/demo-1.0.0.pre1-aaaaaaaa.gem',
  homepage_uri: 'https://example.org',
  documentation_uri: 'https://x/docs',
  wiki_uri: 'https://x/wiki',
  mailing_list_uri: 'https://x/list',
  source_code_uri: 'https://x/src',
  bug_tracker_uri: 'https://x/bugs',
  changelog_uri: 'https://x/changes',
  funding_uri: 'https://x/money',
  dependencies: {
    development: [{ name: 'rspec', requirements: '~> 3' }],
    runtime: [
      { name: 'rack', requirements: '>= 1, < 3' },
      { name: 'json', requirements: '>= 0' },
    ],
  },
};

t.test('the JSON of a gem and of its builds, field by field', async (t) => {
  t.same(renderVersion(build), version);
  t.same(renderGem(build, 'http://x/rubygems'), gem);
  t.same(renderBuild(build, 'http://x/rubygems'), { ...gem, ...version });
  t.same(dependencyRow(spec), {
    name: 'demo',
    number: '1.0.0.pre1',
    platform: 'x86_64-linux',
    dependencies: [
      ['rack', '>= 1, < 3'],
      ['json', '>= 0'],
    ],
  });
});

t.test('what a gemspec does not say', async (t) => {
  const least = gemBuild(gemSpec('demo', '1.0', { homepage: null, authors: [], licenses: [] }), 'a');
  t.match(renderGem(least, ''), { info: 'demo of a test', homepage_uri: null, wiki_uri: null, funding_uri: null });
  t.match(renderVersion(least), { prerelease: false, description: null, authors: '', ruby_version: '>= 0' });
  const linked = gemBuild(gemSpec('demo', '1.0', { homepage: null, metadata: [['homepage_uri', 'https://x']] }), 'a');
  t.match(renderGem(linked, ''), { homepage_uri: 'https://x' });
});

t.test('owners as gem reads them', async (t) => {
  t.equal(renderOwners([]), '--- []\n');
  const owners = [
    'ann',
    'a_b-9',
    'yes',
    'No',
    'on',
    'OFF',
    'true',
    'False',
    'null',
    'y',
    'n',
    '007',
    'a:b',
    'ä',
    'x"y',
  ];
  const shown = ['ann', 'a_b-9', ...owners.slice(2).map((name) => JSON.stringify(name))];
  t.equal(
    renderOwners(owners.map((userId, id) => ({ userId, id }))),
    `---\n${shown.map((name, id) => `- id: ${id}\n  handle: ${name}\n  role: owner\n`).join('')}`,
  );
  t.equal(renderOwners([{ userId: 'nobody', id: 1 }]), '---\n- id: 1\n  handle: nobody\n  role: owner\n');
});

t.test('a search page', async (t) => {
  const parsed = (query: Record<string, string>) => parseSearch((name) => query[name]);
  t.same(parsed({}), { text: '', from: 0 });
  t.same(parsed({ query: ' Rack Test ', page: '3' }), { text: 'rack test', from: 60 });
  t.same(parsed({ page: '0' }), { text: '', from: 0 });
  t.same(parsed({ page: '100' }), { text: '', from: 2970 });
  t.same(parsed({ page: '101' }), { text: '', from: 2970 });
  t.equal(parsed({ query: 'x'.repeat(512) }).text.length, 512);
  t.equal(parsed({ query: 'x'.repeat(513) }).text.length, 512);
});

t.test('how well a name matches', async (t) => {
  t.equal(closeness('RedCloth', 'redcloth'), 100);
  t.equal(closeness('rack-test-x', 'rack test x'), 100, 'people type blanks');
  t.equal(closeness('rack-test', 'rack'), 1 + 4 / 9);
  t.equal(closeness('rack-test-app', 'rack test'), 1 + 9 / 13);
  t.equal(closeness('sinatra', 'rack'), 1);
});

t.test('what is searched, and the order without a text', async (t) => {
  const entry = (name: string) => ({ name, builds: [], summary: `of ${name}` });
  t.same(
    Object.entries(searchFields).map(([field, { boost, text }]) => [field, boost, text(entry('a'))]),
    [
      ['name', 8, 'a'],
      ['summary', 1, 'of a'],
    ],
  );
  t.same(
    ['b', 'a', 'c', 'b']
      .map(entry)
      .sort(byName)
      .map(({ name }) => name),
    ['a', 'b', 'b', 'c'],
  );
  t.equal(byName(entry('a'), entry('a')), 0);
});
