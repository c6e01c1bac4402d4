import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import t from 'tap';
import { fromIterable, streamOfSource } from '../../ts/core/base/helpers.streams.js';
import { plainContext } from '../../ts/core/pipeline/helpers.context.js';
import { cutTarget, parseQuery, splitTarget } from '../../ts/http/helpers.requesttarget.js';
import { linger } from '../../ts/http/helpers.unreadbody.js';
import { toFetchHandler, toNodeListener, withHealth } from '../../ts/http/index.js';
import { type IRequestContext, RegistryError, respond, streamToBuffer, toReadableStream } from '../../ts/index.js';
import { ask, RawClient } from '../support/http/client.js';
import { deferred, endless, handler, listenWith, within } from '../support/http/host.js';
import { startRegistry } from '../support/registry.js';
import { shelf } from '../support/shelf.js';
import { manyTurns, until } from '../support/waiting.js';

const text = (status: number, body: string) => respond(status, body);

t.test('a request target is split and nothing in it is resolved or decoded', async (t) => {
  const cases: [string, string, Record<string, unknown>][] = [
    ['/a/b', '/a/b', {}],
    ['/a/../b/%2e%2e/%00?x=1', '/a/../b/%2e%2e/%00', { x: '1' }],
    ['//host/a', '//host/a', {}],
    ['/?a=1&a=2&a=3&b=', '/', { a: ['1', '2', '3'], b: '' }],
    ['/a?q=x+y%20z%2B', '/a', { q: 'x y z+' }],
    ['/a?q=%zz', '/a', { q: '%zz' }],
    ['http://npm.example.org:80/a?b=c', '/a', { b: 'c' }],
    ['http://npm.example.org', '/', {}],
    ['/a#b?c=1', '/a', {}],
    ['*', '*', {}],
    [Buffer.from('/caf\u00e9').toString('latin1'), '/caf%C3%A9', {}],
  ];
  for (const [target, path, query] of cases) {
    const found = splitTarget(target);
    t.equal(found.path, path, target);
    t.same({ ...found.query }, query, target);
  }
  const odd = parseQuery('__proto__=1&constructor=2');
  t.same(Object.entries(odd), [
    ['__proto__', '1'],
    ['constructor', '2'],
  ]);
});

t.test('a query that repeats a name, or has thousands of names, costs no more than any other', async (t) => {
  const cpuOf = (work: () => unknown): number => {
    const begun = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(begun);
    return (user + system) / 1000;
  };
  const repeated = cpuOf(() => t.equal((parseQuery('a&'.repeat(100_000)).a as string[]).length, 100_000));
  t.ok(repeated < 1000, `${repeated} ms`);
  const names = new URLSearchParams(Array.from({ length: 50_000 }, (_, n) => [`n${n}`, '']));
  const context = { method: 'GET', path: '/', headers: {}, query: names };
  const many = cpuOf(() => t.equal(Object.keys(plainContext(context).query).length, 50_000));
  t.ok(many < 1000, `${many} ms`);
});

t.test('what a host application has cut off a request target', async (t) => {
  const cases: [original: string, rest: string, prefix: string | undefined, path: string][] = [
    ['/packages/npm/a?x=1', '/npm/a?x=1', '/packages', '/npm/a'],
    ['/npm/a', '/npm/a', undefined, '/npm/a'],
    ['/packages', '/', '/packages', '/'],
    ['/packages?x=1', '/?x=1', '/packages', '/'],
    ['/packages/', '/', '/packages', '/'],
    ['http://x/packages/npm', 'http://x/npm', '/packages', '/npm'],
    // a host that rewrites means what it writes
    ['/old/a', '/npm/a?y=2', undefined, '/npm/a'],
  ];
  for (const [original, rest, prefix, path] of cases) {
    const found = cutTarget(original, rest);
    t.equal(found.prefix, prefix, original);
    t.equal(found.path, path, original);
  }
  t.same({ ...cutTarget('/old/a', '/npm/a?y=2').query }, { y: '2' });
});

