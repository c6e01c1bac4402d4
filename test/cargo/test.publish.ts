import { randomBytes } from 'node:crypto';
import t from 'tap';
import { cargoWorld, details, type IIndexLine } from '../support/cargo/actors.js';
import { crateFile, dependencyOf, frameOf, metadataOf, sha256 } from '../support/cargo/crates.js';

t.test('a published crate is in the index when the publish returns, and can be downloaded', async (t) => {
  const { anon, writer, stored } = await cargoWorld(t);
  const crate = await crateFile('fyk', '1.0.0');
  t.equal((await anon.publish('fyk', '1.0.0', { crate })).status, 401);
  const answer = await writer.publish('fyk', '1.0.0', { crate });
  t.equal(answer.status, 200);
  t.same(answer.json(), { warnings: { invalid_categories: [], invalid_badges: [], other: [] } });
  t.same(await stored(), ['cargo/crates/fyk/fyk-1.0.0.crate', 'cargo/index/3/f/fyk']);

  const file = await anon.get('/3/f/fyk');
  t.equal(file.status, 200);
  t.equal(file.headers['Content-Type'], 'text/plain; charset=utf-8');
  t.match(file.text, /^\{[^\n]*\}\n$/, 'compact JSON, a newline at the end');
  const [line] = await anon.index('/3/f/fyk');
  const { pubtime, ...rest } = line as IIndexLine;
  t.match(pubtime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'cargo drops a line whose time has a fraction');
  t.same(rest, {
    name: 'fyk',
    vers: '1.0.0',
    deps: [],
    cksum: sha256(crate),
    features: {},
    yanked: false,
    links: null,
    rust_version: null,
  });

  const download = await anon.download('fyk', '1.0.0');
  t.equal(download.status, 200);
  t.same(download.bytes, crate);
  t.equal(download.headers['Content-Type'], 'application/gzip');
  t.equal(download.headers.ETag, `"${sha256(crate)}"`);
});

t.test('a version is published once', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  await writer.publish('fyk', '1.0.0');
  const before = await anon.get('/3/f/fyk');
  const other = await crateFile('fyk', '1.0.0', { files: { other: 'bytes' } });
  const again = await writer.publish('fyk', '1.0.0', { crate: other });
  t.equal(again.status, 409);
  t.same(details(again), ['crate version `1.0.0` is already uploaded']);
  t.equal((await anon.get('/3/f/fyk')).text, before.text);
  t.equal((await writer.publish('fyk', '1.0.1')).status, 200);
  t.same(
    (await anon.index('/3/f/fyk')).map(({ vers }) => vers),
    ['1.0.0', '1.0.1'],
  );
});

t.test('versions that differ only in build metadata are the same', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  t.equal((await writer.publish('fyk', '1.0.0+a')).status, 200);
  for (const version of ['1.0.0+b', '1.0.0']) {
    const twin = await writer.publish('fyk', version);
    t.equal(twin.status, 409, version);
    t.match(details(twin)[0], /already uploaded, as `1\.0\.0\+a`/);
  }
  t.equal((await writer.publish('fyk', '1.0.0-a')).status, 200);
  t.equal((await anon.download('fyk', '1.0.0+a')).status, 200);
  t.equal((await anon.download('fyk', '1.0.0%2Ba')).status, 200);
  t.equal((await anon.download('fyk', '1.0.0')).status, 404);
});

t.test('names that differ only in capitals, hyphens and underscores collide', async (t) => {
  const { anon, writer, stored } = await cargoWorld(t);
  t.equal((await writer.publish('Foo-Bar', '1.0.0')).status, 200);
  for (const name of ['foo-bar', 'foo_bar', 'Foo_Bar', 'FOO-BAR']) {
    const twin = await writer.publish(name, '2.0.0');
    t.equal(twin.status, 409, name);
    t.match(details(twin)[0], /differs only in capitals/);
  }
  t.same(await stored(), ['cargo/crates/Foo-Bar/Foo-Bar-1.0.0.crate', 'cargo/index/fo/o-/foo-bar']);
  t.same((await anon.index('/fo/o-/foo-bar'))[0]?.name, 'Foo-Bar', 'the path is in lower case, the name is not');
  for (const path of ['/fo/o_/foo_bar', '/Fo/o-/Foo-Bar', '/fo/ob/foo-bar', '/3/f/foo-bar', '/fo/o-/foo_bar']) {
    t.equal((await anon.get(path)).status, 404, path);
  }
  t.equal((await anon.download('Foo-Bar', '1.0.0')).status, 200);
  t.equal((await anon.download('foo-bar', '1.0.0')).status, 200);
  t.equal((await anon.download('foo_bar', '1.0.0')).status, 404);
});

