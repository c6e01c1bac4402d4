import { gzipSync } from 'node:zlib';
import t from 'tap';
import { Actor, npmWorld, PASSWORD } from '../support/npm/actors.js';
import { type IAnswer, send } from '../support/registry.js';

const couch = (name: string, password: string, more: object = {}) => ({
  _id: `org.couchdb.user:${name}`,
  name,
  password,
  type: 'user',
  roles: [],
  date: '2026-01-01T00:00:00.000Z',
  ...more,
});

t.test('npm login --auth-type=legacy', async (t) => {
  const { registry, anon } = await npmWorld(t);
  const path = '/-/user/org.couchdb.user:ann';
  const good = await anon.put(path, couch('ann', PASSWORD));
  t.equal(good.status, 201, 'at once, without a second round');
  const actor = new Actor(registry, good.json().token as string);
  t.same((await actor.get('/-/whoami')).json(), { username: 'ann' });
  t.equal((await actor.publish('a', '1.0.0')).status, 201);
  const again = await anon.send('PUT', `${path}/-rev/undefined`, JSON.stringify(couch('ann', PASSWORD)), {
    authorization: `Basic ${Buffer.from(`ann:${PASSWORD}`).toString('base64')}`,
  });
  t.equal(again.status, 201, 'the second round of other registries');
  const { password: _none, ...withoutPassword } = couch('ann', PASSWORD);
  const basic = await anon.send('PUT', `${path}/-rev/1`, JSON.stringify(withoutPassword), {
    authorization: `Basic ${Buffer.from(`ann:${PASSWORD}`).toString('base64')}`,
  });
  t.equal(basic.status, 201);
  const ofBob = await anon.send('PUT', `${path}/-rev/1`, JSON.stringify(withoutPassword), {
    authorization: `Basic ${Buffer.from(`bob:${PASSWORD}`).toString('base64')}`,
  });
  t.equal(ofBob.status, 400, "another user's password is nobody's here");
  const encoded = encodeURIComponent('org.couchdb.user:ann');
  t.equal((await anon.put(`/-/user/${encoded}`, couch('ann', PASSWORD))).status, 201, encoded);
  t.match((await actor.get(`/-/user/${encoded}`)).json(), { name: 'ann' });
  const wrong: [string, unknown, number][] = [
    ['ann', couch('ann', 'wrong'), 401],
    ['nobody', couch('nobody', PASSWORD), 401],
    ['nobody', couch('nobody', PASSWORD, { email: 'nobody@example.org' }), 401],
    ['ann', couch('bob', PASSWORD), 400],
    ['ann', { name: 'ann' }, 400],
    ['ann', couch('ann', ''), 400],
    ['ann', [], 400],
    ['ann', '{', 400],
    ['ann', { name: 'ann', password: { $ne: 1 } }, 400],
  ];
  for (const [name, body, status] of wrong) {
    const answer = await anon.put(`/-/user/org.couchdb.user:${name}`, body);
    t.equal(answer.status, status, JSON.stringify(body));
    t.type(answer.json().error, 'string');
  }
  const [known, unknown] = [
    await anon.put(path, couch('ann', 'wrong')),
    await anon.put('/-/user/org.couchdb.user:nobody', couch('nobody', 'wrong')),
  ];
  t.same(known.json(), unknown.json(), 'who exists is not told');
  t.match(known.headers['WWW-Authenticate'], /^Basic/);
});

t.test('a user of a Windows domain logs in', async (t) => {
  const { registry, anon } = await npmWorld(t, { auth: { selfRegistration: true } });
  const name = 'DOMAIN\\ann';
  const path = '/-/user/org.couchdb.user:DOMAIN%5Cann';
  const made = await anon.put(path, couch(name, 'a long password', { email: 'ann@example.org' }));
  t.equal(made.status, 201);
  const answer = await anon.put(path, couch(name, 'a long password'));
  t.equal(answer.status, 201);
  const actor = new Actor(registry, answer.json().token as string);
  t.same((await actor.get('/-/whoami')).json(), { username: name });
  t.match((await actor.get(`${path}?write=true`)).json(), { name, email: 'ann@example.org' });
  t.equal((await actor.publish('a', '1.0.0')).status, 201);
  t.same((await actor.get('/-/user/DOMAIN%5Cann/package')).json(), { a: 'write' });
  t.equal((await anon.put('/-/user/org.couchdb.user:a%00', couch('a\0', 'a long password'))).status, 400);
});

