import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type IImportResult, type IImportTarget, ImportRun } from '../../ts/cli/importing/classes.importrun.js';
import { findFiles } from '../../ts/cli/importing/helpers.files.js';
import {
  type BaseRegistry,
  type IAuthProvider,
  type IRegistryConfig,
  RegistryError,
  SmartRegistry,
} from '../../ts/index.js';
import { importing, oneLine, run, runHere, serve } from '../support/cli.js';
import { packageZip, zipOf } from '../support/composer/packages.js';
import { tarball } from '../support/npm/packages.js';
import { send, startRegistry, storedKeys, temporaryFolder } from '../support/registry.js';

/** A store as `serve` leaves it, and the import command on it. */
const prepare = async (t: Test) => {
  const cwd = await temporaryFolder(t);
  const data = join(cwd, 'data');
  const config = { storage: { directory: data }, auth: { jwtSecret: 'a-secret-of-the-tests', tokenStore: 'bucket' } };
  const open = async () => {
    const registry = new SmartRegistry({ ...config, logger: false, npm: { enabled: true } } as IRegistryConfig);
    await registry.init();
    return registry;
  };
  await (await open()).destroy();
  const packages = join(cwd, 'packages');
  await mkdir(packages);
  const pack = async (file: string, manifest: object | string, files = {}) =>
    writeFile(join(packages, file), await tarball(manifest, files));
  const importThem = (...args: string[]) => runHere(t, ['import', ...args], { SMARTREGISTRY_DATA: data });
  /** What a client sees of a package. */
  const packument = async (name: string) => {
    const registry = await open();
    const answer = await send(registry, 'GET', `/npm/${name}`);
    await registry.destroy();
    return answer;
  };
  return { cwd, data, packages, pack, importThem, packument, open };
};

t.test('import publishes the files of npm pack, and does it once', async (t) => {
  const { packages, pack, importThem, packument, open } = await prepare(t);
  const bytes = await tarball(
    { name: '@team/tool', version: '1.2.3', bin: './cli.js' },
    { 'package/cli.js': 'x'.repeat(99_999) },
  );
  await mkdir(join(packages, 'deep', 'er'), { recursive: true });
  await writeFile(join(packages, 'deep', 'er', 'team-tool-1.2.3.tgz'), bytes);
  await pack('left-1.0.0.tgz', { name: 'left', version: '1.0.0', dependencies: { right: '^1.0.0' } });
  await writeFile(join(packages, 'notes.txt'), 'no package');
  await symlink(packages, join(packages, 'deep', 'circle'));
  const first = await importThem(packages);
  t.match(first, { code: 0, err: '' });
  t.same(first.out.split('\n').sort(), [
    '',
    '2 imported, 0 already there, 0 failed, 1 skipped',
    'imported npm @team/tool 1.2.3',
    'imported npm left 1.0.0',
  ]);
  const tool = (await packument('@team%2ftool')).json();
  t.match(tool, { name: '@team/tool', 'dist-tags': { latest: '1.2.3' }, maintainers: [{ name: 'import' }] });
  t.match(tool.versions, { '1.2.3': { bin: { tool: 'cli.js' } } }, 'as npm publishes it');
  t.match((await packument('left')).json().versions, { '1.0.0': { dependencies: { right: '^1.0.0' } } });
  const registry = await open();
  t.same((await send(registry, 'GET', '/npm/@team/tool/-/tool-1.2.3.tgz')).bytes, bytes, 'the same bytes');
  await registry.destroy();
  const again = await importThem(packages);
  t.match(again, { code: 0, out: '0 imported, 2 already there, 0 failed, 1 skipped\n', err: '' });
});

t.test('a file that fails is reported with its reason, and the others are imported', async (t) => {
  const { packages, pack, importThem, packument } = await prepare(t);
  await writeFile(join(packages, 'broken.tgz'), 'no archive');
  await writeFile(join(packages, 'evil\u001b[2J.tgz'), 'no archive');
  await pack('good-1.0.0.tgz', { name: 'good', version: '1.0.0' });
  await pack('nameless.tgz', { version: '1.0.0' });
  await pack('shell.tgz', { name: 'evil\u001b[2J', version: '1.0.0' });
  await pack('version.tgz', { name: 'long', version: '9'.repeat(100_000) });
  const { code, out, err } = await importThem(packages, join(packages, 'absent.tgz'), '--user', 'ann');
  t.equal(code, 1);
  t.match(out, /^imported npm good 1\.0\.0$/m);
  t.match(out, /^1 imported, 0 already there, 6 failed, 0 skipped$/m);
  t.match(err, /^smartregistry: .*\/broken\.tgz: The tarball is not a gzip file, or it is damaged$/m);
  t.match(err, /^smartregistry: .*\/nameless\.tgz: Invalid package name/m);
  t.match(err, /^smartregistry: .*\/version\.tgz: A version "9+" is not a clean semantic version/m);
  t.match(err, /^smartregistry: .*\/absent\.tgz: cannot be read: ENOENT$/m);
  t.notMatch(err, /\u001b/, 'nothing from a file controls the terminal');
  t.ok(
    err.split('\n').every((line) => line.length < 1000),
    'each reason is a line that can be read',
  );
  t.match((await packument('good')).json(), { maintainers: [{ name: 'ann' }] });
});

