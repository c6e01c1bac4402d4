import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { multipart } from '../support/multipart.js';
import { GemActor, gemPart, gemWorld } from '../support/rubygems/actors.js';
import { gemOf } from '../support/rubygems/gems.js';

const hash = (algorithm: string, bytes: Buffer): Buffer => createHash(algorithm).update(bytes).digest();

t.test('a pushed gem is in the index, and comes down as it went up', async (t) => {
  const { anon, writer } = await gemWorld(t);
  const gem = gemOf('demo', '1.10', {
    dependencies: [
      { name: 'rack', requirements: ['>= 1.0', '< 3'] },
      { name: 'rspec', type: 'development' },
    ],
    requiredRuby: ['>= 3.0'],
  });
  const pushed = await writer.push(gem);
  t.equal(pushed.status, 200, pushed.text);
  t.equal(pushed.text, 'Successfully registered gem: demo (1.10)\n', 'gem push prints it');
  const info = await anon.get('/info/demo');
  t.match(
    info.text,
    new RegExp(
      `^---\\n1\\.10 rack:< 3&>= 1\\.0\\|checksum:${gem.sha256},ruby:>= 3\\.0,created_at:\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ\\n$`,
    ),
  );
  const versions = await anon.get('/versions');
  const md5 = hash('md5', info.bytes).toString('hex');
  t.match(versions.text, new RegExp(`^created_at: .*\\n---\\ndemo 1\\.10 ${md5}\\n$`));
  t.equal((await anon.get('/names')).text, '---\ndemo\n');
  const file = await anon.get('/gems/demo-1.10.gem');
  t.same(file.bytes, gem.bytes);
  t.equal(file.headers['Content-Type'], 'application/octet-stream');
  t.equal(file.headers['Repr-Digest'], `sha-256=:${hash('sha256', gem.bytes).toString('base64')}:`);
});

t.test('the index is what Bundler compares digests of', async (t) => {
  const { anon, writer } = await gemWorld(t);
  // longer than a kilobyte, so that it is packed
  for (let number = 0; number < 40; number++) await writer.push(gemOf('demo', `1.${number}`));
  for (const path of ['/info/demo', '/versions']) {
    const plain = await anon.get(path);
    const etag = `"${hash('md5', plain.bytes).toString('hex')}"`;
    const digest = `sha-256=:${hash('sha256', plain.bytes).toString('base64')}:`;
    t.match(plain.headers, { ETag: etag, 'Repr-Digest': digest }, path);
    const packed = await anon.get(path, { 'accept-encoding': 'gzip' });
    t.match(packed.headers, { ETag: etag, 'Repr-Digest': digest, 'Content-Encoding': 'gzip' }, `${path}, packed`);
    t.same(gunzipSync(packed.bytes), plain.bytes);
    const range = `bytes=${plain.bytes.length - 10}-`;
    // twice: answers are cached
    for (const time of ['once', 'again']) {
      const part = await anon.get(path, { range, 'if-none-match': '"old"', 'accept-encoding': 'gzip' });
      t.equal(part.status, 206, `${path}, ${time}`);
      t.match(part.headers, { ETag: etag, 'Repr-Digest': digest, 'Content-Encoding': undefined });
      t.same(part.bytes, plain.bytes.subarray(-10));
    }
    t.equal((await anon.get(path, { range, 'if-none-match': etag })).status, 304, 'If-None-Match comes before Range');
    t.equal((await anon.get(path, { range: `bytes=${plain.bytes.length}-` })).status, 416, `${path}, past its end`);
    const head = await anon.send('HEAD', path);
    t.match(head, { status: 200, headers: { ETag: etag } });
  }
});

