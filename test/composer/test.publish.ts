import { randomBytes } from 'node:crypto';
import t from 'tap';
import { clockOf, composerWorld } from '../support/composer/actors.js';
import { packageZip, sha1, zipOf } from '../support/composer/packages.js';

t.test('a package is uploaded, read and downloaded', async (t) => {
  const { anon, writer, stored } = await composerWorld(t);
  const zip = packageZip('acme/lib', '1.0.0', {
    require: { php: '>=8.1', 'psr/log': '^1.0 || ^2.0' },
    keywords: ['a'],
  });
  t.equal((await anon.put('/packages/acme/lib', zip)).status, 401);
  t.same(await stored(), []);
  const answer = await writer.put('/packages/acme/lib', zip);
  const reference = sha1(zip);
  t.match(answer, { status: 201 });
  t.match(answer.json(), { status: 'success', version: '1.0.0', version_normalized: '1.0.0.0', reference });
  t.same(await stored(), [`composer/packages/acme/lib/${reference}.zip`, 'composer/packages/acme/lib/metadata.json']);

  const metadata = await anon.get('/p2/acme/lib.json');
  t.match(metadata, { status: 200, headers: { 'Content-Type': 'application/json' } });
  const url = `http://composer.example.org/composer/dists/acme/lib/${reference}.zip`;
  t.match(await anon.versions('acme/lib'), [
    {
      name: 'acme/lib',
      version: '1.0.0',
      version_normalized: '1.0.0.0',
      description: 'The package acme/lib',
      require: { php: '>=8.1', 'psr/log': '^1.0 || ^2.0' },
      dist: { type: 'zip', url, reference, shasum: reference },
      time: /^\d{4}-.*Z$/,
      'published-time': /^\d{4}-.*Z$/,
    },
  ]);
  const file = await anon.get(`/dists/acme/lib/${reference}.zip`);
  t.match(file, { status: 200, headers: { 'Content-Type': 'application/zip', ETag: `"${reference}"` } });
  t.ok(file.bytes.equals(zip));
  t.equal((await anon.get(`/dists/acme/lib/${reference}.zip`, { range: 'bytes=0-9' })).bytes.length, 10);
  t.equal((await anon.send('HEAD', `/dists/acme/lib/${reference}.zip`)).headers['Content-Length'], String(zip.length));
});

t.test('a version comes with the request if composer.json has none', async (t) => {
  const { writer, anon } = await composerWorld(t);
  const zip = packageZip('acme/lib');
  t.match((await writer.put('/packages/acme/lib', zip)).json(), { message: /version is missing.*\?version=/i });
  t.equal((await writer.put('/packages/acme/lib?version=1.2', zip)).status, 201);
  t.match(await anon.versions('acme/lib'), [{ version: '1.2', version_normalized: '1.2.0.0' }]);
  t.equal((await writer.put('/packages/acme/lib?version=', zip)).status, 400, 'an empty one is none');

  const own = packageZip('acme/lib', '2.0.0');
  const refused = await writer.put('/packages/acme/lib?version=2.1.0', own);
  t.match(refused, { status: 400 });
  t.match(refused.json(), { status: 'error', message: /2\.1\.0.*2\.0\.0/ });
  t.equal((await writer.put('/packages/acme/lib?version=v2.0', own)).status, 201, 'the same in another spelling');
});

t.test('a large zip is streamed in and out', async (t) => {
  const { writer, anon } = await composerWorld(t);
  const zip = packageZip('acme/big', '1.0.0', {}, { 'noise.bin': randomBytes(3_000_000) });
  const chunks = async function* () {
    for (let at = 0; at < zip.length; at += 50_000) yield zip.subarray(at, at + 50_000);
  };
  t.equal((await writer.put('/packages/acme/big', chunks())).status, 201);
  t.ok((await anon.get(`/dists/acme/big/${sha1(zip)}.zip`)).bytes.equals(zip));
});

t.test('the same bytes again are a success; other bytes are a conflict', async (t) => {
  const { writer, anon, stored } = await composerWorld(t);
  const zip = packageZip('acme/lib', '1.0.0');
  const answer = await writer.put('/packages/acme/lib', zip);
  const [first] = await anon.versions('acme/lib');
  const told = {
    status: 'success',
    name: 'acme/lib',
    version: '1.0.0',
    version_normalized: '1.0.0.0',
    reference: sha1(zip),
    'published-time': first?.['published-time'],
  };
  t.same([answer.status, answer.json()], [201, told]);
  const keys = await stored();
  const again = await writer.put('/packages/acme/lib', zip);
  t.same([again.status, again.json()], [200, told]);
  t.same(await anon.versions('acme/lib'), [first], 'nothing has changed, the time neither');
  t.same(await stored(), keys);
  for (const version of ['1.0.0', 'v1.0', '1.0.0+build']) {
    const other = await writer.put('/packages/acme/lib', packageZip('acme/lib', version, { description: 'other' }));
    t.match(other, { status: 409 }, version);
    t.match(other.json(), { message: /acme\/lib 1\.0\.0 exists already/ });
  }
  t.same(await stored(), keys, 'nothing was stored');
});

