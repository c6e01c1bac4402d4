import { getEventListeners } from 'node:events';
import t, { type Test } from 'tap';
import { S3ObjectStore } from '../../../ts/core/objectstore/s3/classes.s3objectstore.js';
import { UploadBudget } from '../../../ts/core/objectstore/s3/writing/classes.uploadbudget.js';
import { ofKind } from '../../support/expect.js';
import { readAll, streamOf } from '../../support/store/objectstore-bytes.js';
import { type ISmallRequest, type ISmallServer, startSmallServer } from '../../support/store/s3-small-server.js';

const KIB = 1024;
const MIB = 1024 ** 2;
const FORBIDDEN = { status: 403, code: 'InvalidAccessKeyId' };

type TOptions = Parameters<typeof startSmallServer>[0];

const setUp = async (t: Test, options: TOptions = { conditions: true, multipart: true }) => {
  const server = await startSmallServer(options);
  const budget = new UploadBudget();
  const store = new S3ObjectStore(server.config, { uploadBudget: budget });
  t.teardown(async () => {
    await store.destroy();
    await server.stop();
  });
  await store.init();
  server.seen.length = 0;
  return { server, store, budget };
};

const isPart = ({ method, query }: ISmallRequest): boolean => method === 'PUT' && query.has('partNumber');
const isAbort = ({ method, query }: ISmallRequest): boolean => method === 'DELETE' && query.has('uploadId');
const abortsOf = ({ seen }: ISmallServer): number => seen.filter(isAbort).length;

t.test('a write that may have been applied stays in doubt, even if a later attempt is refused', async (t) => {
  const { server, store } = await setUp(t);
  for (const condition of [{}, { ifNoneMatch: '*' as const }]) {
    let puts = 0;
    server.intercept(({ method }) => {
      if (method !== 'PUT') return undefined;
      return puts++ === 0 ? { status: 500, code: 'InternalError' } : FORBIDDEN;
    });
    await t.rejects(store.put('key', Buffer.from('x'), condition), ofKind('outcomeUnknown'));
    t.ok(puts > 1, 'the second attempt was refused');
  }
});

t.test('parts that are stored in another order make the same object', async (t) => {
  const { server, store, budget } = await setUp(t);
  let refused = 0;
  server.intercept(({ query }) => {
    if (query.get('partNumber') !== '1' || refused > 0) return undefined;
    refused++;
    return { status: 503, code: 'SlowDown' };
  });
  await store.put('expected', await readAll(streamOf(20 * MIB)), {});
  await store.put('key', streamOf(20 * MIB));
  t.equal(refused, 1, 'the first part came late');
  t.ok(server.objects.get('key')?.bytes.equals(server.objects.get('expected')!.bytes));
  t.equal(budget.held, 0);
  t.equal(abortsOf(server), 0);
});

t.test('a part without an answer may be stored after the upload was aborted: it is aborted again', async (t) => {
  const { server, store, budget } = await setUp(t);
  server.lose((request) => (isPart(request) ? 'call' : undefined));
  await t.rejects(store.put('key', streamOf(20 * MIB)), ofKind('unavailable'));
  t.equal(abortsOf(server), 2);
  t.equal(server.seen.findLastIndex(isAbort), server.seen.length - 1, 'nothing is sent after that');
  t.equal(budget.held, 0, 'and its memory is free');

  server.lose(() => undefined);
  server.seen.length = 0;
  await t.rejects(store.put('key', streamOf(40 * MIB, { failAt: 30 * MIB })), /the source broke/);
  t.equal(abortsOf(server), 1, 'once, if all parts were answered');
  t.equal(budget.held, 0);
  t.notOk(server.objects.has('key'));
});

t.test('a condition that does not hold is found out before a large body is sent', async (t) => {
  const { server, store, budget } = await setUp(t);
  const { etag } = await store.put('key', Buffer.from('old'));
  const bodies: [string, () => Uint8Array | ReadableStream<Uint8Array>, number][] = [
    ['bytes', () => new Uint8Array(300 * KIB), 300 * KIB],
    ['a stream', () => streamOf(2 * MIB), 2 * MIB],
  ];
  for (const [name, body, size] of bodies) {
    for (const condition of [{ ifNoneMatch: '*' as const }, { ifMatch: 'another' }]) {
      server.seen.length = 0;
      await t.rejects(store.put('key', body(), { size, ...condition }), ofKind('preconditionFailed'), name);
      t.same(
        server.seen.map(({ method }) => method),
        ['HEAD'],
        'nothing of it was sent',
      );
    }
    await t.resolves(store.put(`new of ${name}`, body(), { size, ifNoneMatch: '*' }));
  }
  const streamed = server.seen.findLast(({ method }) => method === 'PUT');
  t.equal(streamed?.headers.connection, 'close', 'a streamed body has a connection of its own');
  t.equal((await store.head('key'))?.etag, etag);
  t.equal(budget.held, 0);
});

