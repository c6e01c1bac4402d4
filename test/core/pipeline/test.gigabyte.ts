import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { temporaryFolder } from '../../support/registry.js';

const script = fileURLToPath(new URL('../../support/gigabyte.ts', import.meta.url));

t.test('a gigabyte goes up and comes down in bounded memory', { timeout: 240_000 }, async (t) => {
  const folder = await temporaryFolder(t);
  const args = ['--import=tsx', script, folder, '1024'];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const figures = JSON.parse(stdout) as { ok: boolean; seconds: number; idleMiB: number; peakMiB: number };
  t.comment(`1 GiB up and down: ${JSON.stringify(figures)}`);
  t.equal(figures.ok, true, 'the same bytes came back');
  t.ok(figures.peakMiB - figures.idleMiB < 128, `${figures.peakMiB - figures.idleMiB} MiB above idle`);
});
