import { EventEmitter } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import t from 'tap';
import { hasBody, IncomingBody } from '../../ts/http/classes.incomingbody.js';
import { RequestReports } from '../../ts/http/classes.requestreports.js';
import { giveBuffer, takeBuffer } from '../../ts/http/helpers.buffers.js';
import { answerClientError, refusalText } from '../../ts/http/helpers.clienterror.js';
import { declaredLength, failureAnswer, hostAnswer, isBodyless } from '../../ts/http/helpers.failures.js';
import { baseUrlOf } from '../../ts/http/helpers.origin.js';
import { cutTarget, parseQuery, splitTarget } from '../../ts/http/helpers.requesttarget.js';
import { checkTls } from '../../ts/http/helpers.tls.js';
import { dropRest, leavesLargeRest } from '../../ts/http/helpers.unreadbody.js';
import { createNodeServer, withHealth } from '../../ts/http/index.js';
import type { INodeServerOptions, IResponseReport } from '../../ts/http/interfaces.http.js';
import { RegistryError, respond, streamToBuffer } from '../../ts/index.js';
import { handler, selfSigned } from '../support/http/host.js';

t.test('the answers of the host itself', async (t) => {
  const answer = hostAnswer(418, { a: 'ü' }, { Vary: 'Accept' });
  t.equal(answer.status, 418);
  t.same(answer.headers, {
    'Content-Type': 'application/json',
    'Content-Length': '10',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    Vary: 'Accept',
  });
  t.equal(`${await streamToBuffer(answer.body)}`, '{"a":"ü"}');
  const unavailable = failureAnswer(new RegistryError('unavailable', 'down', { headers: { 'Retry-After': '5' } }));
  t.match(unavailable, { status: 503, headers: { 'Retry-After': '5' } });
  t.equal(`${await streamToBuffer(unavailable.body)}`, '{"error":"down"}');
  for (const [method, status, expected] of [
    ['GET', 200, false],
    ['HEAD', 200, true],
    ['GET', 204, true],
    ['GET', 205, true],
    ['GET', 304, true],
    ['GET', 206, false],
    ['GET', 303, false],
  ] as const) {
    t.equal(isBodyless(method, status), expected, `${method} ${status}`);
  }
  t.equal(declaredLength({ 'CONTENT-length': '7' }), 7);
  t.equal(declaredLength({ 'Content-Length': '0' }), 0);
  t.equal(declaredLength({ 'Content-Lengths': '7', 'Xontent-Length': '8' }), undefined);
});

t.test('the public origin that a host knows', async (t) => {
  const none = { trusted: false };
  t.equal(baseUrlOf('https', 'reg.example.org', none), 'https://reg.example.org');
  t.equal(baseUrlOf('http', 'reg.example.org:65535', none), 'http://reg.example.org:65535');
  t.equal(baseUrlOf('http', '[::1]:80', none), 'http://[::1]:80');
  for (const host of [undefined, null, '', 'a b', 'a/b', 'a"b', 'x@y', 'a:123456', 'a:', '[::g]', 'ü']) {
    t.equal(baseUrlOf('http', host, none), undefined, String(host));
  }
  t.equal(baseUrlOf('http', 'a', { trusted: true }), 'http://a');
  t.equal(baseUrlOf('http', 'a', { trusted: true, proto: null, host: null }), 'http://a');
  t.equal(baseUrlOf('http', 'a', { trusted: true, proto: 'https' }), undefined);
  t.equal(baseUrlOf('http', 'a', { trusted: true, host: ['b'] }), undefined);
  t.equal(baseUrlOf('http', 'a', { trusted: false, proto: 'https', host: 'b' }), 'http://a');
});

t.test('a request target is split, and nothing in it is decoded or resolved', async (t) => {
  const table: [target: string, path: string, query: Record<string, string>][] = [
    ['/a/../b', '/a/../b', {}],
    ['/a%2Fb?x=1', '/a%2Fb', { x: '1' }],
    ['/a?x=1?y', '/a', { x: '1?y' }],
    ['/a#b?c', '/a', {}],
    ['/a?b#c', '/a', { b: '' }],
    ['http://ann:pw@host:80/a?b=c', '/a', { b: 'c' }],
    ['HTTPS://host', '/', {}],
    ['http://host?x=1', '/', { x: '1' }],
    ['http+x.y-1://host/a', '/a', {}],
    ['//host/a', '//host/a', {}],
    ['*', '*', {}],
    ['', '/', {}],
    ['/\u00fc\u0080\u007f', '/%FC%80\u007f', {}],
    ['/http://x/', '/http://x/', {}],
  ];
  for (const [target, path, query] of table) {
    const split = splitTarget(target);
    t.equal(split.path, path, target);
    t.same({ ...split.query }, query, target);
    t.notOk('prefix' in split);
  }
  t.equal(Object.getPrototypeOf(parseQuery('')), null);
  t.same({ ...parseQuery('a=%20+&a=2') }, { a: ['  ', '2'] });
  const cut: [original: string, rest: string, path: string, prefix: string | undefined][] = [
    ['/p/a?x=1', '/a?x=1', '/a', '/p'],
    ['/p', '/', '/', '/p'],
    ['/p/', '/', '/', '/p'],
    ['/a', '/a', '/a', undefined],
    ['/p/a', '/other', '/other', undefined],
    ['/p/q/a', '/a', '/a', '/p/q'],
  ];
  for (const [original, rest, path, prefix] of cut) {
    const found = cutTarget(original, rest);
    t.same([found.path, found.prefix], [path, prefix], `${original} ${rest}`);
  }
  t.same({ ...cutTarget('/p/a?old=1', '/a?x=1').query }, { x: '1' });
});