t.test('names, and the index of a caller with few rights, have the digests but no ranges', async (t) => {
  const { reader, writer, tokenOf } = await gemWorld(t, { auth: { anonymousScopes: [] } });
  for (let number = 0; number < 60; number++) await writer.push(gemOf(`open-with-a-long-name-${number}`, '1.0'));
  await writer.push(gemOf('secret', '1.0'));
  const limited = await tokenOf({ scopes: ['rubygems:gem:open*:read'] });
  for (const [who, path] of [
    [reader, '/names'],
    [limited, '/names'],
    [limited, '/versions'],
  ] as const) {
    const plain = await who.get(path);
    t.equal(plain.text.includes('secret'), who === reader, path);
    const etag = `"${hash('md5', plain.bytes).toString('hex')}"`;
    const digest = `sha-256=:${hash('sha256', plain.bytes).toString('base64')}:`;
    t.match(plain.headers, { ETag: etag, 'Repr-Digest': digest }, path);
    const packed = await who.get(path, { 'accept-encoding': 'gzip' });
    t.match(packed.headers, { ETag: etag, 'Repr-Digest': digest, 'Content-Encoding': 'gzip' }, `${path}, packed`);
    t.same(gunzipSync(packed.bytes), plain.bytes);
    t.match(await who.get(path, { range: 'bytes=10-' }), { status: 200, text: plain.text }, `${path}, a range`);
    t.equal((await who.get(path, { range: 'bytes=10-', 'if-none-match': etag })).status, 304);
  }
});

t.test('the same gem again is a success, and changes nothing', async (t) => {
  const { anon, writer, stored } = await gemWorld(t);
  const gem = gemOf('demo', '1.0');
  await writer.push(gem);
  const before = [await stored(), (await anon.get('/info/demo')).text, (await anon.get('/versions')).text];
  const again = await writer.push(gem);
  t.match(again, { status: 200, text: /Successfully registered gem: demo \(1\.0\)/ });
  const other = await writer.push(gemOf('demo', '1.0', { summary: 'other bytes' }));
  t.equal(other.status, 409);
  t.match(other.text, /demo 1\.0 is there already with other content/);
  t.match(await writer.push(gemOf('demo', '1.0.0')), {
    status: 409,
    text: /already as 1\.0: RubyGems takes both for one/,
  });
  t.same([await stored(), (await anon.get('/info/demo')).text, (await anon.get('/versions')).text], before);
});

t.test('a push that is repeated after a crash ends with the gem in the log', async (t) => {
  const [one, other] = [await gemWorld(t), await gemWorld(t)];
  const gem = gemOf('demo', '1.0');
  await one.writer.push(gem);
  // as a process leaves the store that ends between the document and the log
  const key = 'rubygems/info/demo';
  const document = await one.registry.getStorage().read<object>(key);
  await other.writer.push(gemOf('another', '1.0'));
  await other.registry.getStorage().update(key, () => document?.value ?? null);
  t.notMatch((await other.anon.get('/versions')).text, /^demo /m);
  t.equal((await other.writer.push(gem)).status, 200);
  const md5 = hash('md5', (await other.anon.get('/info/demo')).bytes).toString('hex');
  t.match((await other.anon.get('/versions')).text.split('\n').slice(-2), [`demo 1.0 ${md5}`, '']);
  await other.writer.push(gem);
  t.equal((await other.anon.get('/versions')).text.match(/^demo /gm)?.length, 1, 'once');
});

t.test('a version has a build for each platform', async (t) => {
  const { anon, writer } = await gemWorld(t);
  const builds = ['ruby', 'java', 'x86_64-linux', 'arm64-darwin-22'].map((platform) =>
    gemOf('demo', '1.0', { platform }),
  );
  for (const build of builds) t.equal((await writer.push(build)).status, 200, build.filename);
  const slugs = ['1.0', '1.0-java', '1.0-x86_64-linux', '1.0-arm64-darwin-22'];
  t.same(
    (await anon.info('demo')).map(({ slug }) => slug),
    slugs,
  );
  for (const [at, build] of builds.entries()) {
    t.same((await anon.get(`/gems/demo-${slugs[at]}.gem`)).bytes, build.bytes);
    t.equal((await anon.get(`/quick/Marshal.4.8/demo-${slugs[at]}.gemspec.rz`)).status, 200);
  }
  // RubyGems calls its file demo-2.0-x86-linux.gem, and asks for that
  t.match(await writer.push(gemOf('demo', '2.0', { platform: 'i686-linux' })), { text: /demo \(2\.0-x86-linux\)/ });
  t.equal((await anon.get('/gems/demo-2.0-x86-linux.gem')).status, 200);
});

