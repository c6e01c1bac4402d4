import t from 'tap';
import { RawClient } from '../support/http/client.js';
import { serveWith } from '../support/http/host.js';
import { type MavenActor, mavenWorld } from '../support/maven/actors.js';
import { gav, pathOf, pomOf } from '../support/maven/artifacts.js';
import type { IAnswer } from '../support/registry.js';

const lib = gav('org.acme:lib:1.0');
const pom = pathOf(lib, '.pom');

type TCase = [what: string, send: (writer: MavenActor) => Promise<IAnswer>, says: RegExp];

const put =
  (path: string, body: Uint8Array | string = 'x', headers: Record<string, string> = {}) =>
  (writer: MavenActor) =>
    writer.put(path, body, headers);

const long = 'x'.repeat(300);

const cases: TCase[] = [
  ['a POM for another group', put(pom, pomOf({ ...lib, group: 'org.other' })), /its groupId is \\"org\.other\\"/],
  ['a POM for another artifact', put(pom, pomOf({ ...lib, artifact: 'other' })), /its artifactId is \\"other\\"/],
  ['a POM for another version', put(pom, pomOf({ ...lib, version: '2.0' })), /its version is \\"2\.0\\"/],
  [
    'a POM of another version that says so in its file name',
    put('/maven/org/acme/lib/1.0/lib-2.0.pom', pomOf({ ...lib, version: '2.0' })),
    /its version is \\"2\.0\\"/,
  ],
  [
    'a POM with a document type',
    put(pom, `<!DOCTYPE project SYSTEM "file:///etc/passwd">${pomOf(lib)}`),
    /document type/,
  ],
  ['a POM with an entity', put(pom, pomOf(lib, '<name>&xxe;</name>')), /refers to the entity/],
  ['a POM that is nested deeply', put(pom, `${'<project>'.repeat(1000)}`), /nested more than 64 levels/],
  ['a POM that is no XML', put(pom, 'no XML'), /not well-formed XML/],
  ['a POM with a long tag that is not closed', put(pom, `<project><${'a'.repeat(1_000_000)}`), /a tag is not closed/],
  ['a POM of another kind that is no XML', put(pathOf(lib, '-build.pom'), 'no XML'), /not well-formed XML/],
  ['an empty file', put(pathOf(lib, '.jar'), ''), /The body is empty/],
  ['an empty POM', put(pom, ''), /The body is empty/],
  ['.. in the group', put('/maven/org/../lib/1.0/lib-1.0.jar'), /\.\./],
  ['.. in the group, encoded', put('/maven/org/%2e%2e/lib/1.0/lib-1.0.jar'), /\.\./],
  ['.. in the group with an encoded slash', put('/maven/org%2f..%2fx/lib/1.0/lib-1.0.jar'), /\.\./],
  ['.. as version', put('/maven/org/acme/lib/../lib-1.0.jar'), /\.\./],
  ['.. in the version', put('/maven/org/acme/lib/1..0/lib-1..0.jar'), /is no version/],
  ['.. as file', put('/maven/org/acme/lib/1.0/..'), /\.\./],
  ['a slash in the version', put('/maven/org/acme/lib/1%2f0/lib-1.jar'), /is no version/],
  ['a slash in the file', put('/maven/org/acme/lib/1.0/a%2fb'), /is no name of a file/],
  ['a backslash', put('/maven/org/acme/lib/1.0/a%5cb'), /character that is not allowed/],
  ['NUL', put('/maven/org/acme/lib/1.0/a%00b'), /character that is not allowed/],
  ['a control character', put('/maven/org/acme/lib/1.0/a%0ab'), /character that is not allowed/],
  ['no UTF-8', put('/maven/org/acme/lib/1.0/a%ff'), /not valid UTF-8/],
  ['a dot in a folder of the group', put('/maven/org.acme/lib/1.0/lib-1.0.jar'), /is no group/],
  ['a blank in the artifact', put('/maven/org/acme/l%20b/1.0/l%20b-1.0.jar'), /is no artifact/],
  ['a colon in the artifact', put('/maven/org/acme/l:b/1.0/x.jar'), /is no artifact/],
  ['a version that is a range', put('/maven/org/acme/lib/[1,)/lib-[1,).jar'), /is no version/],
  ['a version that is an expression', put('/maven/org/acme/lib/$%7Brevision%7D/lib.jar'), /is no version/],
  ['a version that is a mark', put('/maven/org/acme/lib/-/lib--.jar'), /is no version/],
  ['an absurd version', put(`/maven/org/acme/lib/${'1.'.repeat(5000)}0/lib.jar`), /is no version/],
  ['a name for prototypes as artifact', put('/maven/org/acme/__proto__/1.0/x.jar'), /is no artifact/],
  ['a long artifact', put(`/maven/org/acme/${long}/1.0/x.jar`), /is no artifact/],
  ['a long group', put(`/maven/${'abcdefgh/'.repeat(40)}lib/1.0/x.jar`), /is no group/],
  ['a long file', put(`/maven/org/acme/lib/1.0/${long}.jar`), /is no name of a file/],
  ['a hidden file', put('/maven/org/acme/lib/1.0/.htaccess'), /is no name of a file/],
  ['a name for prototypes as version', put('/maven/org/acme/lib/__proto__/x.jar'), /is no version/],
  ['a name for prototypes as file', put('/maven/org/acme/lib/1.0/__proto__'), /is no name of a file/],
  ['a path that is too short', put('/maven/lib-1.0.jar'), /A file is uploaded to/],
  ['the root', put('/maven/org/acme/lib-1.0.jar'), /A file is uploaded to/],
  ['the paths of this registry', put('/maven/-/artifacts/org.acme/lib'), /is no group/],
  [
    'metadata with a document type',
    put('/maven/org/acme/lib/maven-metadata.xml', '<!DOCTYPE a><metadata/>'),
    /document type/,
  ],
  ['a checksum that is none', put(`${pom}.sha1`, 'x'), /has no sha1 digest/],
  ['a checksum of megabytes', put(`${pom}.sha1`, 'a'.repeat(5_000_000)), /larger than/],
  ['a POM of megabytes', put(pom, `<project>${' '.repeat(5_000_000)}</project>`), /larger than/],
  [
    'a part of a file',
    put(pathOf(lib, '.jar'), 'x', { 'content-range': 'bytes 100-100/101' }),
    /A part of a file cannot be uploaded/,
  ],
  [
    'an unknown encoding',
    put(pathOf(lib, '.jar'), 'x', { 'content-encoding': 'br' }),
    /Content-Encoding br is not supported/,
  ],
];

