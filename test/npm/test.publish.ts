import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import type { IStorageHookContext } from '../../ts/index.js';
import { Actor, CORGI, escaped, npmWorld } from '../support/npm/actors.js';
import {
  attachmentOf,
  attachmentsFirst,
  bundleOf,
  bytesOf,
  type IPublishDocument,
  publishOf,
  sha,
  tarball,
} from '../support/npm/packages.js';

t.test('a package is published and read', async (t) => {
  const { anon, writer, stored } = await npmWorld(t);
  t.equal((await anon.publish('fyk', '1.0.0')).status, 401);
  t.same(await stored(), []);
  const document = await publishOf('fyk', '1.0.0', { manifest: { description: 'of no use' } });
  t.match((await writer.put('/fyk', document)).status, 201);
  t.same(await stored(), ['npm/packages/fyk/fyk-1.0.0.tgz', 'npm/packages/fyk/index.json']);

  const packument = await anon.get('/fyk');
  t.match(packument, { status: 200, headers: { 'Content-Type': 'application/json', Vary: 'Accept, Accept-Encoding' } });
  t.match(packument.json(), {
    _id: 'fyk',
    _rev: /^1-/,
    name: 'fyk',
    description: 'of no use',
    'dist-tags': { latest: '1.0.0' },
    versions: {
      '1.0.0': {
        _npmUser: { name: 'ann', email: 'ann@example.org' },
        dist: { tarball: 'http://npm.example.org/npm/fyk/-/fyk-1.0.0.tgz', shasum: sha('sha1', bytesOf(document)) },
      },
    },
    maintainers: [{ name: 'ann', email: 'ann@example.org' }],
  });
  const file = await anon.get('/fyk/-/fyk-1.0.0.tgz');
  t.equal(file.status, 200);
  t.ok(file.bytes.equals(bytesOf(document)));
  t.match(file.headers, { 'Content-Type': 'application/octet-stream', 'Accept-Ranges': 'bytes' });
  t.equal((await anon.send('HEAD', '/fyk/-/fyk-1.0.0.tgz')).headers['Content-Length'], String(file.bytes.length));
  t.equal((await anon.get('/fyk/-/fyk-1.0.0.tgz', { range: 'bytes=0-9' })).bytes.length, 10);
});

t.test('a scoped package is found in every spelling', async (t) => {
  const { anon, writer, stored } = await npmWorld(t);
  const document = await publishOf('@s/a', '1.0.0');
  t.equal((await writer.put('/@s%2fa', document)).status, 201);
  t.same(await stored(), ['npm/packages/@s/a/a-1.0.0.tgz', 'npm/packages/@s/a/index.json']);
  for (const name of ['@s/a', '@s%2fa', '@s%2Fa', '%40s%2fa']) {
    t.equal((await anon.get(`/${name}`)).status, 200, name);
    t.equal((await anon.get(`/${name}/1.0.0`)).status, 200, name);
    t.equal((await anon.get(`/-/package/${name}/dist-tags`)).status, 200, name);
    for (const file of ['a-1.0.0.tgz', '@s/a-1.0.0.tgz', '@s%2fa-1.0.0.tgz']) {
      t.equal((await anon.get(`/${name}/-/${file}`)).status, 200, `${name}/-/${file}`);
    }
  }
  t.match((await anon.get('/@s/a')).json(), {
    versions: { '1.0.0': { dist: { tarball: 'http://npm.example.org/npm/@s/a/-/a-1.0.0.tgz' } } },
  });
  for (const path of [
    '/@s/b',
    '/@s',
    '/a',
    '/@s/a/2.0.0',
    '/@s/a/-/a-2.0.0.tgz',
    '/@s/a/-/b-1.0.0.tgz',
    '/@s/a/-/index.json',
    '/@s/a/-/a-constructor.tgz',
    '/@s/a/-/a-__proto__.tgz',
    '/-/npm/v1/attestations/@s%2fa@constructor',
    '/-/npm/v1/attestations/@s%2fa@1.0.0',
  ]) {
    t.equal((await anon.get(path)).status, 404, path);
  }
});

