import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import type { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { S3ObjectStore } from '../../../ts/core/objectstore/s3/classes.s3objectstore.js';
import { readSettings } from '../../../ts/core/objectstore/s3/connection/helpers.settings.js';
import { type IPiece, planCompose } from '../../../ts/core/objectstore/s3/writing/helpers.compose.js';
import type { IS3StorageConfig } from '../../../ts/interfaces.config.js';
import { ofKind } from '../../support/expect.js';
import { type ISmallServer, startSmallServer } from '../../support/store/s3-small-server.js';
import { until } from '../../support/waiting.js';

const MIB = 1024 ** 2;
const top = fileURLToPath(new URL('../../..', import.meta.url));

const base: IS3StorageConfig = { endpoint: 's3.example.com', bucketName: 'b', accessKey: 'k', accessSecret: 's' };

t.test('settings', async (t) => {
  const cases: [Partial<IS3StorageConfig>, string][] = [
    [{}, 'https://s3.example.com'],
    [{ useSsl: false }, 'http://s3.example.com'],
    // a config file's ${ENV} gives strings
    [{ useSsl: 'false' as unknown as boolean, port: '9000' }, 'http://s3.example.com:9000'],
    [{ port: 9000 }, 'https://s3.example.com:9000'],
    [{ endpoint: 'localhost:7070', useSsl: false }, 'http://localhost:7070'],
    [{ endpoint: 'http://localhost:7070/', useSsl: true }, 'http://localhost:7070'],
    [{ endpoint: 'http://[::1]:7070' }, 'http://[::1]:7070'],
  ];
  for (const [config, endpoint] of cases) t.equal(readSettings({ ...base, ...config }).endpoint, endpoint);

  t.equal(readSettings(base).prefix, '');
  t.equal(readSettings({ ...base, directoryPath: '/a//b/' }).prefix, 'a/b/');
  t.equal(readSettings(base).region, 'us-east-1');
  t.equal(readSettings({ ...base, accessKey: undefined, accessSecret: undefined }).credentials, undefined);

  const wrong: [Partial<IS3StorageConfig>, RegExp][] = [
    [{ endpoint: '' }, /config\.storage\.endpoint must/],
    [{ endpoint: 'http://a b' }, /config\.storage\.endpoint is neither/],
    [{ endpoint: 'https://s3.example.com/bucket' }, /config\.storage\.endpoint must not have a path/],
    [{ endpoint: 'https://me:hidden@s3.example.com' }, /config\.storage\.endpoint must not hold credentials/],
    [{ bucketName: '' }, /config\.storage\.bucketName/],
    [{ accessSecret: undefined }, /config\.storage\.accessSecret is missing/],
    [{ accessKey: '' }, /config\.storage\.accessKey is missing/],
    [{ endpoint: 'https://s3.example.com?x=1' }, /config\.storage\.endpoint must not have a path/],
    [{ port: 'seven' }, /config\.storage\.port/],
    [{ port: 0 }, /config\.storage\.port/],
    [{ port: 65_536 }, /config\.storage\.port/],
    [{ directoryPath: '../up' }, /config\.storage\.directoryPath/],
  ];
  for (const [config, message] of wrong) {
    t.throws(() => new S3ObjectStore({ ...base, ...config }), { kind: 'invalid', message });
    t.throws(() => readSettings({ ...base, ...config }), { message: /^(?!.*hidden)/ });
  }
  await t.rejects(new S3ObjectStore(base).head('key'), { kind: 'unavailable', message: /init\(\)/ });
});

t.test('the plan of a composition', async (t) => {
  const part = 5 * MIB;
  const shapes = [
    [12 * MIB],
    [1, 2, 3],
    [1, 6 * MIB, 3, part + 1, 0],
    [6 * MIB, 1, 1, 1, 6 * MIB],
    [part, part - 1, part + 1, part - 1],
    [part - 1, 1, part],
    [0, 0, 7 * MIB, 0],
    [1, 11 * 1024 * MIB, 1],
    [...Array(40).fill(1 * MIB), 3],
    [20 * 1024 * MIB],
    [],
  ];
  for (const sizes of shapes) {
    const steps = planCompose(sizes);
    const pieces: IPiece[] = steps.flatMap((step) => ('copy' in step ? [step.copy] : step.gather));
    const expected = sizes.flatMap((size, source) => (size > 0 ? [{ source, start: 0, end: size }] : []));
    const merged: IPiece[] = [];
    for (const piece of pieces) {
      const last = merged.at(-1);
      if (last?.source === piece.source && last.end === piece.start) last.end = piece.end;
      else merged.push({ ...piece });
    }
    t.same(merged, expected, `every byte once and in order: ${sizes.slice(0, 6)}`);
    const lengths = steps.map((step) =>
      ('copy' in step ? [step.copy] : step.gather).reduce((sum, { start, end }) => sum + end - start, 0),
    );
    t.ok(
      lengths.slice(0, -1).every((length) => length >= part),
      'only the last part may be small',
    );
    t.ok(
      lengths.every((length) => length <= 5 * 1024 * MIB),
      'no part is over 5 GiB',
    );
    const travelling = steps.reduce((sum, step, index) => sum + ('gather' in step ? (lengths[index] as number) : 0), 0);
    const small = sizes.filter((size) => size < part).length;
    t.ok(travelling <= small * part, 'only what is small, and what fills it up, is read');
  }
});

const withStore = async (
  server: ISmallServer,
  config: Partial<IS3StorageConfig> = {},
  log: (level: string, message: string) => void = () => {},
): Promise<S3ObjectStore> => {
  const logger = {
    info: (message: string) => log('info', message),
    warn: (message: string) => log('warn', message),
    error: (message: string) => log('error', message),
  };
  const store = new S3ObjectStore({ ...server.config, ...config }, { logger });
  await store.init();
  return store;
};

t.test('a server that ignores conditions', async (t) => {
  const server = await startSmallServer();
  t.teardown(() => server.stop());
  const warnings: string[] = [];
  const store = await withStore(server, {}, (level, message) => level === 'warn' && warnings.push(message));
  t.equal(store.conditionalWrites, false);
  t.equal(warnings.length, 1);
  t.match(warnings[0], /ignores conditional writes/);
  t.same([...server.objects.keys()], ['staging/replica'], 'the object that tried it out is gone');
  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, (_, writer) => store.put('key', Buffer.from(`${writer}`), { ifNoneMatch: '*' })),
  );
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1, 'within one process conditions hold');
  const { etag } = (await store.head('key'))!;
  await t.rejects(store.put('key', Buffer.from('x'), { ifMatch: 'other' }), ofKind('preconditionFailed'));
  await t.rejects(store.delete('key', { ifMatch: 'other' }), ofKind('preconditionFailed'));
  await store.put('key', Buffer.from('x'), { ifMatch: etag });
  await store.destroy();
});

