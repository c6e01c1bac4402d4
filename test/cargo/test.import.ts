import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { type IImportResult, ImportRun } from '../../ts/cli/importing/classes.importrun.js';
import { findFiles } from '../../ts/cli/importing/helpers.files.js';
import type { SmartRegistry } from '../../ts/index.js';
import { tarGzOf } from '../support/archives/tars.js';
import { cargoWorld } from '../support/cargo/actors.js';
import { crateFile, manifestOf } from '../support/cargo/crates.js';
import { temporaryFolder } from '../support/registry.js';

const DEFAULT = 'https://git.example.org/index';
const OWN = 'https://crates.example.org/cargo';

/** Imports a folder as the command does. */
const importFolder = async (registry: SmartRegistry, folder: string): Promise<IImportResult[]> => {
  const cargo = registry.getRegistry('cargo');
  const importer = cargo?.importer();
  if (!cargo || !importer) throw new Error('cargo imports nothing');
  const results: IImportResult[] = [];
  const run = new ImportRun({
    targets: [{ registry: cargo, importer }],
    userId: 'import',
    signal: new AbortController().signal,
    onResult: (one) => results.push(one),
  });
  await run.run(await findFiles([folder]));
  return results;
};

t.test('crates are imported with the metadata that cargo would send', async (t) => {
  const { anon, registry } = await cargoWorld(t, { cargo: { enabled: true, registryUrl: OWN, defaultIndex: DEFAULT } });
  const folder = await temporaryFolder(t);
  // as `cargo package` writes it
  const manifest = manifestOf(
    'packed',
    '1.0.0',
    `description = "of a file"
keywords = ["one"]
readme = "README.md"
rust-version = "1.70"
links = "z"
[dependencies.alias]
version = "1.0, < 2"
package = "real"
optional = true
default-features = false
features = ["f"]
registry-index = "sparse+https://other.example.org/"
[dependencies.public]
version = ">= 1.2.3"
[dependencies.spelled]
version = "1"
default_features = false
[dev-dependencies]
tester = "1.*"
[dev_dependencies]
older = "2"
[build-dependencies.own]
version = "=1.0.0"
registry-index = "sparse+${OWN}/"
[target."cfg(windows)".dependencies.win]
version = "0.1"
artifact = "bin"
target = "x86_64-unknown-none"
[features]
default = ["dep:alias"]
[package.metadata]
big = 9223372036854775807
`,
  );
  const file = join(folder, 'packed.crate');
  await writeFile(file, await crateFile('packed', '1.0.0', { manifest, files: { 'README.md': '# hello' } }));
  await writeFile(join(folder, 'lies-2.0.0.crate'), await crateFile('other', '0.1.0'));
  await writeFile(join(folder, 'broken.crate'), 'no crate');

  const imported = async () =>
    (await importFolder(registry, folder)).map(({ path, outcome }) => [path.slice(folder.length + 1), outcome]).sort();
  t.same(await imported(), [
    ['broken.crate', 'failed'],
    ['lies-2.0.0.crate', 'imported'],
    ['packed.crate', 'imported'],
  ]);
  t.same(
    (await imported()).map(([, outcome]) => outcome),
    ['failed', 'present', 'present'],
  );
  t.equal((await anon.index('/ot/he/other'))[0]?.vers, '0.1.0', 'the manifest decides, not the name of the file');

  const [line] = await anon.index('/pa/ck/packed');
  const dep = (name: string, req: string, more: object) => ({
    name,
    req,
    features: [],
    optional: false,
    default_features: true,
    target: null,
    kind: 'normal',
    registry: DEFAULT,
    package: null,
    ...more,
  });
  const foreign = { registry: 'sparse+https://other.example.org/', package: 'real' };
  t.same(line?.deps, [
    dep('alias', '^1.0, <2', { ...foreign, optional: true, default_features: false, features: ['f'] }),
    dep('public', '>=1.2.3', {}),
    dep('spelled', '^1', { default_features: false }),
    dep('tester', '1.*', { kind: 'dev' }),
    dep('older', '^2', { kind: 'dev' }),
    dep('own', '=1.0.0', { kind: 'build', registry: null }),
    dep('win', '^0.1', { target: 'cfg(windows)', artifact: ['bin'], bindep_target: 'x86_64-unknown-none', lib: false }),
  ]);
  t.match(line, { rust_version: '1.70', links: 'z', features2: { default: ['dep:alias'] }, v: 2 });
  t.same((await anon.download('packed', '1.0.0')).bytes, await readFile(file));
  t.equal((await anon.get('/api/v1/crates/packed/1.0.0/readme')).text, '# hello');
});

