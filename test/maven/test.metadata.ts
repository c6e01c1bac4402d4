import t from 'tap';
import { CaseClock } from '../support/faults/clock.js';
import { mavenWorld } from '../support/maven/actors.js';
import { ALGORITHMS, folderOf, hex, pathOf, textsIn } from '../support/maven/artifacts.js';

const lib = { group: 'org.acme', artifact: 'lib' };
const version = (of: string) => ({ ...lib, version: of });
const METADATA = `${folderOf(lib)}/maven-metadata.xml`;

t.test('the metadata of an artifact list what is stored, in the order of Maven', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  const shuffled = ['1.10', '1.2', '2.0-SNAPSHOT', '1.0', '1.0-alpha-1', '1.0-rc1', '1.2.1'];
  for (const of of shuffled) t.equal((await writer.putPom(version(of))).status, 201, of);
  const xml = await anon.metadata(lib);
  t.same(textsIn(xml, 'version'), ['1.0-alpha-1', '1.0-rc1', '1.0', '1.2', '1.2.1', '1.10', '2.0-SNAPSHOT']);
  t.match(xml, /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<metadata>/);
  t.same(textsIn(xml, 'groupId'), ['org.acme']);
  t.same(textsIn(xml, 'artifactId'), ['lib']);
  t.same(textsIn(xml, 'latest'), ['2.0-SNAPSHOT']);
  t.same(textsIn(xml, 'release'), ['1.10'], 'a SNAPSHOT is no release');
  t.match(textsIn(xml, 'lastUpdated')[0], /^\d{14}$/);
  await writer.putPom({ ...lib, artifact: 'snapshots', version: '1-SNAPSHOT' });
  t.notMatch(await anon.metadata({ ...lib, artifact: 'snapshots' }), /<release>/);
});

t.test('metadata and their checksums are of the same bytes', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  await writer.putPom(version('1.0'));
  const { bytes, headers } = await anon.get(METADATA);
  for (const algorithm of ALGORITHMS) {
    t.equal((await anon.get(`${METADATA}.${algorithm}`)).text, hex(algorithm, bytes), algorithm);
    t.equal(headers[`X-Checksum-${algorithm[0]?.toUpperCase()}${algorithm.slice(1)}`], hex(algorithm, bytes));
  }
  const packed = await anon.get(METADATA, { 'accept-encoding': 'gzip' });
  t.equal(packed.headers['X-Checksum-Sha1'], hex('sha1', bytes), 'of the content, if it is compressed too');
});

t.test(
  'the checksum is that of the metadata that this caller has read, although a deploy came in between',
  async (t) => {
    const clock = new CaseClock();
    await clock.run(async () => {
      const { anon, writer, reader } = await mavenWorld(t);
      await writer.putPom(version('1.0'));
      for (const round of [1, 2]) {
        const first = await anon.get(METADATA);
        const again = await anon.get(METADATA);
        t.same(again.bytes, first.bytes);
        await writer.putPom(version(`2.${round}`));
        const second = await reader.get(METADATA);
        t.not(second.text, first.text);
        t.equal((await anon.send('HEAD', `${METADATA}.sha1`)).status, 200, 'Ivy asks with HEAD first');
        t.equal((await anon.get(`${METADATA}.sha1`)).text, hex('sha1', first.bytes), 'of the first');
        t.equal((await reader.get(`${METADATA}.sha1`)).text, hex('sha1', second.bytes), 'of the second');
        t.equal((await anon.get(`${METADATA}.md5`)).text, hex('md5', first.bytes));
        t.equal(
          (await anon.get(`${METADATA}.sha1`)).text,
          hex('sha1', second.bytes),
          'asked for again: of the present one',
        );
      }
      await anon.get(METADATA);
      await writer.putPom(version('3.0'));
      clock.advance(61_000);
      const present = hex('sha256', (await reader.get(METADATA)).bytes);
      t.equal((await anon.get(`${METADATA}.sha256`)).text, present, 'a minute later it is another build that asks');
    });
  },
);

t.test('the answer that a caller gets from the cache counts as read', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  await writer.putPom(version('1.0'));
  const from = (ip: string, path: string) => anon.send('GET', path, { actor: { ip } });
  for (const ip of ['192.0.2.1', '192.0.2.2']) await from(ip, METADATA);
  await writer.putPom(version('2.0'));
  const [second] = [await from('192.0.2.1', METADATA), await from('192.0.2.2', METADATA)];
  await writer.putPom(version('3.0'));
  for (const ip of ['192.0.2.2', '192.0.2.1']) {
    t.equal((await from(ip, `${METADATA}.sha1`)).text, hex('sha1', second.bytes), ip);
  }
});

