import t from 'tap';
import { clockOf } from '../support/clock.js';
import { JSON_TYPE, type PypiActor, pypiWorld } from '../support/pypi/actors.js';
import { sdist, wheel } from '../support/pypi/distributions.js';

const FILE = 'demo-1.0-py3-none-any.whl';

t.test('a release is yanked and unyanked, in whatever spelling', async (t) => {
  const { anon, writer } = await pypiWorld(t);
  await writer.upload(wheel('demo', '1.0'));
  await writer.upload(await sdist('demo', '1.0'));
  await writer.upload(wheel('demo', '2.0'));
  const yanked = async () => (await anon.page('demo')).files.map((file) => file.yanked);
  const answer = await writer.json('POST', '/pypi/Demo/v1.0.0/yank', { reason: 'broken' });
  t.match(answer, { status: 200 });
  t.same(answer.json(), { yanked: true, reason: 'broken' });
  t.same(await yanked(), ['broken', 'broken', false]);
  t.match(await writer.json('POST', '/pypi/demo/1.0/yank'), { status: 200 });
  t.same(await yanked(), [true, true, false], 'without a reason it is yanked all the same');
  t.match((await anon.get('/simple/demo/')).text, 'data-yanked=""');
  t.same((await writer.json('POST', '/pypi/demo/1.0/unyank')).json(), { yanked: false });
  t.same(await yanked(), [false, false, false]);
  t.equal((await anon.get(`/pypi/packages/demo/${FILE}`)).status, 200, 'a yanked file can be had');
});

t.test('one file is yanked', async (t) => {
  const { anon, writer } = await pypiWorld(t);
  await writer.upload(wheel('demo', '1.0'));
  await writer.upload(await sdist('demo', '1.0'));
  t.match(await writer.json('POST', `/pypi/packages/demo/${FILE}/yank`, { reason: 'x' }), { status: 200 });
  t.same(
    (await anon.page('demo')).files.map((file) => file.yanked),
    ['x', false],
  );
  t.match(await writer.json('POST', `/pypi/packages/demo/${FILE}/unyank`), { status: 200 });
  t.same((await anon.page('demo')).files[0]?.yanked, false);
  await writer.json('POST', `/pypi/packages/demo/${FILE}/yank`, { reason: 'x' });
  await writer.upload(wheel('demo', '1.0', { tags: 'cp312-cp312-linux_x86_64' }));
  t.same(
    (await anon.page('demo')).files.map((file) => file.yanked),
    ['x', false, false],
    'a later file of a release that is yanked in part is not yanked',
  );
});

t.test('a file that comes to a yanked release is yanked with it', async (t) => {
  const { anon, writer } = await pypiWorld(t);
  await writer.upload(wheel('demo', '1.0'));
  await writer.json('POST', '/pypi/demo/1.0/yank', { reason: 'broken' });
  await writer.upload(await sdist('demo', '1.0'));
  await writer.upload(wheel('demo', '1.1'));
  t.same(
    (await anon.page('demo')).files.map((file) => file.yanked),
    ['broken', 'broken', false],
  );
});

t.test('files, releases and projects are deleted, and their names stay used', async (t) => {
  const { anon, admin, writer, stored } = await pypiWorld(t);
  const source = await sdist('demo', '1.0');
  for (const file of [wheel('demo', '1.0'), source, wheel('demo', '2.0'), wheel('demo', '3.0')]) {
    await writer.upload(file);
  }
  for (const path of [`packages/demo/${source.filename}`, 'demo/1.0', 'demo']) {
    t.match(await writer.send('DELETE', `/pypi/${path}`), { status: 403 }, path);
    t.match(await anon.send('DELETE', `/pypi/${path}`), { status: 401 }, path);
  }
  const removed = await admin.send('DELETE', `/pypi/packages/demo/${source.filename}`);
  t.same([removed.status, removed.json()], [200, { deleted: true }]);
  t.match(await admin.send('DELETE', `/pypi/packages/demo/${source.filename}`), { status: 404 });
  t.match(await admin.send('DELETE', '/pypi/demo/2.0.0'), { status: 200 });
  t.same((await anon.page('demo')).versions, ['1.0', '3.0']);
  t.equal((await anon.get('/pypi/demo/2.0/json')).status, 404);
  t.same(await stored(), [
    'pypi/metadata/demo/metadata.json',
    `pypi/packages/demo/${FILE}`,
    `pypi/packages/demo/${FILE}.metadata`,
    'pypi/packages/demo/demo-3.0-py3-none-any.whl',
    'pypi/packages/demo/demo-3.0-py3-none-any.whl.metadata',
  ]);
  for (const file of [source, wheel('demo', '2.0'), await sdist('demo', '1.0', { ending: '.zip' })]) {
    const again = await writer.upload(file);
    t.match(again, { status: 400, text: /was used by a file that was deleted/ }, file.filename);
    t.notMatch(again.text, /already exist/i, 'a client that skips what exists must not take this for success');
  }
  t.match(await admin.send('DELETE', '/pypi/demo'), { status: 200 });
  t.same(await stored(), ['pypi/metadata/demo/metadata.json']);
  for (const path of ['/simple/demo/', '/pypi/demo/json', `/pypi/packages/demo/${FILE}`, '/pypi/demo/status']) {
    t.equal((await anon.get(path)).status, 404, path);
  }
  t.match(await admin.send('DELETE', '/pypi/demo'), { status: 404 });
  t.match(await writer.upload(wheel('demo', '1.0')), { status: 400 });
  t.match(await writer.upload(wheel('Demo', '4.0')), { status: 200 }, 'a new version brings the project back');
  t.same((await anon.page('demo')).versions, ['4.0']);
  const { projects } = (await anon.get('/simple/', { accept: JSON_TYPE })).json();
  t.same(projects, [{ name: 'Demo' }], 'under the name that it has now');
});

