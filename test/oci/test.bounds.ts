import { gzipSync } from 'node:zlib';
import jsonwebtoken from 'jsonwebtoken';
import t from 'tap';
import { Actor, basic, ociWorld, refusal } from '../support/oci/actors.js';
import { content, descriptorOf, digestOf, image, index, MANIFEST } from '../support/oci/samples.js';
import { MemoryObjectStore } from '../support/store/memory-objectstore.js';

const one = image('one');

t.test('a page of no entries leads nowhere', async (t) => {
  const { admin } = await ociWorld(t);
  for (const tag of ['v1', 'v2']) await admin.pushImage('a', tag, one);
  for (const [path, field] of [
    ['/a/tags/list?n=0', 'tags'],
    ['/_catalog?n=0', 'repositories'],
  ] as const) {
    const answer = await admin.get(path);
    t.same([answer.status, answer.json()[field], answer.headers.Link], [200, [], undefined], path);
  }
});

t.test('lists are asked for again each time, and hold a thousand repositories at most', async (t) => {
  const inner = new MemoryObjectStore();
  const { admin } = await ociWorld(t, { storage: { objectStore: inner } });
  const nameOf = (at: number): string => `r${String(at).padStart(4, '0')}`;
  for (let at = 0; at < 1002; at++) {
    await inner.put(`oci/tags/${nameOf(at)}/tags.json`, Buffer.from(`{"tags":{"v1":"${one.digest}"}}`));
  }
  const first = await admin.get('/_catalog?n=100000');
  t.equal((first.json().repositories as string[]).length, 1000);
  t.equal(first.headers.Link, `</v2/_catalog?last=${nameOf(999)}&n=1000>; rel="next"`);
  const last = await admin.get(`/_catalog?n=100000&last=${nameOf(999)}`);
  t.same([last.json().repositories, last.headers.Link], [[nameOf(1000), nameOf(1001)], undefined]);
  const usual = await admin.get('/_catalog');
  t.equal((usual.json().repositories as string[]).length, 100, 'if the client says nothing');
  t.equal(usual.headers.Link, `</v2/_catalog?last=${nameOf(99)}&n=100>; rel="next"`);
  for (const odd of ['R0099', '..', 'v2/r0099', '']) {
    t.same((await admin.get(`/_catalog?last=${odd}`)).json(), usual.json(), `behind ${odd}, which is no repository`);
  }
  t.equal((await admin.get('/_catalog?n=1000')).headers.Link, first.headers.Link);
  t.equal(((await admin.get('/_catalog?n=999')).json().repositories as string[]).length, 999);
  for (const answer of [first, usual, await admin.get('/r0000/tags/list')]) {
    t.equal(answer.headers['Cache-Control'], 'no-cache');
  }
});

t.test('one push may set a hundred tags', async (t) => {
  const { admin } = await ociWorld(t);
  await admin.pushImage('a', one.digest, one);
  const query = Array.from({ length: 100 }, (_, at) => `tag=t${at}`).join('&');
  const pushed = await admin.pushManifest('a', `${one.digest}?${query}`, one);
  t.equal(pushed.status, 201);
  t.equal((await admin.tags('a')).length, 100);
});

t.test('of what a manifest names and the repository lacks, the answer names twenty at most', async (t) => {
  const { admin } = await ociWorld(t);
  const descriptor = (at: number) => ({
    mediaType: 'application/vnd.oci.image.layer.v1.tar',
    digest: digestOf(Buffer.from(`${at}`)),
    size: 1,
  });
  const layers = Array.from({ length: 50 }, (_, at) => descriptor(at));
  const body = { schemaVersion: 2, mediaType: MANIFEST, config: descriptor(99), layers };
  const answer = await admin.pushManifest('a', 'v1', { ...content(JSON.stringify(body)), mediaType: MANIFEST });
  t.equal(refusal(answer), '400 MANIFEST_BLOB_UNKNOWN');
  const { errors } = answer.json() as { errors: [{ detail: { digests: string[] } }] };
  t.equal(errors[0].detail.digests.length, 20);
});

