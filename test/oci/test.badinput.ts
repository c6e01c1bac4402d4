import t from 'tap';
import { Actor, type ISendOptions, ociWorld, refusal, request } from '../support/oci/actors.js';
import { content, image, MANIFEST, nowhere } from '../support/oci/samples.js';

const pushed = image('x');
const blob = content('some bytes');
const body = blob.bytes;
const digest = blob.digest;

/** Requests that are refused, and how. Those on an upload have `UPLOAD` where its path belongs. */
const table: [expected: string, method: string, target: string, options?: ISendOptions][] = [
  // names
  ['400 NAME_INVALID', 'GET', '/v2/UPPER/tags/list'],
  ['400 NAME_INVALID', 'GET', '/v2/a..b/manifests/v1'],
  ['400 NAME_INVALID', 'GET', `/v2/-a/blobs/${digest}`],
  ['400 NAME_INVALID', 'GET', `/v2/${'a'.repeat(256)}/tags/list`],
  ['400 NAME_INVALID', 'POST', '/v2/a_/blobs/uploads/'],
  ['400 NAME_INVALID', 'PUT', '/v2/a@b/manifests/v1', { body: pushed.bytes }],
  ['400 NAME_INVALID', 'GET', '/oci/v2/v2/a/tags/list'],
  ['400 NAME_INVALID', 'GET', `/v2/a%20b/referrers/${digest}`],
  // ways out of the tree
  ['400 NAME_INVALID', 'GET', '/v2/../tags/list'],
  ['400 NAME_INVALID', 'GET', '/v2/a/../b/tags/list'],
  ['400 NAME_INVALID', 'GET', '/v2/%2e%2e/tags/list'],
  ['400 NAME_INVALID', 'GET', '/v2/a%2f..%2fb/tags/list'],
  ['400 NAME_INVALID', 'GET', '/v2/a/%2E%2E/%2e%2e/b/manifests/v1'],
  ['400 NAME_INVALID', 'GET', '/v2/a%00/tags/list'],
  ['400 NAME_INVALID', 'GET', '/v2/a%5cb/tags/list'],
  ['400 NAME_INVALID', 'GET', '/v2/a\\b/tags/list'],
  ['400 NAME_INVALID', 'GET', '/v2/a%ff/tags/list'],
  ['400 NAME_INVALID', 'GET', '/v2/a%252e%252e/tags/list'],
  ['400 NAME_INVALID', 'PUT', '/v2/a/manifests/%2e%2e', { body: pushed.bytes }],
  ['400 NAME_INVALID', 'PUT', '/v2/a/manifests/v1%00', { body: pushed.bytes }],
  ['400 NAME_INVALID', 'DELETE', '/v2/a/manifests/..'],
  ['400 NAME_INVALID', 'PATCH', '/v2/a/blobs/uploads/..', { body }],
  ['404 BLOB_UPLOAD_UNKNOWN', 'PATCH', '/v2/a/blobs/uploads/etc%2fpasswd', { body }],
  ['404 NAME_UNKNOWN', 'GET', '/v2/nothing'],
  ['404 NAME_UNKNOWN', 'GET', '/v2/a/manifests/'],
  // tags and digests
  ['404 MANIFEST_UNKNOWN', 'GET', '/v2/a/manifests/.bad'],
  ['400 MANIFEST_INVALID', 'PUT', '/v2/a/manifests/.bad', { body: pushed.bytes }],
  ['400 MANIFEST_INVALID', 'PUT', `/v2/a/manifests/${'t'.repeat(129)}`, { body: pushed.bytes }],
  ['400 MANIFEST_INVALID', 'DELETE', '/v2/a/manifests/-x'],
  ['400 DIGEST_INVALID', 'GET', '/v2/a/manifests/sha256:abc'],
  ['400 DIGEST_INVALID', 'GET', '/v2/a/manifests/md5:d41d8cd98f00b204e9800998ecf8427e'],
  ['400 DIGEST_INVALID', 'PUT', `/v2/a/manifests/${nowhere}`, { body: pushed.bytes }],
  ['400 DIGEST_INVALID', 'GET', '/v2/a/blobs/sha256:abc'],
  ['400 DIGEST_INVALID', 'DELETE', '/v2/a/blobs/nonsense'],
  ['400 DIGEST_INVALID', 'GET', '/v2/a/referrers/nonsense'],
  ['400 DIGEST_INVALID', 'POST', '/v2/a/blobs/uploads/?digest=sha256:abc', { body }],
  ['400 DIGEST_INVALID', 'POST', '/v2/a/blobs/uploads/?digest=', { body }],
  ['400 DIGEST_INVALID', 'POST', `/v2/a/blobs/uploads/?digest=${nowhere}`, { body }],
  ['400 DIGEST_INVALID', 'POST', `/v2/a/blobs/uploads/?digest=${digest}&digest=${nowhere}`, { body }],
  ['400 DIGEST_INVALID', 'POST', `/v2/a/blobs/uploads/?digest=${digest}&digest=${digest}`, { body }],
  ['400 DIGEST_INVALID', 'POST', '/v2/a/blobs/uploads/?digest-algorithm=md5'],
  ['400 DIGEST_INVALID', 'PUT', 'UPLOAD', { body }],
  ['400 DIGEST_INVALID', 'PUT', 'UPLOAD?digest=nonsense', { body }],
  ['400 DIGEST_INVALID', 'PUT', `UPLOAD?digest=${nowhere}&digest=${digest}`, { body }],
  ['400 DIGEST_INVALID', 'PUT', `UPLOAD?digest=${digest.toUpperCase()}`, { body }],
  ['400 DIGEST_INVALID', 'PUT', `UPLOAD?digest=${nowhere}`, { body }],
  // chunks
  ['400 BLOB_UPLOAD_INVALID', 'PATCH', 'UPLOAD', { body, headers: { 'content-range': '9-0' } }],
  ['400 BLOB_UPLOAD_INVALID', 'PATCH', 'UPLOAD', { body, headers: { 'content-range': 'all of it' } }],
  ['400 BLOB_UPLOAD_INVALID', 'PUT', `UPLOAD?digest=${digest}`, { body, headers: { 'content-range': '-1-8' } }],
  ['416 BLOB_UPLOAD_INVALID', 'PATCH', 'UPLOAD', { body, headers: { 'content-range': '5-14' } }],
  ['416 BLOB_UPLOAD_INVALID', 'PUT', `UPLOAD?digest=${digest}`, { body, headers: { 'content-range': '5-14' } }],
  ['400 SIZE_INVALID', 'PATCH', 'UPLOAD', { body, headers: { 'content-range': '0-99' } }],
  ['400 SIZE_INVALID', 'PATCH', 'UPLOAD', { body, headers: { 'content-length': '5' } }],
  ['400 SIZE_INVALID', 'PATCH', 'UPLOAD', { body, headers: { 'content-length': '50' } }],
  ['400 SIZE_INVALID', 'PATCH', 'UPLOAD', { body, headers: { 'content-length': 'abc' } }],
  ['400 SIZE_INVALID', 'PATCH', 'UPLOAD', { body, headers: { 'content-length': '-5' } }],
  ['400 SIZE_INVALID', 'PUT', `UPLOAD?digest=${digest}`, { body, headers: { 'content-length': '9' } }],
  ['400 SIZE_INVALID', 'PUT', `UPLOAD?digest=${digest}`, { body, headers: { 'content-length': '11' } }],
  ['400 SIZE_INVALID', 'POST', `/v2/a/blobs/uploads/?digest=${digest}`, { body, headers: { 'content-length': '11' } }],
  ['400 SIZE_INVALID', 'PATCH', 'UPLOAD', { body: { parsed: true } }],
  ['415 UNSUPPORTED', 'PATCH', 'UPLOAD', { body, headers: { 'content-encoding': 'br' } }],
  ['413 SIZE_INVALID', 'PATCH', 'UPLOAD', { body: Buffer.alloc(2_000_001) }],
  ['413 SIZE_INVALID', 'PATCH', 'UPLOAD', { body: Buffer.alloc(2_000_001), streamed: true }],
  ['413 SIZE_INVALID', 'PUT', `UPLOAD?digest=${digest}`, { body: Buffer.alloc(2_000_001), streamed: true }],
  ['413 SIZE_INVALID', 'POST', `/v2/a/blobs/uploads/?digest=${digest}`, { body: Buffer.alloc(2_000_001) }],
  ['404 BLOB_UPLOAD_UNKNOWN', 'PATCH', '/v2/a/blobs/uploads/nonsense', { body }],
  ['404 BLOB_UPLOAD_UNKNOWN', 'PUT', `/v2/a/blobs/uploads/nonsense?digest=${digest}`, { body }],
  // manifests
  [
    '400 MANIFEST_INVALID',
    'PUT',
    '/v2/a/manifests/x',
    { body: pushed.bytes, headers: { 'content-type': 'text/html' } },
  ],
  ['400 MANIFEST_INVALID', 'PUT', '/v2/a/manifests/x', { body: Buffer.from('{}') }],
  ['400 MANIFEST_INVALID', 'PUT', '/v2/a/manifests/x'],
  ['400 SIZE_INVALID', 'PUT', '/v2/a/manifests/x', { body: pushed.bytes, headers: { 'content-length': '5' } }],
  ['400 SIZE_INVALID', 'PUT', '/v2/a/manifests/x', { body: JSON.parse(pushed.bytes.toString()) }],
  ['413 SIZE_INVALID', 'PUT', '/v2/a/manifests/x', { body: Buffer.alloc(4 * 1024 * 1024 + 1, ' ') }],
  ['413 SIZE_INVALID', 'PUT', '/v2/a/manifests/x', { body: Buffer.alloc(4 * 1024 * 1024 + 1, ' '), streamed: true }],
  // lists
  ['400 UNSUPPORTED', 'GET', '/v2/a/tags/list?n=-1'],
  ['400 UNSUPPORTED', 'GET', '/v2/a/tags/list?n=abc'],
  ['400 UNSUPPORTED', 'GET', '/v2/_catalog?n=-1'],
  // methods
  ['405 UNSUPPORTED', 'POST', '/v2/a/manifests/v1', { body }],
  ['405 UNSUPPORTED', 'PUT', `/v2/a/blobs/${digest}`, { body }],
  ['405 UNSUPPORTED', 'DELETE', '/v2/a/tags/list'],
];