t.test('a path with a trailing slash is the same resource', async (t) => {
  const { anon, writer } = await npmWorld(t);
  t.equal((await writer.publish('a', '1.0.0')).status, 201);
  t.equal((await writer.publish('@s/a', '1.0.0')).status, 201);
  for (const path of ['/a', '/a/1.0.0', '/@s%2fa', '/@s/a', '/a/-/a-1.0.0.tgz', '/-/ping']) {
    const [without, slashed] = [await anon.get(path), await anon.get(`${path}/`)];
    t.same([slashed.status, slashed.text], [200, without.text], path);
  }
});

t.test('npm adduser where people may register themselves', async (t) => {
  const { registry, anon } = await npmWorld(t, { auth: { selfRegistration: true } });
  const email = 'eve@example.org';
  t.equal(
    (await anon.put('/-/user/org.couchdb.user:eve', couch('eve', 'a long password'))).status,
    401,
    'login makes no account',
  );
  const made = await anon.put('/-/user/org.couchdb.user:eve', couch('eve', 'a long password', { email }));
  t.equal(made.status, 201);
  const eve = new Actor(registry, made.json().token as string);
  const profile = (await eve.get('/-/npm/v1/user')).json();
  const created = profile.created as string;
  t.match(created, /^\d{4}-.*Z$/);
  const rest = { email_verified: false, tfa: false, fullname: '' };
  t.same(profile, { name: 'eve', email, ...rest, created, updated: created });
  t.match((await eve.get('/-/user/org.couchdb.user:eve')).json(), { email, date: created, type: 'user', roles: [] });
  t.equal(
    (await anon.put('/-/user/org.couchdb.user:eve', couch('eve', 'another', { email }))).status,
    401,
    'the name is taken',
  );
  t.equal((await anon.put('/-/user/org.couchdb.user:eve', couch('eve', 'a long password', { email }))).status, 201);
  t.equal((await anon.put('/-/user/org.couchdb.user:zoe', couch('zoe', 'a long password', { email: '' }))).status, 201);
  t.equal((await anon.put('/-/user/org.couchdb.user:a%2fb', couch('a/b', 'a long password', { email }))).status, 400);
});

t.test('npm logout, whoami, profile, ping', async (t) => {
  const { registry, anon, writer, reader, admin } = await npmWorld(t);
  t.same((await anon.get('/-/ping')).json(), {});
  t.equal((await anon.get('/-/ping?write=true')).status, 200);
  t.equal((await anon.get('/-/whoami')).status, 401);
  t.match((await writer.get('/-/npm/v1/user')).json(), {
    name: 'ann',
    email: 'ann@example.org',
    email_verified: false,
  });
  t.match((await writer.get('/-/user/org.couchdb.user:ann')).json(), {
    name: 'ann',
    email: 'ann@example.org',
    _id: 'org.couchdb.user:ann',
  });
  t.equal((await writer.get('/-/user/org.couchdb.user:nobody')).status, 404);
  t.equal((await writer.delete(`/-/user/token/${admin.token}`)).status, 404, 'not of others');
  t.equal((await writer.delete('/-/user/token/nothing')).status, 404);
  const { objects } = (await reader.get('/-/npm/v1/tokens')).json() as { objects: { key: string; token: string }[] };
  const key = objects.find(({ token }) => writer.token?.startsWith(token))?.key;
  t.ok(key);
  t.equal((await reader.delete(`/-/user/token/${key}`)).status, 404, 'the key of a token is no secret');
  t.equal((await writer.get('/-/whoami')).status, 200);
  t.equal((await reader.delete(`/-/user/token/${reader.token}`)).status, 200, 'read-only or not');
  t.equal((await reader.get('/-/whoami')).status, 401);
  t.equal((await writer.delete(`/-/user/token/${writer.token}`)).status, 200);
  t.equal((await writer.get('/-/whoami')).status, 401);
  t.equal((await new Actor(registry, admin.token).get('/-/whoami')).status, 200);
});

