import t from 'tap';
import { fromIterable } from '../../ts/core/base/helpers.streams.js';
import { toFetchHandler, withHealth } from '../../ts/http/index.js';
import { type IRequestContext, RegistryError, respond, streamToBuffer, toReadableStream } from '../../ts/index.js';
import { deferred, endless, handler, within } from '../support/http/host.js';
import { startRegistry } from '../support/registry.js';
import { shelf } from '../support/shelf.js';

/** The context that a request becomes. */
const contextOf = async (
  request: Request,
  options: Parameters<typeof toFetchHandler>[1] = {},
): Promise<IRequestContext> => {
  let seen: IRequestContext | undefined;
  const fetch = toFetchHandler(
    handler((context) => {
      seen = context;
      return respond(200, 'x');
    }),
    options,
  );
  await fetch(request);
  return seen!;
};

t.test('the context has the raw path, the query, headers, body and signal', async (t) => {
  const abort = new AbortController();
  const request = new Request('https://npm.example.org:8443/npm/@a%2Fb//c?x=1&x=2&y=#z', {
    method: 'PUT',
    headers: { 'X-Thing': 'one', 'User-Agent': 'test/1' },
    body: 'content',
    signal: abort.signal,
  });
  const context = await contextOf(request);
  t.match(context, { method: 'PUT', path: '/npm/@a%2Fb//c', headers: { 'x-thing': 'one' } });
  t.same({ ...context.query }, { x: ['1', '2'], y: '' });
  t.equal(context.actor?.userAgent, 'test/1');
  t.equal((await streamToBuffer(context.body as ReadableStream<Uint8Array>)).toString(), 'content');
  t.equal(context.signal?.aborted, false);
  abort.abort();
  t.equal(context.signal?.aborted, true);
  t.equal((await contextOf(new Request('http://x/'))).body, undefined);
});

t.test('the public origin', async (t) => {
  const url = 'https://inside.example.org/npm/x';
  const forwarded = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'outside.example.org' };
  const cases: [string, Record<string, string>, boolean, string | undefined, string][] = [
    ['that of the URL', {}, false, 'https://inside.example.org', 'inside.example.org'],
    [
      'the Host header, which the URL was made from',
      { Host: 'named.example.org:81' },
      false,
      'https://named.example.org:81',
      'named.example.org:81',
    ],
    ['forwarded headers count for nothing', forwarded, false, 'https://inside.example.org', 'inside.example.org'],
    ['unless they are trusted: then the core reads them', forwarded, true, undefined, 'inside.example.org'],
    ['and are there', {}, true, 'https://inside.example.org', 'inside.example.org'],
    ['a Host that is none is left to the core, which refuses it', { Host: 'a"><b' }, false, undefined, 'a"><b'],
  ];
  for (const [name, headers, trustProxy, baseUrl, host] of cases) {
    const context = await contextOf(new Request(url, { headers }), { trustProxy });
    t.equal(context.baseUrl, baseUrl, name);
    t.equal(context.headers.host, host, name);
  }
  const registry = handler((context) => respond(200, String(context.baseUrl)), { trustProxy: true });
  const answer = await toFetchHandler(registry)(new Request(url, { headers: forwarded }));
  t.equal(await answer.text(), 'undefined', 'the setting of the registry counts');
});

t.test('what the host has cut off, and what it has not', async (t) => {
  const registry = await startRegistry(t, { registries: [shelf] });
  const about = async (path: string, options?: Parameters<typeof toFetchHandler>[1]) => {
    const answer = await toFetchHandler(registry, options)(new Request(`https://npm.example.org${path}`));
    return answer.status === 200 ? ((await answer.json()) as { url: string }).url : answer.status;
  };
  t.equal(await about('/shelf/about'), 'https://npm.example.org/shelf');
  t.equal(await about('/packages/shelf/about'), 'https://npm.example.org/packages/shelf', 'nothing is cut off');
  t.equal(await about('/shelf/about', { prefix: '/packages' }), 'https://npm.example.org/packages/shelf');
  t.equal(await about('/about', { prefix: '/shelf' }), 'https://npm.example.org/shelf');
  t.equal(await about('/x/shelf/about', { prefix: '/packages' }), 404, 'a prefix is exact');
  t.equal(await about('/about'), 404);
  const healthy = toFetchHandler(withHealth(registry), { prefix: '/packages' });
  t.equal((await healthy(new Request('https://npm.example.org/-/health'))).status, 200);
});

