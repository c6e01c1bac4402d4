import t from 'tap';
import { CaseClock } from '../support/faults/clock.js';
import { mavenWorld } from '../support/maven/actors.js';
import { gav, hex, pathOf, pluginJar, pomOf } from '../support/maven/artifacts.js';

interface IListed {
  groupId: string;
  artifactId: string;
  latest: string;
  release?: string;
}

const namesIn = (json: Record<string, unknown>): string[] =>
  (json.artifacts as IListed[]).map(({ groupId, artifactId }) => `${groupId}:${artifactId}`);

t.test('the artifacts that the caller may read, with what their POMs say', async (t) => {
  const { anon, writer, admin } = await mavenWorld(t, {
    auth: { anonymousScopes: ['maven:artifact:org.acme:*:read'] },
  });
  const about = '<name>Acme Library</name><description>Parses\n  dates</description>';
  await writer.putPom(gav('org.acme:lib:1.0'), '<name>Old</name>');
  await writer.putPom(gav('org.acme:lib:1.1'), about);
  await writer.putPom(gav('org.acme:lib:1.0.1'), '<name>A fix of the old one</name>');
  await writer.putPom(gav('org.acme:lib:2.0-SNAPSHOT'), about);
  await writer.putPom(gav('com.secret:lib:1.0'));
  const plugin = gav('org.acme:hi-maven-plugin:1.0');
  await writer.put(pathOf(plugin, '.jar'), pluginJar(plugin, 'hi'));
  const listed = (await anon.get('/maven/-/artifacts')).json();
  t.same(namesIn(listed), ['org.acme:hi-maven-plugin', 'org.acme:lib']);
  t.match((listed.artifacts as object[])[0], { latest: '1.0', release: '1.0', versions: 1, pluginPrefix: 'hi' });
  t.match((listed.artifacts as object[])[1], {
    latest: '2.0-SNAPSHOT',
    release: '1.1',
    versions: 4,
    packaging: 'jar',
    name: 'Acme Library',
    description: 'Parses dates',
  });
  t.same(namesIn((await admin.get('/maven/-/artifacts')).json()), [
    'com.secret:lib',
    'org.acme:hi-maven-plugin',
    'org.acme:lib',
  ]);
});

t.test('an artifact and a version, with their files', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  const lib = gav('org.acme:lib:1.10');
  await writer.putPom(lib);
  await writer.putPom({ ...lib, version: '1.9' });
  await writer.put(pathOf(lib, '.jar'), 'content');
  const whole = (await anon.get('/maven/-/artifacts/org.acme/lib')).json();
  t.match(whole, { groupId: 'org.acme', artifactId: 'lib', latest: '1.10' });
  const versions = whole.versions as { version: string; files: { name: string; url: string }[] }[];
  t.same(
    versions.map(({ version }) => version),
    ['1.9', '1.10'],
  );
  const one = (await anon.get('/maven/-/artifacts/org.acme/lib/1.10')).json();
  t.match(one, { groupId: 'org.acme', artifactId: 'lib', version: '1.10', published: /^\d{4}-.*Z$/ });
  const files = one.files as { name: string; url: string; size: number; sha256: string }[];
  t.same(
    files.map(({ name }) => name),
    ['lib-1.10.pom', 'lib-1.10.jar'],
  );
  t.match(files[1], { size: 7, sha256: hex('sha256', 'content'), md5: hex('md5', 'content') });
  t.equal(files[1]?.url, 'http://maven.example.org/maven/org/acme/lib/1.10/lib-1.10.jar');
  t.equal((await anon.get(new URL(files[1]?.url as string).pathname)).text, 'content');
});

t.test('search', async (t) => {
  const { anon, writer, admin } = await mavenWorld(t, {
    auth: { anonymousScopes: ['maven:artifact:org.acme:*:read'] },
  });
  const found = async (query: string, who = anon) => namesIn((await who.get(`/maven/-/search?${query}`)).json());
  await writer.putPom(gav('org.acme:dates:1.0'), '<description>Parses calendars</description>');
  await writer.putPom(gav('org.acme:other:1.0'), '<description>Needs dates</description>');
  await writer.putPom(gav('com.secret:dates:1.0'));
  t.same(await found('q=dates'), ['org.acme:dates', 'org.acme:other'], 'the name comes first');
  t.same(await found('q=calendars'), ['org.acme:dates']);
  t.same((await found('q=dates', admin)).sort(), ['com.secret:dates', 'org.acme:dates', 'org.acme:other']);
  t.equal((await found('q=org.acme:dates'))[0], 'org.acme:dates');
  t.same(await found('q=dates&per_page=1'), ['org.acme:dates']);
  t.same(await found('q=dates&per_page=1&page=2'), ['org.acme:other']);
  t.same((await anon.get('/maven/-/search?q=dates')).json().total, 2);
  t.same(await found('q=nothing-like-it'), []);
  t.equal((await found('')).length, 2, 'without a text: all');
});

