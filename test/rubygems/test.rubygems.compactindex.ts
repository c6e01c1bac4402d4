import { createHash } from 'node:crypto';
import t from 'tap';
import { infoMd5, renderInfo, renderNames, versionsFormat } from '../../ts/rubygems/wire/wire.compactindex.js';
import { dependency, gemBuild, gemDocument, gemSpec } from '../support/rubygems/documents.js';

const sum = (letter: string): string => letter.repeat(64);
const AT = 'created_at:2026-11-28T10:00:00Z';

t.test('each line of info has the checksum first and the time last', async (t) => {
  const document = gemDocument('demo', [gemBuild(gemSpec('demo', '1.0'), 'a')]);
  t.equal(renderInfo(document), `---\n1.0 |checksum:${sum('a')},${AT}\n`);
});

t.test('dependencies are sorted by name, requirements as texts; only those for running count', async (t) => {
  const spec = gemSpec('demo', '1.0', {
    dependencies: [
      dependency('rack', ['>= 2.0', '< 4']),
      dependency('rspec', ['>= 0'], 'development'),
      dependency('json'),
    ],
    requiredRubyVersion: ['>= 3.0', '< 4'],
    requiredRubygemsVersion: ['>= 3.3'],
  });
  t.equal(
    renderInfo(gemDocument('demo', [gemBuild(spec, 'a')])),
    `---\n1.0 json:>= 0,rack:< 4&>= 2.0|checksum:${sum('a')},ruby:< 4&>= 3.0,rubygems:>= 3.3,${AT}\n`,
  );
});

t.test('platforms stand behind the version; a content address has its platform as a requirement', async (t) => {
  const java = gemSpec('demo', '1.0', { platform: 'java' });
  const linux = gemSpec('demo', '1.0', { platform: 'x86_64-linux', requiredRubyVersion: ['~> 3.4.0'] });
  const skinny = gemBuild(linux, 'b', { slug: '1.0-bbbbbbbb', contentAddressed: true });
  const document = gemDocument('demo', [gemBuild(java, 'a'), skinny]);
  t.equal(
    renderInfo(document),
    [
      '---',
      `1.0-java |checksum:${sum('a')},${AT}`,
      `1.0-bbbbbbbb |checksum:${sum('b')},ruby:~> 3.4.0,platform:x86_64-linux,${AT}`,
      '',
    ].join('\n'),
  );
});

t.test('lines stand in the order of the pushes, also of versions that are whole numbers', async (t) => {
  const builds = ['9.1', '10', '2'].map((version) => gemBuild(gemSpec('demo', version), 'a'));
  const lines = renderInfo(gemDocument('demo', builds)).split('\n');
  t.same(
    lines.slice(1, -1).map((line) => line.split(' ')[0]),
    ['9.1', '10', '2'],
  );
  const document = gemDocument('demo', builds);
  const pushed = gemBuild(gemSpec('demo', '1'), 'a');
  // the change is recorded with the md5 of this text, so it is not there yet
  const next = { ...document, builds: { ...document.builds, 1: pushed } };
  t.ok(renderInfo(next).startsWith(renderInfo(document)), 'a push adds a line');
});

t.test('a yanked build is not in info; if all are yanked, the file is its first line', async (t) => {
  const builds = [
    gemBuild(gemSpec('demo', '1.0'), 'a', { yankedAt: '2026-11-29T00:00:00.000Z' }),
    gemBuild(gemSpec('demo', '1.1'), 'b'),
  ];
  t.equal(renderInfo(gemDocument('demo', builds)), `---\n1.1 |checksum:${sum('b')},${AT}\n`);
  const none = gemDocument('demo', builds.slice(0, 1));
  t.equal(renderInfo(none), '---\n');
  t.equal(infoMd5(none), createHash('md5').update('---\n').digest('hex'));
});

t.test('versions: a line for each change, and one for a gem in a new file', async (t) => {
  const document = gemDocument('demo', [
    gemBuild(gemSpec('demo', '1.0'), 'a', { yankedAt: '2026-11-29T00:00:00.000Z' }),
    gemBuild(gemSpec('demo', '1.1'), 'b'),
    gemBuild(gemSpec('demo', '1.1', { platform: 'java' }), 'c'),
  ]);
  const yank = { serial: 4, version: '-1.0', infoMd5: infoMd5(document) };
  const yanked = { ...document, changes: [...document.changes, yank] };
  t.same(versionsFormat.changes(yanked), [
    { serial: 1, text: `1.0 ${'0'.repeat(32)}` },
    { serial: 2, text: `1.1 ${'1'.repeat(32)}` },
    { serial: 3, text: `1.1-java ${'2'.repeat(32)}` },
    { serial: 4, text: `-1.0 ${infoMd5(yanked)}` },
  ]);
  t.same(versionsFormat.base(yanked), { serial: 4, text: `1.1,1.1-java ${infoMd5(yanked)}` });
  const gone = gemDocument('demo', [gemBuild(gemSpec('demo', '1.0'), 'a', { yankedAt: '2026-11-29T00:00:00.000Z' })]);
  t.same(versionsFormat.base(gone), { serial: 1, text: '' }, 'a gem without a listed build has no line there');
  t.equal(versionsFormat.head('2026-11-29T00:00:00Z'), 'created_at: 2026-11-29T00:00:00Z\n---\n');
});

t.test('names: one a line', async (t) => {
  t.equal(renderNames(['a', 'b']), '---\na\nb\n');
});
