import t from 'tap';
import type { IAuthProvider, IStorageHookContext } from '../../ts/index.js';
import { Actor, npmWorld, PASSWORD } from '../support/npm/actors.js';
import { bundleOf, bytesOf, type IPublishDocument, publishOf } from '../support/npm/packages.js';
import { send, startRegistry } from '../support/registry.js';

/** A document with the provenance of its version. */
const attested = async (name: string, version: string): Promise<IPublishDocument> => {
  const document = await publishOf(name, version);
  const data = bundleOf(name, version, bytesOf(document));
  document._attachments[`${name}-${version}.sigstore`] = { content_type: '', data, length: data.length };
  return document;
};

t.test('each write says what it has written, with the revision that the package has now', async (t) => {
  const { writer, admin } = await npmWorld(t);
  const rev = async () => (await admin.packument('a'))._rev;
  t.same((await writer.publish('a', '1.0.0')).json(), { ok: true, success: true, id: 'a', rev: await rev() });
  for (const version of ['1.1.0', '1.2.0']) await writer.publish('a', version);
  t.same((await writer.put('/a', { versions: { '1.0.0': { deprecated: 'x' } } })).json(), {
    ...{ ok: true, id: 'a', rev: await rev() },
  });
  const tagged = (await writer.put('/-/package/a/dist-tags/next', ' "1.0.0"\n')).json();
  t.same(tagged, { ok: true, id: 'a', rev: await rev(), 'dist-tags': { latest: '1.2.0', next: '1.0.0' } });
  const untagged = (await writer.delete('/-/package/a/dist-tags/next')).json();
  t.same(untagged, { ok: true, id: 'a', rev: await rev(), 'dist-tags': { latest: '1.2.0' } });
  const { versions, ...rest } = await admin.packument('a');
  const { '1.2.0': _gone, ...left } = versions;
  const removed = (await admin.put(`/a/-rev/${rest._rev}`, { ...rest, versions: left })).json();
  t.same(removed, { ok: true, id: 'a', rev: await rev() });
  const file = await admin.delete(`/a/-/a-1.1.0.tgz/-rev/${await rev()}`);
  t.same(file.json(), { ok: true, id: 'a', rev: await rev() });
  const again = await admin.delete(`/a/-/a-1.1.0.tgz/-rev/${await rev()}`);
  t.same(again.json(), { ok: true, id: 'a', rev: await rev() }, 'the file of a version that is gone');
  const all = await admin.delete(`/a/-rev/${await rev()}`);
  t.match(all.json(), { ok: true, id: 'a', rev: /^9-/ });
});

t.test('of several versions in one document, the highest is the latest if no tag says otherwise', async (t) => {
  const { anon, writer } = await npmWorld(t);
  const [two, ten] = [await publishOf('a', '2.0.0', { tag: 'next' }), await publishOf('a', '10.0.0')];
  const both = {
    ...two,
    versions: { ...ten.versions, ...two.versions },
    _attachments: { ...ten._attachments, ...two._attachments },
  };
  t.equal((await writer.put('/a', both)).status, 201);
  t.same((await anon.packument('a'))['dist-tags'], { next: '2.0.0', latest: '10.0.0' });
  const { 'dist-tags': _none, ...untagged } = await publishOf('b', '1.0.0');
  t.equal((await writer.put('/b', untagged)).status, 201);
  t.same((await anon.packument('b'))['dist-tags'], { latest: '1.0.0' });
});

t.test('each of several versions in one document has its own provenance', async (t) => {
  const { anon, writer } = await npmWorld(t);
  const [one, two] = [await attested('a', '1.0.0'), await attested('a', '2.0.0')];
  const both = {
    ...two,
    versions: { ...one.versions, ...two.versions },
    _attachments: { ...one._attachments, ...two._attachments },
  };
  t.equal((await writer.put('/a', both)).status, 201);
  for (const [document, version] of [
    [one, '1.0.0'],
    [two, '2.0.0'],
  ] as const) {
    const shown = await anon.get(`/-/npm/v1/attestations/a@${version}`);
    const bundle = JSON.parse(document._attachments[`a-${version}.sigstore`]?.data as string);
    t.match(shown.json(), { attestations: [{ bundle }] }, version);
    t.ok((await anon.get(`/a/-/a-${version}.tgz`)).bytes.equals(bytesOf(document)));
  }
});

