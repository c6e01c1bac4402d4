import t from 'tap';
import { ociWorld, refusal, request } from '../support/oci/actors.js';
import { content, image, nowhere } from '../support/oci/samples.js';

const blob = content(Buffer.alloc(100_000, '0123456789'));
const path = `/a/blobs/${blob.digest}`;

t.test('HEAD and GET of a blob', async (t) => {
  const { writer, anon } = await ociWorld(t);
  await writer.pushBlob('a', blob);
  const expected = {
    'Content-Type': 'application/octet-stream',
    'Content-Length': '100000',
    'Docker-Content-Digest': blob.digest,
    'Accept-Ranges': 'bytes',
    ETag: `"${blob.digest}"`,
    'Cache-Control': /immutable/,
  };
  const head = await anon.head(path);
  t.match(head, { status: 200, headers: expected });
  t.equal(head.body, undefined);
  const got = await anon.get(path);
  t.match(got, { status: 200, headers: expected });
  t.same(got.bytes, blob.bytes);
  const missing = await anon.head(`/a/blobs/${nowhere}`);
  t.same([missing.status, missing.body], [404, undefined]);
  t.equal(refusal(await anon.get(`/a/blobs/${nowhere}`)), '404 BLOB_UNKNOWN');
});

t.test('parts of a blob', async (t) => {
  const { writer } = await ociWorld(t);
  await writer.pushBlob('a', blob);
  const table: [range: string, start: number, end: number][] = [
    ['bytes=0-0', 0, 0],
    ['bytes=10-19', 10, 19],
    ['bytes=99990-', 99990, 99999],
    ['bytes=-10', 99990, 99999],
    ['bytes=-999999', 0, 99999],
    // docker goes on with an end behind the last byte
    ['bytes=5-100000', 5, 99999],
    ['bytes=5-9999999999', 5, 99999],
  ];
  for (const [range, start, end] of table) {
    const part = await writer.get(path, { range });
    t.match(part, {
      status: 206,
      headers: { 'Content-Range': `bytes ${start}-${end}/100000`, 'Content-Length': String(end - start + 1) },
    });
    t.same(part.bytes, blob.bytes.subarray(start, end + 1), range);
  }
  for (const range of ['bytes=100000-', 'bytes=200000-300000']) {
    const past = await writer.get(path, { range });
    t.equal(refusal(past), '416 RANGE_INVALID');
    t.equal(past.headers['Content-Range'], 'bytes */100000', range);
  }
  const several = await writer.get(path, { range: 'bytes=0-1,5-6' });
  t.equal(several.status, 206, 'several parts of a layer, as lazy pullers ask for them');
  t.match(several.headers['Content-Type'], /^multipart\/byteranges; boundary=/);
  const [, first, second] = /\r\n\r\n(..)\r\n--\w+\r\n[\s\S]*\r\n\r\n(..)\r\n--\w+--\r\n$/.exec(several.text) ?? [];
  t.same([first, second], [`${blob.bytes.subarray(0, 2)}`, `${blob.bytes.subarray(5, 7)}`]);
  for (const range of ['lines=0-1', 'nonsense']) {
    t.match(await writer.get(path, { range }), { status: 200, bytes: blob.bytes }, range);
  }
  t.equal((await writer.get(path, { range: 'bytes=0-9', 'if-range': '"other"' })).status, 200);
  t.equal((await writer.get(path, { range: 'bytes=0-9', 'if-range': `"${blob.digest}"` })).status, 206);
});

t.test('a blob that the client has is 304, and a blob is never compressed', async (t) => {
  const { writer } = await ociWorld(t);
  await writer.pushBlob('a', blob);
  const same = await writer.get(path, { 'if-none-match': `"${blob.digest}"` });
  t.same([same.status, same.body], [304, undefined]);
  t.equal((await writer.get(path, { 'if-none-match': `"${nowhere}"` })).status, 200);
  for (const coding of ['gzip', 'zstd,gzip', '*', 'br;q=1']) {
    const { headers, bytes } = await writer.get(path, { 'accept-encoding': coding });
    t.equal(headers['Content-Encoding'], undefined, coding);
    t.same(bytes, blob.bytes);
  }
});

t.test('the readme: a push through /oci with the id of the upload', async (t) => {
  const { registry } = await ociWorld(t);
  const token = await registry.getAuthManager().createOciToken('ann', ['oci:repository:myapp:push'], 3600);
  const headers = { Authorization: `Bearer ${token}` };
  const begun = await registry.handleRequest({ method: 'POST', path: '/oci/myapp/blobs/uploads/', headers, query: {} });
  t.equal(begun.status, 202);
  const id = begun.headers['Docker-Upload-UUID'];
  const made = await registry.handleRequest({
    method: 'PUT',
    path: `/oci/myapp/blobs/uploads/${id}`,
    headers,
    query: { digest: blob.digest },
    body: blob.bytes,
  });
  t.same([made.status, made.headers.Location], [201, `/oci/myapp/blobs/${blob.digest}`]);
  const pulled = await request(registry, 'GET', `/v2/myapp/blobs/${blob.digest}`);
  t.same(pulled.bytes, blob.bytes);
});

