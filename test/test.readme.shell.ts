import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { createNodeServer, SmartRegistry } from '../ts/index.js';
import { freePort } from './support/client/server.js';
import { selfSigned } from './support/http/host.js';
import { Actor } from './support/npm/actors.js';
import { publishOf, tarball } from './support/npm/packages.js';
import { run, top } from './support/program.js';
import { sdist, wheel } from './support/pypi/distributions.js';
import { asInstalled, shellBlock, startServe, startSession } from './support/readme/session.js';
import { readmeBlocks } from './support/readme-blocks.js';
import { startRegistry, temporaryFolder } from './support/registry.js';
import { findTool } from './support/tools.js';

const blocks = readmeBlocks(await readFile(join(top, 'readme.md'), 'utf8'));
const named = (language: string, name: string): string =>
  blocks.find((block) => block.language === language && block.name === name)?.code ?? '';

t.test('readme: the first session, typed as a new user would', { timeout: 120_000 }, async (t) => {
  const { type } = await startSession(t);
  t.match(await type(shellBlock(blocks, 'npm publish')), /^hello from our own registry$/m);
});

t.test('readme: the first image, typed as a new user would', { timeout: 120_000 }, async (t) => {
  const missing = (['podman', 'skopeo'] as const).filter((name) => !findTool(name));
  if (missing.length > 0) {
    t.comment(`skipped: ${missing.join(' and ')} not installed (.ci/run installs them)`);
    return t.pass('no container tools', { skip: `${missing.join(' and ')} not installed` });
  }
  const { home, env, type } = await startSession(t);
  const images = join(home, 'images');
  const storage = join(home, 'storage.conf');
  await writeFile(storage, `[storage]\ndriver = "vfs"\ngraphroot = "${images}/graph"\nrunroot = "${images}/run"\n`);
  Object.assign(env, {
    CONTAINERS_STORAGE_CONF: storage,
    REGISTRY_AUTH_FILE: join(home, 'auth.json'),
    XDG_RUNTIME_DIR: home,
    // a container inside a container may not be had
    BUILDAH_ISOLATION: 'chroot',
  });
  const output = await type(shellBlock(blocks, 'podman push'));
  t.match(output, /Login Succeeded!/);
  t.match(output, /"Tags": \[\s+"1\.0"\s+\]/);
});

t.test('readme: the first wheel, typed as a new user would', { timeout: 120_000 }, async (t) => {
  const [pip, twine] = [findTool('pip'), findTool('twine')];
  if (!pip || !twine) {
    t.comment('skipped: pip and twine are not installed (.ci/run installs them)');
    return t.pass('no Python tools', { skip: 'pip and twine are not installed' });
  }
  const { home, data, env, type } = await startSession(t);
  const dist = join(home, 'first', 'hello-index', 'dist');
  await mkdir(dist, { recursive: true });
  const { filename, bytes } = wheel('hello-index', '1.0');
  await writeFile(join(dist, filename), bytes);
  const folders = [pip, twine].map(({ command }) => dirname(command[0]));
  Object.assign(env, { PATH: `${folders.join(':')}:${env.PATH}`, PIP_CACHE_DIR: join(home, 'pip') });
  const output = await type(named('sh', 'pypi'));
  t.match(output, /Successfully installed hello-index-1\.0/);
  t.match(output, '{"yanked":true,"reason":"says good night"}');
  t.match(output, '"yanked_reason":"says good night"');
  t.match(await readFile(join(home, 'first/site/hello_index/__init__.py'), 'utf8'), '1.0');

  await mkdir(join(home, 'wheelhouse'));
  const source = await sdist('other', '0.9');
  await writeFile(join(home, 'wheelhouse', source.filename), source.bytes);
  const commands = shellBlock(blocks, 'smartregistry pypi yank').replaceAll('./data', data);
  t.match(
    (await run('bash', ['-euc', asInstalled(commands)], { cwd: home, env })).stdout,
    new RegExp(
      [
        'hello-index 1\\.0 is yanked',
        'hello-index 1\\.0 is not yanked',
        'hello-index is quarantined: malware',
        'hello_index-1\\.0-py3-none-any\\.whl is deleted',
      ].join('\n'),
    ),
  );
});

