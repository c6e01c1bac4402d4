import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { ofKind } from '../../support/expect.js';
import { streamOf } from '../../support/store/objectstore-bytes.js';
import type { ISeenRequest } from '../../support/store/s3-flaky-proxy.js';
import { openProxied } from '../../support/store/s3-proxied.js';
import { startS3Server } from '../../support/store/s3-server.js';

const MIB = 1024 ** 2;
const server = await startS3Server();
const skip = server ? false : 'no S3 server here';
t.teardown(async () => server?.stop());

/** Stores as `openProxied`, and the server's own view of uploads that nobody finished. */
const setUp = async (t: Test) => {
  const opened = await openProxied(t, server!);
  const { S3Client, AbortMultipartUploadCommand, CreateMultipartUploadCommand, ListMultipartUploadsCommand } =
    await import('@aws-sdk/client-s3');
  const { endpoint, bucketName: Bucket, accessKey = '', accessSecret = '' } = opened.config;
  const credentials = { accessKeyId: accessKey, secretAccessKey: accessSecret };
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  t.teardown(() => client.destroy());
  const begin = async (Key: string) =>
    (await client.send(new CreateMultipartUploadCommand({ Bucket, Key }))).UploadId as string;
  const unfinished = async (): Promise<string[]> => {
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
    return Uploads.map(({ Key }) => Key as string);
  };
  /** versitygw shows what a late part left only while the key has another upload */
  const leftOf = async (Key: string): Promise<string[]> => {
    await delay(200);
    const UploadId = await begin(Key);
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    return unfinished();
  };
  return { ...opened, begin, unfinished, leftOf };
};

const isPart = ({ method, path }: Pick<ISeenRequest, 'method' | 'path'>) =>
  method === 'PUT' && path.includes('partNumber');
const kindOf = (action: Promise<unknown>) =>
  action.then(
    () => 'fine',
    (error: unknown) => (error instanceof RegistryError ? error.kind : String(error)),
  );

t.test('a broken upload leaves nothing to be paid for', { skip }, async (t) => {
  const { proxy, store, direct, leftOf } = await setUp(t);

  // at each of these a few parts are on their way, some with their last byte sent and their answer not come
  for (let failAt = 25; failAt < 41; failAt += 2) {
    const put = store.put('key', streamOf(48 * MIB, { failAt: failAt * MIB }));
    await t.rejects(put, /the source broke/);
    t.same(await leftOf('key'), [], `the source failed after ${failAt} MiB`);
  }

  const gone = new AbortController();
  proxy.decide((request) => {
    if (isPart(request) && request.path.includes('partNumber=3')) gone.abort(new Error('the client is gone'));
    return 'pass';
  });
  await t.rejects(store.put('key', streamOf(40 * MIB), { signal: gone.signal }), /the client is gone/);
  t.same(await leftOf('key'), [], 'the client went away');

  const early = new AbortController();
  proxy.decide(({ method }) => {
    if (method === 'POST') early.abort(new Error('the client is gone'));
    return 'pass';
  });
  await t.rejects(store.put('key', streamOf(40 * MIB), { signal: early.signal }), /the client is gone/);
  t.same(await leftOf('key'), [], 'the client went away while the upload began');

  let told = false;
  proxy.decide((request) => (isPart(request) ? 'dropRequest' : 'pass'));
  await t.rejects(store.put('key', streamOf(40 * MIB, { onCancel: () => (told = true) })), ofKind('unavailable'));
  t.same(await leftOf('key'), [], 'the server failed');
  t.ok(told, 'and the source was told');

  proxy.decide((request) => (isPart(request) ? 'dropReply' : 'pass'));
  await t.rejects(store.put('key', streamOf(40 * MIB)), ofKind('unavailable'));
  t.same(await leftOf('key'), [], 'the answers to all parts were lost');

  proxy.decide(() => 'pass');
  await direct.put('key', Buffer.from('there'));
  const put = store.put('key', streamOf(20 * MIB), { ifNoneMatch: '*' });
  t.equal(await kindOf(put), 'preconditionFailed');
  t.same(await leftOf('key'), [], 'the condition did not hold');
  t.equal((await direct.head('key'))?.size, 5);
});

t.test('a sweep removes what crashed writers left, page by page, and only what is old', { skip }, async (t) => {
  const { store, begin, unfinished } = await setUp(t);
  const keys = Array.from({ length: 1_050 }, (_, index) => `staging/${String(index).padStart(4, '0')}`);
  for (let from = 0; from < keys.length; from += 50) await Promise.all(keys.slice(from, from + 50).map(begin));
  t.equal((await unfinished()).length, 1_000, 'more than one page of them');
  t.equal(await store.sweep(60 * 60 * 1000), 0, 'what is young may be under way');
  // file systems and clocks may differ by a little
  await delay(1_100);
  t.equal(await store.sweep(0), keys.length);
  t.same(await unfinished(), []);
  t.equal(await store.sweep(0), 0);
});
