import t, { type Test } from 'tap';
import type { TErrorKind } from '../../../ts/core/classes.registryerror.js';
import { S3ObjectStore } from '../../../ts/core/objectstore/s3/classes.s3objectstore.js';
import { ofKind } from '../../support/expect.js';
import { startSmallServer } from '../../support/store/s3-small-server.js';

const setUp = async (t: Test) => {
  const server = await startSmallServer({ conditions: true });
  const store = new S3ObjectStore(server.config);
  t.teardown(async () => {
    await store.destroy();
    await server.stop();
  });
  await store.init();
  return { server, store };
};

t.test('what a refused write says to the caller', async (t) => {
  const { server, store } = await setUp(t);
  const cases: [status: number, answer: { code: string } | { html: string }, kind: TErrorKind, isRepeated: boolean][] =
    [
      [413, { html: '<h1>Request Entity Too Large</h1>' }, 'tooLarge', false],
      [400, { code: 'EntityTooLarge' }, 'tooLarge', false],
      [400, { code: 'KeyTooLongError' }, 'invalid', false],
      [409, { code: 'ObjectParentIsFile' }, 'conflict', true],
      [429, { html: '<h1>Too Many Requests</h1>' }, 'unavailable', true],
      [501, { code: 'NotImplemented' }, 'unavailable', false],
      [404, { code: 'NoSuchBucket' }, 'unavailable', false],
      [404, { code: 'NoSuchKey' }, 'unavailable', false],
      [502, { html: '<h1>Bad Gateway</h1>' }, 'outcomeUnknown', true],
    ];
  for (const [status, answer, kind, isRepeated] of cases) {
    server.seen.length = 0;
    server.intercept(({ method }) => (method === 'PUT' ? { status, ...answer } : undefined));
    const name = `${status} ${JSON.stringify(answer)}`;
    await t.rejects(store.put('key', Buffer.from('x')), ofKind(kind), name);
    const puts = server.seen.filter(
      ({ method, headers }) => method === 'PUT' && headers['user-agent'] === 'smartregistry',
    );
    t.equal(puts.length > 1, isRepeated, `${name} is ${isRepeated ? '' : 'not '}sent again`);
    t.notOk(server.objects.has('key'));
  }
  await t.rejects(store.put('key', Buffer.from('x'), { size: 2 }), ofKind('invalid'));
  await t.rejects(store.put('key', Buffer.from('x'), { contentType: 'a\nb' }), ofKind('invalid'));
  await t.rejects(store.compose('key', []), ofKind('invalid'));
});

t.test('an answer of success with nothing in it is none of S3', async (t) => {
  const { server, store } = await setUp(t);
  server.objects.set('key', { bytes: Buffer.from('old'), headers: {} });
  for (const headers of [{}, { 'content-length': '3' }, { etag: '"e"' }] as Record<string, string>[]) {
    server.intercept(({ method, key }) => (method === 'GET' && key ? { status: 200, headers } : undefined));
    await t.rejects(store.get('key'), ofKind('unavailable'), JSON.stringify(headers));
  }
  server.intercept(({ method }) => (method === 'PUT' ? { status: 200, headers: {} } : undefined));
  await t.rejects(store.put('new', Buffer.from('x'), { ifNoneMatch: '*' }), ofKind('outcomeUnknown'));
  server.intercept(({ query }) => (query.has('list-type') ? { status: 200, headers: {} } : undefined));
  await t.rejects(store.list({ prefix: '' })[Symbol.asyncIterator]().next(), ofKind('unavailable'));
});