t.test('a first publish may name a revision: there is none that it could contradict', async (t) => {
  const { writer } = await npmWorld(t);
  t.equal((await writer.put('/a/-rev/1-x', await publishOf('a', '1.0.0'))).status, 201);
});

t.test('strangers that may publish are called anonymous', async (t) => {
  const { anon } = await npmWorld(t, { auth: { anonymousScopes: ['npm:package:*:read', 'npm:package:*:write'] } });
  t.equal((await anon.publish('a', '1.0.0')).status, 201);
  const { maintainers, versions } = await anon.packument('a');
  t.same(maintainers, [{ name: 'anonymous', email: '' }]);
  t.same(versions['1.0.0']?._npmUser, { name: 'anonymous', email: '' });
});

t.test('a message of a deprecation has exactly 16 K characters at most; false and nothing undo it', async (t) => {
  const { anon, writer } = await npmWorld(t);
  await writer.publish('a', '1.0.0');
  const deprecate = (deprecated: unknown) => writer.put('/a', { versions: { '1.0.0': { deprecated } } });
  const current = async () => {
    const { versions, _rev } = await anon.packument('a');
    return [versions['1.0.0']?.deprecated, Number.parseInt(_rev, 10)];
  };
  t.equal((await deprecate('')).status, 200);
  t.same(await current(), [undefined, 1], 'what is not deprecated is not written');
  t.equal((await deprecate('x'.repeat(16_384))).status, 200);
  t.same(await current(), ['x'.repeat(16_384), 2]);
  t.equal((await deprecate('x'.repeat(16_385))).status, 400);
  t.equal((await deprecate(false)).status, 200);
  t.same(await current(), [undefined, 3]);
  t.equal((await deprecate(undefined)).status, 200);
  t.same(await current(), [undefined, 3]);
});

t.test('hooks of reading are told the package, the version and what kind of content it is', async (t) => {
  const told: object[] = [];
  const beforeGet = async ({ key, metadata }: IStorageHookContext) => {
    told.push({ key, ...metadata });
    return { allowed: true };
  };
  const { anon, writer } = await npmWorld(t, { storageHooks: { beforeGet } });
  await writer.put('/@s%2fa', await attested('@s/a', '1.0.0'));
  const about = { key: 'npm/packages/@s/a/index.json', kind: 'document', packageName: '@s/a' };
  for (const [path, wanted] of [
    ['/@s%2fa', { ...about, contentType: 'application/json' }],
    ['/@s%2fa/1.0.0', { ...about, contentType: 'application/json' }],
    ['/-/package/@s%2fa/dist-tags', about],
    [
      '/-/npm/v1/attestations/@s%2fa@1.0.0',
      { key: 'npm/packages/@s/a/a-1.0.0.sigstore', kind: 'artifact', packageName: '@s/a', version: '1.0.0' },
    ],
  ] as const) {
    told.length = 0;
    t.equal((await anon.get(path)).status, 200, path);
    t.match(told, [wanted], path);
    t.equal(told.length, 1);
  }
});

t.test('hooks of a delete are told the version, if it is one', async (t) => {
  const told: unknown[] = [];
  const afterDelete = async ({ metadata }: IStorageHookContext) => void told.push([metadata?.kind, metadata?.version]);
  const { writer, admin, stored } = await npmWorld(t, { storageHooks: { afterDelete } });
  for (const version of ['1.0.0', '1.1.0', '1.2.0']) await writer.put('/a', await attested('a', version));
  t.equal((await stored()).length, 7);
  await admin.delete(`/a/-/a-1.2.0.tgz/-rev/${(await admin.packument('a'))._rev}`);
  t.same((await stored()).length, 5, 'the bundle goes with its tarball');
  t.match(told.splice(0).at(-1), ['document', '1.2.0']);
  await admin.delete(`/a/-rev/${(await admin.packument('a'))._rev}`);
  t.match(told.at(-1), ['document', undefined]);
});

