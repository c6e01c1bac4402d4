import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Test } from 'tap';
import { CargoStation, type ICargoServer } from '../support/cargo/station.js';
import { MatrixColumn } from '../support/client/matrix.js';
import { ClientSteps } from '../support/client/steps.js';

const commands = [
  'login',
  'publish',
  'publish refused without a right',
  'publish of a version that exists',
  'publish of a workspace',
  'add',
  'build',
  'build --locked from the cache and anew',
  'search',
  'info',
  'install',
  'yank',
  'yank --undo',
  'owner --add, --list, --remove',
  'renamed and optional dependencies',
  'dependency on another registry',
  'rust-version chooses a version',
  'source replacement',
  'import is what publish is',
  'auth-required: nothing without a token',
  'auth-required: everything with it',
  'logout',
] as const;
type TCommand = (typeof commands)[number];

/** A crate's lines in the index, as a client without a token or with one gets them. */
const linesOf = async ({ origin }: ICargoServer, path: string, token?: string): Promise<Record<string, unknown>[]> => {
  const answer = await fetch(`${origin}/cargo/${path}`, { headers: token ? { authorization: token } : {} });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
};

const REGISTRY = ['--registry', 'mine'];
const PUBLISH = ['publish', ...REGISTRY, '--allow-dirty'];