t.test('the paths of the index depend on the length of the name', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  for (const [name, path] of [
    ['a', '/1/a'],
    ['ab', '/2/ab'],
    ['abc', '/3/a/abc'],
    ['abcd', '/ab/cd/abcd'],
    ['A_c9', '/a_/c9/a_c9'],
  ] as const) {
    t.equal((await writer.publish(name, '0.1.0')).status, 200, name);
    t.equal((await anon.index(path))[0]?.name, name);
    t.equal((await anon.index(`${path}/`))[0]?.name, name, 'a trailing slash means the same');
  }
  t.equal((await anon.index('/ab/cd/%61bcd'))[0]?.name, 'abcd', 'as a proxy may write it');
  for (const path of ['/1/ab', '/2/a', '/3/b/abc', '/ab/ce/abcd', '/AB/cd/abcd', '/ab/cd/ABCD', '/ab/cd/x/abcd']) {
    t.equal((await anon.get(path)).status, 404, path);
  }
});

t.test('renamed, optional and foreign dependencies are in the index as cargo reads them', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  const deps = [
    dependencyOf('real-name', { explicit_name_in_toml: 'alias', optional: true, registry: null }),
    dependencyOf('elsewhere', { registry: 'sparse+https://other.example.org/index/', version_req: '=1.2.3' }),
    dependencyOf('tool', { kind: 'build', target: 'cfg(windows)', default_features: false, features: ['x'] }),
    { name: 'bare', version_req: '*' },
    dependencyOf('bin', { artifact: ['bin'], bindep_target: 'x86_64-unknown-none', lib: true }),
  ];
  const features = { default: ['alias'], new: ['dep:alias'], weak: ['real?/x'], old: [] };
  t.equal(
    (await writer.publish('user', '1.0.0', { metadata: { deps, features, links: 'z', rust_version: '1.70' } })).status,
    200,
  );
  const [line] = await anon.index('/us/er/user');
  t.same(line?.deps, [
    {
      name: 'alias',
      req: '^1.0',
      features: [],
      optional: true,
      default_features: true,
      target: null,
      kind: 'normal',
      registry: null,
      package: 'real-name',
    },
    {
      name: 'elsewhere',
      req: '=1.2.3',
      features: [],
      optional: false,
      default_features: true,
      target: null,
      kind: 'normal',
      registry: 'sparse+https://other.example.org/index/',
      package: null,
    },
    {
      name: 'tool',
      req: '^1.0',
      features: ['x'],
      optional: false,
      default_features: false,
      target: 'cfg(windows)',
      kind: 'build',
      registry: null,
      package: null,
    },
    {
      name: 'bare',
      req: '*',
      features: [],
      optional: false,
      default_features: true,
      target: null,
      kind: 'normal',
      registry: null,
      package: null,
    },
    {
      name: 'bin',
      req: '^1.0',
      features: [],
      optional: false,
      default_features: true,
      target: null,
      kind: 'normal',
      registry: null,
      package: null,
      artifact: ['bin'],
      bindep_target: 'x86_64-unknown-none',
      lib: true,
    },
  ]);
  t.same(line?.features, { default: ['alias'], old: [] });
  t.same(line?.features2, { new: ['dep:alias'], weak: ['real?/x'] });
  t.same([line?.v, line?.links, line?.rust_version], [2, 'z', '1.70']);
});

t.test('a field of a newer cargo reaches the index, those of the registry do not come from outside', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  const metadata = {
    new_field: { a: [1] },
    cksum: 'x',
    yanked: true,
    pubtime: 'x',
    v: 9,
    readme: '# text',
    authors: ['a'],
  };
  t.equal((await writer.publish('fyk', '1.0.0', { metadata })).status, 200);
  const [line] = await anon.index('/3/f/fyk');
  t.same(line?.new_field, { a: [1] });
  t.same(
    [line?.yanked, line?.v, 'readme' in (line ?? {}), 'authors' in (line ?? {})],
    [false, undefined, false, false],
  );
  t.match(line?.cksum, /^[0-9a-f]{64}$/);
  t.match(line?.pubtime, /^\d{4}-/);
});

