import { randomBytes } from 'node:crypto';
import t from 'tap';
import { pypiWorld } from '../support/pypi/actors.js';
import { hex, sdist, wheel } from '../support/pypi/distributions.js';

t.test('files with HEAD, all ranges and conditions, small and large', async (t) => {
  const { anon, writer } = await pypiWorld(t);
  for (const [at, size] of [1_000, 300_000].entries()) {
    const file = wheel('demo', `1.${at}`, { files: { 'demo/noise': randomBytes(size).toString('latin1') } });
    await writer.upload(file);
    const path = `/pypi/packages/demo/${file.filename}`;
    const { bytes } = file;
    const head = await anon.send('HEAD', path);
    const whole = {
      'Content-Length': String(bytes.length),
      'Accept-Ranges': 'bytes',
      ETag: `"${hex('sha256', bytes)}"`,
      'Content-Type': 'application/octet-stream',
      'Cache-Control': 'max-age=31536000, immutable',
    };
    t.match(head, { status: 200, headers: whole });
    t.equal(head.bytes.length, 0);
    t.match(await anon.get(path), { status: 200, headers: whole, bytes });
    const ranges: [range: string, from: number, to: number][] = [
      ['bytes=0-9', 0, 10],
      ['bytes=100-199', 100, 200],
      ['bytes=-100', bytes.length - 100, bytes.length],
      [`bytes=${bytes.length - 5}-`, bytes.length - 5, bytes.length],
    ];
    for (const [range, from, to] of ranges) {
      const answer = await anon.get(path, { range });
      const about = { 'Content-Range': `bytes ${from}-${to - 1}/${bytes.length}`, 'Content-Length': String(to - from) };
      t.match(answer, { status: 206, headers: about }, range);
      t.ok(answer.bytes.equals(bytes.subarray(from, to)), range);
    }
    t.equal((await anon.get(path, { range: 'bytes=0-1,5-9' })).status, 206, 'several ranges');
    t.equal((await anon.get(path, { range: `bytes=${bytes.length}-` })).status, 416);
    t.equal((await anon.get(path, { 'if-none-match': whole.ETag })).status, 304);
  }
});

t.test('a file is found under every spelling of its project', async (t) => {
  const { anon, writer } = await pypiWorld(t);
  const file = wheel('Lab.Pkg', '1.0+local.1');
  await writer.upload(file);
  for (const path of [
    `lab-pkg/${file.filename}`,
    `Lab.Pkg/${file.filename}`,
    `lab_pkg/${encodeURIComponent(file.filename)}`,
  ]) {
    t.match(await anon.get(`/pypi/packages/${path}`), { status: 200, bytes: file.bytes }, path);
  }
  const metadata = await anon.get(`/pypi/packages/lab-pkg/${encodeURIComponent(file.filename)}.metadata`);
  t.match(metadata, { status: 200, text: file.metadata, headers: { 'Content-Type': 'text/plain; charset=utf-8' } });
  for (const path of [
    'lab-pkg/lab_pkg-2.0-py3-none-any.whl',
    'lab-pkg/__proto__',
    'lab-pkg/constructor.metadata',
    'lab-pkg/metadata.json',
    `other/${file.filename}`,
    `__proto__/${file.filename}`,
  ]) {
    t.equal((await anon.get(`/pypi/packages/${path}`)).status, 404, path);
  }
});

t.test('only wheels have metadata to be fetched', async (t) => {
  const { anon, writer } = await pypiWorld(t);
  const files = [wheel('demo', '1.0'), await sdist('demo', '1.0')];
  for (const file of files) await writer.upload(file);
  const statuses = files.map(
    async ({ filename }) => (await anon.get(`/pypi/packages/demo/${filename}.metadata`)).status,
  );
  t.same(await Promise.all(statuses), [200, 404]);
  t.same(
    (await anon.page('demo')).files.map((file) => file['core-metadata'] !== false),
    [true, false],
  );
});

t.test('a stored file that no document names does not exist, and is swept', async (t) => {
  const { anon, writer, registry, stored } = await pypiWorld(t);
  await writer.upload(wheel('demo', '1.0'));
  const { store } = registry.getStorage();
  for (const project of ['demo', 'none']) {
    await store.put(`pypi/packages/${project}/${project}-6.6.6-py3-none-any.whl`, Buffer.from('x'), {});
    t.equal((await anon.get(`/pypi/packages/${project}/${project}-6.6.6-py3-none-any.whl`)).status, 404);
  }
  t.equal((await stored()).length, 5);
  const dry = await registry.collectGarbage({ graceMs: 0, dryRun: true });
  t.match(dry, [{ protocol: 'pypi', removed: { files: 2 }, bytes: 2 }]);
  t.equal((await stored()).length, 5, 'a dry run removes nothing');
  t.match(await registry.collectGarbage({ graceMs: 0 }), [{ protocol: 'pypi', removed: { files: 2 }, bytes: 2 }]);
  t.same(await stored(), [
    'pypi/metadata/demo/metadata.json',
    'pypi/packages/demo/demo-1.0-py3-none-any.whl',
    'pypi/packages/demo/demo-1.0-py3-none-any.whl.metadata',
  ]);
  t.equal((await anon.get('/pypi/packages/demo/demo-1.0-py3-none-any.whl')).status, 200);
});
