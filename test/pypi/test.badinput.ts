import { gzipSync } from 'node:zlib';
import t from 'tap';
import { tarGzOf } from '../support/archives/tars.js';
import { type IZipPart, zipOf } from '../support/archives/zips.js';
import { RawClient } from '../support/http/client.js';
import { serveWith } from '../support/http/host.js';
import { type IPart, multipart } from '../support/multipart.js';
import { contentOf, fieldsOf, type PypiActor, pypiWorld } from '../support/pypi/actors.js';
import { hex, type IDistribution, metadataOf, wheel } from '../support/pypi/distributions.js';

const partsOf = (file: IDistribution): IPart[] => [
  ...Object.entries(fieldsOf(file)).map(([name, value]): IPart => ({ name, value })),
  contentOf(file),
];

const withBytes = (file: IDistribution, bytes: Buffer): IDistribution => ({ ...file, bytes });

const METADATA = 'demo-1.0.dist-info/METADATA';

/** The parts of a sound wheel, to be changed. */
const wheelParts = (): IZipPart[] => [
  { name: 'demo/__init__.py', content: 'x = 1' },
  { name: METADATA, content: metadataOf('demo', '1.0') },
  { name: 'demo-1.0.dist-info/WHEEL', content: 'Wheel-Version: 1.0' },
  { name: 'demo-1.0.dist-info/RECORD', content: '' },
];

const madeWheel = (parts: IZipPart[]): IDistribution => withBytes(wheel('demo', '1.0'), zipOf(parts));
const without = (name: string): IZipPart[] => wheelParts().filter((part) => part.name !== name);

const sdistFile = { name: 'demo-1.0/PKG-INFO', content: metadataOf('demo', '1.0') };

type TCase = [what: string, send: (writer: PypiActor) => Promise<{ status: number; text: string }>, says: RegExp];

const upload =
  (file: IDistribution, changes: Record<string, string | undefined> = {}) =>
  (writer: PypiActor) =>
    writer.upload(file, changes);

const good = wheel('demo', '1.0');

const sdistOf = (...parts: Parameters<typeof tarGzOf>): IDistribution => ({
  ...good,
  filename: 'demo-1.0.tar.gz',
  filetype: 'sdist',
  bytes: tarGzOf(...parts),
});

const fieldCases: TCase[] = [
  ['no name', upload(good, { name: undefined }), /The field name is missing/],
  ['an empty name', upload(good, { name: ' ' }), /The field name is missing/],
  ['no version', upload(good, { version: undefined }), /The field version is missing/],
  ['a name with HTML', upload(good, { name: '<b>demo</b>' }), /The name of a project consists of/],
  ['a reserved name', upload(wheel('simple', '1.0')), /it is a path of this index/],
  ['a name for prototypes', upload(good, { name: '__proto__' }), /The name of a project/],
  ['a version that is none', upload(good, { version: '<script>' }), /not a version as PEP 440 defines it/],
  ['an absurd version', upload(good, { version: '1'.repeat(100_000) }), /^.{0,250}\n$/],
  ['another action', upload(good, { ':action': 'remove_pkg' }), /The :action of an upload is file_upload/],
  ['another protocol version', upload(good, { protocol_version: '2' }), /protocol_version/],
  ['another file type', upload(good, { filetype: 'sdist' }), /filetype/],
  ['a wrong md5', upload(good, { md5_digest: 'a'.repeat(32) }), /The md5 of the received file is/],
  ['a wrong sha256', upload(good, { sha256_digest: 'a'.repeat(64) }), /The sha256 of the received file is/],
  ['a digest that is none', upload(good, { sha256_digest: 'xyz' }), /sha256_digest is not 64 hex digits/],
  ['another project', upload(good, { name: 'other' }), /the METADATA in the file says demo/],
  ['another version', upload(good, { version: '2.0' }), /the METADATA in the file says 1\.0/],
  ['a file name of another project', upload({ ...good, filename: 'other-1.0-py3-none-any.whl' }), /of another wheel/],
  ['a file name of another version', upload({ ...good, filename: 'demo-2.0-py3-none-any.whl' }), /of another wheel/],
  [
    'an sdist of another version',
    upload({ ...sdistOf(sdistFile), filename: 'demo-2.0.tar.gz' }),
    /The file name demo-2\.0\.tar\.gz is not one of demo 1\.0/,
  ],
  ['a file name with blanks', upload({ ...good, filename: 'demo 1.0.tar.gz' }), /holds other characters/],
  ['an egg', upload({ ...good, filename: 'demo-1.0-py3.11.egg' }), /no distribution that this index takes/],
  ['attestations that are none', upload(good, { attestations: '{}' }), /attestations is not an array/],
  [
    'a path as the file name',
    (writer) => writer.post([...partsOf(good).slice(0, -1), { ...contentOf(good), filename: '../../x' }]),
    /no distribution that this index takes/,
  ],
  ['no file', (writer) => writer.post(partsOf(good).slice(0, -1)), /has no file in the field content/],
  [
    'a file without a name',
    (writer) => writer.post([...partsOf(good).slice(0, -1), { ...contentOf(good), filename: '' }]),
    /no file name/,
  ],
  ['two files', (writer) => writer.post([...partsOf(good), contentOf(good)]), /two files/],
];

