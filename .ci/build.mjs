// Compiles ts/ into dist_ts/. What has not changed since the last time is not compiled again: `prepare` builds when the
// dependencies of a checkout are installed (so that it can be used, packed, and installed from git), and the scripts
// that need a build then find one. An install without devDependencies has no compiler; with --if-possible that is fine.
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

// not in tsconfig.json: others extend that, and must not write down their own state there
const INCREMENTAL = ['--incremental', '--tsBuildInfoFile', join('dist_ts', '.tsbuildinfo')];

const compiler = findCompiler();
if (compiler === undefined) {
  console.error('smartregistry was not built: TypeScript is not installed');
  process.exitCode = process.argv.includes('--if-possible') ? 0 : 1;
} else {
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.json', ...INCREMENTAL], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}
