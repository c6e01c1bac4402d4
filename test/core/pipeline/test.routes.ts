import t from 'tap';
import type { RegistryError } from '../../../ts/core/classes.registryerror.js';
import {
  compilePath,
  decodeParameter,
  type IRoute,
  normalizePath,
  RouteTable,
} from '../../../ts/core/pipeline/helpers.routes.js';
import { ofKind } from '../../support/expect.js';
import { startRegistry } from '../../support/registry.js';

const row = (method: string, path: string): IRoute => ({ method, path, access: 'public', handle: async () => path });

const PACKAGE = '{package:(?:(?:@|%40)(?:(?!%2[fF])[^/])*(?:/|%2[fF])[^/]+|(?!@|%40|-(?:/|$))[^/]+)}';

const table = new RouteTable([
  row('GET', '/'),
  row('GET', '/-/ping'),
  row('POST', '/{name+}/blobs/uploads/'),
  row('PUT', '/{name+}/blobs/uploads/{id}'),
  row('GET', '/{name+}/manifests/{reference}'),
  row('GET', `/${PACKAGE}`),
  row('PUT', `/${PACKAGE}`),
  row('GET', `/${PACKAGE}/-/{file+}`),
  row('GET', `/${PACKAGE}/{version}`),
]);

const refused = (method: string, path: string): RegistryError => {
  try {
    table.match(method, path);
  } catch (error) {
    return error as RegistryError;
  }
  throw new Error(`${path} was matched`);
};

t.test('a path finds its row and its decoded parameters', async (t) => {
  const cases: [string, string, string, Record<string, string>][] = [
    ['GET', '/', '/', {}],
    ['GET', '/-/ping', '/-/ping', {}],
    ['GET', '/foo', `/${PACKAGE}`, { package: 'foo' }],
    ['GET', '/@scope/foo', `/${PACKAGE}`, { package: '@scope/foo' }],
    ['GET', '/@scope%2ffoo', `/${PACKAGE}`, { package: '@scope/foo' }],
    ['GET', '/%40scope%2Ffoo', `/${PACKAGE}`, { package: '@scope/foo' }],
    ['GET', '/foo/1.0.0', `/${PACKAGE}/{version}`, { package: 'foo', version: '1.0.0' }],
    ['GET', '/@scope%2Ffoo/1.0.0', `/${PACKAGE}/{version}`, { package: '@scope/foo', version: '1.0.0' }],
    ['GET', '/@s/foo/-/foo-1.0.0.tgz', `/${PACKAGE}/-/{file+}`, { package: '@s/foo', file: 'foo-1.0.0.tgz' }],
    ['GET', '/@s/foo/-/@s/foo-1.0.0.tgz', `/${PACKAGE}/-/{file+}`, { package: '@s/foo', file: '@s/foo-1.0.0.tgz' }],
    ['POST', '/a/b/c/blobs/uploads/', '/{name+}/blobs/uploads/', { name: 'a/b/c' }],
    ['PUT', '/a/blobs/uploads/x', '/{name+}/blobs/uploads/{id}', { name: 'a', id: 'x' }],
    [
      'GET',
      '/a/manifests/b/manifests/latest',
      '/{name+}/manifests/{reference}',
      { name: 'a/manifests/b', reference: 'latest' },
    ],
  ];
  for (const [method, path, pattern, params] of cases) {
    const match = table.match(method, path);
    t.equal(match.route.path, pattern, `${method} ${path}`);
    t.same({ ...match.params }, params, `parameters of ${path}`);
  }
});

t.test('literal characters of a path may be encoded, as encodeURIComponent does it', async (t) => {
  const encoded = new RouteTable([row('GET', '/user:{user}'), row('GET', '/{a}@{b}+{c}.json'), row('GET', '/{a}~dev')]);
  for (const path of ['/user:ann', '/user%3Aann', '/user%3aann']) {
    t.same({ ...encoded.match('GET', path).params }, { user: 'ann' }, path);
  }
  for (const path of ['/x@y+z.json', '/x%40y%2Bz.json', '/x@y%2bz.json']) {
    t.same({ ...encoded.match('GET', path).params }, { a: 'x', b: 'y', c: 'z' }, path);
  }
  // Java's URLEncoder
  for (const path of ['/x~dev', '/x%7Edev', '/x%7edev']) {
    t.same({ ...encoded.match('GET', path).params }, { a: 'x' }, path);
  }
  for (const path of ['/user%253Aann', '/user%3Bann', '/userann', '/x@y+z-json', '/x@y+zxjson']) {
    t.throws(() => encoded.match('GET', path), ofKind('notFound'), path);
  }
});

t.test('HEAD is answered by the GET row', async (t) => {
  t.equal(table.match('HEAD', '/-/ping').route.method, 'GET');
});

t.test('a path known under another method is 405 and says which methods there are', async (t) => {
  const error = refused('DELETE', '/foo');
  t.equal(error.status, 405);
  t.equal(error.headers.Allow, 'GET, HEAD, PUT');
  t.equal(refused('PATCH', '/a/b/blobs/uploads/').headers.Allow, 'POST');
});