t.test('other content under a version that is there is a failure', async (t) => {
  const { packages, pack, importThem } = await prepare(t);
  await pack('a-1.0.0.tgz', { name: 'a', version: '1.0.0' });
  t.equal((await importThem(packages)).code, 0);
  await pack('a-1.0.0.tgz', { name: 'a', version: '1.0.0', description: 'changed' });
  const changed = await importThem(packages);
  t.match(changed, { code: 1, out: '0 imported, 0 already there, 1 failed, 0 skipped\n' });
  t.match(
    changed.err,
    /cannot publish over.*1\.0\.0[^.]*\. The content of this file differs from the published one\.\n$/,
  );
});

t.test('the highest stable version becomes latest, in whatever order the files come', async (t) => {
  const { packages, pack, importThem, packument } = await prepare(t);
  const versions = Array.from({ length: 12 }, (_, index) => `1.${index}.0`);
  for (const version of [...versions, '2.0.0-beta.1', '0.1.0']) await pack(`a-${version}.tgz`, { name: 'a', version });
  await pack('a-3.0.0.tgz', { name: 'a', version: '3.0.0', publishConfig: { tag: 'next' } });
  await pack('pre-1.tgz', { name: 'pre', version: '1.0.0-a' });
  await pack('pre-2.tgz', { name: 'pre', version: '1.0.0-b' });
  t.equal((await importThem(packages)).code, 0);
  const { versions: published, 'dist-tags': tags } = (await packument('a')).json() as Record<string, object>;
  t.equal(Object.keys(published!).length, 15, 'none is lost');
  t.same(tags, { latest: '1.11.0', next: '3.0.0' });
  t.match((await packument('pre')).json(), { 'dist-tags': { latest: '1.0.0-b' } });
  await pack('a-1.5.1.tgz', { name: 'a', version: '1.5.1' });
  t.equal((await importThem(packages)).code, 0);
  t.match((await packument('a')).json(), { 'dist-tags': { latest: '1.11.0' } }, 'an older one that comes later');
});

t.test('wrong usage', async (t) => {
  const { cwd, packages, importThem } = await prepare(t);
  const nothing = await importThem();
  t.equal(nothing.code, 2);
  oneLine(t, nothing, /DIRECTORY or FILE is missing/);
  const unknown = await importThem(packages, '--protocol', 'ftp');
  t.equal(unknown.code, 2);
  oneLine(t, unknown, /--protocol must be one of npm/);
  const empty = await importThem(packages);
  t.equal(empty.code, 1, 'a folder without packages');
  t.match(empty.err, /There is nothing to import/);
  await writeFile(join(packages, 'a.txt'), 'text');
  const named = await importThem(join(packages, 'a.txt'));
  t.equal(named.code, 1, 'a named file that is no package');
  t.match(named.err, /a\.txt: is not named like a package of npm or maven or cargo/);
  t.match(await importThem('--help'), { code: 0, out: /--protocol NAME/ });
  const nowhere = await runHere(t, ['import', packages], { SMARTREGISTRY_DATA: join(cwd, 'elsewhere') });
  t.match(nowhere, { code: 1, err: /There is no store/ });
});

t.test('a server on the same store shows what was imported', async (t) => {
  const { cwd, packages, pack } = await prepare(t);
  await pack('a-1.0.0.tgz', { name: 'a', version: '1.0.0', description: 'imported' });
  const { url } = await serve(t, [], { cwd });
  t.equal((await fetch(`${url}/npm/a`)).status, 404);
  t.match(await run(['import', packages], { cwd }), { code: 0, out: /^1 imported/m });
  t.equal((await fetch(`${url}/npm/a`)).status, 200);
  const found = (await (await fetch(`${url}/npm/-/v1/search?text=imported`)).json()) as { total: number };
  t.equal(found.total, 1, 'the search too');
});