t.test('allowRepublish: a deleted name can be used again, for other bytes', async (t) => {
  const { anon, admin } = await pypiWorld(t, { pypi: { enabled: true, allowRepublish: true } });
  await admin.upload(wheel('demo', '1.0'));
  const first = await anon.get(`/pypi/packages/demo/${FILE}`);
  t.match(first.headers['Cache-Control'], 'no-cache');
  await admin.send('DELETE', '/pypi/demo/1.0');
  const other = wheel('demo', '1.0', { description: 'other bytes' });
  t.match(await admin.upload(other), { status: 200 });
  t.ok((await anon.get(`/pypi/packages/demo/${FILE}`)).bytes.equals(other.bytes));
  t.match(await admin.upload(wheel('demo', '1.0')), { status: 400, text: /^File already exists/ });
});

t.test('the status of a project and its effects', async (t) => {
  const { anon, admin, writer } = await pypiWorld(t);
  await writer.upload(wheel('demo', '1.0'));
  const put = (status: string, reason?: string, who: PypiActor = writer) =>
    who.json('PUT', '/pypi/demo/status', { status, ...(reason && { reason }) });
  t.same((await anon.get('/pypi/demo/status')).json(), { status: 'active' });
  t.notOk('project-status' in (await anon.page('demo')));

  t.same((await put('archived', 'done & dusted')).json(), { status: 'archived', reason: 'done & dusted' });
  t.match(await anon.page('demo'), { 'project-status': { status: 'archived', reason: 'done & dusted' } });
  const { text } = await anon.get('/simple/demo/');
  t.match(text, '<meta name="pypi:project-status" content="archived">');
  t.match(text, '<meta name="pypi:project-status-reason" content="done &amp; dusted">');
  t.equal((await anon.page('demo')).files.length, 1);
  const refused = await writer.upload(wheel('demo', '2.0'));
  t.match(refused, { status: 403, text: 'The project demo is archived and takes no uploads: done & dusted\n' });
  t.match(await writer.upload(wheel('demo', '1.0')), { status: 200 }, 'a repeated upload is no new one');

  t.match(await put('deprecated'), { status: 200 });
  t.match(await writer.upload(wheel('demo', '1.1')), { status: 200 }, 'deprecated is like active');
  t.equal((await anon.page('demo')).files.length, 2);

  t.match(await put('quarantined', 'malware', admin), { status: 200 });
  const page = await anon.page('demo');
  t.same([page.files, page.versions], [[], []]);
  t.match(page, { 'project-status': { status: 'quarantined', reason: 'malware' } });
  t.notMatch((await anon.get('/simple/demo/')).text, '<a');
  for (const path of [FILE, `${FILE}.metadata`]) {
    for (const method of ['GET', 'HEAD']) {
      t.equal((await admin.send(method, `/pypi/packages/demo/${path}`)).status, 403, `${method} ${path}`);
    }
  }
  t.equal(
    (await anon.get(`/pypi/packages/demo/${FILE}`)).text,
    'The project demo is quarantined, and its files are closed: malware\n',
  );
  t.equal((await anon.get(`/pypi/integrity/demo/1.0/${FILE}/provenance`)).status, 403);
  t.match((await anon.get('/pypi/demo/json')).json(), { info: { name: 'demo' }, releases: {}, urls: [] });
  t.same((await anon.get('/pypi/demo/1.0/json')).json().urls, []);
  t.match(await writer.upload(wheel('demo', '2.0')), { status: 403, text: /quarantined/ });

  t.match(await put('active', undefined, admin), { status: 200 });
  t.equal((await anon.page('demo')).files.length, 2);
  t.notOk('project-status' in (await anon.page('demo')));
});

