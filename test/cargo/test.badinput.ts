import { gzipSync } from 'node:zlib';
import t from 'tap';
import { type ITarPart, tarGzOf, tarOf } from '../support/archives/tars.js';
import { cargoWorld, details, publishes } from '../support/cargo/actors.js';
import { crateFile, dependencyOf, frameOf, manifestOf, metadataOf } from '../support/cargo/crates.js';
import { RawClient } from '../support/http/client.js';
import { serveWith } from '../support/http/host.js';

const NEW = '/api/v1/crates/new';

const refusedWorld = async (t: Parameters<typeof cargoWorld>[0]) => {
  const world = await cargoWorld(t, {
    limits: { maxMetadataSize: 200_000, maxArtifactSize: 1_000_000, maxUnpackedSize: 2_000_000 },
  });
  await world.writer.publish('there', '1.0.0');
  const before = await world.everything();
  return { ...world, before };
};

t.test('metadata that cannot be: a 4xx with a sentence, and nothing is stored', async (t) => {
  const { writer, everything, before } = await refusedWorld(t);
  const crate = await crateFile('a', '1.0.0');
  const deep = JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`) as unknown;
  const cases: [what: string, more: object, detail: RegExp][] = [
    ['no name', { name: undefined }, /is not a valid crate name/],
    ['an empty name', { name: '' }, /`` is not a valid crate name/],
    ['a name that is a number', { name: 5 }, /`5` is not a valid crate name/],
    ['a digit first', { name: '0test' }, /`0test` is not a valid crate name/],
    ['a name with a space', { name: 'foo bar' }, /is not a valid crate name/],
    ['a name with an accent', { name: 'áccênts' }, /is not a valid crate name/],
    ['a path', { name: '../a' }, /is not a valid crate name/],
    ['a name for prototypes', { name: '__proto__' }, /is not a valid crate name/],
    ['a name with a newline', { name: 'a\n' }, /is not a valid crate name/],
    ['a long name', { name: 'a'.repeat(65) }, /is not a valid crate name/],
    ['no version', { vers: undefined }, /is not a valid semver version/],
    ['half a version', { vers: '1.0' }, /`1\.0` is not a valid semver version/],
    ['a version with v', { vers: 'v1.0.0' }, /is not a valid semver version/],
    ['a version with a space', { vers: '1.0.0 ' }, /is not a valid semver version/],
    ['a leading zero', { vers: '1.01.0' }, /is not a valid semver version/],
    ['a negative version', { vers: '-1.0.0' }, /is not a valid semver version/],
    ['a version of 100,000 characters', { vers: `1.0.0-${'a'.repeat(100_000)}` }, /^`1\.0\.0-a{74}…` is not a valid/],
    ['a number that JavaScript rounds', { vers: '1.0.9007199254740993' }, /is not a valid semver version/],
    ['dependencies that are no list', { deps: {} }, /`deps` of the metadata is not a list/],
    ['a dependency that is a text', { deps: ['x'] }, /dependency of the metadata is not an object/],
    ['a dependency without a name', { deps: [{ version_req: '*' }] }, /is not a valid name of a dependency/],
    ['a dependency of an emoji', { deps: [dependencyOf('🦀')] }, /is not a valid name of a dependency/],
    ['an alias of an emoji', { deps: [dependencyOf('x', { explicit_name_in_toml: '💩' })] }, /is not a valid name/],
    ['no requirement', { deps: [{ name: 'x' }] }, /is not a valid version requirement of the dependency `x`/],
    [
      'a broken requirement',
      { deps: [dependencyOf('x', { version_req: 'broken' })] },
      /`broken` is not a valid version req/,
    ],
    [
      "a requirement of npm's",
      { deps: [dependencyOf('x', { version_req: '1.0 || 2.0' })] },
      /is not a valid version req/,
    ],
    ['a kind that is none', { deps: [dependencyOf('x', { kind: 'test' })] }, /`test` is not a kind of dependency/],
    ['optional as a text', { deps: [dependencyOf('x', { optional: 'yes' })] }, /`optional` of a dependency is neither/],
    ['a feature that is a number', { deps: [dependencyOf('x', { features: [1] })] }, /`1` is not a valid item/],
    ['a feature of an emoji', { deps: [dependencyOf('x', { features: ['🍺'] })] }, /is not a valid item/],
    [
      'a registry that is no URL',
      { deps: [dependencyOf('x', { registry: 'mine' })] },
      /`mine` is not the URL of a registry/,
    ],
    [
      'a platform that is none',
      { deps: [dependencyOf('x', { target: 'cfg(' })] },
      /`cfg\(` is not a valid platform: a target or `cfg\(…\)` is/,
    ],
    ['features that are a list', { features: [] }, /`features` of the metadata is not an object/],
    ['a feature that is no list', { features: { a: 'b' } }, /feature `a` is not a list/],
    ['an empty feature name', { features: { '': [] } }, /is not a valid feature name/],
    ['a feature name with a sign', { features: { '~foo': [] } }, /`~foo` is not a valid feature name/],
    ['a feature name with a hyphen first', { features: { '-foo1.bar': [] } }, /is not a valid feature name/],
    ['a feature of a wrong item', { features: { foo: ['!bar'] } }, /`!bar` is not a valid item/],
    ['a description that is an object', { description: {} }, /`description` of the metadata is not a text/],
    ['a description of 100,000 characters', { description: 'x'.repeat(100_000) }, /more than 65536 characters/],
    ['keywords that are numbers', { keywords: [1] }, /keyword of the metadata is not a text/],
    ['a rust version with a tag', { rust_version: '1.0.0-beta.2' }, /is not a valid rust-version/],
    ['an empty rust version', { rust_version: '' }, /is not a valid rust-version/],
    ['an unknown field, very deep', { other: deep }, /`other` is nested too deeply/],
  ];
  for (const [what, more, detail] of cases) {
    const answer = await writer.put(NEW, frameOf({ ...metadataOf('a', '1.0.0'), ...more }, crate));
    t.equal(answer.status, 400, what);
    t.match(details(answer)[0], detail, what);
    t.equal(details(answer).length, 1);
  }
  t.same(await everything(), before);
});

t.test('metadata that would cost every client too much are refused', async (t) => {
  const { writer, stored } = await cargoWorld(t);
  const crate = await crateFile('a', '1.0.0');
  const values = `{"x":[${'1,'.repeat(200_000)}1]}`;
  const counted = await writer.put(NEW, frameOf(Buffer.from(values), crate));
  t.same([counted.status, details(counted)], [413, ['The metadata have more than 200000 values']]);
  const deps = Array(1000).fill(dependencyOf('x', { new_field: 'x'.repeat(1100) }));
  const long = await writer.put(NEW, frameOf(metadataOf('a', '1.0.0', { deps }), crate));
  t.same(
    [long.status, details(long)],
    [400, ['The dependencies and features have more than 1048576 characters in the index']],
  );
  t.same(await stored(), []);
});

t.test('features and requirements that cargo accepts are accepted', async (t) => {
  const { writer } = await cargoWorld(t);
  const features = {
    'foo.bar': [],
    '0foo1.bar': [],
    '_foo2.bar': ['a/b', 'a?/b', 'dep:a'],
    'foo.你好世界': [],
    'c++20': ['foo.bar'],
  };
  await publishes(t, writer, 'foo', '1.0.0', { metadata: { features } });
  const requirements = [
    '*',
    '1',
    '1.*',
    '1.2.*',
    '1.*.*',
    '^1.2.3',
    '~1',
    '=1.2.3-alpha.1',
    '>=1.0, <2',
    '> 1.0.0',
    ' 1.0 ',
    '<=1.2.3+build',
    '0.0.0',
    'x',
  ];
  const deps = requirements.map((version_req, at) => dependencyOf(`d${at}`, { version_req }));
  await publishes(t, writer, 'foo', '2.0.0', { metadata: { deps } });
  for (const version of [
    '0.0.0',
    '1.0.0-0.3.7',
    '1.0.0-x-y-z.--',
    '1.0.0+20130313144700',
    '10.20.30-rc.1+exp.sha.5114f85',
    '99999999999.0.0',
  ]) {
    await publishes(t, writer, 'bar', version);
  }
  await publishes(t, writer, 'baz', '1.0.0', { metadata: { deps: [dependencyOf('x', { registry: '' })] } });
});

t.test('frames that lie: a 4xx with a sentence, and nothing is stored', async (t) => {
  const { writer, everything, before } = await refusedWorld(t);
  const metadata = metadataOf('a', '1.0.0');
  const crate = await crateFile('a', '1.0.0');
  const length = JSON.stringify(metadata).length;
  const cases: [what: string, body: Buffer, status: number][] = [
    ['no body', Buffer.alloc(0), 400],
    ['half a length', Buffer.from([0, 0]), 400],
    ['less metadata than announced', Buffer.from([100, 0, 0, 0, 0]), 400],
    ['half a second length', Buffer.from([2, 0, 0, 0, 0x7b, 0x7d, 0, 0]), 400],
    ['metadata that are no object', frameOf('x', crate), 400],
    ['metadata that are null', frameOf(null, crate), 400],
    ['metadata of no bytes', frameOf(Buffer.alloc(0), crate), 400],
    ['metadata that are no UTF-8', frameOf(Buffer.from([0xff, 0xfe]), crate), 400],
    ['a length of 4 GiB', frameOf(metadata, crate, { metadata: 0xffff_ffff }), 413],
    ['a crate of 4 GiB', frameOf(metadata, crate, { crate: 0xffff_ffff }), 413],
    ['metadata above their limit', frameOf({ ...metadata, other: 'x'.repeat(200_000) }, crate), 413],
    ['metadata too short', frameOf(metadata, crate, { metadata: length - 1 }), 400],
    ['metadata too long', frameOf(metadata, crate, { metadata: length + 1 }), 400],
    ['a crate shorter than announced', frameOf(metadata, crate, { crate: crate.length + 1 }), 400],
    ['a crate longer than announced', frameOf(metadata, crate, { crate: crate.length - 1 }), 400],
    ['bytes behind the crate', Buffer.concat([frameOf(metadata, crate), Buffer.from('more')]), 400],
    ['a crate of no bytes', frameOf(metadata, Buffer.alloc(0)), 400],
    ['a crate that is no gzip', frameOf(metadata, Buffer.from('test')), 400],
    ['a crate cut in the middle', frameOf(metadata, crate.subarray(0, crate.length >> 1)), 400],
  ];
  for (const [what, body, status] of cases) {
    const answer = await writer.put(NEW, body);
    t.equal(answer.status, status, `${what}: ${answer.text}`);
    t.match(details(answer)[0], /\w+ \w+/);
  }
  const parsed = await writer.put(NEW, { name: 'a' });
  t.equal(parsed.status, 400, 'a body that the host has parsed');
  t.same(await everything(), before);
});

t.test('crates that cargo must not unpack: a 4xx with a sentence, and nothing is stored', async (t) => {
  const { writer, everything, before } = await refusedWorld(t);
  const manifest: ITarPart = { name: 'a-1.0.0/Cargo.toml', content: manifestOf('a', '1.0.0') };
  const bomb = 'x'.repeat(3_000_000);
  const plain = tarOf(manifest, { name: 'a-1.0.0/src/lib.rs' });
  const cases: [what: string, crate: Buffer, status: number, detail: RegExp][] = [
    ['no entry', tarGzOf(), 400, /no file `a-1\.0\.0\/Cargo\.toml`/],
    ['no Cargo.toml', tarGzOf({ name: 'a-1.0.0/src/lib.rs' }), 400, /no file/],
    ['a Cargo.toml in a deeper folder', tarGzOf({ ...manifest, name: 'a-1.0.0/x/Cargo.toml' }), 400, /no file/],
    ['a Cargo.toml without the folder', tarGzOf({ ...manifest, name: 'Cargo.toml' }), 400, /outside its folder/],
    [
      'another name',
      tarGzOf({ ...manifest, content: manifestOf('b', '1.0.0') }),
      400,
      /is of `b` `1\.0\.0`, but .* `a` `1\.0\.0`/,
    ],
    ['another version', tarGzOf({ ...manifest, content: manifestOf('a', '1.0.1') }), 400, /is of `a` `1\.0\.1`/],
    ['the name in capitals', tarGzOf({ ...manifest, content: manifestOf('A', '1.0.0') }), 400, /is of `A`/],
    ['no TOML', tarGzOf({ ...manifest, content: '[package' }), 400, /Cargo\.toml of the crate cannot be read/],
    ['no UTF-8', tarGzOf({ ...manifest, content: Buffer.from([0xff]) }), 400, /cannot be read/],
    ['no package', tarGzOf({ ...manifest, content: '[lib]\nname = "a"' }), 400, /no \[package\] table/],
    ['no name', tarGzOf({ ...manifest, content: '[package]\nversion = "1.0.0"' }), 400, /is of `undefined`/],
    ['two manifests', tarGzOf(manifest, manifest), 400, /Cargo\.toml twice/],
    [
      'two manifests that differ in capitals',
      tarGzOf(manifest, { ...manifest, name: 'a-1.0.0/cargo.toml' }),
      400,
      /the manifest is called Cargo\.toml/,
    ],
    ['a manifest in capitals', tarGzOf({ ...manifest, name: 'a-1.0.0/CARGO.TOML' }), 400, /the manifest is called/],
    ['a second folder', tarGzOf(manifest, { name: 'b-1.0.0/x' }), 400, /outside its folder/],
    ['..', tarGzOf(manifest, { name: 'a-1.0.0/../x' }), 400, /leads out/],
    ['an absolute path', tarGzOf(manifest, { name: '/etc/passwd' }), 400, /leads out/],
    [
      'a symbolic link',
      tarGzOf(manifest, { name: 'a-1.0.0/x', type: '2', linkname: 'Cargo.toml' }),
      400,
      /contains a link/,
    ],
    [
      'a hard link',
      tarGzOf(manifest, { name: 'a-1.0.0/x', type: '1', linkname: 'a-1.0.0/Cargo.toml' }),
      400,
      /contains a link/,
    ],
    [
      'a name that is not UTF-8',
      tarGzOf(manifest, { name: 'a-1.0.0/x', edit: (header) => header.writeUInt8(0xff, 8) }),
      400,
      /contains a name that is not UTF-8/,
    ],
    [
      'two gzip files, of which cargo unpacks the first',
      Buffer.concat([gzipSync(plain.subarray(0, 1024)), gzipSync(plain.subarray(1024))]),
      400,
      /consists of several gzip files/,
    ],
    ['a device', tarGzOf(manifest, { name: 'a-1.0.0/x', type: '3' }), 400, /no file, folder or link/],
    ['a bomb', tarGzOf(manifest, { name: 'a-1.0.0/x', content: bomb }), 413, /unpacks to more than 2000000 bytes/],
    [
      'a manifest of 2 MiB',
      tarGzOf({ ...manifest, content: `${manifest.content}#${'x'.repeat(2_097_152)}` }),
      413,
      /unpacks to more/,
    ],
  ];
  for (const [what, crate, status, detail] of cases) {
    const answer = await writer.put(NEW, frameOf(metadataOf('a', '1.0.0'), crate));
    t.equal(answer.status, status, `${what}: ${answer.text}`);
    t.match(details(answer)[0], detail, what);
  }
  t.same(await everything(), before);
});