t.test('a server that refuses the headers of conditions is used without them', async (t) => {
  for (const status of [501, 400]) {
    const server = await startSmallServer();
    t.teardown(() => server.stop());
    server.intercept(({ method, headers }) =>
      method === 'PUT' && (headers['if-none-match'] || headers['if-match'])
        ? { status, code: 'NotImplemented' }
        : undefined,
    );
    const store = new S3ObjectStore(server.config);
    await store.init();
    t.equal(store.conditionalWrites, false);
    await store.put('key', Buffer.from('x'), { ifNoneMatch: '*' });
    await t.rejects(store.put('key', Buffer.from('y'), { ifNoneMatch: '*' }), ofKind('preconditionFailed'));
    await store.destroy();
    t.same([...server.objects.keys()], ['key'], 'and what tried it out is gone');
  }
});

t.test('a bucket that another replica makes at the same time', async (t) => {
  for (const [code, isStarted] of [
    ['BucketAlreadyOwnedByYou', true],
    ['BucketAlreadyExists', true],
    ['OperationAborted', true],
    ['AccessDenied', false],
  ] as const) {
    const server = await startSmallServer({ conditions: true });
    t.teardown(() => server.stop());
    let made = 0;
    server.intercept(({ method, key }) => {
      if (key !== '') return undefined;
      if (method === 'PUT') return { status: 409, code: made++ === 0 ? code : 'no' };
      return made === 0 ? { status: 404, code: 'NoSuchBucket' } : undefined;
    });
    const store = new S3ObjectStore({ ...server.config, createBucket: true });
    const starting = store.init();
    if (isStarted) await starting;
    else await t.rejects(starting, { kind: 'unavailable', message: /AccessDenied/ } as unknown as Error);
    t.equal(made, 1, code);
    await store.destroy();
  }
  const server = await startSmallServer({ conditions: true });
  t.teardown(() => server.stop());
  server.intercept(({ key }) => (key === '' ? { status: 404, code: 'NoSuchBucket' } : undefined));
  const another = { status: 409, code: 'BucketAlreadyExists' };
  server.intercept(({ method, key }) =>
    key !== '' ? undefined : method === 'PUT' ? another : { status: 404, code: 'NoSuchBucket' },
  );
  const store = new S3ObjectStore(server.config);
  await t.rejects(
    store.init(),
    { kind: 'unavailable', message: /NoSuchBucket/ } as unknown as Error,
    'it is another’s',
  );
});

t.test('a range behind the end, of a server that does not tell the size', async (t) => {
  const { server, store } = await setUp(t);
  await store.put('key', Buffer.from('12345'));
  const isRange = ({ method, headers }: ISmallRequest) => method === 'GET' && headers.range === 'bytes=9-';
  server.intercept((request) => (isRange(request) ? { status: 416, code: 'InvalidRange' } : undefined));
  await t.rejects(store.get('key', { range: { start: 9 } }), {
    kind: 'rangeInvalid',
    detail: { size: 5 },
  } as unknown as Error);
  server.intercept((request) => {
    if (!isRange(request)) return undefined;
    server.objects.delete('key');
    return { status: 416, code: 'InvalidRange' };
  });
  t.equal(await store.get('key', { range: { start: 9 } }), null, 'and has gone meanwhile');
});

t.test('a server that contradicts itself does not make an object absent', async (t) => {
  const { server, store } = await setUp(t);
  await store.put('key', Buffer.from('x'));
  server.intercept(({ method }) => (method === 'HEAD' ? { status: 404, html: '' } : { status: 416, html: '' }));
  await t.rejects(store.head('key'), ofKind('unavailable'));
  await t.rejects(store.head('other'), ofKind('unavailable'));
});