t.test('a quarantine is set and lifted by those who may write every project', async (t) => {
  const { admin, tokenOf } = await pypiWorld(t);
  const owner = await tokenOf({ scopes: ['pypi:package:demo:write', 'pypi:package:demo:read'] });
  await owner.upload(wheel('demo', '1.0'));
  const put = (who: PypiActor, status: string) => who.json('PUT', '/pypi/demo/status', { status });
  t.match(await put(owner, 'archived'), { status: 200 });
  t.match(await put(owner, 'quarantined'), { status: 403 });
  t.match(await put(admin, 'quarantined'), { status: 200 });
  t.match(await put(owner, 'quarantined'), { status: 200 }, 'nothing changes');
  t.match(await put(owner, 'active'), { status: 403, text: /sets or lifts a quarantine/ });
  t.match((await admin.get('/pypi/demo/status')).json(), { status: 'quarantined' });
  t.match(await put(admin, 'active'), { status: 200 });
});

t.test('a quarantine that comes while an uploader changes the status stays', async (t) => {
  let meanwhile = async () => {};
  const { admin, tokenOf } = await pypiWorld(t, {
    storageHooks: {
      beforePut: async () => {
        const run = meanwhile;
        meanwhile = async () => {};
        await run();
        return { allowed: true };
      },
    },
  });
  const owner = await tokenOf({ scopes: ['pypi:package:demo:write', 'pypi:package:demo:read'] });
  await owner.upload(wheel('demo', '1.0'));
  const put = (who: PypiActor, status: string) => who.json('PUT', '/pypi/demo/status', { status });
  meanwhile = async () => {
    t.match(await put(admin, 'quarantined'), { status: 200 });
  };
  t.match(await put(owner, 'archived'), { status: 403, text: /sets or lifts a quarantine/ });
  t.match((await admin.get('/pypi/demo/status')).json(), { status: 'quarantined' });
});

t.test('changes that cannot be made', async (t) => {
  const { anon, writer, reader, admin } = await pypiWorld(t);
  await writer.upload(wheel('demo', '1.0'));
  const cases: [what: string, answer: Promise<{ status: number }>, status: number][] = [
    ['anonymous', anon.json('POST', '/pypi/demo/1.0/yank'), 401],
    ['read-only', reader.json('POST', '/pypi/demo/1.0/yank'), 403],
    ['status, read-only', reader.json('PUT', '/pypi/demo/status', { status: 'archived' }), 403],
    ['no such version', writer.json('POST', '/pypi/demo/9/yank'), 404],
    ['no version', writer.json('POST', '/pypi/demo/constructor/unyank'), 404],
    ['no such file', writer.json('POST', '/pypi/packages/demo/__proto__/yank'), 404],
    ['no such project', writer.json('POST', '/pypi/none/1.0/yank'), 404],
    ['status of no project', writer.json('PUT', '/pypi/none/status', { status: 'archived' }), 404],
    ['a reason that is no text', writer.json('POST', '/pypi/demo/1.0/yank', { reason: {} }), 400],
    ['an array', writer.json('POST', '/pypi/demo/1.0/yank', ['x']), 400],
    ['no JSON', writer.send('POST', '/pypi/demo/1.0/yank', { body: 'reason' }), 400],
    ['too much', writer.send('POST', '/pypi/demo/1.0/yank', { body: `"${'x'.repeat(70_000)}"` }), 413],
    ['no status', writer.json('PUT', '/pypi/demo/status', {}), 400],
    ['an unknown status', writer.json('PUT', '/pypi/demo/status', { status: 'gone' }), 400],
    ['delete of no version', admin.send('DELETE', '/pypi/demo/9'), 404],
    ['delete of no project', admin.send('DELETE', '/pypi/none'), 404],
  ];
  const before = await anon.page('demo');
  for (const [what, answer, status] of cases) t.equal((await answer).status, status, what);
  t.same(await anon.page('demo'), before);
});

