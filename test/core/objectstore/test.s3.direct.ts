import t from 'tap';
import { S3ObjectStore } from '../../../ts/core/objectstore/s3/classes.s3objectstore.js';
import { pageIn } from '../../../ts/core/objectstore/s3/connection/helpers.answers.js';
import { ofKind } from '../../support/expect.js';
import { readAll } from '../../support/store/objectstore-bytes.js';
import type { IFlakyProxy, ISeenRequest, TFate } from '../../support/store/s3-flaky-proxy.js';
import { openProxied } from '../../support/store/s3-proxied.js';
import { startS3Server, type TS3Kind } from '../../support/store/s3-server.js';
import { type ISmallRequest, startSmallServer } from '../../support/store/s3-small-server.js';

const kinds: TS3Kind[] = ['versitygw', 'minio'];
const servers = await Promise.all(kinds.map(startS3Server));
const [server] = servers;
const skip = server ? false : 'no S3 server here';
t.teardown(() => Promise.all(servers.map((one) => one?.stop())));

/** The requests since the last look, each with its range; `sdk` if the SDK built it. */
const sent = ({ seen }: IFlakyProxy): string[] =>
  seen.splice(0).map(({ method, headers }) => {
    const range = headers.range ? ` ${headers.range}` : '';
    return `${method}${range}${headers['user-agent'] === 'smartregistry' ? '' : ' sdk'}`;
  });

const textOf = async (store: S3ObjectStore, key: string): Promise<string> => {
  const object = await store.get(key);
  return object && object !== 'notModified' ? (await readAll(object.body)).toString() : `nothing at ${key}`;
};

for (const [index, kind] of kinds.entries()) {
  t.test(`what a look costs on ${kind}`, { skip: servers[index] ? false : `no ${kind} here` }, async (t) => {
    const { proxy, store, direct } = await openProxied(t, servers[index]!);
    const about = { contentType: 'text/x', metadata: { note: 'a b %' } };
    t.equal(await store.head('key'), null);
    t.same(sent(proxy), ['GET bytes=0-0'], 'one request, if nothing is there');

    const { etag } = await direct.put('key', Buffer.from('first'), about);
    t.match(await store.head('key'), { ...about, etag, size: 5 });
    t.same(sent(proxy), ['GET bytes=0-0'], 'one, if it was written by another process');
    t.match(await store.head('key'), { ...about, etag, size: 5 }, 'with the same outcome');
    t.same(sent(proxy), ['HEAD'], 'one, if it was there the last time');

    await direct.put('key', Buffer.from('second one'));
    t.match(await store.head('key'), { size: 10 }, "another writer's version is seen at once");
    await direct.delete('key');
    sent(proxy);
    t.equal(await store.head('key'), null, 'and so is its removal');
    t.same(sent(proxy), ['HEAD', 'GET bytes=0-0'], 'which takes a second request');
    t.equal(await store.head('key'), null);
    t.same(sent(proxy), ['GET bytes=0-0'], 'once');

    await direct.put('empty', new Uint8Array(), about);
    t.match(await store.head('empty'), { ...about, size: 0 }, 'an object without bytes has no range');
    t.same(sent(proxy), ['GET bytes=0-0', 'HEAD']);
    t.match(await store.head('empty'), { ...about, size: 0 });
    t.same(sent(proxy), ['HEAD']);

    await store.put('own', Buffer.from('x'));
    await store.head('own');
    t.same(sent(proxy), ['PUT', 'HEAD'], 'what was written here is there');
    await store.delete('own');
    t.equal(await store.head('own'), null);
    t.same(sent(proxy), ['DELETE', 'GET bytes=0-0'], 'and what was deleted is not');
  });

  t.test(`keys of all sorts on ${kind}`, { skip: servers[index] ? false : `no ${kind} here` }, async (t) => {
    const { proxy, store } = await openProxied(t, servers[index]!);
    for (const key of ['plain', 'a b/c+d', "!'()*~", 'ä/日本', '100%25/%2F', '@scope:x,y;z=1&2?q#f', '$']) {
      const { etag } = await store.put(key, Buffer.from(key), { ifNoneMatch: '*' });
      t.match(await store.head(key), { key, etag }, key);
      t.equal(await textOf(store, key), key);
      t.equal(await store.get(key, { ifNoneMatch: etag }), 'notModified');
      await store.delete(key);
      // a signature that the server does not accept would send the request another way, to the SDK
      t.same(sent(proxy), ['PUT', 'HEAD', 'GET', 'GET', 'DELETE'], 'each is one request');
    }
    const keys = ['a/1', 'a/2', 'b/1'];
    for (const key of keys) await store.put(key, Buffer.from(key));
    sent(proxy);
    const listed: unknown[] = [];
    for await (const item of store.list({ prefix: '' })) listed.push('key' in item ? [item.key, item.size] : item);
    t.same(
      listed,
      keys.map((key) => [key, 3]),
    );
    listed.length = 0;
    for await (const item of store.list({ prefix: '', delimiter: '/', limit: 1 })) listed.push(item);
    t.same(listed, [{ prefix: 'a/' }]);
    t.same(sent(proxy), ['GET', 'GET']);
  });
}

