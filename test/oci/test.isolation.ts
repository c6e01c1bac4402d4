import t from 'tap';
import { Actor, basic, ociWorld, refusal } from '../support/oci/actors.js';
import { content, descriptorOf, image, MANIFEST } from '../support/oci/samples.js';

const both = content('a layer that both repositories have');
const hidden = image('a layer that only the private one has');
const shown = image('shown');
const signature = image('sig', { subject: descriptorOf(MANIFEST, hidden), artifactType: 'x/sig' });

/** `open` may be pulled by anybody, `closed` and `bob/…` may not. */
const world = async (t: Parameters<typeof ociWorld>[0]) => {
  const made = await ociWorld(t, {
    auth: {
      anonymousScopes: ['oci:repository:open:pull'],
      users: [
        { username: 'root', password: 'correct horse battery', scopes: ['*:*:*:*'] },
        {
          username: 'ann',
          password: 'correct horse battery',
          scopes: ['oci:repository:open:*', 'oci:repository:mine/*:*'],
        },
        { username: 'bob', password: 'correct horse battery', scopes: ['oci:repository:bob/*:*'] },
      ],
    },
  });
  const { admin } = made;
  for (const name of ['open', 'closed']) await admin.pushBlob(name, both);
  await admin.pushImage('open', 'v1', shown);
  await admin.pushImage('closed', 'v1', hidden);
  await admin.pushImage('closed', 'sig', signature);
  return made;
};

/** Everything that could tell of the private repository or of what is in it. */
const probes = [
  `/closed/blobs/${both.digest}`,
  `/closed/blobs/${hidden.layers[0]!.digest}`,
  '/closed/manifests/v1',
  `/closed/manifests/${hidden.digest}`,
  '/closed/tags/list',
  `/closed/referrers/${hidden.digest}`,
  '/closed/manifests/absent',
  '/absent/tags/list',
  '/absent/manifests/v1',
];

t.test('a stranger: 401 for what is private, there or not; 200 for the rest', async (t) => {
  const { anon } = await world(t);
  const token = (await anon.get('/token?scope=repository:closed:pull')).json().token;
  const callers = [anon, new Actor(anon.registry, `Bearer ${token}`)];
  for (const caller of callers) {
    for (const path of probes) {
      const answer = await caller.get(path);
      t.equal(refusal(answer), '401 UNAUTHORIZED', path);
      t.match(
        answer.headers['WWW-Authenticate'],
        /^Bearer realm="http:\/\/registry\.example\.org\/v2\/token",.*scope="repository:/,
      );
      const head = await caller.head(path);
      t.same([head.status, head.body], [401, undefined], path);
      t.equal((await caller.get(path, { range: 'bytes=0-3' })).status, 401, path);
      t.equal((await caller.get(path, { 'if-none-match': `"${both.digest}"` })).status, 401, path);
    }
    t.equal((await caller.get(`/open/blobs/${both.digest}`)).status, 200);
    t.equal((await caller.get('/open/manifests/v1')).status, 200);
  }
});

t.test('what only the private repository has is not there through the open one', async (t) => {
  const { anon, admin, registry } = await world(t);
  const ann = new Actor(registry, basic('ann'));
  for (const caller of [anon, ann, admin]) {
    for (const { digest } of [...hidden.layers, hidden]) {
      t.equal(refusal(await caller.get(`/open/blobs/${digest}`)), '404 BLOB_UNKNOWN');
      t.equal((await caller.head(`/open/blobs/${digest}`)).status, 404);
      t.equal((await caller.get(`/open/blobs/${digest}`, { range: 'bytes=0-3' })).status, 404);
    }
    t.equal(refusal(await caller.get(`/open/manifests/${hidden.digest}`)), '404 MANIFEST_UNKNOWN');
    t.equal(refusal(await caller.get('/open/manifests/sig')), '404 MANIFEST_UNKNOWN');
    t.same((await caller.get(`/open/referrers/${hidden.digest}`)).json().manifests, []);
  }
  t.equal(refusal(await ann.pushManifest('open', 'stolen', hidden)), '400 MANIFEST_BLOB_UNKNOWN', 'nor by naming it');
  t.equal(refusal(await ann.delete(`/open/blobs/${hidden.layers[0]!.digest}`)), '404 BLOB_UNKNOWN');
  t.equal((await admin.get(`/closed/blobs/${hidden.layers[0]!.digest}`)).status, 200);
});

