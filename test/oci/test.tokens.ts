import { createHash } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';
import t from 'tap';
import type { IAuthProvider } from '../../ts/index.js';
import { Actor, basic, configOf, HOST, ociWorld, PASSWORD, refusal, SECRET } from '../support/oci/actors.js';
import { image } from '../support/oci/samples.js';
import { type IAnswer, send, startRegistry, temporaryFolder } from '../support/registry.js';

interface IAccess {
  type: string;
  name: string;
  actions: string[];
}
const accessOf = ({ text }: IAnswer): string[] => {
  const { access } = jsonwebtoken.decode(JSON.parse(text).token) as { access: IAccess[] };
  return access.map(({ type, name, actions }) => `${type}:${name}:${actions.join()}`);
};
const postForm = (actor: Actor, fields: Record<string, string> | string): Promise<IAnswer> =>
  actor.send('POST', '/token', {
    body: Buffer.from(new URLSearchParams(fields).toString()),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });

t.test('the ping: 401 with a challenge for whoever has no token, whatever strangers may read', async (t) => {
  const { anon, writer, registry, bearer } = await ociWorld(t);
  for (const path of ['/v2/', '/v2', '/oci', '/oci/', '/oci/v2/']) {
    const mount = path.replace(/\/$/, '');
    const refused = await new Actor(registry, undefined, '').get(path);
    t.equal(refusal(refused), '401 UNAUTHORIZED', path);
    t.equal(refused.headers['WWW-Authenticate'], `Bearer realm="http://${HOST}${mount}/token",service="smartregistry"`);
  }
  for (const authorization of ['Bearer nonsense', basic('ann', 'wrong'), basic('nobody'), 'Bearer ', 'Basic !!']) {
    t.equal((await new Actor(registry, authorization).get('/')).status, 401, authorization);
  }
  const { token } = (await anon.get('/token')).json();
  const callers = [
    writer,
    await bearer('ann', []),
    new Actor(registry, basic('ann')),
    new Actor(registry, `Bearer ${token}`),
  ];
  for (const caller of callers) {
    const answer = await caller.get('/');
    t.match(answer, { status: 200, headers: { 'Docker-Distribution-API-Version': 'registry/2.0' } });
  }
});

