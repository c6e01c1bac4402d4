import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { cargoWorld, details, publishes } from '../support/cargo/actors.js';
import { crateFile, dependencyOf, manifestOf, sha256 } from '../support/cargo/crates.js';
import { clockOf } from '../support/clock.js';
import { FaultObjectStore } from '../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../support/store/memory-objectstore.js';

t.test('the index answers 304 to what a client has, and every change has another ETag', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  await publishes(t, writer, 'fyk', '1.0.0');
  const etags: string[] = [];
  const tag = async () => {
    const { headers } = await anon.get('/3/f/fyk');
    etags.push(headers.ETag as string);
    const again = await anon.get('/3/f/fyk', { 'if-none-match': headers.ETag as string });
    t.equal(again.status, 304);
    t.equal(again.bytes.length, 0);
  };
  await tag();
  await publishes(t, writer, 'fyk', '1.1.0');
  await tag();
  await writer.yank('fyk', '1.1.0');
  await tag();
  t.equal(new Set(etags).size, 3);
  const stale = await anon.get('/3/f/fyk', { 'if-none-match': etags[0] as string });
  t.equal(stale.status, 200);
});

t.test('a long index file goes out as gzip to those who can read it', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  const deps = Array.from({ length: 40 }, (_, at) => dependencyOf(`dep-${at}`));
  await publishes(t, writer, 'fyk', '1.0.0', { metadata: { deps } });
  const plain = await anon.get('/3/f/fyk');
  const packed = await anon.get('/3/f/fyk', { 'accept-encoding': 'deflate, gzip' });
  t.equal(packed.headers['Content-Encoding'], 'gzip');
  t.equal(gunzipSync(packed.bytes).toString(), plain.text);
  const head = await anon.send('HEAD', '/3/f/fyk');
  t.same([head.status, head.bytes.length, head.headers['Content-Length']], [200, 0, String(plain.bytes.length)]);
});

t.test('Last-Modified of the index is the time of the last change, once that is old enough to tell', async (t) => {
  const { anon, writer, registry } = await cargoWorld(t);
  await publishes(t, writer, 'fyk', '1.0.0');
  t.equal(
    (await anon.get('/3/f/fyk')).headers['Last-Modified'],
    undefined,
    'a second change may follow within its second',
  );
  const storage = registry.getStorage();
  const key = 'cargo/index/3/f/fyk';
  await storage.update<{ modified: string }>(key, (document) => ({
    ...document,
    modified: '2026-01-02T03:04:05.678Z',
  }));
  const { headers } = await anon.get('/3/f/fyk');
  t.equal(headers['Last-Modified'], 'Fri, 02 Jan 2026 03:04:05 GMT');
  const since = await anon.get('/3/f/fyk', { 'if-modified-since': headers['Last-Modified'] as string });
  t.equal(since.status, 304);
});

t.test('a crate is downloaded whole, in parts, and not again', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  const files = { big: Buffer.from(Array.from({ length: 200_000 }, (_, at) => (at * 7919) & 255)) };
  for (const [version, crate] of [
    ['1.0.0', await crateFile('fyk', '1.0.0')],
    ['2.0.0', await crateFile('fyk', '2.0.0', { files })],
  ] as const) {
    await publishes(t, writer, 'fyk', version, { crate });
    const whole = await anon.download('fyk', version);
    t.same(whole.bytes, crate);
    t.equal(whole.headers['Cache-Control'], 'max-age=31536000, immutable');
    const head = await anon.send('HEAD', `/api/v1/crates/fyk/${version}/download`);
    t.same([head.status, head.headers['Content-Length'], head.bytes.length], [200, String(crate.length), 0]);
    const digest = Buffer.from(sha256(crate), 'hex').toString('base64');
    t.equal(whole.headers['Repr-Digest'], `sha-256=:${digest}:`);
    const etag = `"${sha256(crate)}"`;
    t.equal((await anon.download('fyk', version, { 'if-none-match': etag })).status, 304);
    const part = await anon.download('fyk', version, { range: 'bytes=10-19' });
    t.same([part.status, part.headers['Content-Range']], [206, `bytes 10-19/${crate.length}`]);
    t.same(part.bytes, crate.subarray(10, 20));
    const end = await anon.download('fyk', version, { range: 'bytes=-5' });
    t.same(end.bytes, crate.subarray(-5));
    t.equal((await anon.download('fyk', version, { range: `bytes=${crate.length}-` })).status, 416);
  }
});

