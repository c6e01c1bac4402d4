import t, { type Test } from 'tap';
import { DefaultAuthProvider } from '../../../ts/core/auth/classes.defaultauthprovider.js';
import { MemoryTokenStore } from '../../../ts/core/auth/tokenstores/classes.memorytokenstore.js';
import { AuthManager } from '../../../ts/core/classes.authmanager.js';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { AnswerCache } from '../../../ts/core/pipeline/serving/classes.answercache.js';
import { RenderCache } from '../../../ts/core/pipeline/serving/classes.rendercache.js';
import { Rendering } from '../../../ts/core/pipeline/serving/classes.rendering.js';
import {
  BaseRegistry,
  type IAuthProvider,
  type IAuthToken,
  type IProtocolConfig,
  type IRegistryConfig,
  type IRegistryServices,
  type IResponse,
  type IRoute,
  type RegistryCall,
  RegistryError,
  respond,
  SmartRegistry,
  streamToBuffer,
} from '../../../ts/index.js';
import { MemoryObjectStore } from '../../support/memory-store.js';
import { send, startRegistry, temporaryFolder } from '../../support/registry.js';

const EMPTY = 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a';

/** Documents that say how they were asked for, and how often a handler had to be run for it. */
class Notes extends BaseRegistry {
  public readonly protocol = 'notes';
  public handled = 0;

  protected routes(): IRoute[] {
    const handle = (call: RegistryCall) => this.show(call);
    return [
      { method: 'GET', path: '/open/{note}', access: 'public', handle },
      { method: 'GET', path: '/until/{note}', access: 'public', handle: (call) => this.show(call, 2000) },
      { method: 'GET', path: '/{note}', access: { type: 'note', action: 'read', name: 'note' }, handle },
      {
        method: 'GET',
        path: '/changed/{note}',
        access: 'public',
        handle: async (call) => ({ ...(await handle(call)) }),
      },
    ];
  }

  protected renderError(error: RegistryError): IResponse {
    return respond(error.status, { problem: error.message });
  }

  private async show(call: RegistryCall, validUntil?: number): Promise<IResponse> {
    this.handled++;
    const language = call.header('accept-language') ?? 'en';
    const served = await call.serveDocument<{ text: string }>(`notes/${call.params.note}`, {
      variant: language,
      repeatable: true,
      validUntil,
      about: { kind: 'document', packageName: call.params.note },
      render: ({ text }, publicUrl) => ({
        body: `${text} in ${language} at ${publicUrl} ${'.'.repeat(2000)}`,
        contentType: 'text/plain',
      }),
    });
    if (!served) throw new RegistryError('notFound', 'no such note');
    return served;
  }
}

const world = async (t: Test, config: Partial<IRegistryConfig> = {}) => {
  const storage = config.storage ?? { directory: await temporaryFolder(t) };
  let notes: Notes | undefined;
  let given: IRegistryServices | undefined;
  const create = (services: IRegistryServices, settings: IProtocolConfig) => {
    given = services;
    notes = new Notes(services, settings);
    return notes;
  };
  const registry = await startRegistry(t, {
    registries: [{ protocol: 'notes', basePath: '/notes', create }],
    ...config,
    storage,
  });
  const write = (text: string, note = 'a') =>
    registry.getStorage().update<{ text: string }>(`notes/${note}`, () => ({ text }));
  await write('first');
  const get = (path: string, headers: Record<string, string> = {}) =>
    send(registry, 'GET', `/notes${path}`, { headers: { host: 'reg.example.org', ...headers } });
  /** Looks at the document, as other requests do: only of what was looked at just now the memory of answers is asked. */
  const look = (note = 'a') => registry.getStorage().head(`notes/${note}`);
  const handled = async (act: () => Promise<unknown>): Promise<number> => {
    const before = notes!.handled;
    await act();
    return notes!.handled - before;
  };
  return { registry, storage, services: () => given!, write, look, get, handled };
};

const words = ({ text }: { text: string }): string => text.split(' .')[0] as string;

