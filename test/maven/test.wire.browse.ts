import t from 'tap';
import type { IMavenEntry } from '../../ts/maven/interfaces.maven.js';
import { renderArtifact, renderEntry, renderOneVersion } from '../../ts/maven/wire/wire.browse.js';
import { byChange, closeness, parseSearch, searchFields } from '../../ts/maven/wire/wire.search.js';
import { contentTypeOf } from '../../ts/maven/wire/wire.types.js';
import { ALGORITHMS, hex } from '../support/maven/artifacts.js';
import { AT, mavenDocument } from '../support/maven/documents.js';

const entry = (more: Partial<IMavenEntry> = {}): IMavenEntry => ({
  group: 'org.acme',
  artifact: 'lib',
  latest: '1.1',
  versions: 2,
  modified: AT,
  ...more,
});

t.test('an artifact in a listing', async (t) => {
  const plain = { groupId: 'org.acme', artifactId: 'lib', latest: '1.1', versions: 2, modified: AT };
  t.same(renderEntry(entry()), plain);
  const facts = { release: '1.0', packaging: 'war', name: 'N', description: 'D' };
  const plugin = { prefix: 'hi', name: 'Hi', version: '1.0' };
  t.same(renderEntry(entry({ ...facts, plugin })), { ...plain, ...facts, pluginPrefix: 'hi' }, 'the prefix alone');
});

t.test('an artifact and a version with their files', async (t) => {
  const document = mavenDocument({
    '1.10': { 'lib-1.10.jar': '2026-11-28T11:00:00.000Z', 'lib-1.10 x.txt': AT },
    '1.9': { 'lib-1.9.jar': AT },
    '2.0': {},
  });
  const file = (version: string, name: string, published: string) => ({
    name,
    url: `http://x/maven/org/acme/lib/${version}/${encodeURIComponent(name)}`,
    size: name.length,
    published,
    ...Object.fromEntries(ALGORITHMS.map((algorithm) => [algorithm, hex(algorithm, name)])),
  });
  const newer = {
    version: '1.10',
    published: AT,
    files: [file('1.10', 'lib-1.10.jar', '2026-11-28T11:00:00.000Z'), file('1.10', 'lib-1.10 x.txt', AT)],
  };
  const older = { version: '1.9', published: AT, files: [file('1.9', 'lib-1.9.jar', AT)] };
  const ids = { groupId: 'org.acme', artifactId: 'lib' };
  t.same(renderArtifact(document, 'http://x/maven'), {
    ...ids,
    latest: '1.10',
    release: '1.10',
    modified: AT,
    versions: [older, newer],
  });
  t.same(renderOneVersion(document, '1.10', 'http://x/maven'), { ...ids, ...newer });
  for (const version of ['2.0', '3.0', 'toString']) t.equal(renderOneVersion(document, version, ''), null, version);
  t.equal(renderArtifact(mavenDocument({ '1.0': {} }), ''), null);
});

t.test('a search page', async (t) => {
  const parsed = (query: Record<string, string>) => parseSearch((name) => query[name]);
  t.same(parsed({}), { text: '', page: 1, from: 0, size: 20 });
  t.same(parsed({ q: ' Acme Lib ', page: '3', per_page: '7' }), { text: 'acme lib', page: 3, from: 14, size: 7 });
});

t.test('how well a name matches', async (t) => {
  t.equal(closeness('org.acme:Lib', 'lib'), 100, 'the artifact');
  t.equal(closeness('org.acme:lib', 'org.acme:lib'), 100, 'the whole name');
  t.equal(closeness('org.acme:lib', 'acme'), 1 + 4 / 12, 'a part of it');
  t.equal(closeness('org.acme:mylib', 'lib'), 1 + 3 / 14, 'the end of the artifact is not the artifact');
  t.equal(closeness('org.acme:lib', 'other'), 1);
});

t.test('what is searched, by weight', async (t) => {
  const full = entry({ name: 'N', description: 'D' });
  t.same(
    Object.entries(searchFields).map(([field, { boost, text }]) => [field, boost, text(full), text(entry())]),
    [
      ['artifact', 8, 'lib', 'lib'],
      ['group', 4, 'org.acme', 'org.acme'],
      ['name', 3, 'N', ''],
      ['description', 1, 'D', ''],
    ],
  );
});

t.test('the newest comes first', async (t) => {
  const times = ['2026-01-02', '2026-01-03', '2026-01-01', '2026-01-03'].map((modified) => entry({ modified }));
  t.same(
    times.sort(byChange).map(({ modified }) => modified.slice(-2)),
    ['03', '03', '02', '01'],
  );
  t.equal(byChange(entry(), entry()), 0);
});

t.test('media types', async (t) => {
  for (const [file, type] of [
    ['a.pom', 'text/xml; charset=utf-8'],
    ['a.xml', 'text/xml; charset=utf-8'],
    ['a.jar', 'application/java-archive'],
    ['a.war', 'application/java-archive'],
    ['a.ear', 'application/java-archive'],
    ['a.aar', 'application/java-archive'],
    ['a.module', 'application/vnd.org.gradle.module+json'],
    ['a.json', 'application/json'],
    ['a.zip', 'application/zip'],
    ['a.tar.gz', 'application/gzip'],
    ['a.tgz', 'application/gzip'],
    ['a.jar.asc', 'application/pgp-signature'],
    ['a.txt', 'text/plain; charset=utf-8'],
    ['a.html', 'application/octet-stream'],
    ['a', 'application/octet-stream'],
  ] as const) {
    t.equal(contentTypeOf(file), type, file);
  }
});
