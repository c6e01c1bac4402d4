import t from 'tap';
import { Actor, basic, ociWorld, PASSWORD, refusal } from '../support/oci/actors.js';
import { content, digestOf, image } from '../support/oci/samples.js';

const one = image('one');
const blob = content('some bytes');

/** What each path of a repository needs, written down once more: a row of the route table may have been changed. */
const NEEDED: ['pull' | 'push' | 'delete', string, string][] = [
  ['pull', 'GET', '/a/b/tags/list'],
  ['pull', 'GET', `/a/b/referrers/${one.digest}`],
  ['pull', 'GET', '/a/b/manifests/v1'],
  ['pull', 'HEAD', '/a/b/manifests/v1'],
  ['pull', 'GET', `/a/b/manifests/${one.digest}`],
  ['pull', 'GET', `/a/b/blobs/${one.config.digest}`],
  ['pull', 'HEAD', `/a/b/blobs/${one.config.digest}`],
  ['push', 'PUT', '/a/b/manifests/v1'],
  ['push', 'PUT', `/a/b/manifests/${one.digest}`],
  ['push', 'POST', '/a/b/blobs/uploads/'],
  ['push', 'POST', '/a/b/blobs/uploads'],
  ['push', 'GET', '/a/b/blobs/uploads/x'],
  ['push', 'PATCH', '/a/b/blobs/uploads/x'],
  ['push', 'PUT', '/a/b/blobs/uploads/x'],
  ['push', 'DELETE', '/a/b/blobs/uploads/x'],
  ['delete', 'DELETE', '/a/b/manifests/v1'],
  ['delete', 'DELETE', `/a/b/manifests/${one.digest}`],
  ['delete', 'DELETE', `/a/b/blobs/${one.config.digest}`],
];

t.test('each path of a repository needs exactly its own right, for exactly this repository', async (t) => {
  const { admin, registry } = await ociWorld(t, { auth: { anonymousScopes: [] } });
  await admin.pushImage('a/b', 'v1', one);
  const auth = registry.getAuthManager();
  const holding = async (...scopes: string[]) =>
    new Actor(registry, `Bearer ${await auth.createToken('root', 'oci', { scopes })}`);
  for (const action of ['pull', 'push', 'delete']) {
    const actor = await holding(`oci:repository:a/b:${action}`);
    for (const [needed, method, path] of NEEDED) {
      const { status } = await actor.send(method, path, method === 'PUT' ? { body: Buffer.from('x') } : {});
      const name = `${method} ${path} with ${action}: ${status}`;
      if (action === needed) t.notOk([401, 403, 405].includes(status), name);
      else t.equal(status, 403, name);
    }
  }
  const other = await holding('oci:repository:a:*', 'oci:repository:b:*', 'oci:repository:a/bc:*');
  for (const [, method, path] of NEEDED) t.equal((await other.send(method, path)).status, 403, `${method} ${path}`);
});

t.test('a token for everything that its user may do', async (t) => {
  const { admin, registry } = await ociWorld(t);
  await admin.pushImage('a', 'v1', one);
  const { token } = (await new Actor(registry, basic('root')).get('/token?scope=repository:a:*')).json();
  const all = new Actor(registry, `Bearer ${token}`);
  t.equal((await all.pushManifest('a', 'v2', one)).status, 201);
  t.equal((await all.get('/a/manifests/v2')).status, 200);
  t.equal((await all.delete('/a/manifests/v2')).status, 202);
  t.equal(refusal(await all.get('/b/tags/list')), '404 NAME_UNKNOWN', 'and what anybody may');
  t.equal(refusal(await all.send('POST', '/b/blobs/uploads/')), '401 UNAUTHORIZED');
});

t.test('a mount asks for the right to pull only if there is one', async (t) => {
  const { anon } = await ociWorld(t, { auth: { anonymousScopes: [] } });
  const scopeOf = async (query: string) => {
    const { headers } = await anon.send('POST', `/a/blobs/uploads/?${query}`);
    return /scope="([^"]*)"/.exec(headers['WWW-Authenticate'] ?? '')?.[1];
  };
  t.equal(await scopeOf('from=b'), 'repository:a:pull,push');
  t.equal(await scopeOf(`mount=${blob.digest}`), 'repository:a:pull,push');
  t.equal(await scopeOf(`mount=${blob.digest}&from=b`), 'repository:a:pull,push repository:b:pull');
});