t.test('GET: credentials by Basic, scopes repeated or joined by spaces, and what clients add', async (t) => {
  const { registry } = await ociWorld(t);
  const ann = new Actor(registry, basic('ann'));
  const table: [query: string, access: string[]][] = [
    ['', []],
    ['?service=smartregistry&account=ann&client_id=docker', []],
    ['?scope=repository:a:pull', ['repository:a:pull']],
    ['?scope=repository:a/b:push,pull', ['repository:a/b:push,pull']],
    ['?scope=repository:a:pull&scope=repository:b:pull,push', ['repository:a:pull', 'repository:b:pull,push']],
    ['?scope=repository:a:pull+repository:b:pull', ['repository:a:pull', 'repository:b:pull']],
    ['?scope=repository:a:pull%20repository:b:pull', ['repository:a:pull', 'repository:b:pull']],
    ['?scope=repository:a:delete,pull,push', ['repository:a:pull,push']],
    ['?scope=repository:a:delete', []],
    ['?scope=nonsense&scope=repository:A:pull&scope=npm:package:x:read', []],
  ];
  for (const [query, access] of table) {
    const answer = await ann.get(`/token${query}`);
    t.equal(answer.status, 200, query);
    t.same(accessOf(answer), access, query);
    const body = answer.json() as Record<string, string | number>;
    t.equal(body.token, body.access_token);
    t.ok((body.expires_in as number) >= 60);
    t.ok(Math.abs(Date.parse(body.issued_at as string) - Date.now()) < 60_000);
    t.notOk('refresh_token' in body);
    t.match(answer.headers, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  }
});

t.test('skopeo asks for everything and gets what there is', async (t) => {
  const { registry } = await ociWorld(t);
  const [granted = ''] = accessOf(await new Actor(registry, basic('ann')).get('/token?scope=repository:a:*'));
  t.match(granted, /^repository:a:.*pull.*push/);
  t.notMatch(granted, /delete|\*/);
  t.match(accessOf(await new Actor(registry, basic('root')).get('/token?scope=repository:a:*')).join(), /\*|delete/);
});

t.test('a stranger gets a token for what strangers may do', async (t) => {
  const { anon } = await ociWorld(t, { auth: { anonymousScopes: ['oci:repository:open/*:pull'] } });
  const answer = await anon.get('/token?scope=repository:open/x:pull,push&scope=repository:closed:pull');
  t.same(accessOf(answer), ['repository:open/x:pull']);
});

t.test('a wrong password is 401, also without a scope, also for a known name', async (t) => {
  const { registry, anon } = await ociWorld(t);
  for (const authorization of [basic('ann', 'wrong'), basic('nobody', 'x'), basic('ann', ''), 'Bearer nonsense']) {
    for (const query of ['', '?scope=repository:a:pull', '?account=ann&client_id=podman']) {
      const answer = await new Actor(registry, authorization).get(`/token${query}`);
      t.equal(refusal(answer), '401 UNAUTHORIZED', authorization);
      t.match(answer.headers['WWW-Authenticate'], /^Basic /, 'which clients do not follow in a circle');
    }
  }
  t.equal(
    refusal(await postForm(anon, { grant_type: 'password', username: 'ann', password: 'no' })),
    '401 UNAUTHORIZED',
  );
});

t.test('wrong passwords at the token endpoint: the address that floods is refused and no other', async (t) => {
  const { registry } = await ociWorld(t);
  const form = (ip: string, password: string) =>
    send(registry, 'POST', '/v2/token', {
      body: Buffer.from(new URLSearchParams({ grant_type: 'password', username: 'ann', password }).toString()),
      headers: { host: HOST },
      actor: { ip },
    });
  const get = (ip: string, password: string) =>
    send(registry, 'GET', '/v2/token', {
      headers: { host: HOST, authorization: basic('ann', password) },
      actor: { ip },
    });
  for (const [index, way] of [form, get].entries()) {
    const [bad, good] = [`192.0.2.${index}`, `198.51.100.${index}`];
    for (let n = 0; n < 10; n++) t.equal(refusal(await way(bad, `wrong ${n}`)), '401 UNAUTHORIZED');
    const refused = await way(bad, 'wrong');
    t.equal(refusal(refused), '429 TOOMANYREQUESTS');
    t.match(refused.headers, { 'Retry-After': /^\d+$/ });
    t.equal((await way(good, PASSWORD)).status, 200);
  }
});

t.test('POST: a form with password, then with refresh_token', async (t) => {
  const { registry, anon } = await ociWorld(t);
  const login = {
    grant_type: 'password',
    username: 'ann',
    password: PASSWORD,
    service: 'smartregistry',
    client_id: 'x',
  };
  const first = await postForm(anon, { ...login, scope: 'repository:a:pull repository:b:push' });
  t.equal(first.status, 200);
  t.same(accessOf(first), ['repository:a:pull', 'repository:b:push']);
  t.notOk('refresh_token' in first.json());
  const offline = (await postForm(anon, { ...login, access_type: 'offline' })).json() as { refresh_token: string };
  const refresh = { grant_type: 'refresh_token', refresh_token: offline.refresh_token };
  const again = await postForm(anon, { ...refresh, scope: 'repository:c:push' });
  t.same(accessOf(again), ['repository:c:push']);
  t.equal(again.json().refresh_token, offline.refresh_token);
  t.equal(refusal(await postForm(anon, { ...refresh, refresh_token: 'x' })), '401 UNAUTHORIZED');
  const jwt = first.json().token as string;
  t.equal(
    refusal(await postForm(anon, { ...refresh, refresh_token: jwt })),
    '401 UNAUTHORIZED',
    'a JWT gets no other one',
  );
  t.equal(refusal(await new Actor(registry, `Bearer ${jwt}`).get('/token')), '401 UNAUTHORIZED');
  await registry.getAuthManager().revokeToken(offline.refresh_token);
  t.equal(refusal(await postForm(anon, refresh)), '401 UNAUTHORIZED');
  for (const fields of ['', 'grant_type=other', 'grant_type=__proto__']) {
    t.equal(refusal(await postForm(anon, fields)), '400 UNSUPPORTED', fields);
  }
  t.equal(refusal(await postForm(anon, { grant_type: 'x'.repeat(70_000) })), '413 SIZE_INVALID');
  const parsed = await anon.send('POST', '/token', {
    body: { ...login, scope: ['repository:a:pull', 'repository:b:pull'] },
  });
  t.same(accessOf(parsed), ['repository:a:pull', 'repository:b:pull'], 'a form that the host had parsed');
});

t.test('offline_token: a token of its own for a password, the same one for a token', async (t) => {
  const { registry } = await ociWorld(t);
  const auth = registry.getAuthManager();
  const byPassword = (await new Actor(registry, basic('ann')).get('/token?offline_token=true')).json()
    .refresh_token as string;
  t.equal((await auth.validateToken(byPassword, 'oci'))?.userId, 'ann');
  const secret = await auth.createToken('ann', 'oci', { readonly: true });
  const byToken = (await new Actor(registry, basic('x', secret)).get('/token?offline_token=true')).json().refresh_token;
  t.equal(byToken, secret, 'which cannot do more than the one it was got with');
  t.notOk('refresh_token' in (await new Actor(registry).get('/token?offline_token=true')).json());
});

t.test('a refresh token as the password, as pull secrets have it', async (t) => {
  const { registry, anon } = await ociWorld(t);
  const login = { grant_type: 'password', username: 'ann', password: PASSWORD, access_type: 'offline' };
  const { refresh_token: secret } = (await postForm(anon, login)).json() as { refresh_token: string };
  for (const name of ['', '<token>', '00000000-0000-0000-0000-000000000000', 'ann']) {
    const answer = await new Actor(registry, basic(name, secret)).get('/token?scope=repository:a:push');
    t.equal(answer.status, 200, name);
    t.same(accessOf(answer), ['repository:a:push']);
    const form = { grant_type: 'password', username: name, password: secret, scope: 'repository:a:push' };
    t.same(accessOf(await postForm(anon, form)), ['repository:a:push'], name);
    t.equal(refusal(await new Actor(registry, basic(name, `${secret}x`)).get('/token')), '401 UNAUTHORIZED');
  }
});

t.test('use prolongs the refresh token of a login', async (t) => {
  const { registry, anon, another } = await ociWorld(t);
  const storage = registry.getStorage();
  const login = { grant_type: 'password', username: 'ann', password: PASSWORD, access_type: 'offline' };
  for (const use of ['refresh_token', 'basic'] as const) {
    const { refresh_token: secret } = (await postForm(anon, login)).json() as { refresh_token: string };
    const key = `auth/tokens/${createHash('sha256').update(secret).digest('hex')}.json`;
    const endOf = async () => Date.parse((await storage.read<{ expiresAt: string }>(key))?.value.expiresAt as string);
    const first = await endOf();
    t.ok(Math.abs(first - Date.now() - 90 * 86_400_000) < 60_000);
    // as if it had been made two months ago
    const expiresAt = new Date(first - 60 * 86_400_000).toISOString();
    await storage.update<{ expiresAt: string }>(key, (record) => record && { ...record, expiresAt });
    // a process that has not seen it yet
    const other = new Actor((await another()).registry, use === 'basic' ? basic('<token>', secret) : undefined);
    const form = { grant_type: 'refresh_token', refresh_token: secret };
    t.equal((await (use === 'basic' ? other.get('/token') : postForm(other, form))).status, 200);
    for (let tries = 0; tries < 100 && (await endOf()) < first; tries++)
      await new Promise((done) => setTimeout(done, 50));
    t.ok((await endOf()) >= first, `${use}: it ends 90 days from now`);
  }
});

t.test('challenges: what is needed for this request, and a second try', async (t) => {
  const { anon, bearer } = await ociWorld(t, { auth: { anonymousScopes: [] } });
  const scopeOf = async (answer: Promise<IAnswer>) =>
    /scope="([^"]*)"/.exec((await answer).headers['WWW-Authenticate'] ?? '')?.[1];
  t.equal(await scopeOf(anon.get('/a/b/manifests/v1')), 'repository:a/b:pull');
  t.equal(await scopeOf(anon.send('POST', '/a/b/blobs/uploads/')), 'repository:a/b:pull,push');
  t.equal(await scopeOf(anon.delete('/a/manifests/v1')), 'repository:a:delete');
  const mount = anon.send('POST', '/a/blobs/uploads/?mount=sha256:x&from=b/c');
  t.equal(await scopeOf(mount), 'repository:a:pull,push repository:b/c:pull');
  t.equal(await scopeOf(anon.get('/_catalog')), 'registry:catalog:*');
  const evil = anon.send('POST', '/a/blobs/uploads/?mount=x&from=b%22,realm=%22http://evil');
  t.notMatch((await evil).headers['WWW-Authenticate'], /realm="http:\/\/evil/);

  const narrow = await bearer('ann', ['oci:repository:a:pull']);
  const again = await narrow.send('POST', '/a/blobs/uploads/');
  t.match(again, {
    status: 401,
    headers: { 'WWW-Authenticate': /scope="repository:a:pull,push",error="insufficient_scope"$/ },
  });
  const odd = await anon.send('GET', '/a/tags/list', { headers: { host: 'not a host' } });
  t.equal(refusal(odd), '400 UNSUPPORTED', 'a Host that is none is no failure of ours');
});

