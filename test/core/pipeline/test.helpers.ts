import { createHash } from 'node:crypto';
import t from 'tap';
import { streamToBuffer } from '../../../ts/core/base/helpers.streams.js';
import { Cors } from '../../../ts/core/pipeline/classes.cors.js';
import type { RegistryCall } from '../../../ts/core/pipeline/classes.registrycall.js';
import { answerNameOf, loggedPath, nameOf, neededFor, noteCaller } from '../../../ts/core/pipeline/helpers.calls.js';
import { commandNamed, optionText } from '../../../ts/core/pipeline/helpers.commands.js';
import { queryOf } from '../../../ts/core/pipeline/helpers.context.js';
import { escapeHtml } from '../../../ts/core/pipeline/helpers.html.js';
import {
  acceptsEncoding,
  addressOf,
  callerAddress,
  headerOf,
  matchesEtag,
  negotiate,
  parseAuthorization,
  reasonPhrase,
  respond,
  toResponse,
} from '../../../ts/core/pipeline/helpers.http.js';
import { digestOf } from '../../../ts/core/pipeline/helpers.importing.js';
import { absentName, refusalOf } from '../../../ts/core/pipeline/helpers.refusal.js';
import { compilePath, normalizePath, rowsWith } from '../../../ts/core/pipeline/helpers.routes.js';
import { basisFrom, type IRepeatable } from '../../../ts/core/pipeline/serving/classes.answercache.js';
import { listingRight } from '../../../ts/core/pipeline/serving/helpers.listing.js';
import { readableFilter } from '../../../ts/core/pipeline/serving/helpers.readable.js';
import { repeatableOf } from '../../../ts/core/pipeline/serving/helpers.repeating.js';
import type { IRequestContext } from '../../../ts/index.js';
import { RegistryError } from '../../../ts/index.js';
import { ofKind } from '../../support/expect.js';

const contextOf = (more: Partial<IRequestContext> = {}): IRequestContext => ({
  method: 'GET',
  path: '/',
  headers: {},
  query: {},
  ...more,
});

t.test('a message as the reason phrase of a status line', async (t) => {
  t.equal(reasonPhrase('File already exists'), 'File already exists');
  t.equal(reasonPhrase('  one\r\n\ttwo   three '), 'one two three');
  t.equal(reasonPhrase('ünï \u007f~ '), '?n? ?~');
  t.equal(reasonPhrase('x'.repeat(600)), 'x'.repeat(500));
  t.equal(reasonPhrase(''), '');
});

t.test('the address of a caller', async (t) => {
  const table: [
    peer: string | undefined,
    trusted: boolean,
    forwarded: string | string[] | null | undefined,
    string | undefined,
  ][] = [
    ['10.0.0.1', false, '1.1.1.1', '10.0.0.1'],
    ['10.0.0.1', true, '1.1.1.1', '1.1.1.1'],
    ['10.0.0.1', true, '1.1.1.1,2.2.2.2', '2.2.2.2'],
    ['10.0.0.1', true, '1.1.1.1, 2.2.2.2:80 ', '2.2.2.2'],
    ['10.0.0.1', true, ['1.1.1.1', '2.2.2.2'], '2.2.2.2'],
    ['10.0.0.1', true, '1.1.1.1, ', '10.0.0.1'],
    ['10.0.0.1', true, undefined, '10.0.0.1'],
    ['10.0.0.1', true, null, '10.0.0.1'],
    ['::ffff:10.0.0.1', false, undefined, '10.0.0.1'],
    [undefined, true, undefined, undefined],
    [undefined, false, '1.1.1.1', undefined],
  ];
  for (const [peer, trusted, forwarded, address] of table) {
    t.equal(callerAddress(peer, trusted, forwarded), address, `${peer} ${trusted} ${forwarded}`);
  }
  const headers = { 'X-Forwarded-For': '1.1.1.1' };
  t.equal(addressOf(contextOf({ headers, actor: { ip: '2.2.2.2' } }), true), '2.2.2.2', 'the host knows better');
  t.equal(addressOf(contextOf({ headers, actor: {} }), true), '1.1.1.1');
  t.equal(addressOf(contextOf({ headers }), false), undefined);
});