t.test('reads that fail are left to the SDK', { skip }, async (t) => {
  const { proxy, store, direct } = await openProxied(t, server!, { requestTimeoutMs: 700 });
  await direct.put('key', Buffer.from('x'));
  const first = async (): Promise<unknown> => {
    for await (const item of store.list({ prefix: 'k' })) return item;
    return null;
  };
  const reads: [string, () => Promise<unknown>][] = [
    ['head', () => store.head('key')],
    ['get', () => textOf(store, 'key')],
    ['list', first],
  ];
  for (const fate of ['dropRequest', 'dropReply', 'silence'] as TFate[]) {
    for (const [name, read] of reads) {
      const expected = await read();
      sent(proxy);
      const fates = [fate];
      proxy.decide(() => fates.shift() ?? 'pass');
      t.same(await read(), expected, `${name}, ${fate}`);
      const [own, again, ...others] = sent(proxy);
      t.notMatch(own, /sdk/);
      t.match(again, / sdk$/);
      t.same(others, []);
    }
  }
  proxy.decide(({ method }: Pick<ISeenRequest, 'method'>) => (method === 'HEAD' ? 'silence' : 'pass'));
  const begun = Date.now();
  await t.rejects(store.head('key'), ofKind('unavailable'));
  t.ok(Date.now() - begun < 700 * 6, 'a silent server is given up in the same time');
});

t.test('writes that the server refuses to begin with are left to the SDK', async (t) => {
  const small = await startSmallServer({ conditions: true });
  const store = new S3ObjectStore(small.config);
  t.teardown(async () => {
    await store.destroy();
    await small.stop();
  });
  await store.init();
  const isOwn = ({ headers }: ISmallRequest): boolean => headers['user-agent'] === 'smartregistry';
  // a clock that is wrong, credentials that have run out: the SDK may have an answer to it
  for (const code of ['RequestTimeTooSkewed', 'ExpiredToken']) {
    small.intercept((request) => (isOwn(request) ? { status: code === 'ExpiredToken' ? 400 : 403, code } : undefined));
    await store.put('key', Buffer.from(code), { ifNoneMatch: '*' });
    t.equal(small.objects.get('key')?.bytes.toString(), code);
    await store.delete('key');
    t.notOk(small.objects.has('key'), 'a delete likewise');
  }
  small.intercept(() => undefined);
  await store.put('key', Buffer.from('x'));
  small.intercept((request) => (isOwn(request) ? { status: 500, code: 'InternalError' } : undefined));
  small.seen.length = 0;
  await t.rejects(store.delete('key'), ofKind('outcomeUnknown'));
  t.equal(
    small.seen.filter(({ method }) => method === 'DELETE').length,
    1,
    'what may have been done is not sent again',
  );
});

t.test('folders that somebody has made with a file manager are no objects', async (t) => {
  const small = await startSmallServer({ conditions: true });
  const store = new S3ObjectStore(small.config);
  t.teardown(async () => {
    await store.destroy();
    await small.stop();
  });
  await store.init();
  await store.put('folder/key', Buffer.from('x'));
  small.objects.set('folder/', { bytes: Buffer.alloc(0), headers: {} });
  const keys: unknown[] = [];
  for await (const item of store.list({ prefix: '' })) keys.push('key' in item ? item.key : item);
  t.same(keys, ['folder/key']);
});

