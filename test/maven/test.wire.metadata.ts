import t from 'tap';
import { entryOf, isPrefix, parseMetadata, renderFolder, renderSnapshot } from '../../ts/maven/wire/wire.metadata.js';
import { parseDescriptor } from '../../ts/maven/wire/wire.plugin.js';
import { compareBuilds } from '../../ts/maven/wire/wire.snapshots.js';
import { AT, mavenDocument } from '../support/maven/documents.js';

const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';
const jars = (...versions: string[]) =>
  mavenDocument(Object.fromEntries(versions.map((version) => [version, { [`lib-${version}.jar`]: AT }])));

t.test('the metadata of an artifact', async (t) => {
  t.equal(
    renderFolder(jars('1.10', '2.0-SNAPSHOT', '1.9'), 'org.acme', []),
    `${HEAD}<metadata>
  <groupId>org.acme</groupId>
  <artifactId>lib</artifactId>
  <versioning>
    <latest>2.0-SNAPSHOT</latest>
    <release>1.10</release>
    <versions>
      <version>1.9</version>
      <version>1.10</version>
      <version>2.0-SNAPSHOT</version>
    </versions>
    <lastUpdated>20261128101112</lastUpdated>
  </versioning>
</metadata>
`,
  );
  t.match(renderFolder(jars('1-SNAPSHOT'), 'org.acme', []), /<latest>1-SNAPSHOT<\/latest>\n {4}<versions>/);
  t.equal(renderFolder(mavenDocument({ '1.0': {} }), 'org.acme', []), null, 'without files');
  t.equal(renderFolder(null, 'org.acme', []), null);
});

t.test('the metadata of a group, and of a folder that is both', async (t) => {
  const plugins = [
    { artifact: 'a-maven-plugin', prefix: 'a', name: 'A <&> "B"' },
    { artifact: 'b-maven-plugin', prefix: 'b', version: '1.0' },
  ];
  const listed = `  <plugins>
    <plugin>
      <name>A &lt;&amp;&gt; &quot;B&quot;</name>
      <prefix>a</prefix>
      <artifactId>a-maven-plugin</artifactId>
    </plugin>
    <plugin>
      <prefix>b</prefix>
      <artifactId>b-maven-plugin</artifactId>
    </plugin>
  </plugins>
</metadata>
`;
  const group = `${HEAD}<metadata>\n  <groupId>org.acme.lib</groupId>\n${listed}`;
  t.equal(renderFolder(null, 'org.acme.lib', plugins), group);
  t.equal(renderFolder(mavenDocument({}), 'org.acme.lib', plugins), group, 'an artifact without files');
  const both = renderFolder(jars('1.0'), 'org.acme.lib', plugins);
  t.ok(both?.startsWith(`${HEAD}<metadata>\n  <groupId>org.acme</groupId>\n  <artifactId>lib</artifactId>\n`), both!);
  t.ok(both?.endsWith(`  </versioning>\n${listed}`), both!);
});

t.test('the metadata of a SNAPSHOT', async (t) => {
  const document = mavenDocument({
    '1-SNAPSHOT': {
      'lib-1-20261128.101112-9.jar': '2026-11-28T10:30:00.000Z',
      'lib-1-20261128.101112-10.jar': '2026-11-28T10:20:00.000Z',
      'lib-1-20261128.101112-8.jar': '2026-11-28T10:05:00.000Z',
      'lib-1-20261127.101112-11-sources.jar': '2026-11-28T10:25:00.000Z',
      'lib-1-SNAPSHOT.pom': '2026-11-28T10:15:16.000Z',
      'notes.txt': '2026-11-28T10:10:00.000Z',
    },
  });
  t.equal(
    renderSnapshot(document, '1-SNAPSHOT'),
    `${HEAD}<metadata modelVersion="1.1.0">
  <groupId>org.acme</groupId>
  <artifactId>lib</artifactId>
  <version>1-SNAPSHOT</version>
  <versioning>
    <snapshot>
      <timestamp>20261128.101112</timestamp>
      <buildNumber>10</buildNumber>
    </snapshot>
    <lastUpdated>20261128103000</lastUpdated>
    <snapshotVersions>
      <snapshotVersion>
        <extension>jar</extension>
        <value>1-20261128.101112-10</value>
        <updated>20261128101112</updated>
      </snapshotVersion>
      <snapshotVersion>
        <classifier>sources</classifier>
        <extension>jar</extension>
        <value>1-20261127.101112-11</value>
        <updated>20261127101112</updated>
      </snapshotVersion>
      <snapshotVersion>
        <extension>pom</extension>
        <value>1-SNAPSHOT</value>
        <updated>20261128101516</updated>
      </snapshotVersion>
    </snapshotVersions>
  </versioning>
</metadata>
`,
  );
  for (const version of ['2-SNAPSHOT', '__proto__']) t.equal(renderSnapshot(document, version), null, version);
  t.equal(renderSnapshot(mavenDocument({ '1-SNAPSHOT': {} }), '1-SNAPSHOT'), null, 'without files');
});