t.test('the token endpoint: how long, of what kind, and a token to stay only for who asks for one', async (t) => {
  const { registry, anon } = await ociWorld(t);
  const ann = new Actor(registry, basic('ann'));
  const { headers, ...answer } = await ann.get('/token?scope=repository:a:pull&offline_token=false');
  t.equal(headers['Cache-Control'], 'no-store');
  const body = answer.json();
  t.match(body, { expires_in: 3600, token_type: 'Bearer', token: body.access_token });
  t.notOk('refresh_token' in body);
  const post = (fields: Record<string, string>) =>
    anon.send('POST', '/token', { body: Buffer.from(new URLSearchParams(fields).toString()) });
  const login = { grant_type: 'password', username: 'ann', password: PASSWORD };
  const online = await post({ ...login, access_type: 'online' });
  t.match(online, { status: 200, headers: { 'Cache-Control': 'no-store' } });
  t.notOk('refresh_token' in online.json());
  const wrong = await post({ ...login, username: '' });
  t.equal(refusal(wrong), '401 UNAUTHORIZED');
  t.equal(refusal(await post({ grant_type: 'refresh_token' })), '401 UNAUTHORIZED');
  const { objects } = await (async () => {
    await post({ ...login, access_type: 'offline' });
    return { objects: await registry.getAuthManager().listTokens('ann') };
  })();
  t.equal(objects.filter(({ name }) => name === 'container client').length, 1, 'listed by this name');
  const secret = await registry.getAuthManager().createToken('ann', 'oci');
  const extracted = await registry.handleRequest({
    ...{ method: 'GET', path: '/v2/token', headers: { host: 'x' }, query: { offline_token: 'true' } },
    token: secret,
  });
  t.equal(extracted.status, 200, 'a credential that the host has extracted');
  t.match(await new Response(extracted.body).json(), { refresh_token: secret });
  const form = Buffer.from('grant_type=password');
  const odd = await anon.send('POST', '/token', { body: form, headers: { 'content-length': '5' } });
  t.equal(refusal(odd), '400 UNSUPPORTED', 'a form of another length');
});

t.test(
  'what hooks are told of a blob and a manifest that are read, and the bytes of a manifest that is pushed',
  async (t) => {
    const told: object[] = [];
    const opened: Buffer[] = [];
    const { admin } = await ociWorld(t, {
      storageHooks: {
        beforeGet: async ({ key, protocol, metadata }) => {
          if (protocol === 'oci') told.push({ key, ...metadata });
          return { allowed: true };
        },
        beforePut: async ({ key, open }) => {
          if (open && key.startsWith('oci/manifests/'))
            opened.push(Buffer.from(await new Response(open()).arrayBuffer()));
          return { allowed: true };
        },
      },
    });
    await admin.pushImage('a/b', 'v1', one);
    t.same(opened, [one.bytes]);
    const { digest } = one.config;
    const about = { packageName: 'a/b', kind: 'artifact' };
    for (const [path, wanted] of [
      [`/a/b/blobs/${digest}`, { ...about, digest, contentType: 'application/octet-stream' }],
      ['/a/b/manifests/v1', { ...about, version: 'v1', digest: one.digest, key: `oci/manifests/a/b/${one.digest}` }],
      [`/a/b/manifests/${one.digest}`, { ...about, version: one.digest, digest: one.digest }],
    ] as const) {
      told.length = 0;
      t.equal((await admin.get(path)).status, 200);
      t.match(told, [wanted], path);
    }
  },
);

t.test('chunks together are no larger than a blob may be', async (t) => {
  const { admin } = await ociWorld(t, { limits: { maxArtifactSize: 1000 } });
  const exact = content(Buffer.alloc(1000, 'x'));
  const location = await admin.begin('a');
  t.equal((await admin.patch(location, exact.bytes.subarray(0, 600))).status, 202);
  t.equal(refusal(await admin.patch(location, Buffer.alloc(401))), '413 SIZE_INVALID');
  t.equal(refusal(await admin.finish(location, exact.digest, Buffer.alloc(401))), '413 SIZE_INVALID');
  t.equal((await admin.patch(location, exact.bytes.subarray(600))).status, 202);
  t.equal((await admin.finish(location, exact.digest)).status, 201);
  const whole = await admin.send('POST', `/b/blobs/uploads/?digest=${exact.digest}`, { body: exact.bytes });
  t.equal(whole.status, 201);
  const more = Buffer.alloc(1001);
  for (const streamed of [false, true]) {
    const sent = await admin.send('POST', `/b/blobs/uploads/?digest=${digestOf(more)}`, { body: more, streamed });
    t.equal(refusal(sent), '413 SIZE_INVALID');
  }
});

t.test('a new user is advised by the host, with or without TLS', async (t) => {
  const { registry } = await ociWorld(t);
  const oci = registry.getRegistry('oci')!;
  t.same(oci.clientSetup('https://images.example.org/oci'), [
    'podman login images.example.org',
    'podman push localhost/my-image images.example.org/my-image:1.0',
  ]);
  t.same(oci.clientSetup('http://images.example.org:5000/v2'), [
    'podman login --tls-verify=false images.example.org:5000',
    'podman push --tls-verify=false localhost/my-image images.example.org:5000/my-image:1.0',
  ]);
});

t.test('the base path may be the one that clients use anyway', async (t) => {
  const { writer } = await ociWorld(t, { oci: { basePath: '/v2' } });
  t.equal((await writer.pushImage('a', 'v1', one)).status, 201);
  t.same(await writer.at('/v2/v2').tags('a'), ['v1']);
});