t.test('a gem cannot take the file name of a gem with another name', async (t) => {
  const { anon, writer, tokenOf, stored } = await gemWorld(t);
  const one = gemOf('a', '2', { platform: 'x86-darwin-9' });
  const other = gemOf('a-2-x86-darwin', '9');
  t.equal((await writer.push(one)).status, 200);
  const before = await stored();
  // what `gem install a` gets must not be for another author to decide
  const stranger = await tokenOf({ scopes: ['rubygems:gem:a-2-x86-darwin:*'] });
  const refused = { status: 409, text: 'The file name a-2-x86-darwin-9.gem is taken by a gem with another name\n' };
  t.match(await stranger.push(other), refused);
  t.same(await stored(), before);
  t.same((await anon.get('/gems/a-2-x86-darwin-9.gem')).bytes, one.bytes);
  await writer.yank('a', '2', 'x86-darwin-9');
  t.match(await stranger.push(other), refused, 'a yanked one can be listed again');
  t.equal((await stranger.push(gemOf('a-2-x86-darwin', '10'))).status, 200, 'another version');
  t.match(await writer.push(gemOf('a', '2', { platform: 'x86-darwin-10' })), { status: 409 }, 'the other way round');
  t.same((await stored()).slice(0, 2), ['rubygems/gems/a-2-x86-darwin-10.gem', 'rubygems/gems/a=2-x86-darwin-9.gem']);
});

t.test('a version with a dash is the one that RubyGems reads', async (t) => {
  const { anon, writer } = await gemWorld(t);
  t.match(await writer.push(gemOf('demo', '1.0.0-rc.1')), { status: 200, text: /demo \(1\.0\.0\.pre\.rc\.1\)/ });
  t.match(await anon.info('demo'), [{ slug: '1.0.0.pre.rc.1' }]);
  t.equal((await anon.get('/gems/demo-1.0.0.pre.rc.1.gem')).status, 200);
  t.match((await writer.yank('demo', '1.0.0-rc.1')).text, /yanked gem: demo \(1\.0\.0\.pre\.rc\.1\)/);
});

const bundleOf = (sha256: string): object => ({
  mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
  verificationMaterial: { certificate: { rawBytes: 'AA==' } },
  dsseEnvelope: {
    payload: Buffer.from(JSON.stringify({ subject: [{ name: 'demo', digest: { sha256 } }] })).toString('base64'),
    payloadType: 'application/vnd.in-toto+json',
    signatures: [{ sig: 'AA==' }],
  },
});

t.test('a push with attestations', async (t) => {
  const { anon, writer, stored } = await gemWorld(t);
  const gem = gemOf('demo', '1.0');
  const attestations = JSON.stringify([bundleOf(gem.sha256)]);
  const before = await stored();
  for (const [what, value, says] of [
    ['no JSON', 'x', /not JSON/],
    ['no array', '{}', /not an array/],
    ['no bundle', '[{}]', /not a Sigstore bundle/],
    ['a list in a list', '['.repeat(1000) + ']'.repeat(1000), /not a Sigstore bundle/],
    ['another gem', JSON.stringify([bundleOf('a'.repeat(64))]), /about another file/],
    ['too many', JSON.stringify(Array(17).fill(bundleOf(gem.sha256))), /at most 16/],
  ] as const) {
    const refused = await writer.pushForm([gemPart(gem), { name: 'attestations', value }]);
    t.equal(refused.status, 422, what);
    t.match(refused.text, says, what);
    t.same(await stored(), before, what);
  }
  const pushed = await writer.pushForm([gemPart(gem), { name: 'attestations', value: attestations }]);
  t.equal(pushed.status, 200, pushed.text);
  t.same((await anon.get('/gems/demo-1.0.gem')).bytes, gem.bytes);
  const served = await anon.get('/api/v1/attestations/demo-1.0.json');
  t.equal(served.text, attestations);
  const again = await writer.pushForm([gemPart(gem), { name: 'attestations', value: attestations }]);
  t.equal(again.status, 200, 'the same again');
  t.equal((await writer.push(gem)).status, 200, 'the gem alone again');
  t.equal((await anon.get('/api/v1/attestations/demo-1.0.json')).text, attestations, 'which leaves them');
  const other = gemOf('demo', '2.0');
  await writer.push(other);
  t.equal((await anon.get('/api/v1/attestations/demo-2.0.json')).text, '[]', 'a gem without any');
  // a success would say that they are stored
  const all = await stored();
  for (const [which, says] of [
    [other, /demo 2\.0 is there already without attestations/],
    [gem, /demo 1\.0 is there already with other attestations/],
  ] as const) {
    const value = JSON.stringify([bundleOf(which.sha256), bundleOf(which.sha256)]);
    t.match(await writer.pushForm([gemPart(which), { name: 'attestations', value }]), { status: 409, text: says });
    t.same(await stored(), all);
  }
});