t.test('two versions with the same bytes', async (t) => {
  const { writer, admin, anon } = await composerWorld(t);
  const zip = packageZip('acme/lib');
  t.equal((await writer.put('/packages/acme/lib?version=1.0.0', zip)).status, 201);
  t.equal((await writer.put('/packages/acme/lib?version=1.0.1', zip)).status, 201);
  t.equal((await admin.delete('/packages/acme/lib/1.0.0')).status, 200);
  t.ok((await anon.get(`/dists/acme/lib/${sha1(zip)}.zip`)).bytes.equals(zip), 'the other one is whole');
});

t.test('a dev version is replaced, with a new reference and time', async (t) => {
  const { registry, writer, anon } = await composerWorld(t);
  const tick = clockOf(registry);
  for (const version of ['dev-main', '1.x-dev']) {
    const [one, two] = [packageZip('acme/lib', version, { a: 1 }), packageZip('acme/lib', version, { a: 2 })];
    t.equal((await writer.put('/packages/acme/lib', one)).status, 201);
    const before = (await anon.versions('acme/lib', true)).find((found) => found.version === version);
    tick(60_000);
    t.equal((await writer.put('/packages/acme/lib', two)).status, 201);
    const after = (await anon.versions('acme/lib', true)).find((found) => found.version === version);
    t.match(after, { a: 2, dist: { reference: sha1(two), shasum: sha1(two) } });
    t.not(after?.['published-time'], before?.['published-time']);
    t.ok((await anon.get(`/dists/acme/lib/${sha1(two)}.zip`)).bytes.equals(two));
    t.ok((await anon.get(`/dists/acme/lib/${sha1(one)}.zip`)).bytes.equals(one), 'lock files name the one before');
  }
});

t.test('ten zips that were replaced are kept, older ones are deleted', async (t) => {
  const { writer, anon, stored } = await composerWorld(t);
  const zips = Array.from({ length: 13 }, (_, a) => packageZip('acme/lib', 'dev-main', { a }));
  for (const zip of zips) t.equal((await writer.put('/packages/acme/lib', zip)).status, 201);
  const there = await Promise.all(zips.map(async (zip) => (await anon.get(`/dists/acme/lib/${sha1(zip)}.zip`)).status));
  t.same(there, [404, 404, ...Array(11).fill(200)]);
  t.equal((await stored()).length, 12, 'eleven zips and the document');
  t.equal((await writer.put('/packages/acme/lib', zips[0])).status, 201, 'and back to the first one');
  t.ok((await anon.get(`/dists/acme/lib/${sha1(zips[0] as Buffer)}.zip`)).bytes.equals(zips[0] as Buffer));
});

t.test('composer.json in the one top folder; what an archiver leaves beside it does not count', async (t) => {
  const { writer, anon } = await composerWorld(t);
  const manifest = { name: 'acme/lib', version: '1.0.0' };
  const places: Record<string, Record<string, string | object>> = {
    '1.0.0': { 'acme-lib-1234/composer.json': manifest, 'acme-lib-1234/src/a.php': 'x' },
    '1.1.0': { 'lib/composer.json': manifest, '__MACOSX/lib/._composer.json': 'x', '.DS_Store': 'x', 'Thumbs.db': 'x' },
    '1.2.0': { './composer.json': manifest, 'demo/composer.json': { name: 'other/demo' } },
  };
  for (const [version, files] of Object.entries(places)) {
    const given = Object.entries(files).map(([path, content]) => [
      path,
      content === manifest ? { ...manifest, version } : content,
    ]);
    const answer = await writer.put('/packages/acme/lib', zipOf(Object.fromEntries(given)));
    t.equal(answer.status, 201, `${version} ${answer.text}`);
  }
  t.equal((await anon.versions('acme/lib')).length, 3);
  for (const files of [
    { 'a/composer.json': manifest, 'b/x': 'x' },
    { 'a/b/composer.json': manifest },
    { 'a/composer.json': manifest, 'README.md': 'x' },
    { 'src/a.php': 'x' },
  ]) {
    const answer = await writer.put('/packages/acme/lib', zipOf(files as object as Record<string, string>));
    t.match(answer, { status: 400 });
    t.match(answer.json(), { message: /no composer\.json at its top/ });
  }
});