t.test('/v2, /oci and /oci/v2 are the same registry, and links stay under the path that was used', async (t) => {
  const { writer } = await ociWorld(t);
  const mounts = ['/v2', '/oci', '/oci/v2'];
  for (const mount of mounts) {
    const here = writer.at(mount);
    const pushed = image(`by ${mount}`);
    const begun = await here.send('POST', '/lib/app/blobs/uploads/');
    t.ok(begun.headers.Location?.startsWith(`${mount}/lib/app/blobs/uploads/`), `${begun.headers.Location}`);
    const made = await here.finish(begun.headers.Location!, pushed.config.digest, pushed.config.bytes);
    t.equal(made.headers.Location, `${mount}/lib/app/blobs/${pushed.config.digest}`);
    const tagged = await here.pushImage('lib/app', `t${mount.replaceAll('/', '-')}`, pushed);
    t.equal(tagged.headers.Location, `${mount}/lib/app/manifests/${pushed.digest}`);
    for (const other of mounts)
      t.equal((await writer.at(other).get(`/lib/app/manifests/${pushed.digest}`)).status, 200);
  }
  const tags = ['t-oci', 't-oci-v2', 't-v2'];
  for (const mount of mounts) {
    t.same(await writer.at(mount).tags('lib/app'), tags);
    t.match(
      (await writer.at(mount).get('/lib/app/tags/list?n=1')).headers.Link,
      `<${mount}/lib/app/tags/list?last=t-oci&n=1>`,
    );
    t.same((await writer.at(mount).get('/_catalog')).json(), { repositories: ['lib/app'] });
    t.equal((await writer.at(mount).get('/')).status, 200);
    t.equal((await writer.at(mount).get('/token')).status, 200);
  }
  t.same(await writer.tags('lib/app'), tags);
  t.equal(
    refusal(await writer.get('/oci/lib/app/tags/list')),
    '404 NAME_UNKNOWN',
    'an image reference that holds the path is another repository',
  );
});

t.test('links in headers: paths, whole URLs, or the public URL', async (t) => {
  const pushed = image('one');
  const links = async (oci: object, mount = '/v2') => {
    const { writer } = await ociWorld(t, { oci });
    const here = writer.at(mount);
    const begun = await here.begin('a');
    // what the public URL leads to is this registry too
    const path = begun.replace(/^https?:\/\/[^/]+/, '');
    const made = await writer.at('').finish(path, pushed.config.digest, pushed.config.bytes);
    const [layer] = pushed.layers as [(typeof pushed.layers)[0]];
    await here.send('POST', `/a/blobs/uploads/?digest=${layer.digest}`, { body: layer.bytes });
    const tagged = await here.pushManifest('a', 'v1', pushed);
    await here.pushManifest('a', 'v2', pushed);
    const more = await here.get('/a/tags/list?n=1');
    const found = [begun, made.headers.Location, tagged.headers.Location, more.headers.Link];
    return found.map((link = '') => link.replace(/[0-9a-f-]{36,}/, 'ID'));
  };
  const below = (base: string) => [
    `${base}/a/blobs/uploads/ID`,
    `${base}/a/blobs/sha256:ID`,
    `${base}/a/manifests/sha256:ID`,
    `<${base}/a/tags/list?last=v1&n=1>; rel="next"`,
  ];
  t.same(await links({}), below('/v2'));
  t.same(await links({ absoluteLocations: false }, '/oci'), below('/oci'));
  t.same(await links({ absoluteLocations: true }), below('http://registry.example.org/v2'));
  t.same(await links({ absoluteLocations: true }, '/oci/v2'), below('http://registry.example.org/oci/v2'));
  const registryUrl = 'https://images.example.org/oci/';
  t.same(await links({ registryUrl }), below('https://images.example.org/oci'));
  t.same(
    await links({ registryUrl: 'https://images.example.org' }),
    below('https://images.example.org/v2'),
    'at the root of a host the registry is below /v2',
  );
});

t.test('a base path of its own', async (t) => {
  const { writer } = await ociWorld(t, { oci: { basePath: '/images' } });
  await writer.at('/images').pushImage('a', 'v1', image('x'));
  t.same(await writer.tags('a'), ['v1']);
  t.same(await writer.at('/images/v2').tags('a'), ['v1']);
  t.equal((await writer.at('/oci').get('/a/tags/list')).status, 404);
});