t.test('a content-addressed gem keeps the name under which it was pushed', async (t) => {
  const { anon, writer } = await gemWorld(t);
  const builds = ['3.3', '3.4'].map((ruby) =>
    gemOf('skinny', '1.0', {
      platform: 'x86_64-linux',
      requiredRuby: [`~> ${ruby}.0`],
      requiredRubygems: ['>= 4.1.0.a'],
    }),
  );
  for (const { bytes, sha256 } of builds) {
    const filename = `skinny-1.0-${sha256.slice(0, 8)}.gem`;
    t.match(await writer.pushForm([gemPart({ bytes, filename })]), { status: 200 });
    t.same((await anon.get(`/gems/${filename}`)).bytes, bytes);
  }
  const lines = await anon.info('skinny');
  t.same(
    lines.map(({ slug, requirements }) => [slug, requirements.platform]),
    builds.map(({ sha256 }) => [`1.0-${sha256.slice(0, 8)}`, 'x86_64-linux']),
  );
  const wrong = await writer.pushForm([gemPart({ bytes: builds[0]!.bytes, filename: 'skinny-1.0-aaaaaaaa.gem' })]);
  t.match(wrong, { status: 400, text: /that of the gem is/ });
  const address = builds[0]!.sha256.slice(0, 8);
  t.match(await writer.yank('skinny', '1.0', 'x86_64-linux'), { status: 400, text: new RegExp(address) });
  t.equal((await writer.yank('skinny', '1.0', address)).status, 200);
  t.equal(
    (await writer.yank('skinny', '1.0', 'x86_64-linux')).status,
    400,
    'yanked ones count: two names are possible',
  );
});

t.test('who may push', async (t) => {
  const { anon, reader, registry, tokenOf, stored } = await gemWorld(t);
  const gem = gemOf('demo', '1.0');
  const before = await stored();
  t.match(await anon.push(gem), { status: 401, headers: { 'WWW-Authenticate': /^Basic / } });
  t.equal((await reader.push(gem)).status, 403);
  const other = await tokenOf({ scopes: ['rubygems:gem:other:write'] });
  t.match(await other.push(gem), { status: 403, text: /does not allow write on gem demo/ });
  t.same(await stored(), before);
  t.equal((await (await tokenOf({ scopes: ['rubygems:gem:demo:write'] })).push(gem)).status, 200);
  const bearer = new GemActor(registry);
  const token = await registry.getAuthManager().createRubyGemsToken('ann');
  for (const authorization of [token, `Bearer ${token}`, `Basic ${Buffer.from(`ann:${token}`).toString('base64')}`]) {
    t.equal((await bearer.send('POST', '/api/v1/gems', { headers: { authorization }, body: gem.bytes })).status, 200);
  }
});

