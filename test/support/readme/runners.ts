import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crateFile } from '../cargo/crates.js';
import { packageZip } from '../composer/packages.js';
import { run } from '../program.js';
import { wheel } from '../pypi/distributions.js';
import { gemOf } from '../rubygems/gems.js';
import type { ITokenServer } from '../tokenstores/interfaces.js';
import { startPostgres } from '../tokenstores/postgres-server.js';
import { startRedis } from '../tokenstores/redis-server.js';
import { startLdapServer } from './ldap-server.js';

export interface IRunner {
  /** appended to the block: uses what it built, and ends the program */
  tail: string;
  expect: RegExp;
  /** the one line that the block is to log */
  logs?: RegExp;
  prepare?(cwd: string): Promise<void>;
  /** a program that the block talks to: what the block finds in its environment, and the end of it; null: not here */
  beside?(): Promise<{ env: Record<string, string>; stop(): Promise<void> } | null>;
  runtime?: 'deno' | 'bun';
}

/** `npm pack` of a package with one file in it. */
const pack = async (cwd: string, name: string, text: string): Promise<void> => {
  const source = join(cwd, `source-${name}`);
  await mkdir(source);
  await writeFile(join(source, 'package.json'), JSON.stringify({ name, version: '1.0.0' }));
  await writeFile(join(source, 'index.js'), text);
  await run('npm', ['pack', '--pack-destination', cwd], { cwd: source });
};
const packed = (cwd: string): Promise<void> => pack(cwd, 'my-package', '// harmless');

export const destroy = 'await registry.destroy();';
const request = (method: string, path: string, more = '') =>
  `await registry.handleRequest({ method: '${method}', path: '${path}', headers: {}, query: {}, ${more} })`;

/** Defines `publish`, which sends a package to a served registry or, without one, to `handleRequest`. */
const publishing = `
const { readFile: read } = await import('node:fs/promises');
const publisherToken = await registry.getAuthManager().createNpmToken('ann');
const publish = async (name: string, base?: string) => {
  const tgz = await read(name + '-1.0.0.tgz');
  const body = JSON.stringify({
    name, 'dist-tags': { latest: '1.0.0' },
    versions: { '1.0.0': { name, version: '1.0.0', dist: {} } },
    _attachments: { [name + '-1.0.0.tgz']: { data: tgz.toString('base64'), length: tgz.length } },
  });
  const path = '/npm/' + name;
  const headers = { authorization: 'Bearer ' + publisherToken, 'content-type': 'application/json' };
  const { status } = base === undefined
    ? await registry.handleRequest({ method: 'PUT', path, headers, query: {}, body })
    : await fetch(base + path, { method: 'PUT', headers, body });
  return { status, tgz };
};`;

/** Publishes one package through a served registry, and downloads it again. */
const throughHttp = (base: string, close: string): string => `
${publishing}
const { createHash: hash } = await import('node:crypto');
const { status: published, tgz } = await publish('my-package', ${base});
const packument = (await (await fetch(${base} + '/npm/my-package')).json()) as any;
const bytes = Buffer.from(await (await fetch(packument.versions['1.0.0'].dist.tarball)).arrayBuffer());
console.log('published', published, 'same', hash('sha1').update(bytes).digest('hex') === hash('sha1').update(tgz).digest('hex'));
${close}
`;
const served = /^published 20[01] same true$/m;

const stop = 'server.close(); (server as any).closeAllConnections?.();';
const overHttp = (server: string, close: string, base = ''): IRunner => ({
  prepare: packed,
  tail: `
if (!(${server} as any).listening) await new Promise((resolve) => ${server}.once('listening', resolve));
${throughHttp(`'http://127.0.0.1:' + (${server}.address() as any).port + '${base}'`, `${close}\n${destroy}`)}`,
  expect: served,
});

/** A block that keeps its tokens in a server, whose URL is in this variable. */
const withTokens = (variable: string, start: () => Promise<ITokenServer | null>): IRunner => ({
  tail: `
await registry.getAuthManager().users.create({ username: 'ann', password: 'a password' });
const given = await registry.getAuthManager().createNpmToken('ann');
console.log('token of', (await registry.getAuthManager().validateToken(given))?.userId);
${destroy}`,
  expect: /^token of ann$/m,
  async beside() {
    const server = await start();
    return server && { env: { [variable]: await server.fresh() }, stop: () => server.stop() };
  },
});