t.test('npm token list, create, revoke', async (t) => {
  const { registry, writer, reader, admin, tokenOf } = await npmWorld(t);
  const list = async () =>
    (
      (await writer.get('/-/npm/v1/tokens')).json() as {
        objects: { key: string; token: string; readonly: boolean; name?: string }[];
      }
    ).objects;
  t.equal((await list()).length, 2);
  t.match((await list())[0], { token: /^.{6}$/, key: /^[0-9a-f]{64}$/, cidr_whitelist: null });
  t.notMatch(JSON.stringify(await list()), writer.token);
  const made = await writer.post('/-/npm/v1/tokens', {
    password: PASSWORD,
    name: 'ci',
    packages: ['a'],
    packages_and_scopes_permission: 'read-write',
    expires: 1,
  });
  t.match(made, { status: 200 });
  t.match(made.json(), { token: String, key: String, readonly: false, cidr_whitelist: [], expires: String });
  const ci = new Actor(registry, made.json().token as string);
  t.equal((await ci.publish('a', '1.0.0')).status, 201);
  t.equal((await ci.publish('b', '1.0.0')).status, 403);
  t.equal((await list()).find(({ name }) => name === 'ci')?.key, made.json().key);
  const reads = { password: PASSWORD, packages_and_scopes_permission: 'read-only' };
  const reading = await writer.post('/-/npm/v1/tokens', reads);
  t.match(reading.json(), { readonly: true });
  const onlyReads = new Actor(registry, reading.json().token as string);
  t.equal((await onlyReads.get('/a')).status, 200);
  t.equal((await onlyReads.publish('a', '1.1.0')).status, 403, 'read-only without names is read-only for all');
  await writer.delete(`/-/npm/v1/tokens/token/${reading.json().key}`);
  const readonly = await writer.post('/-/npm/v1/tokens', { password: PASSWORD, readonly: true, cidr_whitelist: [] });
  t.match(readonly.json(), { readonly: true });
  t.equal((await new Actor(registry, readonly.json().token as string).publish('a', '1.1.0')).status, 403);
  const key = made.json().key as string;
  for (const scopes of [['npm:package:a:read'], []]) {
    const limited = await tokenOf({ scopes });
    t.equal((await limited.delete(`/-/npm/v1/tokens/token/${key}`)).status, 403, `scopes ${scopes}`);
    t.equal((await limited.post('/-/npm/v1/tokens', { password: PASSWORD })).status, 403);
  }
  t.ok((await list()).some(({ name }) => name === 'ci'));
  t.match((await list()).at(-1), { name: '-' }, 'npm prints the name of one that has none');
  const refused: [Actor, object, number][] = [
    [writer, { password: 'wrong' }, 401],
    [writer, {}, 400],
    [writer, { password: PASSWORD, cidr_whitelist: ['10.0.0.0/8'] }, 400],
    [reader, { password: PASSWORD }, 403],
  ];
  for (const [actor, body, status] of refused)
    t.equal((await actor.post('/-/npm/v1/tokens', body)).status, status, JSON.stringify(body));
  t.equal((await admin.delete(`/-/npm/v1/tokens/token/${made.json().key}`)).status, 404, 'not of others');
  t.equal((await reader.delete(`/-/npm/v1/tokens/token/${made.json().key}`)).status, 403);
  t.equal((await writer.delete(`/-/npm/v1/tokens/token/${made.json().key}`)).status, 200);
  t.equal((await ci.get('/-/whoami')).status, 401);
  t.equal((await writer.delete(`/-/npm/v1/tokens/token/${readonly.json().token}`)).status, 200, 'by the secret too');
  t.equal((await list()).length, 4);
});

t.test('npm token list shows the tokens of npm, the newest first', async (t) => {
  const { registry, writer } = await npmWorld(t);
  const auth = registry.getAuthManager();
  await auth.createPypiToken('ann');
  for (const name of ['one', 'two', 'three']) {
    const { now } = Date;
    for (const begun = now(); now() <= begun; ) await new Promise((resolve) => setImmediate(resolve));
    await auth.createToken('ann', 'npm', { name });
  }
  const { objects, total } = (await writer.get('/-/npm/v1/tokens')).json() as {
    objects: { name: string }[];
    total: number;
  };
  t.same(objects.map(({ name }) => name).slice(0, 3), ['three', 'two', 'one']);
  t.equal(total, 5);
});

