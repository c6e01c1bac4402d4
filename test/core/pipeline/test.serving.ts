import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import t from 'tap';
import { streamToBuffer } from '../../../ts/core/base/helpers.streams.js';
import type { AuthManager } from '../../../ts/core/classes.authmanager.js';
import type { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { AnswerCache, type IAnswerBasis } from '../../../ts/core/pipeline/serving/classes.answercache.js';
import { RenderCache } from '../../../ts/core/pipeline/serving/classes.rendercache.js';
import { PUBLIC_URL, Rendering } from '../../../ts/core/pipeline/serving/classes.rendering.js';
import { type IServeListingOptions, serveListing } from '../../../ts/core/pipeline/serving/helpers.listing.js';
import {
  type IServeRequest,
  loadExact,
  serveExact,
  serveObject,
  serveRendering,
} from '../../../ts/core/pipeline/serving/helpers.serving.js';
import type {
  IServeObjectOptions,
  IServeRenderingOptions,
} from '../../../ts/core/pipeline/serving/interfaces.serving.js';
import type { IRequestContext, IResponse } from '../../../ts/index.js';

const NOW = Date.parse('2026-01-01T00:00:10.500Z');
const HOUR_AGO = new Date(NOW - 3_600_000);
const CHANGED = 'Wed, 31 Dec 2025 23:00:10 GMT';

const requestOf = (headers: Record<string, string> = {}, method = 'GET', more: object = {}): IServeRequest => ({
  method,
  header: (name) => headers[name],
  storage: { now: () => new Date(NOW), ...more } as unknown as RegistryStorage,
});

const read = async ({ status, headers, body }: IResponse) => ({
  status,
  headers,
  text: `${await streamToBuffer(body)}`,
});

t.test('a rendering: its headers, and what changes them', async (t) => {
  const serve = async (
    body: string,
    headers: Record<string, string> = {},
    options: IServeRenderingOptions = {},
    more: object = {},
    method = 'GET',
  ) => {
    const rendering = Rendering.of({ body, contentType: 'text/plain', ...more });
    return serveRendering(requestOf(headers, method), rendering, HOUR_AGO, options);
  };
  const etag = createHash('sha256').update('text').digest('base64url').slice(0, 27);
  const digest = `sha-256=:${createHash('sha256').update('text').digest('base64')}:`;
  t.same(await read(await serve('text')), {
    status: 200,
    headers: {
      'Content-Type': 'text/plain',
      ETag: `"${etag}"`,
      'Cache-Control': 'no-cache',
      Vary: 'Accept, Accept-Encoding',
      'Last-Modified': CHANGED,
      'Content-Length': '4',
    },
    text: 'text',
  });
  t.match((await serve('text', {}, { ranges: true, reprDigest: true })).headers, {
    'Accept-Ranges': 'bytes',
    'Repr-Digest': digest,
  });
  const overridden = await serve('text', {}, { headers: { Vary: 'Own', A: '1' } }, { headers: { A: '2', B: '3' } });
  t.match(overridden.headers, { Vary: 'Own', A: '1', B: '3' });
  const dated = await serve('text', {}, {}, { lastModified: new Date(NOW - 7_200_000) });
  t.equal(dated.headers['Last-Modified'], 'Wed, 31 Dec 2025 22:00:10 GMT', 'its own time counts');

  const gzip = { 'accept-encoding': 'gzip' };
  t.equal((await serve('x'.repeat(1023), gzip)).headers['Content-Encoding'], undefined);
  const packed = await serve('x'.repeat(1024), gzip, { reprDigest: true });
  t.match(packed.headers, { 'Content-Encoding': 'gzip', ETag: /-gzip"$/, 'Repr-Digest': undefined });
  t.equal(`${gunzipSync(await streamToBuffer(packed.body))}`, 'x'.repeat(1024));
  const one = await serve('x'.repeat(1024), gzip, { reprDigest: true, oneEtag: true });
  t.match(one.headers, { 'Content-Encoding': 'gzip', ETag: /[^p]"$/, 'Repr-Digest': /^sha-256=/ });
  t.equal((await serve('x'.repeat(1024), gzip, {}, { compressible: false })).headers['Content-Encoding'], undefined);
  const known = { ...gzip, 'if-none-match': packed.headers.ETag as string };
  t.match(await serve('x'.repeat(1024), known), { status: 304, headers: { 'Content-Encoding': undefined } });
  t.equal((await serve('x'.repeat(1024), { 'if-none-match': packed.headers.ETag as string })).status, 304);

  const ranged = (range: string, more: Record<string, string> = {}, options = { ranges: true }) =>
    serve('x'.repeat(2000), { range, ...more }, options);
  t.match(await ranged('bytes=0-1', gzip), {
    status: 206,
    headers: { 'Content-Range': 'bytes 0-1/2000', 'Content-Encoding': undefined },
  });
  t.equal((await ranged('bytes=0-1', gzip, { ranges: false })).status, 200);
  t.equal((await serve('text', { range: 'bytes=0-1' }, { ranges: true }, {}, 'HEAD')).status, 200);
  t.equal((await ranged('bytes=0-1', { 'if-range': CHANGED })).status, 206);
  t.equal((await ranged('bytes=0-1', { 'if-range': 'Wed, 31 Dec 2025 23:00:11 GMT' })).status, 200);
  t.equal((await ranged('bytes=0-1', { 'if-range': 'nonsense' })).status, 200);
  const { ETag: whole = '' } = (await ranged('bytes=0-1')).headers;
  for (const [ifRange, status] of [
    [whole, 206],
    [` ${whole} `, 206],
    [`W/${whole}`, 200],
    [whole.replace(/"$/, '-gzip"'), 200],
    [`${whole}, "other"`, 200],
  ] as const) {
    t.equal((await ranged('bytes=0-1', { 'if-range': ifRange })).status, status, ifRange);
  }
  await t.rejects(ranged('bytes=2000-'), { kind: 'rangeInvalid' } as never);
});

t.test('dates: whole seconds, and none for what changed a moment ago', async (t) => {
  const serve = (lastModified: Date, headers: Record<string, string> = {}) =>
    serveRendering(requestOf(headers), Rendering.of({ body: 'x', contentType: 'a/b', lastModified }), HOUR_AGO);
  const since = (time: string) => ({ 'if-modified-since': time });
  t.equal((await serve(HOUR_AGO, since(CHANGED))).status, 304);
  t.equal((await serve(HOUR_AGO, since('Wed, 31 Dec 2025 23:00:09 GMT'))).status, 200);
  t.equal((await serve(HOUR_AGO, since('nonsense'))).status, 200);
  t.equal((await serve(HOUR_AGO, { ...since(CHANGED), 'if-none-match': '"other"' })).status, 200, 'the ETag decides');
  const old = new Date(NOW - 2000);
  t.equal((await serve(old)).headers['Last-Modified'], old.toUTCString());
  const fresh = new Date(NOW - 1999);
  t.equal((await serve(fresh)).headers['Last-Modified'], undefined);
  t.equal((await serve(fresh, since(new Date(NOW + 9000).toUTCString()))).status, 200);
});

t.test('content in memory under the ETag of its caller', async (t) => {
  const serve = (
    options: Partial<IServeObjectOptions> = {},
    headers: Record<string, string> = {},
    lastModified?: Date,
  ) => {
    const rendering = Rendering.of({ body: 'bytes', contentType: 'a/b', ...(lastModified && { lastModified }) });
    return serveExact(requestOf(headers), rendering, { etag: 'e', ...options });
  };
  t.same(await read(serve({}, {}, HOUR_AGO)), {
    status: 200,
    headers: {
      'Content-Type': 'a/b',
      ETag: '"e"',
      'Last-Modified': CHANGED,
      'Cache-Control': 'no-cache',
      'Content-Length': '5',
    },
    text: 'bytes',
  });
  t.equal(serve({ immutable: true }).headers['Cache-Control'], 'max-age=31536000, immutable');
  t.equal(serve({ headers: { 'Accept-Ranges': 'bytes' } }).headers['Accept-Ranges'], 'bytes');
  t.equal(serve({ contentType: 'c/d' }).headers['Content-Type'], 'c/d');
  t.match(serve({}, { 'if-none-match': '"e"' }), { status: 304, headers: { ETag: '"e"' }, body: undefined });
  const fresh = new Date(NOW - 10);
  t.ok(serve({}, {}, fresh).headers['Last-Modified'], 'what never changes has its date at once');
  t.equal(serve({ immutable: false }, {}, fresh).headers['Last-Modified'], undefined);
  t.ok(serve({ immutable: false, lastModified: HOUR_AGO }, {}, fresh).headers['Last-Modified']);
  const digest = { reprDigest: '00ff' };
  t.equal(serve(digest).headers['Repr-Digest'], 'sha-256=:AP8=:');
});

t.test('a small object is kept only if it is what it should be', async (t) => {
  const found = (more: object = {}) => ({
    open: async () => ({
      info: { lastModified: HOUR_AGO, ...more },
      body: new Blob(['bytes']).stream() as ReadableStream<Uint8Array>,
    }),
  });
  const load = async (storage: object, options: object = {}) => {
    const rendering = await loadExact(storage as RegistryStorage, 'key', options);
    return rendering && [`${rendering.bytes}`, rendering.contentType, rendering.lastModified];
  };
  t.same(await load(found()), ['bytes', 'application/octet-stream', HOUR_AGO]);
  t.same(await load(found({ contentType: 'a/b' }), { size: 5, isIntact: () => true }), ['bytes', 'a/b', HOUR_AGO]);
  for (const size of [4, 6]) t.equal(await load(found(), { size }), null, `${size}`);
  t.equal(await load(found(), { isIntact: () => false }), null);
  for (const none of [null, 'notModified']) t.equal(await load({ open: async () => none }), null);
});

t.test('a download: what is looked at before its content is opened', async (t) => {
  const content = 'hello world';
  const info = { key: 'k', etag: 's', size: content.length, lastModified: HOUR_AGO, contentType: 'a/b' };
  const calls: string[] = [];
  const storage = {
    now: () => new Date(NOW),
    head: async () => calls.push('head') && info,
    headForGet: async () => calls.push('headForGet') && info,
    open: async (_key: string, { range }: { range?: { start: number; end?: number } }, about?: object) => {
      calls.push(about ? 'open with hooks' : 'open');
      const [start, end] = [range?.start ?? 0, range?.end ?? content.length - 1];
      const body = new Blob([content.slice(start, end + 1)]).stream();
      return { info, body, ...(range && { range: { start, end } }) };
    },
  };
  const get = async (headers: Record<string, string> = {}, options: object = {}, method = 'GET') => {
    calls.length = 0;
    const answer = await serveObject(requestOf(headers, method, storage), 'k', options);
    return answer && (await read(answer));
  };
  const about = { about: { kind: 'artifact' } };
  t.match(await get(), { status: 200, text: content, headers: { ETag: '"s"', 'Content-Length': '11' } });
  t.same(calls, ['open']);
  t.match(await get({ range: 'bytes=1-2' }, about), { status: 206, text: 'el' });
  t.same(calls, ['open with hooks']);
  t.match(await get({ 'if-none-match': '"x"' }, about), { status: 200 });
  t.same(calls, ['headForGet', 'open'], 'hooks run once');
  t.match(await get({ 'if-none-match': '"s"' }, { headers: { A: 'b' } }), {
    status: 304,
    text: '',
    headers: { 'Accept-Ranges': 'bytes', A: 'b', 'Last-Modified': CHANGED },
  });
  t.same(calls, ['head']);
  t.match(await get({}, {}, 'HEAD'), { status: 200, text: '', headers: { 'Content-Length': '11' } });
  for (const condition of ['if-modified-since', 'if-range']) {
    await get({ [condition]: 'x' });
    t.same(calls, ['head', 'open'], condition);
  }
  t.match(await get({ range: 'bytes=0-0,2-2' }), { status: 206, headers: { 'Content-Type': /^multipart/ } });
  t.match(await get({ range: 'bytes=0-3,2-5' }), { status: 206, text: 'hello ' });
  t.match(await get({ 'if-range': '"s"', range: 'bytes=0-1' }), { status: 206, text: 'he' });
  t.match(await get({}, { etag: 'own', contentType: 'c/d', immutable: true, reprDigest: '00' }), {
    headers: {
      ETag: '"own"',
      'Content-Type': 'c/d',
      'Cache-Control': 'max-age=31536000, immutable',
      'Repr-Digest': 'sha-256=:AA==:',
    },
  });
  const absent = { ...storage, head: async () => null, open: async () => null };
  for (const headers of [{}, { 'if-none-match': '"s"' }]) {
    t.equal(await serveObject(requestOf(headers as Record<string, string>, 'GET', absent), 'k'), null);
  }
});

t.test('links in a rendering are those of each caller, and few callers are kept', async (t) => {
  const body = `a ${PUBLIC_URL}/1 b ${PUBLIC_URL}/2 ü ${PUBLIC_URL}`;
  const made = Rendering.of({ body, contentType: 'a/b' }, 'http://x');
  t.equal(`${made.bytes}`, 'a http://x/1 b http://x/2 ü http://x');
  const long = made.linkedTo('https://longer.example.org/npm');
  const other = 'https://longer.example.org/npm';
  t.equal(`${long.bytes}`, `a ${other}/1 b ${other}/2 ü ${other}`);
  t.equal(`${long.linkedTo('http://x').bytes}`, `${made.bytes}`);
  t.equal(made.linkedTo('http://x'), made);
  t.equal(long.publicUrl, other);
  t.equal(made.cost, made.bytes.byteLength + (made.bytes.byteLength >> 2) + 24 + 1024);
  const plain = Rendering.of({ body: { a: 1 }, contentType: 'a/b' }, 'http://x');
  t.same([plain.publicUrl, `${plain.bytes}`, plain.linkedTo('http://y') === plain], [undefined, '{"a":1}', true]);
  const packable = Rendering.of({ body: 'x'.repeat(2000), contentType: 'a/b' });
  t.equal(packable.gzip, undefined);
  const [one, two] = await Promise.all([packable.gzipped(), packable.gzipped()]);
  t.equal(one, two);
  t.equal(packable.gzip, one);
  for (const own of [{ etag: 'e' }, { sha256: '00' }, { headers: {} }]) {
    t.throws(() => Rendering.of({ body, contentType: 'a/b', ...own }, 'http://x'), { kind: 'internal' } as never);
  }

  const cache = new RenderCache(1_000_000);
  await cache.get('n', async () => made);
  t.same(cache.linked('n', made, 'http://x'), { name: 'n', rendering: made });
  t.same(cache.linked('n', plain, 'http://y'), { name: 'n', rendering: plain });
  const nameOf = (url: string) => `n\n${url}`;
  const urls = ['http://1', 'http://2', 'http://3', 'http://4'];
  for (const url of urls.slice(0, 3)) t.equal(cache.linked('n', made, url).name, nameOf(url));
  const first = cache.linked('n', made, 'http://1').rendering;
  t.equal(cache.linked('n', made, 'http://1').rendering, first, 'not made anew');
  cache.linked('n', made, 'http://4');
  t.same(
    urls.filter((url) => cache.peek(nameOf(url))),
    ['http://1', 'http://3', 'http://4'],
    'the least recently used of three makes room',
  );
  t.equal(cache.peek('n'), made);
});

t.test('a cached answer: for which request it is one', async (t) => {
  let etag = 'e';
  const store = { glance: () => ({ etag }) };
  const renders = new RenderCache(100_000);
  await renders.get('r', async () => Rendering.of({ body: 'x'.repeat(2000), contentType: 'a/b' }));
  let now = 0;
  const answers = new AnswerCache(store as never, renders, () => now);
  let repeated = 0;
  const basis = (more: Partial<IAnswerBasis> = {}): IAnswerBasis => ({
    audience: 'anybody',
    validUntil: 100,
    headers: [['accept', 'a']],
    baseUrl: undefined,
    document: { key: 'k', etag: 'e' },
    rendering: { name: 'r', packed: false },
    status: 200,
    responseHeaders: { A: 'b' },
    repeated: () => repeated++,
    ...more,
  });
  const ask = (more: Partial<IRequestContext> = {}, caller: () => unknown = () => undefined) =>
    answers.find({ method: 'GET', path: '/', query: {}, headers: { accept: 'a' }, ...more }, '/p', caller as never);
  t.equal(ask(), undefined);
  answers.keep('/p', basis());
  t.match(ask(), { status: 200, headers: { A: 'b' } });
  t.equal(repeated, 1);
  t.equal(ask({ headers: { accept: 'b' } }), undefined);
  t.equal(ask({ headers: {} }), undefined);
  t.equal(ask({ baseUrl: 'http://x' }), undefined);
  for (const other of [{ method: 'HEAD' }, { method: 'POST' }, { body: 'x' }, { query: { a: '1' } }]) {
    t.equal(ask(other), undefined, JSON.stringify(other));
    t.equal(answers.takes({ method: 'GET', path: '/', query: {}, headers: {}, ...other }), false);
  }
  t.ok(ask({ body: null }));
  t.equal(answers.takes({ method: 'GET', path: '/', query: {}, headers: {}, body: null }), true);
  t.equal(new AnswerCache({} as never, renders).takes({ method: 'GET', path: '/', query: {}, headers: {} }), false);
  repeated = 0;
  etag = 'f';
  t.equal(ask(), undefined, 'the document has changed');
  etag = 'e';
  now = 100;
  t.equal(ask(), undefined, 'it has ended');
  t.equal(repeated, 0);
  answers.keep('/p', basis({ validUntil: 100 }));
  now = 99;
  t.ok(ask());
  answers.keep('/p', basis({ status: 304 }));
  t.match(ask(), { status: 304, headers: { A: 'b' } }, 'a later one takes its place');
  t.equal(ask()?.body, undefined);
  answers.keep('/p', basis({ rendering: { name: 'r', packed: true } }));
  t.equal(ask(), undefined, 'its gzip form is not there');
  await renders.peek('r')?.gzipped();
  t.same(gunzipSync(await streamToBuffer(ask()?.body)).length, 2000);

  const [ann, bob] = [
    { token: null, validUntil: 100, revision: 0 },
    { token: null, validUntil: 100, revision: 0 },
  ];
  answers.keep('/p', basis({ rendering: { name: 'gone', packed: false } }));
  answers.keep('/p', basis({ audience: ann, responseHeaders: { for: 'ann' } }));
  answers.keep('/p', basis({ audience: bob, responseHeaders: { for: 'bob' } }));
  let asked = 0;
  const as = (caller: unknown) => () => {
    asked++;
    return caller;
  };
  t.match(ask({}, as(ann)), { headers: { for: 'ann' } });
  t.equal(asked, 1, 'the caller is asked for once');
  t.match(ask({}, as(bob)), { headers: { for: 'bob' } });
  t.equal(ask({}, as(undefined)), undefined);
  t.equal(ask({}, as({ ...ann })), undefined, 'nobody else');

  const size = (length: number) => basis({ headers: [['accept', 'y'.repeat(length)]] });
  const longest = 4096 - 600 - 'accept'.length;
  for (const [length, isKept] of [
    [longest, true],
    [longest + 1, false],
  ] as const) {
    answers.keep('/long', size(length));
    const found = answers.find(
      { method: 'GET', path: '/', query: {}, headers: { accept: 'y'.repeat(length) } },
      '/long',
      () => undefined,
    );
    t.equal(found !== undefined, isKept, String(length));
  }
  for (let n = 0; n < 9; n++) answers.keep('/many', basis({ headers: [['accept', `${n}`]] }));
  const kept = Array.from({ length: 9 }, (_, n) =>
    answers.find({ method: 'GET', path: '/', query: {}, headers: { accept: `${n}` } }, '/many', () => undefined),
  );
  t.same(
    kept.map((one) => one !== undefined),
    [false, ...Array(8).fill(true)],
  );
});

const serve = async (
  names: string[],
  options: Partial<IServeListingOptions<object>> & Pick<IServeListingOptions<object>, 'render'>,
  headers: Record<string, string> = {},
  listing: object = { sorted: async () => ({ version: 1, packages: names.map((name) => ({ name, entry: {} })) }) },
) => {
  const auth = { allowsAll: async () => true } as unknown as AuthManager;
  const request = { header: (name: string) => headers[name], token: null, auth };
  const right = { protocol: 'p', type: 't', action: 'read' };
  return read(await serveListing(request, listing as never, right, { variant: 'v', ...options }));
};

t.test('a listing as text: its parts', async (t) => {
  const befores: (string | undefined)[] = [];
  const render = {
    contentType: 'text/plain',
    header: '<',
    entry: (name: string, _entry: object, before: string | undefined) => {
      befores.push(before);
      return name === 'hidden' ? null : name;
    },
    separator: ',',
    footer: '>',
  };
  const whole = await serve(['hidden', 'a', 'b'], { render, headers: { 'X-Own': '1' } });
  t.equal(whole.text, '<a,b>');
  t.same(befores, [undefined, 'hidden', 'a']);
  const etag = createHash('sha256').update('<a,b>').digest('base64url').slice(0, 27);
  t.same(whole.headers, {
    'Content-Type': 'text/plain',
    ETag: `"${etag}"`,
    'Cache-Control': 'no-cache',
    Vary: 'Accept, Accept-Encoding',
    'X-Own': '1',
    'Content-Length': '5',
  });
  t.equal((await serve([], { render })).text, '<>');
  t.equal((await serve([], { render: { ...render, empty: 'none' } })).text, 'none');
  t.equal((await serve(['hidden'], { render: { ...render, empty: 'none' } })).text, '<>');
  t.equal((await serve(['a', 'b'], { render: { contentType: 'a/b', entry: (name: string) => name } })).text, 'ab');
  const md5 = await serve(['a'], { render, md5Etag: true });
  t.equal(md5.headers.ETag, `"${createHash('md5').update('<a>').digest('hex')}"`);
  const many = Array.from({ length: 3000 }, (_, n) => `${n}-${'x'.repeat(200)}`);
  t.equal((await serve(many, { render })).text, `<${many.join()}>`, 'in several pieces');
  const gzip = { 'accept-encoding': 'gzip' };
  const packed = await serve(many, { render }, gzip);
  t.match(packed.headers, { 'Content-Encoding': 'gzip', ETag: /-gzip"$/ });
  t.match((await serve(many, { render, md5Etag: true }, gzip)).headers, { 'Content-Encoding': 'gzip', ETag: /[^p]"$/ });
  for (const known of [packed.headers.ETag, packed.headers.ETag?.replace('-gzip', '')] as string[]) {
    t.match(await serve(many, { render }, { 'if-none-match': known }), { status: 304, text: '' });
  }
});

t.test('a listing in pieces, and as a gzip file', async (t) => {
  function* pieces(packages: readonly { name: string }[]) {
    for (const { name } of packages) yield Buffer.from(`${name};`);
    yield Buffer.alloc(0);
  }
  const plain = await serve(['a', 'b'], { render: { contentType: 'a/b', pieces } });
  t.equal(plain.text, 'a;b;');
  t.equal(plain.headers.ETag, `"${createHash('sha256').update('a;b;').digest('base64url').slice(0, 27)}"`);
  const names = Array.from({ length: 1000 }, (_, n) => `package-${n}`);
  const content = Buffer.from(`${names.join(';')};`);
  const file = gzipSync(content);
  const listing = { sorted: async () => ({ version: 1, packages: names.map((name) => ({ name, entry: {} })) }) };
  const auth = { allowsAll: async () => true } as unknown as AuthManager;
  const request = { header: (name: string) => (name === 'accept-encoding' ? 'gzip' : undefined), token: null, auth };
  const right = { protocol: 'p', type: 't', action: 'read' };
  const render = { contentType: 'application/gzip', pieces, gzip: true };
  const answer = await serveListing(request, listing as never, right, { variant: 'v', render, md5Etag: true });
  const bytes = await streamToBuffer(answer.body);
  t.same(gunzipSync(bytes), content);
  t.equal(answer.headers['Content-Encoding'], undefined, 'it is not packed twice');
  t.equal(answer.headers.ETag, `"${createHash('md5').update(bytes).digest('hex')}"`);
  t.equal(bytes.length, file.length);
});

t.test('a listing is made once for each version and form, and only the newest is kept', async (t) => {
  let version = 1;
  const listing = { sorted: async () => ({ version, packages: [{ name: `p${version}`, entry: {} }] }) };
  let made = 0;
  const ask = (variant: string) =>
    serve(
      [],
      {
        variant,
        render: () => {
          made++;
          return { contentType: 'a/b', entry: (name: string) => `${variant} ${name}` };
        },
      },
      {},
      listing,
    ).then(({ text }) => text);
  t.same([await ask('a'), await ask('a'), await ask('b'), await ask('a')], ['a p1', 'a p1', 'b p1', 'a p1']);
  t.equal(made, 2);
  t.same(await Promise.all([ask('c'), ask('c')]), ['c p1', 'c p1']);
  t.equal(made, 3, 'once for all that wait');
  version = 2;
  t.equal(await ask('a'), 'a p2');
  version = 1;
  t.equal(await ask('b'), 'b p1', 'of an older one that a slow caller asks for');
  t.equal(made, 5);
  version = 2;
  t.equal(await ask('a'), 'a p2');
  t.equal(made, 5);
});
