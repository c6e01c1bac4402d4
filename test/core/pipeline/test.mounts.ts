import t from 'tap';
import { isPrefix, MountTable } from '../../../ts/core/pipeline/classes.mounttable.js';
import { npmWorld } from '../../support/npm/actors.js';
import { publishOf } from '../../support/npm/packages.js';
import { ociWorld } from '../../support/oci/actors.js';
import { send, startRegistry } from '../../support/registry.js';
import { shelf } from '../../support/shelf.js';

const tableOf = (...mounts: string[]): MountTable<string> => {
  const table = new MountTable<string>();
  for (const mount of mounts) table.add(mount, mount || 'root');
  return table;
};

t.test('a mount may begin anywhere in what the host has cut off', async (t) => {
  const table = tableOf('/npm', '/oci', '/oci/v2', '/v2');
  const cases: [whole: string, cut: number, found: string | undefined][] = [
    ['/npm/lodash', 0, '|/npm|/lodash'],
    ['/npm', 0, '|/npm|/'],
    ['/npmx', 0, undefined],
    ['/oci/v2/a', 0, '|/oci/v2|/a'],
    ['/oci/v2x', 0, '|/oci|/v2x'],
    ['/about/npm/x', 0, undefined],
    ['/packages/npm/x', 9, '/packages|/npm|/x'],
    ['/packages/npm', 9, '/packages|/npm|/'],
    ['/packages', 9, undefined],
    // app.use('/npm', …): the mount itself was cut off
    ['/npm/lodash', 4, '|/npm|/lodash'],
    ['/npm/npm', 4, '|/npm|/npm'],
    ['/npm', 4, '|/npm|/'],
    ['/packages/npm/v2', 13, '/packages|/npm|/v2'],
    // not in what comes after that
    ['/packages/about/npm/x', 9, undefined],
    ['/a/b/c/npm/x', 6, '/a/b/c|/npm|/x'],
    // what only looks like a mount in the application's own path
    ['/api/v2/packages/npm/x', 16, '/api/v2/packages|/npm|/x'],
    ['/api/v2/packages/v2/x', 16, '/api/v2/packages|/v2|/x'],
    ['/api/v2/packages/about', 16, undefined],
  ];
  for (const [whole, cut, expected] of cases) {
    const found = table.find(whole, cut);
    t.equal(found && `${found.prefix}|${found.mount}|${found.path}`, expected, `${whole} after ${cut}`);
  }
  t.equal(table.find('/x/y/npm/a', 0, 100)?.prefix, '/x/y', 'anywhere, if the caller says so');
  const isNpm = ({ target }: { target: string }) => target === '/npm';
  t.equal(table.find('/api/v2/npm/x', 7, 7, isNpm)?.prefix, '/api/v2', 'of two the one that knows the path');
  t.equal(table.find('/api/v2/pk/npm/x', 0, 100, isNpm)?.prefix, '/api/v2/pk');
  t.equal(table.find('/v2/npm/x', 0, 100, isNpm)?.mount, '/v2', 'but what begins with a mount is its own');
  t.equal(table.find('/api/v2/npm/x', 7, 7, () => false)?.mount, '/v2', 'the first if none does');
  t.equal(table.add('/npm', 'other'), '/npm', 'a mount that is taken is not added');
});

t.test('an alias leads to a folder of a registry, whose links keep the mount', async (t) => {
  const table = tableOf('/pypi', '/npm');
  t.equal(table.add('/simple', '/pypi', { home: '/pypi', folder: '/simple' }), undefined);
  const cases: [whole: string, cut: number, found: string | undefined][] = [
    ['/simple', 0, '|/pypi|/simple'],
    ['/simple/', 0, '|/pypi|/simple/'],
    ['/simple/demo/', 0, '|/pypi|/simple/demo/'],
    ['/pypi/simple/demo/', 0, '|/pypi|/simple/demo/'],
    ['/simplest', 0, undefined],
    ['/packages/simple/demo/', 9, '/packages|/pypi|/simple/demo/'],
    // app.use('/simple', …): the alias itself was cut off
    ['/simple/demo/', 7, '|/pypi|/simple/demo/'],
  ];
  for (const [whole, cut, expected] of cases) {
    const found = table.find(whole, cut);
    t.equal(found && `${found.prefix}|${found.home}|${found.path}`, expected, `${whole} after ${cut}`);
  }
  t.equal(table.add('/simple', 'other'), '/pypi', 'it is taken');
});

