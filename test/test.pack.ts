import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { plainEnv, run, top } from './support/program.js';

t.test('the packed package installs and runs in an empty folder', { timeout: 300_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'smartregistry-pack-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  // a copy as git has it, without a build: packing (and installing from git) builds
  const copy = join(folder, 'checkout');
  const wanted = [
    'ts',
    '.ci',
    'package.json',
    'tsconfig.json',
    'readme.md',
    'changelog.md',
    'LICENSE',
    'npmextra.json',
  ];
  for (const name of wanted) await cp(join(top, name), join(copy, name), { recursive: true });
  await symlink(join(top, 'node_modules'), join(copy, 'node_modules'));
  await run('npm', ['pack', '--pack-destination', folder], { cwd: copy, env: plainEnv() });
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
  t.ok(tarball, 'npm pack made a tarball');

  const app = join(folder, 'app');
  await cp(join(copy, 'npmextra.json'), join(app, 'package.json'));
  await writeFile(join(app, 'package.json'), '{ "name": "app", "private": true, "type": "module" }');
  await run('npm', ['install', '--no-audit', '--no-fund', join(folder, tarball as string)], { cwd: app });
  const installed = join(app, 'node_modules', '@push.rocks', 'smartregistry');
  const files = await readdir(installed);
  t.notOk((await readdir(join(installed, 'dist_ts'))).includes('.tsbuildinfo'), 'what only the next build needs');
  t.same(files.sort(), ['LICENSE', 'changelog.md', 'dist_ts', 'npmextra.json', 'package.json', 'readme.md']);

  const script = `
    import { SmartRegistry, streamToJson } from '@push.rocks/smartregistry';
    const registry = new SmartRegistry({ storage: { directory: 'data' }, auth: { jwtSecret: 's', tokenStore: 'memory' }, npm: { enabled: true } });
    await registry.init();
    const { status, body } = await registry.handleRequest({ method: 'GET', path: '/npm/-/ping', headers: {}, query: {} });
    console.log(status, JSON.stringify(await streamToJson(body)));
    await registry.destroy();`;
  await writeFile(join(app, 'main.js'), script);
  t.match((await run(process.execPath, ['main.js'], { cwd: app })).stdout, /^200 \{/);

  const packages = await readdir(join(app, 'node_modules'));
  t.notOk(packages.includes('redis') || packages.includes('pg'), 'optional packages come only if they are asked for');
  for (const [tokenStore, name, url] of [
    ['redis', 'redis', 'redis://:hunter2@127.0.0.1:1'],
    ['database', 'pg', 'postgres://ann:hunter2@127.0.0.1:1/db'],
  ]) {
    const auth = JSON.stringify({ jwtSecret: 's'.repeat(40), tokenStore, [tokenStore as string]: { url } });
    await writeFile(
      join(app, 'missing.js'),
      `import { ConfigError, SmartRegistry } from '@push.rocks/smartregistry';
      const registry = new SmartRegistry({ storage: { directory: 'data' }, auth: ${auth}, npm: { enabled: true } });
      await registry.init().catch((error) => console.log(error instanceof ConfigError, error.message));`,
    );
    const { stdout } = await run(process.execPath, ['missing.js'], { cwd: app });
    t.equal(
      stdout,
      `true config.auth.tokenStore "${tokenStore}" needs the package ${name}, which is not installed: npm install ${name}\n`,
    );
  }

  const version = JSON.parse(await readFile(join(top, 'package.json'), 'utf8')).version as string;
  const bin = await run(join(app, 'node_modules', '.bin', 'smartregistry'), ['--version'], { cwd: app });
  t.equal(bin.stdout.trim(), version);
});

t.test('a checkout can be built, started and tested with npm alone', async (t) => {
  const { scripts } = JSON.parse(await readFile(join(top, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  for (const [name, script] of Object.entries(scripts)) t.notMatch(script, /\b(pnpm|yarn|npx)\b/, name);
});

t.test('an install without devDependencies builds nothing and does not fail', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'smartregistry-prepare-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await cp(join(top, '.ci', 'build.mjs'), join(folder, '.ci', 'build.mjs'));
  const { stderr } = await run(process.execPath, [join('.ci', 'build.mjs'), '--if-possible'], {
    cwd: folder,
    env: plainEnv(),
  });
  t.match(stderr, /was not built: TypeScript is not installed/);
});
