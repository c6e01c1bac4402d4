// Builds when the dependencies of a checkout are installed, so that a checkout can be used, packed and installed from
// git. An install without devDependencies has no compiler, and needs what was built before.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const findCompiler = () => {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'lib', 'tsc.js');
  } catch {
    return undefined;
  }
};

const compiler = findCompiler();
if (compiler === undefined) console.error('smartregistry was not built: TypeScript is not installed');
else process.exitCode = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.json'], { stdio: 'inherit' }).status ?? 1;
