import t from 'tap';
import { npmWorld } from '../../support/npm/actors.js';
import { bytesOf, publishOf, sha } from '../../support/npm/packages.js';
import { send } from '../../support/registry.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import { manyTurns, until } from '../../support/waiting.js';

const TARBALL = '/a/-/a-1.0.0.tgz';

t.test('a small tarball comes from memory like from the store: ranges, conditions, and gone when it is', async (t) => {
  const { anon, writer, admin } = await npmWorld(t);
  const one = await publishOf('a', '1.0.0');
  await writer.put('/a', one);
  const first = await anon.get(TARBALL);
  const again = await anon.get(TARBALL);
  t.same(again.bytes, bytesOf(one));
  t.same(again.headers, first.headers);
  t.match(first.headers, { 'Accept-Ranges': 'bytes', 'Cache-Control': /immutable/ });
  const part = await anon.get(TARBALL, { range: 'bytes=2-5' });
  t.equal(part.status, 206);
  t.same(part.bytes, Buffer.from(bytesOf(one)).subarray(2, 6));
  t.equal((await anon.get(TARBALL, { 'if-none-match': first.headers.ETag as string })).status, 304);
  t.equal((await admin.delete(`/a/-rev/${(await admin.packument('a'))._rev}`)).status, 200);
  t.equal((await anon.get(TARBALL)).status, 404);
});

t.test('a republished version is served with its own bytes', async (t) => {
  const { anon, writer, admin } = await npmWorld(t, { npm: { enabled: true, allowRepublish: true } });
  const one = await publishOf('a', '1.0.0');
  await writer.put('/a', one);
  t.same((await anon.get(TARBALL)).bytes, bytesOf(one));
  t.equal((await admin.delete(`/a/-rev/${(await admin.packument('a'))._rev}`)).status, 200);
  const two = await publishOf('a', '1.0.0', { files: { 'other.js': 'x'.repeat(5000) } } as never);
  t.notSame(bytesOf(one), bytesOf(two));
  t.equal((await writer.put('/a', two)).status, 201);
  const { bytes } = await anon.get(TARBALL);
  t.same(bytes, bytesOf(two));
  t.equal(sha('sha1', bytes as never), (await anon.packument('a')).versions['1.0.0']?.dist.shasum);
});

t.test('one client that goes away takes nothing from those who wait with it', async (t) => {
  const store = new MemoryObjectStore();
  const get = store.get.bind(store);
  let reads = 0;
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  store.get = async (key, options = {}) => {
    if (key.endsWith('.tgz')) {
      reads++;
      await opened;
    }
    options.signal?.throwIfAborted();
    return get(key, options);
  };
  const { writer, registry } = await npmWorld(t, { storage: { objectStore: store } } as never);
  await writer.put('/a', await publishOf('a', '1.0.0'));
  const gone = new AbortController();
  const ask = (signal?: AbortSignal) => send(registry, 'GET', `/npm${TARBALL}`, { headers: { host: 'x' }, signal });
  const first = ask(gone.signal);
  await until(() => reads === 1);
  const second = ask();
  await manyTurns();
  gone.abort();
  open();
  await first;
  t.equal((await second).status, 200);
  t.equal(reads, 1, 'both waited for one read');
});

t.test('afterGet hears of what was given, not of what a document names in vain', async (t) => {
  const store = new MemoryObjectStore();
  const seen: string[] = [];
  const afterGet = async ({ key }: { key: string }) => {
    seen.push(key);
  };
  const { anon, writer } = await npmWorld(t, { storage: { objectStore: store }, storageHooks: { afterGet } } as never);
  await writer.put('/a', await publishOf('a', '1.0.0'));
  store.objects.delete('npm/packages/a/a-1.0.0.tgz');
  t.equal((await anon.get(TARBALL)).status, 404);
  t.same(
    seen.filter((key) => key.endsWith('.tgz')),
    [],
  );
  await writer.put('/b', await publishOf('b', '1.0.0'));
  for (let i = 0; i < 2; i++) t.equal((await anon.get('/b/-/b-1.0.0.tgz')).status, 200);
  t.same(
    seen.filter((key) => key.endsWith('.tgz')),
    Array(2).fill('npm/packages/b/b-1.0.0.tgz'),
  );
});
