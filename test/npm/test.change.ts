import t from 'tap';
import { CORGI, type IPackument, npmWorld } from '../support/npm/actors.js';
import { bundleOf, bytesOf, publishOf } from '../support/npm/packages.js';

t.test('npm dist-tag ls, add, rm', async (t) => {
  const { anon, writer } = await npmWorld(t);
  await writer.publish('@s/a', '1.0.0');
  await writer.publish('@s/a', '1.1.0');
  const tags = async () => (await anon.get('/-/package/@s%2fa/dist-tags')).json();
  t.same(await tags(), { latest: '1.1.0' });
  for (const [method, tag, body] of [
    ['PUT', 'next', '"1.1.0"'],
    ['POST', 'old', '"1.0.0"'],
    ['PUT', 'latest', '1.0.0'],
    ['PUT', '__proto__', '"1.0.0"'],
    ['PUT', 'constructor', '"1.1.0"'],
  ] as const) {
    t.equal((await writer.send(method, `/-/package/@s%2fa/dist-tags/${tag}`, body)).status, 200, tag);
  }
  t.match((await anon.get('/-/package/@s%2fa/dist-tags')).text, '"__proto__":"1.0.0"');
  t.match(await tags(), { latest: '1.0.0', next: '1.1.0', old: '1.0.0' });
  t.equal((await anon.get('/@s%2fa/constructor')).json().version, '1.1.0');
  t.equal((await anon.get('/@s%2fa/toString')).status, 404);
  const refused: [string, unknown, number][] = [
    ['next', '"9.9.9"', 404],
    ['next', '"latest"', 400],
    ['next', '{"a":1}', 400],
    ['next', '""', 400],
    ['next', '"1.0.0', 400],
    ['next', undefined, 400],
    ['1.0.0', '"1.0.0"', 400],
    ['%5e1', '"1.0.0"', 400],
    ['a%20b', '"1.0.0"', 400],
    ['next', `"1.0.0"${' '.repeat(5000)}`, 413],
  ];
  for (const [tag, body, status] of refused) {
    t.equal((await writer.put(`/-/package/@s%2fa/dist-tags/${tag}`, body)).status, status, `${tag} ${body}`);
  }
  t.equal((await writer.delete('/-/package/@s%2fa/dist-tags/next')).status, 200);
  t.equal((await writer.delete('/-/package/@s%2fa/dist-tags/next')).status, 404);
  t.equal((await writer.delete('/-/package/@s%2fa/dist-tags/latest')).status, 400);
  t.equal((await writer.put('/-/package/b/dist-tags/next', '"1.0.0"')).status, 404);
  t.equal((await anon.get('/-/package/b/dist-tags')).status, 404);
});

t.test('npm deprecate sends the whole packument back, pnpm a part of it', async (t) => {
  const { anon, writer } = await npmWorld(t);
  for (const version of ['1.0.0', '1.1.0']) await writer.publish('a', version);
  const whole = await writer.packument('a');
  whole.versions['1.0.0']!.deprecated = 'use 1.1.0';
  whole.versions['1.1.0']!.dependencies = { evil: '1' };
  whole.versions['1.1.0']!.dist.shasum = '0'.repeat(40);
  whole['dist-tags'] = { latest: '1.0.0' };
  t.equal((await writer.put('/a', whole)).status, 200);
  const after = await anon.packument('a');
  t.equal(after.versions['1.0.0']!.deprecated, 'use 1.1.0');
  t.notOk(after.versions['1.1.0']!.dependencies, 'nothing else of a version changes');
  t.not(after.versions['1.1.0']!.dist.shasum, '0'.repeat(40));
  t.same(after['dist-tags'], { latest: '1.1.0' });
  t.match((await anon.get('/a', { accept: CORGI })).json(), { versions: { '1.0.0': { deprecated: 'use 1.1.0' } } });
  t.equal((await writer.put('/a', { versions: { '1.0.0': { deprecated: '' } } })).status, 200);
  const restored = await anon.packument('a');
  t.notOk('deprecated' in restored.versions['1.0.0']!);
  t.same(Object.keys(restored.versions), ['1.0.0', '1.1.0'], 'a version that is left out stays');
  t.equal((await writer.put('/a', { versions: { '1.0.0': { deprecated: true } } })).status, 200);
  t.equal((await anon.packument('a')).versions['1.0.0']!.deprecated, 'this version is deprecated');
  for (const [body, status] of [
    [{ versions: { '9.0.0': { deprecated: 'x' } } }, 400],
    [{ versions: { '1.0.0': 'x' } }, 400],
    [{ versions: { '1.0.0': { deprecated: 5 } } }, 400],
    [{ versions: { '1.0.0': { deprecated: 'x'.repeat(20_000) } } }, 400],
    [{ versions: [] }, 400],
    [{ name: 'b', versions: {} }, 400],
    [{ _id: 'a', _rev: whole._rev, users: { ann: true } }, 422],
    [{ _id: 'a', _rev: whole._rev, maintainers: [] }, 422],
  ] as const) {
    const answer = await writer.put('/a', body);
    t.equal(answer.status, status, JSON.stringify(body).slice(0, 60));
    t.type(answer.json().error, 'string');
  }
  t.equal((await writer.put('/b', { versions: {} })).status, 404);
});