t.test('errors of packages that are not there', async (t) => {
  const { anon, writer } = await npmWorld(t);
  await writer.publish('a', '1.0.0');
  for (const path of [
    '/-/package/nothing/visibility',
    '/-/package/nothing/access',
    '/-/package/nothing/collaborators',
    '/-/package/nothing/dist-tags',
    '/-/package/.a/dist-tags',
    '/a/2.0.0',
    '/a/-/a-2.0.0.tgz',
    '/a/-/b-1.0.0.tgz',
    '/-/npm/v1/attestations/a@2.0.0',
  ]) {
    const answer = await anon.get(path);
    t.equal(answer.status, 404, path);
    t.match(answer.json(), { error: /is not in this registry/ }, path);
  }
  t.equal((await anon.get('/a/1.0.0')).headers['Content-Type'], 'application/json');
  const tags = await anon.get('/-/package/a/dist-tags');
  t.equal(tags.headers['Content-Type'], 'application/json');
  const again = await anon.get('/-/package/a/dist-tags', { 'if-none-match': tags.headers.ETag as string });
  t.equal(again.status, 304);
  t.equal((await writer.delete('/-/package/a/dist-tags/none')).status, 404);
  t.equal((await writer.put('/a/-rev/1-x', { name: 'a' })).status, 400);
});

t.test('what npm audit and pnpm audit print of a registry that claims to know of nothing', async (t) => {
  const { anon } = await npmWorld(t, { npm: { enabled: true, features: { emptyAudit: true } } });
  for (const path of ['/-/npm/v1/security/audits', '/-/npm/v1/security/audits/quick']) {
    t.same((await anon.post(path, {})).json(), {
      actions: [],
      advisories: {},
      muted: [],
      metadata: {
        vulnerabilities: { info: 0, low: 0, moderate: 0, high: 0, critical: 0 },
        dependencies: 0,
        devDependencies: 0,
        optionalDependencies: 0,
        totalDependencies: 0,
      },
    });
    t.equal((await anon.post(path, '{')).status, 400, 'a body that is not JSON');
  }
});

t.test('the answer to a login, a profile and a new token, in full', async (t) => {
  const { anon, writer } = await npmWorld(t, { auth: { selfRegistration: true } });
  const path = '/-/user/org.couchdb.user:ann';
  const login = await anon.put(path, { name: 'ann', password: PASSWORD });
  t.match(login.json(), { ok: true, id: 'org.couchdb.user:ann', rev: '1', token: String });
  const withRev = await anon.put('/-/user/org.couchdb.user:D%5Cann/-rev/1', {
    ...{ name: 'D\\ann', password: 'a long password', email: 'a@example.org' },
  });
  t.equal(withRev.status, 201, 'the second round of a user of a Windows domain');
  t.equal((await anon.put(path, { password: PASSWORD })).status, 201, 'the path has the name');
  const wrong = { name: 'ann', password: 'wrong' };
  t.equal((await anon.put(path, wrong)).json().error, 'Wrong user name or password');
  t.match((await anon.put(path, { ...wrong, email: 'x@example.org' })).json(), { error: /made by the administrator/ });
  t.same((await writer.get(path)).json(), {
    ...{ _id: 'org.couchdb.user:ann', name: 'ann', email: 'ann@example.org', type: 'user', roles: [] },
    ...((await writer.get(path)).json().date !== undefined && { date: (await writer.get(path)).json().date }),
  });
  const made = (await writer.post('/-/npm/v1/tokens', { password: PASSWORD, name: 'ci', expires: 2 })).json();
  t.match(made, { name: 'ci', created: made.updated as string, readonly: false, cidr_whitelist: [] });
  t.ok(Math.abs(Date.parse(made.expires as string) - Date.now() - 2 * 86_400_000) < 60_000);
  const plain = (await writer.post('/-/npm/v1/tokens', { password: PASSWORD })).json();
  t.notOk('name' in plain || 'expires' in plain);
  const { objects, urls } = (await writer.get('/-/npm/v1/tokens')).json() as { objects: object[]; urls: object };
  t.same(urls, {});
  t.match(
    objects.find((one) => (one as { name: string }).name === 'ci'),
    {
      expires: made.expires as string,
      key: made.key as string,
      updated: String,
    },
  );
});

t.test('bodies of what is about users are small', async (t) => {
  const { anon, writer } = await npmWorld(t);
  const padded = (length: number, more: object = {}) => {
    const text = JSON.stringify({ ...more, x: '' });
    return text.replace('"x":""', `"x":"${'x'.repeat(length - text.length)}"`);
  };
  for (const [actor, method, path, limit, status] of [
    [writer, 'POST', '/-/npm/v1/user', 16 * 1024, 422],
    [writer, 'POST', '/-/npm/v1/tokens', 64 * 1024, 400],
    [anon, 'PUT', '/-/user/org.couchdb.user:ann', 64 * 1024, 400],
    [anon, 'POST', '/-/v1/login', 16 * 1024, 200],
  ] as const) {
    t.equal((await actor.send(method, path, padded(limit))).status, status, `${path}: exactly`);
    t.equal((await actor.send(method, path, padded(limit + 1))).status, 413, `${path}: one more`);
  }
  const version = '"1.0.0"';
  await writer.publish('a', '1.0.0');
  t.equal((await writer.put('/-/package/a/dist-tags/next', version.padEnd(4096))).status, 200);
  t.equal((await writer.put('/-/package/a/dist-tags/next', version.padEnd(4097))).status, 413);
});