t.test('one replica only, where conditions are ignored', async (t) => {
  const server = await startSmallServer();
  t.teardown(() => server.stop());
  const errors: string[] = [];
  const logger = { info() {}, warn() {}, error: (message: string) => void errors.push(message) };
  const make = (config: Partial<IS3StorageConfig> = {}) =>
    new S3ObjectStore({ ...server.config, ...config }, { logger, replicaBeatMs: 200 });
  const first = make();
  await first.init();
  const second = make();
  await t.rejects(second.init(), { kind: 'unavailable', message: /allowUnconditionalWrites/ });
  await first.put('key', Buffer.from('x'));
  const free = make({ allowUnconditionalWrites: true });
  await free.init();
  await free.put('key', Buffer.from('y'));
  await free.destroy();

  await first.destroy();
  t.notOk(server.objects.has('staging/replica'), 'who leaves gives it up');
  await second.init();

  // as a crash leaves it: a claim that nobody renews
  await second.destroy();
  const claim = Buffer.from(JSON.stringify({ id: 'crashed', beat: 7 }));
  server.objects.set('staging/replica', { bytes: claim, headers: {} });
  await second.init();
  await second.put('key', Buffer.from('z'));

  // as two that started in the same instant: the later one has overwritten the claim
  server.objects.set('staging/replica', { bytes: claim, headers: {} });
  for (let tries = 0; tries < 100 && errors.length === 0; tries++) await delay(20);
  t.equal(errors.length, 1);
  await t.rejects(second.put('key', Buffer.from('lost')), ofKind('unavailable'));
  await t.rejects(second.delete('key'), ofKind('unavailable'));
  t.equal(server.objects.get('key')?.bytes.toString(), 'z');
  await second.destroy();
  t.ok(server.objects.has('staging/replica'), "another's claim stays");
});

t.test('a claim that could not be renewed once is renewed again', async (t) => {
  const server = await startSmallServer();
  t.teardown(() => server.stop());
  const store = new S3ObjectStore(server.config, { logger: { info() {}, warn() {}, error() {} }, replicaBeatMs: 40 });
  await store.init();
  const renewals = () => server.seen.filter(({ method, key }) => method === 'PUT' && key === 'staging/replica').length;
  const isRenewal = ({ method, key }: { method: string; key: string }) => method === 'GET' && key === 'staging/replica';
  let refused = 0;
  server.intercept((request) => {
    if (!isRenewal(request) || refused === 2) return undefined;
    refused++;
    return { status: 403, code: 'AccountProblem' };
  });
  // the small client and the SDK
  await until(() => refused === 2);
  const before = renewals();
  await until(() => renewals() > before);
  await store.put('key', Buffer.from('x'));
  await store.destroy();
});