/** What npm does for `npm unpublish a@version`. */
const withoutVersion = (packument: IPackument, version: string): IPackument => {
  const { [version]: _gone, ...versions } = packument.versions;
  const tags = Object.entries(packument['dist-tags']).filter(([, tagged]) => tagged !== version);
  const latest = Object.keys(versions).sort().at(-1) as string;
  return { ...packument, versions, 'dist-tags': { ...Object.fromEntries(tags), latest } };
};

t.test('npm unpublish of a version', async (t) => {
  const { anon, writer, admin, stored } = await npmWorld(t);
  for (const version of ['1.0.0', '1.1.0']) await writer.publish('@s/a', version);
  const packument = await admin.packument('@s/a');
  const body = withoutVersion(packument, '1.1.0');
  t.equal((await writer.put(`/@s%2fa/-rev/${packument._rev}`, body)).status, 403, 'to write is not to delete');
  t.equal((await admin.put('/@s%2fa/-rev/1-0', body)).status, 409);
  t.equal((await admin.put(`/@s%2fa/-rev/${packument._rev}`, body)).status, 200);
  t.same(await stored(), ['npm/packages/@s/a/a-1.0.0.tgz', 'npm/packages/@s/a/index.json']);
  t.equal((await admin.put(`/@s%2fa/-rev/${packument._rev}`, body)).status, 409, 'the revision was spent');
  const left = await admin.packument('@s/a');
  t.same(Object.keys(left.versions), ['1.0.0']);
  t.same(left['dist-tags'], { latest: '1.0.0' });
  const { pathname } = new URL(packument.versions['1.1.0']!.dist.tarball);
  t.equal(
    (await admin.delete(`${pathname.slice('/npm'.length)}/-rev/${left._rev}`)).status,
    200,
    'npm asks for the file too',
  );
  t.equal((await admin.delete(`/@s%2fa/-/a-9.9.9.tgz/-rev/${left._rev}`)).status, 404);
  t.equal((await anon.get('/@s%2fa/-/a-1.1.0.tgz')).status, 404);
  t.equal((await anon.get('/@s%2fa/1.1.0')).status, 404);
  const again = await writer.publish('@s/a', '1.1.0');
  t.equal(again.status, 403);
  t.match(again.json(), { error: /cannot be used again/ });
  t.equal((await writer.publish('@s/a', '1.2.0')).status, 201);
  const next = await admin.packument('@s/a');
  t.equal((await admin.put(`/@s%2fa/-rev/${next._rev}`, withoutVersion(next, '1.2.0'))).status, 200);
  for (const used of ['1.1.0', '1.2.0']) {
    t.match((await writer.publish('@s/a', used)).json(), { error: /cannot be used again/ }, `${used} stays taken`);
  }
});