t.test('who may only read changes nothing', async (t) => {
  const { anon, reader, writer } = await pypiWorld(t);
  await writer.upload(wheel('demo', '1.0'));
  for (const path of [
    'demo/1.0/yank',
    'demo/1.0/unyank',
    `packages/demo/${FILE}/yank`,
    `packages/demo/${FILE}/unyank`,
  ]) {
    t.equal((await reader.json('POST', `/pypi/${path}`)).status, 403, path);
    t.equal((await anon.json('POST', `/pypi/${path}`)).status, 401, path);
    t.equal((await writer.json('POST', `/pypi/${path}`)).status, 200, path);
  }
  t.equal((await anon.json('PUT', '/pypi/demo/status', { status: 'archived' })).status, 401);
});

t.test('the body of a change: JSON of any type, parsed by the host, blank, or none', async (t) => {
  const { registry, writer } = await pypiWorld(t);
  await writer.upload(wheel('demo', '1.0'));
  const yanked = async (body?: unknown, headers = {}) =>
    (await writer.send('POST', '/pypi/demo/1.0/yank', { body, headers })).json();
  t.same(await yanked({ reason: 'parsed' }), { yanked: true, reason: 'parsed' });
  t.same(await yanked('{"reason":" typed "}', { 'content-type': 'text/plain' }), { yanked: true, reason: 'typed' });
  t.same(await yanked(' \n'), { yanked: true, reason: '' });
  t.same(await yanked(), { yanked: true, reason: '' });
  const limit = 64 * 1024;
  t.same(await yanked('{}'.padEnd(limit)), { yanked: true, reason: '' });
  t.equal((await writer.send('POST', '/pypi/demo/1.0/yank', { body: '{}'.padEnd(limit + 1) })).status, 413);
  t.match(await writer.send('POST', '/pypi/demo/1.0/yank', { body: '{' }), {
    status: 400,
    text: 'The body is not JSON\n',
  });
  t.ok(registry);
});

t.test('hooks see deletes and yanks', async (t) => {
  const seen: string[] = [];
  const { admin } = await pypiWorld(t, {
    storageHooks: {
      afterPut: async ({ key, metadata }) =>
        void seen.push(`put ${key} ${metadata?.packageName} ${metadata?.version ?? ''}`.trim()),
      afterDelete: async ({ key, metadata }) => void seen.push(`delete ${key} ${metadata?.version ?? ''}`.trim()),
    },
  });
  await admin.upload(wheel('demo', '1.0'));
  seen.length = 0;
  await admin.json('POST', '/pypi/demo/1.0/yank');
  const put = 'put pypi/metadata/demo/metadata.json demo';
  t.same(seen, [`${put} 1.0`]);
  await admin.json('POST', '/pypi/demo/1.0/yank');
  t.equal(seen.length, 1, 'a yank that changes nothing writes nothing');
  await admin.json('POST', `/pypi/packages/demo/${FILE}/unyank`);
  await admin.json('PUT', '/pypi/demo/status', { status: 'archived' });
  await admin.json('PUT', '/pypi/demo/status', { status: 'archived' });
  t.same(seen.slice(1), [put, put]);
  seen.length = 0;
  await admin.send('DELETE', '/pypi/demo/1.0');
  t.same(seen, [
    `delete pypi/packages/demo/${FILE} 1.0`,
    `delete pypi/packages/demo/${FILE}.metadata 1.0`,
    'delete pypi/metadata/demo/metadata.json 1.0',
  ]);
});

t.test('a change by a replica whose clock is behind is seen by a client that compares dates', async (t) => {
  const { registry, anon, writer } = await pypiWorld(t);
  const tick = clockOf(registry);
  await writer.upload(wheel('demo', '1.0'));
  tick(60_000);
  for (const path of ['/pypi/simple/demo/', '/pypi/demo/json']) {
    const client = (await anon.get(path)).headers['Last-Modified'] as string;
    t.ok(client);
    tick(-90_000);
    await writer.json('POST', '/pypi/demo/1.0/yank', { reason: path });
    tick(180_000);
    t.equal((await anon.get(path, { 'if-modified-since': client })).status, 200, path);
  }
});

t.test('a yank without a reason has none in the JSON API, which is null there and not an empty text', async (t) => {
  const { writer, anon } = await pypiWorld(t);
  await writer.upload(wheel('demo', '1.0'));
  t.match(await writer.json('POST', '/pypi/demo/1.0/yank', {}), { status: 200 });
  const { info, urls } = (await anon.get('/pypi/demo/1.0/json')).json() as { info: object; urls: object[] };
  t.match(info, { yanked: true, yanked_reason: null });
  t.match(urls, [{ yanked: true, yanked_reason: null }]);
});