t.test('Ctrl-C ends the command between two files, and a repetition imports the rest', async (t) => {
  const { packages, pack, importThem, open } = await prepare(t);
  for (let index = 0; index < 12; index++) await pack(`p${index}.tgz`, { name: `p${index}`, version: '1.0.0' });
  const registry = await open();
  const target = registry.getRegistry('npm') as BaseRegistry;
  const abort = new AbortController();
  const results: IImportResult[] = [];
  const onResult = (result: IImportResult) => {
    results.push(result);
    abort.abort(new Error('ctrl-c'));
  };
  const targets = [{ registry: target, importer: target.importer()! }];
  await new ImportRun({ targets, userId: 'import', signal: abort.signal, onResult }).run(await findFiles([packages]));
  await registry.destroy();
  t.ok(results.length >= 1 && results.length <= 4, `${results.length} of 12: those that were under way`);
  t.ok(
    results.every(({ outcome }) => outcome === 'imported'),
    'what was cut off is no failure',
  );
  const rest = await importThem(packages);
  t.equal(rest.code, 0);
  t.match(rest.out, new RegExp(`^${12 - results.length} imported, ${results.length} already there, 0 failed`, 'm'));
});

t.test('a signal: the exit code, and what is said', async (t) => {
  const { cwd, packages, pack } = await prepare(t);
  for (let index = 0; index < 60; index++) await pack(`p${index}.tgz`, { name: `p${index}`, version: '1.0.0' });
  const { child, seen, closed } = await importing(t, cwd, packages);
  await once(child.stdout!, 'data');
  child.kill('SIGINT');
  t.same(await closed, [1, null]);
  t.match(seen.err, /Ended by a signal; run it again to import the rest/);
  t.match(seen.out, /imported, 0 already there, 0 failed, 0 skipped\n$/, 'and how far it came');
  t.match(await run(['import', packages], { cwd }), { code: 0 });
});

t.test('a file that two protocols take needs --protocol', async (t) => {
  const { packages } = await prepare(t);
  await writeFile(join(packages, 'a.zip'), '');
  const uploaded: string[] = [];
  const targetOf = (protocol: string, error?: RegistryError): IImportTarget => ({
    registry: {
      protocol,
      runAsOperator: async () => {
        if (error) throw error;
        uploaded.push(protocol);
      },
    } as unknown as BaseRegistry,
    importer: {
      accepts: (name) => name.endsWith('.zip'),
      inspect: async () => ({ packageName: 'a', request: async () => ({ method: 'PUT', path: '/a' }) }),
    },
  });
  const resultOf = async (...targets: IImportTarget[]) => {
    const results: IImportResult[] = [];
    const { signal } = new AbortController();
    const onResult = (result: IImportResult) => void results.push(result);
    await new ImportRun({ targets, userId: 'import', signal, onResult }).run(await findFiles([packages]));
    return results;
  };
  const both = await resultOf(targetOf('composer'), targetOf('pypi'));
  t.match(both, [{ outcome: 'failed', reason: 'may be for composer or pypi: say which with --protocol' }]);
  t.same(uploaded, []);
  t.match(await resultOf(targetOf('pypi')), [{ outcome: 'imported', label: 'pypi a' }]);
  const there = await resultOf(targetOf('pypi', new RegistryError('alreadyExists', 'is there', { status: 400 })));
  t.match(there, [{ outcome: 'present' }], 'without a comparison what exists is taken for the same');
  const broken = new RegistryError('internal', 'It failed.', { cause: new Error('the disk is full') });
  t.match(await resultOf(targetOf('pypi', broken)), [{ outcome: 'failed', reason: 'It failed.: the disk is full' }]);
});