t.test('the registry stands below a path, and what is not its own is left to the application', async (t) => {
  const registry = await startRegistry(t, { registries: [shelf] });
  const listener = toNodeListener(withHealth(registry));
  // as Express and connect call a listener that stands below a path
  const below = (mount: string, passesNext: boolean) =>
    listenWith(t, (request, response) => {
      const next = () => response.end('the application');
      const { url = '/' } = request;
      if (!url.startsWith(mount)) return next();
      const cut = { originalUrl: url, url: url.slice(mount.length) || '/' };
      listener(Object.assign(request, cut), response, ...(passesNext ? [next] : []));
    });
  const answer = async (port: number, path: string) => {
    const { status, body } = await ask(port, path, { headers: { Host: 'npm.example.org' } });
    return status === 200 ? body.toString() : String(status);
  };
  const link = (prefix: string) => `{"url":"http://npm.example.org${prefix}/shelf"}`;

  const root = await below('', true);
  t.equal(await answer(root, '/shelf/about'), link(''));
  for (const path of ['/about', '/', '/docs/shelf/about', '/shelfs', '/-/healthy']) {
    t.equal(await answer(root, path), 'the application', path);
  }
  t.equal(await answer(root, '/-/health'), '{"status":"ok"}');
  const deep = await below('/packages', true);
  t.equal(await answer(deep, '/packages/shelf/about'), link('/packages'));
  for (const path of ['/packages/about', '/packages', '/packages/docs/shelf/about', '/shelf/about']) {
    t.equal(await answer(deep, path), 'the application', path);
  }
  const exact = await below('/shelf', true);
  t.equal(await answer(exact, '/shelf/about'), link(''));
  t.equal(await answer(exact, '/about'), 'the application');

  const decided = await below('/packages', false);
  t.equal(await answer(decided, '/packages/about'), '404', 'a host without `next` has decided');
  t.equal(await answer(decided, '/packages/shelf/about'), link('/packages'), 'and where the registry begins');
  t.equal(await answer(decided, '/packages/docs/shelf/about'), '404', 'so no mount is looked for further down');
  const plain = await listenWith(t, toNodeListener(registry));
  t.equal(await answer(plain, '/packages/shelf/about'), link('/packages'), 'Fastify hands over the whole path');
  t.equal(await answer(plain, '/../shelf/about'), '404');
  t.equal(await answer(plain, '/about'), '404');
  const anything = await listenWith(t, (request, response) =>
    toNodeListener(handler(({ path }) => text(200, path)))(request, response, () => response.end('the application')),
  );
  t.equal(await answer(anything, '/about'), '/about', 'a handler that does not say what is its own gets all');
});

t.test('the context says what was on the wire', async (t) => {
  let seen: IRequestContext | undefined;
  const registry = handler(async (context) => {
    seen = context;
    const body = context.body ? await streamToBuffer(fromIterable(context.body as AsyncIterable<Uint8Array>)) : '';
    return text(200, body.toString());
  });
  const port = await listenWith(t, toNodeListener(registry));
  const reply = await ask(port, '/npm/@a%2fb/../c?x=1&x=2', {
    method: 'PUT',
    body: 'content',
    headers: { 'User-Agent': 'test/1', 'X-Forwarded-For': '10.0.0.1' },
  });
  t.equal(reply.body.toString(), 'content');
  t.match(seen, { method: 'PUT', path: '/npm/@a%2fb/../c', actor: { ip: '127.0.0.1', userAgent: 'test/1' } });
  t.same(seen?.query.x, ['1', '2']);
  t.equal(seen?.headers['user-agent'], 'test/1');
  t.equal(seen?.baseUrl, undefined, 'the core reads Host itself');
  t.equal(seen?.signal?.aborted, false);

  await ask(port, '/npm/x');
  t.equal(seen?.body, undefined, 'a GET has no body');
  await ask(port, '/npm/x', { method: 'PUT', headers: { 'Content-Length': '0' } });
  t.equal(seen?.body, undefined, 'nor has a PUT of nothing');
});