t.test('a conditional delete that the server refuses', async (t) => {
  const { server, store } = await setUp(t, { conditions: true, deleteConditions: true });
  t.equal(store.conditionalDeletes, true);
  const { etag } = await store.put('key', Buffer.from('x'));
  for (const [status, code, kind] of [
    [409, 'ConditionalRequestConflict', 'preconditionFailed'],
    [404, 'NoSuchKey', 'preconditionFailed'],
    [412, 'PreconditionFailed', 'preconditionFailed'],
    [403, 'InvalidAccessKeyId', 'unavailable'],
  ] as const) {
    server.intercept(({ method }) => (method === 'DELETE' ? { status, code } : undefined));
    await t.rejects(store.delete('key', { ifMatch: etag }), ofKind(kind), code);
  }
  server.seen.length = 0;
  server.intercept(({ method }) => (method === 'DELETE' ? { status: 500, code: 'InternalError' } : undefined));
  await t.rejects(store.delete('key', { ifMatch: etag, repeatable: true }), ofKind('outcomeUnknown'));
  t.equal(server.seen.filter(({ method }) => method === 'DELETE').length, 1, 'is sent once, also if it is repeatable');
  server.intercept(() => undefined);
  server.seen.length = 0;
  await store.delete('key', { ifMatch: etag, repeatable: true });
  const sent = server.seen.find(({ method }) => method === 'DELETE');
  t.equal(sent?.headers['if-match'], `"${etag}"`);
});

t.test('of unfinished uploads, the sweep counts those that it removed', async (t) => {
  const { server, store } = await setUp(t);
  const upload = (id: number) =>
    `<Upload><Key>k${id}</Key><UploadId>${id}</UploadId><Initiated>2020-01-01T00:00:00Z</Initiated></Upload>`;
  const html = `<?xml version="1.0"?><ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${[1, 2, 3].map(upload).join('')}</ListMultipartUploadsResult>`;
  let aborts = ['', 'NoSuchUpload', ''];
  server.intercept((request) => {
    if (request.method === 'GET' && request.query.has('uploads')) return { status: 200, html };
    if (!isAbort(request)) return undefined;
    const code = aborts.shift();
    return code ? { status: code === 'NoSuchUpload' ? 404 : 403, code } : undefined;
  });
  t.equal(await store.sweep(0), 2, 'the second one was removed by another replica');
  t.same(
    server.seen.filter(isAbort).map(({ key }) => key),
    ['k1', 'k2', 'k3'],
  );
  aborts = ['', 'InvalidAccessKeyId', ''];
  t.equal(await store.sweep(0), 1, 'a failure ends it');
  server.intercept(({ query }) => (query.has('uploads') ? FORBIDDEN : undefined));
  t.equal(await store.sweep(0), 0, 'a server that does not list them cleans up by itself');
});

t.test('sources of a join that are other objects by now', async (t) => {
  const { server, store } = await setUp(t, { conditions: true, ranges: true });
  const etags: string[] = [];
  for (const key of ['a', 'b+%2F ü']) etags.push((await store.put(key, Buffer.from(key))).etag);
  const names = ['a', 'b+%2F ü'];
  const sizes = names.map((name) => Buffer.byteLength(name));
  await store.compose('small', names, { sizes, etags });
  t.equal(server.objects.get('small')?.bytes.toString(), names.join(''));
  await store.put('a', Buffer.from('z'));
  await t.rejects(store.compose('other', names, { sizes, etags }), ofKind('notFound'));
  server.objects.delete('a');
  await t.rejects(store.compose('other', names, { sizes }), ofKind('notFound'));
  await t.rejects(store.compose('other', names), ofKind('notFound'), 'also if their sizes are not known');
  t.notOk(server.objects.has('other'));
});

