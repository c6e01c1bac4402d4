import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { normalizeUrl, originOf } from '../../../ts/core/pipeline/helpers.publicurl.js';
import { RenderCache } from '../../../ts/core/pipeline/serving/classes.rendercache.js';
import { PUBLIC_URL, Rendering } from '../../../ts/core/pipeline/serving/classes.rendering.js';
import {
  BaseRegistry,
  type IRegistryConfig,
  type IRoute,
  type RegistryCall,
  RegistryError,
  respond,
} from '../../../ts/index.js';
import { ofKind } from '../../support/expect.js';
import { send, startRegistry } from '../../support/registry.js';

t.test('the public origin comes from the most trusted source', async (t) => {
  const context = { method: 'GET', path: '/', query: {} };
  const forwarded = {
    host: 'inner:5000',
    'x-forwarded-host': 'made-up.example.com, reg.example.com',
    'x-forwarded-proto': 'http, https',
  };
  t.equal(originOf({ ...context, headers: forwarded }, false), 'http://inner:5000');
  t.equal(originOf({ ...context, headers: forwarded }, true), 'https://reg.example.com', 'the nearest proxy’s words');
  const ports: [port: string, more: Record<string, string>, origin: string][] = [
    ['8443', {}, 'https://reg.example.com:8443'],
    ['1, 8443', {}, 'https://reg.example.com:8443'],
    ['443', {}, 'https://reg.example.com'],
    ['80', {}, 'https://reg.example.com:80'],
    ['80', { 'x-forwarded-proto': 'http' }, 'http://reg.example.com'],
    ['8443', { 'x-forwarded-host': 'reg.example.com:9' }, 'https://reg.example.com:9'],
    ['8443', { 'x-forwarded-host': '' }, 'https://inner:5000'],
    ['8443', { 'x-forwarded-host': '[::1]' }, 'https://[::1]:8443'],
    ['x', {}, 'https://reg.example.com'],
  ];
  for (const [port, more, origin] of ports) {
    const headers = { ...forwarded, 'x-forwarded-port': port, ...more };
    t.equal(originOf({ ...context, headers }, true), origin, `port ${port} ${JSON.stringify(more)}`);
    t.equal(originOf({ ...context, headers }, false), 'http://inner:5000', 'not unless it is trusted');
  }
  t.equal(
    originOf({ ...context, headers: forwarded, baseUrl: 'https://a.example.com/' }, true),
    'https://a.example.com',
  );
  t.equal(originOf({ ...context, headers: {} }, true), 'http://localhost');
  t.equal(originOf({ ...context, headers: { host: '[::1]:5000' } }, false), 'http://[::1]:5000');
  for (const host of [
    'evil.example.com/path',
    'a b',
    'x@y',
    'a"b',
    'a:99999999',
    'a:99999',
    '1.2.3.256',
    '[::g]',
    '[1:2]',
    'a:b',
    ':80',
  ]) {
    t.throws(() => originOf({ ...context, headers: { host } }, false), ofKind('invalid'), host);
  }
});

t.test('one host has one spelling', async (t) => {
  const origin = (host: string, proto?: string) => {
    const headers = { host, ...(proto && { 'x-forwarded-proto': proto }) };
    return originOf({ method: 'GET', path: '/', query: {}, headers }, true);
  };
  for (const host of [
    'npm.example.org',
    'NPM.Example.ORG',
    'npm.example.org:80',
    'npm.example.org:',
    'npm.example.org:080',
  ]) {
    t.equal(origin(host), 'http://npm.example.org', host);
  }
  t.equal(origin('npm.example.org:443'), 'http://npm.example.org:443');
  t.equal(origin('npm.example.org:443', 'https'), 'https://npm.example.org');
  t.equal(origin('[2001:DB8:0::1]:80'), 'http://[2001:db8::1]');
  t.equal(origin('my_host.local'), 'http://my_host.local');
});

t.test('a public URL needs no escaping in what it is put into', async (t) => {
  t.equal(normalizeUrl('https://NPM.example.org:443/a/'), 'https://npm.example.org/a');
  const odd = normalizeUrl('http://npm.example.org/a"b<c>\'d&e f/\u00e4');
  t.equal(odd, 'http://npm.example.org/a%22b%3Cc%3E%27d%26e%20f/%C3%A4');
  t.equal(JSON.stringify(odd), `"${odd}"`);
  t.throws(() => normalizeUrl('npm.example.org'), ofKind('internal'));
});

/** A registry whose only document is a page of links. */
class Pages extends BaseRegistry {
  public readonly protocol = 'pages';
  public rendered = 0;

  protected routes(): IRoute[] {
    return [{ method: 'GET', path: '/{page}', access: 'public', handle: (call) => this.show(call) }];
  }

  protected renderError(error: RegistryError): ReturnType<BaseRegistry['renderError']> {
    return respond(error.status, { problem: error.message });
  }

  private async show(call: RegistryCall) {
    const served = await call.serveDocument<{ links: string[] }>(`pages/${call.params.page}`, {
      variant: 'json',
      repeatable: true,
      render: ({ links }, publicUrl) => {
        this.rendered++;
        return { body: { links: links.map((link) => `${publicUrl}/${link}`) }, contentType: 'application/json' };
      },
    });
    if (!served) throw new RegistryError('notFound', 'no such page');
    return served;
  }
}