t.test('what is told to a client that does not speak HTTP', async (t) => {
  t.equal(
    refusalText('400 Bad Request', 'ü'),
    'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\nConnection: close\r\n\r\nü\n',
  );
  const told = (code: string | undefined, underWay: object[] = []) => {
    const socket = new PassThrough();
    t.teardown(() => socket.destroy());
    for (const one of underWay as { req: { socket?: unknown } }[]) one.req.socket ??= socket;
    answerClientError(Object.assign(new Error('x'), { code }), socket, underWay as ServerResponse[]);
    return socket.destroyed ? 'destroyed' : String(socket.read()).split('\r\n')[0];
  };
  t.equal(told(undefined), 'HTTP/1.1 400 Bad Request');
  t.equal(told('HPE_INVALID_METHOD'), 'HTTP/1.1 400 Bad Request');
  t.equal(told('HPE_HEADER_OVERFLOW'), 'HTTP/1.1 431 Request Header Fields Too Large');
  t.equal(told('HPE_CHUNK_EXTENSIONS_OVERFLOW'), 'HTTP/1.1 413 Content Too Large');
  t.equal(told('ERR_HTTP_REQUEST_TIMEOUT'), 'HTTP/1.1 408 Request Timeout');
  t.equal(told('ECONNRESET'), 'destroyed');
  t.equal(told(undefined, [{ headersSent: true, req: {} }]), 'destroyed', 'an answer is under way');
  t.equal(told(undefined, [{ headersSent: false, req: {} }]), 'HTTP/1.1 400 Bad Request');
  t.equal(told(undefined, [{ headersSent: true, req: { socket: 'another' } }]), 'HTTP/1.1 400 Bad Request');
  const ended = new PassThrough();
  ended.end();
  answerClientError(new Error('x'), ended, []);
  t.equal(ended.destroyed, true);
});

t.test('buffers are used again, up to a number of them', async (t) => {
  const taken = Array.from({ length: 34 }, takeBuffer);
  t.equal(taken[0]?.byteLength, 262_144);
  for (const buffer of taken) giveBuffer(buffer);
  const again = Array.from({ length: 34 }, takeBuffer);
  t.equal(again.filter((buffer) => taken.includes(buffer)).length, 32);
});

const requestOf = (headers: Record<string, string> = {}) => {
  const state = { paused: 0, resumed: 0 };
  const request = Object.assign(new EventEmitter(), {
    headers,
    destroyed: false,
    complete: false,
    pause: () => state.paused++,
    resume: () => state.resumed++,
  });
  return { request: request as unknown as IncomingMessage, emitter: request, state };
};

t.test('whether a request has a body, and how much of it is to come', async (t) => {
  for (const [headers, expected] of [
    [{}, false],
    [{ 'content-length': '0' }, false],
    [{ 'content-length': '1' }, true],
    [{ 'transfer-encoding': 'chunked' }, true],
  ] as const) {
    t.equal(hasBody(requestOf(headers).request), expected, JSON.stringify(headers));
  }
  const large = (headers: Record<string, string>, more: Partial<IncomingBody> = {}, complete = false) => {
    const { request, emitter } = requestOf(headers);
    emitter.complete = complete;
    const body = Object.assign(new IncomingBody(request, () => undefined), more);
    return leavesLargeRest(request, body);
  };
  t.equal(large({ 'content-length': '65536' }), false);
  t.equal(large({ 'content-length': '65537' }), true);
  t.equal(large({ 'transfer-encoding': 'chunked' }), true);
  t.equal(large({ 'content-length': '65537' }, {}, true), false, 'all of it has come');
  t.equal(large({ 'content-length': '65537' }, { state: 'ended' }), false);
  t.equal(large({ 'content-length': '1', expect: '100-continue' }), true, 'nobody has asked for it');
  t.equal(large({ 'content-length': '1', expect: '100-continue' }, { asked: true }), false);
  t.equal(leavesLargeRest(requestOf({ 'content-length': '65537' }).request, undefined), false);
  for (const [state, destroyed, resumed] of [
    ['left', false, 1],
    ['untouched', false, 1],
    ['ended', false, 0],
    ['left', true, 0],
  ] as const) {
    const { request, emitter, state: seen } = requestOf();
    emitter.destroyed = destroyed;
    dropRest(request, Object.assign(new IncomingBody(request, () => undefined), { state }));
    t.equal(seen.resumed, resumed, `${state} ${destroyed}`);
  }
});