t.test('knowing a digest is not having the content', async (t) => {
  const { registry, stored } = await world(t);
  const ann = new Actor(registry, basic('ann'));
  const { digest, bytes } = hidden.layers[0]!;
  const before = await stored();
  const queries = [`mount=${digest}&from=closed`, `mount=${digest}`, `mount=${digest}&from=open`];
  for (const query of queries) {
    const answer = await ann.send('POST', `/open/blobs/uploads/?${query}`);
    t.equal(answer.status, 202, `${query}: as if it were nowhere`);
    t.equal((await ann.delete(answer.headers.Location!)).status, 204);
  }
  const other = Buffer.alloc(bytes.byteLength, 'x');
  t.equal(refusal(await ann.pushBlob('open', { digest, bytes: other })), '400 DIGEST_INVALID');
  t.equal(refusal(await ann.send('POST', `/open/blobs/uploads/?digest=${digest}`)), '400 DIGEST_INVALID');
  const location = await ann.begin('open');
  await ann.patch(location, other);
  t.equal(refusal(await ann.finish(location, digest)), '400 DIGEST_INVALID');
  await ann.delete(location);
  for (const name of ['open', 'mine/x']) t.equal((await ann.get(`/${name}/blobs/${digest}`)).status, 404);
  t.same(
    (await stored()).filter((key) => !key.startsWith('oci/uploads/')),
    before,
  );
  t.equal((await ann.pushBlob('mine/x', hidden.layers[0]!)).status, 201, 'who has it may push it');
  const mounted = await ann.send('POST', `/open/blobs/uploads/?mount=${both.digest}&from=open`);
  t.equal(mounted.status, 201, 'and mount what may be read');
});

t.test('a JWT for one repository is good for that one', async (t) => {
  const { registry, bearer } = await world(t);
  const bob = await bearer('bob', ['oci:repository:bob/x:pull,push', 'oci:repository:closed:pull,push']);
  t.equal((await bob.pushImage('bob/x', 'v1', shown)).status, 201);
  for (const path of [...probes, '/bob/y/tags/list']) {
    const answer = await bob.get(path);
    t.equal(refusal(answer), '401 UNAUTHORIZED', `${path}: so that the client gets another one`);
    t.match(answer.headers['WWW-Authenticate'], /error="insufficient_scope"$/);
  }
  t.equal(refusal(await bob.send('POST', '/bob/y/blobs/uploads/')), '401 UNAUTHORIZED');
  t.equal(refusal(await bob.delete('/bob/x/manifests/v1')), '401 UNAUTHORIZED', 'and for what it names');
  t.equal((await bob.get('/open/manifests/v1')).status, 200, 'what anybody may do, he may');
  const direct = new Actor(registry, basic('bob'));
  t.equal(refusal(await direct.get('/closed/tags/list')), '403 DENIED', 'his password will not get better');
  t.equal(
    refusal(await direct.pushImage('open', 'v2', shown).catch(() => direct.send('POST', '/open/blobs/uploads/'))),
    '403 DENIED',
  );
});

t.test('an upload belongs to its repository', async (t) => {
  const { registry, bearer } = await world(t);
  const root = await bearer('root', ['oci:repository:closed:pull,push']);
  const location = await root.begin('closed');
  await root.patch(location, both.bytes);
  const id = location.split('/').at(-1);
  const ann = new Actor(registry, basic('ann'));
  t.equal(refusal(await ann.get(location)), '403 DENIED');
  t.equal(refusal(await ann.finish(`/v2/open/blobs/uploads/${id}`, both.digest)), '404 BLOB_UPLOAD_UNKNOWN');
  t.equal(refusal(await ann.delete(`/v2/mine/x/blobs/uploads/${id}`)), '404 BLOB_UPLOAD_UNKNOWN');
  t.equal((await root.finish(location, both.digest)).status, 201);
});

