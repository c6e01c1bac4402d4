import t from 'tap';
import type { IRoute } from '../../ts/core/pipeline/helpers.routes.js';
import type { TAccess } from '../../ts/core/pipeline/interfaces.pipeline.js';
import type { BaseRegistry } from '../../ts/index.js';
import { Actor, npmWorld } from '../support/npm/actors.js';
import { publishOf } from '../support/npm/packages.js';

/** A path that the row answers to, for the package `a`. */
const pathOf = (route: IRoute): string =>
  route.path
    .replace(/\{name:.*?\[\^\/\]\+\|.*?\[\^\/\]\+\}/, 'a')
    .replace('{version}', '1.0.0')
    .replace('{file+}', 'a-1.0.0.tgz')
    .replace(/\{(revision|tag|token\+|login|secret|user)\}/g, (_, name: string) =>
      name === 'user' ? 'ann' : name === 'tag' ? 'next' : '1-x',
    );

const bodyOf = async (route: IRoute): Promise<unknown> => {
  if (route.path.includes('dist-tags')) return '"1.0.0"';
  if (route.method === 'PUT' && !route.path.includes('/-/user/')) return publishOf('a', '1.0.1');
  return route.method === 'GET' || route.method === 'DELETE' ? undefined : {};
};

const kindOf = (access: TAccess): string =>
  typeof access === 'string' ? access : 'listing' in access ? 'listing' : access.action;

const table = (registry: BaseRegistry | undefined): IRoute[] => registry?.routeTable.routes ?? [];

t.test('every row: who may pass', async (t) => {
  const { registry, anon, reader, writer, tokenOf } = await npmWorld(t, { auth: { anonymousScopes: [] } });
  await writer.publish('a', '1.0.0');
  const other = await tokenOf({ scopes: ['npm:package:b:*'] });
  const revoked = await tokenOf({});
  await registry.getAuthManager().revokeToken(revoked.token as string);
  const garbage = new Actor(registry, 'not-a-token');
  const everyday = await npmWorld(t);
  const routes = table(registry.getRegistry('npm'));
  t.ok(routes.length >= 30);

  /** 401, 403 or anything else: `passes` */
  const passes: Record<string, Record<string, number | 'passes'>> = {
    read: { anon: 401, reader: 'passes', other: 403, revoked: 401, garbage: 401 },
    write: { anon: 401, reader: 403, other: 403, revoked: 401, garbage: 401 },
    delete: { anon: 401, reader: 403, other: 403, revoked: 401, garbage: 401 },
    listing: { anon: 401, reader: 'passes', other: 'passes', revoked: 401, garbage: 401 },
    authenticated: { anon: 401, reader: 'passes', other: 'passes', revoked: 401, garbage: 401 },
    public: { anon: 'passes', reader: 'passes', other: 'passes', revoked: 'passes', garbage: 'passes' },
  };
  const actors: Record<string, Actor> = { anon, reader, other, revoked, garbage };
  for (const route of routes) {
    const kind = kindOf(route.access);
    for (const [who, expected] of Object.entries(passes[kind] as Record<string, number | 'passes'>)) {
      const { status } = await (actors[who] as Actor).send(route.method, pathOf(route), await bodyOf(route));
      const name = `${route.method} ${pathOf(route)} by ${who}: ${status}`;
      t.not(status, 405, name);
      if (expected !== 'passes') t.equal(status, expected, name);
      else if (kind === 'read') t.ok(status === 200 || status === 404, name);
      else if (kind === 'listing') t.equal(status, 200, name);
      else if (kind === 'authenticated') t.not(status, 401, name);
    }
  }
  t.same(Object.keys((await writer.packument('a')).versions), ['1.0.0'], 'and nothing was written');

  for (const route of table(everyday.registry.getRegistry('npm'))) {
    const kind = kindOf(route.access);
    if (kind === 'public' || kind === 'read' || kind === 'listing') continue;
    t.equal(
      (await everyday.anon.send(route.method, pathOf(route), await bodyOf(route))).status,
      401,
      `${route.method} ${route.path} in a public registry`,
    );
  }
});

t.test('a private registry says nothing to strangers', async (t) => {
  const { anon, writer, tokenOf } = await npmWorld(t, { auth: { anonymousScopes: [] } });
  await writer.publish('a', '1.0.0');
  await writer.publish('@s/b', '1.0.0');
  for (const path of [
    '/a',
    '/nothing',
    '/a/1.0.0',
    '/a/-/a-1.0.0.tgz',
    '/-/package/a/dist-tags',
    '/-/v1/search?text=a',
    '/-/user/ann/package',
    '/-/package/a/visibility',
  ]) {
    for (const method of ['GET', 'HEAD']) {
      const answer = await anon.send(method, path);
      t.equal(answer.status, 401, `${method} ${path}`);
      t.match(answer.headers['WWW-Authenticate'], /^Bearer/);
    }
  }
  const scoped = await tokenOf({ scopes: ['npm:package:@s/*:read'] });
  t.equal((await scoped.get('/@s%2fb')).status, 200);
  t.equal((await scoped.get('/a')).status, 403);
  t.equal((await scoped.get('/nothing')).status, 403, 'what exists is not told either');
  const found = (await scoped.get('/-/v1/search?text=')).json() as {
    objects: { package: { name: string } }[];
    total: number;
  };
  t.same(
    found.objects.map(({ package: { name } }) => name),
    ['@s/b'],
  );
  t.equal(found.total, 1);
  t.match((await writer.get('/-/package/a/visibility')).json(), { public: false });
  t.match((await writer.get('/-/package/a/access')).json(), { access: 'restricted' });
  t.same((await scoped.get('/-/user/ann/package')).json(), { '@s/b': 'write' });
});

t.test('methods and paths that are not there', async (t) => {
  const { anon, writer } = await npmWorld(t);
  const post = await writer.post('/a', {});
  t.match(post, { status: 405, headers: { Allow: 'GET, HEAD, PUT' } });
  t.type(post.json().error, 'string');
  for (const path of [
    '/',
    '/-/all',
    '/-/nothing',
    '/a/b/c/d',
    '/-/org/o/user',
    '/-/package/a/trust',
    '/-/v1/done/x',
    '/-/stage',
  ]) {
    const answer = await anon.get(path);
    t.equal(answer.status, 404, path);
    t.type(answer.json().error, 'string', path);
  }
});

t.test('errors are in the form that clients print', async (t) => {
  const { anon, reader } = await npmWorld(t);
  const missing = await anon.get('/nothing');
  t.same(missing.json(), { error: 'nothing is not in this registry' });
  t.equal(missing.headers['Content-Type'], 'application/json');
  t.match((await reader.publish('a', '1.0.0')).json(), { error: /does not allow write/ });
  t.match((await anon.publish('a', '1.0.0')).json(), { error: /Authentication is required/ });
});