t.test('what a client accepts decides what it gets', async (t) => {
  const { anon, writer } = await npmWorld(t);
  await writer.publish('a', '1.0.0', { manifest: { description: 'x'.repeat(2000), scripts: { install: 'x' } } });
  const forms: [string | undefined, string][] = [
    [CORGI, 'application/vnd.npm.install-v1+json'],
    ['application/vnd.npm.install-v1+json', 'application/vnd.npm.install-v1+json'],
    ['application/json', 'application/json'],
    ['*/*', 'application/json'],
    [undefined, 'application/json'],
    ['text/html,*/*;q=0.8', 'application/json'],
    ['text/plain', 'application/json'],
  ];
  for (const [accept, type] of forms) {
    const answer = await anon.get('/a', accept ? { accept } : {});
    t.match(answer, { status: 200, headers: { 'Content-Type': type, Vary: 'Accept, Accept-Encoding' } }, `${accept}`);
    const etag = answer.headers.ETag as string;
    t.match(etag, /^"[^"]+"$/, 'strong');
    const again = await anon.get('/a', {
      ...(accept ? { accept } : {}),
      'if-none-match': etag,
      'if-modified-since': new Date(0).toUTCString(),
    });
    t.equal(again.status, 304, 'by the ETag, whatever the date says');
    t.equal(again.bytes.length, 0);
  }
  const [full, corgi] = [await anon.get('/a'), await anon.get('/a', { accept: CORGI })];
  t.not(full.headers.ETag, corgi.headers.ETag);
  t.match(corgi.json(), { versions: { '1.0.0': { hasInstallScript: true } } });
  const etag = full.headers.ETag as string;
  await writer.publish('a', '1.0.1');
  t.equal((await anon.get('/a', { 'if-none-match': etag })).status, 200);
  t.equal((await anon.get('/a', { 'accept-encoding': 'gzip' })).headers['Content-Encoding'], 'gzip');
});

t.test("every client's form of the document is understood", async (t) => {
  const { writer, anon, registry } = await npmWorld(t);
  const { token } = writer;
  const documents: [string, (document: IPublishDocument) => unknown][] = [
    ['as npm sends it', (document) => document],
    ['attachments first, as berry does', attachmentsFirst],
    ['bytes', (document) => Buffer.from(JSON.stringify(document))],
    ['indented', (document) => JSON.stringify(document, null, 2)],
    [
      'a stream of small pieces',
      (document) => {
        const bytes = Buffer.from(JSON.stringify(document));
        let at = 0;
        return new ReadableStream<Uint8Array>({
          pull(controller) {
            if (at >= bytes.length) return controller.close();
            controller.enqueue(bytes.subarray(at, at + 13));
            at += 13;
          },
        });
      },
    ],
    [
      'attachment without its scope',
      ({ _attachments, ...rest }) => ({ ...rest, _attachments: { 'a-1.0.4.tgz': Object.values(_attachments)[0] } }),
    ],
    [
      'no dist, no _id',
      ({ _id, ...rest }) => {
        for (const manifest of Object.values(rest.versions)) delete manifest.dist;
        return rest;
      },
    ],
    ['readme beside the versions, as yarn and berry have it', (document) => ({ ...document, readme: '# hello' })],
  ];
  for (const [patch, [name, change]] of documents.entries()) {
    const document = await publishOf('@s/a', `1.0.${patch - 1 < 0 ? 100 : patch - 1}`);
    t.equal((await writer.put('/@s%2fa', change(document))).status, 201, name);
  }
  t.equal((await anon.packument('@s/a')).readme, '# hello');
  const parsed = await publishOf('@s/a', '3.0.0');
  const answer = await registry.handleRequest({
    method: 'PUT',
    path: '/npm/@s/a',
    headers: { Authorization: `Bearer ${token}` },
    query: {},
    body: parsed,
  });
  t.equal(answer.status, 201, 'an object, as the readme has it');
  const packument = await anon.packument('@s/a');
  t.equal(Object.keys(packument.versions).length, documents.length + 1);
  const file = await anon.get('/@s/a/-/a-3.0.0.tgz');
  t.ok(file.bytes.equals(bytesOf(parsed)));
});