t.test('the catalog lists what the caller may pull, and nothing else', async (t) => {
  const { anon, admin, registry } = await world(t);
  for (const name of ['bob/x', 'bob/y', 'mine/a', 'mine/b', 'mine/c']) await admin.pushImage(name, 'v1', shown);
  const list = async (caller: Actor, query = '') => (await caller.get(`/_catalog${query}`)).json().repositories;
  t.equal(refusal(await anon.get('/_catalog')), '401 UNAUTHORIZED', 'which makes clients show their password');
  const all = ['bob/x', 'bob/y', 'closed', 'mine/a', 'mine/b', 'mine/c', 'open'];
  t.same(await list(admin), all);
  const ann = new Actor(registry, basic('ann'));
  t.same(await list(ann), ['mine/a', 'mine/b', 'mine/c', 'open']);
  t.same(await list(new Actor(registry, basic('bob'))), ['bob/x', 'bob/y', 'open']);
  const seen: string[] = [];
  for (let next = '/v2/_catalog?n=2', pages = 0; next; pages++) {
    const page = await ann.get(next);
    t.ok((page.json().repositories as string[]).length <= 2 && pages < 5);
    seen.push(...(page.json().repositories as string[]));
    next = /^<([^>]+)>; rel="next"$/.exec(page.headers.Link ?? '')?.[1] ?? '';
    t.notMatch(next, /closed|bob/, 'no name leaks through the link');
  }
  t.same(seen, ['mine/a', 'mine/b', 'mine/c', 'open']);
  t.same(await list(ann, '?last=mine/b'), ['mine/c', 'open']);
  t.same(await list(ann, '?last=no/such'), ['open'], 'also behind a name that is not there');
  t.same(await list(ann, '?n=0'), []);
  for (const n of ['-1', 'abc']) t.equal((await ann.get(`/_catalog?n=${n}`)).status, 400);

  const tokenOf = async (caller: Actor, scope: string) =>
    new Actor(registry, `Bearer ${(await caller.get(`/token?scope=${scope}`)).json().token}`);
  t.same(await list(await tokenOf(ann, 'registry:catalog:*')), ['mine/a', 'mine/b', 'mine/c', 'open']);
  t.same(await list(await tokenOf(admin, 'registry:catalog:*')), all);
  t.same(await list(await tokenOf(anon, 'registry:catalog:*')), ['open']);
  const narrow = await (await tokenOf(ann, 'repository:mine/a:pull')).get('/_catalog');
  t.equal(refusal(narrow), '401 UNAUTHORIZED', 'a token for one lists nothing');
  t.match(narrow.headers['WWW-Authenticate'], /scope="registry:catalog:\*",error="insufficient_scope"$/);
  const catalog = await tokenOf(ann, 'registry:catalog:*');
  t.equal((await catalog.get('/mine/a/manifests/v1')).status, 401, 'and one for the list reads nothing');
});

t.test('where nothing is open, the catalog asks for a token', async (t) => {
  const { anon, admin } = await ociWorld(t, { auth: { anonymousScopes: [] } });
  await admin.pushImage('a', 'v1', shown);
  const refused = await anon.get('/_catalog');
  t.equal(refusal(refused), '401 UNAUTHORIZED');
  t.match(refused.headers['WWW-Authenticate'], /scope="registry:catalog:\*"/);
  const { token } = (await anon.get('/token?scope=registry:catalog:*&scope=repository:a:pull')).json();
  const stranger = new Actor(anon.registry, `Bearer ${token}`);
  t.equal(refusal(await stranger.get('/_catalog')), '401 UNAUTHORIZED', 'a token for nothing is none');
  t.equal(refusal(await stranger.get('/a/manifests/v1')), '401 UNAUTHORIZED');
});

t.test('a read-only token reads', async (t) => {
  const { reader, writer, registry } = await ociWorld(t);
  await writer.pushImage('a', 'v1', shown);
  t.equal((await reader.get('/a/manifests/v1')).status, 200);
  t.equal(refusal(await reader.send('POST', '/a/blobs/uploads/')), '403 DENIED');
  t.equal(refusal(await reader.pushManifest('a', 'v2', shown)), '403 DENIED');
  const { token } = (await reader.get('/token?scope=repository:a:pull,push,delete')).json();
  const jwt = new Actor(registry, `Bearer ${token}`);
  t.equal((await jwt.get('/a/manifests/v1')).status, 200);
  t.equal(refusal(await jwt.pushManifest('a', 'v2', shown)), '401 UNAUTHORIZED', 'nor by way of a JWT');
  t.equal(refusal(await jwt.delete('/a/manifests/v1')), '401 UNAUTHORIZED');
});

t.test('a revoked token takes its JWTs with it', async (t) => {
  const { registry } = await ociWorld(t, { auth: { anonymousScopes: [] } });
  const auth = registry.getAuthManager();
  const secret = await auth.createToken('ann', 'oci');
  const login = new Actor(registry, basic('any', secret));
  const { token } = (await login.get('/token?scope=repository:a:pull,push')).json();
  const jwt = new Actor(registry, `Bearer ${token}`);
  t.equal((await jwt.pushImage('a', 'v1', shown)).status, 201);
  await auth.revokeToken(secret);
  t.equal(refusal(await jwt.get('/a/manifests/v1')), '401 UNAUTHORIZED');
  t.equal(refusal(await login.get('/token?scope=repository:a:pull')), '401 UNAUTHORIZED');
});