t.test('a credential that is void: the challenge says so, and what to ask for', async (t) => {
  const { registry, bearer } = await ociWorld(t);
  const auth = registry.getAuthManager();
  const revoked = await auth.createOciToken('ann', ['oci:repository:a/b:pull']);
  await auth.revokeToken(revoked);
  const claims = { iss: 'smartregistry', aud: 'smartregistry', sub: 'ann', srt_uid: 'x', exp: 1000, access: [] };
  const expired = jsonwebtoken.sign(claims, SECRET);
  const credentials = [`Bearer ${revoked}`, `Bearer ${expired}`, 'Bearer nonsense', basic('ann', 'wrong'), basic('x')];
  for (const credential of credentials) {
    const actor = new Actor(registry, credential);
    const challenge = async (method: string, path: string) => {
      const answer = await actor.send(method, path);
      t.equal(refusal(answer), '401 UNAUTHORIZED', `${method} ${path}`);
      return answer.headers['WWW-Authenticate'];
    };
    const end = (scope: string) => `service="smartregistry",${scope}error="invalid_token"`;
    const table: [string, string, string][] = [
      ['GET', '/', ''],
      ['GET', '/a/b/manifests/v1', 'scope="repository:a/b:pull",'],
      ['PUT', '/a/b/manifests/v1', 'scope="repository:a/b:pull,push",'],
      ['DELETE', '/a/b/manifests/v1', 'scope="repository:a/b:delete",'],
      ['POST', '/a/blobs/uploads/?mount=sha256:x&from=b', 'scope="repository:a:pull,push repository:b:pull",'],
      ['GET', '/_catalog', 'scope="registry:catalog:*",'],
      ['GET', '/A/manifests/v1', ''],
    ];
    for (const [method, path, scope] of table) {
      const value = await challenge(method, path);
      t.ok(value?.endsWith(end(scope)), `${credential.slice(0, 20)} ${method} ${path}: ${value}`);
    }
  }
  const narrow = await (await bearer('ann', ['oci:repository:a:pull'])).get('/b/manifests/v1');
  t.notMatch(narrow.headers['WWW-Authenticate'] ?? '', /invalid_token/);
  const none = await new Actor(registry).send('PUT', '/a/manifests/v1');
  t.match(none, { status: 401 });
  t.notMatch(none.headers['WWW-Authenticate'], /error=/, 'without a credential there is no error in it');
  const { token } = (await new Actor(registry).get('/token?scope=repository:a:pull')).json();
  const stranger = await new Actor(registry, `Bearer ${token}`).send('PUT', '/a/manifests/v1');
  t.match(stranger.headers['WWW-Authenticate'], /scope="repository:a:pull,push",error="insufficient_scope"$/);
});

