import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { temporaryFolder } from '../support/registry.js';

const MIB = 1024 * 1024;
const SIZE = 500 * MIB;
const ALLOWED = 64 * MIB;

t.setTimeout(280_000);

t.test('a wheel of 500 MiB costs little memory', async (t) => {
  const folder = await temporaryFolder(t);
  const child = fileURLToPath(new URL('../support/pypi/bigchild.ts', import.meta.url));
  const args = ['--import=tsx', '--expose-gc', child, join(folder, 'data'), String(SIZE)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: MIB });
  const { before, peak } = JSON.parse(stdout) as { before: number; peak: number };
  const extra = peak - before;
  t.comment(`${(before / MIB).toFixed(0)} MiB before, ${(extra / MIB).toFixed(0)} MiB more at the peak`);
  t.ok(extra < ALLOWED, `${(extra / MIB).toFixed(0)} MiB`);
});