t.test('a start removes uploads that were left a day ago, and no younger ones', async (t) => {
  const server = await startSmallServer({ conditions: true, multipart: true });
  t.teardown(() => server.stop());
  const now = Date.now();
  const upload = (key: string, ageMs: number) =>
    `<Upload><Key>${key}</Key><UploadId>${key}</UploadId><Initiated>${new Date(now - ageMs).toISOString()}</Initiated></Upload>`;
  const day = 24 * 60 * 60 * 1000;
  const page = (uploads: string[], more: string) =>
    `<?xml version="1.0"?><ListMultipartUploadsResult>${more}${uploads.join('')}</ListMultipartUploadsResult>`;
  const pages: Record<string, string> = {
    '': page(
      [upload('a', day + 1000), upload('b', day - 60_000)],
      '<IsTruncated>true</IsTruncated><NextKeyMarker>b</NextKeyMarker>',
    ),
    b: page([upload('c', day + 1000)], '<IsTruncated>false</IsTruncated><NextKeyMarker>c</NextKeyMarker>'),
  };
  server.intercept((request) => {
    if (request.method !== 'GET' || !request.query.has('uploads')) return undefined;
    return { status: 200, html: pages[request.query.get('key-marker') ?? ''] as string };
  });
  const store = new S3ObjectStore(server.config);
  await store.init();
  const aborted = server.seen.filter((request) => isAbort(request) && /^[abc]$/.test(request.key));
  t.same(
    aborted.map(({ key }) => key),
    ['a', 'c'],
  );
  await store.destroy();
});

t.test('many small parts are joined, whether or not their sizes are known', async (t) => {
  const { server, store } = await setUp(t, { conditions: true, ranges: true });
  const names = Array.from({ length: 40 }, (_, n) => `part-${n}`);
  for (const name of names) await store.put(name, Buffer.from(`${name};`));
  await store.compose('whole', names);
  const whole = names.map((name) => `${name};`).join('');
  t.equal(server.objects.get('whole')?.bytes.toString(), whole);
  await store.compose('again', names, { sizes: names.map(({ length }) => length + 1) });
  t.equal(server.objects.get('again')?.bytes.toString(), whole);
});

t.test('a body that is announced with more bytes than parts of the usual size hold gets larger parts', async (t) => {
  for (const [size, part] of [
    [8 * MIB * 10_000, 8 * MIB],
    [8 * MIB * 10_000 + 1, 8 * MIB + 1],
    [undefined, 8 * MIB],
  ] as const) {
    const asked: number[] = [];
    class Asked extends UploadBudget {
      public override part(bytes: number): Promise<Buffer> {
        asked.push(bytes);
        return Promise.reject(new Error('no room'));
      }
    }
    const server = await startSmallServer({ conditions: true, multipart: true });
    const store = new S3ObjectStore(server.config, { uploadBudget: new Asked({ beginnings: 0 }) });
    t.teardown(async () => {
      await store.destroy();
      await server.stop();
    });
    await store.init();
    await t.rejects(store.put('key', streamOf(MIB), { size }), /no room/);
    t.same(asked, [part], `${size}`);
  }
});

t.test('which refusals of a write are final, and which the SDK may handle', async (t) => {
  const { server, store } = await setUp(t);
  for (const [status, code, bySdk] of [
    [404, 'NoSuchBucket', 0],
    [409, 'OperationAborted', 0],
    [412, 'PreconditionFailed', 0],
    [429, 'TooManyRequests', 0],
    [500, 'InternalError', 0],
    [400, 'ExpiredToken', 1],
    [403, 'RequestTimeTooSkewed', 1],
  ] as const) {
    server.seen.length = 0;
    server.intercept(({ method, key }) => (method === 'DELETE' && key === 'key' ? { status, code } : undefined));
    await t.rejects(store.delete('key').then(() => Promise.reject(new Error('done'))));
    const sent = server.seen.filter(({ method }) => method === 'DELETE');
    t.equal(sent.filter(({ headers }) => headers['user-agent'] !== 'smartregistry').length, bySdk, code);
    t.equal(sent.length, 1 + bySdk, code);
  }
});

t.test('what the server says is read as far as S3 itself would say it', async (t) => {
  const { server, store } = await setUp(t);
  // a page without end is no error document
  const html = `<Error><Code>NoSuchKey</Code></Error>${' '.repeat(70_000)}`;
  server.intercept(({ method, headers }) =>
    method === 'DELETE' && headers['user-agent'] === 'smartregistry' ? { status: 404, html } : undefined,
  );
  await store.put('key', Buffer.from('x'));
  await t.rejects(store.delete('key'), ofKind('outcomeUnknown'));
  t.ok(server.objects.has('key'));
});

