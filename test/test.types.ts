import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import t from 'tap';
import { compile, top } from './support/program.js';
import { readmeBlocks } from './support/readme-blocks.js';
import { temporaryFolder } from './support/registry.js';

const DECLARATION = /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface|type|const|function|enum) (\w+)/;
const FROM = /(?:import|export) (?:type )?\{([^}]*)\} from '(\.[^']+)'/g;
const namesIn = (list: string): string[] =>
  list
    .split(',')
    .map((name) => name.trim().replace(/^type /, ''))
    .filter((name) => name !== '');
const declarationFile = (from: string, to: string): string => join(dirname(from), to.replace(/\.js$/, '.d.ts'));

/** What one `.d.ts` file declares, takes from its neighbours, and exports: enough to follow names without a compiler. */
class TypesFile {
  private static readonly all = new Map<string, Promise<TypesFile>>();
  /** name -> text */
  readonly declared = new Map<string, string>();
  /** name -> file */
  readonly imported = new Map<string, string>();
  readonly exported = new Map<string, string>();
  readonly stars: string[] = [];

  static read(path: string): Promise<TypesFile> {
    const known = TypesFile.all.get(path) ?? readFile(path, 'utf8').then((text) => new TypesFile(path, text));
    TypesFile.all.set(path, known);
    return known;
  }

  private constructor(path: string, source: string) {
    const text = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '');
    let current: string | undefined;
    for (const line of text.split('\n')) {
      const name = DECLARATION.exec(line)?.[1];
      if (name !== undefined) {
        current = name;
        if (line.startsWith('export')) this.exported.set(name, path);
      } else if (/^(?:import|export)\b/.test(line)) current = undefined;
      if (current !== undefined) this.declared.set(current, `${this.declared.get(current) ?? ''}${line}\n`);
    }
    for (const [statement, list = '', from = ''] of text.matchAll(FROM)) {
      for (const name of namesIn(list)) {
        this.imported.set(name, declarationFile(path, from));
        if (statement.startsWith('export')) this.exported.set(name, declarationFile(path, from));
      }
    }
    for (const [, list = ''] of text.matchAll(/export (?:type )?\{([^}]*)\};/g)) {
      for (const name of namesIn(list)) this.exported.set(name, this.imported.get(name) ?? path);
    }
    for (const [, from = ''] of text.matchAll(/export (?:type )?\* from '(\.[^']+)'/g)) {
      this.stars.push(declarationFile(path, from));
    }
  }
}

/** All exported names with the files that declare them. */
const exportsOf = async (path: string): Promise<Map<string, string>> => {
  const { exported, stars } = await TypesFile.read(path);
  const found = new Map<string, string>();
  for (const [name, from] of exported) found.set(name, await homeOf(name, from));
  for (const star of stars) for (const [name, file] of await exportsOf(star)) found.set(name, file);
  return found;
};

const homeOf = async (name: string, path: string): Promise<string> => {
  const { declared, imported, exported } = await TypesFile.read(path);
  if (declared.has(name)) return path;
  const next = exported.get(name) ?? imported.get(name);
  if (next === undefined) throw new Error(`${path} does not say where ${name} is from`);
  return homeOf(name, next);
};

const CONSUMER = `
import * as everything from '@push.rocks/smartregistry';
import { type IRegistryConfig, type IRequestActor, SmartRegistry, toFetchHandler, toNodeListener } from '@push.rocks/smartregistry';
import { createServer } from 'node:http';

// what a program may not know has to be accepted as undefined
export const start = async (env: Record<string, string | undefined>, request: Request, signal: AbortSignal | undefined) => {
  const config: IRegistryConfig = {
    storage: { directory: './data' },
    auth: { jwtSecret: 'x', tokenStore: 'bucket', users: undefined, anonymousScopes: undefined, selfRegistration: undefined },
    npm: { enabled: true, basePath: env['BASE'], registryUrl: env['URL'], features: undefined, allowRepublish: undefined },
    oci: { enabled: true, registryUrl: env['URL'], immutableTags: undefined, absoluteLocations: undefined },
    limits: { maxArtifactSize: undefined },
    cors: undefined,
    trustProxy: undefined,
    logger: undefined,
    storageHooks: { afterPut: async ({ metadata }) => console.log(metadata?.size?.toFixed()) },
    authProvider: undefined,
  };
  const registry = new SmartRegistry(config);
  const actor: IRequestActor = { ip: env['IP'], userAgent: request.headers.get('user-agent') ?? undefined, userId: undefined };
  const { status, headers, body } = await registry.handleRequest({
    method: 'GET', path: '/', headers: request.headers, query: new URL(request.url).searchParams,
    body: request.body, actor, signal, token: env['TOKEN'], baseUrl: env['ORIGIN'], prefix: env['PREFIX'],
  });
  const answer: unknown = new Response(body ?? null, { status, headers });
  createServer(toNodeListener(registry, { idleTimeoutMs: undefined, trustProxy: undefined, logger: undefined }));
  const handler: unknown = toFetchHandler(registry, { prefix: env['PREFIX'], actor: () => actor });
  return [answer, handler, everything] as const;
};
`;