t.test('a claim that is given up while it is being renewed is not renewed any more', async (t) => {
  const server = await startSmallServer();
  t.teardown(() => server.stop());
  const store = new S3ObjectStore(server.config, { replicaBeatMs: 40 });
  await store.init();
  const isRenewal = ({ method, key }: { method: string; key: string }) => method === 'GET' && key === 'staging/replica';
  let leaving: Promise<void> | undefined;
  server.intercept(async (request) => {
    if (isRenewal(request) && !leaving) leaving = store.destroy();
    return undefined;
  });
  await until(() => leaving !== undefined);
  await leaving;
  server.seen.length = 0;
  await delay(120);
  t.equal(server.seen.filter(isRenewal).length, 0);
});

t.test('a replica that has lost its claim says so once, and looks no more', async (t) => {
  const server = await startSmallServer();
  t.teardown(() => server.stop());
  const errors: string[] = [];
  const logger = { info() {}, warn() {}, error: (message: string) => void errors.push(message) };
  const store = new S3ObjectStore(server.config, { logger, replicaBeatMs: 30 });
  await store.init();
  server.objects.set('staging/replica', { bytes: Buffer.from('{"id":"another","beat":1}'), headers: {} });
  await until(() => errors.length > 0);
  server.seen.length = 0;
  await delay(150);
  t.same([errors.length, server.seen.length], [1, 0]);
  await store.destroy();
});

t.test('a listing begins behind `after`, also if the server returns a folder that begins before it', async (t) => {
  const server = await startSmallServer({ conditions: true });
  t.teardown(() => server.stop());
  const store = new S3ObjectStore(server.config);
  await store.init();
  // as AWS does if keys in the folder follow
  const prefixes = ['a/b/', 'a/d/'].map((prefix) => `<CommonPrefixes><Prefix>${prefix}</Prefix></CommonPrefixes>`);
  const html = `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>${prefixes.join('')}</ListBucketResult>`;
  server.intercept(({ query }) => (query.has('delimiter') ? { status: 200, html } : undefined));
  const found: unknown[] = [];
  for await (const item of store.list({ prefix: 'a/', delimiter: '/', after: 'a/b/c' })) found.push(item);
  t.same(found, [{ prefix: 'a/d/' }]);
  await store.destroy();
});

t.test('a server with too much to do', async (t) => {
  const server = await startSmallServer({ conditions: true });
  t.teardown(() => server.stop());
  const store = await withStore(server);
  t.equal(store.conditionalWrites, true);
  t.equal(store.conditionalDeletes, false);
  await store.put('key', Buffer.from('old'));
  const slow = { status: 503, code: 'SlowDown' };
  const tries = async (action: () => Promise<unknown>) => {
    server.seen.length = 0;
    server.intercept(() => slow);
    const error = await action().then(
      () => null,
      (thrown: unknown) => thrown as RegistryError,
    );
    t.match(error, { kind: 'unavailable', status: 503, headers: { 'Retry-After': '5' } });
    t.notMatch(error?.message, /SlowDown|503/, "S3's code is for the log");
    t.match(error?.cause, { $metadata: { httpStatusCode: 503 } });
    server.intercept(() => undefined);
    return server.seen.length;
  };
  t.ok((await tries(() => store.head('absent'))) >= 3, 'HEAD is asked again, and is not "absent"');
  t.ok((await tries(() => store.get('key'))) >= 3);
  t.equal(await tries(() => store.put('key', Buffer.from('new'))), 5, 'a write is sent five times');
  t.equal(await tries(() => store.put('key', Buffer.from('new'), { ifNoneMatch: '*' })), 5);
  t.ok((await tries(async () => store.list({ prefix: '' })[Symbol.asyncIterator]().next())) >= 3);
  t.equal(await tries(() => store.delete('key')), 1, 'a delete is sent once');

  const answers = [slow, { status: 409, code: 'ConditionalRequestConflict' }, { status: 500, code: 'InternalError' }];
  server.intercept(({ method }) => (method === 'PUT' ? answers.shift() : undefined));
  await store.put('fresh', Buffer.from('new'), { ifNoneMatch: '*' });
  t.equal(answers.length, 0);
  t.equal(server.objects.get('fresh')?.bytes.toString(), 'new', 'what passes is not an error');
  await store.destroy();
});