t.test('headers of a request, and what they say', async (t) => {
  t.equal(headerOf({ 'x-a': '1', 'X-A': '2' }, 'X-A'), '1', 'the usual spelling first');
  t.equal(headerOf({ 'x-ab': '1' }, 'x-a'), undefined);
  t.equal(headerOf({ 'X-A': [] }, 'x-a'), '');
  t.equal(headerOf(Object.create({ 'x-a': '1' }), 'x-a'), undefined, 'no inherited ones');
  t.equal(matchesEtag(' * ', ['a']), true);
  t.equal(matchesEtag('"x", *', ['a']), false);
  t.equal(matchesEtag('"a b"', ['a b']), true);
  t.equal(matchesEtag('"x","b"', ['a', 'b']), true);
  t.equal(matchesEtag('', ['a']), false);
  t.equal(matchesEtag('""', ['']), true);
  t.equal(acceptsEncoding('*, gzip;q=0', 'gzip'), false);
  t.equal(acceptsEncoding('*;q=0, gzip', 'gzip'), true);
  t.equal(acceptsEncoding('gzip;q=0.01', 'gzip'), true);
  t.equal(acceptsEncoding('gzip;level=1;q=0', 'gzip'), false);
  t.equal(acceptsEncoding('xgzip', 'gzip'), false);
  const offers = ['application/json', 'text/html', 'text/plain'];
  const choices: [accept: string | undefined, chosen: string | null][] = [
    ['  ', 'application/json'],
    ['text/*', 'text/html'],
    ['text/*;q=0.5, text/plain', 'text/plain'],
    ['TEXT/HTML', 'text/html'],
    ['text/plain;q=0.5, text/html;q=0.6', 'text/html'],
    ['text/html;q=0.5;level=1', 'text/html'],
    ['*/*;q=0.1, text/plain;q=0', 'application/json'],
    ['text/*;q=0, */*', 'application/json'],
    ['image/*', null],
    ['text/html;q=0.2, */*;q=0.3', 'application/json'],
    ['text', null],
  ];
  for (const [accept, chosen] of choices) t.equal(negotiate(accept, offers), chosen, `${accept}`);
  t.equal(negotiate(undefined, []), null);
  t.same(parseAuthorization('Bearer '), { kind: 'token', token: '' });
  t.same(parseAuthorization('  token  '), { kind: 'token', token: 'token' });
  t.equal(parseAuthorization('   '), null);
  t.same(parseAuthorization('BASIC YTpi'), { kind: 'basic', username: 'a', password: 'b' });
  t.same(parseAuthorization('Basic OmI='), { kind: 'basic', username: '', password: 'b' });
  t.same(parseAuthorization('Basically x'), { kind: 'token', token: '' });
});

t.test('an answer: its bytes, their length, and a type that a handler may set itself', async (t) => {
  const typeOf = (body: object | string | Uint8Array, headers?: Record<string, string>) => {
    const { headers: all } = respond(200, body, headers);
    return [all['Content-Type'] ?? all['content-type'], all['Content-Length']];
  };
  t.same(typeOf('ü'), ['text/plain; charset=utf-8', '2']);
  t.same(typeOf({ a: 'ü' }), ['application/json', '10']);
  t.same(typeOf([1]), ['application/json', '3']);
  t.same(typeOf(new Uint8Array(4)), ['application/octet-stream', '4']);
  t.same(typeOf('x', { 'Content-Type': 'a/b' }), ['a/b', '1']);
  t.same(typeOf('x', { 'content-type': 'a/b', 'Content-Length': '99' }), ['a/b', '1']);
  const stream = new ReadableStream<Uint8Array>();
  t.same(
    respond(201, stream, { A: 'b' }),
    { status: 201, headers: { A: 'b' }, body: stream },
    'a stream is sent as it is',
  );
  const own = { status: 200, headers: {}, statusText: 'Fine', body: undefined };
  t.equal(toResponse(own), own);
  for (const lookalike of [{ status: '200', headers: {} }, { status: 200, headers: null }, { status: 200 }]) {
    const answer = toResponse(lookalike);
    t.equal(answer.status, 200);
    t.same(JSON.parse((await streamToBuffer(answer.body)).toString()), lookalike);
  }
});