t.test('two changes of one revision: one of them wins', async (t) => {
  const { anon, writer, admin } = await npmWorld(t);
  for (const version of ['1.0.0', '1.1.0', '1.2.0']) await writer.publish('a', version);
  const packument = await admin.packument('a');
  const path = `/a/-rev/${packument._rev}`;
  const unpublishes = await Promise.all(
    ['1.1.0', '1.2.0'].map((version) => admin.put(path, withoutVersion(packument, version))),
  );
  t.same(unpublishes.map(({ status }) => status).sort(), [200, 409]);
  t.equal(Object.keys((await anon.packument('a')).versions).length, 2);

  const left = await admin.packument('a');
  const tags = await Promise.all(
    ['red', 'blue'].map((tag) =>
      admin.put(`/a/-rev/${left._rev}`, { ...left, 'dist-tags': { ...left['dist-tags'], [tag]: '1.0.0' } }),
    ),
  );
  t.same(tags.map(({ status }) => status).sort(), [200, 409]);
  t.equal(Object.keys((await anon.packument('a'))['dist-tags']).length, 2);
  const { _rev } = await admin.packument('a');
  const removals = await Promise.all([1, 2].map(() => admin.delete(`/a/-rev/${_rev}`)));
  t.match(removals.map(({ status }) => status).sort()[0], 200);
  t.notMatch(removals.map(({ status }) => status).sort()[1], 200);
});

t.test('whatever one change does, the revision makes one step', async (t) => {
  const { anon, writer, admin } = await npmWorld(t);
  for (const version of ['1.0.0', '1.1.0']) await writer.publish('a', version);
  const body = withoutVersion(await admin.packument('a'), '1.1.0');
  body.versions['1.0.0']!.deprecated = 'old';
  t.equal((await admin.put(`/a/-rev/${body._rev}`, body)).status, 200);
  const after = await anon.packument('a');
  t.match(after._rev, /^3-/);
  t.match(after.versions, { '1.0.0': { deprecated: 'old' } });
  const tagged = { ...after, 'dist-tags': { latest: '1.0.0', old: '1.0.0' } };
  tagged.versions['1.0.0']!.deprecated = 'older';
  t.equal((await admin.put(`/a/-rev/${after._rev}`, tagged)).status, 200);
  t.match((await anon.packument('a'))._rev, /^4-/);
  await Promise.all([1, 2, 3].map(() => writer.put('/-/package/a/dist-tags/next', '"1.0.0"')));
  t.match((await anon.packument('a'))._rev, /^5-/, 'a tag that is there already is no change');
});

t.test('a document that comes back without dist-tags leaves them', async (t) => {
  const { anon, writer } = await npmWorld(t);
  await writer.publish('a', '1.0.0');
  await writer.publish('a', '2.0.0', { tag: 'next' });
  const { 'dist-tags': tags, ...rest } = await writer.packument('a');
  rest.versions['1.0.0']!.deprecated = 'x';
  t.equal((await writer.put(`/a/-rev/${rest._rev}`, rest)).status, 200);
  t.same((await anon.packument('a'))['dist-tags'], tags);
});

t.test('latest falls back to a version that is no prerelease', async (t) => {
  const { anon, writer, admin } = await npmWorld(t);
  for (const [version, tag] of [
    ['1.0.0', 'latest'],
    ['2.0.0-rc.1', 'next'],
    ['1.10.0', 'latest'],
    ['1.9.0', 'old'],
  ] as const) {
    await writer.publish('a', version, { tag });
  }
  const unpublish = async (version: string): Promise<unknown> => {
    await admin.delete(`/a/-/a-${version}.tgz/-rev/${(await admin.packument('a'))._rev}`);
    return (await anon.packument('a'))['dist-tags'].latest;
  };
  t.equal(await unpublish('1.10.0'), '1.9.0', 'the highest');
  t.equal(await unpublish('1.9.0'), '1.0.0');
  t.equal(await unpublish('1.0.0'), '2.0.0-rc.1', 'unless nothing else is left');
});