t.test('a completion that is applied late, and the next one finds no upload: the object decides', async (t) => {
  const small = await startSmallServer({ conditions: true, multipart: true });
  const store = new S3ObjectStore(small.config);
  t.teardown(async () => {
    await store.destroy();
    await small.stop();
  });
  await store.init();
  const bytes = Buffer.alloc(10 * 1024 ** 2, 'x');
  let headers: Record<string, string> = {};
  let ends = 0;
  small.intercept((request) => {
    if (request.method !== 'POST' || request.key !== 'key') return undefined;
    if (request.query.has('uploads')) {
      headers = Object.fromEntries(
        Object.entries(request.headers as Record<string, string>).filter(([name]) => name.startsWith('x-amz-meta-')),
      );
      return undefined;
    }
    ends++;
    if (ends === 1) return { status: 500, code: 'InternalError' };
    small.objects.set('key', { bytes, headers });
    return { status: 404, code: 'NoSuchUpload' };
  });
  const { etag } = await store.put('key', new Blob([bytes]).stream());
  t.equal(ends, 2);
  t.match(await store.head('key'), { etag, size: bytes.byteLength });
});

t.test('a caller who leaves while a write is under way is not told that nothing was written', async (t) => {
  const small = await startSmallServer({ conditions: true });
  const store = new S3ObjectStore(small.config);
  t.teardown(async () => {
    await store.destroy();
    await small.stop();
  });
  await store.init();
  const before = new AbortController();
  before.abort(new Error('the client is gone'));
  await t.rejects(store.put('key', Buffer.from('x'), { signal: before.signal }), /the client is gone/);
  t.notOk(small.objects.has('key'));
  const meanwhile = new AbortController();
  small.intercept(({ method }) => {
    if (method === 'PUT') meanwhile.abort(new Error('the client is gone'));
    return undefined;
  });
  await t.rejects(store.put('key', Buffer.from('x'), { signal: meanwhile.signal }), ofKind('outcomeUnknown'));
});

t.test('an answer that does not say how long the object is does not pass for an empty object', async (t) => {
  const small = await startSmallServer({ conditions: true, lengths: false });
  const store = new S3ObjectStore(small.config);
  t.teardown(async () => {
    await store.destroy();
    await small.stop();
  });
  await store.init();
  small.objects.set('key', { bytes: Buffer.from('some bytes'), headers: {} });
  await t.rejects(store.get('key'), ofKind('unavailable'));
  await t.rejects(store.head('key'), ofKind('unavailable'));
  await store.put('own', Buffer.from('x'));
  await t.rejects(store.head('own'), ofKind('unavailable'), 'by HEAD as well');
});

t.test('pages of a listing', async (t) => {
  const page = (fields: string): string =>
    `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${fields}</ListBucketResult>\n`;
  const entry = (key: string): string =>
    `<Contents><Key>${key}</Key><LastModified>2026-01-02T03:04:05Z</LastModified><ETag>&quot;e&#34;</ETag><Size>7</Size>` +
    '<Owner><ID>1</ID></Owner></Contents>';
  const object = { Key: 'a', Size: 7, ETag: '"e"', LastModified: new Date('2026-01-02T03:04:05Z') };
  t.same(
    pageIn(
      page(`<Name>b</Name><KeyCount>2</KeyCount>${entry('a')}<CommonPrefixes><Prefix>c/</Prefix></CommonPrefixes>`),
    ),
    {
      Contents: [object],
      CommonPrefixes: [{ Prefix: 'c/' }],
      EncodingType: undefined,
      IsTruncated: false,
      NextContinuationToken: undefined,
    },
  );
  const end = '<IsTruncated>true</IsTruncated><NextContinuationToken>t=</NextContinuationToken>';
  t.match(pageIn(page(`${end}<EncodingType>url</EncodingType>${entry('a%2B')}${entry('b')}`)), {
    Contents: [
      { ...object, Key: 'a%2B' },
      { ...object, Key: 'b' },
    ],
    EncodingType: 'url',
    IsTruncated: true,
    NextContinuationToken: 't=',
  });
  const odd = {
    'an entity': page(entry('a&amp;b')),
    CDATA: page(entry('<![CDATA[a]]>')),
    'another count': page(`<KeyCount>2</KeyCount>${entry('a')}`),
    'a document that breaks off': page(entry('a')).slice(0, -5),
    'another document': '<html></html>',
  };
  for (const [name, document] of Object.entries(odd)) {
    t.equal(pageIn(document), undefined, `${name} is left to the SDK`);
  }
});