t.test('asked the same again, the handler is not run, and the answer is the same', async (t) => {
  const { get, handled } = await world(t);
  const first = await get('/a');
  t.equal(words(first), 'first in en at http://reg.example.org/notes');
  let again: typeof first | undefined;
  t.equal(
    await handled(async () => {
      again = await get('/a');
    }),
    0,
  );
  t.equal(again?.text, first.text);
  t.same(again?.headers, first.headers);
  t.equal(again?.status, 200);

  const packed = { 'accept-encoding': 'gzip' };
  const one = await get('/a', packed);
  const two = await get('/a', packed);
  t.equal(two.headers['Content-Encoding'], 'gzip');
  t.same(two.bytes, one.bytes);
  t.equal((await get('/a')).headers['Content-Encoding'], undefined, 'who does not take gzip gets none');

  const known = { 'if-none-match': first.headers.ETag as string };
  t.equal((await get('/a', known)).status, 304);
  const unchanged = await get('/a', known);
  t.equal(unchanged.status, 304);
  t.equal(unchanged.bytes.length, 0);
  t.notOk('Content-Length' in unchanged.headers);
  t.equal(unchanged.headers.ETag, first.headers.ETag);
  t.equal(await handled(() => get('/a', known)), 0);
});

t.test('another path, header, method or origin is another question', async (t) => {
  const { registry, get, write, handled } = await world(t);
  await write('other', 'b');
  await get('/a');
  t.equal(words(await get('/b')), 'other in en at http://reg.example.org/notes');
  t.equal(words(await get('/a', { 'accept-language': 'de' })), 'first in de at http://reg.example.org/notes');
  t.equal(words(await get('/a', { host: 'evil.example.org' })), 'first in en at http://evil.example.org/notes');
  t.equal(words(await get('/a')), 'first in en at http://reg.example.org/notes');
  t.equal(await handled(() => get('/a', { 'user-agent': 'another' })), 0, 'a header that nobody looked at is none');
  const asked = { headers: { host: 'reg.example.org' }, baseUrl: 'https://outside.example.org' };
  t.equal(words(await send(registry, 'GET', '/notes/a', asked)), 'first in en at https://outside.example.org/notes');
  const head = await send(registry, 'HEAD', '/notes/a', { headers: { host: 'reg.example.org' } });
  t.equal(head.status, 200);
  t.equal(head.bytes.length, 0);
  t.equal((await send(registry, 'DELETE', '/notes/a')).status, 405);
  t.equal(await handled(() => get('/a?x=1')), 1, 'a query is never remembered');
  t.equal(await handled(() => get('/a?x=1')), 1);
});

t.test('what changed is seen at once: here, by another process, and when it is gone', async (t) => {
  const { registry, storage, get, look, write, handled } = await world(t);
  await get('/a');
  await write('second');
  await look();
  t.match(words(await get('/a')), /^second/);
  await get('/a');
  const other = new SmartRegistry({ storage, auth: { jwtSecret: 'x'.repeat(32), tokenStore: 'memory' } });
  await other.init();
  t.teardown(() => other.destroy());
  await other.getStorage().update('notes/a', () => ({ text: 'third' }));
  await get('/a', { 'accept-language': 'de' });
  t.match(words(await get('/a')), /^third/, 'another variant was asked for first');
  t.equal(await handled(() => get('/a')), 0);
  await other.getStorage().delete('notes/a');
  await look();
  t.equal((await get('/a')).status, 404);
  await registry.getStorage().update('notes/a', () => ({ text: 'fourth' }));
  await look();
  t.match(words(await get('/a')), /^fourth/);
});

t.test('an answer is for whom it was made', async (t) => {
  const { registry, get, look, handled } = await world(t, {
    auth: { jwtSecret: 'x'.repeat(32), tokenStore: 'memory', anonymousScopes: [] },
  });
  const auth = registry.getAuthManager();
  for (const username of ['ann', 'bob']) await auth.users.create({ username, password: 'long enough' });
  const tokenOf = (userId: string, scopes?: string[]) => auth.createToken(userId, 'notes', { scopes });
  const as = (token: string) => ({ authorization: `Bearer ${token}` });
  const ann = await tokenOf('ann');
  const narrow = await tokenOf('bob', ['notes:note:b:*']);
  t.equal((await get('/a', as(ann))).status, 200);
  t.equal(await handled(() => get('/a', as(ann))), 0);
  t.equal((await get('/a')).status, 401);
  t.equal((await get('/a', as('wrong'))).status, 401);
  t.equal((await get('/a', as(narrow))).status, 403);
  t.equal((await get('/a', as(ann))).status, 200);

  await auth.users.setScopes('ann', ['notes:note:b:read']);
  t.equal((await get('/a', as(ann))).status, 403, 'rights that were taken are gone at once in this process');
  await auth.users.setScopes('ann', ['notes:*:*:*']);
  t.equal((await get('/a', as(ann))).status, 200);
  t.equal(await handled(() => get('/a', as(ann))), 0);
  await auth.revokeToken(ann);
  t.equal((await get('/a', as(ann))).status, 401);
  const second = await tokenOf('ann');
  await get('/a', as(second));
  await auth.users.remove('ann');
  t.equal((await get('/a', as(second))).status, 401, 'the user is gone');

  const basic = { authorization: `Basic ${Buffer.from('bob:long enough').toString('base64')}` };
  t.equal((await get('/a', basic)).status, 200);
  t.equal(await handled(() => get('/a', basic)), 0, 'a password that was verified just now');
  await auth.users.setPassword('bob', 'another one');
  await look();
  t.equal((await get('/a', basic)).status, 401, 'is forgotten when it is changed');
});