t.test('of a fallback index, a thousand entries are looked up', async (t) => {
  const { admin } = await ociWorld(t, {
    storage: { objectStore: new MemoryObjectStore() },
    oci: { features: { sparseIndexes: true } },
  });
  const referrers = ['in', 'out'].map((text) => image(text, { subject: descriptorOf(MANIFEST, one) }));
  for (const pushed of referrers) await admin.pushImage('a', pushed.digest, pushed);
  await admin.registry.getStorage().store.delete(`oci/referrers/a/${one.digest}.json`);
  const [inside, outside] = referrers as [(typeof referrers)[0], (typeof referrers)[0]];
  const absent = Array.from({ length: 999 }, (_, at) => image(`absent ${at}`));
  await admin.pushManifest('a', one.digest.replace(':', '-'), index([...absent, inside, outside]));
  const { manifests } = (await admin.get(`/a/referrers/${one.digest}`)).json() as { manifests: { digest: string }[] };
  t.same(
    manifests.map(({ digest }) => digest),
    [inside.digest],
  );
});

t.test('an algorithm that is a name of every JavaScript object is none', async (t) => {
  const { admin } = await ociWorld(t);
  for (const name of ['constructor', 'toString', '__proto__']) {
    const answer = await admin.send('POST', `/a/blobs/uploads/?digest-algorithm=${name}`);
    t.equal(refusal(answer), '400 DIGEST_INVALID', name);
  }
});

t.test('a hundred scopes of one request are enough', async (t) => {
  const { registry } = await ociWorld(t);
  const scopes = Array.from({ length: 150 }, (_, at) => `scope=repository:r${at}:pull`).join('&');
  const answer = await new Actor(registry, basic('ann')).get(`/token?${scopes}`);
  const { access } = jsonwebtoken.decode(answer.json().token as string) as { access: unknown[] };
  t.equal(access.length, 100);
});

t.test('tokens that were made before a realm was configured stay valid', async (t) => {
  const objectStore = new MemoryObjectStore();
  const before = await ociWorld(t, { storage: { objectStore } });
  await before.admin.pushImage('a', 'v1', one);
  const bearer = await before.bearer('ann', ['oci:repository:a:pull']);
  const ociTokens = { enabled: true, realm: 'https://auth.example.org/token', service: 'smartregistry' };
  const { registry } = await ociWorld(t, { storage: { objectStore }, auth: { ociTokens, anonymousScopes: [] } });
  t.equal((await new Actor(registry).get('/a/manifests/v1')).status, 401);
  t.equal((await new Actor(registry, bearer.authorization).get('/a/manifests/v1')).status, 200);
  const issuer = { enabled: true, realm: '', service: 'smartregistry', issuer: 'https://elsewhere.example.org' };
  const named = await ociWorld(t, { storage: { objectStore }, auth: { ociTokens: issuer, anonymousScopes: [] } });
  t.equal((await new Actor(named.registry, bearer.authorization).get('/a/manifests/v1')).status, 401, 'another issuer');
});

t.test('a blob that is sent compressed is as long as its own bytes', async (t) => {
  const { admin } = await ociWorld(t);
  const blob = content(Buffer.alloc(100_000, 'x'));
  const packed = gzipSync(blob.bytes);
  const headers = { 'content-encoding': 'gzip', 'content-length': String(packed.byteLength) };
  const made = await admin.send('PUT', `${await admin.begin('a')}?digest=${blob.digest}`, { body: packed, headers });
  t.equal(made.status, 201);
  t.equal((await admin.head(`/a/blobs/${blob.digest}`)).headers['Content-Length'], '100000');
  const location = await admin.begin('b');
  t.equal((await admin.send('PATCH', location, { body: packed, headers })).status, 202);
  t.equal((await admin.finish(location, blob.digest)).status, 201);
});
