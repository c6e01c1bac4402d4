import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { S3ObjectStore } from '../../../ts/core/objectstore/s3/classes.s3objectstore.js';
import { ofKind } from '../../support/expect.js';
import { type ISmallRequest, type ISmallServer, startSmallServer } from '../../support/store/s3-small-server.js';
import { manyTurns } from '../../support/waiting.js';

const top = fileURLToPath(new URL('../../..', import.meta.url));
const HOUR_MS = 60 * 60 * 1000;

type TOptions = Parameters<typeof startSmallServer>[0];

const serverFor = async (t: Test, options: TOptions = { conditions: true }): Promise<ISmallServer> => {
  const server = await startSmallServer(options);
  t.teardown(() => server.stop());
  return server;
};

const isList = ({ query }: ISmallRequest): boolean => query.has('list-type');

t.test('a store that could not start can be started again', async (t) => {
  const server = await serverFor(t);
  const store = new S3ObjectStore(server.config);
  server.intercept((request) => (isList(request) ? { status: 403, code: 'AccessDenied' } : undefined));
  await t.rejects(store.init(), { kind: 'unavailable', message: /AccessDenied/ } as unknown as Error);
  await t.rejects(store.head('key'), ofKind('unavailable'));
  server.intercept(() => undefined);
  await store.init();
  await store.put('key', Buffer.from('x'));
  await store.destroy();
});

t.test('a bucket that is missing is not made if the configuration says so', async (t) => {
  const server = await serverFor(t);
  let isMade = false;
  server.intercept((request) => {
    if (request.method === 'PUT' && request.key === '') isMade = true;
    return isList(request) && !isMade ? { status: 404, code: 'NoSuchBucket' } : undefined;
  });
  const refused = new S3ObjectStore({ ...server.config, createBucket: false });
  await t.rejects(refused.init(), { kind: 'unavailable', message: /NoSuchBucket/ } as unknown as Error);
  t.equal(isMade, false);
  const store = new S3ObjectStore(server.config);
  await store.init();
  t.equal(isMade, true, 'by default it is');
  await store.destroy();
});

t.test('the upload that tried out the server is left nowhere, whatever the server says to its end', async (t) => {
  const isEnd = ({ method, query }: ISmallRequest) => method === 'POST' && query.has('uploadId');
  const isAbort = ({ method, query }: ISmallRequest) => method === 'DELETE' && query.has('uploadId');
  for (const [status, code] of [
    [412, 'PreconditionFailed'],
    [501, 'NotImplemented'],
    [400, 'InvalidRequest'],
  ] as const) {
    const server = await serverFor(t, { conditions: true, multipart: true });
    server.intercept((request) => (isEnd(request) ? { status, code } : undefined));
    const store = new S3ObjectStore(server.config);
    await store.init();
    t.equal(store.conditionalWrites, true);
    t.equal(store.conditionalJoins, status === 412, `${status}`);
    t.equal(server.seen.filter(isAbort).length, 1, `${status}: it is aborted`);
    t.same([...server.objects.keys()], []);
    await store.destroy();
  }
});

t.test('a server that forbids multipart uploads is found out at the start, one that has none is used', async (t) => {
  const isBegin = ({ method, query }: ISmallRequest) => method === 'POST' && query.has('uploads');
  const server = await serverFor(t, { conditions: true, multipart: true });
  server.intercept((request) => (isBegin(request) ? { status: 403, code: 'AccessDenied' } : undefined));
  const store = new S3ObjectStore(server.config);
  await t.rejects(store.init(), { kind: 'unavailable', message: /AccessDenied/ } as unknown as Error);
  server.intercept((request) => (isBegin(request) ? { status: 501, code: 'NotImplemented' } : undefined));
  await store.init();
  t.equal(store.conditionalWrites, true);
  await store.destroy();
});

t.test('a server that refuses a copy at the start says why', async (t) => {
  const server = await serverFor(t, { conditions: true, multipart: true });
  server.intercept(({ headers }) => (headers['x-amz-copy-source'] ? { status: 403, code: 'AccessDenied' } : undefined));
  const store = new S3ObjectStore(server.config);
  await t.rejects(store.init(), { kind: 'unavailable', message: /AccessDenied: the credentials/ } as unknown as Error);
  t.same([...server.objects.keys()], [], 'the object that tried it out is gone');
});

