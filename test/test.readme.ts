import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import { substitute } from '../ts/cli/helpers.substitution.js';
import { type IRegistryConfig, SmartRegistry } from '../ts/index.js';
import { compile, plainEnv, run, top } from './support/program.js';
import { type IReadmeBlock, readmeBlocks } from './support/readme-blocks.js';
import { startS3Server } from './support/store/s3-server.js';
import { findTool } from './support/tools.js';

const blocks = readmeBlocks(await readFile(join(top, 'readme.md'), 'utf8'));

// inside the checkout, so that the package finds itself and the frameworks by their names
await mkdir(join(top, '.cache'), { recursive: true });
const folder = await mkdtemp(join(top, '.cache', 'readme-'));
t.teardown(() => rm(folder, { recursive: true, force: true }));

interface IRunner {
  /** appended to the block: uses what it built, and ends the program */
  tail: string;
  expect: RegExp;
  prepare?(cwd: string): Promise<void>;
  runtime?: 'deno' | 'bun';
}

const packed = async (cwd: string): Promise<void> => {
  await mkdir(join(cwd, 'source'));
  await writeFile(join(cwd, 'source', 'package.json'), '{ "name": "my-package", "version": "1.0.0" }');
  await run('npm', ['pack', '--pack-destination', cwd], { cwd: join(cwd, 'source') });
};

const destroy = 'await registry.destroy();';
const request = (method: string, path: string, more = '') =>
  `await registry.handleRequest({ method: '${method}', path: '${path}', headers: {}, query: {}, ${more} })`;

/** Publishes one package through a served registry, and downloads it again. */
const throughHttp = (base: string, close: string): string => `
const { createHash: hash } = await import('node:crypto');
const { readFile: read } = await import('node:fs/promises');
const tgz = await read('my-package-1.0.0.tgz');
const npmToken = await registry.getAuthManager().createNpmToken('ann');
const published = await fetch(${base} + '/npm/my-package', {
  method: 'PUT',
  headers: { authorization: 'Bearer ' + npmToken, 'content-type': 'application/json' },
  body: JSON.stringify({
    name: 'my-package', 'dist-tags': { latest: '1.0.0' },
    versions: { '1.0.0': { name: 'my-package', version: '1.0.0', dist: {} } },
    _attachments: { 'my-package-1.0.0.tgz': { data: tgz.toString('base64'), length: tgz.length } },
  }),
});
const packument = (await (await fetch(${base} + '/npm/my-package')).json()) as any;
const bytes = Buffer.from(await (await fetch(packument.versions['1.0.0'].dist.tarball)).arrayBuffer());
console.log('published', published.status, 'same', hash('sha1').update(bytes).digest('hex') === hash('sha1').update(tgz).digest('hex'));
${close}
`;
const served = /^published 20[01] same true$/m;

const stop = 'server.close(); (server as any).closeAllConnections?.();';
const overHttp = (server: string, close: string): IRunner => ({
  prepare: packed,
  tail: `
if (!(${server} as any).listening) await new Promise((resolve) => ${server}.once('listening', resolve));
${throughHttp(`'http://127.0.0.1:' + (${server}.address() as any).port`, `${close}\n${destroy}`)}`,
  expect: served,
});