t.test('the metadata of a SNAPSHOT name the newest build, and for each kind of file the newest one', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  const folder = `${folderOf(lib)}/1.0-SNAPSHOT`;
  const put = async (name: string) => t.equal((await writer.put(`${folder}/${name}`, name)).status, 201, name);
  await put('lib-1.0-20261128.101112-1.jar');
  await put('lib-1.0-20261128.101112-1-sources.jar');
  await put('lib-1.0-20261128.101112-1.jar.asc');
  await put('lib-1.0-20261128.121314-2.jar');
  await put('lib-1.0-20261128.101112-1-bin.tar.gz');
  await put('lib-1.0-SNAPSHOT.jar');
  await put('notes.txt');
  const { text, status } = await anon.get(`${folder}/maven-metadata.xml`);
  t.equal(status, 200);
  t.same(textsIn(text, 'timestamp'), ['20261128.121314']);
  t.same(textsIn(text, 'buildNumber'), ['2']);
  const versions = [...text.matchAll(/<snapshotVersion>([\s\S]*?)<\/snapshotVersion>/g)].map(([, one]) =>
    ['classifier', 'extension', 'value', 'updated'].map((name) => textsIn(one as string, name)[0]),
  );
  t.same(versions, [
    [undefined, 'jar', '1.0-20261128.121314-2', '20261128121314'],
    ['sources', 'jar', '1.0-20261128.101112-1', '20261128101112'],
    [undefined, 'jar.asc', '1.0-20261128.101112-1', '20261128101112'],
    ['bin', 'tar.gz', '1.0-20261128.101112-1', '20261128101112'],
  ]);
  t.equal((await anon.get(`${folder}/maven-metadata.xml.sha1`)).text, hex('sha1', text));
  t.same(await anon.versions(lib), ['1.0-SNAPSHOT']);
});

t.test('a SNAPSHOT without builds, as sbt publishes it', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  await writer.put(pathOf(version('1.0-SNAPSHOT'), '.jar'), 'x');
  const text = await anon.metadata(version('1.0-SNAPSHOT'));
  t.same(textsIn(text, 'value'), ['1.0-SNAPSHOT']);
  t.same(textsIn(text, 'timestamp'), []);
});

t.test("a client's own metadata are accepted, and their prefixes used where the caller may write", async (t) => {
  const { anon, writer, tokenOf } = await mavenWorld(t);
  await writer.putPom(version('1.0'));
  const before = await anon.metadata(lib);
  const own = `<metadata xmlns="http://maven.apache.org/METADATA/1.1.0"><groupId>org.acme</groupId>
    <artifactId>lib</artifactId><versioning><latest>9.9</latest><versions><version>9.9</version></versions></versioning></metadata>`;
  for (const name of ['', '.sha1', '.md5', '.sha256', '.sha512', '.asc', '.asc.md5']) {
    t.equal((await writer.put(`${METADATA}${name}`, name === '' ? own : '0'.repeat(40))).status, 201, name);
  }
  t.equal((await writer.put(`${folderOf(lib)}/1.0-SNAPSHOT/maven-metadata.xml`, own)).status, 201);
  t.equal(await anon.metadata(lib), before, 'and change nothing');

  const plugins = ['a-maven-plugin', 'b-maven-plugin', 'none-maven-plugin'];
  for (const artifact of plugins.slice(0, 2)) await writer.putPom({ group: 'org.acme', artifact, version: '1.0' });
  const group = `<metadata><plugins>${plugins
    .map(
      (artifact) =>
        `<plugin><name>N</name><prefix>${artifact[0]}</prefix><artifactId>${artifact}</artifactId></plugin>`,
    )
    .join('')}</plugins></metadata>`;
  const onlyA = await tokenOf({ scopes: ['maven:artifact:org.acme:a-maven-plugin:write'] });
  t.equal((await onlyA.put('/maven/org/acme/maven-metadata.xml', group)).status, 201);
  t.same(textsIn((await anon.get('/maven/org/acme/maven-metadata.xml')).text, 'prefix'), ['a']);
  t.equal((await onlyA.put(METADATA, own)).status, 403, 'metadata of an artifact that the caller may not write');
});

