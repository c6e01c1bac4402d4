import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import t from 'tap';
import { inspectCrate, MAX_MANIFEST, textInCrate } from '../../ts/cargo/wire/wire.crate.js';
import { assertManifest, parseManifest, readmeOf } from '../../ts/cargo/wire/wire.manifest.js';
import { metadataOfPacked } from '../../ts/cargo/wire/wire.packed.js';
import { type ITarPart, TAR_END, tarGzOf, tarPart } from '../support/archives/tars.js';
import { manifestOf } from '../support/cargo/crates.js';
import { noise } from '../support/noise.js';
import { refusal } from '../support/npm/packages.js';

const RULES = { name: 'a', version: '1.0.0', maxUnpackedSize: 100_000_000 };
const MANIFEST = 'a-1.0.0/Cargo.toml';

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 70_000) yield bytes.subarray(at, at + 70_000);
}

const inspected = async (...parts: ITarPart[]) => {
  const facts: object[] = [];
  const source = tarGzOf(...parts);
  const passed: Uint8Array[] = [];
  for await (const chunk of inspectCrate(chunks(source), RULES, (found) => facts.push(found))) passed.push(chunk);
  return { facts, isSame: Buffer.concat(passed).equals(source) };
};

t.test('a crate passes unchanged, and its facts are known at the end', async (t) => {
  const content = manifestOf('a', '1.0.0', 'readme = "x.md"');
  t.same(await inspected({ name: MANIFEST, content }), { facts: [{ readme: 'x.md' }], isSame: true });
  const none = await inspected({ name: MANIFEST, content: manifestOf('a', '1.0.0') });
  t.same(none.facts, [{ readme: undefined }]);
});

t.test('a manifest of 512 KiB is read, a longer one is refused', async (t) => {
  const start = `${manifestOf('a', '1.0.0')}#`;
  t.equal(MAX_MANIFEST, 524_288);
  const content = start.padEnd(MAX_MANIFEST, 'x');
  t.equal((await inspected({ name: MANIFEST, content })).facts.length, 1);
  await t.rejects(inspected({ name: MANIFEST, content: `${content}x` }), refusal('invalid'));
});

t.test('a manifest says of which crate it is', async (t) => {
  const wrong = (text: string, message: RegExp) => {
    t.throws(() => parseManifest(Buffer.from(text)), refusal('invalid', { message }), text);
  };
  wrong('package = "a"', /^The Cargo\.toml of the crate has no \[package\] table$/);
  wrong('', /has no \[package\] table/);
  wrong('[package]\nname = ', /^The Cargo\.toml of the crate cannot be read: .+$/);
  const own = (text: string) => parseManifest(Buffer.from(text));
  t.same(own('[package]\nname = "a"\n[lib]\nx = 1').all.lib, { x: 1 });
  t.equal(own('[package]\nname = "a"\n[project]\nname = "b"').package.name, 'a');
  const asserts = (text: string, name: string, version: string) => () => assertManifest(own(text), name, version);
  asserts('[package]\nname = "a"\nversion = "1.0.0"', 'a', '1.0.0')();
  asserts('[package]\nname = "a"', 'a', '0.0.0')();
  for (const [name, version] of [
    ['b', '1.0.0'],
    ['a', '1.0.1'],
  ] as const) {
    const message = `The Cargo.toml of the crate is of \`a\` \`1.0.0\`, but the metadata of the publish say \`${name}\` \`${version}\``;
    t.throws(asserts('[package]\nname = "a"\nversion = "1.0.0"', name, version), refusal('invalid', { message }));
  }
  const readme = (value: string) => readmeOf(own(`[package]\nreadme = ${value}`));
  t.equal(readme('true'), 'README.md');
  for (const value of ['false', '5', '["x"]']) t.equal(readme(value), undefined);
  t.equal(readme(`"${'x'.repeat(1024)}"`), 'x'.repeat(1024));
  t.equal(readme(`"${'x'.repeat(1025)}"`), undefined);
});