t.test('a trusted proxy says who the caller is', async (t) => {
  let ip: unknown;
  const seen = handler((context) => {
    ip = context.actor?.ip;
    return text(200, '');
  });
  const headers = { 'X-Forwarded-For': '6.6.6.6, 10.0.0.1' };
  await ask(await listenWith(t, toNodeListener(seen, { trustProxy: true })), '/', { headers });
  t.equal(ip, '10.0.0.1', 'the entry that the proxy wrote, not what the caller made up before it');
  await ask(await listenWith(t, toNodeListener({ ...seen, trustProxy: true })), '/', { headers });
  t.equal(ip, '10.0.0.1', 'the setting of the registry counts');
  await ask(await listenWith(t, toNodeListener({ ...seen, trustProxy: true }, { trustProxy: false })), '/', {
    headers,
  });
  t.equal(ip, '127.0.0.1');
  const actor = () => ({ userId: 'ann' });
  const own = handler((context) => text(200, JSON.stringify(context.actor)));
  const reply = await ask(await listenWith(t, toNodeListener(own, { actor })), '/');
  t.equal(reply.body.toString(), '{"userId":"ann"}');
});

t.test('answers are framed so that the connection can be used again', async (t) => {
  const answers: Record<string, () => ReturnType<typeof respond>> = {
    '/bytes': () => ({ status: 200, headers: { 'X-Case': 'Kept' }, body: toReadableStream('known') }),
    '/stream': () => ({
      status: 200,
      headers: {},
      body: fromIterable([Buffer.from('one'), Buffer.from('two')]),
    }),
    '/sized': () => ({
      status: 206,
      headers: { 'content-length': '6' },
      body: fromIterable([Buffer.from('sized!')]),
    }),
    '/none': () => ({ status: 201, headers: {} }),
    '/204': () => ({ status: 204, headers: {} }),
    '/205': () => ({ status: 205, headers: {} }),
    '/304': () => ({ status: 304, headers: { ETag: '"x"' } }),
    '/empty': () => ({ status: 200, headers: {}, body: toReadableStream('') }),
  };
  const port = await listenWith(t, toNodeListener(handler(({ path }) => answers[path]!())));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const expected: [string, number, string, string | undefined][] = [
    ['/bytes', 200, 'known', '5'],
    ['/stream', 200, 'onetwo', undefined],
    ['/sized', 206, 'sized!', '6'],
    ['/none', 201, '', '0'],
    ['/204', 204, '', undefined],
    ['/205', 205, '', '0'],
    ['/304', 304, '', undefined],
    ['/empty', 200, '', '0'],
  ];
  for (const [path, status, body, length] of expected) {
    const reply = await ask(port, path, { agent });
    t.equal(reply.status, status, path);
    t.equal(reply.body.toString(), body, path);
    t.equal(reply.headers['content-length'], length, path);
    t.equal(reply.headers.connection, 'keep-alive', path);
  }
  const raw = await RawClient.connect(port);
  raw.head('GET /bytes HTTP/1.1', 'Host: x', 'Connection: close');
  t.match(await raw.end(), /\r\nX-Case: Kept\r\n/, 'header names keep their spelling');
});

t.test('100 Continue is sent once, by Node itself unless its server asks', async (t) => {
  const port = await listenWith(
    t,
    toNodeListener(
      handler(async ({ body }) => {
        for await (const _chunk of body as AsyncIterable<Uint8Array>);
        return text(200, 'all of it');
      }),
    ),
  );
  const raw = await RawClient.connect(port);
  raw.head('PUT / HTTP/1.1', 'Host: x', 'Content-Length: 4', 'Expect: 100-continue', 'Connection: close');
  await raw.until(/100 Continue/);
  raw.socket.write('body');
  t.equal((await raw.end()).match(/100 Continue/g)?.length, 1);
});

t.test('HEAD has the headers and no body, and frees a body that comes all the same', async (t) => {
  const { body, cancelled } = endless();
  const port = await listenWith(
    t,
    toNodeListener(
      handler(({ path }) => ({
        status: 200,
        headers: { 'Content-Length': '1234' },
        body: path === '/x' ? body : undefined,
      })),
    ),
  );
  const raw = await RawClient.connect(port);
  raw.head('HEAD /x HTTP/1.1', 'Host: x').head('HEAD /y HTTP/1.1', 'Host: x', 'Connection: close');
  const all = await raw.end();
  t.equal(all.match(/HTTP\/1\.1 200/g)?.length, 2, 'the second answer is readable where it should be');
  t.equal(all.match(/Content-Length: 1234/g)?.length, 2);
  t.ok(all.endsWith('\r\n\r\n'));
  await within(cancelled, 'cancel');
});