t.test('metadata that a client sends half or empty fail no deploy', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  await writer.putPom(version('1.0'));
  const before = await anon.metadata(lib);
  for (const body of ['', '<metadata><vers', `<metadata><${'a'.repeat(1_000_000)}`, '<project/>', 'not XML']) {
    t.equal((await writer.put(METADATA, body)).status, 201, body.slice(0, 20));
  }
  t.equal(await anon.metadata(lib), before, 'and change nothing');
});

t.test('20 deploys at the same time list 20 versions', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  const versions = Array.from({ length: 20 }, (_, index) => `1.${index}`);
  const answers = await Promise.all(
    versions.flatMap((of) => [
      writer.put(`${pathOf(version(of), '.jar')}.sha1`, hex('sha1', of)),
      writer.put(pathOf(version(of), '.jar'), of),
      writer.putPom(version(of)),
      writer.put(pathOf(version(of), '-sources.jar'), of),
      writer.put(
        METADATA,
        `<metadata><versioning><versions><version>${of}</version></versions></versioning></metadata>`,
      ),
    ]),
  );
  t.same([...new Set(answers.map(({ status }) => status))], [201]);
  t.same(await anon.versions(lib), versions);
});

t.test('asking with HEAD is not reading', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  await writer.putPom(version('1.0'));
  const first = await anon.get(METADATA);
  await writer.putPom(version('2.0'));
  t.equal((await anon.send('HEAD', METADATA)).status, 200);
  t.equal((await anon.get(`${METADATA}.sha1`)).text, hex('sha1', first.bytes), 'of the document that the caller has');
});

t.test('the checksum of metadata is text that no cache may keep', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  await writer.putPom(version('1.0'));
  const { bytes } = await anon.get(METADATA);
  t.match(await anon.get(`${METADATA}.sha256`), {
    status: 200,
    headers: {
      'Content-Type': 'text/plain; charset=utf-8',
      'Cache-Control': 'no-cache',
      ETag: `"${hex('sha256', bytes)}"`,
    },
  });
});

t.test('each SNAPSHOT has metadata of its own, a release has none', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  for (const of of ['1.0-SNAPSHOT', '2.0-SNAPSHOT', '3.0']) await writer.putPom(version(of));
  for (const of of ['1.0-SNAPSHOT', '2.0-SNAPSHOT', '1.0-SNAPSHOT']) {
    t.same(textsIn(await anon.metadata(version(of)), 'value'), [of]);
  }
  t.equal((await anon.get(`${folderOf(lib)}/3.0/maven-metadata.xml`)).status, 404);
});

t.test('metadata that declare entities are refused, whatever else is wrong with them', async (t) => {
  const { writer } = await mavenWorld(t);
  for (const body of ['<!DOCTYPE m><m', '<metadata><!ENTITY a "b">', '<metadata a="<"/><!ENTITY a "b">']) {
    t.equal((await writer.put(METADATA, body)).status, 400, body);
  }
});

t.test('metadata are for those who may write the artifact', async (t) => {
  const { tokenOf } = await mavenWorld(t);
  const other = await tokenOf({ scopes: ['maven:artifact:org.acme:other:write'] });
  const own = await tokenOf({ scopes: ['maven:artifact:org.acme:lib:write'] });
  const body = '<metadata><groupId>org.acme</groupId><artifactId>lib</artifactId></metadata>';
  for (const path of [METADATA, `${folderOf(lib)}/1.0-SNAPSHOT/maven-metadata.xml`]) {
    t.equal((await other.put(path, body)).status, 403, path);
    t.equal((await own.put(path, body)).status, 201, path);
  }
});

t.test('callers behind a proxy are told apart if the proxy is trusted', async (t) => {
  for (const trustProxy of [true, false]) {
    const { anon, writer } = await mavenWorld(t, { trustProxy });
    const from = (address: string, path: string) => anon.get(path, { 'x-forwarded-for': address });
    await writer.putPom(version('1.0'));
    const first = await from('192.0.2.1', METADATA);
    await writer.putPom(version('2.0'));
    const second = await from('192.0.2.2', METADATA);
    const { text } = await from('192.0.2.1', `${METADATA}.sha1`);
    t.equal(text, hex('sha1', (trustProxy ? first : second).bytes), `trusted: ${trustProxy}`);
  }
});

t.test('nobody sends checksums of metadata without a right to write', async (t) => {
  const { anon, reader } = await mavenWorld(t);
  for (const suffix of ['.sha1', '.asc', '']) {
    t.equal((await anon.put(`${METADATA}${suffix}`, 'x')).status, 401, suffix);
    t.equal((await reader.put(`${METADATA}${suffix}`, 'x')).status, 403, suffix);
  }
});