t.test('lists that are null in the publish are empty in the index', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  const metadata = { deps: null, features: null, keywords: null };
  t.equal((await writer.publish('a', '1.0.0', { metadata })).status, 200);
  const bare = frameOf({ name: 'b', vers: '1.0.0' }, await crateFile('b', '1.0.0'));
  t.equal((await writer.put('/api/v1/crates/new', bare)).status, 200);
  for (const path of ['/1/a', '/1/b']) {
    const [line] = await anon.index(path);
    t.same([line?.deps, line?.features], [[], {}]);
  }
  t.ok(metadataOf('a', '1.0.0'));
});

t.test('features that a client has put into features2 itself are where cargo looks for them', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  const metadata = { features: { old: [] }, features2: { new: ['dep:x'], plain: ['old'] }, v: 2 };
  t.equal((await writer.publish('fyk', '1.0.0', { metadata })).status, 200);
  const [line] = await anon.index('/3/f/fyk');
  t.same([line?.v, line?.features, line?.features2], [2, { old: [], plain: ['old'] }, { new: ['dep:x'] }]);
});

t.test('a Cargo.toml without a version is one of 0.0.0, as cargo reads it', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  const crate = (version: string) => crateFile('fyk', version, { manifest: '[package]\nname = "fyk"\n' });
  t.equal((await writer.publish('fyk', '0.0.0', { crate: await crate('0.0.0') })).status, 200);
  t.equal((await writer.publish('fyk', '1.0.0', { crate: await crate('1.0.0') })).status, 400);
  t.same(
    (await anon.index('/3/f/fyk')).map(({ vers }) => vers),
    ['0.0.0'],
  );
});

t.test('hooks are asked before the file comes, and once for each object', async (t) => {
  const asked: string[] = [];
  const about: object[] = [];
  const { writer, tokenOf } = await cargoWorld(t, {
    storageHooks: {
      beforePut: async ({ key, phase, metadata }) => {
        asked.push(`${phase} ${key}`);
        about.push(metadata ?? {});
        return { allowed: true };
      },
    },
  });
  const other = await tokenOf({ scopes: ['cargo:crate:other:write'] });
  t.equal((await other.publish('Fyk', '1.0.0')).status, 403);
  t.same(asked, [], 'who may not publish the crate sends it in vain');
  const files = { noise: randomBytes(1_200_000) };
  const key = (version: string) => `commit cargo/crates/Fyk/Fyk-${version}.crate`;
  const document = 'commit cargo/index/3/f/fyk';
  for (const version of ['1.0.0', '2.0.0']) {
    asked.length = about.length = 0;
    const crate = await crateFile('Fyk', version, version === '1.0.0' ? {} : { files });
    t.equal((await writer.publish('Fyk', version, { crate })).status, 200);
    const of = { packageName: 'Fyk', version };
    const artifact = { ...of, kind: 'artifact', contentType: 'application/gzip', size: crate.length };
    const whole = [
      { ...artifact, digest: `sha256:${sha256(crate)}` },
      { ...of, kind: 'document' },
    ];
    if (version === '1.0.0') {
      t.same(asked, [key(version), document]);
      t.match(about, whole);
    } else {
      t.same(asked, [key(version).replace('commit', 'start'), key(version), document], 'a large one');
      t.match(about, [artifact, ...whole]);
    }
  }
});

t.test('names of 64 characters, and metadata of very many values, are no trouble', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  const name = `a${'b'.repeat(63)}`;
  t.equal((await writer.publish(name, '1.0.0')).status, 200);
  t.equal((await anon.index(`/ab/bb/${name}`))[0]?.name, name);
  const crate = await crateFile('fyk', '1.0.0');
  // the object, its members, the list, and its values
  const values = (count: number) => frameOf({ name: 'fyk', vers: '1.0.0', authors: Array(count).fill(1) }, crate);
  t.equal((await writer.put('/api/v1/crates/new', values(199_997))).status, 413);
  t.equal((await writer.put('/api/v1/crates/new', values(199_996))).status, 200);
});