t.test('what is not there is 404 with a sentence', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  await publishes(t, writer, 'fyk', '1.0.0');
  for (const [path, detail] of [
    ['/api/v1/crates/fyk/1.0.1/download', 'crate `fyk` does not have a version `1.0.1`'],
    ['/api/v1/crates/fyk/toString/download', 'crate `fyk` does not have a version `toString`'],
    ['/api/v1/crates/nope/1.0.0/download', 'nope is not in this registry'],
    ['/api/v1/crates/a.b/1.0.0/download', 'a.b is not in this registry'],
    ['/no/pe/nope', 'nope is not in this registry'],
    ['/fy/kx/fyk', 'fyk is not in this registry'],
    ['/3/F/FYK', 'fyk is not in this registry'],
    ['/__/pr/__proto__', '__proto__ is not in this registry'],
    ['/api/v1/crates/fyk', 'There is nothing at this path'],
  ] as const) {
    const answer = await anon.get(path);
    t.same([answer.status, details(answer)], [404, [detail]], path);
    t.equal(answer.headers['Content-Type'], 'application/json');
  }
  const wrong = await anon.send('POST', '/api/v1/crates/new');
  t.same([wrong.status, wrong.headers.Allow], [405, 'PUT']);
});

t.test('the readme of a version is the one in its crate', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  const publish = async (version: string, readme: string, files: Record<string, string>) => {
    const manifest = manifestOf('fyk', version, readme);
    await publishes(t, writer, 'fyk', version, { crate: await crateFile('fyk', version, { manifest, files }) });
    return anon.get(`/api/v1/crates/fyk/${version}/readme`);
  };
  const shown = await publish('1.0.0', 'readme = "README.md"', { 'README.md': '# <b>hello</b>\n' });
  t.same([shown.status, shown.text], [200, '# <b>hello</b>\n']);
  t.equal(shown.headers['Content-Type'], 'text/plain; charset=utf-8', 'a browser runs nothing of it');
  t.equal(shown.headers['X-Content-Type-Options'], 'nosniff');
  t.equal((await publish('1.1.0', 'readme = "./docs/TEXT"', { 'docs/TEXT': 'text' })).text, 'text');
  t.equal((await publish('1.2.0', 'readme = true', { 'README.md': 'yes' })).text, 'yes');
  const longest = await publish('1.3.0', 'readme = "README.md"', { 'README.md': 'x'.repeat(2 * 1024 * 1024) });
  t.equal(longest.text.length, 2 * 1024 * 1024);
  for (const [version, readme, files] of [
    ['2.0.0', '', { 'README.md': 'not named' }],
    ['2.1.0', 'readme = false', {}],
    ['2.2.0', 'readme = "gone.md"', {}],
    ['2.3.0', 'readme = "../Cargo.toml"', {}],
    ['2.4.0', 'readme = "README.md"', { 'README.md': 'x'.repeat(2 * 1024 * 1024 + 1) }],
  ] as const) {
    const none = await publish(version, readme, files);
    t.same([none.status, details(none)], [404, [`fyk ${version} has no readme in this registry`]]);
  }
  t.equal((await anon.get('/api/v1/crates/fyk/9.9.9/readme')).status, 404);
  t.match(await anon.get('/api/v1/crates/a.b/1.0.0/readme'), { status: 404 });
  t.match(details(await anon.get('/api/v1/crates/none/1.0.0/readme')), ['none is not in this registry']);
});

t.test('the readme is that of the very crate, and as old as its version', async (t) => {
  const { anon, writer, registry } = await cargoWorld(t);
  const tick = clockOf(registry);
  const crate = await crateFile('foo-bar', '1.0.0', {
    manifest: manifestOf('foo-bar', '1.0.0', 'readme = "README.md"'),
    files: { 'README.md': 'hello' },
  });
  await publishes(t, writer, 'foo-bar', '1.0.0', { crate });
  tick(3_600_000);
  await publishes(t, writer, 'foo-bar', '1.1.0');
  const { headers, text } = await anon.get('/api/v1/crates/Foo-Bar/1.0.0/readme');
  t.same([text, headers['Last-Modified']], ['hello', 'Thu, 01 Jan 2026 00:00:00 GMT']);
  const other = await anon.get('/api/v1/crates/foo_bar/1.0.0/readme');
  t.same([other.status, details(other)], [404, ['foo_bar is not in this registry']], 'another name is another crate');
});