export const runners: Record<string, IRunner> = {
  redis: withTokens('REDIS_URL', startRedis),
  database: withTokens('DATABASE_URL', startPostgres),
  'quick-start': { tail: destroy, expect: /^200 \{/ },
  streams: { tail: '', expect: /^9 world$/m },
  publish: { prepare: packed, tail: destroy, expect: /^20[01] 1$/m },
  wheels: {
    prepare: async (cwd) => {
      const { filename, bytes } = wheel('my-package', '1.0.0');
      await writeFile(join(cwd, filename), bytes);
    },
    tail: destroy,
    expect: /^200 my_package-1\.0\.0-py3-none-any\.whl$/m,
  },
  crates: {
    prepare: async (cwd) => writeFile(join(cwd, 'my-crate-0.1.0.crate'), await crateFile('my-crate', '0.1.0')),
    tail: destroy,
    expect: /^200 \{"name":"my-crate","vers":"0\.1\.0","deps":\[\],"cksum":"[0-9a-f]{64}",/m,
  },
  composer: {
    prepare: async (cwd) => writeFile(join(cwd, 'hello.zip'), packageZip('acme/hello')),
    tail: destroy,
    expect: /^201 \{"minified":"composer\/2\.0","packages":\{"acme\/hello":\[\{.*"version_normalized":"1\.0\.0\.0"/m,
  },
  gems: {
    prepare: async (cwd) => writeFile(join(cwd, 'my-gem-1.0.0.gem'), gemOf('my-gem', '1.0.0').bytes),
    tail: destroy,
    expect: /^200 my-gem 1\.0\.0 [0-9a-f]{32}$/m,
  },
  maven: {
    prepare: async (cwd) => {
      const pom =
        '<project><modelVersion>4.0.0</modelVersion><groupId>com.example</groupId><artifactId>hello</artifactId><version>1.0</version></project>';
      await writeFile(join(cwd, 'hello-1.0.pom'), pom);
      await writeFile(join(cwd, 'hello-1.0.jar'), 'bytes of a jar');
    },
    tail: destroy,
    expect: /^201 hello-1\.0\.pom\n201 hello-1\.0\.jar\n<\?xml [\s\S]*<release>1\.0<\/release>/m,
  },
  containers: { tail: destroy, expect: /^201 sha256:[0-9a-f]{64} 0$/m },
  hooks: {
    tail: `
const storage = registry.getStorage().for({ protocol: 'npm' });
const toy = { packageName: '@team/toy', version: '1.0.0' };
const put = async (size: number) => {
  const staged = await storage.stage(new Uint8Array(size), { hashes: [] });
  const place = [{ staged, key: 'toys/' + size, contentType: 'text/plain' }];
  await storage.commit({ ...toy, place, document: { key: 'toys/toy.json', apply: () => ({ size }) } });
  return used('@team');
};
console.log(await put(10), await put(20), auditLog.length);
held.get('@team')!.set('x', LIMIT);
console.log(await put(30).catch(({ message }) => message), reserved.size);
held.get('@team')!.delete('x');
await storage.commit({ ...toy, document: { key: 'toys/toy.json', apply: () => null }, drop: ['toys/10', 'toys/20'] });
console.log(used('@team'), reserved.size);
${destroy}`,
    expect: /^10 30 4\nStorage quota exceeded 0\n0 0$/m,
  },
  scanning: {
    prepare: async (cwd) => {
      await packed(cwd);
      await pack(cwd, 'bad-package', '// malicious-text');
    },
    tail: `
${publishing}
console.log((await publish('bad-package')).status, (await publish('my-package')).status);
console.log((${request('GET', '/npm/bad-package')}).status, (${request('GET', '/npm/my-package')}).status);
for await (const object of registry.getStorage().list({ prefix: 'npm/packages/bad' })) console.log('left', object);
${destroy}`,
    expect: /^403 201\n404 200\n$/,
  },
  garbage: { tail: destroy, expect: /^oci \{.*\} 0$/m },
  logging: {
    tail: `
await fetch(url + '/npm/-/ping');
await server.close();
${destroy}`,
    expect:
      /^\{"time":"[^"]+","level":"info","msg":"request","id":"[^"]+","method":"GET","status":200,"ms":\d+,.*"protocol":"npm"/m,
  },
  auth: { tail: destroy, expect: /^true\nfalse$/m },
  'ci-token': { tail: destroy, expect: /^true 2\nnull$/m },
  ldap: {
    beside: async () => {
      const people = 'ou=people,dc=example,dc=org';
      const { url, stop } = await startLdapServer({
        passwords: {
          'cn=registry,dc=example,dc=org': 'for searches',
          [`uid=ann,${people}`]: 'correct horse',
          [`uid=eve,${people}`]: 'in no group',
        },
        hangsUpOn: `uid=nobody,${people}`,
        groups: { [`uid=ann,${people}`]: ['developers'] },
      });
      return { env: { LDAP_URL: url, LDAP_PASSWORD: 'for searches' }, stop };
    },
    prepare: packed,
    tail: `
const auth = registry.getAuthManager();
const login = (username: string, password: string) => auth.authenticate({ username, password });
console.log(await login('ann', 'correct horse'), await login('ann', 'wrong'), await login('ann', ''), await login('*', 'x'));
const npmToken = await auth.createNpmToken('ann');
const ciToken = await auth.createToken('ann', 'npm', { scopes: ['npm:package:@team/a:write'] });
const may = async (token: string, name: string, action: string) =>
  auth.authorize(await auth.validateToken(token, 'npm'), 'npm:package:' + name, action);
console.log(await may(npmToken, '@team/b', 'write'), await may(npmToken, 'b', 'write'), await may(npmToken, 'b', 'read'));
console.log(await may(ciToken, '@team/a', 'write'), await may(ciToken, '@team/b', 'write'));
const as = async (credentials: string) =>
  (await registry.handleRequest({ method: 'GET', path: '/npm/none', headers: { authorization: credentials }, query: {} })).status;
const basic = (text: string) => 'Basic ' + Buffer.from(text).toString('base64');
console.log(await as('Bearer ' + npmToken), await as(basic('ann:correct horse')), await as(basic('ann:wrong')), await as(basic('eve:in no group')));
console.log(await as(basic('nobody:at all')));
await auth.revokeToken(npmToken);
console.log((${request('GET', '/npm/none')}).status, await as('Bearer ' + npmToken));
${destroy}`,
    logs: /^\S+Z error The directory does not answer .*\n/m,
    expect: /^ann null null null\ntrue false true\ntrue false\n404 404 401 403\n503\n401 401$/m,
  },
  'custom-auth': {
    tail: `console.log((${request('GET', '/npm/none')}).status, (${request('PUT', '/npm/none', 'body: {}')}).status);\n${destroy}`,
    expect: /^404 401$/m,
  },
  'eighth-protocol': {
    tail: `
const form = new FormData();
form.set('file', new Blob(['text by form']), 'b.txt');
form.set('name', 'b');
const posted = new Request('http://localhost/', { method: 'POST', body: form });
const headers = Object.fromEntries(posted.headers);
const all = async () => new Response((${request('GET', '/snippets/')}).body).text();
console.log((${request('PUT', '/snippets/a', "body: 'some text'")}).status);
console.log(await new Response((${request('GET', '/snippets/a')}).body).text());
console.log((await registry.handleRequest({ method: 'POST', path: '/snippets/', headers, query: {}, body: posted.body })).status);
console.log(await new Response((${request('GET', '/snippets/b')}).body).text());
console.log((await all()).replace(/ [0-9a-f]{64}/g, ''));
console.log((${request('DELETE', '/snippets/a')}).status, (${request('GET', '/snippets/a')}).status);
console.log(await registry.rebuildListings(), (await all()).length);
${destroy}`,
    expect: /^201\nsome text\n201\ntext by form\na\nb\n\n204 404\nMap\(1\) \{ 'snippets' => 2 \} 67$/m,
  },
  'node-http': overHttp('server', stop),
  'node-server': { prepare: packed, tail: throughHttp('url', `await server.close();\n${destroy}`), expect: served },
  proxy: {
    prepare: packed,
    tail: `
${publishing}
await publish('my-package', url);
const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'registry.example.com' };
const seen = (await (await fetch(url + '/npm/my-package', { headers: forwarded })).json()) as any;
console.log(seen.versions['1.0.0'].dist.tarball);
await server.close();
${destroy}`,
    expect: /^https:\/\/registry\.example\.com\/npm\/my-package\/-\/my-package-1\.0\.0\.tgz$/m,
  },
  'below-a-path': overHttp('server', stop, '/packages'),
  koa: overHttp('server', stop),
  express: overHttp('server', stop),
  'express-by-hand': overHttp('server', stop),
  fastify: overHttp('app.server', 'await app.close();'),
  hono: overHttp('server', stop),
  deno: {
    prepare: packed,
    runtime: 'deno',
    tail: throughHttp("'http://127.0.0.1:' + server.addr.port", `await server.shutdown();\n${destroy}`),
    expect: served,
  },
  bun: {
    prepare: packed,
    runtime: 'bun',
    tail: throughHttp("'http://127.0.0.1:' + server.port", `await server.stop();\n${destroy}`),
    expect: served,
  },
};