t.test('npm leaves the readme in the tarball', async (t) => {
  const { anon, writer } = await npmWorld(t);
  await writer.publish('a', '1.0.0', {
    files: { 'package/ReadMe.md': '# hello', 'package/docs/readme.md': '# other' },
  });
  t.match(await anon.packument('a'), { readme: '# hello', readmeFilename: 'ReadMe.md' });
  await writer.publish('a', '0.9.0', { tag: 'old', files: { 'package/README': 'of an old one' } });
  t.match(await anon.packument('a'), { readme: '# hello' }, 'the latest version speaks for the package');
});

t.test('what JSON writers and people do to a document is understood', async (t) => {
  const { anon, writer } = await npmWorld(t);
  // bytes whose base64 holds `+`, `/` and `=`
  let document: IPublishDocument;
  do document = await publishOf('a', '1.0.0', { files: { 'package/x': randomBytes(1000) } });
  while (!/^(?=.*\+)(?=.*\/).*=$/.test(document._attachments['a-1.0.0.tgz']?.data ?? ''));
  const escapes: Record<string, string> = { '+': '\\u002B', '/': '\\u002f', '=': '\\u003d' };
  const data = document._attachments['a-1.0.0.tgz']?.data as string;
  const json = JSON.stringify(document).replace(
    data,
    data.replace(/[+/=]/g, (character) => escapes[character] as string),
  );
  t.equal((await writer.put('/a', json)).status, 201);
  t.ok((await anon.get('/a/-/a-1.0.0.tgz')).bytes.equals(bytesOf(document)));

  const blanks = await tarball({ name: ' a ', version: ' 1.1.0' });
  t.equal(
    (await writer.publish('a', '1.1.0', { bytes: blanks })).status,
    201,
    'blanks around the name in package.json',
  );
});

t.test('a tarball whose base64 is escaped may be as large as any other', async (t) => {
  const { writer } = await npmWorld(t, { limits: { maxArtifactSize: 200_000, maxMetadataSize: 5_000 } });
  const document = await publishOf('a', '1.0.0', { files: { 'package/x': randomBytes(190_000) } });
  const data = document._attachments['a-1.0.0.tgz']?.data as string;
  const escaped = data.replaceAll('+', '\\u002B').replaceAll('/', '\\u002F');
  t.ok(escaped.length > (200_000 / 3) * 4 + 5_000);
  t.equal(
    (
      await writer.put(
        '/a',
        JSON.stringify(document).replace(data, () => escaped),
      )
    ).status,
    201,
  );
});

t.test('a tarball stays as it is, unless versions may be published again', async (t) => {
  const cacheOf = async (allowRepublish: boolean) => {
    const world = await npmWorld(t, { npm: { enabled: true, allowRepublish } });
    const { anon, writer, admin } = world;
    for (const [version, bytes] of [
      ['1.0.0', 10],
      ['2.0.0', 100_000],
    ] as const) {
      await writer.publish('a', version, { files: { 'package/x': randomBytes(bytes) } });
    }
    const [small, large] = [await anon.get('/a/-/a-1.0.0.tgz'), await anon.get('/a/-/a-2.0.0.tgz')];
    t.equal(small.headers['Cache-Control'], large.headers['Cache-Control']);
    const etag = small.headers.ETag as string;
    t.equal((await anon.get('/a/-/a-1.0.0.tgz', { 'if-none-match': etag })).status, 304);
    await admin.delete(`/a/-rev/${(await admin.packument('a'))._rev}`);
    const again = await writer.publish('a', '1.0.0', { files: { 'package/x': randomBytes(10) } });
    if (again.status === 201) {
      const fresh = await anon.get('/a/-/a-1.0.0.tgz', { 'if-none-match': etag });
      t.equal(fresh.status, 200, 'a cache that asks gets the new bytes');
      t.notOk(fresh.bytes.equals(small.bytes));
      const since = { 'if-modified-since': new Date().toUTCString() };
      t.equal((await anon.get('/a/-/a-1.0.0.tgz', since)).status, 200, 'also one that knows the second only');
    }
    return [small.headers['Cache-Control'], again.status];
  };
  t.same(await cacheOf(false), ['max-age=31536000, immutable', 403]);
  t.same(await cacheOf(true), ['no-cache', 201]);
});