t.test('owners, access and stars are answered in words', async (t) => {
  const { anon, writer } = await npmWorld(t);
  await writer.publish('@s/a', '1.0.0');
  const { _rev } = await writer.packument('@s/a');
  const owner = await writer.put(`/@s%2fa/-rev/${_rev}`, {
    _id: '@s/a',
    _rev,
    maintainers: [{ name: 'bob', email: '' }],
  });
  t.equal(owner.status, 422);
  t.match(owner.json(), { error: /Scopes of users and tokens/ });
  t.equal((await writer.post('/-/package/@s%2fa/access', { access: 'public' })).status, 422);
  t.same((await writer.get('/-/package/@s%2fa/visibility')).json(), { public: true });
  t.same((await writer.get('/-/package/@s%2fa/access')).json(), { access: 'public' });
  t.same((await writer.get('/-/package/@s%2fa/collaborators')).json(), { ann: 'write' });
  t.same((await writer.get('/-/user/ann/package')).json(), { '@s/a': 'write' });
  t.same((await writer.get('/-/user/bob/package')).json(), {});
  t.equal((await anon.get('/-/package/nothing/visibility')).status, 404);
});

t.test('a new user is advised to set up a project, not the whole computer', async (t) => {
  const { registry } = await npmWorld(t);
  const lines = registry.getRegistry('npm')?.clientSetup('http://npm.example.org/npm') ?? [];
  t.same(lines, [
    'npm config set registry http://npm.example.org/npm/ --location=project',
    'npm config set @your-scope:registry http://npm.example.org/npm/ --location=project',
    'npm login --registry http://npm.example.org/npm/',
  ]);
  t.same(registry.getRegistry('npm')?.clientSetup('http://npm.example.org/npm//'), lines, 'one slash at the end');
});

t.test('npm audit', async (t) => {
  const { anon } = await npmWorld(t);
  const bulk = '/-/npm/v1/security/advisories/bulk';
  const none = await anon.post(bulk, { a: ['1.0.0'] });
  t.equal(none.status, 404);
  t.match(none.json(), { error: /advisories/ });
  const empty = await npmWorld(t, { npm: { enabled: true, features: { emptyAudit: true } } });
  t.same((await empty.anon.post(bulk, { a: ['1.0.0'] })).json(), {});
  const packed = gzipSync(JSON.stringify({ a: ['1.0.0'] }));
  t.same((await empty.anon.post(bulk, packed, { 'content-encoding': 'gzip' })).json(), {});
  for (const path of ['/-/npm/v1/security/audits', '/-/npm/v1/security/audits/quick']) {
    t.match((await empty.anon.post(path, {})).json(), { advisories: {}, metadata: { vulnerabilities: { high: 0 } } });
    t.equal((await anon.post(path, {})).status, 404);
  }
  t.equal((await empty.anon.post(bulk, '{')).status, 400);
});