t.test('a token that the embedder hands over is looked at, whoever asked before', async (t) => {
  const { registry, look, handled } = await world(t, {
    auth: {
      jwtSecret: 'x'.repeat(32),
      tokenStore: 'memory',
      anonymousScopes: ['notes:note:a:read'],
      users: [{ username: 'ann', password: 'long enough' }],
    },
  });
  const ask = (token?: string) => send(registry, 'GET', '/notes/a', { headers: { host: 'x' }, token });
  for (let i = 0; i < 3; i++) t.equal((await ask()).status, 200);
  t.equal(await handled(() => ask()), 0);
  t.equal((await ask('nonsense')).status, 401);
  const token = await registry.getAuthManager().createToken('ann', 'notes');
  t.equal((await ask(token)).status, 200);
  t.equal(await handled(() => ask(token)), 0, 'it is part of the key');
  await registry.getAuthManager().revokeToken(token);
  await look();
  t.equal((await ask(token)).status, 401);
  t.equal(await handled(() => ask()), 0);
});

t.test('an answer ends at the time that its handler gave it', async (t) => {
  const { services, look, get, handled } = await world(t);
  let now = 1000;
  // the clock of the memory of answers alone
  Object.assign(services().answers, { now: () => now });
  await get('/until/a');
  await look();
  t.equal(await handled(() => get('/until/a')), 0);
  now = 2000;
  t.equal(await handled(() => get('/until/a')), 1);
  t.equal(await handled(() => get('/until/a')), 1, 'what is over when it comes is not kept');
});

t.test('a credential that a protocol takes from elsewhere is nobody else’s', async (t) => {
  class Keyed extends Notes {
    protected override credentials(call: RegistryCall) {
      const key = call.context.headers['x-api-key'];
      return typeof key === 'string' ? ({ kind: 'token', token: key } as const) : super.credentials(call);
    }
  }
  const registry = await startRegistry(t, {
    registries: [{ protocol: 'notes', basePath: '/notes', create: (...services) => new Keyed(...services) }],
    auth: {
      jwtSecret: 'x'.repeat(32),
      tokenStore: 'memory',
      anonymousScopes: [],
      users: [{ username: 'ann', password: 'long enough' }],
    },
  });
  const notes = registry.getRegistry('notes') as Notes;
  await registry.getStorage().update<{ text: string }>('notes/a', () => ({ text: 'first' }));
  const key = await registry.getAuthManager().createToken('ann', 'notes');
  const get = (headers: Record<string, string>) => send(registry, 'GET', '/notes/a', { headers });
  for (let i = 0; i < 2; i++) t.equal((await get({ 'x-api-key': key })).status, 200);
  t.equal(notes.handled, 1);
  t.equal((await get({})).status, 401, 'nobody else is taken for its owner');
  t.equal((await get({ 'x-api-key': `${key}x` })).status, 401);
  for (let i = 0; i < 2; i++) t.equal((await get({ authorization: key })).status, 200);
  t.equal(notes.handled, 1, 'the same credential in another header is the same caller');
});

t.test('a token ends at its time', async (t) => {
  const { registry, get, look, handled } = await world(t, {
    auth: {
      jwtSecret: 'x'.repeat(32),
      tokenStore: 'memory',
      anonymousScopes: [],
      users: [{ username: 'ann', password: 'long enough' }],
    },
  });
  const token = await registry.getAuthManager().createToken('ann', 'notes', { expiresIn: 1 });
  const headers = { authorization: `Bearer ${token}` };
  t.equal((await get('/a', headers)).status, 200);
  t.equal(await handled(() => get('/a', headers)), 0);
  await new Promise((resolve) => setTimeout(resolve, 1050));
  await look();
  t.equal((await get('/a', headers)).status, 401);
});

