import { join } from 'node:path';
import t from 'tap';
import { plainEnv, run, top } from './support/program.js';

/** Prints the address of each module of a package, as the runtime loads it. */
const HOOK = `
  import { writeSync } from 'node:fs';
  export const load = (url, context, next) => {
    if (url.includes('/node_modules/')) writeSync(1, url + '\\n');
    return next(url, context);
  };`;

/** The packages that an import of this module of ours loads. */
const packagesOf = async (module: string): Promise<string[]> => {
  const script = `
    import { register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(HOOK)}));
    await import(${JSON.stringify(join(top, module))});`;
  const args = ['--import=tsx', '--input-type=module', '-e', script];
  const { stdout } = await run(process.execPath, args, { cwd: top, env: plainEnv() });
  const names = [...stdout.matchAll(/^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\/.*$/gm)].map(
    ([, name]) => name as string,
  );
  // the loader of the tests loads a part of itself if its cache is cold
  return [...new Set(names)].filter((name) => name !== 'tsx').sort();
};

t.test('an import of the library loads no package that takes long to load', async (t) => {
  // the schema of the configuration takes 4 ms of CPU
  t.same(await packagesOf('ts/index.ts'), ['leven', 'lru-cache', 'valibot']);
});

t.test('what a protocol needs loads with the protocol', async (t) => {
  const packages = await packagesOf('ts/npm/index.ts');
  t.ok(packages.includes('semver'), 'this test sees the packages that are loaded');
  t.notOk(packages.includes('jsonwebtoken'), 'no JWT was signed or read');
});
