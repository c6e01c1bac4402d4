import { monitorEventLoopDelay } from 'node:perf_hooks';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { serveListing } from '../../../ts/core/pipeline/serving/helpers.listing.js';
import type { AuthManager, IAuthProvider, IObjectStore } from '../../../ts/index.js';
import { indexProtocol } from '../../support/index-registry.js';
import { send, startRegistry } from '../../support/registry.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';

const users = [{ username: 'ann', password: 'correct horse', scopes: ['*:*:*:*'] }];
const auth = { jwtSecret: 'a-secret-of-the-tests', tokenStore: 'memory' as const, users };
const FORGET_MS = 1100;

/** A registry with a listing, as one replica of several over `store`. */
const start = async (
  t: Parameters<typeof startRegistry>[0],
  store: IObjectStore = new MemoryObjectStore(),
  more: Parameters<typeof startRegistry>[1] = {},
) => {
  const { entry, made } = indexProtocol();
  const registry = await startRegistry(t, { auth, registries: [entry], storage: { objectStore: store }, ...more });
  const as = async (scopes: string[]) => {
    const token = await registry.getAuthManager().createToken('ann', 'index', { scopes });
    return { Authorization: `Bearer ${token}` };
  };
  const get = (path: string, headers: Record<string, string> = {}) =>
    send(registry, 'GET', `/index${path}`, { headers });
  const put = async (...names: string[]) => {
    const headers = await as(['index:*:*:*']);
    for (const name of names) {
      const { status, text } = await send(registry, 'PUT', `/index/${encodeURIComponent(name)}`, { headers });
      if (status !== 201) throw new Error(text);
    }
  };
  const remove = async (name: string) =>
    send(registry, 'DELETE', `/index/${name}`, { headers: await as(['index:*:*:*']) });
  return { registry, index: made.registry!, as, get, put, remove, store };
};

t.test('all packages in one order, the same on every replica', async (t) => {
  const one = await start(t);
  t.same((await one.get('/all.json')).json(), {});
  const names = ['b', 'a', 'B', 'a-b', 'ab', 'a10', 'a9', 'ä', 'hidden-1', 'z'];
  await one.put(...names);
  const other = await start(t, one.store);
  const answers = [await one.get('/all.json'), await other.get('/all.json')];
  for (const { json, headers } of answers) {
    t.same(Object.keys(json()), [...names].sort());
    t.match(headers, { 'Content-Type': 'application/json', 'X-Kind': 'all', 'Cache-Control': 'no-cache' });
    t.notOk(headers['Last-Modified'], 'replicas learn of changes at different times');
  }
  t.equal(answers[0]!.headers.ETag, answers[1]!.headers.ETag, 'and under one ETag');
  const text = await one.get('/all.txt');
  t.equal(
    text.text,
    [...names]
      .sort()
      .filter((name) => name !== 'hidden-1')
      .map((name) => `${name}\n`)
      .join(''),
  );
});

t.test('a listing is rendered once for each of its versions, and its client told whether it changed', async (t) => {
  const one = await start(t);
  await one.put('a', 'b');
  const first = await one.get('/all.json');
  const again = await Promise.all(Array.from({ length: 5 }, () => one.get('/all.json', { 'Accept-Encoding': 'gzip' })));
  for (const { text, headers } of again) {
    t.equal(text, first.text);
    t.equal(headers['Content-Encoding'], undefined, 'too small to gain');
  }
  t.equal(one.index.rendered, 2);
  const etag = first.headers.ETag!;
  t.match(await one.get('/all.json', { 'If-None-Match': etag }), { status: 304, text: '', headers: { ETag: etag } });
  t.equal(one.index.rendered, 2);
  await one.put('c');
  const changed = await one.get('/all.json', { 'If-None-Match': etag });
  t.equal(changed.status, 200);
  t.same(Object.keys(changed.json()), ['a', 'b', 'c']);
  t.equal(one.index.rendered, 5);
  await one.remove('b');
  t.same(Object.keys((await one.get('/all.json')).json()), ['a', 'c']);
  const head = await one.registry.handleRequest({ method: 'HEAD', path: '/index/all.json', headers: {}, query: {} });
  t.equal(head.status, 200);
  t.equal(head.body, undefined);
});