t.test('pages of a listing: each is asked for with the token of the one before, until nothing is wanted', async (t) => {
  const { server, store } = await setUp(t);
  const page = (keys: string[], token?: string) =>
    `<?xml version="1.0"?><ListBucketResult><IsTruncated>${token !== undefined}</IsTruncated>${
      token ? `<NextContinuationToken>${token}</NextContinuationToken>` : ''
    }${keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size><ETag>"e"</ETag></Contents>`).join('')}</ListBucketResult>`;
  const pages: Record<string, string> = {
    first: page(['p/a', 'p/b'], 'two'),
    two: page([], 'three'),
    three: page(['p/c', 'p/d']),
  };
  const asked: (string | null)[][] = [];
  server.intercept(({ query }) => {
    if (!query.has('list-type')) return undefined;
    asked.push(['prefix', 'start-after', 'max-keys'].map((name) => query.get(name)));
    return { status: 200, html: pages[query.get('continuation-token') ?? 'first'] as string };
  });
  const keysOf = async (options: { after?: string; limit?: number } = {}) => {
    asked.length = 0;
    const keys: string[] = [];
    for await (const item of store.list({ prefix: 'p/', ...options })) if ('key' in item) keys.push(item.key);
    return keys;
  };
  t.same(await keysOf(), ['p/a', 'p/b', 'p/c', 'p/d']);
  t.same(asked, Array(3).fill(['p/', null, '1000']));
  t.same(await keysOf({ limit: 3, after: 'p/A' }), ['p/a', 'p/b', 'p/c']);
  t.same(asked, [
    ['p/', 'p/A', '3'],
    ['p/', 'p/A', '1'],
    ['p/', 'p/A', '1'],
  ]);
  t.same(await keysOf({ limit: 2 }), ['p/a', 'p/b']);
  t.equal(asked.length, 1, 'what is not wanted is not asked for');
});

t.test('keys in a listing are decoded, a plus sign to a space', async (t) => {
  const { server, store } = await setUp(t);
  const html =
    '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>' +
    '<Contents><Key>a+b%2Bc%20%C3%A4</Key><Size>1</Size></Contents></ListBucketResult>';
  server.intercept(({ query }) => (query.has('list-type') ? { status: 200, html } : undefined));
  const keys: unknown[] = [];
  for await (const item of store.list({ prefix: '' })) keys.push('key' in item && item.key);
  t.same(keys, ['a b+c ä']);
});

t.test('on a server that ignores conditions, no write is made for an object that is not there', async (t) => {
  const server = await startSmallServer();
  const store = new S3ObjectStore(server.config);
  t.teardown(async () => {
    await store.destroy();
    await server.stop();
  });
  await store.init();
  await t.rejects(store.put('key', Buffer.from('x'), { ifMatch: 'gone' }), ofKind('preconditionFailed'));
  t.notOk(server.objects.has('key'));
});

t.test('what is taken is found out before anything is joined', async (t) => {
  const { server, store } = await setUp(t);
  await store.put('key', Buffer.from('x'));
  const compose = store.compose('key', ['a', 'b'], { sizes: [6e6, 6e6], ifNoneMatch: '*' });
  await t.rejects(compose, ofKind('preconditionFailed'), 'and not "unsupported", as on a server without such joins');
  t.equal(server.objects.get('key')?.bytes.toString(), 'x');
});

t.test('a server that honours one of the two conditions has no conditional writes', async (t) => {
  for (const ignored of ['if-match', 'if-none-match']) {
    const server = await startSmallServer({ conditions: true });
    t.teardown(() => server.stop());
    server.intercept(({ method, headers }) =>
      method === 'PUT' && headers[ignored] ? { status: 200, headers: { etag: '"e"' } } : undefined,
    );
    const store = new S3ObjectStore(server.config);
    await store.init();
    t.equal(store.conditionalWrites, false, ignored);
    await store.destroy();
  }
});

t.test(
  'a refusal without an error document may come from a proxy that has passed the write on: it is in doubt',
  async (t) => {
    const { server, store } = await setUp(t);
    server.intercept(({ method }) => (method === 'PUT' ? { status: 403, html: '<h1>Forbidden</h1>' } : undefined));
    await t.rejects(store.put('key', Buffer.from('x'), { ifNoneMatch: '*' }), ofKind('outcomeUnknown'));
    const bySdk = server.seen.filter(
      ({ method, key, headers }) => method === 'PUT' && key === 'key' && headers['user-agent'] !== 'smartregistry',
    );
    t.equal(bySdk.length, 0, 'it is not handed to the SDK, which would send it once more');
  },
);

t.test('metadata that another program wrote and did not encode are read as they are', async (t) => {
  const { server, store } = await setUp(t);
  const headers = { 'x-amz-meta-note': '100%', 'x-amz-meta-write-id': '%zz' };
  server.objects.set('key', { bytes: Buffer.from('x'), headers });
  t.same((await store.head('key'))?.metadata, { note: '100%', 'write-id': '%zz' });
  const object = await store.get('key');
  t.ok(object && object !== 'notModified');
});