t.test('pipelined requests are answered in order, uploads between them included', async (t) => {
  const others = deferred();
  const port = await listenWith(
    t,
    toNodeListener(
      handler(async ({ path, body }) => {
        // the first answer is ready after the others
        if (path === '/1') await others.promise;
        if (path === '/4') others.resolve();
        const sent = body ? (await streamToBuffer(fromIterable(body as AsyncIterable<Uint8Array>))).toString() : '-';
        return text(200, `[${path} ${sent}]`);
      }),
    ),
  );
  const raw = await RawClient.connect(port);
  raw.socket.write(
    'GET /1 HTTP/1.1\r\nHost: x\r\n\r\n' +
      'PUT /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc' +
      'PUT /3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n' +
      'GET /4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  );
  const all = await raw.end();
  t.same(all.match(/\[.*?\]/g), ['[/1 -]', '[/2 abc]', '[/3 de]', '[/4 -]']);
});

t.test('a client that goes away cancels the download and aborts the work', async (t) => {
  const { body, cancelled, pulls } = endless();
  const aborted = deferred();
  const port = await listenWith(
    t,
    toNodeListener(
      handler(({ signal }) => {
        signal?.addEventListener('abort', () => aborted.resolve());
        return { status: 200, headers: {}, body };
      }),
    ),
  );
  const raw = await RawClient.connect(port);
  raw.socket.pause();
  raw.head('GET / HTTP/1.1', 'Host: x');
  // until it stands still
  for (let before = -1; pulls() > before || pulls() === 0; ) {
    before = pulls();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  t.ok(pulls() < 500, `${pulls()} chunks were read for a client that takes none`);
  raw.socket.destroy();
  await within(cancelled, 'cancel');
  await within(aborted.promise, 'abort');
});

t.test('a client that goes away before the answer is ready', async (t) => {
  const { body, cancelled } = endless();
  const arrived = deferred();
  const port = await listenWith(
    t,
    toNodeListener(
      handler(async ({ signal }) => {
        arrived.resolve();
        await new Promise((resolve) => signal?.addEventListener('abort', resolve));
        return { status: 200, headers: {}, body };
      }),
    ),
  );
  const raw = await RawClient.connect(port);
  raw.head('GET / HTTP/1.1', 'Host: x');
  await arrived.promise;
  raw.socket.destroy();
  await within(cancelled, 'the body that nobody takes is cancelled');
});

t.test('a handler that asks for the signal only after its client has gone sees that', async (t) => {
  const [arrived, gone] = [deferred(), deferred()];
  let aborted: boolean | undefined;
  const done = deferred();
  const listener = toNodeListener(
    handler(async (context) => {
      arrived.resolve();
      await gone.promise;
      aborted = context.signal?.aborted;
      done.resolve();
      return text(200, '');
    }),
  );
  const port = await listenWith(t, (request, response) => {
    listener(request, response);
    response.once('close', () => gone.resolve());
  });
  const raw = await RawClient.connect(port);
  raw.head('GET / HTTP/1.1', 'Host: x');
  await arrived.promise;
  raw.socket.destroy();
  await within(done.promise, 'the handler');
  t.equal(aborted, true);
});

t.test('an upload that breaks off aborts the signal and fails the body', async (t) => {
  const aborted = deferred();
  const failed = deferred<unknown>();
  const port = await listenWith(
    t,
    toNodeListener(
      handler(async ({ body, signal }) => {
        signal?.addEventListener('abort', () => aborted.resolve());
        try {
          for await (const _chunk of body as AsyncIterable<Uint8Array>);
        } catch (error) {
          failed.resolve(error);
        }
        return text(200, '');
      }),
    ),
  );
  const raw = await RawClient.connect(port);
  raw.head('PUT / HTTP/1.1', 'Host: x', 'Content-Length: 1000');
  raw.socket.write('some', () => raw.socket.destroy());
  await within(aborted.promise, 'abort');
  t.type(await within(failed.promise, 'failure'), Error);
});

t.test('a complete request does not abort the signal', async (t) => {
  let signal: AbortSignal | undefined;
  const port = await listenWith(
    t,
    toNodeListener(
      handler((context) => {
        signal = context.signal;
        return text(200, 'x');
      }),
    ),
  );
  await ask(port, '/', { method: 'PUT', body: 'unread' });
  await manyTurns();
  t.equal(signal?.aborted, false);
});

t.test('a body that fails in the middle breaks the connection', async (t) => {
  async function* failing() {
    yield Buffer.from('first');
    await manyTurns();
    throw new Error('the disk is gone');
  }
  const chunks = (...parts: string[]) => fromIterable(parts.map((part) => Buffer.from(part)));
  const answers: Record<string, () => ReturnType<typeof respond>> = {
    '/chunked': () => ({ status: 200, headers: {}, body: fromIterable(failing()) }),
    '/sized': () => ({ status: 200, headers: { 'Content-Length': '10' }, body: fromIterable(failing()) }),
    '/short': () => ({ status: 200, headers: { 'Content-Length': '10' }, body: chunks('first') }),
    '/long': () => ({ status: 200, headers: { 'Content-Length': '10' }, body: chunks('first', 'second', 'third') }),
  };
  const logged: string[] = [];
  const logger = {
    info() {},
    warn() {},
    error: (_: string, fields?: Record<string, unknown>) => void logged.push(String(fields?.error)),
  };
  const port = await listenWith(
    t,
    toNodeListener(
      handler(({ path }) => answers[path]!()),
      { logger },
    ),
  );
  for (const path of Object.keys(answers)) {
    await t.rejects(ask(port, path), { code: 'ECONNRESET' }, path);
  }
  t.match(logged, [/the disk is gone/, /the disk is gone/, /ended after 5 of 10/, /longer than its Content-Length 10/]);
  const { body, cancelled } = endless();
  answers['/endless'] = () => ({ status: 200, headers: { 'Content-Length': '10' }, body });
  await t.rejects(ask(port, '/endless'), { code: 'ECONNRESET' });
  await within(cancelled, 'the rest of the body is let go');
});

t.test('a file that ends too early, or does not end in time, breaks the connection', async (t) => {
  const logged: string[] = [];
  const logger = {
    info() {},
    warn() {},
    error: (_: string, fields?: Record<string, unknown>) => void logged.push(String(fields?.error)),
  };
  let closed = 0;
  const source = (sizes: number[]) => ({
    read: async (room: Uint8Array) => room.fill(1, 0, sizes[0] ?? 0) && (sizes.shift() ?? 0),
    close: async () => void closed++,
  });
  const sizes: Record<string, number[]> = { '/short': [5], '/long': [5, 6], '/right': [5, 5] };
  const port = await listenWith(
    t,
    toNodeListener(
      handler(({ path }) => ({
        status: 200,
        headers: { 'Content-Length': '10' },
        body: streamOfSource(source([...sizes[path]!]), 1024),
      })),
      { logger },
    ),
  );
  await t.rejects(ask(port, '/short'), { code: 'ECONNRESET' });
  await t.rejects(ask(port, '/long'), { code: 'ECONNRESET' });
  t.equal((await ask(port, '/right')).body.byteLength, 10);
  t.match(logged, [/ended after 5 of 10/, /longer than its Content-Length 10/]);
  t.equal(closed, 3, 'and the files are closed');
});

t.test('a stream that is longer than its Content-Length is told to stop', async (t) => {
  const stopped = deferred();
  const body = () =>
    new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(Buffer.from('sixteen bytes ...')),
      cancel: () => stopped.resolve(),
    });
  const answer = () => ({ status: 200, headers: { 'Content-Length': '10' }, body: body() });
  const port = await listenWith(t, toNodeListener(handler(answer)));
  await t.rejects(ask(port, '/'), { code: 'ECONNRESET' });
  await within(stopped.promise, 'the stream is cancelled');
});