t.test('OCI tokens: an answer ends with the token, its account, and the token it was got with', async (t) => {
  const { registry, get, handled } = await world(t, {
    auth: { jwtSecret: 'x'.repeat(32), tokenStore: 'memory', anonymousScopes: ['oci:repository:open:pull'] },
    oci: { enabled: true },
  });
  const auth = registry.getAuthManager();
  const push = await auth.users
    .create({ username: 'ann', password: 'long enough' })
    .then(() => auth.createToken('ann', 'oci'));
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: EMPTY, size: 2 },
    layers: [],
  });
  const bearer = (token: string) => ({ host: 'reg.example.org', authorization: `Bearer ${token}` });
  const blob = await send(registry, 'POST', `/v2/private/blobs/uploads/?digest=${EMPTY}`, {
    headers: { ...bearer(push), 'content-type': 'application/octet-stream', 'content-length': '2' },
    body: '{}',
  });
  t.equal(blob.status, 201);
  const put = (tag: string, body: string) =>
    send(registry, 'PUT', `/v2/private/manifests/${tag}`, {
      headers: { ...bearer(push), 'content-type': 'application/vnd.oci.image.manifest.v1+json' },
      body,
    });
  t.equal((await put('latest', manifest)).status, 201);
  const pull = (token: string, tag = 'latest') =>
    send(registry, 'GET', `/v2/private/manifests/${tag}`, { headers: bearer(token) });

  const issue = (caller: IAuthToken | null) =>
    auth.issueSessionToken(caller, 'oci', { scopes: ['oci:repository:private:pull'], expiresIn: 3600 });
  const caller = await auth.validateToken(push, 'oci');
  const { token } = await issue(caller);
  const first = await pull(token);
  t.equal(first.status, 200);
  t.equal(first.text, manifest);
  t.same(await pull(token).then(({ headers }) => headers), first.headers);
  t.equal((await pull(token, first.headers['Docker-Content-Digest'])).status, 200);
  const changed = `${manifest} `;
  t.equal((await put('latest', changed)).status, 201);
  t.equal((await pull(token)).text, changed, 'a tag that was moved is followed at once');
  const stranger = await issue(null);
  t.equal((await pull(stranger.token)).status, 401);
  t.equal((await pull(token)).status, 200);
  await auth.users.setScopes('ann', ['npm:*:*:*']);
  t.equal((await pull(token)).status, 401, 'rights that were taken');
  await auth.users.setScopes('ann', ['*:*:*:*']);
  t.equal((await pull(token)).status, 200);
  t.equal((await pull(token)).status, 200);
  await auth.revokeToken(push);
  t.equal((await pull(token)).status, 401, 'the token it was got with is revoked');
  const own = await auth.createOciToken('ann', ['oci:repository:private:pull']);
  t.equal((await pull(own)).status, 200);
  t.equal((await pull(own)).status, 200);
  await auth.revokeToken(own);
  t.equal((await pull(own)).status, 401, 'the token itself is');
  t.equal(await handled(() => get('/open/a')), 1);
});

t.test('hooks and providers of the embedder are asked each time', async (t) => {
  let asked = 0;
  let allowed = true;
  const hooked = await world(t, {
    storageHooks: {
      beforeGet: async () => {
        asked++;
        return { allowed };
      },
    },
  });
  for (let i = 0; i < 3; i++) t.equal((await hooked.get('/open/a')).status, 200);
  t.equal(asked, 3);
  allowed = false;
  t.equal((await hooked.get('/open/a')).status, 403);

  let says = true;
  const authProvider: IAuthProvider = {
    authenticate: async () => null,
    validateToken: async (token) => (token === 'good' ? { userId: 'ann', scopes: ['notes:*:*:*'] } : null),
    createToken: async () => 'good',
    revokeToken: async () => undefined,
    authorize: async () => says,
  };
  const own = await world(t, { authProvider });
  const headers = { authorization: 'Bearer good' };
  for (let i = 0; i < 2; i++) t.equal((await own.get('/a', headers)).status, 200);
  says = false;
  t.equal((await own.get('/a', headers)).status, 403);
  t.equal((await own.get('/a')).status, 401);
});