t.test('names are stored in lower case, as Composer asks for them', async (t) => {
  const { writer, anon, stored } = await composerWorld(t);
  t.equal((await writer.put('/packages/Acme/Lib', packageZip('ACME/lib', '1.0.0'))).status, 201);
  t.match(await stored(), [/^composer\/packages\/acme\/lib\//, 'composer/packages/acme/lib/metadata.json']);
  t.match(await anon.versions('acme/lib'), [{ name: 'acme/lib' }]);
  t.match((await anon.get('/packages.json')).json(), { 'available-packages': ['acme/lib'] });
});

t.test('a deleted version cannot be published again, unless the configuration allows it', async (t) => {
  for (const allowRepublish of [false, true]) {
    const { writer, admin, anon, stored } = await composerWorld(t, { composer: { enabled: true, allowRepublish } });
    const zip = packageZip('acme/lib', '1.0.0');
    await writer.put('/packages/acme/lib', zip);
    await writer.publish('acme/lib', 'dev-main');
    t.equal((await writer.delete('/packages/acme/lib/1.0.0')).status, 403, 'writing is not deleting');
    t.same((await admin.delete('/packages/acme/lib')).json(), { status: 'success', message: 'acme/lib was deleted' });
    t.same(await stored(), ['composer/packages/acme/lib/metadata.json']);
    t.equal((await admin.delete('/packages/acme/lib')).status, 404);
    t.equal((await anon.get('/p2/acme/lib.json')).status, 404);
    t.equal((await writer.put('/packages/acme/lib', zip)).status, allowRepublish ? 201 : 409);
    t.equal((await writer.publish('acme/lib', 'dev-main')).status, 201, 'a dev version is replaceable by design');
    t.equal((await anon.get(`/dists/acme/lib/${sha1(zip)}.zip`)).status, allowRepublish ? 200 : 404);
  }
});

t.test('a zip that comes back is kept once', async (t) => {
  const { writer, anon, stored } = await composerWorld(t);
  const [one, two] = [1, 2].map((a) => packageZip('acme/lib', 'dev-main', { a })) as [Buffer, Buffer];
  for (const zip of [one, two, one, two]) t.equal((await writer.put('/packages/acme/lib', zip)).status, 201);
  t.equal((await stored()).length, 3, 'two zips and the document');
  for (const zip of [one, two]) t.ok((await anon.get(`/dists/acme/lib/${sha1(zip)}.zip`)).bytes.equals(zip));
});

t.test('a member of composer.json that is null is absent for Composer, and no reason to refuse it', async (t) => {
  const { writer, anon } = await composerWorld(t);
  const nothing = { description: null, type: null, keywords: null, require: null, abandoned: null };
  t.equal((await writer.publish('acme/lib', '1.0.0', nothing)).status, 201);
  t.match(await anon.versions('acme/lib'), [{ version: '1.0.0' }]);
  t.match((await anon.get('/search.json?q=acme')).json(), { results: [{ name: 'acme/lib', description: '' }] });
});

t.test('a zip can be had while a branch goes back to it', async (t) => {
  for (const filler of [10, 2_000_000]) {
    let meanwhile = async () => {};
    const { writer, anon } = await composerWorld(t, {
      storageHooks: {
        beforeGet: async () => {
          const run = meanwhile;
          meanwhile = async () => {};
          await run();
          return { allowed: true };
        },
      },
    });
    const [one, two] = [1, 2].map((a) => packageZip('acme/lib', 'dev-main', { a }, { 'a.bin': randomBytes(filler) }));
    await writer.put('/packages/acme/lib', one);
    await writer.put('/packages/acme/lib', two);
    meanwhile = async () => {
      t.equal((await writer.put('/packages/acme/lib', one)).status, 201);
    };
    const answer = await anon.get(`/dists/acme/lib/${sha1(one as Buffer)}.zip`);
    t.equal(answer.status, 200);
    t.ok(answer.bytes.equals(one as Buffer));
  }
});

t.test('a branch that many upload at the same time takes each upload', async (t) => {
  const asked: string[] = [];
  const beforeDelete = async ({ key }: { key: string }) => {
    asked.push(key);
    return { allowed: true };
  };
  for (const storageHooks of [{}, { beforeDelete }]) {
    const { writer, anon, stored } = await composerWorld(t, { storageHooks });
    const zips = Array.from({ length: 30 }, (_, a) => packageZip('acme/lib', 'dev-main', { a }));
    const answers = await Promise.all(zips.map((zip) => writer.put('/packages/acme/lib', zip)));
    t.same([...new Set(answers.map(({ status }) => status))], [201], answers.map(({ text }) => text).join('\n'));
    const [{ dist }] = (await anon.versions('acme/lib', true)) as [{ dist: { reference: string } }];
    const newest = zips.find((zip) => sha1(zip) === dist.reference) as Buffer;
    t.ok((await anon.get(`/dists/acme/lib/${dist.reference}.zip`)).bytes.equals(newest));
    t.equal((await stored()).length, 12, 'the newest zip, the ten before it and the document');
  }
  t.ok(asked.length >= 19, 'the hooks were asked about each zip that was dropped');
});
