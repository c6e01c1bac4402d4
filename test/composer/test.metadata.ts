import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { clockOf, composerWorld } from '../support/composer/actors.js';
import { packageZip, sha1 } from '../support/composer/packages.js';

t.test('each version is in the file in which Composer looks for it', async (t) => {
  const { writer, anon } = await composerWorld(t);
  const versions = [
    '1.0.0',
    'dev-main',
    '7.3.x-dev',
    '2.0.0-alpha1',
    '2.0.0-beta.2',
    '2.0.0-RC1',
    'dev-feature/x',
    '3.0-dev',
  ];
  for (const version of versions) t.equal((await writer.publish('acme/lib', version)).status, 201, version);
  const shown = async (dev: boolean) => (await anon.versions('acme/lib', dev)).map(({ version }) => version).reverse();
  t.same(await shown(false), ['1.0.0', '2.0.0-alpha1', '2.0.0-beta.2', '2.0.0-RC1']);
  t.same(await shown(true), ['dev-main', '7.3.x-dev', 'dev-feature/x', '3.0-dev']);
  for (const file of ['acme/lib.json', 'acme/lib~dev.json']) {
    t.match((await anon.get(`/p2/${file}`)).json(), { minified: 'composer/2.0', 'security-advisories': [] });
  }
});

t.test('both files exist as soon as the package has any version', async (t) => {
  const { writer, anon } = await composerWorld(t);
  for (const file of ['acme/lib.json', 'acme/lib~dev.json']) t.equal((await anon.get(`/p2/${file}`)).status, 404);
  await writer.publish('acme/lib', '1.0.0');
  t.same((await anon.get('/p2/acme/lib~dev.json')).json(), {
    minified: 'composer/2.0',
    packages: { 'acme/lib': [] },
    'security-advisories': [],
  });
  await writer.publish('acme/branch', 'dev-main');
  t.match(await anon.get('/p2/acme/branch.json'), { status: 200 });
  t.same((await anon.get('/p2/acme/branch.json')).json().packages, { 'acme/branch': [] });
});

t.test('what composer.json says is passed on, except for what the registry decides', async (t) => {
  const { registry, writer, anon } = await composerWorld(t);
  clockOf(registry);
  const source = { type: 'git', url: 'https://git.example.org/acme/lib.git', reference: 'abc' };
  const manifest = {
    time: '2020-02-02T02:02:02+00:00',
    source,
    abandoned: 'acme/other',
    extra: { 'branch-alias': { 'dev-main': '1.0.x-dev' }, mine: [1, { two: null }] },
    'php-ext': { 'extension-name': 'x' },
    'x-unknown': { a: 1 },
    autoload: { files: ['x.php'] },
    // what follows is ours to say
    'published-time': '1999-01-01T00:00:00Z',
    version_normalized: '9.9.9.9',
    dist: { type: 'zip', url: 'https://evil.example.org/x.zip' },
    'notification-url': 'https://evil.example.org/',
    'transport-options': { http: { proxy: 'evil.example.org' } },
    'installation-source': 'source',
  };
  const zip = packageZip('acme/lib', '1.0.0', manifest);
  t.equal((await writer.put('/packages/acme/lib', zip)).status, 201);
  await writer.publish('acme/lib', '1.1.0');
  const [newer, version] = await anon.versions('acme/lib');
  const { name, description, type, license } = version as Record<string, unknown>;
  t.same(version, {
    ...{ name, description, type, license, version: '1.0.0', version_normalized: '1.0.0.0' },
    time: manifest.time,
    source,
    abandoned: 'acme/other',
    extra: manifest.extra,
    'php-ext': manifest['php-ext'],
    'x-unknown': { a: 1 },
    autoload: manifest.autoload,
    'published-time': '2026-01-01T00:00:00.000Z',
    dist: {
      type: 'zip',
      url: `http://composer.example.org/composer/dists/acme/lib/${sha1(zip)}.zip`,
      reference: sha1(zip),
      shasum: sha1(zip),
    },
  });
  t.match(newer, { time: '2026-01-01T00:00:00.000Z', 'published-time': '2026-01-01T00:00:00.000Z' });
  t.notOk(Object.hasOwn(newer as object, 'source'), 'nothing leaks from one version into the next');
});