t.test('the body of a request: read on demand, paused when it runs ahead, and left without a listener', async (t) => {
  const { request, emitter, state } = requestOf({ 'content-length': '200000' });
  let firstReads = 0;
  const body = new IncomingBody(request, () => firstReads++);
  t.same([firstReads, body.asked, body.outstanding], [0, false, 200_000]);
  const iterator = body[Symbol.asyncIterator]();
  const first = iterator.next();
  t.same([firstReads, body.asked, state.resumed], [1, true, 1]);
  emitter.emit('data', Buffer.alloc(131_071));
  t.equal(state.paused, 0);
  emitter.emit('data', Buffer.alloc(1));
  t.equal(state.paused, 1, 'as many bytes wait as may');
  t.equal((await first).value?.byteLength, 131_071);
  t.equal((await iterator.next()).value?.byteLength, 1);
  t.equal(body.outstanding, 200_000 - 131_072);
  const last = iterator.next();
  t.equal(state.resumed, 2);
  emitter.emit('end');
  t.equal((await last).done, true);
  t.same([body.state, body.outstanding], ['ended', 0]);
  for (const event of ['data', 'end', 'error', 'close']) t.equal(emitter.listenerCount(event), 0, event);
  await t.rejects(body[Symbol.asyncIterator]().next(), /only once/);
  for (const breaks of [
    (one: EventEmitter) => one.emit('close'),
    (one: EventEmitter) => one.emit('error', new Error('reset')),
  ]) {
    const broken = requestOf({ 'transfer-encoding': 'chunked' });
    const left = new IncomingBody(broken.request, () => undefined);
    t.equal(left.outstanding, Number.POSITIVE_INFINITY);
    const reading = left[Symbol.asyncIterator]();
    const next = reading.next();
    breaks(broken.emitter);
    await t.rejects(next, /reset|closed the connection/);
    t.equal(left.state, 'left');
    t.equal(broken.state.paused, 1);
    for (const event of ['data', 'end', 'error', 'close']) t.equal(broken.emitter.listenerCount(event), 0, event);
  }
  const gone = requestOf();
  gone.emitter.destroyed = true;
  await t.rejects(new IncomingBody(gone.request, () => undefined)[Symbol.asyncIterator]().next(), /closed/);
});

t.test('health beside a registry, which keeps what it knows', async (t) => {
  const logger = { info() {}, warn() {}, error() {} };
  const located = { prefix: '/p', path: '/a' };
  const registry = handler(() => respond(418, ''), {
    trustProxy: true,
    logger,
    handles: (path, prefix) => path === '/mine' && prefix === '/p',
    locate: (path) => (path === '/p/a' ? located : undefined),
  });
  const healthy = withHealth(registry);
  t.equal(healthy.trustProxy, true);
  t.equal(healthy.logger, logger);
  t.equal(healthy.handles?.('/-/health'), true);
  t.equal(healthy.handles?.('/mine', '/p'), true);
  t.equal(healthy.handles?.('/mine'), false);
  t.equal(withHealth(handler(() => respond(418, ''))).handles?.('/any'), true);
  t.same(healthy.locate?.('/-/health'), { prefix: '', path: '/-/health' });
  t.equal(healthy.locate?.('/p/a'), located);
  t.equal(healthy.locate?.('/x'), undefined);
});

t.test('the limits of a server that is told none, and of one that is', async (t) => {
  const limitsOf = (options: INodeServerOptions) => {
    const { server, settings } = createNodeServer(
      handler(() => respond(200, '')),
      options,
    ) as unknown as { server: Server & { connectionsCheckingInterval?: number }; settings: Record<string, unknown> };
    const { headersTimeout, requestTimeout, keepAliveTimeout, maxHeadersCount } = server;
    return { headersTimeout, requestTimeout, keepAliveTimeout, maxHeadersCount, ...settings };
  };
  const usual = {
    headersTimeout: 30_000,
    requestTimeout: 0,
    keepAliveTimeout: 65_000,
    maxHeadersCount: 201,
    host: '127.0.0.1',
    port: 5000,
    maxHeaderSize: 32_768,
    maxHeaderCount: 200,
    headersTimeoutMs: 30_000,
    keepAliveTimeoutMs: 65_000,
    idleTimeoutMs: 60_000,
    shutdownTimeoutMs: 30_000,
  };
  t.same(limitsOf({}), usual);
  t.match(limitsOf({ port: undefined, host: undefined }), usual, 'undefined is not a wish');
  t.match(limitsOf({ port: 0, maxHeaderCount: 5, headersTimeoutMs: 7, keepAliveTimeoutMs: 9 }), {
    port: 0,
    maxHeadersCount: 6,
    headersTimeout: 7,
    keepAliveTimeout: 9,
  });
});