t.test('a realm elsewhere, and a public URL', async (t) => {
  const realm = 'https://auth.example.org/token';
  const elsewhere = await ociWorld(t, { auth: { ociTokens: { enabled: true, realm, service: 'images' } } });
  t.equal((await elsewhere.anon.get('/')).headers['WWW-Authenticate'], `Bearer realm="${realm}",service="images"`);
  const named = await ociWorld(t, { oci: { registryUrl: 'https://images.example.org/oci/' } });
  t.match((await named.anon.get('/')).headers['WWW-Authenticate'], 'realm="https://images.example.org/oci/token"');
  const root = await ociWorld(t, { oci: { registryUrl: 'https://images.example.org/' } });
  t.match((await root.anon.get('/')).headers['WWW-Authenticate'], 'realm="https://images.example.org/v2/token"');
});

t.test('without JWTs clients send their password each time', async (t) => {
  const ociTokens = { enabled: false, realm: '', service: '' };
  const storage = { directory: await temporaryFolder(t) };
  const registry = await startRegistry(t, { ...configOf({ auth: { ociTokens } }), storage });
  const refused = await new Actor(registry).get('/');
  t.match(refused, { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="oci"' } });
  t.equal((await new Actor(registry, basic('ann')).pushImage('a', 'v1', image('x'))).status, 201);
  t.equal(refusal(await new Actor(registry, basic('ann')).get('/token')), '403 DENIED');
});

t.test('a token is never exchanged for one with all rights of its user', async (t) => {
  let made = 0;
  const authProvider: IAuthProvider = {
    authenticate: async ({ username }) => username,
    validateToken: async (secret) =>
      secret === 'robot' ? { userId: 'ann', scopes: ['oci:repository:a:pull'], readonly: true } : null,
    revokeToken: async () => undefined,
    authorize: async () => true,
    createToken: async () => `made ${++made}`,
  };
  const registry = await startRegistry(t, { ...configOf(), authProvider });
  for (const [credential, expected] of [
    [basic('x', 'robot'), 'robot'],
    [basic('robot', ''), 'robot'],
    ['Bearer robot', 'robot'],
    [basic('ann', 'a password'), 'made 1'],
  ] as const) {
    const answer = await new Actor(registry, credential).get('/token?offline_token=true');
    t.equal(answer.json().refresh_token, expected, credential);
  }
});

t.test('the catalog of a provider that decides name by name: no more than the presented token may pull', async (t) => {
  const scopesOf: Record<string, string[]> = {
    root: ['*:*:*:*'],
    robot: ['oci:repository:mine:pull', 'oci:repository:mine:push', 'npm:package:*:read'],
  };
  const asked: (string[] | undefined)[] = [];
  const authProvider: IAuthProvider = {
    authenticate: async ({ username }) => username,
    validateToken: async (secret) => (scopesOf[secret] ? { userId: 'ann', scopes: scopesOf[secret] } : null),
    revokeToken: async () => undefined,
    authorize: async (token, resource, action) => {
      asked.push(token?.scopes);
      return (
        token?.scopes.some((scope) => ['*:*:*:*', `oci:repository:*:pull`, `${resource}:${action}`].includes(scope)) ??
        false
      );
    },
    createToken: async () => 'made',
  };
  const registry = await startRegistry(t, { ...configOf(), authProvider });
  const root = new Actor(registry, 'Bearer root');
  for (const name of ['mine', 'other']) await root.pushImage(name, 'v1', image('x'));
  const listed = async (credential: string) => {
    const { token } = (await new Actor(registry, credential).get('/token?scope=registry:catalog:*')).json();
    return (await new Actor(registry, `Bearer ${token}`).get('/_catalog')).json().repositories;
  };
  asked.length = 0;
  t.same(await listed('Bearer robot'), ['mine']);
  t.match(asked.at(-1), ['oci:repository:mine:pull'], 'a right to push lists nothing');
  t.same(await listed('Bearer root'), ['mine', 'other']);
});

t.test('a form that a host has parsed into what is no text is no fault of the registry', async (t) => {
  const registry = await startRegistry(t, configOf());
  const body = JSON.parse('{"grant_type":"password","username":"x","password":"y","scope":{"toString":1}}');
  t.equal((await send(registry, 'POST', '/v2/token', { body })).status, 401);
});

t.test('the challenge to a HEAD of a blob names push: who looks for a blob is about to push it', async (t) => {
  const { anon, writer } = await ociWorld(t, { auth: { anonymousScopes: [] } });
  const path = `/a/b/blobs/sha256:${'0'.repeat(64)}`;
  const scopeOf = ({ headers }: { headers: Record<string, string> }) =>
    /scope="([^"]*)"/.exec(headers['WWW-Authenticate'] ?? '')?.[1];
  t.equal(scopeOf(await anon.head(path)), 'repository:a/b:pull,push');
  t.equal(scopeOf(await anon.get(path)), 'repository:a/b:pull');
  t.equal(scopeOf(await anon.send('HEAD', '/a/b/manifests/v1')), 'repository:a/b:pull');
  t.equal((await writer.head(path)).status, 404);
});