t.test('several versions come in one document, all or none', async (t) => {
  const { writer, anon, stored } = await npmWorld(t);
  const merge = async (...versions: string[]) => {
    const documents = await Promise.all(versions.map((version) => publishOf('a', version)));
    const gather = <T>(pick: (document: IPublishDocument) => Record<string, T>): Record<string, T> =>
      Object.fromEntries(documents.flatMap((document) => Object.entries(pick(document))));
    return {
      ...documents.at(-1),
      versions: gather(({ versions }) => versions),
      _attachments: gather(({ _attachments }) => _attachments),
    };
  };
  t.equal((await writer.put('/a', await merge('1.0.0', '1.1.0'))).status, 201);
  t.same(Object.keys((await anon.packument('a')).versions), ['1.0.0', '1.1.0']);
  const before = await stored();
  t.match(await writer.put('/a', await merge('1.1.0', '1.2.0')), { status: 403 });
  t.same(await stored(), before);
  const known = await merge('1.0.0', '1.2.0');
  delete known._attachments['a-1.0.0.tgz'];
  t.equal((await writer.put('/a', known)).status, 201, 'versions that are there may stand in the document');
});

t.test('a version is published once', async (t) => {
  const { writer, anon, stored } = await npmWorld(t);
  t.equal((await writer.publish('a', '1.0.0')).status, 201);
  const before = await stored();
  const again = await writer.publish('a', '1.0.0', { files: { 'package/x': 'other' } });
  t.match(again, { status: 403 });
  t.same(again.json(), { error: 'You cannot publish over the previously published versions: 1.0.0.' });
  t.same(await stored(), before);
  const race = await Promise.all(
    Array.from({ length: 8 }, (_, n) => writer.publish('b', '1.0.0', { files: { 'package/n': String(n) } })),
  );
  t.same(race.map(({ status }) => status).sort(), [201, ...Array(7).fill(403)], 'one of those that race');
  const { dist } = (await anon.packument('b')).versions['1.0.0']!;
  const file = await anon.get('/b/-/b-1.0.0.tgz');
  t.equal(sha('sha1', file.bytes), dist.shasum, 'the bytes are those of the winner');
  const many = await Promise.all(Array.from({ length: 20 }, (_, n) => writer.publish('c', `1.0.${n}`)));
  t.ok(many.every(({ status }) => status === 201));
  t.equal(Object.keys((await anon.packument('c')).versions).length, 20, 'others lose nothing');
  t.match((await anon.packument('c'))._rev, /^20-/);
});

