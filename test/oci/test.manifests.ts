import t from 'tap';
import { ociWorld, refusal } from '../support/oci/actors.js';
import {
  content,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  digestOf,
  INDEX,
  image,
  index,
  MANIFEST,
  nowhere,
} from '../support/oci/samples.js';

const one = image('one');
const two = image('two');

t.test('each type comes back byte for byte, by tag and by digest, whatever Accept says', async (t) => {
  const { writer, anon } = await ociWorld(t);
  const images = [one, image('docker', {}, DOCKER_MANIFEST)];
  for (const [at, pushed] of images.entries()) await writer.pushImage('a/b', `image-${at}`, pushed);
  const lists = [index(images), index(images, {}, DOCKER_LIST), index([])];
  for (const [at, pushed] of lists.entries()) {
    t.match(await writer.pushManifest('a/b', `list-${at}`, pushed), { status: 201 });
  }
  const references = [...images.map((_, at) => `image-${at}`), ...lists.map((_, at) => `list-${at}`)];
  for (const [at, { bytes, digest, mediaType }] of [...images, ...lists].entries()) {
    for (const reference of [references[at], digest]) {
      for (const accept of [undefined, MANIFEST, DOCKER_MANIFEST, 'text/plain', '*/*']) {
        const got = await anon.get(`/a/b/manifests/${reference}`, accept === undefined ? {} : { accept });
        t.match(got, {
          status: 200,
          headers: {
            'Content-Type': mediaType,
            'Content-Length': String(bytes.byteLength),
            'Docker-Content-Digest': digest,
            ETag: `"${digest}"`,
          },
        });
        t.same(got.bytes, bytes);
      }
      const head = await anon.head(`/a/b/manifests/${reference}`);
      t.match(head, {
        status: 200,
        headers: { 'Content-Length': String(bytes.byteLength), 'Content-Type': mediaType },
      });
      t.equal(head.body, undefined);
      const same = await anon.get(`/a/b/manifests/${reference}`, { 'if-none-match': `"${digest}"` });
      t.same([same.status, same.body], [304, undefined]);
    }
  }
});

t.test('the answer to a push, and what is stored', async (t) => {
  const { writer, stored } = await ociWorld(t);
  const pushed = await writer.pushImage('a/b', 'v1', one);
  t.match(pushed, {
    status: 201,
    headers: {
      Location: `/v2/a/b/manifests/${one.digest}`,
      'Docker-Content-Digest': one.digest,
      'Content-Length': '0',
    },
  });
  t.notOk('OCI-Subject' in pushed.headers || 'OCI-Tag' in pushed.headers);
  const blobs = [one.config, ...one.layers].map(({ digest }) => digest.slice(7));
  t.same(
    await stored(),
    [
      ...blobs.map((hex) => `oci/blobs/sha256/${hex}`),
      ...blobs.map((hex) => `oci/links/sha256/${hex}/a:b`),
      `oci/manifests/a/b/${one.digest}`,
      'oci/tags/a/b/tags.json',
    ].sort(),
  );
  const ignored = await writer.pushManifest('a/b', 'v2', one, { 'content-type': `${MANIFEST}; charset=utf-8` });
  t.equal(ignored.status, 201);
  t.equal((await writer.get('/a/b/manifests/v2')).headers['Content-Type'], MANIFEST);
  t.equal((await writer.pushImage('a/b', 'v1', one)).status, 201, 'the same again');
});