t.test('the report of a request: its id, its path, and what is trusted', async (t) => {
  const reported = (request: object, trustProxy = false) => {
    const reports: IResponseReport[] = [];
    const response = Object.assign(new EventEmitter(), {
      headersSent: true,
      statusCode: 201,
      writableFinished: true,
      setHeader: (name: string, value: string) => void sent.push([name, value]),
    });
    const sent: [string, string][] = [];
    const socket = { bytesWritten: 100, remoteAddress: '::ffff:10.0.0.1' };
    const one = {
      socket,
      headers: {},
      method: 'PUT',
      url: '/a?token=secret',
      ...request,
    } as unknown as IncomingMessage;
    const follower = new RequestReports((report) => void reports.push(report), trustProxy, undefined);
    follower.follow(one, response as unknown as ServerResponse);
    const trace = follower.traceOf(one);
    Object.assign(trace as object, { userId: 'ann', protocol: 'npm' });
    socket.bytesWritten = 350;
    response.emit('close');
    response.emit('close');
    t.equal(reports.length, 1);
    t.same(sent, [['X-Request-Id', reports[0]?.id]]);
    return reports[0] as IResponseReport;
  };
  t.match(reported({}), {
    id: /^[0-9a-f-]{36}$/,
    method: 'PUT',
    path: '/a',
    status: 201,
    bytes: 250,
    aborted: false,
    ip: '10.0.0.1',
    userAgent: undefined,
    userId: 'ann',
    protocol: 'npm',
  });
  const headers = { 'x-request-id': 'Proxy.7:a+/=-_', 'x-forwarded-for': '1.1.1.1', 'user-agent': 'npm' };
  t.match(reported({ headers }, true), { id: 'Proxy.7:a+/=-_', ip: '1.1.1.1', userAgent: 'npm' });
  t.match(reported({ headers }), { id: /^[0-9a-f-]{36}$/, ip: '10.0.0.1' });
  const idOf = (id: string | string[]) => reported({ headers: { 'x-request-id': id } }, true).id;
  t.equal(idOf('x'.repeat(128)), 'x'.repeat(128));
  for (const id of ['x'.repeat(129), '', 'a b', 'a\n', 'ü', ['a', 'b']]) t.match(idOf(id), /^[0-9a-f-]{36}$/);
  const paths: [url: string | undefined, path: string][] = [
    ['http://ann:pw@host/a?b', '/a'],
    ['HTTP://host', '/'],
    ['*', '*'],
    ['//host/a', '//host/a'],
    [undefined, '/'],
  ];
  for (const [url, path] of paths) t.equal(reported({ url }).path, path, `${url}`);
  t.equal(reported({ method: undefined }).method, 'GET');
});

t.test('a callback that fails after the answer is logged, and ends nothing', async (t) => {
  const logged: unknown[] = [];
  const logger = {
    info() {},
    warn() {},
    error: (message: string, fields?: object) => void logged.push([message, fields]),
  };
  const callbacks = [
    () => {
      throw new Error('at once');
    },
    async () => {
      throw new Error('later');
    },
  ];
  for (const onResponse of callbacks) {
    const response = Object.assign(new EventEmitter(), { setHeader: () => undefined });
    const request = { socket: {}, headers: {} } as unknown as IncomingMessage;
    new RequestReports(onResponse, false, logger).follow(request, response as unknown as ServerResponse);
    response.emit('close');
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.match(logged, [
    ['onResponse failed after the request was answered', { id: /^[0-9a-f-]{36}$/, error: 'Error: at once' }],
    ['onResponse failed after the request was answered', { error: 'Error: later' }],
  ]);
});

t.test('a certificate and a key that belong together', async (t) => {
  const [one, other] = [selfSigned(), selfSigned()];
  if (!one || !other) return t.pass('not run', { skip: 'there is no openssl to make a certificate' });
  t.doesNotThrow(() => checkTls(one));
  t.throws(() => checkTls({ ...one, cert: 'x' }), /^the certificate cannot be read: /);
  t.throws(() => checkTls({ ...one, key: '' }), /^the key cannot be read: /);
  t.throws(() => checkTls({ cert: one.cert, key: other.key }), /^the key does not belong to the certificate$/);
  t.throws(() => checkTls({ cert: `${one.cert}\n-----BEGIN CERTIFICATE-----\nx`, key: one.key }));
});