t.test('a clock that goes wrong while the store is open: it goes on by the clock of the server', async (t) => {
  const server = await serverFor(t);
  const store = new S3ObjectStore(server.config);
  await store.init();
  await store.put('key', Buffer.from('x'));
  const stamp = (headers: ISmallRequest['headers']): number => {
    const [, year, month, day, hour, minute, second] = /^(....)(..)(..)T(..)(..)(..)Z$/.exec(
      String(headers['x-amz-date']),
    ) as unknown as string[];
    return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  };
  server.setClock(HOUR_MS);
  server.intercept(({ headers }) => {
    const isNear = Math.abs(stamp(headers) - Date.now() - HOUR_MS) < HOUR_MS / 4;
    return isNear ? undefined : { status: 403, code: 'RequestTimeTooSkewed' };
  });
  await store.put('key', Buffer.from('a write is the first to meet it'));
  t.equal(server.objects.get('key')?.bytes.toString(), 'a write is the first to meet it');
  t.ok(await store.head('key'), 'then a read');
  server.seen.length = 0;
  await store.put('other', Buffer.from('y'));
  await store.head('other');
  await store.delete('other');
  t.equal(server.seen.length, 3, 'once it is known, each is one request');
  await store.destroy();
});

t.test('a claim that another replica takes over while it is watched is not taken from that one', async (t) => {
  const server = await serverFor(t, {});
  const claim = (id: string) => ({ bytes: Buffer.from(JSON.stringify({ id, beat: 1 })), headers: {} });
  server.objects.set('staging/replica', claim('crashed'));
  let looks = 0;
  server.intercept(({ method, key }) => {
    // the first look sees what the crash has left
    if (method === 'GET' && key === 'staging/replica' && ++looks === 2) {
      server.objects.set('staging/replica', claim('faster'));
    }
    return undefined;
  });
  const store = new S3ObjectStore(server.config, { replicaBeatMs: 40 });
  await t.rejects(store.init(), { kind: 'unavailable', message: /Another replica/ } as unknown as Error);
  t.match(server.objects.get('staging/replica')?.bytes.toString(), /faster/);
});

t.test('a writer that comes while another one has waited for its turn waits as well', async (t) => {
  const server = await serverFor(t, {});
  const store = new S3ObjectStore(server.config, { replicaBeatMs: 10_000 });
  await store.init();
  const { etag } = await store.put('key', Buffer.from('a'));
  await store.put('key', Buffer.from('before'));
  let third: Promise<unknown> | undefined;
  server.intercept(({ method, key }) => {
    // the second writer looks at what the first one has written
    if (key === 'key' && method !== 'PUT') third ??= store.put('key', Buffer.from('c'), { ifMatch: etag });
    return undefined;
  });
  const first = store.put('key', Buffer.from('a'));
  const second = store.put('key', Buffer.from('b'), { ifMatch: etag });
  await first;
  const [one] = await Promise.allSettled([second]);
  const [other] = await Promise.allSettled([third]);
  t.not(one.status, other.status, 'one of the two wins');
  await store.destroy();
});

t.test(
  'a server that compares for a put and not for a delete: in one process a delete takes no newer version',
  async (t) => {
    const server = await serverFor(t);
    const store = new S3ObjectStore(server.config);
    await store.init();
    t.match([store.conditionalWrites, store.conditionalDeletes], [true, false]);
    const { etag } = await store.put('key', Buffer.from('old'));
    let putting: Promise<PromiseSettledResult<unknown>[]> | undefined;
    server.intercept(async ({ method, key }) => {
      if (key !== 'key' || method === 'PUT' || method === 'DELETE' || putting) return undefined;
      // the delete compares: what comes now must wait for it
      putting = Promise.allSettled([store.put('key', Buffer.from('new'), { ifMatch: etag })]);
      await manyTurns();
      return undefined;
    });
    const [deleted] = await Promise.allSettled([store.delete('key', { ifMatch: etag })]);
    const [written] = (await putting) as [PromiseSettledResult<unknown>];
    t.not(deleted.status, written.status, 'one of the two wins');
    t.equal(server.objects.has('key'), written.status === 'fulfilled');
    await store.destroy();
  },
);

t.test('a process that is done ends, although it holds the claim to be the only replica', async (t) => {
  const server = await serverFor(t, {});
  const script = `
    import { S3ObjectStore } from './ts/core/objectstore/s3/classes.s3objectstore.js';
    const store = new S3ObjectStore(JSON.parse(process.argv[1]), { replicaBeatMs: 100 });
    await store.init();
    await store.put('key', Buffer.from('x'));
  `;
  const args = ['--import=tsx', '--input-type=module', '-e', script, JSON.stringify(server.config)];
  await promisify(execFile)(process.execPath, args, { cwd: top, timeout: 20_000 });
  t.equal(server.objects.get('key')?.bytes.toString(), 'x');
});
