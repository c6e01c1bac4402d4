import { randomBytes } from 'node:crypto';
import t from 'tap';
import { fileOf } from '../../ts/maven/helpers.document.js';
import { recordOf } from '../../ts/maven/helpers.files.js';
import type { IMavenDocument } from '../../ts/maven/interfaces.maven.js';
import { MavenActor, mavenWorld } from '../support/maven/actors.js';
import { ALGORITHMS, gav, hex, jarOf, pathOf, pomOf } from '../support/maven/artifacts.js';

const lib = gav('org.acme:lib:1.0');

t.test('files of any kind come down as they went up, with all their checksums', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  const files: [ending: string, bytes: Buffer, contentType: string][] = [
    ['.pom', Buffer.from(pomOf(lib)), 'text/xml; charset=utf-8'],
    ['.jar', jarOf({ 'A.class': 'x'.repeat(2000) }), 'application/java-archive'],
    ['-sources.jar', randomBytes(300_000), 'application/java-archive'],
    ['.jar.asc', Buffer.from('-----BEGIN PGP SIGNATURE-----\n'), 'application/pgp-signature'],
    ['.jar.sigstore.json', Buffer.from('{}'), 'application/json'],
    ['.module', Buffer.from('{"formatVersion":"1.1"}'), 'application/vnd.org.gradle.module+json'],
    ['-linux-x86_64.tar.gz', randomBytes(50), 'application/gzip'],
    ['.klib', randomBytes(50), 'application/octet-stream'],
    ['-ä.txt', Buffer.from('text'), 'text/plain; charset=utf-8'],
  ];
  for (const [ending, bytes, contentType] of files) {
    const path = encodeURI(pathOf(lib, ending));
    const answer = await writer.put(path, bytes);
    t.equal(answer.status, 201, `${ending}: ${answer.text}`);
    const served = await anon.get(path);
    t.ok(served.bytes.equals(bytes), ending);
    t.equal(served.headers['Content-Type'], contentType, ending);
    t.equal(served.headers['Cache-Control'], 'max-age=31536000, immutable');
    for (const algorithm of ALGORITHMS) {
      const name = `X-Checksum-${algorithm[0]?.toUpperCase()}${algorithm.slice(1)}`;
      t.equal(served.headers[name], hex(algorithm, bytes), `${ending} ${name}`);
      const sidecar = await anon.get(`${path}.${algorithm}`);
      t.match(sidecar, { status: 200, text: hex(algorithm, bytes) }, `${ending}.${algorithm}`);
      t.equal((await anon.send('HEAD', `${path}.${algorithm}`)).status, 200);
    }
    t.match(await anon.send('HEAD', path), { status: 200, headers: { 'Content-Length': String(bytes.length) } });
  }
  t.same(await anon.versions(lib), ['1.0']);
});

t.test('a release never changes; the same upload again is a success', async (t) => {
  const { anon, writer, stored } = await mavenWorld(t);
  const jar = pathOf(lib, '.jar');
  t.equal((await writer.put(jar, 'first')).status, 201);
  const keys = await stored();
  t.equal((await writer.put(jar, 'first')).status, 201, 'identical bytes');
  const other = await writer.put(jar, 'second');
  t.equal(other.status, 409);
  t.equal(other.headers['Content-Type'], 'application/problem+json');
  t.match(other.json(), {
    title: 'Conflict',
    status: 409,
    detail: /lib-1\.0\.jar of org\.acme:lib:1\.0 is published already/,
  });
  t.match(other.statusText, /lib-1\.0\.jar .* is published already/, 'Maven 3.8 prints the reason phrase only');
  t.equal((await anon.get(jar)).text, 'first');
  t.same(await stored(), keys, 'and nothing more is stored');
});