const archiveCases: TCase[] = [
  ['no zip', upload(withBytes(good, Buffer.from('<html>'))), /wheel/],
  ['an empty file', upload(withBytes(good, Buffer.alloc(0))), /wheel/],
  ['half a wheel', upload(withBytes(good, good.bytes.subarray(0, good.bytes.length / 2))), /wheel/],
  ['bytes behind a wheel', upload(withBytes(good, Buffer.concat([good.bytes, Buffer.from('x')]))), /wheel/],
  ['no METADATA', upload(madeWheel(without(METADATA))), /The wheel has no .dist-info\/METADATA/],
  [
    'METADATA in two cases',
    upload(madeWheel([...wheelParts(), { name: 'demo-1.0.dist-info/Metadata', content: metadataOf('demo', '1.0') }])),
    /whose name is in the wrong case/,
  ],
  ['no WHEEL', upload(madeWheel(without('demo-1.0.dist-info/WHEEL'))), /The wheel has no .dist-info\/WHEEL/],
  ['no RECORD', upload(madeWheel(without('demo-1.0.dist-info/RECORD'))), /The wheel has no .dist-info\/RECORD/],
  [
    'two METADATA',
    upload(madeWheel([...wheelParts(), { name: 'x-2.dist-info/METADATA', content: metadataOf('x', '2') }])),
    /more than one .dist-info\/METADATA/,
  ],
  ['one path twice', upload(madeWheel([...wheelParts(), { name: METADATA, content: 'x' }])), /wheel/],
  ['a path that leads out', upload(madeWheel([...wheelParts(), { name: '../evil', content: '' }])), /wheel/],
  ['an absolute path', upload(madeWheel([...wheelParts(), { name: '/etc/passwd', content: '' }])), /wheel/],
  ['a link', upload(madeWheel([...wheelParts(), { name: 'l', content: '/etc', mode: 0o120777 }])), /wheel/],
  [
    'a METADATA that says another version',
    upload(wheel('demo', '1.0', { metadata: metadataOf('demo', '6.6') })),
    /the METADATA in the file says 6\.6/,
  ],
  [
    'HTML in Requires-Python',
    upload(wheel('demo', '1.0', { fields: ['Requires-Python: "><script>alert(1)</script>'] })),
    /Requires-Python in METADATA is not a set/,
  ],
  ['METADATA without a Name', upload(wheel('demo', '1.0', { metadata: 'Metadata-Version: 2.1\n' })), /no field Name/],
  ['METADATA of 5 MB', upload(wheel('demo', '1.0', { description: 'x'.repeat(5_000_000) })), /METADATA/],
  [
    'a zip that lies about sizes',
    upload(madeWheel([...wheelParts(), { name: 'x', content: 'xx', central: { size: 9 } }])),
    /wheel/,
  ],
];

const bomb = Buffer.alloc(80 * 1024 * 1024);

const sdistCases: TCase[] = [
  ['no tar', upload({ ...sdistOf(), bytes: gzipSync('x'.repeat(1000)) }), /sdist/],
  ['no gzip', upload({ ...sdistOf(), bytes: Buffer.from('no gzip') }), /sdist/],
  ['no PKG-INFO', upload(sdistOf({ name: 'demo-1.0/setup.py', content: '' })), /The sdist has no PKG-INFO/],
  ['a PKG-INFO beside its folder', upload(sdistOf({ ...sdistFile, name: 'PKG-INFO' })), /sdist/],
  ['a path with ..', upload(sdistOf(sdistFile, { name: 'demo-1.0/../../evil', content: 'x' })), /sdist/],
  ['an absolute path', upload(sdistOf(sdistFile, { name: '/etc/passwd', content: 'x' })), /sdist/],
  [
    'a link that leads out',
    upload(sdistOf(sdistFile, { name: 'demo-1.0/l', type: '2', linkname: '../../etc' })),
    /sdist/,
  ],
  ['a device', upload(sdistOf(sdistFile, { name: 'demo-1.0/d', type: '3' })), /sdist/],
  ['two folders', upload(sdistOf(sdistFile, { name: 'other/x', content: '' })), /sdist/],
  ['a tar cut off', upload({ ...sdistOf(), bytes: sdistOf(sdistFile).bytes.subarray(0, 100) }), /sdist/],
];

