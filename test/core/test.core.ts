import { mock } from 'node:test';
import t from 'tap';
import { RenderCache } from '../../ts/core/pipeline/serving/classes.rendercache.js';
import { Rendering } from '../../ts/core/pipeline/serving/classes.rendering.js';
import {
  type IAuthProvider,
  type IAuthToken,
  type IRequestActor,
  type IStorageHookContext,
  SmartRegistry,
} from '../../ts/index.js';
import { send, startRegistry, storedKeys, temporaryFolder } from '../support/registry.js';
import { ShelfRegistry, shelf } from '../support/shelf.js';

const start = (t: Parameters<typeof startRegistry>[0], more: Parameters<typeof startRegistry>[1] = {}) =>
  startRegistry(t, { registries: [shelf], ...more });

const writer = async (registry: SmartRegistry, scopes = ['shelf:*:*:*']) => {
  const auth = registry.getAuthManager();
  const token = await auth.createToken('ann', 'shelf', { scopes });
  return { Authorization: `Bearer ${token}` };
};

const users = [{ username: 'ann', password: 'correct horse' }];
const auth = { jwtSecret: 'a-secret-of-the-tests', tokenStore: 'memory' as const, users };

t.test('what is uploaded comes down, whole and in parts', async (t) => {
  const registry = await start(t, { auth });
  const headers = await writer(registry);
  t.equal((await send(registry, 'PUT', '/shelf/a/x', { headers, body: 'hello world' })).status, 201);
  t.same(await storedKeys(registry), ['shelf/documents/a.json', 'shelf/files/a/x']);

  const whole = await send(registry, 'GET', '/shelf/a/x');
  t.equal(whole.status, 200);
  t.equal(whole.text, 'hello world');
  t.match(whole.headers, {
    'Content-Length': '11',
    'Accept-Ranges': 'bytes',
    'Content-Type': 'application/octet-stream',
  });
  const etag = whole.headers.ETag!;

  const cases: [string, Record<string, string>, number, string, string?][] = [
    ['prefix', { Range: 'bytes=0-4' }, 206, 'hello', 'bytes 0-4/11'],
    ['middle to the end', { Range: 'bytes=6-' }, 206, 'world', 'bytes 6-10/11'],
    ['suffix', { Range: 'bytes=-5' }, 206, 'world', 'bytes 6-10/11'],
    ['suffix longer than all', { Range: 'bytes=-50' }, 206, 'hello world', 'bytes 0-10/11'],
    ['end past the last byte', { Range: 'bytes=6-99' }, 206, 'world', 'bytes 6-10/11'],
    ['If-Range that is weak', { Range: 'bytes=0-4', 'If-Range': `W/${etag}` }, 200, 'hello world'],
    ['If-Range that fits', { Range: 'bytes=0-4', 'If-Range': etag }, 206, 'hello', 'bytes 0-4/11'],
    ['If-Range that does not', { Range: 'bytes=0-4', 'If-Range': '"other"' }, 200, 'hello world'],
    ['unchanged', { 'If-None-Match': etag }, 304, ''],
    [
      'unchanged, with a date that says otherwise',
      { 'If-None-Match': etag, 'If-Modified-Since': new Date(0).toUTCString() },
      304,
      '',
    ],
    [
      'changed, with a date that says otherwise',
      { 'If-None-Match': '"x"', 'If-Modified-Since': new Date(Date.now() + 1e6).toUTCString() },
      200,
      'hello world',
    ],
    ['not modified since', { 'If-Modified-Since': new Date(Date.now() + 1e6).toUTCString() }, 304, ''],
  ];
  for (const [name, asked, status, text, range] of cases) {
    const answer = await send(registry, 'GET', '/shelf/a/x', { headers: asked });
    t.equal(answer.status, status, name);
    t.equal(answer.text, text, name);
    t.equal(answer.headers['Content-Range'], range, name);
    if (status === 206) t.equal(answer.headers['Content-Length'], String(text.length), name);
  }
  const past = await send(registry, 'GET', '/shelf/a/x', { headers: { Range: 'bytes=11-' } });
  t.equal(past.status, 416);
  t.equal(past.headers['Content-Range'], 'bytes */11');

  for (const Range of ['bytes=5-2', 'bytes=11-', 'bytes=0-1']) {
    const whole = await send(registry, 'HEAD', '/shelf/a/x', { headers: { Range } });
    t.same([whole.status, whole.headers['Content-Length']], [200, '11'], `HEAD knows no ranges: ${Range}`);
  }
  const head = await registry.handleRequest({ method: 'HEAD', path: '/shelf/a/x', headers: {}, query: {} });
  t.equal(head.status, 200);
  t.equal(head.headers['Content-Length'], '11');
  t.equal(head.body, undefined);
});

