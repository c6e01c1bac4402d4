import t from 'tap';
import { zipOf as zipOfParts } from '../support/archives/zips.js';
import { composerWorld } from '../support/composer/actors.js';
import { packageZip, zipOf } from '../support/composer/packages.js';
import { multipart } from '../support/multipart.js';

const withManifest = (text: string | object): Buffer => zipOf({ 'composer.json': text });
const good = { name: 'acme/lib', version: '1.0.0' };
const deep = (levels: number): string =>
  `{"name":"acme/lib","version":"1.0.0","extra":${'['.repeat(levels)}${']'.repeat(levels)}}`;

t.test('what is wrong is a 4xx with a sentence, and nothing is stored', async (t) => {
  const { registry, writer } = await composerWorld(t, {
    limits: { maxUnpackedSize: 10_000_000, maxArtifactSize: 5_000_000 },
  });
  const cases: Record<string, [body: unknown, message: RegExp, status?: number]> = {
    'no body': [undefined, /not a zip|empty|cut short/],
    'no zip': [Buffer.from('<html>'.repeat(100)), /not a zip file/],
    'half a zip': [packageZip('acme/lib', '1.0.0').subarray(0, 200), /cut short/],
    'a tail': [Buffer.concat([packageZip('acme/lib', '1.0.0'), Buffer.from('x')]), /behind its end/],
    'no composer.json': [zipOf({ 'src/a.php': 'x' }), /no composer\.json/],
    'no JSON': [withManifest('{"name": "acme/lib",}'), /not valid JSON/],
    'no UTF-8': [zipOf({ 'composer.json': Buffer.from([0x7b, 0xff, 0x7d]) }), /not valid JSON/],
    'a list': [withManifest('[]'), /not an object/],
    null: [withManifest('null'), /not an object/],
    'a text': [withManifest('"acme/lib"'), /not an object/],
    'no name': [withManifest({ version: '1.0.0' }), /no "name"/],
    'a number as name': [withManifest({ name: 5, version: '1.0.0' }), /no "name"/],
    'a name that none can have': [withManifest({ ...good, name: 'acme' }), /invalid name/],
    'another package': [withManifest({ ...good, name: 'acme/other' }), /is of acme\/other, not of acme\/lib/],
    'no version': [withManifest({ name: 'acme/lib' }), /version is missing/],
    'a number as version': [withManifest({ ...good, version: 1.5 }), /"version" must be a text/],
    'no such version': [withManifest({ ...good, version: 'latest' }), /Invalid version string "latest"/],
    'an endless version': [
      withManifest({ ...good, version: '1'.repeat(100_000) }),
      /^Invalid version string "1{64}…"$/,
    ],
    'an endless branch': [withManifest({ ...good, version: `dev-${'x'.repeat(100_000)}` }), /Invalid version string/],
    'a constraint that Composer cannot read': [
      withManifest({ ...good, require: { php: 'eight' } }),
      /"require" has an invalid version constraint: php: eight/,
    ],
    'links as a text': [withManifest({ ...good, require: 'php' }), /"require" must be an object/],
    'a link without a constraint': [withManifest({ ...good, replace: { 'a/b': null } }), /"replace" must be/],
    'bin as an object': [withManifest({ ...good, bin: { a: 1 } }), /"bin" must be/],
    'authors as a text': [withManifest({ ...good, authors: 'me' }), /"authors" must be/],
    'a source without a reference': [withManifest({ ...good, source: { type: 'git', url: 'x' } }), /"source" must be/],
    'an alias that is no text': [
      withManifest({ ...good, extra: { 'branch-alias': { 'dev-main': 1 } } }),
      /"extra" must/,
    ],
    'a value with another meaning': [withManifest({ ...good, description: '__unset' }), /__unset/],
    'levels without end': [withManifest(deep(100_000)), /more than 500 levels/],
    'a path that leads out': [zipOf({ ...{ '../evil.php': 'x' }, 'composer.json': good }), /leads out of its folder/],
    'an absolute path': [zipOf({ '/etc/passwd': 'x', 'composer.json': good }), /leads out of its folder/],
    'a link that leads out': [
      zipOfParts([
        { name: 'lib-1.0/composer.json', content: JSON.stringify(good) },
        { name: 'lib-1.0/config', content: '../../../.env', mode: 0o120777 },
      ]),
      /a link that leads out of its folder/,
    ],
    'a link to an absolute path': [
      zipOfParts([
        { name: 'composer.json', content: JSON.stringify(good) },
        { name: 'passwords', content: '/etc/passwd', mode: 0o120777, stored: true },
      ]),
      /a link that leads out of its folder/,
    ],
    'a device': [
      zipOfParts([
        { name: 'composer.json', content: JSON.stringify(good) },
        { name: 'null', content: '', mode: 0o020666 },
      ]),
      /no file, folder or link/,
    ],
    'a huge composer.json': [withManifest({ ...good, a: 'x'.repeat(2_000_000) }), /composer\.json/],
    'a bomb': [zipOf({ 'composer.json': good, 'zero.bin': Buffer.alloc(20_000_000) }), /unpack/, 413],
    'too large': [Buffer.alloc(6_000_000), /./, 413],
  };
  for (const [what, [body, message, status = 400]] of Object.entries(cases)) {
    const answer = await writer.put('/packages/acme/lib', body);
    t.equal(answer.status, status, `${what}: ${answer.text}`);
    const { status: word, message: text, warning } = answer.json() as Record<string, string>;
    t.same([word, warning], ['error', text], what);
    t.match(text, message, what);
    t.ok((text as string).length < 500, what);
  }
  const left = [];
  for await (const { key } of registry.getStorage().listDocuments({ prefix: '' }))
    if (!key.startsWith('auth/')) left.push(key);
  t.same(left, [], 'neither in staging nor elsewhere');
});