t.test('npm unpublish of a package, and what is left of it', async (t) => {
  const { anon, writer, admin, stored, registry } = await npmWorld(t);
  const document = await publishOf('a', '1.0.0');
  const bundle = bundleOf('a', '1.0.0', bytesOf(document));
  document._attachments['a-1.0.0.sigstore'] = { content_type: '', data: bundle, length: bundle.length };
  await writer.put('/a', document);
  const { _rev } = await admin.packument('a');
  t.equal((await writer.delete(`/a/-rev/${_rev}`)).status, 403);
  t.equal((await admin.delete('/a/-rev/7-x')).status, 409);
  t.equal((await admin.delete(`/a/-rev/${_rev}`)).status, 200);
  t.same(await stored(), ['npm/packages/a/index.json'], 'only its memory');
  for (const path of [
    '/a',
    '/a/1.0.0',
    '/a/latest',
    '/a/-/a-1.0.0.tgz',
    '/-/package/a/dist-tags',
    '/-/package/a/visibility',
  ]) {
    t.equal((await anon.get(path)).status, 404, path);
  }
  t.equal((await admin.delete(`/a/-rev/${_rev}`)).status, 404);
  t.match((await anon.get('/-/v1/search?text=a')).json(), { objects: [], total: 0 });
  t.equal((await writer.publish('a', '1.0.0')).status, 403);
  t.equal((await writer.publish('a', '1.0.1')).status, 201);
  t.match((await anon.packument('a'))._rev, /^3-/, 'the revision goes on');
  await registry.destroy();
  const open = await npmWorld(t, { npm: { enabled: true, allowRepublish: true } });
  await open.writer.publish('a', '1.0.0');
  await open.admin.delete(`/a/-rev/${(await open.admin.packument('a'))._rev}`);
  t.equal((await open.writer.publish('a', '1.0.0')).status, 201);
  t.equal((await open.writer.publish('a', '1.0.0')).status, 403);
});

t.test('deleting a tarball takes its version with it', async (t) => {
  const { anon, writer, admin, stored } = await npmWorld(t);
  for (const version of ['1.0.0', '1.1.0']) await writer.publish('a', version);
  t.equal((await admin.delete('/a/-/a-1.1.0.tgz/-rev/1-0')).status, 409);
  for (const version of ['constructor', '__proto__', '9.0.0']) {
    t.equal((await admin.delete(`/a/-/a-${version}.tgz/-rev/2-0`)).status, 404, version);
  }
  t.equal((await admin.delete(`/a/-/a-1.1.0.tgz/-rev/${(await admin.packument('a'))._rev}`)).status, 200);
  t.same(Object.keys((await anon.packument('a')).versions), ['1.0.0']);
  t.same(await stored(), ['npm/packages/a/a-1.0.0.tgz', 'npm/packages/a/index.json']);
});

t.test('hooks see packages, versions and tags, and can refuse', async (t) => {
  const seen: string[] = [];
  let refuse: string | undefined;
  const note =
    (operation: string) =>
    async (context: { key: string; phase?: string; metadata?: { kind?: string; version?: string } }) => {
      if (context.phase !== 'start') seen.push(`${operation} ${context.metadata?.kind} ${context.key}`);
      return refuse ? { allowed: false, reason: refuse } : { allowed: true };
    };
  const after = (operation: string) => async (context: { key: string; metadata?: { kind?: string } }) => {
    seen.push(`${operation} ${context.metadata?.kind} ${context.key}`);
  };
  const { writer, admin, everything } = await npmWorld(t, {
    storageHooks: {
      beforePut: note('beforePut'),
      afterPut: after('afterPut'),
      beforeDelete: note('beforeDelete'),
      afterDelete: after('afterDelete'),
    },
  });
  await writer.publish('a', '1.0.0');
  t.same(seen.splice(0), [
    'beforePut artifact npm/packages/a/a-1.0.0.tgz',
    'beforePut document npm/packages/a/index.json',
    'afterPut artifact npm/packages/a/a-1.0.0.tgz',
    'afterPut document npm/packages/a/index.json',
  ]);
  await writer.put('/-/package/a/dist-tags/next', '"1.0.0"');
  t.same(seen.splice(0), [
    'beforePut document npm/packages/a/index.json',
    'afterPut document npm/packages/a/index.json',
  ]);
  const before = await everything();
  refuse = 'the quota is used up';
  const refused = await writer.publish('a', '1.1.0');
  t.match(refused, { status: 403 });
  t.match(refused.json(), { error: /the quota is used up/ });
  t.same(await everything(), before);
  t.equal((await admin.delete(`/a/-rev/${(await admin.packument('a'))._rev}`)).status, 403);
  t.same(await everything(), before);
  refuse = undefined;
  seen.length = 0;
  await admin.delete(`/a/-rev/${(await admin.packument('a'))._rev}`);
  t.same(seen, [
    'beforeDelete artifact npm/packages/a/a-1.0.0.tgz',
    'beforeDelete document npm/packages/a/index.json',
    'afterDelete artifact npm/packages/a/a-1.0.0.tgz',
    'afterDelete document npm/packages/a/index.json',
  ]);
});