t.test('errors are not absence', async (t) => {
  const server = await startSmallServer({ conditions: true });
  t.teardown(() => server.stop());
  const store = await withStore(server);
  for (const [status, code, written] of [
    [404, 'NoSuchBucket', 'unavailable'],
    [403, 'AccessDenied', 'unavailable'],
    [400, 'WhateverElse', 'unavailable'],
    [500, 'InternalError', 'outcomeUnknown'],
  ] as const) {
    server.intercept(() => ({ status, code }));
    await t.rejects(store.head('key'), ofKind('unavailable'), `HEAD: ${code}`);
    await t.rejects(store.get('key'), ofKind('unavailable'), `GET: ${code}`);
    await t.rejects(store.put('key', Buffer.from('x')), ofKind(written), `PUT: ${code}`);
    await t.rejects(store.delete('key'), ofKind(written), `DELETE: ${code}`);
  }
  server.intercept(() => ({ status: 404, code: 'NoSuchKey' }));
  t.equal(await store.head('key'), null, 'but NoSuchKey is');
  t.equal(await store.get('key'), null);
  await store.delete('key');

  // a balancer whose servers are away answers all of it with a page of its own
  server.intercept(() => ({ status: 404, html: '<html><h1>404 Not Found</h1></html>' }));
  await t.rejects(store.head('key'), ofKind('unavailable'), 'HEAD: a page');
  await t.rejects(store.get('key'), ofKind('unavailable'), 'GET: a page');
  await t.rejects(store.put('key', Buffer.from('x'), { ifNoneMatch: '*' }), ofKind('outcomeUnknown'), 'PUT: a page');
  await t.rejects(store.put('key', Buffer.from('x'), { ifMatch: 'x' }), ofKind('outcomeUnknown'), 'PUT: a page');
  await t.rejects(store.delete('key'), ofKind('outcomeUnknown'), 'DELETE: a page');

  // and one that is being mended does so with the status of success
  server.objects.set('key', { bytes: Buffer.from('y'), headers: {} });
  server.intercept(() => ({ status: 200, html: '<html><h1>We are back soon</h1></html>' }));
  await t.rejects(store.head('key'), ofKind('unavailable'), 'HEAD: a page with 200');
  await t.rejects(store.head('none'), ofKind('unavailable'), 'HEAD of what is absent');
  await t.rejects(store.get('key'), ofKind('unavailable'), 'GET');
  await t.rejects(store.get('key', { range: { start: 0, end: 0 } }), ofKind('unavailable'), 'GET of a range');
  await t.rejects(store.list({ prefix: '' })[Symbol.asyncIterator]().next(), ofKind('unavailable'), 'LIST');
  await t.rejects(store.put('key', Buffer.from('x'), { ifNoneMatch: '*' }), ofKind('outcomeUnknown'), 'PUT');
  await t.rejects(store.put('key', new Blob(['x']).stream(), { size: 1 }), ofKind('outcomeUnknown'), 'PUT of a stream');
  await t.rejects(store.compose('other', ['key', 'key'], { sizes: [1, 1] }), ofKind('unavailable'), 'a join');
  await t.rejects(store.delete('key'), ofKind('outcomeUnknown'), 'DELETE');
  t.equal(server.objects.get('key')?.bytes.toString(), 'y', 'nothing of it was done');
  server.intercept(() => undefined);
  await store.put('key', Buffer.from('x'));
  server.intercept(({ method }) => (method === 'HEAD' ? { status: 404, html: '' } : undefined));
  t.match(await store.head('key'), { size: 1 }, 'what is there by the time of the second look is there');

  server.intercept(({ method }) => (method === 'HEAD' ? { status: 403, code: 'AccessDenied' } : undefined));
  await t.rejects(store.head('key'), ofKind('unavailable'));
  await store.destroy();
  await server.stop();
  await t.rejects(withStore(server), { kind: 'unavailable', message: /"bucket" at .* cannot be used\. ECONNREFUSED/ });
});