t.test('files of a SNAPSHOT are replaced, and its builds are kept', async (t) => {
  const { anon, writer, stored } = await mavenWorld(t);
  const snapshot = gav('org.acme:lib:1.0-SNAPSHOT');
  const plain = pathOf(snapshot, '.jar');
  for (const text of ['first', 'second', 'first']) {
    t.equal((await writer.put(plain, text)).status, 201, text);
    const served = await anon.get(plain);
    t.equal(served.text, text);
    t.equal(served.headers['Cache-Control'], 'no-cache');
    t.equal((await anon.get(`${plain}.sha1`)).text, hex('sha1', text));
  }
  t.equal((await stored()).length, 2, 'the replaced content is gone');
  const folder = plain.slice(0, plain.lastIndexOf('/'));
  const builds = ['20261128.101112-1', '20261128.111213-2'].map((build) => `${folder}/lib-1.0-${build}.jar`);
  for (const path of builds) t.equal((await writer.put(path, path)).status, 201);
  for (const path of builds) t.equal((await anon.get(path)).text, path);
});

t.test('a checksum that is uploaded is compared, whenever it comes', async (t) => {
  const { anon, writer, registry } = await mavenWorld(t);
  const jar = pathOf(lib, '.jar');
  const wrong = '0'.repeat(40);
  t.equal((await writer.put(`${jar}.sha1`, hex('sha1', 'content'))).status, 201, 'before the file');
  t.equal((await anon.get(`${jar}.sha1`)).status, 404, 'there is no file yet');
  t.same(await anon.versions(lib), [], 'and no version');
  const refused = await writer.put(jar, 'other content');
  t.match(refused, { status: 400, headers: { 'Content-Type': 'application/problem+json' } });
  t.match(refused.json().detail, /The SHA-1 checksum that was uploaded before the file is not that of lib-1\.0\.jar/);
  t.equal((await anon.get(jar)).status, 404, 'nothing is stored');
  t.equal((await writer.put(jar, 'content')).status, 201, 'the right content');

  for (const text of [
    hex('md5', 'content'),
    `${hex('md5', 'content').toUpperCase()}\n`,
    `${hex('md5', 'content')}  lib-1.0.jar\n`,
    `MD5(lib-1.0.jar)= ${hex('md5', 'content')}`,
  ]) {
    t.equal((await writer.put(`${jar}.md5`, text)).status, 201, text);
  }
  const after = await writer.put(`${jar}.sha1`, wrong);
  t.match(after, { status: 400, text: /The SHA-1 checksum that was uploaded is not that of lib-1\.0\.jar/ });
  t.equal((await anon.get(jar)).text, 'content', 'the file stays');
  t.equal((await anon.get(`${jar}.sha1`)).text, hex('sha1', 'content'), 'with its own checksum');

  t.equal(
    (await writer.put(`${pathOf(lib, '.jar.asc')}.md5`, hex('md5', 'a signature'))).status,
    201,
    'without a file',
  );
  t.equal((await writer.put(pathOf(lib, '.jar.asc'), 'another')).status, 400, 'signatures too');
  t.equal((await writer.put(pathOf(lib, '.jar.asc'), 'a signature')).status, 201);
  t.equal((await writer.put(`${pathOf(lib, '.jar.md5')}.asc`, 'a signature of a checksum')).status, 201);
  t.equal((await writer.put(`${jar}.sha1.md5`, hex('md5', 'x'))).status, 201, 'the checksum of a checksum');
  const key = 'maven/metadata/org.acme/lib/metadata.json';
  const document = await registry.getStorage().read<IMavenDocument>(key);
  t.notOk('expected' in (document?.value.versions['1.0'] ?? {}), 'which waits for no file');
  t.equal((await writer.put(`${jar}.sha256`, 'no digest')).status, 400);
  t.equal((await writer.put(`${jar}.sha512`, '')).status, 400);
});