t.test('an unknown path is 404', async (t) => {
  t.equal(refused('GET', '/a/b/c/d').status, 404);
});

t.test('each parameter is decoded exactly once', async (t) => {
  t.equal(decodeParameter('a%252fb'), 'a%2fb');
  t.equal(decodeParameter('caf%C3%A9'), 'café');
});

t.test('what could lead elsewhere is refused in every spelling', async (t) => {
  const tricks = [
    '..',
    '.',
    '%2e%2e',
    '%2E',
    'a%2f..%2fb',
    'a%2f%2fb',
    '%2fa',
    'a%00b',
    'a%5cb',
    'a\\b',
    'a%0ab',
    '%7f',
    '%ff',
    '%zz',
    '%',
  ];
  for (const trick of tricks) {
    t.throws(() => decodeParameter(trick), ofKind('invalid'), trick);
  }
  t.equal(refused('GET', '/..').status, 400);
  t.equal(refused('GET', '/foo/-/..%2f..%2fetc%2fpasswd').status, 400);
  t.equal(refused('GET', '/a/../b/manifests/latest').status, 400);
});

t.test('a trailing slash is the same resource, or a folder that is not there', async (t) => {
  for (const path of ['/-/ping/', '/foo/', '/@scope%2ffoo/', '/foo/1.0.0/', '/foo/-/foo-1.0.0.tgz/']) {
    const without = table.match('GET', path.slice(0, -1));
    const match = table.match('GET', path);
    t.equal(match.route, without.route, path);
    t.same(match.params, without.params, path);
  }
  t.equal(table.match('POST', '/a/blobs/uploads/').route.path, '/{name+}/blobs/uploads/', 'a row may name the slash');
  t.equal(refused('DELETE', '/foo/').status, 405);
  t.equal(refused('GET', '/a/b/c/d/').status, 404);
  const files = new RouteTable([row('GET', '/{path+}'), row('PUT', '/{path+}'), row('GET', '/index/')], 'notFound');
  t.equal(files.match('GET', '/org/lib/1.0/lib.jar').params.path, 'org/lib/1.0/lib.jar');
  t.equal(files.match('GET', '/index/').route.path, '/index/');
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
    t.throws(() => files.match(method, '/org/lib/'), ofKind('notFound'), `${method} of a folder`);
  }
});

t.test('a row may allow backslashes, and nothing else', async (t) => {
  const users = new RouteTable([{ ...row('PUT', '/user/{name}'), allowBackslash: true }, row('GET', '/user/{name}')]);
  t.equal(users.match('PUT', '/user/DOMAIN%5Cann').params.name, 'DOMAIN\\ann');
  t.throws(() => users.match('GET', '/user/DOMAIN%5Cann'), ofKind('invalid'));
  for (const trick of ['..', '%00', 'a%2f..', '%0a']) {
    t.throws(() => users.match('PUT', `/user/${trick}`), ofKind('invalid'), trick);
  }
});

t.test('doubled slashes collapse and a query is cut off', async (t) => {
  t.equal(normalizePath('//a///b/'), '/a/b/');
  t.equal(normalizePath('/a?x=/b//c'), '/a');
  t.equal(normalizePath('a'), '/a');
});

t.test('parameters cannot reach an object prototype', async (t) => {
  const { params } = table.match('GET', '/__proto__');
  t.equal(params.package, '__proto__');
  t.equal(params.constructor, undefined);
});

t.test('no path takes long to be matched, or found unknown', async (t) => {
  const registry = await startRegistry(t, { npm: { enabled: true }, oci: { enabled: true } });
  const patternOf = ({ path }: IRoute) => ({ path, pattern: compilePath(path).pattern });
  const rows = registry.protocols().flatMap((name) => registry.getRegistry(name)?.routeTable.routes ?? []);
  const patterns = [...new Map(rows.map((one) => [one.path, patternOf(one)])).values()];
  t.ok(patterns.length > 30);
  /** as long as a request line can be */
  const LENGTH = 32_000;
  const costOf = (pattern: RegExp, path: string): number => {
    const begun = process.cpuUsage();
    pattern.test(path);
    const { user, system } = process.cpuUsage(begun);
    return (user + system) / 1000;
  };
  for (const { path, pattern } of patterns) {
    const fixed = path.slice(0, path.indexOf('{') < 0 ? path.length : path.indexOf('{'));
    for (const part of ['@', '%40', 'a@', '%2f', '/', '-', '/-/', '/-rev/', '/blobs/uploads/', '/manifests/']) {
      const long = `${fixed}a${part.repeat(LENGTH / part.length)}/z`;
      // whatever else the process does in between does not count twice
      const cost = Math.min(costOf(pattern, long), costOf(pattern, long));
      if (cost > 40) t.fail(`${path}: ${cost} ms for ${part}`);
    }
  }
});