/** Every command of cargo that talks to a registry, against our command line. */
export const cargoRing = async (t: Test): Promise<void> => {
  const station = await CargoStation.open(t);
  if (!station) return;
  const { home } = station;
  const mine = await station.serve('mine');
  const other = await station.serve('other');
  const guarded = await station.serve('guarded', { auth: { anonymousScopes: [] } });
  const registries = { mine, other, guarded };
  await station.configure(registries);
  const column = new MatrixColumn<TCommand>('cargo 1.95', 'cargo, directory', commands);
  const steps = new ClientSteps<TCommand>(t, column, [mine, other, guarded]);
  const step = (command: TCommand, body: (t: Test) => Promise<void>) => steps.step(command, true, body);
  const { cargo } = { cargo: station.cargo.bind(station) };
  const logIn = async (t: Test, server: ICargoServer, name: string): Promise<void> => {
    const token = await server.token({ protocol: 'cargo' });
    steps.says(t, await cargo('', ['login', '--registry', name], { input: `${token}\n` }), 'saved');
  };

  await step('login', async (t) => {
    await logIn(t, mine, 'mine');
    await logIn(t, other, 'other');
  });

  await step('publish', async (t) => {
    await station.library('my-lib', '0.1.0');
    const published = await cargo('my-lib', PUBLISH);
    steps.says(t, published, /Published my-lib v0\.1\.0 at registry `mine`/);
    t.notMatch(published.output, /timed out|warning/, 'the index has it at once');
    const [line] = await linesOf(mine, 'my/-l/my-lib');
    t.match(line?.pubtime, /^.{19}Z$/);
  });

  await step('publish refused without a right', async (t) => {
    await station.library('refused', '0.1.0');
    steps.fails(t, await cargo('refused', [...PUBLISH, '--token', 'wrong']), /401.*The credentials are not valid/s);
    const readOnly = await mine.token({ protocol: 'cargo', readOnly: true });
    const answer = await cargo('refused', [...PUBLISH, '--token', readOnly]);
    steps.fails(t, answer, /403.*This token does not allow write on any crate/s);
  });

  await step('publish of a version that exists', async (t) => {
    steps.fails(t, await cargo('my-lib', PUBLISH), /already exists/);
    await station.library('my_lib', '0.2.0');
    steps.fails(t, await cargo('my_lib', PUBLISH), /409.*there is a crate whose name differs only in/s);
  });

  await step('publish of a workspace', async (t) => {
    await home.project('ws', { 'Cargo.toml': '[workspace]\nresolver = "2"\nmembers = ["one", "two"]\n' });
    const member = (name: string, more: string) => ({
      [`${name}/Cargo.toml`]: `[package]\nname = "ws-${name}"\nversion = "1.0.0"\nedition = "2021"\ndescription = "x"\nlicense = "MIT"\n${more}`,
      [`${name}/src/lib.rs`]: '',
    });
    await home.project('ws', {
      ...member('one', ''),
      ...member('two', '[dependencies]\nws-one = { path = "../one", version = "1.0.0", registry = "mine" }\n'),
    });
    const published = await cargo('ws', [...PUBLISH, '--workspace']);
    steps.says(t, published, /Published ws-one v1\.0\.0 and ws-two v1\.0\.0|Published ws-two v1\.0\.0/);
    const [line] = await linesOf(mine, 'ws/-t/ws-two');
    t.match(line?.deps, [{ name: 'ws-one', req: '^1.0.0', registry: null, package: null }]);
  });

  await step('add', async (t) => {
    await station.program('app', '', 'fn main() { println!("the answer is {}", my_lib::answer()); }\n');
    steps.says(t, await cargo('app', ['add', 'my_lib', ...REGISTRY]), /Adding my-lib v0\.1\.0/);
    steps.fails(t, await cargo('app', ['add', 'absent', ...REGISTRY]), /could not be found in registry/);
  });

  await step('build', async (t) => {
    steps.succeeds(t, await cargo('app', ['build']));
    steps.says(t, await cargo('app', ['run', '--quiet']), 'the answer is 42');
  });

  await step('build --locked from the cache and anew', async (t) => {
    const lock = await readFile(home.path('work/app/Cargo.lock'), 'utf8');
    const [line] = await linesOf(mine, 'my/-l/my-lib');
    t.match(lock, `checksum = "${line?.cksum}"`);
    for (const part of ['cargo/registry', 'work/app/target']) await rm(home.path(part), { recursive: true });
    steps.succeeds(t, await cargo('app', ['build', '--locked']));
    steps.succeeds(t, await cargo('app', ['build', '--locked', '--offline']));
    await home.write('work/app/Cargo.lock', lock.replace(`${line?.cksum}`, '0'.repeat(64)));
    steps.fails(t, await cargo('app', ['fetch', '--locked']), /checksum/);
    await home.write('work/app/Cargo.lock', lock);
  });

  await step('search', async (t) => {
    steps.says(t, await cargo('app', ['search', 'my-lib', ...REGISTRY]), /^my-lib = "0\.1\.0" +# my-lib of a test$/m);
    steps.says(t, await cargo('app', ['search', 'ws', '--limit', '1', ...REGISTRY]), /\.\.\. and 1 crates? more/);
  });

  await step('info', async (t) => {
    steps.says(t, await cargo('app', ['info', 'my-lib', ...REGISTRY]), /version: 0\.1\.0 \(from registry `mine`\)/);
  });

  await step('install', async (t) => {
    await station.program(
      'my-tool',
      'my-lib = { version = "0.1", registry = "mine" }\n',
      'fn main() { println!("{}", my_lib::answer()); }\n',
    );
    steps.succeeds(t, await cargo('my-tool', PUBLISH));
    const root = home.path('installed');
    steps.says(
      t,
      await cargo('', ['install', 'my-tool', '--debug', '--root', root, ...REGISTRY]),
      /Installed package `my-tool/,
    );
    t.same(await readdir(join(root, 'bin')), ['my-tool']);
  });

  await step('yank', async (t) => {
    await station.library('my-lib', '0.1.1');
    steps.succeeds(t, await cargo('my-lib', PUBLISH));
    steps.says(t, await cargo('', ['yank', 'my-lib@0.1.1', ...REGISTRY]), 'Yank my-lib@0.1.1');
    await station.program('after', 'my-lib = { version = "0.1", registry = "mine" }\n');
    steps.succeeds(t, await cargo('after', ['generate-lockfile']));
    t.match(await readFile(home.path('work/after/Cargo.lock'), 'utf8'), /name = "my-lib"\nversion = "0\.1\.0"/);
    steps.fails(t, await cargo('', ['yank', 'my-lib@9.9.9', ...REGISTRY]), /does not have a version `9\.9\.9`/);
  });

  await step('yank --undo', async (t) => {
    steps.says(t, await cargo('', ['yank', '--undo', 'my-lib@0.1.1', ...REGISTRY]), 'Unyank my-lib@0.1.1');
    steps.succeeds(t, await cargo('after', ['update']));
    t.match(await readFile(home.path('work/after/Cargo.lock'), 'utf8'), /name = "my-lib"\nversion = "0\.1\.1"/);
  });

  await step('owner --add, --list, --remove', async (t) => {
    steps.succeeds(t, await mine.command('user', 'add', 'carl', '--scope', 'cargo:*:*:read'));
    const owner = (...args: string[]) => cargo('', ['owner', ...args, 'my-lib', ...REGISTRY]);
    steps.says(t, await owner('--add', 'carl'), 'carl may now publish and yank versions of my-lib');
    steps.says(t, await owner('--list'), /^carl$/m);
    steps.says(t, await owner('--remove', 'carl'), /Owner removing \["carl"\] from crate my-lib/);
    steps.fails(t, await owner('--add', 'nobody'), /There is no user nobody/);
  });

  await step('renamed and optional dependencies', async (t) => {
    const dependency = 'alias = { package = "my-lib", version = "0.1", registry = "mine", optional = true }';
    const features = '[features]\nold = ["alias"]\nnew = ["dep:alias"]\nweak = ["alias?/x"]\n';
    const code = '#[cfg(feature = "new")]\npub fn twice() -> u32 { 2 * alias::answer() }\n';
    await station.library('my-lib', '0.1.2', '[features]\nx = []\n');
    steps.succeeds(t, await cargo('my-lib', PUBLISH));
    await station.library(
      'renaming',
      '1.0.0',
      `[dependencies]\n${dependency}\n${features.replace('old = ["alias"]\n', '')}`,
      code,
    );
    steps.succeeds(t, await cargo('renaming', PUBLISH));
    await station.program(
      'renamed',
      'renaming = { version = "1", registry = "mine", features = ["new", "weak"] }\n',
      'fn main() { println!("twice is {}", renaming::twice()); }\n',
    );
    steps.says(t, await cargo('renamed', ['run', '--quiet']), 'twice is 84');
    const [line] = await linesOf(mine, 're/na/renaming');
    t.match(line, { v: 2, deps: [{ name: 'alias', package: 'my-lib', optional: true }] });
  });

  await step('dependency on another registry', async (t) => {
    await station.library('foreign', '1.0.0', '', 'pub fn far() -> u32 { 7 }\n');
    steps.succeeds(t, await cargo('foreign', ['publish', '--registry', 'other', '--allow-dirty']));
    await station.library(
      'bridge',
      '1.0.0',
      '[dependencies]\nforeign = { version = "1", registry = "other" }\n',
      'pub fn far() -> u32 { foreign::far() }\n',
    );
    steps.succeeds(t, await cargo('bridge', PUBLISH));
    const [line] = await linesOf(mine, 'br/id/bridge');
    t.match(line?.deps, [{ name: 'foreign', registry: other.index }], 'as it was sent');
    await station.program(
      'crossing',
      'bridge = { version = "1", registry = "mine" }\n',
      'fn main() { println!("far {}", bridge::far()); }\n',
    );
    steps.says(t, await cargo('crossing', ['run', '--quiet']), 'far 7');
  });

  await step('rust-version chooses a version', async (t) => {
    await station.library('modern', '1.0.0', 'rust-version = "1.70"\n');
    steps.succeeds(t, await cargo('modern', PUBLISH));
    await station.library('modern', '1.1.0', 'rust-version = "1.90"\n');
    steps.succeeds(t, await cargo('modern', PUBLISH));
    await home.project('old-app', {
      'Cargo.toml':
        '[package]\nname = "old-app"\nversion = "0.1.0"\nedition = "2021"\nrust-version = "1.80"\nresolver = "3"\n[dependencies]\nmodern = { version = "1", registry = "mine" }\n',
      'src/main.rs': 'fn main() {}\n',
    });
    steps.succeeds(t, await cargo('old-app', ['generate-lockfile']));
    t.match(await readFile(home.path('work/old-app/Cargo.lock'), 'utf8'), /name = "modern"\nversion = "1\.0\.0"/);
  });

  await step('source replacement', async (t) => {
    const replaced = `[source.crates-io]\nreplace-with = "ours"\n[source.ours]\nregistry = "${mine.index}"\n`;
    const path = await home.write('replaced.toml', replaced);
    await station.program('replaced', 'my-lib = "0.1"\n', 'fn main() { println!("{}", my_lib::answer()); }\n');
    steps.says(t, await cargo('replaced', ['run', '--quiet', '--config', path]), '42');
  });

  await step('import is what publish is', async (t) => {
    // the files that cargo has downloaded for the builds above
    const cache = home.path('cargo/registry/cache');
    const wanted = /(renaming-1\.0\.0|bridge-1\.0\.0|my-lib-0\.1\.2)\.crate$/;
    const files = (await readdir(cache, { recursive: true })).filter((file) => wanted.test(file));
    for (const file of files) await home.write(`crates/${basename(file)}`, await readFile(join(cache, file)));
    const folder = home.path('crates');
    steps.says(t, await guarded.command('import', folder), /3 imported, 0 already there, 0 failed/);
    steps.says(t, await guarded.command('import', folder), /0 imported, 3 already there, 0 failed/);
    const token = await guarded.token({ protocol: 'cargo' });
    const { 0: bridge } = await linesOf(guarded, 'br/id/bridge', token);
    const { 0: published } = await linesOf(mine, 'br/id/bridge');
    t.same({ ...bridge, pubtime: '' }, { ...published, pubtime: '' });
    const { 0: renaming } = await linesOf(guarded, 're/na/renaming', token);
    const { 0: sent } = await linesOf(mine, 're/na/renaming');
    // cargo leaves the URL of the registry out that it publishes to; its packed manifest names it
    const deps = ((sent?.deps as object[] | undefined) ?? []).map((dependency) => ({
      ...dependency,
      registry: mine.index,
    }));
    t.same({ ...renaming, pubtime: '' }, { ...sent, deps, pubtime: '' });
  });

  await step('auth-required: nothing without a token', async (t) => {
    await station.library('secret', '1.0.0');
    await station.program('guest', 'secret = { version = "1", registry = "guarded" }\n');
    const login = /cargo login --registry guarded|no token found/;
    steps.fails(t, await cargo('secret', ['publish', '--registry', 'guarded', '--allow-dirty']), login);
    steps.fails(t, await cargo('guest', ['build']), login);
    steps.fails(t, await cargo('guest', ['search', 'secret', '--registry', 'guarded']), login);
  });

  await step('auth-required: everything with it', async (t) => {
    await logIn(t, guarded, 'guarded');
    steps.succeeds(t, await cargo('secret', ['publish', '--registry', 'guarded', '--allow-dirty']));
    steps.succeeds(t, await cargo('guest', ['build']));
    steps.says(t, await cargo('guest', ['search', 'secret', '--registry', 'guarded']), /^secret = "1\.0\.0"/m);
    steps.says(t, await cargo('guest', ['info', 'secret', '--registry', 'guarded']), /version: 1\.0\.0/);
    steps.says(t, await cargo('', ['yank', 'secret@1.0.0', '--registry', 'guarded']), 'Yank secret@1.0.0');
    const scoped = await guarded.command(
      'token',
      'create',
      '--user',
      'admin',
      '--protocol',
      'cargo',
      '--scope',
      'cargo:crate:my-lib:read',
    );
    await home.project('scoped', {
      'Cargo.toml': '[package]\nname = "scoped"\nversion = "0.1.0"\nedition = "2021"\n',
      'src/lib.rs': '',
    });
    const env = { CARGO_REGISTRIES_GUARDED_TOKEN: scoped.stdout.trim() };
    steps.says(t, await cargo('scoped', ['add', 'my_lib', '--registry', 'guarded'], { env }), /Adding my-lib/);
    steps.fails(t, await cargo('scoped', ['add', 'secret', '--registry', 'guarded'], { env }), /could not be found/);
  });

  await step('logout', async (t) => {
    steps.says(t, await cargo('', ['logout', '--registry', 'guarded']), /removed/i);
    steps.fails(t, await cargo('guest', ['search', 'x', '--registry', 'guarded']), /cargo login|no token/);
  });

  column.report((line) => t.comment(line));
  for (const server of [mine, other, guarded]) t.equal(await server.stop(), 0, 'the server ends when it is told to');
};