t.test('a registry at the root begins where the host has cut', async (t) => {
  const table = tableOf('', '/v2');
  const at = (whole: string, cut: number) => {
    const { prefix, target, path } = table.find(whole, cut)!;
    return `${prefix}|${target}|${path}`;
  };
  t.equal(at('/packages/lodash', 9), '/packages|root|/lodash');
  t.equal(at('/packages', 9), '/packages|root|/');
  t.equal(at('/lodash', 0), '|root|/lodash');
  t.equal(at('/packages/v2/a', 9), '/packages|/v2|/a');
  const found = table.find('/lodash/v2', 0, 10);
  t.equal(`${found?.prefix}${found?.path}`, '/lodash/v2', 'and is found before what comes later');
});

t.test('what cannot be a part of a link is no prefix', async (t) => {
  for (const good of ['', '/a', '/a/b-c_d~e.f', '/my%20app', '/@team', '/..a', '/...']) t.ok(isPrefix(good), good);
  const bad = [
    'a',
    '/',
    '/a/',
    '//a',
    '/a//b',
    '/..',
    '/a/../b',
    '/.',
    '/%2e%2E/a',
    '/.%2e',
    '/a"b',
    '/a b',
    '/a<',
    '/ä',
  ];
  for (const text of bad) t.notOk(isPrefix(text), text);
  const table = tableOf('/npm');
  for (const path of ['/../npm/x', '/a"b/npm/x']) t.equal(table.find(path, 0, path.length), undefined, path);
});

t.test('links carry what stands before the mount', async (t) => {
  const { writer, registry } = await npmWorld(t);
  await writer.publish('@s/a', '1.0.0');
  const headers = { host: 'npm.example.org' };
  const tarball = async (path: string, prefix?: string) => {
    const answer = await send(registry, 'GET', path, { headers, ...(prefix !== undefined && { prefix }) });
    if (answer.status !== 200) return `${answer.status}`;
    return (answer.json().versions as Record<string, { dist: { tarball: string } }>)['1.0.0']!.dist.tarball;
  };
  const link = (prefix: string) => `http://npm.example.org${prefix}/npm/@s/a/-/a-1.0.0.tgz`;
  for (const _round of ['made', 'remembered']) {
    t.equal(await tarball('/npm/@s%2fa'), link(''));
    t.equal(await tarball('/npm/@s%2fa', '/packages'), link('/packages'));
    t.equal(await tarball('/npm/@s%2fa', '/other/'), link('/other'));
  }
  t.equal(await tarball('/@s%2fa', '/npm'), link(''), 'the mount was cut off');
  t.equal(await tarball('/@s%2fa', '/packages/npm'), link('/packages'));
  t.equal(await tarball('/packages/npm/@s%2fa'), '404', 'what the host has not cut off is a path like any other');
  t.equal(await tarball('/npm/@s%2fa', '/a"><script>'), '400');
  t.equal(await tarball('/npm/@s%2fa', 'packages'), '400');
  const begun = await send(registry, 'POST', '/npm/-/v1/login', { headers, prefix: '/packages', body: '{}' });
  t.match(begun.json(), {
    loginUrl: /^http:\/\/npm\.example\.org\/packages\/npm\/-\/v1\/login\//,
    doneUrl: /^http:\/\/npm\.example\.org\/packages\/npm\/-\/v1\/done\//,
  });

  const { registry: images } = await ociWorld(t);
  const challenge = await send(images, 'GET', '/oci/v2/', { headers, prefix: '/packages' });
  t.match(challenge.headers['WWW-Authenticate'], 'realm="http://npm.example.org/packages/oci/v2/token"');
});