t.test('the links of a registry lead to where the caller asked', async (t) => {
  const headers = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'outside.example.org' };
  const ask = async (trustProxy: boolean, more: Record<string, string>) => {
    const registry = await startRegistry(t, { registries: [shelf], trustProxy });
    const answer = await toFetchHandler(registry)(
      new Request('https://inside.example.org/shelf/about', { headers: more }),
    );
    return ((await answer.json()) as { url: string }).url;
  };
  t.equal(await ask(false, headers), 'https://inside.example.org/shelf');
  t.equal(await ask(true, headers), 'https://outside.example.org/shelf');
  t.equal(await ask(true, {}), 'https://inside.example.org/shelf');
  t.equal(await ask(true, { 'X-Forwarded-Proto': 'https' }), 'https://inside.example.org/shelf');
});

t.test('who the caller is, as far as the runtime says', async (t) => {
  const request = new Request('http://x/', { headers: { 'X-Forwarded-For': '6.6.6.6, 10.0.0.1' } });
  const actor = () => ({ ip: '::ffff:10.9.9.9', orgId: 'org' });
  const seen = async (options: Parameters<typeof contextOf>[1]) => {
    const { ip, orgId } = (await contextOf(request, options)).actor ?? {};
    return [ip, orgId];
  };
  t.same(await seen({ actor }), ['10.9.9.9', 'org'], 'an IPv4 caller on a dual-stack socket');
  t.same(await seen({ actor, trustProxy: true }), ['10.0.0.1', 'org']);
  t.equal((await contextOf(request)).actor?.ip, undefined);
});

t.test('answers become responses', async (t) => {
  const stream = () => fromIterable([Buffer.from('one'), Buffer.from('two')]);
  const cases: [string, string, number, ReadableStream<Uint8Array> | undefined, string | null][] = [
    ['bytes', 'GET', 200, toReadableStream('known'), 'known'],
    ['stream', 'GET', 200, stream(), 'onetwo'],
    ['none', 'GET', 201, undefined, null],
    ['HEAD', 'HEAD', 200, stream(), null],
    ['204', 'GET', 204, stream(), null],
    ['205', 'GET', 205, toReadableStream('x'), null],
    ['304', 'GET', 304, toReadableStream('x'), null],
  ];
  for (const [name, method, status, body, text] of cases) {
    const fetch = toFetchHandler(handler(() => ({ status, headers: { 'X-Thing': 'one' }, body })));
    const answer = await fetch(new Request('http://x/', { method }));
    t.equal(answer.status, status, name);
    t.equal(answer.headers.get('x-thing'), 'one', name);
    if (text === null) t.equal(answer.body, null, name);
    else t.equal(await answer.text(), text, name);
  }
});

t.test('a body that is not as long as it says fails', async (t) => {
  const get = async (length: number, cancelled?: (reason: unknown) => void) => {
    const chunks = [Buffer.from('one'), Buffer.from('two')];
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      const chunk = chunks.shift();
      if (chunk) controller.enqueue(chunk);
      else controller.close();
    };
    const body = new ReadableStream<Uint8Array>({ pull, cancel: cancelled }, { highWaterMark: 0 });
    const headers = { 'content-length': String(length) };
    return (await toFetchHandler(handler(() => ({ status: 200, headers, body })))(new Request('http://x/'))).text();
  };
  t.equal(await get(6), 'onetwo');
  await t.rejects(get(7), /6 bytes/);
  const freed = deferred<unknown>();
  await t.rejects(get(2, freed.resolve), /3 bytes/);
  await within(freed.promise, 'cancel');
});