t.test('queries, HTML, and commands of protocols', async (t) => {
  t.same(
    Object.entries(
      queryOf([
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
        ['a', '4'],
      ]),
    ),
    [
      ['a', ['1', '3', '4']],
      ['b', '2'],
    ],
  );
  t.equal(escapeHtml(`<a href="x">'&'</a>`), '&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;');
  const input = { operands: [], options: { reason: 'text', force: true as const }, print: () => undefined };
  t.equal(optionText(input, 'reason'), 'text');
  t.equal(optionText(input, 'force'), undefined);
  t.equal(optionText(input, 'other'), undefined);
  const command = { name: 'yank', operands: [], summary: 'x' };
  t.equal(commandNamed([command], 'pypi', 'yank'), command);
  t.throws(() => commandNamed([command], 'pypi', 'unyank'), {
    kind: 'unsupported',
    message: 'pypi has no command "unyank"',
  } as never);
  const content = async function* () {
    yield Buffer.from('a');
    yield Buffer.from('b');
  };
  for (const algorithm of ['sha256', 'sha512'] as const) {
    t.equal(
      (await digestOf(content(), algorithm)).toString('hex'),
      createHash(algorithm).update('ab').digest('hex'),
      algorithm,
    );
  }
});

t.test('a call: its path in the log, its name for caches, the name that its row is for', async (t) => {
  const call = (more: object) =>
    ({ mount: '/m', path: '/p', route: '/{x}', params: {}, ...more }) as unknown as RegistryCall;
  t.equal(loggedPath(call({ params: { name: 'a' } })), '/p');
  for (const name of ['token', 'tokenId', 'clientSecret'])
    t.equal(loggedPath(call({ params: { [name]: 'a' } })), '/{x}');
  t.equal(answerNameOf(call({})), '/m\n/p');
  const params = { name: 'Some' };
  t.equal(nameOf({ type: 'a', action: 'read', name: 'name' }, call({ params })), 'Some');
  const folded = { type: 'a', action: 'read', name: (all: Record<string, string>) => (all.name ?? '').toLowerCase() };
  t.equal(nameOf(folded, call({ params })), 'some');
  t.same(neededFor(folded, call({ params })), { type: 'a', name: 'some', action: 'read' });
  for (const access of [
    'public',
    'identified',
    { type: 'a', listing: true },
    { type: 'a', action: 'b', late: true },
  ] as const) {
    t.equal(neededFor(access, call({ params })), undefined);
  }
  const failing = (error: Error) => ({
    type: 'a',
    action: 'read',
    name: () => {
      throw error;
    },
  });
  t.equal(neededFor(failing(new RegistryError('invalid', 'x')), call({ params })), undefined);
  t.throws(() => neededFor(failing(new TypeError('a fault of ours')), call({ params })), TypeError);
});

t.test('the caller in the report of a request', async (t) => {
  const noted = (token: object | null, trace: object | undefined = {}) => {
    noteCaller({ context: { trace } } as unknown as RegistryCall, { token } as never);
    return trace;
  };
  t.same(noted({ userId: 'ann', tokenId: 'id' }), { userId: 'ann', tokenId: 'id' });
  t.same(noted({ userId: 'ann' }), { userId: 'ann' });
  t.same(noted(null), {});
  t.doesNotThrow(() => noteCaller({ context: {} } as RegistryCall, { token: { userId: 'ann' } } as never));
});