const runners: Record<string, IRunner> = {
  'quick-start': { tail: destroy, expect: /^200 \{/ },
  streams: { tail: '', expect: /^9 world$/m },
  publish: { prepare: packed, tail: destroy, expect: /^20[01] 1$/m },
  containers: { tail: destroy, expect: /^201 sha256:[0-9a-f]{64} 0$/m },
  hooks: {
    tail: `
const storage = registry.getStorage().for({ protocol: 'npm' });
const toy = { packageName: '@team/toy', version: '1.0.0' };
const put = async (size: number) => {
  const staged = await storage.stage(new Uint8Array(size), { hashes: [] });
  const place = [{ staged, key: 'toys/' + size, contentType: 'text/plain' }];
  await storage.commit({ ...toy, place, document: { key: 'toys/toy.json', apply: () => ({ size }) } });
  return used.get('@team');
};
console.log(await put(10), await put(20), auditLog.length);
used.set('@team', LIMIT);
console.log(await put(30).catch(({ message }) => message), reserved.size);
used.set('@team', 30);
await storage.commit({ ...toy, document: { key: 'toys/toy.json', apply: () => null }, drop: ['toys/10', 'toys/20'] });
console.log(used.get('@team'), reserved.size);
${destroy}`,
    expect: /^10 30 4\nStorage quota exceeded 0\n0 0$/m,
  },
  auth: { tail: destroy, expect: /^true\nfalse$/m },
  'custom-auth': {
    tail: `console.log((${request('GET', '/npm/none')}).status, (${request('PUT', '/npm/none', 'body: {}')}).status);\n${destroy}`,
    expect: /^404 401$/m,
  },
  'eighth-protocol': {
    tail: `
const form = new FormData();
form.set('file', new Blob(['text by form']), 'b.txt');
form.set('name', 'b');
const posted = new Request('http://localhost/', { method: 'POST', body: form });
const headers = Object.fromEntries(posted.headers);
const all = async () => new Response((${request('GET', '/snippets/')}).body).text();
console.log((${request('PUT', '/snippets/a', "body: 'some text'")}).status);
console.log(await new Response((${request('GET', '/snippets/a')}).body).text());
console.log((await registry.handleRequest({ method: 'POST', path: '/snippets/', headers, query: {}, body: posted.body })).status);
console.log(await new Response((${request('GET', '/snippets/b')}).body).text());
console.log((await all()).replace(/ [0-9a-f]{64}/g, ''));
console.log((${request('DELETE', '/snippets/a')}).status, (${request('GET', '/snippets/a')}).status);
console.log(await registry.rebuildListings(), (await all()).length);
${destroy}`,
    expect: /^201\nsome text\n201\ntext by form\na\nb\n\n204 404\nMap\(1\) \{ 'snippets' => 2 \} 67$/m,
  },
  'node-http': overHttp('server', stop),
  'node-server': { prepare: packed, tail: throughHttp('url', `await server.close();\n${destroy}`), expect: served },
  express: overHttp('server', stop),
  'express-by-hand': overHttp('server', stop),
  fastify: overHttp('app.server', 'await app.close();'),
  hono: overHttp('server', stop),
  deno: {
    prepare: packed,
    runtime: 'deno',
    tail: throughHttp("'http://127.0.0.1:' + server.addr.port", `await server.shutdown();\n${destroy}`),
    expect: served,
  },
  bun: {
    prepare: packed,
    runtime: 'bun',
    tail: throughHttp("'http://127.0.0.1:' + server.port", `await server.stop();\n${destroy}`),
    expect: served,
  },
};

const source = (block: IReadmeBlock, tail: string): string =>
  `${block.code.replaceAll(/(listen\(|port: )5000/g, (_all, before: string) => `${before}0`).replace("'npm:@push", "'@push")}\n${tail}`;

for (const block of blocks.filter(({ language, name }) => language === 'ts' && name !== 's3')) {
  t.test(`readme: ${block.name || `the block at line ${block.line}`}`, { timeout: 120_000 }, async (t) => {
    const runner = Object.hasOwn(runners, block.name) ? runners[block.name] : undefined;
    if (!runner) return t.fail('no test runs this block');
    const cwd = join(folder, block.name);
    await mkdir(cwd);
    await runner.prepare?.(cwd);
    const tool = runner.runtime ? findTool(runner.runtime) : null;
    if (runner.runtime && !tool) {
      t.comment(`skipped: ${runner.runtime} is not installed (.ci/run installs it)`);
      return t.pass(`${runner.runtime} is not here`, { skip: `${runner.runtime} is not installed` });
    }
    const file = join(cwd, 'block.mts');
    await writeFile(file, source(block, runner.tail));
    const [program, args] = tool
      ? [
          tool.command[0],
          [...tool.command.slice(1), 'run', ...(runner.runtime === 'deno' ? ['-A', '--no-check'] : []), file],
        ]
      : [process.execPath, ['--import=tsx', file]];
    const ran = await run(program as string, args as string[], { cwd, timeout: 100_000, env: plainEnv() });
    t.match(ran.stdout, runner.expect);
    t.notMatch(ran.stderr, /^\S+Z (warn|error) /m, 'an example does nothing that the library warns of');
  });
}

t.test('readme: every TypeScript block compiles as strictly as the library', { timeout: 120_000 }, async (t) => {
  const checked = join(folder, 'types');
  await mkdir(checked);
  for (const block of blocks) {
    if (block.language !== 'ts' || ['deno', 'bun'].includes(block.name)) continue;
    await writeFile(join(checked, `${block.name}.mts`), `${block.code}\nexport {};\n`);
  }
  const compilerOptions = {
    rootDir: checked,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(top, 'node_modules/@types')],
  };
  const settings = { extends: join(top, 'tsconfig.json'), compilerOptions, include: ['*.mts'] };
  await writeFile(join(checked, 'tsconfig.json'), JSON.stringify(settings));
  t.same(await compile(checked), { code: 0, output: '' });
});

interface ISession {
  home: string;
  env: NodeJS.ProcessEnv;
  /** types the block that has this line into a shell */
  type(line: string): Promise<string>;
}