t.test('a signal is not held on to by what has ended', async (t) => {
  const { store } = await setUp(t, { conditions: true, multipart: true, ranges: true });
  const { signal } = new AbortController();
  for (const [size, announced] of [
    [100, 100],
    [2 * MIB, 2 * MIB],
    [20 * MIB, undefined],
  ] as const) {
    await store.put('key', streamOf(size), { size: announced, signal });
    await t.rejects(store.put('key', streamOf(size, { failAt: size / 2 }), { size: announced, signal }), /broke/);
    const found = await store.get('key', { signal });
    if (found && found !== 'notModified') t.ok((await readAll(found.body)).length >= size);
    t.equal(getEventListeners(signal, 'abort').length, 0, `${size} bytes`);
  }
  await store.put('part', Buffer.from('x'));
  await store.compose('joined', ['part', 'part'], { signal });
  t.equal(getEventListeners(signal, 'abort').length, 0);
});

t.test('a part that fails ends the upload although the source is silent', { timeout: 30_000 }, async (t) => {
  const { server, store, budget } = await setUp(t);
  server.intercept((request) => (isPart(request) ? FORBIDDEN : undefined));
  let sent = 0;
  const told: unknown[] = [];
  const source = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (sent >= 9 * MIB) return new Promise<void>(() => {});
      sent += MIB;
      controller.enqueue(new Uint8Array(MIB));
    },
    cancel: (reason) => void told.push(reason),
  });
  await t.rejects(store.put('key', source), ofKind('unavailable'));
  t.equal(told.length, 1);
  t.equal(budget.held, 0);
});

t.test('bodies of more than one request carry no checksum of the SDK, and wait for no leave to send', async (t) => {
  const { server, store } = await setUp(t);
  await store.put('streamed', streamOf(3 * MIB), { size: 3 * MIB });
  const streamed = server.seen.find(({ method, key }) => method === 'PUT' && key === 'streamed');
  t.equal(streamed?.headers.expect, undefined);
  t.match(streamed?.headers['x-amz-trailer'], /checksum/, 'but one behind a stream, which makes it safe');
  await store.put('parts', streamOf(20 * MIB));
  const parts = server.seen.filter(isPart);
  t.equal(parts.length, 3);
  for (const { headers } of parts) {
    t.equal(headers.expect, undefined);
    t.same(
      Object.keys(headers).filter((name) => name.includes('checksum')),
      [],
    );
  }
});

t.test('what is left to the SDK is sent as it would have been', async (t) => {
  const server = await startSmallServer({ conditions: true, deleteConditions: true, ranges: true });
  const store = new S3ObjectStore({ ...server.config, serverSideEncryption: 'AES256', directoryPath: 'f' });
  t.teardown(async () => {
    await store.destroy();
    await server.stop();
  });
  await store.init();
  const { etag } = await store.put('key', Buffer.from('12345'));
  const isOwn = ({ headers }: ISmallRequest) => headers['user-agent'] === 'smartregistry';
  // a refusal that the SDK might have an answer to, of reads and of writes
  server.intercept((request) => (isOwn(request) ? { status: 400, code: 'ExpiredToken' } : undefined));
  const NAMES = [
    'range',
    'if-match',
    'if-none-match',
    'content-type',
    'x-amz-server-side-encryption',
    'x-amz-meta-note',
    'x-amz-checksum-mode',
  ];
  const about = ({ method, key, query, headers }: ISmallRequest) => ({
    method,
    key,
    query: [...query].filter(([name]) => name !== 'x-id').sort(),
    headers: NAMES.map((name) => headers[name]),
  });
  const list = async () => {
    for await (const _ of store.list({ prefix: 'p/', after: 'p/a', delimiter: '/', limit: 7 }));
  };
  const asks: [string, () => Promise<unknown>][] = [
    ['get', () => store.get('key')],
    ['a range', () => store.get('key', { range: { start: 1, end: 3 } })],
    ['another version', () => store.get('key', { ifNoneMatch: 'another' })],
    ['head', () => store.head('key')],
    ['put', () => store.put('key', Buffer.from('x'), { ifMatch: etag, contentType: 'a/b', metadata: { note: 'a b' } })],
    ['new', () => store.put('new', Buffer.from('x'), { ifNoneMatch: '*' })],
    ['list', list],
    ['delete', async () => store.delete('key', { ifMatch: (await store.head('key'))?.etag as string })],
  ];
  for (const [name, ask] of asks) {
    server.seen.length = 0;
    const found = await ask();
    if (found && typeof found === 'object' && 'body' in found) await (found.body as ReadableStream).cancel();
    const own = server.seen.filter(isOwn).at(-1) as ISmallRequest;
    const again = server.seen.filter((request) => !isOwn(request)).at(-1) as ISmallRequest;
    t.same(about(again), about(own), name);
  }
  const seen = server.seen.at(-1);
  t.equal(seen?.method, 'DELETE');
  t.type(seen?.headers['if-match'], 'string');
});