t.test('readme: a pipeline publishes what its token allows, and nothing else', { timeout: 120_000 }, async (t) => {
  const { home, data, host, env, type } = await startSession(t);
  env.SMARTREGISTRY_PASSWORD = 'correct-horse';
  env.SMARTREGISTRY_DATA = data;
  const output = await type(asInstalled(shellBlock(blocks, 'user add ci')));
  const [, npmToken, ociToken] = /^added user ci\n(\S+)\n(\S+)\n/.exec(output) ?? [];
  t.match(output, /pipeline .*npm:package:@team\/\*:write/, 'the list shows the scopes');
  const npmrc = (blocks.find(({ language }) => language === 'ini')?.code ?? '')
    .replace('https://registry.example.com', `http://${host}`)
    .replace('registry.example.com', host);
  Object.assign(env, { NPM_TOKEN: npmToken });
  const publish = async (name: string) => {
    const cwd = join(home, name.replace('/', '-'));
    await mkdir(cwd);
    await writeFile(join(cwd, '.npmrc'), npmrc);
    await writeFile(join(cwd, 'package.json'), JSON.stringify({ name, version: '1.0.0' }));
    return run('npm', ['publish'], { cwd, env });
  };
  await publish('@team/tool');
  t.equal((await fetch(`http://${host}/npm/@team%2ftool`)).status, 200);
  await t.rejects(publish('of-others'), /E403/);
  const login = Buffer.from(`anybody:${ociToken}`).toString('base64');
  const scope = 'scope=repository:team/app:push,pull&scope=repository:other/app:push';
  const answer = await fetch(`http://${host}/v2/token?${scope}`, { headers: { authorization: `Basic ${login}` } });
  const { token } = (await answer.json()) as { token: string };
  const start = (repository: string) =>
    fetch(`http://${host}/v2/${repository}/blobs/uploads/`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    });
  t.equal((await start('team/app')).status, 202);
  t.equal((await start('other/app')).status, 401);
});

/** A folder with a store, as its owner sees it, and a `registry.json` that is the readme's own. */
const startFolder = async (t: Test) => {
  const cwd = await temporaryFolder(t);
  const data = join(cwd, 'data');
  const registry = new SmartRegistry({
    storage: { directory: data },
    auth: { jwtSecret: 'made for this test and for no other', tokenStore: 'bucket' },
  });
  await registry.init(); // only `serve` and programs make a store
  await registry.getAuthManager().users.create({ username: 'admin', password: 'correct-horse' });
  await registry.destroy();
  await writeFile(join(cwd, 'registry.json'), named('json', 'config'));
  const env = {
    ...process.env,
    ...{ S3_HOST: 's3.example.com', S3_KEY: 'key', S3_SECRET: 'secret', JWT_SECRET: 'made for this test only' },
    SMARTREGISTRY_PASSWORD: 'correct-horse',
  };
  const type = async (script: string): Promise<string> =>
    (await run('bash', ['-euc', asInstalled(script)], { cwd, env })).stdout;
  return { cwd, data, env, type };
};

t.test('readme: the commands', { timeout: 120_000 }, async (t) => {
  const { cwd, type } = await startFolder(t);
  await mkdir(join(cwd, 'packages'));
  await writeFile(join(cwd, 'packages', 'hello-1.0.0.tgz'), await tarball({ name: 'hello', version: '1.0.0' }));
  // test.readme.cargo types the import of crates
  const shell = blocks.filter(({ language, name }) => language === 'sh' && name !== 'crates-import');
  const lines = shell.flatMap(({ code }) => code.split('\n'));
  let token = '';
  for (const line of lines.filter((text) => /^smartregistry (?!serve )/.test(text) && !text.includes('--data'))) {
    const stdout = await type(line.replace('TOKEN', token));
    t.pass(line);
    if (line.includes('token create')) token = stdout.trim();
    if (line.includes(' import ')) t.match(stdout, /^1 imported, 0 already there, 0 failed, 0 skipped$/m);
    if (line.includes('user list')) t.match(stdout, /^ann\b/m);
    if (line.includes('config check')) t.equal(stdout, 'registry.json is a valid configuration\n');
  }
  const schema = JSON.parse(await readFile(join(cwd, 'schema.json'), 'utf8')) as { properties: object };
  t.hasProps(schema.properties, ['storage', 'auth', 'npm', 'oci', '$schema']);
});

t.test('readme: the ways to start a server', { timeout: 120_000 }, async (t) => {
  const tls = selfSigned();
  if (!tls) return t.pass('no certificate', { skip: 'there is no openssl to make a certificate' });
  const { cwd, env } = await startFolder(t);
  await writeFile(join(cwd, 'cert.pem'), tls.cert);
  await writeFile(join(cwd, 'key.pem'), tls.key);
  // the readme's own has its store on S3
  await writeFile(join(cwd, 'registry.json'), JSON.stringify({ storage: { directory: 'data' } }));
  const lines = shellBlock(blocks, 'smartregistry serve').split('\n');
  const starts = lines.filter((line) => line.startsWith('smartregistry serve '));
  t.equal(starts.length, 2);
  for (const line of starts) {
    const args = line.split(' ').slice(2).join(' ').replace('--port 5000', '').split(' ').filter(Boolean);
    const { url, stop } = await startServe(t, [...args, '--port', '0', '--log-level', 'warn'], { env, cwd });
    t.match(url, line.includes('--tls-cert') ? /^https:/ : /^http:/, line);
    t.equal(await stop(), 0, 'SIGTERM ends it in good order');
  }
});

