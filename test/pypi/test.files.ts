import { randomBytes } from 'node:crypto';
import t from 'tap';
import { pypiWorld } from '../support/pypi/actors.js';
import { attestationOf, hex, sdist, wheel } from '../support/pypi/distributions.js';

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
    `lab-pkg/${file.filename}.metadatA`,
    `lab-pkg/${file.filename}.metadata.metadata`,
    'lab-pkg/metadata.json',
    `other/${file.filename}`,
    `__proto__/${file.filename}`,
  ]) {
    t.equal((await anon.get(`/pypi/packages/${path}`)).status, 404, path);
  }
});

t.test('hooks are told what is read, and errors name it', async (t) => {
  const told: object[] = [];
  const { anon, writer } = await pypiWorld(t, {
    storageHooks: { afterGet: async ({ key, metadata }) => void told.push({ key, ...metadata }) },
  });
  const file = wheel('Demo', '1.0');
  await writer.upload(file, { attestations: JSON.stringify([attestationOf(file)]) });
  const path = `/pypi/packages/demo/${file.filename}`;
  const provenance = `/pypi/integrity/demo/1.0/${file.filename}/provenance`;
  for (const one of [path, `${path}.metadata`, provenance, '/simple/demo/', '/pypi/demo/json', '/pypi/demo/1.0/json']) {
    t.equal((await anon.get(one)).status, 200, one);
  }
  const { filename, bytes, metadata } = file;
  const key = `pypi/packages/demo/${filename}`;
  const of = { kind: 'artifact', packageName: 'demo', version: '1.0' };
  const about = (text: Buffer | string, contentType: string) => ({
    ...of,
    size: Buffer.byteLength(text),
    digest: `sha256:${hex('sha256', text)}`,
    contentType,
  });
  const document = { key: 'pypi/metadata/demo/metadata.json', kind: 'document', packageName: 'demo' };
  t.match(told, [
    { key, ...about(bytes, 'application/octet-stream') },
    { key: `${key}.metadata`, ...about(metadata, 'text/plain; charset=utf-8') },
    { key: `${key}.attestations`, ...of },
    { ...document, contentType: 'text/html; charset=utf-8' },
    { ...document, contentType: 'application/json' },
    { ...document, version: '1.0', contentType: 'application/json' },
  ]);
  t.equal(told.length, 6);
  t.equal((await anon.get(provenance)).headers['Content-Type'], 'application/json');
  const { headers } = await anon.get(`${path}.metadata`);
  t.match(headers, { ETag: `"${hex('sha256', metadata)}"`, 'Cache-Control': /immutable/ });
  const message = async (one: string) => (await anon.get(one)).text;
  t.equal(await message('/pypi/packages/demo/x.whl'), 'demo has no file x.whl\n');
  t.equal(await message(`/pypi/packages/demo/${'x'.repeat(301)}`), `demo has no file ${'x'.repeat(300)}\n`);
  t.equal(await message('/pypi/integrity/demo/1.0/x.whl/provenance'), 'demo has no file x.whl\n');
  const otherVersion = provenance.replace('/1.0/', '/2.0/');
  t.equal(await message(otherVersion), `demo has no file ${file.filename}\n`, 'it is a file of another version');
  t.equal((await anon.get(provenance.replace('/1.0/', '/v1.0.0/'))).status, 200, 'the version in another spelling');
  await writer.upload(wheel('demo', '2.0'));
  const none = 'demo-2.0-py3-none-any.whl';
  t.equal(await message(`/pypi/integrity/demo/2.0/${none}/provenance`), `${none} has no provenance\n`);
  t.equal(await message('/pypi/packages/none/x.whl'), 'none is not in this registry\n');
});

t.test('an answer whose metadata are gone from the store is an outage, and no absence', async (t) => {
  const { anon, writer, registry } = await pypiWorld(t);
  await writer.upload(wheel('demo', '1.0'));
  await registry.getStorage().store.delete('pypi/packages/demo/demo-1.0-py3-none-any.whl.metadata');
  const answer = await anon.get('/pypi/demo/json');
  t.match(answer, { status: 503, text: /The metadata of demo-1\.0-py3-none-any\.whl cannot be read/ });
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

t.test('once a day the list of projects is compared with the documents, and it can be made anew', async (t) => {
  const { registry, writer, admin, anon } = await pypiWorld(t);
  for (const name of ['Demo', 'gone']) await writer.upload(wheel(name, '1.0'));
  await admin.send('DELETE', '/pypi/gone');
  const [chore] = registry.getRegistry('pypi')?.chores() ?? [];
  t.match(chore, { name: 'Listing projects whose listing was missed', everyMs: 86_400_000 });
  t.same(await chore?.work({ signal: new AbortController().signal }), { projects: 0 });
  const before = (await anon.get('/simple/')).text;
  t.match(before, '<a href="demo/">demo</a>');
  await registry.rebuildListings();
  t.equal((await anon.get('/simple/')).text, before);
});
