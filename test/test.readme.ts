import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { fileJsonSchema } from '../ts/cli/helpers.jsonschema.js';
import { substitute } from '../ts/cli/helpers.substitution.js';
import { codeSettings } from '../ts/config/helpers.schema.js';
import { DEFAULT_LIMITS } from '../ts/core/base/helpers.limits.js';
import { type IRegistryConfig, SmartRegistry } from '../ts/index.js';
import { compile, plainEnv, run, top } from './support/program.js';
import { destroy, runners } from './support/readme/runners.js';
import { type IReadmeBlock, readmeBlocks } from './support/readme-blocks.js';
import { startS3Server } from './support/store/s3-server.js';
import { findTool } from './support/tools.js';

const markdown = await readFile(join(top, 'readme.md'), 'utf8');
const blocks = readmeBlocks(markdown);

// inside the checkout, so that the package finds itself and the frameworks by their names
await mkdir(join(top, '.cache'), { recursive: true });
const folder = await mkdtemp(join(top, '.cache', 'readme-'));
t.teardown(() => rm(folder, { recursive: true, force: true }));

const source = (block: IReadmeBlock, tail: string): string =>
  `${block.code.replaceAll(/(listen\(|port: )5000/g, (_all, before: string) => `${before}0`).replace("'npm:@push", "'@push")}\n${tail}`;

/** what the readme starts Deno with */
const denoFlags = blocks.flatMap(({ code }) => /^deno run (.+) server\.ts$/m.exec(code)?.[1]?.split(' ') ?? []);

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
          [
            ...tool.command.slice(1),
            'run',
            ...(runner.runtime === 'deno' ? [...denoFlags, '--no-prompt', '--no-check'] : []),
            file,
          ],
        ]
      : [process.execPath, ['--import=tsx', file]];
    const beside = await runner.beside?.();
    if (beside === null) return t.pass('not run', { skip: `the server of the block ${block.name} is not installed` });
    if (beside) t.teardown(beside.stop);
    const env = { ...plainEnv(), ...beside?.env };
    const ran = await run(program as string, args as string[], { cwd, timeout: 100_000, env });
    t.match(ran.stdout, runner.expect);
    if (runner.logs) t.match(ran.stderr, runner.logs);
    const logged = runner.logs ? ran.stderr.replace(runner.logs, '') : ran.stderr;
    t.notMatch(logged, /^\S+Z (warn|error) /m, 'an example does nothing that the library warns of');
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

t.test('readme: the configuration file is one that works', async (t) => {
  const block = blocks.find(({ language, name }) => language === 'json' && name === 'config');
  const env = { S3_HOST: 's3.example.com', S3_KEY: 'key', S3_SECRET: 'secret', JWT_SECRET: 'text' };
  const { config: substituted, problems } = substitute(JSON.parse(block?.code ?? ''), env);
  t.same(problems, []);
  const config = substituted as IRegistryConfig;
  t.doesNotThrow(() => new SmartRegistry(config));
  t.match(config.storage, { endpoint: 's3.example.com', accessSecret: 'secret' });
});

interface ISchema {
  properties?: Record<string, ISchema>;
  anyOf?: ISchema[];
  items?: ISchema;
}

/** Every name that a configuration may hold. */
const namesOf = ({ properties = {}, anyOf = [], items }: ISchema): string[] => [
  ...Object.entries(properties).flatMap(([name, value]) => [name, ...namesOf(value)]),
  ...[...anyOf, ...(items ? [items] : [])].flatMap(namesOf),
];

t.test('readme: every name of the configuration stands in a table or a line about it', async (t) => {
  const names = new Set([...namesOf(fileJsonSchema() as ISchema), ...Object.keys(codeSettings)]);
  t.ok(names.size > 50, `${names.size} names`);
  const prose = markdown.replace(/^```[\s\S]*?^```$/gm, '');
  const spoken = new Set([...prose.matchAll(/`([^`]+)`/g)].flatMap(([, code]) => code!.match(/\$?\w+/g) ?? []));
  t.same(
    [...names].filter((name) => !spoken.has(name)),
    [],
  );
});

const UNITS: Record<string, number> = { MiB: 1024 ** 2, GiB: 1024 ** 3 };

t.test('readme: the table of limits has all of them, with their defaults', async (t) => {
  const table = markdown.slice(markdown.indexOf('| field of `limits` |')).split('\n\n')[0] as string;
  const rows = [...table.matchAll(/^\| `(\w+)` \|.*\| ([\d,]+)(?: (MiB|GiB))? \|$/gm)];
  const limits = rows.map(([, name, number, unit]) => [
    name,
    Number(number?.replaceAll(',', '')) * (unit === undefined ? 1 : (UNITS[unit] as number)),
  ]);
  t.same(Object.fromEntries(limits), DEFAULT_LIMITS);
});