t.test('the checksum of a deploy that broke off refuses one file, and not the later ones', async (t) => {
  const { anon, writer, everything } = await mavenWorld(t);
  const jar = pathOf(lib, '.jar');
  t.equal((await writer.put(`${jar}.sha1`, hex('sha1', 'of the build that broke off'))).status, 201);
  t.equal((await writer.put(`${pathOf(lib, '.pom')}.sha1`, hex('sha1', pomOf(lib)))).status, 201);
  t.match(await writer.put(jar, 'another build'), { status: 400, text: /; upload both again"/ });
  t.equal((await writer.put(jar, 'another build')).status, 201, 'the next attempt');
  t.equal((await anon.get(`${jar}.sha1`)).text, hex('sha1', 'another build'));
  t.match(await writer.put(`${jar}.sha1`, hex('sha1', 'damaged')), { status: 400 }, 'and its checksum is compared');
  t.equal((await writer.putPom(lib, '<!-- x -->')).status, 400, 'those of other files stay');
  t.equal((await everything()).filter((key) => key.includes('.jar')).length, 1, 'the refused file is not kept');
});

t.test('a download is resumed only while its file is the same', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  const path = '/maven/org/acme/lib/1.0-SNAPSHOT/lib-1.0-SNAPSHOT.jar';
  await writer.put(path, 'first content');
  const [etag, published] = [(await anon.get(path)).headers.ETag as string, Date.now()];
  const resume = (headers: Record<string, string>) => anon.get(path, { range: 'bytes=5-', ...headers });
  const before = (ms: number) => ({ 'if-unmodified-since': new Date(published - ms).toUTCString() });
  t.match(await resume(before(-60_000)), { status: 206, text: ' content' }, 'Maven dates a part a minute back');
  const changed = await resume(before(60_000));
  t.match(
    changed,
    { status: 412, headers: { 'Content-Type': 'application/problem+json' } },
    'and begins anew after 412',
  );
  t.equal((await resume({ 'if-unmodified-since': 'no date' })).status, 206);
  t.equal((await resume({ 'if-match': `"other", ${etag}`, ...before(60_000) })).status, 206, 'If-Match comes first');
  t.equal((await resume({ 'if-match': '*' })).status, 206);
  t.equal((await anon.get(path, before(60_000))).status, 200, 'the whole is always right');
  await writer.put(path, 'other content');
  t.equal((await resume({ 'if-match': etag })).status, 412);
  t.equal((await resume({ 'if-match': `W/${etag}` })).status, 412);
});

t.test('the longest names have checksums too', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  const path = `/maven/org/acme/lib/1.0/${'f'.repeat(251)}.jar`;
  t.equal((await writer.put(path, 'content')).status, 201);
  for (const algorithm of ALGORITHMS) {
    t.equal((await writer.put(`${path}.${algorithm}`, hex(algorithm, 'content'))).status, 201, algorithm);
    t.equal((await anon.get(`${path}.${algorithm}`)).text, hex(algorithm, 'content'), algorithm);
  }
});

t.test('checksums in the headers of an upload are compared', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  for (const algorithm of ALGORITHMS) {
    const path = pathOf(lib, `-${algorithm}.jar`);
    const header = `x-checksum-${algorithm}`;
    const wrong = await writer.put(path, 'content', { [header]: hex(algorithm, 'other') });
    t.match(wrong, { status: 400, text: /checksum in the headers of the request is not that of/ }, algorithm);
    t.equal((await writer.put(path, 'content', { [header]: 'xyz' })).status, 400, 'no digest');
    t.equal((await anon.get(path)).status, 404);
    t.equal((await writer.put(path, 'content', { [header]: hex(algorithm, 'content') })).status, 201, algorithm);
  }
});