t.test('a text in a crate', async (t) => {
  const big = 2 * 1024 * 1024;
  const crate = tarGzOf(
    { name: 'a-1.0.0/docs/é.md', content: 'é' },
    { name: 'a-1.0.0/x/docs/é.md', content: 'another' },
    { name: 'a-1.0.0/limit', content: 'x'.repeat(big) },
    { name: 'a-1.0.0/over', content: 'x'.repeat(big + 1) },
  );
  const text = (file: string, bytes = crate, rules = RULES) => textInCrate(chunks(bytes), rules, file);
  for (const file of ['docs/é.md', './docs//é.md', '/docs/./é.md']) t.equal(await text(file), 'é', file);
  t.equal((await text('limit'))?.length, big);
  for (const file of ['over', 'none', '../a-1.0.0/docs/é.md', 'é.md', '']) t.equal(await text(file), undefined, file);
  t.equal(await text('docs/é.md', crate, { ...RULES, version: '2.0.0' }), undefined, 'of another version');
  t.equal(await text('docs/é.md', crate, { ...RULES, maxUnpackedSize: 1000 }), undefined, 'a bomb');
  t.equal(await text('limit', crate.subarray(0, crate.length >> 1)), undefined, 'a damaged crate');
  // biome-ignore lint/correctness/useYield: a store that fails
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    throw new Error('the store is gone');
  };
  await t.rejects(textInCrate(broken(), RULES, 'docs/é.md'), { message: /the store is gone|cannot be read/ });
});

const own = 'sparse+https://own.example.org/';
const packed = (toml: string, indexes: Parameters<typeof metadataOfPacked>[1] = { byDefault: 'self' }) =>
  metadataOfPacked(parseManifest(Buffer.from(toml)), indexes) as Record<string, unknown> & { deps: object[] };

t.test('the metadata that cargo would send with a packed crate', async (t) => {
  t.same(packed('[package]\nname = "a"'), {
    name: 'a',
    vers: '0.0.0',
    deps: [],
    features: {},
    description: null,
    documentation: null,
    homepage: null,
    readme_file: null,
    keywords: [],
    license: null,
    repository: null,
    links: null,
    rust_version: null,
  });
  const toml = `[package]
name = "a"
version = "1.2.3"
description = "one"
documentation = "two"
homepage = "three"
readme = "four"
keywords = ["five"]
license = "six"
repository = "seven"
links = "eight"
rust-version = "1.70"
[features]
x = ["y"]`;
  t.same(packed(toml), {
    name: 'a',
    vers: '1.2.3',
    deps: [],
    features: { x: ['y'] },
    description: 'one',
    documentation: 'two',
    homepage: 'three',
    readme_file: 'four',
    keywords: ['five'],
    license: 'six',
    repository: 'seven',
    links: 'eight',
    rust_version: '1.70',
  });
  t.equal(packed('[package]\nname = "a"\nreadme = true').readme_file, null);
});

t.test('the dependencies of a packed crate, of each kind and platform', async (t) => {
  const toml = `[package]
name = "a"
[dependencies]
short = "1"
[dependencies.any]
features = ["f"]
[dev-dependencies]
dev = "1"
[dev_dependencies]
dev2 = "1"
[build-dependencies]
build = "1"
[build_dependencies]
build2 = "1"
[target."cfg(unix)".dependencies.unix]
version = "1"
optional = true
package = "real"
[target."cfg(unix)".dev-dependencies]
unixdev = "1"
[target.windows.build-dependencies.tool]
version = "1"
artifact = ["bin", "cdylib"]
bindep-target = "one"
target = "two"
lib = true
`;
  const rows = packed(toml).deps as Record<string, unknown>[];
  t.same(
    rows.map(({ name, version_req, kind, target }) => [name, version_req, kind, target]),
    [
      ['short', '^1', 'normal', null],
      ['any', '*', 'normal', null],
      ['dev', '^1', 'dev', null],
      ['dev2', '^1', 'dev', null],
      ['build', '^1', 'build', null],
      ['build2', '^1', 'build', null],
      ['real', '^1', 'normal', 'cfg(unix)'],
      ['unixdev', '^1', 'dev', 'cfg(unix)'],
      ['tool', '^1', 'build', 'windows'],
    ],
  );
  t.same(rows[1], {
    name: 'any',
    version_req: '*',
    features: ['f'],
    optional: false,
    default_features: true,
    target: null,
    kind: 'normal',
    registry: null,
  });
  t.match(rows[6], { optional: true, explicit_name_in_toml: 'unix' });
  t.match(rows[8], { artifact: ['bin', 'cdylib'], bindep_target: 'one', lib: true });
});

