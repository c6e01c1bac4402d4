import { createHash } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import t from 'tap';
import type { IStorageHookMetadata } from '../../ts/core/storage/hooks/interfaces.hooks.js';
import { CaseClock } from '../support/faults/clock.js';
import { gemPart, gemWorld } from '../support/rubygems/actors.js';
import { bundleOf, gemOf } from '../support/rubygems/gems.js';
import { type IRubyObject, unmarshal } from '../support/rubygems/unmarshal.js';

const QUICK = '/quick/Marshal.4.8';
/** The members of the gemspec in a quick file. */
const quick = (bytes: Buffer): unknown[] =>
  unmarshal(Buffer.from((unmarshal(inflateSync(bytes)) as IRubyObject).bytes as string, 'hex')) as unknown[];

t.test('for how long clients may keep a gem', async (t) => {
  const gem = gemOf('demo', '1.0');
  for (const [allowRepublish, kept] of [
    [false, 'max-age=31536000, immutable'],
    [true, 'no-cache'],
  ] as const) {
    const { anon, writer } = await gemWorld(t, { rubygems: { enabled: true, allowRepublish } });
    await writer.push(gem);
    const { headers } = await anon.get('/gems/demo-1.0.gem');
    t.match(headers, { 'Cache-Control': kept, ETag: `"${gem.sha256}"`, 'Content-Type': 'application/octet-stream' });
  }
});

t.test('each build has a quick file of its own, as old as the build', async (t) => {
  const clock = new CaseClock();
  await clock.run(async () => {
    const { anon, writer } = await gemWorld(t);
    // longer than a kilobyte, so that it would be packed
    const noise = Array.from({ length: 100 }, (_, at) => createHash('sha256').update(`${at}`).digest('hex')).join('');
    for (const platform of ['ruby', 'java']) {
      await writer.push(gemOf('demo', '1.0', { platform, summary: `for ${platform}`, metadata: { noise } }));
      clock.advance(60_000);
    }
    const get = (slug: string) => anon.get(`${QUICK}/demo-${slug}.gemspec.rz`, { 'accept-encoding': 'gzip' });
    for (const [slug, platform] of [
      ['1.0', 'ruby'],
      ['1.0-java', 'java'],
      ['1.0', 'ruby'],
    ] as const) {
      const { bytes, headers } = await get(slug);
      t.equal(quick(bytes)[5], `for ${platform}`);
      t.match(headers, { 'Content-Type': 'application/octet-stream', 'Content-Encoding': undefined });
    }
    const times = [(await get('1.0')).headers, (await get('1.0-java')).headers].map((headers) =>
      Date.parse(headers['Last-Modified'] as string),
    ) as [number, number];
    t.ok(times[1] - times[0] >= 60_000, `${times}`);
    await writer.yank('demo', '1.0', 'java');
    t.equal((await get('1.0-java')).status, 404);
    t.equal((await get('1.0')).status, 200);
  });
});

t.test('attestations go with their gem', async (t) => {
  const { anon, writer, stored, registry } = await gemWorld(t, { rubygems: { enabled: true, allowRepublish: true } });
  const gem = gemOf('demo', '1.0');
  const value = JSON.stringify([bundleOf()]);
  await writer.pushForm([gemPart(gem), { name: 'attestations', value }]);
  const path = '/api/v1/attestations/demo-1.0.json';
  t.match(await anon.get(path), { status: 200, text: value, headers: { 'Content-Type': 'application/json' } });
  t.same(await stored(), [
    'rubygems/gems/demo-1.0.gem',
    'rubygems/gems/demo-1.0.gem.attestations',
    'rubygems/info/demo',
  ]);
  const swept = await registry.getRegistry('rubygems')?.collectGarbage({ graceMs: -1000 });
  t.match(swept, { removed: { gems: 0 } }, 'they are no orphans');
  await writer.yank('demo', '1.0');
  t.equal((await anon.get(path)).status, 404, 'of a yanked one');
  await writer.unyank('demo', '1.0');
  t.equal((await anon.get(path)).text, value);
  await writer.yank('demo', '1.0');
  t.equal((await writer.push(gemOf('demo', '1.0', { summary: 'other' }))).status, 200);
  t.match(await anon.get(path), { status: 200, text: '[]', headers: { 'Content-Type': 'application/json' } });
  t.equal((await stored()).length, 2, 'both former files are gone');
  t.equal((await anon.get('/api/v1/attestations/demo-2.0.json')).status, 404);
});