t.test('what is not there is 404 as plain text, whatever it is', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  await writer.putPom(lib);
  for (const path of [
    '/maven/org/acme/lib/1.0/lib-1.0.jar',
    '/maven/org/acme/lib/1.0/lib-1.0.pom.sha3',
    '/maven/org/acme/lib/1.0/lib-1.0.jar.sha1',
    '/maven/org/acme/lib/1.0/__proto__',
    '/maven/org/acme/lib/constructor/lib-1.0.pom',
    '/maven/org/acme/lib/1.0/',
    '/maven/org/acme/lib/1.0/lib-1.0.pom/',
    '/maven/org/acme/lib/maven-metadata.xml/',
    '/maven/-/artifacts/',
    '/maven/org/acme/lib/1.0',
    '/maven/org/acme/lib/',
    '/maven/org/acme/lib',
    '/maven/org',
    '/maven/',
    '/maven',
    '/maven/.meta/prefixes.txt',
    '/maven/.meta/prefixes.txt.sha1',
    '/maven/.index/nexus-maven-repository-index.properties',
    '/maven/org/acme/lib/[0,)/lib-[0,).pom',
    '/maven/org/acme/lib/%5B0,)/lib-%5B0,).pom',
    '/maven/archetype-catalog.xml',
    '/maven/org/acme/lib/maven-metadata.xml.asc',
    '/maven/org/acme/none/maven-metadata.xml',
    '/maven/org/acme/lib/2.0-SNAPSHOT/maven-metadata.xml',
    '/maven/maven-metadata.xml',
    '/maven/org.acme/lib/1.0/lib-1.0.pom',
    '/maven/org.acme/lib/maven-metadata.xml',
    '/maven/-/artifacts/org.acme/none',
    '/maven/-/artifacts/org.acme/lib/2.0',
  ]) {
    for (const method of ['GET', 'HEAD']) {
      const { status, headers, text } = await anon.send(method, path);
      t.equal(status, 404, `${method} ${path} ${text}`);
      t.equal(headers['Content-Type'], 'text/plain; charset=utf-8', path);
    }
  }
});