t.test('of a range, the size is that of the whole object', async (t) => {
  const { store } = await setUp(t, { conditions: true, ranges: true });
  await store.put('key', Buffer.from('12345'));
  const found = await store.get('key', { range: { start: 1, end: 3 } });
  if (!found || found === 'notModified') return t.fail('not there');
  t.match([found.info.size, found.range], [5, { start: 1, end: 3 }]);
  t.equal((await readAll(found.body)).toString(), '234');
});

t.test('keys and folders come in one order, and a listing ends where the server says so', async (t) => {
  const { server, store } = await setUp(t);
  const names = ['p/a', 'p/\uffff', 'p/\u{10000}'];
  const contents = names.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join('');
  const folders = ['p/Z/', 'p/m/'].map((name) => `<CommonPrefixes><Prefix>${name}</Prefix></CommonPrefixes>`).join('');
  let more = '';
  server.intercept(({ query }) => {
    if (!query.has('list-type')) return undefined;
    return {
      status: 200,
      html: `<?xml version="1.0"?><ListBucketResult>${more}${contents}${folders}</ListBucketResult>`,
    };
  });
  for (more of [
    '<IsTruncated>false</IsTruncated><NextContinuationToken>x</NextContinuationToken>',
    '<IsTruncated>true</IsTruncated>',
  ]) {
    server.seen.length = 0;
    const found: string[] = [];
    for await (const item of store.list({ prefix: 'p/', delimiter: '/' })) {
      found.push('key' in item ? item.key : item.prefix);
      if (found.length > 9) break;
    }
    t.same(found, ['p/Z/', 'p/a', 'p/m/', ...names.slice(1)], more);
    t.equal(server.seen.length, 1, more);
  }
});

t.test('an upload whose completion is in doubt is left to a sweep', async (t) => {
  const { server, store, budget } = await setUp(t);
  let ends = 0;
  server.intercept(({ method, query }) => {
    if (method !== 'POST' || !query.has('uploadId')) return undefined;
    ends++;
    return { status: 500, code: 'InternalError' };
  });
  await t.rejects(store.put('key', streamOf(9 * MIB)), ofKind('outcomeUnknown'));
  t.equal(ends, 5);
  t.equal(abortsOf(server), 0, 'it may be completed in a moment');
  t.equal(budget.held, 0);
});

t.test('a server that completes uploads without conditions gets no large body with one', async (t) => {
  const { server, store, budget } = await setUp(t);
  t.match([store.conditionalWrites, store.conditionalJoins], [true, false]);
  const { etag } = await store.put('key', Buffer.from('old'));
  server.seen.length = 0;
  for (const [key, condition] of [
    ['new', { ifNoneMatch: '*' }],
    ['key', { ifMatch: etag }],
  ] as const) {
    await t.rejects(store.put(key, streamOf(20 * MIB), condition), ofKind('unsupported'), key);
  }
  t.same(server.seen.filter(isPart), []);
  t.same([...server.objects.keys()], ['key']);
  t.equal(budget.held, 0);
});

t.test('memory that an aborted request may still read is not given to the next upload', async (t) => {
  const ended: boolean[] = [];
  class Noted extends UploadBudget {
    public override endPart(room: Buffer, isReusable: boolean): void {
      ended.push(isReusable);
      super.endPart(room, isReusable);
    }
  }
  const server = await startSmallServer({ conditions: true, multipart: true });
  const store = new S3ObjectStore(server.config, { uploadBudget: new Noted() });
  t.teardown(async () => {
    await store.destroy();
    await server.stop();
  });
  await store.init();
  await store.put('key', streamOf(20 * MIB));
  t.ok(ended.length > 0 && ended.every(Boolean), 'what was sent is free');
  ended.length = 0;
  await t.rejects(store.put('key', streamOf(20 * MIB, { failAt: 10 * MIB })), /broke/);
  t.ok(ended.includes(false));
});