t.test('empty attestations are none', async (t) => {
  const { anon, writer, stored } = await gemWorld(t);
  for (const [at, value] of ['', '[]', ' [ ] '].entries()) {
    const pushed = await writer.pushForm([gemPart(gemOf('demo', `${at}`)), { name: 'attestations', value }]);
    t.equal(pushed.status, 200, pushed.text);
    t.equal((await anon.get(`/api/v1/attestations/demo-${at}.json`)).text, '[]');
  }
  t.notOk((await stored()).some((key) => key.endsWith('.attestations')));
});

t.test('a path that can mean two gems is that of the one that the caller may read', async (t) => {
  const { writer, anon, tokenOf, registry } = await gemWorld(t, { auth: { anonymousScopes: [] } });
  const short = gemOf('a', '2', { platform: 'x86-darwin-9' });
  await writer.push(short);
  await writer.push(gemOf('a-2-x86-darwin', '10'));
  const path = '/gems/a-2-x86-darwin-9.gem';
  const reader = (...names: string[]) => tokenOf({ scopes: names.map((name) => `rubygems:gem:${name}:read`) });
  const onlyShort = await reader('a');
  const both = await reader('a', 'a-2-x86-darwin');
  for (const [who, kept] of [
    [onlyShort, 'max-age=31536000, immutable'],
    // a gem with the longer name may take the address
    [both, 'no-cache'],
  ] as const) {
    const { status, bytes, headers } = await who.get(path);
    t.equal(status, 200);
    t.same(bytes, short.bytes);
    t.equal(headers['Cache-Control'], kept);
    t.equal((await who.get(`${QUICK}/a-2-x86-darwin-9.gemspec.rz`)).status, 200);
  }
  const onlyLong = await reader('a-2-x86-darwin');
  t.match(await onlyLong.get(path), { status: 404, text: 'a-2-x86-darwin is not in this registry\n' });
  t.equal((await onlyLong.get('/gems/a-2-x86-darwin-10.gem')).status, 200);
  const other = await reader('b');
  t.match(await other.get(path), { status: 404, text: 'a-2-x86-darwin is not in this registry\n' });
  t.equal((await anon.get(path)).status, 401);
  for (const odd of ['/gems/nothing.gem', `${QUICK}/nothing.gemspec.rz`, '/gems/-1.0.gem']) {
    t.match(await other.get(odd), { status: 404, text: / is not in this registry\n$/ }, odd);
  }
  t.ok((await other.get(`/gems/${'x'.repeat(2000)}.gem`)).text.length < 400);
  t.same(registry.getRegistry('rubygems')?.clientSetup('http://gems.example.org/rubygems//'), [
    'gem install --clear-sources --source http://gems.example.org/rubygems/ GEM',
    'gem push --host http://gems.example.org/rubygems FILE.gem    # after: gem signin --host http://gems.example.org/rubygems',
    '# in a Gemfile: source "http://gems.example.org/rubygems"',
  ]);
});

t.test('the names of all gems have the ETag that Bundler compares', async (t) => {
  const { anon, writer } = await gemWorld(t);
  t.equal((await anon.get('/names')).text, '---\n\n');
  for (const name of ['b', 'a']) await writer.push(gemOf(name, '1.0'));
  const { text, headers } = await anon.get('/names');
  t.equal(text, '---\na\nb\n');
  t.match(headers, {
    'Content-Type': 'text/plain; charset=utf-8',
    ETag: `"${createHash('md5').update(text).digest('hex')}"`,
  });
});

t.test('a gem stands in info where it was pushed first', async (t) => {
  const { anon, writer } = await gemWorld(t);
  for (const version of ['10', '9.1', '2']) await writer.push(gemOf('demo', version));
  await writer.yank('demo', '10');
  await writer.unyank('demo', '10');
  t.same(
    (await anon.info('demo')).map(({ slug }) => slug),
    ['10', '9.1', '2'],
  );
  t.equal((await anon.get('/info/demo')).headers['Content-Type'], 'text/plain; charset=utf-8');
  t.equal((await anon.get('/versions')).headers['Content-Type'], 'text/plain; charset=utf-8');
});