t.test('a response that something else in the application ends does not end the process', async (t) => {
  const more = deferred();
  async function* slowly() {
    yield Buffer.from('first');
    await more.promise;
    yield Buffer.from('second');
  }
  const listener = toNodeListener(handler(() => ({ status: 200, headers: {}, body: fromIterable(slowly()) })));
  const port = await listenWith(t, (request, response) => {
    listener(request, response);
    // the first part is on its way
    void until(() => response.headersSent).then(async () => {
      await manyTurns();
      response.end();
      more.resolve();
    });
  });
  const answer = await ask(port, '/');
  t.equal(answer.body.toString(), 'first');
  await manyTurns();
});

t.test('what fails before its first byte is an error answer', async (t) => {
  const broken = (error: Error) => new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(error) });
  const answers: Record<string, () => ReturnType<typeof respond>> = {
    '/store': () => ({
      status: 200,
      headers: { 'Content-Length': '9' },
      body: broken(new RegistryError('unavailable', 'The store is down')),
    }),
    '/defect': () => ({ status: 200, headers: {}, body: broken(new Error('a secret path')) }),
    '/throws': () => {
      throw new Error('a secret path');
    },
    '/internal': () => {
      throw new RegistryError('internal', 'a secret path');
    },
    '/header': () => ({ status: 200, headers: { 'X-Bad': 'a\nb' } }),
    '/length': () => ({ status: 200, headers: { 'Content-Length': '3' }, body: toReadableStream('four') }),
  };
  const port = await listenWith(t, toNodeListener(handler(({ path }) => answers[path]!())));
  t.match(await ask(port, '/store'), { status: 503, headers: { 'content-type': 'application/json' } });
  for (const path of ['/defect', '/throws', '/internal', '/header', '/length']) {
    const reply = await ask(port, path);
    t.equal(reply.status, 500, path);
    t.notMatch(reply.body.toString(), /secret/, path);
  }
});

