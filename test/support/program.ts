import { execFile } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const run = promisify(execFile);

/** The checkout. */
export const top = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/**
 * The environment as a shell would have it. The test runner loads itself into every Node program that a test starts
 * (TypeScript's own launcher does not survive that), and its colours would get into what we compare.
 */
export const plainEnv = (): NodeJS.ProcessEnv => {
  const env = { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' };
  for (const name of Object.keys(env)) if (/^_?TAP|^FORCE_COLOR$/.test(name)) delete (env as NodeJS.ProcessEnv)[name];
  return env;
};

/** TypeScript's compiler; resolves with what it printed and its exit code. */
export const compile = async (project: string): Promise<{ code: number; output: string }> => {
  const tsc = join(top, 'node_modules', 'typescript', 'lib', 'tsc.js');
  try {
    const { stdout, stderr } = await run(process.execPath, [tsc, '-p', project], { env: plainEnv() });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: stdout + stderr };
  }
};