t.test('rendered metadata has a strong ETag, a gzip form and is never stale', async (t) => {
  const directory = await temporaryFolder(t);
  const one = await start(t, { auth, storage: { directory } });
  const two = await start(t, { auth, storage: { directory } });
  const headers = await writer(one);
  for (let i = 0; i < 200; i++) await send(one, 'PUT', `/shelf/a/file-number-${i}`, { headers, body: 'x' });
  const plain = await send(two, 'GET', '/shelf/a');
  t.equal((plain.json() as unknown as string[]).length, 200);
  t.equal(plain.headers.Vary, 'Accept, Accept-Encoding');
  const packed = await send(two, 'GET', '/shelf/a', { headers: { 'Accept-Encoding': 'gzip' } });
  t.equal(packed.headers['Content-Encoding'], 'gzip');
  t.ok(packed.bytes.length < plain.bytes.length / 2);
  t.not(packed.headers.ETag, plain.headers.ETag, 'two representations have two validators');
  for (const etag of [plain.headers.ETag!, packed.headers.ETag!]) {
    const conditional = { 'If-None-Match': etag, 'If-Modified-Since': new Date(0).toUTCString() };
    t.equal((await send(two, 'GET', '/shelf/a', { headers: conditional })).status, 304);
  }
  await send(one, 'PUT', '/shelf/a/another', { headers, body: 'x' });
  const after = await send(two, 'GET', '/shelf/a', { headers: { 'If-None-Match': plain.headers.ETag! } });
  t.equal(after.status, 200, 'the other replica sees it at once');
  t.ok(after.text.includes('another'));
});

t.test('the same file again is refused and the first stays', async (t) => {
  const registry = await start(t, { auth });
  const headers = await writer(registry);
  await send(registry, 'PUT', '/shelf/a/x', { headers, body: 'first' });
  const keys = await storedKeys(registry);
  t.equal((await send(registry, 'PUT', '/shelf/a/x', { headers, body: 'second' })).status, 409);
  t.same(await storedKeys(registry), keys);
  t.equal((await send(registry, 'GET', '/shelf/a/x')).text, 'first');
});

t.test('who may do what is decided before anything is looked up or read', async (t) => {
  const registry = await start(t, { auth: { ...auth, anonymousScopes: [] } });
  const owner = await writer(registry);
  const other = await writer(registry, ['shelf:shelf:b:*']);
  await send(registry, 'PUT', '/shelf/a/x', { headers: owner, body: 'hello' });
  const keys = await storedKeys(registry);
  const reads: number[] = [];
  const body = new ReadableStream<Uint8Array>({ pull: () => void reads.push(1) }, { highWaterMark: 0 });
  const put = await send(registry, 'PUT', '/shelf/a/y', { body });
  t.equal(put.status, 401);
  t.same(reads, [], 'the body was not touched');
  t.equal(put.headers['WWW-Authenticate'], 'Basic realm="shelf"');
  for (const path of ['/shelf/a', '/shelf/a/x', '/shelf/none', '/shelf/none/x']) {
    t.equal((await send(registry, 'GET', path)).status, 401, `${path} without a token`);
    t.equal((await send(registry, 'HEAD', path)).status, 401, `HEAD ${path} without a token`);
    t.equal(
      (await send(registry, 'GET', path, { headers: other })).status,
      403,
      `${path} with a token for another name`,
    );
    t.equal((await send(registry, 'GET', path, { headers: { Authorization: 'Bearer wrong' } })).status, 401, path);
  }
  t.equal((await send(registry, 'PUT', '/shelf/a/z', { headers: other, body: 'x' })).status, 403);
  t.same(await storedKeys(registry), keys);
  t.equal(
    (await send(registry, 'GET', '/shelf/a/x', { token: owner.Authorization.slice(7) })).text,
    'hello',
    'token in the context',
  );
});