t.test('a provider that extends the default one is asked each time', async (t) => {
  const storage = new RegistryStorage(new MemoryObjectStore());
  const config = { jwtSecret: 'x'.repeat(40), tokenStore: 'memory' } as const;
  class Mine extends DefaultAuthProvider {}
  const tokens = new MemoryTokenStore();
  const provider = new Mine(config, { storage, tokens, now: () => new Date() });
  const [mine, own] = [new AuthManager(config, { storage, provider }), new AuthManager(config, { storage })];
  for (const auth of [mine, own]) {
    if (auth === mine) await auth.users.create({ username: 'ann', password: 'long enough' });
    const credential = { kind: 'token', token: await auth.createToken('ann', 'notes') } as const;
    t.match(await auth.verify(credential, 'notes'), { token: { userId: 'ann' } });
    t.equal(auth.remembered(credential, 'notes') !== undefined, auth === own);
    t.equal(auth.remembered(null, 'notes') !== undefined, auth === own);
  }
});

t.test('what a caller does to an answer is not seen by the next', async (t) => {
  const { registry, get } = await world(t);
  const first = await get('/a');
  const ask = () =>
    registry.handleRequest({ method: 'GET', path: '/notes/a', headers: { host: 'reg.example.org' }, query: {} });
  for (let i = 0; i < 2; i++) {
    const response = await ask();
    response.headers['X-Mine'] = 'yes';
    delete response.headers.ETag;
    await response.body?.cancel();
  }
  const last = await ask();
  t.same(last.headers, first.headers);
  t.equal((await streamToBuffer(last.body)).toString(), first.text);
});

t.test('only an answer that is given as it was served is remembered', async (t) => {
  const { get, handled } = await world(t);
  await get('/changed/a');
  t.equal(await handled(() => get('/changed/a')), 1);
  t.equal((await get('/open/a')).status, 200);
  t.equal(await handled(() => get('/open/a')), 0);
});

t.test('a store that cannot tell without waiting is asked through the pipeline', async (t) => {
  const { get, handled } = await world(t, { storage: { objectStore: new MemoryObjectStore() } });
  t.equal((await get('/open/a')).status, 200);
  t.equal(await handled(() => get('/open/a')), 1);
});

t.test('memory is bounded: long requests are not kept, and old ones make room', async (t) => {
  const { get, handled } = await world(t);
  const long = { 'accept-language': 'x'.repeat(5000) };
  await get('/open/a', long);
  t.equal(await handled(() => get('/open/a', long)), 1);
  for (let i = 0; i < 20; i++) await get('/open/a', { 'accept-language': `l${i}` });
  t.equal(await handled(() => get('/open/a', { 'accept-language': 'l19' })), 0);
  t.equal(await handled(() => get('/open/a', { 'accept-language': 'l0' })), 1, 'of one path, a few variants');

  const store = { glance: () => ({ etag: 'e' }) } as never;
  const renders = new RenderCache(10_000);
  await renders.get('rendering', async () => Rendering.of({ body: 'text', contentType: 'text/plain' }));
  const answers = new AnswerCache(store, renders);
  const accept = 'y'.repeat(3000);
  const basis = {
    audience: 'anybody' as const,
    validUntil: Number.POSITIVE_INFINITY,
    headers: [['accept', accept]] as [string, string][],
    baseUrl: undefined,
    document: { key: 'k', etag: 'e' },
    rendering: { name: 'rendering', packed: false },
    status: 200,
    responseHeaders: {},
  };
  const find = (path: string) =>
    answers.find({ method: 'GET', path, query: {}, headers: { accept } }, path, () => undefined);
  for (let i = 0; i < 5000; i++) answers.keep(`/${i}`, basis);
  t.equal(find('/4999')?.status, 200);
  t.equal(find('/0'), undefined, 'the oldest went');
  let now = 0;
  const aging = new AnswerCache(store, renders, () => now);
  const variant = (language: string, validUntil: number) => ({
    ...basis,
    validUntil,
    headers: [['accept-language', language]] as [string, string][],
  });
  const findIn = (language: string) =>
    aging.find(
      { method: 'GET', path: '/a', query: {}, headers: { 'accept-language': language } },
      '/a',
      () => undefined,
    );
  aging.keep('/a', variant('lasting', 1000));
  for (let i = 0; i < 7; i++) aging.keep('/a', variant(`brief${i}`, 10));
  now = 10;
  t.equal(findIn('brief0'), undefined, 'an answer is over at its time');
  aging.keep('/a', variant('new', 1000));
  t.equal(findIn('new')?.status, 200);
  t.equal(findIn('lasting')?.status, 200, 'answers that are over make room first');
  answers.keep('/gone', { ...basis, rendering: { name: 'gone', packed: false } });
  t.equal(find('/gone'), undefined, 'what was thrown out of the cache of renderings is rendered anew');
});