t.test('a file with other bytes of a version that exists is a failure, and changes nothing', async (t) => {
  const { anon, writer, registry } = await cargoWorld(t);
  await writer.publish('fyk', '1.0.0');
  const before = (await anon.get('/3/f/fyk')).text;
  const folder = await temporaryFolder(t);
  const path = join(folder, 'fyk.crate');
  await writeFile(path, await crateFile('fyk', '1.0.0', { files: { other: 'bytes' } }));
  t.match(await importFolder(registry, folder), [{ outcome: 'failed', reason: /already uploaded/ }]);
  t.equal((await anon.get('/3/f/fyk')).text, before);
});

t.test('a file that is larger than a publish can be is refused before it is read', async (t) => {
  const { registry } = await cargoWorld(t);
  const open = () => t.fail('it was read') as never;
  const inspected = registry
    .getRegistry('cargo')!
    .importer()!
    .inspect({ name: 'big.crate', size: 2 ** 32, open });
  await t.rejects(inspected, { kind: 'tooLarge', message: /larger than a publish can be/ } as never);
});

t.test('a file tells its crate: the manifest is the one in its top folder', async (t) => {
  const { registry } = await cargoWorld(t);
  const importer = registry.getRegistry('cargo')!.importer()!;
  const inspect = (bytes: Buffer, size = bytes.length) => {
    const open = async function* () {
      yield bytes;
    };
    return importer.inspect({ name: 'any.crate', size, open });
  };
  const vendored = { 'vendor/x/Cargo.toml': manifestOf('x', '9.0.0'), 'Cargo.toml.orig': 'no TOML' };
  const crate = await crateFile('Foo_Bar', '1.0.0', { files: vendored });
  const item = await inspect(crate, 2 ** 32 - 1);
  t.match(item, { packageName: 'foo-bar', version: '1.0.0' }, 'spellings of one name come one after the other');
  t.equal(item.title, 'Foo_Bar', 'messages have the name as the crate spells it');
  t.equal(await item.published?.(), 'nothing');
  t.match(await item.request(), { method: 'PUT', path: '/api/v1/crates/new' });
  const none = await inspect(tarGzOf({ name: 'a-1.0.0/vendor/Cargo.toml', content: manifestOf('a', '1.0.0') })).then(
    () => '',
    (error: Error) => error.message,
  );
  t.equal(none, 'The crate has no Cargo.toml in its top folder');
  const parted = Buffer.concat([crate, gzipSync(Buffer.alloc(1024))]);
  await t.rejects(inspect(parted), { kind: 'invalid', message: /consists of several gzip files/ } as never);
  for (const [part, message] of [
    [{ name: 'b-1.0.0/x' }, /outside its folder/],
    [{ name: 'a-1.0.0/x', type: '2', linkname: 'y' }, /contains a link/],
    [{ name: 'a-1.0.0/x', type: '3' }, /no file, folder or link/],
  ] as const) {
    const manifest = { name: 'a-1.0.0/Cargo.toml', content: manifestOf('a', '1.0.0') };
    await t.rejects(inspect(tarGzOf(manifest, part)), { kind: 'invalid', message } as never);
  }
  t.same(
    ['a.crate', 'a.crate.zip', 'crate'].map((name) => importer.accepts(name)),
    [true, false, false],
  );
});

t.test('the progress of an import names crates as they spell themselves', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'x.crate'), await crateFile('serde_Json', '1.0.0'));
  const { registry } = await cargoWorld(t);
  const [result] = await importFolder(registry, folder);
  t.match(result, { outcome: 'imported', label: 'cargo serde_Json 1.0.0' });
});

t.test('a dependency that names no registry is of the one that the configuration names', async (t) => {
  const manifest = `[package]
name = "app"
version = "1.0.0"
[dependencies]
serde = "1"
`;
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'app.crate'), await crateFile('app', '1.0.0', { manifest }));
  const registryOf = async (defaultIndex: string | undefined) => {
    const { anon, registry } = await cargoWorld(t, { cargo: { enabled: true, registryUrl: OWN, defaultIndex } });
    const [result] = await importFolder(registry, folder);
    if (result?.outcome === 'failed') return result.reason;
    const [line] = await anon.index('/3/a/app');
    return (line as unknown as { deps: { registry: unknown }[] }).deps[0]?.registry;
  };
  t.match(await registryOf(undefined), /"serde" names no registry. Set cargo.defaultIndex/);
  t.equal(await registryOf('self'), null);
  t.equal(await registryOf(DEFAULT), DEFAULT);
  t.equal(await registryOf(`sparse+${OWN}/`), null);
});