t.test('a refused upload: a small rest is dropped and the connection stays', async (t) => {
  const port = await listenWith(t, toNodeListener(handler(() => text(403, 'no'))));
  const raw = await RawClient.connect(port);
  raw.head('PUT /1 HTTP/1.1', 'Host: x', 'Content-Length: 1000');
  t.notMatch(await raw.until(/no$/), /connection: close/i);
  raw.socket.write('x'.repeat(1000));
  raw.head('PUT /2 HTTP/1.1', 'Host: x', 'Content-Length: 0', 'Connection: close');
  t.equal((await raw.end()).match(/403/g)?.length, 2);
});

t.test('a refused upload: a client that sends on and on still gets its answer', async (t) => {
  for (const readsFirst of [false, true]) {
    const port = await listenWith(
      t,
      toNodeListener(
        handler(async ({ body }) => {
          if (readsFirst) for await (const _chunk of body as AsyncIterable<Uint8Array>) break;
          return text(413, 'too much');
        }),
      ),
    );
    const reply = await within(
      ask(port, '/', { method: 'PUT', body: Buffer.alloc(64 * 1024 * 1024) }),
      `answer (${readsFirst})`,
      10_000,
    );
    t.equal(reply.status, 413);
    t.equal(reply.headers.connection, 'close');
    t.equal(reply.body.toString(), 'too much');
  }
});

t.test('a sender that falls silent after its refusal is cut off', async (t) => {
  const port = await listenWith(t, toNodeListener(handler(() => text(403, 'no'))));
  const raw = await RawClient.connect(port);
  raw.head('PUT / HTTP/1.1', 'Host: x', 'Content-Length: 1000000');
  t.match(await raw.end(10_000), /403 Forbidden.*Connection: close.*no$/s);
});

t.test('a sender that trickles on after its refusal is cut off in the end', async (t) => {
  const timers: [() => void, number][] = [];
  const { setTimeout: real } = globalThis;
  let refreshed = 0;
  const fake = (callback: () => void, ms: number) => {
    timers.push([callback, ms]);
    return { refresh: () => void refreshed++ };
  };
  globalThis.setTimeout = fake as never;
  const request = Object.assign(new EventEmitter(), { destroyed: false, complete: false, resume: () => undefined });
  let isOver = false;
  const over = linger(request as never).then(() => {
    isOver = true;
  });
  globalThis.setTimeout = real;
  for (let count = 0; count < 10; count++) request.emit('data', Buffer.from('x'));
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(isOver, false, 'while bytes come it is waited for');
  t.equal(refreshed, 10, 'each of them begins the time of silence anew');
  const [stop] = timers.sort(([, a], [, b]) => b - a)[0]!;
  t.ok(timers.length === 2 && timers[0]![1] > timers[1]![1], 'but not longer than this');
  stop();
  await over;
  t.equal(request.listenerCount('data'), 0);
});