t.test('a name that no gem can have is not looked up', async (t) => {
  const { anon, writer, registry } = await gemWorld(t);
  await writer.push(gemOf('demo', '1.0'));
  const storage = registry.getStorage();
  const document = (await storage.read<object>('rubygems/info/demo'))?.value ?? null;
  for (const name of ['-demo', '123', 'd'.repeat(129)]) {
    await storage.update(`rubygems/info/${name}`, () => document);
    for (const path of [`/info/${name}`, `/api/v1/gems/${name}.json`, `/api/v1/gems/${name}/owners.json`]) {
      t.equal((await anon.get(path)).status, 404, path);
    }
    t.equal((await anon.get(`/gems/${name}-1.0.gem`)).status, 404, name);
  }
});

t.test('the lists of gems are made anew from the documents', async (t) => {
  const { anon, writer, registry } = await gemWorld(t);
  for (const name of ['demo', 'other']) await writer.push(gemOf(name, '1.0'));
  await writer.push(gemOf('demo', '2.0.a', { summary: 'about wheels' }));
  await writer.yank('other', '1.0');
  const gems = registry.getRegistry('rubygems');
  const counts = await Promise.all((gems?.listings() ?? []).map((listing) => listing.rebuild()));
  t.same(counts, [2], 'documents, also that of a gem without a build');
  t.equal((await anon.get('/names')).text, '---\ndemo\n');
  t.match((await anon.get('/versions')).text, /---\ndemo 1\.0,2\.0\.a [0-9a-f]{32}\n$/);
  t.match((await anon.get('/api/v1/search.json?query=demo')).text, '"name":"demo"');
  const [chore] = gems?.chores() ?? [];
  t.same(await chore?.work({ signal: new AbortController().signal }), { gems: 0 });
});

t.test('orphans of pushes that were killed are swept', async (t) => {
  const { anon, writer, registry, stored } = await gemWorld(t);
  const gem = gemOf('demo', '1.0');
  await writer.push(gem);
  const before = await stored();
  const { store } = registry.getStorage();
  for (const key of [
    'rubygems/gems/none-1.0.gem',
    'rubygems/gems/demo-2.0.gem',
    'rubygems/gems/demo-1.0.gem.attestations',
    'rubygems/gems/demo-1.0.gem.2f6a7a4e-9c3b-4f0d-8f5e-0c8a4e5b6d7f',
  ]) {
    await store.put(key, Buffer.from('x'), { immutable: true });
  }
  const gems = registry.getRegistry('rubygems');
  t.equal(await gems?.sweepOrphans(), 0, 'young ones may be part of a push under way');
  t.match(await gems?.collectGarbage({ graceMs: -1000 }), { removed: { gems: 4 }, bytes: 4 });
  t.same(await stored(), before);
  t.same((await anon.get('/gems/demo-1.0.gem')).bytes, gem.bytes);
});

t.test('hooks are told of what is read', async (t) => {
  const seen: (IStorageHookMetadata | undefined)[] = [];
  const { anon, writer } = await gemWorld(t, {
    storageHooks: {
      beforeGet: async ({ metadata }) => {
        seen.push(metadata);
        return { allowed: true };
      },
    },
  });
  const gem = gemOf('demo', '1.0', { platform: 'java' });
  await writer.pushForm([gemPart(gem), { name: 'attestations', value: JSON.stringify([bundleOf()]) }]);
  const build = { packageName: 'demo', version: '1.0-java' };
  const bytes = 'application/octet-stream';
  const file = { size: gem.bytes.length, digest: `sha256:${gem.sha256}`, contentType: bytes };
  const json = 'application/json; charset=utf-8';
  for (const [path, about] of [
    ['/gems/demo-1.0-java.gem', { ...build, kind: 'artifact', ...file }],
    [`${QUICK}/demo-1.0-java.gemspec.rz`, { ...build, kind: 'document', contentType: bytes }],
    ['/api/v1/attestations/demo-1.0-java.json', { ...build, kind: 'artifact' }],
    ['/info/demo', { packageName: 'demo', kind: 'document', contentType: 'text/plain; charset=utf-8' }],
    ['/api/v1/gems/demo.json', { packageName: 'demo', kind: 'document', contentType: json }],
  ] as const) {
    seen.length = 0;
    t.equal((await anon.get(path)).status, 200, path);
    t.match(seen[0], about, path);
  }
});