t.test('the refusal of a caller without the right', async (t) => {
  const right = { type: 'package', name: 'a', action: 'read' };
  const asked: unknown[] = [];
  const refuse = (userId: string | undefined, hides: boolean, holds: boolean, action = 'read') => {
    const auth = {
      holdsSome: async (...args: unknown[]) => {
        asked.push(args);
        return holds;
      },
    };
    return refusalOf({ auth, protocol: 'pypi', token: null, userId }, { ...right, action }, hides);
  };
  t.match(await refuse(undefined, false, true), { kind: 'unauthenticated', detail: right });
  t.match(await refuse('ann', false, true), {
    kind: 'forbidden',
    detail: right,
    message: 'This token does not allow read on package a',
  });
  t.same(asked, []);
  t.match(await refuse('ann', true, true), absentName('a'));
  t.match(await refuse(undefined, true, true, 'pull'), { kind: 'notFound', message: 'a is not in this registry' });
  t.same(asked, [
    [null, 'pypi', 'package', 'read'],
    [null, 'pypi', 'package', 'pull'],
  ]);
  t.match(await refuse('ann', true, false), { kind: 'forbidden' });
  t.match(await refuse(undefined, true, false), { kind: 'unauthenticated' });
  t.match(await refuse('ann', true, true, 'write'), { kind: 'forbidden' }, 'writes hide nothing');
});

t.test('paths of rows', async (t) => {
  t.same(compilePath('/a/{b}/{c+}').names, ['b', 'c']);
  const matches = (path: string, text: string) => compilePath(path).pattern.exec(text)?.slice(1);
  t.same(matches('/a/{b}/{c+}', '/a/x/y/z'), ['x', 'y/z']);
  t.equal(matches('/a/{b}', '/a/x/y'), undefined);
  t.equal(matches('/a/{b}', '/a/'), undefined);
  t.equal(matches('/a/{b}', 'x/a/b'), undefined);
  t.same(matches('/{n:[a-z]{2}}', '/ab'), ['ab']);
  t.equal(matches('/{n:[a-z]{2}}', '/abc'), undefined);
  t.same(matches('/a.b', '/a.b'), []);
  t.equal(matches('/a.b', '/axb'), undefined);
  t.equal(normalizePath('/a?b?c'), '/a');
  t.equal(normalizePath('///'), '/');
  t.equal(normalizePath(''), '/');
  const row = rowsWith({ part: 7 })('GET', '/x', 'public', async (_call, { part }) => String(part));
  t.match(row, { method: 'GET', path: '/x', access: 'public' });
  t.equal(await row.handle({} as never), '7');
});

t.test('the right that a listing is filtered by', async (t) => {
  const row = { type: 'package', action: 'pull' };
  t.same(listingRight({ protocol: 'p', access: row }), { protocol: 'p', type: 'package', action: 'pull' });
  t.same(listingRight({ protocol: 'p', access: { type: 'package' } }), {
    protocol: 'p',
    type: 'package',
    action: 'read',
  });
  t.same(listingRight({ protocol: 'p', access: row }, { type: 'a', action: 'b' }), {
    protocol: 'p',
    type: 'a',
    action: 'b',
  });
  t.throws(() => listingRight({ protocol: 'p', access: 'public' }), ofKind('internal'));
});

t.test('answers that may be repeated, and until when', async (t) => {
  const response = { status: 200, headers: { 'Last-Modified': 'x' } };
  const madeFrom = { document: { key: 'k', etag: 'e' }, name: 'n', changedAt: new Date(10_000) };
  const open = { watchesGets: false };
  const made = (more: object = {}, options: object = { repeatable: true }, storage = open) =>
    repeatableOf(storage, { ...response, ...more }, madeFrom, options);
  t.match(made(), {
    document: { key: 'k', etag: 'e' },
    rendering: { name: 'n', packed: false },
    validUntil: Number.POSITIVE_INFINITY,
  });
  t.match(made({ headers: { ...response.headers, 'Content-Encoding': 'gzip' } }), { rendering: { packed: true } });
  t.equal(made({}, {}), undefined);
  t.equal(made({}, { repeatable: true }, { watchesGets: true }), undefined, 'hooks run each time');
  t.equal(made({ status: 206 }), undefined);
  t.match(made({}, { repeatable: true, validUntil: 500 }), { validUntil: 500 });
  t.match(made({ headers: {} }), { validUntil: 12_000 }, 'until the answer gets a date');
  t.match(made({ headers: {} }, { repeatable: true, validUntil: 11_000 }), { validUntil: 11_000 });
  const undated = repeatableOf(
    open,
    { status: 200, headers: {} },
    { ...madeFrom, changedAt: undefined },
    { repeatable: true },
  );
  t.match(undated, { validUntil: Number.POSITIVE_INFINITY });
  const repeated = () => undefined;
  const basis = made({}, { repeatable: true, validUntil: 500, repeated }) as IRepeatable;
  const request = { headers: [], baseUrl: 'http://x' };
  t.match(basisFrom(basis, { ...request, audience: 'anybody' }), {
    validUntil: 500,
    status: 200,
    repeated,
    baseUrl: 'http://x',
  });
  const caller = (validUntil: number) => ({ token: null, validUntil, revision: 0 });
  t.equal(basisFrom(basis, { ...request, audience: caller(400) }).validUntil, 400);
  t.equal(basisFrom(basis, { ...request, audience: caller(600) }).validUntil, 500);
  const { responseHeaders } = basisFrom(basis, { ...request, audience: 'anybody' });
  t.same(responseHeaders, response.headers);
  t.not(responseHeaders, response.headers, 'what a host does to the headers of the answer is not kept');
});