t.test('a body of which the core leaves in the middle of waiting is freed', async (t) => {
  const port = await listenWith(
    t,
    toNodeListener(
      handler(async ({ body }) => {
        const source = body as AsyncIterable<Uint8Array> & { destroy(): void };
        const iterator = source[Symbol.asyncIterator]();
        await iterator.next();
        const waiting = iterator.next();
        source.destroy();
        return text(408, (await waiting).done ? 'left' : 'more');
      }),
    ),
  );
  const raw = await RawClient.connect(port);
  raw.head('PUT / HTTP/1.1', 'Host: x', 'Content-Length: 60004');
  raw.socket.write('some');
  await raw.until(/left$/);
  // more than Node buffers: what comes after it is read only when it is dropped
  raw.socket.write('x'.repeat(40_000));
  await manyTurns();
  raw.socket.write('x'.repeat(20_000));
  raw.head('PUT / HTTP/1.1', 'Host: x', 'Content-Length: 996', 'Connection: close');
  raw.socket.write('x'.repeat(996));
  t.equal((await raw.end()).match(/ 408 /g)?.length, 2, 'the rest is dropped and the next request read');
});

t.test('a client that takes nothing is cut off', async (t) => {
  const { body, cancelled } = endless();
  const known = toReadableStream(new Uint8Array(64 * 1024 * 1024));
  let closedFiles = 0;
  // a file is sent with the two buffers of its own way out
  const file = streamOfSource(
    { read: async (room) => room.fill(1).byteLength, close: async () => void closedFiles++ },
    256 * 1024,
  );
  let arrived = deferred();
  const bodies: Record<string, ReadableStream<Uint8Array>> = { '/stream': body, '/bytes': known, '/file': file };
  const listener = toNodeListener(
    handler(({ path }) => ({ status: 200, headers: {}, body: bodies[path] })),
    { idleTimeoutMs: 200 },
  );
  let over: Promise<unknown> = new Promise(() => undefined);
  const port = await listenWith(t, (request, response) => {
    over = once(response, 'close');
    arrived.resolve();
    listener(request, response);
  });
  for (const path of Object.keys(bodies)) {
    arrived = deferred();
    const raw = await RawClient.connect(port);
    raw.socket.pause();
    raw.head(`GET ${path} HTTP/1.1`, 'Host: x');
    await arrived.promise;
    await over;
    raw.socket.resume();
    await raw.end();
    t.ok(raw.text.length < 60 * 1024 * 1024, `${path}: it did not get all`);
  }
  await within(cancelled, 'cancel');
  await until(() => closedFiles === 1);
});

t.test('an idle connection is not cut off by the time-out of the answer before', async (t) => {
  const size = 16 * 1024 * 1024;
  const piece = new Uint8Array(256 * 1024).fill(120);
  const bodies: Record<string, () => ReadableStream<Uint8Array>> = {
    '/bytes': () => toReadableStream(new Uint8Array(size).fill(120)),
    '/stream': () => fromIterable(Array.from({ length: size / piece.byteLength }, () => piece)),
    '/file': () => {
      let left = size;
      const read = async (room: Uint8Array): Promise<number> => {
        const count = Math.min(left, room.byteLength);
        left -= count;
        return room.fill(120, 0, count) && count;
      };
      return streamOfSource({ read, close: async () => undefined }, piece.byteLength);
    },
  };
  const listener = toNodeListener(
    handler(({ path }) => ({ status: 200, headers: { 'Content-Length': String(size) }, body: bodies[path]!() })),
    { idleTimeoutMs: 150 },
  );
  // Node sets a time-out of its own between requests unless it is told not to
  let over: Promise<unknown> | undefined;
  const server = http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
    over = once(response, 'close');
    listener(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const idle: RawClient[] = [];
  for (const path of Object.keys(bodies)) {
    const raw = await RawClient.connect(port);
    raw.head(`GET ${path} HTTP/1.1`, 'Host: x');
    await until(() => raw.closed || raw.text.length >= size);
    await over;
    idle.push(raw);
  }
  // whoever takes nothing from then on is cut off by the same time-out
  const stalled = await RawClient.connect(port);
  stalled.socket.pause();
  over = undefined;
  stalled.head('GET /bytes HTTP/1.1', 'Host: x');
  await until(() => over !== undefined);
  await over;
  await manyTurns();
  t.same(
    idle.map(({ closed }) => closed),
    [false, false, false],
  );
});

t.test('a body that a parser had read before is passed on as it left it', async (t) => {
  let seen: unknown;
  const listener = toNodeListener(
    handler(({ body }) => {
      seen = body;
      return text(200, '');
    }),
  );
  const port = await listenWith(t, async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    listener(Object.assign(request, { body: JSON.parse(Buffer.concat(parts).toString()) }), response);
  });
  await ask(port, '/', { method: 'PUT', body: '{"a":1}' });
  t.same(seen, { a: 1 });
});

