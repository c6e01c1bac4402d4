import t from 'tap';
import { composerWorld } from '../support/composer/actors.js';
import { packageZip, sha1 } from '../support/composer/packages.js';

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