t.test('builds are ordered by their clock, and then by their number', async (t) => {
  const build = (timestamp?: string, buildNumber?: number) => ({
    value: 'x',
    classifier: '',
    extension: 'jar',
    ...(timestamp !== undefined && { timestamp }),
    ...(buildNumber !== undefined && { buildNumber }),
  });
  const ascending = [build(), build('20261127.101112', 9), build('20261128.101112', 9), build('20261128.101112', 10)];
  for (const [at, older] of ascending.entries()) {
    t.equal(compareBuilds(older, older), 0);
    for (const newer of ascending.slice(at + 1)) {
      t.ok(compareBuilds(older, newer) < 0, `${older.timestamp} ${older.buildNumber}`);
      t.ok(compareBuilds(newer, older) > 0, `${newer.timestamp} ${newer.buildNumber}`);
    }
  }
});

t.test('the highest version and release', (t) => {
  const highestOf = (...versions: string[]) => {
    const { latest, release } = entryOf(jars(...versions))!;
    return [latest, release];
  };
  t.same(highestOf('1.1', '3-SNAPSHOT', '1.0', '2-SNAPSHOT'), ['3-SNAPSHOT', '1.1']);
  t.same(highestOf('1', '1-SNAPSHOT'), ['1', '1']);
  t.same(highestOf('1-SNAPSHOT'), ['1-SNAPSHOT', undefined]);
  t.end();
});

t.test('the entry of an artifact in listings', async (t) => {
  const document = {
    ...jars('1.10', '1.9', '2-SNAPSHOT'),
    about: { version: '1.9', packaging: 'war', name: 'N', description: 'D' },
    plugin: { prefix: 'p', name: 'P', version: '1.10' },
  };
  const plain = {
    group: 'org.acme',
    artifact: 'lib',
    latest: '2-SNAPSHOT',
    release: '1.10',
    versions: 3,
    modified: AT,
  };
  t.same(entryOf(document), { ...plain, packaging: 'war', name: 'N', description: 'D', plugin: document.plugin });
  t.same(entryOf(jars('1.10', '1.9', '2-SNAPSHOT')), plain);
  const some = mavenDocument({ '1.0': {}, '1.1': { 'lib-1.1.jar': AT } });
  t.match(entryOf(some), { latest: '1.1', versions: 1 }, 'a version of which only checksums came does not count');
  t.equal(entryOf(mavenDocument({ '1.0': {} })), null, 'without files');
});

t.test("what is used of a client's own metadata", async (t) => {
  const parsed = (inner: string) => parseMetadata(Buffer.from(`<metadata>${inner}</metadata>`));
  const plugin = (inner: string) => `<plugin>${inner}</plugin>`;
  const full = '<name> N &amp; M </name><prefix>p</prefix><artifactId>a</artifactId>';
  t.same(parsed(`<plugins>${plugin(full)}</plugins>`), {
    isOfArtifact: false,
    plugins: [{ prefix: 'p', artifact: 'a', name: 'N & M' }],
  });
  const several = [
    '<prefix>q</prefix><artifactId>b</artifactId>',
    '<prefix>no-artifact</prefix>',
    '<artifactId>no-prefix</artifactId>',
    '<prefix>a:b</prefix><artifactId>odd-prefix</artifactId>',
    `<name>${'n'.repeat(201)}</name><prefix>r</prefix><artifactId>c</artifactId>`,
  ];
  t.same(parsed(`<plugins>${several.map(plugin).join('')}</plugins>`).plugins, [
    { prefix: 'q', artifact: 'b' },
    { prefix: 'r', artifact: 'c', name: 'n'.repeat(200) },
  ]);
  t.same(parsed('<groupId>g</groupId>'), { isOfArtifact: false, plugins: [] });
  t.same(parsed('<groupId>g</groupId><artifactId>a</artifactId>'), { isOfArtifact: true, plugins: [] });
  t.same(parsed('<plugins/>').plugins, []);
  t.throws(() => parseMetadata(Buffer.from('<project/>')), {
    kind: 'invalid',
    message: /^The metadata has no element/,
  });
});

t.test('prefixes that can be typed', async (t) => {
  for (const prefix of ['a', '9', 'A-b_c.d', 'x'.repeat(100)]) t.ok(isPrefix(prefix), prefix);
  for (const prefix of ['', '-a', '.a', '_a', 'a b', 'a:b', 'a/b', 'a\n', 'ä', 'x'.repeat(101)]) {
    t.notOk(isPrefix(prefix), prefix);
  }
});

t.test('the descriptor of a plugin', async (t) => {
  const own = { group: 'org.acme', artifact: 'hi' };
  const parsed = (inner: string) => parseDescriptor(Buffer.from(`<plugin>${inner}</plugin>`), own);
  const ids = '<groupId>org.acme</groupId><artifactId>hi</artifactId>';
  t.same(parsed(`${ids}<goalPrefix>p</goalPrefix>`), { prefix: 'p' });
  t.same(parsed(`<name>N</name>${ids}<goalPrefix>p</goalPrefix>`), { prefix: 'p', name: 'N' });
  t.equal(parsed(`<name>${'n'.repeat(201)}</name>${ids}<goalPrefix>p</goalPrefix>`)?.name, 'n'.repeat(200));
  for (const [what, inner] of [
    ['of another group', `${ids.replace('org.acme', 'org.other')}<goalPrefix>p</goalPrefix>`],
    ['of another artifact', `${ids.replace('hi', 'ho')}<goalPrefix>p</goalPrefix>`],
    ['without a group', '<artifactId>hi</artifactId><goalPrefix>p</goalPrefix>'],
    ['without a prefix', ids],
    ['with an odd prefix', `${ids}<goalPrefix>a b</goalPrefix>`],
  ] as const) {
    t.equal(parsed(inner), null, what);
  }
});
