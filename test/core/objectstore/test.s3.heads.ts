import t from 'tap';
import type { S3ObjectStore } from '../../../ts/core/objectstore/s3/classes.s3objectstore.js';
import { ofKind } from '../../support/expect.js';
import type { IFlakyProxy, ISeenRequest, TFate } from '../../support/store/s3-flaky-proxy.js';
import { openProxied } from '../../support/store/s3-proxied.js';
import { startS3Server } from '../../support/store/s3-server.js';

const server = await startS3Server();
const skip = server ? false : 'no S3 server here';
t.teardown(async () => server?.stop());

/** The ids that the SDK gave to the HEAD requests since the last look: one for each that it built and signed. */
const signedHeads = ({ seen }: IFlakyProxy): (string | undefined)[] => {
  const ids = seen
    .filter(({ method }) => method === 'HEAD')
    .map(({ headers }) => String(headers['amz-sdk-invocation-id']));
  seen.length = 0;
  return ids;
};
const heads = (store: S3ObjectStore, count: number) =>
  Promise.all(Array.from({ length: count }, () => store.head('key')));

t.test('a HEAD is signed once and sent again', { skip }, async (t) => {
  const { proxy, store, direct } = await openProxied(t, server!);
  await direct.put('key', Buffer.from('first'), { contentType: 'text/x', metadata: { note: 'a b %' } });
  const signed = await store.head('key');
  t.match(signed, { size: 5, contentType: 'text/x', metadata: { note: 'a b %' } });
  t.same(await heads(store, 3), [signed, signed, signed], 'with the same outcome');
  const ids = signedHeads(proxy);
  t.equal(ids.length, 4, 'each asks the server');
  t.equal(new Set(ids).size, 1);

  const { etag } = await direct.put('key', Buffer.from('second one'));
  t.match(await store.head('key'), { etag, size: 10 }, "another writer's version is seen at once");
  t.same(signedHeads(proxy), [ids[0]]);
  await direct.delete('key');
  t.equal(await store.head('key'), null, 'and so is its removal');
  await direct.put('key', Buffer.from('third'));
  t.match(await store.head('key'), { size: 5 });
});

t.test('not for long', { skip }, async (t) => {
  const { proxy, store, direct } = await openProxied(t, server!);
  await direct.put('key', Buffer.from('x'));
  await heads(store, 1);
  const now = performance.now.bind(performance);
  t.teardown(() => Object.assign(performance, { now }));
  Object.assign(performance, { now: () => now() + 61_000 });
  await heads(store, 1);
  await heads(store, 1);
  const ids = signedHeads(proxy);
  t.not(ids[1], ids[0], 'after a minute the SDK signs again');
  t.equal(ids[2], ids[1]);
});

t.test('what becomes of it is left to the SDK', { skip }, async (t) => {
  const { proxy, store, direct } = await openProxied(t, server!, { requestTimeoutMs: 700 });
  await direct.put('key', Buffer.from('x'));
  const isHead = ({ method }: Pick<ISeenRequest, 'method'>) => method === 'HEAD';
  for (const fate of ['dropRequest', 'dropReply', 'silence'] as TFate[]) {
    const fates = [fate];
    await heads(store, 1);
    signedHeads(proxy);
    proxy.decide((request) => (isHead(request) && fates.shift()) || 'pass');
    t.match(await store.head('key'), { size: 1 }, fate);
    t.equal(new Set(signedHeads(proxy)).size, 2, 'signed again');
  }
  proxy.decide((request) => (isHead(request) ? 'silence' : 'pass'));
  const begun = Date.now();
  await t.rejects(store.head('key'), ofKind('unavailable'));
  t.ok(Date.now() - begun < 700 * 6, 'a silent server is given up in the same time');
});