t.test('a provider that cannot list tokens: npm does not try again', async (t) => {
  const revoked: string[] = [];
  const authProvider: IAuthProvider = {
    authenticate: async ({ password }) => (password === 'of mallory' ? 'mallory' : 'eve'),
    validateToken: async () => ({ userId: 'eve', scopes: ['npm:*:*:*'] }),
    createToken: async () => 'made',
    revokeToken: async (secret) => void revoked.push(secret),
    authorize: async () => true,
  };
  const registry = await startRegistry(t, { npm: { enabled: true }, authProvider });
  const eve = new Actor(registry, 'x');
  t.equal((await eve.get('/-/npm/v1/tokens')).status, 422);
  t.match((await eve.post('/-/npm/v1/tokens', { password: 'p' })).json(), { token: 'made', key: 'made' });
  t.equal((await eve.post('/-/npm/v1/tokens', { password: 'of mallory' })).status, 401, 'the password of another user');
  revoked.length = 0;
  t.equal((await eve.delete('/-/user/token/a%2Fb+c%3D')).status, 200, 'the secret of a provider may hold a slash');
  t.equal((await eve.delete('/-/user/token/a/b')).status, 200, 'however it is sent');
  t.equal((await eve.delete('/-/npm/v1/tokens/token/d/e')).status, 200);
  t.same(revoked, ['a/b+c=', 'a/b', 'd/e']);
});

t.test('the pages of a web login: their headers, their words, and fields of any origin', async (t) => {
  const { registry, anon } = await npmWorld(t, { auth: { selfRegistration: true } });
  const local = (url: unknown) => String(url).replace('http://npm.example.org/npm', '');
  const begin = async (body?: object) => (await anon.post('/-/v1/login', body)).json();
  const { loginUrl } = await begin();
  const page = await anon.get(local(loginUrl));
  t.match(page.headers, {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
    'Content-Security-Policy':
      "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    'X-Frame-Options': 'DENY',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'same-origin',
  });
  t.match(page.text, /Log in[\s\S]*npm\.example\.org[\s\S]*current-password/);
  t.notMatch(page.text, 'role="alert"');
  const adding = await begin({ create: true });
  t.match((await anon.get(local(adding.loginUrl))).text, /Create an account[\s\S]*new-password[\s\S]*E-mail/);
  for (const create of ['true', 1, {}]) {
    t.notMatch((await anon.get(local((await begin({ create })).loginUrl))).text, 'E-mail', JSON.stringify(create));
  }
  const post = (url: unknown, fields: Record<string, string>) =>
    anon.post(local(url), new URLSearchParams(fields).toString());
  for (const fields of [{}, { username: 'ann' }, { password: PASSWORD }, { username: 'ann', password: '' }]) {
    t.equal((await post(loginUrl, fields as Record<string, string>)).status, 401, JSON.stringify(fields));
  }
  const long = await post(loginUrl, { username: 'u'.repeat(300), password: 'x' });
  t.match(long.text, `value="${'u'.repeat(200)}"`);
  const odd = await post(adding.loginUrl, { username: 'a/b', password: 'a long password', email: 'eve@example.org' });
  t.equal(odd.status, 400, 'a name that no user can have');
  t.match(odd.text, /role="alert"[\s\S]*<form/);
  const refused = await post(adding.loginUrl, { username: 'ann', password: 'not that of ann', email: '' });
  t.equal(refused.status, 401);
  t.match(refused.text, 'the name is taken');
  // an embedder may have parsed the form
  const parsed = await send(registry, 'POST', `/npm${local(loginUrl)}`, {
    headers: { host: 'npm.example.org' },
    body: { username: 'ann', password: PASSWORD, other: [1] },
  });
  t.equal(parsed.status, 200);
  t.match((await anon.get(local(loginUrl))).text, 'close this page', 'the page of a login that is done');
  const large = `username=ann&password=${'x'.repeat(16 * 1024)}`;
  t.equal((await anon.post(local(adding.loginUrl), large)).status, 413);
});