t.test('a folder of packages of all protocols: what is in a .zip decides whose it is', async (t) => {
  const { packages, pack, importThem } = await prepare(t);
  await pack('left-1.0.0.tgz', { name: 'left', version: '1.0.0' });
  const pkgInfo = 'Metadata-Version: 2.1\nName: old-tool\nVersion: 1.5\n';
  const files: Record<string, Buffer> = {
    'acme-lib-1.2.0.zip': packageZip('acme/lib'),
    'lib.zip': packageZip('acme/lib', '1.0.0'),
    'old-tool-1.5.zip': zipOf({ 'old-tool-1.5/PKG-INFO': pkgInfo, 'old-tool-1.5/setup.py': '' }),
    'both-1.0.zip': zipOf({
      'both-1.0/PKG-INFO': 'Metadata-Version: 2.1\nName: both\nVersion: 1.0\n',
      'both-1.0/composer.json': { name: 'acme/both', version: '1.0.0' },
    }),
    'photos-2026.zip': zipOf({ 'a.jpg': 'x' }),
  };
  for (const [file, bytes] of Object.entries(files)) await writeFile(join(packages, file), bytes);
  const { out, err, code } = await importThem(packages);
  t.equal(code, 1);
  t.same(out.split('\n').sort(), [
    '',
    '4 imported, 0 already there, 2 failed, 0 skipped',
    'imported composer acme/lib 1.0.0',
    'imported composer acme/lib 1.2.0',
    'imported npm left 1.0.0',
    'imported pypi old-tool 1.5',
  ]);
  t.match(err, /both-1\.0\.zip: may be for composer or pypi: say which with --protocol\n/);
  t.match(err, /photos-2026\.zip: composer: .*no composer\.json.*; pypi: The sdist has something outside its folder/);
  t.equal(err.split('\n').length, 3, 'one line for each');
  t.match(await importThem(packages), { out: '0 imported, 4 already there, 2 failed, 0 skipped\n' });
  const both = join(packages, 'both-1.0.zip');
  t.match(await importThem(both, '--protocol', 'pypi'), { code: 0, out: /imported pypi both 1\.0\n/ });
});

t.test('files that are refused before their content is read are not left open', async (t) => {
  const { packages, pack } = await prepare(t);
  for (let index = 0; index < 5; index++) await pack(`p${index}.tgz`, { name: `p${index}`, version: '1.0.0' });
  const registry = await startRegistry(t, {
    npm: { enabled: true },
    storageHooks: { beforePut: async ({ phase }) => ({ allowed: phase !== 'start', reason: 'not today' }) },
  });
  const npm = registry.getRegistry('npm') as BaseRegistry;
  const results: IImportResult[] = [];
  const { signal } = new AbortController();
  const targets = [{ registry: npm, importer: npm.importer()! }];
  const onResult = (result: IImportResult) => void results.push(result);
  await new ImportRun({ targets, userId: 'ann', signal, onResult }).run(await findFiles([packages]));
  t.match(results, Array(5).fill({ outcome: 'failed', reason: /not today/ }));
  if (process.platform !== 'linux') return;
  const links = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''));
  t.same(
    (await Promise.all(links)).filter((path) => path.startsWith(packages)),
    [],
  );
});

t.test('an import goes through the hooks, and needs no right of a provider', async (t) => {
  const { packages, pack } = await prepare(t);
  await pack('a-1.0.0.tgz', { name: 'a', version: '1.0.0' });
  // too large to be staged in memory
  await pack('bad-1.0.0.tgz', { name: 'bad', version: '1.0.0' }, { 'package/data': randomBytes(3_000_000) });
  const seen: unknown[] = [];
  const authProvider: IAuthProvider = {
    authenticate: async () => null,
    validateToken: async () => null,
    createToken: async () => 'x',
    revokeToken: async () => undefined,
    authorize: async () => false,
  };
  const registry = await startRegistry(t, {
    npm: { enabled: true },
    authProvider,
    storageHooks: {
      beforePut: async ({ metadata, actor, phase }) => {
        seen.push([metadata?.packageName, actor?.userId]);
        // when its content has come
        return metadata?.packageName === 'bad' && phase === 'commit'
          ? { allowed: false, reason: 'a known virus' }
          : { allowed: true };
      },
    },
  });
  const npm = registry.getRegistry('npm') as BaseRegistry;
  const results: IImportResult[] = [];
  const { signal } = new AbortController();
  const onResult = (result: IImportResult) => void results.push(result);
  const targets = [{ registry: npm, importer: npm.importer()! }];
  await new ImportRun({ targets, userId: 'ann', signal, onResult }).run(await findFiles([packages]));
  t.match(
    results.sort((a, b) => (a.path < b.path ? -1 : 1)),
    [{ outcome: 'imported' }, { outcome: 'failed', reason: /a known virus/ }],
  );
  t.ok(seen.length > 0);
  for (const [name, userId] of seen as [string, string][]) t.equal(userId, 'ann', name);
  t.notOk(
    (await storedKeys(registry)).some((key) => key.includes('bad') || key.startsWith('staging/')),
    'nothing of the refused one is stored',
  );
  const request = { method: 'PUT', path: '/npm/a', headers: { authorization: 'Bearer import' }, query: {}, body: {} };
  t.equal((await registry.handleRequest(request)).status, 401, 'a request from outside has no such rights');
});