const STRICT = {
  target: 'ES2022',
  lib: ['ES2023'],
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noImplicitOverride: true,
  noImplicitReturns: true,
  noPropertyAccessFromIndexSignature: true,
  noFallthroughCasesInSwitch: true,
  isolatedModules: true,
  verbatimModuleSyntax: true,
  skipLibCheck: false,
};

t.test('the types, as programs of users compile against them', { timeout: 240_000 }, async (t) => {
  const folder = await temporaryFolder(t);
  const types = join(folder, 'node_modules/@push.rocks/smartregistry');
  const emit = join(folder, 'emit.json');
  const built = { outDir: join(types, 'dist_ts'), emitDeclarationOnly: true, sourceMap: false };
  const typeRoots = [join(top, 'node_modules/@types')];
  const sources = { rootDir: join(top, 'ts'), typeRoots };
  const extended = { extends: join(top, 'tsconfig.json'), include: [join(top, 'ts')] };
  await writeFile(emit, JSON.stringify({ ...extended, compilerOptions: { ...built, ...sources } }));
  t.same(await compile(emit), { code: 0, output: '' });
  const manifest = JSON.parse(await readFile(join(top, 'package.json'), 'utf8')) as { dependencies: object };
  await cp(join(top, 'package.json'), join(types, 'package.json'));
  // what a program has that installs the package, and nothing that only its developers have
  for (const name of [...Object.keys(manifest.dependencies), '@types/node']) {
    const link = join(folder, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(top, 'node_modules', name), link);
  }
  await writeFile(join(folder, 'package.json'), '{ "name": "app", "type": "module" }');

  await t.test('strictly, in each way in which modules are resolved', async (t) => {
    await writeFile(join(folder, 'app.ts'), CONSUMER);
    for (const [module, moduleResolution] of [
      ['NodeNext', 'NodeNext'],
      ['ESNext', 'bundler'],
    ]) {
      for (const lib of [['ES2023'], ['ES2023', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable']]) {
        const project = join(folder, 'tsconfig.json');
        const output = { declaration: true, outDir: join(folder, 'out') };
        const compilerOptions = { ...STRICT, lib, module, moduleResolution, ...output };
        await writeFile(project, JSON.stringify({ compilerOptions, files: ['app.ts'] }));
        t.same(await compile(project), { code: 0, output: '' }, `${moduleResolution}, ${lib.join(' ')}`);
      }
    }
  });

  await t.test('what a public signature names can be imported', async (t) => {
    const index = join(types, 'dist_ts/index.d.ts');
    const all = await exportsOf(index);
    t.ok(all.size > 100, `${all.size} names`);
    const missing: string[] = [];
    for (const [name, file] of all) {
      const { declared, imported } = await TypesFile.read(file);
      const text = (declared.get(name) ?? '').replace(/\btypeof \w+/g, '');
      for (const used of new Set(text.match(/\b[A-Za-z_]\w*\b/g))) {
        if ((declared.has(used) || imported.has(used)) && !all.has(used)) {
          missing.push(`${name} names ${used} (${relative(types, file)})`);
        }
      }
    }
    t.same(missing, []);
  });

  await t.test('the examples of the readme as well', async (t) => {
    const blocks = readmeBlocks(await readFile(join(top, 'readme.md'), 'utf8'));
    const foreign = /from '(?:express|fastify|koa|ldapts|@hono\/node-server)'|Deno\.|Bun\./;
    const files: string[] = [];
    for (const { language, name, code } of blocks) {
      if (language !== 'ts' || foreign.test(code)) continue;
      files.push(`${name}.mts`);
      await writeFile(join(folder, `${name}.mts`), `${code}\nexport {};\n`);
    }
    t.ok(files.length > 5, `${files.length} examples`);
    const project = join(folder, 'tsconfig.readme.json');
    const compilerOptions = {
      ...{ ...STRICT, module: 'NodeNext', moduleResolution: 'NodeNext', noEmit: true },
      // a matter of taste
      noPropertyAccessFromIndexSignature: false,
    };
    await writeFile(project, JSON.stringify({ compilerOptions, files }));
    t.same(await compile(project), { code: 0, output: '' });
  });
});