t.test('npm login on the web', async (t) => {
  const { registry, anon, everything } = await npmWorld(t);
  const local = (url: unknown) => String(url).replace('http://npm.example.org/npm', '');
  const begin = async (body: object = {}) =>
    (await anon.post('/-/v1/login', body)).json() as { loginUrl: string; doneUrl: string };
  const form = (username: string, password: string) => new URLSearchParams({ username, password }).toString();
  const { loginUrl, doneUrl } = await begin();
  t.match(loginUrl, /^http:\/\/npm\.example\.org\/npm\/-\/v1\/login\//);
  t.notOk(
    loginUrl.includes(doneUrl.split('.').at(-2) as string),
    'the browser does not see what the command line asks with',
  );

  for (const host of ['x:99999', '999.1.1.1', '[::::]']) {
    t.equal((await anon.get(local(loginUrl), { host })).status, 400, `Host: ${host}`);
  }
  const page = await anon.get(local(loginUrl));
  t.match(page, {
    status: 200,
    headers: { 'Content-Type': 'text/html; charset=utf-8', 'X-Frame-Options': 'DENY', 'Cache-Control': 'no-store' },
  });
  t.match(page.text, /<form method="post">/);
  const waiting = await anon.get(local(doneUrl));
  t.match(waiting, { status: 202, headers: { 'Retry-After': /^\d+$/, 'Cache-Control': 'no-store' } });

  const wrong = await anon.post(local(loginUrl), form('ann', 'wrong'));
  t.equal(wrong.status, 401);
  t.match(wrong.text, 'Wrong user name or password');
  t.match(wrong.text, 'value="ann"');
  const foreign = await anon.post(local(loginUrl), form('ann', PASSWORD), { origin: 'https://evil.example.org' });
  t.equal(foreign.status, 403);
  for (const site of ['cross-site', 'same-site']) {
    const sent = await anon.post(local(loginUrl), form('ann', PASSWORD), { 'sec-fetch-site': site });
    t.equal(sent.status, 403, site);
  }
  t.equal((await anon.get(local(doneUrl))).status, 202);

  const right = await anon.post(local(loginUrl), form('ann', PASSWORD), {
    origin: 'http://npm.example.org',
    'sec-fetch-site': 'same-origin',
  });
  t.equal(right.status, 200);
  t.match(right.text, 'close this page');
  t.notMatch(right.text, /[0-9a-f]{8}-[0-9a-f]{4}-/, 'no token in the browser');
  const second = await anon.post(local(loginUrl), form('bob', PASSWORD));
  t.equal(second.status, 200, 'the form sent again, as browsers do');
  t.match(second.text, 'close this page');
  t.equal((await anon.send('HEAD', local(doneUrl))).status, 202);
  const answers = await Promise.all([1, 2, 3].map(() => anon.get(local(doneUrl))));
  t.same(answers.map(({ status }) => status).sort(), [200, 404, 404], 'once');
  for (const { status, headers } of answers) t.equal(headers['Cache-Control'], 'no-store', `${status}: it is a token`);
  const token = answers.find(({ status }) => status === 200)?.json().token as string;
  t.same((await new Actor(registry, token).get('/-/whoami')).json(), { username: 'ann' });
  t.match(await everything(), [/^npm\/logins\//], 'that it was used, until it ends');
  t.equal((await anon.post(local(loginUrl), form('ann', PASSWORD))).text.includes('close this page'), true);
  t.equal((await anon.get(local(doneUrl))).status, 404, 'the page cannot be used again');

  const another = await begin();
  for (let mistyped = 0; mistyped < 6; mistyped++) {
    t.equal((await anon.post(local(another.loginUrl), form('ann', 'wrong'))).status, 401);
  }
  t.equal((await anon.get(local(another.doneUrl))).status, 202, 'a person may go on trying');
  for (const path of [
    '/-/v1/login/x',
    '/-/v1/login/ffffffff.x',
    '/-/v1/done/x',
    '/-/v1/done/ffffffff.x',
    `/-/v1/login/${'f'.repeat(8)}.${'a'.repeat(64)}`,
  ]) {
    t.equal((await anon.get(path)).status, 404, path);
  }
  const adding = await begin({ create: true });
  t.match((await anon.get(local(adding.loginUrl))).text, /E-mail/);
  t.equal(
    (await anon.post(local(adding.loginUrl), form('eve', 'a long password'))).status,
    401,
    'not without the administrator',
  );
});

t.test('strangers cannot close the web login', async (t) => {
  const { registry, anon, everything } = await npmWorld(t);
  const local = (url: unknown) => String(url).replace('http://npm.example.org/npm', '');
  for (let begun = 0; begun < 1200; begun++) t.equal((await anon.post('/-/v1/login', {})).status, 200);
  t.same(await everything(), [], 'they store nothing');
  const { loginUrl, doneUrl } = (await anon.post('/-/v1/login', {})).json();
  const form = new URLSearchParams({ username: 'ann', password: PASSWORD }).toString();
  t.equal((await anon.post(local(loginUrl), form)).status, 200);
  const { token } = (await anon.get(local(doneUrl))).json();
  t.same((await new Actor(registry, token as string).get('/-/whoami')).json(), { username: 'ann' });
});

t.test('too many wrong passwords in the browser: the page says for how long', async (t) => {
  const { anon } = await npmWorld(t);
  const local = (url: unknown) => String(url).replace('http://npm.example.org/npm', '');
  const { loginUrl } = (await anon.post('/-/v1/login', {})).json();
  const post = (password: string) =>
    anon.post(local(loginUrl), new URLSearchParams({ username: 'ann', password }).toString());
  for (let attempt = 0; attempt < 10; attempt++) t.equal((await post(`wrong ${attempt}`)).status, 401);
  const refused = await post('wrong again');
  t.equal(refused.status, 429);
  t.match(refused.headers, { 'Retry-After': /^\d+$/, 'Content-Type': 'text/html; charset=utf-8' });
  t.match(refused.text, /Too many wrong passwords; try again in \d+ s/);
  t.match(refused.text, 'value="ann"', 'with the form');
});

t.test('wherever npm asks for a password, the address that floods is refused and no other', async (t) => {
  const { registry, writer, anon } = await npmWorld(t);
  const { loginUrl } = (await anon.post('/-/v1/login', {})).json();
  const page = String(loginUrl).replace('http://npm.example.org', '');
  const ask = (ip: string, method: string, path: string, body: string, headers = {}) =>
    send(registry, method, path, {
      body: Buffer.from(body),
      headers: { host: 'npm.example.org', ...headers },
      actor: { ip },
    });
  const ways: ((ip: string, password: string) => Promise<IAnswer>)[] = [
    (ip, password) => ask(ip, 'PUT', '/npm/-/user/org.couchdb.user:ann', JSON.stringify(couch('ann', password))),
    (ip, password) => ask(ip, 'POST', page, new URLSearchParams({ username: 'ann', password }).toString()),
    (ip, password) =>
      ask(ip, 'POST', '/npm/-/npm/v1/tokens', JSON.stringify({ password }), {
        authorization: `Bearer ${writer.token}`,
      }),
  ];
  const { users } = registry.getAuthManager();
  await users.create({ username: 'eve', password: PASSWORD });
  const eve = await registry.getAuthManager().createNpmToken('eve');
  ways.push((ip, old) =>
    ask(ip, 'POST', '/npm/-/npm/v1/user', JSON.stringify({ password: { old, new: 'another one' } }), {
      authorization: `Bearer ${eve}`,
    }),
  );
  for (const [index, way] of ways.entries()) {
    const [bad, good] = [`192.0.2.${index}`, `198.51.100.${index}`];
    for (let n = 0; n < 10; n++) t.match((await way(bad, `wrong ${n}`)).status, index === 3 ? 403 : 401);
    const refused = await way(bad, 'wrong');
    t.equal(refused.status, 429);
    t.match(refused.headers, { 'Retry-After': /^\d+$/ });
    t.ok((await way(good, PASSWORD)).status < 300);
  }
});

t.test('a login in the browser makes an account where that is allowed', async (t) => {
  const { registry, anon } = await npmWorld(t, { auth: { selfRegistration: true } });
  const local = (url: unknown) => String(url).replace('http://npm.example.org/npm', '');
  const { loginUrl, doneUrl } = (await anon.post('/-/v1/login', { create: true })).json();
  const fields = new URLSearchParams({ username: 'eve', password: 'a long password', email: 'eve@example.org' });
  t.equal((await anon.post(local(loginUrl), fields.toString())).status, 200);
  const token = (await anon.get(local(doneUrl))).json().token as string;
  t.match((await new Actor(registry, token).get('/-/npm/v1/user')).json(), { name: 'eve', email: 'eve@example.org' });

  const login = (await anon.post('/-/v1/login', {})).json();
  const unasked = new URLSearchParams({ username: 'mal', password: 'a long password', email: 'mal@example.org' });
  t.equal((await anon.post(local(login.loginUrl), unasked.toString())).status, 401, 'a login makes no account');
  t.equal((await new Actor(registry, token).get('/-/user/org.couchdb.user:mal')).status, 404);
});