t.test('a name in the body is authorised once it is known', async (t) => {
  const registry = await start(t, { auth });
  const headers = await writer(registry, ['shelf:shelf:b:write']);
  const post = async (more: object) => (await send(registry, 'POST', '/shelf/late', more)).status;
  t.equal(await post({ headers, body: { shelf: 'b' } }), 200);
  t.equal(await post({ headers, body: { shelf: 'a' } }), 403);
  t.equal(await post({ body: { shelf: 'b' } }), 401);
  const reader = await writer(registry, ['shelf:shelf:b:read']);
  t.equal(await post({ headers: reader, body: { shelf: 'b' } }), 403);
});

t.test('paths, methods and mounts', async (t) => {
  const registry = await start(t, { auth });
  const status = async (method: string, path: string) => (await send(registry, method, path)).status;
  t.equal(await status('GET', '/nowhere'), 404);
  t.equal(await status('GET', '/shelfx/about'), 404, 'a longer word is another path');
  t.equal(await status('GET', '//shelf///about'), 200);
  t.equal(await status('HEAD', '/shelf/about'), 200);
  for (const path of ['/shelf/a/%2e%2e', '/shelf/..', '/shelf/a/%00', '/shelf/a/x%5cy', '/shelf/a/%zz']) {
    t.equal(await status('GET', path), 400, path);
  }
  const refused = await send(registry, 'PATCH', '/shelf/a/x');
  t.equal(refused.status, 405);
  t.equal(refused.headers.Allow, 'GET, HEAD, PUT');
  const url = (headers: Record<string, string>) => send(registry, 'GET', '/shelf/about', { headers });
  t.same((await url({ Host: 'r.example.com:8080' })).json(), { url: 'http://r.example.com:8080/shelf' });
  t.equal((await url({ Host: 'a/b' })).status, 400);
});

t.test('a storage outage is a 503, never a 404, and says nothing of its inside', async (t) => {
  const logged: unknown[] = [];
  const log = (_message: string, fields?: object) => void logged.push(fields);
  const registry = await start(t, { auth, logger: { info: log, warn: log, error: log } });
  const broken = () => Promise.reject(new Error('secret path /var/lib/x'));
  Object.assign(registry.getStorage().store, { head: broken, get: broken });
  const answer = await send(registry, 'GET', '/shelf/a');
  t.ok(answer.status >= 500);
  t.notMatch(answer.text, /secret/);
  t.match(JSON.stringify(logged), /secret path/, 'the log has the cause');
  t.equal(await registry.checkHealth(), false);
});

t.test('no token of a path gets into the log', async (t) => {
  const logged: Record<string, unknown>[] = [];
  const log = (_message: string, fields = {}) => void logged.push(fields);
  const logger = { info: log, warn: log, error: log };
  const registry = await startRegistry(t, { npm: { enabled: true }, auth, logger });
  const headers = { Authorization: `Bearer ${await registry.getAuthManager().createNpmToken('ann')}` };
  const fail = () => Promise.reject(new Error('down'));
  Object.assign(registry.getAuthManager(), { revokeTokenOf: fail });
  Object.assign(registry.getStorage().store, { head: fail, get: fail });
  const secret = headers.Authorization.slice('Bearer '.length);
  t.equal((await send(registry, 'DELETE', `/npm/-/user/token/${secret}`, { headers })).status, 500);
  t.equal((await send(registry, 'GET', '/npm/package')).status, 500);
  t.notMatch(JSON.stringify(logged), secret);
  t.same(
    logged.flatMap(({ path }) => path ?? []),
    ['/-/user/token/{token+}', '/package'],
  );
});