t.test('readme: a backup, and a restore into another folder', { timeout: 120_000 }, async (t) => {
  const { cwd, data, type } = await startFolder(t);
  const open = async (directory: string) => {
    const registry = new SmartRegistry({
      storage: { directory },
      auth: { jwtSecret: 'made for this test and for no other', tokenStore: 'bucket' },
      npm: { enabled: true },
    });
    await registry.init();
    return registry;
  };
  const before = await open(data);
  const token = await before.getAuthManager().createNpmToken('admin');
  t.equal((await new Actor(before, token).publish('kept', '1.0.0')).status, 201);
  await before.destroy();
  await type(named('sh', 'backup'));
  await rm(data, { recursive: true });
  t.match(await type(named('sh', 'restore')), /^npm: rebuilt from 1 documents$/m, 'the listing has its package again');
  const after = await open(join(cwd, 'restored'));
  t.teardown(() => after.destroy());
  const actor = new Actor(after, token);
  t.equal((await actor.get('/kept')).status, 200);
  t.equal((await actor.get('/kept/-/kept-1.0.0.tgz')).status, 200);
});

t.test('readme: behind nginx', { timeout: 120_000 }, async (t) => {
  const nginx = findTool('nginx');
  if (!nginx) return t.pass('no nginx', { skip: 'nginx is not installed (.ci/install-clients.sh installs it)' });
  const folder = await temporaryFolder(t);
  const users = [{ username: 'ann', password: 'correct horse' }];
  const auth = { jwtSecret: 'made for this test and for no other', tokenStore: 'memory' as const, users };
  const registry = await startRegistry(t, { auth, npm: { enabled: true }, trustProxy: true });
  const token = await registry.getAuthManager().createNpmToken('ann');
  const addresses: (string | undefined)[] = [];
  const server = createNodeServer(registry, { port: 0, onResponse: ({ ip }) => addresses.push(ip) });
  const { port: behind } = await server.listen();
  t.teardown(() => server.close());
  const port = await freePort();
  const block = blocks.find(({ language }) => language === 'nginx')?.code ?? '';
  const site = block.replace('8080', `127.0.0.1:${port}`).replace('127.0.0.1:5000', `127.0.0.1:${behind}`);
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const http = `access_log off;\n${paths.join('\n')}\n${site}`;
  const main = `daemon off;\nmaster_process off;\npid ${folder}/pid;\nerror_log stderr;\nevents {}\nhttp {\n${http}}\n`;
  await writeFile(join(folder, 'nginx.conf'), main);
  const [program, ...before] = nginx.command;
  const proxy = spawn(program, [...before, '-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  t.teardown(async () => {
    proxy.kill('SIGTERM');
    if (proxy.exitCode === null) await once(proxy, 'exit');
  });
  const origin = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 50 && !(await fetch(`${origin}/-/health`).catch(() => null)); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const document = await publishOf('@team/large', '1.0.0', { files: { 'noise.bin': randomBytes(3_000_000) } });
  const published = await fetch(`${origin}/npm/@team%2flarge`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(document),
  });
  t.equal(published.status, 201, 'a body above the usual limit, and a name with %2f');
  const packument = (await (await fetch(`${origin}/npm/@team%2flarge`)).json()) as {
    versions: Record<string, { dist: { tarball: string } }>;
  };
  const { tarball } = packument.versions['1.0.0']!.dist;
  t.equal(tarball, `${origin}/npm/@team/large/-/large-1.0.0.tgz`, 'the address that the client used');
  t.equal((await fetch(tarball)).status, 200);
  t.same(new Set(addresses), new Set(['127.0.0.1']));
});

t.test('readme: every shell block is typed by a test or by .ci/run', async (t) => {
  const typed = [
    /^npx -y pnpm (start|test|install|run)\b/,
    /^SMARTREGISTRY_ADMIN_PASSWORD=\S+ npx -y pnpm start$/,
    /^pnpm add /,
    /^deno run /,
    /^smartregistry /,
  ];
  for (const { language, name, code, line } of blocks) {
    if (language !== 'sh' || name !== '' || /npm publish|podman push|cargo publish/.test(code)) continue;
    for (const command of code.trim().split('\n'))
      t.ok(
        typed.some((known) => known.test(command)),
        `line ${line}: ${command}`,
      );
  }
});