t.test('pushing again what was yanked', async (t) => {
  const gem = gemOf('demo', '1.0');
  const other = gemOf('demo', '1.0', { summary: 'other bytes' });
  const strict = await gemWorld(t);
  await strict.writer.push(gem);
  await strict.writer.yank('demo', '1.0');
  for (const one of [gem, other]) {
    t.match(await strict.writer.push(one), { status: 409, text: /was yanked, and cannot be pushed again: unyank it/ });
  }
  const open = await gemWorld(t, { rubygems: { enabled: true, allowRepublish: true } });
  await open.writer.push(gem);
  await open.writer.yank('demo', '1.0');
  t.equal((await open.writer.push(other)).status, 200);
  t.same((await open.anon.get('/gems/demo-1.0.gem')).bytes, other.bytes);
  t.equal((await open.stored()).length, 2, 'the former file is gone');
  t.equal((await open.writer.push(gem)).status, 409, 'a listed one is never replaced');
});

t.test('a gem in the form that an embedder has parsed', async (t) => {
  const { registry, writer, anon } = await gemWorld(t);
  const skinny = gemOf('skinny', '1.0', { platform: 'x86_64-linux', requiredRuby: ['~> 3.4.0'] });
  const filename = `skinny-1.0-${skinny.sha256.slice(0, 8)}.gem`;
  const send = (body: object) =>
    registry.handleRequest({
      method: 'POST',
      path: '/rubygems/api/v1/gems',
      headers: { authorization: writer.token as string },
      query: {},
      body,
    });
  t.equal((await send({ filename, gem: new Blob([skinny.bytes as BlobPart]).stream() })).status, 200);
  t.equal((await anon.get(`/gems/${filename}`)).status, 200, 'the name of the file is that in the form');
  t.equal((await send({ gem: new Blob([gemOf('plain', '1.0').bytes as BlobPart]).stream() })).status, 200);
  t.equal((await anon.get('/gems/plain-1.0.gem')).status, 200);
});

t.test('how a push may come', async (t) => {
  const { writer, stored } = await gemWorld(t);
  const { bytes, contentType } = multipart([
    { name: 'other', value: 'x', filename: 'x' },
    gemPart(gemOf('demo', '1.0')),
  ]);
  const send = (type: string, body: Buffer) =>
    writer.send('POST', '/api/v1/gems', { headers: { 'content-type': type }, body });
  t.equal((await send(contentType.replace('multipart/form-data', 'Multipart/Form-Data'), bytes)).status, 200);
  t.equal((await stored()).length, 2, 'other files of the form are not stored');
  t.equal((await send('text/plain', gemOf('demo', '2.0').bytes)).status, 200, 'any other type is the gem itself');
  t.match(await writer.send('POST', '/api/v1/gems'), {
    status: 400,
    text: 'The request has no body: a gem is expected\n',
  });
});

t.test('a part of a form names the file, and that of a push alone says nothing', async (t) => {
  const { writer } = await gemWorld(t);
  const skinny = gemOf('skinny', '1.0', { platform: 'java', requiredRuby: ['~> 3.4.0'] });
  const address = `1.0-${skinny.sha256.slice(0, 8)}`;
  t.match((await writer.push(skinny)).text, 'skinny (1.0-java)');
  const named = await writer.pushForm([gemPart({ ...skinny, filename: `skinny-${address}.gem` })]);
  t.match(named.text, `skinny (${address})`);
});

t.test('hooks are told of which build a push and a yank are', async (t) => {
  const seen: (string | undefined)[][] = [];
  const { writer } = await gemWorld(t, {
    storageHooks: {
      beforePut: async ({ key, metadata }) => {
        if (metadata?.packageName) seen.push([key, metadata.packageName, metadata.version]);
        return { allowed: true };
      },
    },
  });
  const gem = gemOf('demo', '1.0', { platform: 'java' });
  await writer.pushForm([gemPart(gem), { name: 'attestations', value: JSON.stringify([bundleOf(gem.sha256)]) }]);
  t.ok(seen.some(([key]) => key === 'rubygems/gems/demo-1.0-java.gem'));
  t.ok(seen.some(([key]) => key === 'rubygems/gems/demo-1.0-java.gem.attestations'));
  for (const [, ...about] of seen) t.same(about, ['demo', '1.0-java']);
  seen.length = 0;
  await writer.yank('demo', '1.0', 'java');
  for (const one of seen) t.same(one, ['rubygems/info/demo', 'demo', '1.0-java']);
  t.ok(seen.length > 0);
});