t.test('known bytes are handed over whole', async (t) => {
  const body = toReadableStream('known');
  await (await toFetchHandler(handler(() => ({ status: 200, headers: {}, body })))(new Request('http://x/'))).text();
  t.equal(body.locked, false, 'the stream was not read for it');
});

t.test('whatever goes wrong is an answer', async (t) => {
  const logged: unknown[] = [];
  const logger = { info() {}, warn() {}, error: (_: string, fields?: object) => void logged.push(fields) };
  const cases: [Error, number, RegExp][] = [
    [new Error('a secret path'), 500, /failed to answer/],
    [new RegistryError('unavailable', 'The store is down'), 503, /store is down/],
    [new RegistryError('internal', 'a secret path'), 500, /failed to answer/],
  ];
  for (const [error, status, text] of cases) {
    const fetch = toFetchHandler(
      handler(() => {
        throw error;
      }),
      { logger },
    );
    const answer = await fetch(new Request('http://x/'));
    t.equal(answer.status, status);
    const shown = await answer.text();
    t.match(shown, text);
    t.notMatch(shown, /secret/);
  }
  t.match(logged, [{ error: /secret/ }, {}, { error: /secret/ }]);
  const badHeader = toFetchHandler(handler(() => ({ status: 200, headers: { 'X-Bad': 'a\nb' } })));
  t.equal((await badHeader(new Request('http://x/'))).status, 500);
});

t.test('a body that nobody will take is cancelled', async (t) => {
  const cases: [string, (abort: AbortController) => void, string][] = [
    ['HEAD', () => undefined, 'HEAD'],
    ['the client went away before the answer', (abort) => abort.abort(), 'GET'],
  ];
  for (const [name, before, method] of cases) {
    const abort = new AbortController();
    const { body, cancelled } = endless();
    const fetch = toFetchHandler(
      handler(() => {
        before(abort);
        return { status: 200, headers: {}, body };
      }),
    );
    t.equal((await fetch(new Request('http://x/', { method, signal: abort.signal }))).body, null, name);
    await within(cancelled, name);
  }
});

t.test('a response that is dropped half-way cancels the body', async (t) => {
  const framings: Record<string, string>[] = [{}, { 'Content-Length': '1000000' }];
  for (const headers of framings) {
    const { body, cancelled } = endless();
    const answer = await toFetchHandler(handler(() => ({ status: 200, headers, body })))(new Request('http://x/'));
    const reader = answer.body!.getReader();
    t.equal((await reader.read()).value?.byteLength, 64 * 1024);
    await reader.cancel();
    await within(cancelled, 'cancel');
  }
});

t.test('health for any host', async (t) => {
  const check = async (method: string, checkHealth?: () => Promise<boolean>) => {
    const registry = handler(() => respond(418, 'other'), { checkHealth });
    const answer = await toFetchHandler(withHealth(registry))(new Request('http://x/-/health', { method }));
    return `${answer.status} ${await answer.text()}`;
  };
  t.equal(await check('GET', async () => true), '200 {"status":"ok"}');
  t.equal(await check('HEAD', async () => true), '200 ');
  t.equal(await check('GET'), '200 {"status":"ok"}');
  t.equal(await check('GET', async () => false), '503 {"status":"unavailable"}');
  t.equal(await check('HEAD', async () => false), '503 ');
  t.match(await check('POST', async () => true), /^405 /);
  const failing = async () => {
    throw new Error('no');
  };
  t.equal(await check('GET', failing), '503 {"status":"unavailable"}');
  const silent = withHealth(
    handler(() => respond(418, ''), { checkHealth: () => new Promise(() => {}) }),
    { timeoutMs: 20 },
  );
  const late = await within(
    toFetchHandler(silent)(new Request('http://x/-/health')),
    'an answer although the store gives none',
  );
  t.equal(late.status, 503);
  const elsewhere = await toFetchHandler(withHealth(handler(() => respond(418, ''))))(
    new Request('http://x/-/healthy'),
  );
  t.equal(elsewhere.status, 418);
});