t.test('every version of both files has the time of its upload, however it is minified', async (t) => {
  const { registry, writer, anon } = await composerWorld(t);
  const tick = clockOf(registry);
  const uploads = ['1.0.0', 'dev-main', '1.1.0', 'dev-next', '1.2.0'];
  for (const version of uploads) {
    await writer.publish('acme/lib', version);
    tick(3_600_000);
  }
  const times = [...(await anon.versions('acme/lib')), ...(await anon.versions('acme/lib', true))].map(
    (version) => [version.version, version['published-time']] as [string, string],
  );
  t.same(
    Object.fromEntries(times),
    Object.fromEntries(uploads.map((version, hour) => [version, `2026-01-01T0${hour}:00:00.000Z`])),
  );
});

t.test('304 by ETag and by date, gzip, HEAD', async (t) => {
  const { registry, writer, anon } = await composerWorld(t);
  const tick = clockOf(registry);
  await writer.publish('acme/lib', '1.0.0', { extra: { text: 'x'.repeat(2000) } });
  const path = '/p2/acme/lib.json';
  t.notOk((await anon.get(path)).headers['Last-Modified'], 'no date while the change is young');
  tick(10_000);
  const { headers, bytes } = await anon.get(path);
  t.match(headers, { 'Last-Modified': 'Thu, 01 Jan 2026 00:00:00 GMT', ETag: /^"/ });
  const since = { 'if-modified-since': headers['Last-Modified'] as string };
  t.match(await anon.get(path, since), { status: 304, text: '' });
  t.match(await anon.get(path, { 'if-none-match': headers.ETag as string }), { status: 304 });
  const packed = await anon.get(path, { 'accept-encoding': 'gzip' });
  t.match(packed.headers, { 'Content-Encoding': 'gzip' });
  t.ok(gunzipSync(packed.bytes).equals(bytes));
  t.match(await anon.send('HEAD', path), {
    status: 200,
    text: '',
    headers: { 'Content-Length': String(bytes.length) },
  });
  await writer.publish('acme/lib', '1.1.0');
  t.equal((await anon.get(path, since)).status, 200, 'a change is seen at once');
});

t.test('two changes within one second are both seen, also if the clock of the second one is behind', async (t) => {
  const { registry, writer, anon } = await composerWorld(t);
  const tick = clockOf(registry);
  const path = '/p2/acme/lib~dev.json';
  await writer.publish('acme/lib', 'dev-main', { a: 1 });
  tick(60_000);
  const client = (await anon.get(path)).headers['Last-Modified'] as string;
  // the second one comes from a replica whose clock is half a minute behind
  tick(-90_000);
  await writer.publish('acme/lib', 'dev-main', { a: 2 });
  tick(500);
  await writer.publish('acme/lib', 'dev-main', { a: 3 });
  tick(90_000);
  const fresh = await anon.get(path, { 'if-modified-since': client });
  t.equal(fresh.status, 200);
  const dates = [client, fresh.headers['Last-Modified'] as string].map((date) => Date.parse(date));
  t.equal((dates[1] as number) - (dates[0] as number), 2000, 'a second for each change');
});

t.test('the zip: ranges, 304, immutable', async (t) => {
  const { writer, anon } = await composerWorld(t);
  const zip = packageZip('acme/lib', '1.0.0');
  await writer.put('/packages/acme/lib', zip);
  const path = `/dists/acme/lib/${sha1(zip)}.zip`;
  t.match((await anon.get(path)).headers, { 'Cache-Control': /immutable/, 'Accept-Ranges': 'bytes' });
  t.match(await anon.get(path, { 'if-none-match': `"${sha1(zip)}"` }), { status: 304 });
  t.match(await anon.get(path, { range: 'bytes=-5' }), { status: 206, bytes: zip.subarray(-5) });
  t.match(await anon.get(path, { range: 'bytes=999999-' }), { status: 416 });
  for (const other of [
    '/dists/acme/lib/ffff.zip',
    '/dists/acme/lib/metadata.zip',
    `/dists/acme/other/${sha1(zip)}.zip`,
  ]) {
    t.equal((await anon.get(other)).status, 404, other);
  }
  const message = async (name: string) => (await anon.get(`/dists/${name}.zip`)).json().message;
  t.equal(await message('acme/lib/ffff'), 'acme/lib ffff.zip is not in this registry');
  t.equal(await message(`acme/lib/${'f'.repeat(65)}`), `acme/lib ${'f'.repeat(64)}.zip is not in this registry`);
  t.equal(await message('acme/other/ffff'), 'acme/other is not in this registry');
});

t.test('hooks are told what is read', async (t) => {
  const told: object[] = [];
  const { writer, anon } = await composerWorld(t, {
    storageHooks: { afterGet: async ({ key, metadata }) => void told.push({ key, ...metadata }) },
  });
  const [one, two] = [1, 2].map((a) => packageZip('acme/lib', 'dev-main', { a })) as [Buffer, Buffer];
  for (const zip of [one, two]) await writer.put('/packages/acme/lib', zip);
  const paths = [`dists/acme/lib/${sha1(two)}.zip`, `dists/acme/lib/${sha1(one)}.zip`, 'p2/acme/lib.json'];
  for (const path of paths) t.equal((await anon.get(`/${path}`)).status, 200);
  const about = (zip: Buffer) => ({
    key: `composer/packages/acme/lib/${sha1(zip)}.zip`,
    kind: 'artifact',
    packageName: 'acme/lib',
    size: zip.length,
    digest: `sha256:${createHash('sha256').update(zip).digest('hex')}`,
    contentType: 'application/zip',
  });
  const document = { kind: 'document', packageName: 'acme/lib', contentType: 'application/json' };
  t.same(told, [
    { ...about(two), version: 'dev-main' },
    about(one),
    { key: 'composer/packages/acme/lib/metadata.json', ...document },
  ]);
});

t.test('a name that must not be seen and one that is not there are the same plain 404', async (t) => {
  const anonymous = { auth: { anonymousScopes: ['composer:package:open/*:read'] } };
  const { writer, anon } = await composerWorld(t, anonymous);
  await writer.publish('open/lib', '1.0.0');
  const zip = packageZip('closed/lib', '1.0.0');
  await writer.put('/packages/closed/lib', zip);
  t.equal((await anon.get('/p2/open/lib.json')).status, 200);
  for (const path of ['/p2/NAME.json', '/p2/NAME~dev.json', `/dists/NAME/${sha1(zip)}.zip`]) {
    const hidden = await anon.get(path.replace('NAME', 'closed/lib'));
    const absent = await anon.get(path.replace('NAME', 'closed/not'));
    t.match(hidden, { status: 404, headers: { 'Content-Type': 'application/json' } }, path);
    t.equal(hidden.text.replaceAll('closed/lib', '?'), absent.text.replaceAll('closed/not', '?'));
    t.notMatch(hidden.json(), { warning: /./ }, 'Composer would print it for each package that is elsewhere');
  }
  t.equal((await writer.get('/p2/closed/lib.json')).status, 200);
});

t.test('a private registry asks for credentials, and takes them in each form', async (t) => {
  const { writer, anon, registry } = await composerWorld(t, { auth: { anonymousScopes: [] } });
  await writer.publish('acme/lib', '1.0.0');
  t.notOk(Object.hasOwn((await anon.get('/packages.json')).json(), 'warning'), 'Composer asks, and prints nothing');
  const forbidden = (await writer.delete('/packages/acme/lib')).json();
  t.match(forbidden, { status: 'error', message: /delete on package acme\/lib/, warning: forbidden.message });
  const [{ dist }] = (await writer.versions('acme/lib')) as [{ dist: { reference: string } }];
  for (const path of [
    ...['/packages.json', '/p2/acme/lib.json', '/p2/acme/lib~dev.json', `/dists/acme/lib/${dist.reference}.zip`],
    ...['/search.json', '/packages/list.json', '/filter.json', '/providers/acme/lib.json', '/security-advisories'],
  ]) {
    t.match(await anon.get(path), { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="composer"' } }, path);
    t.equal((await anon.get(path, { authorization: 'Bearer wrong' })).status, 401, 'never 400');
    const basic = (user: string, password: string) => ({
      authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
    });
    t.equal((await anon.get(path, basic('token', writer.token as string))).status, 200, path);
    t.equal((await anon.get(path, basic('ann', 'correct horse battery'))).status, 200, path);
    t.equal((await anon.get(path, { authorization: `Bearer ${writer.token}` })).status, 200, path);
  }
  const npm = await registry.getAuthManager().createNpmToken('ann');
  t.equal((await anon.get('/packages.json', { authorization: `Bearer ${npm}` })).status, 401, 'of another protocol');
});