t.test(
  'a zip of 70 MB that unpacks to more than 50 times its size, and a form with two zips, are refused',
  async (t) => {
    const { writer, stored } = await composerWorld(t);
    const zeros = packageZip('acme/lib', '1.0.0', {}, { 'zeros.bin': Buffer.alloc(70_000_000) });
    t.match(await writer.put('/packages/acme/lib', zeros), { status: 413, text: /more than 50 times its size/ });
    const file = { name: 'f', filename: 'x.zip', value: packageZip('acme/lib', '1.0.0') };
    const { bytes, contentType } = multipart([file, file]);
    const two = await writer.send('POST', '/packages/acme/lib', bytes, { 'content-type': contentType });
    t.match(two, { status: 400, text: /more than 1 files/ });
    t.same(await stored(), []);
  },
);

t.test('levels that PHP reads are no trouble, up to the answer', async (t) => {
  const { writer, anon } = await composerWorld(t);
  t.equal((await writer.put('/packages/acme/lib', withManifest(deep(480)))).status, 201);
  t.equal((await anon.get('/p2/acme/lib.json')).status, 200);
});

t.test('a body that stops half-way', async (t) => {
  const { writer, stored } = await composerWorld(t);
  const zip = packageZip('acme/lib', '1.0.0', {}, { 'a.bin': Buffer.alloc(400_000, 'x') });
  const broken = async function* () {
    yield zip.subarray(0, 300);
    throw new Error('the client is gone');
  };
  t.match(await writer.put('/packages/acme/lib', broken()), { status: 400 });
  const short = await writer.put('/packages/acme/lib', zip.subarray(0, 300), { 'content-length': String(zip.length) });
  t.match(short, { status: 400 });
  const { bytes, contentType } = multipart([{ name: 'f', filename: 'x.zip', value: zip }]);
  const form = await writer.send('POST', '/packages/acme/lib', bytes.subarray(0, 500), { 'content-type': contentType });
  t.match(form, { status: 400 });
  t.same(await stored(), []);
});

t.test('names that no package can have', async (t) => {
  const { writer, admin, anon, stored } = await composerWorld(t);
  for (const name of [
    'acme/lib%00',
    'acme/..',
    'acme/-lib',
    'acme/li b',
    '_/_',
    `acme/${'x'.repeat(300)}`,
    'acme/l%2Fib',
    'acme/é',
  ]) {
    const answer = await writer.put(`/packages/${name}`, packageZip('acme/lib', '1.0.0'));
    t.equal(answer.status, 400, name);
    t.match((await anon.get(`/p2/${name}.json`)).status.toString(), /^40[04]$/, name);
  }
  t.equal((await anon.get('/p2/__proto__/constructor.json')).status, 404);
  t.equal((await admin.delete('/packages/acme/none')).status, 404);
  t.equal((await admin.delete('/packages/acme/none/1.0.0')).status, 404);
  t.equal((await admin.delete('/packages/acme/none/not-a-version')).status, 400);
  t.same(await stored(), []);
});

t.test('members of composer.json with names that JavaScript has for itself', async (t) => {
  const { writer, anon } = await composerWorld(t);
  const text =
    '{"name":"acme/lib","version":"1.0.0","__proto__":{"x":1},"constructor":"c","require":{"__proto__":"^1.0"}}';
  t.equal((await writer.put('/packages/acme/lib', withManifest(text))).status, 201);
  const served = (await anon.get('/p2/acme/lib.json')).text;
  for (const part of ['"__proto__":{"x":1}', '"constructor":"c"', '"require":{"__proto__":"^1.0"}']) {
    t.ok(served.includes(part), part);
  }
});

t.test('HTML in metadata stays text', async (t) => {
  const { writer, anon } = await composerWorld(t);
  const description = '<script>alert(1)</script>';
  await writer.publish('acme/lib', '1.0.0', { description });
  for (const path of ['/p2/acme/lib.json', '/search.json?q=lib']) {
    const { headers, text } = await anon.get(path);
    t.match(headers, { 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff' }, path);
    t.ok(text.includes(JSON.stringify(description)), path);
  }
});

t.test('the query and methods', async (t) => {
  const { writer, registry } = await composerWorld(t);
  t.ok(registry);
  t.equal((await writer.send('PATCH', '/packages/acme/lib')).status, 405);
  t.equal((await writer.put('/packages.json', 'x')).status, 405);
  t.equal((await writer.put('/p2/acme/lib.json', 'x')).status, 405);
  t.equal((await writer.get('/nothing')).status, 404);
});