t.test('hooks hear whose credentials were used, unless the embedder says who it is', async (t) => {
  const heard: unknown[] = [];
  const storageHooks = {
    beforePut: async ({ actor }: IStorageHookContext) => {
      heard.push(actor);
      return { allowed: true };
    },
  };
  const registry = await start(t, { auth, storageHooks });
  const headers = await writer(registry);
  const put = (file: string, actor?: IRequestActor) =>
    send(registry, 'PUT', `/shelf/a/${file}`, { headers, body: 'x', actor });
  t.equal((await put('one', { ip: '10.0.0.1' })).status, 201);
  t.match(heard[0], { userId: 'ann', ip: '10.0.0.1', tokenId: /^[0-9a-f]{64}$/ });
  heard.length = 0;
  t.equal((await put('two', { userId: 'sso-ann', orgId: 'org', tokenId: 'session 7' })).status, 201);
  t.match(heard[0], { userId: 'sso-ann', orgId: 'org', tokenId: 'session 7' });
  heard.length = 0;
  t.equal((await put('three')).status, 201);
  t.match(heard[0], { userId: 'ann' });
});

t.test('a download that a hook keeps back is neither described nor confirmed', async (t) => {
  let asked = 0;
  const beforeGet = async () => {
    asked += 1;
    return { allowed: asked !== 1, reason: 'in quarantine' };
  };
  const registry = await start(t, { auth, storageHooks: { beforeGet } });
  const headers = await writer(registry);
  t.equal((await send(registry, 'PUT', '/shelf/a/x', { headers, body: 'hello' })).status, 201);
  for (const [method, header] of [
    ['GET', {}],
    ['HEAD', {}],
    ['GET', { 'If-None-Match': '*' }],
    ['GET', { Range: 'bytes=0-1', 'If-Range': '"x"' }],
  ] as const) {
    asked = 0;
    t.equal((await send(registry, method, '/shelf/a/x', { headers: header })).status, 403, JSON.stringify(header));
    t.ok((await send(registry, method, '/shelf/a/x', { headers: header })).status < 400);
    t.equal(asked, 2, 'once for each request');
  }
});

t.test('what callers choose is part of the weight of rendered metadata', async (t) => {
  const cache = new RenderCache(1024 * 1024);
  let made = 0;
  const make = async () => {
    made += 1;
    return Rendering.of({ body: {}, contentType: 'application/json' });
  };
  for (let count = 0; count < 100; count++) await cache.get(`${count} ${'host'.repeat(8000)}`, make);
  await cache.get(`0 ${'host'.repeat(8000)}`, make);
  t.equal(made, 101, 'long names push each other out');
});

t.test('a custom provider decides alone', async (t) => {
  const asked: unknown[] = [];
  const authProvider: IAuthProvider = {
    authenticate: async ({ username }) => username,
    validateToken: async (token): Promise<IAuthToken> => ({ userId: token, scopes: [] }),
    createToken: async (userId) => userId,
    revokeToken: async () => undefined,
    authorize: async (token, resource, action) => {
      asked.push([token?.userId ?? null, resource, action]);
      return token?.userId === 'ann';
    },
  };
  const registry = await start(t, { authProvider });
  t.equal((await send(registry, 'GET', '/shelf/a')).status, 401);
  t.equal((await send(registry, 'GET', '/shelf/a', { token: 'bob' })).status, 403);
  t.equal((await send(registry, 'GET', '/shelf/a', { token: 'ann' })).status, 404);
  t.same(
    asked,
    [null, 'bob', 'ann'].map((user) => [user, 'shelf:shelf:a', 'read']),
  );
});

