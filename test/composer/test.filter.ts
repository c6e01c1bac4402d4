import t from 'tap';
import { clockOf, composerWorld } from '../support/composer/actors.js';

t.test('an administrator blocks a version at every client, and allows it again', async (t) => {
  const { registry, admin, writer, anon } = await composerWorld(t, {
    composer: { enabled: true, filterLists: ['malware', 'typo'] },
  });
  const tick = clockOf(registry);
  await writer.publish('acme/lib', '1.0.0');
  await writer.publish('acme/lib', '1.1.0');
  await writer.publish('acme/other', '1.0.0');
  tick(60_000);
  const client = (await anon.get('/p2/acme/lib.json')).headers['Last-Modified'] as string;
  const path = '/packages/acme/lib/filter/malware';
  const entry = { constraint: '1.1.0', reason: 'It mines coins', url: 'https://example.org/1' };
  t.equal((await anon.put(path, entry)).status, 401);
  t.equal((await writer.put(path, entry)).status, 403, 'blocking takes what deleting takes');
  const blocked = await admin.put(path, JSON.stringify(entry));
  t.same(
    [blocked.status, blocked.json()],
    [200, { status: 'success', name: 'acme/lib', filter: [{ list: 'malware', ...entry }] }],
  );
  for (const [who, status] of [
    [anon, 401],
    [writer, 403],
  ] as const) {
    t.equal((await who.delete(path)).status, status, 'and so does allowing');
  }
  for (const file of ['lib.json', 'lib~dev.json']) {
    const answer = await anon.get(`/p2/acme/${file}`, { 'if-modified-since': client });
    t.same(answer.json().filter, { malware: [entry] }, file);
  }
  t.notOk(Object.hasOwn((await anon.get('/p2/acme/other.json')).json(), 'filter'));
  t.same((await anon.get('/filter.json')).json(), { filter: { malware: { 'acme/lib': '1.1.0' } } });

  await admin.put(path, { constraint: '<1.0' });
  await admin.put(path, { constraint: '1.1.0', reason: 'another one' });
  await admin.put('/packages/acme/lib/filter/typo', { constraint: '*' });
  t.same((await anon.get('/filter.json')).json(), {
    filter: { malware: { 'acme/lib': '<1.0 || 1.1.0' }, typo: { 'acme/lib': '*' } },
  });
  const allowed = await admin.delete(`${path}?constraint=1.1.0`);
  const rest = [
    { list: 'malware', constraint: '<1.0' },
    { list: 'typo', constraint: '*' },
  ];
  t.same([allowed.status, allowed.json()], [200, { status: 'success', name: 'acme/lib', filter: rest }]);
  t.same((await anon.get('/filter.json')).json(), {
    filter: { malware: { 'acme/lib': '<1.0' }, typo: { 'acme/lib': '*' } },
  });
  t.equal((await admin.delete(`${path}?constraint=1.1.0`)).status, 404);
  t.equal((await admin.delete(path)).status, 200);
  t.same((await admin.delete('/packages/Acme/Lib/filter/typo')).json(), {
    status: 'success',
    name: 'acme/lib',
    filter: [],
  });
  t.same((await anon.get('/filter.json')).json(), { filter: {} });
  t.notOk(Object.hasOwn((await anon.get('/p2/acme/lib.json')).json(), 'filter'));
});

t.test('entries that would make every client stop are refused', async (t) => {
  const { admin, writer } = await composerWorld(t);
  await writer.publish('acme/lib', '1.0.0');
  const path = '/packages/acme/lib/filter/malware';
  for (const body of [[], 'x', null, {}, { constraint: '' }, { constraint: 'not a version' }, { constraint: 5 }]) {
    t.match(await admin.put(path, JSON.stringify(body)), { status: 400 }, JSON.stringify(body));
  }
  t.equal((await admin.put(path, { constraint: '1.0', reason: 'x'.repeat(5000) })).status, 400);
  for (const text of ['\u001b[2Jclean', 'two\nlines', '\u009b2J']) {
    t.equal((await admin.put(path, { constraint: '1.0', reason: text })).status, 400, 'clients print it');
    t.equal((await admin.put(path, { constraint: '1.0', url: text })).status, 400);
  }
  for (const list of ['advisories', 'abandoned', 'ignore-x', 'a b', 'packages', 'x'.repeat(100)]) {
    const answer = await admin.put(`/packages/acme/lib/filter/${encodeURIComponent(list)}`, { constraint: '1.0' });
    t.equal(answer.status, 400, list);
  }
  t.equal((await admin.put('/packages/acme/none/filter/malware', { constraint: '1.0' })).status, 404);
});

t.test('the summary shows only packages that the caller may read', async (t) => {
  const { admin, writer, anon } = await composerWorld(t, {
    auth: { anonymousScopes: ['composer:package:open/*:read'] },
  });
  for (const name of ['open/lib', 'closed/lib']) {
    await writer.publish(name, '1.0.0');
    t.equal((await admin.put(`/packages/${name}/filter/malware`, { constraint: '*' })).status, 200);
  }
  t.same((await anon.get('/filter.json')).json(), { filter: { malware: { 'open/lib': '*' } } });
});

t.test('a package has a thousand entries at most, because each answer about it contains all', async (t) => {
  const { registry, admin, writer, anon } = await composerWorld(t);
  await writer.publish('acme/lib', '1.0.0');
  const filters = Array.from({ length: 1000 }, (_, at) => ({ list: 'malware', constraint: `1.0.${at}` }));
  await registry
    .getStorage()
    .update<object>('composer/packages/acme/lib/metadata.json', (document) => ({ ...document, filters }));
  const path = '/packages/acme/lib/filter/malware';
  t.match(await admin.put(path, { constraint: '2.0' }), { status: 400, text: /more than 1000 filter entries/ });
  t.match(await admin.put(path, { constraint: '1.0.7', reason: 'x' }), { status: 200 }, 'one of them is replaced');
  t.equal(((await anon.get('/p2/acme/lib.json')).json() as { filter: { malware: [] } }).filter.malware.length, 1000);
});

t.test('a list that packages.json does not announce is refused, because no client would look at it', async (t) => {
  for (const [filterLists, lists] of [
    [undefined, 'malware'],
    [['typo', 'old'], 'typo, old'],
    [[], 'none'],
  ] as const) {
    const { admin, writer, anon } = await composerWorld(t, {
      composer: { enabled: true, ...(filterLists && { filterLists: [...filterLists] }) },
    });
    await writer.publish('acme/lib', '1.0.0');
    const answer = await admin.put('/packages/acme/lib/filter/malwre', { constraint: '*' });
    t.match(answer, { status: 400, text: `the lists of this registry are ${lists} (` });
    t.notOk(Object.hasOwn((await anon.get('/p2/acme/lib.json')).json(), 'filter'), 'nothing is stored');
  }
});