t.test('a provenance bundle stays with its version', async (t) => {
  const { writer, anon, stored } = await npmWorld(t);
  const document = await publishOf('@s/a', '1.0.0');
  const bundle = bundleOf('@s/a', '1.0.0', bytesOf(document));
  document._attachments['@s/a-1.0.0.sigstore'] = {
    content_type: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    data: bundle,
    length: bundle.length,
  };
  t.equal((await writer.put('/@s%2fa', document)).status, 201);
  t.same(await stored(), [
    'npm/packages/@s/a/a-1.0.0.sigstore',
    'npm/packages/@s/a/a-1.0.0.tgz',
    'npm/packages/@s/a/index.json',
  ]);
  const { attestations } = (await anon.packument('@s/a')).versions['1.0.0']!.dist as unknown as {
    attestations: { url: string };
  };
  t.equal(attestations.url, 'http://npm.example.org/npm/-/npm/v1/attestations/@s%2fa@1.0.0');
  const shown = await anon.get(attestations.url.replace('http://npm.example.org/npm', ''));
  t.same(shown.json(), {
    attestations: [{ predicateType: 'https://slsa.dev/provenance/v1', bundle: JSON.parse(bundle) }],
  });
  for (const path of ['@s/a@1.0.0', '@s%2Fa@1.0.0', '%40s%2fa%401.0.0', '%40s%2Fa%401.0.0', '@s%2fa%401.0.0']) {
    t.equal((await anon.get(`/-/npm/v1/attestations/${path}`)).text, shown.text, path);
  }
  for (const path of ['@s%2fa@2.0.0', '%40s%2fa%402.0.0', '@s%2fa', 'a@1.0.0']) {
    t.equal((await anon.get(`/-/npm/v1/attestations/${path}`)).status, 404, path);
  }
});