t.test('by digest: it has to be right, sha512 as well, and may set tags', async (t) => {
  const { writer } = await ociWorld(t);
  await writer.pushImage('a', one.digest, one);
  t.same(await writer.tags('a'), [], 'a repository without tags is one');
  t.equal(refusal(await writer.pushManifest('a', nowhere, one)), '400 DIGEST_INVALID');
  t.equal(refusal(await writer.get(`/a/manifests/${nowhere}`)), '404 MANIFEST_UNKNOWN');
  const sha512 = digestOf(one.bytes, 'sha512');
  t.equal((await writer.pushManifest('a', sha512, one)).headers['Docker-Content-Digest'], sha512);
  t.same((await writer.get(`/a/manifests/${sha512}`)).bytes, one.bytes);
  const tagged = await writer.pushManifest('a', `${one.digest}?tag=1.2.3&tag=1.2&tag=1&tag=latest&tag=1`, one);
  t.match(tagged, { status: 201, headers: { 'OCI-Tag': '1.2.3, 1.2, 1, latest' } });
  t.same(await writer.tags('a'), ['1', '1.2', '1.2.3', 'latest']);
  t.equal((await writer.get('/a/manifests/1.2')).headers['Docker-Content-Digest'], one.digest);
  t.equal(refusal(await writer.pushManifest('a', `${one.digest}?tag=ok&tag=.bad`, one)), '400 MANIFEST_INVALID');
  const flood = Array.from({ length: 101 }, (_, at) => `tag=t${at}`).join('&');
  t.equal((await writer.pushManifest('a', `${one.digest}?${flood}`, one)).status, 400);
  t.same(await writer.tags('a'), ['1', '1.2', '1.2.3', 'latest'], 'a refused push sets none of its tags');
});