const world = async (t: Test, config: Partial<IRegistryConfig> = {}) => {
  let pages: Pages | undefined;
  const registry = await startRegistry(t, {
    registries: [
      {
        protocol: 'pages',
        basePath: '/pages',
        create: (services, settings) => {
          pages = new Pages(services, settings);
          return pages;
        },
      },
    ],
    ...config,
  });
  const write = (page: string, links: string[]) => registry.getStorage().update(`pages/${page}`, () => ({ links }));
  const get = (page: string, host: string, headers: Record<string, string> = {}) =>
    send(registry, 'GET', `/pages/${page}`, { headers: { host, ...headers } });
  return { registry, write, get, rendered: () => (pages as Pages).rendered };
};

const LINKS = Array.from({ length: 100 }, (_, n) => `file-${n}.tgz`);
const linksFor = (origin: string): object => ({ links: LINKS.map((link) => `${origin}/pages/${link}`) });

t.test('a document is rendered once for all hosts by which its readers come', async (t) => {
  const { write, get, rendered } = await world(t);
  await write('a', LINKS);
  const hosts = Array.from({ length: 20 }, (_, n) => `${'x'.repeat(n + 1)}.example.org`);
  const etags = new Map<string, string>();
  for (const host of [...hosts, ...hosts]) {
    const plain = await get('a', host);
    t.same(plain.json(), linksFor(`http://${host}`), host);
    t.equal(plain.headers['Content-Length'], String(plain.bytes.length));
    const packed = await get('a', host, { 'accept-encoding': 'gzip' });
    t.equal(packed.headers['Content-Encoding'], 'gzip');
    t.same(gunzipSync(packed.bytes), plain.bytes, 'the packed form has the links of its own host');
    const etag = plain.headers.ETag as string;
    t.equal(etags.get(host) ?? etag, etag, 'the ETag of the same bytes is the same');
    etags.set(host, etag);
    t.equal((await get('a', host, { 'if-none-match': etag })).status, 304);
  }
  t.equal(new Set(etags.values()).size, hosts.length, 'other bytes have another ETag');
  t.equal((await get('a', 'new.example.org', { 'if-none-match': etags.get(hosts[0]!)! })).status, 200);
  t.equal(rendered(), 1);
  await write('a', ['other']);
  t.same((await get('a', hosts[0]!)).json(), { links: [`http://${hosts[0]}/pages/other`] });
  t.equal(rendered(), 2);
});

t.test('readers that come together by several hosts get their own links', async (t) => {
  const { write, get, rendered } = await world(t);
  await write('a', LINKS);
  const hosts = Array.from({ length: 8 }, (_, n) => `${n}.example.org`);
  const answers = await Promise.all(hosts.map((host) => get('a', host)));
  for (const [n, answer] of answers.entries()) t.same(answer.json(), linksFor(`http://${hosts[n]}`));
  t.equal(rendered(), 1);
});

t.test('a host that is none is refused', async (t) => {
  const { write, get } = await world(t);
  await write('a', LINKS);
  for (const host of ['a b', 'evil/"', 'npm.example.org:99999', '1.2.3.256']) {
    const answer = await get('a', host);
    t.equal(answer.status, 400, host);
    t.same(answer.json(), { problem: 'The Host header is not a host name' });
  }
});

t.test('what a document says of the placeholder is not taken for a link', async (t) => {
  const { write, get } = await world(t);
  await write('a', ['http://0123456789abcdef.invalid', 'x']);
  t.match((await get('a', 'npm.example.org')).text, 'http://0123456789abcdef.invalid');
  t.match(PUBLIC_URL, /^http:\/\/[0-9a-f]{32}\.invalid$/);
});

t.test('documents without links are the same bytes for every host', async (t) => {
  const { write, get, rendered } = await world(t);
  await write('a', []);
  const one = await get('a', 'one.example.org');
  const two = await get('a', 'two.example.org');
  t.equal(one.headers.ETag, two.headers.ETag);
  t.equal(rendered(), 1);
});

t.test('hosts that strangers make up do not fill the cache', async (t) => {
  const renders = new RenderCache(1024 * 1024);
  const render = async () =>
    Rendering.of({ body: `${PUBLIC_URL}/${'.'.repeat(10_000)}`, contentType: 'a/b' }, 'http://first');
  const base = (await renders.get('page', render)) as Rendering;
  t.equal(base.bytes.toString().slice(0, 13), 'http://first/');
  await renders.get('another page', async () => Rendering.of({ body: 'x'.repeat(10_000), contentType: 'a/b' }));
  const names: string[] = [];
  for (let n = 0; n < 500; n++) {
    const { name, rendering } = renders.linked('page', base, `http://h${n}`);
    t.ok(rendering.bytes.toString().startsWith(`http://h${n}/.`), `${n}`);
    names.push(name);
  }
  t.equal(names.filter((name) => renders.peek(name)).length, 3, 'the last ones are kept');
  t.ok(renders.peek('another page'), 'other documents stay');
  const last = renders.peek(names[499]!);
  t.equal(renders.linked('page', base, 'http://h499').rendering, last, 'and are used again');
  t.equal(renders.linked('page', base, 'http://first').rendering, base);
});

t.test('an ETag of the protocol’s own does not go with links', async (t) => {
  const linked = { body: PUBLIC_URL, contentType: 'a/b', etag: 'mine' };
  t.throws(() => Rendering.of(linked, 'http://a'), ofKind('internal'));
  t.equal(Rendering.of({ ...linked, body: 'no links' }, 'http://a').etag, 'mine');
});