t.test('what is wrong is refused and stores nothing', async (t) => {
  const { writer, everything } = await npmWorld(t, {
    limits: { maxMetadataSize: 100_000, maxArtifactSize: 400_000, maxUnpackedSize: 1_000_000 },
  });
  await writer.publish('there', '1.0.0');
  const before = await everything();
  const good = await publishOf('a', '1.0.0');
  const bytes = bytesOf(good);
  const withBytes = (content: Buffer) => ({ ...good, _attachments: { 'a-1.0.0.tgz': attachmentOf(content) } });
  const version = good.versions['1.0.0'];
  const scoped = await publishOf('@s/a', '1.0.0');
  const cases: [string, string, unknown, number][] = [
    ['nothing', '/a', undefined, 400],
    ['not JSON', '/a', '{"name":', 400],
    ['no object', '/a', '[]', 400],
    ['empty object', '/a', {}, 400],
    ['no versions', '/a', { name: 'a', _attachments: {} }, 400],
    ['a version without a tarball', '/a', { ...good, _attachments: {} }, 400],
    ['another package', '/b', good, 400],
    ['a name too long', `/${'a'.repeat(257)}`, await publishOf('a'.repeat(257), '1.0.0'), 400],
    ['a reserved name', '/node_modules', await publishOf('node_modules', '1.0.0'), 400],
    ['a bad scope', '/@s%2f.a', await publishOf('@s/.a', '1.0.0'), 400],
    ['a bad version', '/a', await publishOf('a', '1.0'), 400],
    ['build metadata', '/a', await publishOf('a', '1.0.0+1'), 400],
    ['a bad tag', '/a', await publishOf('a', '1.0.0', { tag: 'v2' }), 400],
    [
      'a manifest that lies',
      '/a',
      await publishOf('a', '1.0.0', { bytes: await tarball({ name: 'b', version: '1.0.0' }) }),
      400,
    ],
    ['a wrong shasum', '/a', { ...good, versions: { '1.0.0': { ...version, dist: { shasum: '0'.repeat(40) } } } }, 400],
    ['a wrong integrity', '/a', withBytes(await tarball({ name: 'a', version: '1.0.0' }, { 'package/x': 'x' })), 400],
    ['a wrong length', '/a', { ...good, _attachments: { 'a-1.0.0.tgz': { ...attachmentOf(bytes), length: 1 } } }, 400],
    ['not base64', '/a', { ...good, _attachments: { 'a-1.0.0.tgz': { data: '<base64-tarball>' } } }, 400],
    ['not gzip', '/a', withBytes(Buffer.from('hello')), 400],
    ['not tar', '/a', withBytes(gzipSync('hello'.repeat(1000))), 400],
    ['cut short', '/a', withBytes(bytes.subarray(0, 50)), 400],
    [
      'a tarball too large',
      '/a',
      withBytes(await tarball({ name: 'a', version: '1.0.0' }, { 'package/x': randomBytes(500_000) })),
      413,
    ],
    [
      'a bomb',
      '/a',
      withBytes(await tarball({ name: 'a', version: '1.0.0' }, { 'package/x': Buffer.alloc(2_000_000) })),
      413,
    ],
    ['a document too large', '/a', { ...good, x: 'x'.repeat(200_000) }, 413],
    [
      'too many attachments',
      '/a',
      {
        ...good,
        _attachments: Object.fromEntries(
          Array.from({ length: 100 }, (_, n) => [`a-1.0.${n}.tgz`, attachmentOf(bytes)]),
        ),
      },
      400,
    ],
    [
      'the same attachment twice',
      '/a',
      JSON.stringify(good).replace(
        '"_attachments":{',
        `"_attachments":{"a-1.0.0.tgz":${JSON.stringify(attachmentOf(bytes))},`,
      ),
      400,
    ],
    [
      'a good tarball and a bad one',
      '/a',
      { ...good, _attachments: { ...good._attachments, 'a-1.0.1.tgz': attachmentOf(Buffer.from('x')) } },
      400,
    ],
    [
      'two tarballs of one version',
      '/@s%2fa',
      {
        ...scoped,
        _attachments: { ...scoped._attachments, 'a-1.0.0.tgz': Object.values(scoped._attachments)[0] },
      },
      400,
    ],
    ['deeply nested', '/a', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`, 400],
    ['a name that cannot be told', '/a', JSON.stringify({ ...good, name: { toString: 1, valueOf: 1 } }), 400],
    ['an id that cannot be told', '/a', JSON.stringify({ ...good, _id: { toString: 1, valueOf: 1 } }), 400],
    ['stale revision', '/there/-rev/9-abc', await publishOf('there', '1.0.1'), 409],
  ];
  for (const [name, path, body, status] of cases) {
    const answer = await writer.put(path, body);
    t.equal(answer.status, status, `${name}: ${answer.text.slice(0, 200)}`);
    t.type(answer.json().error, 'string', name);
    t.same(await everything(), before, `${name}: nothing is left`);
  }
  t.equal((await writer.put('/a', good)).status, 201, 'and the good one still goes');
});

t.test('the refusals that a person may have to act on say why', async (t) => {
  const { writer } = await npmWorld(t);
  const good = await publishOf('a', '1.0.0');
  const { name, ...nameless } = good;
  const [attachment] = Object.values(good._attachments);
  const attachments = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`a-1.0.${n}.tgz`, attachment]));
  const cases: [unknown, RegExp][] = [
    [nameless, /has no name/],
    [{ ...good, _attachments: attachments(65) }, /more than 64 attachments/],
    [{ ...good, _attachments: attachments(64) }, /not 1\.0\.1|belongs to no version/],
    [{ ...good, versions: { '1.0.0': { ...good.versions['1.0.0'], dist: { shasum: 'x' } } } }, /shasum does not match/],
  ];
  for (const [document, error] of cases) {
    const answer = await writer.put('/a', document);
    t.equal(answer.status, 400);
    t.match(answer.json(), { error });
  }
  t.equal(name, 'a');
});

t.test('a tarball with a shrinkwrap says so to installers', async (t) => {
  const { anon, writer } = await npmWorld(t);
  await writer.publish('a', '1.0.0', { files: { 'package/npm-shrinkwrap.json': '{}' } });
  await writer.publish('a', '1.1.0');
  const { versions } = (await anon.get('/a', { accept: CORGI })).json() as { versions: Record<string, object> };
  t.match(versions['1.0.0'], { _hasShrinkwrap: true });
  t.notOk('_hasShrinkwrap' in (versions['1.1.0'] as object));
});

t.test('hooks are told all about a tarball, when it comes and when it goes out', async (t) => {
  const told: [string, string | undefined, object | undefined][] = [];
  const ask =
    (name: string) =>
    async ({ phase, metadata }: IStorageHookContext) => {
      told.push([name, phase, metadata]);
      return { allowed: true };
    };
  const storageHooks = { beforePut: ask('beforePut'), beforeGet: ask('beforeGet') };
  const { anon, writer } = await npmWorld(t, { storageHooks });
  const document = await publishOf('@s/a', '1.0.0');
  const bytes = bytesOf(document);
  const bundle = bundleOf('@s/a', '1.0.0', bytes);
  document._attachments['@s/a-1.0.0.sigstore'] = { content_type: '', data: bundle, length: bundle.length };
  t.equal((await writer.put('/@s%2fa', document)).status, 201);
  const known = { packageName: '@s/a', version: '1.0.0' };
  const contentType = 'application/octet-stream';
  const tarball = {
    ...known,
    contentType,
    kind: 'artifact',
    size: bytes.length,
    digest: `sha512:${sha('sha512', bytes)}`,
  };
  t.match(told[0], ['beforePut', 'start', { ...known, contentType }]);
  t.match(told[1], ['beforePut', 'commit', tarball]);
  t.match(told[2], ['beforePut', 'commit', { ...known, digest: `sha512:${sha('sha512', Buffer.from(bundle))}` }]);
  t.match(told[2]?.[2], {
    contentType: 'application/vnd.dev.sigstore.bundle+json',
    kind: 'artifact',
    size: Buffer.byteLength(bundle),
  });

  told.length = 0;
  t.equal((await anon.get('/@s/a/-/a-1.0.0.tgz')).status, 200);
  t.match(told, [['beforeGet', undefined, tarball]]);
  told.length = 0;
  t.equal((await anon.get('/-/npm/v1/attestations/@s%2fa@1.0.0')).status, 200);
  t.match(told, [['beforeGet', undefined, { ...known, kind: 'artifact' }]]);
});

t.test('an object that cannot be written is refused', async (t) => {
  const { registry, writer, everything } = await npmWorld(t);
  const deep: Record<string, unknown> = {};
  let inner = deep;
  for (let level = 0; level < 50_000; level++) {
    const next = {};
    inner.a = next;
    inner = next;
  }
  const document = await publishOf('a', '1.0.0');
  for (const value of [deep, 5n]) {
    const body = { ...document, versions: { '1.0.0': { ...document.versions['1.0.0'], value } } };
    const headers = { Authorization: `Bearer ${writer.token}` };
    const answer = await registry.handleRequest({ method: 'PUT', path: '/npm/a', headers, query: {}, body });
    t.equal(answer.status, 400);
  }
  t.same(await everything(), []);
});

t.test('tricky paths are refused', async (t) => {
  const { writer, everything } = await npmWorld(t);
  await writer.publish('a', '1.0.0');
  const before = await everything();
  const paths = [
    '/..',
    '/%2e%2e',
    '/%2e%2e%2fa',
    '/a%00b',
    '/a%5cb',
    '/a\\b',
    '/@s%2f..',
    '/@s/%2e%2e',
    '/@s%2f%2e%2e%2fa',
    '/a/-/..%2f..%2findex.json',
    '/a/-/../index.json',
    '/%ff',
    '/a/%2e%2e',
    '/-/package/..%2fa/dist-tags',
  ];
  for (const path of paths) {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const answer = await writer.send(method, path, method === 'PUT' ? await publishOf('a', '2.0.0') : undefined);
      t.ok(answer.status >= 400 && answer.status < 500, `${method} ${path}: ${answer.status}`);
      t.type(answer.json().error, 'string');
    }
  }
  t.same(await everything(), before);
});

t.test('links follow the address of the registry', async (t) => {
  const fixed = await npmWorld(t, { npm: { enabled: true, registryUrl: 'https://packages.example.org/js/' } });
  await fixed.writer.publish('@s/a', '1.0.0');
  t.equal(
    (await fixed.anon.packument('@s/a')).versions['1.0.0']!.dist.tarball,
    'https://packages.example.org/js/@s/a/-/a-1.0.0.tgz',
  );
  const { anon, writer } = await npmWorld(t);
  await writer.publish('a', '1.0.0');
  const tarballAt = async (headers: Record<string, string>) =>
    (
      ((await anon.get('/a', headers)).json().versions as Record<string, { dist: { tarball: string } }>)['1.0.0'] as {
        dist: { tarball: string };
      }
    ).dist.tarball;
  t.equal(await tarballAt({ host: 'one.example.org:8080' }), 'http://one.example.org:8080/npm/a/-/a-1.0.0.tgz');
  t.equal(
    await tarballAt({ host: 'two.example.org', 'x-forwarded-host': 'evil.example.org' }),
    'http://two.example.org/npm/a/-/a-1.0.0.tgz',
  );
  t.equal(escaped('@s/a'), '@s%2fa');
});

t.test('hooks are told the version of each tarball, also where one document brings several', async (t) => {
  const told: [string | undefined, string | undefined][] = [];
  const beforePut = async ({ metadata, phase }: IStorageHookContext) => {
    if (phase === 'commit') told.push([metadata?.kind, metadata?.version]);
    return { allowed: phase !== 'commit' || metadata?.version !== '2.0.0' };
  };
  const { writer, stored } = await npmWorld(t, { storageHooks: { beforePut } });
  const [one, two] = [await publishOf('a', '1.0.0'), await publishOf('a', '2.0.0')];
  const both = {
    ...one,
    versions: { ...one.versions, ...two.versions },
    _attachments: { ...one._attachments, ...two._attachments },
  };
  t.equal((await writer.put('/a', both)).status, 403);
  t.same(told, [
    ['artifact', '1.0.0'],
    ['artifact', '2.0.0'],
  ]);
  t.same(await stored(), []);
});

t.test('a document of several versions is about none of them', async (t) => {
  const told: [string | undefined, string | undefined][] = [];
  const afterPut = async ({ metadata }: IStorageHookContext) => {
    told.push([metadata?.kind, metadata?.version]);
  };
  const { writer } = await npmWorld(t, { storageHooks: { afterPut } });
  const [one, two] = [await publishOf('a', '1.0.0'), await publishOf('a', '2.0.0')];
  const both = {
    ...one,
    versions: { ...one.versions, ...two.versions },
    _attachments: { ...one._attachments, ...two._attachments },
  };
  t.equal((await writer.put('/a', both)).status, 201);
  t.same(told.splice(0), [
    ['artifact', '1.0.0'],
    ['artifact', '2.0.0'],
    ['document', undefined],
  ]);
  t.equal((await writer.publish('a', '3.0.0')).status, 201);
  t.same(told, [
    ['artifact', '3.0.0'],
    ['document', '3.0.0'],
  ]);
});

t.test('everybody who published is a maintainer, once', async (t) => {
  const { registry, anon, writer } = await npmWorld(t);
  const bob = new Actor(registry, await registry.getAuthManager().createNpmToken('bob'));
  for (const [actor, version] of [
    [writer, '1.0.0'],
    [writer, '1.1.0'],
    [bob, '1.2.0'],
    [writer, '1.3.0'],
  ] as const) {
    t.equal((await actor.publish('a', version)).status, 201);
  }
  const { maintainers, versions } = await anon.packument('a');
  const [ann, other] = [
    { name: 'ann', email: 'ann@example.org' },
    { name: 'bob', email: '' },
  ];
  t.same(maintainers, [ann, other], 'npm prints the e-mail address even if there is none');
  t.same(versions['1.0.0']!.maintainers, [ann], 'of a version: those of its time');
  t.same(versions['1.2.0']!._npmUser, other);
});