t.test('a private repository challenges, HEAD too, in the realm that sbt and Ivy look for', async (t) => {
  const { registry, writer, anon, tokenOf } = await mavenWorld(t, { auth: { anonymousScopes: [] } });
  await writer.putPom(lib);
  await writer.putPom(gav('org.acme.hidden:lib:1.0'));
  const path = pathOf(lib, '.pom');
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
    const answer = await anon.send(method, path);
    t.match(answer, { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="maven"' } }, method);
  }
  t.equal((await new MavenActor(registry, 'wrong').get(path)).status, 401);
  t.equal((await anon.get('/maven/org/acme')).status, 404, 'a folder is nothing for anybody');
  const reader = await tokenOf({ scopes: ['maven:artifact:org.acme:*:read'] });
  t.equal((await reader.get(path)).status, 200);
  const hidden = await reader.get(pathOf(gav('org.acme.hidden:lib:1.0'), '.pom'));
  t.match(hidden, { status: 404, headers: { 'Content-Type': 'text/plain; charset=utf-8' } }, 'its client goes on');
  t.equal((await reader.putPom(gav('org.acme:lib:2.0'))).status, 403);
});

t.test('Last-Modified is the time of publication', async (t) => {
  const { anon, writer, registry } = await mavenWorld(t);
  await writer.putPom(lib);
  const path = pathOf(lib, '.pom');
  const key = 'maven/metadata/org.acme/lib/metadata.json';
  await registry.getStorage().update<IMavenDocument>(key, (document) => {
    const of = { ...lib, file: 'lib-1.0.pom' };
    const record = recordOf(of, { ...fileOf(document, of)!, time: '2020-02-03T04:05:06.789Z' });
    return { ...document!, versions: { '1.0': { ...document!.versions['1.0']!, files: { [of.file]: record } } } };
  });
  const date = 'Mon, 03 Feb 2020 04:05:06 GMT';
  for (const each of [path, `${path}.sha1`]) {
    for (const method of ['GET', 'HEAD']) {
      t.equal((await anon.send(method, each)).headers['Last-Modified'], date, `${method} ${each}`);
    }
    t.equal((await anon.get(each, { 'if-modified-since': date })).status, 304);
  }
});

t.test('how long a file may be kept, and by what its content is known', async (t) => {
  const { anon, writer } = await mavenWorld(t, { maven: { enabled: true, allowRepublish: true } });
  await writer.put(pathOf(lib, '.jar'), 'x');
  const { headers } = await anon.get(pathOf(lib, '.jar'));
  t.match(headers, { 'Cache-Control': 'no-cache', ETag: `"${hex('sha256', 'x')}"` }, 'it may be published again');
  const sidecar = await anon.get(`${pathOf(lib, '.jar')}.md5`);
  t.match(sidecar.headers, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-cache' });
});

t.test('files of one name in two versions have checksums of their own', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  for (const version of ['1.0', '2.0']) await writer.put(`/maven/org/acme/lib/${version}/notes.txt`, version);
  for (const version of ['1.0', '2.0', '1.0']) {
    const path = `/maven/org/acme/lib/${version}/notes.txt`;
    t.equal((await anon.get(path)).text, version);
    for (const algorithm of ALGORITHMS) {
      t.equal((await anon.get(`${path}.${algorithm}`)).text, hex(algorithm, version), `${version} ${algorithm}`);
    }
  }
});

t.test('what is not there is named as far as the caller knows it', async (t) => {
  const { anon, writer, admin } = await mavenWorld(t);
  await writer.putPom(lib);
  const gone = gav('org.acme:gone:1.0');
  await writer.putPom(gone);
  await admin.delete('/maven/org/acme/gone');
  const nothing = 'There is nothing at this path\n';
  for (const [path, says] of [
    [pathOf(lib, '.jar'), 'lib-1.0.jar of org.acme:lib:1.0 is not in this registry\n'],
    [pathOf(lib, '.jar.sha1'), 'lib-1.0.jar.sha1 of org.acme:lib:1.0 is not in this registry\n'],
    [pathOf({ ...lib, version: '2.0' }, '.jar'), 'lib-2.0.jar of org.acme:lib:2.0 is not in this registry\n'],
    [pathOf(gav('org.acme:none:1.0'), '.jar'), 'org.acme:none is not in this registry\n'],
    [pathOf(gav('org.acme:none:1.0'), '.jar.sha1'), 'org.acme:none is not in this registry\n'],
    [pathOf(gone, '.pom'), 'org.acme:gone is not in this registry\n'],
    [pathOf(gone, '.pom.sha1'), 'org.acme:gone is not in this registry\n'],
    ['/maven/org/acme/none/maven-metadata.xml', 'org.acme:none is not in this registry\n'],
    ['/maven/org/acme/lib/2.0-SNAPSHOT/maven-metadata.xml', 'org.acme:lib is not in this registry\n'],
    ['/maven/-/artifacts/org.acme/none', 'org.acme:none is not in this registry\n'],
    ['/maven/-/artifacts/org.acme/gone', 'org.acme:gone is not in this registry\n'],
    ['/maven/-/artifacts/org.acme/gone/1.0', 'org.acme:gone is not in this registry\n'],
    ['/maven/-/artifacts/org.acme/lib/2.0', 'org.acme:lib:2.0 is not in this registry\n'],
    ['/maven/org/acme/lib/1.0/.hidden', nothing],
    ['/maven/org', nothing],
    ['/maven/maven-metadata.xml', nothing],
    ['/maven/org/acme/lib/maven-metadata.xml.sha3', nothing],
  ] as const) {
    t.match(await anon.get(path), { status: 404, text: says }, path);
  }
});

t.test('how users are told to use the repository', async (t) => {
  const { registry } = await mavenWorld(t);
  const lines = registry.getRegistry('maven')?.clientSetup('http://maven.example.org/maven//');
  t.same(lines?.slice(1), [
    '<repository><id>my-registry</id><url>http://maven.example.org/maven</url></repository>',
    'mvn deploy -DaltDeploymentRepository=my-registry::http://maven.example.org/maven',
  ]);
});
