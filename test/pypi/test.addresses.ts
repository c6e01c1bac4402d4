import t from 'tap';
import { JSON_TYPE, pypiWorld } from '../support/pypi/actors.js';
import { wheel } from '../support/pypi/distributions.js';
import { send } from '../support/registry.js';

t.test('paths that belong to other services are plain 404s', async (t) => {
  const { anon } = await pypiWorld(t);
  for (const path of [
    '/_/oidc/audience',
    '/_/oidc/mint-token',
    '/_/oidc/burn-token',
    '/pypi/_/oidc/audience',
    '/pypi/legacy/+simple/demo/',
    '/pypi/+simple/demo/',
    '/simple/demo/json/x',
    '/other',
  ]) {
    t.equal((await anon.get(path)).status, 404, path);
  }
  t.equal((await anon.send('POST', '/_/oidc/mint-token')).status, 404);
});

t.test('a path of the index is never taken for a project', async (t) => {
  const { admin, anon } = await pypiWorld(t);
  for (const path of ['/simple', '/simple/', '/simple/demo', '/simple/demo/', '/pypi/simple', '/pypi/simple/demo']) {
    const answer = await admin.send('DELETE', path);
    t.match(answer, { status: 405, headers: { Allow: 'GET, HEAD' } }, `DELETE ${path}`);
  }
  for (const path of [
    '/pypi/packages',
    '/pypi/packages/',
    '/pypi/packages/demo',
    '/pypi/integrity',
    '/pypi/pypi/json',
  ]) {
    t.equal((await anon.get(path)).status, 404, path);
  }
  t.equal((await admin.send('DELETE', '/pypi/packages/demo')).status, 404);
});

t.test('the public URL of the configuration is in the links', async (t) => {
  const { anon, writer } = await pypiWorld(t, {
    pypi: { enabled: true, basePath: '/python', registryUrl: 'https://packages.example.org/python' },
  });
  await writer.upload(wheel('demo', '1.0'), {}, '/python/');
  for (const path of ['/simple/demo/', '/python/simple/demo/']) {
    const { files } = (await anon.get(path, { accept: JSON_TYPE })).json() as { files: { url: string }[] };
    t.equal(files[0]?.url, 'https://packages.example.org/python/packages/demo/demo-1.0-py3-none-any.whl', path);
  }
  t.match(await anon.get('/simple/Demo'), {
    headers: { Location: 'https://packages.example.org/python/simple/demo/' },
  });
});

t.test('below a path of an application, links keep it, whichever of the two addresses was used', async (t) => {
  const { registry, writer } = await pypiWorld(t);
  await writer.upload(wheel('demo', '1.0'));
  for (const path of ['/simple/demo/', '/pypi/simple/demo/']) {
    const answer = await send(registry, 'GET', path, {
      prefix: '/packages',
      headers: { host: 'pypi.example.org', accept: JSON_TYPE },
    });
    const { files } = answer.json() as { files: { url: string }[] };
    t.match(files[0]?.url, 'http://pypi.example.org/packages/pypi/packages/demo/demo-1.0-py3-none-any.whl', path);
  }
  t.ok(registry.handles('/simple/demo/'));
  t.notOk(registry.handles('/simplest'), 'other paths are left to the application');
});

t.test('the start page says how to use the index', async (t) => {
  const { registry } = await pypiWorld(t);
  for (const url of ['https://x.example.org/pypi', 'https://x.example.org/pypi//']) {
    t.same(registry.getRegistry('pypi')?.clientSetup(url), [
      'pip install --index-url https://x.example.org/pypi/simple/ PACKAGE',
      'uv add --index https://x.example.org/pypi/simple/ PACKAGE',
      'twine upload --repository-url https://x.example.org/pypi/ --username __token__ dist/*',
    ]);
  }
});