t.test('hooks are told what is read, and caches how long it may be kept', async (t) => {
  const told: object[] = [];
  const { anon, writer } = await cargoWorld(t, {
    storageHooks: { afterGet: async ({ key, metadata }) => void told.push({ key, ...metadata }) },
  });
  const crate = await crateFile('Fyk', '1.0.0');
  await publishes(t, writer, 'Fyk', '1.0.0', { crate });
  t.equal((await anon.download('fyk', '1.0.0')).status, 200);
  t.equal((await anon.get('/3/f/fyk')).status, 200);
  t.match(told, [
    {
      key: 'cargo/crates/Fyk/Fyk-1.0.0.crate',
      kind: 'artifact',
      packageName: 'Fyk',
      version: '1.0.0',
      size: crate.length,
      digest: `sha256:${sha256(crate)}`,
      contentType: 'application/gzip',
    },
    { key: 'cargo/index/3/f/fyk', kind: 'document', packageName: 'fyk', contentType: 'text/plain; charset=utf-8' },
  ]);
  const again = await cargoWorld(t, { cargo: { enabled: true, allowRepublish: true } });
  await publishes(t, again.writer, 'fyk', '1.0.0');
  t.equal((await again.anon.download('fyk', '1.0.0')).headers['Cache-Control'], 'no-cache');
});

t.test('a change by a replica whose clock is behind is seen by a client that compares dates', async (t) => {
  const { registry, anon, writer } = await cargoWorld(t);
  const tick = clockOf(registry);
  await publishes(t, writer, 'fyk', '1.0.0');
  const changes = [() => writer.yank('fyk', '1.0.0'), () => publishes(t, writer, 'fyk', '1.1.0')];
  for (const change of changes) {
    tick(60_000);
    const client = (await anon.get('/3/f/fyk')).headers['Last-Modified'] as string;
    t.ok(client);
    tick(-90_000);
    await change();
    tick(120_000);
    t.equal((await anon.get('/3/f/fyk', { 'if-modified-since': client })).status, 200);
  }
});

t.test('the readme of a very large crate is not unpacked', async (t) => {
  const { anon, writer, registry } = await cargoWorld(t);
  const manifest = manifestOf('fyk', '1.0.0', 'readme = "README.md"');
  await publishes(t, writer, 'fyk', '1.0.0', {
    crate: await crateFile('fyk', '1.0.0', { manifest, files: { 'README.md': 'x' } }),
  });
  const path = '/api/v1/crates/fyk/1.0.0/readme';
  t.equal((await anon.get(path)).status, 200);
  // the size that the document states decides, so the crate need not be that large
  for (const [size, status] of [
    [32 * 1024 * 1024, 200],
    [32 * 1024 * 1024 + 1, 404],
  ] as const) {
    await registry.getStorage().update<{ versions: Record<string, object> }>('cargo/index/3/f/fyk', (document) => ({
      ...document,
      versions: { '1.0.0': { ...document?.versions['1.0.0'], size } },
    }));
    t.equal((await anon.get(path)).status, status, `${size}`);
  }
});

t.test(
  'a crate is unpacked once for its readme, whatever spelling is asked for, and once if it has none',
  async (t) => {
    const store = new FaultObjectStore(new MemoryObjectStore());
    const { anon, writer } = await cargoWorld(t, { storage: { objectStore: store } });
    for (const [version, files] of [
      ['1.0.0', { 'README.md': 'hello' }],
      ['2.0.0', {}],
    ] as const) {
      const manifest = manifestOf('fyk', version, 'readme = "README.md"');
      await publishes(t, writer, 'fyk', version, { crate: await crateFile('fyk', version, { manifest, files }) });
      store.reset();
      for (const name of ['fyk', 'Fyk', 'fYk', 'FYK']) {
        const answer = await anon.get(`/api/v1/crates/${name}/${version}/readme`);
        t.equal(answer.status, version === '1.0.0' ? 200 : 404, name);
      }
      const read = store.log.filter(({ verb, key }) => verb === 'get' && key.startsWith('cargo/crates/'));
      t.equal(read.length, 1, version);
    }
  },
);