t.test('requirements as cargo writes them, and registries as a publish names them', async (t) => {
  const of = (value: string, indexes?: Parameters<typeof metadataOfPacked>[1]) =>
    packed(`[package]\nname = "a"\n[dependencies]\nx = ${value}`, indexes).deps[0] as Record<string, unknown>;
  for (const [given, sent] of [
    ['1', '^1'],
    ['1.2.3-a.b', '^1.2.3-a.b'],
    [' 1.0 , < 2 ', '^1.0, <2'],
    ['>= 1.2, <  2', '>=1.2, <2'],
    ['~ 1', '~1'],
    ['=1.0', '=1.0'],
    ['*', '*'],
    ['x', 'x'],
    ['1.*', '1.*'],
    ['1.x', '1.x'],
    ['1.2.X', '1.2.X'],
  ] as const) {
    t.equal(of(`"${given}"`).version_req, sent, given);
  }
  t.equal(of('{ version = 5 }').version_req, 5, 'what is no text is refused later');
  t.equal(of('{ version = "1", default-features = false, default_features = true }').default_features, false);
  t.equal(of('{ version = "1", default_features = false }').default_features, false);
  const bin = of('{ version = "1", artifact = "bin" }');
  t.match(bin, { artifact: ['bin'], bindep_target: null, lib: false });
  t.notOk('explicit_name_in_toml' in bin);

  const foreign = '{ version = "1", registry-index = "https://other.example.org/" }';
  for (const indexes of [{}, { own }, { own, byDefault: 'self' }, { byDefault: own }]) {
    t.equal(of(foreign, indexes).registry, 'https://other.example.org/');
  }
  const ours = `{ version = "1", registry-index = "${own}" }`;
  t.equal(of(ours, { own, byDefault: 'https://d.example.org' }).registry, null);
  t.equal(of(ours, {}).registry, own);
  t.equal(of('"1"', { own, byDefault: 'https://d.example.org' }).registry, 'https://d.example.org');
  t.equal(of('"1"', { own, byDefault: own }).registry, null);
  t.equal(of('"1"', { own, byDefault: 'self' }).registry, null);
  for (const indexes of [{}, { own }]) {
    t.throws(() => of('"1"', indexes), refusal('invalid', { message: /"x" names no registry/ }));
  }
  t.throws(() => metadataOfPacked(parseManifest(Buffer.from('[package]\nname = "a"\n[dependencies]\nx = "1"'))));
});

t.test('a crate that cargo would not unpack is refused: more than 512 MiB and 20 times its size', async (t) => {
  const MIB = 1024 * 1024;
  /** 26 times as large as it is packed: fewer times than the limit for all archives */
  const block = Buffer.concat([noise('a crate', 40_000), Buffer.alloc(MIB - 40_000)]);
  const manifest = { name: MANIFEST, content: manifestOf('a', '1.0.0') };
  const read = async (blocks: number): Promise<void> => {
    const parts = function* (): Generator<Buffer> {
      yield tarPart(manifest);
      yield tarPart({ name: 'a-1.0.0/data', size: blocks * MIB });
      for (let at = 0; at < blocks; at++) yield block;
      yield TAR_END;
    };
    const crate = Readable.from(parts()).pipe(createGzip({ level: 1 }));
    const rules = { ...RULES, maxUnpackedSize: 2048 * MIB };
    for await (const _ of inspectCrate(crate, rules, () => {}));
  };
  await read(500);
  await t.rejects(read(520), refusal('tooLarge', { message: 'The crate unpacks to more than 20 times its size' }));
});