t.test('below a prefix, a registry at the root has other resources at the same path', async (t) => {
  const { admin, registry } = await npmWorld(t, { npm: { enabled: true, basePath: '/' } });
  const headers = { host: 'npm.example.org', authorization: `Bearer ${admin.token}` };
  for (const name of ['team', 'lib']) {
    const body = JSON.stringify(await publishOf(name, '1.0.0'));
    t.equal((await send(registry, 'PUT', `/${name}`, { headers, body })).status, 201);
  }
  const tagged = await send(registry, 'PUT', '/-/package/team/dist-tags/lib', { headers, body: '"1.0.0"' });
  t.equal(tagged.status, 200);
  for (const _round of ['made', 'remembered', 'once more']) {
    const below = await send(registry, 'GET', '/lib', { headers, prefix: '/team' });
    t.equal(below.json()._id, 'lib', 'the package lib');
    const above = await send(registry, 'GET', '/team/lib', { headers });
    t.equal(above.json()._id, 'team@1.0.0', 'a version of the package team');
  }
});

t.test('a host can ask what is the registry’s', async (t) => {
  const registry = await startRegistry(t, { registries: [shelf] });
  t.equal(registry.handles('/shelf/a'), true);
  t.equal(registry.handles('//shelf//a'), true, 'as the registry reads it');
  t.equal(registry.handles('/about'), false);
  t.equal(registry.handles('/about/shelf'), false);
  t.equal(registry.handles('/a', '/shelf'), true);
  t.equal(registry.handles('/a', '/packages'), false);
  t.same(registry.locate('/packages/shelf/a'), { prefix: '/packages', path: '/shelf/a' });
  t.same(registry.locate('/shelf'), { prefix: '', path: '/shelf' });
  t.equal(registry.locate('/packages/a'), undefined);
});

t.test('an application may stand below a path that looks like a mount', async (t) => {
  const { writer, registry } = await npmWorld(t, { oci: { enabled: true } });
  await writer.publish('npm', '1.0.0');
  const headers = { host: 'npm.example.org' };
  for (const prefix of ['/api/v2', '/api/v2/packages', '/v2', '/oci/packages']) {
    const found = await send(registry, 'GET', '/npm/npm', { headers, prefix });
    t.equal(found.status, 200, prefix);
    const tarball = `http://npm.example.org${prefix}/npm/npm/-/npm-1.0.0.tgz`;
    t.match(found.json(), { versions: { '1.0.0': { dist: { tarball } } } });
  }
  t.equal((await send(registry, 'GET', '/npm', { headers, prefix: '/packages/npm' })).json().name, 'npm');
  t.equal(registry.handles('/about', '/api/v2/packages'), false, 'the application has the rest');
  t.same(registry.locate('/api/v2/packages/npm/npm'), { prefix: '/api/v2/packages', path: '/npm/npm' });
  t.same(registry.locate('/api/v2/packages/v2/'), { prefix: '/api/v2/packages', path: '/v2/' });
});

t.test('objects of the fetch standard are taken for headers and query', async (t) => {
  const { writer, registry } = await npmWorld(t, { auth: { anonymousScopes: [] } });
  await writer.publish('a', '1.0.0');
  const headers = new Headers({ Authorization: `Bearer ${writer.token}`, Host: 'npm.example.org' });
  const query = new URLSearchParams('text=a&size=1&size=2');
  const found = await send(registry, 'GET', '/npm/-/v1/search', { headers: headers as never, query: query as never });
  t.equal(found.status, 200, 'the token is seen');
  t.match(found.json(), { total: 1 }, 'and so is the query');
  const trace = {};
  const refused = await send(registry, 'GET', '/npm/a', { headers: new Headers() as never, trace });
  t.equal(refused.status, 401);
  t.match(trace, { protocol: 'npm', refusal: 'Authentication is required' }, 'the trace is the caller’s own');
  const aborted = new AbortController();
  aborted.abort();
  const put = { headers: headers as never, body: new Blob(['{}']).stream(), signal: aborted.signal };
  t.equal((await send(registry, 'PUT', '/npm/a', put)).status, 408, 'body and signal are handed on');
});

t.test('a query parameter that a parser has made an object of is a 400', async (t) => {
  const { registry } = await npmWorld(t);
  const search = (query: object) => send(registry, 'GET', '/npm/-/v1/search', { query: query as never });
  for (const text of [{ a: '1' }, [{ a: '1' }], ['x', ['y']], 5, null]) {
    const answer = await search({ text });
    t.equal(answer.status, 400, JSON.stringify(text));
    t.match(answer.json().error, /"text"/);
  }
  t.equal((await search({ text: ['a', 'b'], other: { a: '1' } })).status, 200, 'one that nobody reads does no harm');
});