t.test('a filter of what a caller may read asks a provider no more often than a request may', async (t) => {
  const items = (count: number) => Array.from({ length: count }, (_, at) => ({ name: `p${at}` }));
  const filterOf = (bulk: boolean) => {
    const batches: number[] = [];
    const auth = {
      provider: { authorize() {}, ...(bulk && { permissions() {} }) },
      allowedNames: async (_token: unknown, _right: unknown, names: string[]) => {
        batches.push(names.length);
        return names.filter((name) => !name.endsWith('7'));
      },
    };
    const right = { protocol: 'p', type: 't', action: 'read' };
    const filter = readableFilter<{ name: string }>(
      { auth: auth as never, token: null },
      right,
      ({ name }) => name !== 'p1',
    );
    return { filter, batches };
  };
  const bulk = filterOf(true);
  t.same(
    (await bulk.filter(items(10)))?.map(({ name }) => name),
    ['p0', 'p2', 'p3', 'p4', 'p5', 'p6', 'p8', 'p9'],
  );
  await bulk.filter(items(600));
  t.same(bulk.batches, [9, 256, 256, 87]);
  for (let count = 0; count < 10; count++) t.ok(await bulk.filter(items(1000)), 'no end of questions');
  const slow = filterOf(false);
  t.equal((await slow.filter(items(6001)))?.length, 4500, 'five thousand were asked about');
  t.equal(
    slow.batches.reduce((sum, one) => sum + one, 0),
    5000,
  );
  t.equal(await slow.filter(items(1)), null);
});

t.test('which headers pages of other origins may read, and for how long a preflight holds', async (t) => {
  const cors = new Cors({ origins: ['https://a.example.org'] });
  const headers = { origin: 'https://a.example.org', 'access-control-request-method': 'GET' };
  const answer = { status: 200, headers: {} as Record<string, string> };
  cors.open(contextOf({ method: 'get', headers }), answer);
  t.same(answer.headers['Access-Control-Expose-Headers']?.split(', '), [
    'Accept-Ranges',
    'Content-Encoding',
    'Content-Length',
    'Content-Range',
    'Docker-Content-Digest',
    'Docker-Distribution-API-Version',
    'ETag',
    'Link',
    'Location',
    'OCI-Filters-Applied',
    'OCI-Subject',
    'Repr-Digest',
    'Retry-After',
    'WWW-Authenticate',
  ]);
  const preflight = cors.preflight(contextOf({ method: 'options', headers }));
  t.equal(preflight?.headers['Access-Control-Max-Age'], '7200');
  t.equal(preflight?.headers['Access-Control-Allow-Headers'], undefined);
  t.equal(preflight?.headers.Vary, 'Origin');
  t.equal(cors.preflight(contextOf({ method: 'GET', headers })), undefined);
  const { origin: _, ...none } = headers;
  t.equal(cors.preflight(contextOf({ method: 'OPTIONS', headers: none })), undefined);
  const other = { status: 200, headers: {} as Record<string, string> };
  cors.open(contextOf({ headers: { origin: 'https://b.example.org' } }), other);
  t.same(other.headers, { Vary: 'Origin' });
  cors.open(contextOf({ method: 'POST', headers }), other);
  t.same(other.headers, { Vary: 'Origin' }, 'writes stay closed');
});