t.test('a dry run of the garbage collection sweeps nothing, of a protocol of the user’s own neither', async (t) => {
  let swept = 0;
  const create: typeof shelf.create = (...given) =>
    Object.assign(shelf.create(...given), {
      sweepOrphans: async () => {
        swept++;
        return 3;
      },
    });
  const registry = await start(t, { registries: [{ ...shelf, create }] });
  t.match(await registry.collectGarbage({ dryRun: true }), [{ protocol: 'shelf', removed: {} }]);
  t.equal(swept, 0);
  t.match(await registry.collectGarbage(), [{ protocol: 'shelf', removed: { orphans: 3 } }]);
});

t.test('the life of a registry', async (t) => {
  const directory = await temporaryFolder(t);
  const registry = new SmartRegistry({ storage: { directory }, auth, registries: [shelf], logger: false });
  t.equal(registry.isInitialized(), false);
  t.throws(() => registry.getStorage(), /init\(\)/);
  await t.rejects(send(registry, 'GET', '/shelf/about'), /init\(\)/);
  await Promise.all([registry.init(), registry.init()]);
  t.equal(registry.isInitialized(), true);
  t.equal(registry.getRegistry('shelf')?.protocol, 'shelf');
  t.equal(registry.getRegistry('npm'), undefined);
  t.same(registry.protocols(), ['shelf']);
  t.equal(await registry.checkHealth(), true);
  await registry.destroy();
  await registry.destroy();
  t.equal(registry.isInitialized(), false);
  await t.rejects(send(registry, 'GET', '/shelf/about'), /destroyed/);
});

t.test('of two registries that a path lies below, the one with the longer prefix answers', async (t) => {
  const named = (protocol: string, basePath: string) => {
    class Named extends ShelfRegistry {
      public override readonly protocol = protocol as 'shelf';
    }
    return { protocol, basePath, create: (...args: Parameters<typeof shelf.create>) => new Named(...args) };
  };
  const outer = named('outer', '/shelf');
  const inner = named('inner', '/shelf/inner');
  const root = named('root', '/');
  for (const registries of [
    [root, outer, inner],
    [inner, root, outer],
  ]) {
    const registry = await startRegistry(t, { registries });
    const urlOf = async (path: string) => (await send(registry, 'GET', path)).json().url;
    t.equal(await urlOf('/shelf/inner/about'), 'http://localhost/shelf/inner');
    t.equal(await urlOf('/shelf/about'), 'http://localhost/shelf');
    t.equal(await urlOf('/about'), 'http://localhost');
  }
});

t.test('a configuration that only init() can find wrong', async (t) => {
  const directory = await temporaryFolder(t);
  const make = (more: object) => new SmartRegistry({ storage: { directory }, auth, logger: false, ...more }).init();
  await t.rejects(make({ registries: [shelf, shelf] }), /^config\.registries /);
  await t.rejects(
    make({ npm: { enabled: true, basePath: '/shelf' }, registries: [shelf] }),
    /"\/shelf" is taken by npm/,
  );
});

t.test('a chore of a registry runs a minute after the start, and destroy does not wait for it', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  let heard: AbortSignal | undefined;
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  class Slow extends ShelfRegistry {
    public override chores() {
      const work = ({ signal }: { signal: AbortSignal }) => {
        heard = signal;
        begin();
        return new Promise<undefined>(() => {}); // it never ends by itself
      };
      return [{ name: 'Counting', everyMs: 1000, work }];
    }
  }
  const slow = { ...shelf, create: (...args: Parameters<typeof shelf.create>) => new Slow(...args) };
  const registry = await startRegistry(t, { registries: [slow] });
  mock.timers.tick(70_000);
  await begun;
  t.match(await storedKeys(registry), ['registry/chores/shelf-counting.json']);
  await registry.destroy();
  t.equal(heard?.aborted, true);
});
