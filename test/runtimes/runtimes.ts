import { join } from 'node:path';
import t from 'tap';
import { runtimeSuite } from '../suites/runtime.suite.js';
import { run } from '../support/client/run.js';
import { temporaryFolder } from '../support/registry.js';
import { configOf } from '../support/tokenstores/interfaces.js';
import { startPostgres } from '../support/tokenstores/postgres-server.js';
import { startRedis } from '../support/tokenstores/redis-server.js';
import { findTool, type TToolName } from '../support/tools.js';

const script = (name: string): string => new URL(`serve.${name}.mjs`, import.meta.url).pathname;
// Nothing is to be installed, cached in the checkout or transpiled into it by a runtime that only serves.
const deno = ['run', '-A', '--no-prompt', '--no-lock', '--no-remote', '--node-modules-dir=manual'];

runtimeSuite(t, 'Node 20', [process.execPath, script('node')]);
const others: [title: string, tool: TToolName, args: string[]][] = [
  ['Node 22', 'node-22', [script('node')]],
  ['Deno', 'deno', [...deno, script('deno')]],
  ['Bun', 'bun', ['--no-install', script('bun')]],
];
for (const [title, name, args] of others) {
  const tool = findTool(name);
  if (tool) {
    runtimeSuite(t, `${title} (${tool.version})`, [...tool.command, ...args]);
  } else {
    t.test(title, { skip: `${name} is not installed` }, async () => {});
  }
}

const tokensScript = new URL('tokens.mjs', import.meta.url).pathname;
const runtimes: [title: string, tool: TToolName | null, args: string[]][] = [
  ['Node 20', null, [tokensScript]],
  ['Node 22', 'node-22', [tokensScript]],
  ['Deno', 'deno', [...deno, tokensScript]],
  ['Bun', 'bun', ['--no-install', tokensScript]],
];
for (const start of [startRedis, startPostgres]) {
  t.test(`tokens in ${start === startRedis ? 'Redis' : 'PostgreSQL'}, in each runtime`, async (t) => {
    const server = await start();
    if (!server) return t.pass('not run', { skip: 'the server is not installed' });
    t.teardown(() => server.stop());
    for (const [title, name, args] of runtimes) {
      const tool = name === null ? { command: [process.execPath] } : findTool(name);
      if (!tool) {
        t.pass(title, { skip: `${name} is not installed` });
        continue;
      }
      const folder = await temporaryFolder(t);
      const tokens = JSON.stringify(configOf(server.kind, await server.fresh()));
      const env = {
        ...process.env,
        NODE_OPTIONS: '',
        DENO_DIR: join(folder, 'deno'),
        RUNTIME_DATA: folder,
        TOKENS: tokens,
      };
      const { stdout } = await run([...tool.command, ...args], { cwd: folder, env });
      t.equal(stdout, '["ann",null] 1\n', title);
    }
  });
}

const denoTool = findTool('deno');
t.test(
  'Deno without permissions: the error names all flags',
  { skip: !denoTool && 'deno is not installed' },
  async (t) => {
    const folder = await temporaryFolder(t);
    const checkout = new URL('../..', import.meta.url).pathname;
    const [, ...options] = deno.filter((option) => option !== '-A');
    const start = async (permissions: string[], ...args: string[]) => {
      const command = [
        ...denoTool!.command,
        'run',
        ...options,
        ...permissions,
        new URL('init.mjs', import.meta.url).pathname,
        ...args,
      ];
      const { stdout } = await run(command, { cwd: folder, env: { ...process.env, DENO_DIR: join(folder, 'deno') } });
      return stdout.trim();
    };
    const directory = join(folder, 'data');
    const flags = 'run the program with --allow-read and --allow-write';
    t.match(await start([], 'directory', directory), flags);
    t.match(await start(['--allow-read'], 'directory', directory), flags);
    t.equal(
      await start([`--allow-read=${folder},${checkout}`, `--allow-write=${folder}`], 'directory', directory),
      'started',
    );
    const forS3 = 'run the program with --allow-net, --allow-env, --allow-sys and --allow-read';
    t.match(await start([], 's3'), forS3);
    t.match(await start(['--allow-env', '--allow-sys', '--allow-read'], 's3'), forS3);
    t.match(await start(['--allow-env', '--allow-sys', '--allow-read', '--allow-net'], 's3'), /ECONNREFUSED/);
  },
);
