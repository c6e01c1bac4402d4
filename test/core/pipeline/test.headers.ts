import t from 'tap';
import { streamToBuffer } from '../../../ts/core/base/helpers.streams.js';
import { plainContext } from '../../../ts/core/pipeline/helpers.context.js';
import {
  acceptsEncoding,
  headerOf,
  matchesEtag,
  negotiate,
  parseAuthorization,
  queryText,
  queryValues,
  respond,
  toResponse,
  withoutForbiddenBody,
} from '../../../ts/core/pipeline/helpers.http.js';
import { ofKind } from '../../support/expect.js';

t.test('a header is found in any case, and repeated ones are joined', async (t) => {
  t.equal(headerOf({ 'X-Thing': 'a' }, 'x-thing'), 'a');
  t.equal(headerOf({ 'x-thing': ['a', 'b'] }, 'X-Thing'), 'a, b');
  t.equal(headerOf({}, 'x-thing'), undefined);
  t.equal(headerOf({}, 'constructor'), undefined);
  t.equal(headerOf({ 'Content-Length': 5 } as never, 'content-length'), '5', 'also one that is no text');
});

t.test(
  'a query parameter is a list of texts, or is refused: parsers of hosts make objects and numbers too',
  async (t) => {
    t.same(queryValues({ text: 'a' }, 'text'), ['a']);
    t.same(queryValues({ text: ['a', 'b'] }, 'text'), ['a', 'b']);
    t.same(queryValues({}, 'constructor'), []);
    t.equal(queryText({ a: ['1', '2'], b: 'x y&\r\n', c: undefined }), 'a=1&a=2&b=x+y%26%0D%0A');
    t.equal(queryText({}), '');
    for (const value of [{ a: '1' }, [{ a: '1' }], ['a', 1], null]) {
      t.throws(() => queryValues({ text: value } as never, 'text'), ofKind('invalid'), JSON.stringify(value));
    }
  },
);

t.test('credentials are read in every form clients send', async (t) => {
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  t.same(parseAuthorization('Bearer abc'), { kind: 'token', token: 'abc' });
  t.same(parseAuthorization('bearer   abc '), { kind: 'token', token: 'abc' });
  t.same(parseAuthorization(basic('ann:p:w')), { kind: 'basic', username: 'ann', password: 'p:w' });
  t.same(parseAuthorization(basic('ännÖ:pässword')), { kind: 'basic', username: 'ännÖ', password: 'pässword' });
  t.same(parseAuthorization('baretoken'), { kind: 'token', token: 'baretoken' }, 'cargo and gem send no scheme');
  t.equal(parseAuthorization(undefined), null);
  t.equal(parseAuthorization(''), null);
  for (const broken of ['Bearer', 'Basic', 'Basic !!!', 'Digest abc', basic('nocolon')]) {
    t.same(parseAuthorization(broken), { kind: 'token', token: '' }, `${broken} is presented, and never valid`);
  }
});

t.test('If-None-Match compares weakly and knows lists', async (t) => {
  t.equal(matchesEtag('"a"', ['a']), true);
  t.equal(matchesEtag('W/"a"', ['a']), true);
  t.equal(matchesEtag('"x", W/"a"', ['a']), true);
  t.equal(matchesEtag('*', ['a']), true);
  t.equal(matchesEtag('a', ['a']), true, 'some clients forget the quotes');
  t.equal(matchesEtag('"b"', ['a']), false);
});

t.test('gzip is sent to those who take it', async (t) => {
  for (const yes of ['gzip', 'gzip, deflate, br', 'br, GZIP;q=0.5', '*'])
    t.equal(acceptsEncoding(yes, 'gzip'), true, yes);
  for (const no of [
    undefined,
    '',
    'identity',
    'br',
    'gzip;q=0',
    '*;q=0',
    'gzip;q=0, *',
    'gzip;q=0.0',
    'gzip; Q = 0.000',
  ]) {
    t.equal(acceptsEncoding(no, 'gzip'), false, `${no}`);
  }
});