t.test('what a manifest names has to be in the same repository', async (t) => {
  const { writer, stored } = await ociWorld(t);
  await writer.pushImage('other', 'v1', one);
  const before = await stored();
  const refused = await writer.pushManifest('a', 'v1', one);
  t.equal(refusal(refused), '400 MANIFEST_BLOB_UNKNOWN');
  const { errors } = refused.json() as { errors: { detail: { digests: string[] } }[] };
  t.same(errors[0]!.detail.digests.sort(), [one.config, ...one.layers].map(({ digest }) => digest).sort());
  t.equal(refusal(await writer.pushManifest('a', 'v1', index([one]))), '400 MANIFEST_BLOB_UNKNOWN');
  t.equal(refusal(await writer.pushManifest('other', 'x', index([one, two]))), '400 MANIFEST_BLOB_UNKNOWN');
  t.same(await stored(), before);
  t.equal((await writer.pushManifest('other', 'x', index([one]))).status, 201);
  const layers = [{ mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', digest: nowhere, size: 7 }];
  await writer.pushBlob('a', one.config);
  t.equal(
    (await writer.pushManifest('a', 'foreign', image('f', { layers }))).status,
    201,
    'foreign layers are elsewhere',
  );
  const subject = { mediaType: MANIFEST, digest: nowhere, size: 7 };
  const orphan = await writer.pushImage('a', 'sig', image('sig', { subject }));
  t.match(orphan, { status: 201, headers: { 'OCI-Subject': nowhere } });
});

t.test('tags move; lists of them are sorted and paged, with odd names', async (t) => {
  const { writer } = await ociWorld(t);
  t.equal(refusal(await writer.get('/a/tags/list')), '404 NAME_UNKNOWN');
  await writer.pushImage('a', 'latest', one);
  const before = await writer.get('/a/manifests/latest');
  await writer.pushImage('a', 'latest', two);
  const after = await writer.get('/a/manifests/latest');
  t.same([before.headers['Docker-Content-Digest'], after.headers['Docker-Content-Digest']], [one.digest, two.digest]);
  t.equal((await writer.get(`/a/manifests/${one.digest}`)).status, 200, 'the old one is there by its digest');

  const odd = ['__proto__', 'constructor', '1', '10', '2', '_', 'A', 'a'];
  for (const tag of odd) t.equal((await writer.pushManifest('a', tag, one)).status, 201, tag);
  for (const tag of odd) t.same((await writer.get(`/a/manifests/${tag}`)).bytes, one.bytes, tag);
  const all = ['1', '10', '2', 'A', '_', '__proto__', 'a', 'constructor', 'latest'];
  const whole = await writer.get('/a/tags/list');
  t.same(whole.json(), { name: 'a', tags: all });
  t.notOk('Link' in whole.headers);
  const seen: string[] = [];
  for (let next = '/v2/a/tags/list?n=2'; next; ) {
    const page = await writer.get(next);
    seen.push(...(page.json().tags as string[]));
    next = /^<([^>]+)>; rel="next"$/.exec(page.headers.Link ?? '')?.[1] ?? '';
  }
  t.same(seen, all);
  const none = await writer.get('/a/tags/list?n=0');
  t.same([none.json().tags, none.headers.Link], [[], undefined]);
  t.same((await writer.get('/a/tags/list?last=a')).json().tags, ['constructor', 'latest']);
  t.same((await writer.get('/a/tags/list?last=b&n=1000')).json().tags, ['constructor', 'latest']);
  for (const n of ['-1', 'abc', '1.5']) t.equal((await writer.get(`/a/tags/list?n=${n}`)).status, 400, n);
});

t.test('a tag is deleted alone, a manifest with its tags', async (t) => {
  const { admin, writer, stored } = await ociWorld(t);
  for (const tag of ['v1', 'v1.0', 'old']) await admin.pushImage('a', tag, one);
  await admin.pushImage('a', 'v2', two);
  t.equal(refusal(await writer.delete('/a/manifests/v1')), '403 DENIED');
  const untagged = await admin.delete('/a/manifests/old');
  t.same([untagged.status, untagged.headers['Content-Length']], [202, '0']);
  t.equal((await admin.get(`/a/manifests/${one.digest}`)).status, 200);
  t.equal(refusal(await admin.delete('/a/manifests/old')), '404 MANIFEST_UNKNOWN');
  t.equal((await admin.delete(`/a/manifests/${one.digest}`)).status, 202);
  for (const gone of ['v1', 'v1.0', one.digest]) {
    t.equal(refusal(await admin.get(`/a/manifests/${gone}`)), '404 MANIFEST_UNKNOWN', gone);
    t.equal((await admin.head(`/a/manifests/${gone}`)).status, 404);
  }
  t.equal(refusal(await admin.delete(`/a/manifests/${one.digest}`)), '404 MANIFEST_UNKNOWN', 'again');
  t.same(await admin.tags('a'), ['v2']);
  t.equal(refusal(await admin.delete(`/none/manifests/${one.digest}`)), '404 MANIFEST_UNKNOWN');
  await admin.delete('/a/manifests/v2');
  t.same(await admin.tags('a'), [], 'without tags, but not empty');
  await admin.delete(`/a/manifests/${two.digest}`);
  t.equal(refusal(await admin.get('/a/tags/list')), '404 NAME_UNKNOWN', 'without manifests there is no repository');
  t.same((await admin.get('/_catalog')).json(), { repositories: [] });
  t.same(
    (await stored()).filter((key) => !/^oci\/(blobs|links|copies)/.test(key)),
    [],
  );
  t.equal((await admin.pushManifest('a', 'v1', one)).status, 201, 'and it can begin again');
  t.same((await admin.get('/a/manifests/v1')).bytes, one.bytes);
});

t.test('a repository goes with its last manifest, whatever those have whose names begin with its own', async (t) => {
  const { admin } = await ociWorld(t);
  for (const name of ['a', 'a/sha', 'a/sha256', 'ab']) await admin.pushImage(name, 'v1', one);
  t.equal((await admin.delete(`/a/manifests/${one.digest}`)).status, 202);
  t.equal((await admin.get('/a/tags/list')).status, 404);
  t.same((await admin.get('/_catalog')).json(), { repositories: ['a/sha', 'a/sha256', 'ab'] });
  for (const name of ['a/sha', 'a/sha256', 'ab']) t.equal((await admin.get(`/${name}/manifests/v1`)).status, 200, name);
});

t.test('immutable tags are neither moved nor deleted', async (t) => {
  const { admin } = await ociWorld(t, { oci: { immutableTags: ['v*', 'stable'] } });
  await admin.pushImage('a', 'v1', one);
  await admin.pushImage('a', 'latest', one);
  await admin.pushImage('a', two.digest, two);
  t.equal((await admin.pushManifest('a', 'v1', one)).status, 201, 'to where it points it may be pushed');
  const refused = await admin.pushManifest('a', 'v1', two);
  t.equal(refusal(refused), '403 DENIED');
  t.match(refused.text, /immutable/);
  t.equal(refusal(await admin.pushManifest('a', `${two.digest}?tag=free&tag=v1`, two)), '403 DENIED');
  const other = image('one', { annotations: { a: 'b' } });
  t.equal(refusal(await admin.pushManifest('a', 'v1', other)), '403 DENIED');
  t.equal((await admin.get(`/a/manifests/${other.digest}`)).status, 404, 'nothing of it is stored');
  t.equal(refusal(await admin.delete('/a/manifests/v1')), '403 DENIED');
  t.equal(refusal(await admin.delete(`/a/manifests/${one.digest}`)), '403 DENIED');
  t.same(await admin.tags('a'), ['latest', 'v1'], 'a refused push sets none of its tags');
  t.equal((await admin.get('/a/manifests/v1')).headers['Docker-Content-Digest'], one.digest);
  t.equal((await admin.pushManifest('a', 'latest', two)).status, 201);
  t.equal((await admin.delete('/a/manifests/latest')).status, 202);
});

t.test('the types of what is pushed and of what it says have to agree', async (t) => {
  const { writer, stored } = await ociWorld(t);
  await writer.pushImage('a', 'v1', one);
  const before = await stored();
  const confused = content(JSON.stringify({ ...JSON.parse(one.bytes.toString()), manifests: [] }));
  for (const [bytes, type] of [
    [one.bytes, INDEX],
    [one.bytes, 'text/plain'],
    [confused.bytes, MANIFEST],
    [confused.bytes, INDEX],
    [Buffer.from('{'), MANIFEST],
    [Buffer.alloc(0), MANIFEST],
  ] as const) {
    const answer = await writer.send('PUT', '/a/manifests/x', { body: bytes, headers: { 'content-type': type } });
    t.equal(refusal(answer), '400 MANIFEST_INVALID', type);
  }
  t.same(await stored(), before);
});

t.test(
  'every answer names the version of the API, refusals too: old Docker clients go by the 401 of the first',
  async (t) => {
    const { writer, anon } = await ociWorld(t);
    await writer.pushImage('a', 'v1', one);
    const answers = [
      await anon.get('/'),
      await writer.get('/'),
      await writer.get('/a/manifests/v1'),
      await writer.get('/a/manifests/v1'),
      await writer.head('/a/manifests/v1'),
      await writer.get('/a/manifests/none'),
      await writer.get(`/a/blobs/${one.config.digest}`),
      await writer.get('/a/tags/list'),
      await writer.get('/no/such/route'),
      await writer.send('PUT', '/a/tags/list'),
      await writer.delete('/a/manifests/v1'),
    ];
    for (const { status, headers } of answers) {
      t.equal(headers['Docker-Distribution-API-Version'], 'registry/2.0', `${status}`);
    }
  },
);

t.test('caches ask again for a tag, and never for a digest', async (t) => {
  const { anon, writer } = await ociWorld(t);
  await writer.pushImage('a', 'v1', one);
  for (const again of ['first', 'again']) {
    const byTag = await anon.get('/a/manifests/v1');
    t.equal(byTag.headers['Cache-Control'], 'no-cache', again);
    const byDigest = await anon.get(`/a/manifests/${one.digest}`);
    t.match(byDigest.headers['Cache-Control'], /immutable/, again);
  }
});

t.test('the catalog: a Link while there is more, and none on the last page', async (t) => {
  const { admin } = await ociWorld(t);
  for (const name of ['a', 'b', 'c']) await admin.pushImage(name, 'v1', one);
  const first = await admin.get('/_catalog?n=2');
  t.same(first.json(), { repositories: ['a', 'b'] });
  t.equal(first.headers.Link, '</v2/_catalog?last=b&n=2>; rel="next"');
  const second = await admin.get('/_catalog?n=2&last=b');
  t.same([second.json(), second.headers.Link], [{ repositories: ['c'] }, undefined]);
  t.equal((await admin.get('/_catalog?n=3')).headers.Link, undefined, 'exactly as many as asked for');
});