/** A server started as the readme says, and a user at the keyboard beside it. */
const startSession = async (t: Pick<Test, 'teardown'>): Promise<ISession> => {
  const home = await mkdtemp(join(tmpdir(), 'smartregistry-session-'));
  const data = join(home, 'data');
  const bin = join(top, 'dist_ts', 'cli', 'bin.js');
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    HOME: home,
    npm_config_cache: join(home, 'npm'),
    npm_config_userconfig: join(home, '.npmrc'),
  };
  for (const name of Object.keys(env)) if (/^npm_config_(?!cache|userconfig)/i.test(name)) delete env[name];
  const server = spawn(process.execPath, [bin, 'serve', '--log-level', 'warn', '--port', '0', '--data', data], {
    env: { ...env, SMARTREGISTRY_ADMIN_PASSWORD: 'correct-horse' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(async () => {
    if (server.exitCode === null) {
      server.kill('SIGTERM');
      await once(server, 'exit');
    }
    await rm(home, { recursive: true, force: true });
  });
  let port = '';
  for await (const line of createInterface(server.stdout)) {
    port = /^smartregistry ready on http:\/\/127\.0\.0\.1:(\d+)$/.exec(line)?.[1] ?? '';
    if (port) break;
  }
  server.stdout.resume();
  const type = async (line: string): Promise<string> => {
    const block = blocks.find(({ language, code }) => language === 'sh' && code.includes(line));
    const script = (block?.code ?? 'false')
      .replaceAll('127.0.0.1:5000', `127.0.0.1:${port}`)
      .replaceAll('/tmp/first', join(home, 'first'))
      .replace('node dist_ts/cli/bin.js token create', `node ${bin} token create --data ${data}`);
    return (await run('bash', ['-euc', script], { env, cwd: home, timeout: 100_000 })).stdout;
  };
  return { home, env, type };
};

t.test('readme: the first session, typed as a new user would', { timeout: 120_000 }, async (t) => {
  const { type } = await startSession(t);
  t.match(await type('npm publish'), /^hello from our own registry$/m);
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
  const output = await type('podman push');
  t.match(output, /Login Succeeded!/);
  t.match(output, /"Tags": \[\s+"1\.0"\s+\]/);
});

t.test('readme: s3', { timeout: 120_000 }, async (t) => {
  const server = await startS3Server();
  if (!server) return t.pass('no S3 server', { skip: 'no S3 server found: .ci/run installs versitygw' });
  t.teardown(() => server.stop());
  const block = blocks.find(({ name }) => name === 's3');
  const { accessKey, accessSecret, endpoint, port, useSsl, region = 'us-east-1' } = server.config;
  const code = (block?.code ?? '').replace(/storage: \{[^}]*\}/, (text) =>
    text
      .replace('your-s3-key', accessKey as string)
      .replace('your-s3-secret', accessSecret as string)
      .replace('s3.example.com', endpoint)
      .replace('443', String(port))
      .replace('useSsl: true', `useSsl: ${useSsl}`)
      .replace('us-east-1', region),
  );
  const file = join(folder, 's3.mts');
  await writeFile(file, `${code}\nconsole.log(await registry.checkHealth());\n${destroy}`);
  t.match((await run(process.execPath, ['--import=tsx', file], { timeout: 100_000 })).stdout, /^true$/m);
});

t.test('readme: the commands for users and tokens', { timeout: 120_000 }, async (t) => {
  const data = join(folder, 'cli-data');
  const cli = (line: string) =>
    run(
      'bash',
      ['-euc', `${line.replace(/^smartregistry/, `node ${join(top, 'dist_ts/cli/bin.js')}`)} --data ${data}`],
      {
        env: { ...process.env, SMARTREGISTRY_PASSWORD: 'correct-horse' },
      },
    );
  const registry = new SmartRegistry({
    storage: { directory: data },
    auth: { jwtSecret: 'made for this test and for no other', tokenStore: 'bucket' },
  });
  await registry.init(); // only `serve` and programs make a store
  await registry.destroy();
  await cli('smartregistry user add admin');
  const lines = blocks.flatMap(({ language, code }) => (language === 'sh' ? code.split('\n') : []));
  let token = '';
  for (const line of lines.filter((text) => /^smartregistry (user|token|gc|rebuild) /.test(text))) {
    const { stdout } = await cli(line.replace('TOKEN', token));
    t.pass(line);
    if (line.includes('token create')) token = stdout.trim();
    if (line.includes('user list')) t.match(stdout, /^ann\b/m);
  }
});

t.test('readme: the configuration file is one that works', async (t) => {
  const block = blocks.find(({ language, name }) => language === 'json' && name === 'config');
  const env = { S3_HOST: 's3.example.com', S3_KEY: 'key', S3_SECRET: 'secret', JWT_SECRET: 'text' };
  const { config: substituted, problems } = substitute(JSON.parse(block?.code ?? ''), env);
  t.same(problems, []);
  const config = substituted as IRegistryConfig;
  t.doesNotThrow(() => new SmartRegistry(config));
  t.match(config.storage, { endpoint: 's3.example.com', accessSecret: 'secret' });
});

t.test('readme: every shell block is typed by a test or by .ci/run', async (t) => {
  const typed = [
    /^npx -y pnpm (start|test|install|run)\b/,
    /^SMARTREGISTRY_ADMIN_PASSWORD=\S+ npx -y pnpm start$/,
    /^pnpm add /,
    /^smartregistry /,
  ];
  for (const { language, code, line } of blocks) {
    if (language !== 'sh' || /npm publish|podman push/.test(code)) continue;
    for (const command of code.trim().split('\n'))
      t.ok(
        typed.some((known) => known.test(command)),
        `line ${line}: ${command}`,
      );
  }
});