t.test('mounts', async (t) => {
  const { writer, stored } = await ociWorld(t);
  await writer.pushBlob('from/here', blob);
  const mounted = await writer.send('POST', `/to/blobs/uploads/?mount=${blob.digest}&from=from/here`);
  t.match(mounted, {
    status: 201,
    headers: { Location: `/v2/to/blobs/${blob.digest}`, 'Docker-Content-Digest': blob.digest },
  });
  t.same((await writer.get(`/to/blobs/${blob.digest}`)).bytes, blob.bytes);
  t.equal((await writer.send('POST', `/guess/blobs/uploads/?mount=${blob.digest}`)).status, 201, 'without from');
  t.equal((await stored()).filter((key) => key.startsWith('oci/blobs/')).length, 1, 'the bytes are there once');
  const misses = [`mount=${nowhere}&from=from/here`, `mount=${blob.digest}&from=no/such`, 'mount=nonsense&from=to'];
  for (const query of [...misses, `mount=${nowhere}`, `mount=${blob.digest}&from=UPPER`]) {
    const { status, headers } = await writer.send('POST', `/other/blobs/uploads/?${query}`);
    t.equal(status, 202, query);
    t.match(headers, { Location: /^\/v2\/other\/blobs\/uploads\/[0-9a-f-]{36}$/, Range: '0-0' });
    t.equal((await writer.delete(headers.Location!)).status, 204, 'which can be given up');
  }
});

t.test('a mount of bytes that are lost is an upload, which brings them back', async (t) => {
  const { writer, registry, stored } = await ociWorld(t);
  await writer.pushBlob('a', blob);
  await registry.getStorage().store.delete(`oci/blobs/sha256/${blob.digest.slice(7)}`);
  t.equal(refusal(await writer.get(path)), '404 BLOB_UNKNOWN');
  const before = await stored();
  const begun = await writer.send('POST', `/b/blobs/uploads/?mount=${blob.digest}&from=a`);
  t.equal(begun.status, 202);
  t.equal((await stored()).length, before.length + 1, 'an upload and no link');
  t.equal((await writer.finish(begun.headers.Location!, blob.digest, blob.bytes)).status, 201);
  t.same((await writer.get(path)).bytes, blob.bytes);
});

t.test('deleting a blob takes it from this repository only', async (t) => {
  const { writer, admin, stored } = await ociWorld(t);
  await writer.pushBlob('a', blob);
  await writer.send('POST', `/b/blobs/uploads/?mount=${blob.digest}&from=a`);
  t.equal(refusal(await writer.delete(path)), '403 DENIED', 'push is not delete');
  const deleted = await admin.delete(path);
  t.same([deleted.status, deleted.headers['Content-Length']], [202, '0']);
  t.equal(refusal(await admin.get(path)), '404 BLOB_UNKNOWN');
  t.equal(refusal(await admin.delete(path)), '404 BLOB_UNKNOWN');
  t.equal((await admin.get(`/b/blobs/${blob.digest}`)).status, 200);
  t.equal((await admin.delete(`/b/blobs/${blob.digest}`)).status, 202);
  const registry = admin.registry.getRegistry('oci')!;
  t.equal(await registry.sweepOrphans(), 0, 'bytes of today wait');
  t.equal(await registry.sweepOrphans({ olderThanMs: 0 }), 1);
  const hex = blob.digest.slice(7);
  const guard = `oci/copies/blobs/sha256/${hex}.json`;
  t.same(await stored(), [guard], 'that the first copy is gone for good stays');
  t.equal((await writer.pushBlob('a', blob)).status, 201, 'and it can come again');
  const again = (await stored()).filter((key) => key !== guard && !key.startsWith('oci/links/'));
  t.match(again, [new RegExp(`^oci/blobs/sha256/${hex}\\.1-[0-9a-f-]{36}$`)], 'at a key of its own');
  t.same((await writer.get(path)).bytes, blob.bytes);
});

t.test('with features.delete off, deletes are 405', async (t) => {
  const { admin } = await ociWorld(t, { oci: { features: { delete: false } } });
  const pushed = image('x');
  await admin.pushImage('a', 'v1', pushed);
  for (const target of [`/a/manifests/v1`, `/a/manifests/${pushed.digest}`, `/a/blobs/${pushed.config.digest}`]) {
    const answer = await admin.delete(target);
    t.equal(refusal(answer), '405 UNSUPPORTED', target);
    t.match(answer.headers.Allow, /GET/);
    t.equal((await admin.get(target)).status, 200);
  }
  t.equal((await admin.delete(await admin.begin('a'))).status, 204, 'uploads can be given up all the same');
});