t.test('a crate of 70 MB that unpacks to more than 50 times its size is refused', async (t) => {
  const { writer, stored } = await cargoWorld(t);
  const zeros = tarGzOf(
    { name: 'a-1.0.0/Cargo.toml', content: manifestOf('a', '1.0.0') },
    { name: 'a-1.0.0/zeros', content: Buffer.alloc(70_000_000) },
  );
  const answer = await writer.put(NEW, frameOf(metadataOf('a', '1.0.0'), zeros));
  t.equal(answer.status, 413);
  t.match(details(answer)[0], /unpacks to more than 50 times its size/);
  t.same(await stored(), []);
});

t.test('crates as other tools write them are accepted', async (t) => {
  const { writer } = await cargoWorld(t);
  const manifest = (more: string) => ({ name: 'a-1.0.0/Cargo.toml', content: manifestOf('a', '1.0.0', more) });
  const crates = [
    tarGzOf({ name: 'a-1.0.0/', type: '5' }, manifest(''), { name: 'a-1.0.0/src/', type: '5' }),
    tarGzOf({ ...manifest(''), magic: 'ustar  \0' }),
    tarGzOf(manifest('[package.metadata]\nbig = 9223372036854775807\nwhen = 1979-05-27T07:32:00Z\n__proto__ = 1\n')),
    tarGzOf({ name: 'a-1.0.0/Cargo.toml', content: '[project]\nname = "a"\nversion = "1.0.0"\n' }),
  ];
  for (const [at, crate] of crates.entries()) {
    const { writer: fresh } = at === 0 ? { writer } : await cargoWorld(t);
    await publishes(t, fresh, 'a', '1.0.0', { crate });
  }
});