t.test('what was deleted and what its listing learnt late of does not come back', async (t) => {
  const one = await start(t);
  await one.put('a', 'b');
  await one.remove('a');
  await one.index.catalog.note('a', { text: 'of an earlier write' }, undefined, 1);
  t.same(Object.keys((await one.get('/all.json')).json()), ['b']);
  for (const rebuild of [false, true]) {
    if (rebuild) await one.index.catalog.rebuild();
    const other = await start(t, one.store);
    t.same(Object.keys((await other.get('/all.json')).json()), ['b']);
  }
  // the process ends between the deletion and its note
  const marker = await one.index.catalog.mark('b');
  await one.registry.getStorage().update(`index/packages/b.json`, () => null);
  t.same(Object.keys((await one.get('/all.json')).json()), ['b']);
  t.equal(await one.index.catalog.repair(0), 1);
  await one.index.catalog.unmark(marker);
  t.same(Object.keys((await one.get('/all.json')).json()), []);
});

t.test('every caller sees what it may read, and callers with equal rights share a rendering', async (t) => {
  const one = await start(t, undefined, { auth: { ...auth, anonymousScopes: ['index:page:pub-*:read'] } });
  await one.put('pub-1', 'pub-2', 'team-1', 'team-2', 'secret');
  const seen = async (headers: Record<string, string> = {}) => {
    const answer = await one.get('/all.json', headers);
    return answer.status === 200 ? Object.keys(answer.json()) : answer.status;
  };
  t.same(await seen(), ['pub-1', 'pub-2']);
  t.equal(one.index.rendered, 2);
  const team = await one.as(['index:page:team-*:read']);
  t.same(await seen(team), ['pub-1', 'pub-2', 'team-1', 'team-2']);
  t.equal(one.index.rendered, 6);
  t.same(await seen(await one.as(['index:page:team-?:read', 'index:page:team-*:read'])), await seen(team));
  t.equal(one.index.rendered, 6, 'equal rights, one rendering');
  t.equal(((await seen(await one.as(['index:*:*:*']))) as string[]).length, 5);
  t.equal(((await seen(await one.as(['index:page:*:read']))) as string[]).length, 5);
  t.equal(one.index.rendered, 11, 'all who see everything share one');
  t.not((await one.get('/all.json')).headers.ETag, (await one.get('/all.json', team)).headers.ETag);

  const closed = await start(t, one.store, { auth: { ...auth, anonymousScopes: [] } });
  t.equal((await closed.get('/all.json')).status, 401);
});

t.test('a provider that decides name by name is asked for each', async (t) => {
  const asked: string[] = [];
  const authProvider: IAuthProvider = {
    authenticate: async () => null,
    validateToken: async () => null,
    createToken: async () => 'x',
    revokeToken: async () => {},
    authorize: async (_token, resource) => {
      asked.push(resource);
      return resource.endsWith('*') || resource.endsWith('2');
    },
  };
  const filling = await start(t);
  await filling.put('a1', 'a2', 'b1', 'b2');
  const one = await start(t, filling.store, { authProvider });
  t.same(Object.keys((await one.get('/all.json')).json()), ['a2', 'b2']);
  t.ok(asked.includes('index:page:a1'));
});

t.test('100,000 packages', async (t) => {
  const store = new MemoryObjectStore();
  const nameOf = (n: number): string => `package-${String(n).padStart(6, '0')}`;
  const rows = Array.from({ length: 100_000 }, (_, n) =>
    JSON.stringify([nameOf(n), 1, { text: `what package number ${n} is about, in some words` }]),
  );
  await store.put('index/catalog/base.json', Buffer.from(`[${rows.join(',\n')}]`));
  const one = await start(t, store, { auth: { ...auth, anonymousScopes: ['index:page:package-0000*:read'] } });
  const all = await one.as(['index:*:*:*']);

  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const whole = await one.get('/all.json', all);
  t.equal(Object.keys(whole.json()).length, 100_000);
  delay.disable();
  t.comment(`first: the loop was held for ${Math.round(delay.max / 1e6)} ms at most`);
  // nobody else parses 8 MB of JSON in one go, as this test does
  const packed = await one.get('/all.json', { ...all, 'Accept-Encoding': 'gzip' });
  t.equal(packed.headers['Content-Encoding'], 'gzip');
  t.ok(gunzipSync(packed.bytes).equals(whole.bytes));
  t.not(packed.headers.ETag, whole.headers.ETag);
  t.equal((await one.get('/all.json', { ...all, 'If-None-Match': packed.headers.ETag! })).status, 304);
  t.equal(one.index.rendered, 100_000);

  const some = await one.get('/all.json');
  t.equal(Object.keys(some.json()).length, 100);
  t.equal(one.index.rendered, 100_100);

  // a change, and another replica that reads the pieces
  await one.put('package-new');
  const changed = await one.get('/all.json', all);
  t.equal(Object.keys(changed.json()).length, 100_001);
  await new Promise((resolve) => setTimeout(resolve, FORGET_MS));
  const other = await start(t, store);
  const same = await other.get('/all.json', await other.as(['index:*:*:*']));
  t.equal(same.headers.ETag, changed.headers.ETag);
});