t.test('what disagrees, is missing or is broken is a 4xx with a sentence, and nothing is stored', async (t) => {
  const { writer, everything } = await pypiWorld(t);
  for (const [what, send, says] of [...fieldCases, ...archiveCases, ...sdistCases]) {
    const answer = await send(writer);
    t.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status} ${answer.text}`);
    t.match(answer, { text: says, headers: { 'Content-Type': 'text/plain; charset=utf-8' } }, what);
    t.same(await everything(), [], `${what}: nothing is stored`);
  }
  t.match(await writer.upload(good), { status: 200 }, 'the good one still goes');
});

t.test('bombs are refused', async (t) => {
  const { writer, everything } = await pypiWorld(t);
  const zipBomb = madeWheel([...wheelParts(), { name: 'demo/zeros', content: bomb }]);
  t.match(await writer.upload(zipBomb), { status: 413, text: /The wheel unpacks to more than 50 times its size/ });
  const tarBomb = sdistOf(sdistFile, { name: 'demo-1.0/zeros', content: bomb });
  t.match(await writer.upload(tarBomb), { status: 413, text: /The sdist unpacks to more than 50 times its size/ });
  t.same(await everything(), []);
});

t.test('the limits of the registry', async (t) => {
  const { writer, everything } = await pypiWorld(t, {
    limits: { maxArtifactSize: 100_000, maxMetadataSize: 50_000, maxUnpackedSize: 200_000 },
  });
  const noise = Array.from({ length: 60_000 }, (_, at) => hex('md5', String(at)).slice(0, 4)).join('');
  const large = wheel('demo', '1.0', { files: { 'demo/noise': noise } });
  t.match(await writer.upload(large), { status: 413 }, 'the file');
  const unpacked = wheel('demo', '1.0', { files: { 'demo/text': 'x'.repeat(300_000) } });
  t.match(await writer.upload(unpacked), { status: 413, text: /unpacks to more than/ }, 'what it unpacks to');
  const field = await writer.upload(good, { description: 'x'.repeat(60_000) });
  t.match(field, { status: 413, text: /The field "description" is larger than/ }, 'a field, which is never cut');
  t.same(await everything(), []);
  t.match(await writer.upload(good, { description: 'x'.repeat(40_000) }), { status: 200 });
});

t.test('a readme of 2 MB is no problem', async (t) => {
  const { writer, anon } = await pypiWorld(t);
  const description = `${'word '.repeat(400_000)}end`;
  const file = wheel('demo', '1.0', { description });
  t.match(await writer.upload(file, { description }), { status: 200 });
  t.equal(((await anon.get('/pypi/demo/json')).json().info as { description: string }).description, description);
});

t.test('broken requests over the wire', async (t) => {
  const { registry, writer, everything } = await pypiWorld(t, { limits: { bodyIdleTimeoutMs: 300 } });
  const { port } = await serveWith(t, registry);
  const { bytes, contentType } = multipart(partsOf(good));
  const half = bytes.subarray(0, bytes.length >> 1);
  const post = (type: string, ...more: string[]) => [
    'POST /pypi/ HTTP/1.1',
    'Host: x',
    'Connection: close',
    `Authorization: Bearer ${writer.token}`,
    `Content-Type: ${type}`,
    ...more,
  ];
  const length = (count: number) => `Content-Length: ${count}`;
  const cases: [what: string, head: string[], body: Buffer | string, status: number][] = [
    ['a form that breaks off', post(contentType, length(half.length)), half, 400],
    ['a sender that falls silent', post(contentType, length(bytes.length)), half, 408],
    ['no boundary', post('multipart/form-data', length(bytes.length)), bytes, 400],
    ['another boundary', post('multipart/form-data; boundary=x', length(bytes.length)), bytes, 400],
    ['no form at all', post('application/json', length(2)), '{}', 415],
    ['an empty body', post(contentType, length(0)), '', 400],
    ['a reader of the index', ['POST /simple/ HTTP/1.1', 'Host: x', 'Connection: close', length(0)], '', 405],
  ];
  for (const [what, head, body, status] of cases) {
    const client = await RawClient.connect(port);
    client.head(...head);
    client.socket.write(body);
    t.match(await client.until(/\r\n\r\n/), new RegExp(`^HTTP/1\\.1 ${status} `), what);
    client.socket.destroy();
    t.same(await everything(), [], `${what}: nothing is stored`);
  }
});

t.test('the reason phrase says what is wrong too: twine, hatch, pdm and pip print nothing else', async (t) => {
  const { writer, anon } = await pypiWorld(t);
  t.match(await writer.upload(wheel('demo', '1.0')), { status: 200 });
  const changed = withBytes(good, zipOf([...wheelParts(), { name: 'more.py', content: 'y' }]));
  for (const answer of [
    await writer.upload(changed),
    await writer.upload(good, { name: 'other' }),
    await anon.upload(good),
    await anon.get('/simple/absent/'),
    await anon.get('/pypi/absent/json'),
  ]) {
    const { message } = answer.text.startsWith('{') ? answer.json() : { message: answer.text.trim() };
    t.equal(answer.statusText, message, `${answer.status}`);
  }
  t.match((await writer.upload(changed)).statusText, /^File already exists/);
});