t.test('orphans of killed uploads are swept by age, what a document names is not', async (t) => {
  const { registry, writer, anon, stored } = await mavenWorld(t);
  const lib = gav('org.acme:lib:1.0');
  await writer.putPom(lib);
  const named = await stored();
  const { store } = registry.getStorage();
  const folder = 'maven/artifacts/org.acme/lib/1.0';
  for (const key of [
    `${folder}/lib-1.0.jar`,
    `${folder}/lib-1.0.pom.2f6a7a4e-9c3b-4f0d-8f5e-0c8a4e5b6d7f`,
    'maven/artifacts/a/b/1/c',
  ]) {
    await store.put(key, Buffer.from('x'), { immutable: true });
  }
  const maven = registry.getRegistry('maven');
  t.equal(await maven?.sweepOrphans(), 0, 'young ones may be part of an upload under way');
  t.match(await maven?.collectGarbage({ graceMs: 0 }), { removed: { files: 3 }, bytes: 3 });
  t.same(await stored(), named);
  t.equal((await writer.put(pathOf(lib, '.jar'), 'x')).status, 201);
  t.equal((await anon.get(pathOf(lib, '.jar'))).text, 'x', 'its key was swept, so it lies at another');
  t.equal((await anon.get(pathOf(lib, '.pom'))).text, pomOf(lib));
});

t.test('the list of artifacts is one document', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  t.match(await anon.get('/maven/-/artifacts'), {
    status: 200,
    text: '{"artifacts":[\n\n]}\n',
    headers: { 'Content-Type': 'application/json' },
  });
  for (const artifact of ['b', 'a']) await writer.putPom(gav(`org.acme:${artifact}:1.0`));
  const lines = (await anon.get('/maven/-/artifacts')).text.split('\n');
  t.match(lines, ['{"artifacts":[', /"artifactId":"a".*\},$/, /"artifactId":"b".*[^,]$/, ']}', '']);
});

t.test('a page of a search without a text has 20 artifacts, the newest first', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  const clock = new CaseClock();
  await clock.run(async () => {
    for (let at = 10; at < 31; at++) {
      await writer.putPom(gav(`org.acme:lib${at}:1.0`));
      clock.advance(1000);
    }
    const page = async (query: string) => {
      const { total, artifacts } = (await anon.get(`/maven/-/search${query}`)).json();
      return [total, (artifacts as IListed[]).map(({ artifactId }) => artifactId)];
    };
    const all = Array.from({ length: 21 }, (_, at) => `lib${30 - at}`);
    t.same(await page(''), [21, all.slice(0, 20)]);
    t.same(await page('?page=2'), [21, all.slice(20)]);
    t.same(await page('?page=3'), [21, []]);
    await writer.putPom(gav('org.acme:lib10:1.1'));
    t.same(await page('?per_page=2'), [21, ['lib10', 'lib30']]);
  });
});

t.test('an artifact whose files are all deleted is in no list', async (t) => {
  const { anon, writer, admin } = await mavenWorld(t);
  for (const artifact of ['a', 'b']) await writer.putPom(gav(`org.acme:${artifact}:1.0`));
  t.same(namesIn((await anon.get('/maven/-/artifacts')).json()), ['org.acme:a', 'org.acme:b']);
  t.equal((await admin.delete('/maven/-/artifacts/org.acme/a')).status, 200);
  t.same(namesIn((await anon.get('/maven/-/artifacts')).json()), ['org.acme:b']);
  t.same(namesIn((await anon.get('/maven/-/search?q=a')).json()), []);
});

t.test('the same artifact at two addresses of the registry has links of each', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  await writer.putPom(gav('org.acme:lib:1.0'));
  for (const host of ['one.example.org', 'two.example.org']) {
    for (const path of ['/maven/-/artifacts/org.acme/lib/1.0', '/maven/-/artifacts/org.acme/lib']) {
      t.match((await anon.get(path, { host })).text, `"url":"http://${host}/maven/org/acme/lib/1.0/lib-1.0.pom"`);
    }
  }
});

t.test('the JSON of an artifact is as old as its last change', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  const clock = new CaseClock();
  await clock.run(async () => {
    const path = '/maven/-/artifacts/org.acme/lib';
    for (const version of ['1.0', '2.0']) {
      await writer.putPom(gav(`org.acme:lib:${version}`));
      const published = Date.now();
      clock.advance(60_000);
      for (const each of [path, `${path}/1.0`]) {
        const { headers } = await anon.get(each);
        t.match(headers, { 'Content-Type': 'application/json' });
        t.ok(Math.abs(Date.parse(headers['Last-Modified'] as string) - published) < 30_000, each);
      }
    }
  });
});

t.test('the list of artifacts is made anew from the documents', async (t) => {
  const { anon, writer, admin, registry } = await mavenWorld(t);
  const plugin = gav('org.acme:hi-maven-plugin:1.0');
  await writer.put(pathOf(plugin, '.jar'), pluginJar(plugin, 'hi'));
  for (const artifact of ['a', 'b']) await writer.putPom(gav(`org.acme:${artifact}:1.0`));
  await admin.delete('/maven/org/acme/b');
  const maven = registry.getRegistry('maven');
  const before = (await anon.get('/maven/-/artifacts')).text;
  const counts = await Promise.all((maven?.listings() ?? []).map((listing) => listing.rebuild()));
  t.same(counts, [3], 'documents, also that of an artifact without files');
  t.equal((await anon.get('/maven/-/artifacts')).text, before);
  t.match((await anon.get('/maven/org/acme/maven-metadata.xml')).text, '<prefix>hi</prefix>');
  t.same(namesIn((await anon.get('/maven/-/search?q=a')).json()), ['org.acme:a']);
  const [chore] = maven?.chores() ?? [];
  t.same(await chore?.work({ signal: new AbortController().signal }), { artifacts: 0 });
});