t.test('rights are not asked on when the client is gone', async (t) => {
  const packages = Array.from({ length: 10_000 }, (_, at) => ({ name: `p${at}`, entry: {} }));
  const gone = new AbortController();
  let asked = 0;
  const auth = {
    allowsAll: async () => false,
    allowedNames: async (_token: unknown, _right: unknown, names: string[]) => {
      asked += names.length;
      gone.abort();
      return names;
    },
  } as unknown as AuthManager;
  const request = { header: () => undefined, token: null, auth, signal: gone.signal };
  const right = { protocol: 'shelf', type: 'shelf', action: 'read' };
  const options = { variant: 'names', render: { contentType: 'text/plain', entry: (name: string) => name } };
  const listing = { sorted: async () => ({ version: 1, packages }) };
  await t.rejects(serveListing(request, listing, right, options), { kind: 'timeout' } as never);
  t.ok(asked < 1000, `${asked} names were asked about`);
});

t.test('rights are asked once for each version of the listing, for as long as the caller is believed', async (t) => {
  const packages = Array.from({ length: 1000 }, (_, at) => ({ name: `p${at}`, entry: {} }));
  let asked = 0;
  const auth = {
    allowsAll: async () => false,
    allowedNames: async (_token: unknown, { action }: { action: string }, names: string[]) => {
      asked += names.length;
      return names.filter((name) => action === 'write' || name.endsWith('7'));
    },
  } as unknown as AuthManager;
  let version = 1;
  const listing = { sorted: async () => ({ version, packages }) };
  const options = { variant: 'names', render: { contentType: 'text/plain', entry: (name: string) => name } };
  const callerUntil = (validUntil: number) => ({ token: null, validUntil, revision: 0 });
  const ann = callerUntil(Number.POSITIVE_INFINITY);
  const ask = async (audience?: typeof ann | 'anybody', action = 'read', ifNoneMatch?: string) => {
    const header = (name: string) => (name === 'if-none-match' ? ifNoneMatch : undefined);
    const request = { header, token: null, auth, audience };
    const answer = await serveListing(request, listing, { protocol: 'shelf', type: 'shelf', action }, options);
    const questions = asked;
    asked = 0;
    return { ...answer, questions };
  };
  const first = await ask(ann);
  t.equal(first.questions, 1000);
  t.match(await ask(ann), { status: 200, questions: 0 });
  t.match(await ask(ann, 'read', first.headers.ETag), { status: 304, questions: 0 });
  t.match(await ask(ann, 'write'), { questions: 1000 }, 'another right');
  t.match(await ask(ann), { questions: 0 });
  t.match(await ask(callerUntil(Number.POSITIVE_INFINITY)), { questions: 1000 }, 'another caller');
  version++;
  t.match(await ask(ann), { questions: 1000 }, 'another version');
  for (const audience of [callerUntil(Date.now() - 1), callerUntil(0), 'anybody' as const, undefined]) {
    t.match(await ask(audience), { questions: 1000 });
    t.match(await ask(audience), { questions: 1000 }, 'nobody who is believed');
  }
  const brief = callerUntil(Date.now() + 100);
  await ask(brief);
  await new Promise((resolve) => setTimeout(resolve, 150));
  t.match(await ask(brief), { questions: 1000 }, 'no more');
});