t.test('bad input: the code and status of the specification, and the store is as before', async (t) => {
  const { admin, registry, stored } = await ociWorld(t, { limits: { maxArtifactSize: 2_000_000 } });
  await admin.pushImage('a', 'v1', pushed);
  const location = await admin.begin('a');
  const before = await stored();
  const root = new Actor(registry, admin.authorization, '');
  for (const [expected, method, target, options] of table) {
    const what = `${method} ${target.slice(0, 80)} ${JSON.stringify(options?.headers ?? {})}`;
    const answer = await root.send(method, target.replace('UPLOAD', location), options);
    t.equal(refusal(answer), expected, what);
    t.equal(answer.headers['Content-Length'], String(answer.bytes.byteLength), what);
    t.same(await stored(), before, what);
  }
  t.match(await admin.get(location), { status: 204, headers: { Range: '0-0' } }, 'the upload is as it was');
  t.equal((await admin.finish(location, digest, body)).status, 201, 'and can be finished');
  t.same((await admin.get(`/a/blobs/${digest}`)).bytes, body);
  t.equal((await admin.pushManifest('a', 'v2', pushed)).status, 201);
});

t.test('a refusal names what was asked for, cut to a length that can be shown', async (t) => {
  const { admin } = await ociWorld(t);
  await admin.pushImage('a', 'v1', pushed);
  const detailOf = async (method: string, path: string, options?: ISendOptions) =>
    ((await admin.send(method, path, options)).json().errors as { detail: unknown }[])[0]?.detail;
  t.same(await detailOf('GET', `/a/blobs/${nowhere}`), { digest: nowhere });
  t.same(await detailOf('DELETE', `/a/blobs/${nowhere}`), { digest: nowhere });
  t.same(await detailOf('GET', '/a/manifests/v9'), { reference: 'v9' });
  t.same(await detailOf('GET', `/a/manifests/${'x'.repeat(300)}`), { reference: 'x'.repeat(200) });
  t.same(await detailOf('DELETE', `/a/manifests/${nowhere}`), { reference: nowhere });
  t.same(await detailOf('GET', '/b/tags/list'), { name: 'b' });
  t.same(await detailOf('GET', `/${'a'.repeat(400)}/tags/list`), { name: 'a'.repeat(300) });
  t.same(await detailOf('PUT', `/a/manifests/.${'x'.repeat(300)}`, { body: pushed.bytes }), {
    tag: `.${'x'.repeat(199)}`,
  });
});

t.test('strangers are told nothing by their mistakes', async (t) => {
  const { registry } = await ociWorld(t, { auth: { anonymousScopes: [] } });
  for (const [, method, target, options] of table) {
    const { status, text } = await request(
      registry,
      method,
      target.replace('UPLOAD', '/v2/a/blobs/uploads/x'),
      options,
    );
    t.ok([400, 401, 404, 405].includes(status), `${method} ${target.slice(0, 80)}: ${status}`);
    t.notMatch(text, /MANIFEST_UNKNOWN|BLOB_UNKNOWN|BLOB_UPLOAD/);
  }
});

t.test('a manifest of exactly 4 MiB is taken', async (t) => {
  const { admin } = await ociWorld(t);
  await admin.pushImage('a', 'v1', pushed);
  const bytes = Buffer.concat([pushed.bytes, Buffer.alloc(4 * 1024 * 1024 - pushed.bytes.byteLength, ' ')]);
  const big = { ...content(bytes), mediaType: MANIFEST };
  t.equal((await admin.pushManifest('a', 'big', big)).status, 201);
  t.same((await admin.get('/a/manifests/big')).bytes.equals(bytes), true);
});