t.test('a handler that does not read on holds its client back', async (t) => {
  const gate = deferred();
  let socket: { bytesRead: number } | undefined;
  const listener = toNodeListener(
    handler(async ({ body }) => {
      let count = 0;
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        if (count === 0) await gate.promise;
        count += chunk.byteLength;
      }
      return text(200, `${count} bytes`);
    }),
  );
  const port = await listenWith(t, (request, response) => {
    socket = request.socket;
    listener(request, response);
  });
  const raw = await RawClient.connect(port);
  const size = 32 * 1024 * 1024;
  raw.head('PUT / HTTP/1.1', 'Host: x', `Content-Length: ${size}`, 'Connection: close');
  raw.socket.write(Buffer.alloc(size));
  // until it stands still
  for (let before = -1; socket === undefined || socket.bytesRead > before; ) {
    before = socket?.bytesRead ?? -1;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  t.ok(socket.bytesRead < 1024 * 1024, `${socket.bytesRead} bytes were taken from the socket`);
  gate.resolve();
  t.match(await raw.end(), new RegExp(`${size} bytes$`), 'and all of it arrives when the handler reads');
});

t.test('over HTTP/2 too, where there is no reason phrase', async (t) => {
  const warnings: string[] = [];
  const onWarning = ({ message }: Error) => void warnings.push(message);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  const answer = handler(() => ({ ...text(400, 'body'), statusText: 'File already exists' }));
  const server = http2.createServer(toNodeListener(answer) as never);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const session = http2.connect(`http://127.0.0.1:${(server.address() as { port: number }).port}`);
  t.teardown(() => {
    session.destroy();
    server.close();
  });
  const stream = session.request({ ':path': '/' });
  const [headers] = (await within(once(stream, 'response'), 'an answer')) as [http2.IncomingHttpHeaders];
  t.equal(headers[':status'], 400);
  let body = '';
  for await (const chunk of stream) body += chunk;
  t.equal(body, 'body');
  await manyTurns();
  t.same(warnings, []);
});

t.test('a reason phrase is one line of printable ASCII, whatever a protocol sets', async (t) => {
  const answers: [statusText: string | undefined, line: string][] = [
    [undefined, 'HTTP/1.1 400 Bad Request'],
    ['', 'HTTP/1.1 400 Bad Request'],
    ['File already exists: demo', 'HTTP/1.1 400 File already exists: demo'],
    ['caf\u00e9 \u4e2d\r\nSet-Cookie: a=b\0', 'HTTP/1.1 400 caf? ? Set-Cookie: a=b?'],
    ['x'.repeat(100_000), `HTTP/1.1 400 ${'x'.repeat(500)}`],
  ];
  for (const [statusText, line] of answers) {
    const answer = handler(() => ({ ...text(400, 'body'), ...(statusText !== undefined && { statusText }) }));
    const client = await RawClient.connect(await listenWith(t, toNodeListener(answer)));
    client.head('GET / HTTP/1.1', 'Host: a.example.org', 'Connection: close');
    t.equal((await client.end()).split('\r\n')[0], line);
    const fetched = await toFetchHandler(answer)(new Request('http://a.example.org/'));
    t.equal(`HTTP/1.1 400 ${fetched.statusText || 'Bad Request'}`, line);
  }
});