t.test('bad input is refused in the form that Maven prints, and nothing is stored', async (t) => {
  const { writer, everything } = await mavenWorld(t);
  for (const [what, send, says] of cases) {
    const answer = await send(writer);
    t.ok([400, 413, 415].includes(answer.status), `${what}: ${answer.status} ${answer.text.slice(0, 200)}`);
    t.equal(answer.headers['Content-Type'], 'application/problem+json', what);
    t.match(answer.text, says, what);
    t.ok(answer.text.length < 1000, `${what}: a sentence`);
    const { title, detail, status } = answer.json();
    t.same([typeof title, typeof detail, status], ['string', 'string', answer.status]);
    t.same(await everything(), [], `${what}: nothing is stored`);
  }
  t.equal((await writer.putPom(lib)).status, 201, 'the good one still goes');
});

t.test('odd names that are names', async (t) => {
  const { writer, anon } = await mavenWorld(t);
  for (const of of ['constructor:toString:1.0', 'a:b:constructor', '_a:_b:1.0+build~2', 'a:c:SNAPSHOT']) {
    const each = gav(of);
    t.equal((await writer.putPom(each)).status, 201, of);
    t.same(await anon.versions(each), [each.version], of);
    t.equal((await anon.get(pathOf(each, '.pom'))).status, 200, of);
  }
});

t.test('checksums without their files do not fill the store', async (t) => {
  const { writer } = await mavenWorld(t);
  const send = (at: number) => writer.put(`${pathOf(lib, `-${at}.jar`)}.md5`, '0'.repeat(32));
  await Promise.all(Array.from({ length: 1000 }, (_, at) => send(at)));
  t.match(await send(1000), { status: 400, text: /has 1000 checksums without their files already/ });
});

t.test('broken requests over the wire', async (t) => {
  const { registry, writer, everything } = await mavenWorld(t, { limits: { bodyIdleTimeoutMs: 300 } });
  const { port } = await serveWith(t, registry);
  const bytes = Buffer.from(pomOf(lib));
  const half = bytes.subarray(0, bytes.length >> 1);
  const head = (path: string, length: number) => [
    `PUT ${path} HTTP/1.1`,
    'Host: x',
    'Connection: close',
    `Authorization: Bearer ${writer.token}`,
    `Content-Length: ${length}`,
  ];
  for (const [what, path, length, body, status] of [
    ['a POM that is cut', pom, half.length, half, 400],
    ['a sender that falls silent', pom, bytes.length, half, 408],
    ['a jar whose sender falls silent', pathOf(lib, '.jar'), 1000, half, 408],
    ['an empty jar', pathOf(lib, '.jar'), 0, '', 400],
  ] as const) {
    const client = await RawClient.connect(port);
    client.head(...head(path, length));
    client.socket.write(body);
    t.match(await client.until(/\r\n\r\n/), new RegExp(`^HTTP/1\\.1 ${status} `), what);
    client.socket.destroy();
    t.same(await everything(), [], `${what}: nothing is stored`);
  }
});

t.test('Expect: 100-continue, as Maven sends it with each upload', async (t) => {
  const { registry, writer, anon } = await mavenWorld(t);
  const { port } = await serveWith(t, registry);
  const bytes = pomOf(lib);
  const client = await RawClient.connect(port);
  const head = (token: string | undefined) => [
    `PUT ${pom} HTTP/1.1`,
    'Host: x',
    ...(token ? [`Authorization: Bearer ${token}`] : []),
    `Content-Length: ${Buffer.byteLength(bytes)}`,
    'Expect: 100-continue',
  ];
  client.head(...head(writer.token));
  await client.until(/HTTP\/1\.1 100 Continue\r\n\r\n/);
  client.socket.write(bytes);
  t.match(await client.until(/HTTP\/1\.1 201/), /201/);
  client.socket.destroy();
  t.equal((await anon.get(pom)).text, bytes);
  const stranger = await RawClient.connect(port);
  stranger.head(...head(undefined));
  const refused = await stranger.until(/\r\n\r\n/);
  t.match(refused, /^HTTP\/1\.1 401 /, 'refused before the body is sent');
  stranger.socket.destroy();
});
