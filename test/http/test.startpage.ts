import t from 'tap';
import type { IRegistryConfig } from '../../ts/interfaces.config.js';
import { ask } from '../support/http/client.js';
import { handler, serveWith } from '../support/http/host.js';
import { startRegistry } from '../support/registry.js';
import { shelf } from '../support/shelf.js';

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

const hosted = async (t: Parameters<typeof startRegistry>[0], config: Partial<IRegistryConfig>) => {
  const registry = await startRegistry(t, config);
  return (await serveWith(t as never, registry)).port;
};

t.test('a browser sees what this is and how each client is pointed at it', async (t) => {
  const port = await hosted(t, {
    npm: { enabled: true },
    oci: { enabled: true, registryUrl: 'https://images.example.com' },
  });
  const { status, headers, body } = await ask(port, '/', { headers: { Accept: BROWSER } });
  t.equal(status, 200);
  t.equal(headers['content-type'], 'text/html; charset=utf-8');
  const page = body.toString();
  t.match(page, /<h1>Package registry<\/h1>/);
  t.match(
    page,
    new RegExp(
      `<h2>npm</h2><p><code>http://127\\.0\\.0\\.1:${port}/npm</code></p><pre>[^<]*//127\\.0\\.0\\.1:${port}/npm/`,
    ),
  );
  t.match(
    page,
    /<h2>oci<\/h2><p><code>https:\/\/images\.example\.com(\/v2)?<\/code><\/p><pre>podman login images\.example\.com/,
  );
  t.match(headers['content-security-policy'], /default-src 'none'.*form-action 'none'.*frame-ancestors 'none'/);
  t.match(headers, { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', vary: 'Accept' });
  t.notMatch(page, /<script|src=|href=/, 'it loads nothing');
});

t.test('everything else gets JSON', async (t) => {
  const port = await hosted(t, { npm: { enabled: true } });
  for (const headers of [{}, { Accept: '*/*' }, { Accept: 'application/json' }] as Record<string, string>[]) {
    const { headers: got, body } = await ask(port, '/', { headers });
    t.equal(got['content-type'], 'application/json');
    const { registries } = JSON.parse(body.toString()) as { registries: { setup: string[] }[] };
    t.match(registries, [{ protocol: 'npm', url: `http://127.0.0.1:${port}/npm` }]);
    t.ok((registries[0]?.setup.length ?? 0) > 0);
  }
  const head = await ask(port, '/', { method: 'HEAD' });
  t.match(head, { status: 200 });
  t.equal(head.body.length, 0);
  t.match(await ask(port, '/', { method: 'POST' }), { status: 405, headers: { allow: 'GET, HEAD' } });
});

t.test('what a request says of itself cannot become part of the page', async (t) => {
  const port = await hosted(t, { npm: { enabled: true } });
  const strange = await ask(port, '/', { headers: { Accept: BROWSER, Host: '"><script>alert(1)</script>' } });
  t.equal(strange.status, 400);
  t.notMatch(strange.body.toString(), /<script>/);
  const trusting = await startRegistry(t, { npm: { enabled: true }, trustProxy: true });
  const { port: behind } = await serveWith(t, trusting);
  const forwarded = { Accept: BROWSER, 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'npm.example.org' };
  t.match((await ask(behind, '/', { headers: forwarded })).body.toString(), 'https://npm.example.org/npm');
});

t.test('no browser guesses that an answer of the host is a page', async (t) => {
  const port = await hosted(t, { npm: { enabled: true } });
  const cases: [path: string, options: { method?: string; headers?: Record<string, string> }, status: number][] = [
    ['/', {}, 200],
    ['/', { method: 'POST' }, 405],
    ['/', { headers: { Host: '"><script>' } }, 400],
    ['/-/health', {}, 200],
    ['/nothing', {}, 404],
    ['/npm/nothing', {}, 404],
  ];
  for (const [path, options, status] of cases) {
    const { status: told, headers } = await ask(port, path, options);
    t.equal(told, status, path);
    t.equal(headers['x-content-type-options'], 'nosniff', path);
    const isOfHost = path === '/' || path === '/-/health';
    if (isOfHost) t.equal(headers['cache-control'], 'no-store', `${path}: no cache answers in its place`);
  }
});

t.test('a URL in the configuration is text on the page', async (t) => {
  const port = await hosted(t, { npm: { enabled: true, registryUrl: 'https://npm.example.org/<b>' } });
  const page = (await ask(port, '/', { headers: { Accept: BROWSER } })).body.toString();
  t.match(page, '<code>https://npm.example.org/&lt;b&gt;</code>');
  t.notMatch(page, '<b>');
});

t.test('a protocol at the root answers there itself, and /v2/ is as ever', async (t) => {
  const port = await hosted(t, { registries: [{ ...shelf, basePath: '/' }], oci: { enabled: true } });
  t.match((await ask(port, '/', { headers: { Accept: BROWSER } })).body.toString(), /no such|not found|There is no/i);
  t.match(await ask(port, '/v2/'), { status: 401, headers: { 'www-authenticate': /^Bearer realm=/ } });
});

t.test('a handler that knows no set-up answers everything itself', async (t) => {
  const { port } = await serveWith(
    t,
    handler((context) => ({ status: 418, headers: { 'x-path': context.path } })),
  );
  t.match(await ask(port, '/'), { status: 418, headers: { 'x-path': '/' } });
});