t.test('a HEAD that returns half of two writes', async (t) => {
  const server = await startSmallServer({ conditions: true });
  t.teardown(() => server.stop());
  const store = await withStore(server);
  const { etag } = await store.put('key', Buffer.from('old'));
  let id = '';
  let looks = 0;
  server.lose(
    ({ method, headers }) => {
      if (method !== 'PUT' || id) return undefined;
      id = String(headers['x-amz-meta-smartregistry-write']);
      return 'answer';
    },
    async () => void server.objects.set('key', { bytes: Buffer.from('theirs'), headers: {} }),
  );
  server.intercept(({ method }) => {
    if (method !== 'HEAD' || looks++ > 0) return undefined;
    const headers = { etag: `"${etag}"`, 'x-amz-meta-smartregistry-write': id, 'content-length': '3' };
    return { status: 200, headers };
  });
  const put = store.put('key', Buffer.from('mine'), { ifMatch: etag });
  await t.rejects(put, ofKind('outcomeUnknown'), 'two that agree decide');
  t.equal(looks, 3);
  await store.destroy();
});

t.test('of two replicas that start in the same instant, one at most runs', async (t) => {
  const server = await startSmallServer();
  t.teardown(() => server.stop());
  for (let round = 0; round < 5; round++) {
    const stores = [0, 1].map(() => new S3ObjectStore(server.config, { replicaBeatMs: 200 }));
    const started = await Promise.allSettled(stores.map((store) => store.init()));
    const running = started.filter(({ status }) => status === 'fulfilled').length;
    t.ok(running <= 1, `${running} run`);
    await Promise.all(stores.map((store) => store.destroy()));
    server.objects.clear();
  }
});

t.test('what is sent', async (t) => {
  const server = await startSmallServer({ conditions: true });
  t.teardown(() => server.stop());
  const seenPut = () => server.seen.findLast(({ method }) => method === 'PUT')!.headers;

  let store = await withStore(server, { sessionToken: 'of-the-session', serverSideEncryption: 'AES256' });
  await store.put('key', Buffer.from('x'), { contentType: 'text/x' });
  t.equal(seenPut()['x-amz-security-token'], 'of-the-session');
  t.equal(seenPut()['x-amz-server-side-encryption'], 'AES256');
  t.equal(seenPut()['content-type'], 'text/x');
  t.type(seenPut()['x-amz-checksum-sha256'], 'string', 'with a checksum by default');
  t.notOk(seenPut().expect);
  await store.destroy();

  store = await withStore(server, { checksums: 'WHEN_REQUIRED' });
  await store.put('key', Buffer.from('x'));
  t.notOk(
    Object.keys(seenPut()).some((name) => name.includes('checksum')),
    'older servers get none',
  );
  await store.put('key', new Blob([new Uint8Array(2 * MIB)]).stream(), { size: 2 * MIB });
  t.notOk(Object.keys(seenPut()).some((name) => name.includes('trailer')));
  t.equal(server.objects.get('key')?.bytes.length, 2 * MIB);
  await store.destroy();

  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env;
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'from-the-environment', AWS_SECRET_ACCESS_KEY: 'too' });
  store = await withStore(server, { accessKey: undefined, accessSecret: undefined });
  t.match(seenPut().authorization, /Credential=from-the-environment\//, 'without keys the SDK finds them');
  await store.destroy();
  for (const [name, value] of Object.entries({ AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY })) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

t.test('is quiet, and light until it is used', async (t) => {
  const server = await startSmallServer({ conditions: true });
  t.teardown(() => server.stop());
  const script = `
    import { S3ObjectStore } from './ts/core/objectstore/s3/classes.s3objectstore.js';
    const before = process.memoryUsage().rss;
    const config = JSON.parse(process.argv[1]);
    const store = new S3ObjectStore(config);
    await store.init();
    await store.put('big', new Blob([new Uint8Array(3e6)]).stream(), { size: 3e6 });
    await store.put('bad', new ReadableStream({ pull(c) { c.error(new Error('no')); } }), { size: 3e6 }).catch(() => {});
    process.stdout.write(JSON.stringify({ env: process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ?? null }));
    await store.destroy();
  `;
  const args = ['--import=tsx', '--input-type=module', '-e', script, JSON.stringify(server.config)];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: top });
  t.equal(stderr, '', 'the SDK warns nobody about Node');
  t.same(JSON.parse(stdout), { env: null }, 'and the environment is as it was');
});

t.test('a server that is not there, or speaks no TLS, is told with what to look at', async (t) => {
  const plain = createServer((_request, response) => response.end());
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  const { port } = plain.address() as { port: number };
  const store = { bucketName: 'bucket', accessKey: 'key', accessSecret: 'secret' };
  const start = (endpoint: string) => new S3ObjectStore({ ...store, endpoint }).init();
  await t.rejects(start(`127.0.0.1:${port}`), { message: /EPROTO: .*config\.storage\.useSsl/ });
  await new Promise((resolve) => plain.close(resolve));
  await t.rejects(start(`http://127.0.0.1:${port}`), { message: /ECONNREFUSED: .*config\.storage\.endpoint/ });
});