t.test('over the wire: a body that stops half-way leaves nothing, and the server goes on', async (t) => {
  const { registry, writer, everything } = await cargoWorld(t, { limits: { bodyIdleTimeoutMs: 300 } });
  const before = await everything();
  const { port } = await serveWith(t, registry);
  const body = frameOf(
    metadataOf('a', '1.0.0'),
    await crateFile('a', '1.0.0', { files: { x: Buffer.alloc(400_000, 1) } }),
  );
  const put = (bytes: number, ...more: string[]) => [
    'PUT /cargo/api/v1/crates/new HTTP/1.1',
    'Host: x',
    'Connection: close',
    `Authorization: ${writer.token}`,
    `Content-Length: ${bytes}`,
    ...more,
  ];
  for (const [what, head, content, status] of [
    ['silence in the middle', put(body.length), body.subarray(0, body.length >> 1), 408],
    ['an announced length that ends early', put(body.length - 10), body.subarray(0, body.length - 10), 400],
    ['more than announced inside', put(100), body.subarray(0, 100), 400],
  ] as const) {
    const client = await RawClient.connect(port);
    client.head(...head);
    client.socket.write(content);
    const answer = await client.until(/\r\n\r\n.*\}/s);
    t.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), what);
    t.match(answer, /\{"errors":\[\{"detail":"/, what);
    client.socket.destroy();
  }
  t.same(await everything(), before);
  await publishes(t, writer, 'a', '1.0.0');
});

t.test('lists in lists as deep as the limit for values allows, in the place of a text', async (t) => {
  const { writer, stored } = await cargoWorld(t);
  const crate = await crateFile('a', '1.0.0');
  const deep = `${'['.repeat(90_000)}${']'.repeat(90_000)}`;
  const cases: [field: string, more: object, detail: string][] = [
    ['name', { name: 'DEEP' }, '`[…]` is not a valid crate name'],
    ['vers', { vers: 'DEEP' }, '`[…]` is not a valid semver version'],
    ['kind', { deps: [dependencyOf('x', { kind: 'DEEP' })] }, '`[…]` is not a kind of dependency'],
    ['req', { deps: [dependencyOf('x', { version_req: 'DEEP' })] }, '`[…]` is not a valid version requirement'],
    ['features', { features: { x: ['DEEP'] } }, '`[…]` is not a valid item of a feature'],
  ];
  for (const [field, more, detail] of cases) {
    const json = JSON.stringify(metadataOf('a', '1.0.0', more)).replace('"DEEP"', deep);
    const answer = await writer.put(NEW, frameOf(Buffer.from(json), crate));
    t.equal(answer.status, 400, field);
    t.match(details(answer)[0], detail);
  }
  t.same(await stored(), []);
});