t.test('media types are negotiated by quality, then by our order', async (t) => {
  const offers = ['application/json', 'application/vnd.npm.install-v1+json'];
  t.equal(negotiate(undefined, offers), offers[0]);
  t.equal(negotiate('*/*', offers), offers[0]);
  const npm = 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*';
  t.equal(negotiate(npm, offers), offers[1]);
  t.equal(negotiate('application/vnd.npm.install-v1+json', offers), offers[1]);
  t.equal(negotiate('application/*;q=0.5, application/json;q=0.1', offers), offers[1]);
  t.equal(negotiate('text/html', offers), null);
  t.equal(negotiate('application/json;q=0', offers), null);
});

t.test('what a handler returns becomes a response', async (t) => {
  const json = toResponse({ status: 'ok', headers: {} });
  t.equal(json.status, 200, 'an object that merely looks alike is a document');
  t.equal(json.headers['Content-Type'], 'application/json');
  t.equal((await streamToBuffer(json.body)).toString(), '{"status":"ok","headers":{}}');
  const lookalike = toResponse({ status: 201, headers: {}, name: 'a package' });
  t.equal(lookalike.status, 200, 'an object with other fields beside status and headers is a document too');
  t.equal(toResponse({ status: 201, headers: { A: 'b' } }).status, 201);
  t.equal(toResponse('text').headers['Content-Type'], 'text/plain; charset=utf-8');
  t.equal(toResponse(new Uint8Array(3)).headers['Content-Length'], '3');
  t.equal(respond(200, {}, { 'content-type': 'application/x' }).headers['Content-Type'], undefined);
});

t.test('no body where HTTP allows none, and its source is freed', async (t) => {
  let cancelled = 0;
  const body = () => new ReadableStream<Uint8Array>({ cancel: () => void cancelled++ });
  const head = await withoutForbiddenBody({ status: 200, headers: { 'Content-Length': '9' }, body: body() }, 'HEAD');
  t.same(head, { status: 200, headers: { 'Content-Length': '9' } });
  for (const status of [204, 205, 304]) {
    const headers = { ETag: '"a"', 'Content-Length': '9' };
    t.same(await withoutForbiddenBody({ status, headers, body: body() }, 'GET'), { status, headers: { ETag: '"a"' } });
  }
  t.equal(cancelled, 4);
});

t.test('an answer without a body says nothing about one, unless it stands for one', async (t) => {
  const headersOf = async (status: number, method = 'GET') => {
    const { headers, body } = await withoutForbiddenBody(respond(status, 'text', { ETag: '"x"' }), method);
    t.equal(body, undefined);
    return Object.keys(headers).sort();
  };
  t.same(await headersOf(204), ['ETag']);
  t.same(await headersOf(205), ['ETag']);
  t.same(await headersOf(304), ['Content-Type', 'ETag'], 'what the client has');
  t.same(await headersOf(200, 'HEAD'), ['Content-Length', 'Content-Type', 'ETag'], 'what GET would get');
});

t.test(
  'objects of the fetch standard in a context become plain ones, and all the rest stays as the host gave it',
  async (t) => {
    let asked = 0;
    const { signal } = new AbortController();
    const rest = {
      method: 'GET',
      path: '/x',
      body: 'b',
      token: 't',
      actor: { ip: '::1' },
      baseUrl: 'http://x',
      prefix: '/p',
      trace: {},
    };
    const given = {
      ...rest,
      headers: new Headers({ 'X-One': '1' }),
      query: new URLSearchParams('a=1&a=2&__proto__=3'),
      get signal() {
        asked++;
        return signal;
      },
    };
    const plain = plainContext(given);
    t.equal(asked, 0, 'hosts make the signal on demand');
    t.match(plain, rest);
    t.equal(plain.trace, given.trace, 'the registry writes into the object of the host');
    t.equal(plain.signal, signal);
    t.same(plain.headers, { 'x-one': '1' });
    t.same(Object.entries(plain.query), [
      ['a', ['1', '2']],
      ['__proto__', '3'],
    ]);
    const own = { ...rest, headers: {}, query: {} };
    t.equal(plainContext(own), own);
  },
);
